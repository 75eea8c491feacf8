//! What should be at every path, in some 30 bytes a file, and its digest.
//!
//! Sorted by host, path and authority; one path may have several artifacts (claims). Almost all of them are files with a
//! digest, and most of a unit differ in nothing else: what they share is stored once, and the rest is packed into a
//! [`PathTable`] for each host, which names the digest among those that are [shared](Digests) with what was seen. What was
//! added lately waits until there is enough to pack.

use super::artifact::{Artifact, Content, Expected};
use super::content::Algorithm;
use super::digests::Digests;
use super::interned::Interned;
use super::path::TargetPath;
use super::path_table::{Entries, PathTable, put_number, take_number};
use super::unit::HostName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::iter::Peekable;

/// So many paths of a host wait to be packed.
const WAITING: usize = 4096;

/// What should be, on every host.
#[derive(Clone, Default)]
pub struct Artifacts {
    hosts: BTreeMap<HostName, OfHost>,
    models: Models,
}

/// What should be on one host.
#[derive(Clone, Default)]
struct OfHost {
    /// What came since the last packing, by path, and of a path the strongest first.
    waiting: BTreeMap<TargetPath, Vec<Artifact>>,
    packed: PathTable,
    len: usize,
}

/// What many artifacts share, stored once.
#[derive(Clone, Default)]
struct Models {
    list: Interned<Model>,
    digests: Digests,
}

/// An artifact without its path; without its digest and size, too, if it has one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Model {
    artifact: Artifact,
    digest: Option<Algorithm>,
}

impl Artifacts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The digests that they name.
    pub fn digests(&self) -> &Digests {
        &self.models.digests
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hosts.values().map(|host| host.len).sum()
    }

    /// How many there are on each host.
    pub fn counts(&self) -> impl Iterator<Item = (&HostName, u64)> {
        self.hosts.iter().map(|(name, host)| (name, host.len as u64))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one.
    pub fn push(&mut self, artifact: Artifact) {
        if !self.hosts.contains_key(&artifact.host) {
            self.hosts.insert(artifact.host.clone(), OfHost::default());
        }
        let of_host = self.hosts.get_mut(&artifact.host).expect("it was just put there if it was not");
        of_host.len += 1;
        let same = of_host.waiting.entry(artifact.path.clone()).or_default();
        let place = same.partition_point(|other| other.authority <= artifact.authority);
        same.insert(place, artifact);
        if of_host.waiting.len() >= WAITING {
            of_host.pack(&mut self.models);
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Artifact> {
        self.hosts.keys().flat_map(|host| self.of(host))
    }

    /// Those of one host.
    pub fn of<'a>(&'a self, host: &HostName) -> impl Iterator<Item = Artifact> + use<'a> {
        self.by_path(host).flat_map(|(_, same)| same)
    }

    /// Those of one host, together with those of the same path.
    pub fn by_path<'a>(&'a self, host: &HostName) -> impl Iterator<Item = (TargetPath, Vec<Artifact>)> + use<'a> {
        let groups = |host: &'a OfHost| self.groups(host.waiting.range::<TargetPath, _>(..), host.packed.iter());
        self.hosts.get(host).into_iter().flat_map(groups)
    }

    /// What is claimed of one path, the strongest first.
    pub fn on(&self, host: &HostName, path: &TargetPath) -> Vec<Artifact> {
        let Some(of_host) = self.hosts.get(host) else { return Vec::new() };
        let packed = of_host.packed.get(path).map_or_else(Vec::new, |packed| self.models.unpacked(path, packed));
        joined(packed, of_host.waiting.get(path).cloned().unwrap_or_default())
    }

    /// Whether anything is claimed of a path.
    pub fn claims(&self, host: &HostName, path: &TargetPath) -> bool {
        self.hosts.get(host).is_some_and(|host| host.waiting.contains_key(path) || host.packed.get(path).is_some())
    }

    /// The first path from this one on of which something is claimed.
    pub fn next(&self, host: &HostName, from: &TargetPath) -> Option<TargetPath> {
        let of_host = self.hosts.get(host)?;
        let waiting = of_host.waiting.range(from..).next().map(|(path, _)| path.clone());
        let packed = of_host.packed.range(from).next().map(|(path, _)| path);
        waiting.into_iter().chain(packed).min()
    }

    /// Whether anything is claimed of what lies in a directory, or below that.
    pub fn lists(&self, host: &HostName, directory: &TargetPath) -> bool {
        let Some(of_host) = self.hosts.get(host) else { return false };
        let below = |path: &TargetPath| path != directory && path.is_below(directory);
        // What lies below a directory follows it directly.
        of_host.waiting.range(directory..).take(2).any(|(path, _)| below(path))
            || of_host.packed.range(directory).take(2).any(|(path, _)| below(&path))
    }

    /// Keeps those of some hosts.
    pub fn retain_hosts(&mut self, wanted: impl Fn(&HostName) -> bool) {
        self.hosts.retain(|host, _| wanted(host));
    }

    fn groups<'a>(&'a self, waiting: Waiting<'a>, packed: Entries<'a>) -> Groups<'a> {
        Groups { models: &self.models, waiting: waiting.peekable(), packed: packed.peekable() }
    }
}

impl OfHost {
    /// Packs what waits.
    fn pack(&mut self, models: &mut Models) {
        let waiting = std::mem::take(&mut self.waiting).into_iter().collect();
        self.packed.merge(waiting, |path, own, packed, bytes| {
            let before = packed.map_or_else(Vec::new, |packed| models.unpacked(path, packed));
            for artifact in joined(before, own) {
                models.pack(artifact, bytes);
            }
        });
    }
}

/// Two lists of claims on one path as one; of those with the same authority the earlier ones come first.
fn joined(mut packed: Vec<Artifact>, waiting: Vec<Artifact>) -> Vec<Artifact> {
    if packed.is_empty() {
        return waiting;
    }
    packed.extend(waiting);
    packed.sort_by_key(|artifact| artifact.authority);
    packed
}

impl Models {
    fn pack(&mut self, mut artifact: Artifact, bytes: &mut Vec<u8>) {
        let rest = match &artifact.expected {
            Expected::File(Content::Digest { digest, size }) if digest.is_whole() => Some((digest.clone(), *size)),
            _ => None,
        };
        artifact.path = TargetPath::root();
        if rest.is_some() {
            artifact.expected = Expected::Present;
        }
        let digest = rest.as_ref().map(|(digest, _)| digest.algorithm);
        put_number(bytes, self.list.number(Model { artifact, digest }));
        if let Some((digest, size)) = rest {
            self.digests.put(&digest, bytes);
            // One more than the size, so that 0 is none. No file is so large that this is too much.
            put_number(bytes, size.map_or(0, |size| size.saturating_add(1)));
        }
    }

    fn unpacked(&self, path: &TargetPath, mut bytes: &[u8]) -> Vec<Artifact> {
        let mut artifacts = Vec::with_capacity(1);
        while !bytes.is_empty() {
            let Model { artifact, digest } = self.list.get(take_number(&mut bytes));
            let mut artifact = Artifact { path: path.clone(), ..artifact.clone() };
            if let Some(algorithm) = *digest {
                let digest = self.digests.take(algorithm, &mut bytes);
                let size = take_number(&mut bytes).checked_sub(1);
                artifact.expected = Expected::File(Content::Digest { digest, size });
            }
            artifacts.push(artifact);
        }
        artifacts
    }
}

type Waiting<'a> = btree_map::Range<'a, TargetPath, Vec<Artifact>>;

/// What is claimed, path by path.
struct Groups<'a> {
    models: &'a Models,
    waiting: Peekable<Waiting<'a>>,
    packed: Peekable<Entries<'a>>,
}

impl Iterator for Groups<'_> {
    type Item = (TargetPath, Vec<Artifact>);

    fn next(&mut self) -> Option<Self::Item> {
        let (packed_first, waiting_first) = match (self.packed.peek(), self.waiting.peek()) {
            (Some((packed, _)), Some((waiting, _))) => (packed <= waiting, *waiting <= packed),
            (packed, waiting) => (packed.is_some(), waiting.is_some()),
        };
        let packed = if packed_first { self.packed.next() } else { None };
        let waiting = if waiting_first { self.waiting.next() } else { None };
        let path = packed.as_ref().map(|(path, _)| path).or(waiting.map(|(path, _)| path))?.clone();
        let packed = packed.map_or_else(Vec::new, |(_, bytes)| self.models.unpacked(&path, bytes));
        Some((path, joined(packed, waiting.map_or_else(Vec::new, |(_, artifacts)| artifacts.clone()))))
    }
}

impl Extend<Artifact> for Artifacts {
    fn extend<I: IntoIterator<Item = Artifact>>(&mut self, artifacts: I) {
        for artifact in artifacts {
            self.push(artifact);
        }
    }
}

impl FromIterator<Artifact> for Artifacts {
    fn from_iter<I: IntoIterator<Item = Artifact>>(artifacts: I) -> Self {
        let mut own = Self::default();
        own.extend(artifacts);
        own
    }
}

impl PartialEq for Artifacts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Artifacts {}

impl fmt::Debug for Artifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Artifacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Artifacts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Artifact>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::artifact::{Authority, Durability, MendId, Ownership, Principal};
    use crate::model::content::Blob;
    use crate::model::eval::{Why, WhyKind};
    use crate::model::hasher::digest_of;
    use proptest::prelude::*;

    fn expected() -> impl Strategy<Value = Expected> {
        let digest = (prop::sample::select(Algorithm::ALL.to_vec()), any::<u64>(), any::<Option<u32>>());
        prop_oneof![
            6 => digest.prop_map(|((algorithm, _), content, size)| {
                let digest = digest_of(algorithm, &content.to_le_bytes());
                Expected::File(Content::Digest { digest, size: size.map(u64::from) })
            }),
            1 => Just(Expected::File(Content::Unknown(Why::new(WhyKind::NoReference, "nobody knows")))),
            1 => any::<[u8; 2]>().prop_map(|bytes| Expected::File(Content::Bytes(Blob(bytes.to_vec())))),
            1 => Just(Expected::Directory { ownership: Ownership::Shared }),
        ]
    }

    prop_compose! {
        fn artifact()(
            host in prop::sample::select(vec!["app01", "app02"]),
            path in "(/[ab.-]{1,2}){0,3}",
            unit in prop::sample::select(vec!["app01/web", "app01/shop"]),
            expected in expected(),
            mode in prop::option::of(0_u32..0o7777),
            authority in prop::sample::select(vec![Authority::Definition, Authority::Vendor, Authority::Record]),
            mend in 0_u32..3,
            secret in prop::bool::weighted(0.1),
        ) -> Artifact {
            Artifact {
                host: host.into(),
                path: TargetPath::new(path),
                unit: unit.into(),
                expected,
                mode,
                owner: mode.map(Principal::Id),
                group: None,
                authority,
                durability: Durability::Reproducible,
                mend: MendId(mend),
                secret,
                origin: None,
            }
        }
    }

    proptest! {
        #[test]
        fn they_are_what_a_sorted_list_would_be(
            added in prop::collection::vec((artifact(), prop::bool::weighted(0.05)), 0..150),
        ) {
            let mut own = Artifacts::new();
            for (artifact, pack) in &added {
                if *pack {
                    own.hosts.values_mut().for_each(|host| host.pack(&mut own.models));
                }
                own.push(artifact.clone());
            }
            let mut list: Vec<Artifact> = added.into_iter().map(|(artifact, _)| artifact).collect();
            list.sort_by(|a, b| (&a.host, &a.path, a.authority).cmp(&(&b.host, &b.path, b.authority)));
            prop_assert_eq!(own.len(), list.len());
            prop_assert_eq!(own.iter().collect::<Vec<_>>(), list.clone());
            for asked in &list {
                let same = |other: &&Artifact| (&other.host, &other.path) == (&asked.host, &asked.path);
                prop_assert_eq!(own.on(&asked.host, &asked.path), list.iter().filter(same).cloned().collect::<Vec<_>>());
                let parent = asked.path.parent().unwrap_or_else(TargetPath::root);
                let next = list.iter().filter(|other| other.host == asked.host && other.path >= parent);
                prop_assert_eq!(own.next(&asked.host, &parent), next.map(|other| other.path.clone()).min());
                prop_assert!(own.claims(&asked.host, &asked.path));
                let below = |other: &Artifact| {
                    other.host == asked.host && other.path != parent && other.path.is_below(&parent)
                };
                prop_assert_eq!(own.lists(&asked.host, &parent), list.iter().any(below));
            }
        }
    }

    #[test]
    fn what_nobody_claims_is_not_claimed() {
        let own = Artifacts::new();
        let (host, path) = (HostName::from("h"), TargetPath::root());
        assert_eq!((own.on(&host, &path).len(), own.claims(&host, &path), own.next(&host, &path)), (0, false, None));
    }
}
