//! Which known content holds a block that turned up where it does not belong.
//!
//! Takes the unexplained blocks of damaged files (needles), then everything that is known, block by block: contents in
//! memory and in files, and the digests that a baseline kept of files that may be long gone. Gives for each needle who
//! holds it. Memory is bounded by the damage, not by the tree; the work is one look-up a block.
//!
//! A needle from the end of a file is cut there and is compared as far as it goes. Where only digests are known
//! ([`crate::model::blocks`]), that is to the last step within its length; holders that differ behind it are then told
//! as several, and name nobody.

use crate::model::blocks::{BlockDigests, Ladder, STEPS, Short, WHOLE, ladder, steps_within};
use crate::model::content::Algorithm;
use crate::model::hasher::Hasher;
use crate::model::path::TargetPath;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The most needles, which is half a gigabyte of blocks; what comes after them stays unexplained.
pub const LIMIT: usize = 1 << 17;

/// Shorter pieces agree by chance, in bytes.
pub const TELLING: usize = STEPS[0];

/// How many holders of one needle are kept to choose from.
const KEPT: usize = 32;

/// How many places of one needle are kept.
const PLACES: usize = 64;

type Head = [u8; TELLING];

/// A needle's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeedleId(usize);

/// How much the name of a holder is worth, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Content that is known to be right, now or in an earlier state.
    Known,
    /// A live file that nobody vouches for.
    Unjudged,
}

/// The blocks that are looked for, and who holds them.
#[derive(Debug, Default)]
pub struct Needles {
    list: Vec<Needle>,
    known: HashMap<(usize, [u8; 32]), NeedleId>,
    /// Lengths of the needles that begin so, each with the places in `exact` by the digest of that many bytes.
    heads: HashMap<Head, BTreeMap<usize, HashMap<[u8; 32], usize>>>,
    exact: Vec<Holders>,
    steps: HashMap<(usize, Short), usize>,
    similar: Vec<Holders>,
    refused: u64,
}

#[derive(Debug, Clone, Copy)]
struct Needle {
    exact: usize,
    similar: usize,
}

/// A place in the tables of holders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    place: Place,
    /// Which block of the content was hit.
    at: u64,
    /// The digest of the whole of it.
    whole: Short,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Exact(usize),
    Similar(usize),
}

#[derive(Debug, Default)]
struct Holders {
    kept: Vec<(Rank, TargetPath)>,
    /// The names of the files that have it, and at which of their blocks.
    places: BTreeSet<(Box<[u8]>, u64)>,
    total: u64,
    whole: Option<Short>,
    /// Whether blocks that differ somewhere are among them.
    differ: bool,
}

impl Holders {
    fn add(&mut self, path: &TargetPath, rank: Rank, hit: Hit) {
        self.differ |= self.whole.is_some_and(|known| known != hit.whole);
        self.whole = Some(hit.whole);
        if self.places.len() < PLACES {
            self.places.insert((path.name().into(), hit.at));
        }
        if self.kept.last().is_some_and(|(_, last)| last == path) {
            return;
        }
        self.total += 1;
        if self.kept.len() < KEPT {
            self.kept.push((rank, path.clone()));
        } else if rank == Rank::Known
            && let Some(unjudged) = self.kept.iter_mut().find(|(rank, _)| *rank == Rank::Unjudged)
        {
            *unjudged = (rank, path.clone());
        }
    }

    /// The holder that most probably is meant: from the same directory, or the first. One that nobody vouches for may
    /// itself be damaged in the same way and is not named.
    fn best(&self, near: &TargetPath) -> Option<&TargetPath> {
        let directory = near.parent();
        let known = self.kept.iter().filter(|(rank, _)| *rank == Rank::Known).map(|(_, path)| path);
        known.min_by_key(|path| path.parent() != directory)
    }
}

/// Who holds a needle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The one that most probably is meant; `None` where several contents are possible that differ, or nobody vouches for it.
    pub path: Option<&'a TargetPath>,
    /// How many files hold it.
    pub total: u64,
    /// Whether a file of the same name has it at the same place: then both may be sound and have it in common.
    pub in_common: bool,
    /// Whether one of them is known to be right. If not, it may be the others that got it from here.
    pub vouched_for: bool,
}

impl Needles {
    /// Takes a block; `None` when it is too short to tell anything, or there are too many.
    pub fn add(&mut self, block: &[u8]) -> Option<NeedleId> {
        let head: Head = block.get(..TELLING)?.try_into().ok()?;
        let digest = digest(block);
        if let Some(id) = self.known.get(&(block.len(), digest)) {
            return Some(*id);
        }
        if self.list.len() >= LIMIT {
            self.refused += 1;
            return None;
        }
        let exact = self.exact.len();
        self.exact.push(Holders::default());
        self.heads.entry(head).or_default().entry(block.len()).or_default().insert(digest, exact);
        let step = steps_within(block.len());
        let similar = *self.steps.entry((step, ladder(block)[step - 1])).or_insert_with(|| {
            self.similar.push(Holders::default());
            self.similar.len() - 1
        });
        let id = NeedleId(self.list.len());
        self.list.push(Needle { exact, similar });
        self.known.insert((block.len(), digest), id);
        Some(id)
    }

    /// Whether there is anything to look for.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many blocks were not taken because there are too many.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The needles that a piece of a content holds which begins with its block `first`.
    pub fn hits(&self, first: u64, piece: &[u8]) -> BTreeSet<Hit> {
        (first..).zip(piece.chunks(WHOLE)).flat_map(|(at, block)| self.hits_of_block(at, block)).collect()
    }

    fn hits_of_block(&self, at: u64, block: &[u8]) -> Vec<Hit> {
        let mut padded = [0; WHOLE];
        padded[..block.len()].copy_from_slice(block);
        let Some(lengths) = padded.first_chunk::<TELLING>().and_then(|head| self.heads.get(head)) else {
            return Vec::new();
        };
        let mut hits = Vec::new();
        let mut hasher = Hasher::new(Algorithm::Sha256, WHOLE as u64);
        let mut done = 0;
        let whole = ladder(block)[STEPS.len() - 1];
        for (length, digests) in lengths {
            hasher.update(&padded[done..*length]);
            done = *length;
            if let Some(place) = digests.get(&finished(hasher.clone())) {
                hits.push(Hit { place: Place::Exact(*place), at, whole });
            }
        }
        hits
    }

    /// The needles that a file held of which only digests were kept.
    pub fn hits_of_digests(&self, blocks: &BlockDigests) -> BTreeSet<Hit> {
        (0..).zip(blocks.iter()).flat_map(|(at, block)| self.hits_of_ladder(at, block)).collect()
    }

    fn hits_of_ladder(&self, at: u64, block: Ladder) -> impl Iterator<Item = Hit> {
        let whole = block[STEPS.len() - 1];
        let hit = move |(step, digest): (usize, Short)| {
            let place = *self.steps.get(&(step, digest))?;
            Some(Hit { place: Place::Similar(place), at, whole })
        };
        (1..=STEPS.len()).zip(block).filter_map(hit)
    }

    /// Notes who holds needles.
    pub fn record(&mut self, path: &TargetPath, rank: Rank, hits: BTreeSet<Hit>) {
        for hit in hits {
            let holders = match hit.place {
                Place::Exact(place) => self.exact.get_mut(place),
                Place::Similar(place) => self.similar.get_mut(place),
            };
            if let Some(holders) = holders {
                holders.add(path, rank, hit);
            }
        }
    }

    /// Who holds a needle that turned up as block `at` of the file `near`.
    pub fn found(&self, id: NeedleId, near: &TargetPath, at: u64) -> Option<Found<'_>> {
        let needle = self.list.get(id.0)?;
        let (exact, similar) = (self.exact.get(needle.exact)?, self.similar.get(needle.similar)?);
        let place = (near.name().into(), at);
        let in_common = exact.places.contains(&place) || similar.places.contains(&place);
        let vouched_for =
            [exact, similar].iter().any(|holders| holders.kept.iter().any(|(rank, _)| *rank == Rank::Known));
        if exact.total > 0 {
            let path = exact.best(near).or(if similar.differ { None } else { similar.best(near) });
            return Some(Found { path, total: exact.total, in_common, vouched_for });
        }
        let path = if similar.differ { None } else { similar.best(near) };
        (similar.total > 0).then_some(Found { path, total: similar.total, in_common, vouched_for })
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Hasher::new(Algorithm::Sha256, bytes.len() as u64);
    hasher.update(bytes);
    finished(hasher)
}

fn finished(hasher: Hasher) -> [u8; 32] {
    let digest = hasher.finish();
    std::array::from_fn(|index| digest.bytes.get(index).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TargetPath {
        TargetPath::new(text)
    }

    fn lines(word: &str, count: usize) -> Vec<u8> {
        (0..count).flat_map(|n| format!("{word} line {n}\n").into_bytes()).collect()
    }

    fn named(needles: &Needles, id: NeedleId) -> Option<String> {
        needles.found(id, &path("/srv/x"), 9)?.path.map(ToString::to_string)
    }

    #[test]
    fn a_block_is_found_in_a_content_and_in_digests_of_one() {
        let (other, gone) = (lines("other", 900), lines("gone", 900));
        let mut needles = Needles::default();
        let inside = needles.add(&other[WHOLE..2 * WHOLE]).expect("it is long enough");
        let cut = needles.add(&other[2 * WHOLE..2 * WHOLE + 700]).expect("it is long enough");
        let deleted = needles.add(&gone[WHOLE..2 * WHOLE]).expect("it is long enough");
        let nowhere = needles.add(&lines("nowhere", 10)).expect("it is long enough");
        let hits = needles.hits(0, &other);
        needles.record(&path("/etc/other"), Rank::Known, hits);
        let hits = needles.hits_of_digests(&BlockDigests::of(&gone));
        needles.record(&path("/etc/gone"), Rank::Known, hits);
        assert_eq!(named(&needles, inside).as_deref(), Some("/etc/other"));
        assert_eq!(named(&needles, cut).as_deref(), Some("/etc/other"));
        assert_eq!(named(&needles, deleted).as_deref(), Some("/etc/gone"));
        assert_eq!(needles.found(nowhere, &path("/srv/x"), 9), None);
    }

    #[test]
    fn pieces_that_agree_only_as_far_as_digests_go_name_nobody() {
        let header = b"# Licensed to whom it may concern, at length.\n".repeat(6);
        let with = |word: &str| [header.clone(), lines(word, 20)].concat();
        let mut needles = Needles::default();
        let id = needles.add(&with("one")).expect("it is long enough");
        for word in ["one", "two"] {
            let hits = needles.hits_of_digests(&BlockDigests::of(&with(word)));
            needles.record(&path(&format!("/lib/{word}")), Rank::Known, hits);
        }
        assert_eq!(
            needles.found(id, &path("/srv/x"), 9),
            Some(Found { path: None, total: 2, in_common: false, vouched_for: true })
        );
        let hits = needles.hits(0, &with("one"));
        needles.record(&path("/live/one"), Rank::Known, hits);
        assert_eq!(named(&needles, id).as_deref(), Some("/live/one"));
    }

    #[test]
    fn of_several_holders_the_known_one_in_the_same_directory_is_named() {
        let content = lines("same", 400);
        let mut needles = Needles::default();
        let id = needles.add(&content[..WHOLE]).expect("it is long enough");
        for (holder, rank) in [("/a/first", Rank::Known), ("/srv/unjudged", Rank::Unjudged), ("/srv/near", Rank::Known)]
        {
            let hits = needles.hits(0, &content);
            needles.record(&path(holder), rank, hits);
        }
        let found = needles.found(id, &path("/srv/x"), 9).expect("it is held");
        assert_eq!((found.path, found.total), (Some(&path("/srv/near")), 3));
    }

    #[test]
    fn what_is_short_is_no_needle() {
        assert_eq!(Needles::default().add(b"short"), None);
    }
}
