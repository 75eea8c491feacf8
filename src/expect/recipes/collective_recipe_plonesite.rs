//! `collective.recipe.plonesite`: runs a script against the database of a Plone site. Version 1.12.0.
//!
//! It changes data, at every run unless it is disabled; nothing about the data is known here.

use super::{PartFiles, Recipe};
use crate::definition::buildout::Asked;
use crate::expect::derive::buildout::Buildout;

/// A Plone site.
#[derive(Debug)]
pub(super) struct Site;

impl Recipe for Site {
    fn names(&self) -> &'static [&'static str] {
        &["collective.recipe.plonesite", "collective.recipe.plonesite:default"]
    }

    fn asks(&self) -> &'static [Asked] {
        &[
            Asked { option: "instance", default: "instance", stops: true },
            Asked { option: "zeoserver", default: "", stops: true },
        ]
    }

    fn expected(&self, part: &str, _buildout: &Buildout<'_>) -> PartFiles {
        let what = "runs a script against the database, which may make, change or replace a Plone site";
        PartFiles::runs(part, what, Some(what))
    }
}
