//! Reading files of a definition: ordinary paths on this machine, bounded size, errors with the path.

use std::path::{Path, PathBuf};

/// The largest definition file that is read, in bytes. Configuration is never larger; a corrupted one may be.
pub const LIMIT: u64 = 64 << 20;

/// A file of the definition could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {reason}", path.display())]
pub struct ReadError {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// Whether it does not exist (rather than being unreadable).
    pub missing: bool,
}

impl ReadError {
    fn new(path: &Path, error: &std::io::Error) -> Self {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        Self { path: path.to_owned(), reason: error.to_string(), missing }
    }
}

/// The bytes of a regular file.
///
/// # Errors
/// When it is missing, unreadable, no regular file (a FIFO would block for ever) or larger than [`LIMIT`].
#[expect(clippy::disallowed_methods, reason = "reading files is what this module is for")]
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let about = regular(path)?;
    if about.len() > LIMIT {
        let reason = format!("{} bytes are more than a definition file can have", about.len());
        return Err(ReadError { path: path.to_owned(), reason, missing: false });
    }
    std::fs::read(path).map_err(|error| ReadError::new(path, &error))
}

/// A regular file, opened for reading.
///
/// # Errors
/// When it is missing, unreadable or no regular file (a FIFO would block for ever).
#[expect(clippy::disallowed_methods, reason = "reading files is what this module is for")]
pub fn open(path: &Path) -> Result<std::fs::File, ReadError> {
    regular(path)?;
    std::fs::File::open(path).map_err(|error| ReadError::new(path, &error))
}

#[expect(clippy::disallowed_methods, reason = "looking at files is what this module is for")]
fn regular(path: &Path) -> Result<std::fs::Metadata, ReadError> {
    let about = std::fs::metadata(path).map_err(|error| ReadError::new(path, &error))?;
    if about.is_file() {
        Ok(about)
    } else {
        Err(ReadError { path: path.to_owned(), reason: "not a regular file".into(), missing: false })
    }
}

/// The names in a directory, sorted.
///
/// # Errors
/// When it is missing or cannot be listed to the end.
#[expect(clippy::disallowed_methods, reason = "reading directories is what this module is for")]
pub fn list(directory: &Path) -> Result<Vec<std::ffi::OsString>, ReadError> {
    let entries = std::fs::read_dir(directory).map_err(|error| ReadError::new(directory, &error))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(|error| ReadError::new(directory, &error))?.file_name());
    }
    names.sort();
    Ok(names)
}

/// What a path is, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Something else.
    Other,
    /// Not there, or not to be reached.
    Missing,
}

/// What a path is, links followed.
#[expect(clippy::disallowed_methods, reason = "looking at files is what this module is for")]
pub fn what_is(path: &Path) -> Is {
    match std::fs::metadata(path) {
        Err(_) => Is::Missing,
        Ok(about) if about.is_file() => Is::File,
        Ok(about) if about.is_dir() => Is::Directory,
        Ok(_) => Is::Other,
    }
}

/// The path with links resolved, made absolute.
///
/// # Errors
/// When some part of it does not exist.
#[expect(clippy::disallowed_methods, reason = "looking at files is what this module is for")]
pub fn canonical(path: &Path) -> Result<PathBuf, ReadError> {
    std::fs::canonicalize(path).map_err(|error| ReadError::new(path, &error))
}

/// The working directory of this process.
///
/// # Errors
/// When it was removed or cannot be reached.
#[expect(clippy::disallowed_methods, reason = "the working directory is asked here only")]
pub fn working_directory() -> Result<PathBuf, ReadError> {
    std::env::current_dir().map_err(|error| ReadError::new(Path::new("."), &error))
}

/// An environment variable of this process, if it is set and text.
#[expect(clippy::disallowed_methods, reason = "the environment is asked here only")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
