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
