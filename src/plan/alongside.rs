//! What removals take along though nobody wants it away: files that no deployment makes, sound or not. It is kept before and
//! put back after. Pure.
//!
//! Only what a backup or a deployer brings anyway is not put back. What cannot be kept stands in the way of the removal.

use super::Input;
use super::remedy::{Remedy, What};
use crate::model::finding::{Damage, Finding};
use crate::model::path::{TargetPath, outermost};
use crate::model::plan::Blocked;
use crate::model::unit::HostName;
use std::collections::{BTreeMap, BTreeSet};

/// What the steps of a plan, and the deployers they run, remove, and what goes along.
#[derive(Default)]
pub(super) struct Alongside<'a> {
    hosts: BTreeMap<&'a HostName, OfHost<'a>>,
}

/// The same of one host. Everything is sorted.
#[derive(Default)]
pub(super) struct OfHost<'a> {
    /// The outermost paths that are removed.
    removed: Vec<TargetPath>,
    /// What is to be put back as it was found.
    pub(super) kept: Vec<TargetPath>,
    /// How many of these are not sound, or nobody knows.
    pub(super) accused: usize,
    /// What is said of them that is mended by putting them back: modes, and what only memory had.
    pub(super) mended: Vec<&'a Finding>,
    /// What cannot be kept, and why.
    in_the_way: Vec<(TargetPath, &'static str)>,
}

impl<'a> Alongside<'a> {
    pub(super) fn new(input: Input<'a>, remedies: &[Remedy<'a>]) -> Self {
        let mut hosts: BTreeMap<&HostName, OfHost<'_>> = BTreeMap::new();
        for (host, removed) in removed(remedies) {
            let of_host = remedies.iter().filter(|remedy| remedy.finding.host == *host);
            hosts.insert(host, OfHost::new(input, host, removed, of_host));
        }
        Self { hosts }
    }

    /// The hosts on which something is removed.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (&'a HostName, &OfHost<'a>)> {
        self.hosts.iter().map(|(host, of_host)| (*host, of_host))
    }

    /// Whether a path goes away with something that is removed.
    pub(super) fn is_removed(&self, host: &HostName, path: &TargetPath) -> bool {
        self.hosts.get(host).is_some_and(|of_host| of_host.removed.iter().any(|removed| path.is_below(removed)))
    }

    /// Whether a path is to be put back as it was found.
    pub(super) fn keeps(&self, host: &HostName, path: &TargetPath) -> bool {
        self.kept(host).binary_search(path).is_ok()
    }

    /// What is to be put back as it was found.
    pub(super) fn kept(&self, host: &HostName) -> &[TargetPath] {
        self.hosts.get(host).map(|of_host| of_host.kept.as_slice()).unwrap_or_default()
    }

    /// Whether removing these paths would destroy something that cannot be kept before.
    pub(super) fn in_the_way<'p>(
        &self,
        host: &HostName,
        paths: impl Iterator<Item = &'p TargetPath>,
    ) -> Option<Blocked> {
        let all = &self.hosts.get(host)?.in_the_way;
        let mut below = paths.flat_map(|path| all.iter().filter(move |(lost, _)| lost.is_below(path)));
        let (path, why) = below.next()?;
        Some(Blocked { waiting_on: format!("{path} {why} and would be deleted; move it away first") })
    }
}

impl<'a> OfHost<'a> {
    fn new<'r>(
        input: Input<'a>,
        host: &HostName,
        removed: Vec<TargetPath>,
        remedies: impl Iterator<Item = &'r Remedy<'a>>,
    ) -> Self
    where
        'a: 'r,
    {
        let mut of_host = Self { removed, ..Self::default() };
        let mut by_path: BTreeMap<&TargetPath, Vec<&Remedy<'a>>> = BTreeMap::new();
        for remedy in remedies {
            by_path.entry(&remedy.finding.path).or_default().push(remedy);
        }
        let Some(all) = input.findings.irreplaceable.get(host) else { return of_host };
        let lost: BTreeSet<TargetPath> = of_host.removed.iter().flat_map(|removed| all.below(removed)).collect();
        for path in lost {
            let here = by_path.get(&path).map(Vec::as_slice).unwrap_or_default();
            let is_unreadable = |remedy: &&Remedy<'_>| matches!(remedy.finding.damage, Damage::Unreadable(_));
            if here.iter().any(|remedy| remedy.what.brings()) {
                continue;
            }
            if path.as_str().is_none() {
                of_host.in_the_way.push((path, "has a name that no command can be written down for"));
            } else if here.iter().any(is_unreadable) {
                of_host.in_the_way.push((path, "cannot be read"));
            } else {
                let is_mended = |remedy: &&&Remedy<'_>| matches!(remedy.what, What::Metadata | What::Rescue { .. });
                of_host.accused += usize::from(!here.is_empty());
                of_host.mended.extend(here.iter().filter(is_mended).map(|remedy| remedy.finding));
                of_host.kept.push(path);
            }
        }
        of_host
    }
}

/// What is removed before or by the redeploys.
fn removed<'a>(remedies: &[Remedy<'a>]) -> BTreeMap<&'a HostName, Vec<TargetPath>> {
    let mut removed: BTreeMap<&HostName, BTreeSet<&TargetPath>> = BTreeMap::new();
    for remedy in remedies {
        if let What::Redeploy { remove, replaces: true, mend, .. } = &remedy.what {
            removed.entry(&remedy.finding.host).or_default().extend(remove.iter().chain(&mend.replaces));
        }
    }
    removed.into_iter().map(|(host, paths)| (host, outermost(paths))).collect()
}
