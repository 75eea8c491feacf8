//! Holding a host against its package databases: what they say goes into one compact table, the tree is compared with
//! it, and what differs is kept in the scan.
//!
//! [`on_disk`] holds memory against the disk where that is asked for; [`upgrades`] tells what pip put in the place of a
//! package.

mod on_disk;
mod upgrades;

use crate::io::disk::LiveRoot;
use crate::live::verify::{Options, verify};
use crate::model::artifact::{Content as Expectation, Expected, Ownership, Principal};
use crate::model::claims::{Account, Claim, Claims};
use crate::model::content::{Blob, Digest};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::observation::{Kind, Scan, Seen, SeenContent, Sighting};
use crate::model::package::{Deviation, Package as Deviating, Packages};
use crate::model::path::TargetPath;
use crate::monitor::Monitor;
use crate::references::nar;
use crate::references::packages::{self, Content, DATABASES, Entry, Owner, Package, Presence, Sink};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Compares, and adds what differs to the scan.
pub(super) fn add(root: &LiveRoot, scan: &mut Scan, options: &Options<'_>, monitor: &dyn Monitor) {
    monitor.begin(&format!("reading package databases of {}", scan.host), None);
    let mut table = Table::default();
    packages::read_all(root, &mut table);
    monitor.end();
    monitor.begin(&format!("comparing packages of {}", scan.host), None);
    // The journal of a mode that asks the disk gets nothing here: `on_disk` notes what is right in both.
    let through_memory = Options { journal: options.journal.filter(|_| scan.read.is_cached()), ..*options };
    let verified = verify(root, &table.claims, &through_memory, monitor);
    monitor.end();
    // Of a file such a claim says nothing that could be right or wrong.
    let is_file = |index: &&u32| {
        let seen = root.look(&table.claims.path(**index));
        seen.is_ok_and(|seen| seen.is_some_and(|seen| seen.kind == Kind::File))
    };
    let bare = table.bare.par_iter().filter(is_file).count() as u64;
    let mut found = Packages {
        databases: DATABASES.iter().filter(|database| database.is_there(root)).map(|it| it.name().to_owned()).collect(),
        checked: verified.checked,
        intact: verified.intact.saturating_sub(bare),
        lost: (table.claims.len() as u64).saturating_sub(verified.checked),
        without_digest: bare,
        broken: std::mem::take(&mut table.broken),
        ..Packages::default()
    };
    let mut kept: BTreeMap<u32, u32> = BTreeMap::new();
    for (index, sighting) in verified.deviations {
        let claim = table.claims.get(index);
        let path = table.claims.path(index);
        let may_be_missing = sighting == Sighting::Absent && table.optional.contains(&index);
        if may_be_missing || is_link_to_directory(root, &path, &claim, &sighting) {
            found.intact += 1;
            continue;
        }
        let package = *kept.entry(claim.unit).or_insert_with(|| table.keep(claim.unit, &mut found.packages));
        found.deviations.push(deviation(path.clone(), &claim, package));
        see(scan, path, sighting);
    }
    for (path, unit, evidence) in table.damaged_trees(root) {
        let package = *kept.entry(unit).or_insert_with(|| table.keep(unit, &mut found.packages));
        found.trees.push((path, package, evidence));
    }
    if !scan.read.is_cached() {
        on_disk::add((root, options, monitor), scan, &table, (&mut found, &mut kept));
    }
    found.deviations.sort_by(|a, b| (&a.path, a.package).cmp(&(&b.path, b.package)));
    found.upgrades = upgrades::find(root, scan, &found);
    scan.packages = Some(found);
}

/// Package managers respect a link that was put in the place of a directory, as long as a directory is what it leads to.
fn is_link_to_directory(root: &LiveRoot, path: &TargetPath, claim: &Claim<'_>, sighting: &Sighting) -> bool {
    let Sighting::Present(seen) = sighting else { return false };
    let (Some(Kind::Directory), Some(target)) = (claim.kind, &seen.target) else { return false };
    let to = path.parent().map(|parent| parent.join(&target.0)).filter(|_| !target.0.starts_with(b"/"));
    let to = to.unwrap_or_else(|| TargetPath::new(&target.0));
    root.look(&to).is_ok_and(|found| found.is_some_and(|found| found.kind == Kind::Directory))
}

/// What a claim says, as an artifact will.
fn deviation(path: TargetPath, claim: &Claim<'_>, package: u32) -> Deviation {
    let expected = match (claim.kind, claim.digest) {
        (_, Some((algorithm, bytes))) => {
            let digest = Digest { algorithm, bytes: bytes.into() };
            Expected::File(Expectation::Digest { digest, size: claim.size })
        }
        (Some(Kind::File), None) => {
            let why = Why::new(WhyKind::NoReference, "its package has no digest of it");
            Expected::File(Expectation::Unknown(why))
        }
        (Some(Kind::Directory), None) => Expected::Directory { ownership: Ownership::Shared },
        (Some(Kind::Link), None) => Expected::Link {
            target: match claim.target {
                Some(target) => Eval::Known(Blob(target.to_vec())),
                None => Eval::Unknown(Why::new(WhyKind::NoReference, "its package does not tell where it points to")),
            },
        },
        (Some(Kind::Fifo | Kind::Socket | Kind::Device) | None, None) => Expected::Present,
    };
    let principal = |account: Account<'_>| match account {
        Account::Id(id) => Principal::Id(id),
        Account::Name(name) => Principal::Name(String::from_utf8_lossy(name).into_owned()),
    };
    Deviation {
        path,
        package,
        expected,
        mode: claim.mode,
        owner: claim.owner.map(principal),
        group: claim.group.map(principal),
        config: claim.config,
    }
}

/// Notes what is there, beside what was seen before.
fn see(scan: &mut Scan, path: TargetPath, sighting: Sighting) {
    match (scan.observations.get(&path).as_deref(), sighting) {
        (Some(Sighting::Present(_)), Sighting::Present(new)) => {
            scan.observations.update(&path, |known| merge(known, *new));
        }
        (Some(_), _) => {}
        (None, sighting) => scan.observations.insert(path, sighting),
    }
}

/// Adds digests by other algorithms.
fn merge(known: &mut Seen, new: Seen) {
    match (&mut known.content, new.content) {
        (Some(SeenContent::Read { digests, .. }), Some(SeenContent::Read { digests: more, .. })) => {
            let missing: Vec<Digest> = more
                .into_iter()
                .filter(|digest| digests.iter().all(|known| known.algorithm != digest.algorithm))
                .collect();
            digests.extend(missing);
        }
        (known @ None, new) => *known = new,
        (Some(_), _) => {}
    }
}

/// Everything that the databases say.
#[derive(Default)]
struct Table {
    claims: Claims,
    packages: Vec<Package>,
    /// Claims whose path may be missing.
    optional: BTreeSet<u32>,
    /// Trees that have one digest as a whole, with their packages.
    trees: Vec<(TargetPath, Digest, u32)>,
    /// Claims that only say that something is there.
    bare: Vec<u32>,
    broken: Vec<(TargetPath, String)>,
}

impl Table {
    /// Trees that are there and do not have their digest, with what proves it.
    fn damaged_trees(&self, root: &LiveRoot) -> Vec<(TargetPath, u32, String)> {
        let damaged = |(path, expected, unit): &(TargetPath, Digest, u32)| {
            let evidence = match nar::digest(root, path, expected.algorithm) {
                // What is missing is among the deviations.
                Ok(None) => return None,
                Ok(Some((found, _))) if found == *expected => return None,
                Ok(Some((found, _))) => format!("as a whole it has {found}, its database says {expected}"),
                Err(failure) => format!("it cannot be read as a whole: {}", failure.text),
            };
            Some((path.clone(), *unit, evidence))
        };
        self.trees.par_iter().filter_map(damaged).collect()
    }

    /// Keeps a package of which something differs; gives its number among those.
    fn keep(&self, unit: u32, kept: &mut Vec<Deviating>) -> u32 {
        let package = &self.packages[unit as usize];
        let database = DATABASES.iter().find(|database| database.name() == package.database);
        let reinstall = database.map_or_else(Vec::new, |database| database.reinstall(&[package]));
        kept.push(Deviating {
            database: package.database.to_owned(),
            name: package.name.clone(),
            version: package.version.clone(),
            installer: package.installer.to_owned(),
            reinstall,
            restore_configuration: database
                .map_or_else(Vec::new, |database| database.restore_configuration(&[package])),
            one_by_one: database.is_some_and(|database| database.one_by_one()),
        });
        u32::try_from(kept.len() - 1).expect("there are fewer packages than claims, which are numbered by 32 bits")
    }
}

fn account(owner: Owner<'_>) -> Account<'_> {
    match owner {
        Owner::Id(id) => Account::Id(id),
        Owner::Name(name) => Account::Name(name.as_bytes()),
    }
}

impl Sink for Table {
    fn package(&mut self, package: Package) {
        self.packages.push(package);
    }

    fn entry(&mut self, entry: Entry<'_>) {
        let Some(unit) = self.packages.len().checked_sub(1).and_then(|last| u32::try_from(last).ok()) else { return };
        let path = TargetPath::new(entry.path);
        let mut claim = Claim {
            kind: entry.kind,
            digest: None,
            size: entry.size,
            mode: entry.mode,
            owner: entry.owner.map(account),
            group: entry.group.map(account),
            target: entry.target,
            // A different time alone is no damage.
            mtime: None,
            unit,
            config: entry.config,
        };
        match entry.content {
            Content::Digest(algorithm, digest) => claim.digest = Some((algorithm, digest)),
            Content::Archive(algorithm, digest) => {
                self.trees.push((path.clone(), Digest { algorithm, bytes: digest.into() }, unit));
            }
            Content::Unknown(_) | Content::Nothing => {}
        }
        let is_bare = claim.digest.is_none() && matches!(entry.kind, None | Some(Kind::File));
        match self.claims.push(&path, &claim) {
            Ok(index) => {
                if is_bare {
                    self.bare.push(index);
                }
                if entry.presence == Presence::Optional {
                    self.optional.insert(index);
                }
            }
            Err(refused) => self.broken.push((path, format!("its package database says what cannot be: {refused}"))),
        }
    }

    fn broken(&mut self, path: TargetPath, evidence: String) {
        self.broken.push((path, evidence));
    }
}
