//! A file to look at: its path, its size, its bytes through [`Read`] and [`Seek`], and what lies beside it.
//!
//! Takes a file of a live tree or bytes in memory. Nothing is read ahead but the head. An error of reading is kept
//! here ([`Subject::trouble`]), so that a decoder that stumbles over it is not mistaken for a proof of damage.

use crate::io::disk::{LiveRoot, io_failure, look_at};
use crate::io::page_cache::DirectFile;
use crate::model::observation::{Failure, Kind, ReadMode};
use crate::model::path::TargetPath;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};

/// How many first bytes a check is chosen by.
pub const HEAD: usize = 64 << 10;
/// The largest file that is read into memory as a whole, in bytes.
pub const WHOLE: u64 = 16 << 20;

/// Where the bytes come from.
trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// What lies beside a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sibling {
    /// Nothing, or nothing that is a file.
    Missing,
    /// It cannot be told.
    Unknown,
    /// A regular file.
    File {
        /// Its size in bytes.
        size: u64,
        /// Its time of modification, in whole seconds since 1970.
        mtime: i64,
    },
}

enum Siblings<'a> {
    Live(&'a LiveRoot),
    Memory(BTreeMap<TargetPath, Sibling>),
}

/// A file to look at.
pub struct Subject<'a> {
    path: TargetPath,
    size: u64,
    head: Vec<u8>,
    source: RefCell<(u64, Box<dyn Source + 'a>)>,
    trouble: RefCell<Option<String>>,
    siblings: Siblings<'a>,
    identity: Option<(u64, i64)>,
}

impl<'a> Subject<'a> {
    /// A file of a live tree: as the disk has it with [`ReadMode::Direct`], where that is possible, else as memory has it.
    ///
    /// # Errors
    /// When it cannot be opened or its beginning cannot be read.
    pub fn open(root: &'a LiveRoot, path: &TargetPath, read: ReadMode) -> Result<Self, Failure> {
        let file = root.open_file(path)?;
        let seen = look_at(&file)?;
        let direct = if read == ReadMode::Direct { DirectFile::open(root, path)? } else { None };
        let source: Box<dyn Source> = match direct {
            Some(direct) => Box::new(direct),
            None => Box::new(file),
        };
        let subject = Self {
            path: path.clone(),
            size: seen.size,
            head: Vec::new(),
            source: RefCell::new((0, source)),
            trouble: RefCell::new(None),
            siblings: Siblings::Live(root),
            identity: Some((seen.size, seen.mtime)),
        };
        subject.with_head().map_err(|error| io_failure(&error))
    }

    /// Bytes in memory that pass for the file at a path.
    pub fn in_memory(path: &TargetPath, bytes: &'a [u8]) -> Self {
        Self {
            path: path.clone(),
            size: bytes.len() as u64,
            head: bytes[..bytes.len().min(HEAD)].to_vec(),
            source: RefCell::new((0, Box::new(Cursor::new(bytes)))),
            trouble: RefCell::new(None),
            siblings: Siblings::Memory(BTreeMap::new()),
            identity: None,
        }
    }

    /// With something beside it; for bytes in memory only.
    #[must_use]
    pub fn beside(mut self, path: &TargetPath, sibling: Sibling) -> Self {
        if let Siblings::Memory(siblings) = &mut self.siblings {
            siblings.insert(path.clone(), sibling);
        }
        self
    }

    fn with_head(mut self) -> std::io::Result<Self> {
        let mut head = Vec::new();
        self.reader().take(HEAD as u64).read_to_end(&mut head)?;
        self.head = head;
        Ok(self)
    }

    /// Where it lies.
    pub fn path(&self) -> &TargetPath {
        &self.path
    }

    /// Its size in bytes when it was opened.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its first bytes: all, or [`HEAD`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Its bytes from the beginning. Several readers do not disturb each other.
    pub fn reader(&self) -> Reader<'_, 'a> {
        Reader { subject: self, at: 0 }
    }

    /// Its bytes from the beginning, buffered.
    pub fn stream(&self) -> BufReader<Reader<'_, 'a>> {
        BufReader::with_capacity(64 << 10, self.reader())
    }

    /// Its bytes from an offset on, buffered.
    pub fn stream_from(&self, at: u64) -> BufReader<Reader<'_, 'a>> {
        BufReader::with_capacity(64 << 10, Reader { subject: self, at })
    }

    /// `length` bytes at an offset, fewer where the file ends. `length` is the caller's to bound.
    pub fn bytes(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        // An error is kept by the reader; the bytes before it are what there is.
        let _ = Reader { subject: self, at }.take(length as u64).read_to_end(&mut bytes);
        bytes
    }

    /// All bytes, if there are not more than [`WHOLE`].
    pub fn whole(&self) -> Option<Vec<u8>> {
        if self.size > WHOLE {
            return None;
        }
        Some(self.bytes(0, usize::try_from(self.size).ok()?))
    }

    /// What is at a path beside it.
    pub fn sibling(&self, path: &TargetPath) -> Sibling {
        match &self.siblings {
            Siblings::Memory(siblings) => siblings.get(path).copied().unwrap_or(Sibling::Missing),
            Siblings::Live(root) => match root.look(path) {
                Ok(Some(seen)) if seen.kind == Kind::File => {
                    Sibling::File { size: seen.size, mtime: seen.mtime.div_euclid(1_000_000_000) }
                }
                // A link is not followed, so what it leads to is not known.
                Ok(Some(seen)) if seen.kind == Kind::Link => Sibling::Unknown,
                Ok(_) => Sibling::Missing,
                Err(_) => Sibling::Unknown,
            },
        }
    }

    /// The first error of reading, if there was one.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.borrow().clone()
    }

    /// Whether the file was written to since it was opened, as far as its size and time tell.
    pub fn has_changed(&self) -> bool {
        let (Siblings::Live(root), Some(before)) = (&self.siblings, self.identity) else { return false };
        !matches!(root.look(&self.path), Ok(Some(seen)) if (seen.size, seen.mtime) == before)
    }
}

/// Reads a subject's bytes; ends where the file ended when it was opened, so that a growing one has an end.
pub struct Reader<'s, 'a> {
    subject: &'s Subject<'a>,
    at: u64,
}

impl Reader<'_, '_> {
    fn fill(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.subject.size.saturating_sub(self.at);
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut source = self.subject.source.borrow_mut();
        if source.0 != self.at {
            source.1.seek(SeekFrom::Start(self.at))?;
            source.0 = self.at;
        }
        let count = source.1.read(&mut buffer[..most])?;
        source.0 += count as u64;
        Ok(count)
    }
}

impl Read for Reader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.fill(buffer) {
            Ok(count) => {
                self.at += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.subject.trouble.borrow_mut().get_or_insert_with(|| io_failure(&error).text);
                Err(error)
            }
        }
    }
}

impl Seek for Reader<'_, '_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.subject.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::examine::run;
    use crate::live::intrinsic::{CHECKS, Verdict};

    /// A disk that reads so many bytes and then no more.
    struct Failing(Cursor<Vec<u8>>, u64);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let left = self.1.saturating_sub(self.0.position());
            let most = buffer.len().min(usize::try_from(left).expect("it is small"));
            if most == 0 { Err(std::io::Error::from_raw_os_error(5)) } else { self.0.read(&mut buffer[..most]) }
        }
    }

    impl Seek for Failing {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn an_error_of_the_disk_is_no_proof_of_damage() {
        let bytes = [b"\x89PNG\r\n\x1a\n\0\0\x40\0IHDR".to_vec(), vec![0; 20_000]].concat();
        for (readable, undecided) in [(9000, true), (30_000, false)] {
            let mut subject = Subject::in_memory(&TargetPath::new("/a.png"), &bytes);
            subject.source = RefCell::new((0, Box::new(Failing(Cursor::new(bytes.clone()), readable))));
            let check = CHECKS.iter().find(|check| check.name() == "png").expect("it is in the table");
            let verdict = run(*check, &subject);
            assert_eq!(matches!(&verdict, Verdict::Undecided(_)), undecided, "{verdict:?}");
            assert_eq!(matches!(&verdict, Verdict::Damaged { .. }), !undecided, "{verdict:?}");
        }
    }

    #[test]
    fn readers_do_not_disturb_each_other() {
        let bytes: Vec<u8> = (0..=255).collect();
        let subject = Subject::in_memory(&TargetPath::new("/a"), &bytes);
        let (mut one, mut two) = (subject.reader(), subject.reader());
        let mut buffer = [0; 2];
        one.read_exact(&mut buffer).expect("memory is readable");
        two.seek(SeekFrom::End(-2)).expect("it is within");
        two.read_exact(&mut buffer).expect("memory is readable");
        assert_eq!(buffer, [254, 255]);
        one.read_exact(&mut buffer).expect("memory is readable");
        assert_eq!(buffer, [2, 3]);
        assert_eq!(subject.bytes(250, 100).len(), 6);
        assert!(subject.bytes(1000, 100).is_empty());
    }
}
