//! A definition is wrong, or we do not understand it. Collected, never thrown: one bad line hides no other.

use super::{code::Code, origin::Origin};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing that is wrong with, or not understood in, a definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable code.
    pub code: Code,
    /// What is wrong: lower case, no full stop, names in backticks.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<Origin>,
    /// The source line with the part to underline, so that it can be drawn without reading the file again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub excerpt: Option<Excerpt>,
}

/// One source line and the part of it that is meant. Never holds a secret: values of secret options are not excerpted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Excerpt {
    /// The line without its line end.
    pub text: String,
    /// Byte offset of the first underlined byte in `text`; on a character boundary.
    pub start: usize,
    /// Byte offset after the last underlined byte.
    pub end: usize,
}

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The tool that deploys would refuse it; the part concerned is not evaluated.
    Error,
    /// It is probably not what the author meant, or we know less because of it.
    Warning,
    /// Good to know.
    Note,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A note.
    pub fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), hint: None, origin: None, excerpt: None }
    }

    /// With the place.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// With the source line and the byte range in it that is meant; the range is clamped to character boundaries.
    #[must_use]
    pub fn showing(mut self, text: &str, start: usize, end: usize) -> Self {
        let start = floor_char_boundary(text, start);
        let end = floor_char_boundary(text, end.max(start));
        self.excerpt = Some(Excerpt { text: text.to_owned(), start, end });
        self
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}
