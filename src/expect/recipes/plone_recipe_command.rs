//! `plone.recipe.command`: runs a shell command. Versions 1.0 and 1.1, which agree.
//!
//! What the command makes only the command knows. It is told, because installing the part again runs it again.

use super::{PartFiles, Recipe, command};
use crate::expect::derive::buildout::Buildout;

/// A shell command.
#[derive(Debug)]
pub(super) struct Shell;

impl Recipe for Shell {
    fn names(&self) -> &'static [&'static str] {
        &["plone.recipe.command", "plone.recipe.command:default"]
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let options = buildout.options(part);
        let install = format!("runs {}", command(&options, "command"));
        if options.get("update-command") == Ok(None) {
            PartFiles::runs(part, &install, None)
        } else {
            let update = format!("runs {}", command(&options, "update-command"));
            PartFiles::runs(part, &install, Some(&update))
        }
    }
}
