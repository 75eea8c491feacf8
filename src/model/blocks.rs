//! Digests of the 4 KiB blocks of a file: what a baseline keeps so that a block can be named when its file is long gone.
//!
//! Of each block four digests are kept, of its first 32, 256, 1024 and of all 4096 bytes, zeros put where the file ends
//! before: that is what lies on the disk. A block that turned up in a shorter file is cut there and can still be
//! recognised by its beginning. Eight bytes of SHA-256 each make 0.8 % of the content.

use super::content::Algorithm;
use super::hasher::Hasher;
use super::observation::BLOCK;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// Of how many bytes of a block digests are kept; the last is the whole block.
pub const STEPS: [usize; 4] = [32, 256, 1024, WHOLE];

/// A whole block in bytes.
pub const WHOLE: usize = 4096;

const _: () = assert!(WHOLE as u64 == BLOCK, "blocks are those of the classification");

/// The first eight bytes of a SHA-256.
pub type Short = [u8; 8];

/// The digests of one block, in the order of [`STEPS`].
pub type Ladder = [Short; STEPS.len()];

const STRIDE: usize = STEPS.len() * size_of::<Short>();

/// The ladders of a file's blocks, one after the other. In files: base64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockDigests(Vec<u8>);

impl BlockDigests {
    /// Adds the next block.
    pub fn push(&mut self, ladder: &Ladder) {
        self.0.extend(ladder.as_flattened());
    }

    /// How many blocks.
    pub fn len(&self) -> u64 {
        (self.0.len() / STRIDE) as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The digests of block `at`; `None` beyond the end.
    pub fn get(&self, at: u64) -> Option<Ladder> {
        let from = usize::try_from(at).ok()?.checked_mul(STRIDE)?;
        ladder_from(self.0.get(from..from.checked_add(STRIDE)?)?)
    }

    /// How far a piece of a file, its digests and its length in bytes, agrees with block `at`.
    pub fn agreement(&self, at: u64, (live, length): (&Ladder, usize)) -> Agreement {
        let Some(known) = self.get(at) else { return Agreement::None };
        let begin = steps_within(length).checked_sub(1).filter(|step| live[*step] == known[*step]);
        if live[STEPS.len() - 1] == known[STEPS.len() - 1] {
            Agreement::Whole
        } else {
            begin.map_or(Agreement::None, Agreement::Begin)
        }
    }

    /// Every block's digests in order.
    pub fn iter(&self) -> impl Iterator<Item = Ladder> {
        self.0.chunks_exact(STRIDE).filter_map(ladder_from)
    }

    /// The digests of a content in memory.
    pub fn of(content: &[u8]) -> Self {
        let mut digests = Self::default();
        for block in content.chunks(WHOLE) {
            digests.push(&ladder(block));
        }
        digests
    }
}

/// How far a piece of a file agrees with a block of which only digests are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// In every byte, zeros behind its end included.
    Whole,
    /// It is shorter, and agrees up to this one of the [`STEPS`], the last within its length.
    Begin(usize),
    /// Not at all.
    None,
}

fn ladder_from(bytes: &[u8]) -> Option<Ladder> {
    let mut ladder = Ladder::default();
    for (step, bytes) in ladder.iter_mut().zip(bytes.chunks_exact(size_of::<Short>())) {
        *step = bytes.try_into().ok()?;
    }
    Some(ladder)
}

/// The digests of one block; what is missing of it at the end counts as zero.
pub fn ladder(block: &[u8]) -> Ladder {
    let mut ladder = Ladder::default();
    let mut hasher = Hasher::new(Algorithm::Sha256, WHOLE as u64);
    let mut done = 0;
    for (step, end) in ladder.iter_mut().zip(STEPS) {
        let part = &block[done.min(block.len())..end.min(block.len())];
        hasher.update(part);
        hasher.update(&[0; WHOLE][..(end - done) - part.len()]);
        done = end;
        *step = short(&hasher);
    }
    ladder
}

fn short(hasher: &Hasher) -> Short {
    let digest = hasher.clone().finish();
    std::array::from_fn(|index| digest.bytes[index])
}

/// How many of the steps a piece of this many bytes can be compared by.
pub fn steps_within(length: usize) -> usize {
    STEPS.iter().filter(|step| **step <= length).count()
}

impl Serialize for BlockDigests {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for BlockDigests {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        if bytes.len() % STRIDE == 0 {
            Ok(Self(bytes))
        } else {
            Err(serde::de::Error::custom("block digests are cut off"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_is_cut_agrees_with_the_whole_one_as_far_as_it_goes() {
        let block: Vec<u8> = (0..WHOLE).map(|n| u8::try_from(n % 251).unwrap_or(0)).collect();
        let (whole, cut) = (ladder(&block), ladder(&block[..300]));
        assert_eq!(steps_within(300), 2);
        assert_eq!(whole[..2], cut[..2]);
        assert_ne!(whole[2..], cut[2..]);
    }

    #[test]
    fn the_end_of_a_file_counts_as_zeros_as_on_the_disk() {
        let mut padded = vec![7; 100];
        padded.resize(WHOLE, 0);
        assert_eq!(ladder(&[7; 100]), ladder(&padded));
    }

    #[test]
    fn digests_survive_json_and_a_cut_is_refused() {
        let digests = BlockDigests::of(&[1; 9000]);
        assert_eq!(digests.len(), 3);
        let json = serde_json::to_string(&digests).expect("it serialises");
        assert_eq!(serde_json::from_str::<BlockDigests>(&json).expect("it reads back"), digests);
        assert_eq!(digests.get(2), Some(ladder(&[1; 808])));
        assert_eq!(digests.get(3), None);
        assert!(serde_json::from_str::<BlockDigests>("\"AAAA\"").is_err());
    }
}
