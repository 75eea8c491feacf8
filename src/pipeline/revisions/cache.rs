//! What revisions of the definition make, as digests, and the directory that keeps it from one run to the next.
//!
//! A file is named by the digest of all that decides what a revision makes: the tree of the definition with its lock, the
//! library that evaluates it, and what was asked. Where one of these cannot be told, nothing is kept.

use super::{Key, declared};
use crate::findings::MadeFile;
use crate::io::{files, output};
use crate::model::artifact::{Artifact, Content, Expected};
use crate::model::blocks::BlockDigests;
use crate::model::content::Algorithm;
use crate::model::hasher::digest_of;
use crate::model::manifest::Manifest;
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a revision makes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Rows", into = "Rows")]
pub(super) struct Made {
    pub(super) contents: BTreeMap<Key, MadeFile>,
    pub(super) names: BTreeSet<Key>,
    /// Whether it makes nothing else, as far as anybody can say.
    pub(super) complete: bool,
}

/// [`Made`] as it is cached: the digests of contents, never contents.
#[derive(Clone, Serialize, Deserialize)]
struct Rows {
    complete: bool,
    rows: Vec<(HostName, TargetPath, Option<MadeFile>)>,
}

impl Made {
    pub(super) fn new(made: &Manifest, complete: bool) -> Self {
        let content = |artifact: Artifact| {
            let digest = artifact.expected.digest().filter(|digest| digest.algorithm == Algorithm::Sha256)?;
            let blocks = match &artifact.expected {
                Expected::File(Content::Bytes(bytes)) if !artifact.secret => BlockDigests::of(&bytes.0),
                _ => BlockDigests::default(),
            };
            let size = artifact.expected.size();
            Some(((artifact.host, artifact.path), MadeFile { digest, size, blocks }))
        };
        Self { contents: made.artifacts.iter().filter_map(content).collect(), names: declared(made), complete }
    }
}

impl From<Rows> for Made {
    fn from(Rows { complete, rows }: Rows) -> Self {
        let mut made = Self { complete, ..Self::default() };
        for (host, path, file) in rows {
            let key = (host, path);
            made.names.insert(key.clone());
            made.contents.extend(file.map(|file| (key, file)));
        }
        made
    }
}

impl From<Made> for Rows {
    fn from(made: Made) -> Self {
        let Made { mut contents, names, complete } = made;
        let row = |key: Key| {
            let file = contents.remove(&key);
            (key.0, key.1, file)
        };
        Self { complete, rows: names.into_iter().map(row).collect() }
    }
}

/// Where what a revision makes is kept.
#[derive(Debug)]
pub(super) struct Kept {
    directory: PathBuf,
    file: PathBuf,
}

impl Kept {
    /// In a directory, by all that decides about it.
    pub(super) fn new(directory: &Path, key: &str) -> Self {
        let name = format!("{}.json", digest_of(Algorithm::Sha256, key.as_bytes()).hex());
        Self { directory: directory.to_owned(), file: directory.join(name) }
    }

    /// What was kept; `None` where there is nothing, or nothing that can be read.
    pub(super) fn read(&self) -> Option<Made> {
        serde_json::from_slice(&files::read(&self.file).ok()?).ok()
    }

    /// Keeps it. A cache that cannot be written costs time the next time, and nothing else.
    pub(super) fn write(&self, made: &Made) {
        let bytes = serde_json::to_vec(made).expect("names, paths and digests are JSON");
        if output::make_directory(&self.directory).is_ok() {
            drop(output::write_atomically(&self.file, &bytes));
        }
    }
}
