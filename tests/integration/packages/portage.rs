//! Portage: an installed package as portage writes it (`lib/portage/dbapi/vartree.py`, `dblink.mergeme`: `obj PATH MD5
//! MTIME`, `sym PATH -> TARGET MTIME`, `dir PATH`, `fif PATH`), made by a script from the files themselves.

use super::{Said, said};
use crate::tools::{damage, read, remove, tool, write};
use std::path::PathBuf;
use tempfile::TempDir;

/// What portage does when it merges a package, of the files that are there.
const MERGE: &str = r#"
import hashlib, os, stat, sys
root, package = sys.argv[1:]
rows = []
for place, directories, files in os.walk(root):
    if "/var/db" in place:
        continue
    for name in directories + files:
        path = os.path.join(place, name)
        about = os.lstat(path)
        at = path[len(root):]
        if at.startswith("/var"):
            continue
        if stat.S_ISLNK(about.st_mode):
            rows.append("sym %s -> %s %d" % (at, os.readlink(path), about.st_mtime))
        elif stat.S_ISDIR(about.st_mode):
            rows.append("dir %s" % at)
        elif stat.S_ISFIFO(about.st_mode):
            rows.append("fif %s" % at)
        else:
            rows.append("obj %s %s %d" % (at, hashlib.md5(open(path, "rb").read()).hexdigest(), about.st_mtime))
directory = os.path.join(root, "var/db/pkg", package)
os.makedirs(directory)
with open(os.path.join(directory, "CONTENTS"), "w") as contents:
    contents.write("\n".join(rows) + "\n")
"#;

struct Installed {
    top: TempDir,
}

impl Installed {
    fn new() -> Self {
        let installed = Self { top: tempfile::tempdir().expect("a temporary directory") };
        write(&installed.at("/usr/bin/tool"), "tool\n");
        write(&installed.at("/usr/share/tool/with two blanks"), "x\n");
        write(&installed.at("/usr/share/tool/odd -> name"), "x\n");
        write(&installed.at("/etc/tool.conf"), "x = 1\n");
        write(
            &installed.at("/etc/env.d/50tool"),
            "CONFIG_PROTECT=\"/usr/share/kept /opt/x\"\nCONFIG_PROTECT_MASK='/etc/env.d'\n",
        );
        write(&installed.at("/usr/share/kept/file"), "x\n");
        tool(&installed.root(), &["ln", "-s", "tool", "usr/bin/other name"]);
        tool(&installed.root(), &["mkfifo", "usr/share/tool/pipe"]);
        let root = installed.root().to_string_lossy().into_owned();
        tool(installed.top.path(), &["python3", "-c", MERGE, &root, "app-misc/tool-kit-1.2.3-r4"]);
        write(&installed.at("/var/db/pkg/virtual/nothing-0/EAPI"), "8\n");
        installed
    }

    fn root(&self) -> PathBuf {
        self.top.path().join("root")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    fn contents(&self) -> PathBuf {
        self.at("/var/db/pkg/app-misc/tool-kit-1.2.3-r4/CONTENTS")
    }

    fn said(&self) -> Said {
        said(&self.root(), "portage")
    }
}

#[test]
fn nothing_sound_is_accused_and_another_time_is_no_damage() {
    let installed = Installed::new();
    tool(&installed.root(), &["touch", "-d", "2001-01-01", "usr/bin/tool"]);
    let said = installed.said();
    assert_eq!((said.wrong(), &said.broken, said.compared), (Vec::new(), &Vec::new(), 6));
    let names: Vec<(&str, Option<&str>, &str)> = said
        .packages
        .iter()
        .map(|package| (package.name.as_str(), package.version.as_deref(), package.fetched_as.as_str()))
        .collect();
    let tool = ("app-misc/tool-kit", Some("1.2.3-r4"), "=app-misc/tool-kit-1.2.3-r4");
    assert_eq!(names, [tool, ("virtual/nothing", Some("0"), "=virtual/nothing-0")]);
    assert_eq!(said.config, ["/etc/tool.conf", "/usr/share/kept/file"].map(str::to_owned).into());
}

#[test]
fn damage_is_found() {
    let installed = Installed::new();
    damage(&installed.at("/usr/bin/tool"), 0, b"T");
    remove(&installed.at("/usr/share/tool/with two blanks"));
    remove(&installed.at("/usr/share/tool/pipe"));
    write(&installed.at("/usr/share/tool/pipe"), "");
    tool(&installed.root(), &["ln", "-sfn", "nowhere", "usr/bin/other name"]);
    let said = installed.said();
    let expected = [
        ("/usr/bin/other name", "target"),
        ("/usr/bin/tool", "changed"),
        ("/usr/share/tool/pipe", "kind"),
        ("/usr/share/tool/with two blanks", "missing"),
    ];
    assert_eq!(said.wrong(), expected);
    assert_eq!(said.reinstall("portage"), [["emerge", "--oneshot", "=app-misc/tool-kit-1.2.3-r4"]]);
}

#[test]
fn a_damaged_contents_accuses_nobody() {
    let installed = Installed::new();
    let bytes = read(&installed.contents());
    for end in (1..bytes.len()).step_by(3) {
        write(&installed.contents(), &bytes[..end]);
        let said = installed.said();
        assert_eq!(said.wrong(), [], "cut at {end}");
        assert!(!said.broken.is_empty() || bytes[end - 1] == b'\n', "cut at {end}");
    }
    for at in (0..bytes.len() - 4).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at..at + 4].fill(0);
        write(&installed.contents(), &damaged);
        let said = installed.said();
        assert_eq!((said.wrong(), said.broken.len()), (Vec::new(), 1), "zeros at {at}");
    }
}

#[test]
fn a_merge_that_was_not_finished_is_told() {
    let installed = Installed::new();
    write(&installed.at("/var/db/pkg/app-misc/-MERGING-tool-kit-2/CONTENTS"), "obj /usr/bin/tool 0 0\n");
    let said = installed.said();
    assert_eq!((said.wrong(), said.broken.len()), (Vec::new(), 1));
}
