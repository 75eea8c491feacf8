//! The second stage: the content of files. First all files are read for the digests that are claimed of them; then
//! the few that deviate are read for the digests by which the diagnosis knows files.

use super::stat::{self, Suspect, ToRead};
use super::{Job, Outcome};
use crate::live::engine::{self, Algorithms, Files, Task};
use crate::live::journal::{Journal, Stamp};
use crate::model::claims::Claim;
use crate::model::content::Algorithm;
use crate::model::observation::{Kind, Seen, SeenContent, Sighting};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The digests by which the diagnosis knows files.
const TELLING: [Algorithm; 2] = [Algorithm::Md5, Algorithm::Sha256];

/// A file whose content is not as claimed.
#[derive(Debug)]
pub(super) struct Wrong {
    place: u32,
    content: SeenContent,
}

/// Whether a claim is not true of what was read, or nothing can be said about it.
fn differs(claim: &Claim<'_>, content: &SeenContent) -> bool {
    let Some((algorithm, claimed)) = claim.digest else { return false };
    match content {
        SeenContent::Failed(_) => true,
        SeenContent::Read { digests, .. } => {
            !digests.iter().any(|digest| digest.algorithm == algorithm && *digest.bytes == *claimed)
        }
    }
}

/// The file at a place, its inode and the wanted digests aside.
fn task<'a>(job: &'a Job<'_>, place: u32) -> Task<'a> {
    let claim = job.order.first_at(place as usize);
    Task {
        directory: job.claims.directory_path(job.claims.directory(claim)),
        name: job.claims.name(claim),
        size: 0,
        mtime: 0,
        algorithms: Algorithms::default(),
        capture: false,
        watched: false,
    }
}

/// Files that are read for what is claimed of them.
struct Comparing<'a> {
    job: &'a Job<'a>,
    files: &'a [ToRead],
    /// Where a journal is kept: when each was changed last, its content and its inode.
    times: Vec<(i64, i64)>,
    intact: AtomicU64,
    wrong: Mutex<Vec<Wrong>>,
}

impl Comparing<'_> {
    /// Holds a content against what is claimed.
    fn judge(&self, index: usize, content: SeenContent) {
        let place = self.files[index].place;
        let claims = self.job.order.path_at(self.job.claims, place as usize);
        if claims.iter().any(|&index| differs(&self.job.claims.get(index), &content)) {
            self.wrong.lock().expect("no thread panics while it adds").push(Wrong { place, content });
        } else {
            self.intact.fetch_add(claims.len() as u64, Ordering::Relaxed);
        }
    }
}

impl Files for Comparing<'_> {
    fn count(&self) -> usize {
        self.files.len()
    }

    fn task(&self, index: usize) -> Task<'_> {
        let file = self.files[index];
        let task = Task { size: file.size, algorithms: file.algorithms, ..task(self.job, file.place) };
        match self.times.get(index) {
            // What is noted has to be of the file that was looked at.
            Some((mtime, _)) => Task { mtime: *mtime, watched: true, ..task },
            None => task,
        }
    }

    fn done(&self, index: usize, content: SeenContent) {
        if let (Some(journal), Some((mtime, ctime))) = (self.job.journal, self.times.get(index)) {
            let ToRead { size, place, .. } = self.files[index];
            let path = self.job.claims.path(self.job.order.first_at(place as usize));
            journal.note(Stamp { path: &path, size, mtime: *mtime, ctime: *ctime }, &content);
        }
        self.judge(index, content);
    }
}

/// Files by what a journal knows of them.
#[derive(Default)]
struct Parted {
    /// Those that were read before, and their contents.
    before: Vec<ToRead>,
    contents: Vec<SeenContent>,
    /// The others, and when each was changed last, its content and its inode.
    others: Vec<ToRead>,
    times: Vec<(i64, i64)>,
}

fn split(job: &Job<'_>, files: &[ToRead], journal: &dyn Journal) -> Parted {
    let mut parted = Parted::default();
    for file in files {
        let claim = job.order.first_at(file.place as usize);
        let path = job.claims.path(claim);
        // What cannot be looked at any more is found out by whoever reads it.
        let seen = match stat::sighting(job, claim) {
            Sighting::Present(seen) => *seen,
            Sighting::Absent | Sighting::Unseen(_) => Seen::new(Kind::File),
        };
        let stamp = Stamp { path: &path, size: file.size, mtime: seen.mtime, ctime: seen.ctime };
        let known = journal.known(stamp).filter(|content| seen.size == file.size && has(content, file.algorithms));
        if let Some(content) = known {
            parted.before.push(*file);
            parted.contents.push(content);
        } else {
            parted.others.push(*file);
            parted.times.push((seen.mtime, seen.ctime));
        }
    }
    parted
}

/// Whether a content was digested by all of these algorithms.
fn has(content: &SeenContent, algorithms: Algorithms) -> bool {
    match content {
        SeenContent::Read { digests, .. } => {
            algorithms.iter().all(|wanted| digests.iter().any(|digest| digest.algorithm == wanted))
        }
        SeenContent::Failed(_) => false,
    }
}

/// Reads files for what is claimed of them, and gives those of which some claim does not hold.
pub(super) fn compare(job: &Job<'_>, files: &[ToRead], outcome: &mut Outcome) -> Vec<Wrong> {
    let parted = job.journal.map(|journal| split(job, files, journal));
    let Parted { before, contents, others, times } = parted.unwrap_or_default();
    let judging = comparing(job, &before, Vec::new());
    contents.into_iter().enumerate().for_each(|(index, content)| judging.judge(index, content));
    outcome.intact += judging.intact.into_inner();
    let mut wrong = judging.wrong.into_inner().expect("no thread panics while it adds");
    let files = if job.journal.is_some() { &others } else { files };
    let total = files.iter().map(|file| file.size).sum();
    job.monitor.begin_bytes("reading files", total);
    let comparing = comparing(job, files, times);
    outcome.bytes += engine::read_all(job.root, &comparing, job.pace, job.monitor);
    outcome.intact += comparing.intact.into_inner();
    job.monitor.end();
    wrong.append(&mut comparing.wrong.into_inner().expect("no thread panics while it adds"));
    wrong
}

fn comparing<'a>(job: &'a Job<'a>, files: &'a [ToRead], times: Vec<(i64, i64)>) -> Comparing<'a> {
    Comparing { job, files, times, intact: AtomicU64::new(0), wrong: Mutex::new(Vec::new()) }
}

/// Looks again at a file whose content is not as claimed. One that can be read is to be examined; all others are done.
pub(super) fn look_again(job: &Job<'_>, wrong: Wrong, outcome: &mut Outcome) -> Option<Suspect> {
    let claims = job.order.path_at(job.claims, wrong.place as usize);
    let claim = |index: u32| job.claims.get(index);
    let mut seen = match stat::sighting(job, claims[0]) {
        Sighting::Present(seen) => seen,
        sighting @ (Sighting::Absent | Sighting::Unseen(_)) => {
            outcome.add(claims, &sighting, |_| true);
            return None;
        }
    };
    match wrong.content {
        SeenContent::Read { .. } if seen.kind == Kind::File => return Some(Suspect { place: wrong.place, seen }),
        // What could not be read is not read again: that may take a damaged disk minutes.
        content @ SeenContent::Failed(_) if seen.kind == Kind::File => seen.content = Some(content),
        SeenContent::Read { .. } | SeenContent::Failed(_) => {}
    }
    let sighting = Sighting::Present(seen.clone());
    let unread = |index: u32| seen.content.as_ref().is_some_and(|content| differs(&claim(index), content));
    outcome.add(claims, &sighting, |index| job.deviates(&claim(index), &seen) || unread(index));
    None
}

/// Files that are read to know them.
struct Examining<'a> {
    job: &'a Job<'a>,
    files: &'a [Suspect],
    read: Mutex<Vec<(usize, SeenContent)>>,
}

impl Files for Examining<'_> {
    fn count(&self) -> usize {
        self.files.len()
    }

    fn task(&self, index: usize) -> Task<'_> {
        let Suspect { place, seen } = &self.files[index];
        let claimed = self.job.algorithms(self.job.order.path_at(self.job.claims, *place as usize));
        let algorithms = TELLING.into_iter().fold(claimed, Algorithms::with);
        Task { size: seen.size, mtime: seen.mtime, algorithms, watched: true, ..task(self.job, *place) }
    }

    fn done(&self, index: usize, content: SeenContent) {
        self.read.lock().expect("no thread panics while it adds").push((index, content));
    }
}

/// Reads the files of which some claim does not hold, and says which claims do not.
pub(super) fn examine(job: &Job<'_>, files: &[Suspect], outcome: &mut Outcome) {
    let total = files.iter().map(|file| file.seen.size).sum();
    job.monitor.begin_bytes("reading files that differ", total);
    let examining = Examining { job, files, read: Mutex::new(Vec::with_capacity(files.len())) };
    outcome.bytes += engine::read_all(job.root, &examining, job.pace, job.monitor);
    let read = examining.read.into_inner().expect("no thread panics while it adds");
    for (index, content) in read {
        let Suspect { place, seen } = &files[index];
        let mut seen = seen.clone();
        seen.content = Some(content.clone());
        let sighting = Sighting::Present(seen.clone());
        let claims = job.order.path_at(job.claims, *place as usize);
        outcome.add(claims, &sighting, |index| {
            let claim = job.claims.get(index);
            job.deviates(&claim, &seen) || differs(&claim, &content)
        });
    }
    job.monitor.end();
}
