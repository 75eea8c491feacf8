//! For people: verdict first, counts last, in between as much as was asked for.

use super::{Detail, Format, Options};
use crate::model::code;
use crate::model::diagnostic::Severity;
use crate::model::finding::Class;
use crate::report::counts;
use crate::report::diagnostics;
use crate::report::escape::{count, number, plain};
use crate::report::listing;
use crate::report::paint::Tone;
use crate::report::steps;
use crate::report::view::{DiagnosticView, Kind, Verdict, View};

/// For people.
pub(super) struct Text;

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn about(&self) -> &'static str {
        "for people: -v files, -vv differences, -vvv blocks"
    }

    fn render(&self, view: &View, options: &Options) -> String {
        let verdict = options.paint.tone(tone(view.outcome), &counts::verdict(view));
        if options.detail == Detail::Verdict {
            let lines: Vec<String> = warnings(view, *options).into_iter().chain([verdict]).collect();
            return format!("{}\n", lines.join("\n"));
        }
        let mut sections = warnings(view, *options);
        sections.push(verdict);
        sections.extend(incident(view));
        sections.extend(unseen_hosts(view, *options));
        for class in [Class::Damage, Class::Drift, Class::Change] {
            sections.extend(listing::section(view, class, *options));
        }
        sections.extend(listing::groups(view, *options));
        if view.kind == Kind::Plan && !view.steps.is_empty() {
            sections.push(steps::waves(view, *options));
        }
        sections.extend(listing::unverified(view, *options));
        sections.extend(listing::at_risk(view, *options));
        sections.extend(diagnostic_section(view, *options));
        sections.push(ending(view));
        let mut text = sections.iter().map(|section| section.trim_end()).collect::<Vec<_>>().join("\n\n");
        text.push('\n');
        text
    }
}

fn warnings(view: &View, options: Options) -> Vec<String> {
    view.warnings.iter().map(|text| options.paint.tone(Tone::Bad, &plain(text))).collect()
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::InSync => Tone::Good,
        Verdict::Change | Verdict::Drift | Verdict::Incomplete => Tone::Warn,
        Verdict::Damage | Verdict::RestoreNeeded => Tone::Bad,
    }
}

fn incident(view: &View) -> Option<String> {
    let incident = view.incident.as_ref()?;
    let from = incident.from.as_deref().unwrap_or("unknown");
    let to = incident.to.as_deref().unwrap_or("now");
    let mut text = format!("Incident window  {} .. {}\n", plain(from), plain(to));
    for line in &incident.evidence {
        text.push_str("  ");
        text.push_str(&plain(line));
        text.push('\n');
    }
    for event in &view.timeline {
        let host = event.host.as_ref().map_or_else(String::new, |host| format!("{}  ", plain(&host.0)));
        text.push_str(&format!("  {}  {host}{}  {}\n", plain(&event.at), event.what.words(), plain(&event.text)));
    }
    Some(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

fn unseen_hosts(view: &View, options: Options) -> Option<String> {
    let unseen = view.hosts.iter().filter(|host| !host.reachable);
    let lines: Vec<String> = unseen
        .map(|host| {
            let why = host.unseen.as_deref().unwrap_or("no reason given");
            format!("  ? {}  {}", plain(&host.name.0), plain(why))
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let title = options.paint.tone(Tone::Strong, "Hosts that were not seen");
    Some(format!("{title}\n{}", lines.join("\n")))
}

fn diagnostic_section(view: &View, options: Options) -> Option<String> {
    if view.diagnostics.is_empty() {
        return None;
    }
    if options.detail >= Detail::Files {
        return Some(diagnostics::render(&view.diagnostics, options.paint));
    }
    // An error keeps its part of the deployment from being checked at all, and a baseline that is not used is not what was
    // asked for: neither is folded away.
    let (told, others): (Vec<DiagnosticView>, Vec<DiagnosticView>) = view
        .diagnostics
        .iter()
        .cloned()
        .partition(|one| one.severity == Severity::Error || one.code == code::BASELINE_TOO_YOUNG);
    let mut parts = Vec::new();
    if !told.is_empty() {
        parts.push(diagnostics::render(&told, options.paint));
    }
    if !others.is_empty() {
        let codes = counts::codes(others.iter().map(|one| one.code));
        let total = count(others.len() as u64, "thing to look at", "things to look at");
        parts.push(format!("Definition: {total} ({codes}); -v shows them"));
    }
    Some(parts.join("\n\n"))
}

fn ending(view: &View) -> String {
    let mut text = hosts_line(view);
    text.push_str(&counts::last_line(view));
    if let Some(next) = counts::next(view) {
        text.push_str("\nNext:  ");
        text.push_str(&next);
    }
    text
}

fn hosts_line(view: &View) -> String {
    let sound: Vec<String> = view
        .hosts
        .iter()
        .filter(|host| host.reachable && !host.ignored && host.change + host.drift + host.damage == 0)
        .map(|host| format!("{} ({})", plain(&host.name.0), number(host.artifacts)))
        .collect();
    if sound.is_empty() { String::new() } else { format!("Nothing differs on {}.\n", sound.join(", ")) }
}
