//! Configuration in lines: INI, properties, systemd units, and whatever else is called `.conf`.
//!
//! There is no grammar that all of them keep, so only what no text can hold proves damage.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::{impossible, is_mostly_text, is_named};
use crate::live::subject::Subject;
use crate::model::path::TargetPath;

/// Configuration in lines.
pub struct Ini;

const NAMES: &[&str] =
    &["cfg", "cnf", "conf", "desktop", "ini", "properties", "rc", "service", "socket", "target", "timer"];

impl Check for Ini {
    fn name(&self) -> &'static str {
        "ini"
    }

    fn coverage(&self) -> Coverage {
        Coverage::NamedText
    }

    fn applies(&self, path: &TargetPath, _: &[u8]) -> bool {
        is_named(path, NAMES)
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let Some(bytes) = file.whole() else { return Verdict::undecided("it is too large to be looked at") };
        match impossible(&bytes) {
            None => Verdict::Consistent,
            // Programs keep binary files under such names, too.
            Some((at, proof)) if is_mostly_text(&bytes) => Verdict::damaged_at(at, proof),
            Some(_) => Verdict::undecided("it is no text"),
        }
    }
}
