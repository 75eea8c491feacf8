//! Digests of the blocks of every file, for a baseline.
//!
//! Takes what a scan saw and its root; gives [`BlockDigests`] of each. Each file is read once more, and what is not the content
//! that the scan saw is left out: a file that is written meanwhile has no blocks to be known by.

use crate::io::disk::LiveRoot;
use crate::live::digest::read_small;
use crate::model::blocks::BlockDigests;
use crate::model::content::Algorithm;
use crate::model::hasher::digest_of;
use crate::model::observation::{Kind, Sighting};
use crate::model::path::TargetPath;
use crate::monitor::Monitor;
use rayon::prelude::*;
use std::borrow::Cow;

/// Larger files are left out: data stores, which have their own checks. In bytes.
pub const LIMIT: u64 = 256 << 20;

/// Reads files of a scan once more and gives the digests of their blocks, in their order; `None` for what is no such file.
pub fn of(
    root: &LiveRoot,
    batch: &[(TargetPath, Cow<'_, Sighting>)],
    monitor: &dyn Monitor,
) -> Vec<Option<BlockDigests>> {
    let digests = |(path, sighting): &(TargetPath, Cow<'_, Sighting>)| {
        monitor.advance(1);
        let Sighting::Present(seen) = &**sighting else { return None };
        if seen.kind != Kind::File || !(1..=LIMIT).contains(&seen.size) {
            return None;
        }
        let content = read_small(root, path, LIMIT).ok()?;
        let same = seen.digest(Algorithm::Sha256) == Some(&digest_of(Algorithm::Sha256, &content));
        same.then(|| BlockDigests::of(&content))
    };
    batch.par_iter().map(digests).collect()
}
