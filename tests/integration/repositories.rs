//! Repositories, made by the real git and really damaged.

use crate::tools::{damage, read as bytes, remove, tool, write};
use rectify::io::disk::LiveRoot;
use rectify::io::git::{export, history, recent, revision};
use rectify::model::observation::{Checkout, Kind};
use rectify::model::path::TargetPath;
use rectify::references::git_objects::read;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// `live` is a clone of `origin` with two commits, of which the second was never pushed.
fn clone() -> TempDir {
    let top = tempfile::tempdir().expect("a temporary directory");
    let at = top.path();
    tool(at, &["git", "init", "-q", "--bare", "-b", "main", "origin"]);
    tool(at, &["git", "clone", "-q", "origin", "live"]);
    let live = at.join("live");
    tool(&live, &["git", "checkout", "-q", "-b", "main"]);
    write(&live.join("src/file.py"), numbered("one"));
    write(&live.join(".gitignore"), "*.log\n/var/\n!keep.log\n");
    write(&live.join("run"), "#!/bin/sh\n");
    tool(&live, &["chmod", "755", "run"]);
    tool(&live, &["ln", "-s", "run", "soft"]);
    commit(&live, "first");
    tool(&live, &["git", "tag", "-a", "-m", "tag", "v1"]);
    tool(&live, &["git", "push", "-q", "-u", "origin", "main"]);
    write(&live.join("src/file.py"), numbered("two"));
    commit(&live, "second");
    write(&live.join("a.log"), "x");
    write(&live.join("keep.log"), "x");
    write(&live.join("untracked"), "x");
    write(&live.join("var/deep/data"), "x");
    top
}

/// Lines that are all different: in a repetition a changed byte of the compressed form can mean the same content.
fn numbered(word: &str) -> String {
    (0..500).map(|number| format!("{word} {}", number * number)).collect::<Vec<_>>().join("\n")
}

fn commit(directory: &Path, message: &str) {
    tool(directory, &["git", "add", "-A"]);
    tool(directory, &["git", "commit", "-qm", message]);
}

fn checkout(top: &TempDir) -> Checkout {
    read(&LiveRoot::open(top.path()).expect("it was just made"), &TargetPath::new("/live"))
}

fn files_of(top: &TempDir) -> Vec<PathBuf> {
    let live = top.path().join("live");
    let found = tool(&live, &["find", ".git", "-type", "f", "-not", "-path", "*/hooks/*", "-not", "-path", "*/logs/*"]);
    found.lines().map(|line| live.join(line)).collect()
}

#[test]
fn a_sound_checkout_is_told_as_git_tells_it() {
    let top = clone();
    let live = top.path().join("live");
    let found = checkout(&top);
    assert_eq!(found.broken, []);
    assert_eq!(found.head.as_deref(), Some(tool(&live, &["git", "rev-parse", "HEAD"]).trim()));
    assert_eq!(found.branch.as_deref(), Some("main"));
    assert_eq!(found.remote.as_deref(), Some(tool(&live, &["git", "config", "remote.origin.url"]).trim()));
    assert_eq!(found.unpushed, 1);
    let ignored: Vec<_> = found.ignored.iter().filter_map(|path| path.text()).collect();
    assert_eq!(ignored, ["a.log", "var/deep/data"]);
    let listed: Vec<String> = found
        .tree
        .iter()
        .map(|member| {
            let mode = if member.kind == Kind::Link { "120000".into() } else { format!("100{:o}", member.mode) };
            let id = member.digest.as_ref().expect("every file has an id").hex();
            format!("{mode} blob {id}\t{}", member.path.text().expect("the names are text"))
        })
        .collect();
    assert_eq!(listed, tool(&live, &["git", "ls-tree", "-r", "HEAD"]).lines().collect::<Vec<_>>());
}

#[test]
fn a_packed_or_shallow_repository_with_stash_and_detached_head_is_sound() {
    let top = clone();
    let live = top.path().join("live");
    write(&live.join("run"), "#!/bin/sh\n# changed\n");
    tool(&live, &["git", "stash", "-q"]);
    let loose = checkout(&top);
    tool(&live, &["git", "gc", "-q"]);
    assert_eq!(checkout(&top), loose);
    assert_eq!(loose.broken, []);
    tool(&live, &["git", "checkout", "-q", "--detach"]);
    assert_eq!(checkout(&top).branch, None);
    assert_eq!(checkout(&top).broken, []);
    let url = format!("file://{}", live.display());
    tool(top.path(), &["git", "clone", "-q", "--depth", "1", &url, "shallow"]);
    let shallow = read(&LiveRoot::open(top.path()).expect("it was just made"), &TargetPath::new("/shallow"));
    assert_eq!((shallow.broken, shallow.unpushed), (vec![], 0));
}

#[test]
fn an_empty_repository_is_sound_and_none_is_told() {
    let top = tempfile::tempdir().expect("a temporary directory");
    tool(top.path(), &["git", "init", "-q", "-b", "main", "live"]);
    let found = checkout(&top);
    assert_eq!((found.head, found.branch.as_deref(), found.broken), (None, Some("main"), vec![]));
    assert_eq!(read(&LiveRoot::open(top.path()).expect("it was just made"), &TargetPath::new("/none")).broken.len(), 1);
}

#[test]
fn a_submodule_is_a_directory_of_unknown_content() {
    let top = clone();
    let live = top.path().join("live");
    tool(&live, &["git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../origin", "sub"]);
    commit(&live, "with submodule");
    let found = checkout(&top);
    assert_eq!(found.broken, []);
    let sub = found.tree.iter().find(|member| member.path.text() == Some("sub")).expect("it is listed");
    assert_eq!((sub.kind, &sub.digest), (Kind::Directory, &None));
}

#[test]
fn every_damaged_file_is_named_and_nothing_stops() {
    for packed in [false, true] {
        let top = clone();
        let live = top.path().join("live");
        if packed {
            tool(&live, &["git", "gc", "-q"]);
        }
        for file in files_of(&top) {
            let name = file.strip_prefix(live.join(".git")).expect("it is in there").to_string_lossy().into_owned();
            // Notes of git that nothing depends on.
            if ["description", "COMMIT_EDITMSG", "info/exclude", "gc.log", "objects/info/packs"]
                .contains(&name.as_str())
                || ["ORIG_HEAD", "FETCH_HEAD"].contains(&name.as_str())
                || name == "info/refs"
            {
                continue;
            }
            let sound = bytes(&file);
            let tell = |what: &str| {
                let found = checkout(&top);
                let named =
                    found.broken.iter().any(|(path, _)| path.as_ref().and_then(|path| path.text()) == Some(&name));
                assert!(named, "{what} {name} (packed: {packed}) was not named: {:?}", found.broken);
            };
            damage(&file, 0, &vec![0; sound.len()]);
            tell("zeroed");
            damage(&file, 0, &sound);
            let middle = sound.len() / 2;
            damage(&file, middle, &[sound[middle] ^ 0x80]);
            // A changed letter of the configuration is another configuration.
            if name != "config" {
                tell("one byte changed in");
            }
            damage(&file, 0, &sound);
        }
        assert_eq!(checkout(&top).broken, [], "everything was put back");
    }
}

#[test]
fn a_missing_object_pack_ref_or_head_is_told() {
    for packed in [false, true] {
        let top = clone();
        let live = top.path().join("live");
        if packed {
            tool(&live, &["git", "gc", "-q"]);
        }
        for file in files_of(&top) {
            let name = file.strip_prefix(live.join(".git")).expect("it is in there").to_string_lossy().into_owned();
            let matters = name.starts_with("objects/") && !name.contains("info/") && !has_extension(&name, "rev");
            let matters = matters && !has_extension(&name, "bitmap");
            if !(matters || name == "HEAD" || name == "config" || name == "refs/heads/main") {
                continue;
            }
            let sound = bytes(&file);
            remove(&file);
            assert_ne!(checkout(&top).broken, [], "{name} is missing");
            write(&file, sound);
        }
        assert_eq!(checkout(&top).broken, [], "everything was put back");
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

#[test]
fn a_damaged_configuration_leaves_the_tree_readable() {
    let top = clone();
    let whole = checkout(&top);
    damage(&top.path().join("live/.git/config"), 0, &[0; 40]);
    let found = checkout(&top);
    assert_eq!((found.tree, found.head, found.unpushed), (whole.tree, whole.head, whole.unpushed));
    assert_ne!(found.broken, []);
}

#[test]
fn scattered_damage_never_stops_the_reader() {
    for packed in [false, true] {
        let top = clone();
        let live = top.path().join("live");
        if packed {
            tool(&live, &["git", "gc", "-q"]);
        }
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits fit") % below.max(1)
        };
        let files = files_of(&top);
        for _ in 0..60 {
            let file = &files[random(files.len())];
            let sound = bytes(file);
            let mut changed = sound.clone();
            for _ in 0..=random(6) {
                let at = random(changed.len());
                let value = u8::try_from(random(256)).expect("a byte");
                if let Some(byte) = changed.get_mut(at) {
                    *byte = value;
                }
            }
            changed.truncate(sound.len() - if random(3) == 0 { random(sound.len()) } else { 0 });
            remove(file);
            write(file, &changed);
            checkout(&top);
            // Every other damage stays, so that it adds up.
            if random(2) == 0 {
                remove(file);
                write(file, &sound);
            }
        }
    }
}

#[test]
fn reading_changes_nothing_even_where_another_user_owns_it() {
    let top = clone();
    // As root, which the tests in CI are, the checkout can be given to somebody else: libgit2 would refuse it.
    if tool(top.path(), &["id", "-u"]).trim() == "0" {
        tool(top.path(), &["chown", "-R", "12345:12345", "live"]);
    }
    let state = || tool(top.path(), &["find", "live", "-printf", "%p %i %s %m %T@ %C@\\n"]);
    let before = state();
    assert_eq!(checkout(&top).broken, []);
    let live = top.path().join("live");
    assert_eq!(revision(&live).map(|(_, dirty)| dirty), Some(false));
    history(&live, Path::new("run"), 3).expect("it has a history");
    assert_eq!(state(), before);
}

#[test]
fn the_revision_is_dirty_when_a_tracked_file_differs() {
    let top = clone();
    let live = top.path().join("live");
    let head = tool(&live, &["git", "rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(revision(&live.join("src")), Some((head.clone(), false)));
    write(&live.join("src/file.py"), "edited\n");
    assert_eq!(revision(&live), Some((head, true)));
    assert_eq!(revision(top.path()), None);
}

#[test]
fn the_history_of_a_file_is_its_contents_newest_first() {
    let top = clone();
    let live = top.path().join("live");
    tool(&live, &["git", "checkout", "-q", "-b", "side", "HEAD~1"]);
    write(&live.join("other"), "x");
    commit(&live, "side");
    tool(&live, &["git", "checkout", "-q", "main"]);
    tool(&live, &["git", "merge", "-q", "--no-edit", "side"]);
    let versions = history(&live.join("src"), Path::new("file.py"), 10).expect("it has a history");
    let contents: Vec<&[u8]> = versions.iter().map(|version| &version.content[..4]).collect();
    assert_eq!(contents, [b"two ", b"one "]);
    let commits: Vec<String> = versions.into_iter().map(|version| version.commit).collect();
    let expected = tool(&live, &["git", "log", "--format=%H", "--", "src/file.py"]);
    assert_eq!(commits, expected.lines().collect::<Vec<_>>());
    assert_eq!(history(&live, Path::new("src/file.py"), 1).map(|versions| versions.len()), Ok(1));
    assert_eq!(history(&live, Path::new("never"), 1), Ok(vec![]));
}

/// What libgit2 1.9.7 reads for ever: a loose object that ends before its zlib stream does.
#[test]
fn a_cut_off_object_never_stops_the_reading_of_a_definition() {
    let top = clone();
    let live = top.path().join("live");
    let sound = revision(&live).expect("it has a commit");
    for object in ["HEAD", "HEAD^{tree}", "HEAD:src", "HEAD:src/file.py"] {
        let id = tool(&live, &["git", "rev-parse", object]);
        let (first, rest) = id.trim().split_at(2);
        let file = live.join(".git/objects").join(first).join(rest);
        let whole = bytes(&file);
        for kept in (0..whole.len()).step_by(whole.len() / 16).chain(whole.len() - 4..whole.len()) {
            remove(&file);
            write(&file, &whole[..kept]);
            let (send, receive) = std::sync::mpsc::channel();
            let directory = live.clone();
            std::thread::spawn(move || {
                let history = history(&directory, Path::new("src/file.py"), 3);
                let export = export(&directory, "HEAD").map(drop);
                send.send((revision(&directory), recent(&directory, 3), history.is_err(), export.is_err()))
            });
            let told = receive.recv_timeout(std::time::Duration::from_mins(1));
            assert_eq!(told, Ok((None, vec![], true, true)), "{object} cut off after {kept} bytes");
        }
        remove(&file);
        write(&file, &whole);
    }
    assert_eq!(revision(&live), Some(sound));
}
