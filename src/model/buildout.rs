//! Words of zc.buildout configurations: generations, and how the value of an option came about.

use super::eval::Eval;
use super::origin::Origin;
use serde::{Deserialize, Serialize};

/// The generation of zc.buildout whose behaviour is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dialect {
    /// 3.x: no subdirectory of the eggs directory.
    V3,
    /// 4.x: as 3.x where definitions are concerned.
    V4,
    /// 5.x: eggs below `v5`.
    V5,
    /// 6.x.
    #[default]
    V6,
}

impl Dialect {
    /// All of them, oldest first.
    pub const ALL: [Self; 4] = [Self::V3, Self::V4, Self::V5, Self::V6];

    /// The major version, as text.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::V3 => "3",
            Self::V4 => "4",
            Self::V5 => "5",
            Self::V6 => "6",
        }
    }

    /// The dialect of a version such as `4.1.12`; what is newer than we know counts as the newest.
    #[must_use]
    pub fn of_version(version: &str) -> Option<Self> {
        match version.split('.').next()?.parse::<u32>().ok()? {
            3 => Some(Self::V3),
            4 => Some(Self::V4),
            5 => Some(Self::V5),
            major if major > 5 => Some(Self::V6),
            _ => None,
        }
    }

    /// Whether `eggs-directory-version` exists (zc.buildout 5.0 and later).
    pub fn has_eggs_directory_version(self) -> bool {
        self >= Self::V5
    }
}

/// Who said it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A line of a configuration file.
    File(Origin),
    /// A default built into zc.buildout.
    Default,
    /// Computed by zc.buildout from the place of the configuration file.
    Computed,
    /// The command line.
    CommandLine,
    /// The empty value that a `+=` or `-=` starts from when there is nothing to change.
    Implicit,
}

/// What was done to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `=` on an option that was not there.
    Set,
    /// `=` on an option that was there.
    Override,
    /// `+=`.
    Add,
    /// `-=`.
    Remove,
    /// A relative directory was made absolute.
    Directory,
}

/// One step in the history of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// What was done.
    pub operation: Operation,
    /// Who said it.
    pub source: Source,
    /// The operand: the new value, or the lines that were added or removed.
    pub value: Eval<String>,
}

/// An option with everything about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionValue {
    /// The value with all references worked out.
    pub value: Eval<String>,
    /// The merged value with its references as they are written.
    pub raw: Eval<String>,
    /// How the merged value came about; the last step is the effective one.
    pub history: Vec<Provenance>,
}

impl OptionValue {
    /// Who said the last word.
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.history.last().map(|last| &last.source)
    }
}
