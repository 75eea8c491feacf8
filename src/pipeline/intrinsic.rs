//! Holding files that nothing vouches for against their own format.

use crate::io::disk::LiveRoot;
use crate::live::examine::examine;
use crate::live::intrinsic::Verdict;
use crate::model::finding::Findings;
use crate::model::observation::{Inconsistency, Kind, Scan, SeenContent};
use crate::model::path::TargetPath;
use crate::monitor::Monitor;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// So many files are examined together: what is listed at once takes memory.
const BATCH: usize = 16_384;

/// Notes in the scan which of the files that could not be judged are damaged in themselves.
pub(super) fn add(root: &LiveRoot, scan: &mut Scan, found: &Findings, monitor: &dyn Monitor) {
    let lists = || found.unverified.alike().filter(|alike| *alike.host == scan.host && !alike.unseen);
    let total = lists().map(|alike| alike.paths.len() as u64).sum();
    monitor.begin(&format!("examining files of {} that nothing vouches for", scan.host), Some(total));
    let mut paths = lists().flat_map(|alike| alike.paths.iter());
    let mut proofs = BTreeMap::new();
    loop {
        let batch: Vec<TargetPath> = paths.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        proofs.par_extend(batch.into_par_iter().filter_map(|path| {
            monitor.advance(1);
            let proof = proof(root, scan, &path)?;
            Some((path, proof))
        }));
    }
    drop(paths);
    scan.inconsistent = proofs;
    monitor.end();
}

/// What proves that a file is damaged.
fn proof(root: &LiveRoot, scan: &Scan, path: &TargetPath) -> Option<Inconsistency> {
    let seen = scan.seen(path)?;
    if seen.kind != Kind::File || !matches!(seen.content, Some(SeenContent::Read { .. })) {
        return None;
    }
    match examine(root, path, scan.read)? {
        (check, Verdict::Damaged { at, proof }) => Some(Inconsistency { check: check.to_owned(), at, text: proof }),
        (_, Verdict::Consistent | Verdict::Undecided(_)) => None,
    }
}
