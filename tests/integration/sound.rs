//! The first thing that rectify must never do: write to what it examines.

use crate::program::{is_root, on_damaged_copy, prepared, rectify, skip};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Everything about everything below a directory that writing would change. Access times are left out: whoever looks
/// changes them.
#[expect(clippy::disallowed_methods, reason = "the test looks at the tree by other means than the program")]
fn state(directories: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let mut state = BTreeMap::new();
    let mut waiting = directories.to_vec();
    while let Some(path) = waiting.pop() {
        let about = std::fs::symlink_metadata(&path).expect("it can be looked at");
        let content = if about.is_file() {
            rectify::model::hasher::digest_of(
                rectify::model::content::Algorithm::Sha256,
                &std::fs::read(&path).expect("it can be read"),
            )
            .to_string()
        } else if about.is_symlink() {
            std::fs::read_link(&path).expect("it is a link").display().to_string()
        } else {
            String::new()
        };
        if about.is_dir() {
            let entries = std::fs::read_dir(&path).expect("it can be listed");
            waiting.extend(entries.map(|entry| entry.expect("it can be listed to its end").path()));
        }
        let (mtime, ctime) = ((about.mtime(), about.mtime_nsec()), (about.ctime(), about.ctime_nsec()));
        let inode = (about.ino(), about.nlink(), about.mode(), about.uid(), about.gid(), about.size());
        state.insert(path, format!("{inode:?} {mtime:?} {ctime:?} {content}"));
    }
    state
}

fn text(path: &Path) -> String {
    path.to_str().expect("a plain name").to_owned()
}

#[test]
fn a_sound_deployment_has_no_finding_and_looking_at_it_changes_nothing() {
    let Some(place) = prepared() else { return };
    let (tree, backups) = (place.join("tree"), place.join("backups"));
    let out = tempfile::tempdir().expect("there is room for a directory");
    let [manifest, scan, plan, tickets] =
        ["manifest.json", "scan.jsonl", "plan.json", "tickets"].map(|name| text(&out.path().join(name)));
    let config = text(&place.join("rectify.toml"));
    let before = state(&[tree.clone(), backups.clone()]);
    let call = |arguments: &[&str]| {
        let mut all = vec!["--config", &config, "--no-progress"];
        all.extend(arguments);
        let call = rectify(&tree, &all);
        assert_eq!(call.code, 0, "{arguments:?}: {}{}", call.stdout, call.stderr);
        call
    };
    let check = call(&["check", "large"]);
    assert!(check.stdout.starts_with("In sync"), "{}", check.stdout);
    assert!(check.stdout.contains(" intact; 0 differ;"), "{}", check.stdout);
    assert!(call(&["diff", "large", "-vv", "--exit-code"]).stdout.starts_with("In sync"));
    call(&["manifest", "large", "-o", &manifest]);
    call(&["scan", "--manifest", &manifest, "-o", &scan]);
    let planned = call(&["plan", "large", "--manifest", &manifest, "--scan", &scan, "-o", &plan]);
    assert!(planned.stdout.contains("; 0 steps."), "{}", planned.stdout);
    let made = call(&["ticket", &plan, "-o", &tickets]);
    assert_eq!(made.stdout, "", "a ticket without a finding");
    let after = state(&[tree, backups]);
    let changed: Vec<_> = before
        .keys()
        .chain(after.keys())
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| (path, before.get(path), after.get(path)))
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn no_system_call_of_ours_or_of_a_child_writes_to_a_damaged_tree_or_its_backups() {
    let Some(place) = prepared() else { return };
    if !is_root() {
        return skip("a damaged copy is an overlay, which only root can mount");
    }
    let script = format!(
        "strace -f -qq -y -s 4096 -e signal=none -e trace=%file,%network,{} -o $SCRATCH/trace \
         $RECTIFY plan large --config {} --no-progress >&2; cat $SCRATCH/trace",
        "ftruncate,fchmod,fchown,fsetxattr,fremovexattr,fallocate,copy_file_range",
        place.join("rectify.toml").display()
    );
    let traced = on_damaged_copy(&place, "mixed-everywhere", &script);
    assert_eq!(traced.code, 0, "{}", traced.stderr);
    assert!(traced.stderr.contains("RESTORE NEEDED"), "the run saw the damage: {}", traced.stderr);
    assert!(traced.stdout.contains("execve(") && traced.stdout.contains("openat2("), "the trace is whole");
    let writes: Vec<&str> = traced.stdout.lines().filter(|line| is_write(line)).collect();
    assert!(writes.is_empty(), "{}", writes.join("\n"));
    // The project's own batou took part.
    assert!(traced.stdout.lines().any(|line| line.contains("execve(") && line.contains("python")), "no child");
    assert!(!traced.stdout.contains(".batou-lock\", O_RDWR"));
}

/// Whether a line of a trace is a call that changes a file system, or talks to somebody. Devices that keep nothing are
/// no file system.
fn is_write(line: &str) -> bool {
    let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
    let Some((name, arguments)) = call.split_once('(') else { return false };
    // The second half of a call that another thread interrupted: its first half was told before.
    if call.starts_with("<...") {
        return false;
    }
    if name.starts_with("open") || name == "creat" {
        if arguments.contains("\"/dev/null\"") {
            return false;
        }
        let flags = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"];
        // The flags come after the name, which may hold anything.
        let flags_text = arguments.rsplit_once('"').map_or(arguments, |(_, rest)| rest);
        return name == "creat" || flags.iter().any(|flag| flags_text.contains(flag));
    }
    let reads = [
        "execve",
        "stat",
        "lstat",
        "newfstatat",
        "statx",
        "access",
        "faccessat",
        "faccessat2",
        "readlink",
        "readlinkat",
        "getcwd",
        "chdir",
        "fchdir",
        "statfs",
        "fstatfs",
        "fstat",
        "getxattr",
        "lgetxattr",
        "listxattr",
        "llistxattr",
        "name_to_handle_at",
        "inotify_add_watch",
        "execveat",
        // Sockets that are never connected: Python asks so for the address families.
        "socket",
        "socketpair",
        "recvfrom",
        "recvmsg",
        "shutdown",
        "getsockopt",
        "setsockopt",
        "getsockname",
    ];
    !reads.contains(&name)
}

#[test]
fn the_reader_of_traces_knows_a_write_when_it_sees_one() {
    for write in [
        r#"7  openat(AT_FDCWD</x>, "a", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3</x/a>"#,
        r#"7  unlink("/x/a") = 0"#,
        r#"7  rename("/dev/.x", "/dev/null") = 0"#,
        "7  utimensat(3</x/a>, NULL, NULL, 0) = 0",
        r#"7  connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd"}, 110) = -1"#,
        r#"7  openat2(3</>, "x", {flags=O_RDWR|O_CLOEXEC}, 24 <unfinished ...>"#,
    ] {
        assert!(is_write(write), "{write}");
    }
    for read in [
        r#"7  openat(AT_FDCWD</x>, "O_RDWR", O_RDONLY|O_CLOEXEC) = 3</x/a>"#,
        r#"7  openat(AT_FDCWD</x>, "/dev/null", O_RDWR) = 3</dev/null>"#,
        r#"7  newfstatat(3</x>, "", {st_mode=S_IFREG|0644, st_size=9, ...}, AT_EMPTY_PATH) = 0"#,
        "7  <... openat resumed>) = 3</x/a>",
    ] {
        assert!(!is_write(read), "{read}");
    }
}
