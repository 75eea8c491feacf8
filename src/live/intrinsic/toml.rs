//! TOML.
//!
//! Templates are left alone, and so is what newer versions of TOML may allow at one place: only an end within an entry
//! and what no text can hold prove damage.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::{SECTOR, impossible, is_mostly_text, is_named, is_template, without_mark};
use crate::live::subject::Subject;
use crate::model::path::TargetPath;

/// TOML documents.
pub struct Toml;

impl Check for Toml {
    fn name(&self) -> &'static str {
        "toml"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, path: &TargetPath, _: &[u8]) -> bool {
        is_named(path, &["toml"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let Some(bytes) = file.whole() else { return Verdict::undecided("it is too large to be looked at") };
        if let Some((at, proof)) = impossible(&bytes) {
            let mostly = is_mostly_text(&bytes);
            return if mostly { Verdict::damaged_at(at, proof) } else { Verdict::undecided("it is no text") };
        }
        let bytes = without_mark(&bytes);
        let Ok(text) = std::str::from_utf8(bytes) else { return Verdict::undecided("it is not UTF-8") };
        let Err(error) = ::toml::de::DeTable::parse(text) else { return Verdict::Consistent };
        let at = error.span().map_or(text.len(), |span| span.start);
        let reason = format!("it is no TOML at byte {at}: {}", error.message());
        let at_end = error.span().is_some_and(|span| span.end >= text.trim_end().len());
        if at_end && text.len() >= SECTOR && !is_template(bytes) {
            return Verdict::damaged_at(at as u64, format!("its last entry is not whole: {}", error.message()));
        }
        Verdict::Undecided(reason)
    }
}
