//! Compiled Python: the header (PEP 552), the marshalled code to its last byte, and the source beside it.
//!
//! A header that does not agree with the source is no damage: Python makes the file anew, or would read an old one.
//! Damage after a header that agrees is what Python stumbles over (`EOFError: marshal data too short`).

mod marshal;

use super::{Check, Coverage, Verdict};
use crate::live::plausible::{is_named, is_text};
use crate::live::subject::{Sibling, Subject};
use crate::model::path::TargetPath;

/// `.pyc` files.
pub struct Pyc;

/// Source hash instead of time and size (PEP 552).
const HASH_BASED: u32 = 1;

impl Check for Pyc {
    fn name(&self) -> &'static str {
        "pyc"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, path: &TargetPath, _: &[u8]) -> bool {
        is_named(path, &["pyc", "pyo"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let head = file.head();
        // The magic number ends with a line end, so that reading as text spoils it (`importlib/_bootstrap_external.py`).
        let Some(magic) = head.first_chunk::<4>() else {
            return Verdict::damaged_at(head.len() as u64, "its header is cut off");
        };
        if magic[2..] != *b"\r\n" {
            if is_text(head) {
                return Verdict::undecided("it is named as compiled Python and holds text");
            }
            return Verdict::damaged_at(0, "it does not begin with a magic number of Python");
        }
        let Some(layout) = layout(u16::from_le_bytes([magic[0], magic[1]])) else {
            return Verdict::undecided("it was compiled by an interpreter that is not known");
        };
        let Some(header) = head.get(..layout.header) else {
            return Verdict::damaged_at(head.len() as u64, "its header is cut off");
        };
        if layout.header == 16 && number(header, 4) > 3 {
            return Verdict::damaged_at(4, "its header has flags that Python refuses");
        }
        let Some(bytes) = file.whole() else { return Verdict::undecided("it is too large to be looked at") };
        match marshal::walk(&bytes[layout.header.min(bytes.len())..], layout.code) {
            Ok(()) => against_source(file, header),
            Err(marshal::Stop::Damaged(at, proof)) => Verdict::damaged_at((layout.header + at) as u64, proof),
            Err(marshal::Stop::Unknown(reason)) => Verdict::undecided(reason),
        }
    }
}

/// How a version of Python writes the file.
struct Layout {
    header: usize,
    code: &'static [u8],
}

/// The layout by magic number (`importlib/_bootstrap_external.py` and `Include/internal/pycore_magic_number.h` list
/// them; `Python/marshal.c`, `w_complex_object` and `r_object`, the fields of code).
fn layout(magic: u16) -> Option<Layout> {
    let (header, code): (usize, &[u8]) = match magic {
        // 2.7: PyPy's numbers differ.
        62_211 => (8, b"LLLLOOOOOOOOLO"),
        3230..=3391 => (12, b"LLLLLOOOOOOOOLO"),
        3392..=3394 => (16, b"LLLLLOOOOOOOOLO"),
        3413..=3439 => (16, b"LLLLLLOOOOOOOOLO"),
        3495..=3627 => (16, b"LLLLLOOOOOOOOLOO"),
        _ => return None,
    };
    Some(Layout { header, code })
}

fn number(header: &[u8], at: usize) -> u32 {
    header.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Python compares the low 32 bits of time and size (`_validate_timestamp_pyc`); Python 2 and before 3.3 only the time.
fn against_source(file: &Subject<'_>, header: &[u8]) -> Verdict {
    let (time, size) = match header.len() {
        8 => (number(header, 4), None),
        12 => (number(header, 4), Some(number(header, 8))),
        _ if number(header, 4) & HASH_BASED != 0 => return Verdict::Consistent,
        _ => (number(header, 8), Some(number(header, 12))),
    };
    let Some(source) = source(file.path()) else { return Verdict::Consistent };
    match file.sibling(&source) {
        Sibling::File { size: real, mtime } => {
            let low = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or(0);
            if low(mtime.cast_unsigned()) == time && size.is_none_or(|size| size == low(real)) {
                Verdict::Consistent
            } else {
                Verdict::undecided("it was not made from the source beside it; Python makes it anew")
            }
        }
        Sibling::Missing | Sibling::Unknown => Verdict::Consistent,
    }
}

/// `d/__pycache__/x.TAG.pyc` is made from `d/x.py` (PEP 3147), `d/x.pyc` likewise.
fn source(path: &TargetPath) -> Option<TargetPath> {
    let directory = path.parent()?;
    let name = path.name();
    let stem = &name[..name.iter().rposition(|&byte| byte == b'.')?];
    if directory.name() != b"__pycache__" {
        return Some(directory.join([stem, b".py"].concat()));
    }
    let stem = stem.strip_suffix(b".opt-1").or_else(|| stem.strip_suffix(b".opt-2")).unwrap_or(stem);
    let stem = &stem[..stem.iter().rposition(|&byte| byte == b'.')?];
    Some(directory.parent()?.join([stem, b".py"].concat()))
}
