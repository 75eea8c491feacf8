//! The header of an rpm package, as rpm's databases keep it.
//!
//! Takes the bytes of one header; gives tags by number, after the header's own digest was checked. Data stays where it
//! is: a value is read when it is asked for. Format: rpm, `docs/manual/format_header.md` and `lib/header.c`,
//! `hdrblobInit` and `hdrblobVerifyRegion`; the digest is that of `lib/package.c`, `updateHdrDigests`.
//!
//! The `rpm` crate (0.30) is not used: its parser of a header alone is private, indexes by offsets that it does not
//! check, and brings forty crates.

use crate::model::content::{Algorithm, Digest};
use crate::model::hasher::Hasher;

/// The most tags and bytes of data: `HEADER_TAGS_MAX` and `HEADER_DATA_MAX` (`lib/header.c`), less for data.
const TAGS: usize = 0xffff;
/// `rpm_header_magic`, which a database leaves out.
const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];

/// `RPMTAG_HEADERIMMUTABLE`: the part of the header that came with the package.
const IMMUTABLE: u32 = 63;
/// `RPMTAG_SHA1HEADER`.
const SHA1: u32 = 269;
/// `RPMTAG_SHA256HEADER`.
const SHA256: u32 = 273;

/// A header.
#[derive(Debug)]
pub(super) struct Header<'a> {
    entries: Vec<Tag>,
    data: &'a [u8],
}

#[derive(Debug, Clone, Copy)]
struct Tag {
    number: u32,
    kind: u32,
    offset: usize,
    count: usize,
}

impl<'a> Header<'a> {
    /// Reads the index and checks the digest.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let cut = || "it is cut".to_owned();
        let (count, size) = (word(bytes, 0).ok_or_else(cut)?, word(bytes, 4).ok_or_else(cut)?);
        let count =
            usize::try_from(count).ok().filter(|count| (1..=TAGS).contains(count)).ok_or("no number of tags")?;
        let size = usize::try_from(size).map_err(|_| cut())?;
        let index = bytes.get(8..8 + 16 * count).ok_or_else(cut)?;
        let data = bytes[8 + 16 * count..].get(..size).ok_or_else(cut)?;
        let mut entries = Vec::with_capacity(count);
        for entry in index.chunks_exact(16) {
            let field = |at| word(entry, at).unwrap_or(0);
            // The region's offsets are checked below; its trailer's is negative.
            let (offset, count) = (usize::try_from(field(8)), usize::try_from(field(12)));
            let (Ok(offset), Ok(count)) = (offset, count) else { return Err("an offset is outside".to_owned()) };
            if offset > size || count > size {
                return Err("an offset is outside".to_owned());
            }
            entries.push(Tag { number: field(0), kind: field(4), offset, count });
        }
        let header = Self { entries, data };
        header.check(index)?;
        Ok(header)
    }

    /// Checks the digest of what came with the package.
    fn check(&self, index: &[u8]) -> Result<(), String> {
        let mut stored = [(SHA256, Algorithm::Sha256), (SHA1, Algorithm::Sha1)].into_iter();
        let Some((hex, algorithm)) = stored.find_map(|(tag, kind)| Some((self.text(tag)?, kind))) else {
            return Ok(()); // Packages of before 2003, and keys.
        };
        let wrong = || "its own digest does not fit: it is damaged".to_owned();
        let told = Digest::from_hex(algorithm, &hex).map_err(|_| wrong())?;
        // The region is the first entry; its trailer, at its offset, tells how long its index is.
        let region = self.entries.first().filter(|tag| tag.number == IMMUTABLE && tag.count == 16).ok_or_else(wrong)?;
        let trailer = self.data.get(region.offset..region.offset + 16).ok_or_else(wrong)?;
        let back = word(trailer, 8).ok_or_else(wrong)?.cast_signed().unsigned_abs() as usize;
        let index = index.get(..back).filter(|index| !index.is_empty() && index.len() % 16 == 0).ok_or_else(wrong)?;
        let data = &self.data[..region.offset + 16];
        let mut hasher = Hasher::new(algorithm, 0);
        hasher.update(&MAGIC);
        for length in [index.len() / 16, data.len()] {
            hasher.update(&u32::try_from(length).map_err(|_| wrong())?.to_be_bytes());
        }
        hasher.update(index);
        hasher.update(data);
        if hasher.finish() == told { Ok(()) } else { Err(wrong()) }
    }

    fn tag(&self, number: u32, kinds: &[u32]) -> Option<&Tag> {
        self.entries.iter().find(|tag| tag.number == number && kinds.contains(&tag.kind))
    }

    /// A text (types `STRING`, `I18NSTRING`: the first one).
    pub(super) fn text(&self, number: u32) -> Option<String> {
        let tag = self.tag(number, &[6, 9])?;
        let bytes = self.data.get(tag.offset..)?;
        let end = memchr::memchr(0, bytes)?;
        std::str::from_utf8(&bytes[..end]).ok().map(str::to_owned)
    }

    /// Texts (type `STRING_ARRAY`), as bytes; `None` when there is no such tag or it is cut.
    pub(super) fn texts(&self, number: u32) -> Option<Vec<&'a [u8]>> {
        let tag = self.tag(number, &[8])?;
        let mut rest = self.data.get(tag.offset..)?;
        let mut texts = Vec::new();
        for _ in 0..tag.count {
            let end = memchr::memchr(0, rest)?;
            texts.push(&rest[..end]);
            rest = &rest[end + 1..];
        }
        Some(texts)
    }

    /// Numbers (types `CHAR`, `INT8`, `INT16`, `INT32`, `INT64`); `None` when there is no such tag or it is cut.
    pub(super) fn numbers(&self, number: u32) -> Option<Vec<u64>> {
        let tag = self.tag(number, &[1, 2, 3, 4, 5])?;
        let width = [0, 1, 1, 2, 4, 8][tag.kind as usize];
        let bytes = self.data.get(tag.offset..tag.offset.checked_add(tag.count.checked_mul(width)?)?)?;
        let value = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Some(bytes.chunks_exact(width).map(value).collect())
    }
}

/// A big-endian word.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
