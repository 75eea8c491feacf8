#!/usr/bin/env python3
"""Apply the damages of a case to a deployed tree, always the same way.

    damage.py CASE_DIR TREE [--list]

CASE_DIR holds case.toml; TREE is the directory that its paths are relative
to.  The random bytes come from the name of the case, so that two runs damage
alike.  Damaged files keep their modification time, as they do when blocks are
lost below the file system; unless the kind says otherwise they keep their
size, too.

    random            other bytes; with offset and length only there
    zero              zero bytes; likewise
    stale             an older version: digits and lines are other ones, or,
                      with `from`, the bytes of another file, cut to the size
    truncate          half the size, or `size`
    undecodable       a few bytes in the middle that are no text in any encoding
    append-junk       some bytes more
    replace-with      the whole content of the file `other`
    missing           the path is gone, with everything below it
    create            a file that must not be there
    mode              `mode`, octal, as text
    retarget          a link that points to `other`
    swap-link-to-dir  a directory (with one file in it) where a link was
    swap-link-to-file a file where a link was
    swap-file-to-link a link to `other` where a file was
    swap-file-to-dir  a directory (with one file in it) where a file was
    swap-dir-to-file  a file where a directory was
    empty-dir         a directory without anything in it, as after lost blocks

Exit code 0: done; 1: a path matches nothing, or more than one file, or is of
the wrong type, and nothing at all was damaged.
"""

import glob
import os
import pathlib
import random
import shutil
import sys
import tomllib

FILES = ("random", "zero", "stale", "truncate", "undecodable", "append-junk")
FILES += ("replace-with", "swap-file-to-link", "swap-file-to-dir")
LINKS = ("retarget", "swap-link-to-dir", "swap-link-to-file")
DIRECTORIES = ("swap-dir-to-file", "empty-dir")
KINDS = FILES + LINKS + DIRECTORIES + ("missing", "create", "mode")
KEYS = {
    *("path", "kind", "offset", "length", "size"),
    *("mode", "other", "from", "content"),
}


# As fsck names what it finds without a name. Nothing but damage makes such a file, and
# git keeps no directory without one.
LOST_AND_FOUND = "#1048577"


class Refused(Exception):
    pass


def one_match(tree, pattern):
    found = glob.glob(pattern, root_dir=tree, include_hidden=True)
    if len(found) != 1:
        raise Refused(f"{pattern}: {len(found)} matches, expected one")
    return tree / found[0]


def check(tree, damage):
    """The path to damage; refuses before anything is changed."""
    kind = damage.get("kind")
    if kind not in KINDS:
        raise Refused(f"unknown kind {kind!r}")
    if unknown := set(damage) - KEYS:
        raise Refused(f"unknown keys {sorted(unknown)}")
    if kind == "create":
        path = tree / damage["path"]
        if os.path.lexists(path):
            raise Refused(f"{path} exists")
        return path
    path = one_match(tree, damage["path"])
    if kind in FILES and (path.is_symlink() or not path.is_file()):
        raise Refused(f"{path}: {kind} needs a plain file")
    if kind in LINKS and not path.is_symlink():
        raise Refused(f"{path}: {kind} needs a link")
    if kind in DIRECTORIES and (path.is_symlink() or not path.is_dir()):
        raise Refused(f"{path}: {kind} needs a directory")
    for key in ("other", "from"):
        if key in damage:
            one_match(tree, damage[key])
    return path


def older(content):
    """What an earlier version could have looked like, of the same size."""
    digits = bytes.maketrans(b"0123456789", b"9012345678")
    try:
        content.decode()
    except UnicodeDecodeError:
        half = len(content) // 2
        return content[half:] + content[:half]
    lines = content.translate(digits).splitlines(keepends=True)
    if lines and lines[-1].endswith(b"\n"):
        lines[1:] = reversed(lines[1:])
    result = b"".join(lines)
    return result if result != content else content[::-1]


def rewrite(path, change):
    """Write in place (hard links and links stay), keep the times."""
    before = path.stat()
    with open(path, "r+b") as f:
        content = change(f.read())
        f.seek(0)
        f.truncate()
        f.write(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def apply(tree, path, damage, dice):
    kind = damage["kind"]
    other = one_match(tree, damage["other"]) if "other" in damage else None
    if kind in ("random", "zero"):

        def change(content):
            start = damage.get("offset", 0)
            end = min(start + damage.get("length", len(content)), len(content))
            size = end - start
            if size <= 0:
                raise Refused(f"{path}: nothing to damage")
            new = bytes(size) if kind == "zero" else dice.randbytes(size)
            return content[:start] + new + content[end:]

        rewrite(path, change)
    elif kind == "stale":
        if "from" in damage:
            source = one_match(tree, damage["from"]).read_bytes()
            rewrite(path, lambda c: (source * (len(c) // len(source) + 1))[: len(c)])
        else:
            rewrite(path, older)
    elif kind == "truncate":
        rewrite(path, lambda c: c[: damage.get("size", len(c) // 2)])
    elif kind == "undecodable":

        def change(content):
            middle = max(len(content) // 2 - 4, 0)
            return content[:middle] + b"\xff\xfe\x80\xc0" + content[middle + 4 :]

        rewrite(path, change)
    elif kind == "append-junk":
        rewrite(path, lambda c: c + dice.randbytes(64))
    elif kind == "replace-with":
        content = other.read_bytes()
        rewrite(path, lambda c: content)
    elif kind == "missing":
        remove(path)
    elif kind == "empty-dir":
        for child in path.iterdir():
            remove(child)
    elif kind == "create":
        path.write_text(damage.get("content", "left over\n"))
    elif kind == "mode":
        path.chmod(int(damage["mode"], 8))
    elif kind in ("retarget", "swap-file-to-link"):
        before = path.lstat()
        remove(path)
        path.symlink_to(other)
        times = (before.st_atime_ns, before.st_mtime_ns)
        os.utime(path, ns=times, follow_symlinks=False)
    elif kind in ("swap-link-to-dir", "swap-file-to-dir"):
        remove(path)
        path.mkdir()
        (path / LOST_AND_FOUND).write_bytes(dice.randbytes(300))
    elif kind in ("swap-dir-to-file", "swap-link-to-file"):
        remove(path)
        path.write_bytes(dice.randbytes(300))


def main(case, tree, *options):
    case, tree = pathlib.Path(case), pathlib.Path(os.path.abspath(tree))
    story = tomllib.loads((case / "case.toml").read_text())
    dice = random.Random(case.resolve().name)
    try:
        paths = [check(tree, damage) for damage in story["damage"]]
        for path, damage in zip(paths, story["damage"]):
            if "--list" not in options:
                apply(tree, path, damage, dice)
            print(f"{damage['kind']}\t{path.relative_to(tree)}")
    except Refused as reason:
        print(f"damage.py: {case.name}: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
