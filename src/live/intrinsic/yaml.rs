//! YAML: only what no text can hold. (YAML 1.2, 5.1: NUL and most control characters are not allowed at all.)
//!
//! The grammar is not checked: what is called `.yaml` is often a template, and nearly any text is YAML of some sort, so
//! that a foreign block is seldom an error of syntax.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::{impossible, is_mostly_text, is_named};
use crate::live::subject::Subject;
use crate::model::path::TargetPath;

/// YAML documents.
pub struct Yaml;

impl Check for Yaml {
    fn name(&self) -> &'static str {
        "yaml"
    }

    fn coverage(&self) -> Coverage {
        Coverage::NamedText
    }

    fn applies(&self, path: &TargetPath, _: &[u8]) -> bool {
        is_named(path, &["yaml", "yml"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let Some(bytes) = file.whole() else { return Verdict::undecided("it is too large to be looked at") };
        match impossible(&bytes) {
            None => Verdict::Consistent,
            Some((at, proof)) if is_mostly_text(&bytes) => Verdict::damaged_at(at, proof),
            Some(_) => Verdict::undecided("it is no text"),
        }
    }
}
