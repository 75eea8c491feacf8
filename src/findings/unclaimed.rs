//! What nobody claims: declared data, ignored files, output that only code knows, and what should not be there.

use super::backup::{self, Verdict};
use super::claim::{Claim, Claims};
use super::damage::Diagnosis;
use super::{Case, Judged};
use crate::model::artifact::{Artifact, Authority, Durability, Expected, Ownership};
use crate::model::eval::{Why, WhyKind};
use crate::model::finding::{Certainty, Class, Damage, Finding};
use crate::model::manifest::Changes;
use crate::model::observation::{Kind, Scan, Seen, SeenContent, Sighting};
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoint;
use crate::model::unit::{Unit, UnitId, UnitKind};
use crate::model::unverified::Unverified;

/// Judges what nobody claims, while everything that is claimed or was seen comes by in path order.
pub(super) struct Judge<'a> {
    view: View<'a>,
}

impl<'a> Judge<'a> {
    /// Of one host.
    pub(super) fn new(case: Case<'a>, scan: &'a Scan, claims: Claims<'a>) -> Self {
        Self { view: View::new(case, scan, claims) }
    }

    /// Notes what is claimed: what may lie in a directory follows it.
    pub(super) fn note(&mut self, claim: &Claim) {
        if matches!(claim.artifact.expected, Expected::Directory { ownership: Ownership::Complete }) {
            self.view.complete.push(claim.artifact.clone());
        }
    }

    /// Judges a path that was seen and that nobody claims.
    pub(super) fn judge(&self, path: &TargetPath, sighting: &Sighting) -> Judged {
        self.view.judge(path, sighting)
    }

    /// What a backup has and nobody claims, and what is gone.
    pub(super) fn vanished(&self) -> Vec<Judged> {
        self.view.vanished()
    }
}

/// A finding about a path that nobody claims.
pub(super) fn finding(
    case: Case<'_>,
    scan: &Scan,
    claims: Claims<'_>,
    (path, seen): (&TargetPath, &Seen),
    diagnosis: Diagnosis,
) -> Finding {
    let view = View::new(case, scan, claims);
    view.finding(path, view.unit_of(path), Some(seen), diagnosis)
}

/// What is known of one host.
pub(super) struct View<'a> {
    case: Case<'a>,
    scan: &'a Scan,
    claims: Claims<'a>,
    units: Vec<(&'a TargetPath, &'a UnitId)>,
    /// Directories of which the deployment decides about all that is in them, as far as [`Judge::note`] was told of them.
    complete: Vec<Artifact>,
}

/// The units with a directory on this host, so that the deepest comes last.
fn units<'a>(case: Case<'a>, scan: &Scan) -> Vec<(&'a TargetPath, &'a UnitId)> {
    let of_host = case.manifest.units.iter().filter(|unit| unit.host == scan.host);
    let mut units: Vec<_> = of_host.filter_map(|unit: &Unit| Some((unit.directory.as_ref()?, &unit.id))).collect();
    units.sort();
    units
}

impl<'a> View<'a> {
    pub(super) fn new(case: Case<'a>, scan: &'a Scan, claims: Claims<'a>) -> Self {
        Self { case, scan, claims, units: units(case, scan), complete: Vec::new() }
    }

    fn judge(&self, path: &TargetPath, sighting: &Sighting) -> Judged {
        if is_derived(path) || self.is_repository(path) {
            return Judged::Ignored;
        }
        let unit = self.unit_of(path);
        match sighting {
            Sighting::Absent => Judged::Ignored,
            Sighting::Unseen(failure) if failure.is_damage() => {
                self.wrong(path, unit, None, super::damage::unreadable(failure))
            }
            Sighting::Unseen(failure) => {
                let why = Why::new(WhyKind::Unreadable, failure.text.clone());
                self.unverified(path, unit, why, true)
            }
            Sighting::Present(seen) => self.judge_seen(path, unit, seen),
        }
    }

    fn judge_seen(&self, path: &TargetPath, unit: UnitId, seen: &Seen) -> Judged {
        match self.intruder(path) {
            Some((owner, entry)) if entry == *path => {
                let evidence = vec![format!("nothing deploys it into {}", owner.path)];
                let diagnosis = Diagnosis::new(Damage::Extraneous, Class::Drift, Certainty::Proved, evidence);
                return self.wrong(path, owner.unit.clone(), Some(seen), diagnosis);
            }
            // Part of an entry that is told as a whole.
            Some(_) => return Judged::Ignored,
            None => {}
        }
        if let Some(SeenContent::Failed(failure)) = &seen.content {
            if failure.is_damage() {
                return self.wrong(path, unit, Some(seen), super::damage::unreadable(failure));
            }
            let why = Why::new(WhyKind::Unreadable, failure.text.clone());
            return self.unverified(path, unit, why, true);
        }
        if seen.kind == Kind::Directory {
            return Judged::Ignored;
        }
        let points = self.case.points.of(&self.scan.host, path);
        match backup::judge(self.case.points, points, seen, self.changes(path)) {
            Verdict::Right => match backup::other_mode(self.case.points, points, seen) {
                None => Judged::Intact,
                Some((mode, point)) => {
                    let diagnosis = super::damage::mode_of_backup(seen, mode, point);
                    let mut judged = self.wrong(path, unit, Some(seen), diagnosis);
                    if let Judged::Wrong(found) = &mut judged {
                        for finding in found {
                            finding.expected_mode = Some(mode);
                        }
                    }
                    judged
                }
            },
            Verdict::Wrong(diagnosis) => self.wrong(path, unit, Some(seen), diagnosis),
            Verdict::Unknown(why) => self.unverified(path, unit, why, false),
        }
    }

    /// Paths that the newest usable snapshot has and the live tree has not.
    fn vanished(&self) -> Vec<Judged> {
        let points = &self.case.points.points;
        let usable = || points.iter().filter(|point| point.refused.is_none() && self.case.points.is_candidate(point));
        let newest = usable().filter(|point| point.host == self.scan.host).map(|point| point.taken_at).max();
        usable()
            .filter(|point| point.host == self.scan.host && Some(point.taken_at) == newest)
            .filter(|point| !self.claims.has(&point.path) && !is_derived(&point.path))
            .filter(|point| !is_passing(&point.path) && !self.is_repository(&point.path))
            .filter(|point| *self.scan.sighting(&point.path) == Sighting::Absent && !self.is_told_by_others(point))
            .map(|point| {
                let evidence = vec![
                    "its directory was listed and the name is not there".to_owned(),
                    format!("the newest backup {} has it", point.snapshot),
                ];
                let diagnosis = Diagnosis::damage(Damage::Missing, Certainty::Likely, evidence);
                self.wrong(&point.path, self.unit_of(&point.path), None, diagnosis)
            })
            .collect()
    }

    /// Whether the path is a part of a Python environment that its maker makes as a whole. What people put into its
    /// `site-packages` is none.
    pub(super) fn belongs_to_environment(&self, path: &TargetPath) -> bool {
        let unit = self.case.manifest.unit(&self.unit_of(path));
        let environment = unit.is_some_and(|unit| {
            matches!(unit.kind, UnitKind::PythonEnvironment | UnitKind::Distribution | UnitKind::Egg)
        });
        environment && !path.ancestors().any(|directory| directory.name() == b"site-packages")
    }

    /// Whether the path is inside a repository whose objects were checked as a whole.
    pub(super) fn is_repository(&self, path: &TargetPath) -> bool {
        self.scan.checkouts.keys().any(|checkout| path.is_below(&checkout.join(".git")))
    }

    /// Whether a directory comes back with what is in it: with claimed paths, or with other versions of the backup.
    fn is_told_by_others(&self, point: &RestorePoint) -> bool {
        let below = |next: Option<&TargetPath>| next.is_some_and(|next| next.is_below(&point.path));
        let points = &self.case.points.points;
        let after = points.partition_point(|other| (&other.host, &other.path) <= (&point.host, &point.path));
        let next = points.get(after).filter(|other| other.host == point.host).map(|other| &other.path);
        let claimed = self.claims.next(&point.path);
        point.kind == Kind::Directory && (below(next) || below(claimed.as_ref()))
    }

    fn changes(&self, path: &TargetPath) -> Changes {
        let data = self.case.manifest.data.iter().filter(|data| data.host == self.scan.host);
        data.filter(|data| path.is_below(&data.path))
            .max_by_key(|data| data.path.as_bytes().len())
            .map_or(Changes::Any, |data| data.changes)
    }

    /// The entry, at or above the path, that should not be in its directory, because the deployment decides about
    /// all of that directory's entries and knows nothing of this one or of anything below it.
    fn intruder(&self, path: &TargetPath) -> Option<(&Artifact, TargetPath)> {
        path.ancestors().find_map(|entry| {
            let parent = entry.parent()?;
            let owner = self.complete.iter().find(|directory| directory.path == parent)?;
            let known = self.claims.next(&entry).is_some_and(|claimed| claimed.is_below(&entry));
            (!known).then_some((owner, entry))
        })
    }

    /// The unit with the nearest directory; a directory that a unit claims counts as well.
    fn unit_of(&self, path: &TargetPath) -> UnitId {
        let deepest = self.units.iter().rev().find(|(directory, _)| path.is_below(directory));
        let claimed = path.ancestors().skip(1).find_map(|above| self.claims.get(&above));
        if let (Some(claim), Some((directory, _))) = (claimed, deepest)
            && claim.artifact.path != **directory
            && claim.artifact.path.is_below(directory)
        {
            return claim.artifact.unit.clone();
        }
        deepest.map_or_else(|| UnitId(self.scan.host.0.clone()), |(_, unit)| (*unit).clone())
    }

    fn wrong(&self, path: &TargetPath, unit: UnitId, seen: Option<&Seen>, diagnosis: Diagnosis) -> Judged {
        Judged::Wrong(vec![self.finding(path, unit, seen, diagnosis)])
    }

    fn finding(&self, path: &TargetPath, unit: UnitId, seen: Option<&Seen>, diagnosis: Diagnosis) -> Finding {
        let closer = seen.and_then(Seen::closer);
        Finding {
            id: String::new(),
            host: self.scan.host.clone(),
            unit,
            path: path.clone(),
            damage: diagnosis.damage,
            class: diagnosis.class,
            certainty: diagnosis.certainty,
            evidence: diagnosis.evidence,
            authority: Authority::Backup,
            durability: Durability::Durable,
            mend: None,
            expected: None,
            expected_mode: None,
            secret: false,
            // Data may hold anything, secrets too: it is never shown.
            live: None,
            size: seen.map(|seen| seen.size),
            blocks: closer.map(|closer| closer.runs.clone()).unwrap_or_default(),
            origin: None,
        }
    }

    fn unverified(&self, path: &TargetPath, unit: UnitId, why: Why, unseen: bool) -> Judged {
        let host = self.scan.host.clone();
        Judged::Unverified(Unverified { host, unit, path: Some(path.clone()), why, unseen })
    }
}

/// Byte code: it is made from the sources that are checked, and removed rather than trusted.
pub(super) fn is_derived(path: &TargetPath) -> bool {
    let bytes = path.as_bytes();
    bytes.ends_with(b".pyc") || bytes.ends_with(b".pyo") || path.name() == b"__pycache__"
}

/// Things that come and go: that they are gone is no damage.
fn is_passing(path: &TargetPath) -> bool {
    [&b".pid"[..], b".lock", b".sock", b".tmp", b"~", b".swp"].iter().any(|end| path.as_bytes().ends_with(end))
}
