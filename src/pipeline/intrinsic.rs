//! Holding files that nothing vouches for against their own format.

use crate::io::disk::LiveRoot;
use crate::live::examine::examine;
use crate::live::intrinsic::Verdict;
use crate::model::finding::Findings;
use crate::model::observation::{Inconsistency, Kind, Scan, SeenContent};
use crate::model::path::TargetPath;
use crate::monitor::Monitor;
use rayon::prelude::*;

/// Notes in the scan which of the files that could not be judged are damaged in themselves.
pub(super) fn add(root: &LiveRoot, scan: &mut Scan, found: &Findings, monitor: &dyn Monitor) {
    let is_file = |path: &&TargetPath| {
        let seen = scan.seen(path);
        seen.is_some_and(|seen| seen.kind == Kind::File && matches!(seen.content, Some(SeenContent::Read { .. })))
    };
    let asked: Vec<&TargetPath> = found
        .unverified
        .iter()
        .filter(|entry| entry.host == scan.host && !entry.unseen)
        .filter_map(|entry| entry.path.as_ref())
        .filter(is_file)
        .collect();
    monitor.begin(&format!("examining files of {} that nothing vouches for", scan.host), Some(asked.len() as u64));
    let proofs = asked
        .par_iter()
        .filter_map(|path| {
            monitor.advance(1);
            match examine(root, path, scan.read)? {
                (check, Verdict::Damaged { at, proof }) => {
                    Some(((*path).clone(), Inconsistency { check: check.to_owned(), at, text: proof }))
                }
                (_, Verdict::Consistent | Verdict::Undecided(_)) => None,
            }
        })
        .collect();
    scan.inconsistent = proofs;
    monitor.end();
}
