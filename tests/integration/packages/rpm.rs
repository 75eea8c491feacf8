//! rpm: packages built by rpmbuild and installed by rpm into its SQLite database, compared with `rpm --verify`; the
//! same headers in the `ndb` format, which Debian's rpm cannot write.

use super::{Said, said};
use crate::tools::{damage, read, remove, tool, write};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SPEC: &str = "Name: tiny
Version: 1.0
Release: 2
Epoch: 3
Summary: a test
License: MIT
BuildArch: noarch
%description
a test
%package more
Summary: more
%description more
more
%install
mkdir -p %{buildroot}/etc %{buildroot}/usr/bin %{buildroot}/usr/share/tiny
echo tool > %{buildroot}/usr/bin/tiny
ln -s tiny %{buildroot}/usr/bin/link
echo 'x = 1' > %{buildroot}/etc/tiny.conf
echo state > %{buildroot}/usr/share/tiny/state
echo free > %{buildroot}/usr/share/tiny/free
echo maybe > '%{buildroot}/usr/share/tiny/may be'
touch %{buildroot}/usr/share/tiny/ghost
echo more > %{buildroot}/usr/share/tiny/more
%files
%attr(4755, root, root) /usr/bin/tiny
/usr/bin/link
%config(noreplace) /etc/tiny.conf
%dir /usr/share/tiny
/usr/share/tiny/state
%verify(not md5 size mtime) /usr/share/tiny/free
%missingok \"/usr/share/tiny/may be\"
%ghost /usr/share/tiny/ghost
%files more
/usr/share/tiny/more
";

struct Installed {
    top: TempDir,
}

impl Installed {
    fn new() -> Self {
        let installed = Self { top: tempfile::tempdir().expect("a temporary directory") };
        let top = installed.top.path();
        write(&top.join("tiny.spec"), SPEC);
        tool(
            top,
            &["rpmbuild", "--quiet", "-bb", "--define", &format!("_topdir {}", top.join("top").display()), "tiny.spec"],
        );
        tool(top, &["mkdir", "root"]);
        installed.rpm(&["--install", &installed.archive("tiny"), &installed.archive("tiny-more")]);
        installed
    }

    fn root(&self) -> PathBuf {
        self.top.path().join("root")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    fn archive(&self, name: &str) -> String {
        self.top.path().join(format!("top/RPMS/noarch/{name}-1.0-2.noarch.rpm")).to_string_lossy().into_owned()
    }

    fn rpm(&self, arguments: &[&str]) -> String {
        let root = self.root().to_string_lossy().into_owned();
        let command = ["rpm", "--root", &root, "--define", "_dbpath /var/lib/rpm", "--force-debian", "--nodeps"];
        tool(self.top.path(), &[&command[..], arguments].concat())
    }

    fn database(&self) -> PathBuf {
        self.at("/var/lib/rpm/rpmdb.sqlite")
    }

    /// The lines of `rpm --verify`, which fails if there are any.
    fn verified(&self) -> Vec<String> {
        let script = "rpm --root \"$0\" --define '_dbpath /var/lib/rpm' --verify tiny tiny-more; true";
        let text = tool(self.top.path(), &["sh", "-c", script, &self.root().to_string_lossy()]);
        text.lines().map(str::to_owned).collect()
    }

    fn said(&self) -> Said {
        said(&self.root(), "rpm")
    }

    /// The headers, by SQLite's own library.
    fn headers(&self) -> Vec<Vec<u8>> {
        let script = "import sqlite3, sys\nfor blob, in sqlite3.connect(sys.argv[1]).execute('select blob from Packages'): print(blob.hex())";
        let text = tool(self.top.path(), &["python3", "-c", script, &self.database().to_string_lossy()]);
        let byte = |line: &str, at: usize| u8::from_str_radix(&line[at..at + 2], 16).expect("hex");
        text.lines().map(|line| (0..line.len()).step_by(2).map(|at| byte(line, at)).collect()).collect()
    }
}

#[test]
fn nothing_sound_is_accused() {
    let installed = Installed::new();
    let said = installed.said();
    assert_eq!((said.wrong(), &said.broken), (Vec::new(), &Vec::new()));
    assert_eq!(installed.verified(), Vec::<String>::new());
    assert_eq!(said.compared, 5);
    let names: BTreeSet<&str> = said.packages.iter().map(|package| package.fetched_as.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["tiny-3:1.0-2.noarch", "tiny-more-3:1.0-2.noarch"]));
}

#[test]
fn damage_is_found_where_rpm_finds_it_and_reinstalling_heals_it() {
    let installed = Installed::new();
    // Same size; rpm tells the time, too, which alone is no damage for us.
    damage(&installed.at("/usr/bin/tiny"), 0, b"T");
    tool(&installed.root(), &["chmod", "4750", "usr/bin/tiny"]);
    write(&installed.at("/etc/tiny.conf"), "x = 22\n");
    write(&installed.at("/usr/share/tiny/free"), "anything\n");
    remove(&installed.at("/usr/share/tiny/more"));
    remove(&installed.at("/usr/share/tiny/may be"));
    tool(&installed.root(), &["ln", "-sfn", "elsewhere", "usr/bin/link"]);
    remove(&installed.at("/usr/share/tiny/state"));
    tool(&installed.root(), &["ln", "-s", "free", "usr/share/tiny/state"]);
    // Otherwise rpm's opinion of the times depends on the second in which the package was made.
    tool(&installed.root(), &["touch", "-d", "2020-02-02", "etc/tiny.conf", "usr/bin/tiny"]);
    let said = installed.said();
    let expected = [
        ("/etc/tiny.conf", "changed"),
        ("/etc/tiny.conf", "size"),
        ("/usr/bin/link", "target"),
        ("/usr/bin/tiny", "changed"),
        ("/usr/bin/tiny", "mode"),
        ("/usr/share/tiny/more", "missing"),
        ("/usr/share/tiny/state", "kind"),
    ];
    assert_eq!(said.wrong(), expected);
    // One letter for each difference: size, mode, digest, device, link, user, group, time. Of a link in place of a file
    // rpm compares the target only, with the file's empty one.
    let verified = [
        "S.5....T.  c /etc/tiny.conf",
        "....L....    /usr/bin/link",
        ".M5....T.    /usr/bin/tiny",
        "....L....    /usr/share/tiny/state",
        "missing     /usr/share/tiny/more",
    ];
    assert_eq!(installed.verified(), verified);
    assert_eq!(said.reinstall("rpm"), [["dnf", "reinstall", "tiny-3:1.0-2.noarch", "tiny-more-3:1.0-2.noarch"]]);
    installed.rpm(&["--reinstall", &installed.archive("tiny"), &installed.archive("tiny-more")]);
    // %config(noreplace): what was changed stays.
    assert_eq!(installed.said().wrong(), [("/etc/tiny.conf", "changed"), ("/etc/tiny.conf", "size")]);
}

#[test]
fn the_installer_is_that_of_the_distribution() {
    let installed = Installed::new();
    remove(&installed.at("/usr/share/tiny/more"));
    write(&installed.at("/etc/zypp/zypp.conf"), "");
    assert_eq!(installed.said().reinstall("rpm"), [["zypper", "install", "--force", "tiny-more.noarch=3:1.0-2"]]);
}

#[test]
fn a_damaged_header_accuses_no_file() {
    let installed = Installed::new();
    let database = installed.database();
    let bytes = read(&database);
    let (mut broken, mut places) = (0, 0);
    for at in (0..bytes.len()).step_by(997) {
        let mut damaged = bytes.clone();
        let end = (at + 64).min(damaged.len());
        damaged[at..end].iter_mut().for_each(|byte| *byte ^= 0x55);
        write(&database, &damaged);
        let said = installed.said();
        assert_eq!(said.wrong(), [], "damaged at {at}");
        assert!(said.packages.len() == 2 || !said.broken.is_empty(), "damaged at {at}");
        broken += usize::from(!said.broken.is_empty());
        places += 1;
    }
    assert!(broken > 5 && broken < places, "{broken} of {places}");
}

#[test]
fn a_database_that_is_cut_accuses_no_file() {
    let installed = Installed::new();
    let database = installed.database();
    let bytes = read(&database);
    for end in (0..bytes.len()).step_by(2048) {
        write(&database, &bytes[..end]);
        let said = installed.said();
        assert_eq!(said.wrong(), [], "cut at {end}");
        assert_eq!(said.broken.len(), 1, "cut at {end}");
    }
}

/// `Packages.db` as `rpmpkgPut` of rpm's `lib/backend/ndb/rpmpkg.c` writes it: a page of slots, and a blob of each.
fn ndb(headers: &[Vec<u8>]) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).expect("small").to_le_bytes();
    let mut file = [b"RpmP".to_vec(), [0, 1, 1, headers.len() + 1].map(word).concat(), vec![0; 12]].concat();
    let mut blobs = Vec::new();
    for (number, header) in headers.iter().enumerate() {
        let mut blob = [b"BlbS".to_vec(), [number + 1, 0, header.len()].map(word).concat(), header.clone()].concat();
        blob.resize((blob.len() + 12).div_ceil(16) * 16 - 12, 0);
        let (mut one, mut two) = (1_u32, 0_u32);
        for byte in &blob {
            one = (one + u32::from(*byte)) % 65521;
            two = (two + one) % 65521;
        }
        blob.extend((two << 16 | one).to_le_bytes());
        blob.extend([word(header.len()), *b"BlbE"].concat());
        file.extend(
            [b"Slot".to_vec(), [number + 1, 256 + blobs.len() / 16, blob.len() / 16].map(word).concat()].concat(),
        );
        blobs.extend(blob);
    }
    while file.len() < 4096 {
        file.extend([b"Slot".to_vec(), vec![0; 12]].concat());
    }
    [file, blobs].concat()
}

fn with_ndb(installed: &Installed) -> PathBuf {
    let headers = installed.headers();
    assert_eq!(headers.len(), 2);
    let directory = installed.at("/var/lib/rpm");
    tool(&directory, &["sh", "-c", "rm -f rpmdb.sqlite*"]);
    write(&directory.join("Packages.db"), ndb(&headers));
    directory.join("Packages.db")
}

#[test]
fn the_format_of_suse_says_the_same() {
    let installed = Installed::new();
    let before = installed.said();
    with_ndb(&installed);
    let said = installed.said();
    assert_eq!((said.wrong(), &said.broken), (Vec::new(), &Vec::new()));
    assert_eq!((said.told, said.packages, said.compared), (before.told, before.packages, before.compared));
    damage(&installed.at("/usr/bin/tiny"), 0, b"T");
    assert_eq!(installed.said().wrong(), [("/usr/bin/tiny", "changed")]);
}

#[test]
fn every_damaged_byte_of_a_blob_of_the_format_of_suse_is_noticed() {
    let installed = Installed::new();
    let path = with_ndb(&installed);
    let bytes = read(&path);
    for at in (4096..bytes.len()).step_by(101) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        write(&path, &damaged);
        let said = installed.said();
        assert_eq!((said.wrong(), said.broken.len(), said.packages.len()), (Vec::new(), 1, 1), "damaged at {at}");
    }
    for end in (0..bytes.len()).step_by(61) {
        write(&path, &bytes[..end]);
        assert_eq!((installed.said().wrong(), installed.said().broken.len()), (Vec::new(), 1), "cut at {end}");
    }
}

#[test]
fn the_old_format_is_told_to_be_unreadable() {
    let top = tempfile::tempdir().expect("a temporary directory");
    write(&top.path().join("var/lib/rpm/Packages"), "Berkeley");
    let said = said(top.path(), "rpm");
    assert_eq!((said.packages.len(), said.broken.len()), (0, 1));
    assert!(said.broken[0].1.contains("--rebuilddb"), "{:?}", said.broken);
    assert!(Path::new(&said.broken[0].0).ends_with("Packages"));
}
