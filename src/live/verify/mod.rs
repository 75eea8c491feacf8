//! Comparing a live tree with what references claim of it: gives the deviations, and counts everything else.
//!
//! Takes a table of claims ([`Claims`]) and a root. First every directory is opened once and what lies in it is looked
//! at ([`stat`]); then the content of the files whose inode is as claimed is read by the [`engine`](super::engine).
//! Every file that deviates is read for MD5 and SHA-256, so that the diagnosis can name the file that it is. What a
//! deviation means is not said here: neither whether configuration was edited, nor whether a reference is wrong.

mod content;
mod order;
mod stat;

use super::engine::throttle::Throttle;
use super::engine::{Algorithms, Pace};
use super::journal::Journal;
use crate::io::disk::LiveRoot;
use crate::model::claims::{Account, Claim, Claims};
use crate::model::observation::{Kind, Seen, Sighting};
use crate::monitor::Monitor;
use order::Order;
use std::collections::BTreeMap;

/// How to verify.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// How many threads work; `None` for as many as the machine has processors. While the storage rather than the
    /// processor is what is waited for, more are used.
    pub jobs: Option<usize>,
    /// The most bytes that are read in a second; `None` for as fast as possible.
    pub io_limit: Option<u64>,
    /// What was read before; what is read now is noted there.
    pub journal: Option<&'a dyn Journal>,
}

impl Options<'_> {
    fn threads(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.jobs.unwrap_or_else(processors)
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// How many claims were checked: all that there are.
    pub checked: u64,
    /// How many of them are true.
    pub intact: u64,
    /// How many bytes of content were read.
    pub bytes: u64,
    /// The claims that are not true or could not be checked, by index, with what is there. Sorted by index.
    pub deviations: Vec<(u32, Sighting)>,
}

/// Checks every claim.
///
/// A deviation has [`Sighting::Absent`] only where the listing of a directory proved it, [`Sighting::Unseen`] where
/// nothing can be said, and otherwise what is there; of a file with MD5 and SHA-256, or why it cannot be read.
pub fn verify(root: &LiveRoot, claims: &Claims, options: &Options<'_>, monitor: &dyn Monitor) -> Verified {
    let order = Order::new(claims);
    let throttle = options.io_limit.map(Throttle::new);
    let pace = Pace { threads: options.threads(), throttle: throttle.as_ref() };
    let job = Job { root, claims, order, accounts: Accounts::of(root), pace, journal: options.journal, monitor };
    let mut outcome = Outcome::default();
    let (to_read, mut suspects) = stat::look(&job, &mut outcome);
    let wrong = content::compare(&job, &to_read, &mut outcome);
    drop(to_read);
    suspects.extend(wrong.into_iter().filter_map(|wrong| content::look_again(&job, wrong, &mut outcome)));
    content::examine(&job, &suspects, &mut outcome);
    outcome.deviations.sort_by_key(|(index, _)| *index);
    let checked = outcome.intact + outcome.deviations.len() as u64;
    Verified { checked, intact: outcome.intact, bytes: outcome.bytes, deviations: outcome.deviations }
}

/// What is known so far. Intact claims are counted where they are found to be, never by what is left over: a claim that
/// some mistake of ours forgot is missing in the sum then, and not an all-clear.
#[derive(Default)]
struct Outcome {
    intact: u64,
    bytes: u64,
    deviations: Vec<(u32, Sighting)>,
}

impl Outcome {
    /// Adds some claims about one path.
    fn add(&mut self, claims: &[u32], sighting: &Sighting, deviates: impl Fn(u32) -> bool) {
        for &index in claims {
            if deviates(index) {
                self.deviations.push((index, sighting.clone()));
            } else {
                self.intact += 1;
            }
        }
    }

    fn append(&mut self, other: &mut Self) {
        self.intact += std::mem::take(&mut other.intact);
        self.bytes += std::mem::take(&mut other.bytes);
        self.deviations.append(&mut other.deviations);
    }
}

/// What all stages need.
struct Job<'a> {
    root: &'a LiveRoot,
    claims: &'a Claims,
    order: Order,
    accounts: Accounts,
    pace: Pace<'a>,
    journal: Option<&'a dyn Journal>,
    monitor: &'a dyn Monitor,
}

impl Job<'_> {
    /// The digests that are claimed of a file.
    fn algorithms(&self, claims: &[u32]) -> Algorithms {
        let claimed = claims.iter().filter_map(|&index| self.claims.get(index).digest);
        claimed.fold(Algorithms::default(), |all, (algorithm, _)| all.with(algorithm))
    }

    /// Whether a claim is not true of what was looked at, its content aside.
    fn deviates(&self, claim: &Claim<'_>, seen: &Seen) -> bool {
        let no_kind = claim.kind.is_some_and(|kind| kind != seen.kind);
        // Only a file has a content, and only a link a target: who claims one, claims the kind. The size of other things
        // is the file system's.
        let size = claim.size.filter(|_| claim.kind.is_none_or(|kind| kind == Kind::File));
        let no_file = (claim.digest.is_some() || size.is_some()) && seen.kind != Kind::File;
        // Linux gives every link the mode 0777 (symlink(7)).
        let mode = claim.mode.is_some_and(|mode| mode & 0o7777 != seen.mode) && seen.kind != Kind::Link;
        let target = claim.target.is_some_and(|claimed| seen.target.as_ref().is_none_or(|seen| seen.0 != claimed));
        let mtime = claim.mtime.is_some_and(|claimed| seen.mtime.div_euclid(1_000_000_000) != claimed);
        no_kind
            || no_file
            || size.is_some_and(|size| size != seen.size)
            || mode
            || target
            || mtime
            || !self.accounts.users.agree(claim.owner, seen.uid)
            || !self.accounts.groups.agree(claim.group, seen.gid)
    }
}

/// The names of the target's users and groups.
struct Accounts {
    users: Names,
    groups: Names,
}

struct Names(BTreeMap<u32, String>);

impl Accounts {
    fn of(root: &LiveRoot) -> Self {
        let names = |path: &str| Names(super::accounts(root, path));
        Self { users: names("/etc/passwd"), groups: names("/etc/group") }
    }
}

impl Names {
    /// A name that the target does not know is that of nobody: the claim is not true then, as far as can be told.
    fn agree(&self, claimed: Option<Account<'_>>, seen: u32) -> bool {
        match claimed {
            None => true,
            Some(Account::Id(id)) => id == seen,
            // 0 is root, also where the file that says so is damaged.
            Some(Account::Name(b"root")) => seen == 0,
            Some(Account::Name(name)) => self.0.get(&seen).is_some_and(|seen| seen.as_bytes() == name),
        }
    }
}
