//! One path, several claims: the strongest source that knows something decides.

use crate::model::artifact::{Artifact, Content, Expected, MendId, Principal};
use crate::model::artifacts::Artifacts;
use crate::model::manifest::Manifest;
use crate::model::observation::{Scan, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use std::borrow::Cow;

/// What all sources together say about one path.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// The artifact that decides about kind and content.
    pub(super) artifact: Artifact,
    /// Declared permission bits.
    pub(super) mode: Option<u32>,
    /// Declared owner.
    pub(super) owner: Option<Principal>,
    /// Declared group.
    pub(super) group: Option<Principal>,
    /// How mode and owner are repaired: of the artifact that declares them.
    pub(super) metadata_mend: MendId,
    /// Whether any source calls it a secret.
    pub(super) secret: bool,
}

/// A path, what is claimed of it, and what was seen there.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) path: TargetPath,
    pub(super) claim: Option<Claim>,
    pub(super) sighting: Option<Cow<'a, Sighting>>,
}

/// The claims on one host, worked out as they are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claims<'a> {
    artifacts: &'a Artifacts,
    host: &'a HostName,
}

impl<'a> Claims<'a> {
    /// Those of a manifest.
    pub(super) fn new(manifest: &'a Manifest, host: &'a HostName) -> Self {
        Self { artifacts: &manifest.artifacts, host }
    }

    /// All of them, in path order.
    pub(super) fn iter(self) -> impl Iterator<Item = (TargetPath, Claim)> + use<'a> {
        self.artifacts.by_path(self.host).filter_map(|(path, same)| Some((path, merged(same)?)))
    }

    /// Every path that is claimed or was seen, in order. Both are sorted: they are walked side by side.
    pub(super) fn beside(self, scan: &'a Scan) -> impl Iterator<Item = Place<'a>> {
        let mut claims = self.iter().peekable();
        let mut seen = scan.observations.iter().peekable();
        std::iter::from_fn(move || {
            let (claimed, there) = match (claims.peek(), seen.peek()) {
                (Some((claimed, _)), Some((there, _))) => (claimed <= there, there <= claimed),
                (claimed, there) => (claimed.is_some(), there.is_some()),
            };
            let claim = if claimed { claims.next() } else { None };
            let sighting = if there { seen.next() } else { None };
            let path = claim.as_ref().map(|(path, _)| path).or(sighting.as_ref().map(|(path, _)| path))?.clone();
            Some(Place { path, claim: claim.map(|(_, claim)| claim), sighting: sighting.map(|(_, sighting)| sighting) })
        })
    }

    /// The one on a path.
    pub(super) fn get(self, path: &TargetPath) -> Option<Claim> {
        merged(self.artifacts.on(self.host, path))
    }

    /// Whether there is one on a path.
    pub(super) fn has(self, path: &TargetPath) -> bool {
        self.artifacts.claims(self.host, path)
    }

    /// The first path from this one on that is claimed.
    pub(super) fn next(self, from: &TargetPath) -> Option<TargetPath> {
        self.artifacts.next(self.host, from)
    }
}

/// What several sources say about the same path; `None` of none.
fn merged(artifacts: Vec<Artifact>) -> Option<Claim> {
    let mut artifacts = artifacts.into_iter();
    let first = artifacts.next()?;
    let mut claim = Claim {
        mode: first.mode,
        owner: first.owner.clone(),
        group: first.group.clone(),
        metadata_mend: first.mend,
        secret: first.secret,
        artifact: first,
    };
    for artifact in artifacts {
        if claim.mode.is_none() && artifact.mode.is_some() {
            claim.metadata_mend = artifact.mend;
        }
        claim.mode = claim.mode.or(artifact.mode);
        claim.owner = claim.owner.or_else(|| artifact.owner.clone());
        claim.group = claim.group.or_else(|| artifact.group.clone());
        claim.secret |= artifact.secret;
        let stronger =
            (!says_much(&artifact), artifact.authority) < (!says_much(&claim.artifact), claim.artifact.authority);
        if stronger {
            claim.artifact = artifact;
        }
    }
    Some(claim)
}

/// Whether an artifact says more than that something is there.
fn says_much(artifact: &Artifact) -> bool {
    match &artifact.expected {
        Expected::File(Content::Unknown(_)) | Expected::Present => false,
        Expected::Link { target } => target.known().is_some(),
        Expected::File(_) | Expected::Directory { .. } | Expected::Absent => true,
    }
}
