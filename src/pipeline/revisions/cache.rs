//! What revisions of the definition make, as digests, and the directory that keeps it from one run to the next.
//!
//! A file is named by the digest of all that decides what a revision makes: the tree of the definition with its lock, the
//! library that evaluates it, and what was asked. Where one of these cannot be told, nothing is kept.

use super::{Declared, Key};
use crate::expect::derive::python_environment::Pin;
use crate::findings::{MadeFile, MadeMetadata, MadeThing};
use crate::io::{files, output};
use crate::model::artifact::{Artifact, Content, Expected};
use crate::model::blocks::BlockDigests;
use crate::model::content::Algorithm;
use crate::model::hasher::digest_of;
use crate::model::manifest::Manifest;
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, UnitId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which form what is kept has, and by which rules it came about.
pub(super) const FORMAT: u32 = 4;

/// What a revision makes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Cached", into = "Cached")]
pub(super) struct Made {
    pub(super) things: BTreeMap<Key, MadeThing>,
    /// Where it declares any of them: modes, owners and groups.
    pub(super) metadata: BTreeMap<Key, MadeMetadata>,
    pub(super) names: Declared,
    /// Whether it makes nothing else than these, as far as anybody can say.
    pub(super) complete: bool,
    /// Units of which it is not known what they make.
    pub(super) opaque: BTreeSet<UnitId>,
    /// The directories of the definition that it copies.
    pub(super) sources: BTreeSet<String>,
    /// What is noted as this revision has it, by the place in [`Manifest::noted`]. Is not cached: it depends on what is live.
    pub(super) noted: BTreeSet<usize>,
}

/// [`Made`] as it is cached: the digests of contents, never contents.
#[derive(Clone, Serialize, Deserialize)]
struct Cached {
    complete: bool,
    rows: Vec<(HostName, TargetPath, Option<MadeThing>)>,
    pins: BTreeSet<Pin>,
    metadata: Vec<(HostName, TargetPath, MadeMetadata)>,
    opaque: BTreeSet<UnitId>,
    sources: BTreeSet<String>,
}

impl Made {
    pub(super) fn new(made: &Manifest, complete: bool) -> Self {
        let thing = |artifact: Artifact| {
            if let Expected::Link { target } = &artifact.expected {
                let target = target.known()?.clone();
                return Some(((artifact.host, artifact.path), MadeThing::Link(target)));
            }
            let digest = artifact.expected.digest().filter(|digest| digest.algorithm == Algorithm::Sha256)?;
            let blocks = match &artifact.expected {
                Expected::File(Content::Bytes(bytes)) if !artifact.secret => BlockDigests::of(&bytes.0),
                _ => BlockDigests::default(),
            };
            let size = artifact.expected.size();
            Some(((artifact.host, artifact.path), MadeThing::File(MadeFile { digest, size, blocks })))
        };
        let things = made.artifacts.iter().filter_map(thing).collect();
        let declared = |artifact: Artifact| {
            let Artifact { host, path, mode, owner, group, .. } = artifact;
            let metadata = MadeMetadata { mode, owner, group };
            (metadata != MadeMetadata::default()).then_some(((host, path), metadata))
        };
        let metadata = made.artifacts.iter().filter_map(declared).collect();
        let (names, opaque) = (Declared::by(made), opaque(made));
        Self { things, metadata, names, complete, opaque, ..Self::default() }
    }

    /// Takes the names that follow from what was seen: those of the eggs of a buildout. The contents that are derived are
    /// none that the definition makes.
    pub(super) fn see(&mut self, refined: &Manifest) {
        self.names.names = Declared::by(refined).names;
        self.opaque = opaque(refined);
    }
}

fn opaque(manifest: &Manifest) -> BTreeSet<UnitId> {
    manifest.opaque().map(|(unit, _)| unit.id.clone()).collect()
}

impl From<Cached> for Made {
    fn from(Cached { complete, rows, pins, metadata, opaque, sources }: Cached) -> Self {
        let metadata = metadata.into_iter().map(|(host, path, declared)| ((host, path), declared)).collect();
        let mut made = Self { metadata, complete, opaque, sources, ..Self::default() };
        made.names.pins = pins;
        for (host, path, thing) in rows {
            let key = (host, path);
            made.names.names.insert(key.clone());
            made.things.extend(thing.map(|thing| (key, thing)));
        }
        made
    }
}

impl From<Made> for Cached {
    fn from(made: Made) -> Self {
        let Made { mut things, metadata, names: Declared { names, pins, .. }, complete, opaque, sources, .. } = made;
        let metadata = metadata.into_iter().map(|((host, path), declared)| (host, path, declared)).collect();
        let row = |key: Key| {
            let thing = things.remove(&key);
            (key.0, key.1, thing)
        };
        Self { complete, rows: names.into_iter().map(row).collect(), pins, metadata, opaque, sources }
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
