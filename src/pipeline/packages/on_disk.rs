//! Packaged files as the disk has them: what is right in memory may be lost there.
//!
//! Every file with a digest is read past the page cache and held against what memory has of it. Where both differ the
//! file becomes a deviation, also one that is right in memory: then its package tells which of the two is.

use super::{Table, deviation, see};
use crate::io::disk::LiveRoot;
use crate::live::compare_with_disk;
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
    (root, io_limit, monitor): (&LiveRoot, Option<u64>, &dyn Monitor),
    scan: &mut Scan,
    table: &Table,
    (found, kept): (&mut Packages, &mut BTreeMap<u32, u32>),
) {
    let differing: BTreeSet<TargetPath> = found.deviations.iter().map(|one| one.path.clone()).collect();
    let mut asked = PathSet::default();
    let mut indexes =
        table.claims.iter().filter(|(_, claim)| claim.digest.is_some()).map(|(index, _)| index).peekable();
    while indexes.peek().is_some() {
        let mut numbers: BTreeMap<TargetPath, u32> = BTreeMap::new();
        let mut in_memory = Vec::new();
        for index in indexes.by_ref() {
            let path = table.claims.path(index);
            if asked.contains(&path) {
                continue;
            }
            asked.insert(path.clone());
            let is_different = differing.contains(&path);
            if let Some(content) = content(root, scan, table, (index, &path, is_different)) {
                numbers.insert(path.clone(), index);
                in_memory.push((path, content));
            }
            if in_memory.len() == BATCH {
                break;
            }
        }
        for (path, on_disk) in compare_with_disk(root, &in_memory, io_limit, monitor) {
            let is_lost = !matches!(on_disk, OnDisk::Unknown(_)) && !differing.contains(&path);
            if let Some(index) = numbers.get(&path).filter(|_| is_lost) {
                deviate(root, scan, table, (found, kept), (*index, &path));
            }
            scan.disk.insert(path, on_disk);
        }
    }
}

/// What memory has of a file: what is claimed of it, unless it deviates. `None` for what is no file.
fn content(
    root: &LiveRoot,
    scan: &Scan,
    table: &Table,
    (index, path, is_different): (u32, &TargetPath, bool),
) -> Option<SeenContent> {
    if is_different {
        return scan.seen(path)?.into_owned().content;
    }
    let is_file = root.look(path).is_ok_and(|seen| seen.is_some_and(|seen| seen.kind == Kind::File));
    is_file.then(|| SeenContent::Read { digests: vec![claimed(table, index)], captured: None, closer: None })
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
