//! ELF: that what the headers name lies within the file, and that string tables begin and end as they must
//! (System V gABI, chapters 4 and 5).
//!
//! Code and data have no checksum: a changed byte among them is not seen.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::is_named;
use crate::live::subject::Subject;
use crate::model::path::TargetPath;

/// Programs, libraries, objects.
pub struct Elf;

/// The most sections or segments; more than 0xff00 need an extension (gABI, `e_shnum`) that is not read.
const MOST: u64 = 0xff00;
const SHT_STRTAB: u64 = 3;
const SHT_NOBITS: u64 = 8;
const SHF_EXECINSTR: u64 = 4;
const SHF_COMPRESSED: u64 = 0x800;
const PT_LOAD: u64 = 1;

impl Check for Elf {
    fn name(&self) -> &'static str {
        "elf"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, _: &TargetPath, head: &[u8]) -> bool {
        head.starts_with(b"\x7fELF")
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        // Firmware is often cut into several files, the first of which is an ELF header alone.
        let below = |part: &[u8]| file.path().as_bytes().split(|&byte| byte == b'/').any(|name| name == part);
        if below(b"firmware") || is_named(file.path(), &["mdt", "mbn"]) {
            return Verdict::undecided("firmware need not hold all that its header names");
        }
        match Header::read(file.head()) {
            Ok(Some(header)) => header.check(file),
            Ok(None) => Verdict::undecided("a core dump need not be whole"),
            Err(proof) => Verdict::damaged_at(0, proof),
        }
    }
}

/// What of the file header is needed.
struct Header {
    wide: bool,
    big: bool,
    segments: Table,
    sections: Table,
}

struct Table {
    at: u64,
    entry: u64,
    count: u64,
}

impl Table {
    /// Where it ends.
    fn end(&self) -> Option<u64> {
        self.at.checked_add(self.entry.checked_mul(self.count)?)
    }
}

struct Section {
    kind: u64,
    flags: u64,
    at: u64,
    size: u64,
}

impl Header {
    /// `None` for a core dump.
    fn read(head: &[u8]) -> Result<Option<Self>, &'static str> {
        let ident = head.get(..16).ok_or("its header is cut off")?;
        let wide = match ident[4] {
            1 => false,
            2 => true,
            _ => return Err("its class is neither 32 nor 64 bit"),
        };
        let big = match ident[5] {
            1 => false,
            2 => true,
            _ => return Err("its byte order is neither little nor big"),
        };
        if ident[6] != 1 {
            return Err("its version is not 1");
        }
        let header = head.get(..if wide { 64 } else { 52 }).ok_or("its header is cut off")?;
        let field = |at: usize, length: usize| number(big, &header[at..at + length]);
        let (tables, counts, word) = if wide { (32, 54, 8) } else { (28, 42, 4) };
        if field(16, 2) == 4 {
            return Ok(None);
        }
        let table =
            |offset: usize, at: usize| Table { at: field(offset, word), entry: field(at, 2), count: field(at + 2, 2) };
        let header = Self { wide, big, segments: table(tables, counts), sections: table(tables + word, counts + 4) };
        let (segment, section) = if wide { (56, 64) } else { (32, 40) };
        if header.segments.count > 0 && header.segments.entry != segment {
            return Err("its program headers have no possible size");
        }
        if header.sections.count > 0 && header.sections.entry != section {
            return Err("its section headers have no possible size");
        }
        Ok(Some(header))
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        for (table, what) in [(&self.segments, "program"), (&self.sections, "section")] {
            if table.count > 0 && table.end().is_none_or(|end| end > file.size()) {
                return Verdict::damaged_at(file.size(), format!("its {what} headers lie beyond the end of the file"));
            }
        }
        if self.segments.count >= MOST || self.sections.count >= MOST {
            return Verdict::undecided("it has more sections than are looked at");
        }
        let sections = self.sections(file);
        if let Some(found) = sections.iter().find_map(|section| Self::section_fault(file, section)) {
            return found;
        }
        // A file of debugging symbols keeps the program headers of the program that it was taken from.
        let is_debug = sections.iter().any(|section| section.kind == SHT_NOBITS && section.flags & SHF_EXECINSTR != 0);
        if is_debug { Verdict::Consistent } else { self.segment_faults(file).unwrap_or(Verdict::Consistent) }
    }

    fn sections(&self, file: &Subject<'_>) -> Vec<Section> {
        let entry = usize::try_from(self.sections.entry).unwrap_or(0);
        let count = usize::try_from(self.sections.count).unwrap_or(0);
        if count == 0 || entry == 0 {
            return Vec::new();
        }
        let bytes = file.bytes(self.sections.at, entry * count);
        let section = |bytes: &[u8]| {
            let field = |at: usize, length: usize| number(self.big, &bytes[at..at + length]);
            let (word, flags, at) = if self.wide { (8, 8, 24) } else { (4, 8, 16) };
            Section { kind: field(4, 4), flags: field(flags, word), at: field(at, word), size: field(at + word, word) }
        };
        bytes.chunks_exact(entry).map(section).collect()
    }

    fn section_fault(file: &Subject<'_>, section: &Section) -> Option<Verdict> {
        if section.kind == SHT_NOBITS || section.kind == 0 {
            return None;
        }
        if section.at.checked_add(section.size).is_none_or(|end| end > file.size()) {
            return Some(Verdict::damaged_at(file.size(), "a section reaches beyond the end of the file"));
        }
        if section.kind != SHT_STRTAB || section.size == 0 || section.flags & SHF_COMPRESSED != 0 {
            return None;
        }
        // gABI, chapter 4, String Table: the first and the last byte are NUL.
        let ends = [section.at, section.at + section.size - 1];
        let wrong = ends.into_iter().find(|&at| file.bytes(at, 1) != [0])?;
        Some(Verdict::damaged_at(wrong, "a string table does not begin and end with a NUL byte"))
    }

    fn segment_faults(&self, file: &Subject<'_>) -> Option<Verdict> {
        let entry = usize::try_from(self.segments.entry).ok()?;
        let bytes = file.bytes(self.segments.at, entry.checked_mul(usize::try_from(self.segments.count).ok()?)?);
        let reaches_out = |bytes: &[u8]| {
            let field = |at: usize, length: usize| number(self.big, &bytes[at..at + length]);
            let (at, size) = if self.wide { (field(8, 8), field(32, 8)) } else { (field(4, 4), field(16, 4)) };
            field(0, 4) == PT_LOAD && at.checked_add(size).is_none_or(|end| end > file.size())
        };
        let found = entry > 0 && bytes.chunks_exact(entry).any(reaches_out);
        found.then(|| Verdict::damaged_at(file.size(), "a segment to be loaded reaches beyond the end of the file"))
    }
}

fn number(big: bool, bytes: &[u8]) -> u64 {
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    if big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}
