//! The first stage: what is at every path, its content aside.

use super::{Job, Outcome};
use crate::io::disk::Directory;
use crate::live::absence::Absence;
use crate::live::engine::Algorithms;
use crate::model::observation::{Failure, Kind, Seen, Sighting};
use crate::model::path::TargetPath;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A file of which only the content is still in question.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToRead {
    pub(super) size: u64,
    /// The place of its first claim in the order.
    pub(super) place: u32,
    /// The digests that are claimed of it.
    pub(super) algorithms: Algorithms,
}

/// A file that some claim does not hold of.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) place: u32,
    pub(super) seen: Box<Seen>,
}

/// What looking gave.
#[derive(Default)]
struct Looked {
    to_read: Vec<ToRead>,
    suspects: Vec<Suspect>,
    outcome: Outcome,
}

/// So many claims are looked at by a thread before it adds what it found.
const UNIT: usize = 256;

/// Looks at all paths. Gives the files that are as claimed as far as one can see and have a claimed content, and those
/// that are not.
pub(super) fn look(job: &Job<'_>, outcome: &mut Outcome) -> (Vec<ToRead>, Vec<Suspect>) {
    job.monitor.begin("looking at files", Some(job.claims.len() as u64));
    let readable = job.claims.iter().filter(|(_, claim)| claim.digest.is_some()).count();
    let looked = Mutex::new(Looked { to_read: Vec::with_capacity(readable), ..Looked::default() });
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..job.pace.threads.max(1) {
            scope.spawn(|| work(job, &next, &looked));
        }
    });
    job.monitor.end();
    let mut looked = looked.into_inner().expect("no thread panics while it adds");
    outcome.append(&mut looked.outcome);
    (looked.to_read, looked.suspects)
}

fn work(job: &Job<'_>, next: &AtomicUsize, looked: &Mutex<Looked>) {
    let mut unit = Looked::default();
    let mut absence = Absence::new(job.root);
    let mut size = 0;
    loop {
        let directory = next.fetch_add(1, Ordering::Relaxed);
        let over = directory >= job.order.directories();
        if !over {
            size += look_in(job, job.order.directory(directory), &mut absence, &mut unit);
        }
        if over || size >= UNIT {
            let mut looked = looked.lock().expect("no thread panics while it adds");
            looked.to_read.append(&mut unit.to_read);
            looked.suspects.append(&mut unit.suspects);
            looked.outcome.append(&mut unit.outcome);
            job.monitor.advance(size as u64);
            size = 0;
        }
        if over {
            return;
        }
    }
}

/// Looks at the paths of one directory; gives the number of claims.
fn look_in(job: &Job<'_>, places: Range<usize>, absence: &mut Absence<'_>, looked: &mut Looked) -> usize {
    let Some(&first) = job.order.path_at(job.claims, places.start).first() else { return 0 };
    let mut directory = Opened::new(job, first);
    let mut place = places.start;
    while place < places.end {
        let claims = job.order.path_at(job.claims, place);
        judge(job, place, claims, directory.sighting(job, claims[0], absence), looked);
        place += claims.len();
    }
    places.len()
}

/// What is at the path of a claim now.
pub(super) fn sighting(job: &Job<'_>, index: u32) -> Sighting {
    Opened::new(job, index).sighting(job, index, &mut Absence::new(job.root))
}

/// The directory of some claims' paths.
struct Opened {
    path: TargetPath,
    directory: Result<Option<Directory>, Failure>,
    /// What can be said of everything in a directory that is not there.
    nothing: Option<Sighting>,
}

impl Opened {
    fn new(job: &Job<'_>, index: u32) -> Self {
        let path = TargetPath::new(job.claims.directory_path(job.claims.directory(index)));
        Self { directory: job.root.open_directory(&path), path, nothing: None }
    }

    /// What is at the path of a claim, which lies in this directory.
    fn sighting(&mut self, job: &Job<'_>, index: u32, absence: &mut Absence<'_>) -> Sighting {
        let directory = match &self.directory {
            Ok(Some(directory)) => directory,
            Ok(None) => return self.nothing.get_or_insert_with(|| absence.prove(&job.claims.path(index))).clone(),
            Err(failure) => return failure.clone().into(),
        };
        match directory.look(job.claims.name(index)) {
            Ok(Some(seen)) => Sighting::Present(Box::new(seen)),
            Ok(None) => absence.missing_in(directory, &self.path, &job.claims.path(index), true),
            Err(failure) => failure.into(),
        }
    }
}

fn judge(job: &Job<'_>, place: usize, claims: &[u32], sighting: Sighting, looked: &mut Looked) {
    let place = u32::try_from(place).expect("claims are numbered by u32");
    let seen = match sighting {
        Sighting::Present(seen) => seen,
        Sighting::Absent | Sighting::Unseen(_) => return looked.outcome.add(claims, &sighting, |_| true),
    };
    let deviates = |index: u32| job.deviates(&job.claims.get(index), &seen);
    if seen.kind == Kind::File && claims.iter().any(|&index| deviates(index)) {
        looked.suspects.push(Suspect { place, seen });
    } else if seen.kind == Kind::File && claims.iter().any(|&index| job.claims.get(index).digest.is_some()) {
        looked.to_read.push(ToRead { place, size: seen.size, algorithms: job.algorithms(claims) });
    } else {
        looked.outcome.add(claims, &Sighting::Present(seen.clone()), deviates);
    }
}
