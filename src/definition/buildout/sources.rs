//! Where configuration text comes from. The resolver itself opens nothing.

use super::posix_path;
use std::collections::BTreeMap;

/// Where configuration files come from: the disk, a git revision, or what a batou definition renders.
///
/// Paths are absolute paths of the target; they may hold `..`, as buildout joins names without normalising them.
pub trait Sources {
    /// The bytes of a file.
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError>;

    /// Whether there is such a file.
    fn exists(&self, path: &str) -> bool;

    /// The bytes behind a URL, from wherever copies are kept. The resolver has already looked into the configured
    /// `extends-cache` (through [`Sources::read`], name: hexadecimal MD5 of the URL).
    ///
    /// # Errors
    /// When no copy is at hand; the default knows none.
    fn read_url(&self, url: &str) -> Result<Vec<u8>, SourceError> {
        Err(SourceError::Unavailable(format!("no copy of {url} is at hand")))
    }
}

/// Why a file was not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It is proved that there is none.
    #[error("no such file")]
    Missing,
    /// It is there, or may be, but could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// Nobody said that it is missing; it is just not at hand (a URL without a cached copy).
    #[error("{0}")]
    Unavailable(String),
}

/// Files held in memory: for tests, and for what a definition renders.
#[derive(Debug, Clone, Default)]
pub struct MemorySources {
    files: BTreeMap<String, Vec<u8>>,
    urls: BTreeMap<String, Vec<u8>>,
    withheld: BTreeMap<String, String>,
}

impl MemorySources {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more file.
    #[must_use]
    pub fn with(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(posix_path::normalise(path), content.into());
        self
    }

    /// With a file that is there, but what it holds is not known for a reason.
    #[must_use]
    pub fn withholding(mut self, path: &str, reason: impl Into<String>) -> Self {
        self.withheld.insert(posix_path::normalise(path), reason.into());
        self
    }

    /// With a copy of what is behind a URL.
    #[must_use]
    pub fn with_url(mut self, url: &str, content: impl Into<Vec<u8>>) -> Self {
        self.urls.insert(url.to_owned(), content.into());
        self
    }
}

impl Sources for MemorySources {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        let path = posix_path::normalise(path);
        let missing = || self.withheld.get(&path).cloned().map_or(SourceError::Missing, SourceError::Unreadable);
        self.files.get(&path).cloned().ok_or_else(missing)
    }

    fn exists(&self, path: &str) -> bool {
        let path = posix_path::normalise(path);
        self.files.contains_key(&path) || self.withheld.contains_key(&path)
    }

    fn read_url(&self, url: &str) -> Result<Vec<u8>, SourceError> {
        self.urls.get(url).cloned().ok_or_else(|| SourceError::Unavailable(format!("no copy of {url} is at hand")))
    }
}
