//! For pull requests, wikis and chat: a table of units, the plan as a checklist, within the size that forges accept.

use super::{Detail, Format, Options};
use crate::model::finding::Class;
use crate::model::unit::{HostName, UnitId};
use crate::report::counts;
use crate::report::escape::{markdown, markdown_block, number};
use crate::report::steps::shell_line;
use crate::report::view::{FindingView, Kind, PlaceView, StepView, View};
use std::collections::BTreeMap;

/// GitHub refuses comments above 65,536 characters; some room is left for what others add.
const LIMIT: usize = 60_000;

/// For pull requests and wikis.
pub(super) struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn about(&self) -> &'static str {
        "for pull requests, wikis and tickets"
    }

    fn render(&self, view: &View, options: &Options) -> String {
        // The marker lets whoever posts this find the earlier comment of the same environment and replace it.
        let environment: String = view
            .definition
            .environment
            .chars()
            .filter(|char| char.is_alphanumeric() || "-_.".contains(*char))
            .collect();
        let mut sections = vec![format!("<!-- rectify:{}:v1 -->", environment.replace("--", "-"))];
        sections.extend(view.warnings.iter().map(|text| format!("> **{}**", markdown(text))));
        sections.push(format!("**{}**", markdown(&counts::verdict(view))));
        if options.detail > Detail::Verdict {
            sections.extend([Class::Damage, Class::Drift, Class::Change].into_iter().filter_map(|it| table(view, it)));
            sections.extend(unverified(view));
            if view.kind == Kind::Plan && !view.steps.is_empty() {
                sections.push(format!("### {}", markdown(&counts::plan_line(view))));
                sections.extend(view.steps.iter().map(|one| step(view, one)));
            }
        }
        let ending = markdown(&counts::last_line(view));
        let mut text = String::new();
        let mut left_out = 0_u64;
        for section in &sections {
            if text.len() + section.len() + ending.len() > LIMIT || left_out > 0 {
                left_out += 1;
            } else {
                text.push_str(section.trim_end());
                text.push_str("\n\n");
            }
        }
        if left_out > 0 {
            text.push_str(&format!("… and {} more sections; see the saved plan.\n\n", number(left_out)));
        }
        text.push_str(&ending);
        text.push('\n');
        text
    }
}

fn table(view: &View, class: Class) -> Option<String> {
    let mut units: BTreeMap<(&HostName, &UnitId), Vec<&FindingView>> = BTreeMap::new();
    for finding in view.findings.iter().filter(|finding| finding.class == class) {
        units.entry((&finding.host, &finding.unit)).or_default().push(finding);
    }
    if units.is_empty() {
        return None;
    }
    let title = match class {
        Class::Damage => "Damage",
        Class::Drift => "Drift",
        Class::Change => "Not yet deployed",
    };
    let mut lines =
        vec![format!("### {title}\n"), "| host | unit | what | for example |".into(), "|---|---|---|---|".into()];
    for ((host, unit), findings) in units {
        let kinds = counts::kinds(findings.iter().map(|finding| finding.damage.as_str()));
        let example = findings.first().map_or_else(String::new, |finding| markdown(&finding.path));
        let (host, unit) = (markdown(&host.0), markdown(view.unit_name(unit)));
        lines.push(format!("| {host} | {unit} | {kinds} | {example} |"));
    }
    Some(lines.join("\n"))
}

fn unverified(view: &View) -> Option<String> {
    if view.unverified.is_empty() {
        return None;
    }
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for alike in view.unverified.alike() {
        *reasons.entry(&alike.why.text).or_default() += alike.count();
    }
    let mut lines = vec!["### Not checkable, which is no all-clear\n".to_owned()];
    lines.extend(reasons.iter().map(|(why, count)| format!("- {} × {}", number(*count), markdown(why))));
    Some(lines.join("\n"))
}

fn step(view: &View, step: &StepView) -> String {
    let host = step.host.as_ref().map_or("all hosts", |host| &*host.0);
    let name = markdown(view.unit_name(&step.unit));
    let mut text = format!(
        "- [ ] **{}** wave {}, {}: {} {name}\n",
        markdown(&step.id),
        step.wave,
        markdown(host),
        step.action.word()
    );
    let mut lines = vec![markdown(&step.reason)];
    if !step.codes.is_empty() {
        lines[0].push_str(&format!(" ({})", counts::codes(step.codes.clone())));
    }
    lines.extend(step.blocked.iter().map(|waiting| format!("**Blocked**, do not run yet: {}", markdown(waiting))));
    lines.extend(
        step.loses_data_since.iter().map(|since| format!("**Loses** what was written after {}", markdown(since))),
    );
    lines.extend(step.hazards.iter().map(|hazard| format!("Beware: {} ({})", markdown(&hazard.text), hazard.code)));
    for line in lines {
        text.push_str(&format!("  {line}  \n"));
    }
    let commands = step.commands.iter().chain(&step.check).map(|command| {
        let place = match &command.place {
            PlaceView::Control => "control machine",
            PlaceView::Host(host) => &*host.0,
        };
        format!("# on {place}\n{}", shell_line(command))
    });
    let commands: Vec<String> = commands.collect();
    if !commands.is_empty() {
        let block = markdown_block("sh", &commands.join("\n"));
        text.push('\n');
        text.extend(block.lines().map(|line| format!("  {line}\n")));
    }
    text
}
