//! Digests of the blocks of every file, for a baseline.
//!
//! Takes what a scan saw and its root; gives [`BlockDigests`] of each. Each file is read once more, and what is not the content
//! that the scan saw is left out: a file that is written meanwhile has no blocks to be known by.

use crate::io::disk::LiveRoot;
use crate::live::windows;
use crate::model::blocks::{BlockDigests, WHOLE, ladder};
use crate::model::content::Algorithm;
use crate::model::hasher::Hasher;
use crate::model::observation::{Kind, ReadMode, Sighting};
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
        let mut digests = BlockDigests::default();
        let mut hasher = Hasher::new(Algorithm::Sha256, seen.size);
        let read = windows::each(root, path, ReadMode::Cached, &mut |window| {
            hasher.update(window);
            window.chunks(WHOLE).for_each(|block| digests.push(&ladder(block)));
        });
        let same = read.is_ok() && seen.digest(Algorithm::Sha256) == Some(&hasher.finish());
        same.then_some(digests)
    };
    batch.par_iter().map(digests).collect()
}
