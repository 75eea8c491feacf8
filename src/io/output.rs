//! Writing what the user asked for: whole files or nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A result could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {source}", path.display())]
pub struct WriteError {
    /// Where to.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// Writes a file so that a reader sees the old or the new content, never a part: a temporary file beside it,
/// flushed to disk, renamed over it. Readable by its owner only, as plans and scans name what is weak.
///
/// # Errors
/// When the directory is missing or not writable, or the disk is full.
#[expect(clippy::disallowed_methods, reason = "this is the one place that writes")]
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    use std::os::unix::fs::OpenOptionsExt;
    let fail = |source| WriteError { path: path.to_owned(), source };
    let name = path.file_name().ok_or_else(|| fail(std::io::Error::other("this names no file")))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(hidden);
    let result = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    result.map_err(|source| {
        // Nothing half-written stays behind; if even this fails there is nothing more to do about it.
        let _ = std::fs::remove_file(&temporary);
        fail(source)
    })
}

/// Makes a directory with its parents.
///
/// # Errors
/// When a parent is no directory or not writable.
#[expect(clippy::disallowed_methods, reason = "this is the one place that writes")]
pub fn make_directory(path: &Path) -> Result<(), WriteError> {
    std::fs::create_dir_all(path).map_err(|source| WriteError { path: path.to_owned(), source })
}
