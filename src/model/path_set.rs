//! A sorted set of paths, in some 25 bytes each: for lists that may name every file of a host.

use super::path::TargetPath;
use super::path_table::{Entries, PathTable};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeSet, btree_set};
use std::fmt;

/// So many paths wait to be packed.
const WAITING: usize = 4096;

/// A sorted set of paths.
#[derive(Clone, Default)]
pub struct PathSet {
    waiting: BTreeSet<TargetPath>,
    packed: PathTable,
}

impl PathSet {
    /// Adds a path.
    pub fn insert(&mut self, path: TargetPath) {
        self.waiting.insert(path);
        if self.waiting.len() >= WAITING {
            self.pack();
        }
    }

    /// Packs what waits: worth it where nothing more will come.
    pub fn pack(&mut self) {
        let waiting = std::mem::take(&mut self.waiting).into_iter().map(|path| (path, ())).collect();
        self.packed.merge(waiting, |_, (), _, _| {});
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.packed.len() == 0
    }

    /// Whether it has this one.
    pub fn contains(&self, path: &TargetPath) -> bool {
        self.waiting.contains(path) || self.packed.get(path).is_some()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.packed.len() + self.waiting.iter().filter(|path| self.packed.get(path).is_none()).count()
    }

    /// All of them, in order. Those that were told take no memory any more.
    pub fn into_paths(mut self) -> impl Iterator<Item = TargetPath> {
        self.pack();
        self.packed.into_paths()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = TargetPath> {
        merged(self.waiting.range::<TargetPath, _>(..), self.packed.iter())
    }

    /// Those at and below a directory, in order.
    pub fn below<'a>(&'a self, directory: &'a TargetPath) -> impl Iterator<Item = TargetPath> + use<'a> {
        let from = merged(self.waiting.range(directory..), self.packed.range(directory));
        from.take_while(move |path| path.is_below(directory))
    }
}

/// Two sorted lists as one, what is in both once.
fn merged<'a>(
    waiting: btree_set::Range<'a, TargetPath>,
    packed: Entries<'a>,
) -> impl Iterator<Item = TargetPath> + use<'a> {
    let mut waiting = waiting.cloned().peekable();
    let mut packed = packed.map(|(path, _)| path).peekable();
    std::iter::from_fn(move || match (waiting.peek(), packed.peek()) {
        (Some(one), Some(other)) if one == other => {
            waiting.next();
            packed.next()
        }
        (Some(one), Some(other)) if one < other => waiting.next(),
        (Some(_), None) => waiting.next(),
        (_, _) => packed.next(),
    })
}

impl Extend<TargetPath> for PathSet {
    fn extend<I: IntoIterator<Item = TargetPath>>(&mut self, paths: I) {
        for path in paths {
            self.insert(path);
        }
    }
}

impl FromIterator<TargetPath> for PathSet {
    fn from_iter<I: IntoIterator<Item = TargetPath>>(paths: I) -> Self {
        let mut set = Self::default();
        set.extend(paths);
        set
    }
}

impl PartialEq for PathSet {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for PathSet {}

impl fmt::Debug for PathSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for PathSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for PathSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<TargetPath>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path() -> impl Strategy<Value = TargetPath> {
        "(/[ab.-]{1,2}){0,3}".prop_map(TargetPath::new)
    }

    proptest! {
        #[test]
        fn it_holds_what_any_set_would_hold(
            added in prop::collection::vec((path(), prop::bool::weighted(0.1)), 0..100),
            directory in path(),
        ) {
            let (mut own, mut set) = (PathSet::default(), BTreeSet::new());
            for (path, pack) in added {
                if pack {
                    own.pack();
                }
                own.insert(path.clone());
                set.insert(path);
            }
            prop_assert_eq!((own.len(), own.is_empty()), (set.len(), set.is_empty()));
            prop_assert!(own.iter().eq(set.iter().cloned()));
            prop_assert!(own.clone().into_paths().eq(set.iter().cloned()));
            prop_assert_eq!(own.contains(&directory), set.contains(&directory));
            prop_assert!(own.below(&directory).eq(set.iter().filter(|path| path.is_below(&directory)).cloned()));
        }
    }
}
