//! The kind of damage, from evidence: whole contents first, then blocks.

use super::Case;
use super::claim::Claim;
use crate::model::artifact::{Authority, Content, Expected};
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::finding::{Certainty, Class, Damage};
use crate::model::hasher::digest_of;
use crate::model::manifest::Manifest;
use crate::model::observation::{BlockClass, Closer, Failure, Kind, Run, Seen};
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoint;
use crate::model::unit::HostName;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong, who meant it, how sure we are, and why.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) damage: Damage,
    pub(super) class: Class,
    pub(super) certainty: Certainty,
    pub(super) evidence: Vec<String>,
}

impl Diagnosis {
    pub(super) fn new(damage: Damage, class: Class, certainty: Certainty, evidence: Vec<String>) -> Self {
        Self { damage, class, certainty, evidence }
    }

    pub(super) fn damage(damage: Damage, certainty: Certainty, evidence: Vec<String>) -> Self {
        Self::new(damage, Class::Damage, certainty, evidence)
    }
}

/// Which paths are known to hold a content: the index behind "this is another file".
#[derive(Debug, Default)]
pub(super) struct KnownContents<'a> {
    paths: BTreeMap<Digest, &'a TargetPath>,
}

/// Contents shorter than this are equal by chance too often to name a file by them, in bytes.
const TELLING: usize = 32;

impl<'a> KnownContents<'a> {
    pub(super) fn new(manifest: &'a Manifest, host: &HostName) -> Self {
        let mut paths = BTreeMap::new();
        let mut ambiguous = BTreeSet::new();
        for artifact in manifest.artifacts.iter().filter(|artifact| artifact.host == *host) {
            let Some(digest) = telling_digest(&artifact.expected) else { continue };
            match paths.insert(digest.clone(), &artifact.path) {
                Some(other) if *other != artifact.path => {
                    ambiguous.insert(digest);
                }
                _ => {}
            }
        }
        // A content that several files share names none of them.
        paths.retain(|digest, _| !ambiguous.contains(digest));
        Self { paths }
    }

    fn path_of(&self, seen: &Seen, own: &TargetPath) -> Option<&'a TargetPath> {
        let path = self.paths.get(seen.digest(Algorithm::Sha256)?)?;
        (*path != own).then_some(*path)
    }
}

fn telling_digest(expected: &Expected) -> Option<Digest> {
    match expected {
        Expected::File(Content::Bytes(bytes) | Content::Unordered { bytes, .. }) => {
            (bytes.0.len() >= TELLING).then(|| digest_of(Algorithm::Sha256, &bytes.0))
        }
        Expected::File(Content::Digest { digest, size }) => {
            let long = size.is_none_or(|size| size >= TELLING as u64);
            (digest.algorithm == Algorithm::Sha256 && long).then(|| digest.clone())
        }
        Expected::File(Content::Unknown(_))
        | Expected::Directory { .. }
        | Expected::Link { .. }
        | Expected::Absent
        | Expected::Present => None,
    }
}

/// Names what is wrong with a file whose content is not the expected one.
pub(super) fn diagnose(case: Case<'_>, claim: &Claim<'_>, seen: &Seen, known: &KnownContents<'_>) -> Diagnosis {
    let artifact = claim.artifact;
    if let Some(path) = known.path_of(seen, &artifact.path) {
        let evidence = vec![format!("the whole content is that of {path}")];
        return Diagnosis::damage(Damage::OtherFile { path: path.clone() }, Certainty::Proved, evidence);
    }
    if let Some(diagnosis) = earlier_revision(case, claim, seen).or_else(|| earlier_backup(case, claim, seen)) {
        return diagnosis;
    }
    let points = case.points.of(&artifact.host, &artifact.path);
    let mut diagnosis = from_blocks(seen);
    let sound = points.iter().find(|point| is_expected(&artifact.expected, point));
    if let (Class::Drift, Some(sound)) = (diagnosis.class, sound)
        && (sound.mtime, sound.size) == (seen.mtime, seen.size)
    {
        diagnosis.class = Class::Damage;
        diagnosis.damage = Damage::Changed;
        diagnosis.certainty = Certainty::Proved;
        diagnosis.evidence.push("size and modification time are those of the right content: nobody wrote this".into());
    }
    diagnosis
}

/// Content that an earlier revision of the definition makes: not deployed yet, unless other files of the same root
/// unit are those of the later one.
fn earlier_revision(case: Case<'_>, claim: &Claim<'_>, seen: &Seen) -> Option<Diagnosis> {
    let artifact = claim.artifact;
    let key = (artifact.host.clone(), artifact.path.clone());
    let live = live(seen)?;
    let revision = case.revisions.iter().find(|revision| revision.contents.get(&key) == Some(live))?;
    let mut evidence = vec![format!("the content is what revision {} makes", revision.name)];
    let root = |unit| case.manifest.lineage(unit).last().map(|root| &root.id);
    let scan = case.scans.iter().find(|scan| scan.host == artifact.host);
    let newer = case.manifest.artifacts.iter().find(|other| {
        let key = (other.host.clone(), other.path.clone());
        let made = telling_digest(&other.expected);
        let then = revision.contents.get(&key);
        root(&other.unit) == root(&artifact.unit)
            && made.is_some()
            && then.is_some()
            && then != made.as_ref()
            && scan.and_then(|scan| scan.seen(&other.path)).and_then(self::live) == made.as_ref()
    });
    if let Some(newer) = newer {
        evidence.push(format!("{} is of a later one: this write was lost", newer.path));
        return Some(Diagnosis::damage(Damage::Stale { as_of: revision.name.clone() }, Certainty::Likely, evidence));
    }
    let damage = Damage::NotDeployed { revision: revision.name.clone() };
    Some(Diagnosis::new(damage, Class::Change, Certainty::Likely, evidence))
}

/// Content that a backup has. If a later backup has another one, a write was lost; if not, it has been so all the time
/// and only the definition is newer.
fn earlier_backup(case: Case<'_>, claim: &Claim<'_>, seen: &Seen) -> Option<Diagnosis> {
    let live = live(seen)?;
    let points = case.points.of(&claim.artifact.host, &claim.artifact.path);
    let at = points.iter().rposition(|point| point.digest.as_ref() == Some(live))?;
    let mut evidence = vec![format!("the content is that of the backup {}", points[at].snapshot)];
    let as_of = points[at].snapshot.clone();
    if let Some(later) = points[at + 1..].iter().find(|point| point.digest.is_some()) {
        evidence.push(format!("the later backup {} has a newer one", later.snapshot));
        let certainty =
            if is_expected(&claim.artifact.expected, later) { Certainty::Proved } else { Certainty::Likely };
        return Some(Diagnosis::damage(Damage::Stale { as_of }, certainty, evidence));
    }
    if claim.artifact.authority != Authority::Definition {
        return Some(Diagnosis::damage(Damage::Stale { as_of }, Certainty::Likely, evidence));
    }
    evidence.push("no backup has what the definition makes: it may not have been deployed yet".to_owned());
    let damage = Damage::NotDeployed { revision: format!("the backup {as_of}") };
    Some(Diagnosis::new(damage, Class::Change, Certainty::Guess, evidence))
}

fn live(seen: &Seen) -> Option<&Digest> {
    seen.digest(Algorithm::Sha256)
}

fn is_expected(expected: &Expected, point: &RestorePoint) -> bool {
    match expected {
        Expected::File(Content::Bytes(bytes)) => point.digest.as_ref() == Some(&digest_of(Algorithm::Sha256, &bytes.0)),
        Expected::File(Content::Digest { digest, .. }) => point.digest.as_ref() == Some(digest),
        _ => false,
    }
}

/// Names the damage by its blocks.
pub(super) fn from_blocks(seen: &Seen) -> Diagnosis {
    if seen.size == 0 {
        return Diagnosis::damage(Damage::Truncated, Certainty::Proved, vec!["the file is empty".into()]);
    }
    let Some(closer) = seen.closer() else {
        let evidence = vec!["the digest differs from the reference".to_owned()];
        return Diagnosis::damage(Damage::Changed, Certainty::Proved, evidence);
    };
    let bad: BTreeSet<BlockClass> =
        closer.runs.iter().map(|run| run.class).filter(|class| *class != BlockClass::Expected).collect();
    let evidence = vec![describe(&closer.runs)];
    let only = |class: BlockClass| bad.iter().all(|found| *found == class) && !bad.is_empty();
    let damage = |damage, certainty| Diagnosis::damage(damage, certainty, evidence.clone());
    if closer.text || bad.is_empty() {
        // Also when all blocks agree: then the file goes on after its expected end.
        return edited(closer, evidence);
    }
    if only(BlockClass::Absent) {
        return damage(Damage::Truncated, Certainty::Proved);
    }
    if bad.iter().all(|class| matches!(class, BlockClass::Zero | BlockClass::Absent)) {
        return damage(Damage::Zeroed, Certainty::Proved);
    }
    if only(BlockClass::Random) {
        return damage(Damage::Random, Certainty::Likely);
    }
    if only(BlockClass::Older) {
        return damage(Damage::Stale { as_of: "an earlier version".into() }, Certainty::Likely);
    }
    if let (true, Some(from)) = (only(BlockClass::Foreign), closer.runs.iter().find_map(|run| run.from.clone())) {
        return damage(Damage::Foreign { from }, Certainty::Likely);
    }
    let untellable = bad.iter().all(|class| matches!(class, BlockClass::Text | BlockClass::Unknown));
    damage(if untellable { Damage::Changed } else { Damage::Mixed }, Certainty::Likely)
}

fn edited(closer: &Closer, evidence: Vec<String>) -> Diagnosis {
    let classes: BTreeSet<BlockClass> = closer.runs.iter().map(|run| run.class).collect();
    if classes.contains(&BlockClass::Absent) && !classes.contains(&BlockClass::Text) && closer.text {
        return Diagnosis::damage(Damage::Truncated, Certainty::Proved, evidence);
    }
    if let (true, Some(from)) =
        (classes.contains(&BlockClass::Foreign), closer.runs.iter().find_map(|run| run.from.clone()))
    {
        return Diagnosis::damage(Damage::Foreign { from }, Certainty::Likely, evidence);
    }
    if classes.contains(&BlockClass::Older) && !classes.contains(&BlockClass::Text) {
        let damage = Damage::Stale { as_of: "an earlier version".into() };
        return Diagnosis::damage(damage, Certainty::Likely, evidence);
    }
    if !closer.text {
        return Diagnosis::damage(Damage::Changed, Certainty::Proved, evidence);
    }
    Diagnosis::new(Damage::Edited, Class::Drift, Certainty::Guess, evidence)
}

/// One sentence on the blocks.
fn describe(runs: &[Run]) -> String {
    let total: u64 = runs.iter().map(|run| run.len).sum();
    let mut counts: BTreeMap<BlockClass, u64> = BTreeMap::new();
    for run in runs {
        *counts.entry(run.class).or_default() += run.len;
    }
    let word = |class: BlockClass| match class {
        BlockClass::Expected => "as expected",
        BlockClass::Older => "of an older version",
        BlockClass::Zero => "all zero",
        BlockClass::Foreign => "of another file",
        BlockClass::Random => "random",
        BlockClass::Absent => "missing at the end",
        BlockClass::Text => "other text",
        BlockClass::Unknown => "different",
    };
    let parts: Vec<String> = counts.iter().map(|(class, count)| format!("{count} {}", word(*class))).collect();
    format!("of {total} block{}: {}", if total == 1 { "" } else { "s" }, parts.join(", "))
}

/// Something of another kind is there.
pub(super) fn wrong_kind(wanted: Kind, seen: &Seen) -> Diagnosis {
    let evidence = vec![format!("a {} is declared, a {} is there", wanted.word(), seen.kind.word())];
    Diagnosis::damage(Damage::WrongKind, Certainty::Proved, evidence)
}

/// The mode is not that of the newest good backup.
pub(super) fn mode_of_backup(seen: &Seen, mode: u32, point: &RestorePoint) -> Diagnosis {
    let evidence = vec![format!("mode is {:04o}, in the backup {} it is {mode:04o}", seen.mode, point.snapshot)];
    Diagnosis::new(Damage::WrongMode, Class::Drift, Certainty::Likely, evidence)
}

/// The link points elsewhere.
pub(super) fn wrong_target(wanted: &Blob, actual: Option<&Blob>) -> Diagnosis {
    let show = |blob: &Blob| String::from_utf8_lossy(&blob.0).into_owned();
    let actual = actual.map_or_else(|| "nowhere".to_owned(), show);
    let evidence = vec![format!("it points to {actual}, declared is {}", show(wanted))];
    Diagnosis::damage(Damage::WrongTarget, Certainty::Proved, evidence)
}

/// The system gave an error that means damage.
pub(super) fn unreadable(failure: &Failure) -> Diagnosis {
    let evidence = vec![format!("reading it fails: {}", failure.text)];
    Diagnosis::damage(Damage::Unreadable(failure.clone()), Certainty::Proved, evidence)
}
