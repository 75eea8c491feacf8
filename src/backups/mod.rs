//! Backups: what they hold of the paths that need it, when it was taken, and why it must not be used.
//!
//! Takes configured sources and paths; gives [`RestorePoints`], the evidence from which `plan` chooses. Looking is not
//! choosing: a version that is older, newer or different is listed all the same. Only what no reader should ever use is
//! marked as refused, with the reason.
//!
//! Deliberately not here: which version is the right one (`plan::restore_point`), and copying anything back.

pub mod dating;
pub mod snapshot_tree;

use crate::io::disk::LiveRoot;
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use crate::model::restore::{Backup, RestorePoint, RestorePoints};
use crate::model::unit::HostName;
use std::collections::BTreeMap;

/// A kind of backup source.
#[derive(Debug)]
pub struct SourceKind {
    /// Its name in settings.
    pub name: &'static str,
    /// Makes a source of this kind; the error says why it cannot be read at all.
    pub open: fn(&Backup) -> Result<Box<dyn Source>, String>,
}

/// Every kind of source, sorted by name.
pub static KINDS: &[SourceKind] = &[SourceKind { name: "snapshot-tree", open: snapshot_tree::open }];

/// A backup source.
pub trait Source: Send + Sync {
    /// Its configured name.
    fn name(&self) -> &str;

    /// Whether it holds files of this host.
    fn covers(&self, host: &HostName) -> bool;

    /// What can be restored from: dated snapshots, oldest first, and those that cannot be used, with the reason.
    fn snapshots(&self) -> Snapshots;

    /// Every snapshot's version of each path and of everything below it, in any order.
    fn versions(&self, wanted: &Wanted<'_>) -> Offer;

    /// The names in one snapshot at and below a directory.
    ///
    /// # Errors
    /// When it cannot be listed to the end.
    fn contents(&self, snapshot: &Snapshot, host: &HostName, directory: &TargetPath) -> Result<Listing, String>;
}

/// The snapshots of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshots {
    /// The dated ones, oldest first.
    pub dated: Vec<Snapshot>,
    /// Why others cannot be used.
    pub failed: Vec<String>,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snapshot {
    /// When it was complete, nanoseconds since 1970 UTC.
    pub taken_at: i64,
    /// Its name in the source.
    pub name: String,
}

/// What is asked of a source.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Whose paths.
    pub host: &'a HostName,
    /// Files, links or directories; a directory asks for everything below it.
    pub paths: &'a [TargetPath],
    /// The live tree, if it can be seen from here: to recognise copies that are no copies.
    pub live: Option<&'a LiveRoot>,
    /// Begin of the incident, nanoseconds since 1970 UTC, if it is known. Then the date of a snapshot decides, and a version
    /// that contradicts it is refused; otherwise nothing hangs on the date but the order.
    pub window_start: Option<i64>,
}

/// What a source answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// The versions.
    pub points: Vec<RestorePoint>,
    /// What could not be read, with the reason.
    pub failed: Vec<String>,
    /// How many snapshots were looked at.
    pub snapshots: usize,
}

/// Entries of one snapshot.
pub type Listing = BTreeMap<TargetPath, Held>;

/// An entry of a snapshot, content not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
    /// When its content was last changed, nanoseconds since 1970 UTC.
    pub mtime: i64,
}

/// What the newest snapshot from before the incident holds of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The configured backup source.
    pub source: String,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The directory itself, if it is there, and what is below it.
    pub entries: Listing,
}

/// The sources that can be read.
pub type Sources = Vec<Box<dyn Source>>;

/// Opens the configured sources; those that cannot be opened come with the reason.
pub fn open(backups: &[Backup]) -> (Sources, Vec<(String, String)>) {
    let mut sources = Vec::new();
    let mut failed = Vec::new();
    for backup in backups {
        let opened = match KINDS.iter().find(|kind| kind.name == backup.kind) {
            Some(kind) => (kind.open)(backup),
            None => Err(format!("there is no kind of backup `{}`", backup.kind)),
        };
        match opened {
            Ok(source) => sources.push(source),
            Err(reason) => failed.push((backup.name.clone(), reason)),
        }
    }
    (sources, failed)
}

/// What all sources hold of the paths of a host.
pub fn versions(sources: &[Box<dyn Source>], wanted: &Wanted<'_>) -> RestorePoints {
    let mut all = RestorePoints { window_start: wanted.window_start, ..RestorePoints::default() };
    for source in sources.iter().filter(|source| source.covers(wanted.host)) {
        let offer = source.versions(wanted);
        all.points.extend(offer.points);
        all.failed.extend(offer.failed.into_iter().map(|reason| (source.name().to_owned(), reason)));
        all.snapshots += offer.snapshots;
    }
    all.points.sort_by(|a, b| order(a).cmp(&order(b)));
    // Paths asked for may lie in one another.
    all.points.dedup_by(|a, b| order(a) == order(b));
    all
}

fn order(point: &RestorePoint) -> (&HostName, &TargetPath, i64, &str, &str) {
    (&point.host, &point.path, point.taken_at, &point.source, &point.snapshot)
}

/// What the newest snapshot that was complete before `window_start` holds of a directory, over all sources: what is in
/// here and not in the live tree may have been lost. `None` when there is no such snapshot.
///
/// # Errors
/// When that snapshot cannot be listed to the end.
pub fn contents(
    sources: &[Box<dyn Source>],
    host: &HostName,
    directory: &TargetPath,
    window_start: Option<i64>,
) -> Result<Option<Contents>, String> {
    let covering = sources.iter().filter(|source| source.covers(host));
    let snapshots = covering.flat_map(|source| {
        let dated = source.snapshots().dated.into_iter();
        dated.map(move |snapshot| (snapshot, source))
    });
    let mut candidates: Vec<_> =
        snapshots.filter(|(snapshot, _)| window_start.is_none_or(|start| snapshot.taken_at < start)).collect();
    candidates.sort_by(|a, b| (&b.0, b.1.name()).cmp(&(&a.0, a.1.name())));
    for (snapshot, source) in candidates {
        let entries = source
            .contents(&snapshot, host, directory)
            .map_err(|reason| format!("backup `{}`, snapshot `{}`: {reason}", source.name(), snapshot.name))?;
        // A source that does not back this directory up says nothing about it.
        if !entries.is_empty() {
            return Ok(Some(Contents { source: source.name().to_owned(), snapshot, entries }));
        }
    }
    Ok(None)
}
