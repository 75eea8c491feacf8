//! SHA-256 digests that several tables name, each stored once: of one file, what was seen, what should be, what a note
//! lists and what an earlier scan saw mostly have the same.
//!
//! A table that shares its digests with another one names each by a number of a few bytes instead of its 32.

use super::content::{Algorithm, Digest};
use super::path_table::{put_number, take_number};
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, PoisonError, RwLock};

/// The bytes of a SHA-256.
pub(super) type Sha256 = [u8; 32];

/// Digests by number. A clone shares them.
#[derive(Clone, Default)]
pub struct Digests(Arc<RwLock<Stored>>);

/// A growing vector would copy itself and leave half of itself empty.
#[derive(Default)]
struct Stored {
    chunks: Vec<Vec<Sha256>>,
    len: u32,
    numbers: HashTable<u32>,
    /// Notes of strangers name digests, too: nobody may foresee where they come to lie.
    random: RandomState,
}

const CHUNK: usize = 1 << 12;

impl Digests {
    /// The number of a digest, which is stored when it comes first.
    pub(super) fn number(&self, digest: &Sha256) -> u32 {
        self.0.write().unwrap_or_else(PoisonError::into_inner).number(digest)
    }

    /// The digest of a number that [`Self::number`] gave.
    pub(super) fn get(&self, number: u32) -> Sha256 {
        *get(&self.0.read().unwrap_or_else(PoisonError::into_inner).chunks, number)
    }

    /// Writes a digest whose algorithm the reader will know.
    pub(super) fn put(&self, digest: &Digest, bytes: &mut Vec<u8>) {
        match digest.bytes[..].try_into() {
            Ok(sha256) if digest.algorithm == Algorithm::Sha256 => put_number(bytes, self.number(sha256).into()),
            _ => bytes.extend_from_slice(&digest.bytes),
        }
    }

    /// Reads what [`Self::put`] wrote of a [whole](Digest::is_whole) digest.
    pub(super) fn take(&self, algorithm: Algorithm, bytes: &mut &[u8]) -> Digest {
        if algorithm == Algorithm::Sha256 {
            let number = u32::try_from(take_number(bytes)).expect("it was written from 32 bits");
            return Digest { algorithm, bytes: self.get(number)[..].into() };
        }
        let (own, rest) = bytes.split_at(algorithm.digest_length());
        *bytes = rest;
        Digest { algorithm, bytes: own.into() }
    }
}

impl Stored {
    fn number(&mut self, digest: &Sha256) -> u32 {
        let Self { chunks, len, numbers, random } = self;
        let hash = random.hash_one(digest);
        if let Some(number) = numbers.find(hash, |number| get(chunks, *number) == digest) {
            return *number;
        }
        let number = *len;
        *len = len.checked_add(1).expect("so many take more memory than there is");
        if chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            chunks.push(Vec::with_capacity(CHUNK));
        }
        chunks.last_mut().expect("a chunk was just made where none had room").push(*digest);
        numbers.insert_unique(hash, number, |number| random.hash_one(get(chunks, *number)));
        number
    }
}

fn get(chunks: &[Vec<Sha256>], number: u32) -> &Sha256 {
    let number = number as usize;
    &chunks[number / CHUNK][number % CHUNK]
}

impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digests({})", self.0.read().unwrap_or_else(PoisonError::into_inner).len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hasher::digest_of;

    fn sha256(number: u32) -> Sha256 {
        digest_of(Algorithm::Sha256, &number.to_le_bytes()).bytes[..].try_into().expect("it has 32 bytes")
    }

    #[test]
    fn each_is_stored_once_and_comes_back() {
        let (digests, count) = (Digests::default(), 3 * u32::try_from(CHUNK).expect("it is small") + 1);
        let shared = digests.clone();
        let numbers: Vec<u32> = (0..count).map(|number| digests.number(&sha256(number))).collect();
        assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        for number in (0..count).rev() {
            assert_eq!((shared.number(&sha256(number)), digests.get(number)), (number, sha256(number)));
        }
        assert_eq!(format!("{digests:?}"), format!("Digests({count})"));
    }

    #[test]
    fn digests_of_any_algorithm_are_written_and_read() {
        let digests = Digests::default();
        let all = Algorithm::ALL.map(|(algorithm, _)| digest_of(algorithm, b"content"));
        let mut bytes = Vec::new();
        all.iter().chain(&all).for_each(|digest| digests.put(digest, &mut bytes));
        let mut rest = bytes.as_slice();
        let read: Vec<Digest> =
            all.iter().chain(&all).map(|digest| digests.take(digest.algorithm, &mut rest)).collect();
        assert!(rest.is_empty() && read.iter().eq(all.iter().chain(&all)), "{read:?}");
    }
}
