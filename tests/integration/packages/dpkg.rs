//! dpkg: packages built by dpkg-deb and installed by dpkg, compared with `dpkg --verify` and `debsums`.

use super::{Said, said};
use crate::tools::{damage, read, remove, tool, write};
use crate::wheels::wheel;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A tree with a few installed packages.
struct Installed {
    top: TempDir,
}

/// The files of a package: path and content; a content that begins with `-> ` is the target of a link.
type Files<'a> = &'a [(&'a str, &'a str)];

const EDITORS: [&str; 2] = ["vi", "nano"];

impl Installed {
    /// With dpkg's own files, and nothing else.
    fn empty() -> Self {
        let top = tempfile::tempdir().expect("a temporary directory");
        let installed = Self { top };
        for directory in ["info", "updates", "triggers", "alternatives", "parts"] {
            write(&installed.root().join("var/lib/dpkg").join(directory).join(".keep"), "");
            remove(&installed.root().join("var/lib/dpkg").join(directory).join(".keep"));
        }
        for name in ["status", "available", "diversions", "statoverride"] {
            write(&installed.root().join("var/lib/dpkg").join(name), "");
        }
        installed
    }

    fn root(&self) -> PathBuf {
        self.top.path().join("root")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Builds a package; gives the archive's path.
    fn build(&self, name: &str, control: &str, files: Files<'_>) -> String {
        let tree = self.top.path().join("build").join(name);
        let mut conffiles = String::new();
        for (path, content) in files {
            let place = tree.join(path.trim_start_matches('/'));
            if let Some(target) = content.strip_prefix("-> ") {
                write(&place.with_extension("x"), "");
                remove(&place.with_extension("x"));
                tool(self.top.path(), &["ln", "-s", target, &place.to_string_lossy()]);
            } else {
                write(&place, content);
                if path.starts_with("/etc/") {
                    conffiles += &format!("{path}\n");
                }
            }
        }
        // As dh_md5sums does: names are not escaped.
        let list = "find . -type f ! -path './etc/*' ! -path './DEBIAN/*' -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 -r md5sum --zero | tr '\\0' '\\n'";
        let sums = tool(&tree, &["sh", "-c", list]);
        write(&tree.join("DEBIAN/md5sums"), sums);
        if !conffiles.is_empty() {
            write(&tree.join("DEBIAN/conffiles"), conffiles);
        }
        let maintainer = "Maintainer: A <a@example.com>\nDescription: a test\n";
        let architecture = if control.contains("Architecture") { "" } else { "Architecture: all\n" };
        let version = if control.contains("Version") { "" } else { "Version: 1.0-1\n" };
        write(&tree.join("DEBIAN/control"), format!("Package: {name}\n{version}{architecture}{control}{maintainer}"));
        let archive = self.top.path().join(format!("{name}.deb")).to_string_lossy().into_owned();
        tool(self.top.path(), &["dpkg-deb", "--root-owner-group", "--build", &tree.to_string_lossy(), &archive]);
        archive
    }

    fn dpkg(&self, arguments: &[&str]) -> String {
        let root = format!("--root={}", self.root().display());
        // The tests need no chroot, no ldconfig and no flushing to the disk.
        let mut command = vec!["dpkg", &root, "--force-not-root,bad-path,unsafe-io,script-chrootless"];
        command.extend(arguments);
        tool(self.top.path(), &command)
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> String {
        let root = format!("--root={}", self.root().display());
        let mut command = vec![program, &root];
        command.extend(arguments);
        tool(self.top.path(), &command)
    }

    fn add(&self, name: &str, control: &str, files: Files<'_>) {
        let archive = self.build(name, control, files);
        self.dpkg(&["--install", &archive]);
    }

    /// Runs a command of apt, word by word, on the tree and an archive of all packages that were built for it.
    fn apt<S: AsRef<str>>(&self, command: &[S]) {
        let top = self.top.path().display();
        let index = "for deb in *.deb; do dpkg-deb --field $deb; echo Filename: ./$deb; echo Size: $(stat -c %s $deb); \
                     echo SHA256: $(sha256sum < $deb | cut -d' ' -f1); echo; done > Packages";
        tool(self.top.path(), &["sh", "-c", index]);
        write(&self.top.path().join("apt/sources.list"), format!("deb [trusted=yes] file:{top} ./\n"));
        for directory in ["state/lists/partial", "cache/archives/partial", "log", "parts"] {
            tool(self.top.path(), &["mkdir", "-p", &format!("apt/{directory}")]);
        }
        let configuration = format!(
            "APT::Architecture \"amd64\"; APT::Sandbox::User \"root\";\n\
             Dir::Etc \"{top}/apt\"; Dir::Etc::parts \"parts\"; Dir::Etc::preferencesparts \"parts\";\n\
             Dir::State \"{top}/apt/state\"; Dir::State::status \"{top}/root/var/lib/dpkg/status\";\n\
             Dir::Cache \"{top}/apt/cache\"; Dir::Log \"{top}/apt/log\";\n\
             DPkg::Options {{ \"--root={top}/root\"; \"--force-not-root,bad-path,unsafe-io,script-chrootless\"; }};\n"
        );
        write(&self.top.path().join("apt/apt.conf"), configuration);
        let environment = format!("APT_CONFIG={top}/apt/apt.conf");
        tool(self.top.path(), &["env", &environment, "apt-get", "update"]);
        let words = ["env", environment.as_str()].into_iter().chain(command.iter().map(AsRef::as_ref));
        tool(self.top.path(), &words.collect::<Vec<_>>());
    }

    /// What the program says of the tree.
    fn told(&self, command: &str) -> serde_json::Value {
        let root = format!("h={}", self.root().display());
        let call = crate::program::rectify(self.top.path(), &[command, "system", "--root", &root, "--json"]);
        serde_json::from_str(&call.stdout).unwrap_or_else(|error| panic!("{error}: {}", call.stderr))
    }

    fn said(&self) -> Said {
        said(&self.root(), "dpkg")
    }

    /// What `dpkg --verify` finds: `missing` or `changed`.
    fn verified(&self) -> BTreeSet<(String, &'static str)> {
        let text = self.dpkg(&["--verify"]);
        let row = |line: &str| {
            let what = if line.starts_with("missing") { "missing" } else { "changed" };
            // Nine columns, the attribute, and the path.
            (line[12..].split(" (").next().expect("a path").to_owned(), what)
        };
        text.lines().map(row).collect()
    }

    /// What `debsums --all --silent` finds; its exit code is 2 then.
    fn debsums(&self) -> BTreeSet<String> {
        let script = format!("debsums --root={} --all --changed 2>&1; test $? -lt 3", self.root().display());
        let text = tool(self.top.path(), &["sh", "-c", &script]);
        text.lines().map(|line| line.trim_start_matches(&*self.root().to_string_lossy()).to_owned()).collect()
    }

    /// debsums takes a configuration file's name to end at the first blank.
    fn debsums_about_blanks(&self) -> String {
        format!("debsums: missing file {}/etc/shell.d/with (from shell package)", self.root().display())
    }

    /// Sound packages of every sort.
    fn typical() -> Self {
        let installed = Self::empty();
        installed.add(
            "shell",
            "",
            &[
                ("/usr/bin/shell", "#!shell\n"),
                ("/usr/bin/sh", "-> shell"),
                ("/etc/shell.conf", "prompt = $\n"),
                ("/etc/shell.d/with blank", "x\n"),
                ("/usr/share/doc/shell/copyright", "free\n"),
                ("/usr/share/odd/a\\b", "backslash\n"),
                ("/usr/share/odd/two words", "blank\n"),
            ],
        );
        installed.add(
            "library",
            "Architecture: amd64\nMulti-Arch: same\n",
            &[("/usr/lib/libx.so.1", "library\n"), ("/usr/share/doc/library/copyright", "free\n")],
        );
        for editor in EDITORS {
            let files: Files<'_> = if editor == "vi" {
                &[("/usr/bin/vi", "vi\n"), ("/usr/share/man/vi.1", "manual of vi\n")]
            } else {
                &[("/usr/bin/nano", "nano\n")]
            };
            installed.add(editor, "", files);
        }
        installed.tool(
            "dpkg-divert",
            &["--package", "vi", "--divert", "/usr/bin/tool.distrib", "--rename", "/usr/bin/tool"],
        );
        installed.tool("dpkg-divert", &["--local", "--divert", "/usr/bin/local.real", "--rename", "/usr/bin/local"]);
        installed.add("tool", "", &[("/usr/bin/tool", "tool\n"), ("/usr/bin/local", "local\n")]);
        write(&installed.at("/usr/bin/tool"), "a wrapper\n");
        installed
    }
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|&path| path.to_owned()).collect()
}

#[test]
fn nothing_sound_is_accused() {
    let installed = Installed::typical();
    let said = installed.said();
    assert_eq!(said.broken, []);
    assert_eq!(said.wrong(), []);
    assert_eq!(said.unknown, BTreeSet::new());
    assert_eq!(said.compared, 13);
    assert_eq!(installed.verified(), BTreeSet::new());
    assert_eq!(installed.debsums(), set(&[&installed.debsums_about_blanks()]));
}

#[test]
fn damage_is_found_where_dpkg_and_debsums_find_it_and_reinstalling_heals_it() {
    let installed = Installed::typical();
    damage(&installed.at("/usr/bin/shell"), 2, b"\0\0");
    damage(&installed.at("/usr/bin/tool.distrib"), 0, b"T");
    damage(&installed.at("/etc/shell.conf"), 0, b"P");
    remove(&installed.at("/usr/lib/libx.so.1"));
    remove(&installed.at("/usr/bin/sh"));
    remove(&installed.at("/usr/share/odd/two words"));
    remove(&installed.at("/usr/bin/nano"));
    tool(&installed.root(), &["ln", "-s", "vi", "usr/bin/nano"]);
    let said = installed.said();
    let expected = [
        ("/etc/shell.conf", "changed"),
        ("/usr/bin/nano", "kind"),
        ("/usr/bin/sh", "missing"),
        ("/usr/bin/shell", "changed"),
        ("/usr/bin/tool.distrib", "changed"),
        ("/usr/lib/libx.so.1", "missing"),
        ("/usr/share/odd/two words", "missing"),
    ];
    assert_eq!(said.wrong(), expected);
    // dpkg follows the link, and calls the program that it leads to a changed file. It notes the checksum of a diverted
    // file for the place where it is not (`src/main/verify.c`, where `namenodetouse` comes after `parse_filehash`), so
    // that it only sees whether it is there.
    let as_dpkg = |what: &str| if what == "missing" { "missing" } else { "changed" };
    let verified: BTreeSet<(String, &str)> = expected
        .iter()
        .map(|(path, what)| ((*path).to_owned(), as_dpkg(what)))
        .filter(|(path, _)| !path.ends_with(".distrib"))
        .collect();
    assert_eq!(installed.verified(), verified);
    // debsums knows no links. It looks at the diverted file, asks `dpkg-query --search` whose it is, takes the answer
    // (`diversion by vi from`) for another package, and is silent.
    let missing = |path: &str, package: &str| {
        format!("debsums: missing file {}{path} (from {package} package)", installed.root().display())
    };
    let library = missing("/usr/lib/libx.so.1", "library:amd64");
    let words = missing("/usr/share/odd/two words", "shell");
    let blanks = installed.debsums_about_blanks();
    let told = ["/etc/shell.conf", "/usr/bin/nano", "/usr/bin/shell", &library, &words, &blanks];
    assert_eq!(installed.debsums(), set(&told));
    // The command that a plan would have, as it stands.
    let commands = said.reinstall("dpkg");
    let names = ["library:amd64=1.0-1", "nano=1.0-1", "shell=1.0-1", "tool=1.0-1"];
    assert_eq!(commands, [[&["apt-get", "install", "--reinstall", "--no-remove"][..], &names[..]].concat()]);
    for command in &commands {
        installed.apt(command);
    }
    // A changed configuration file is the administrator's.
    assert_eq!(installed.said().wrong(), [("/etc/shell.conf", "changed")]);
    assert_eq!(installed.debsums(), set(&["/etc/shell.conf", &installed.debsums_about_blanks()]));
}

#[test]
fn the_program_finds_it_too_reinstalls_what_is_damaged_and_leaves_edited_configuration_alone() {
    let installed = Installed::typical();
    let sound = installed.told("check");
    assert_eq!((sound["outcome"].as_str(), sound["findings"].as_array().map(Vec::len)), (Some("in_sync"), Some(0)));
    damage(&installed.at("/usr/bin/shell"), 2, b"\0\0");
    remove(&installed.at("/usr/lib/libx.so.1"));
    write(&installed.at("/etc/shell.conf"), "prompt = what an administrator likes\n");
    let plan = installed.told("plan");
    let paths: Vec<&str> =
        plan["findings"].as_array().expect("it has findings").iter().filter_map(|one| one["path"].as_str()).collect();
    assert_eq!(paths, ["/usr/bin/shell", "/usr/lib/libx.so.1"]);
    let unverified = plan["unverified"].to_string();
    assert!(unverified.contains("/etc/shell.conf"), "an edited configuration is no all-clear: {unverified}");
    let reinstall = plan["steps"].as_array().expect("it has steps").iter().find(|step| step["action"] == "reinstall");
    let words = &reinstall.expect("packages are installed anew")["commands"][0]["argv"];
    let words: Vec<&str> = words.as_array().expect("words").iter().filter_map(|word| word.as_str()).collect();
    let fixed = ["apt-get", "install", "--reinstall", "--no-remove", "library:amd64=1.0-1", "shell=1.0-1"];
    assert_eq!(words, fixed);
    installed.apt(&words);
    let healed = installed.told("check");
    assert_eq!((healed["outcome"].as_str(), healed["findings"].as_array().map(Vec::len)), (Some("in_sync"), Some(0)));
}

#[test]
fn what_pip_upgraded_is_one_cause_and_what_is_damaged_beside_it_stays_damage() {
    let installed = Installed::empty();
    let top = installed.top.path();
    // pip upgrades what is installed where it runs: the package's files lie in a virtual environment.
    let environment = installed.at("/opt/env");
    tool(top, &["python3", "-m", "venv", &environment.to_string_lossy()]);
    let pip = environment.join("bin/pip").to_string_lossy().into_owned();
    let pip = |wheel: &str| tool(top, &[&pip, "install", "--no-index", "--no-compile", "--upgrade", wheel]);
    pip(&wheel(top, "1.0", &["one = 1\n", "two = 1\n", "three = 1\n", "four = 1\n"]));
    let list = "find opt/env/lib -path '*/demo*' -type f ! -name '*.pyc'";
    let paths: Vec<String> =
        tool(&installed.root(), &["sh", "-c", list]).lines().map(|path| format!("/{path}")).collect();
    let contents: Vec<String> =
        paths.iter().map(|path| String::from_utf8(read(&installed.at(path))).expect("it is text")).collect();
    let mut files: Vec<(&str, &str)> =
        paths.iter().map(String::as_str).zip(contents.iter().map(String::as_str)).collect();
    files.push(("/usr/share/demo/data", "not of pip\n"));
    installed.add("python3-demo", "", &files);
    assert_eq!(installed.said().wrong(), []);

    pip(&wheel(top, "2.0", &["one = 2\n", "two = 2\n", "three = 2\n"]));
    let told = installed.told("check");
    let findings = |told: &serde_json::Value, class: &str| -> Vec<String> {
        let all = told["findings"].as_array().cloned().unwrap_or_default();
        all.iter().filter(|one| one["class"] == class).map(|one| one["path"].to_string()).collect()
    };
    assert_eq!(findings(&told, "damage"), [""; 0], "{told}");
    assert_eq!(findings(&told, "drift").len(), paths.len() + 1, "all of 1.0 and its directory: {told}");
    let [group] = told["groups"].as_array().expect("groups").as_slice() else { panic!("{}", told["groups"]) };
    assert_eq!(group["cause"]["upgraded"]["by"], "demo 2.0");
    let globs: Vec<&str> = group["ignore"].as_array().expect("globs").iter().filter_map(|glob| glob.as_str()).collect();
    let ends: Vec<&str> = globs.iter().map(|glob| glob.rsplit("site-packages/").next().unwrap_or_default()).collect();
    assert_eq!(ends, ["demo-1.0.dist-info", "demo-1.0.dist-info/**", "demo/**"]);

    damage(&installed.at(paths.iter().find(|path| path.ends_with("part1.py")).expect("it has one")), 0, b"\0\0");
    remove(&installed.at("/usr/share/demo/data"));
    let damaged = findings(&installed.told("check"), "damage");
    let ends: Vec<&str> = damaged.iter().filter_map(|path| path.trim_matches('"').rsplit('/').next()).collect();
    assert_eq!(ends, ["part1.py", "data"], "pip has nothing to do with the one and did not make the other so");
}

#[test]
fn a_tree_without_any_package_database_is_incomplete_and_never_in_sync() {
    let installed = Installed::empty();
    tool(installed.top.path(), &["mkdir", "bare"]);
    let call = crate::program::rectify(installed.top.path(), &["check", "system", "--root", "h=bare"]);
    assert_eq!(call.code, 6, "{}", call.stdout);
    assert!(call.stdout.contains("no package database was found"), "{}", call.stdout);
}

#[test]
fn a_file_that_another_package_replaced_is_checked_against_that_one() {
    let installed = Installed::typical();
    installed.add("shell-data", "Replaces: shell\n", &[("/usr/share/doc/shell/copyright", "newer\n")]);
    assert_eq!(installed.said().wrong(), []);
    damage(&installed.at("/usr/share/doc/shell/copyright"), 0, b"N");
    assert_eq!(installed.said().wrong(), [("/usr/share/doc/shell/copyright", "changed")]);
}

#[test]
fn a_file_that_two_packages_claim_differently_is_unknown_and_one_that_they_agree_on_is_checked() {
    let installed = Installed::typical();
    installed.add("other", "", &[("/usr/share/other", "other\n"), ("/usr/share/same", "same\n")]);
    let info = installed.at("/var/lib/dpkg/info");
    for (name, sum) in [
        ("usr/share/other", "0123456789abcdef0123456789abcdef"),
        ("usr/share/same", "d8aea2b0e1a3a0c9e3c3a9c3d0a1f2b4"),
    ] {
        let md5 = if name.ends_with("same") { digest_of_other(&info, name) } else { sum.to_owned() };
        append(&info.join("nano.list"), &format!("/{name}\n"));
        append(&info.join("nano.md5sums"), &format!("{md5}  {name}\n"));
    }
    let said = installed.said();
    assert_eq!(said.wrong(), []);
    let why = "two packages claim it with different contents".to_owned();
    assert_eq!(said.unknown, BTreeSet::from([("/usr/share/other".to_owned(), why)]));
    damage(&installed.at("/usr/share/same"), 0, b"S");
    assert_eq!(installed.said().wrong(), [("/usr/share/same", "changed")]);
}

fn digest_of_other(info: &Path, name: &str) -> String {
    let text = String::from_utf8(read(&info.join("other.md5sums"))).expect("it is text");
    let line = text.lines().find(|line| line.ends_with(name)).expect("it is listed");
    line[..32].to_owned()
}

fn append(path: &Path, line: &str) {
    let mut bytes = read(path);
    bytes.extend_from_slice(line.as_bytes());
    write(path, bytes);
}

#[test]
fn modes_and_owners_are_those_that_the_administrator_set() {
    let installed = Installed::typical();
    write(&installed.at("/etc/passwd"), "root:x:0:0::/:/bin/sh\n");
    write(&installed.at("/etc/group"), "root:x:0:\n");
    installed.tool("dpkg-statoverride", &["--update", "--add", "#0", "#0", "4750", "/usr/bin/shell"]);
    assert_eq!(installed.said().wrong(), []);
    tool(&installed.root(), &["chmod", "755", "usr/bin/shell"]);
    assert_eq!(installed.said().wrong(), [("/usr/bin/shell", "mode")]);
}

#[test]
fn what_dpkg_was_told_to_leave_out_is_not_missed() {
    let installed = Installed::typical();
    write(
        &installed.at("/etc/dpkg/dpkg.cfg.d/docs"),
        "path-exclude /usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n",
    );
    let archive = installed.build(
        "documented",
        "",
        &[
            ("/usr/bin/documented", "x\n"),
            ("/usr/share/doc/documented/copyright", "free\n"),
            ("/usr/share/doc/documented/manual", "long\n"),
        ],
    );
    installed.dpkg(&[
        "--path-exclude=/usr/share/doc/*",
        "--path-include=/usr/share/doc/*/copyright",
        "--install",
        &archive,
    ]);
    assert!(!installed.at("/usr/share/doc/documented/manual").exists());
    assert_eq!(installed.said().wrong(), []);
    remove(&installed.at("/usr/share/doc/documented/copyright"));
    assert_eq!(installed.said().wrong(), [("/usr/share/doc/documented/copyright", "missing")]);
}

#[test]
fn directories_that_are_links_are_resolved_in_what_packages_say() {
    let installed = Installed::empty();
    tool(installed.top.path(), &["mkdir", "-p", "root/usr/bin"]);
    tool(&installed.root(), &["ln", "-s", "usr/bin", "bin"]);
    installed.add("old", "", &[("/bin/old", "old\n")]);
    let said = installed.said();
    assert_eq!(said.wrong(), []);
    assert!(said.told.contains(&("/usr/bin/old".to_owned(), "old".to_owned())));
    damage(&installed.at("/usr/bin/old"), 0, b"O");
    assert_eq!(installed.said().wrong(), [("/usr/bin/old", "changed")]);
}

#[test]
fn configuration_of_a_removed_package_may_be_gone() {
    let installed = Installed::typical();
    installed.dpkg(&["--remove", "shell"]);
    assert!(installed.at("/etc/shell.conf").exists());
    remove(&installed.at("/etc/shell.d/with blank"));
    let said = installed.said();
    assert_eq!(said.wrong(), []);
    assert!(said.told.contains(&("/etc/shell.conf".to_owned(), "shell".to_owned())));
    assert!(!said.told.contains(&("/usr/bin/shell".to_owned(), "shell".to_owned())));
}

#[test]
fn configuration_that_another_package_took_over_from_a_removed_one_is_checked_against_the_new_one() {
    let installed = Installed::typical();
    installed.dpkg(&["--remove", "shell"]);
    let archive = installed.build("zsh", "", &[("/etc/shell.conf", "prompt = %\n")]);
    installed.dpkg(&["--force-confnew", "--install", &archive]);
    let said = installed.said();
    assert_eq!(said.wrong(), []);
    damage(&installed.at("/etc/shell.conf"), 0, b"P");
    assert_eq!(installed.said().wrong(), [("/etc/shell.conf", "changed")]);
}

#[test]
fn a_status_file_that_is_cut_is_broken_and_what_is_left_of_it_is_used() {
    let installed = Installed::typical();
    let status = installed.at("/var/lib/dpkg/status");
    let bytes = read(&status);
    // At every place: never an accusation, and either all packages or a broken status file.
    for end in (0..bytes.len()).step_by(31) {
        write(&status, &bytes[..end]);
        let said = installed.said();
        assert_eq!(said.wrong(), [], "cut at {end}");
        assert!(!said.broken.is_empty(), "cut at {end}");
        assert_eq!(said.packages.len(), 5, "the lists name the packages that are lost: cut at {end}");
    }
}

#[test]
fn zeros_or_another_files_content_in_the_status_file_are_broken_and_accuse_nobody() {
    let installed = Installed::typical();
    let status = installed.at("/var/lib/dpkg/status");
    let bytes = read(&status);
    for at in (0..bytes.len() - 40).step_by(41) {
        for foreign in [
            &[0; 40][..],
            b"0123 binary \x7fELF rubbish, and\n\nmore of it ",
            b"Package: shell\nStatus: install ok installed",
        ] {
            let mut damaged = bytes.clone();
            damaged[at..at + 40].copy_from_slice(&foreign[..40]);
            write(&status, &damaged);
            let said = installed.said();
            assert_eq!(said.wrong(), [], "damaged at {at}");
            assert!(foreign[0] != 0 || !said.broken.is_empty(), "zeros at {at}");
        }
    }
}

#[test]
fn a_damaged_list_of_checksums_makes_its_package_unknown_and_never_missing() {
    let installed = Installed::typical();
    let sums = installed.at("/var/lib/dpkg/info/shell.md5sums");
    let bytes = read(&sums);
    let mut zeros = bytes.clone();
    zeros[10..20].fill(0);
    let other = read(&installed.at("/var/lib/dpkg/info/vi.md5sums"));
    for damaged in [zeros, bytes[..bytes.len() - 5].to_vec(), bytes[7..].to_vec(), other, b"garbage\n".to_vec()] {
        write(&sums, &damaged);
        let said = installed.said();
        assert_eq!(said.wrong(), []);
        let paths: Vec<&str> = said.broken.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["/var/lib/dpkg/info/shell.md5sums"], "{}", String::from_utf8_lossy(&damaged));
        assert!(said.unknown.iter().any(|(path, _)| path == "/usr/bin/shell"));
    }
}

#[test]
fn a_damaged_list_of_files_accuses_nobody() {
    let installed = Installed::typical();
    let list = installed.at("/var/lib/dpkg/info/shell.list");
    let bytes = read(&list);
    for end in (0..bytes.len()).step_by(3) {
        write(&list, &bytes[..end]);
        assert_eq!(installed.said().wrong(), [], "cut at {end}");
    }
    for at in (0..bytes.len() - 8).step_by(5) {
        let mut damaged = bytes.clone();
        damaged[at..at + 8].fill(0);
        write(&list, &damaged);
        let said = installed.said();
        assert_eq!(said.wrong(), [], "zeros at {at}");
        assert_eq!(said.broken.len(), 1, "zeros at {at}");
    }
    remove(&list);
    let said = installed.said();
    assert_eq!(said.wrong(), []);
    assert_eq!(said.broken.len(), 1);
}

#[test]
fn alternatives_are_links_to_the_choice() {
    let installed = Installed::typical();
    let root = installed.root().to_string_lossy().into_owned();
    let alternatives = |arguments: &[&str]| {
        tool(installed.top.path(), &[&["update-alternatives", "--root", &root][..], arguments].concat())
    };
    for (editor, priority) in EDITORS.iter().zip(["10", "20"]) {
        let mut arguments = vec!["--install", "/usr/bin/editor", "editor"];
        let path = format!("/usr/bin/{editor}");
        arguments.extend([path.as_str(), priority]);
        if *editor == "vi" {
            arguments.extend(["--slave", "/usr/share/man/editor.1", "editor.1", "/usr/share/man/vi.1"]);
        }
        alternatives(&arguments);
    }
    let said = || said(&installed.root(), "alternatives");
    assert_eq!((said().broken, said().wrong), (Vec::new(), BTreeSet::new()));
    assert_eq!(said().told.len(), 2, "nano has no manual");
    // The wrong choice, and the common name gone.
    tool(&installed.root(), &["ln", "-sfn", "/usr/bin/vi", "etc/alternatives/editor"]);
    remove(&installed.at("/usr/bin/editor"));
    assert_eq!(said().wrong(), [("/etc/alternatives/editor", "target"), ("/usr/bin/editor", "missing")]);
    assert_eq!(said().reinstall("alternatives"), [["update-alternatives", "--auto", "editor"]]);
    alternatives(&["--auto", "editor"]);
    assert_eq!(said().wrong(), []);
    // By hand: the slave follows.
    alternatives(&["--set", "editor", "/usr/bin/vi"]);
    assert_eq!((said().told.len(), said().wrong()), (4, Vec::new()));
    tool(&installed.root(), &["ln", "-sfn", "/nowhere", "usr/share/man/editor.1"]);
    assert_eq!(said().wrong(), [("/usr/share/man/editor.1", "target")]);
    assert_eq!(said().reinstall("alternatives"), [["update-alternatives", "--set", "editor", "/usr/bin/vi"]]);
    alternatives(&["--set", "editor", "/usr/bin/vi"]);
    assert_eq!(said().wrong(), []);
    let group = installed.at("/var/lib/dpkg/alternatives/editor");
    let bytes = read(&group);
    for end in 0..bytes.len() {
        write(&group, &bytes[..end]);
        assert_eq!((said().broken.len(), said().wrong()), (1, Vec::new()), "cut at {end}");
    }
}
