//! PNG: every chunk's CRC, and that `IEND` is reached (PNG, third edition, 5.3 to 5.6).

use super::{Check, Coverage, Verdict};
use crate::live::subject::Subject;
use crate::model::path::TargetPath;
use std::io::{Read, copy, sink};

/// PNG pictures.
pub struct Png;

const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

impl Check for Png {
    fn name(&self) -> &'static str {
        "png"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Checksum
    }

    fn applies(&self, _: &TargetPath, head: &[u8]) -> bool {
        head.starts_with(MAGIC)
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let mut input = file.stream_from(MAGIC.len() as u64);
        let mut at = MAGIC.len() as u64;
        loop {
            match chunk(&mut input, at) {
                Ok((kind, _)) if kind == *b"IEND" => return Verdict::Consistent,
                Ok((_, length)) => at += length,
                Err(proof) => return Verdict::damaged_at(at, proof),
            }
        }
    }
}

/// Reads a chunk; gives its type and its length with all fields.
fn chunk(input: &mut impl Read, at: u64) -> Result<([u8; 4], u64), String> {
    let cut = |_| "it ends before its `IEND` chunk".to_owned();
    let (mut length, mut kind, mut sum) = ([0; 4], [0; 4], [0; 4]);
    input.read_exact(&mut length).map_err(cut)?;
    input.read_exact(&mut kind).map_err(cut)?;
    if !kind.iter().all(u8::is_ascii_alphabetic) {
        return Err("a chunk has a type that no chunk can have".to_owned());
    }
    let length = u64::from(u32::from_be_bytes(length));
    let name = String::from_utf8_lossy(&kind).into_owned();
    if at == MAGIC.len() as u64 && !matches!(&kind, b"IHDR" | b"CgBI") {
        return Err(format!("it begins with a chunk `{name}`"));
    }
    let mut crc = flate2::CrcReader::new(kind.chain(input.take(length)));
    if copy(&mut crc, &mut sink()).ok() != Some(length + 4) {
        return Err(format!("it ends within a chunk `{name}`"));
    }
    let made = crc.crc().sum();
    let (_, rest) = crc.into_inner().into_inner();
    rest.into_inner().read_exact(&mut sum).map_err(cut)?;
    if u32::from_be_bytes(sum) == made {
        Ok((kind, length + 12))
    } else {
        Err(format!("the chunk `{name}` does not agree with its checksum"))
    }
}
