#!/usr/bin/env python3
"""What is different between a sound tree and another one.

    tree_diff.py SOUND OTHER [--rules nondeterministic.toml] [--json]

Type, mode, link target and bytes are compared; times, owners and inodes are
not.  Links must point to the same text: compare a tree and its copy only if
the copy stood at the same absolute path (a mount does it).  The rules name
what differs after every honest redeploy and why; see there.

Exit code 0: equal, 1: different, 2: not compared.
"""

import configparser
import fnmatch
import json
import os
import pathlib
import re
import stat
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
RULES = HERE.parent.parent / "fixtures/cases/convergence/nondeterministic.toml"


def load_rules(path):
    rules = tomllib.loads(pathlib.Path(path).read_text())["rule"]
    for rule in rules:
        if not rule.get("reason") or rule["compare"] not in COMPARE:
            raise SystemExit(f"tree_diff.py: bad rule {rule}")
    return rules


def rule_for(rules, path):
    for rule in rules:
        if any(fnmatch.fnmatchcase(path, p) for p in rule["paths"]):
            return rule
    return None


def as_buildout_reads(content):
    """.installed.cfg: buildout appends sections, the reader merges them."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.read_string(content.decode())
    sections = {s: dict(parser.items(s)) for s in parser.sections()}
    sections["buildout"].pop("installed_develop_eggs", None)
    sections["buildout"]["parts"] = sorted(sections["buildout"]["parts"].split())
    for options in sections.values():
        recorded = options.get("__buildout_installed__", "")
        options["__buildout_installed__"] = sorted(recorded.split("\n"))
    return sections


def any_path_order(content):
    """A script with the entries of its sys.path sorted."""
    entry = re.compile(rb"(?m)(^  '[^'\n]+',\n)+")
    return entry.sub(
        lambda m: b"".join(sorted(m.group().splitlines(keepends=True))), content
    )


def any_list_order(content):
    """Lists of paths, one a line or with colons in between, in any order."""
    return sorted(re.split(rb'[:\n"]', content))


COMPARE = {
    "nothing": None,
    "existence": lambda content: b"",
    "installed-cfg": as_buildout_reads,
    "script": any_path_order,
    "path-list": any_list_order,
}


def walk(top):
    """Relative path -> stat, without following any link."""
    found = {}

    def visit(directory, prefix):
        with os.scandir(directory) as entries:
            for entry in entries:
                path = prefix + entry.name
                found[path] = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    visit(entry.path, path + "/")

    visit(top, "")
    return found


def kind(st):
    for name in ("DIR", "REG", "LNK", "FIFO", "SOCK"):
        if getattr(stat, f"S_IS{name}")(st.st_mode):
            return {"DIR": "directory", "REG": "file", "LNK": "link"}.get(name, name)
    return "special"


def different(sound, other, path, a, b, rule):
    """Why this path differs, or None."""
    if kind(a) != kind(b):
        return f"{kind(b)} instead of {kind(a)}"
    if kind(a) == "link":
        was, now = os.readlink(f"{sound}/{path}"), os.readlink(f"{other}/{path}")
        return None if was == now else f"points to {now} instead of {was}"
    if stat.S_IMODE(a.st_mode) != stat.S_IMODE(b.st_mode):
        was, now = stat.S_IMODE(a.st_mode), stat.S_IMODE(b.st_mode)
        return f"mode {now:04o} instead of {was:04o}"
    if kind(a) != "file":
        return None
    if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino):
        return None
    contents = []
    for top in (sound, other):
        with open(f"{top}/{path}", "rb") as f:
            contents.append(f.read())
    if contents[0] == contents[1]:
        return None
    if rule:
        try:
            was, now = (COMPARE[rule["compare"]](c) for c in contents)
        except (ValueError, KeyError, configparser.Error):
            return "content, and not even readable"
        if was == now:
            return None
    return "content"


def compare(sound, other, rules):
    """[(path, what)] sorted by path."""
    left, right = walk(sound), walk(other)
    result = []
    gone = None
    for path in sorted(set(left) | set(right)):
        rule = rule_for(rules, path)
        if rule and rule["compare"] == "nothing":
            continue
        if gone and path.startswith(gone):
            continue
        gone = None
        if path not in right:
            result.append((path, "missing"))
            gone = path + "/"
        elif path not in left:
            result.append((path, "not in the sound tree"))
            gone = path + "/"
        elif what := different(sound, other, path, left[path], right[path], rule):
            result.append((path, what))
            if "instead of" in what and "mode" not in what:
                gone = path + "/"
    return result


def main(arguments):
    rules = RULES
    as_json = "--json" in arguments
    arguments = [a for a in arguments if a != "--json"]
    if "--rules" in arguments:
        at = arguments.index("--rules")
        rules = arguments[at + 1]
        del arguments[at : at + 2]
    if len(arguments) != 2 or not all(os.path.isdir(a) for a in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    found = compare(*arguments, load_rules(rules))
    if as_json:
        print(json.dumps([{"path": p, "what": w} for p, w in found], indent=1))
    else:
        for path, what in found:
            print(f"{path}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
