//! Earlier scans of the same host as a reference: what was there before the incident.
//!
//! Takes what such a scan saw and what is there now; gives artifacts with [`Authority::Baseline`] for what no stronger
//! source knows. A baseline does not know what was deployed or written since. So only what nobody wrote since is held
//! against it: where size and modification time are still those of the baseline, or where the file is one that is never
//! changed. Everything else that differs stays unknown, with the reason.
//!
//! Deliberately not here: older contents and blocks as evidence for the kind of damage (`findings`, `live`).

use crate::model::artifact::{
    Artifact, Authority, Content, Durability, Expected, Mend, MendId, Ownership, Principal, Vigilance,
};
use crate::model::content::Algorithm;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::manifest::{Changes, Manifest};
use crate::model::observation::{Kind, Scan, Seen, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::UnitId;
use std::collections::{BTreeMap, BTreeSet};

/// Adds to a manifest what the baselines of the scanned host say about paths that nothing else tells of. Later baselines
/// go before earlier ones.
pub fn claim(manifest: &mut Manifest, scan: &Scan, baselines: &[Scan]) {
    let mut of_host: Vec<&Scan> = baselines.iter().filter(|baseline| baseline.host == scan.host).collect();
    of_host.sort_by_key(|baseline| std::cmp::Reverse(baseline.started_at));
    let mut known: BTreeMap<&TargetPath, (&Seen, &Scan)> = BTreeMap::new();
    for baseline in of_host {
        for (path, sighting) in &baseline.observations {
            if let Sighting::Present(seen) = sighting {
                known.entry(path).or_insert((seen, baseline));
            }
        }
    }
    if known.is_empty() {
        return;
    }
    let told = Told::new(manifest, scan);
    let mend = manifest.add_mend(none());
    let claims: Vec<Artifact> = known
        .into_iter()
        .filter_map(|(path, (before, baseline))| Claim { path, before, baseline, scan, told: &told, mend }.artifact())
        .collect();
    manifest.artifacts.extend(claims);
    manifest.sort();
}

/// Nothing makes it anew.
fn none() -> Mend {
    Mend::new(Vigilance::Nothing, Vigilance::Nothing)
}

/// What stronger sources say.
struct Told {
    /// Paths of which something is known.
    much: BTreeSet<TargetPath>,
    /// What is claimed without being known.
    little: BTreeMap<TargetPath, Artifact>,
    units: Vec<(TargetPath, UnitId)>,
    never_changed: Vec<TargetPath>,
}

impl Told {
    fn new(manifest: &Manifest, scan: &Scan) -> Self {
        let mut told =
            Self { much: BTreeSet::new(), little: BTreeMap::new(), units: Vec::new(), never_changed: Vec::new() };
        for artifact in manifest.artifacts.iter().filter(|artifact| artifact.host == scan.host) {
            let unknown = match &artifact.expected {
                Expected::File(Content::Unknown(_)) | Expected::Present => true,
                Expected::Link { target } => target.known().is_none(),
                Expected::File(_) | Expected::Directory { .. } | Expected::Absent => false,
            };
            if unknown {
                told.little.insert(artifact.path.clone(), artifact.clone());
            } else {
                told.much.insert(artifact.path.clone());
            }
        }
        told.much
            .extend(manifest.broken.iter().filter(|broken| broken.host == scan.host).map(|broken| broken.path.clone()));
        let units = manifest.units.iter().filter(|unit| unit.host == scan.host);
        told.units = units.filter_map(|unit| Some((unit.directory.clone()?, unit.id.clone()))).collect();
        told.units.sort();
        let data = manifest.data.iter().filter(|data| data.host == scan.host && data.changes == Changes::Never);
        told.never_changed = data.map(|data| data.path.clone()).collect();
        told
    }

    /// Whether somebody else tells what is in a directory, and so what is gone from it.
    fn lists(&self, directory: &TargetPath) -> bool {
        let below = |next: Option<&TargetPath>| next.is_some_and(|next| next.is_below(directory));
        below(self.much.range(directory.clone()..).find(|path| *path != directory))
            || below(self.little.range(directory.clone()..).map(|(path, _)| path).find(|path| *path != directory))
    }

    fn unit_of(&self, path: &TargetPath, scan: &Scan) -> UnitId {
        let deepest = self.units.iter().rev().find(|(directory, _)| path.is_below(directory));
        deepest.map_or_else(|| UnitId(scan.host.0.clone()), |(_, unit)| unit.clone())
    }
}

struct Claim<'a> {
    path: &'a TargetPath,
    before: &'a Seen,
    baseline: &'a Scan,
    scan: &'a Scan,
    told: &'a Told,
    mend: MendId,
}

impl Claim<'_> {
    fn artifact(&self) -> Option<Artifact> {
        if self.told.much.contains(self.path) || is_remade(self.path) || self.is_in_repository() {
            return None;
        }
        let (expected, unchanged) = match self.scan.sighting(self.path) {
            Sighting::Unseen(_) => return None,
            Sighting::Absent => (self.vanished()?, false),
            Sighting::Present(now) if now.kind != self.before.kind => return None,
            Sighting::Present(now) => (self.present(&now)?, now.mtime == self.before.mtime),
        };
        let known = !matches!(expected, Expected::File(Content::Unknown(_)));
        let artifact = match self.told.little.get(self.path) {
            // Whoever claims it makes it anew; and says itself why it knows nothing.
            Some(artifact) if known => Artifact { expected, authority: Authority::Baseline, ..artifact.clone() },
            Some(_) => return None,
            None => self.unclaimed(expected),
        };
        // Mode and owner are changed without a trace in the modification time, so they are held against the baseline
        // only where the rest of the file says that nobody has been there.
        if !unchanged || !known || self.before.kind == Kind::Link {
            return Some(artifact);
        }
        Some(Artifact {
            mode: artifact.mode.or(Some(self.before.mode)),
            owner: artifact.owner.or(Some(Principal::Id(self.before.uid))),
            group: artifact.group.or(Some(Principal::Id(self.before.gid))),
            ..artifact
        })
    }

    fn unclaimed(&self, expected: Expected) -> Artifact {
        Artifact {
            host: self.scan.host.clone(),
            path: self.path.clone(),
            unit: self.told.unit_of(self.path, self.scan),
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

    fn present(&self, now: &Seen) -> Option<Expected> {
        match now.kind {
            Kind::File => self.file(now),
            Kind::Directory => Some(Expected::Directory { ownership: Ownership::Shared }),
            Kind::Link if now.target == self.before.target || now.mtime == self.before.mtime => {
                Some(Expected::Link { target: Eval::Known(self.before.target.clone()?) })
            }
            Kind::Link | Kind::Fifo | Kind::Socket | Kind::Device => None,
        }
    }

    fn file(&self, now: &Seen) -> Option<Expected> {
        let digest = self.before.digest(Algorithm::Sha256)?;
        let same = now.digest(Algorithm::Sha256) == Some(digest);
        // With the time of the baseline, a size that shrank is as telling as one that is the same.
        let unwritten = now.mtime == self.before.mtime && now.size <= self.before.size;
        let fixed = self.told.never_changed.iter().any(|directory| self.path.is_below(directory));
        let content = if same || unwritten || fixed {
            Content::Digest { digest: digest.clone(), size: Some(self.before.size) }
        } else {
            let text = "it was written after the baseline, and nothing else tells what it should be";
            Content::Unknown(Why::new(WhyKind::NoReference, text))
        };
        Some(Expected::File(content))
    }

    /// Removing a name changes the time of its directory. Where that is as it was, nobody removed it; unless the
    /// directory's own time is wrong, which other names in it would show.
    fn vanished(&self) -> Option<Expected> {
        let parent = self.path.parent()?;
        let (Some(now), Some(before)) = (self.scan.seen(&parent), self.baseline.seen(&parent)) else { return None };
        let untouched = now.kind == Kind::Directory && now.listed && now.mtime == before.mtime && before.listed;
        if !untouched || self.told.lists(&parent) {
            return None;
        }
        match self.before.kind {
            Kind::File => {
                let digest = self.before.digest(Algorithm::Sha256)?.clone();
                Some(Expected::File(Content::Digest { digest, size: Some(self.before.size) }))
            }
            Kind::Link => Some(Expected::Link { target: Eval::Known(self.before.target.clone()?) }),
            Kind::Directory => Some(Expected::Directory { ownership: Ownership::Shared }),
            Kind::Fifo | Kind::Socket | Kind::Device => None,
        }
    }

    /// Repositories are checked by their own objects.
    fn is_in_repository(&self) -> bool {
        self.scan.checkouts.keys().any(|checkout| self.path.is_below(&checkout.join(".git")))
    }
}

/// Byte code and things that come and go.
fn is_remade(path: &TargetPath) -> bool {
    let bytes = path.as_bytes();
    let ends = [&b".pyc"[..], b".pyo", b".pid", b".lock", b".sock", b".tmp", b"~", b".swp"];
    path.name() == b"__pycache__" || ends.iter().any(|end| bytes.ends_with(end))
}
