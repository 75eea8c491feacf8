//! The lists of findings and of what could not be checked, host by host and unit by unit.

use super::blocks;
use super::counts::{self, word};
use super::escape::{count, number, plain};
use super::formats::{Detail, Options};
use super::paint::Tone;
use super::view::{AtRiskView, FindingView, View, symbol};
use crate::model::finding::{Certainty, Class};
use crate::model::group::Cause;
use crate::model::incident::Touched;
use crate::model::path_set::PathSet;
use crate::model::unit::{HostName, UnitId};
use crate::model::unverified::Alike;
use std::collections::{BTreeMap, BTreeSet};

/// The section of one class: never mixed with another.
pub(super) fn section(view: &View, class: Class, options: Options) -> Option<String> {
    let mut hosts: BTreeMap<&HostName, BTreeMap<&UnitId, Vec<&FindingView>>> = BTreeMap::new();
    for finding in view.findings.iter().filter(|finding| finding.class == class) {
        hosts.entry(&finding.host).or_default().entry(&finding.unit).or_default().push(finding);
    }
    if hosts.is_empty() {
        return None;
    }
    let title = match class {
        Class::Damage => "Damage: content that nobody wrote",
        Class::Drift => "Drift: changed on the host",
        Class::Change => "Change: in the definition, not yet deployed",
    };
    let total = hosts.values().flat_map(BTreeMap::values).map(Vec::len).sum::<usize>() as u64;
    let title = options.paint.tone(Tone::Strong, title);
    let mut lines = vec![format!("{title} ({})", number(total))];
    for (host, units) in &hosts {
        lines.push(format!("  {}", plain(&host.0)));
        if options.detail == Detail::Units && is_absent(view, host) {
            let what = count(units.len() as u64, "unit", "units");
            lines.push(format!("    - {what}: {}; -v lists them", Cause::Absent.sentence()));
            continue;
        }
        let width = units.keys().map(|unit| plain(view.unit_name(unit)).chars().count()).max().unwrap_or(0).min(40);
        for (unit, findings) in units {
            unit_lines(view, unit, findings, (width, options), &mut lines);
        }
    }
    Some(lines.join("\n"))
}

/// Whether nothing of what a host should have is there: then a list by units tells nothing more.
fn is_absent(view: &View, host: &HostName) -> bool {
    view.groups.iter().any(|group| group.host == *host && group.cause == Cause::Absent)
}

fn unit_lines(
    view: &View,
    unit: &UnitId,
    findings: &[&FindingView],
    (width, options): (usize, Options),
    lines: &mut Vec<String>,
) {
    let name = plain(view.unit_name(unit));
    let symbols: BTreeSet<char> = findings.iter().map(|finding| symbol(finding)).collect();
    let mark = if symbols.len() == 1 { symbols.first().copied().unwrap_or('~') } else { worst(&symbols) };
    let counts = counts::kinds(findings.iter().map(|finding| finding.damage.as_str()));
    let only = match findings {
        [finding] if options.detail == Detail::Units => format!("  {}{}", plain(&finding.path), remark(finding)),
        _ => String::new(),
    };
    lines.push(format!("    {mark} {name:width$}  {counts}{only}"));
    if options.detail < Detail::Files {
        return;
    }
    for finding in findings {
        file_lines(finding, options, lines);
    }
}

fn worst(symbols: &BTreeSet<char>) -> char {
    "!-~x+".chars().find(|symbol| symbols.contains(symbol)).unwrap_or('~')
}

fn file_lines(finding: &FindingView, options: Options, lines: &mut Vec<String>) {
    let sure = match finding.certainty {
        Certainty::Proved => "",
        Certainty::Likely => ", likely",
        Certainty::Guess => ", a guess",
    };
    lines.push(format!(
        "        {} {}  {}{sure}{}  [{} {}]",
        symbol(finding),
        plain(&finding.path),
        word(&finding.damage),
        remark(finding),
        plain(&finding.id),
        finding.code
    ));
    for evidence in &finding.evidence {
        lines.push(options.paint.tone(Tone::Dim, &format!("            {}", plain(evidence))));
    }
    if let Some(source) = &finding.source {
        let line = source.line.map_or_else(String::new, |line| format!(":{line}"));
        lines.push(options.paint.tone(Tone::Dim, &format!("            declared in {}{line}", plain(&source.file))));
    }
    if options.detail >= Detail::Text {
        content_lines(finding, options, lines);
    }
}

fn content_lines(finding: &FindingView, options: Options, lines: &mut Vec<String>) {
    if let Some(diff) = &finding.diff {
        for line in diff.lines() {
            let tone = match line.as_bytes().first() {
                Some(b'+') => Some(Tone::Good),
                Some(b'-') => Some(Tone::Bad),
                _ => None,
            };
            let text = plain_tabs(line);
            let text = tone.map_or_else(|| text.clone(), |tone| options.paint.tone(tone, &text));
            lines.push(format!("            {text}"));
        }
    }
    let Some(map) = &finding.blocks else { return };
    if finding.diff.is_none() || options.detail >= Detail::Blocks {
        lines.push(format!("            {}  {}", blocks::line(map), blocks::legend(map)));
    }
    if options.detail >= Detail::Blocks {
        lines.extend(blocks::ranges(map).into_iter().map(|range| format!("            {range}")));
    }
}

/// A line of a diff; tabs stay tabs, as configuration is full of them.
fn plain_tabs(line: &str) -> String {
    line.split('\t').map(plain).collect::<Vec<_>>().join("\t")
}

/// What the kind alone does not say; secrets only say that they differ.
fn remark(finding: &FindingView) -> String {
    let mut remark = finding.detail.as_deref().map_or_else(String::new, |detail| format!("  {}", plain(detail)));
    if finding.secret {
        remark.push_str("  (secret, differs)");
    }
    remark
}

/// Findings with one cause, one line each, with the rule that would ignore them.
pub(super) fn groups(view: &View, options: Options) -> Option<String> {
    if view.groups.is_empty() {
        return None;
    }
    let title = options.paint.tone(Tone::Strong, "One cause each");
    let mut lines = vec![format!("{title} ({})", number(view.groups.len() as u64))];
    for group in &view.groups {
        let what = count(group.findings.len() as u64, "finding", "findings");
        let (host, directory) = (plain(&group.host.0), plain(&group.directory));
        let cause = group.cause.sentence();
        lines.push(format!("  {host}  {what} below {directory}: {}", plain(&cause)));
        for glob in &group.ignore {
            let (path, reason) = (toml_text(glob), toml_text(&cause));
            let rule = format!("      if that was meant: [[ignore]] path = {path}, reason = {reason}");
            lines.push(options.paint.tone(Tone::Dim, &rule));
        }
    }
    Some(lines.join("\n"))
}

/// A basic string of TOML: JSON's escapes are a part of its.
fn toml_text(text: &str) -> String {
    serde_json::Value::from(plain(text)).to_string()
}

/// What was touched in the incident window and nothing vouches for: numbers by unit; paths with -v.
pub(super) fn at_risk(view: &View, options: Options) -> Option<String> {
    if view.at_risk.is_empty() {
        return None;
    }
    let mut groups: BTreeMap<(&HostName, &UnitId, Touched), Vec<&AtRiskView>> = BTreeMap::new();
    for risk in &view.at_risk {
        groups.entry((&risk.host, &risk.unit, risk.touched)).or_default().push(risk);
    }
    let title = options.paint.tone(Tone::Strong, "At risk: touched in the incident window, and nothing vouches for it");
    let mut lines = vec![format!("{title} ({})", number(view.at_risk.len() as u64))];
    for ((host, unit, touched), risks) in &groups {
        let what = count(risks.len() as u64, "path", "paths");
        let name = plain(view.unit_name(unit));
        lines.push(format!("  ? {}  {name}  {what}: {}", plain(&host.0), touched.words()));
        if options.detail >= Detail::Files {
            lines.extend(risks.iter().map(|risk| format!("        ? {}  {}", plain(&risk.at), plain(&risk.path))));
        }
    }
    Some(lines.join("\n"))
}

/// What could not be checked: grouped by unit and reason; single entries with -v.
pub(super) fn unverified(view: &View, options: Options) -> Option<String> {
    if view.unverified.is_empty() {
        return None;
    }
    let mut groups: BTreeMap<(&HostName, &UnitId, &str), Vec<Alike<'_>>> = BTreeMap::new();
    for alike in view.unverified.alike() {
        groups.entry((alike.host, alike.unit, &alike.why.text)).or_default().push(alike);
    }
    let title = options.paint.tone(Tone::Strong, "Not checkable, which is no all-clear");
    let mut lines = vec![format!("{title} ({})", number(view.unverified.count()))];
    for ((host, unit, why), alike) in &groups {
        let total: u64 = alike.iter().map(Alike::count).sum();
        let mut paths = alike.iter().flat_map(|alike| alike.paths.iter());
        let what = match paths.next() {
            None => "as a whole".to_owned(),
            Some(path) if total == 1 => plain(&path.display()).into_owned(),
            Some(_) => count(total, "path", "paths"),
        };
        let unseen = if alike.iter().any(|alike| alike.unseen) { "not seen: " } else { "" };
        let name = plain(view.unit_name(unit));
        lines.push(format!("  ? {}  {name}  {what}: {unseen}{}", plain(&host.0), plain(why)));
        if options.detail >= Detail::Files && total > 1 {
            let paths: PathSet = alike.iter().flat_map(|alike| alike.paths.iter()).collect();
            lines.extend(paths.iter().map(|path| format!("        ? {}", plain(&path.display()))));
        }
    }
    Some(lines.join("\n"))
}
