//! Whether everything below a path is known exactly, and is as it is on disk.

use super::tree::{Judged, Tree};
use rectify::model::artifact::{Content, Expected};
use rectify::model::eval::Eval;
use rectify::model::hasher::digest_of;
use std::path::Path;

/// Asserts that the tree is sound, and that every file and link at or below `relative` is known and right, byte code
/// apart. Gives how many there are.
pub(super) fn assert_all_known(tree: &Tree, judged: &Judged, relative: &str) -> usize {
    let top = tree.path(relative);
    let mut paths = Vec::new();
    list(Path::new(top.as_str().expect("it is text")), &mut paths);
    let mut count = 0;
    for path in paths {
        let target = rectify::model::path::TargetPath::new(&path);
        let artifact = judged.manifest.artifacts.iter().find(|artifact| artifact.path == target);
        let artifact = artifact.unwrap_or_else(|| panic!("{path} is not expected"));
        match (&artifact.expected, read_link(&path)) {
            (Expected::Link { target: Eval::Known(target) }, Some(found)) => {
                assert_eq!(target.text(), Some(&*found), "{path}");
            }
            (Expected::File(content), None) => assert_content(&path, content),
            (other, _) => panic!("{path} is not known: {other:?}"),
        }
        count += 1;
    }
    count
}

fn assert_content(path: &str, content: &Content) {
    let live = read(path);
    match content {
        Content::Bytes(bytes) => assert_eq!(bytes.0, live, "{path}"),
        Content::Digest { digest, .. } => assert_eq!(*digest, digest_of(digest.algorithm, &live), "{path}"),
        Content::Unordered { bytes, from, to } => {
            assert_eq!(super::sorted(&live, *from, *to), super::sorted(&bytes.0, *from, *to), "{path}");
        }
        Content::Unknown(why) => panic!("{path} is not known: {why:?}"),
    }
}

/// Files and links, byte code apart.
#[expect(clippy::disallowed_methods, reason = "a test looks at what rectify reads")]
fn list(path: &Path, into: &mut Vec<String>) {
    let metadata = std::fs::symlink_metadata(path).expect("it is there");
    if !metadata.is_dir() {
        into.push(path.to_str().expect("it is text").to_owned());
        return;
    }
    for entry in std::fs::read_dir(path).expect("it can be listed") {
        let entry = entry.expect("it can be listed");
        if entry.file_name() != "__pycache__" {
            list(&entry.path(), into);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test looks at what rectify reads")]
fn read_link(path: &str) -> Option<String> {
    std::fs::read_link(path).ok().map(|target| target.to_str().expect("it is text").to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a test looks at what rectify reads")]
fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).expect("it can be read")
}
