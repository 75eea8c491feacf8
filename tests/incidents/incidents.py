#!/usr/bin/env python3
"""Simulated incidents: is every damaged file found, its kind of damage right, and nothing sound accused?

    incidents.py --rectify BINARY --work DIR [--sim incident_sim.py] [--seed N ...] [--runs KIND,..] [--keep]

DIR gets two states of a real deployment (states.py), once.  The state before the incident is scanned with
`rectify scan --blocks`: that is the baseline.  Then incident_sim.py makes an incident of each kind and seed, and
`rectify check --json` looks at the damaged tree with the later revision of the definition, RECORD files and the one
baseline.  Its findings are compared with truth.jsonl.  Needs root, loop mounts and e2fsprogs.

What is counted, for each run:

damaged    files whose content is wrong according to the truth (missing ones and such that became something else
           count, too) and that have a reference: rectify calls them "intact" in the sound tree of the later revision, and
           where a RECORD vouches for them, that RECORD itself is not damaged.
found      those with a finding about content.  Must be all.
silent     damaged files that are there, and that rectify neither finds nor lists as "?", whether they have a reference or
           not any more: a wrong "ok". Must be 0.
accused    findings about the content of files that are sound according to the truth.  Must be 0.
class      whether the kind of damage is right, of the found ones of which the truth itself knows it.  At least 95 %.
           What the copied-out tree cannot show is not scored: a file that could not be read in the simulation is simply
           absent or cut there.
named      whether the other file, or the state, that a finding names really holds that content.  At least 99 %.

The classes that count as right, by the verdict of incident_sim.py, are in CLASSES.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE))

import states  # noqa: E402

BLOCK = 4096
RUNS = {
    "1 %": ["--age", "--fraction", ".01"],
    "10 %": ["--age", "--fraction", ".1"],
    "data only": ["--age", "--fraction", ".1", "--scope", "data"],
    "4 MiB units": ["--age", "--fraction", ".25", "--unit", "4194304"],
    "young disk": ["--fraction", ".1"],
    "no metadata_csum": ["--age", "--fraction", ".1", "--no-csum"],
    "mixed": ["--age", "--fraction", ".05", "--mix", "lost=.7,zero=.1,foreign=.1,random=.05,sector=.05"],
    "repaired": ["--age", "--fraction", ".1", "--repair"],
}
# Content of one kind of block only, by how incident_sim.py calls it.
BLOCKS = {
    "stale": {"stale"},
    "foreign": {"foreign"},
    "zero": {"zeroed"},
    "cut": {"truncated"},
}
CLASSES = {
    "stale-whole": {"stale"},
    "other-file": {"other_file"},
    "emptied": {"truncated"},
    "all-zero": {"zeroed"},
    "missing": {"missing"},
    "type-changed": {"wrong_kind"},
    "symlink-changed": {"wrong_target"},
}
CONTENT = {
    "stale", "other_file", "foreign", "zeroed", "random", "torn", "truncated", "mixed", "missing", "wrong_kind",
    "wrong_target", "unreadable", "edited", "not_deployed", "changed", "broken_record",
}


def run(argv, ok=(0,)):
    done = subprocess.run([str(part) for part in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode not in ok:
        sys.exit(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout


class States:
    """What lies in both states: contents and blocks, to recognise them by."""

    def __init__(self, *roots):
        self.whole = collections.defaultdict(set)
        self.files = []
        for root in roots:
            files = {}
            for place, _, names in os.walk(root):
                for name in names:
                    path = os.path.join(place, name)
                    if os.path.isfile(path) and not os.path.islink(path):
                        files["/" + os.path.relpath(path, root)] = path
            self.files.append(files)
            for path, place in files.items():
                self.whole[hashlib.sha256(pathlib.Path(place).read_bytes()).digest()].add(path)

    def holds(self, path, piece):
        """Whether that path has such a block in one of the states, as far as the piece goes."""
        for files in self.files:
            if path in files:
                content = pathlib.Path(files[path]).read_bytes()
                for at in range(0, len(content), BLOCK):
                    if content[at:at + BLOCK].ljust(BLOCK, b"\0").startswith(piece):
                        return True
        return False


def how_damaged(out):
    """What was done to the data blocks of each file: {path: {logical block: how}}."""
    done = collections.defaultdict(dict)
    for line in (out / "blocks.jsonl").read_text().splitlines():
        block = json.loads(line)
        if block["class"] == "file-data":
            done["/" + block["path"]][block["logical"]] = block["how"]
    return done


def right_classes(row, done):
    """The kinds of damage that are right; None where the truth does not know."""
    verdict = row["verdict"]
    if verdict in CLASSES:
        return CLASSES[verdict]
    if not verdict.startswith(("partial-", "all-")):
        return None
    kinds = {kind for kind in row.get("blocks", {}) if kind != "ok"}
    # incident_sim.py tells blocks by their first 48 bytes only, and knows no torn and no random ones. What it did to the
    # blocks of a file itself is in blocks.jsonl.
    by_hand = set(done.values())
    own = {"random": {"random"}, "sector": {"torn"}}
    if by_hand & set(own) and len(done) == sum(count for kind, count in row["blocks"].items() if kind != "ok"):
        right = set()
        for how in by_hand:
            right |= own.get(how, set())
        return right if by_hand <= set(own) and len(by_hand) == 1 else {"mixed"} | right
    if kinds == {"unknown"} or kinds == {"extra"}:
        return None
    if len(kinds) == 1:
        return BLOCKS.get(next(iter(kinds)))
    # What the truth cannot tell may be of the kind of the rest.
    told = kinds - {"unknown", "extra"}
    right = {"mixed"}
    if len(told) == 1:
        right |= BLOCKS.get(next(iter(told)), set())
    return right


class Run:
    def __init__(self, name, seed, options, prepared):
        self.name, self.seed, self.options, self.prepared = name, seed, options, prepared
        self.out = options.work / "incident"
        self.wrong = []

    def simulate(self):
        shutil.rmtree(self.out, ignore_errors=True)
        argv = [sys.executable, self.options.sim, "--state", self.prepared.before, "--state", self.prepared.after]
        run([*argv, "--out", self.out, "--seed", self.seed, "--inplace", "*/var/*", *RUNS[self.name]])
        lines = (self.out / "truth.jsonl").read_text().splitlines()
        return {"/" + row["path"]: row for row in map(json.loads, lines)}

    def measure(self):
        truth = self.simulate()
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        view = self.prepared.check(self.out / "damaged", self.prepared.baseline)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
        findings = {}
        for finding in view["findings"]:
            if finding["damage"] in CONTENT:
                findings.setdefault(finding["path"], finding)
        self.silent = 0
        self.judge(truth, findings, {entry["path"] for entry in view["unverified"]})
        self.count_silent(truth, view)

    def judge(self, truth, findings, unverified):
        damaged = {path: row for path, row in truth.items() if self.is_content_damage(row)}
        unreadable = {path for path, row in truth.items() if row["verdict"].startswith("unreadable")}
        done = how_damaged(self.out)
        records = {path for path in damaged if path.endswith("/RECORD")} | {p for p in unreadable if p.endswith("/RECORD")}
        lost = {os.path.dirname(record) for record in records}
        wanted = {
            path: row for path, row in damaged.items()
            if path in self.prepared.referenced and not self.lost_its_record(path, lost, unverified, findings)
        }
        # What lies below something that is gone is told with it.
        told = {path: self.finding_of(path, findings) for path in wanted}
        missed = sorted(path for path in wanted if told[path] is None)
        self.missed_by_record = sum(1 for path in damaged if path in self.prepared.referenced and path not in wanted)
        gone = {path for path, row in truth.items() if row["verdict"] in ("missing", "type-changed")}
        # A finding may also name what is in neither state: metadata that should be there, in another spelling.
        sound = lambda path: os.path.lexists(f"{self.prepared.after}{path}") and path not in set(damaged) | unreadable | gone and not self.is_below_trouble(path, truth)
        self.accused = sorted(path for path in findings if sound(path))
        self.wanted, self.found = len(wanted), len(wanted) - len(missed)
        self.wrong += [("missed", path, truth[path]["verdict"], "") for path in missed]
        self.wrong += [("accused", path, truth.get(path, {}).get("verdict", "sound"), findings[path]["damage"]) for path in self.accused]
        self.classes = self.right = self.named = self.names_right = 0
        for path in sorted(set(wanted) & set(findings)):
            self.score(path, truth[path], findings[path], done.get(path, {}))

    def count_silent(self, truth, view):
        about_content = [finding for finding in view["findings"] if finding["damage"] not in ("wrong_mode", "wrong_owner")]
        told = {finding["path"] for finding in about_content} | {entry["path"] for entry in view["unverified"]}
        closed = {finding["path"] for finding in about_content if finding["damage"] in ("missing", "unreadable", "wrong_kind")}
        closed |= {entry["path"] for entry in view["unverified"] if entry["unseen"]}
        for path, row in truth.items():
            there = self.is_content_damage(row) and path in self.prepared.referenced and os.path.lexists(f"{self.out}/damaged{path}")
            above = {str(parent) for parent in pathlib.PurePath(path).parents}
            if there and path not in told and not above & closed:
                self.silent += 1
                self.wrong.append(("silent", path, row["verdict"], ""))

    @staticmethod
    def finding_of(path, findings):
        """The finding about a path, or about something above it that is gone, unreadable or something else."""
        if path in findings:
            return findings[path]
        while path != "/":
            path = os.path.dirname(path)
            if findings.get(path, {}).get("damage") in ("missing", "unreadable", "wrong_kind"):
                return findings[path]
        return None

    @staticmethod
    def is_content_damage(row):
        verdict = row["verdict"]
        if row["kind"] not in ("file", "symlink"):
            return False
        if verdict in ("missing", "type-changed", "symlink-changed", "stale-whole", "other-file", "emptied", "all-zero"):
            return True
        return verdict.startswith(("partial-", "all-"))

    @staticmethod
    def is_below_trouble(path, truth):
        """Whether a directory above could not be read, or became something else: what is below it is not there."""
        while path != "/":
            path = os.path.dirname(path)
            if truth.get(path, {}).get("verdict", "ok") in ("unreadable", "missing", "type-changed"):
                return True
        return False

    def lost_its_record(self, path, lost, unverified, findings):
        """Whether the RECORD that vouches for the file is damaged itself: then rectify has to say that it cannot tell."""
        record = self.prepared.record_of.get(path)
        return record is not None and record in lost and (path in unverified or self.finding_of(path, findings) is None)

    def score(self, path, row, finding, done):
        right = right_classes(row, done)
        kind = finding["damage"]
        if kind == "broken_record":
            return
        if right is not None:
            self.classes += 1
            if kind in right:
                self.right += 1
            else:
                blocks = row.get("blocks", "")
                self.wrong.append(("class", path, f"{row['verdict']} {blocks} {row.get('is', '')} {sorted(set(done.values()))}", f"{kind}: {finding['evidence']}"))
        name = self.name_is_right(path, finding)
        if name is not None:
            self.named += 1
            self.names_right += name
            if not name:
                self.wrong.append(("name", path, row["verdict"], f"{kind}: {finding['detail']}"))

    def name_is_right(self, path, finding):
        """None where nothing is named."""
        detail = finding.get("detail") or ""
        live = pathlib.Path(f"{self.out}/damaged{path}")
        if finding["damage"] == "other_file":
            content = hashlib.sha256(live.read_bytes()).digest()
            return detail.removeprefix("content of ") in self.prepared.states.whole[content]
        if finding["damage"] == "foreign" and detail:
            named = detail.removeprefix("blocks of ")
            content = live.read_bytes()
            sound = pathlib.Path(f"{self.prepared.after}{path}").read_bytes()
            pieces = [content[at:at + BLOCK] for at in range(0, len(content), BLOCK) if content[at:at + BLOCK] != sound[at:at + BLOCK]]
            return any(self.prepared.states.holds(named, piece) for piece in pieces if piece)
        if finding["damage"] == "stale" and "an earlier version" not in detail:
            # As a whole, or the blocks that are not as they should be.
            before, after = (pathlib.Path(f"{state}{path}") for state in (self.prepared.before, self.prepared.after))
            if not before.is_file():
                return False
            then, now, content = before.read_bytes(), after.read_bytes(), live.read_bytes()
            return then == content or self.holds_stale_blocks(then, now, content)
        return None

    @staticmethod
    def holds_stale_blocks(then, now, content):
        """Whether every block that differs from what should be there is the one of then, as far as it goes."""
        stale = 0
        for at in range(0, len(content), BLOCK):
            live, old = content[at:at + BLOCK], then[at:at + BLOCK].ljust(BLOCK, b"\0")
            if live != now[at:at + BLOCK]:
                if not old.startswith(live):
                    return False
                stale += 1
        return stale > 0

    def row(self):
        share = lambda part, whole: 100.0 if whole == 0 else 100.0 * part / whole
        return {
            "run": self.name, "seed": self.seed, "damaged": self.wanted, "found": share(self.found, self.wanted),
            "silent": self.silent, "accused": len(self.accused), "classes": self.classes, "class": share(self.right, self.classes), "named": self.named,
            "names": share(self.names_right, self.named), "no record": self.missed_by_record, "seconds": self.seconds,
        }


class Prepared:
    """The states, the baseline, and what has a reference in the sound tree."""

    def __init__(self, options):
        self.options = options
        states.main(options.work)
        work = options.work.resolve()
        self.before, self.after, self.tree = work / "before", work / "after", work / "tree"
        self.baseline = work / "baseline.jsonl"
        manifest = work / "manifest.json"
        self.settings = work / "rectify.toml"
        self.settings.write_text("")
        self.rectify("manifest", "large", "-o", manifest)
        self.rectify("scan", "--manifest", manifest, "--root", f"localhost={self.before}", "--blocks", "-o", self.baseline)
        self.states = States(self.before, self.after)
        view = self.check(self.after, self.baseline)
        trouble = [finding for finding in view["findings"] if finding["damage"] in CONTENT]
        if trouble:
            listed = "\n".join(f"  {finding['path']}: {finding['kind']} {finding['evidence']}" for finding in trouble[:20])
            sys.exit(f"{len(trouble)} findings in the sound tree:\n{listed}")
        unverified = {entry["path"] for entry in view["unverified"]}
        self.looked_at(manifest)
        self.referenced = {path for path in self.seen if path not in unverified and not self.is_derived(path)}
        self.record_of = self.records()

    def looked_at(self, manifest):
        """The files and links that rectify looks at in the sound tree."""
        place = self.options.work / "after.jsonl"
        self.rectify("scan", "--manifest", manifest, "--root", f"localhost={self.after}", "-o", place)
        lines = place.read_text().splitlines()[1:]
        present = lambda line: line["seen"].get("present", {}) if isinstance(line["seen"], dict) else {}
        self.seen = {line["path"] for line in map(json.loads, lines) if present(line).get("kind") in ("file", "link")}

    @staticmethod
    def is_derived(path):
        # Byte code is rebuilt; what is inside .git is judged as a whole; a RECORD is vouched for by nobody.
        return path.endswith((".pyc", ".pyo", "/RECORD")) or "/.git/" in path

    def records(self):
        """{file: directory of the RECORD that lists it}"""
        found = {}
        for path, place in self.states.files[-1].items():
            if path.endswith("/RECORD"):
                base = os.path.dirname(os.path.dirname(path))
                for line in pathlib.Path(place).read_text().splitlines():
                    name = line.rsplit(",", 2)[0].strip('"')
                    found[os.path.normpath(os.path.join(base, name))] = os.path.dirname(path)
                    # zc.buildout moves the metadata directory.
                    tail = os.path.join(os.path.dirname(path), name.split("/", 1)[-1])
                    found.setdefault(tail, os.path.dirname(path))
        return found

    def rectify(self, *arguments, ok=(0,)):
        argv = [self.options.rectify, *arguments, "-C", self.tree, "--config", self.settings, "--no-progress"]
        return run(argv, ok)

    def check(self, root, baseline):
        argv = ["check", "large", "--root", f"localhost={root}", "--baseline", baseline, "--json"]
        return json.loads(self.rectify(*argv, ok=(0, 2, 3, 4, 6)))


def table(rows):
    head = ("run", "seed", "damaged, with reference", "found", "sound, accused", "not counted: RECORD lost", "told by nobody", "class right", "named right", "processor time of check")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = (
            row["run"], row["seed"], row["damaged"], f"{row['found']:.1f} %", row["accused"], row["no record"], row["silent"],
            f"{row['class']:.1f} % of {row['classes']}", f"{row['names']:.1f} % of {row['named']}", f"{row['seconds']:.1f} s",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def is_good(row):
    return row["found"] == 100 and row["accused"] == 0 and row["silent"] == 0 and row["class"] >= 95 and row["names"] >= 99


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rectify", type=pathlib.Path, default=TOP / "target/release/rectify")
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--sim", type=pathlib.Path, default=TOP.parent / "shared/tools/incident_sim.py")
    parser.add_argument("--seed", type=int, action="append", help="repeatable; default 1")
    parser.add_argument("--runs", help="kinds, comma-separated; default all: " + ", ".join(RUNS))
    parser.add_argument("--details", action="store_true", help="list what was wrong")
    parser.add_argument("--json", type=pathlib.Path, help="write the rows to this file, too")
    options = parser.parse_args()
    if not options.sim.is_file():
        print(f"skipped: {options.sim} is not there; name it with --sim")
        return 0
    names = options.runs.split(",") if options.runs else list(RUNS)
    for name in names:
        if name not in RUNS:
            parser.error(f"there is no run {name!r}; there are: {', '.join(RUNS)}")
    options.rectify = options.rectify.resolve()
    prepared = Prepared(options)
    rows = []
    for name in names:
        for seed in options.seed or [1]:
            one = Run(name, seed, options, prepared)
            one.measure()
            rows.append(one.row())
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            if options.details:
                for what, path, truth, said in one.wrong:
                    print(f"  {what}: {path}\n      truth: {truth}\n      rectify: {said}", file=sys.stderr)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return 0 if all(map(is_good, rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
