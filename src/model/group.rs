//! Findings with one cause.

use super::path::TargetPath;
use super::unit::{HostName, UnitId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Findings that one thing explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// On which host.
    pub host: HostName,
    /// The unit that they belong to; of several, the first.
    pub unit: UnitId,
    /// What they all lie below.
    pub directory: TargetPath,
    /// What explains them.
    pub cause: Cause,
    /// The findings, by id.
    pub findings: Vec<String>,
    /// Globs that an ignore rule would need to leave them out; empty where ignoring is no answer.
    pub ignore: Vec<String>,
}

/// One thing that explains many findings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Something else was put in the place of a part of a package.
    Replaced {
        /// Its name and version, as its own metadata tells.
        by: String,
    },
    /// pip put another version of a Python distribution in the place of a package's.
    Upgraded {
        /// Its name and version, as its RECORD proves.
        by: String,
    },
    /// The same certificate was appended to several lists.
    Certificate,
    /// Another revision of the definition is deployed.
    Revision {
        /// Which.
        revision: String,
    },
    /// Nothing of what the deployment makes, as far as it can be checked, is there.
    Absent,
}

impl Cause {
    /// What happened, as a sentence fragment.
    pub fn sentence(&self) -> String {
        match self {
            Self::Replaced { by } => format!("{by} was put in its place: its own metadata says so"),
            Self::Upgraded { by } => format!("pip put {by} in its place: the RECORD of that proves it"),
            Self::Certificate => "the same certificate was appended to several lists".to_owned(),
            Self::Revision { revision } => format!("revision {revision} is deployed"),
            Self::Absent => {
                "nothing of it that can be checked is there: it was never deployed here, or it is lost".to_owned()
            }
        }
    }
}
