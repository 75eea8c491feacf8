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
/// What is there and is no plain file (a device, a pipe, a link) is written through and never replaced: renaming over
/// `/dev/null` would leave a machine without it.
///
/// # Errors
/// When the directory is missing or not writable, or the disk is full.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    write_piecewise(path, |out| out.write_all(content))
}

/// [`write_atomically`] what is made while it is written.
///
/// # Errors
/// As there, and when `write` fails.
#[expect(clippy::disallowed_methods, reason = "this is the one place that writes")]
pub fn write_piecewise(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), WriteError> {
    use std::os::unix::fs::OpenOptionsExt;
    let fail = |source| WriteError { path: path.to_owned(), source };
    let write = |file: &std::fs::File| {
        let mut out = std::io::BufWriter::with_capacity(1 << 18, file);
        write(&mut out).and_then(|()| out.flush())
    };
    if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let file = std::fs::OpenOptions::new().write(true).truncate(true).open(path);
        return file.and_then(|file| write(&file)).map_err(fail);
    }
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
        .and_then(|file| write(&file).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    result.map_err(|source| {
        // Nothing half-written stays behind; if even this fails there is nothing more to do about it.
        let _ = std::fs::remove_file(&temporary);
        fail(source)
    })
}

/// A file that lines are added to while work goes on. Readable by its owner only.
#[derive(Debug)]
pub struct Appender {
    file: std::io::BufWriter<std::fs::File>,
    path: PathBuf,
    failed: bool,
}

impl Appender {
    /// Opens a file, which need not be there yet.
    ///
    /// # Errors
    /// When it cannot be made or written to.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that writes")]
    pub fn open(path: &Path) -> Result<Self, WriteError> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let file = file.map_err(|source| WriteError { path: path.to_owned(), source })?;
        Ok(Self { file: std::io::BufWriter::new(file), path: path.to_owned(), failed: false })
    }

    /// Cuts the file to a length in bytes.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn cut(&mut self, length: u64) -> Result<(), WriteError> {
        let cut = self.file.get_ref().set_len(length);
        cut.map_err(|source| WriteError { path: self.path.clone(), source })
    }

    /// Adds bytes. After the first failure (a full disk) nothing more is added, so that no line is cut in the middle of
    /// others.
    pub fn append(&mut self, bytes: &[u8]) {
        self.failed = self.failed || self.file.write_all(bytes).is_err();
    }
}

/// Makes a directory with its parents.
///
/// # Errors
/// When a parent is no directory or not writable.
#[expect(clippy::disallowed_methods, reason = "this is the one place that writes")]
pub fn make_directory(path: &Path) -> Result<(), WriteError> {
    std::fs::create_dir_all(path).map_err(|source| WriteError { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test looks at what was written")]
    fn what_is_no_plain_file_is_written_through_and_never_replaced() {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let link = directory.path().join("link");
        let target = directory.path().join("target");
        std::fs::write(&target, "something longer").expect("it is writable");
        std::os::unix::fs::symlink(&target, &link).expect("a link can be made");
        write_atomically(&link, b"new").expect("it is writable");
        assert!(std::fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert_eq!(std::fs::read(&target).expect("it is there"), b"new");
        let full = directory.path().join("full");
        std::os::unix::fs::symlink("/dev/full", &full).expect("a link can be made");
        let error = write_atomically(&full, b"new").expect_err("it is always full");
        assert_eq!(error.source.raw_os_error(), Some(28), "{error}");
        assert_eq!(std::fs::read_dir(directory.path()).expect("it is a directory").count(), 3);
    }
}
