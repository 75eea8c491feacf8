//! Configuration files as they lie on a disk.

use super::sources::{SourceError, Sources};
use crate::io::files::{self, Is};
use std::path::{Path, PathBuf};

/// Files of this machine. Those of another one are below the directory that stands for its root.
#[derive(Debug, Clone)]
pub struct DiskSources {
    root: PathBuf,
}

impl DiskSources {
    /// Below a directory that stands for the target's root: `/` for this machine itself.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Sources for DiskSources {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        let place = self.place(path);
        files::read(&place).map_err(|error| {
            if error.missing { SourceError::Missing } else { SourceError::Unreadable(error.to_string()) }
        })
    }

    fn exists(&self, path: &str) -> bool {
        files::what_is(&self.place(path)) != Is::Missing
    }
}
