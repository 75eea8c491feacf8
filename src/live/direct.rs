//! Reading past the page cache: what the disk holds, and where memory holds something else.
//!
//! Takes the files of a scan; gives contents as the disk has them, or a note on each file whose content in memory is not
//! known to be that of the disk. Deliberately not here: which of the two is right, and evicting anything.

use super::digest::FileToRead;
use super::journal::{Journal, split};
use super::{Asked, Way};
use crate::io::disk::{LiveRoot, look_at};
use crate::io::page_cache::{Buffer, Direct, read_direct};
use crate::model::content::Digest;
use crate::model::hasher::Hasher;
use crate::model::observation::{BLOCK, Failure, OnDisk, ReadMode, SeenContent};
use crate::model::path::TargetPath;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io::Read;

/// How many files are read at the same time: a disk that is asked one thing after the other is idle most of the time
/// (measured on virtio: 3 times as fast with 8 to 32).
const AT_ONCE: usize = 32;

/// How much is read through memory before it is compared with the disk, in bytes, where a journal is kept: what an
/// interruption loses at most, unless one file is larger.
const BATCH: u64 = 1 << 30;

/// What a file costs besides its content, in bytes: so that empty ones fill a batch, too.
const EACH: u64 = 4096;

/// What came of reading files.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The content of each.
    pub(super) files: Vec<(TargetPath, SeenContent)>,
    /// See [`crate::model::observation::Scan::disk`].
    pub(super) disk: BTreeMap<TargetPath, OnDisk>,
}

/// Reads all files in a mode.
pub(super) fn read_all(way: Way<'_>, files: Vec<FileToRead>, asked: &Asked<'_>) -> Contents {
    match asked.read {
        ReadMode::Cached => {
            let files = super::digest::read_all(way, files, asked.journal);
            Contents { files, ..Contents::default() }
        }
        ReadMode::Direct => from_disk(way, files, asked.journal),
        ReadMode::Both => match asked.journal {
            None => both(way, files),
            Some(journal) => both_with(journal, way, files),
        },
    }
}

/// Reads through memory, then what the disk has.
fn both(way: Way<'_>, files: Vec<FileToRead>) -> Contents {
    let in_memory = super::digest::read_all(way, files, None);
    let disk = compare(way, &in_memory);
    Contents { files: in_memory, disk }
}

/// Reads both ways what a journal does not know, and notes where both agree. Where they do not, or where the disk was not
/// asked, nothing is noted: what memory has is gone with the next boot, so only looking again tells whether it is there.
fn both_with(journal: &dyn Journal, way: Way<'_>, files: Vec<FileToRead>) -> Contents {
    let (known, files) = split(journal, files);
    let mut contents = Contents { files: known, ..Contents::default() };
    for batch in batches(files) {
        let Contents { files, disk } = both(way, batch.clone());
        let agreed: BTreeMap<&TargetPath, &SeenContent> =
            files.iter().filter(|(path, _)| !disk.contains_key(path)).map(|(path, content)| (path, content)).collect();
        for file in &batch {
            if let Some(content) = agreed.get(&file.path) {
                journal.note(file.stamp(), content);
            }
        }
        contents.files.extend(files);
        contents.disk.extend(disk);
    }
    contents
}

/// Parts of about [`BATCH`] bytes, in the same order.
fn batches(files: Vec<FileToRead>) -> Vec<Vec<FileToRead>> {
    let mut batches: Vec<Vec<FileToRead>> = Vec::new();
    let mut room = 0_u64;
    for file in files {
        let cost = file.size.saturating_add(EACH);
        match batches.last_mut() {
            Some(batch) if room >= cost => batch.push(file),
            _ => {
                room = BATCH;
                batches.push(vec![file]);
            }
        }
        room = room.saturating_sub(cost);
    }
    batches
}

/// The disk is slow to answer, not busy: more threads than processors, unless somebody said how many there may be. Then we
/// are in a pool of that many already.
fn at_once<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_some() {
        return work();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(AT_ONCE.max(rayon::current_num_threads())).build();
    match pool {
        Ok(pool) => pool.install(work),
        // No more threads to be had: then with those that there are.
        Err(_) => work(),
    }
}

/// Reads what the disk has; where that is not possible what memory has, which is then said, and not noted: the next scan
/// asks the disk again.
fn from_disk(way: Way<'_>, files: Vec<FileToRead>, journal: Option<&dyn Journal>) -> Contents {
    let (known, mut files) = match journal {
        Some(journal) => split(journal, files),
        None => (Vec::new(), files),
    };
    files.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    let read: Vec<(FileToRead, Result<SeenContent, String>)> = at_once(|| {
        let one = |buffer: &mut Buffer, file: FileToRead| {
            let content = from_disk_one(way, &file, buffer);
            if let (Some(journal), Ok(content)) = (journal, &content) {
                journal.note(file.stamp(), content);
            }
            way.monitor.advance(file.size);
            (file, content)
        };
        files.into_par_iter().map_init(Buffer::default, one).collect()
    });
    let mut contents = Contents { files: known, ..Contents::default() };
    let mut refused = Vec::new();
    for (file, content) in read {
        match content {
            Ok(content) => contents.files.push((file.path, content)),
            Err(reason) => {
                contents.disk.insert(file.path.clone(), OnDisk::Unknown(reason));
                refused.push(file);
            }
        }
    }
    contents.files.extend(super::digest::read_all(Way { monitor: &crate::monitor::Silent, ..way }, refused, None));
    contents
}

/// `Err` with the reason when the disk cannot be asked.
fn from_disk_one(way: Way<'_>, wanted: &FileToRead, buffer: &mut Buffer) -> Result<SeenContent, String> {
    let mut hashers: Vec<Hasher> =
        wanted.algorithms.iter().map(|algorithm| Hasher::new(algorithm, wanted.size)).collect();
    let mut captured = wanted.capture.then(|| super::engine::reading::room_for(wanted.size));
    let result = read_direct(way.root, &wanted.path, buffer, &mut |bytes| {
        way.pass(bytes);
        for hasher in &mut hashers {
            hasher.update(bytes);
        }
        if let Some(captured) = &mut captured {
            captured.extend_from_slice(bytes);
        }
    });
    match result {
        Ok(Direct::Whole(length)) if length == wanted.size => {
            let digests = hashers.into_iter().map(Hasher::finish).collect();
            Ok(super::engine::reading::content(wanted.path.name(), digests, captured))
        }
        Ok(Direct::Whole(_)) => {
            Ok(SeenContent::Failed(Failure { errno: 0, text: "it changed while it was read".into() }))
        }
        Ok(Direct::Refused(reason)) => Err(reason),
        Err(failure) => Ok(SeenContent::Failed(failure)),
    }
}

/// Holds what memory has against what the disk has.
pub(super) fn compare(way: Way<'_>, in_memory: &[(TargetPath, SeenContent)]) -> BTreeMap<TargetPath, OnDisk> {
    way.monitor.begin("reading past the page cache", Some(in_memory.len() as u64));
    let one = |buffer: &mut Buffer, (path, content): &(TargetPath, SeenContent)| {
        way.monitor.advance(1);
        let SeenContent::Read { digests, .. } = content else { return None };
        Some((path.clone(), compare_one(way, path, digests, buffer)?))
    };
    let found = at_once(|| in_memory.par_iter().map_init(Buffer::default, one).flatten().collect());
    way.monitor.end();
    found
}

/// `None` where both agree.
fn compare_one(way: Way<'_>, path: &TargetPath, digests: &[Digest], buffer: &mut Buffer) -> Option<OnDisk> {
    let root = way.root;
    // A file that is written to between the two readings differs for that reason: then both are read again.
    for _ in 0..2 {
        let before = root.open_file(path).and_then(|file| look_at(&file)).ok();
        let size = before.as_ref().map_or(0, |seen| seen.size);
        let mut hashers: Vec<Hasher> = digests.iter().map(|digest| Hasher::new(digest.algorithm, size)).collect();
        let result = read_direct(root, path, buffer, &mut |bytes| {
            way.pass(bytes);
            for hasher in &mut hashers {
                hasher.update(bytes);
            }
        });
        match result {
            Ok(Direct::Refused(reason)) => return Some(OnDisk::Unknown(reason)),
            Err(failure) if failure.is_damage() => return Some(OnDisk::Failed(failure)),
            Err(failure) => return Some(OnDisk::Unknown(failure.text)),
            Ok(Direct::Whole(_)) => {}
        }
        let on_disk: Vec<Digest> = hashers.into_iter().map(Hasher::finish).collect();
        if on_disk == digests {
            return None;
        }
        let blocks = differing_blocks(root, path, buffer).unwrap_or_default();
        let after = root.open_file(path).and_then(|file| look_at(&file)).ok();
        if before == after && !blocks.is_empty() {
            return Some(OnDisk::Other { digests: on_disk, blocks });
        }
    }
    Some(OnDisk::Unknown("it changed while it was read".to_owned()))
}

/// The runs of blocks in which memory and disk differ.
fn differing_blocks(root: &LiveRoot, path: &TargetPath, buffer: &mut Buffer) -> Result<Vec<(u64, u64)>, Failure> {
    let mut file = root.open_file(path)?;
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut at = 0_u64;
    let mut memory = Vec::new();
    read_direct(root, path, buffer, &mut |disk| {
        memory.clear();
        let length = disk.len() as u64;
        if file.by_ref().take(length).read_to_end(&mut memory).is_err() {
            memory.clear();
        }
        let block = usize::try_from(BLOCK).expect("4096 fits");
        for (index, one) in disk.chunks(block).enumerate() {
            let start = index * block;
            let same = memory.get(start..(start + block).min(memory.len())).is_some_and(|other| other == one);
            if !same {
                note(&mut runs, at + index as u64);
            }
        }
        at += length.div_ceil(BLOCK);
    })?;
    Ok(runs)
}

fn note(runs: &mut Vec<(u64, u64)>, block: u64) {
    match runs.last_mut() {
        Some((start, len)) if *start + *len == block => *len += 1,
        _ => runs.push((block, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::engine::Algorithms;

    fn file(number: usize, size: u64) -> FileToRead {
        let path = TargetPath::new(format!("/srv/{number}").as_str());
        FileToRead { path, size, mtime: 0, ctime: 0, algorithms: Algorithms::default(), capture: false }
    }

    #[test]
    fn a_disk_is_asked_by_many_threads_unless_somebody_says_how_many() {
        assert!(at_once(rayon::current_num_threads) >= AT_ONCE);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
        assert_eq!(pool.install(|| at_once(rayon::current_num_threads)), 2);
    }

    #[test]
    fn batches_have_every_file_once_in_its_order_and_none_is_larger_than_it_must_be() {
        let sizes = [BATCH / 2, BATCH / 2, 3 * BATCH, 0, BATCH - 2 * EACH, 1, u64::MAX, 0];
        let files = sizes.into_iter().enumerate().map(|(number, size)| file(number, size)).collect();
        let batches = batches(files);
        let numbers: Vec<Vec<u64>> = batches.iter().map(|batch| batch.iter().map(|file| file.size).collect()).collect();
        let half = BATCH / 2;
        let expected =
            [vec![half], vec![half], vec![3 * BATCH], vec![0, BATCH - 2 * EACH], vec![1], vec![u64::MAX], vec![0]];
        assert_eq!(numbers, expected);
        let many = (0..600_000).map(|number| file(number, 0)).collect();
        assert_eq!(super::batches(many).iter().map(Vec::len).collect::<Vec<_>>(), [262_144, 262_144, 75_712]);
    }
}
