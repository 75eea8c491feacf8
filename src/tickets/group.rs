//! Which findings and steps belong into one ticket.

use crate::model::finding::Class;
use crate::model::plan::Action;
use crate::model::unit::{HostName, UnitId};
use crate::report::view::{FindingView, StepView, View, decisive};
use std::collections::{BTreeMap, BTreeSet};

/// What a ticket asks for, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ask {
    /// Bring data back.
    Restore,
    /// Decide something.
    Review,
    /// Make it anew.
    Redeploy,
}

impl Ask {
    /// The word in fingerprints.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Review => "review",
            Self::Redeploy => "redeploy",
        }
    }
}

/// The matter of one ticket.
pub(super) struct Group<'a> {
    pub(super) host: &'a HostName,
    pub(super) root: &'a UnitId,
    pub(super) ask: Ask,
    pub(super) findings: Vec<&'a FindingView>,
    pub(super) steps: Vec<&'a StepView>,
}

/// The tickets that a plan needs, most severe first, then by host and unit.
pub(super) fn groups(view: &View) -> Vec<Group<'_>> {
    let decisive = decisive(view);
    let mut by_key: BTreeMap<(Ask, &HostName, &UnitId), Vec<&FindingView>> = BTreeMap::new();
    for finding in &view.findings {
        let ask = match decisive.get(finding.id.as_str()).map(|step| step.action) {
            Some(Action::Restore) => Ask::Restore,
            Some(Action::Hand) | None => Ask::Review,
            Some(_) => Ask::Redeploy,
        };
        by_key.entry((ask, &finding.host, view.root_of(&finding.unit))).or_default().push(finding);
    }
    by_key
        .into_iter()
        .map(|((ask, host, root), findings)| Group { host, root, ask, steps: steps(view, &findings), findings })
        .collect()
}

/// The steps that cure these findings, with all that has to be done before.
fn steps<'a>(view: &'a View, findings: &[&FindingView]) -> Vec<&'a StepView> {
    let cured: BTreeSet<&str> = findings.iter().map(|finding| finding.id.as_str()).collect();
    let by_id: BTreeMap<&str, &StepView> = view.steps.iter().map(|step| (step.id.as_str(), step)).collect();
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    let mut todo: Vec<&str> = view
        .steps
        .iter()
        .filter(|step| step.findings.iter().any(|id| cured.contains(id.as_str())))
        .map(|step| step.id.as_str())
        .collect();
    while let Some(id) = todo.pop() {
        if wanted.insert(id)
            && let Some(step) = by_id.get(id)
        {
            todo.extend(step.needs.iter().map(String::as_str));
        }
    }
    view.steps.iter().filter(|step| wanted.contains(step.id.as_str())).collect()
}

/// How bad it is, as a word that trackers know.
pub(super) fn severity(group: &Group<'_>) -> &'static str {
    match group.ask {
        Ask::Restore => "critical",
        Ask::Review if group.findings.iter().any(|finding| finding.class == Class::Damage) => "major",
        Ask::Redeploy if group.findings.iter().any(|finding| finding.class == Class::Damage) => "major",
        Ask::Review | Ask::Redeploy => "minor",
    }
}
