//! PDF (ISO 32000-1, 7.5): header, trailer, and that the cross-reference table is where the trailer says.
//!
//! Objects and streams are not looked at.

use super::{Check, Coverage, Verdict};
use crate::live::subject::Subject;
use crate::model::path::TargetPath;
use memchr::memmem::{find, rfind};

/// PDF documents.
pub struct Pdf;

/// How far before the end the trailer is looked for. Readers take the last KiB (Adobe's implementation note 18); others
/// append more after it.
const TAIL: u64 = 64 << 10;

impl Check for Pdf {
    fn name(&self) -> &'static str {
        "pdf"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, _: &TargetPath, head: &[u8]) -> bool {
        head.starts_with(b"%PDF-") && head.get(5).is_some_and(u8::is_ascii_digit)
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let from = file.size().saturating_sub(TAIL);
        let tail = file.bytes(from, 64 << 10);
        let Some(end) = rfind(&tail, b"%%EOF") else {
            return Verdict::damaged("there is no `%%EOF` at its end: it is cut off or overwritten");
        };
        let Some(start) = rfind(&tail[..end], b"startxref") else {
            return Verdict::damaged("there is no `startxref` before its `%%EOF`");
        };
        let digits = tail[start + 9..end].trim_ascii();
        let Some(at) = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok()) else {
            return Verdict::damaged_at(from + start as u64, "its `startxref` gives no number");
        };
        table(file, at)
    }
}

/// A table begins with `xref`, a cross-reference stream (7.5.8) as any object does.
fn table(file: &Subject<'_>, at: u64) -> Verdict {
    if at >= file.size() {
        return Verdict::damaged_at(at, "its cross-reference table lies beyond its end");
    }
    let bytes = file.bytes(at, 4096);
    let start = bytes.trim_ascii_start();
    let is_object =
        start.first().is_some_and(u8::is_ascii_digit) && find(&start[..start.len().min(64)], b"obj").is_some();
    if start.starts_with(b"xref") || is_object {
        return Verdict::Consistent;
    }
    if bytes[..bytes.len().min(64)].iter().all(|&byte| byte == 0) {
        return Verdict::damaged_at(at, "its cross-reference table is zeroed");
    }
    // Some writers count wrongly, and readers then look for the objects themselves.
    Verdict::undecided("its cross-reference table is not where the trailer says")
}
