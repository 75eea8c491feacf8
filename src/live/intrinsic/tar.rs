//! tar (POSIX ustar, GNU): the sums of the headers, and that members lie within the file.
//!
//! Content has no checksum, so a damaged member is not seen. Compressed archives are the compression's to check.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::is_named;
use crate::live::subject::Subject;
use crate::model::path::TargetPath;

/// tar archives.
pub struct Tar;

const BLOCK: u64 = 512;
/// The most headers that are read.
const HEADERS: u32 = 1_000_000;
/// The most bytes of pax records of one member.
const PAX: u64 = 1 << 20;

impl Check for Tar {
    fn name(&self) -> &'static str {
        "tar"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        has_magic(head) || is_named(path, &["tar"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let sum = file.head().first_chunk().is_some_and(is_header);
        if !has_magic(file.head()) && !sum {
            return Verdict::undecided("it is named as a tar archive and does not begin as one");
        }
        walk(file)
    }
}

/// pax(1), ustar interchange format: `magic` at 257.
fn has_magic(head: &[u8]) -> bool {
    head.get(257..).is_some_and(|rest| rest.starts_with(b"ustar\0") || rest.starts_with(b"ustar  \0"))
}

fn walk(file: &Subject<'_>) -> Verdict {
    let mut members = Members { file, at: 0, next_size: None };
    for _ in 0..HEADERS {
        let at = members.at;
        let bytes = file.bytes(at, 512);
        let Ok(header) = <&[u8; 512]>::try_from(&bytes[..]) else {
            if bytes.is_empty() {
                return Verdict::undecided("its end mark is missing: it is cut off, or its writer leaves it out");
            }
            return Verdict::damaged_at(at, "a header is cut off");
        };
        if header.iter().all(|&byte| byte == 0) {
            return after_the_end(file, at);
        }
        if !is_header(header) {
            return Verdict::damaged_at(at, "a member's header does not agree with its sum");
        }
        match members.pass(header) {
            Some(end) if end <= file.size() => {}
            Some(_) => return Verdict::damaged_at(at, "a member reaches beyond the end of the file"),
            None => return Verdict::undecided("a member's size is not understood"),
        }
    }
    Verdict::undecided(format!("it has more than {HEADERS} members"))
}

struct Members<'f, 'a> {
    file: &'f Subject<'a>,
    /// Where the next header is.
    at: u64,
    /// The size of the next member by a pax record, which its header need not hold (pax(1)).
    next_size: Option<u64>,
}

impl Members<'_, '_> {
    /// Goes to the next header; gives where the content ends. `None` when that is not understood.
    fn pass(&mut self, header: &[u8; 512]) -> Option<u64> {
        let told = self.next_size.take();
        let mut start = self.at.checked_add(BLOCK)?;
        let mut size = number(&header[124..136])?;
        match header[156] {
            // Links, directories, devices and FIFOs may tell a size that is not there (pax(1), `typeflag`).
            b'1' if size > 0 && !self.is_next(start) => {}
            b'1'..=b'6' => size = 0,
            b'x' | b'X' => {
                let records = self.file.bytes(start, usize::try_from(size.min(PAX)).ok()?);
                self.next_size = pax_size(&records).ok()?;
            }
            // GNU's long names stand before the header that a record is about, too.
            b'L' | b'K' => self.next_size = told,
            kind => {
                size = told.unwrap_or(size);
                // GNU tar, `struct oldgnu_header` and `struct sparse_header`: `isextended`.
                let mut extended = kind == b'S' && header[482] != 0;
                while extended {
                    extended = *self.file.bytes(start, 512).get(504)? != 0;
                    start = start.checked_add(BLOCK)?;
                }
            }
        }
        // The last block need not be padded.
        self.at = start.checked_add(size.checked_next_multiple_of(BLOCK)?)?;
        start.checked_add(size)
    }

    /// Whether a header, or the end, is at an offset.
    fn is_next(&self, at: u64) -> bool {
        let bytes = self.file.bytes(at, 512);
        bytes.iter().all(|&byte| byte == 0) || bytes.first_chunk().is_some_and(is_header)
    }
}

/// Records that are written otherwise than pax(1) says.
struct NotUnderstood;

/// The `size` of pax records, `LENGTH KEY=VALUE\n` each.
fn pax_size(mut records: &[u8]) -> Result<Option<u64>, NotUnderstood> {
    let mut size = None;
    while !records.is_empty() && records[0] != 0 {
        let space = records.iter().take(20).position(|&byte| byte == b' ').ok_or(NotUnderstood)?;
        let length = usize::try_from(decimal(&records[..space])?).map_err(|_| NotUnderstood)?;
        let record = records.get(space + 1..length).ok_or(NotUnderstood)?;
        if let Some(value) = record.strip_prefix(b"size=") {
            size = Some(decimal(value.trim_ascii_end())?);
        }
        records = &records[length..];
    }
    Ok(size)
}

fn decimal(text: &[u8]) -> Result<u64, NotUnderstood> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(NotUnderstood)
}

/// The sum of all bytes with the sum's own field as spaces; some writers add signed bytes (GNU tar, `tar_checksum`).
fn is_header(header: &[u8; 512]) -> bool {
    let told = sum(&header[148..156]);
    let others = || header[..148].iter().chain(&header[156..]);
    let unsigned: i64 = others().map(|&byte| i64::from(byte)).sum::<i64>() + 8 * 32;
    let signed: i64 = others().map(|&byte| i64::from(byte.cast_signed())).sum::<i64>() + 8 * 32;
    told == Some(unsigned) || told == Some(signed)
}

/// Octal digits, which a space or a NUL ends.
fn sum(field: &[u8]) -> Option<i64> {
    let field = field.trim_ascii_start();
    let digits = field.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    if field.get(digits).is_some_and(|&byte| byte != 0 && byte != b' ') {
        return None;
    }
    i64::from_str_radix(std::str::from_utf8(&field[..digits]).ok()?, 8).ok()
}

/// Octal, or with the highest bit set a binary number (GNU tar, `from_header`).
fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        return field[1..].iter().try_fold(0_u64, |sum, &byte| sum.checked_mul(256)?.checked_add(u64::from(byte)));
    }
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches(|char| matches!(char, ' ' | '\0'));
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// After the end only padding follows, or another archive.
fn after_the_end(file: &Subject<'_>, end: u64) -> Verdict {
    let mut at = end;
    loop {
        let bytes = file.bytes(at, 64 << 10);
        if bytes.is_empty() {
            return Verdict::Consistent;
        }
        let Some(found) = bytes.iter().position(|&byte| byte != 0) else {
            at += bytes.len() as u64;
            continue;
        };
        let found = at + found as u64;
        let block = found - found % BLOCK;
        let next = file.bytes(block, 512);
        if next.first_chunk().is_some_and(is_header) {
            return Verdict::undecided("members follow its end mark: zeroed in the middle, or two archives in one");
        }
        return Verdict::damaged_at(end, "content without a header follows its end mark: it is zeroed in the middle");
    }
}
