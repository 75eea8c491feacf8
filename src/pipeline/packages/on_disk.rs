//! Packaged files as the disk has them: what is right in memory may be lost there.
//!
//! Every file with a digest is read past the page cache and held against what memory has of it. Where both differ the
//! file becomes a deviation, also one that is right in memory: then its package tells which of the two is. Where a journal
//! is kept, it gets what is right in both, and that is not read from the disk again.

use super::{Table, deviation, see};
use crate::io::disk::LiveRoot;
use crate::live::compare_with_disk;
use crate::live::journal::{Journal, Stamp};
use crate::live::verify::Options;
use crate::model::content::Digest;
use crate::model::observation::{Kind, OnDisk, Scan, SeenContent, Sighting};
use crate::model::package::Packages;
use crate::model::path::TargetPath;
use crate::model::path_set::PathSet;
use crate::monitor::Monitor;
use std::collections::{BTreeMap, BTreeSet};

/// So many files are compared together.
const BATCH: usize = 1 << 14;

/// Adds to the scan which packaged files differ between memory and disk, or cannot be read from the disk.
pub(super) fn add(
    (root, options, monitor): (&LiveRoot, &Options<'_>, &dyn Monitor),
    scan: &mut Scan,
    table: &Table,
    (found, kept): (&mut Packages, &mut BTreeMap<u32, u32>),
) {
    let differing: BTreeSet<TargetPath> = found.deviations.iter().map(|one| one.path.clone()).collect();
    let mut asked = PathSet::default();
    let mut indexes =
        table.claims.iter().filter(|(_, claim)| claim.digest.is_some()).map(|(index, _)| index).peekable();
    while indexes.peek().is_some() {
        let mut numbers: BTreeMap<TargetPath, (u32, Option<OwnedStamp>)> = BTreeMap::new();
        let mut in_memory = Vec::new();
        for index in indexes.by_ref() {
            let path = table.claims.path(index);
            if asked.contains(&path) {
                continue;
            }
            asked.insert(path.clone());
            let content = if differing.contains(&path) {
                scan.seen(&path).and_then(|seen| seen.into_owned().content).map(|content| (content, None))
            } else {
                let right = Right { digest: claimed(table, index), journal: options.journal };
                right.unless_noted(root, &path).map(|(content, stamp)| (content, Some(stamp)))
            };
            if let Some((content, stamp)) = content {
                numbers.insert(path.clone(), (index, stamp));
                in_memory.push((path, content));
            }
            if in_memory.len() == BATCH {
                break;
            }
        }
        let differ = compare_with_disk(root, &in_memory, options.io_limit, monitor);
        for (path, content) in in_memory.iter().filter(|(path, _)| !differ.contains_key(path)) {
            if let (Some(journal), Some((_, Some(stamp)))) = (options.journal, numbers.get(path)) {
                journal.note(stamp.of(path), content);
            }
        }
        for (path, on_disk) in differ {
            let is_lost = !matches!(on_disk, OnDisk::Unknown(_)) && !differing.contains(&path);
            if let Some((index, _)) = numbers.get(&path).filter(|_| is_lost) {
                deviate(root, scan, table, (found, kept), (*index, &path));
            }
            scan.disk.insert(path, on_disk);
        }
    }
}

/// A file that is right in memory, and where that it is right on the disk, too, was noted before.
struct Right<'a> {
    digest: Digest,
    journal: Option<&'a dyn Journal>,
}

/// A [`Stamp`] without its path: its size, and when its content and its inode were changed last.
#[derive(Clone, Copy)]
struct OwnedStamp {
    size: u64,
    mtime: i64,
    ctime: i64,
}

impl OwnedStamp {
    fn of(self, path: &TargetPath) -> Stamp<'_> {
        let Self { size, mtime, ctime } = self;
        Stamp { path, size, mtime, ctime }
    }
}

impl Right<'_> {
    /// What memory has of it, to be compared with the disk; `None` for what is no file, and for what was right there when the
    /// journal was written.
    fn unless_noted(self, root: &LiveRoot, path: &TargetPath) -> Option<(SeenContent, OwnedStamp)> {
        let seen = root.look(path).ok()?.filter(|seen| seen.kind == Kind::File)?;
        let stamp = OwnedStamp { size: seen.size, mtime: seen.mtime, ctime: seen.ctime };
        let known = self.journal.and_then(|journal| journal.known(stamp.of(path)));
        if matches!(known, Some(SeenContent::Read { digests, .. }) if digests.contains(&self.digest)) {
            return None;
        }
        Some((SeenContent::Read { digests: vec![self.digest], captured: None, closer: None }, stamp))
    }
}

fn claimed(table: &Table, index: u32) -> Digest {
    let (algorithm, bytes) = table.claims.get(index).digest.expect("only claims with a digest are asked");
    Digest { algorithm, bytes: bytes.into() }
}

/// Makes a file that is right in memory one that is judged.
fn deviate(
    root: &LiveRoot,
    scan: &mut Scan,
    table: &Table,
    (found, kept): (&mut Packages, &mut BTreeMap<u32, u32>),
    (index, path): (u32, &TargetPath),
) {
    let Ok(Some(mut seen)) = root.look(path) else { return };
    seen.content = Some(SeenContent::Read { digests: vec![claimed(table, index)], captured: None, closer: None });
    let claim = table.claims.get(index);
    let package = *kept.entry(claim.unit).or_insert_with(|| table.keep(claim.unit, &mut found.packages));
    found.deviations.push(deviation(path.clone(), &claim, package));
    found.intact = found.intact.saturating_sub(1);
    see(scan, path.clone(), Sighting::Present(Box::new(seen)));
}
