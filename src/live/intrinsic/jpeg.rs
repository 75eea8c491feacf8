//! JPEG: its segments and its end (ITU-T T.81, Annex B).
//!
//! The compressed data have no checksum: a changed byte among them is a changed picture, and not seen here.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::zeroed_block;
use crate::live::subject::Subject;
use crate::model::path::TargetPath;

/// JPEG pictures.
pub struct Jpeg;

const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;

impl Check for Jpeg {
    fn name(&self) -> &'static str {
        "jpeg"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, _: &TargetPath, head: &[u8]) -> bool {
        // SOI, and the first marker.
        head.starts_with(b"\xff\xd8\xff") && head.get(3).is_some_and(|&marker| marker >= 0xc0)
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let Some(bytes) = file.whole() else { return Verdict::undecided("it is too large to be looked at") };
        segments(&bytes)
    }
}

fn segments(bytes: &[u8]) -> Verdict {
    let mut at = 2;
    loop {
        let Some(&first) = bytes.get(at) else { return cut(at) };
        if first != 0xff {
            return Verdict::damaged_at(at as u64, "there is no marker where a segment has to begin");
        }
        let Some(&marker) = bytes.get(at + 1) else { return cut(at) };
        match marker {
            EOI => return Verdict::Consistent,
            // Fill bytes (B.1.1.2), and markers without length: TEM, RSTn, SOI.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0 => return Verdict::damaged_at(at as u64, "there is no marker where a segment has to begin"),
            _ => {
                let Some(length) = bytes.get(at + 2..at + 4) else { return cut(at) };
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                if length < 2 {
                    return Verdict::damaged_at(at as u64, "a segment is shorter than its own length field");
                }
                at += 2 + length;
                if marker == SOS {
                    let end = scan_end(bytes, at);
                    if let Some(zeroed) = bytes.get(at..end).and_then(|data| zeroed_block(data, at as u64)) {
                        return Verdict::damaged_at(zeroed, "whole blocks of its compressed data are zero");
                    }
                    at = end;
                }
            }
        }
    }
}

fn cut(at: usize) -> Verdict {
    Verdict::damaged_at(at as u64, "it ends without the marker of its end")
}

/// Where the compressed data end: before a marker that is neither a stuffed zero nor a restart (F.1.2.3, B.2.1).
fn scan_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(0xff, rest)) {
        at += found;
        match bytes.get(at + 1) {
            Some(0 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            Some(_) | None => return at,
        }
    }
    bytes.len().max(start)
}
