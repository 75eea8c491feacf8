//! SQLite databases (<https://www.sqlite.org/fileformat2.html>): the header, and every page that its tables and indexes
//! reach.
//!
//! Content and overflow pages have no checksum. A database that is in the middle of a change (with a journal or a
//! write-ahead log beside it) is left alone: its program puts it right.

use super::{Check, Coverage, Verdict};
use crate::live::subject::{Sibling, Subject};
use crate::model::path::TargetPath;

/// SQLite databases.
pub struct Sqlite;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// The most pages that are visited.
const PAGES: u64 = 1 << 20;

impl Check for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, _: &TargetPath, head: &[u8]) -> bool {
        head.starts_with(MAGIC)
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        match Database::open(file).and_then(|mut database| database.walk()) {
            Ok(()) => Verdict::Consistent,
            Err(Verdict::Damaged { proof, .. }) if is_being_changed(file) => {
                Verdict::undecided(format!("a change was not finished, which its program does: {proof}"))
            }
            Err(verdict) => verdict,
        }
    }
}

/// A rollback journal or a write-ahead log that is not empty holds pages that are newer than those here.
fn is_being_changed(file: &Subject<'_>) -> bool {
    [&b"-journal"[..], b"-wal"].iter().any(|suffix| {
        let beside = TargetPath::new([file.path().as_bytes(), suffix].concat());
        !matches!(file.sibling(&beside), Sibling::Missing | Sibling::File { size: 0, .. })
    })
}

/// Numbers of pages begin at 1.
type Page = u64;

struct Database<'f, 'a> {
    file: &'f Subject<'a>,
    /// Bytes of a page, and of these what is not reserved for extensions.
    page: usize,
    usable: usize,
    pages: u64,
    seen: Vec<bool>,
    /// Pages to visit, and whether they belong to the schema.
    todo: Vec<(Page, bool)>,
}

impl<'f, 'a> Database<'f, 'a> {
    /// Section 1.3, the database header.
    fn open(file: &'f Subject<'a>) -> Result<Self, Verdict> {
        let header = file.head().get(..100).ok_or_else(|| Verdict::damaged("its header is cut off"))?;
        let page = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65_536,
            size if size.is_power_of_two() && size >= 512 => usize::from(size),
            _ => return Err(Verdict::damaged_at(16, "its page size is none that there is")),
        };
        if header[21..24] != [64, 32, 32] {
            return Err(Verdict::damaged_at(21, "its header has payload fractions that SQLite refuses"));
        }
        let usable = page - usize::from(header[20]);
        if usable < 480 {
            return Err(Verdict::damaged_at(20, "its pages reserve more than SQLite allows"));
        }
        let word = |at: usize| number(&header[at..at + 4]);
        let told = word(28);
        let counts = told > 0 && word(24) == word(92);
        let there = file.size() / page as u64;
        if counts && told > there {
            let proof = format!("it has {there} of the {told} pages that its header tells");
            return Err(Verdict::damaged_at(file.size(), proof));
        }
        if there > PAGES {
            return Err(Verdict::undecided("it is too large to be looked at page by page"));
        }
        let pages = if counts { told } else { there };
        let seen = vec![false; usize::try_from(there).unwrap_or(0) + 1];
        Ok(Self { file, page, usable, pages, seen, todo: vec![(1, true)] })
    }

    fn walk(&mut self) -> Result<(), Verdict> {
        while let Some((page, schema)) = self.todo.pop() {
            self.visit(page, schema)?;
        }
        Ok(())
    }

    fn push(&mut self, from: u64, page: Page, schema: bool) -> Result<(), Verdict> {
        let free = usize::try_from(page).ok().filter(|_| page >= 1 && page <= self.pages);
        let Some(seen) = free.and_then(|page| self.seen.get_mut(page)) else {
            return Err(Verdict::damaged_at(from, format!("it refers to a page {page} that there is not")));
        };
        if std::mem::replace(seen, true) || page == 1 {
            return Err(Verdict::damaged_at(from, format!("its page {page} belongs to two places")));
        }
        self.todo.push((page, schema));
        Ok(())
    }

    /// Section 1.6, B-tree pages.
    fn visit(&mut self, number_of: Page, schema: bool) -> Result<(), Verdict> {
        let start = (number_of - 1) * self.page as u64;
        let bytes = self.file.bytes(start, self.page);
        let damaged = |proof: String| Verdict::damaged_at(start, format!("its page {number_of} {proof}"));
        let at = if number_of == 1 { 100 } else { 0 };
        let Some(header) = bytes.get(at..at + 12).filter(|_| bytes.len() == self.page) else {
            return Err(damaged("is cut off".into()));
        };
        let (leaf, table) = match header[0] {
            2 => (false, false),
            5 => (false, true),
            10 => (true, false),
            13 => (true, true),
            kind => return Err(damaged(format!("is none of a table or index: type {kind:#04x}"))),
        };
        let cells = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let pointers = at + if leaf { 8 } else { 12 };
        let first_cell = pointers + cells * 2;
        if first_cell > self.usable {
            return Err(damaged(format!("has {cells} cells, more than fit")));
        }
        if !leaf {
            self.push(start, number(&header[8..12]), schema)?;
        }
        for pointer in bytes[pointers..first_cell].chunks_exact(2) {
            let cell = usize::from(u16::from_be_bytes([pointer[0], pointer[1]]));
            let Some(content) = bytes.get(cell..self.usable).filter(|rest| cell >= first_cell && rest.len() >= 4)
            else {
                return Err(damaged(format!("has a cell at {cell}, outside its content")));
            };
            if !leaf {
                self.push(start, number(&content[..4]), schema)?;
            } else if schema
                && table
                && let Some(root) = root_page(content).filter(|&root| root > 0)
            {
                self.push(start, root, false)?;
            }
        }
        Ok(())
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// Section 1.6, variable-length integers: up to nine bytes, seven bits each, the ninth with eight.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for count in 1..=9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if count == 9 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(value)
}

/// The fourth column of a row of the schema (`type`, `name`, `tbl_name`, `rootpage`, `sql`): sections 2.1 and 2.6.
fn root_page(cell: &[u8]) -> Option<Page> {
    let mut rest = cell;
    let _payload = varint(&mut rest)?;
    let _row = varint(&mut rest)?;
    let record = rest;
    let header = usize::try_from(varint(&mut rest)?).ok()?;
    let mut at = header;
    for _ in 0..3 {
        at = at.checked_add(length(varint(&mut rest)?)?)?;
    }
    match varint(&mut rest)? {
        9 => Some(1),
        kind @ 1..=6 => Some(number(record.get(at..at.checked_add(length(kind)?)?)?)),
        _ => Some(0),
    }
}

/// Bytes of a value by its serial type.
fn length(kind: u64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        kind => usize::try_from((kind - 12) / 2).ok(),
    }
}
