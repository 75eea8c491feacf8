//! Python source: bytes that Python refuses in any source.
//!
//! Not a parser: source for another version of Python is no damage.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::{impossible, is_mostly_text, is_named};
use crate::live::subject::Subject;
use crate::model::path::TargetPath;

/// Python source.
pub struct Python;

impl Check for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn coverage(&self) -> Coverage {
        Coverage::NamedText
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let shebang = line.starts_with(b"#!") && memchr::memmem::find(line, b"python").is_some();
        // A program that begins with a line for Python may have a zip archive behind it (`zipapp`).
        is_named(path, &["py", "pyi"]) || (shebang && memchr::memmem::find(head, b"PK\x03\x04").is_none())
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let Some(bytes) = file.whole() else { return Verdict::undecided("it is too large to be looked at") };
        match impossible(&bytes) {
            // CPython, `Parser/`: "source code cannot contain null bytes".
            Some((at, proof)) if is_mostly_text(&bytes) => Verdict::damaged_at(at, proof),
            Some(_) => Verdict::undecided("it is no text"),
            None => encoding(&bytes),
        }
    }
}

/// Bytes that are not UTF-8, in a source that declares no other encoding (PEP 263, PEP 3120): an error for Python 3, and
/// yet more often an old source than a damaged one.
fn encoding(bytes: &[u8]) -> Verdict {
    let Err(error) = std::str::from_utf8(bytes) else { return Verdict::Consistent };
    let mut first = bytes.split(|&byte| byte == b'\n').take(2);
    if first.any(|line| line.trim_ascii_start().starts_with(b"#") && memchr::memmem::find(line, b"coding").is_some()) {
        return Verdict::Consistent;
    }
    Verdict::undecided(format!("it is not UTF-8 from byte {} on, and declares no encoding", error.valid_up_to()))
}
