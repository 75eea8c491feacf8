//! `mr.scripty`: options that are Python code, whose results replace them. Version 2.0.1.
//!
//! The code runs whenever buildout reads the section, so nothing is known about the results, nor about what it makes.

use super::{PartFiles, Recipe};
use crate::expect::derive::buildout::Buildout;

/// Options computed by Python.
#[derive(Debug)]
pub(super) struct Scripty;

impl Recipe for Scripty {
    fn names(&self) -> &'static [&'static str] {
        &["mr.scripty", "mr.scripty:Debug", "mr.scripty:default"]
    }

    /// `Recipe.__init__`: an option in capitals is a constant; `init`, `install` and `update` have no result.
    fn keeps(&self, option: &str, _configured: &str) -> bool {
        option == option.to_uppercase()
            || option.starts_with('_')
            || matches!(option, "recipe" | "init" | "install" | "update")
    }

    fn expected(&self, part: &str, _buildout: &Buildout<'_>) -> PartFiles {
        let code = "runs the Python code in its options";
        PartFiles::runs(part, code, Some(code))
    }
}
