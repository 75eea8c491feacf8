//! A live tree, read only: no link is followed, nothing is opened that could block or change anything.

use crate::model::content::Blob;
use crate::model::observation::{Failure, Kind, Seen};
use crate::model::path::TargetPath;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A directory of this machine that stands for the root of a host: `/` itself, a mounted image, a copy.
#[derive(Debug, Clone)]
pub struct LiveRoot {
    base: PathBuf,
}

impl LiveRoot {
    /// The tree whose `/` is at `base`.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into() }
    }

    /// Where a path of the target lies on this machine.
    pub fn locate(&self, path: &TargetPath) -> PathBuf {
        let relative = &path.as_bytes()[1..];
        if relative.is_empty() { self.base.clone() } else { self.base.join(std::ffi::OsStr::from_bytes(relative)) }
    }

    /// What is at a path; `None` when nothing is.
    ///
    /// # Errors
    /// When the system will not tell.
    pub fn look(&self, path: &TargetPath) -> Result<Option<Seen>, Failure> {
        let stat = match rustix::fs::statat(CWD, self.locate(path), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(failure(errno)),
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            _ => Kind::Device,
        };
        let target = if kind == Kind::Link { Some(self.link_target(path)?) } else { None };
        Ok(Some(Seen {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            content: None,
            target,
            listed: false,
        }))
    }

    /// Which inode is at a path, links not followed; `None` when nothing is there.
    ///
    /// # Errors
    /// When the system will not tell.
    pub fn identity(&self, path: &TargetPath) -> Result<Option<Identity>, Failure> {
        match rustix::fs::statat(CWD, self.locate(path), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Identity { device: stat.st_dev, inode: stat.st_ino })),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(failure(errno)),
        }
    }

    fn link_target(&self, path: &TargetPath) -> Result<Blob, Failure> {
        let target = rustix::fs::readlinkat(CWD, self.locate(path), Vec::new()).map_err(failure)?;
        Ok(Blob(target.into_bytes()))
    }

    /// The names in a directory, sorted, without `.` and `..`.
    ///
    /// # Errors
    /// When it cannot be listed to the end.
    pub fn list(&self, path: &TargetPath) -> Result<Vec<Vec<u8>>, Failure> {
        let directory = self.open(path, OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&directory).map_err(failure)? {
            let entry = entry.map_err(failure)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Opens a regular file for reading. The access time is left alone where the system allows it.
    ///
    /// # Errors
    /// When it is gone, not readable, or not a regular file any more.
    pub fn open_file(&self, path: &TargetPath) -> Result<File, Failure> {
        let file = File::from(self.open(path, OFlags::NONBLOCK)?);
        let stat = rustix::fs::fstat(&file).map_err(failure)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Failure { errno: 0, text: "not a regular file any more".into() });
        }
        Ok(file)
    }

    fn open(&self, path: &TargetPath, extra: OFlags) -> Result<std::os::fd::OwnedFd, Failure> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY | extra;
        let place = self.locate(path);
        let open = |flags| rustix::fs::openat2(CWD, &place, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS);
        // O_NOATIME is for the owner and root only (open(2)); for others reading is all the same read only.
        match open(flags | OFlags::NOATIME) {
            Err(rustix::io::Errno::PERM) => open(flags),
            Err(rustix::io::Errno::NOSYS) => rustix::fs::openat(CWD, &place, flags, Mode::empty()),
            result => result,
        }
        .map_err(failure)
    }

    /// The directory of this machine that stands for the target's root.
    pub fn base(&self) -> &Path {
        &self.base
    }
}

/// What makes two names the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The file system.
    pub device: u64,
    /// The inode in it.
    pub inode: u64,
}

/// The model's form of a system error.
pub fn failure(errno: rustix::io::Errno) -> Failure {
    Failure { errno: errno.raw_os_error(), text: std::io::Error::from(errno).to_string() }
}

/// The model's form of an error of the standard library.
pub fn io_failure(error: &std::io::Error) -> Failure {
    Failure { errno: error.raw_os_error().unwrap_or(0), text: error.to_string() }
}

fn nanoseconds(seconds: impl TryInto<i64>, nanoseconds: impl TryInto<i64>) -> i64 {
    let seconds = seconds.try_into().unwrap_or(0);
    let nanoseconds = nanoseconds.try_into().unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// A path of this machine as bytes.
pub fn bytes_of(path: PathBuf) -> Vec<u8> {
    path.into_os_string().into_vec()
}
