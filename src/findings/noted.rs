//! What is not deployed as the definition has it now, by what the target says of its own deployment: parts that buildout noted,
//! and working copies, as an earlier revision has them.
//!
//! What a part makes need not be known for that. Where no earlier revision says what is noted, the recipe may have changed it,
//! and nothing is told; nor is it where what the part makes tells the same.

use super::known::Known;
use super::{Case, Revision};
use crate::model::artifact::{Authority, Durability};
use crate::model::finding::{Certainty, Class, Damage, Finding};
use crate::model::manifest::Noted;
use crate::model::unit::{HostName, UnitId};
use std::collections::{BTreeMap, BTreeSet};

/// What is noted, and the revision that has it so, with its place in the list.
type Told<'a> = (&'a Noted, usize, &'a Revision);

/// Adds a finding for each part and working copy of a host that has none of such a change yet.
pub(super) fn judge(case: Case<'_>, host: &HostName, known: &Known<'_>, findings: &mut Vec<Finding>) {
    let mut parts: BTreeMap<_, Vec<Told<'_>>> = BTreeMap::new();
    for (index, noted) in case.manifest.noted.iter().enumerate().filter(|(_, noted)| noted.host == *host) {
        let mut revisions = case.revisions.iter().enumerate();
        if let Some((at, revision)) = revisions.find(|(_, revision)| revision.agrees(index)) {
            parts.entry((&noted.deployed, &noted.subject)).or_default().push((noted, at, revision));
        }
    }
    let changes = findings.iter().filter(|finding| finding.class == Class::Change && finding.host == *host);
    let told: BTreeSet<UnitId> = changes.map(|finding| finding.unit.clone()).collect();
    let of_part = |noted: Vec<Told<'_>>| finding(&noted, known).filter(|finding| !told.contains(&finding.unit));
    findings.extend(parts.into_values().filter_map(of_part));
}

fn finding(noted: &[Told<'_>], known: &Known<'_>) -> Option<Finding> {
    let (Noted { host, unit, path, mend, .. }, at, revision) = *noted.first()?;
    let fact = |(noted, _, revision): &Told<'_>| format!("{}, as {} has it", noted.fact, revision.name);
    let mut evidence: Vec<String> = noted.iter().map(fact).collect();
    let (mut damage, mut class, mut certainty) =
        (Damage::NotDeployed { revision: revision.name.clone() }, Class::Change, Certainty::Likely);
    // Then the notes may be as old as all that is not of the later one, and what they note is deployed.
    if let Some(newer) = known.advanced(at, unit) {
        (damage, class, certainty) = (Damage::Stale { as_of: revision.name.clone() }, Class::Damage, Certainty::Guess);
        evidence.push(format!("{newer}: the note was lost, or the deployment was broken off before it"));
    }
    Some(Finding {
        id: String::new(),
        host: host.clone(),
        unit: unit.clone(),
        path: path.clone(),
        damage,
        class,
        certainty,
        evidence,
        authority: Authority::Definition,
        durability: Durability::Reproducible,
        mend: Some(*mend),
        expected: None,
        expected_mode: None,
        secret: false,
        live: None,
        size: None,
        blocks: Vec::new(),
        origin: None,
    })
}
