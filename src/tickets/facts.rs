//! What a ticket says: the fields that a template may use.

use super::fingerprint;
use super::group::{Ask, Group, severity};
use crate::model::artifact::Durability;
use crate::model::finding::{Certainty, Class};
use crate::report::counts;
use crate::report::escape::{count, plain};
use crate::report::steps::shell_line;
use crate::report::view::{CommandView, Incident, PlaceView, StepView, View};
use serde::Serialize;
use std::collections::BTreeMap;

/// The most paths that a ticket names.
const PATHS: usize = 20;

/// The fields of a ticket.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    pub(super) title: String,
    pub(super) fingerprint: String,
    pub(super) host: String,
    pub(super) unit: String,
    severity: &'static str,
    impact: String,
    deployment: String,
    environment: String,
    owner: Option<String>,
    confidence: String,
    incident: Option<Incident>,
    counts: String,
    paths: Vec<PathLine>,
    more_paths: usize,
    lost: Vec<String>,
    steps: Vec<StepFacts>,
    unverified: Vec<String>,
    plan_id: String,
    created_at: String,
    rectify_version: String,
}

#[derive(Debug, Serialize)]
struct PathLine {
    path: String,
    what: String,
}

#[derive(Debug, Serialize)]
struct StepFacts {
    id: String,
    wave: u32,
    host: String,
    unit: String,
    action: &'static str,
    reason: String,
    codes: String,
    needs: String,
    hazards: Vec<String>,
    blocked: Option<String>,
    commands: String,
    check: String,
}

/// The fields of one ticket.
pub(super) fn of(view: &View, group: &Group<'_>) -> Facts {
    let unit = view.unit_name(group.root).to_owned();
    let counts = counts::kinds(group.findings.iter().map(|finding| finding.damage.as_str()));
    Facts {
        title: format!("{}: {} ({counts})", group.host, ask_line(group, &unit)),
        fingerprint: fingerprint::of(&[
            &view.definition.deployment,
            &view.definition.environment,
            &group.host.0,
            &group.root.0,
            group.ask.word(),
            view.incident.as_ref().and_then(|incident| incident.id.as_deref()).unwrap_or(""),
        ]),
        host: group.host.to_string(),
        severity: severity(group),
        impact: impact(group, &unit),
        deployment: view.definition.deployment.clone(),
        environment: view.definition.environment.clone(),
        owner: view.unit(group.root).and_then(|unit| unit.owner.clone()),
        confidence: confidence(group),
        incident: view.incident.clone(),
        counts,
        paths: paths(group),
        more_paths: group.findings.len().saturating_sub(PATHS),
        lost: lost(view, group),
        steps: group.steps.iter().map(|one| step(view, one)).collect(),
        unverified: unverified(view, group),
        plan_id: view.plan_id.clone(),
        created_at: view.created_at.clone(),
        rectify_version: view.rectify_version.clone(),
        unit,
    }
}

fn ask_line(group: &Group<'_>, unit: &str) -> String {
    match group.ask {
        Ask::Restore => format!("restore {unit}"),
        Ask::Review => format!("decide about {unit}"),
        Ask::Redeploy => format!("redeploy {unit}"),
    }
}

fn impact(group: &Group<'_>, unit: &str) -> String {
    let total = count(group.findings.len() as u64, "thing", "things");
    let verb = if group.findings.len() == 1 { "is" } else { "are" };
    let damaged = group.findings.iter().any(|finding| finding.class == Class::Damage);
    let what = if damaged { format!("{verb} damaged") } else { format!("{verb} not as deployed") };
    match group.ask {
        Ask::Restore => {
            format!(
                "{total} of {unit} on {} {what}: data that no redeploy can make anew has to come from a backup.",
                group.host
            )
        }
        Ask::Review => format!("{total} of {unit} on {} {what}, and a person has to decide what to do.", group.host),
        Ask::Redeploy => {
            format!("{total} of {unit} on {} {what}; a redeploy as described makes all of it anew.", group.host)
        }
    }
}

fn confidence(group: &Group<'_>) -> String {
    let mut counts: BTreeMap<Certainty, u64> = BTreeMap::new();
    for finding in &group.findings {
        *counts.entry(finding.certainty).or_default() += 1;
    }
    let word = |certainty| match certainty {
        Certainty::Proved => "proved",
        Certainty::Likely => "likely",
        Certainty::Guess => "guessed",
    };
    let parts: Vec<_> = counts.into_iter().map(|(certainty, count)| format!("{count} {}", word(certainty))).collect();
    format!("kind of damage {}; that it differs is certain", parts.join(", "))
}

fn paths(group: &Group<'_>) -> Vec<PathLine> {
    let lines = group.findings.iter().take(PATHS).map(|finding| {
        let detail = finding.detail.as_deref().map_or_else(String::new, |detail| format!(", {detail}"));
        let secret = if finding.secret { " (secret, differs)" } else { "" };
        PathLine {
            path: finding.path.clone(),
            what: format!("{}{detail}{secret} [{}]", counts::word(&finding.damage), finding.code),
        }
    });
    lines.collect()
}

fn lost(view: &View, group: &Group<'_>) -> Vec<String> {
    let mut lost = Vec::new();
    for step in &group.steps {
        let name = view.unit_name(&step.unit);
        lost.extend(step.loses_data_since.iter().map(|since| format!("{name}: what was written after {since}")));
        lost.extend(
            step.hazards
                .iter()
                .filter(|hazard| hazard.code == crate::model::code::LOSES_DATA)
                .map(|hazard| hazard.text.clone()),
        );
    }
    let restored = group.ask == Ask::Restore;
    let durable = group.findings.iter().filter(|finding| finding.durability == Durability::Durable && !restored);
    lost.extend(
        durable.take(PATHS).map(|finding| format!("perhaps {}: no backup of it is used by this plan", finding.path)),
    );
    lost.dedup();
    lost
}

fn step(view: &View, step: &StepView) -> StepFacts {
    let commands: Vec<String> = step.commands.iter().map(command).collect();
    StepFacts {
        id: step.id.clone(),
        wave: step.wave,
        host: step.host.as_ref().map_or("all hosts", |host| &*host.0).to_owned(),
        unit: view.unit_name(&step.unit).to_owned(),
        action: step.action.word(),
        reason: step.reason.clone(),
        codes: counts::codes(step.codes.clone()),
        needs: step.needs.join(", "),
        hazards: step.hazards.iter().map(|hazard| format!("{} ({})", hazard.text, hazard.code)).collect(),
        blocked: step.blocked.clone(),
        commands: commands.join("\n"),
        check: step.check.as_ref().map_or_else(String::new, command),
    }
}

fn command(command: &CommandView) -> String {
    let place = match &command.place {
        PlaceView::Control => "the control machine",
        PlaceView::Host(host) => &*host.0,
    };
    format!("# on {}\n{}", plain(place), shell_line(command))
}

fn unverified(view: &View, group: &Group<'_>) -> Vec<String> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    let ours =
        view.unverified.alike().filter(|alike| *alike.host == *group.host && view.root_of(alike.unit) == group.root);
    for alike in ours {
        *reasons.entry(&alike.why.text).or_default() += alike.count();
    }
    reasons.into_iter().map(|(why, total)| format!("{}: {why}", count(total, "entry", "entries"))).collect()
}
