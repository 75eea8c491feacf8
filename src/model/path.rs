//! Absolute paths on the machine that is examined, as bytes: Linux names need not be text.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// An absolute, lexically normalised path on the target: no `.`, no `..`, no doubled or trailing slash.
///
/// The order is by components, so everything below a directory follows it directly. In files it is text; a name
/// that is not UTF-8 is written as NUL and base64, which no real name can be. Copies share one text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TargetPath(Arc<[u8]>);

impl TargetPath {
    /// Normalises `path`, which is taken from the root even if it has no leading slash.
    pub fn new(path: impl AsRef<[u8]>) -> Self {
        let path = path.as_ref();
        let mut bytes = Vec::with_capacity(path.len() + 1);
        for part in path.split(|&byte| byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => bytes.truncate(bytes.iter().rposition(|&byte| byte == b'/').unwrap_or(0)),
                name => {
                    bytes.push(b'/');
                    bytes.extend_from_slice(name);
                }
            }
        }
        if bytes.is_empty() {
            bytes.push(b'/');
        }
        Self(bytes.into())
    }

    /// A path from bytes that were one before.
    pub(super) fn from_normal(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The root directory.
    pub fn root() -> Self {
        Self(Arc::from(&b"/"[..]))
    }

    /// The bytes, beginning with a slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The path for people: bytes that are not UTF-8 become replacement characters.
    pub fn display(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// `path` seen from here; an absolute `path` stands for itself.
    #[must_use]
    pub fn join(&self, path: impl AsRef<[u8]>) -> Self {
        let path = path.as_ref();
        if path.starts_with(b"/") {
            return Self::new(path);
        }
        let mut joined = self.0.to_vec();
        joined.push(b'/');
        joined.extend_from_slice(path);
        Self::new(joined)
    }

    /// What has this name in this directory: a name as a directory lists it, one component and neither `.` nor `..`.
    #[must_use]
    pub fn within(&self, name: &[u8]) -> Self {
        let own = if self.is_root() { &[][..] } else { &self.0 };
        Self([own, b"/", name].concat().into())
    }

    /// The first path that can follow this one and everything below it: no name has a byte smaller than its last one.
    #[must_use]
    pub fn after_all_below(&self) -> Self {
        Self([&self.0, &b"\x01"[..]].concat().into())
    }

    /// The directory this lies in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let slash = self.0.iter().rposition(|&byte| byte == b'/')?;
        Some(if slash == 0 { Self::root() } else { Self(self.0[..slash].into()) })
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &[u8] {
        let slash = self.0.iter().rposition(|&byte| byte == b'/').map_or(0, |index| index + 1);
        &self.0[slash..]
    }

    /// Whether this is `directory` or lies below it.
    pub fn is_below(&self, directory: &Self) -> bool {
        self.relative_to(directory).is_some()
    }

    /// What is left of this path below `directory`: empty for the directory itself, `None` if it lies elsewhere.
    pub fn relative_to(&self, directory: &Self) -> Option<&[u8]> {
        if directory.is_root() {
            return Some(&self.0[1..]);
        }
        match self.0.strip_prefix(directory.as_bytes())? {
            [] => Some(&[]),
            [b'/', rest @ ..] => Some(rest),
            _ => None,
        }
    }

    /// Whether this is the root directory.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// This path and every directory above it, nearest first, the root last.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }
}

/// The paths without those that lie below another of them, sorted.
pub fn outermost<'p>(paths: impl IntoIterator<Item = &'p TargetPath>) -> Vec<TargetPath> {
    let sorted: BTreeSet<&TargetPath> = paths.into_iter().collect();
    let mut outermost: Vec<TargetPath> = Vec::new();
    for path in sorted {
        if !outermost.last().is_some_and(|above| path.is_below(above)) {
            outermost.push(path.clone());
        }
    }
    outermost
}

/// The order of paths, or of their ends behind the same begin: a slash comes before every byte that a name can hold.
pub(super) fn compare(own: &[u8], other: &[u8]) -> Ordering {
    let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    // Neighbours in a tree share most of their path, and this is what maps of paths spend their time on.
    let same = own.as_chunks::<16>().0.iter().zip(other.as_chunks::<16>().0).take_while(|(a, b)| a == b).count() * 16;
    own[same..].iter().map(key).cmp(other[same..].iter().map(key))
}

impl Ord for TargetPath {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for TargetPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display())
    }
}

impl fmt::Debug for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.display())
    }
}

impl Serialize for TargetPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text_from_bytes(&self.0))
    }
}

impl<'de> Deserialize<'de> for TargetPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = bytes_from_text(&text).map_err(serde::de::Error::custom)?;
        if bytes.first() != Some(&b'/') {
            return Err(serde::de::Error::custom(format!("`{text}` is not an absolute path")));
        }
        Ok(Self::new(bytes))
    }
}

/// Bytes as text without loss: UTF-8 without NUL stands for itself, all else is NUL and base64.
pub(super) fn text_from_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Cow::Borrowed(text),
        _ => Cow::Owned(format!("\0{}", STANDARD.encode(bytes))),
    }
}

/// The inverse of [`text_from_bytes`].
pub(super) fn bytes_from_text(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix('\0') {
        None => Ok(text.as_bytes().to_vec()),
        Some(encoded) => STANDARD.decode(encoded).map_err(|error| format!("bad base64: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_outermost_paths_hold_all_others() {
        let paths = ["/b/c", "/a/b/c", "/a/b", "/a/bc", "/b/c", "/a/b/c/d"].map(TargetPath::new);
        assert_eq!(outermost(&paths), ["/a/b", "/a/bc", "/b/c"].map(TargetPath::new));
        assert_eq!(outermost([]), []);
    }

    proptest! {
        #[test]
        fn it_is_normalised_as_if_every_component_were_walked(text in "(/|\\.|\\.\\.|a|\\.b|c\\.\\.){0,12}") {
            let mut walked: Vec<&str> = Vec::new();
            for part in text.split('/') {
                match part {
                    "" | "." => {}
                    ".." => drop(walked.pop()),
                    name => walked.push(name),
                }
            }
            let path = TargetPath::new(&text);
            let expected = format!("/{}", walked.join("/"));
            prop_assert_eq!(path.as_str(), Some(expected.as_str()));
        }
    }

    #[test]
    fn dots_and_doubled_slashes_are_normalised_away() {
        assert_eq!(TargetPath::new("/srv//app/./x/../y/").as_bytes(), b"/srv/app/y");
        assert_eq!(TargetPath::new("/../..").as_bytes(), b"/");
    }

    #[test]
    fn what_lies_below_a_directory_follows_it_directly() {
        let mut paths = ["/a-b", "/a/z", "/a", "/a/b"].map(TargetPath::new);
        paths.sort();
        assert_eq!(paths.map(|path| path.to_string()), ["/a", "/a/b", "/a/z", "/a-b"]);
    }

    #[test]
    fn what_follows_all_below_a_directory_is_no_sibling_of_it() {
        let path = TargetPath::new("/a");
        let after = path.after_all_below();
        let below = ["/a", "/a/\x01", "/a/\u{10ffff}/x"].map(TargetPath::new);
        let behind = ["/a\x01", "/a\x02", "/a!", "/b"].map(TargetPath::new);
        assert!(below.iter().all(|path| *path < after) && behind.iter().all(|path| *path >= after));
    }

    #[test]
    fn a_sibling_with_the_same_beginning_is_not_below() {
        assert!(!TargetPath::new("/srv/app2").is_below(&TargetPath::new("/srv/app")));
        assert!(TargetPath::new("/srv/app/x").is_below(&TargetPath::new("/srv/app")));
        assert!(TargetPath::new("/srv").is_below(&TargetPath::root()));
    }

    #[test]
    fn names_that_are_not_text_survive_json() {
        let path = TargetPath::new(b"/srv/caf\xe9");
        let json = serde_json::to_string(&path).expect("a path serialises");
        assert_eq!(serde_json::from_str::<TargetPath>(&json).expect("it reads back"), path);
    }

    #[test]
    fn a_relative_path_in_a_file_is_refused() {
        assert!(serde_json::from_str::<TargetPath>("\"srv\"").is_err());
    }
}
