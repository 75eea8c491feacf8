//! What a repair could take along: files that no deployment makes, below something that it may remove, sound or not. Pure.
//!
//! Told for what the findings' mends remove or replace, and for what is wrong itself: nowhere else is anything removed.
//! What comes back another way is for the plan to say.

use super::Case;
use super::claim::Claims;
use super::unclaimed::{View, is_derived};
use crate::model::artifact::{Durability, Expected, Force};
use crate::model::finding::{Damage, Finding, Findings};
use crate::model::observation::{Kind, Scan, Sighting};
use crate::model::path::{TargetPath, outermost};
use crate::model::path_set::PathSet;
use std::collections::BTreeSet;

/// Adds to the findings what is irreplaceable where their repair may remove something. It is called when no more of them
/// will come.
pub fn judge(case: Case<'_>, findings: &mut Findings) {
    for scan in case.scans {
        let of_host: Vec<&Finding> = findings.findings.iter().filter(|finding| finding.host == scan.host).collect();
        let kept = below_removals(case, scan, &of_host);
        if !kept.is_empty() {
            findings.irreplaceable.insert(scan.host.clone(), kept);
        }
    }
}

/// Files and links that no deployment makes. What lies in a directory that should be none has no place to go back to: it
/// stays in the quarantine.
fn below_removals(case: Case<'_>, scan: &Scan, findings: &[&Finding]) -> PathSet {
    let claims = Claims::new(case.manifest, &scan.host);
    let view = View::new(case, scan, claims);
    // What lies in something that should be something else, or should not be there, has no place to come back to.
    let is_displaced =
        |finding: &&&Finding| finding.damage == Damage::WrongKind || finding.expected == Some(Expected::Absent);
    let displaced: Vec<&TargetPath> = findings.iter().filter(is_displaced).map(|finding| &finding.path).collect();
    let is_no_place = |directory: TargetPath| {
        let is_no_directory = |expected: &Expected| matches!(expected, Expected::File(_) | Expected::Link { .. });
        directory
            .ancestors()
            .any(|above| claims.get(&above).is_some_and(|claim| is_no_directory(&claim.artifact.expected)))
    };
    // What lies in one directory follows each other, and is asked about that only once.
    let mut last: (Option<TargetPath>, bool) = (None, false);
    let mut kept = PathSet::default();
    for place in &places(case, findings) {
        for (path, sighting) in scan.observations.range(place).take_while(|(path, _)| path.is_below(place)) {
            let is_file = matches!(&*sighting, Sighting::Present(seen) if matches!(seen.kind, Kind::File | Kind::Link));
            let is_made = || claims.get(&path).is_some_and(|claim| claim.artifact.durability != Durability::Durable);
            if !is_file || is_made() {
                continue;
            }
            let directory = path.parent();
            if directory != last.0 {
                last = (directory.clone(), directory.is_some_and(is_no_place));
            }
            let keeps = !last.1
                && !is_derived(&path)
                && !view.is_repository(&path)
                && !displaced.iter().any(|displaced| path.is_below(displaced))
                && !view.belongs_to_environment(&path);
            if keeps {
                kept.insert(path);
            }
        }
    }
    kept.pack();
    kept
}

/// What a repair of these findings may remove, the outermost paths only.
fn places(case: Case<'_>, findings: &[&Finding]) -> Vec<TargetPath> {
    let mends: BTreeSet<usize> =
        findings.iter().filter_map(|finding| finding.mend).map(|mend| mend.0 as usize).collect();
    let by_mends = mends.into_iter().filter_map(|mend| case.manifest.mends.get(mend)).flat_map(|mend| {
        let forced = mend.force.iter().filter_map(|force| match force {
            Force::Remove(path) => Some(path),
            Force::RemoveSelf | Force::EmptySelf => None,
        });
        forced.chain(&mend.replaces)
    });
    outermost(findings.iter().map(|finding| &finding.path).chain(by_mends))
}
