//! Parts that are not deployed as the definition has them now: buildout noted them as an earlier revision has them.
//!
//! What a part makes need not be known for that. Where no earlier revision says what is noted, the recipe may have changed it,
//! and nothing is told; nor is it where what the part makes tells the same.

use super::{Case, Revision};
use crate::model::artifact::{Authority, Durability};
use crate::model::finding::{Certainty, Class, Damage, Finding};
use crate::model::manifest::Noted;
use crate::model::unit::UnitId;
use std::collections::{BTreeMap, BTreeSet};

/// Adds a finding for each part that has none of such a change yet.
pub(super) fn judge(case: Case<'_>, findings: &mut Vec<Finding>) {
    let mut parts: BTreeMap<_, Vec<(&Noted, &Revision)>> = BTreeMap::new();
    for (index, noted) in case.manifest.noted.iter().enumerate() {
        if let Some(revision) = case.revisions.iter().find(|revision| revision.agrees(index)) {
            parts.entry((&noted.host, &noted.buildout, &noted.part)).or_default().push((noted, revision));
        }
    }
    let changes = findings.iter().filter(|finding| finding.class == Class::Change);
    let told: BTreeSet<UnitId> = changes.map(|finding| finding.unit.clone()).collect();
    let findings_of = |noted: Vec<_>| finding(&noted).filter(|finding| !told.contains(&finding.unit));
    findings.extend(parts.into_values().filter_map(findings_of));
}

fn finding(noted: &[(&Noted, &Revision)]) -> Option<Finding> {
    let (Noted { host, unit, path, mend, .. }, revision) = *noted.first()?;
    Some(Finding {
        id: String::new(),
        host: host.clone(),
        unit: unit.clone(),
        path: path.clone(),
        damage: Damage::NotDeployed { revision: revision.name.clone() },
        class: Class::Change,
        certainty: Certainty::Likely,
        evidence: noted.iter().map(|(noted, revision)| evidence(noted, revision)).collect(),
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

fn evidence(Noted { part, option, value, .. }: &Noted, Revision { name, .. }: &Revision) -> String {
    match (option, value) {
        (None, None) => format!("[{part}] is not noted as installed, and {name} does not have it either"),
        (None, Some(_)) => {
            format!("[{part}] is noted as installed, as {name} has it: the next run of buildout uninstalls it")
        }
        (Some(option), None) => format!("[{part}] was installed without `{option}`, as {name} has it"),
        (Some(option), Some(value)) => {
            let value: Vec<&str> = value.lines().collect();
            format!("[{part}] was installed with `{option} = {}`, as {name} has it", value.join(" "))
        }
    }
}
