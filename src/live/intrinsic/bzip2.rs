//! bzip2: every block's and stream's CRC, by unpacking.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::is_named;
use crate::live::subject::Subject;
use crate::live::unpack::drain;
use crate::model::path::TargetPath;

/// bzip2 files.
pub struct Bzip2;

/// What follows `BZh` and the level: a block (the digits of pi), or the end of an empty stream (bzip2 1.0.8,
/// `compress.c`, `BZ2_compressBlock`).
const BLOCKS: [&[u8]; 2] = [b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90"];

impl Check for Bzip2 {
    fn name(&self) -> &'static str {
        "bzip2"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Checksum
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        is_bzip2(head) || is_named(path, &["bz2", "tbz2", "tbz"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        if !is_bzip2(file.head()) {
            return Verdict::undecided("it is named as bzip2 and does not begin as one");
        }
        let mut decoder = bzip2::bufread::MultiBzDecoder::new(file.stream());
        match drain(&mut decoder, &mut 0) {
            Ok(()) => Verdict::Consistent,
            Err(verdict) => verdict,
        }
    }
}

fn is_bzip2(head: &[u8]) -> bool {
    let Some((start, rest)) = head.split_first_chunk::<4>() else { return false };
    start.starts_with(b"BZh") && matches!(start[3], b'1'..=b'9') && BLOCKS.iter().any(|block| rest.starts_with(block))
}
