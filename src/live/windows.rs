//! Contents piece by piece: however large a file is, little of it is in memory.
//!
//! Takes a live file, or any content to compare it with ([`Held`]); gives windows of whole blocks, in order.

use crate::io::disk::{LiveRoot, io_failure, look_at_file};
use crate::io::page_cache::{Buffer, Direct, read_direct};
use crate::model::observation::{BLOCK, Failure, ReadMode};
use crate::model::path::TargetPath;
use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// The size of a window in bytes; only the last one of a content is shorter.
pub const WINDOW: usize = 1 << 20;

const _: () = assert!((WINDOW as u64).is_multiple_of(BLOCK), "no block lies in two windows");

/// A content that is known, to be read where it is needed.
#[derive(Debug)]
pub enum Held<'a> {
    /// In memory.
    Bytes(Cow<'a, [u8]>),
    /// In a file of so many bytes.
    File(File, u64),
}

impl Held<'_> {
    /// What a file holds.
    ///
    /// # Errors
    /// When it is no regular file any more.
    pub fn file(file: File) -> Result<Self, Failure> {
        let size = look_at_file(&file)?.size;
        Ok(Self::File(file, size))
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, size) => *size,
        }
    }

    /// At most `length` bytes from offset `at` on; none where there are none.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn window(&self, at: u64, length: usize) -> Result<Cow<'_, [u8]>, Failure> {
        match self {
            Self::Bytes(bytes) => {
                let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(Cow::Borrowed(&bytes[place(at)..place(at.saturating_add(length as u64))]))
            }
            Self::File(file, size) => {
                let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
                let mut window = vec![0; left.min(length)];
                let filled = fill(&mut window, |part, done| file.read_at(part, at + done as u64));
                window.truncate(filled.map_err(|error| io_failure(&error))?);
                Ok(Cow::Owned(window))
            }
        }
    }

    /// Every window with its offset in bytes.
    ///
    /// # Errors
    /// When it cannot be read to the end.
    pub fn each(&self, take: &mut dyn FnMut(u64, &[u8])) -> Result<(), Failure> {
        let mut at = 0;
        while at < self.size() {
            let window = self.window(at, WINDOW)?;
            // It is shorter now than it was.
            if window.is_empty() {
                break;
            }
            take(at, &window);
            at += window.len() as u64;
        }
        Ok(())
    }
}

/// Every window of a live file, past the page cache where it was read so; with the size that it has at the begin, so that one
/// that grows all the time comes to an end.
///
/// # Errors
/// When it cannot be read to the end.
pub(super) fn each(
    root: &LiveRoot,
    path: &TargetPath,
    read: ReadMode,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), Failure> {
    match read {
        ReadMode::Cached | ReadMode::Both => from_memory(root, path, take),
        ReadMode::Direct => {
            let mut pending = Vec::new();
            let whole = read_direct(root, path, &mut Buffer::default(), &mut |bytes| {
                pending.extend_from_slice(bytes);
                let whole = pending.len() - pending.len() % WINDOW;
                pending[..whole].chunks(WINDOW).for_each(&mut *take);
                pending.drain(..whole);
            })?;
            match whole {
                Direct::Whole(_) if pending.is_empty() => {}
                Direct::Whole(_) => take(&pending),
                Direct::Refused(_) => from_memory(root, path, take)?,
            }
            Ok(())
        }
    }
}

fn from_memory(root: &LiveRoot, path: &TargetPath, take: &mut dyn FnMut(&[u8])) -> Result<(), Failure> {
    Held::file(root.open_file(path)?)?.each(&mut |_, window| take(window))
}

/// Reads until a window is full or there is nothing more; gives how much it holds.
pub(super) fn fill(
    window: &mut [u8],
    mut read: impl FnMut(&mut [u8], usize) -> std::io::Result<usize>,
) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < window.len() {
        match read(&mut window[filled..], filled) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::output;

    #[test]
    fn a_content_is_the_same_in_memory_and_in_a_file() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let place = directory.path().join("file");
        for length in [0, 1, WINDOW - 1, WINDOW, WINDOW + 5, 3 * WINDOW] {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap_or(0)).collect();
            output::write_atomically(&place, &bytes).expect("it can be written");
            let file = crate::io::files::open(&place).expect("it is there");
            for held in [Held::Bytes(Cow::Borrowed(&bytes)), Held::file(file).expect("it is a file")] {
                let mut all = Vec::new();
                held.each(&mut |at, window| {
                    assert_eq!(at, all.len() as u64);
                    all.extend_from_slice(window);
                })
                .expect("it can be read");
                assert_eq!((all == bytes, held.size()), (true, length as u64), "{length}");
                assert_eq!(*held.window(1, 7).expect("it can be read"), bytes[1.min(length)..8.min(length)]);
            }
            let root = LiveRoot::open(directory.path()).expect("it is a directory");
            for mode in [ReadMode::Cached, ReadMode::Direct] {
                let mut windows = Vec::new();
                each(&root, &TargetPath::new("/file"), mode, &mut |window| windows.push(window.to_vec()))
                    .expect("it can be read");
                assert!(windows.concat() == bytes, "{length}");
                assert!(windows.iter().rev().skip(1).all(|window| window.len() == WINDOW), "{length}");
            }
        }
    }
}
