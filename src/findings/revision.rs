//! An earlier state to hold against: what one revision of the definition makes, or what an earlier scan saw.

use crate::model::artifact::Principal;
use crate::model::blocks::BlockDigests;
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::observation::{Kind, Scan, Seen, Sighting, seen};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The contents of an earlier state.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its name for people: `revision` and a shortened commit id, or `the baseline of` and its time.
    pub name: String,
    held: Held,
    /// What is noted on the target as it has it, by the place in [`Manifest::noted`](crate::model::manifest::Manifest::noted).
    noted: BTreeSet<usize>,
}

#[derive(Debug, Clone)]
enum Held {
    /// What the definition determined.
    Made(BTreeMap<HostName, Made>),
    /// Everything that a scan of one host saw.
    Seen(Arc<Scan>),
}

/// What a revision of the definition makes on one host.
#[derive(Debug, Clone, Default)]
struct Made {
    /// The files whose content it determines.
    files: BTreeMap<TargetPath, MadeFile>,
    /// Where its links point to.
    targets: BTreeMap<TargetPath, Blob>,
    /// Where it declares any of them: mode, owner and group.
    metadata: BTreeMap<TargetPath, MadeMetadata>,
    /// What the definition makes now and this revision does not.
    lacking: BTreeSet<TargetPath>,
}

/// What a revision of the definition determines of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeThing {
    /// The content of a file.
    File(MadeFile),
    /// Where a link points to.
    Link(Blob),
}

/// What a revision of the definition declares of a path besides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MadeMetadata {
    /// Permission bits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<u32>,
    /// The owner.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<Principal>,
    /// The group.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<Principal>,
}

/// A file whose content a revision of the definition determines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFile {
    /// SHA-256 of the content.
    pub digest: Digest,
    /// Its size in bytes, where it is known.
    pub size: Option<u64>,
    /// The digests of its blocks; none where the content is a secret, or only known by its digest.
    #[serde(skip_serializing_if = "BlockDigests::is_empty", default)]
    pub blocks: BlockDigests,
}

impl Revision {
    /// What a revision of the definition makes, as far as it determines that; and the paths that the definition makes now
    /// and this revision certainly does not.
    pub fn made(
        name: String,
        things: impl IntoIterator<Item = ((HostName, TargetPath), MadeThing)>,
        lacking: impl IntoIterator<Item = (HostName, TargetPath)>,
    ) -> Self {
        let mut hosts: BTreeMap<HostName, Made> = BTreeMap::new();
        for ((host, path), thing) in things {
            let made = hosts.entry(host).or_default();
            match thing {
                MadeThing::File(file) => drop(made.files.insert(path, file)),
                MadeThing::Link(target) => drop(made.targets.insert(path, target)),
            }
        }
        for (host, path) in lacking {
            hosts.entry(host).or_default().lacking.insert(path);
        }
        Self { name, held: Held::Made(hosts), noted: BTreeSet::new() }
    }

    /// A revision of the definition with what it declares of modes and owners.
    #[must_use]
    pub fn declaring(mut self, metadata: impl IntoIterator<Item = ((HostName, TargetPath), MadeMetadata)>) -> Self {
        if let Held::Made(hosts) = &mut self.held {
            for ((host, path), declared) in metadata {
                hosts.entry(host).or_default().metadata.insert(path, declared);
            }
        }
        self
    }

    /// A revision of the definition with what is noted on the target as it has it.
    #[must_use]
    pub fn agreeing(mut self, noted: BTreeSet<usize>) -> Self {
        self.noted = noted;
        self
    }

    /// Whether it has what is noted, where the definition has something else now.
    pub fn agrees(&self, noted: usize) -> bool {
        self.noted.contains(&noted)
    }

    /// What it declares of the mode and owner of a path that it makes, where it is a revision of the definition.
    pub fn metadata(&self, host: &HostName, path: &TargetPath) -> Option<MadeMetadata> {
        let Held::Made(hosts) = &self.held else { return None };
        let made = hosts.get(host)?;
        let is_made = || made.files.contains_key(path) || made.targets.contains_key(path);
        made.metadata.get(path).cloned().or_else(|| is_made().then(MadeMetadata::default))
    }

    /// Whether it tells what a revision of the definition makes, and not what was seen.
    pub fn is_made(&self) -> bool {
        matches!(self.held, Held::Made(_))
    }

    /// What an earlier scan saw.
    pub fn seen(name: String, scan: Arc<Scan>) -> Self {
        Self { name, held: Held::Seen(scan), noted: BTreeSet::new() }
    }

    /// The SHA-256 of a file then.
    pub fn content(&self, host: &HostName, path: &TargetPath) -> Option<Digest> {
        match &self.held {
            Held::Made(hosts) => hosts.get(host)?.files.get(path).map(|file| file.digest.clone()),
            Held::Seen(_) => self.file(host, path)?.digest(Algorithm::Sha256).cloned(),
        }
    }

    /// What it makes of a file, where it is a revision of the definition.
    pub fn made_file(&self, host: &HostName, path: &TargetPath) -> Option<&MadeFile> {
        match &self.held {
            Held::Made(hosts) => hosts.get(host)?.files.get(path),
            Held::Seen(_) => None,
        }
    }

    /// Where a link pointed to then.
    pub fn target(&self, host: &HostName, path: &TargetPath) -> Option<Cow<'_, Blob>> {
        match &self.held {
            Held::Made(hosts) => hosts.get(host)?.targets.get(path).map(Cow::Borrowed),
            Held::Seen(scan) if scan.host == *host => scan.seen(path)?.target.clone().map(Cow::Owned),
            Held::Seen(_) => None,
        }
    }

    /// Modification time (nanoseconds since 1970 UTC) and size (bytes) of a file then, where it was a scan.
    pub fn stamp(&self, host: &HostName, path: &TargetPath) -> Option<(i64, u64)> {
        self.file(host, path).map(|seen| (seen.mtime, seen.size))
    }

    /// Whether a path certainly was not there then.
    pub fn lacks(&self, host: &HostName, path: &TargetPath) -> bool {
        match &self.held {
            // What it does not determine may have been made all the same.
            Held::Made(hosts) => hosts.get(host).is_some_and(|made| made.lacking.contains(path)),
            Held::Seen(scan) => scan.host == *host && *scan.sighting(path) == Sighting::Absent,
        }
    }

    /// All contents on one host.
    pub fn contents<'a>(&'a self, host: &HostName) -> Box<dyn Iterator<Item = (TargetPath, Digest)> + 'a> {
        match &self.held {
            Held::Made(hosts) => {
                let of_host = hosts.get(host).into_iter().flat_map(|made| &made.files);
                Box::new(of_host.map(|(path, file)| (path.clone(), file.digest.clone())))
            }
            Held::Seen(scan) if scan.host == *host => Box::new(
                scan.observations
                    .iter()
                    .filter_map(|(path, seen)| Some((path, file(seen)?.digest(Algorithm::Sha256)?.clone()))),
            ),
            Held::Seen(_) => Box::new(std::iter::empty()),
        }
    }

    /// The files from a path on, in path order, where it was a scan.
    pub fn files_from<'a>(&'a self, host: &HostName, path: &TargetPath) -> impl Iterator<Item = TargetPath> + use<'a> {
        let scan = match &self.held {
            Held::Seen(scan) if scan.host == *host => Some(scan),
            Held::Seen(_) | Held::Made(_) => None,
        };
        let from = path.clone();
        let files = scan.into_iter().flat_map(move |scan| scan.observations.range(&from));
        files.filter_map(|(path, seen)| file(seen).map(|_| path))
    }

    fn file(&self, host: &HostName, path: &TargetPath) -> Option<Cow<'_, Seen>> {
        match &self.held {
            Held::Seen(scan) if scan.host == *host => file(scan.observations.get(path)?),
            Held::Seen(_) | Held::Made(_) => None,
        }
    }
}

fn file(sighting: Cow<'_, Sighting>) -> Option<Cow<'_, Seen>> {
    seen(sighting).filter(|seen| seen.kind == Kind::File)
}
