//! Commands of a plan: argument vectors, never shell strings.

use super::unit::HostName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command to be run by the person or program that follows the plan. rectify itself never runs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Command {
    /// Program and arguments; no shell takes part.
    pub argv: Vec<String>,
    /// Where to run it.
    #[serde(rename = "where")]
    pub place: Place,
    /// Working directory; `None` when it does not matter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub directory: Option<String>,
    /// Additional environment variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub environment: BTreeMap<String, String>,
}

/// On which machine a command runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The machine that holds the definition and the secrets.
    Control,
    /// A deployed host.
    Host(HostName),
}

impl Command {
    /// A command on a host.
    pub fn on<S: Into<String>>(host: &HostName, argv: impl IntoIterator<Item = S>) -> Self {
        Self::at(Place::Host(host.clone()), argv)
    }

    /// A command somewhere.
    pub fn at<S: Into<String>>(place: Place, argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), place, directory: None, environment: BTreeMap::new() }
    }

    /// The same command with a working directory.
    #[must_use]
    pub fn in_directory(mut self, directory: impl Into<String>) -> Self {
        self.directory = Some(directory.into());
        self
    }
}
