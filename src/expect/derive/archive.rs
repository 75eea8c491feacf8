//! Rule `archive`: the members of an archive that batou extracted, from the archive on the target.
//!
//! The archive vouches for its members only while its own digest is the declared one; otherwise they are unverifiable.
//! (batou then repairs them all the same: a new archive is younger than its members, so everything is extracted again.)

use super::Rule;
use crate::{
    expect::{claims::Claim, umask},
    model::{
        artifact::{Aborts, Artifact, Authority, Content, Expected, Force, Ownership, Vigilance},
        content::{Algorithm, Digest},
        eval::{Eval, Why, WhyKind},
        hasher::digest_of,
        manifest::{Derivation, Manifest},
        observation::{Kind, Member, Scan, Seen},
        origin::Origin,
        path::TargetPath,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the rule.
pub const RULE: &str = "archive";

/// Input of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The archive file.
    pub archive: TargetPath,
    /// The directory below which it is extracted.
    pub target: TargetPath,
    /// How many leading components of members' names are dropped.
    pub strip: usize,
    /// What it is.
    pub format: Format,
    /// Where the extraction is declared.
    pub origin: Option<Origin>,
}

/// Formats of archives, as far as batou treats them differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// By `tar xf`: modes are subject to the umask.
    Tar,
    /// By `unzip -o`: modes are the archive's.
    Zip,
}

/// The rule.
#[derive(Debug)]
pub struct ArchiveRule;

impl Rule for ArchiveRule {
    fn name(&self) -> &'static str {
        RULE
    }

    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) {
        let Some(input) = super::input(derivation, manifest) else { return };
        if let Err(why) = members(&input, derivation, scan, manifest) {
            super::unknown(manifest, &derivation.unit, why);
        }
    }
}

/// Claims every member, or tells why none can be.
fn members(input: &Input, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) -> Result<(), Why> {
    vouched(input, derivation, scan, manifest)?;
    let Some(archive) = scan.archives.get(&input.archive) else {
        return Err(Why::new(WhyKind::Unreadable, format!("the scan did not read the members of {}", input.archive)));
    };
    let members = placed(input, &archive.members);
    let umask = match input.format {
        Format::Tar => umask::infer(&modes(&members, scan)),
        Format::Zip => Some(0),
    };
    let listed = members.iter().find(|(path, member)| member.kind == Kind::File && !is_unlisted(path));
    let listed = listed.map(|(path, _)| path.clone());
    for (path, member) in members {
        let mut claim = Claim::new(derivation.unit.clone(), input.origin.clone(), expected(member));
        claim.authority = Authority::Vendor;
        claim.mode =
            umask.filter(|_| member.kind == Kind::File && member.mode != 0).map(|mask| member.mode & 0o777 & !mask);
        let claim = noticed(claim, member, &path, listed.as_ref());
        let artifact = claim.into_artifact(derivation.host.clone(), path, manifest);
        manifest.artifacts.push(artifact);
    }
    match &archive.broken {
        Some(problem) => {
            Err(Why::new(WhyKind::Unreadable, format!("{} cannot be read to its end: {problem}", input.archive)))
        }
        None => Ok(()),
    }
}

/// What batou notices about a member, and what forces it: one missing member has all extracted again.
fn noticed(claim: Claim, member: &Member, path: &TargetPath, listed: Option<&TargetPath>) -> Claim {
    match member.kind {
        Kind::Directory => claim.noticed(Vigilance::Absence).aborting(Aborts::OnWrongKind).forced_by([]),
        _ if is_unlisted(path) => {
            let force = [Force::RemoveSelf].into_iter().chain(listed.cloned().map(Force::Remove));
            claim.noticed(Vigilance::Nothing).forced_by(force)
        }
        // A directory in the place of a file passes for sound.
        _ => claim.noticed(Vigilance::Absence).aborting(Aborts::OnWrongKind),
    }
}

/// Whether batou leaves a member out when it looks at what is there (`Untar.exclude`), though tar extracts it.
fn is_unlisted(path: &TargetPath) -> bool {
    path.name().starts_with(b"._")
}

fn expected(member: &Member) -> Expected {
    match member.kind {
        Kind::File => Expected::File(match &member.digest {
            Some(digest) => Content::Digest { digest: digest.clone(), size: member.size },
            None => Content::Unknown(Why::new(WhyKind::Unreadable, "the member could not be read from its archive")),
        }),
        Kind::Directory => Expected::Directory { ownership: Ownership::Shared },
        Kind::Link => match &member.target {
            Some(target) => Expected::Link { target: Eval::Known(target.clone()) },
            None => Expected::Link { target: Eval::Unknown(Why::new(WhyKind::Unreadable, "the target is not told")) },
        },
        Kind::Fifo | Kind::Socket | Kind::Device => Expected::Present,
    }
}

/// Members by the path they are extracted to; of several with one name the last one counts.
fn placed<'a>(input: &Input, members: &'a [Member]) -> BTreeMap<TargetPath, &'a Member> {
    let place = |member: &'a Member| {
        let parts: Vec<&[u8]> =
            member.path.0.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
        let rest = parts.get(input.strip..).filter(|rest| !rest.is_empty() && !rest.contains(&&b".."[..]))?;
        Some((input.target.join(rest.join(&b'/')), member))
    };
    members.iter().filter_map(place).collect()
}

/// Pairs of (bits in the archive, bits seen) of the files that are there.
fn modes(members: &BTreeMap<TargetPath, &Member>, scan: &Scan) -> Vec<(u32, u32)> {
    let files = members.iter().filter(|(_, member)| member.kind == Kind::File && member.mode != 0);
    files.filter_map(|(path, member)| Some((member.mode & 0o777, scan.seen(path)?.mode))).collect()
}

/// Whether the archive on the target is the one that was declared.
fn vouched(input: &Input, derivation: &Derivation, scan: &Scan, manifest: &Manifest) -> Result<(), Why> {
    let archive = &input.archive;
    let no_reference = |text: String| Err(Why::new(WhyKind::NoReference, text));
    let declared = manifest.artifacts.on(&derivation.host, archive);
    let Some(digest) = declared.iter().find_map(declared_digest) else {
        return no_reference(format!("no checksum is declared for {archive}, so it cannot vouch for its members"));
    };
    let Some(seen) = scan.seen(archive) else {
        return no_reference(format!("{archive} is not there to vouch for what was extracted from it"));
    };
    match seen.digest(digest.algorithm) {
        Some(found) if *found == digest => Ok(()),
        Some(_) => no_reference(format!("{archive} is not the declared one, so it cannot vouch for its members")),
        None => Err(Why::new(WhyKind::Unreadable, unread(archive, &seen))),
    }
}

fn unread(archive: &TargetPath, seen: &Seen) -> String {
    format!("{archive} (a {}) could not be compared with its declared checksum", seen.kind.word())
}

/// The digest that the definition declares for an artifact.
fn declared_digest(artifact: &Artifact) -> Option<Digest> {
    match &artifact.expected {
        Expected::File(Content::Digest { digest, .. }) => Some(digest.clone()),
        Expected::File(Content::Bytes(bytes)) => Some(digest_of(Algorithm::Sha256, &bytes.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
