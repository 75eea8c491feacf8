//! Reading tables of SQLite databases: those of rpm and Nix.
//!
//! Takes a database below a live tree; gives the rows of a table. Reads only: no lock, no journal, no `-shm` file, so
//! that a mounted image stays as it is. Damage is told and the rest read on. Does not write, use indexes, or read tables
//! without rowid.
//!
//! A `-wal` file is taken in as SQLite does: frames with right salts and checksums up to the last commit. A hot rollback
//! journal means that the pages are in the middle of a change: then nothing is read.
//!
//! A crate of SQLite itself (C, a minute to compile) would open the file by its own path and want to write beside it,
//! and gives up at the first damaged page. Format: <https://www.sqlite.org/fileformat2.html>, whose section numbers are
//! given below.

use crate::io::disk::{LiveRoot, io_failure};
use crate::model::path::TargetPath;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The largest row: rpm's headers are at most 256 MiB, in practice below 20 MiB.
const ROW: u64 = 64 << 20;
/// The most columns of a table that is read.
const COLUMNS: usize = 100;
/// The deepest tree: 20 levels of at least two children are more pages than there can be.
const DEPTH: usize = 20;
/// How many faults are told.
const FAULTS: usize = 10;

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `NULL`; also the column that is the rowid.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating point number, which none of our tables has.
    Real,
    /// Text, as bytes.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// An open database.
#[derive(Debug)]
pub struct Database {
    file: File,
    wal: Option<File>,
    /// Where the newest version of a page is in the `-wal` file.
    newer: HashMap<u32, u64>,
    /// Size of a page in bytes, and of that the part in use.
    page: usize,
    usable: usize,
    /// How many pages there are.
    pages: u32,
    faults: Vec<String>,
}

impl Database {
    /// Opens a database; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read at all, and why.
    pub fn open(root: &LiveRoot, path: &TargetPath) -> Result<Option<Self>, String> {
        if root.look(path).map_err(|failure| failure.text)?.is_none() {
            return Ok(None);
        }
        let beside = |suffix: &str| TargetPath::new([path.as_bytes(), suffix.as_bytes()].concat());
        if is_hot(root, &beside("-journal"))? {
            return Err("a change was not finished: its rollback journal is beside it".to_owned());
        }
        let file = root.open_file(path).map_err(|failure| failure.text)?;
        let mut database =
            Self { file, wal: None, newer: HashMap::new(), page: 0, usable: 0, pages: 0, faults: Vec::new() };
        let mut header = [0; 100];
        let length = length(&database.file)?;
        if length > 0 {
            database.file.read_exact_at(&mut header, 0).map_err(|error| text(&error))?;
            database.page = page_size(&header)?;
        }
        database.read_wal(root, &beside("-wal"))?;
        if database.page == 0 {
            return Err("it is empty".to_owned());
        }
        if database.newer.contains_key(&1) {
            header.copy_from_slice(database.read_page(1)?.get(..100).ok_or("a page that is too small")?);
            page_size(&header)?;
        }
        database.measure(&header, length)?;
        Ok(Some(database))
    }

    /// Sizes (1.3).
    fn measure(&mut self, header: &[u8; 100], length: u64) -> Result<(), String> {
        self.usable = self.page - usize::from(header[20]);
        if self.usable < 480 || number(&header[56..60]) > 1 {
            return Err("its header is damaged".to_owned());
        }
        let held = u32::try_from(length / self.page as u64).map_err(|_| "it is too large")?;
        let said = number(&header[28..32]);
        // The size in the header counts if the same program wrote it that wrote the file last.
        let counts = header[24..28] == header[92..96] && said > 0;
        let newest = self.newer.keys().max().copied().unwrap_or(0);
        if counts && said > held.max(newest) {
            self.fault(format!("it has {held} pages of {said}: it is cut"));
        }
        self.pages = held.max(newest);
        Ok(())
    }

    /// Calls `each` with rowid and values of every row of a table, in order. What is damaged is left out and told.
    pub fn rows(&mut self, table: &str, each: &mut dyn FnMut(i64, Vec<Value>)) -> Vec<String> {
        let mut root = None;
        let mut seen = HashSet::new();
        self.walk(1, &mut seen, &mut |_, row| {
            // `CREATE TABLE sqlite_schema(type text, name text, tbl_name text, rootpage integer, sql text)` (2.6).
            if let [Value::Text(kind), Value::Text(name), _, Value::Integer(page), ..] = row.as_slice()
                && kind == b"table"
                && name == table.as_bytes()
            {
                root = u32::try_from(*page).ok();
            }
        });
        match root {
            Some(root) => self.walk(root, &mut seen, each),
            None => self.fault(format!("it has no table `{table}`")),
        }
        std::mem::take(&mut self.faults)
    }

    /// Goes through a table's tree (1.6). No page is read twice, so that this ends, and in linear time.
    fn walk(&mut self, root: u32, seen: &mut HashSet<u32>, each: &mut dyn FnMut(i64, Vec<Value>)) {
        let mut todo = vec![(root, 0_usize)];
        while let Some((number, depth)) = todo.pop() {
            let page = match self.fresh_page(number, seen) {
                Ok(page) if depth < DEPTH => page,
                Ok(_) => {
                    self.fault(format!("page {number} is too deep"));
                    continue;
                }
                Err(fault) => {
                    self.fault(fault);
                    continue;
                }
            };
            let start = if number == 1 { 100 } else { 0 };
            match page[start] {
                0x05 => match children(&page, start) {
                    Some(children) => todo.extend(children.into_iter().rev().map(|child| (child, depth + 1))),
                    None => self.fault(format!("page {number}: a child is outside")),
                },
                0x0d => self.leaf(number, &page, seen, each),
                other => self.fault(format!("page {number} is none of a table: it begins with {other:#04x}")),
            }
        }
    }

    fn leaf(&mut self, number: u32, page: &[u8], seen: &mut HashSet<u32>, each: &mut dyn FnMut(i64, Vec<Value>)) {
        let start = if number == 1 { 100 } else { 0 };
        for cell in 0..usize::from(short(page, start + 3)) {
            let at = usize::from(short(page, start + 8 + 2 * cell));
            let row = self.payload(page, at, seen).and_then(|(rowid, bytes)| {
                Ok((rowid, record(&bytes).ok_or_else(|| format!("row {rowid} is no record"))?))
            });
            match row {
                Ok((rowid, values)) => each(rowid, values),
                Err(fault) => self.fault(format!("page {number}, cell {cell}: {fault}")),
            }
        }
    }

    /// Rowid and payload of a leaf's cell, with its overflow pages (1.6, "Cell payload overflow pages").
    fn payload(&self, page: &[u8], at: usize, seen: &mut HashSet<u32>) -> Result<(i64, Vec<u8>), String> {
        let outside = || "it lies outside the page".to_owned();
        let page = &page[..self.usable];
        let (length, size) = varint(page.get(at..).ok_or_else(outside)?).ok_or_else(outside)?;
        let (rowid, more) = varint(&page[at + size..]).ok_or_else(outside)?;
        let at = at + size + more;
        if length > ROW.min(u64::from(self.pages) * self.page as u64) {
            return Err(format!("{length} bytes are more than a row can have"));
        }
        let total = usize::try_from(length).map_err(|_| outside())?;
        let (most, least) = (self.usable - 35, (self.usable - 12) * 32 / 255 - 23);
        let local = if total <= most {
            total
        } else {
            let rest = least + (total - least) % (self.usable - 4);
            if rest <= most { rest } else { least }
        };
        let mut bytes = page.get(at..at + local).ok_or_else(outside)?.to_vec();
        let mut next = page.get(at + local..at + local + 4).map_or(0, self::number);
        while bytes.len() < total {
            let overflow = self.fresh_page(next, seen)?;
            let take = (total - bytes.len()).min(self.usable - 4);
            bytes.extend_from_slice(&overflow[4..4 + take]);
            next = self::number(&overflow[..4]);
        }
        Ok((rowid.cast_signed(), bytes))
    }

    fn fresh_page(&self, number: u32, seen: &mut HashSet<u32>) -> Result<Vec<u8>, String> {
        if number == 0 || number > self.pages {
            return Err(format!("page {number} of {} is asked for", self.pages));
        }
        if !seen.insert(number) {
            return Err(format!("page {number} is used twice"));
        }
        self.read_page(number)
    }

    fn read_page(&self, number: u32) -> Result<Vec<u8>, String> {
        let mut page = vec![0; self.page];
        let read = match (&self.wal, self.newer.get(&number)) {
            (Some(wal), Some(at)) => wal.read_exact_at(&mut page, *at),
            _ => self.file.read_exact_at(&mut page, (u64::from(number) - 1) * self.page as u64),
        };
        read.map(|()| page).map_err(|error| format!("page {number} cannot be read: {}", text(&error)))
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS {
            self.faults.push(fault);
        }
    }

    /// The write-ahead log (4.1 to 4.3).
    fn read_wal(&mut self, root: &LiveRoot, path: &TargetPath) -> Result<(), String> {
        if root.look(path).map_err(|failure| failure.text)?.is_none() {
            return Ok(());
        }
        let file = root.open_file(path).map_err(|failure| format!("its log cannot be read: {}", failure.text))?;
        let length = length(&file)?;
        if length == 0 {
            return Ok(());
        }
        let mut header = [0; 32];
        file.read_exact_at(&mut header, 0).map_err(|error| format!("its log cannot be read: {}", text(&error)))?;
        let big = match number(&header[..4]) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return Err("its log (`-wal`) has a damaged header".to_owned()),
        };
        let size = usize::try_from(number(&header[8..12])).unwrap_or(0);
        let mut sum = checksum(big, (0, 0), &header[..24]);
        let told = (number(&header[24..28]), number(&header[28..32]));
        let fits = (512..=65536).contains(&size) && size.is_power_of_two() && (self.page == 0 || self.page == size);
        if sum != told || !fits {
            return Err("its log (`-wal`) has a damaged header".to_owned());
        }
        self.page = size;
        let mut frame = vec![0; 24 + size];
        let (mut at, mut open, mut intact) = (32, HashMap::new(), true);
        while at + frame.len() as u64 <= length {
            file.read_exact_at(&mut frame, at).map_err(|error| format!("its log cannot be read: {}", text(&error)))?;
            if frame[8..16] == header[16..24] {
                sum = if intact { checksum(big, checksum(big, sum, &frame[..8]), &frame[24..]) } else { sum };
                intact &= sum == (number(&frame[16..20]), number(&frame[20..24]));
                if !intact {
                    self.fault("a frame of its log (`-wal`) is damaged: what follows in it is lost".to_owned());
                    break;
                }
                open.insert(number(&frame[..4]), at + 24);
                if number(&frame[4..8]) != 0 {
                    self.newer.extend(open.drain());
                }
            } else {
                // Of an earlier round, which the log still holds behind the present one, or damaged.
                intact = false;
            }
            at += frame.len() as u64;
        }
        self.wal = Some(file);
        Ok(())
    }
}

/// Whether a rollback journal has something to roll back (3): its magic is zeroed or it is cut when the change is done.
fn is_hot(root: &LiveRoot, path: &TargetPath) -> Result<bool, String> {
    match root.look(path).map_err(|failure| failure.text)? {
        Some(seen) if seen.size >= 28 => {}
        _ => return Ok(false),
    }
    let file = root.open_file(path).map_err(|failure| failure.text)?;
    let mut magic = [0; 8];
    file.read_exact_at(&mut magic, 0).map_err(|error| text(&error))?;
    Ok(magic == [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7])
}

fn page_size(header: &[u8; 100]) -> Result<usize, String> {
    let size = match usize::from(short(header, 16)) {
        1 => 65536,
        size => size,
    };
    if !header.starts_with(b"SQLite format 3\0") || size < 512 || !size.is_power_of_two() {
        return Err("its header is damaged".to_owned());
    }
    Ok(size)
}

/// The children of an interior page, the rightmost last.
fn children(page: &[u8], start: usize) -> Option<Vec<u32>> {
    let count = usize::from(short(page, start + 3));
    let mut children = Vec::with_capacity(count + 1);
    for cell in 0..count {
        let pointer = page.get(start + 12 + 2 * cell..start + 14 + 2 * cell)?;
        let at = usize::from(u16::from_be_bytes([pointer[0], pointer[1]]));
        children.push(number(page.get(at..at + 4)?));
    }
    children.push(number(page.get(start + 8..start + 12)?));
    Some(children)
}

/// The values of a record (2.1); `None` when they do not fit.
fn record(bytes: &[u8]) -> Option<Vec<Value>> {
    let (header, mut at) = varint(bytes)?;
    let header = usize::try_from(header).ok().filter(|header| *header <= bytes.len())?;
    let mut body = header;
    let mut values = Vec::new();
    while at < header && values.len() < COLUMNS {
        let (kind, size) = varint(&bytes[at..header])?;
        at += size;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            kind => (kind - 12) / 2,
        };
        let end = body.checked_add(usize::try_from(length).ok()?)?;
        let value = bytes.get(body..end)?;
        body = end;
        values.push(match kind {
            0 => Value::Null,
            7 => Value::Real,
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            1..=6 => Value::Integer(integer(value)),
            kind if kind % 2 == 0 => Value::Blob(value.to_vec()),
            _ => Value::Text(value.to_vec()),
        });
    }
    Some(values)
}

/// A signed big-endian integer of up to 8 bytes.
fn integer(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(start, |sum: i64, byte| sum << 8 | i64::from(*byte))
}

/// A variable-length integer and its length (1.6).
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        if at == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// The log's checksum goes on over whole pairs of words (4.2).
fn checksum(big: bool, sum: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    bytes.chunks_exact(8).fold(sum, |(one, two), pair| {
        let one = one.wrapping_add(word(&pair[..4])).wrapping_add(two);
        (one, two.wrapping_add(word(&pair[4..])).wrapping_add(one))
    })
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// Two bytes; zero where there are none.
fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
}

fn length(file: &File) -> Result<u64, String> {
    file.metadata().map(|about| about.len()).map_err(|error| text(&error))
}

fn text(error: &std::io::Error) -> String {
    io_failure(error).text
}
