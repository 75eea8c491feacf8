//! What only backups know: opaque output, ignored files, data.
//!
//! A difference from a backup is no damage by itself: things change. It is damage when nobody can have written it
//! (size and time are still those of the backup's version), when a newer version is known to have been there (a lost
//! update), or when the file is one that is never changed.

use super::Case;
use super::claim::Claim;
use super::damage::{self, Diagnosis};
use crate::model::eval::{Why, WhyKind};
use crate::model::finding::{Certainty, Damage};
use crate::model::manifest::Changes;
use crate::model::observation::{Kind, Scan, Seen};
use crate::model::restore::{RestorePoint, RestorePoints};

/// What the backups say.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Equal to the newest good version.
    Right,
    /// Damaged.
    Wrong(Diagnosis),
    /// They do not say.
    Unknown(Why),
}

/// Judges a claimed path whose content the definition does not tell.
pub(super) fn judge_claim(case: Case<'_>, scan: &Scan, claim: &Claim, seen: &Seen, why: Option<&Why>) -> Verdict {
    let points = case.points.of(&scan.host, &claim.artifact.path);
    match judge(case.points, points, seen, Changes::Any) {
        Verdict::Unknown(reason) if points.is_empty() => Verdict::Unknown(why.cloned().unwrap_or(reason)),
        verdict => verdict,
    }
}

/// Judges what is there by the backups' versions of it.
pub(super) fn judge(context: &RestorePoints, points: &[RestorePoint], seen: &Seen, changes: Changes) -> Verdict {
    let usable: Vec<&RestorePoint> =
        points.iter().filter(|point| point.refused.is_none() && context.is_candidate(point)).collect();
    let Some((newest, older)) = usable.split_last() else {
        return Verdict::Unknown(Why::new(WhyKind::NoReference, "there is nothing to compare it with"));
    };
    if newest.kind != seen.kind {
        return match changes {
            Changes::Never => Verdict::Wrong(damage::wrong_kind(newest.kind, seen)),
            Changes::Append | Changes::Any => Verdict::Wrong(likely(damage::wrong_kind(newest.kind, seen))),
        };
    }
    match seen.kind {
        Kind::Link if newest.target == seen.target => Verdict::Right,
        Kind::Link if newest.mtime == seen.mtime || changes == Changes::Never => match &newest.target {
            Some(target) => Verdict::Wrong(damage::wrong_target(target, seen.target.as_ref())),
            None => changed_since(newest),
        },
        Kind::File => judge_file(newest, older, seen, changes),
        Kind::Directory => Verdict::Right,
        Kind::Link | Kind::Fifo | Kind::Socket | Kind::Device => changed_since(newest),
    }
}

/// The mode that the newest usable version has, and in which snapshot, if the live file has another one. Nothing
/// declares it; but nobody removes a permission by accident.
pub(super) fn other_mode<'p>(
    context: &RestorePoints,
    points: &'p [RestorePoint],
    seen: &Seen,
) -> Option<(u32, &'p RestorePoint)> {
    let usable = points.iter().rfind(|point| point.refused.is_none() && context.is_candidate(point))?;
    let differs = usable.kind == seen.kind && seen.kind == Kind::File && usable.mode != seen.mode;
    differs.then_some((usable.mode, usable))
}

fn judge_file(newest: &RestorePoint, older: &[&RestorePoint], seen: &Seen, changes: Changes) -> Verdict {
    let live = seen.digest(crate::model::content::Algorithm::Sha256);
    let (Some(live), Some(best)) = (live, newest.digest.as_ref()) else {
        return Verdict::Unknown(Why::new(WhyKind::Unreadable, "it or its backup could not be read"));
    };
    if live == best {
        return Verdict::Right;
    }
    if seen.mtime <= newest.mtime
        && let Some(version) = older.iter().rev().find(|point| point.digest.as_ref() == Some(live))
    {
        let evidence = vec![
            format!("the content is that of the backup {}", version.snapshot),
            format!("the later backup {} has a newer one", newest.snapshot),
        ];
        return wrong(Damage::Stale { as_of: version.snapshot.clone() }, Certainty::Proved, evidence);
    }
    let unwritten = seen.mtime == newest.mtime && seen.size == newest.size;
    if unwritten {
        let text = format!(
            "the content differs from the backup {}, while size and modification time are the same: nobody wrote it",
            newest.snapshot
        );
        return Verdict::Wrong(by_blocks(seen, Certainty::Proved, text));
    }
    let shrunk = seen.mtime == newest.mtime && seen.size < newest.size;
    if shrunk {
        let text = format!("it is shorter than in the backup {} with the same modification time", newest.snapshot);
        return wrong(Damage::Truncated, Certainty::Proved, vec![text]);
    }
    match changes {
        Changes::Never => {
            let text = format!("it is never changed, but differs from the backup {}", newest.snapshot);
            Verdict::Wrong(by_blocks(seen, Certainty::Likely, text))
        }
        Changes::Append if seen.size < newest.size => {
            let text = format!("it is only appended to, but is shorter than in the backup {}", newest.snapshot);
            wrong(Damage::Truncated, Certainty::Likely, vec![text])
        }
        Changes::Append | Changes::Any => changed_since(newest),
    }
}

/// Nobody edited it, so text that differs is no edit.
fn by_blocks(seen: &Seen, certainty: Certainty, reason: String) -> Diagnosis {
    let mut diagnosis = damage::from_blocks(seen);
    if matches!(diagnosis.damage, Damage::Edited) {
        diagnosis.damage = Damage::Changed;
    }
    diagnosis.class = crate::model::finding::Class::Damage;
    diagnosis.certainty = certainty;
    diagnosis.evidence.insert(0, reason);
    diagnosis
}

fn wrong(damage: Damage, certainty: Certainty, evidence: Vec<String>) -> Verdict {
    Verdict::Wrong(Diagnosis::damage(damage, certainty, evidence))
}

fn likely(mut diagnosis: Diagnosis) -> Diagnosis {
    diagnosis.certainty = Certainty::Likely;
    diagnosis
}

fn changed_since(newest: &RestorePoint) -> Verdict {
    let text = format!("it was written after the backup {}, and nothing else tells what it should be", newest.snapshot);
    Verdict::Unknown(Why::new(WhyKind::NoReference, text))
}
