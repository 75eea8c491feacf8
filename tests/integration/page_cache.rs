//! Memory against disk, on a real file system whose blocks are changed beneath it, as a block layer that loses writes
//! does: what buffered reading hides is found, rescued and written anew by the plan's own commands.

use crate::program::{Call, is_root, rectify, run, skip};
use crate::tools::{read, tool, write};
use rectify::model::artifact::{Artifact, Authority, Content, Durability, Expected, Mend, Vigilance};
use rectify::model::content::Blob;
use rectify::model::manifest::{Definition, Depth, Evaluation, Host, Look, Manifest};
use rectify::model::path::TargetPath;
use rectify::pipeline::saved::manifest_bytes;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A block of content that cannot be taken for another one.
fn block(letter: char) -> String {
    format!("this is content {letter}\n").repeat(200).chars().take(4096).collect()
}

/// A mounted file system in a file, unmounted when the test ends.
struct Disk {
    directory: tempfile::TempDir,
}

impl Disk {
    /// `None` where loop devices cannot be had.
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let script = "truncate -s 16M image && mkfs.ext4 -q -b 4096 image && mkdir live && mount -o loop image live";
        let made = run(directory.path(), Path::new("sh"), &["-ec", script]);
        if made.code != 0 {
            skip(&format!("no loop device here: {}", made.stderr.trim()));
            return None;
        }
        Some(Self { directory })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("live").join(name)
    }

    fn target(&self, name: &str) -> TargetPath {
        TargetPath::new(self.path(name).to_str().expect("temporary directories have text names"))
    }

    /// Writes a file, as a program does, and lets it reach the disk.
    fn write(&self, name: &str, content: &str) {
        write(&self.path(name), content);
        tool(self.directory.path(), &["sync", "-f", "live"]);
        read(&self.path(name));
    }

    /// Changes the first block of a file beneath the file system, which does not learn of it.
    fn change_beneath(&self, name: &str, content: &str) {
        let found = tool(self.directory.path(), &["debugfs", "-R", &format!("blocks /{name}"), "image"]);
        let block = found.split_whitespace().next().expect("the file has a block");
        write(&self.directory.path().join("block"), content);
        let seek = format!("seek={block}");
        let of = ["dd", "if=block", "of=image", "bs=4096", &seek, "conv=notrunc", "status=none"];
        tool(self.directory.path(), &of);
    }

    /// Lets the kernel forget everything that it has in memory of this file system, as a reboot does.
    fn mount_again(&self) {
        tool(self.directory.path(), &["umount", "live"]);
        tool(self.directory.path(), &["mount", "-o", "loop", "image", "live"]);
    }

    fn rectify(&self, arguments: &[&str]) -> Call {
        let all = [&["--manifest", "manifest.json", "--config", "rectify.toml"], arguments].concat();
        rectify(self.directory.path(), &all)
    }

    fn manifest(&self, expected: &[(&str, String)]) {
        let mut manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
        let host = Host { name: "h".into(), ignored: false, directory: None, service_user: None, local: true };
        manifest.hosts.push(host);
        manifest.look.push(Look::new(&"h".into(), self.target("srv"), Depth::Whole));
        let mend = manifest.add_mend(Mend::new(Vigilance::Content, Vigilance::Content));
        for (name, content) in expected {
            manifest.artifacts.push(Artifact {
                host: "h".into(),
                path: self.target(name),
                unit: "h/web".into(),
                expected: Expected::File(Content::Bytes(Blob::from(content.as_str()))),
                mode: None,
                owner: None,
                group: None,
                authority: Authority::Definition,
                durability: Durability::Reproducible,
                mend,
                secret: false,
                origin: None,
            });
        }
        write(&self.directory.path().join("manifest.json"), manifest_bytes(&manifest));
        let quarantine = format!("quarantine = \"{}/kept\"\n", self.directory.path().display());
        write(&self.directory.path().join("rectify.toml"), quarantine);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(self.directory.path(), Path::new("umount"), &["live"]);
    }
}

/// `damage` by file name.
fn found(call: &Call) -> BTreeMap<String, String> {
    let view: Value = serde_json::from_str(&call.stdout).unwrap_or_else(|error| panic!("{error}: {}", call.stderr));
    let findings = view["findings"].as_array().expect("a view has findings");
    let entry = |finding: &Value| {
        let path = finding["path"].as_str().expect("a path is text");
        let name = path.rsplit('/').next().expect("a path has a name").to_owned();
        (name, finding["damage"].as_str().expect("damage is text").to_owned())
    };
    findings.iter().map(entry).collect()
}

/// Does what the plan says.
fn follow(disk: &Disk, plan: &Value) {
    for step in plan["steps"].as_array().expect("a plan has steps") {
        if step["action"] == "verify" {
            continue;
        }
        for command in step["commands"].as_array().expect("a step has commands") {
            let words: Vec<&str> =
                command["argv"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
            tool(Path::new(command["directory"].as_str().unwrap_or("/")), &words);
        }
    }
    tool(disk.directory.path(), &["sync", "-f", "live"]);
}

#[test]
fn a_lost_write_that_buffered_reading_hides_is_found_rescued_and_written_anew() {
    if !is_root() {
        return skip("only root can mount");
    }
    let Some(disk) = Disk::new() else { return };
    let (new, old) = (block('N'), block('O'));
    for name in ["srv/config", "srv/data", "srv/sound"] {
        disk.write(name, &format!("{new}and a tail\n"));
    }
    disk.write("srv/behind", &old);
    disk.manifest(&[("srv/config", format!("{new}and a tail\n")), ("srv/behind", new.clone())]);
    disk.change_beneath("srv/config", &old);
    disk.change_beneath("srv/data", &old);
    disk.change_beneath("srv/behind", &new);

    let cached = disk.rectify(&["check", "--json"]);
    let behind: BTreeMap<String, String> = [("behind".to_owned(), "edited".to_owned())].into();
    assert_eq!(found(&cached), behind, "memory alone does not show what the disk has lost");

    let both = disk.rectify(&["plan", "--read", "both", "--json"]);
    let expected =
        [("behind", "cache_older_than_disk"), ("config", "cache_newer_than_disk"), ("data", "cache_newer_than_disk")];
    assert_eq!(found(&both), expected.map(|(name, damage)| (name.to_owned(), damage.to_owned())).into());
    let text = disk.rectify(&["plan", "--read", "both"]).stdout;
    assert!(text.starts_with("Do not reboot h, do not drop its caches"), "{text}");

    let plan: Value = serde_json::from_str(&both.stdout).expect("it was read before");
    assert_eq!(plan["steps"][0]["action"], "rescue", "{plan:#}");
    follow(&disk, &plan);
    let rescued = format!("{}{}", rescue_directory(&plan), disk.path("srv/data").display());
    assert_eq!(read(Path::new(&rescued)), format!("{new}and a tail\n").into_bytes());

    let after = disk.rectify(&["check", "--read", "both"]);
    assert_eq!(after.code, 0, "{}", after.stdout);
    disk.mount_again();
    for name in ["srv/config", "srv/data", "srv/sound"] {
        assert_eq!(read(&disk.path(name)), format!("{new}and a tail\n").into_bytes(), "{name} after a reboot");
    }
    assert_eq!(read(&disk.path("srv/behind")), new.into_bytes());
}

/// Where the plan's first step copies to.
fn rescue_directory(plan: &Value) -> String {
    let made = &plan["steps"][0]["commands"][0]["argv"];
    made.as_array().and_then(|words| words.last()).and_then(Value::as_str).expect("a directory is made").to_owned()
}

/// A package of three files on a disk that has lost what one of them should be, and has what another one should be, which
/// memory has not.
fn packaged(disk: &Disk) {
    let (new, old) = (block('N'), block('O'));
    for name in ["config", "sound", "behind"] {
        disk.write(name, if name == "behind" { &old } else { &new });
    }
    let fields = ["Package: demo", "Status: install ok installed", "Version: 1", "Architecture: all"];
    let fields = [&fields[..], &["Maintainer: A <a@example.com>", "Description: a test\n\n"]].concat();
    disk.write("var/lib/dpkg/status", &fields.join("\n"));
    disk.write("var/lib/dpkg/info/demo.list", "/.\n/config\n/sound\n/behind\n");
    let sum = tool(disk.directory.path(), &["md5sum", "live/sound"]);
    let sum = sum.split_whitespace().next().expect("a sum");
    let sums: String = ["config", "sound", "behind"].iter().map(|name| format!("{sum}  {name}\n")).collect();
    disk.write("var/lib/dpkg/info/demo.md5sums", &sums);
    disk.change_beneath("config", &old);
    disk.change_beneath("behind", &new);
}

#[test]
fn a_packaged_file_that_only_memory_has_right_is_found_in_both_ways_past_the_cache() {
    if !is_root() {
        return skip("only root can mount");
    }
    let Some(disk) = Disk::new() else { return };
    packaged(&disk);
    let check = |way: &str| {
        let root = format!("h={}", disk.path("").display());
        rectify(disk.directory.path(), &["check", "system", "--root", &root, "--json", "--read", way])
    };
    assert_eq!(found(&check("cached")).keys().collect::<Vec<_>>(), ["behind"], "memory hides what the disk has lost");
    let expected = [("behind", "cache_older_than_disk"), ("config", "cache_newer_than_disk")];
    for way in ["both", "direct"] {
        let call = check(way);
        assert_eq!(found(&call), expected.map(|(name, damage)| (name.to_owned(), damage.to_owned())).into());
        let view: Value = serde_json::from_str(&call.stdout).expect("it was read before");
        assert_eq!(view["findings"][1]["certainty"], "proved", "its package tells which is right");
        assert_eq!(
            (&view["summary"]["checked"], &view["summary"]["intact"]),
            (&3.into(), &2.into()),
            "{way}: {}",
            call.stdout
        );
    }
}

#[test]
fn a_scan_of_packages_goes_on_without_reading_again_from_the_disk_what_is_right_in_both() {
    if !is_root() {
        return skip("only root can mount");
    }
    let Some(disk) = Disk::new() else { return };
    packaged(&disk);
    let different = |more: &[&str]| {
        let root = format!("h={}", disk.path("").display());
        let arguments = [&["scan", "system", "--root", &root, "--read", "both"], more].concat();
        let scan = rectify(disk.directory.path(), &arguments).stdout;
        let head: Value = serde_json::from_str(scan.lines().next().expect("a scan has a head")).expect("it is JSON");
        let disk = head["scan"]["disk"].as_object().expect("what the disk has otherwise");
        disk.keys().map(|path| path.trim_start_matches('/').to_owned()).collect::<Vec<_>>()
    };
    let journal = ["--journal", "journal"];
    assert_eq!(different(&journal), ["behind", "config"]);
    let noted = String::from_utf8(read(&disk.directory.path().join("journal"))).expect("it is text");
    let has = |name: &str| noted.contains(&format!("\"/{name}\""));
    assert_eq!(["sound", "config", "behind"].map(has), [true, false, false], "{noted}");
    // What happens below the file system between the two parts is not seen: that is how one sees what is not read.
    disk.change_beneath("sound", &block('X'));
    assert_eq!(different(&journal), ["behind", "config"], "what was right is not read again");
    assert_eq!(different(&[]), ["behind", "config", "sound"]);
    // Somebody writes it: it is another file.
    disk.write("sound", &block('N'));
    disk.change_beneath("sound", &block('X'));
    assert_eq!(different(&journal), ["behind", "config", "sound"]);
}

#[test]
fn direct_reading_shows_the_disk_and_leaves_the_cache_alone() {
    if !is_root() {
        return skip("only root can mount");
    }
    let Some(disk) = Disk::new() else { return };
    let (new, old) = (block('N'), block('O'));
    disk.write("srv/config", &new);
    disk.manifest(&[("srv/config", new.clone())]);
    disk.change_beneath("srv/config", &old);
    let direct = disk.rectify(&["check", "--read", "direct", "--json"]);
    assert_eq!(found(&direct), [("config".to_owned(), "edited".to_owned())].into());
    // The closer look is at the disk, too, and not at what memory has.
    disk.change_beneath("srv/config", &"\0".repeat(4096));
    let direct = disk.rectify(&["check", "--read", "direct", "--json"]);
    assert_eq!(found(&direct), [("config".to_owned(), "zeroed".to_owned())].into());
    assert_eq!(read(&disk.path("srv/config")), new.into_bytes(), "the good copy in memory is still there");
}

#[test]
fn what_is_not_on_the_disk_yet_is_left_alone_and_said() {
    if !is_root() {
        return skip("only root can mount");
    }
    let Some(disk) = Disk::new() else { return };
    disk.manifest(&[]);
    disk.write("srv/quiet", &block('Q'));
    write(&disk.path("srv/busy"), block('B'));
    let scan = disk.rectify(&["scan", "--read", "both"]).stdout;
    let head: Value = serde_json::from_str(scan.lines().next().expect("a scan has a head")).expect("it is JSON");
    let busy = &head["scan"]["disk"][disk.path("srv/busy").to_str().expect("it is text")]["unknown"];
    assert!(busy.as_str().is_some_and(|reason| reason.contains("not on the disk yet")), "{head:#}");
    assert!(head["scan"]["disk"].as_object().is_some_and(|disk| disk.len() == 1), "{head:#}");
}

#[test]
fn a_scan_that_goes_on_looks_again_at_what_only_memory_has() {
    if !is_root() {
        return skip("only root can mount");
    }
    let Some(disk) = Disk::new() else { return };
    for name in ["srv/config", "srv/sound"] {
        disk.write(name, &block('N'));
    }
    disk.manifest(&[]);
    disk.change_beneath("srv/config", &block('O'));
    let on_disk = || {
        let scan = disk.rectify(&["scan", "--read", "both", "--journal", "journal"]).stdout;
        let head: Value = serde_json::from_str(scan.lines().next().expect("a scan has a head")).expect("it is JSON");
        head["scan"]["disk"][disk.path("srv/config").to_str().expect("it is text")].clone()
    };
    assert!(on_disk()["other"].is_object(), "{:#}", on_disk());
    let journal = String::from_utf8(read(&disk.directory.path().join("journal"))).expect("it is text");
    assert!(journal.contains("srv/sound") && !journal.contains("srv/config"), "{journal}");
    assert!(on_disk()["other"].is_object(), "it is found again");
    // With the next boot memory is gone, and with it the difference: nothing of it may be left in the journal.
    disk.mount_again();
    assert_eq!(on_disk(), Value::Null);
}

#[test]
fn what_nothing_vouches_for_is_held_against_its_format_as_the_disk_has_it() {
    if !is_root() {
        return skip("only root can mount");
    }
    let Some(disk) = Disk::new() else { return };
    let rows: Vec<String> = (0..2000).map(|n| format!("{{\"row\": {n}}}")).collect();
    let good = format!("[{}]", rows.join(",\n"));
    disk.write("srv/rows.json", &good);
    disk.manifest(&[]);
    disk.change_beneath("srv/rows.json", &"\0".repeat(4096));
    let cached = disk.rectify(&["check", "--json"]);
    assert!(found(&cached).is_empty(), "{cached:?}");
    let direct = disk.rectify(&["check", "--read", "direct", "--json"]);
    assert!(found(&direct).contains_key("rows.json"), "{direct:?}");
    assert_eq!(read(&disk.path("srv/rows.json")), good.into_bytes(), "the good copy in memory is still there");
}
