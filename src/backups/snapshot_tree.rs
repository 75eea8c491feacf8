//! Snapshots as directories: plain copies, rsnapshot (`daily.0`, dated by the directory's mtime) and
//! `rsync --link-dest` (dated by name), where unchanged files are hard links.
//!
//! One file in several snapshots (same device and inode) is read once. It is also damaged in all of them at once, and a
//! hard link to the live file is no backup at all; both are said. Links inside a snapshot are never followed: an absolute
//! one would lead out of the backup, to the live file.
//!
//! Dating by mtime is right only for tools that touch the directory when they are done. rsnapshot does
//! (`rsnapshot-program.pl`, `rsnapshot_backup`: "update mtime of $interval.0 to reflect the time this snapshot was
//! taken"); plain `rsync -a` copies the mtime of the source instead.

use super::{Held, Listing, Offer, Snapshot, Snapshots, Source, Wanted, dating};
use crate::io::disk::{Identity, LiveRoot, bytes_of, io_failure};
use crate::io::files;
use crate::model::content::{Algorithm, Digest};
use crate::model::hasher::Hasher;
use crate::model::observation::{Failure, Kind, Seen};
use crate::model::path::TargetPath;
use crate::model::restore::{Backup, Dating, RestorePoint};
use crate::model::unit::HostName;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;

/// A run of zero bytes as long as this is no accident of a format that is otherwise text.
const NUL_RUN: u64 = 16;

/// In nanoseconds.
const SECOND: i64 = 1_000_000_000;

struct SnapshotTree {
    settings: Backup,
    /// The source's directory; the snapshots are in it.
    base: LiveRoot,
    /// The same, as it is known on this machine.
    location: TargetPath,
}

/// A source whose snapshots are directories.
///
/// # Errors
/// When the directory is not there.
pub fn open(backup: &Backup) -> Result<Box<dyn Source>, String> {
    let path = files::canonical(&backup.path).map_err(|error| error.to_string())?;
    let location = TargetPath::new(bytes_of(path.clone()));
    let base = LiveRoot::open(path).map_err(|failure| failure.text)?;
    Ok(Box::new(SnapshotTree { settings: backup.clone(), base, location }))
}

impl Source for SnapshotTree {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn covers(&self, host: &HostName) -> bool {
        self.settings.hosts.is_empty() || self.settings.hosts.contains(host)
    }

    fn snapshots(&self) -> Snapshots {
        let mut snapshots = Snapshots::default();
        let names = match self.base.list(&TargetPath::root()) {
            Ok(names) => names,
            Err(failure) => {
                snapshots.failed.push(format!("`{}` cannot be listed: {}", self.location, failure.text));
                return snapshots;
            }
        };
        for name in names.into_iter().filter(|name| !is_no_snapshot(name)) {
            let shown = String::from_utf8_lossy(&name).into_owned();
            match self.date(&name) {
                Ok(Some(taken_at)) => snapshots.dated.push(Snapshot { taken_at, name: shown }),
                Ok(None) => {}
                Err(reason) => snapshots.failed.push(format!("snapshot `{shown}`: {reason}")),
            }
        }
        snapshots.dated.sort();
        snapshots
    }

    fn versions(&self, wanted: &Wanted<'_>) -> Offer {
        let snapshots = self.snapshots();
        let mut reader = VersionReader {
            tree: self,
            wanted,
            contents: HashMap::new(),
            live: HashMap::new(),
            found: Vec::new(),
            failed: snapshots.failed,
        };
        for snapshot in &snapshots.dated {
            for path in wanted.paths {
                reader.read(snapshot, path);
            }
        }
        refuse_zeroed(&mut reader.found);
        let points = reader.found.into_iter().map(|found| found.point).collect();
        reader.failed.sort();
        reader.failed.dedup();
        Offer { points, failed: reader.failed, snapshots: snapshots.dated.len() }
    }

    fn contents(&self, snapshot: &Snapshot, host: &HostName, directory: &TargetPath) -> Result<Listing, String> {
        let mut entries = Listing::new();
        let mut problem = None;
        let walk = self.walk(snapshot, host, directory, &mut |path, _, seen| match seen {
            Ok(seen) => {
                let held = Held { kind: seen.kind, mode: seen.mode, size: seen.size, mtime: seen.mtime };
                entries.insert(path, held);
            }
            Err(failure) => {
                problem.get_or_insert_with(|| format!("`{path}` cannot be read: {}", failure.text));
            }
        });
        walk.and(problem.map_or(Ok(entries), Err))
    }
}

/// What lies beside the snapshots: hidden names (rsnapshot's `.sync`, unfinished copies), what rsnapshot is deleting.
fn is_no_snapshot(name: &[u8]) -> bool {
    name.starts_with(b".")
        || name.starts_with(b"_delete.")
        || name == b"lost+found"
        || std::str::from_utf8(name).is_err()
}

/// rsnapshot sets whole seconds (`utime` in Perl), so files it has just copied can look younger than the snapshot.
fn end_of_second(time: i64) -> i64 {
    if time % SECOND == 0 { time.saturating_add(SECOND) } else { time }
}

type Visit<'v> = dyn FnMut(TargetPath, &TargetPath, Result<Seen, Failure>) + 'v;

impl SnapshotTree {
    /// When the snapshot in this directory was complete; `None` if it is none.
    fn date(&self, name: &[u8]) -> Result<Option<i64>, String> {
        let seen = self.base.look(&TargetPath::root().join(name)).map_err(|failure| failure.text)?;
        // A link such as `latest` names a snapshot a second time.
        let Some(seen) = seen.filter(|seen| seen.kind == Kind::Directory) else { return Ok(None) };
        match &self.settings.time {
            Dating::Mtime => Ok(Some(end_of_second(seen.mtime))),
            Dating::Name { format, zone } => {
                let name = String::from_utf8_lossy(name);
                let begun = dating::begun(&name, format.as_deref(), zone)?;
                Ok(Some(begun.saturating_add(self.settings.duration)))
            }
        }
    }

    /// Where the host's `/` is, seen from the source's directory.
    fn top(&self, snapshot: &Snapshot, host: &HostName) -> TargetPath {
        let prefix = self.settings.prefix.replace("{host}", &host.0);
        TargetPath::root().join(&snapshot.name).join(prefix.trim_start_matches('/'))
    }

    /// Visits what a snapshot holds at and below a path, with the target's path, the place below the source's directory
    /// and what is there or why that cannot be said. Nothing is visited when the snapshot does not have the path.
    fn walk(
        &self,
        snapshot: &Snapshot,
        host: &HostName,
        path: &TargetPath,
        visit: &mut Visit<'_>,
    ) -> Result<(), String> {
        let top = self.top(snapshot, host);
        let place_of = |path: &TargetPath| top.join(&path.as_bytes()[1..]);
        let mut above: Vec<TargetPath> = place_of(path).ancestors().skip(1).collect();
        above.pop();
        for place in above.iter().rev() {
            match self.base.look(place) {
                Ok(Some(seen)) if seen.kind == Kind::Directory => {}
                Ok(Some(seen)) if seen.kind == Kind::Link => {
                    return Err(format!("`{place}` is a symbolic link, which is not followed"));
                }
                Ok(_) => return Ok(()),
                Err(failure) => return Err(format!("`{place}` cannot be looked at: {}", failure.text)),
            }
        }
        let mut open = vec![path.clone()];
        while let Some(path) = open.pop() {
            let place = place_of(&path);
            let seen = match self.base.look(&place) {
                Ok(None) => continue,
                Ok(Some(seen)) => Ok(seen),
                Err(failure) => Err(failure),
            };
            let is_directory = seen.as_ref().is_ok_and(|seen| seen.kind == Kind::Directory);
            if !is_directory {
                visit(path, &place, seen);
                continue;
            }
            match self.base.list(&place) {
                Ok(names) => {
                    open.extend(names.iter().map(|name| path.join(name)));
                    visit(path, &place, seen);
                }
                Err(failure) => visit(path, &place, Err(failure)),
            }
        }
        Ok(())
    }
}

/// What one inode holds.
#[derive(Clone)]
struct Content {
    digest: Digest,
    /// The longest run of zero bytes.
    zeros: u64,
    /// Length in bytes, as read.
    length: u64,
}

struct Found {
    point: RestorePoint,
    content: Option<Content>,
}

struct VersionReader<'a> {
    tree: &'a SnapshotTree,
    wanted: &'a Wanted<'a>,
    contents: HashMap<Identity, Result<Content, Failure>>,
    live: HashMap<TargetPath, Option<Identity>>,
    found: Vec<Found>,
    failed: Vec<String>,
}

impl VersionReader<'_> {
    fn read(&mut self, snapshot: &Snapshot, path: &TargetPath) {
        let tree = self.tree;
        let host = self.wanted.host;
        let walk = tree.walk(snapshot, host, path, &mut |path, place, seen| self.add(snapshot, path, place, seen));
        if let Err(reason) = walk {
            self.failed.push(format!("snapshot `{}`: {reason}", snapshot.name));
        }
    }

    fn add(&mut self, snapshot: &Snapshot, path: TargetPath, place: &TargetPath, seen: Result<Seen, Failure>) {
        let location = self.tree.location.join(&place.as_bytes()[1..]);
        let seen = match seen {
            Ok(seen) => seen,
            Err(failure) => {
                let shown = format!("snapshot `{}`: `{path}` cannot be read: {}", snapshot.name, failure.text);
                self.failed.push(shown);
                return;
            }
        };
        let mut point = RestorePoint {
            host: self.wanted.host.clone(),
            path,
            source: self.tree.settings.name.clone(),
            snapshot: snapshot.name.clone(),
            taken_at: snapshot.taken_at,
            kind: seen.kind,
            mode: seen.mode,
            size: seen.size,
            mtime: seen.mtime,
            digest: None,
            target: seen.target.clone(),
            location,
            refused: None,
        };
        let content = match self.examine(&point.path, place, &seen, snapshot) {
            Ok(content) => content,
            Err((reason, content)) => {
                point.refused = Some(reason);
                content
            }
        };
        point.digest = content.as_ref().map(|content| content.digest.clone());
        self.found.push(Found { point, content });
    }

    /// The content of a version, or why it must not be used.
    fn examine(
        &mut self,
        path: &TargetPath,
        place: &TargetPath,
        seen: &Seen,
        snapshot: &Snapshot,
    ) -> Result<Option<Content>, (String, Option<Content>)> {
        let identity = match self.tree.base.identity(place) {
            Ok(Some(identity)) => identity,
            Ok(None) => return Err(("it vanished while it was looked at".into(), None)),
            Err(failure) => return Err((unreadable(&failure), None)),
        };
        let content = match seen.kind {
            Kind::File => Some(self.content(identity, place).map_err(|failure| (unreadable(&failure), None))?),
            Kind::Directory | Kind::Link | Kind::Fifo | Kind::Socket | Kind::Device => None,
        };
        if self.live_identity(path) == Some(identity) {
            let reason = "it is the live file itself (a hard link or the same directory), not a copy";
            return Err((reason.into(), content));
        }
        if content.as_ref().is_some_and(|content| content.length != seen.size) {
            return Err(("its length changed while it was read".into(), content));
        }
        // Only a time that was not set by hand into the future tells when the bytes were written.
        let dated_wrongly = seen.kind == Kind::File && seen.mtime > snapshot.taken_at && seen.mtime <= seen.ctime;
        if dated_wrongly && self.wanted.window_start.is_some() {
            let reason = "it was changed after the snapshot was complete: the snapshot's date is wrong (is `duration` \
                          set?), or the backup was written to";
            return Err((reason.into(), content));
        }
        Ok(content)
    }

    fn live_identity(&mut self, path: &TargetPath) -> Option<Identity> {
        let live = self.wanted.live?;
        // When the live side will not tell, it also shares no inode that could be read.
        *self.live.entry(path.clone()).or_insert_with_key(|path| live.identity(path).unwrap_or(None))
    }

    fn content(&mut self, identity: Identity, place: &TargetPath) -> Result<Content, Failure> {
        let base = &self.tree.base;
        self.contents.entry(identity).or_insert_with(|| read_content(base, place)).clone()
    }
}

fn unreadable(failure: &Failure) -> String {
    format!("it cannot be read: {}", failure.text)
}

fn read_content(base: &LiveRoot, place: &TargetPath) -> Result<Content, Failure> {
    let mut file = base.open_file(place)?;
    let mut hasher = Hasher::new(Algorithm::Sha256, 0);
    let mut buffer = vec![0; 256 << 10];
    let (mut zeros, mut run, mut length) = (0, 0, 0_u64);
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(io_failure(&error)),
        };
        let bytes = &buffer[..count];
        hasher.update(bytes);
        length += bytes.len() as u64;
        count_zeros(bytes, &mut run, &mut zeros);
    }
    Ok(Content { digest: hasher.finish(), zeros, length })
}

/// Follows the current and the longest run of zero bytes.
fn count_zeros(mut bytes: &[u8], run: &mut u64, longest: &mut u64) {
    while !bytes.is_empty() {
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        *run += zeros as u64;
        *longest = (*longest).max(*run);
        bytes = &bytes[zeros..];
        if !bytes.is_empty() {
            *run = 0;
            bytes = &bytes[memchr::memchr(0, bytes).unwrap_or(bytes.len())..];
        }
    }
}

/// Refuses versions that hold zeros where another version of the same path has none: a lost write in the backup.
fn refuse_zeroed(found: &mut [Found]) {
    let mut clean: BTreeMap<TargetPath, String> = BTreeMap::new();
    let mut filled: BTreeMap<TargetPath, String> = BTreeMap::new();
    for Found { point, content } in found.iter() {
        let Some(content) = content else { continue };
        if content.length > 0 && content.zeros == 0 {
            clean.entry(point.path.clone()).or_insert_with(|| point.snapshot.clone());
        }
        if content.zeros < content.length {
            filled.entry(point.path.clone()).or_insert_with(|| point.snapshot.clone());
        }
    }
    for Found { point, content } in found {
        let Some(content) = content else { continue };
        if point.refused.is_some() || content.zeros == 0 {
            continue;
        }
        let all_zero = content.zeros == content.length;
        if let Some(other) = clean.get(&point.path).filter(|_| all_zero || content.zeros >= NUL_RUN) {
            let zeros = content.zeros;
            point.refused = Some(format!("it holds a run of {zeros} zero bytes where snapshot `{other}` has none"));
        } else if let Some(other) = filled.get(&point.path).filter(|_| all_zero) {
            point.refused = Some(format!("it is all zero bytes, which snapshot `{other}` is not"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_longest_run_of_zeros_does_not_depend_on_how_reads_fall(
            bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(0u8), Just(7u8)], 0..60),
            cut in 0..60usize,
        ) {
            let cut = cut.min(bytes.len());
            let (mut run, mut longest) = (0, 0);
            count_zeros(&bytes[..cut], &mut run, &mut longest);
            count_zeros(&bytes[cut..], &mut run, &mut longest);
            let expected = bytes.split(|&byte| byte != 0).map(<[u8]>::len).max().unwrap_or(0);
            prop_assert_eq!(longest, expected as u64);
        }
    }
}
