//! A sorted map from paths to a few bytes each, for what is known of every file of a host.
//!
//! Takes sorted entries and merges them in ([`PathTable::merge`]); gives them back one by one or in order. Of a path only
//! what its predecessor has not is stored, so that directories cost nothing and a name costs its length and two bytes.
//! What the bytes mean is the business of [`super::observations`] and [`super::artifacts`].

use super::path::{TargetPath, compare};
use std::cmp::Ordering;

/// How many entries lie together: what has to be walked to find one, and what is written anew to change one.
const CHUNK: usize = 64;

/// A sorted map from paths to bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct PathTable {
    /// Never empty ones. The first entry of each has its whole path.
    chunks: Vec<Box<[u8]>>,
    len: usize,
}

impl PathTable {
    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of a path.
    pub(super) fn get(&self, path: &TargetPath) -> Option<&[u8]> {
        find(&self.chunks[self.chunk_of(path)?], path.as_bytes())
    }

    /// All paths. What was told takes no memory any more.
    pub(super) fn into_paths(self) -> impl Iterator<Item = TargetPath> {
        self.chunks.into_iter().flat_map(|chunk| {
            let entries = Entries { chunks: &[], rest: &chunk, path: Vec::new(), held: None };
            entries.map(|(path, _)| path).collect::<Vec<_>>()
        })
    }

    /// The entries from this path on.
    pub(super) fn range(&self, from: &TargetPath) -> Entries<'_> {
        let chunk = self.chunk_of(from).unwrap_or(0);
        let mut entries = Entries { chunks: &self.chunks[chunk..], rest: &[], path: Vec::new(), held: None };
        while let Some(next) = entries.advance() {
            if compare(&entries.path, from.as_bytes()) != Ordering::Less {
                entries.held = Some(next);
                break;
            }
        }
        entries
    }

    /// All entries.
    pub(super) fn iter(&self) -> Entries<'_> {
        Entries { chunks: &self.chunks, rest: &[], path: Vec::new(), held: None }
    }

    /// Adds entries, or replaces those of the same path: `make` tells their bytes, from what was there before. They have to
    /// be sorted, each path once.
    pub(super) fn merge<T>(
        &mut self,
        new: Vec<(TargetPath, T)>,
        mut make: impl FnMut(&TargetPath, T, Option<&[u8]>, &mut Vec<u8>),
    ) {
        let mut new = new.into_iter().peekable();
        let mut old = std::mem::take(&mut self.chunks).into_iter().peekable();
        let mut merged = Merged::default();
        while old.peek().is_some() || new.peek().is_some() {
            let chunk = old.next();
            let end = old.peek().map(|next| first_path(next));
            let is_here =
                |(path, _): &(TargetPath, T)| end.is_none_or(|end| compare(path.as_bytes(), end) == Ordering::Less);
            match chunk {
                Some(chunk) if !new.peek().is_some_and(is_here) => self.chunks.push(chunk),
                chunk => {
                    let before =
                        merged.take_in(chunk.as_deref().unwrap_or_default(), || new.next_if(is_here), &mut make);
                    self.len += merged.entries.len() - before;
                    merged.write(&mut self.chunks);
                }
            }
        }
    }

    /// The chunk that has this path if any has it.
    fn chunk_of(&self, path: &TargetPath) -> Option<usize> {
        self.chunks
            .partition_point(|chunk| compare(first_path(chunk), path.as_bytes()) != Ordering::Greater)
            .checked_sub(1)
    }
}

/// The entries of a chunk together with new ones.
#[derive(Default)]
struct Merged {
    /// All paths and bodies, one after the other.
    bytes: Vec<u8>,
    /// Where the path begins, where its body does, and where that ends.
    entries: Vec<(usize, usize, usize)>,
}

impl Merged {
    /// Takes the entries of a chunk and new ones that come in order; gives how many the chunk had.
    fn take_in<T>(
        &mut self,
        chunk: &[u8],
        mut next: impl FnMut() -> Option<(TargetPath, T)>,
        make: &mut impl FnMut(&TargetPath, T, Option<&[u8]>, &mut Vec<u8>),
    ) -> usize {
        self.bytes.clear();
        self.entries.clear();
        let mut old = Entries { chunks: &[], rest: chunk, path: Vec::new(), held: None };
        let (mut new, mut before) = (next(), 0);
        while let Some(body) = old.advance() {
            before += 1;
            while let Some((path, value)) =
                new.take_if(|(path, _)| compare(path.as_bytes(), &old.path) == Ordering::Less)
            {
                self.push(path.as_bytes(), |bytes| make(&path, value, None, bytes));
                new = next();
            }
            if let Some((path, value)) = new.take_if(|(path, _)| path.as_bytes() == old.path) {
                self.push(path.as_bytes(), |bytes| make(&path, value, Some(body), bytes));
                new = next();
            } else {
                self.push(&old.path, |bytes| bytes.extend_from_slice(body));
            }
        }
        while let Some((path, value)) = new {
            self.push(path.as_bytes(), |bytes| make(&path, value, None, bytes));
            new = next();
        }
        before
    }

    fn push(&mut self, path: &[u8], body: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(path);
        let middle = self.bytes.len();
        body(&mut self.bytes);
        self.entries.push((begin, middle, self.bytes.len()));
    }

    /// Adds them behind other chunks, in chunks of the same length.
    fn write(&self, chunks: &mut Vec<Box<[u8]>>) {
        let count = self.entries.len().div_ceil(CHUNK).max(1);
        let length = self.entries.len().div_ceil(count).max(1);
        let mut chunk = Vec::new();
        for entries in self.entries.chunks(length) {
            let mut before: &[u8] = &[];
            for &(begin, middle, end) in entries {
                let (path, body) = (&self.bytes[begin..middle], &self.bytes[middle..end]);
                let shared = before.iter().zip(path).take_while(|(a, b)| a == b).count();
                put_number(&mut chunk, shared as u64);
                put_bytes(&mut chunk, &path[shared..]);
                put_bytes(&mut chunk, body);
                before = path;
            }
            chunks.push(chunk.as_slice().into());
            chunk.clear();
        }
    }
}

fn first_path(chunk: &[u8]) -> &[u8] {
    let mut rest = chunk;
    let _shared = take_number(&mut rest);
    take_bytes(&mut rest)
}

/// Looks for a path without putting any together: how far it agrees with the entry before tells where the next one is.
fn find<'a>(chunk: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut rest = chunk;
    let mut same = 0;
    while !rest.is_empty() {
        let shared = usize::try_from(take_number(&mut rest)).expect("it was written from a length");
        let own = take_bytes(&mut rest);
        let body = take_bytes(&mut rest);
        match shared.cmp(&same) {
            // It has the byte that made the one before smaller, too.
            Ordering::Greater => {}
            // It has a larger byte where the one before agreed.
            Ordering::Less => return None,
            Ordering::Equal => {
                let left = &wanted[same..];
                match compare(own, left) {
                    Ordering::Less => same += own.iter().zip(left).take_while(|(a, b)| a == b).count(),
                    Ordering::Equal => return Some(body),
                    Ordering::Greater => return None,
                }
            }
        }
    }
    None
}

/// Entries in order.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    chunks: &'a [Box<[u8]>],
    rest: &'a [u8],
    path: Vec<u8>,
    /// The body of an entry whose path was read already.
    held: Option<&'a [u8]>,
}

impl<'a> Entries<'a> {
    /// Goes to the next entry, whose path is in `path` then; gives its body.
    fn advance(&mut self) -> Option<&'a [u8]> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        if self.rest.is_empty() {
            let (first, others) = self.chunks.split_first()?;
            (self.rest, self.chunks) = (first, others);
        }
        let shared = usize::try_from(take_number(&mut self.rest)).expect("it was written from a length");
        self.path.truncate(shared);
        self.path.extend_from_slice(take_bytes(&mut self.rest));
        Some(take_bytes(&mut self.rest))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (TargetPath, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let body = self.advance()?;
        Some((TargetPath::from_normal(&self.path), body))
    }
}

/// Writes a number in as few bytes as it needs, seven bits each, the last ones first.
pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// Reads what [`put_number`] wrote.
pub(super) fn take_number(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// Small numbers of either sign as small ones without.
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Writes bytes with their number before them.
pub(super) fn put_bytes(bytes: &mut Vec<u8>, own: &[u8]) {
    put_number(bytes, own.len() as u64);
    bytes.extend_from_slice(own);
}

/// Reads what [`put_bytes`] wrote.
pub(super) fn take_bytes<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::try_from(take_number(bytes)).expect("it was written from a length");
    let (own, rest) = bytes.split_at(length);
    *bytes = rest;
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn numbers_come_back_as_they_were_written() {
        let numbers = [0, 1, 127, 128, 300, 1 << 35, u64::MAX];
        let mut bytes = Vec::new();
        for number in numbers {
            put_number(&mut bytes, number);
        }
        let mut rest = bytes.as_slice();
        assert_eq!(numbers.map(|_| take_number(&mut rest)), numbers);
        assert!(rest.is_empty());
    }

    #[test]
    fn a_name_costs_its_length_and_little_more() {
        let mut table = PathTable::default();
        let path =
            |n: usize| TargetPath::new(format!("/srv/app/lib/python3.11/site-packages/package/module_{n:06}.py"));
        table.merge((0..10_000).map(|n| (path(n), ())).collect(), |_, (), _, _| {});
        let bytes: usize = table.chunks.iter().map(|chunk| chunk.len() + size_of::<Box<[u8]>>()).sum();
        assert!(bytes < 10 * table.len(), "{bytes} bytes for {} paths", table.len());
    }

    fn paths() -> impl Strategy<Value = String> {
        "(/[ab.-]{1,3}){0,4}"
    }

    proptest! {
        #[test]
        fn it_holds_what_a_map_would_hold(
            rounds in prop::collection::vec(prop::collection::btree_map(paths(), 0_u16..500, 0..150), 1..5),
            asked in prop::collection::vec(paths(), 20),
        ) {
            let mut table = PathTable::default();
            let mut map = BTreeMap::new();
            for round in rounds {
                let round: BTreeMap<TargetPath, Vec<u8>> =
                    round.iter().map(|(path, value)| (TargetPath::new(path), vec![7; usize::from(*value)])).collect();
                let before = |path: &TargetPath| map.get(path).cloned();
                table.merge(round.clone().into_iter().collect(), |path, value: Vec<u8>, old, bytes| {
                    assert_eq!(old.map(<[u8]>::to_vec), before(path));
                    bytes.extend(value);
                });
                map.extend(round);
                prop_assert_eq!(table.len(), map.len());
            }
            let held: Vec<(TargetPath, Vec<u8>)> = table.iter().map(|(path, body)| (path, body.to_vec())).collect();
            prop_assert_eq!(held, map.clone().into_iter().collect::<Vec<_>>());
            prop_assert!(table.clone().into_paths().eq(map.keys().cloned()));
            for path in asked.iter().map(TargetPath::new).chain(map.keys().cloned()) {
                prop_assert_eq!(table.get(&path), map.get(&path).map(Vec::as_slice));
                let from: Vec<(TargetPath, Vec<u8>)> = table.range(&path).map(|(path, body)| (path, body.to_vec())).collect();
                let expected: Vec<(TargetPath, Vec<u8>)> = map.range(&path..).map(|(path, body)| (path.clone(), body.clone())).collect();
                prop_assert_eq!(from, expected);
            }
        }
    }
}
