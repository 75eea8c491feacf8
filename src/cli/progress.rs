//! Progress bars on a terminal; elsewhere nothing, as bars spoil logs.

use super::args::Global;
use crate::io::files;
use crate::monitor::{Monitor, Silent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

/// The monitor that fits where standard error goes.
pub(super) fn monitor(global: &Global) -> Box<dyn Monitor> {
    let set = |name: &str| files::environment(name).is_some_and(|value| !value.is_empty());
    let dumb = files::environment("TERM").is_some_and(|term| term == "dumb");
    let unwanted = global.no_progress || global.quiet > 0 || set("CI") || set("NO_COLOR") || dumb;
    if unwanted || !std::io::stderr().is_terminal() { Box::new(Silent) } else { Box::new(Bars::default()) }
}

/// One bar at a time, inner tasks over outer ones.
#[derive(Default)]
struct Bars {
    stack: Mutex<Vec<ProgressBar>>,
}

impl Bars {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<ProgressBar>) -> T) -> T {
        work(&mut self.stack.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Bars {
    fn show(&self, task: &str, bar: ProgressBar, template: &str) {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("#>-"));
        }
        bar.set_message(task.to_owned());
        self.with(|stack| stack.push(bar));
    }
}

impl Monitor for Bars {
    fn begin(&self, task: &str, total: Option<u64>) {
        match total {
            Some(total) => {
                self.show(task, ProgressBar::new(total), "{msg} [{bar:30}] {human_pos}/{human_len} {per_sec} {eta}");
            }
            None => self.show(task, ProgressBar::new_spinner(), "{spinner} {msg} {human_pos}"),
        }
    }

    fn begin_bytes(&self, task: &str, total: u64) {
        let template = "{msg} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        self.show(task, ProgressBar::new(total), template);
    }

    fn advance(&self, n: u64) {
        self.with(|stack| {
            if let Some(bar) = stack.last() {
                bar.inc(n);
            }
        });
    }

    fn end(&self) {
        if let Some(bar) = self.with(Vec::pop) {
            bar.finish_and_clear();
        }
    }

    fn note(&self, text: &str) {
        self.with(|stack| match stack.last() {
            Some(bar) => bar.println(text),
            None => super::output::to_stderr(&format!("{text}\n")),
        });
    }
}
