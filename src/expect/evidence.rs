//! Reading notes of the target out of a scan: the bytes, or why there are none.

use crate::model::content::Blob;
use crate::model::eval::{Why, WhyKind};
use crate::model::observation::{Kind, Scan, SeenContent, Sighting};
use crate::model::path::TargetPath;
use std::borrow::Cow;

/// What a scan knows about a file that tells something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note<'a> {
    /// Its bytes.
    Bytes(Cow<'a, Blob>),
    /// It is proved not to be there.
    Absent,
    /// Something else is in its place.
    WrongKind,
    /// Nobody could or did look.
    Unknown(Why),
}

/// A file as evidence.
pub(crate) fn note<'a>(scan: &'a Scan, path: &TargetPath) -> Note<'a> {
    if let Some(bytes) = scan.captured(path) {
        return Note::Bytes(bytes);
    }
    let sighting = scan.sighting(path);
    let seen = match &*sighting {
        Sighting::Absent => return Note::Absent,
        Sighting::Unseen(failure) => {
            return Note::Unknown(Why::new(WhyKind::Unreadable, format!("`{path}` was not seen: {}", failure.text)));
        }
        Sighting::Present(seen) => seen,
    };
    if seen.kind != Kind::File {
        return Note::WrongKind;
    }
    match &seen.content {
        Some(SeenContent::Failed(failure)) => {
            Note::Unknown(Why::new(WhyKind::Unreadable, format!("`{path}` cannot be read: {}", failure.text)))
        }
        Some(SeenContent::Read { .. }) | None => {
            Note::Unknown(Why::new(WhyKind::Unreadable, format!("the scan did not keep the bytes of `{path}`")))
        }
    }
}

/// The directories and files directly in a directory.
pub(crate) fn entries<'a>(scan: &'a Scan, directory: &'a TargetPath) -> impl Iterator<Item = TargetPath> + use<'a> {
    // What lies below them is passed over: it may be very much.
    let mut next = directory.within(b"\x01");
    let entries = std::iter::from_fn(move || {
        let (path, sighting) = scan.observations.range(&next).next()?;
        let name = path.relative_to(directory)?;
        // An entry that was not looked at itself, while something below it was.
        let entry = directory.within(name.split(|&byte| byte == b'/').next()?);
        next = entry.after_all_below();
        Some((entry == path && matches!(*sighting, Sighting::Present(_))).then_some(entry))
    });
    entries.flatten()
}

/// How many links are followed at most.
const MAX_LINKS: usize = 40;

/// The path without links, as `realpath` gives it on the target; `None` when a directory on the way was not looked
/// at. What is provably absent stands for itself, as for `realpath`.
pub(crate) fn real_path(scan: &Scan, path: &TargetPath) -> Option<TargetPath> {
    let mut pending: Vec<Vec<u8>> = parts(path.as_bytes());
    let mut real = TargetPath::root();
    let mut links = 0;
    while let Some(part) = pending.pop() {
        let next = real.join(&part);
        match &*scan.sighting(&next) {
            Sighting::Unseen(_) => return None,
            Sighting::Present(seen) if seen.kind == Kind::Link => {
                links += 1;
                let target = seen.target.as_ref().filter(|_| links <= MAX_LINKS)?;
                if target.0.starts_with(b"/") {
                    real = TargetPath::root();
                }
                pending.extend(parts(&target.0));
            }
            // `join` resolves `..`, rightly so because `real` holds no link.
            Sighting::Present(_) | Sighting::Absent => real = next,
        }
    }
    Some(real)
}

/// The components of a path, last first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).rev().map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::sample;

    #[test]
    fn the_entries_of_a_directory_are_what_lies_in_it_and_not_below() {
        let mut scan = sample::scan(&[("/d/a/x", ""), ("/d/a/y/z", ""), ("/d/a-b", ""), ("/d/\x01", ""), ("/e", "")]);
        scan.observations.insert(TargetPath::new("/d/b"), Sighting::Absent);
        scan.observations.insert(TargetPath::new("/d/c/unlisted"), Sighting::unseen("no"));
        let named =
            |path: &str| entries(&scan, &TargetPath::new(path)).map(|path| path.to_string()).collect::<Vec<_>>();
        assert_eq!(named("/d"), ["/d/\x01", "/d/a", "/d/a-b"]);
        assert_eq!(named("/"), ["/d", "/e"]);
        assert!(named("/nowhere").is_empty() && named("/e").is_empty());
    }
}
