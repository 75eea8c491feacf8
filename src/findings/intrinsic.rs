//! Files that nothing vouches for, but whose own format proves them damaged.

use super::Case;
use super::claim::Claims;
use super::damage::Diagnosis;
use super::{compare, unclaimed};
use crate::model::artifact::Authority;
use crate::model::finding::{Certainty, Damage, Findings};
use crate::model::observation::Scan;
use crate::model::path::TargetPath;
use std::collections::BTreeSet;

/// Turns what could not be judged, and is damaged in itself, into findings.
pub(super) fn judge(case: Case<'_>, scan: &Scan, claims: Claims<'_>, findings: &mut Findings) {
    let known: BTreeSet<TargetPath> = findings
        .findings
        .iter()
        .filter(|finding| finding.host == scan.host && !finding.damage.is_metadata())
        .map(|finding| finding.path.clone())
        .collect();
    let mut judged: BTreeSet<&TargetPath> = BTreeSet::new();
    for (path, proof) in scan.inconsistent.iter().filter(|(path, _)| !known.contains(*path)) {
        let Some(seen) = scan.seen(path) else { continue };
        let place = proof.at.map_or_else(String::new, |at| format!(" (byte {at})"));
        let evidence =
            vec![format!("it is damaged in itself, says the check `{}`{place}: {}", proof.check, proof.text)];
        let diagnosis = Diagnosis::damage(Damage::Inconsistent, Certainty::Proved, evidence);
        let mut finding = match claims.get(path) {
            Some(claim) => compare::finding(&claim, Some(&seen), diagnosis),
            None => unclaimed::finding(case, scan, claims, (path, &seen), diagnosis),
        };
        finding.authority = Authority::Intrinsic;
        judged.insert(path);
        findings.checked += 1;
        findings.findings.push(finding);
    }
    if !judged.is_empty() {
        let is_judged = |path: &TargetPath| judged.contains(path);
        findings.unverified.retain(|entry| entry.host != scan.host || !entry.path.as_ref().is_some_and(is_judged));
    }
}
