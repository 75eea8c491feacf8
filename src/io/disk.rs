//! A live tree, read only: no link is followed, nothing is opened that could block or change anything.

use crate::model::content::Blob;
use crate::model::observation::{Failure, Kind, Seen};
use crate::model::path::TargetPath;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory of this machine that stands for the root of a host: `/` itself, a mounted image, a copy.
///
/// Paths are resolved inside it: a link on the way, even an absolute one, cannot lead out (`RESOLVE_IN_ROOT`).
#[derive(Debug, Clone)]
pub struct LiveRoot {
    base: PathBuf,
    directory: Arc<OwnedFd>,
}

impl LiveRoot {
    /// The tree whose `/` is at `base`.
    ///
    /// # Errors
    /// When `base` is not a directory that can be opened.
    pub fn open(base: impl Into<PathBuf>) -> Result<Self, Failure> {
        let base = base.into();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(&base, flags, Mode::empty()).map_err(failure)?;
        Ok(Self { base, directory: Arc::new(directory) })
    }

    /// The directory of this machine that stands for the target's root.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// Where a path of the target lies on this machine.
    pub fn locate(&self, path: &TargetPath) -> PathBuf {
        self.base.join(relative(path))
    }

    /// What is at a path; `None` when nothing is.
    ///
    /// # Errors
    /// When the system will not tell.
    pub fn look(&self, path: &TargetPath) -> Result<Option<Seen>, Failure> {
        let handle = match self.resolve(path, OFlags::PATH) {
            Ok(handle) => handle,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(failure(errno)),
        };
        let stat = rustix::fs::fstat(&handle).map_err(failure)?;
        let mut seen = seen_from(&stat);
        if seen.kind == Kind::Link {
            let target = rustix::fs::readlinkat(&handle, "", Vec::new()).map_err(failure)?;
            seen.target = Some(Blob(target.into_bytes()));
        }
        Ok(Some(seen))
    }

    /// Which inode is at a path, links not followed; `None` when nothing is there.
    ///
    /// # Errors
    /// When the system will not tell.
    pub fn identity(&self, path: &TargetPath) -> Result<Option<Identity>, Failure> {
        match self.resolve(path, OFlags::PATH) {
            Ok(handle) => {
                let stat = rustix::fs::fstat(&handle).map_err(failure)?;
                Ok(Some(Identity { device: stat.st_dev, inode: stat.st_ino }))
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(failure(errno)),
        }
    }

    /// The names in a directory, sorted, without `.` and `..`.
    ///
    /// # Errors
    /// When it cannot be listed to the end.
    pub fn list(&self, path: &TargetPath) -> Result<Vec<Vec<u8>>, Failure> {
        names_in(&self.open_reading(path, OFlags::DIRECTORY)?)
    }

    /// A directory and the names in it, as [`LiveRoot::list`] gives them, for looking at all of them.
    ///
    /// # Errors
    /// When it cannot be listed to the end.
    pub fn open_and_list(&self, path: &TargetPath) -> Result<(Directory, Vec<Vec<u8>>), Failure> {
        let handle = self.open_reading(path, OFlags::DIRECTORY)?;
        let names = names_in(&handle)?;
        Ok((Directory { handle }, names))
    }

    /// A directory for looking up many names in it; `None` when there is none at this path. A link to a directory is
    /// followed, as one on the way is.
    ///
    /// # Errors
    /// When the system will not tell.
    pub fn open_directory(&self, path: &TargetPath) -> Result<Option<Directory>, Failure> {
        match self.resolve_to(path, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(handle) => Ok(Some(Directory { handle })),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(failure(errno)),
        }
    }

    /// Opens a regular file for reading. The access time is left alone where the system allows it.
    ///
    /// # Errors
    /// When it is gone, not readable, or not a regular file any more.
    pub fn open_file(&self, path: &TargetPath) -> Result<File, Failure> {
        let file = File::from(self.open_reading(path, OFlags::NONBLOCK)?);
        look_at_file(&file)?;
        Ok(file)
    }

    /// Opens a regular file for reading past the page cache.
    ///
    /// # Errors
    /// When it is gone, not readable, or no regular file, and `EINVAL` where the file system has no such reading.
    pub fn open_direct(&self, path: &TargetPath) -> Result<File, Failure> {
        let file = File::from(self.open_reading(path, OFlags::NONBLOCK | OFlags::DIRECT)?);
        let stat = rustix::fs::fstat(&file).map_err(failure)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Failure { errno: 0, text: "not a regular file any more".into() });
        }
        Ok(file)
    }

    fn open_reading(&self, path: &TargetPath, extra: OFlags) -> Result<OwnedFd, Failure> {
        reading(extra, |flags| self.resolve(path, flags))
    }

    fn resolve(&self, path: &TargetPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.resolve_to(path, flags | OFlags::NOFOLLOW)
    }

    fn resolve_to(&self, path: &TargetPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        let rules = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(self.directory.as_fd(), relative(path), flags, Mode::empty(), rules) {
            // Kernels before 5.6 lack openat2; confinement is then only as good as the tree has no absolute links.
            Err(Errno::NOSYS) => rustix::fs::openat(CWD, self.locate(path), flags, Mode::empty()),
            result => result,
        }
    }
}

/// An open directory of a live tree, in which single names are looked up: the way to it is not walked again.
///
/// A single name cannot lead out of the tree: it is no `..`, and a link is never followed.
#[derive(Debug)]
pub struct Directory {
    handle: OwnedFd,
}

impl Directory {
    /// What has a name in this directory; the directory itself for the empty name; `None` when nothing has it.
    ///
    /// # Errors
    /// When the system will not tell, or the name is none.
    pub fn look(&self, name: &[u8]) -> Result<Option<Seen>, Failure> {
        let stat = if name.is_empty() {
            rustix::fs::fstat(&self.handle)
        } else {
            rustix::fs::statat(&self.handle, single(name)?, AtFlags::SYMLINK_NOFOLLOW)
        };
        let mut seen = match stat {
            Ok(stat) => seen_from(&stat),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failure(errno)),
        };
        if seen.kind == Kind::Link {
            let target = rustix::fs::readlinkat(&self.handle, single(name)?, Vec::new()).map_err(failure)?;
            seen.target = Some(Blob(target.into_bytes()));
        }
        Ok(Some(seen))
    }

    /// Opens what was a regular file for reading, as [`LiveRoot::open_file`] does, but does not look whether it still is
    /// one: who reads many files looks at each once, when it has been read ([`look_at_file`]). Until then reading cannot
    /// wait, and no more may be read than the file had.
    ///
    /// # Errors
    /// When it is gone or not readable.
    pub fn open_file(&self, name: &[u8]) -> Result<File, Failure> {
        let name = single(name)?;
        let fixed = OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let open = |flags: OFlags| rustix::fs::openat(&self.handle, name, flags | fixed, Mode::empty());
        Ok(File::from(reading(OFlags::NONBLOCK, open)?))
    }

    /// The names in it, sorted, without `.` and `..`.
    ///
    /// # Errors
    /// When it cannot be listed to the end.
    pub fn list(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let open = |flags: OFlags| rustix::fs::openat(&self.handle, ".", flags | OFlags::CLOEXEC, Mode::empty());
        names_in(&reading(OFlags::DIRECTORY, open)?)
    }
}

/// A name that is looked up in one directory and nowhere else.
fn single(name: &[u8]) -> Result<&OsStr, Failure> {
    if name.contains(&b'/') || matches!(name, b"" | b"." | b"..") {
        return Err(Failure { errno: 0, text: "not the name of a directory's entry".into() });
    }
    Ok(OsStr::from_bytes(name))
}

/// Opens for reading, and leaves the access time alone where the system allows it.
fn reading(extra: OFlags, open: impl Fn(OFlags) -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Failure> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | extra;
    // O_NOATIME is for the owner and root only (open(2)); for others plain reading must do.
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        result => result,
    }
    .map_err(failure)
}

/// What an open file is, if it is a regular one. Files are opened with `O_NONBLOCK`: should one have become a FIFO
/// meanwhile, opening it must not wait for a writer.
///
/// # Errors
/// When it is no regular file, or the system will not tell.
pub fn look_at_file(file: &File) -> Result<Seen, Failure> {
    let seen = look_at(file)?;
    if seen.kind == Kind::File {
        Ok(seen)
    } else {
        Err(Failure { errno: 0, text: "not a regular file any more".into() })
    }
}

fn names_in(directory: &OwnedFd) -> Result<Vec<Vec<u8>>, Failure> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort();
    Ok(names)
}

/// What makes two names the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The file system.
    pub device: u64,
    /// The inode in it.
    pub inode: u64,
}

fn relative(path: &TargetPath) -> &Path {
    match &path.as_bytes()[1..] {
        [] => Path::new("."),
        bytes => Path::new(OsStr::from_bytes(bytes)),
    }
}

/// What an open file is now.
///
/// # Errors
/// When the system will not tell.
pub fn look_at(file: &File) -> Result<Seen, Failure> {
    rustix::fs::fstat(file).map(|stat| seen_from(&stat)).map_err(failure)
}

/// Reads on in an open file, as [`std::io::Read::read`] does, but straight from the system: the C library looks at every
/// read whether the thread is to be cancelled.
///
/// # Errors
/// When it cannot be read on.
pub fn read_on(file: &File, buffer: &mut [u8]) -> std::io::Result<usize> {
    Ok(rustix::io::read(file, buffer)?)
}

fn seen_from(stat: &Stat) -> Seen {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Link,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => Kind::Device,
    };
    Seen {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mtime: nanoseconds(i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
        ctime: nanoseconds(i128::from(stat.st_ctime), i128::from(stat.st_ctime_nsec)),
        content: None,
        target: None,
        listed: false,
    }
}

fn nanoseconds(seconds: i128, nanoseconds: i128) -> i64 {
    let total = seconds * 1_000_000_000 + nanoseconds;
    i64::try_from(total).unwrap_or(if total < 0 { i64::MIN } else { i64::MAX })
}

/// A path of this machine as bytes.
pub fn bytes_of(path: PathBuf) -> Vec<u8> {
    use std::os::unix::ffi::OsStringExt;
    path.into_os_string().into_vec()
}

/// The model's form of a system error.
pub fn failure(errno: Errno) -> Failure {
    Failure { errno: errno.raw_os_error(), text: std::io::Error::from(errno).to_string() }
}

/// The model's form of an error of the standard library.
pub fn io_failure(error: &std::io::Error) -> Failure {
    Failure { errno: error.raw_os_error().unwrap_or(0), text: error.to_string() }
}
