//! What the components of one root claim about paths, merged in the order of deployment.
//!
//! batou deploys several components onto one path (`Presence`, `Mode`, `Content`, `Owner`); a later one wins where it
//! says something. One path of one root becomes one [`Artifact`].

use crate::model::{
    artifact::{Aborts, Artifact, Authority, Content, Durability, Expected, Force, Mend, Principal, Vigilance},
    code::Code,
    content::Algorithm,
    hasher::digest_of,
    manifest::Manifest,
    origin::Origin,
    path::TargetPath,
    plan::Hazard,
    secrecy::redacted,
    unit::{HostName, UnitId},
};
use std::collections::BTreeMap;

/// What is claimed about one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The unit that makes it.
    pub unit: UnitId,
    /// Where it is declared.
    pub origin: Option<Origin>,
    /// What should be there.
    pub expected: Expected,
    /// Declared permission bits.
    pub mode: Option<u32>,
    /// Declared owner.
    pub owner: Option<Principal>,
    /// Declared group.
    pub group: Option<Principal>,
    /// Who says so.
    pub authority: Authority,
    /// Whether it can be made anew.
    pub durability: Durability,
    /// How it is made anew; [`Mend::metadata`] is decided when the claim becomes an artifact.
    pub mend: Mend,
    /// Whether its content must never be shown.
    pub secret: bool,
}

impl Claim {
    /// Something that an ordinary redeploy compares completely and that can be removed to have it made anew.
    pub fn new(unit: UnitId, origin: Option<Origin>, expected: Expected) -> Self {
        Self {
            unit,
            origin,
            expected,
            mode: None,
            owner: None,
            group: None,
            authority: Authority::Definition,
            durability: Durability::Reproducible,
            mend: compared(),
            secret: false,
        }
    }

    /// The same with what an ordinary redeploy notices.
    #[must_use]
    pub fn noticed(mut self, vigilance: Vigilance) -> Self {
        self.mend.vigilance = vigilance;
        self
    }

    /// The same with the damage that makes the deployer abort.
    #[must_use]
    pub fn aborting(mut self, aborts: Aborts) -> Self {
        self.mend.aborts = aborts;
        self
    }

    /// The same with another way to force the deployer.
    #[must_use]
    pub fn forced_by(mut self, force: impl IntoIterator<Item = Force>) -> Self {
        self.mend.force = force.into_iter().collect();
        self
    }

    /// The same with paths that are removed and made anew besides.
    #[must_use]
    pub fn replacing(mut self, paths: impl IntoIterator<Item = TargetPath>) -> Self {
        self.mend.replaces = paths.into_iter().collect();
        self
    }

    /// A directory that is made when it is gone. What is in its place must be cleared away first: a link passes for the
    /// directory, and where files are synchronised into it a file makes rsync fail. Forcing never removes a directory.
    #[must_use]
    pub fn made_when_absent(self) -> Self {
        self.noticed(Vigilance::Absence).aborting(Aborts::OnWrongKind).forced_by([])
    }

    /// The same with a hazard.
    #[must_use]
    pub fn with_hazard(mut self, code: Code, text: impl Into<String>) -> Self {
        self.add_hazard(code, text);
        self
    }

    /// Notes a hazard once.
    pub fn add_hazard(&mut self, code: Code, text: impl Into<String>) {
        let hazard = Hazard::new(code, text);
        if !self.mend.hazards.contains(&hazard) {
            self.mend.hazards.push(hazard);
        }
    }

    /// As an artifact of a manifest.
    pub fn into_artifact(mut self, host: HostName, path: TargetPath, manifest: &mut Manifest) -> Artifact {
        let declared = self.mode.is_some() || self.owner.is_some() || self.group.is_some();
        if declared && self.authority == Authority::Definition {
            self.mend.metadata = Vigilance::Content;
        }
        self.withhold_secrets(&path);
        Artifact {
            host,
            path,
            unit: self.unit,
            expected: self.expected,
            mode: self.mode,
            owner: self.owner,
            group: self.group,
            authority: self.authority,
            durability: self.durability,
            mend: manifest.add_mend(self.mend),
            secret: self.secret,
            origin: self.origin,
        }
    }
}

impl Claim {
    /// Of a secret only the digest is kept. A configuration with a password in it is one, too, whether it was declared so or
    /// not.
    fn withhold_secrets(&mut self, path: &TargetPath) {
        let Expected::File(Content::Bytes(bytes)) = &self.expected else { return };
        self.secret |= path.name().ends_with(b".cfg") && redacted(&bytes.0) != bytes.0;
        if self.secret {
            let (digest, size) = (digest_of(Algorithm::Sha256, &bytes.0), Some(bytes.0.len() as u64));
            self.expected = Expected::File(Content::Digest { digest, size });
        }
    }
}

/// A mend of what is compared completely.
fn compared() -> Mend {
    Mend { force: vec![Force::RemoveSelf], ..Mend::new(Vigilance::Content, Vigilance::Nothing) }
}

/// The claims of one root, by path.
#[derive(Debug, Default)]
pub struct Claims(BTreeMap<TargetPath, Claim>);

impl Claims {
    /// Claims what is at a path. Mode, owner and group that were declared for it before stay.
    pub fn put(&mut self, path: TargetPath, mut claim: Claim) {
        if let Some(earlier) = self.0.remove(&path) {
            claim.mode = claim.mode.or(earlier.mode);
            claim.owner = claim.owner.or(earlier.owner);
            claim.group = claim.group.or(earlier.group);
            claim.secret |= earlier.secret;
        }
        self.0.insert(path, claim);
    }

    /// What is claimed about a path so far.
    pub fn get_mut(&mut self, path: &TargetPath) -> Option<&mut Claim> {
        self.0.get_mut(path)
    }

    /// What is claimed about a path, or `otherwise`.
    pub fn entry(&mut self, path: TargetPath, otherwise: impl FnOnce() -> Claim) -> &mut Claim {
        self.0.entry(path).or_insert_with(otherwise)
    }

    /// Every path with its claim, so far.
    pub fn iter(&self) -> impl Iterator<Item = (&TargetPath, &Claim)> {
        self.0.iter()
    }

    /// Every path with its claim.
    pub fn into_entries(self) -> impl Iterator<Item = (TargetPath, Claim)> {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::artifact::Ownership;

    fn claim() -> Claim {
        Claim::new("h/r".into(), None, Expected::Directory { ownership: Ownership::Shared })
    }

    #[test]
    fn a_later_claim_wins_but_keeps_the_mode_declared_before() {
        let mut claims = Claims::default();
        claims.put(TargetPath::new("/x"), Claim { mode: Some(0o640), ..claim() });
        claims.put(TargetPath::new("/x"), Claim { expected: Expected::Present, ..claim() });
        let (_, merged) = claims.into_entries().next().expect("there is one claim");
        assert_eq!((merged.expected, merged.mode), (Expected::Present, Some(0o640)));
    }
}
