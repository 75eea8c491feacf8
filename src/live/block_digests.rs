//! Digests of the blocks of every file, for a baseline.
//!
//! Takes a scan and its root; gives [`BlockDigests`] by path. Each file is read once more, and what is not the content
//! that the scan saw is left out: a file that is written meanwhile has no blocks to be known by.

use crate::io::disk::LiveRoot;
use crate::live::digest::read_small;
use crate::model::blocks::BlockDigests;
use crate::model::content::Algorithm;
use crate::model::hasher::digest_of;
use crate::model::observation::{Kind, Scan, Seen, Sighting};
use crate::model::path::TargetPath;
use crate::monitor::Monitor;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Larger files are left out: data stores, which have their own checks. In bytes.
pub const LIMIT: u64 = 256 << 20;

/// Reads the files of a scan once more and keeps the digests of their blocks.
pub fn of(root: &LiveRoot, scan: &Scan, monitor: &dyn Monitor) -> BTreeMap<TargetPath, BlockDigests> {
    let file = |(path, sighting): (&'_ TargetPath, &'_ Sighting)| match sighting {
        Sighting::Present(seen) if seen.kind == Kind::File && (1..=LIMIT).contains(&seen.size) => {
            Some((path.clone(), (**seen).clone()))
        }
        Sighting::Present(_) | Sighting::Absent | Sighting::Unseen(_) => None,
    };
    let files: Vec<(TargetPath, Seen)> = scan.observations.iter().filter_map(file).collect();
    monitor.begin(&format!("reading the blocks of {}", scan.host), Some(files.len() as u64));
    let digests = |(path, seen): (TargetPath, Seen)| {
        monitor.advance(1);
        let content = read_small(root, &path, LIMIT).ok()?;
        let same = seen.digest(Algorithm::Sha256) == Some(&digest_of(Algorithm::Sha256, &content));
        same.then(|| (path, BlockDigests::of(&content)))
    };
    let found = files.into_par_iter().filter_map(digests).collect();
    monitor.end();
    found
}
