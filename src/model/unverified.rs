//! What nobody could judge, and why: there may be millions of such files on one host, and few reasons.

use super::eval::Why;
use super::path::TargetPath;
use super::path_set::PathSet;
use super::unit::{HostName, UnitId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

/// Something that nobody could judge, and why. Never an all-clear.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unverified {
    /// On which host.
    pub host: HostName,
    /// The unit.
    pub unit: UnitId,
    /// The path; `None` for the unit as a whole.
    pub path: Option<TargetPath>,
    /// Why.
    pub why: Why,
    /// Whether it was not even seen (rather than seen without a reference).
    pub unseen: bool,
}

/// A sorted set of [`Unverified`], as lists of paths by unit and reason.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UnverifiedSet {
    units: BTreeMap<(HostName, UnitId), BTreeMap<Reason, Places>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reason {
    why: Why,
    unseen: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Places {
    whole: bool,
    paths: PathSet,
}

/// What could not be judged for the same reason in the same unit.
#[derive(Debug, Clone, Copy)]
pub struct Alike<'a> {
    /// On which host.
    pub host: &'a HostName,
    /// The unit.
    pub unit: &'a UnitId,
    /// Why.
    pub why: &'a Why,
    /// Whether it was not even seen.
    pub unseen: bool,
    /// Whether the unit as a whole is among it.
    pub whole: bool,
    /// The paths.
    pub paths: &'a PathSet,
}

impl Alike<'_> {
    /// How many entries it stands for.
    pub fn count(&self) -> u64 {
        self.paths.len() as u64 + u64::from(self.whole)
    }
}

impl UnverifiedSet {
    /// Adds an entry, unless it is there.
    pub fn insert(&mut self, entry: Unverified) {
        let Unverified { host, unit, path, why, unseen } = entry;
        let places = self.units.entry((host, unit)).or_default().entry(Reason { why, unseen }).or_default();
        match path {
            Some(path) => places.paths.insert(path),
            None => places.whole = true,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// How many entries there are.
    pub fn count(&self) -> u64 {
        self.alike().map(|alike| alike.count()).sum()
    }

    /// Sorted by host, unit and reason.
    pub fn alike(&self) -> impl Iterator<Item = Alike<'_>> {
        self.units.iter().flat_map(|((host, unit), reasons)| {
            reasons.iter().map(move |(Reason { why, unseen }, Places { whole, paths })| Alike {
                host,
                unit,
                why,
                unseen: *unseen,
                whole: *whole,
                paths,
            })
        })
    }

    /// All entries, sorted by host, unit and path; the unit as a whole comes before its paths.
    pub fn iter(&self) -> impl Iterator<Item = Unverified> {
        self.units.iter().flat_map(|((host, unit), reasons)| {
            let entry = move |(path, Reason { why, unseen }): (Option<TargetPath>, &Reason)| Unverified {
                host: host.clone(),
                unit: unit.clone(),
                path,
                why: why.clone(),
                unseen: *unseen,
            };
            entries(reasons).map(entry)
        })
    }

    /// Keeps what `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&Unverified) -> bool) {
        self.replace(|entry| keep(&entry).then_some(entry));
    }

    /// Keeps the units that `keep` wants.
    pub fn retain_units(&mut self, mut keep: impl FnMut(&UnitId) -> bool) {
        self.units.retain(|(_, unit), _| keep(unit));
    }

    /// Puts in the place of each entry what `make` makes of it.
    pub fn replace(&mut self, mut make: impl FnMut(Unverified) -> Option<Unverified>) {
        let mut units = std::mem::take(&mut self.units);
        while let Some((key, reasons)) = units.pop_first() {
            let unit = Self { units: BTreeMap::from([(key, reasons)]) };
            self.extend(unit.iter().filter_map(&mut make));
        }
    }
}

/// What could not be judged of a unit, in order.
fn entries(reasons: &BTreeMap<Reason, Places>) -> impl Iterator<Item = (Option<TargetPath>, &Reason)> {
    let whole = reasons.iter().filter(|(_, places)| places.whole).map(|(reason, _)| (None, reason));
    let lists = reasons.iter().map(|(reason, places)| (reason, places.paths.iter())).collect();
    whole.chain(Merged::new(lists))
}

/// The paths of several reasons as one list.
struct Merged<'a, I: Iterator<Item = TargetPath>> {
    lists: Vec<(&'a Reason, I)>,
    /// The next path of each list that is not yet told to its end, and which list it is; reasons are in order, too.
    next: BinaryHeap<Reverse<(TargetPath, usize)>>,
}

impl<'a, I: Iterator<Item = TargetPath>> Merged<'a, I> {
    fn new(mut lists: Vec<(&'a Reason, I)>) -> Self {
        let first = |(index, (_, list)): (usize, &mut (_, I))| Some(Reverse((list.next()?, index)));
        let next = lists.iter_mut().enumerate().filter_map(first).collect();
        Self { lists, next }
    }
}

impl<'a, I: Iterator<Item = TargetPath>> Iterator for Merged<'a, I> {
    type Item = (Option<TargetPath>, &'a Reason);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((path, index)) = self.next.pop()?;
        let (reason, list) = &mut self.lists[index];
        self.next.extend(list.next().map(|path| Reverse((path, index))));
        Some((Some(path), reason))
    }
}

impl Extend<Unverified> for UnverifiedSet {
    fn extend<I: IntoIterator<Item = Unverified>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.insert(entry));
    }
}

impl FromIterator<Unverified> for UnverifiedSet {
    fn from_iter<I: IntoIterator<Item = Unverified>>(entries: I) -> Self {
        let mut set = Self::default();
        set.extend(entries);
        set
    }
}

impl fmt::Debug for UnverifiedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for UnverifiedSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for UnverifiedSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Unverified>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::eval::WhyKind;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn entry() -> impl Strategy<Value = Unverified> {
        let names = (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["u", "v"]));
        let path = prop::option::weighted(0.9, "(/[ab.-]{1,2}){1,3}".prop_map(TargetPath::new));
        let why = prop::sample::select(vec!["code decides", "nothing vouches", "not readable"]);
        (names, path, why, prop::bool::ANY).prop_map(|((host, unit), path, why, unseen)| Unverified {
            host: host.into(),
            unit: unit.into(),
            path,
            why: Why::new(WhyKind::NoReference, why),
            unseen,
        })
    }

    proptest! {
        #[test]
        fn it_holds_what_any_set_would_hold(entries in prop::collection::vec(entry(), 0..100)) {
            let mut own: UnverifiedSet = entries.iter().cloned().collect();
            let mut set: BTreeSet<Unverified> = entries.into_iter().collect();
            prop_assert!(own.iter().eq(set.iter().cloned()));
            prop_assert_eq!(own.count(), set.len() as u64);
            prop_assert_eq!(own.is_empty(), set.is_empty());
            for alike in own.alike() {
                let same = set.iter().filter(|one| {
                    (&one.host, &one.unit, &one.why, one.unseen) == (alike.host, alike.unit, alike.why, alike.unseen)
                });
                prop_assert_eq!(alike.count(), same.count() as u64);
            }
            own.retain(|entry| !entry.unseen);
            set.retain(|entry| !entry.unseen);
            prop_assert!(own.iter().eq(set.iter().cloned()));
            prop_assert_eq!(own.is_empty(), set.is_empty());
            own.retain_units(|unit| *unit == "u".into());
            set.retain(|entry| entry.unit == "u".into());
            prop_assert!(own.iter().eq(set.iter().cloned()));
            prop_assert_eq!(own.alike().any(|alike| alike.count() == 0), false);
        }
    }
}
