//! One remedy per finding; findings that are mended together get the same one.

use super::restore_point::{Choice, PassedOver, choose};
use super::{Input, Prefer};
use crate::model::artifact::{Aborts, Authority, Content, Durability, Expected, Force, Mend, MendId, Piece, Vigilance};
use crate::model::finding::{Certainty, Class, Damage, Finding};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoint;
use crate::model::unit::{DeployerId, UnitId, UnitKind};
use std::collections::BTreeMap;

/// What is done about one finding.
#[derive(Debug)]
pub(super) struct Remedy<'a> {
    pub(super) finding: &'a Finding,
    pub(super) what: What<'a>,
}

/// The kinds of remedy.
#[derive(Debug)]
pub(super) enum What<'a> {
    /// Let the deployer make it anew, after removing what is in its way.
    Redeploy {
        /// Who makes it.
        deployer: DeployerId,
        /// What to remove first.
        remove: Vec<TargetPath>,
        /// Whether to put an empty file there first.
        empty: bool,
        /// Whether the deployer will remove what the mend replaces.
        replaces: bool,
        /// Whether the deployer would abort otherwise (rather than not notice).
        aborts: bool,
        /// How it is made anew.
        mend: &'a Mend,
    },
    /// Put mode and owner right directly: the deployer would not.
    Metadata,
    /// Copy what only memory has, and write it anew.
    Rescue {
        /// Whether what memory has is what should be there, as far as anybody knows.
        rewrite: bool,
    },
    /// Make this one file anew from something that is there.
    Piece(&'a Piece),
    /// Let the kernel forget what it has in memory: the disk is right.
    Forget,
    /// Bring back a backup's version.
    Restore {
        /// Which.
        point: &'a RestorePoint,
        /// Whether it agrees with an independent digest.
        proved: bool,
        /// Newer versions that were passed over, with the reason.
        passed_over: Vec<PassedOver>,
    },
    /// A person decides.
    Hand {
        /// Why.
        reason: String,
        /// Whether the deployer aborts as long as it is not decided.
        blocks: bool,
    },
}

impl What<'_> {
    /// Whether it brings a content, so that what is there now need not come back.
    pub(super) fn brings(&self) -> bool {
        match self {
            Self::Redeploy { .. } | Self::Piece(_) | Self::Restore { .. } => true,
            Self::Metadata | Self::Rescue { .. } | Self::Forget | Self::Hand { .. } => false,
        }
    }
}

/// The remedies of all findings, in their order.
pub(super) fn remedies<'a>(input: Input<'a>) -> Vec<Remedy<'a>> {
    let mut groups: BTreeMap<(&UnitId, MendId), Vec<&Finding>> = BTreeMap::new();
    for finding in &input.findings.findings {
        if let Some(mend) = finding.mend.filter(|_| !finding.damage.is_about_cache()) {
            groups.entry((&finding.unit, mend)).or_default().push(finding);
        }
    }
    // A backup's version of one file beside a forced reinstallation of its neighbours would be undone, or would
    // keep the deployer from noticing: a group is restored as a whole or not at all.
    let restored: BTreeMap<_, bool> =
        groups.iter().map(|(key, group)| (*key, group.iter().all(|finding| wants_restore(input, finding)))).collect();
    let remedy = |finding: &'a Finding| {
        let group = finding.mend.map(|mend| (&finding.unit, mend));
        let restore = group.is_none_or(|group| restored.get(&group).copied().unwrap_or(true));
        Remedy { finding, what: what(input, finding, restore) }
    };
    input.findings.findings.iter().map(remedy).collect()
}

fn what<'a>(input: Input<'a>, finding: &'a Finding, restore: bool) -> What<'a> {
    let hand = |reason: &str| What::Hand { reason: reason.to_owned(), blocks: false };
    if finding.path.as_str().is_none() {
        return hand("its name is not text, so no command can be written down for it");
    }
    match finding.damage {
        Damage::CacheNewerThanDisk => return What::Rescue { rewrite: finding.certainty < Certainty::Guess },
        Damage::CacheOlderThanDisk => return What::Forget,
        _ => {}
    }
    // What the definition says is absent is removed by a deployment; everything else unexpected is nobody's.
    if matches!(finding.damage, Damage::Extraneous) && finding.expected != Some(Expected::Absent) {
        return hand("nothing deploys it; whether it may go is for a person to say");
    }
    if finding.damage.is_metadata() {
        return metadata(input, finding);
    }
    let kind = input.manifest.unit(&finding.unit).map(|unit| unit.kind);
    if finding.class == Class::Drift && kind == Some(UnitKind::OsPackage) {
        return hand("it looks as if somebody meant it; installing its package anew would undo it");
    }
    if restore {
        return restored(input, finding);
    }
    let Some(mend) = finding.mend else { return restored(input, finding) };
    if let Some(piece) = &input.manifest.mend(mend).piece {
        return match finding.class {
            Class::Damage => What::Piece(piece),
            Class::Drift | Class::Change => {
                hand("somebody changed it; whether that may be undone is for a person to say")
            }
        };
    }
    match deployer(input, &finding.unit) {
        Some(deployer) => redeploy(finding, input.manifest.mend(mend), deployer),
        None => restored(input, finding),
    }
}

fn metadata<'a>(input: Input<'a>, finding: &'a Finding) -> What<'a> {
    let mend = finding.mend.map(|mend| input.manifest.mend(mend));
    match (mend, deployer(input, &finding.unit)) {
        (Some(mend), Some(deployer)) if mend.metadata == Vigilance::Content => {
            What::Redeploy { deployer, remove: Vec::new(), empty: false, replaces: false, aborts: false, mend }
        }
        _ if finding.damage == Damage::WrongMode => What::Metadata,
        _ => What::Hand { reason: "the deployer does not set the owner".to_owned(), blocks: false },
    }
}

/// The deployer of a unit, or of the unit that contains it.
fn deployer(input: Input<'_>, unit: &UnitId) -> Option<DeployerId> {
    input.manifest.lineage(unit).find_map(|unit| unit.deployer.clone())
}

fn redeploy<'a>(finding: &'a Finding, mend: &'a Mend, deployer: DeployerId) -> What<'a> {
    let gone = matches!(finding.damage, Damage::Missing);
    let displaced = matches!(finding.damage, Damage::WrongKind | Damage::Unreadable(_));
    let noticed = match mend.vigilance {
        Vigilance::Content => true,
        Vigilance::Absence => gone,
        Vigilance::Age | Vigilance::Nothing => false,
    };
    let aborts = match mend.aborts {
        Aborts::Never => false,
        Aborts::OnUndecodable => !gone,
        Aborts::OnWrongKind => displaced,
        Aborts::Always => true,
    };
    let mut remove = Vec::new();
    if displaced {
        // A link is written through, a directory is deleted with all that is in it: neither is left to the deployer.
        remove.push(finding.path.clone());
    }
    let mut empty = mend.force.contains(&Force::EmptySelf) && gone;
    if !noticed || aborts {
        for force in &mend.force {
            match force {
                Force::RemoveSelf => remove.push(finding.path.clone()),
                Force::Remove(path) => remove.push(path.clone()),
                Force::EmptySelf => empty = true,
            }
        }
        if mend.force.is_empty() && mend.vigilance >= Vigilance::Absence && !gone {
            remove.push(finding.path.clone());
        }
    }
    remove.sort();
    remove.dedup();
    if remove.is_empty() && !empty && !noticed && !gone {
        let reason = "the deployer would not notice it, and nothing is known that would make it".to_owned();
        return What::Hand { reason, blocks: aborts };
    }
    let replaces = !remove.is_empty() || (gone && !empty);
    What::Redeploy { deployer, remove, empty, replaces, aborts, mend }
}

/// Whether a finding is better brought back than made anew.
fn wants_restore(input: Input<'_>, finding: &Finding) -> bool {
    if finding.damage.is_metadata() || matches!(finding.damage, Damage::Extraneous) {
        return false;
    }
    let Choice::Good { point, proved, .. } = chosen(input, finding) else { return false };
    let exact = proved || point.kind == Kind::Directory;
    match input.prefer {
        Prefer::Redeploy => false,
        Prefer::Restore => exact,
        Prefer::Auto => {
            let kind = input.manifest.unit(&finding.unit).map(|unit| unit.kind);
            let fetched = matches!(
                kind,
                Some(UnitKind::Egg | UnitKind::Distribution | UnitKind::PythonEnvironment | UnitKind::Checkout)
            );
            let only_noted = matches!(finding.authority, Authority::Record | Authority::Backup)
                || matches!(finding.expected, Some(Expected::File(Content::Unknown(_))));
            (fetched && exact) || (only_noted && finding.expected.is_some())
        }
    }
}

fn chosen<'a>(input: Input<'a>, finding: &Finding) -> Choice<'a> {
    let expected = finding.expected.as_ref().and_then(Expected::digest);
    choose(input.points.of(&finding.host, &finding.path), expected.as_ref(), None, input.points.window_start)
}

fn restored<'a>(input: Input<'a>, finding: &'a Finding) -> What<'a> {
    match chosen(input, finding) {
        Choice::Good { point, proved, passed_over, .. } => What::Restore { point, proved, passed_over },
        Choice::None { passed_over } => {
            let mend = finding.mend.map(|mend| input.manifest.mend(mend));
            let mut reason = match finding.durability {
                Durability::Durable => "only a backup has it".to_owned(),
                Durability::Reproducible | Durability::Derived | Durability::Ephemeral => {
                    "nothing is known that would make it anew".to_owned()
                }
            };
            if let Some(why) = mend.and_then(|mend| mend.unmade.as_ref()) {
                reason = format!("{reason}: {why}");
            }
            if passed_over.is_empty() {
                reason.push_str(", and none of the configured backups holds it");
            }
            for version in passed_over {
                reason = format!("{reason}; {}: {}", version.snapshot, version.reason);
            }
            let blocks = mend.is_some_and(|mend| mend.aborts == Aborts::Always);
            What::Hand { reason, blocks }
        }
    }
}
