//! What the kernel holds of a file in memory, and reading past that.
//!
//! Takes open files; tells how many of their pages are changed and not yet on the disk, and reads what the disk has.
//! Deliberately not here: evicting anything. The page cache may hold the only good copy.

// The only system call that rustix does not have yet (cachestat(2), Linux 6.5), hence the only unsafe code of this
// module. Safety: the kernel reads `range` and writes `found`, both of which live on this stack frame, are laid out as
// `include/uapi/linux/mman.h` has them, and outlive the call; the descriptor is borrowed and so open.
#![expect(unsafe_code, reason = "cachestat(2) has no safe wrapper in a crate that we use")]

use super::disk::{LiveRoot, io_failure};
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

/// Memory that direct reads can go to.
pub struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; CHUNK + ALIGNMENT])
    }
}

impl Buffer {
    fn aligned(&mut self) -> &mut [u8] {
        let start = self.0.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        &mut self.0[start..start + CHUNK]
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
    if let Some(reason) = being_written(&root.open_file(path)?) {
        return Ok(Direct::Refused(reason));
    }
    let mut file = match root.open_direct(path) {
        Ok(file) => file,
        Err(failure) if failure.errno == libc::EINVAL => {
            return Ok(Direct::Refused("this file system cannot be read past the cache".to_owned()));
        }
        Err(failure) => return Err(failure),
    };
    let mut total = 0_u64;
    loop {
        let aligned = buffer.aligned();
        let count = match file.read(aligned) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && total == 0 => {
                return Ok(Direct::Refused("this file system cannot be read past the cache".to_owned()));
            }
            Err(error) => return Err(io_failure(&error)),
        };
        take(&aligned[..count]);
        total += count as u64;
        // A count that is no whole block only comes at the end; from there nothing can be read directly.
        if count == 0 || !count.is_multiple_of(ALIGNMENT) {
            return Ok(Direct::Whole(total));
        }
    }
}

/// A file as the disk has it, for those who read here and there.
pub struct DirectFile {
    file: File,
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
        if being_written(&root.open_file(path)?).is_some() {
            return Ok(None);
        }
        let opened = match root.open_direct(path) {
            Ok(file) => Self { file, buffer: Buffer::default(), held: (0, 0), at: 0 },
            Err(failure) if failure.errno == libc::EINVAL => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let mut opened = opened;
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
        self.held.1 = self.file.read_at(self.buffer.aligned(), start)?;
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
        into[..count].copy_from_slice(&self.buffer.aligned()[skipped..skipped + count]);
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
            let changed = super::disk::look_at(file).map_or(i64::MAX, |seen| seen.mtime.max(seen.ctime));
            (super::clock::now().saturating_sub(changed) < 120_000_000_000).then(|| {
                "it was changed in the last two minutes, and this kernel does not tell whether that is on the disk"
                    .to_owned()
            })
        }
    }
}
