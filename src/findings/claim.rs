//! One path, several claims: the strongest source that knows something decides.

use crate::model::artifact::{Artifact, Content, Expected, MendId, Principal};
use crate::model::manifest::Manifest;
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use std::collections::BTreeMap;

/// What all sources together say about one path.
#[derive(Debug, Clone)]
pub(super) struct Claim<'a> {
    /// The artifact that decides about kind and content.
    pub(super) artifact: &'a Artifact,
    /// Declared permission bits.
    pub(super) mode: Option<u32>,
    /// Declared owner.
    pub(super) owner: Option<&'a Principal>,
    /// Declared group.
    pub(super) group: Option<&'a Principal>,
    /// How mode and owner are repaired: of the artifact that declares them.
    pub(super) metadata_mend: MendId,
    /// Whether any source calls it a secret.
    pub(super) secret: bool,
}

/// The claims on one host, by path.
pub(super) fn claims<'a>(manifest: &'a Manifest, host: &HostName) -> BTreeMap<&'a TargetPath, Claim<'a>> {
    let mut artifacts: Vec<&Artifact> = manifest.artifacts.iter().filter(|artifact| artifact.host == *host).collect();
    // They are sorted already: this costs one look at each, and a map of what is sorted hardly more.
    artifacts.sort_by(|a, b| a.path.cmp(&b.path));
    artifacts.chunk_by(|a, b| a.path == b.path).filter_map(|same| Some((&same.first()?.path, merged(same)?))).collect()
}

/// What several sources say about the same path; `None` of none.
fn merged<'a>(artifacts: &[&'a Artifact]) -> Option<Claim<'a>> {
    let first = artifacts.first()?;
    let mut claim =
        Claim { artifact: first, mode: None, owner: None, group: None, metadata_mend: first.mend, secret: false };
    for &artifact in artifacts {
        let stronger =
            (!says_much(artifact), artifact.authority) < (!says_much(claim.artifact), claim.artifact.authority);
        if stronger {
            claim.artifact = artifact;
        }
        if claim.mode.is_none() && artifact.mode.is_some() {
            claim.metadata_mend = artifact.mend;
        }
        claim.mode = claim.mode.or(artifact.mode);
        claim.owner = claim.owner.or(artifact.owner.as_ref());
        claim.group = claim.group.or(artifact.group.as_ref());
        claim.secret |= artifact.secret;
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
