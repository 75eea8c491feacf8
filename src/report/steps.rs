//! The plan for people: waves, and in each step why, what it may destroy, what to run and how to see that it worked.

use super::counts;
use super::escape::{plain, shell};
use super::formats::{Detail, Options};
use super::paint::Tone;
use super::view::{CommandView, PlaceView, StepView, View};
use crate::model::plan::Action;

/// All waves.
pub(super) fn waves(view: &View, options: Options) -> String {
    let mut lines = vec![options.paint.tone(Tone::Strong, &counts::plan_line(view))];
    let mut wave = 0;
    let width = view.steps.iter().map(|step| plain(host(step)).chars().count()).max().unwrap_or(0);
    for step in &view.steps {
        if step.wave != wave {
            wave = step.wave;
            lines.push(format!("  wave {wave}"));
        }
        step_lines(view, step, (width, options), &mut lines);
    }
    lines.join("\n")
}

fn host(step: &StepView) -> &str {
    step.host.as_ref().map_or("all", |host| &*host.0)
}

fn step_lines(view: &View, step: &StepView, (width, options): (usize, Options), lines: &mut Vec<String>) {
    let action = format!("{:10}", step.action.word());
    let action = match step.action {
        Action::Restore | Action::Hand => options.paint.tone(Tone::Bad, &action.to_uppercase()),
        _ => action,
    };
    let name = plain(view.unit_name(&step.unit));
    lines.push(format!("    {:4} {:width$}  {action}  {name}", plain(&step.id), plain(host(step))));
    let codes = if step.codes.is_empty() { String::new() } else { format!(" ({})", counts::codes(step.codes.clone())) };
    let findings = match step.findings.len() as u64 {
        0 => String::new(),
        total => format!("; cures {}", super::escape::count(total, "finding", "findings")),
    };
    lines.push(format!("         why:    {}{codes}{findings}", plain(&step.reason)));
    warning_lines(step, options, lines);
    if !step.needs.is_empty() && options.detail >= Detail::Files {
        lines.push(format!("         after:  {}", plain(&step.needs.join(", "))));
    }
    for command in &step.commands {
        lines.push(format!("         run:    {}", with_place(command)));
    }
    if let Some(check) = &step.check {
        lines.push(format!("         check:  {}", with_place(check)));
    }
}

/// What has to be known before the commands are run.
fn warning_lines(step: &StepView, options: Options, lines: &mut Vec<String>) {
    if let Some(waiting) = &step.blocked {
        let text = format!("         BLOCKED: do not run this yet: {}", plain(waiting));
        lines.push(options.paint.tone(Tone::Bad, &text));
    }
    if let Some(from) = &step.restores_from {
        let proof = if from.proved { "its content was checked" } else { "its content could not be checked" };
        let (source, snapshot) = (plain(&from.source), plain(&from.snapshot));
        lines.push(format!("         from:   {source}, snapshot {snapshot} of {} ({proof})", plain(&from.taken_at)));
    }
    if let Some(since) = &step.loses_data_since {
        let text = format!("         LOSES:  what was written after {}", plain(since));
        lines.push(options.paint.tone(Tone::Bad, &text));
    }
    for hazard in &step.hazards {
        let text = format!("         beware: {} ({})", plain(&hazard.text), hazard.code);
        lines.push(options.paint.tone(Tone::Warn, &text));
    }
}

/// `app01: cd /srv && A=b program argument`.
fn with_place(command: &CommandView) -> String {
    let place = match &command.place {
        PlaceView::Control => "control machine",
        PlaceView::Host(host) => &*host.0,
    };
    format!("[{}] {}", plain(place), shell_line(command))
}

/// A command as one line for a shell, every word quoted.
pub fn shell_line(command: &CommandView) -> String {
    let words: Vec<_> = command.argv.iter().map(|word| shell(word)).collect();
    let variables: String =
        command.environment.iter().map(|(name, value)| format!("{}={} ", plain(name), shell(value))).collect();
    let directory =
        command.directory.as_ref().map_or_else(String::new, |directory| format!("cd {} && ", shell(directory)));
    format!("{directory}{variables}{}", words.join(" "))
}
