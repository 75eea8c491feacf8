//! The reading engine: every file once, by several threads, many files at once in each.
//!
//! Takes a list of files ([`Files`]), each with the digests that are wanted of it, and says of every one what its
//! content is. Files that want one digest only, by an algorithm with a kernel, are read side by side in lanes
//! ([`lanes`]); all others one after the other, through all hashers at once. Large files come first, the
//! largest of all at the beginning, and each thread gets its share of them, so that none ends alone with a long one; the
//! small ones follow in the order of the list, which should be that of the directories: a directory is opened once for
//! all its files that follow each other.
//!
//! More threads than were asked for are started while most of what is read comes from storage and not from the cache
//! of the system: then the device is waited for, and a device that is asked for several things at once answers sooner.

pub(in crate::live) mod reading;
pub(in crate::live) mod throttle;

use crate::io::disk::LiveRoot;
use crate::io::machine::bytes_from_storage;
use crate::live::lanes;
use crate::model::content::Algorithm;
use crate::model::observation::SeenContent;
use crate::monitor::Monitor;
use reading::{InLanes, Reader};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::Scope;
use throttle::Throttle;

/// The files to read.
pub(super) trait Files: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// One of them.
    fn task(&self, index: usize) -> Task<'_>;

    /// Takes what was read, once a file, from any thread.
    fn done(&self, index: usize, content: SeenContent);
}

/// A file, and what is wanted of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    /// The directory's path.
    pub(super) directory: &'a [u8],
    /// The file's name in it.
    pub(super) name: &'a [u8],
    /// Its size when it was listed.
    pub(super) size: u64,
    /// Its modification time when it was listed.
    pub(super) mtime: i64,
    /// The digests.
    pub(super) algorithms: Algorithms,
    /// Whether to keep the bytes.
    pub(super) capture: bool,
    /// Whether to look, when it has been read, if it still is what was listed. It may be left out where only a digest that is
    /// known before counts: what has that is right, whenever it was written, and what has not is looked at again.
    pub(super) watched: bool,
}

/// A set of algorithms, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::live) struct Algorithms(u8);

impl Algorithms {
    pub(in crate::live) fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | 1 << algorithm as u8)
    }

    pub(in crate::live) fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().map(|(algorithm, _)| algorithm).filter(move |one| self.0 & (1 << *one as u8) != 0)
    }

    /// The only one, if it can be digested in lanes.
    fn lane(self) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Sha256].into_iter().find(|one| self == Self::default().with(*one))
    }
}

/// How to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace<'a> {
    /// How many threads work.
    pub(super) threads: usize,
    /// What holds them back.
    pub(super) throttle: Option<&'a Throttle>,
}

/// Files of this size and more are begun first.
const LARGE: u64 = 4 << 20;
/// A thread takes so many others at once,
const UNIT_FILES: usize = 64;
/// or as many as have so many bytes.
const UNIT_BYTES: u64 = 16 << 20;
/// How many threads wait for a device that is not fast enough for those that were asked for.
const WAITING_THREADS: usize = 12;
/// After so many units it is asked again where the bytes come from.
const UNITS_BETWEEN_LOOKS: usize = 8;

/// Reads all files and gives the number of bytes that were read.
pub(super) fn read_all(root: &LiveRoot, files: &impl Files, pace: Pace<'_>, monitor: &dyn Monitor) -> u64 {
    let threads = pace.threads.clamp(1, files.count().max(1));
    let engine = Engine {
        root,
        files,
        monitor,
        queues: Queue::all(files),
        throttle: pace.throttle,
        bytes: AtomicU64::new(0),
        threads: AtomicUsize::new(threads),
        origin: Mutex::new(Origin { from_storage: bytes_from_storage().unwrap_or(0), bytes: 0, units: 0 }),
        over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            engine.start(scope);
        }
    });
    engine.bytes.into_inner()
}

struct Engine<'a, F> {
    root: &'a LiveRoot,
    files: &'a F,
    monitor: &'a dyn Monitor,
    queues: [Queue; 3],
    throttle: Option<&'a Throttle>,
    bytes: AtomicU64,
    /// How many there are or are about to be.
    threads: AtomicUsize,
    origin: Mutex<Origin>,
    /// Whether all files are taken: no more threads are of use.
    over: AtomicBool,
}

/// Where the bytes came from when it was last looked at.
struct Origin {
    from_storage: u64,
    bytes: u64,
    units: usize,
}

/// The files of one class: those that are digested in lanes by one algorithm, or all others.
struct Queue {
    algorithm: Option<Algorithm>,
    large: Vec<u32>,
    others: Vec<u32>,
    taken: Mutex<Taken>,
}

/// How many files of a queue are taken.
#[derive(Default)]
struct Taken {
    large: usize,
    others: usize,
}

impl Queue {
    /// Every file in the queue of its class.
    fn all(files: &impl Files) -> [Self; 3] {
        let classes = [Some(Algorithm::Md5), Some(Algorithm::Sha256), None];
        let class_of = |task: &Task<'_>| classes.iter().position(|class| *class == lane_of(task)).unwrap_or(2);
        // Room that is not used is not touched either.
        let mut orders: [Vec<u32>; 3] = std::array::from_fn(|_| Vec::with_capacity(files.count()));
        let mut large = [const { Vec::new() }; 3];
        for (index, number) in (0..files.count()).zip(0_u32..) {
            let task = files.task(index);
            if task.size < LARGE {
                orders[class_of(&task)].push(number);
            } else {
                large[class_of(&task)].push((std::cmp::Reverse(task.size), number));
            }
        }
        let mut both = large.into_iter().zip(orders);
        classes.map(|algorithm| {
            let (mut large, others) = both.next().unwrap_or_default();
            large.sort_unstable();
            let large = large.into_iter().map(|(_, number)| number).collect();
            Self { algorithm, large, others, taken: Mutex::default() }
        })
    }

    /// The next files for one of `threads`, which is reading `held` large ones already; empty when there is nothing more for
    /// it at the moment. Large ones are shared out: a thread reads many at once, and would leave none to the rest.
    fn take(&self, files: &impl Files, held: usize, threads: usize) -> &[u32] {
        let mut taken = self.taken.lock().expect("no thread panics while it takes");
        let share = self.large.len().div_ceil(threads.max(1));
        if taken.large < self.large.len() && held < share {
            taken.large += 1;
            return &self.large[taken.large - 1..taken.large];
        }
        let rest = &self.others[taken.others..];
        let mut bytes = 0_u64;
        let full = |index: &u32| {
            let before = bytes;
            bytes = bytes.saturating_add(files.task(*index as usize).size);
            before >= UNIT_BYTES
        };
        let count = rest.iter().take(UNIT_FILES).position(full).unwrap_or(rest.len().min(UNIT_FILES));
        taken.others += count;
        &rest[..count]
    }
}

/// By which algorithm a file is digested in lanes.
fn lane_of(task: &Task<'_>) -> Option<Algorithm> {
    if task.capture { None } else { task.algorithms.lane() }
}

impl<'a, F: Files> Engine<'a, F> {
    fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, 'a>) {
        scope.spawn(move || {
            let more = || self.perhaps_start_more(scope);
            for queue in &self.queues {
                let mut reader = Reader::new(self, queue, &more);
                match queue.algorithm {
                    Some(algorithm) => lanes::digest_streams(algorithm, &mut InLanes::new(reader)),
                    None => reader.read_each(),
                }
            }
            self.over.store(true, Ordering::Relaxed);
        });
    }

    /// Starts as many threads again if more than a quarter of the last bytes came from storage.
    fn perhaps_start_more<'scope>(&'scope self, scope: &'scope Scope<'scope, 'a>) {
        let more = {
            let mut last = self.origin.lock().expect("no thread panics while it looks");
            last.units += 1;
            if !last.units.is_multiple_of(UNITS_BETWEEN_LOOKS) || self.over.load(Ordering::Relaxed) {
                return;
            }
            let Some(from_storage) = bytes_from_storage() else { return };
            let bytes = self.bytes.load(Ordering::Relaxed);
            let cold = from_storage.saturating_sub(last.from_storage).saturating_mul(4) > bytes - last.bytes;
            (last.from_storage, last.bytes) = (from_storage, bytes);
            let threads = self.threads.load(Ordering::Relaxed);
            let more = if cold { threads.min(WAITING_THREADS.saturating_sub(threads)) } else { 0 };
            self.threads.fetch_add(more, Ordering::Relaxed);
            more
        };
        for _ in 0..more {
            self.start(scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of these sizes.
    struct Sizes(Vec<u64>);

    impl Files for Sizes {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn task(&self, index: usize) -> Task<'_> {
            let algorithms = Algorithms::default().with(Algorithm::Sha256);
            let (size, capture, watched) = (self.0[index], false, false);
            Task { directory: b"/d", name: b"f", size, mtime: 0, algorithms, capture, watched }
        }

        fn done(&self, _: usize, _: SeenContent) {}
    }

    #[test]
    fn large_files_are_shared_out_and_all_are_taken_once() {
        let files = Sizes(vec![1, 5 << 20, 2, 9 << 20, 7 << 20, 3, 6 << 20]);
        let [_, queue, _] = Queue::all(&files);
        let take = |held| queue.take(&files, held, 2).to_vec();
        assert_eq!([take(0), take(1)], [[3], [4]], "the largest first");
        assert_eq!(take(2), [0, 2, 5], "the other two are for the other thread");
        assert!(take(2).is_empty(), "also where nothing else is left");
        assert_eq!([take(1), take(0)], [[6], [1]], "whoever has read one takes the next");
        assert!(take(0).is_empty() && take(9).is_empty());
    }
}
