//! Where something is declared: a file and a line of the definition.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The place of a declaration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// File, relative to the definition's root where it lies below it; otherwise as it was given. Shared: a file
    /// declares many things.
    pub file: Arc<str>,
    /// Line, counted from 1; `None` for "the file as a whole".
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
}

impl Origin {
    /// The file as a whole.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into().into(), line: None }
    }

    /// One line (counted from 1) of a file.
    pub fn line(file: impl Into<String>, line: u32) -> Self {
        Self { file: file.into().into(), line: Some(line) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}
