//! What was read before, so that a long scan that was interrupted goes on instead of beginning again.
//!
//! A file is taken for read only if its size and both times are those that it had then. Damage below the file system
//! changes none of them: what happened between the two parts of one scan is not seen, which is why there is no journal
//! unless somebody asks for one.
//!
//! A journal is of one mode of reading: what memory had says nothing about the disk. Past the page cache it gets only what
//! the disk itself gave, and with both ways only what both agree on.

use super::digest::FileToRead;
use crate::model::observation::SeenContent;
use crate::model::path::TargetPath;

/// What makes a file the same one as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// Where it is.
    pub path: &'a TargetPath,
    /// Its size in bytes.
    pub size: u64,
    /// Last change of content, nanoseconds since 1970 UTC.
    pub mtime: i64,
    /// Last change of the inode, nanoseconds since 1970 UTC.
    pub ctime: i64,
}

/// Keeps what was read. Losing an entry costs time, never truth.
pub trait Journal: Sync {
    /// What was read of this very file.
    fn known(&self, file: Stamp<'_>) -> Option<SeenContent>;

    /// Notes what was read.
    fn note(&self, file: Stamp<'_>, content: &SeenContent);
}

impl FileToRead {
    pub(super) fn stamp(&self) -> Stamp<'_> {
        Stamp { path: &self.path, size: self.size, mtime: self.mtime, ctime: self.ctime }
    }

    /// Whether a content that was read before has all that is wanted now.
    fn is_satisfied_by(&self, content: &SeenContent) -> bool {
        match content {
            SeenContent::Read { digests, captured, .. } => {
                let has = |algorithm| digests.iter().any(|digest| digest.algorithm == algorithm);
                self.algorithms.iter().all(has) && (captured.is_some() || !self.capture)
            }
            // What could not be read is tried again.
            SeenContent::Failed(_) => false,
        }
    }
}

/// Parts files into those that were read before, with their contents, and the others.
pub(super) fn split(
    journal: &dyn Journal,
    files: Vec<FileToRead>,
) -> (Vec<(TargetPath, SeenContent)>, Vec<FileToRead>) {
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for file in files {
        match journal.known(file.stamp()).filter(|content| file.is_satisfied_by(content)) {
            Some(content) => known.push((file.path, content)),
            None => unknown.push(file),
        }
    }
    (known, unknown)
}
