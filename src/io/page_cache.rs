//! What the kernel holds of a file in memory, and reading past that.
//!
//! Takes open files; tells how many of their pages are changed and not yet on the disk, and reads what the disk has.
//! Deliberately not here: evicting anything. The page cache may hold the only good copy.

// The only system call that rustix does not have yet (cachestat(2), Linux 6.5), hence the only unsafe code of this
// module. Safety: the kernel reads `range` and writes `found`, both of which live on this stack frame, are laid out as
// `include/uapi/linux/mman.h` has them, and outlive the call; the descriptor is borrowed and so open.
#![expect(unsafe_code, reason = "cachestat(2) has no safe wrapper in a crate that we use")]

use super::disk::{LiveRoot, io_failure, look_at};
use crate::model::observation::Failure;
use crate::model::path::TargetPath;
use rustix::fd::{AsFd, AsRawFd};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

/// The number of the system call, the same on every architecture since 5.x (`asm-generic/unistd.h`).
const SYS_CACHESTAT: libc::c_long = 451;

#[repr(C)]
struct Range {
    offset: u64,
    length: u64,
}

/// How much of a file is in memory, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Cached {
    /// In memory at all.
    pub pages: u64,
    /// Changed, and not yet on their way to the disk.
    pub dirty: u64,
    /// On their way to the disk.
    pub writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// How much of a file is in memory; `None` where the kernel does not tell (before 6.5, or forbidden in a container).
pub fn cached(file: impl AsFd) -> Option<Cached> {
    let range = Range { offset: 0, length: 0 };
    let mut found = Cached::default();
    let descriptor = file.as_fd().as_raw_fd();
    // SAFETY: see the head of this file.
    let result = unsafe { libc::syscall(SYS_CACHESTAT, descriptor, &raw const range, &raw mut found, 0_u32) };
    (result == 0).then_some(found)
}

/// Memory, length and offset of a direct read have to be whole multiples of the device's block; this suits all.
const ALIGNMENT: usize = 4096;

/// How much is read at once past the cache, in bytes.
const CHUNK: usize = 1 << 20;

/// Memory that direct reads can go to; grows to what is asked of it.
#[derive(Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// Room for the next read of a file of which `left` bytes are expected. Not more than needed: the kernel clears what
    /// a direct read does not fill, which for a small file costs more than reading it.
    fn room(&mut self, left: u64) -> &mut [u8] {
        let wanted = usize::try_from(left).unwrap_or(CHUNK).clamp(1, CHUNK).next_multiple_of(ALIGNMENT);
        if self.0.len() < wanted + ALIGNMENT {
            self.0 = vec![0; wanted + ALIGNMENT];
        }
        let start = self.start();
        &mut self.0[start..start + wanted]
    }

    /// The first bytes of what was read.
    fn held(&self, length: usize) -> &[u8] {
        &self.0[self.start()..self.start() + length]
    }

    /// Where its aligned part begins.
    fn start(&self) -> usize {
        self.0.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT)
    }
}

/// What came of reading past the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direct {
    /// Read to the end: so many bytes.
    Whole(u64),
    /// It was not tried, or is not possible here: why.
    Refused(String),
}

/// Reads what the disk holds of a file, past the page cache, which stays as it is. A file with changes that are not on
/// the disk yet is left alone: reading it this way would make the kernel write them (open(2), `O_DIRECT`).
///
/// # Errors
/// When the system gives an error on the way: the disk cannot give what memory may still have.
pub fn read_direct(
    root: &LiveRoot,
    path: &TargetPath,
    buffer: &mut Buffer,
    take: &mut dyn FnMut(&[u8]),
) -> Result<Direct, Failure> {
    let mut file = match open(root, path)? {
        Ok(file) => file,
        Err(reason) => return Ok(Direct::Refused(reason)),
    };
    let size = look_at(&file)?.size;
    let mut total = 0_u64;
    loop {
        let room = buffer.room(size.saturating_sub(total));
        let count = match file.read(room) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && total == 0 => {
                return Ok(Direct::Refused(NOT_HERE.to_owned()));
            }
            Err(error) => return Err(io_failure(&error)),
        };
        take(&room[..count]);
        total += count as u64;
        // A count that is no whole block only comes at the end; from there nothing can be read directly.
        if count == 0 || !count.is_multiple_of(ALIGNMENT) {
            return Ok(Direct::Whole(total));
        }
    }
}

/// Why a file system that knows no direct reading is not asked.
const NOT_HERE: &str = "this file system cannot be read past the cache";

/// Opens a file past the page cache, or says why not.
fn open(root: &LiveRoot, path: &TargetPath) -> Result<Result<File, String>, Failure> {
    match root.open_direct(path) {
        Ok(file) => Ok(match being_written(&file) {
            Some(reason) => Err(reason),
            None => Ok(file),
        }),
        Err(failure) if failure.errno == libc::EINVAL => Ok(Err(NOT_HERE.to_owned())),
        Err(failure) => Err(failure),
    }
}

/// A file as the disk has it, for those who read here and there.
pub struct DirectFile {
    file: File,
    size: u64,
    buffer: Buffer,
    /// Where the buffer's first byte is in the file, and how many there are.
    held: (u64, usize),
    at: u64,
}

impl DirectFile {
    /// Opens a file past the page cache; `None` where [`read_direct`] would refuse.
    ///
    /// # Errors
    /// As [`read_direct`].
    pub fn open(root: &LiveRoot, path: &TargetPath) -> Result<Option<Self>, Failure> {
        let Ok(file) = open(root, path)? else { return Ok(None) };
        let size = look_at(&file)?.size;
        let mut opened = Self { file, size, buffer: Buffer::default(), held: (0, 0), at: 0 };
        match opened.hold(0) {
            Ok(()) => Ok(Some(opened)),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(None),
            Err(error) => Err(io_failure(&error)),
        }
    }

    /// Reads what is at an offset and behind it.
    fn hold(&mut self, at: u64) -> std::io::Result<()> {
        let start = at - at % ALIGNMENT as u64;
        self.held = (start, 0);
        self.held.1 = self.file.read_at(self.buffer.room(self.size.saturating_sub(start)), start)?;
        Ok(())
    }
}

impl Read for DirectFile {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let (start, length) = self.held;
        if self.at < start || self.at - start >= length as u64 {
            self.hold(self.at)?;
        }
        let (start, length) = self.held;
        let skipped = usize::try_from(self.at - start).unwrap_or(usize::MAX).min(length);
        let count = into.len().min(length - skipped);
        into[..count].copy_from_slice(&self.buffer.held(length)[skipped..skipped + count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for DirectFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.file.metadata()?.len(), by),
        };
        self.at = from.checked_add_signed(by).ok_or_else(|| std::io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Why a file must not be read past the cache now.
fn being_written(file: &File) -> Option<String> {
    match cached(file) {
        Some(Cached { dirty: 0, writeback: 0, .. }) => None,
        Some(_) => Some("it has changes that are not on the disk yet".to_owned()),
        None => {
            // The kernel writes what is older than `vm.dirty_expire_centisecs`, usually 30 seconds; with room to spare.
            let changed = look_at(file).map_or(i64::MAX, |seen| seen.mtime.max(seen.ctime));
            (super::clock::now().saturating_sub(changed) < 120_000_000_000).then(|| {
                "it was changed in the last two minutes, and this kernel does not tell whether that is on the disk"
                    .to_owned()
            })
        }
    }
}
