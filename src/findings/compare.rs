//! One claim against what was seen there.

use super::claim::Claim;
use super::damage::Diagnosis;
use super::known::Known;
use super::{Case, Judged, MadeMetadata, Revision, backup, damage};
use crate::model::artifact::{Artifact, Authority, Content, Durability, Expected, Principal};
use crate::model::content::{Algorithm, Blob};
use crate::model::eval::{Why, WhyKind};
use crate::model::finding::{Certainty, Class, Damage, Finding};
use crate::model::hasher::digest_of;
use crate::model::manifest::{Broken, Proof};
use crate::model::observation::{Failure, Kind, Scan, Seen, SeenContent, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, UnitId};
use crate::model::unverified::Unverified;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What the comparison of kind and content gives.
enum Verdict {
    Right,
    Wrong(Diagnosis),
    Unknown(Why, bool),
}

/// Compares kind, content, mode, owner and group of what was seen with what is claimed.
pub(super) fn compare(
    case: Case<'_>,
    scan: &Scan,
    (claim, sighting): (&Claim, &Sighting),
    known: &Known<'_>,
) -> Judged {
    if claim.artifact.durability == Durability::Derived && says_nothing(&claim.artifact.expected) {
        // Byte code and the like: made anew from what is checked.
        return Judged::Ignored;
    }
    let content = match sighting {
        Sighting::Unseen(failure) => unseen(failure),
        Sighting::Absent => absent(case, claim, known),
        Sighting::Present(seen) => present(case, scan, claim, seen, known),
    };
    let mut found = Vec::new();
    let seen = if let Sighting::Present(seen) = sighting { Some(&**seen) } else { None };
    let mut unknown = None;
    match content {
        Verdict::Right => {}
        Verdict::Wrong(diagnosis) => found.push(finding(claim, seen, diagnosis)),
        Verdict::Unknown(why, unseen) => unknown = Some((why, unseen)),
    }
    let misplaced = found.iter().any(|finding| matches!(finding.damage, Damage::WrongKind));
    if let (Some(seen), false) = (seen, misplaced) {
        found.extend(metadata((case, scan), claim, seen, known));
        found.extend(undeclared_mode(case, claim, seen));
    }
    match (found.is_empty(), unknown) {
        (false, _) => Judged::Wrong(found),
        (true, None) => Judged::Intact,
        (true, Some((why, unseen))) => {
            let artifact = &claim.artifact;
            let (host, unit, path) = (artifact.host.clone(), artifact.unit.clone(), Some(artifact.path.clone()));
            Judged::Unverified(Unverified { host, unit, path, why, unseen })
        }
    }
}

fn says_nothing(expected: &Expected) -> bool {
    matches!(expected, Expected::File(Content::Unknown(_)))
}

fn unseen(failure: &Failure) -> Verdict {
    if failure.is_damage() {
        return Verdict::Wrong(damage::unreadable(failure));
    }
    Verdict::Unknown(Why::new(WhyKind::Unreadable, failure.text.clone()), true)
}

fn absent(case: Case<'_>, claim: &Claim, known: &Known<'_>) -> Verdict {
    match &claim.artifact.expected {
        Expected::Absent => Verdict::Right,
        // What nobody knows anything about may also have been removed in ordinary operation.
        Expected::File(Content::Unknown(_)) if claim.artifact.durability == Durability::Ephemeral => Verdict::Right,
        _ => {
            let points = case.points.of(&claim.artifact.host, &claim.artifact.path);
            let mut evidence = vec!["its directory was listed and the name is not there".to_owned()];
            let mut advance = None;
            if let Some((index, name)) = points.is_empty().then(|| not_made_before(case, claim)).flatten() {
                advance = known.advanced(index, &claim.artifact.unit);
                let Some(newer) = &advance else {
                    evidence.push(format!("{name} does not make it, and nothing of this unit is of a later one"));
                    return Verdict::Wrong(Diagnosis::new(Damage::Missing, Class::Change, Certainty::Likely, evidence));
                };
                evidence.push(newer.lost());
            }
            if let Some(newest) = points.last() {
                evidence.push(format!("the backup {} has it", newest.snapshot));
            }
            evidence.extend(old_listing(case, claim));
            let certainty = match claim.artifact.authority {
                _ if advance.is_some_and(|advance| !advance.is_likely()) => Certainty::Guess,
                // It does not know of whoever removed it since; its directory's time speaks against that.
                Authority::Baseline => Certainty::Likely,
                Authority::Definition
                | Authority::Vendor
                | Authority::Backup
                | Authority::Peers
                | Authority::Record
                | Authority::Intrinsic => Certainty::Proved,
            };
            Verdict::Wrong(Diagnosis::damage(Damage::Missing, certainty, evidence))
        }
    }
}

/// The last revision of the definition before this one and its place in the list, where it does not make a path. What earlier
/// ones did not make either was probably deployed since.
fn not_made_before<'a>(case: Case<'a>, claim: &Claim) -> Option<(usize, &'a str)> {
    let Artifact { host, path, authority, .. } = &claim.artifact;
    let was_there =
        || case.revisions.iter().any(|revision| !revision.is_made() && revision.content(host, path).is_some());
    let (index, revision) = case.revisions.iter().enumerate().find(|(_, revision)| revision.is_made())?;
    // What is derived for a directory that it did not make (the members of an archive, say) is none of its names.
    let is_lacking = (*authority == Authority::Definition && revision.lacks(host, path))
        || path.ancestors().skip(1).any(|directory| revision.lacks(host, &directory));
    (is_lacking && !was_there()).then_some((index, &revision.name))
}

/// A name that an earlier scan did not see either, though it saw others of the same directory: the directory is as it was.
fn old_listing(case: Case<'_>, claim: &Claim) -> Option<String> {
    let (host, path) = (&claim.artifact.host, &claim.artifact.path);
    let directory = path.parent()?;
    let lacks_only_this = |revision: &&Revision| {
        let next = revision.files_from(host, &directory).next();
        revision.lacks(host, path) && next.is_some_and(|next| next.is_below(&directory))
    };
    let revision = case.revisions.iter().find(lacks_only_this)?;
    Some(format!(
        "{} does not have it either, but others of this directory: the directory may be as it was then",
        revision.name
    ))
}

fn present(case: Case<'_>, scan: &Scan, claim: &Claim, seen: &Seen, known: &Known<'_>) -> Verdict {
    let wanted = match &claim.artifact.expected {
        Expected::Absent => {
            let evidence = vec!["the deployment removes it".to_owned()];
            let drift = Diagnosis::new(Damage::Extraneous, Class::Drift, Certainty::Proved, evidence);
            return Verdict::Wrong(or_not_deployed(case, claim, seen, known, drift));
        }
        Expected::Present => return Verdict::Right,
        Expected::File(_) => Kind::File,
        Expected::Directory { .. } => Kind::Directory,
        Expected::Link { .. } => Kind::Link,
    };
    if seen.kind != wanted {
        return Verdict::Wrong(or_not_deployed(case, claim, seen, known, damage::wrong_kind(wanted, seen)));
    }
    match &claim.artifact.expected {
        Expected::File(content) => file(case, scan, claim, (content, seen), known),
        Expected::Link { target } => match target.known() {
            None => backup::judge_claim(case, scan, claim, seen, target.why()).into(),
            Some(target) if seen.target.as_ref() == Some(target) => Verdict::Right,
            Some(target) => Verdict::Wrong(other_target(case, claim, (target, seen.target.as_ref()), known)),
        },
        Expected::Directory { .. } | Expected::Absent | Expected::Present => Verdict::Right,
    }
}

/// What is there instead of another kind of thing, or of nothing: where an earlier revision made it, that is not deployed yet.
fn or_not_deployed(case: Case<'_>, claim: &Claim, seen: &Seen, known: &Known<'_>, mut found: Diagnosis) -> Diagnosis {
    let Artifact { host, path, unit, authority, .. } = &claim.artifact;
    if let Some(name) =
        made_before(case, (host, path, unit), seen, known).filter(|_| *authority == Authority::Definition)
    {
        found.evidence.push(format!("so {name} made it"));
        (found.class, found.certainty) = (Class::Change, Certainty::Likely);
    }
    found
}

/// The earlier revision that made the file or the link that is there, unless its unit likely was deployed after it.
fn made_before<'a>(
    case: Case<'a>,
    (host, path, unit): (&HostName, &TargetPath, &UnitId),
    seen: &Seen,
    known: &Known<'_>,
) -> Option<&'a str> {
    let live = seen.digest(Algorithm::Sha256);
    let made_it = |revision: &Revision| match seen.kind {
        Kind::Link => seen.target.is_some() && revision.target(host, path).as_deref() == seen.target.as_ref(),
        Kind::File => live.is_some() && revision.content(host, path).as_ref() == live,
        Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device => false,
    };
    let mut revisions = case.revisions.iter().enumerate().filter(|(_, revision)| revision.is_made());
    let (index, revision) = revisions.find(|(_, revision)| made_it(revision))?;
    let is_deployed = known.advanced(index, unit).is_some_and(|advance| advance.is_likely());
    (!is_deployed).then_some(&revision.name)
}

/// A link that points elsewhere: where an earlier revision has it, that may not be deployed yet.
fn other_target(case: Case<'_>, claim: &Claim, (wanted, live): (&Blob, Option<&Blob>), known: &Known<'_>) -> Diagnosis {
    let mut diagnosis = damage::wrong_target(wanted, live);
    let Artifact { host, path, unit, authority, .. } = &claim.artifact;
    let points_so = |revision: &Revision| live.is_some() && revision.target(host, path).as_deref() == live;
    let Some((index, revision)) = case.revisions.iter().enumerate().find(|(_, revision)| points_so(revision)) else {
        return diagnosis;
    };
    diagnosis.evidence.push(format!("so it did in {}", revision.name));
    match known.advanced(index, unit) {
        Some(newer) => diagnosis.evidence.push(newer.lost()),
        None if *authority == Authority::Definition && revision.is_made() => {
            (diagnosis.class, diagnosis.certainty) = (Class::Change, Certainty::Likely);
        }
        None => {}
    }
    diagnosis
}

fn file(case: Case<'_>, scan: &Scan, claim: &Claim, (content, seen): (&Content, &Seen), known: &Known<'_>) -> Verdict {
    match &seen.content {
        Some(SeenContent::Failed(failure)) => return unseen(failure),
        Some(SeenContent::Read { .. }) => {}
        None => return Verdict::Unknown(Why::new(WhyKind::Unreadable, "its content was not read"), true),
    }
    let right = match content {
        Content::Bytes(bytes) => seen.digest(Algorithm::Sha256) == Some(&digest_of(Algorithm::Sha256, &bytes.0)),
        Content::Unordered { bytes, from, to } => {
            seen.digest(Algorithm::Sha256) == Some(&digest_of(Algorithm::Sha256, &bytes.0))
                || live_bytes(seen).is_some_and(|live| equal_but_for_order(&bytes.0, &live.0, *from, *to))
        }
        Content::Digest { digest, .. } => {
            let Some(live) = seen.digest(digest.algorithm) else {
                let text = format!("the scan has no {} digest of it", digest.algorithm.name());
                return Verdict::Unknown(Why::new(WhyKind::Unreadable, text), true);
            };
            live == digest
        }
        Content::Unknown(why) => return backup::judge_claim(case, scan, claim, seen, Some(why)).into(),
    };
    if right { Verdict::Right } else { Verdict::Wrong(damage::diagnose(case, claim, seen, known)) }
}

fn live_bytes(seen: &Seen) -> Option<Cow<'_, Blob>> {
    seen.captured().or_else(|| seen.closer()?.bytes.as_ref().map(Cow::Borrowed))
}

/// Whether two contents differ in nothing but the order of the lines in `from..to`, or of the words of its only line.
fn equal_but_for_order(expected: &[u8], live: &[u8], from: usize, to: usize) -> bool {
    let Some(middle) = expected.get(from..to) else { return false };
    if live.len() != expected.len() || live[..from] != expected[..from] || live[to..] != expected[to..] {
        return false;
    }
    let separator = if middle.contains(&b'\n') { b'\n' } else { b':' };
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<Vec<u8>> = bytes.split(|&byte| byte == separator).map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    };
    sorted(middle) == sorted(&live[from..to])
}

fn metadata((case, scan): (Case<'_>, &Scan), claim: &Claim, seen: &Seen, known: &Known<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    // Links have no mode of their own on Linux.
    if let (Some(mode), true) = (claim.mode, seen.kind != Kind::Link && seen.mode != claim.mode.unwrap_or(seen.mode)) {
        let mut evidence = vec![format!("mode is {:04o}, declared is {mode:04o}", seen.mode)];
        let (class, certainty, earlier) =
            by_revisions(case, claim, known, |then| then.mode.map_or(Then::Nothing, |mode| (mode == seen.mode).into()));
        evidence.extend(earlier);
        let diagnosis = Diagnosis::new(Damage::WrongMode, class, certainty, evidence);
        found.push(metadata_finding(claim, seen, diagnosis));
    }
    let owner = differs(claim.owner.as_ref(), seen.uid, &scan.users).map(|text| format!("owner {text}"));
    let group = differs(claim.group.as_ref(), seen.gid, &scan.groups).map(|text| format!("group {text}"));
    let (of_owner, of_group) = (owner.is_some(), group.is_some());
    let mut evidence: Vec<String> = owner.into_iter().chain(group).collect();
    if !evidence.is_empty() {
        let as_seen = |declared: Option<&Principal>, id, names: &BTreeMap<u32, String>| match declared {
            Some(declared) => Principal::all_of(id, names).contains(declared).into(),
            None => Then::Nothing,
        };
        let (class, certainty, earlier) = by_revisions(case, claim, known, |then| {
            let owner = of_owner.then(|| as_seen(then.owner.as_ref(), seen.uid, &scan.users));
            let group = of_group.then(|| as_seen(then.group.as_ref(), seen.gid, &scan.groups));
            owner.into_iter().chain(group).max().unwrap_or(Then::Other)
        });
        evidence.extend(earlier);
        let diagnosis = Diagnosis::new(Damage::WrongOwner, class, certainty, evidence);
        found.push(metadata_finding(claim, seen, diagnosis));
    }
    found
}

/// How a revision declared what is otherwise now than it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Then {
    /// As it is there.
    AsSeen,
    /// Not at all.
    Nothing,
    /// Otherwise.
    Other,
}

impl From<bool> for Then {
    fn from(as_seen: bool) -> Self {
        if as_seen { Self::AsSeen } else { Self::Other }
    }
}

/// What it means that a mode or an owner is not as declared: a change that is not deployed yet, where an earlier revision declared
/// it as it is or not at all, unless the unit likely was deployed after that; or else drift.
fn by_revisions(
    case: Case<'_>,
    claim: &Claim,
    known: &Known<'_>,
    then: impl Fn(&MadeMetadata) -> Then,
) -> (Class, Certainty, Option<String>) {
    let Artifact { host, path, unit, .. } = &claim.artifact;
    let told = |revision: &Revision| revision.metadata(host, path).map_or(Then::Other, |declared| then(&declared));
    let mut revisions = case.revisions.iter().enumerate();
    // Of a time before it was declared everything may be; a revision since then may have been deployed.
    let mut was_declared = false;
    let earlier = revisions.find_map(|(index, revision)| match told(revision) {
        Then::AsSeen => Some((index, format!("so it was declared in {}", revision.name))),
        Then::Nothing if !was_declared => Some((index, format!("{} does not declare it", revision.name))),
        Then::Nothing | Then::Other => {
            was_declared = true;
            None
        }
    });
    let is_deployed = |index| known.advanced(index, unit).is_some_and(|advance| advance.is_likely());
    match earlier.filter(|(index, _)| !is_deployed(*index)) {
        Some((_, evidence)) => (Class::Change, Certainty::Likely, Some(evidence)),
        None => (Class::Drift, Certainty::Proved, None),
    }
}

/// A mode that nobody declares, but that a backup knows otherwise.
fn undeclared_mode(case: Case<'_>, claim: &Claim, seen: &Seen) -> Option<Finding> {
    if claim.mode.is_some() {
        return None;
    }
    let points = case.points.of(&claim.artifact.host, &claim.artifact.path);
    let (mode, point) = backup::other_mode(case.points, points, seen)?;
    let mut finding = metadata_finding(claim, seen, damage::mode_of_backup(seen, mode, point));
    // No deployer sets what nobody declares.
    finding.mend = None;
    finding.expected_mode = Some(mode);
    Some(finding)
}

/// `None` when equal, or when the name means nothing on the target (then nothing can be said).
fn differs(declared: Option<&Principal>, number: u32, names: &BTreeMap<u32, String>) -> Option<String> {
    let actual = names.get(&number).cloned().unwrap_or_else(|| number.to_string());
    match declared? {
        Principal::Id(id) if *id == number => None,
        Principal::Id(id) => Some(format!("is {actual}, declared is {id}")),
        Principal::Name(name) if *name == actual => None,
        Principal::Name(name) if names.values().any(|known| known == name) => {
            Some(format!("is {actual}, declared is {name}"))
        }
        Principal::Name(_) => None,
    }
}

fn metadata_finding(claim: &Claim, seen: &Seen, diagnosis: Diagnosis) -> Finding {
    let mut finding = finding(claim, Some(seen), diagnosis);
    finding.mend = Some(claim.metadata_mend);
    finding.durability = Durability::Reproducible;
    finding.live = None;
    finding.blocks = Vec::new();
    finding
}

/// A finding about a claimed path.
pub(super) fn finding(claim: &Claim, seen: Option<&Seen>, diagnosis: Diagnosis) -> Finding {
    let artifact = &claim.artifact;
    let closer = seen.and_then(Seen::closer);
    let durable = artifact.durability == Durability::Durable;
    Finding {
        id: String::new(),
        host: artifact.host.clone(),
        unit: artifact.unit.clone(),
        path: artifact.path.clone(),
        damage: diagnosis.damage,
        class: diagnosis.class,
        certainty: diagnosis.certainty,
        evidence: diagnosis.evidence,
        authority: artifact.authority,
        durability: artifact.durability,
        mend: (!durable).then_some(artifact.mend),
        expected: Some(artifact.expected.clone()),
        expected_mode: claim.mode,
        secret: claim.secret,
        live: closer.filter(|_| !claim.secret).and_then(|closer| closer.bytes.clone()),
        size: seen.map(|seen| seen.size),
        blocks: diagnosis.runs.or_else(|| Some(closer?.runs.clone())).unwrap_or_default(),
        origin: artifact.origin.clone(),
    }
}

/// A note of the target that proves itself damaged.
pub(super) fn broken_record(scan: &Scan, broken: &Broken) -> Finding {
    let seen = scan.seen(&broken.path);
    Finding {
        id: String::new(),
        host: broken.host.clone(),
        unit: broken.unit.clone(),
        path: broken.path.clone(),
        damage: match broken.proof {
            _ if *scan.sighting(&broken.path) == Sighting::Absent => Damage::Missing,
            Proof::Record => Damage::BrokenRecord,
            Proof::Content => Damage::Changed,
        },
        class: Class::Damage,
        certainty: Certainty::Proved,
        evidence: vec![broken.evidence.clone()],
        authority: crate::model::artifact::Authority::Record,
        durability: Durability::Reproducible,
        mend: Some(broken.mend),
        expected: broken.expected.clone(),
        expected_mode: None,
        secret: false,
        live: None,
        size: seen.as_ref().map(|seen| seen.size),
        blocks: seen.as_ref().and_then(|seen| seen.closer()).map(|closer| closer.runs.clone()).unwrap_or_default(),
        origin: None,
    }
}

impl From<backup::Verdict> for Verdict {
    fn from(verdict: backup::Verdict) -> Self {
        match verdict {
            backup::Verdict::Right => Self::Right,
            backup::Verdict::Wrong(diagnosis) => Self::Wrong(diagnosis),
            backup::Verdict::Unknown(why) => Self::Unknown(why, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_inside_the_range_may_change_places() {
        let expected = b"head\n a\n b\ntail\n";
        assert!(equal_but_for_order(expected, b"head\n b\n a\ntail\n", 5, 10));
        assert!(!equal_but_for_order(expected, b"head\n b\n b\ntail\n", 5, 10));
        assert!(!equal_but_for_order(expected, b" a\nhead\n b\ntail\n", 5, 10));
        assert!(!equal_but_for_order(expected, b"head\n b\n a\nTail\n", 5, 10));
    }

    #[test]
    fn words_of_one_line_may_come_in_any_order_when_colons_separate_them() {
        let expected = b"P=/a:/b\n";
        assert!(equal_but_for_order(expected, b"P=/b:/a\n", 2, 7));
        assert!(!equal_but_for_order(expected, b"P=/b:/b\n", 2, 7));
        assert!(!equal_but_for_order(expected, b"P=:/a/b\n", 2, 7));
    }
}
