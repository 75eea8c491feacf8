//! `iw.recipe.cmd`: runs lines of shell or Python. Version 0.3.
//!
//! What the commands make only they know. They are told, because installing the part again runs them again.

use super::{Options, PartFiles, Recipe, command};
use crate::expect::derive::buildout::Buildout;

/// Lines of shell or Python.
#[derive(Debug)]
pub(super) struct Commands;

impl Recipe for Commands {
    fn names(&self) -> &'static [&'static str] {
        &["iw.recipe.cmd", "iw.recipe.cmd:default", "iw.recipe.cmd:py", "iw.recipe.cmd:sh"]
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let options = buildout.options(part);
        let what = format!("runs {}", command(&options, "cmds"));
        let install = if may(&options, "on_install") { what.as_str() } else { "runs nothing" };
        PartFiles::runs(part, install, may(&options, "on_update").then_some(what.as_str()))
    }
}

/// Any text is true, `false` as well.
fn may(options: &Options<'_>, option: &str) -> bool {
    !options.get(option).is_ok_and(|value| value.is_none_or(|value| value.is_empty()))
}
