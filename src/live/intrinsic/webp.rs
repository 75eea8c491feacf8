//! WebP: the sizes of its RIFF chunks (RFC 9649), and the first bytes of the picture data.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::zeroed_block;
use crate::live::subject::Subject;
use crate::model::path::TargetPath;

/// WebP pictures.
pub struct WebP;

impl Check for WebP {
    fn name(&self) -> &'static str {
        "webp"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, _: &TargetPath, head: &[u8]) -> bool {
        head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP")
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let Some(bytes) = file.whole() else { return Verdict::undecided("it is too large to be looked at") };
        let end = bytes.get(4..8).map_or(0, number).saturating_add(8);
        if end > bytes.len() {
            return Verdict::damaged_at(bytes.len() as u64, "it is shorter than its header says");
        }
        chunks(&bytes[..end])
    }
}

fn number(bytes: &[u8]) -> usize {
    let value = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn chunks(bytes: &[u8]) -> Verdict {
    let mut at = 12;
    while at < bytes.len() {
        let Some((header, content)) = bytes[at..].split_at_checked(8) else {
            return Verdict::damaged_at(at as u64, "a chunk's header is cut off");
        };
        let size = number(&header[4..]);
        let Some(content) = content.get(..size) else {
            return Verdict::damaged_at(at as u64, "a chunk reaches beyond the end");
        };
        // RFC 6386, 9.1: the start code of a key frame. RFC 9649, 3.4: the signature of the lossless format.
        let begins = match &header[..4] {
            b"VP8 " => content.get(3..6) == Some(b"\x9d\x01\x2a"),
            b"VP8L" => content.first() == Some(&0x2f),
            kind => kind.iter().all(|byte| matches!(byte, b' '..=b'~')) && (at > 12 || kind == b"VP8X"),
        };
        if !begins {
            return Verdict::damaged_at(at as u64, "a chunk does not begin as its kind does");
        }
        if header.starts_with(b"VP8")
            && let Some(zeroed) = zeroed_block(content, at as u64 + 8)
        {
            return Verdict::damaged_at(zeroed, "whole blocks of its compressed data are zero");
        }
        at += 8 + size + size % 2;
    }
    Verdict::Consistent
}
