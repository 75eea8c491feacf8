//! Small words of the view: symbols, and what a finding's decisive step is.

use super::{FindingView, StepView, View};
use crate::model::finding::Class;
use crate::model::plan::Action;
use std::collections::BTreeMap;

/// The symbol of a finding, distinct without colour: `-` missing, `+` new, `x` unexpected, `!` content that nobody
/// wrote, `~` differs.
pub fn symbol(finding: &FindingView) -> char {
    match (finding.damage.as_str(), finding.class) {
        ("missing", Class::Change) => '+',
        ("missing", _) => '-',
        ("extraneous", _) => 'x',
        ("stale" | "edited" | "not_deployed" | "wrong_mode" | "wrong_owner" | "wrong_target", _)
        | (_, Class::Change | Class::Drift) => '~',
        (_, Class::Damage) => '!',
    }
}

/// For every finding that a step cures: the step that decides how, strongest first.
pub fn decisive(view: &View) -> BTreeMap<&str, &StepView> {
    let mut best: BTreeMap<&str, &StepView> = BTreeMap::new();
    for step in &view.steps {
        for id in &step.findings {
            let known = best.entry(id).or_insert(step);
            if weight(step.action) > weight(known.action) {
                *known = step;
            }
        }
    }
    best
}

fn weight(action: Action) -> u8 {
    match action {
        Action::Restore => 7,
        Action::Hand => 6,
        Action::Reinstall => 5,
        Action::Rebuild => 4,
        Action::Redeploy | Action::PutBack => 3,
        Action::Rescue | Action::Force | Action::Unblock => 2,
        Action::Reboot | Action::Restart | Action::Stop | Action::Quarantine => 1,
        Action::Check | Action::Verify => 0,
    }
}
