//! dpkg: Debian, Ubuntu and their descendants.
//!
//! Takes `/var/lib/dpkg` and what changes its meaning (diversions, stat overrides, path filters); gives every package
//! with its files. What dpkg does not record, it cannot say: modes and owners (but for stat overrides), targets of
//! links, and which of the paths without checksum are directories or links.
//!
//! A path that two packages list is checked against the one that declares to replace the other (`Replaces`); where
//! neither does and the checksums differ, against none. A checksum for a path that the package's own list does not name
//! is of a file that another package took over (`src/main/unpack.c`, `pkg_remove_files_from_others`): it says nothing
//! about presence.

mod lists;
mod overrides;
mod rows;
mod status;
mod system;

use super::{Content, Database, Entry, Package, Presence, Sink};
use crate::io::disk::LiveRoot;
use crate::model::content::Algorithm;
use crate::model::path::TargetPath;
use foldhash::HashMap;
use foldhash::quality::RandomState;
use rayon::prelude::*;
use rows::{Row, Rows, Sum};
use status::Known;
use std::collections::BTreeSet;
use std::collections::hash_map::Entry as Slot;
use std::hash::BuildHasher;
use system::{Lists, System};

/// dpkg's database.
#[derive(Debug)]
pub(super) struct Dpkg;

impl Database for Dpkg {
    fn name(&self) -> &'static str {
        "dpkg"
    }

    fn is_there(&self, root: &LiveRoot) -> bool {
        ["status", "info"].iter().any(|name| !matches!(root.look(&system::at(name)), Ok(None)))
    }

    fn read(&self, root: &LiveRoot, sink: &mut dyn Sink) {
        let system = System::read(root, sink);
        let disputes = Disputes::find(&system);
        let numbered = system.numbered();
        for batch in numbered.chunks(BATCH) {
            let load = |(number, package): &(u32, &Known)| {
                let lists = system.load(package);
                let rows = Rows::of(&system, package, &lists);
                Told { number: *number, package: told(package), lists, rows }
            };
            let all: Vec<Told> = batch.par_iter().map(load).collect();
            for one in all {
                tell(&system, &disputes, one, sink);
            }
        }
    }

    fn reinstall(&self, packages: &[&Package]) -> Vec<Vec<String>> {
        if packages.is_empty() {
            return Vec::new();
        }
        // --no-remove: apt rather stops than removing something to satisfy a request. Changed configuration files stay.
        let mut command: Vec<String> = ["apt-get", "install", "--reinstall", "--no-remove"].map(str::to_owned).to_vec();
        let names: BTreeSet<&String> = packages.iter().map(|package| &package.fetched_as).collect();
        command.extend(names.into_iter().cloned());
        vec![command]
    }

    /// dpkg takes configuration that is gone for removed on purpose, unless it is told otherwise (dpkg(1)).
    fn restore_configuration(&self, packages: &[&Package]) -> Vec<Vec<String>> {
        let option = ["-o", "Dpkg::Options::=--force-confmiss"].map(str::to_owned);
        let mut commands = self.reinstall(packages);
        for command in &mut commands {
            command.splice(2..2, option.clone());
        }
        commands
    }
}

/// So many packages are read side by side, and told in their order: memory is bounded by the lists of these.
const BATCH: usize = 64;

/// What there is to tell of a package.
struct Told {
    number: u32,
    package: Package,
    lists: Lists,
    rows: Rows,
}

/// Tells one package and all its paths.
fn tell(system: &System<'_>, disputes: &Disputes, Told { number, package, lists, rows }: Told, sink: &mut dyn Sink) {
    for (path, evidence) in lists.faults.into_iter().chain(rows.faults) {
        sink.broken(path, evidence);
    }
    sink.package(package);
    for row in rows.rows.iter().filter(|row| row.listed || !disputes.is_claimed(&row.path)) {
        let content = disputes.content(number, row);
        let override_ = system.overrides.get(row.called.as_ref().unwrap_or(&row.path));
        sink.entry(Entry {
            presence: row.presence,
            kind: row.kind,
            content,
            mode: override_.map(|found| found.mode),
            owner: override_.and_then(overrides::StatOverride::owner),
            group: override_.and_then(overrides::StatOverride::group),
            config: row.config,
            ..Entry::at(row.path.as_bytes())
        });
    }
}

fn told(package: &Known) -> Package {
    let mut fetched_as = package.name.clone();
    // apt knows no architecture `all`.
    if let Some(of) = package.architecture.as_ref().filter(|of| *of != "all") {
        fetched_as = format!("{fetched_as}:{of}");
    }
    if let Some(version) = &package.version {
        fetched_as = format!("{fetched_as}={version}");
    }
    Package {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        database: "dpkg",
        installer: "apt-get",
        fetched_as,
    }
}

/// Paths that several packages claim with different contents, and who is right: by a hash of the path. Two paths of the
/// same hash would at worst leave both unchecked.
#[derive(Default)]
struct Disputes {
    hasher: RandomState,
    /// The first that claims it, or the one that is right.
    claims: HashMap<u64, Claim>,
    /// Of the paths with different contents: who is right.
    right: HashMap<u64, Option<u32>>,
}

impl Disputes {
    /// Looks at the lists of all packages.
    fn find(system: &System<'_>) -> Self {
        let mut disputes = Self::default();
        let numbered = system.numbered();
        for batch in numbered.chunks(BATCH) {
            let claims_of = |(number, package): &(u32, &Known)| {
                let lists = system.load(package);
                let mut claims = Vec::new();
                Rows::claims(system, package, &lists, &mut |path, md5, presence| {
                    claims.push((disputes.key(path), Claim { package: *number, md5, presence }));
                });
                claims
            };
            let found: Vec<Vec<(u64, Claim)>> = batch.par_iter().map(claims_of).collect();
            for (key, claim) in found.into_iter().flatten() {
                disputes.add(&system.packages, key, claim);
            }
        }
        disputes
    }

    fn add(&mut self, packages: &[Known], key: u64, claim: Claim) {
        match self.claims.entry(key) {
            Slot::Vacant(slot) => drop(slot.insert(claim)),
            Slot::Occupied(slot) if slot.get().md5 == claim.md5 => {}
            Slot::Occupied(mut slot) => {
                let right = judge(packages, *slot.get(), claim);
                if right == Some(claim.package) {
                    slot.insert(claim);
                }
                // A third claimant cannot settle what two have left open.
                let settled = self.right.entry(key).or_insert(right);
                *settled = settled.and(right);
            }
        }
    }

    fn key(&self, path: &TargetPath) -> u64 {
        self.hasher.hash_one(path.as_bytes())
    }

    /// Whether the list of some package names this file.
    fn is_claimed(&self, path: &TargetPath) -> bool {
        self.claims.contains_key(&self.key(path))
    }

    /// What holds for a path of a package.
    fn content<'a>(&self, package: u32, row: &'a Row) -> Content<'a> {
        let md5 = match &row.content {
            Sum::Nothing => return Content::Nothing,
            Sum::Unknown(why) => return Content::Unknown(why),
            Sum::Md5(md5) => md5,
        };
        // Hardly any path is disputed: mostly there is nothing to look up.
        let dispute = if self.right.is_empty() { None } else { self.right.get(&self.key(&row.path)) };
        match dispute {
            Some(None) => Content::Unknown("two packages claim it with different contents"),
            Some(Some(right)) if *right != package => Content::Unknown("another package replaces this file"),
            _ => Content::Digest(Algorithm::Md5, md5),
        }
    }
}

/// What a package says about the content of a path.
#[derive(Clone, Copy)]
struct Claim {
    package: u32,
    md5: [u8; 16],
    presence: Presence,
}

/// Which of two packages is right: the one whose file it still is, or the one that replaces the other.
fn judge(packages: &[Known], one: Claim, other: Claim) -> Option<u32> {
    let known = |claim: Claim| packages.get(claim.package as usize);
    let replaces =
        |one, other| known(one).zip(known(other)).is_some_and(|(one, other)| one.replaces.contains(&other.name));
    match (one.presence, other.presence) {
        (Presence::Required, Presence::Optional) => return Some(one.package),
        (Presence::Optional, Presence::Required) => return Some(other.package),
        _ => {}
    }
    match (replaces(one, other), replaces(other, one)) {
        (true, false) => Some(one.package),
        (false, true) => Some(other.package),
        _ => None,
    }
}
