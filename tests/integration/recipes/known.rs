//! Assertions that a file is known, and that it is as we say.

use super::tree::{Judged, Tree};
use rectify::model::artifact::{Content, Expected};

/// Asserts that these files are known byte for byte, apart from the order of what has none, and are so on disk.
pub(super) fn assert_known(tree: &Tree, judged: &Judged, paths: &[&str], name: &str) {
    for path in paths {
        let live = tree.read(path);
        match &judged.artifact(&tree.path(path)).expected {
            Expected::File(Content::Bytes(bytes)) => assert!(bytes.0 == live, "{name}: {path}"),
            Expected::File(Content::Unordered { bytes, from, to }) => {
                assert_eq!(words(&live, *from, *to), words(&bytes.0, *from, *to), "{name}: {path}");
            }
            other => panic!("{name}: {path} is not known: {other:?}"),
        }
    }
}

/// A text with its unordered lines, or the words of its unordered line, in order.
fn words(text: &[u8], from: usize, to: usize) -> String {
    let text = String::from_utf8(text.to_vec()).expect("it is text");
    let middle = &text[from..to];
    let mut words: Vec<&str> = middle.split(if middle.contains('\n') { '\n' } else { ':' }).collect();
    words.sort_unstable();
    format!("{}{}\n{}", &text[..from], words.join("\n"), &text[to..])
}

/// Asserts that this file is expected, that its content is not known, and that the reason says this.
pub(super) fn assert_unknown(tree: &Tree, judged: &Judged, path: &str, reason: &str) {
    match &judged.artifact(&tree.path(path)).expected {
        Expected::File(Content::Unknown(why)) => assert!(why.text.contains(reason), "{path}: {why}"),
        other => panic!("{path} should not be known: {other:?}"),
    }
}
