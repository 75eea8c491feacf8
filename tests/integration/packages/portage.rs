//! Portage: an installed package as portage writes it (`lib/portage/dbapi/vartree.py`, `dblink.mergeme`: `obj PATH MD5
//! MTIME`, `sym PATH -> TARGET MTIME`, `dir PATH`, `fif PATH`), made by a script from the files themselves, and by portage.

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

/// What portage itself, in a place of its own, merged from an ebuild: the files that [`Installed::new`] has.
struct Merged {
    top: TempDir,
    /// The directory of its programs.
    programs: PathBuf,
}

const EBUILD: &str = r#"EAPI=8
DESCRIPTION="a test"
SLOT="0"
KEYWORDS="amd64"
RESTRICT="strip"
S=${WORKDIR}
src_install() {
	mkdir -p "${D}/usr/bin" "${D}/usr/share/tool" "${D}/usr/share/kept" "${D}/etc/env.d" || die
	echo tool > "${D}/usr/bin/tool" || die
	echo x > "${D}/usr/share/tool/with two blanks" || die
	echo x > "${D}/usr/share/tool/odd -> name" || die
	echo x > "${D}/usr/share/kept/file" || die
	echo 'x = 1' > "${D}/etc/tool.conf" || die
	echo 'CONFIG_PROTECT="/usr/share/kept /opt/x"' > "${D}/etc/env.d/50tool" || die
	echo "CONFIG_PROTECT_MASK='/etc/env.d'" >> "${D}/etc/env.d/50tool" || die
	ln -s tool "${D}/usr/bin/other name" || die
	mkfifo "${D}/usr/share/tool/pipe" || die
}
"#;

/// What portage's own library finds, by what it noted itself.
const VERIFY: &str = r#"
import os, portage
from portage.checksum import perform_md5
root = portage.settings["EROOT"]
packages = portage.db[root]["vartree"].dbapi
for package in packages.cpv_all():
    for path, row in sorted(packages._dblink(package).getcontents().items()):
        at = "/" + os.path.relpath(path, root)
        if not os.path.lexists(path):
            print("missing " + at)
        elif row[0] == "obj" and perform_md5(path) != row[2]:
            print("changed " + at)
        elif row[0] == "sym" and os.readlink(path) != row[2]:
            print("target " + at)
"#;

impl Merged {
    /// `None` where portage is missing, which is an error in CI.
    fn new() -> Option<Self> {
        let programs = rectify::io::files::environment("RECTIFY_PORTAGE").map(PathBuf::from);
        let Some(programs) = programs else {
            assert!(rectify::io::files::environment("CI").is_none(), "CI has to set RECTIFY_PORTAGE");
            crate::program::skip("RECTIFY_PORTAGE names no directory with portage's programs");
            return None;
        };
        let merged = Self { top: tempfile::tempdir().expect("a temporary directory"), programs };
        let at = |path: &str| merged.top.path().join(path);
        write(&at("repo/profiles/repo_name"), "sample\n");
        write(&at("repo/profiles/arch.list"), "amd64\n");
        write(&at("repo/profiles/categories"), "app-misc\n");
        write(&at("repo/profiles/default/make.defaults"), "ARCH=\"amd64\"\nACCEPT_KEYWORDS=\"amd64\"\n");
        write(&at("repo/metadata/layout.conf"), "masters =\nthin-manifests = true\nuse-manifests = false\n");
        write(&at("repo/app-misc/tool-kit/tool-kit-1.2.3-r4.ebuild"), EBUILD);
        let top = merged.top.path().display();
        let isolation =
            "-sandbox -usersandbox -userpriv -userfetch -ipc-sandbox -mount-sandbox -network-sandbox -pid-sandbox";
        let configuration = format!(
            "FEATURES=\"{isolation} -news -merge-sync -xattr\"\nPORTAGE_TMPDIR=\"{top}/tmp\"\nDISTDIR=\"{top}/tmp\"\nPKGDIR=\"{top}/tmp\"\n"
        );
        // The configuration of the host is asked for, too.
        for place in ["target", "host"] {
            write(&at(place).join("etc/portage/make.conf"), &configuration);
            tool(
                merged.top.path(),
                &["ln", "-s", "../../../repo/profiles/default", &format!("{place}/etc/portage/make.profile")],
            );
        }
        let share = merged.programs.with_file_name("share");
        tool(merged.top.path(), &["ln", "-s", &share.to_string_lossy(), "host/share"]);
        tool(merged.top.path(), &["mkdir", "tmp", "root"]);
        merged.portage(&["emerge", "--oneshot", "=app-misc/tool-kit-1.2.3-r4"]);
        Some(merged)
    }

    fn root(&self) -> PathBuf {
        self.top.path().join("root")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Runs one of portage's programs, or its Python, word by word.
    fn portage<S: AsRef<str>>(&self, command: &[S]) -> String {
        let top = self.top.path().display();
        let environment = [
            format!("PATH={}:/usr/sbin:/usr/bin:/sbin:/bin", self.programs.display()),
            format!("PORTAGE_CONFIGROOT={top}/target"),
            format!("ROOT={top}/root"),
            "EPREFIX=".to_owned(),
            format!("PORTAGE_OVERRIDE_EPREFIX={top}/host"),
            format!("PORTAGE_REPOSITORIES=[DEFAULT]\nmain-repo = sample\n[sample]\nlocation = {top}/repo"),
            "PORTAGE_USERNAME=root".to_owned(),
            "PORTAGE_GRPNAME=root".to_owned(),
        ];
        let words = ["env"].into_iter().chain(environment.iter().map(String::as_str));
        tool(self.top.path(), &words.chain(command.iter().map(AsRef::as_ref)).collect::<Vec<_>>())
    }

    fn said(&self) -> Said {
        said(&self.root(), "portage")
    }
}

/// What CONTENTS says, without times and in one order.
fn noted(contents: &[u8]) -> std::collections::BTreeSet<String> {
    let text = String::from_utf8_lossy(contents);
    let is_time = |word: &str| word.len() == 10 && word.bytes().all(|byte| byte.is_ascii_digit());
    text.lines()
        .map(|line| line.rsplit_once(' ').filter(|(_, last)| is_time(last)).map_or(line, |(row, _)| row).to_owned())
        .collect()
}

#[test]
fn damage_is_found_where_portage_finds_it_and_merging_anew_heals_it() {
    let Some(merged) = Merged::new() else { return };
    let contents = merged.at("/var/db/pkg/app-misc/tool-kit-1.2.3-r4/CONTENTS");
    assert_eq!(
        noted(&read(&contents)),
        noted(&read(&Installed::new().contents())),
        "the other tests have what portage writes"
    );
    let sound = merged.said();
    assert_eq!((sound.wrong(), &sound.broken), (Vec::new(), &Vec::new()));
    damage(&merged.at("/usr/bin/tool"), 0, b"T");
    damage(&merged.at("/usr/share/tool/odd -> name"), 0, b"y");
    remove(&merged.at("/usr/share/tool/with two blanks"));
    tool(&merged.root(), &["ln", "-sfn", "nowhere", "usr/bin/other name"]);
    write(&merged.at("/etc/tool.conf"), "x = 2\n");
    let said = merged.said();
    let expected = [
        ("/etc/tool.conf", "changed"),
        ("/usr/bin/other name", "target"),
        ("/usr/bin/tool", "changed"),
        ("/usr/share/tool/odd -> name", "changed"),
        ("/usr/share/tool/with two blanks", "missing"),
    ];
    assert_eq!(said.wrong(), expected);
    let own: Vec<String> = expected.iter().map(|(path, what)| format!("{what} {path}")).collect();
    assert_eq!(merged.portage(&["python", "-c", VERIFY]).lines().collect::<Vec<_>>(), own);
    let commands = said.reinstall("portage");
    assert_eq!(commands, [["emerge", "--oneshot", "=app-misc/tool-kit-1.2.3-r4"]]);
    for command in &commands {
        merged.portage(command);
    }
    // A changed configuration file is the administrator's: portage puts the new one beside it.
    assert_eq!(merged.said().wrong(), [("/etc/tool.conf", "changed")]);
    assert_eq!(merged.portage(&["python", "-c", VERIFY]), "changed /etc/tool.conf\n");
}
