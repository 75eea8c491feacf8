//! Configuration files as they lie on a disk.

use super::sources::{SourceError, Sources};
use crate::io::disk::LiveRoot;
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use std::io::Read as _;

/// How many links are followed, as the kernel does.
const MAX_LINKS: usize = 40;

/// The most bytes that a configuration file can have.
const LIMIT: u64 = 64 << 20;

/// What reading to the end needs beside the content, or it begins with many small pieces.
const ROOM: usize = 64;

/// Files of a tree: of this machine, or of another one whose root a directory stands for. No link leads out of it.
#[derive(Debug, Clone)]
pub struct DiskSources {
    root: LiveRoot,
    moved: Option<(TargetPath, LiveRoot, TargetPath)>,
}

impl DiskSources {
    /// Of a tree.
    #[must_use]
    pub fn new(root: LiveRoot) -> Self {
        Self { root, moved: None }
    }

    /// What is asked for below `directory` is read below `checkout` of another tree: the definition lies elsewhere
    /// than it is deployed.
    #[must_use]
    pub fn with_checkout(mut self, directory: TargetPath, tree: LiveRoot, checkout: TargetPath) -> Self {
        self.moved = Some((directory, tree, checkout));
        self
    }

    fn place(&self, path: &str) -> (&LiveRoot, TargetPath) {
        let path = TargetPath::new(path);
        let moved = self.moved.as_ref().and_then(|(from, tree, to)| {
            let below = path.relative_to(from)?;
            Some((tree, to.join(below)))
        });
        moved.unwrap_or((&self.root, path))
    }
}

impl Sources for DiskSources {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        let (root, place) = self.place(path);
        read(root, &place)?.ok_or(SourceError::Missing)
    }

    fn exists(&self, path: &str) -> bool {
        let (root, place) = self.place(path);
        !matches!(follow(root, &place), Ok(None))
    }
}

/// A file of a tree, links followed inside it; `None` when there is none.
pub(super) fn read(root: &LiveRoot, path: &TargetPath) -> Result<Option<Vec<u8>>, SourceError> {
    let failed = |text: String| SourceError::Unreadable(format!("`{path}` cannot be read: {text}"));
    // Nearly always it is no link, and opened at once.
    let mut file = if let Ok(file) = root.open_file(path) {
        file
    } else {
        let Some(place) = follow(root, path).map_err(failed)? else { return Ok(None) };
        root.open_file(&place).map_err(|failure| failed(failure.text))?
    };
    let size = file.metadata().map_or(0, |metadata| metadata.len()).min(LIMIT);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + ROOM);
    file.by_ref().take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > LIMIT {
        return Err(failed("it is larger than a configuration file can be".to_owned()));
    }
    Ok(Some(bytes))
}

/// Where a path leads to when its links are followed; `None` when there is nothing.
pub(super) fn follow(root: &LiveRoot, path: &TargetPath) -> Result<Option<TargetPath>, String> {
    let mut place = path.clone();
    for _ in 0..MAX_LINKS {
        let Some(seen) = root.look(&place).map_err(|failure| failure.text)? else { return Ok(None) };
        match seen.target {
            Some(target) if seen.kind == Kind::Link => {
                let parent = place.parent().unwrap_or_else(TargetPath::root);
                place = if target.0.starts_with(b"/") { TargetPath::new(target.0) } else { parent.join(&target.0) };
            }
            _ => return Ok(Some(place)),
        }
    }
    Err("too many links".to_owned())
}
