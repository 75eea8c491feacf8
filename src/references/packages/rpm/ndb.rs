//! rpm's own database format: `Packages.db`.
//!
//! Takes the file; gives the header blob of each package. Every blob has a checksum, so that damage is found blob by
//! blob. The index (`Index.db`) is not needed. Format: rpm, `lib/backend/ndb/rpmpkg.c`, `rpmpkgReadSlots` and
//! `rpmpkgReadBlob`; all numbers are little-endian.

use crate::io::disk::io_failure;
use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

const PAGE: u64 = 4096;
/// Size of a slot, and the unit of offsets and lengths.
const BLOCK: u64 = 16;
/// The most pages of slots: 2.5 million packages.
const PAGES: u32 = 10_000;
/// The largest blob.
const BLOB: u64 = 64 << 20;

/// Calls `each` with the blob of every package; gives what is damaged.
pub(super) fn read(file: &File, each: &mut dyn FnMut(&[u8])) -> Vec<String> {
    let mut faults = Vec::new();
    if let Err(fault) = slots(file, each, &mut faults) {
        faults.push(fault);
    }
    faults
}

fn slots(file: &File, each: &mut dyn FnMut(&[u8]), faults: &mut Vec<String>) -> Result<(), String> {
    let length = file.metadata().map_err(|error| io_failure(&error).text)?.len();
    let mut header = [0; 32];
    at(file, &mut header, 0)?;
    if &header[..4] != b"RpmP" || word(&header, 4) != 0 {
        return Err("its header is damaged".to_owned());
    }
    let pages = word(&header, 12);
    if pages > PAGES || u64::from(pages) * PAGE > length {
        return Err("it is cut, or its header is damaged".to_owned());
    }
    let mut packages = HashSet::new();
    // No blob is read twice, so that a damaged index cannot make endless work of it.
    let mut budget = length;
    for number in 0..pages {
        let mut page = vec![0; 4096];
        at(file, &mut page, u64::from(number) * PAGE)?;
        // The header takes the place of the first two slots.
        for slot in page.chunks_exact(16).skip(if number == 0 { 2 } else { 0 }) {
            let (package, block, blocks) = (word(slot, 4), word(slot, 8), word(slot, 12));
            if &slot[..4] != b"Slot" {
                faults.push(format!("page {number} of its index is damaged"));
                break;
            }
            if block == 0 {
                continue;
            }
            let size = u64::from(blocks) * BLOCK;
            if !packages.insert(package) || size > budget {
                faults.push(format!("its index has package {package} twice, or overlapping"));
                continue;
            }
            budget -= size;
            match blob(file, package, u64::from(block) * BLOCK, size) {
                Ok(blob) => each(&blob),
                Err(fault) => faults.push(format!("package {package}: {fault}")),
            }
        }
    }
    Ok(())
}

/// A head of four words (magic, package, time, length), the header blob, zeros, and a tail of three words (checksum,
/// length, magic) at the end of the last block.
fn blob(file: &File, package: u32, start: u64, size: u64) -> Result<Vec<u8>, String> {
    if !(32..=BLOB).contains(&size) {
        return Err("no length of a header".to_owned());
    }
    let mut bytes = vec![0; usize::try_from(size).map_err(|_| "no length of a header")?];
    at(file, &mut bytes, start)?;
    let (rest, tail) = bytes.split_at(bytes.len() - 12);
    let length = word(rest, 12) as usize;
    let magic = &rest[..4] == b"BlbS" && &tail[8..] == b"BlbE";
    // The checksum is over head, blob and padding.
    if !magic || word(rest, 4) != package || word(tail, 4) as usize != length || adler32(rest) != word(tail, 0) {
        return Err("its blob is damaged".to_owned());
    }
    rest.get(16..16 + length).map(<[u8]>::to_vec).ok_or_else(|| "its blob is damaged".to_owned())
}

/// RFC 1950, 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut one, mut two) = (1_u32, 0_u32);
    // As many as the sums can take without overflow.
    for part in bytes.chunks(5552) {
        for byte in part {
            one += u32::from(*byte);
            two += one;
        }
        one %= 65521;
        two %= 65521;
    }
    two << 16 | one
}

fn at(file: &File, bytes: &mut [u8], place: u64) -> Result<(), String> {
    file.read_exact_at(bytes, place).map_err(|error| io_failure(&error).text)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
