#!/usr/bin/env python3
"""What does a bare `batou deploy` make of every convergence case?

    bare_batou.py TREE [--cases DIRECTORY] [--only NAME ...] [--out FILE] [--logs DIRECTORY]

TREE is the deployed large fixture.  For every case, on a throw-away copy
(overlay.sh; needs root): damage it, `batou deploy --predict-only`, then
`batou deploy`, nothing else.  Recorded is

    noticed    the prediction names a component that would change, or fails
    aborted    the deployment ends with an error
    repaired   the tree is the sound one again (tree_diff.py)
    left       what still differs

The table goes to stdout; the JSON with totals to FILE.  With --only, the cases
named are put into a FILE that is there already.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))
WOULD_CHANGE = "\N{ROCKET}"


def batou(*options):
    """Exit code, the components that (would) change, all output."""
    start = time.monotonic()
    done = subprocess.run(
        ["./batou", "deploy", "large", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=600,
    )
    text = done.stdout.decode(errors="replace")
    changes = [l.split(": ", 1)[-1] for l in text.splitlines() if WOULD_CHANGE in l]
    return done.returncode, changes, text, time.monotonic() - start


def inside(case, logs):
    """Runs on the throw-away copy, in its directory; prints one JSON line."""
    import os

    import tree_diff

    subprocess.run(
        [sys.executable, "-B", HERE / "damage.py", case, "."],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    rules = tree_diff.load_rules(tree_diff.RULES)
    sound = os.environ["SOUND_TREE"]
    before = tree_diff.compare(sound, ".", rules)
    predict_code, predicted, predict_text, predict_time = batou("--predict-only")
    code, changed, text, deploy_time = batou()
    left = tree_diff.compare(sound, ".", rules)
    if logs:
        (logs / f"{case.name}.log").write_text(predict_text + "\n" + text)
    damaged = [path for path, _ in before]

    def hit(path):
        return any(path == d or path.startswith(d + "/") for d in damaged)

    print(
        json.dumps(
            {
                "case": case.name,
                "remedy": tomllib.loads((case / "case.toml").read_text())["remedy"],
                "damaged": len(before),
                "noticed": bool(predicted) or predict_code != 0,
                "predict_failed": predict_code != 0,
                "aborted": code != 0,
                "repaired": not left,
                "left": [f"{path}: {what}" for path, what in left],
                "collateral": [path for path, _ in left if not hit(path)],
                "changed": changed,
                "seconds": [round(predict_time, 1), round(deploy_time, 1)],
            }
        )
    )


def totals(results):
    def count(condition):
        return sum(1 for r in results if condition(r))

    return {
        "cases": len(results),
        "noticed": count(lambda r: r["noticed"]),
        "noticed_but_not_repaired": count(lambda r: r["noticed"] and not r["repaired"]),
        "repaired": count(lambda r: r["repaired"]),
        "not_repaired": count(lambda r: not r["repaired"]),
        "not_repaired_yet_reported_as_finished": count(
            lambda r: not r["repaired"] and not r["aborted"]
        ),
        "deploy_aborted": count(lambda r: r["aborted"]),
        "damaged_something_else": count(lambda r: bool(r["collateral"])),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tree", type=pathlib.Path)
    cases = ROOT / "fixtures/cases/convergence"
    parser.add_argument("--cases", type=pathlib.Path, default=cases)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--logs", type=pathlib.Path)
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        options.logs = options.logs.resolve()
    if options.inside:
        return inside(options.inside, options.logs)

    results = []
    yes = {True: "yes", False: "-"}
    print(f"{'case':34} {'noticed':8} {'repaired':9} {'aborted':8} left")
    for path in sorted(options.cases.glob("*/case.toml")):
        case = path.parent.resolve()
        if options.only and case.name not in options.only:
            continue
        command = [HERE / "overlay.sh", options.tree, sys.executable, "-B", __file__]
        command += [options.tree, "--inside", case]
        if options.logs:
            command += ["--logs", options.logs]
        command[4] = pathlib.Path(__file__).resolve()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"{case.name:34} could not be run")
            return 1
        r = json.loads(done.stdout)
        results.append(r)
        left = f"{len(r['left'])}  {r['left'][0]}" if r["left"] else ""
        print(
            f"{r['case']:34} {yes[r['noticed']]:8} {yes[r['repaired']]:9} "
            f"{yes[r['aborted']]:8} {left}",
            flush=True,
        )
    summary = totals(results)
    print(json.dumps(summary, indent=1))
    if options.out:
        for r in results:
            del r["seconds"]
            r["left_count"] = len(r["left"])
            r["collateral_count"] = len(r["collateral"])
            for key in ("left", "collateral", "changed"):
                r[key] = r[key][:3]
        if options.only and options.out.exists():
            rest = json.loads(options.out.read_text())["cases"]
            new = {r["case"]: r for r in results}
            rest = {r["case"]: r for r in rest if (options.cases / r["case"]).exists()}
            results = [r for _, r in sorted((rest | new).items())]
            summary = totals(results)
        text = json.dumps({"totals": summary, "cases": results}, indent=1)
        # The path of the tree says nothing and is another one elsewhere.
        text = text.replace(str(options.tree.resolve()), "TREE")
        options.out.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
