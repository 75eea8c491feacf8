//! What one block of a file that differs is.
//!
//! Takes a live block, what should be there and what older versions had there; gives its class. Block classification after
//! `reference/damage-backups-fleet.md` A3: equal to what is expected; all zero; equal to an older version at the same
//! offset; torn; high entropy; plausible text. Whether it is of another file is for the [`super::needles`] to say.

use super::format::Format;
use super::plausible;
use super::sectors::{SECTOR, is_torn};
use crate::model::blocks::{Agreement, BlockDigests, ladder};
use crate::model::observation::BlockClass;
use std::cmp::Ordering;

/// A block, and what is known of its place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Block<'a> {
    /// Which, counted from 0.
    pub(super) at: u64,
    /// What is there.
    pub(super) live: &'a [u8],
    /// What should be there, where that is known; empty beyond the end.
    pub(super) expected: Option<&'a [u8]>,
    /// The digests of the blocks that the file should have, where only those are known.
    pub(super) expected_blocks: Option<&'a BlockDigests>,
    /// How long the file is, compared with what it should be, where that is known.
    pub(super) length: Option<Ordering>,
    /// What its name says of the file's format.
    pub(super) format: Format,
}

impl Block<'_> {
    /// Whether it is as it should be.
    pub(super) fn is_expected(&self) -> bool {
        let live = self.live;
        if let Some(right) = self.expected {
            // A file that ends early is right as far as it goes; the missing blocks say the rest.
            return live == right || (live.len() < right.len() && right.starts_with(live));
        }
        let Some(expected) = self.expected_blocks else { return false };
        match expected.agreement(self.at, (&ladder(live), live.len())) {
            Agreement::Whole => true,
            // As far as digests go; where the file is as long as it should be, its last block is right as a whole or not.
            Agreement::Begin(_) => self.length.is_none_or(Ordering::is_lt),
            Agreement::None => false,
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.live.iter().all(|&byte| byte == 0)
    }

    /// Whether it is what an older version had there.
    pub(super) fn is_of(&self, older: &[u8]) -> bool {
        let live = self.live;
        !live.is_empty() && older.starts_with(live)
    }

    /// Whether it is that of an older version of which only digests are known.
    pub(super) fn is_of_digests(&self, older: &BlockDigests) -> bool {
        match older.agreement(self.at, (&ladder(self.live), self.live.len())) {
            Agreement::Whole => true,
            // A lost write leaves a file with the length that it should have, or with that of then, which would agree as a
            // whole. An edit that changes neither length nor begin is told by what is expected beginning alike.
            Agreement::Begin(step) => {
                let right = self.expected.map(ladder).or_else(|| self.expected_blocks?.get(self.at));
                let begins_alike =
                    right.zip(older.get(self.at)).is_some_and(|(right, older)| right[step] == older[step]);
                self.length.is_none_or(Ordering::is_eq) && !begins_alike
            }
            Agreement::None => false,
        }
    }

    /// Whether only some of its sectors were written.
    pub(super) fn is_torn(&self, older: &[&[u8]]) -> bool {
        self.expected.is_some_and(|expected| is_torn(self.live, expected, older))
    }
}

/// What a block looks like that nobody knows.
pub(super) fn look(block: Block<'_>) -> BlockClass {
    let Block { at, live, format, .. } = block;
    if is_text(live, at) {
        // Text is not how such a file begins.
        let strange = at == 0 && live.len() >= TELLING && !format.begins_with_text();
        return if strange { BlockClass::Foreign } else { BlockClass::Text };
    }
    let packed = match block.expected {
        Some(right) if !right.is_empty() => looks_random(right),
        _ => format.is_packed(),
    };
    if !packed && looks_random(live) {
        return BlockClass::Random;
    }
    if format == Format::Text { in_text(live) } else { BlockClass::Unknown }
}

/// What a block is, within a text, that is no text: of another file as a whole, or only some of its sectors.
fn in_text(bytes: &[u8]) -> BlockClass {
    // Of 159,097 blocks of real texts two have control characters, one in a sector, and none has NUL (UTF-16 aside).
    let is_binary =
        |sector: &[u8]| sector.contains(&0) || sector.iter().filter(|byte| plausible::is_foreign(**byte)).count() >= 3;
    let sectors: Vec<bool> = bytes.chunks(SECTOR).map(is_binary).collect();
    if sectors.iter().all(|binary| *binary) {
        return BlockClass::Foreign;
    }
    // The end of a shorter text has zeros behind it.
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let within = bytes[..end].chunks(SECTOR).any(is_binary);
    if within { BlockClass::Torn } else { BlockClass::Unknown }
}

/// Whether a block is one of UTF-8 text. Its edges may cut a character.
fn is_text(bytes: &[u8], at: u64) -> bool {
    let cut = bytes.iter().take(3).take_while(|byte| *byte & 0xc0 == 0x80).count();
    let bytes = &bytes[if at > 0 { cut } else { 0 }..];
    match std::str::from_utf8(bytes) {
        Ok(text) => is_plausible(text),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).is_ok_and(is_plausible)
        }
        Err(_) => false,
    }
}

/// Short pieces agree by chance; from this many bytes on we believe it.
const TELLING: usize = 32;

/// Whether text has no control characters that text does not have.
pub(super) fn is_plausible(text: &str) -> bool {
    text.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\t' | '\r' | '\u{c}' | '\u{1b}' | '\u{8}'))
}

/// Whether bytes look drawn at random: as many different values as chance gives, and evenly spread.
///
/// For `n` bytes drawn evenly from 256 values the expected number of different values is `256 (1 - (255/256)^n)`;
/// text and machine code stay far below. Compressed content looks random, too: ask only where it is not expected.
fn looks_random(bytes: &[u8]) -> bool {
    if bytes.len() < 16 {
        return std::str::from_utf8(bytes).is_err();
    }
    let mut counts = [0_u32; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "a block has 4096 bytes at most")]
    let length = bytes.len() as f64;
    let different = counts.iter().filter(|&&count| count > 0).count();
    let by_chance = 256.0 * (1.0 - (255.0_f64 / 256.0).powf(length));
    #[expect(clippy::cast_precision_loss, reason = "at most 256")]
    let spread = different as f64 >= 0.85 * by_chance;
    let most = counts.iter().copied().max().unwrap_or(0);
    let even = f64::from(most) <= 6.0 + 4.0 * length / 256.0;
    spread && even
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes that look drawn at random.
    pub(in crate::live) fn noise(length: usize) -> Vec<u8> {
        crate::live::lanes::tests::bytes(1, length)
    }

    #[test]
    fn random_bytes_are_told_from_text_and_machine_code() {
        for length in [16, 200, 4096] {
            assert!(looks_random(&noise(length)), "{length} random bytes");
        }
        assert!(!looks_random(b"import os\nimport sys\n\ndef main():\n    return os.getcwd()\n"));
        let code: Vec<u8> = (0..1024_u32).flat_map(|n| [0x48, 0x89, 0xe5, u8::try_from(n % 7).unwrap_or(0)]).collect();
        assert!(!looks_random(&code));
    }
}
