//! The kind of damage, from evidence: whole contents first, then blocks.

use super::claim::Claim;
use super::known::{self, Advance, Known};
use super::{Case, Revision, earlier_blocks};
use crate::model::artifact::{Artifact, Authority, Expected, Vigilance};
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::finding::{Certainty, Class, Damage};
use crate::model::observation::{BlockClass, Closer, Failure, Kind, Run, Seen};
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoint;
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong, who meant it, how sure we are, and why.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) damage: Damage,
    pub(super) class: Class,
    pub(super) certainty: Certainty,
    pub(super) evidence: Vec<String>,
    /// Its blocks, where more is known of them than when they were read.
    pub(super) runs: Option<Vec<Run>>,
}

impl Diagnosis {
    pub(super) fn new(damage: Damage, class: Class, certainty: Certainty, evidence: Vec<String>) -> Self {
        Self { damage, class, certainty, evidence, runs: None }
    }

    pub(super) fn damage(damage: Damage, certainty: Certainty, evidence: Vec<String>) -> Self {
        Self::new(damage, Class::Damage, certainty, evidence)
    }
}

/// Names what is wrong with a file whose content is not the expected one.
pub(super) fn diagnose(case: Case<'_>, claim: &Claim, seen: &Seen, known: &Known<'_>) -> Diagnosis {
    let artifact = &claim.artifact;
    let whole = earlier_state(case, claim, seen, known)
        .or_else(|| earlier_backup(case, claim, seen))
        .or_else(|| other_file(claim, seen, known));
    if let Some(diagnosis) = whole {
        return diagnosis;
    }
    let told = earlier_blocks::told_by_revisions(case, artifact, seen, known);
    let closer = told.as_ref().or_else(|| seen.closer());
    let mut diagnosis = from_closer(seen, closer);
    if let Some(reason) = more_than_zeros(artifact, seen, closer)
        && diagnosis.damage == Damage::Zeroed
    {
        diagnosis.damage = Damage::Mixed;
        diagnosis.evidence.push(reason);
    }
    if let Some(reason) = unwritten(case, claim, seen, known)
        && diagnosis.class == Class::Drift
    {
        diagnosis.class = Class::Damage;
        diagnosis.damage = Damage::Changed;
        diagnosis.certainty = reason.1;
        diagnosis.evidence.push(reason.0);
    }
    diagnosis.evidence.extend(old_inode(case, artifact, seen));
    diagnosis.runs = told.map(|closer| closer.runs);
    diagnosis
}

/// The whole content is that of another file.
fn other_file(claim: &Claim, seen: &Seen, known: &Known<'_>) -> Option<Diagnosis> {
    let other = known.other(seen, &claim.artifact.path)?;
    let path = &other.path;
    let mut evidence = vec![format!("the whole content is that of {path}")];
    if other.total > 1 {
        evidence.push(format!("{path} is one of {} files with this content", other.total));
    }
    Some(Diagnosis::damage(Damage::OtherFile { path: path.clone() }, Certainty::Proved, evidence))
}

/// Why nobody can have edited it, and how sure that is.
fn unwritten(case: Case<'_>, claim: &Claim, seen: &Seen, known: &Known<'_>) -> Option<(String, Certainty)> {
    let artifact = &claim.artifact;
    let stamp = (seen.mtime, seen.size);
    let points = case.points.of(&artifact.host, &artifact.path);
    let backed_up =
        points.iter().any(|point| is_expected(&artifact.expected, point) && (point.mtime, point.size) == stamp);
    let (host, path) = (&artifact.host, &artifact.path);
    let right = known::sha256(&artifact.expected);
    let scanned = case.revisions.iter().any(|revision| {
        revision.stamp(host, path) == Some(stamp) && right.is_some() && revision.content(host, path) == right
    });
    if backed_up || scanned {
        let text = "size and modification time are those of the right content: nobody wrote this";
        return Some((text.to_owned(), Certainty::Proved));
    }
    // A deployer writes a unit as a whole, and an edit comes after that.
    let younger = known.youngest(&artifact.unit).is_some_and(|youngest| youngest > seen.mtime);
    younger.then(|| {
        (
            "sound files of the same unit are younger: it was not edited after they were deployed".into(),
            Certainty::Likely,
        )
    })
}

/// Why zeros cannot be all that is wrong: with them alone it would have the size that it should have. Then what nothing tells of
/// the rest is of something else, too: another file's inode, mostly.
fn more_than_zeros(artifact: &Artifact, seen: &Seen, closer: Option<&Closer>) -> Option<String> {
    let untold = closer?.runs.iter().any(|run| matches!(run.class, BlockClass::Unknown | BlockClass::Text));
    let size = artifact.expected.size().filter(|size| untold && *size != seen.size)?;
    Some(format!("it has {} bytes instead of {size}: the rest of it is not as it should be either", seen.size))
}

/// Size and time of an earlier state in a file that should have moved on.
fn old_inode(case: Case<'_>, artifact: &Artifact, seen: &Seen) -> Option<String> {
    let stamp = Some((seen.mtime, seen.size));
    let revision = case.revisions.iter().find(|revision| revision.stamp(&artifact.host, &artifact.path) == stamp)?;
    Some(format!("size and modification time are those of {}", revision.name))
}

/// The content of an earlier state: an older revision of the definition, or an earlier scan. Not deployed yet, unless
/// something shows that it was: other files of the same root unit, or its own time; or somebody else than the definition
/// says what should be.
fn earlier_state(case: Case<'_>, claim: &Claim, seen: &Seen, known: &Known<'_>) -> Option<Diagnosis> {
    let artifact = &claim.artifact;
    let live = live(seen)?;
    let holds = |revision: &Revision| revision.content(&artifact.host, &artifact.path).as_ref() == Some(live);
    let (index, newest) = case.revisions.iter().enumerate().find(|(_, revision)| holds(revision))?;
    let name = &newest.name;
    let mut evidence = vec![format!("the content is that of {name}")];
    evidence.extend(old_inode(case, artifact, seen));
    // Against older ones it says nothing that others of the unit are newer: they all may be of the newest that has it.
    let advance = known.advanced(index, &artifact.unit);
    let is_likely = advance.as_ref().is_none_or(Advance::is_likely);
    let certainty = if is_likely { Certainty::Likely } else { Certainty::Guess };
    let newer = advance.map(|newer| newer.lost());
    let written = || {
        let mut states = case.revisions.iter().filter(|revision| holds(revision));
        states.find_map(|then| written_since(case, then, artifact, seen))
    };
    let lost = newer.or_else(written);
    let noted = || "what is noted on the target itself is newer: this write was lost".to_owned();
    if let Some(lost) = lost.or_else(|| (artifact.authority != Authority::Definition).then(noted)) {
        evidence.push(lost);
        return Some(Diagnosis::damage(Damage::Stale { as_of: name.clone() }, certainty, evidence));
    }
    let damage = Damage::NotDeployed { revision: name.clone() };
    Some(Diagnosis::new(damage, Class::Change, Certainty::Likely, evidence))
}

/// That a file was written after an earlier scan and has the content of then all the same, though its deployer leaves
/// alone what is right: the time reached the disk and the content did not.
fn written_since(case: Case<'_>, then: &Revision, artifact: &Artifact, seen: &Seen) -> Option<String> {
    let (time, _) = then.stamp(&artifact.host, &artifact.path)?;
    let vigilance = case.manifest.mend(artifact.mend).vigilance;
    (vigilance == Vigilance::Content && seen.mtime > time).then(|| {
        format!("it was written after {}, by a deployer that writes only what differs: this write was lost", then.name)
    })
}

/// Content that a backup has. If a later backup has another one, a write was lost; if not, it has been so all the time
/// and only the definition is newer.
fn earlier_backup(case: Case<'_>, claim: &Claim, seen: &Seen) -> Option<Diagnosis> {
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
    expected.digest().is_some_and(|digest| point.digest.as_ref() == Some(&digest))
}

/// Names the damage by its blocks.
pub(super) fn from_blocks(seen: &Seen) -> Diagnosis {
    from_closer(seen, seen.closer())
}

fn from_closer(seen: &Seen, closer: Option<&Closer>) -> Diagnosis {
    if seen.size == 0 {
        return Diagnosis::damage(Damage::Truncated, Certainty::Proved, vec!["the file is empty".into()]);
    }
    let Some(closer) = closer else {
        let evidence = vec!["the digest differs from the reference".to_owned()];
        return Diagnosis::damage(Damage::Changed, Certainty::Proved, evidence);
    };
    let evidence = vec![describe(closer)];
    let damage = |damage, certainty| Diagnosis::damage(damage, certainty, evidence.clone());
    let bad = proved(closer);
    let only = |class: BlockClass| bad.len() == 1 && bad.contains(&class);
    if let Some(diagnosis) = told(closer, &bad, evidence.clone()) {
        return diagnosis;
    }
    if bad.is_empty() {
        return untold(closer, evidence);
    }
    if only(BlockClass::Absent) {
        let sound = closer.runs.iter().all(|run| matches!(run.class, BlockClass::Expected | BlockClass::Absent));
        return damage(Damage::Truncated, if sound { Certainty::Proved } else { Certainty::Likely });
    }
    if bad.iter().all(|class| matches!(class, BlockClass::Zero | BlockClass::Absent)) {
        // Some formats have blocks of zeros of their own.
        let untold = closer.runs.iter().any(|run| matches!(run.class, BlockClass::Unknown | BlockClass::Text));
        return damage(Damage::Zeroed, if untold { Certainty::Likely } else { Certainty::Proved });
    }
    if only(BlockClass::Random) {
        return damage(Damage::Random, Certainty::Likely);
    }
    if only(BlockClass::Torn) {
        return damage(Damage::Torn, Certainty::Likely);
    }
    if only(BlockClass::Older) {
        let as_of = closer.older.clone().unwrap_or_else(|| "an earlier version".into());
        return damage(Damage::Stale { as_of }, Certainty::Likely);
    }
    if only(BlockClass::Foreign) {
        return damage(Damage::Foreign { from: stranger(closer) }, Certainty::Likely);
    }
    damage(Damage::Mixed, Certainty::Likely)
}

/// What is wrong where the content itself says whose it is: byte code names its source.
fn told(closer: &Closer, bad: &BTreeSet<BlockClass>, mut evidence: Vec<String>) -> Option<Diagnosis> {
    let path = closer.tells.as_ref()?;
    let all = |wanted: fn(&Run) -> bool| closer.runs.iter().all(wanted);
    // Where it is shorter than what it should be, it is so as a whole, too.
    let sized =
        closer.whole && all(|run| !matches!(run.class, BlockClass::Expected | BlockClass::Older | BlockClass::Zero));
    // What it got along with the name and size of the other file may have lost writes of its own. Byte code of equal sources
    // has blocks in common; but it has none of a source.
    let intruder = closer.runs.iter().filter_map(|run| run.from.as_ref()).find(|from| *from != path && !is_code(from));
    let whole = sized && intruder.is_none();
    // A block of it may be known from elsewhere: byte code of equal sources begins alike.
    let own = closer.runs.iter().all(|run| run.from.as_ref().is_none_or(|from| from == path));
    let strange = own && all(|run| matches!(run.class, BlockClass::Absent | BlockClass::Foreign));
    let nothing_else = bad.iter().all(|class| matches!(class, BlockClass::Absent | BlockClass::Random));
    if !sized && !strange && !nothing_else {
        return None;
    }
    evidence.push(format!("the content itself says that it is {path}"));
    if whole {
        return Some(Diagnosis::damage(Damage::OtherFile { path: path.clone() }, Certainty::Likely, evidence));
    }
    if let Some(intruder) = intruder.filter(|_| sized) {
        evidence.push(format!("and a part of it is of {intruder}"));
        return Some(Diagnosis::damage(Damage::Foreign { from: Some(path.clone()) }, Certainty::Likely, evidence));
    }
    if !closer.whole {
        evidence.push("it has another size than that: only blocks of it are here".to_owned());
    }
    let cut = !all(|run| run.class != BlockClass::Absent);
    let damage = if cut { Damage::Mixed } else { Damage::Foreign { from: Some(path.clone()) } };
    Some(Diagnosis::damage(damage, Certainty::Likely, evidence))
}

fn is_code(path: &TargetPath) -> bool {
    path.as_bytes().ends_with(b".pyc")
}

/// The file that foreign blocks belong to: the one that most of them name, of several the first.
fn stranger(closer: &Closer) -> Option<TargetPath> {
    let mut blocks: BTreeMap<&TargetPath, u64> = BTreeMap::new();
    for run in &closer.runs {
        if let Some(from) = &run.from {
            *blocks.entry(from).or_default() += run.len;
        }
    }
    let most = blocks.values().max().copied()?;
    closer.runs.iter().filter_map(|run| run.from.as_ref()).find(|from| blocks.get(from) == Some(&most)).cloned()
}

/// The kinds of blocks that count as wrong.
///
/// Where nothing tells what is right, only what can be no sound block counts: the others may well be as they should be.
/// So may those that an older version has at the same place, for most of a file stays the same from one to the next.
fn proved(closer: &Closer) -> BTreeSet<BlockClass> {
    let all: BTreeSet<BlockClass> = closer.runs.iter().map(|run| run.class).collect();
    let told = all.contains(&BlockClass::Expected);
    let open = |class: &BlockClass| matches!(class, BlockClass::Text | BlockClass::Unknown);
    let mut bad: BTreeSet<BlockClass> = all.into_iter().filter(|class| *class != BlockClass::Expected).collect();
    let untellable = bad.iter().any(open);
    if bad.iter().all(open) || (closer.text && bad.contains(&BlockClass::Text)) {
        // Text that a person may have written; only what no person types speaks against it.
        bad.retain(|class| matches!(class, BlockClass::Foreign | BlockClass::Torn));
        return bad;
    }
    if !told {
        bad.retain(|class| !open(class));
        if bad.len() > 1 || untellable {
            bad.remove(&BlockClass::Older);
        }
    }
    bad
}

/// Nothing speaks for a kind of damage.
fn untold(closer: &Closer, evidence: Vec<String>) -> Diagnosis {
    // Also when all blocks agree: then the file goes on after its expected end.
    if closer.text {
        return Diagnosis::new(Damage::Edited, Class::Drift, Certainty::Guess, evidence);
    }
    let certainty = if closer.runs.iter().all(|run| run.class == BlockClass::Expected) {
        Certainty::Proved
    } else {
        Certainty::Likely
    };
    Diagnosis::damage(Damage::Changed, certainty, evidence)
}

/// One sentence on the blocks.
fn describe(closer: &Closer) -> String {
    let runs = &closer.runs;
    let total: u64 = runs.iter().map(|run| run.len).sum();
    let mut counts: BTreeMap<BlockClass, u64> = BTreeMap::new();
    for run in runs {
        *counts.entry(run.class).or_default() += run.len;
    }
    let word = |class: BlockClass| match class {
        BlockClass::Expected => "as expected".to_owned(),
        BlockClass::Older => match &closer.older {
            Some(name) => format!("as in {name}"),
            None => "of older versions".to_owned(),
        },
        BlockClass::Zero => "all zero".to_owned(),
        BlockClass::Foreign => "of another file".to_owned(),
        BlockClass::Torn => "torn".to_owned(),
        BlockClass::Random => "random".to_owned(),
        BlockClass::Absent => "missing at the end".to_owned(),
        BlockClass::Text => "other text".to_owned(),
        BlockClass::Unknown => "different".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::SeenContent;

    #[test]
    fn byte_code_of_its_own_size_is_the_other_file_and_otherwise_blocks_of_it() {
        let code = TargetPath::new("/lib/__pycache__/m.cpython-311.pyc");
        let of = |whole, classes: &[BlockClass]| {
            let from = |at| (at == 2).then(|| TargetPath::new("/lib/other.py"));
            let run = |(at, class): (u64, &BlockClass)| Run { at, len: 1, class: *class, from: from(at) };
            let runs = (0..).zip(classes).map(run).collect();
            let closer = Closer { runs, tells: Some(code.clone()), whole, ..Closer::default() };
            let content = SeenContent::Read { digests: Vec::new(), captured: None, closer: Some(Box::new(closer)) };
            from_blocks(&Seen { size: 9, content: Some(content), ..Seen::new(Kind::File) }).damage
        };
        let (foreign, absent) = (BlockClass::Foreign, BlockClass::Absent);
        let other = Damage::OtherFile { path: code.clone() };
        assert_eq!(of(true, &[foreign]), other);
        assert_eq!(of(true, &[foreign, absent]), other);
        assert_eq!(of(false, &[foreign]), Damage::Foreign { from: Some(code.clone()) });
        assert_eq!(of(false, &[foreign, absent]), Damage::Mixed);
        // The third block is that of a source: the whole is no other file.
        assert_eq!(of(true, &[foreign, BlockClass::Torn, foreign]), Damage::Foreign { from: Some(code.clone()) });
    }
}
