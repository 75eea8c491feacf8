//! Looking at a live tree: whatever lies there, nothing blocks, nothing escapes, and what cannot be read is said.

#![expect(clippy::disallowed_methods, reason = "tests make what rectify looks at")]

use crate::program::{is_root, skip};
use crate::tools::{tool, write};
use rectify::io::disk::LiveRoot;
use rectify::live;
use rectify::live::journal::{Journal, Stamp};
use rectify::model::content::Algorithm;
use rectify::model::digests::Digests;
use rectify::model::hasher::digest_of;
use rectify::model::manifest::{Definition, Depth, Evaluation, Look, Manifest};
use rectify::model::observation::{Kind, ReadMode, Scan, SeenContent, Sighting};
use rectify::model::path::TargetPath;
use rectify::monitor::{Monitor, Silent};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;

fn manifest(look: &[(&str, Depth)]) -> Manifest {
    let mut manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
    let place = |(path, depth): &(&str, Depth)| Look::new(&"h".into(), TargetPath::new(path), *depth);
    manifest.look = look.iter().map(place).collect();
    manifest
}

fn scan_with(base: &Path, look: &[(&str, Depth)], monitor: &dyn Monitor) -> Scan {
    let root = LiveRoot::open(base).expect("it is a directory");
    live::scan(
        &root,
        &manifest(look),
        &live::Asked { host: &"h".into(), started_at: 0, read: ReadMode::Cached, journal: None, io_limit: None },
        monitor,
    )
}

fn scan(base: &Path) -> Scan {
    scan_with(base, &[("/srv", Depth::Whole)], &Silent)
}

fn sighting(scan: &Scan, path: &str) -> Sighting {
    scan.sighting(&TargetPath::new(path)).into_owned()
}

fn kind(scan: &Scan, path: &str) -> Option<Kind> {
    scan.seen(&TargetPath::new(path)).map(|seen| seen.kind)
}

fn tree() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    std::fs::create_dir(directory.path().join("srv")).expect("it is writable");
    directory
}

#[test]
fn pipes_sockets_and_devices_are_told_and_never_opened() {
    let tree = tree();
    let srv = tree.path().join("srv");
    tool(&srv, &["mkfifo", "pipe"]);
    let _socket = std::os::unix::net::UnixListener::bind(srv.join("socket")).expect("it can be bound");
    if is_root() {
        // A device that would wind back, block or answer: the null device of the kernel's memory driver.
        tool(&srv, &["mknod", "device", "c", "1", "3"]);
    }
    let scan = scan(tree.path());
    assert_eq!(kind(&scan, "/srv/pipe"), Some(Kind::Fifo));
    assert_eq!(kind(&scan, "/srv/socket"), Some(Kind::Socket));
    assert_eq!(kind(&scan, "/srv/device"), is_root().then_some(Kind::Device));
    let root = LiveRoot::open(tree.path()).expect("it is a directory");
    let error = root.open_file(&TargetPath::new("/srv/pipe")).expect_err("a pipe is no file");
    assert_eq!(error.text, "not a regular file any more");
}

#[test]
fn links_are_never_followed_out_of_the_root_nor_in_circles() {
    let tree = tree();
    let outside = tempfile::tempdir().expect("there is room for a directory");
    write(&outside.path().join("secret"), "nobody may see this\n");
    let digest = digest_of(Algorithm::Sha256, b"nobody may see this\n").to_string();
    let srv = tree.path().join("srv");
    let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, srv.join(name)).expect("a link");
    link(&outside.path().join("secret"), "absolute");
    link(outside.path(), "directory");
    link(Path::new("../../../../../../../../../../etc/passwd"), "upwards");
    link(Path::new("loop-b"), "loop-a");
    link(Path::new("loop-a"), "loop-b");
    link(Path::new("."), "self");
    let look =
        [("/srv", Depth::Whole), ("/srv/directory/secret", Depth::Itself), ("/srv/self/self/absolute", Depth::Itself)];
    let scan = scan_with(tree.path(), &look, &Silent);
    let text = String::from_utf8(rectify::pipeline::saved::scan_bytes(&scan)).expect("a scan is text");
    assert!(!text.contains(&digest), "{text}");
    for name in ["absolute", "directory", "upwards", "loop-a", "loop-b", "self"] {
        assert_eq!(kind(&scan, &format!("/srv/{name}")), Some(Kind::Link), "{name}");
    }
    // As on the host itself, an absolute link is resolved from the host's root, where there is no such directory.
    assert_eq!(sighting(&scan, "/srv/directory/secret"), Sighting::Absent);
    let root = LiveRoot::open(tree.path()).expect("it is a directory");
    for path in ["/srv/absolute", "/srv/directory/secret", "/srv/upwards", "/srv/loop-a", "/srv/loop-a/x"] {
        assert!(root.open_file(&TargetPath::new(path)).is_err(), "{path}");
    }
}

#[test]
fn names_that_are_no_text_are_seen_and_saved() {
    let tree = tree();
    let name = b"caf\xe9\nnew";
    std::fs::write(tree.path().join("srv").join(OsStr::from_bytes(name)), "x").expect("it is writable");
    let scan = scan(tree.path());
    let path = TargetPath::new("/srv").join(name);
    let saved = tree.path().join("scan.jsonl");
    std::fs::write(&saved, rectify::pipeline::saved::scan_bytes(&scan)).expect("it is writable");
    let back = rectify::pipeline::saved::read_scan(&saved, &Digests::default()).expect("it reads back");
    assert_eq!(back, scan);
    assert_eq!(back.digest(&path, Algorithm::Sha256), Some(digest_of(Algorithm::Sha256, b"x")));
}

/// Does something to the tree between listing and reading.
struct Meddler<F>(F);

impl<F: Fn() + Sync> Monitor for Meddler<F> {
    fn begin(&self, what: &str, _total: Option<u64>) {
        if what.starts_with("reading") {
            (self.0)();
        }
    }
    fn advance(&self, _by: u64) {}
    fn end(&self) {}
    fn note(&self, _text: &str) {}
}

#[test]
fn a_file_that_vanishes_or_changes_while_it_is_read_is_unread_and_not_damaged() {
    let tree = tree();
    let srv = tree.path().join("srv");
    for name in ["gone", "changed", "pipe", "same"] {
        write(&srv.join(name), "before\n");
    }
    let meddler = Meddler(|| {
        std::fs::remove_file(srv.join("gone")).expect("it is there");
        std::fs::remove_file(srv.join("pipe")).expect("it is there");
        tool(&srv, &["mkfifo", "pipe"]);
        tool(&srv, &["sh", "-c", "echo after > changed; touch -d '2001-01-01' changed"]);
    });
    let scan = scan_with(tree.path(), &[("/srv", Depth::Whole)], &meddler);
    let content = |path: &str| scan.seen(&TargetPath::new(path)).and_then(|seen| seen.content.clone());
    for (path, text) in [
        ("/srv/gone", "No such file"),
        ("/srv/pipe", "not a regular file any more"),
        ("/srv/changed", "it changed while it was read"),
    ] {
        let Some(SeenContent::Failed(failure)) = content(path) else { panic!("{path}: {:?}", content(path)) };
        assert!(failure.text.contains(text), "{path}: {}", failure.text);
        assert!(!failure.is_damage(), "{path}");
    }
    assert!(matches!(content("/srv/same"), Some(SeenContent::Read { .. })));
}

#[test]
fn five_thousand_directories_in_each_other_are_walked() {
    let tree = tree();
    // Longer than any path that the kernel takes: made and removed from inside, step by step.
    let script = "import os\nfor _ in range(5000):\n    os.mkdir('d'); os.chdir('d')\nopen('leaf', 'w').close()\n";
    tool(&tree.path().join("srv"), &["python3", "-c", script]);
    let scan = scan(tree.path());
    let deepest = scan.observations.iter().map(|(path, _)| path.as_bytes().len()).max().expect("something was seen");
    // PATH_MAX is 4096: what lies deeper must be said not to have been seen, and never be absent.
    assert!(deepest > 4000, "{deepest}");
    let below = TargetPath::new(format!("/srv{}/leaf", "/d".repeat(5000)));
    assert!(!matches!(&*scan.sighting(&below), Sighting::Absent), "absence was claimed without a listing");
    let remove = "import os, shutil\nos.system('rm -rf d')\n";
    tool(&tree.path().join("srv"), &["python3", "-c", remove]);
}

/// The most memory that this process ever used, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").trim().parse().expect("it is a number")
}

#[test]
fn a_large_sparse_file_is_digested_without_being_held_in_memory() {
    let tree = tree();
    let file = std::fs::File::create(tree.path().join("srv/sparse")).expect("it is writable");
    file.set_len(1 << 30).expect("the file system has holes");
    drop(file);
    let before = peak();
    let scan = scan(tree.path());
    assert!(scan.seen(&TargetPath::new("/srv/sparse")).is_some_and(|seen| seen.digest(Algorithm::Sha256).is_some()));
    let grown = peak().saturating_sub(before);
    // Other tests run beside this one: a fraction of the file is proof enough.
    assert!(grown < 300 << 10, "{grown} KiB more");
}

#[test]
fn what_somebody_else_may_not_read_is_unseen() {
    if !is_root() {
        return skip("only root can become somebody else");
    }
    let tree = tree();
    let srv = tree.path().join("srv");
    write(&srv.join("open"), "x");
    write(&srv.join("closed"), "x");
    write(&srv.join("vault/inside"), "x");
    tool(tree.path(), &["sh", "-c", "chmod 755 . srv; chmod 000 srv/closed srv/vault"]);
    // The library runs in this process, which is root: the program runs as somebody else in its place.
    let spec = rectify::pipeline::saved::manifest_bytes(&{
        let mut manifest = manifest(&[("/srv", Depth::Whole), ("/srv/vault/inside", Depth::Itself)]);
        manifest.hosts.push(rectify::model::manifest::Host {
            name: "h".into(),
            ignored: false,
            directory: None,
            service_user: None,
            local: true,
        });
        manifest
    });
    std::fs::write(tree.path().join("spec.json"), spec).expect("it is writable");
    let program = tree.path().join("rectify");
    tool(tree.path(), &["cp", &crate::program::program().to_string_lossy(), &program.to_string_lossy()]);
    let root = format!("h={}", tree.path().display());
    let call = crate::program::run(
        tree.path(),
        Path::new("setpriv"),
        &[
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--",
            "./rectify",
            "scan",
            "--manifest",
            "spec.json",
            "--root",
            &root,
        ],
    );
    assert_eq!(call.code, 0, "{}", call.stderr);
    let line = |path: &str| {
        let wanted = format!("{{\"path\":\"{path}\"");
        call.stdout.lines().find(|line| line.starts_with(&wanted)).unwrap_or_else(|| panic!("{path}: {}", call.stdout))
    };
    assert!(line("/srv/open").contains("sha256:"));
    assert!(line("/srv/closed").contains("\"failed\":{\"errno\":13"), "{}", line("/srv/closed"));
    assert!(line("/srv/vault").contains("\"unseen\":{\"errno\":13"), "{}", line("/srv/vault"));
    assert!(!call.stdout.contains("absent"), "{}", call.stdout);
}

#[test]
fn a_block_that_the_disk_cannot_read_is_damage() {
    if !is_root() {
        return skip("only root can map devices");
    }
    let tree = tree();
    let name = format!("rectify-test-{}", std::process::id());
    // A small file system whose file lies on a part of the device that answers with errors.
    let script = format!(
        "dmsetup version >&2 && truncate -s 16M image && mkfs.ext4 -q -O ^has_journal -d content image 2>&1 && \
         start=$(debugfs -R 'blocks /file' image 2>/dev/null | awk '{{print $1}}') && size=$(stat -c %s image) && \
         bs=$(dumpe2fs -h image 2>/dev/null | sed -n 's/^Block size: *//p') && loop=$(losetup -f --show image) && \
         echo $loop > loop && at=$((start * bs / 512)) && n=$((bs / 512)) && all=$((size / 512)) && \
         printf '0 %s linear %s 0\\n%s %s error\\n%s %s linear %s %s\\n' $at $loop $at $n $((at+n)) $((all-at-n)) $loop \
         $((at+n)) | dmsetup create {name} && mount -o ro /dev/mapper/{name} srv"
    );
    write(&tree.path().join("content/file"), "x".repeat(4000));
    let made = crate::program::run(tree.path(), Path::new("sh"), &["-ec", &script]);
    let clean = format!("umount srv; dmsetup remove {name}; [ ! -e loop ] || losetup -d $(cat loop)");
    if made.code == 0 {
        let scan = scan(tree.path());
        crate::program::run(tree.path(), Path::new("sh"), &["-c", &clean]);
        let seen = scan.seen(&TargetPath::new("/srv/file")).expect("its inode is sound");
        let Some(SeenContent::Failed(failure)) = &seen.content else { panic!("{:?}", seen.content) };
        assert_eq!((failure.errno, failure.is_damage()), (5, true), "{}", failure.text);
    } else {
        crate::program::run(tree.path(), Path::new("sh"), &["-c", &clean]);
        skip(&format!("no device mapper here: {}", made.stderr.trim()));
    }
}

/// A journal in memory, which counts what is added to it.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) known: BTreeMap<TargetPath, (u64, i64, i64, SeenContent)>,
    noted: Mutex<BTreeMap<TargetPath, (u64, i64, i64, SeenContent)>>,
}

impl Kept {
    pub(crate) fn knowing(known: BTreeMap<TargetPath, (u64, i64, i64, SeenContent)>) -> Self {
        Self { known, ..Self::default() }
    }

    pub(crate) fn noted(&self) -> BTreeMap<TargetPath, (u64, i64, i64, SeenContent)> {
        self.noted.lock().expect("no thread panics while it notes").clone()
    }
}

impl Journal for Kept {
    fn known(&self, file: Stamp<'_>) -> Option<SeenContent> {
        let (size, mtime, ctime, content) = self.known.get(file.path)?;
        ((*size, *mtime, *ctime) == (file.size, file.mtime, file.ctime)).then(|| content.clone())
    }

    fn note(&self, file: Stamp<'_>, content: &SeenContent) {
        let entry = (file.size, file.mtime, file.ctime, content.clone());
        self.noted.lock().expect("no thread panics while it notes").insert(file.path.clone(), entry);
    }
}

fn scan_noting(base: &Path, read: ReadMode, journal: &Kept) -> Scan {
    let root = LiveRoot::open(base).expect("it is a directory");
    let asked = live::Asked { host: &"h".into(), started_at: 0, read, journal: Some(journal), io_limit: None };
    live::scan(&root, &manifest(&[("/srv", Depth::Whole)]), &asked, &Silent)
}

/// Three files that are on the disk, and one whose content only memory has so far.
fn tree_with_one_being_written() -> tempfile::TempDir {
    let tree = tree();
    for name in ["a", "b", "c"] {
        write(&tree.path().join("srv").join(name), format!("this is {name}\n"));
    }
    tool(tree.path(), &["sync", "-f", "srv"]);
    write(&tree.path().join("srv/busy"), "not on the disk yet\n");
    tree
}

#[test]
fn a_scan_past_the_cache_goes_on_without_reading_again_what_the_journal_has() {
    let tree = tree_with_one_being_written();
    for read in [ReadMode::Cached, ReadMode::Direct, ReadMode::Both] {
        let first = Kept::default();
        let whole = scan_noting(tree.path(), read, &first);
        if whole.disk.contains_key(&TargetPath::new("/srv/a")) {
            return skip(&format!("the disk cannot be asked here: {:?}", whole.disk));
        }
        // Interrupted before `c`; what the journal has of `a` cannot be read from any file.
        let mut known = first.noted();
        known.remove(&TargetPath::new("/srv/c")).expect("it was noted");
        let noted = digest_of(Algorithm::Sha256, b"what the journal has");
        let entry = known.get_mut(&TargetPath::new("/srv/a")).expect("it was noted");
        entry.3 = SeenContent::Read { digests: vec![noted.clone()], captured: None, closer: None };
        let second = Kept { known, ..Kept::default() };
        let scan = scan_noting(tree.path(), read, &second);
        let read_again: Vec<String> = second.noted().keys().map(ToString::to_string).collect();
        assert_eq!(read_again, ["/srv/c"], "{read:?}");
        let digest = |scan: &Scan, path: &str| scan.digest(&TargetPath::new(path), Algorithm::Sha256);
        assert_eq!(digest(&scan, "/srv/a"), Some(noted), "{read:?}");
        for path in ["/srv/b", "/srv/c", "/srv/busy"] {
            assert!(digest(&scan, path).is_some(), "{read:?} {path}");
            assert_eq!(digest(&scan, path), digest(&whole, path), "{read:?} {path}");
        }
        assert_eq!(scan.disk, whole.disk, "{read:?}: what is said of the disk is said again");
    }
}

#[test]
fn what_the_disk_did_not_give_is_never_noted() {
    let tree = tree_with_one_being_written();
    for read in [ReadMode::Direct, ReadMode::Both] {
        let journal = Kept::default();
        let scan = scan_noting(tree.path(), read, &journal);
        let unknown: BTreeSet<TargetPath> = scan.disk.keys().cloned().collect();
        assert!(unknown.contains(&TargetPath::new("/srv/busy")), "{read:?}: {unknown:?}");
        let noted: BTreeSet<TargetPath> = journal.noted().into_keys().collect();
        assert!(noted.is_disjoint(&unknown), "{read:?}: {noted:?}");
        assert_eq!(noted.len() + unknown.len(), 4, "{read:?}: {noted:?} {unknown:?}");
    }
}

#[test]
fn a_scan_does_not_go_on_with_a_journal_of_another_mode() {
    let tree = tree();
    write(&tree.path().join("srv/file"), "content");
    let spec = rectify::pipeline::saved::manifest_bytes(&{
        let mut manifest = manifest(&[("/srv", Depth::Whole)]);
        let (directory, service_user) = (None, None);
        let host =
            rectify::model::manifest::Host { name: "h".into(), ignored: false, directory, service_user, local: false };
        manifest.hosts.push(host);
        manifest
    });
    write(&tree.path().join("spec.json"), spec);
    let root = format!("h={}", tree.path().display());
    let scan = |read: &str| {
        let arguments = ["scan", "--manifest", "spec.json", "--root", &root, "--journal", "journal", "--read", read];
        crate::program::rectify(tree.path(), &arguments)
    };
    assert_eq!(scan("cached").code, 0);
    let journal = crate::tools::read(&tree.path().join("journal"));
    assert!(!journal.is_empty());
    for read in ["direct", "both"] {
        let call = scan(read);
        assert_eq!((call.code, call.stdout.as_str()), (1, ""), "{}", call.stderr);
        let said = format!("the journal of a scan with --read cached, and this one reads with --read {read}");
        assert!(call.stderr.contains(&said), "{}", call.stderr);
        assert_eq!(crate::tools::read(&tree.path().join("journal")), journal, "untouched");
    }
    assert_eq!(scan("cached").code, 0);
}

#[test]
fn no_more_bytes_are_read_in_a_second_than_were_asked_for_in_no_way_of_reading() {
    let tree = tree();
    write(&tree.path().join("srv/file"), vec![b'x'; 600_000]);
    let root = LiveRoot::open(tree.path()).expect("it is a directory");
    for read in [ReadMode::Cached, ReadMode::Direct, ReadMode::Both] {
        let asked = live::Asked { host: &"h".into(), started_at: 0, read, journal: None, io_limit: Some(1_000_000) };
        let start = std::time::Instant::now();
        live::scan(&root, &manifest(&[("/srv", Depth::Whole)]), &asked, &Silent);
        // A tenth of a second's worth may come at once.
        assert!(start.elapsed().as_millis() >= 400, "{read:?}: {:?}", start.elapsed());
    }
}
