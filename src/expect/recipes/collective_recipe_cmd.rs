//! `collective.recipe.cmd`: runs lines of shell or Python. Versions 0.11 and 1.0.0, which agree.
//!
//! What the commands make only they know. They are told, because installing the part again runs them again, and because
//! buildout runs others when it uninstalls the part.

use super::{Options, PartFiles, Recipe, command};
use crate::expect::derive::buildout::Buildout;

/// Lines of shell or Python.
#[derive(Debug)]
pub(super) struct Commands;

impl Recipe for Commands {
    fn names(&self) -> &'static [&'static str] {
        &[
            "collective.recipe.cmd",
            "collective.recipe.cmd:default",
            "collective.recipe.cmd:py",
            "collective.recipe.cmd:sh",
        ]
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let options = buildout.options(part);
        let what = format!("runs {}", command(&options, "cmds"));
        let mut install = if may(&options, "on_install") { what.clone() } else { "runs nothing".to_owned() };
        if !matches!(options.get("uninstall_cmds"), Ok(None)) {
            install += &format!(", after {} for uninstalling it", command(&options, "uninstall_cmds"));
        }
        PartFiles::runs(part, &install, may(&options, "on_update").then_some(what.as_str()))
    }
}

/// `as_bool`, where what is not known counts as true.
fn may(options: &Options<'_>, option: &str) -> bool {
    match options.get_or(option, "false") {
        Ok(value) => ["1", "true"].contains(&value.to_lowercase().as_str()),
        Err(_) => true,
    }
}
