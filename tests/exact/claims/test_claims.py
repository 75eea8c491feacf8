"""Holds every row of fixtures/cases/claims/components.json against the real batou.

    PYTHON-WITH-BATOU -m unittest discover -s tests/exact/claims [-k WORD]

A sound deployment is damaged in one place, batou deploys, and what it did is compared with what the row claims:

  vigilance  nothing / absence / age / content: exactly what batou repairs by itself
  metadata   whether it repairs the declared mode and owner
  aborts     on_wrong_kind: another kind of thing makes it fail, or goes unnoticed, or is written through
  force      removing these paths makes the next deployment repair what this one did not
  hazards    RCT312, RCT313: a directory or a link's target is destroyed
"""

import glob
import json
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

import deployment

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = json.load(open(HERE + "/../../../fixtures/cases/claims/components.json"))
JUNK = b"\xff\xfejunk\x00"


class Claims(unittest.TestCase):
    longMessage = False

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp()
        cls.deployed = deployment.Deployment(cls.directory)
        cls.begin()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    @classmethod
    def begin(cls):
        shutil.rmtree(cls.deployed.project + "/work", ignore_errors=True)
        for _ in range(2):
            sound, output = cls.deployed.deploy()
            assert sound, output

    def path(self, relative):
        found = glob.glob(os.path.join(self.deployed.project, relative))
        return found[0] if found else os.path.join(self.deployed.project, relative)

    def case(self, row, name, damage, noticed):
        """Damages, deploys, compares; then forces and deploys again. True if batou repaired it by itself."""
        path = self.path(row["path"])
        before = picture(path)
        damage(path)
        self.assertNotEqual(picture(path), before, "%s: %s is no damage" % (row["path"], name))
        content, output = self.deployed.deploy()
        repaired = content and picture(path) == before
        what = "%s, %s: " % (row["path"], name)
        if noticed is not None:
            self.assertEqual(repaired, noticed, what + ("batou repairs it, the row says it would not" if repaired else
                                                        "the row says batou repairs it\n" + output))
            if row["aborts"] in ("never", "on_wrong_kind") and not row["path"].endswith("HEAD"):
                self.assertTrue(content or row["aborts"] != "never", what + "batou stops\n" + output)
            if row["aborts"] == "always":
                self.assertFalse(content, what + "batou does not stop")
        if not repaired:
            self.force(row, path)
            content, output = self.deployed.deploy()
            self.assertTrue(content, what + "batou stops though it was forced\n" + output)
            self.assertEqual(picture(path), before, what + "not repaired though it was forced\n" + output)
        return repaired

    def force(self, row, path):
        forced = [self.path(other) if other != "self" else path for other in row["force"]]
        unblocked = [path] if row["aborts"] == "on_wrong_kind" else []
        for victim in unblocked + forced:
            remove(victim)

    # -- one test for each row, made below

    def check(self, row):
        try:
            getattr(self, "check_" + row["expected"].replace(" ", "_"))(row)
        except BaseException:
            self.begin()
            raise

    def check_file(self, row):
        vigilance = row["vigilance"]
        self.case(row, "missing", remove, vigilance != "nothing")
        content = row["expected"] != "some file"
        if content:
            source = self.deployed.project + "/components/files/tree/" + row["path"].partition("synced/")[2]
            self.case(row, "other content", lambda p: overwrite(p, source), vigilance == "content")
        if row["expected"] == "file":
            self.wrong_kinds(row, {"a directory": make_directory, "a link": make_link})
        if row.get("mode"):
            self.case(row, "other mode", lambda p: os.chmod(p, 0o755 ^ stat.S_IMODE(os.stat(p).st_mode)),
                      row["metadata"] == "content")

    check_some_file = check_file

    def check_directory(self, row):
        if row["path"].count("/") > 1:  # without the whole work directory batou begins from scratch
            self.case(row, "missing", remove, row["vigilance"] != "nothing")
        self.wrong_kinds(row, {"a file": make_file, "a link": make_directory_link})

    def check_complete_directory(self, row):
        extra = self.path(row["path"]) + "/extra"
        os.mkdir(extra)
        self.deployed.deploy()
        self.assertFalse(os.path.exists(extra), "batou leaves what does not belong into " + row["path"])

    def check_link(self, row):
        vigilance = row["vigilance"]
        self.case(row, "missing", remove, vigilance != "nothing")
        self.case(row, "other target", make_link, vigilance == "content")
        self.wrong_kinds(row, {"a file": make_file, "a directory": make_directory})

    def check_present(self, row):
        self.case(row, "missing", remove, row["vigilance"] != "nothing")

    def check_broken(self, row):
        self.case(row, "other content", overwrite, False)

    def check_absent(self, row):
        self.case(row, "present", make_file, row["vigilance"] == "content")
        self.case(row, "a directory", make_directory, row["vigilance"] == "content")

    def wrong_kinds(self, row, kinds):
        outcomes = {name: self.case(row, name, damage, None) for name, damage in kinds.items()}
        hazards = row["hazards"]
        if row["aborts"] == "on_wrong_kind":
            self.assertFalse(all(outcomes.values()), "%s: batou repairs every wrong kind: %r" % (row["path"], outcomes))
        elif row["aborts"] == "never" and row["vigilance"] not in ("nothing", "age"):
            unnoticed = {name for name, repaired in outcomes.items() if not repaired}
            allowed = {"a link"} if "RCT313" in hazards else set()
            self.assertLessEqual(unnoticed, allowed, "%s: not repaired: %r" % (row["path"], unnoticed))


def picture(path):
    """What matters about a path: kind, and content with declared bits, or target."""
    if os.path.islink(path):
        return "link", os.readlink(path)
    if os.path.isdir(path):
        return "directory", None
    if os.path.isfile(path):
        with open(path, "rb") as f:
            seen = os.stat(path)
            return "file", f.read(), stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid
    return None


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def overwrite(path, source=None):
    """Damage in place: size and times stay; where there is a source, its times, which are rsync's measure."""
    if path.endswith("/clobbered/README"):  # in the other clones it is told by ctime, or never looked at
        hide_ctime(path)
    before = os.stat(source if source and os.path.isfile(source) else path)
    with open(path, "r+b") as f:
        size = len(f.read())
        f.seek(0)
        f.write((JUNK * size)[:size] or JUNK)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def hide_ctime(path):
    """Damage below the file system leaves ctime alone, which nobody can do from here: so git is told to overlook it."""
    os.utime(path, (1577836800, 1577836800))
    git = ["git", "-C", os.path.dirname(path)]
    subprocess.run(git + ["config", "core.trustctime", "false"], check=True)
    subprocess.run(git + ["update-index", "-q", "--refresh"], check=True)


def make_directory(path):
    remove(path)
    os.mkdir(path)
    make_file(path + "/inside")


def make_file(path):
    remove(path)
    with open(path, "wb") as f:
        f.write(JUNK)


def make_link(path):
    remove(path)
    make_file(os.path.dirname(path) + "/.elsewhere")
    os.symlink(".elsewhere", path)


def make_directory_link(path):
    """The directory is moved away and linked to: everything in it can still be reached."""
    remove(path + ".moved")
    os.rename(path, path + ".moved")
    os.symlink(path + ".moved", path)


def named(row):
    return "test_" + "".join(c if c.isalnum() else "_" for c in row["path"])


for _row in ROWS:
    if _row["path"] != "work/files/owned" or os.geteuid() == 0:
        setattr(Claims, named(_row), lambda self, row=_row: self.check(row))

if __name__ == "__main__":
    unittest.main()
