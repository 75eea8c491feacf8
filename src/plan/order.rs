//! The order of steps: by phase, by the graph of units, then by id; and the waves that follow from it.

use crate::model::graph::Graph;
use crate::model::manifest::Manifest;
use crate::model::plan::{Action, Plan, Step};
use crate::model::unit::UnitId;
use std::collections::BTreeMap;

/// Orders steps, numbers them, and says which waits for which.
pub(super) fn order(manifest: &Manifest, mut steps: Vec<Step>) -> Plan {
    let depth = depths(manifest);
    let depth_of = |step: &Step| depth.get(&step.unit).copied().unwrap_or(0);
    steps.sort_by(|a, b| {
        (a.action, depth_of(a), &a.host, &a.unit, &a.reason).cmp(&(b.action, depth_of(b), &b.host, &b.unit, &b.reason))
    });
    for (index, step) in steps.iter_mut().enumerate() {
        step.id = format!("s{}", index + 1);
    }
    let needs: Vec<Vec<usize>> =
        (0..steps.len()).map(|at| (0..at).filter(|before| waits_for(&steps[at], &steps[*before])).collect()).collect();
    let mut waves = vec![1_u32; steps.len()];
    for (at, before) in needs.iter().enumerate() {
        waves[at] = before.iter().map(|before| waves[*before] + 1).max().unwrap_or(1);
    }
    let ids: Vec<String> = steps.iter().map(|step| step.id.clone()).collect();
    for (at, step) in steps.iter_mut().enumerate() {
        step.wave = waves[at];
        step.needs = needs[at].iter().map(|before| ids[*before].clone()).collect();
    }
    Plan { steps }
}

/// How many waves of other units a unit needs before it.
fn depths(manifest: &Manifest) -> BTreeMap<UnitId, usize> {
    let graph = Graph::new(manifest.units.iter().map(|unit| &unit.id), &manifest.edges);
    let waves = graph.waves();
    waves.into_iter().enumerate().flat_map(|(wave, units)| units.into_iter().map(move |unit| (unit, wave))).collect()
}

/// Whether `step` may only begin when `before`, which comes earlier in the list, is done.
fn waits_for(step: &Step, before: &Step) -> bool {
    let same_place = before.host == step.host || step.host.is_none() || before.host.is_none();
    match (before.action, step.action) {
        // What a person decides takes its time; the steps that must not go on without it are blocked.
        (Action::Hand | Action::Verify, _) | (_, Action::Hand) => false,
        (_, Action::Verify) => true,
        (earlier, later) => earlier < later && same_place && !independent(earlier, later),
    }
}

/// Phases that do not touch the same things.
fn independent(earlier: Action, later: Action) -> bool {
    matches!((earlier, later), (Action::Unblock, Action::Force))
}
