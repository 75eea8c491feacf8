//! The sentences with numbers: the verdict and the last line. They count the view's lists, so that they agree with them.

use super::escape::{count, number, plain, shell};
use super::view::{Kind, Verdict, View};
use crate::model::code::Code;
use crate::model::diagnostic::Severity;
use crate::model::finding::Class;
use crate::model::plan::Action;
use std::collections::{BTreeMap, BTreeSet};

/// The verdict as one sentence.
pub fn verdict(view: &View) -> String {
    let environment = plain(&view.definition.environment);
    match view.outcome {
        Verdict::InSync if view.doubts() == 0 => {
            format!("In sync: {environment} is what the deployment would make.")
        }
        Verdict::InSync => format!(
            "In sync as far as can be told: {environment} is what the deployment would make; {} could not be checked.",
            count(view.doubts(), "entry", "entries")
        ),
        Verdict::Change => {
            format!("Not yet deployed: {}. No drift, no damage.", differ(view, Class::Change))
        }
        Verdict::Drift => format!("Drift: {}. No damage.", differ(view, Class::Drift)),
        Verdict::Incomplete => format!("INCOMPLETE: {}; nothing worse was found.", incomplete(view)),
        Verdict::Damage => format!(
            "DAMAGE: {}; everything damaged can be made anew.{}",
            differ(view, Class::Damage),
            if view.complete { String::new() } else { format!(" INCOMPLETE: {}.", incomplete(view)) }
        ),
        Verdict::RestoreNeeded => format!(
            "RESTORE NEEDED: {}, {} of them cannot be made anew by a redeploy.{}",
            differ(view, Class::Damage),
            number(beyond_redeploy(view)),
            if view.complete { String::new() } else { format!(" INCOMPLETE: {}.", incomplete(view)) }
        ),
    }
}

fn differ(view: &View, class: Class) -> String {
    let of_class = || view.findings.iter().filter(|finding| finding.class == class);
    let hosts: BTreeSet<_> = of_class().map(|finding| &finding.host).collect();
    let total = of_class().count() as u64;
    let verb = match class {
        Class::Change => count(total, "change", "changes"),
        Class::Drift => count(total, "thing was changed", "things were changed"),
        Class::Damage => count(total, "thing is damaged", "things are damaged"),
    };
    format!("{verb} on {} of {}", hosts.len(), count(view.hosts.len() as u64, "host", "hosts"))
}

fn beyond_redeploy(view: &View) -> u64 {
    let mut ids: BTreeSet<&str> = view
        .steps
        .iter()
        .filter(|step| step.action == Action::Hand)
        .flat_map(|step| step.findings.iter().map(String::as_str))
        .collect();
    let durable =
        view.findings.iter().filter(|finding| finding.durability == crate::model::artifact::Durability::Durable);
    ids.extend(durable.map(|finding| finding.id.as_str()));
    let damaged = view.findings.iter().filter(|finding| finding.class == Class::Damage);
    damaged.filter(|finding| ids.contains(finding.id.as_str())).count() as u64
}

fn incomplete(view: &View) -> String {
    let unreachable = view.hosts.iter().filter(|host| !host.reachable).count() as u64;
    let unseen = view.unverified.alike().filter(|alike| alike.unseen).map(|alike| alike.count()).sum();
    let errors =
        view.diagnostics.iter().filter(|one| one.severity == crate::model::diagnostic::Severity::Error).count() as u64;
    let mut parts = Vec::new();
    if unreachable > 0 {
        parts.push(format!("{} not seen", count(unreachable, "host was", "hosts were")));
    }
    if unseen > 0 {
        parts.push(format!("{} not be looked at", count(unseen, "entry could", "entries could")));
    }
    if errors > 0 {
        parts.push(format!("the definition has {}", count(errors, "error", "errors")));
    }
    if parts.is_empty() { "not everything was looked at".into() } else { parts.join(", ") }
}

/// How many findings of each kind, most first: `31 random, 12 missing, 4 stale`.
pub fn kinds<'a>(kinds: impl IntoIterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for kind in kinds {
        *counts.entry(kind).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    let parts: Vec<_> = counts.into_iter().map(|(kind, count)| format!("{} {}", number(count), word(kind))).collect();
    parts.join(", ")
}

/// The word of a kind for people.
pub fn word(kind: &str) -> String {
    match kind {
        "extraneous" => "unexpected".into(),
        other => plain(other).replace('_', " "),
    }
}

/// Codes, each once: `RCT101, RCT103`.
pub fn codes(codes: impl IntoIterator<Item = Code>) -> String {
    let codes: BTreeSet<Code> = codes.into_iter().collect();
    codes.iter().map(Code::to_string).collect::<Vec<_>>().join(", ")
}

/// The last line: all counts.
pub fn last_line(view: &View) -> String {
    let mut parts = vec![format!("{} checked, {} intact", number(view.summary.checked), number(view.summary.intact))];
    if view.findings.is_empty() {
        parts.push("0 differ".into());
    } else {
        let kinds = kinds(view.findings.iter().map(|finding| finding.damage.as_str()));
        parts.push(format!("{}: {kinds}", count(view.findings.len() as u64, "differs", "differ")));
    }
    parts.push(format!("{} not checkable (?)", number(view.unverified.count())));
    if view.kind == Kind::Plan {
        parts.push(count(view.steps.len() as u64, "step", "steps"));
    }
    format!("{}.", parts.join("; "))
}

/// The plan in one line: steps by action, waves.
pub fn plan_line(view: &View) -> String {
    let mut actions: BTreeMap<Action, u64> = BTreeMap::new();
    for step in &view.steps {
        *actions.entry(step.action).or_default() += 1;
    }
    let actions: Vec<_> = actions.into_iter().map(|(action, count)| format!("{count} {}", action.word())).collect();
    let waves = view.steps.iter().map(|step| step.wave).collect::<BTreeSet<_>>().len() as u64;
    let blocked = view.steps.iter().filter(|step| step.blocked.is_some()).count();
    let blocked = if blocked == 0 { String::new() } else { format!("; {blocked} blocked") };
    format!("Plan {}: {} in {}{blocked}", plain(&view.plan_id), actions.join(", "), count(waves, "wave", "waves"))
}

/// What to do next.
pub fn next(view: &View) -> Option<String> {
    let environment = shell(&view.definition.environment);
    match (view.kind, view.outcome) {
        (_, Verdict::InSync) => None,
        (_, Verdict::Incomplete) if view.diagnostics.iter().any(|one| one.severity == Severity::Error) => {
            Some(format!("mend the definition, then rectify check {environment}"))
        }
        (_, Verdict::Incomplete) if view.hosts.iter().any(|host| !host.reachable) => Some(format!(
            "have the hosts seen (--root HOST=DIR here, or rectify scan there and --scan FILE here), \
             then rectify check {environment}"
        )),
        (_, Verdict::Incomplete) => {
            Some(format!("make the unseen parts readable, then rectify check {environment}; -v names them"))
        }
        (Kind::Check | Kind::Diff, _) => Some(format!("rectify plan {environment} -o plan.json")),
        (Kind::Plan, _) if view.steps.is_empty() => Some("-v tells what is known; no step could be found".into()),
        (Kind::Plan, _) => Some(format!(
            "do the waves in order, then rectify check {environment} must exit 0 \
             (tickets: rectify plan {environment} -o plan.json; rectify ticket plan.json -o tickets)"
        )),
    }
}
