//! Earlier scans of the same host as a reference: what was there before the incident.
//!
//! Takes what such a scan saw and what is there now; gives artifacts with [`Authority::Baseline`] for what no stronger
//! source knows. A baseline does not know what was deployed or written since. So only what nobody wrote since is held
//! against it: where size and modification time are still those of the baseline, or where the file is one that is never
//! changed. Everything else that differs stays unknown, with the reason. So does what is [`gone`] in a way that may have
//! been meant.
//!
//! Deliberately not here: older contents and blocks as evidence for the kind of damage (`findings`, `live`).

use super::lost_distributions::LostDistributions;
use crate::model::artifact::{
    Artifact, Authority, Content, Durability, Expected, Mend, MendId, Ownership, Principal, Vigilance,
};
use crate::model::artifacts::Artifacts;
use crate::model::content::Algorithm;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::manifest::{Changes, Manifest};
use crate::model::observation::{Kind, Scan, Seen, Sighting, seen};
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, UnitId};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Adds to a manifest what the baselines of the scanned host say about paths that nothing else tells of. Later baselines
/// go before earlier ones.
pub fn claim(manifest: &mut Manifest, scan: &Scan, baselines: &[Arc<Scan>]) {
    let baselines = newest_first(scan, baselines);
    if baselines.is_empty() {
        return;
    }
    let mend = manifest.add_mend(none());
    // What is gone depends on what others tell of its directory, so it comes first.
    let told = Told::new(manifest, scan);
    let mut lost = LostDistributions::default();
    let mut gone = Vec::new();
    for then in newest(&baselines, scan).filter(|then| !matches!(*then.now, Sighting::Present(_))) {
        // What a later baseline did not have either went away before the incident.
        let mut later = baselines.iter().take_while(|later| !std::ptr::eq(**later, then.baseline));
        if later.all(|later| is_unseen(&later.sighting(&then.path))) {
            lost.note(&then.path, then.baseline, scan);
        }
        gone.extend(Claim { then: &then, scan, told: &told, lost: &lost, mend }.artifact());
    }
    lost.settle(manifest, scan);
    // What is there depends only on what they tell of itself, and may be added meanwhile.
    let mut there = newest(&baselines, scan).filter(|then| matches!(*then.now, Sighting::Present(_))).peekable();
    while there.peek().is_some() {
        let told = Told::new(manifest, scan);
        let claim = |then: Then<'_>| Claim { then: &then, scan, told: &told, lost: &lost, mend }.artifact();
        let claims: Vec<Artifact> = there.by_ref().take(AT_A_TIME).filter_map(claim).collect();
        manifest.artifacts.extend(claims);
    }
    manifest.artifacts.extend(gone);
}

/// So many paths are looked at before what is claimed of them is added.
const AT_A_TIME: usize = 4096;

/// A path then and now.
struct Then<'a> {
    path: TargetPath,
    before: Cow<'a, Seen>,
    baseline: &'a Scan,
    now: Cow<'a, Sighting>,
}

/// What the newest baseline that has a path saw there, and what is there now. Both are sorted: they are walked side by
/// side.
fn newest<'a>(baselines: &'a [&'a Scan], scan: &'a Scan) -> impl Iterator<Item = Then<'a>> {
    baselines.iter().enumerate().flat_map(move |(index, baseline)| {
        let mut present = scan.observations.iter().peekable();
        baseline.observations.iter().filter_map(move |(path, sighting)| {
            let before = seen(sighting)?;
            if baselines[..index].iter().any(|later| later.seen(&path).is_some()) {
                return None;
            }
            while present.next_if(|(there, _)| *there < path).is_some() {}
            let itself = present.next_if(|(there, _)| *there == path);
            let now = itself.map_or_else(|| Cow::Owned(scan.sighting(&path).into_owned()), |(_, now)| now);
            Some(Then { path, before, baseline, now })
        })
    })
}

/// The baselines of the scanned host.
fn newest_first<'a>(scan: &Scan, baselines: &'a [Arc<Scan>]) -> Vec<&'a Scan> {
    let mut of_host: Vec<&Scan> =
        baselines.iter().map(Arc::as_ref).filter(|baseline| baseline.host == scan.host).collect();
    of_host.sort_by_key(|baseline| std::cmp::Reverse(baseline.started_at));
    of_host
}

/// A file or name that a baseline has and the host has not, and that nobody claims. Of a directory that is gone with all
/// that was in it, only the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Where it was.
    pub path: TargetPath,
    /// The unit it lay in.
    pub unit: UnitId,
    /// The time of the newest baseline that has it, nanoseconds since 1970 UTC.
    pub seen_at: i64,
    /// What is known of how it went.
    pub how: How,
}

/// How something that a baseline had went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The modification time of its directory is another one than then, as it is when somebody removes a name.
    DirectoryChanged,
    /// Nothing tells.
    Unknown,
    /// There is a directory in its place.
    DirectoryNow,
}

/// What the baselines of the scanned host have and what is gone without a claim: somebody may have removed it, or not.
/// `manifest` has their claims ([`claim`]) already. Sorted by path.
pub fn gone(manifest: &Manifest, scan: &Scan, baselines: &[Arc<Scan>]) -> Vec<Gone> {
    let told = Told::new(manifest, scan);
    let baselines = newest_first(scan, baselines);
    let mut gone: BTreeMap<TargetPath, Gone> = BTreeMap::new();
    for (index, baseline) in baselines.iter().enumerate() {
        // What a later baseline did not have either went away before the incident.
        let looked_later = |path: &TargetPath| baselines[..index].iter().any(|later| !is_unseen(&later.sighting(path)));
        for (path, sighting) in &baseline.observations {
            let Sighting::Present(before) = &*sighting else { continue };
            let lasting = matches!(before.kind, Kind::File | Kind::Link | Kind::Directory) && !is_remade(&path);
            if !lasting || looked_later(&path) {
                continue;
            }
            if told.has_lost(&path, scan) {
                told.note_lost(&path, (scan, baseline), &mut gone);
            } else if before.kind != Kind::Directory && told.is_directory_now(&path, scan) {
                let (unit, seen_at) = (told.unit_of(&path, scan), baseline.started_at);
                gone.insert(path.clone(), Gone { path, unit, seen_at, how: How::DirectoryNow });
            }
        }
    }
    gone.into_values().collect()
}

fn is_unseen(sighting: &Sighting) -> bool {
    matches!(sighting, Sighting::Unseen(_))
}

/// Nothing makes it anew.
fn none() -> Mend {
    Mend::new(Vigilance::Nothing, Vigilance::Nothing)
}

/// What stronger sources say.
struct Told<'a> {
    host: &'a HostName,
    artifacts: &'a Artifacts,
    /// What is proved to be damaged.
    broken: BTreeSet<&'a TargetPath>,
    units: Vec<(&'a TargetPath, &'a UnitId)>,
    never_changed: Vec<&'a TargetPath>,
    /// Damaged RECORDs, and the directories in which their distributions lie.
    records: Vec<(&'a TargetPath, TargetPath)>,
}

/// Whether an artifact says only that something is there.
fn is_unknown(artifact: &Artifact) -> bool {
    match &artifact.expected {
        Expected::File(Content::Unknown(_)) | Expected::Present => true,
        Expected::Link { target } => target.known().is_none(),
        Expected::File(_) | Expected::Directory { .. } | Expected::Absent => false,
    }
}

/// Whether only the note of another version than the wanted one lists it.
fn is_of_another_version(artifact: &Artifact) -> bool {
    let by_note = artifact.authority == Authority::Record;
    by_note
        && matches!(&artifact.expected, Expected::File(Content::Unknown(why)) if why.kind == WhyKind::OrderDependent)
}

impl<'a> Told<'a> {
    fn new(manifest: &'a Manifest, scan: &'a Scan) -> Self {
        let host = &scan.host;
        let broken: Vec<&TargetPath> =
            manifest.broken.iter().filter(|broken| broken.host == *host).map(|broken| &broken.path).collect();
        let records = broken.iter().filter(|path| path.name() == b"RECORD");
        let records = records.filter_map(|path| Some((*path, path.parent()?.parent()?))).collect();
        let units = manifest.units.iter().filter(|unit| unit.host == *host);
        let mut units: Vec<_> = units.filter_map(|unit| Some((unit.directory.as_ref()?, &unit.id))).collect();
        units.sort();
        let data = manifest.data.iter().filter(|data| data.host == *host && data.changes == Changes::Never);
        let never_changed = data.map(|data| &data.path).collect();
        let broken = broken.into_iter().collect();
        Self { host, artifacts: &manifest.artifacts, broken, units, never_changed, records }
    }

    /// Directories that are missing because a baseline says so: with all that was in them.
    fn is_lost(&self, directory: &TargetPath, scan: &Scan) -> bool {
        scan.seen(directory).is_none()
            && self.artifacts.on(self.host, directory).iter().any(|artifact| {
                artifact.authority == Authority::Baseline && matches!(artifact.expected, Expected::Directory { .. })
            })
    }

    /// Whether somebody else tells what is in a directory, and so what is gone from it.
    fn lists(&self, directory: &TargetPath) -> bool {
        self.artifacts.lists(self.host, directory)
            || self.broken.iter().any(|path| *path != directory && path.is_below(directory))
    }

    fn knows(&self, path: &TargetPath) -> bool {
        self.broken.contains(path) || self.artifacts.claims(self.host, path)
    }

    /// Whether a file may be of a distribution that was installed after a baseline and whose RECORD is damaged: what was
    /// there before tells nothing then, also where the file still has that content.
    fn is_superseded(&self, path: &TargetPath, baseline: &Scan) -> bool {
        self.records.iter().any(|(record, site)| path.is_below(site) && baseline.seen(record).is_none())
    }

    /// Whether a path is gone, and nobody says anything about that.
    fn has_lost(&self, path: &TargetPath, scan: &Scan) -> bool {
        scan.seen(path).is_none()
            && !self.knows(path)
            && *scan.sighting(path) == Sighting::Absent
            && !is_in_repository(path, scan)
    }

    /// Whether there is a directory, and nobody knows anything of it or of what is in it.
    fn is_directory_now(&self, path: &TargetPath, scan: &Scan) -> bool {
        let is_known = || !self.artifacts.on(self.host, path).iter().all(is_unknown);
        if scan.kind(path) != Some(Kind::Directory) || self.broken.contains(path) || is_known() {
            return false;
        }
        let mut from = path.within(b"\x01");
        while let Some(below) = self.artifacts.next(self.host, &from)
            && below.is_below(path)
        {
            if !self.artifacts.on(self.host, &below).iter().all(is_unknown) {
                return false;
            }
            from = below.within(b"\x01");
        }
        true
    }

    /// Notes the outermost directory that is gone with the path and of which nobody says anything.
    fn note_lost(&self, path: &TargetPath, (scan, baseline): (&Scan, &Scan), gone: &mut BTreeMap<TargetPath, Gone>) {
        let is_there = |directory: &TargetPath| scan.seen(directory).is_some_and(|seen| seen.kind == Kind::Directory);
        let mut top = path.clone();
        while let Some(parent) = top.parent()
            && self.has_lost(&parent, scan)
            && !self.lists(&parent)
        {
            top = parent;
        }
        let parent = top.parent();
        if is_remade(&top) || gone.contains_key(&top) || parent.as_ref().is_some_and(|above| self.is_lost(above, scan))
        {
            return;
        }
        let is_changed = parent.filter(is_there).is_some_and(|parent| {
            let time = |scan: &Scan| scan.seen(&parent).map(|seen| seen.mtime);
            time(baseline).is_some_and(|before| time(scan) != Some(before))
        });
        let how = if is_changed { How::DirectoryChanged } else { How::Unknown };
        let (unit, seen_at) = (self.unit_of(&top, scan), baseline.started_at);
        gone.insert(top.clone(), Gone { path: top, unit, seen_at, how });
    }

    fn unit_of(&self, path: &TargetPath, scan: &Scan) -> UnitId {
        let deepest = self.units.iter().rev().find(|(directory, _)| path.is_below(directory));
        deepest.map_or_else(|| UnitId(scan.host.0.clone()), |(_, unit)| (*unit).clone())
    }
}

struct Claim<'a> {
    then: &'a Then<'a>,
    scan: &'a Scan,
    told: &'a Told<'a>,
    lost: &'a LostDistributions,
    mend: MendId,
}

impl Claim<'_> {
    fn artifact(&self) -> Option<Artifact> {
        let Then { path, before, baseline, now } = self.then;
        let mut claimed = self.told.artifacts.on(self.told.host, path);
        let is_told = self.told.broken.contains(path) || !claimed.iter().all(is_unknown);
        if is_told || is_remade(path) || is_in_repository(path, self.scan) {
            return None;
        }
        let little = claimed.pop();
        if little.is_some() && self.told.is_superseded(path, baseline) {
            return None;
        }
        let (expected, unchanged) = match &**now {
            Sighting::Unseen(_) => return None,
            Sighting::Absent => (self.vanished()?, false),
            Sighting::Present(now) if now.kind != before.kind => return None,
            Sighting::Present(now) => (self.present(now, little.as_ref())?, now.mtime == before.mtime),
        };
        let known = !matches!(expected, Expected::File(Content::Unknown(_)));
        let artifact = match little {
            // Whoever claims it makes it anew; and says itself why it knows nothing.
            Some(artifact) if known => Artifact { expected, authority: Authority::Baseline, ..artifact },
            Some(_) => return None,
            None => self.unclaimed(expected),
        };
        // Mode and owner are changed without a trace in the modification time, so they are held against the baseline
        // only where the rest of the file says that nobody has been there.
        if !unchanged || !known || before.kind == Kind::Link {
            return Some(artifact);
        }
        Some(Artifact {
            mode: artifact.mode.or(Some(before.mode)),
            owner: artifact.owner.or(Some(Principal::Id(before.uid))),
            group: artifact.group.or(Some(Principal::Id(before.gid))),
            ..artifact
        })
    }

    fn unclaimed(&self, expected: Expected) -> Artifact {
        Artifact {
            host: self.scan.host.clone(),
            path: self.then.path.clone(),
            unit: self.told.unit_of(&self.then.path, self.scan),
            expected,
            mode: None,
            owner: None,
            group: None,
            authority: Authority::Baseline,
            durability: Durability::Durable,
            mend: self.mend,
            secret: false,
            origin: None,
        }
    }

    fn present(&self, now: &Seen, little: Option<&Artifact>) -> Option<Expected> {
        match now.kind {
            Kind::File => self.file(now, little),
            Kind::Directory => Some(Expected::Directory { ownership: Ownership::Shared }),
            Kind::Link if now.target == self.then.before.target || now.mtime == self.then.before.mtime => {
                Some(Expected::Link { target: Eval::Known(self.then.before.target.clone()?) })
            }
            Kind::Link | Kind::Fifo | Kind::Socket | Kind::Device => None,
        }
    }

    fn file(&self, now: &Seen, little: Option<&Artifact>) -> Option<Expected> {
        let digest = self.then.before.digest(Algorithm::Sha256)?;
        let same = now.digest(Algorithm::Sha256) == Some(digest);
        // Whoever lists it may be of before, as the file may.
        if same && little.is_some_and(is_of_another_version) {
            return None;
        }
        // With the time of the baseline, a size that shrank is as telling as one that is the same.
        let unwritten = now.mtime == self.then.before.mtime && now.size <= self.then.before.size;
        let fixed = self.told.never_changed.iter().any(|directory| self.then.path.is_below(directory));
        let content = if same && !fixed && self.lost.may_own(&self.then.path) {
            let text = "it is as the baseline has it, but a distribution that was here then has no RECORD now: it may have \
                        been upgraded since";
            Content::Unknown(Why::new(WhyKind::NoReference, text))
        } else if same || unwritten || fixed {
            Content::Digest { digest: digest.clone(), size: Some(self.then.before.size) }
        } else {
            let text = "it was written after the baseline, and nothing else tells what it should be";
            Content::Unknown(Why::new(WhyKind::NoReference, text))
        };
        Some(Expected::File(content))
    }

    /// Removing a name changes the time of its directory. Where that is as it was, nobody removed it; unless the
    /// directory's own time is wrong, which other names in it would show.
    fn vanished(&self) -> Option<Expected> {
        let parent = self.then.path.parent()?;
        let (Some(now), Some(before)) = (self.scan.seen(&parent), self.then.baseline.seen(&parent)) else {
            return None;
        };
        let untouched = now.kind == Kind::Directory && now.listed && now.mtime == before.mtime && before.listed;
        if !untouched || self.told.lists(&parent) {
            return None;
        }
        match self.then.before.kind {
            Kind::File => {
                let digest = self.then.before.digest(Algorithm::Sha256)?.clone();
                Some(Expected::File(Content::Digest { digest, size: Some(self.then.before.size) }))
            }
            Kind::Link => Some(Expected::Link { target: Eval::Known(self.then.before.target.clone()?) }),
            Kind::Directory => Some(Expected::Directory { ownership: Ownership::Shared }),
            Kind::Fifo | Kind::Socket | Kind::Device => None,
        }
    }
}

/// Repositories are checked by their own objects.
fn is_in_repository(path: &TargetPath, scan: &Scan) -> bool {
    scan.checkouts.keys().any(|checkout| path.is_below(&checkout.join(".git")))
}

/// Byte code and things that come and go.
fn is_remade(path: &TargetPath) -> bool {
    let bytes = path.as_bytes();
    let ends = [&b".pyc"[..], b".pyo", b".pid", b".lock", b".sock", b".tmp", b"~", b".swp"];
    path.name() == b"__pycache__" || ends.iter().any(|end| bytes.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::{Definition, Evaluation};

    /// A scan that listed `/srv` and saw these names in it.
    fn scan(started_at: i64, directory_time: i64, names: &[&str]) -> Scan {
        let mut scan = Scan::new("h".into(), started_at);
        let mut add = |path: TargetPath, seen: Seen| scan.observations.insert(path, Sighting::Present(Box::new(seen)));
        let srv = TargetPath::new("/srv");
        for name in names {
            add(srv.join(name.as_bytes()), Seen { mtime: 1, ..Seen::new(Kind::File) });
        }
        add(srv, Seen { mtime: directory_time, listed: true, ..Seen::new(Kind::Directory) });
        scan
    }

    fn manifest() -> Manifest {
        Manifest::new(Definition::new("batou", "e", Evaluation::Exact))
    }

    #[test]
    fn what_a_later_baseline_did_not_have_either_is_not_told_and_the_newest_that_had_it_is_named() {
        let now = scan(30, 9, &["kept"]);
        let early = scan(10, 5, &["kept", "gone before", "gone since"]);
        let late = scan(20, 6, &["kept", "gone since"]);
        let expected = Gone {
            path: TargetPath::new("/srv/gone since"),
            unit: UnitId::from("h"),
            seen_at: 20,
            how: How::DirectoryChanged,
        };
        assert_eq!(gone(&manifest(), &now, &[early.into(), late.into()]), [expected]);
    }

    #[test]
    fn what_somebody_claims_or_nobody_looked_at_is_not_told_here() {
        let early = Arc::new(scan(10, 5, &["a", "b"]));
        let mut manifest = manifest();
        let mend = manifest.add_mend(none());
        let now = scan(30, 9, &["b"]);
        let told = Told::new(&manifest, &now);
        let path = TargetPath::new("/srv/a");
        let (before, claimed) = (early.seen(&path).expect("it was seen"), Expected::Absent);
        let then = Then { path: path.clone(), before, baseline: &early, now: Cow::Owned(Sighting::Absent) };
        let lost = LostDistributions::default();
        let claim = Claim { then: &then, scan: &now, told: &told, lost: &lost, mend };
        let artifact = claim.unclaimed(claimed);
        assert_eq!(gone(&manifest, &now, std::slice::from_ref(&early)).len(), 1);
        manifest.artifacts.push(artifact);
        assert_eq!(gone(&manifest, &now, std::slice::from_ref(&early)), []);
        let nothing = Scan::new("h".into(), 30);
        assert_eq!(gone(&super::tests::manifest(), &nothing, &[early]), []);
    }
}
