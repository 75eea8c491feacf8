//! Answers to "why": a code, a finding with its evidence chain, a unit.

use super::counts::word;
use super::escape::plain;
use super::formats::{Detail, FORMATS, Options};
use super::view::{FindingView, StepView, View};
use super::{blocks, steps};
use crate::model::artifact::{Authority, Durability};
use crate::model::code::{self, Code};
use crate::model::finding::{Certainty, Class};
use crate::model::unit::UnitId;

/// What a code means; `None` when there is no such code.
pub fn of_code(code: Code) -> Option<String> {
    let entry = code::entry(code)?;
    Some(format!("{}: {}\n\n{}\n", entry.code, entry.title, entry.explanation))
}

/// The evidence chain of a finding: what, how sure, why, who says so, what it means, and which steps cure it.
pub fn of_finding(view: &View, finding: &FindingView) -> String {
    let place = format!("{}:{}", plain(&finding.host.0), plain(&finding.path));
    let mut lines = vec![format!("{} {}: {place} is {}", finding.id, finding.code, word(&finding.damage))];
    lines.extend(finding.detail.iter().map(|detail| format!("  {}", plain(detail))));
    lines.push(format!("  unit        {}", plain(view.unit_name(&finding.unit))));
    lines.push(format!("  class       {}", class(finding.class)));
    lines.push(format!("  certainty   {}", certainty(finding.certainty)));
    lines.push(format!("  expected    {}", finding.expected.as_deref().map_or("unknown".into(), plain)));
    lines.push(format!("  reference   {}", authority(finding.authority)));
    lines.push(format!("  made anew   {}", durability(finding.durability)));
    if let Some(source) = &finding.source {
        let line = source.line.map_or_else(String::new, |line| format!(":{line}"));
        lines.push(format!("  declared    {}{line}", plain(&source.file)));
    }
    lines.push("\nEvidence".into());
    lines.extend(finding.evidence.iter().map(|line| format!("  - {}", plain(line))));
    if let Some(map) = &finding.blocks {
        lines.push(format!("  {}  {}", blocks::line(map), blocks::legend(map)));
        lines.extend(blocks::ranges(map).into_iter().map(|range| format!("  {range}")));
    }
    if let Some(diff) = &finding.diff {
        lines.extend(diff.lines().map(|line| format!("  {}", plain(line))));
    }
    if finding.secret {
        lines.push("  (secret, differs)".into());
    }
    lines.push(String::new());
    lines.extend(of_code(finding.code));
    let cures: Vec<&StepView> = view.steps.iter().filter(|step| step.findings.contains(&finding.id)).collect();
    lines.push(steps_text(view, &cures));
    lines.join("\n")
}

/// What is known about a unit in a plan: findings, what could not be checked, steps. `None` when the plan does not
/// mention it.
pub fn of_unit(view: &View, name: &str) -> Option<String> {
    let wanted = |unit: &&super::view::UnitView| *unit.id.0 == *name || unit.name == name;
    let ids: Vec<_> = view.units.iter().filter(wanted).map(|unit| unit.id.clone()).collect();
    if ids.is_empty() {
        return None;
    }
    let inside = |id: &UnitId| ids.contains(id) || ids.contains(view.root_of(id));
    let mut part = view.clone();
    part.findings.retain(|finding| inside(&finding.unit));
    part.unverified.retain_units(inside);
    part.steps.retain(|step| inside(&step.unit));
    let options = Options { detail: Detail::Files, ..Options::default() };
    let mut lines = Vec::new();
    for unit in view.units.iter().filter(wanted) {
        lines.push(format!("{} on {} ({})", plain(&unit.name), plain(&unit.host.0), plain(&unit.id.0)));
        lines.extend(unit.owner.iter().map(|owner| format!("  owner     {}", plain(owner))));
        lines.extend(unit.source.iter().map(|source| format!("  declared  {}", plain(&source.file))));
    }
    for class in [Class::Damage, Class::Drift, Class::Change] {
        lines.extend(super::listing::section(&part, class, options).map(|text| format!("\n{text}")));
    }
    lines.extend(super::listing::unverified(&part, options).map(|text| format!("\n{text}")));
    let all: Vec<&StepView> = part.steps.iter().collect();
    lines.push(format!("\n{}", steps_text(view, &all)));
    Some(lines.join("\n"))
}

fn steps_text(view: &View, cures: &[&StepView]) -> String {
    if cures.is_empty() {
        return "No step of this plan concerns it.\n".into();
    }
    let mut part = view.clone();
    part.steps = cures.iter().map(|step| (*step).clone()).collect();
    format!("{}\n", steps::waves(&part, Options { detail: Detail::Files, ..Options::default() }))
}

/// The names of all formats, for messages.
pub fn format_names() -> String {
    FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

/// A list of all codes with their titles.
pub fn all_codes() -> String {
    code::CODES.iter().map(|entry| format!("{}  {}\n", entry.code, entry.title)).collect()
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Change => "change: the definition moved on and is not yet deployed",
        Class::Drift => "drift: somebody changed the live tree",
        Class::Damage => "damage: content that nobody wrote",
    }
}

fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Proved => "proved: the evidence admits nothing else",
        Certainty::Likely => "likely: nothing else is plausible",
        Certainty::Guess => "a guess: it could be otherwise; that it differs is certain",
    }
}

fn authority(authority: Authority) -> &'static str {
    match authority {
        Authority::Definition => "the deployment definition",
        Authority::Vendor => "a digest from whoever made the package or archive",
        Authority::Baseline => "an earlier scan",
        Authority::Backup => "a backup's version",
        Authority::Peers => "what most hosts with the same unit have",
        Authority::Record => "what the deploying tool noted on the target itself",
        Authority::Intrinsic => "the format of the file itself",
    }
}

fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Reproducible => "by a redeploy",
        Durability::Derived => "by rebuilding it from other things",
        Durability::Durable => "no: it is data, only a backup has it",
        Durability::Ephemeral => "not needed: nobody misses it",
    }
}
