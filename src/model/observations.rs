//! What was seen at every path of a host, in some 40 bytes a file, and its digest.
//!
//! A sorted map from paths to sightings. Almost all of them are files with times, a size and one digest: these are packed
//! into a [`PathTable`] and put together again when they are asked for; what many share, as mode and owner, is stored once,
//! and the digests are [shared](Digests) with what should be. The others (bytes that are evidence, a closer look, failures)
//! are kept as they are. What was added lately waits until there is enough to pack.

use super::content::{Algorithm, Blob, Digest};
use super::digests::Digests;
use super::interned::Interned;
use super::observation::{Kind, Seen, SeenContent, Sighting};
use super::path::TargetPath;
use super::path_table::{Entries, PathTable, put_bytes, put_number, take_bytes, take_number, unzigzag, zigzag};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::iter::Peekable;

/// So many sightings wait to be packed.
const WAITING: usize = 4096;

/// What was seen, by path.
#[derive(Clone, Default)]
pub struct Observations {
    /// What came since the last packing; it stands before what is packed.
    waiting: BTreeMap<TargetPath, Sighting>,
    packed: PathTable,
    /// Those of which [`Self::packed`] only says that they are here.
    kept: BTreeMap<TargetPath, Sighting>,
    models: Models,
}

/// What many sightings share, stored once.
#[derive(Clone, Default)]
struct Models {
    list: Interned<Model>,
    digests: Digests,
}

/// A sighting without what differs from file to file.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Model {
    kind: Kind,
    listed: bool,
    mode: u32,
    uid: u32,
    gid: u32,
    /// Of a file that was read, what its digests are.
    content: Option<Vec<Algorithm>>,
    has_target: bool,
}

impl Observations {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing yet. What will be seen has the same digests as something else, mostly.
    pub fn sharing(digests: &Digests) -> Self {
        Self { models: Models { digests: digests.clone(), ..Models::default() }, ..Self::default() }
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.packed.len() + self.waiting.keys().filter(|path| self.packed.get(path).is_none()).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.packed.len() == 0
    }

    /// What was seen at a path.
    pub fn get(&self, path: &TargetPath) -> Option<Cow<'_, Sighting>> {
        match self.waiting.get(path) {
            Some(sighting) => Some(Cow::Borrowed(sighting)),
            None => Some(self.unpacked(path, self.packed.get(path)?)),
        }
    }

    /// Whether anything is noted of what lies in a directory, or below that.
    pub fn has_below(&self, directory: &TargetPath) -> bool {
        let below = |path: &TargetPath| path != directory && path.is_below(directory);
        // What lies below a directory follows it directly.
        self.waiting.range(directory..).take(2).any(|(path, _)| below(path))
            || self.packed.range(directory).take(2).any(|(path, _)| below(&path))
    }

    /// Notes what was seen at a path, in the place of what was noted before.
    pub fn insert(&mut self, path: TargetPath, sighting: Sighting) {
        self.waiting.insert(path, sighting);
        if self.waiting.len() >= WAITING {
            self.pack();
        }
    }

    /// Changes what is noted of something that is there; gives whether there is such a thing.
    pub fn update(&mut self, path: &TargetPath, change: impl FnOnce(&mut Seen)) -> bool {
        if let Some(Sighting::Present(seen)) = self.waiting.get_mut(path) {
            change(seen);
            return true;
        }
        let Some(Sighting::Present(mut seen)) = self.get(path).map(Cow::into_owned) else { return false };
        change(&mut seen);
        self.insert(path.clone(), Sighting::Present(seen));
        true
    }

    /// All of it, in path order.
    pub fn iter(&self) -> Iter<'_> {
        self.merged(self.waiting.range::<TargetPath, _>(..), self.packed.iter())
    }

    /// What was seen from this path on, in path order.
    pub fn range(&self, from: &TargetPath) -> Iter<'_> {
        self.merged(self.waiting.range(from..), self.packed.range(from))
    }

    fn merged<'a>(&'a self, waiting: Waiting<'a>, packed: Entries<'a>) -> Iter<'a> {
        Iter { own: self, waiting: waiting.peekable(), packed: packed.peekable() }
    }

    /// Notes the contents of things that are there. Of each path one may come, in any order.
    pub fn add_contents(&mut self, mut contents: Vec<(TargetPath, SeenContent)>) {
        self.pack();
        contents.retain(|(path, _)| self.packed.get(path).is_some());
        contents.sort_by(|(a, _), (b, _)| a.cmp(b));
        let Self { kept, models, .. } = self;
        self.packed.merge(contents, |path, content, packed, bytes| {
            let before = kept.remove(path).or_else(|| packed.map(|packed| models.unpacked(packed)));
            let Some(mut sighting) = before else { return };
            if let Sighting::Present(seen) = &mut sighting {
                seen.content = Some(content);
            }
            models.put(path, sighting, kept, bytes);
        });
    }

    /// Packs what waits.
    fn pack(&mut self) {
        let waiting = std::mem::take(&mut self.waiting).into_iter().collect();
        let Self { kept, models, .. } = self;
        self.packed.merge(waiting, |path, sighting, _, bytes| {
            kept.remove(path);
            models.put(path, sighting, kept, bytes);
        });
    }

    fn unpacked(&self, path: &TargetPath, packed: &[u8]) -> Cow<'_, Sighting> {
        if packed == [KEPT] {
            return Cow::Borrowed(self.kept.get(path).expect("what the table says to be kept was kept"));
        }
        Cow::Owned(self.models.unpacked(packed))
    }
}

/// Instead of the number of a model: it is kept as it is.
const KEPT: u8 = 0;
/// Instead of the number of a model: nothing is there.
const ABSENT: u8 = 1;
/// What models are numbered from.
const FIRST: u64 = 2;

impl Models {
    /// Packs a sighting; one of a rare form is kept as it is.
    fn put(
        &mut self,
        path: &TargetPath,
        mut sighting: Sighting,
        kept: &mut BTreeMap<TargetPath, Sighting>,
        bytes: &mut Vec<u8>,
    ) {
        if !self.pack(&sighting, bytes) {
            bytes.push(KEPT);
            if let Sighting::Present(seen) = &mut sighting
                && let Some(SeenContent::Read { captured: Some(captured), .. }) = &mut seen.content
            {
                captured.condense(&self.digests);
            }
            kept.insert(path.clone(), sighting);
        }
    }

    /// Writes a sighting in few bytes; writes nothing and gives `false` where it is of a rare form.
    fn pack(&mut self, sighting: &Sighting, bytes: &mut Vec<u8>) -> bool {
        let seen = match sighting {
            Sighting::Present(seen) => seen,
            Sighting::Absent => {
                bytes.push(ABSENT);
                return true;
            }
            Sighting::Unseen(_) => return false,
        };
        let digests = match &seen.content {
            None => None,
            Some(SeenContent::Read { digests, captured: None, closer: None })
                if digests.iter().all(Digest::is_whole) =>
            {
                Some(digests)
            }
            Some(SeenContent::Read { .. } | SeenContent::Failed(_)) => return false,
        };
        let model = Model {
            kind: seen.kind,
            listed: seen.listed,
            mode: seen.mode,
            uid: seen.uid,
            gid: seen.gid,
            content: digests.map(|digests| digests.iter().map(|digest| digest.algorithm).collect()),
            has_target: seen.target.is_some(),
        };
        put_number(bytes, FIRST + self.list.number(model));
        put_number(bytes, seen.size);
        bytes.extend(seen.mtime.to_le_bytes());
        // The inode of most files was last changed when their content was, or a little later.
        put_number(bytes, zigzag(seen.ctime.wrapping_sub(seen.mtime)));
        digests.into_iter().flatten().for_each(|digest| self.digests.put(digest, bytes));
        if let Some(target) = &seen.target {
            put_bytes(bytes, &target.0);
        }
        true
    }

    /// The inverse of [`Self::pack`].
    fn unpacked(&self, mut bytes: &[u8]) -> Sighting {
        let Some(model) = take_number(&mut bytes).checked_sub(FIRST) else { return Sighting::Absent };
        let model = self.list.get(model);
        let size = take_number(&mut bytes);
        let mtime = i64::from_le_bytes(take(&mut bytes, 8).try_into().expect("so many were taken"));
        let ctime = mtime.wrapping_add(unzigzag(take_number(&mut bytes)));
        let content = model.content.as_ref().map(|algorithms| {
            let digests = algorithms.iter().map(|algorithm| self.digests.take(*algorithm, &mut bytes)).collect();
            SeenContent::Read { digests, captured: None, closer: None }
        });
        let target = model.has_target.then(|| Blob(take_bytes(&mut bytes).to_vec()));
        let Model { kind, listed, mode, uid, gid, .. } = *model;
        Sighting::Present(Box::new(Seen { kind, mode, uid, gid, size, mtime, ctime, content, target, listed }))
    }
}

/// The next bytes of what [`Models::pack`] wrote.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (own, rest) = bytes.split_at(count);
    *bytes = rest;
    own
}

type Waiting<'a> = btree_map::Range<'a, TargetPath, Sighting>;

/// What was seen, in path order.
pub struct Iter<'a> {
    own: &'a Observations,
    waiting: Peekable<Waiting<'a>>,
    packed: Peekable<Entries<'a>>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (TargetPath, Cow<'a, Sighting>);

    fn next(&mut self) -> Option<Self::Item> {
        let waiting = match (self.waiting.peek(), self.packed.peek()) {
            (Some((waiting, _)), Some((packed, _))) => *waiting <= packed,
            (waiting, _) => waiting.is_some(),
        };
        if waiting {
            let (path, sighting) = self.waiting.next()?;
            self.packed.next_if(|(packed, _)| packed == path);
            return Some((path.clone(), Cow::Borrowed(sighting)));
        }
        let (path, bytes) = self.packed.next()?;
        let sighting = self.own.unpacked(&path, bytes);
        Some((path, sighting))
    }
}

impl<'a> IntoIterator for &'a Observations {
    type Item = (TargetPath, Cow<'a, Sighting>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl Extend<(TargetPath, Sighting)> for Observations {
    fn extend<I: IntoIterator<Item = (TargetPath, Sighting)>>(&mut self, sightings: I) {
        for (path, sighting) in sightings {
            self.insert(path, sighting);
        }
    }
}

impl FromIterator<(TargetPath, Sighting)> for Observations {
    fn from_iter<I: IntoIterator<Item = (TargetPath, Sighting)>>(sightings: I) -> Self {
        let mut observations = Self::default();
        observations.extend(sightings);
        observations
    }
}

impl PartialEq for Observations {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Observations {}

impl fmt::Debug for Observations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Observations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Observations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::<TargetPath, Sighting>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::captured::Captured;
    use crate::model::hasher::digest_of;
    use crate::model::observation::Failure;
    use proptest::prelude::*;

    fn digests() -> impl Strategy<Value = Vec<Digest>> {
        let digest = (prop::sample::select(Algorithm::ALL.to_vec()), any::<u64>())
            .prop_map(|((algorithm, _), content)| digest_of(algorithm, &content.to_le_bytes()));
        prop::collection::vec(digest, 0..3)
    }

    fn content() -> impl Strategy<Value = SeenContent> {
        let failure = Failure { errno: 5, text: "no".into() };
        let captured = prop::option::weighted(0.2, Just(Captured::from("bytes")));
        prop_oneof![
            9 => (digests(), captured).prop_map(|(digests, captured)| SeenContent::Read { digests, captured, closer: None }),
            1 => Just(SeenContent::Failed(failure)),
        ]
    }

    prop_compose! {
        fn seen()(
            kind in prop::sample::select(vec![Kind::File, Kind::Directory, Kind::Link, Kind::Fifo, Kind::Socket, Kind::Device]),
            (mode, uid, gid) in any::<(u32, u32, u32)>(),
            (size, mtime, ctime) in any::<(u64, i64, i64)>(),
            content in prop::option::of(content()),
            target in prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
            listed: bool,
        ) -> Seen {
            Seen { kind, mode, uid, gid, size, mtime, ctime, content, target: target.map(Blob), listed }
        }
    }

    fn sighting() -> impl Strategy<Value = Sighting> {
        prop_oneof![
            8 => seen().prop_map(|seen| Sighting::Present(Box::new(seen))),
            1 => Just(Sighting::Absent),
            1 => Just(Sighting::unseen("closed")),
        ]
    }

    fn path() -> impl Strategy<Value = TargetPath> {
        "(/[ab.-]{1,2}){0,3}".prop_map(TargetPath::new)
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(sighting in sighting()) {
            let (mut models, mut bytes) = (Models::default(), Vec::new());
            if models.pack(&sighting, &mut bytes) {
                prop_assert_eq!(models.unpacked(&bytes), sighting);
            }
        }

        #[test]
        fn they_hold_what_a_map_would_hold(
            noted in prop::collection::vec((path(), sighting(), prop::bool::weighted(0.05)), 0..150),
            contents in prop::collection::vec((path(), content()), 0..20),
            asked in path(),
        ) {
            let (mut own, mut map) = (Observations::new(), BTreeMap::new());
            for (path, sighting, pack) in noted {
                if pack {
                    own.pack();
                }
                let shrink = |seen: &mut Seen| seen.size /= 2;
                let there = match map.get_mut(&path) {
                    Some(Sighting::Present(seen)) => { shrink(seen); true }
                    _ => false,
                };
                prop_assert_eq!(own.update(&path, shrink), there);
                let got = own.get(&path).map(Cow::into_owned);
                prop_assert_eq!(got.as_ref(), map.get(&path));
                map.insert(path.clone(), sighting.clone());
                own.insert(path, sighting);
            }
            prop_assert_eq!(own.len(), map.len());
            let contents: BTreeMap<_, _> = contents.into_iter().collect();
            for (path, content) in &contents {
                if let Some(Sighting::Present(seen)) = map.get_mut(path) {
                    seen.content = Some(content.clone());
                }
            }
            own.add_contents(contents.into_iter().rev().collect());
            let all: BTreeMap<_, _> = own.iter().map(|(path, sighting)| (path, sighting.into_owned())).collect();
            prop_assert_eq!(&all, &map);
            let below = |path: &TargetPath| *path != asked && path.is_below(&asked);
            prop_assert_eq!(own.has_below(&asked), map.keys().any(below));
            let from: Vec<_> = own.range(&asked).map(|(path, _)| path).collect();
            let expected: Vec<_> = map.range(&asked..).map(|(path, _)| path.clone()).collect();
            prop_assert_eq!(from, expected);
        }
    }
}
