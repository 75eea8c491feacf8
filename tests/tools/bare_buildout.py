#!/usr/bin/env python3
"""What does a bare `buildout -N` make of every case of the standalone buildouts?

    bare_buildout.py DIR [--only NAME ...] [--out FILE] [--logs DIRECTORY]

DIR is what `.ci/prepare` made.  For every case, on a throw-away copy
(overlay.sh; needs root): damage it, then `buildout -N`, nothing else.  Recorded

    noticed    it says or does anything that it does not in a sound tree
    aborted    it ends with an error
    repaired   the tree is the sound one again (tree_diff.py)
    worse      something differs that was not damaged
    left       what still differs

The table goes to stdout; the JSON with totals to FILE.  With --only, the cases
named are put into a FILE that is there already.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CASES = ROOT / "fixtures/cases/convergence-buildout"
sys.path.insert(0, str(HERE))

import tree_diff  # noqa: E402


def buildout():
    """Exit code and what it says, without the noise of the search for eggs."""
    program = "bin/buildout" if os.path.exists("bin/buildout") else ".venv/bin/buildout"
    environment = {k: v for k, v in os.environ.items() if k != "PIP_FIND_LINKS"}
    try:
        done = subprocess.run(
            [program, "-N", "-c", "buildout.cfg"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
    except OSError as error:
        return 126, str(error)
    return done.returncode, done.stdout.decode(errors="replace")


def inside(case, logs):
    """Runs on the throw-away copy, in its directory; prints one JSON line."""
    sound = os.environ["SOUND_TREE"]
    rules = tree_diff.load_rules(CASES / "nondeterministic.toml")
    if not case:
        print(json.dumps(buildout()[1]))
        return
    command = [sys.executable, "-B", HERE / "damage.py", case, "."]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    before = tree_diff.compare(sound, ".", rules)
    code, text = buildout()
    left = tree_diff.compare(sound, ".", rules)
    if logs:
        (logs / f"{case.name}.log").write_text(text)
    damaged = [path for path, _ in before]

    def hit(path):
        return any(path == d or path.startswith(d + "/") for d in damaged)

    print(
        json.dumps(
            {
                "case": case.name,
                "damaged": len(before),
                "said": text,
                "aborted": code != 0,
                "repaired": not left,
                "left": [f"{path}: {what}" for path, what in left],
                "worse": [path for path, _ in left if not hit(path)],
            }
        )
    )


def totals(results):
    def count(condition):
        return sum(1 for r in results if condition(r))

    return {
        "cases": len(results),
        "noticed": count(lambda r: r["noticed"]),
        "repaired": count(lambda r: r["repaired"]),
        "not_repaired": count(lambda r: not r["repaired"]),
        "not_repaired_and_exit_code_0": count(lambda r: not r["repaired"] and not r["aborted"]),
        "aborted": count(lambda r: r["aborted"]),
        "made_worse": count(lambda r: r["worse_count"]),
    }


def on_copy(options, deployment, case):
    command = [HERE / "overlay.sh", options.place / deployment / "tree", sys.executable, "-B"]
    command += [pathlib.Path(__file__).resolve(), options.place, "--inside", case or "-"]
    if options.logs:
        command += ["--logs", options.logs]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("place", type=pathlib.Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--logs", type=pathlib.Path)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        options.logs = options.logs.resolve()
    if options.inside:
        case = None if options.inside == "-" else pathlib.Path(options.inside)
        inside(case, options.logs)
        return 0

    options.place = options.place.resolve()
    results, usual = [], {}
    yes = {True: "yes", False: "-"}
    print(f"{'case':34} {'noticed':8} {'aborted':8} {'repaired':9} {'worse':6} left")
    for path in sorted(CASES.glob("*/case.toml")):
        case = path.parent
        if options.only and case.name not in options.only:
            continue
        deployment = tomllib.loads(path.read_text())["deployment"]
        if deployment not in usual:
            usual[deployment] = on_copy(options, deployment, None)
        r = on_copy(options, deployment, case)
        lines = set(r.pop("said").splitlines())
        r["noticed"] = r["aborted"] or lines != set(usual[deployment].splitlines())
        for key in ("left", "worse"):
            r[f"{key}_count"] = len(r[key])
            r[key] = r[key][:3]
        results.append(r)
        left = f"{r['left_count']}  {r['left'][0]}" if r["left"] else ""
        print(
            f"{r['case']:34} {yes[r['noticed']]:8} {yes[r['aborted']]:8} "
            f"{yes[r['repaired']]:9} {yes[bool(r['worse'])]:6} {left}",
            flush=True,
        )
    if options.out:
        if options.only and options.out.exists():
            rest = {r["case"]: r for r in json.loads(options.out.read_text())["cases"]}
            rest = {name: r for name, r in rest.items() if (CASES / name).exists()}
            results = [r for _, r in sorted((rest | {r["case"]: r for r in results}).items())]
        text = json.dumps({"totals": totals(results), "cases": results}, indent=1)
        # Where the trees are says nothing and is somewhere else elsewhere.
        options.out.write_text(text.replace(str(options.place), "DIR") + "\n")
    print(json.dumps(totals(results), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
