//! A closer look at a file that differs: which blocks, and how they look.
//!
//! Block classification after `reference/damage-backups-fleet.md` A3: equal to what is expected; equal to an older
//! version at the same offset; all zero; another known file's block; high entropy; plausible text. The last block
//! is compared as far as the file goes.

use crate::io::disk::LiveRoot;
use crate::live::digest::read_small;
use crate::model::content::Blob;
use crate::model::observation::{BLOCK, BlockClass, Closer, Failure, Run};
use crate::model::path::TargetPath;

/// The largest file that is looked at closely, in bytes.
pub const LIMIT: u64 = 256 << 20;

/// The most bytes of a text file that are kept for its diff.
pub const DIFF_LIMIT: usize = 1 << 20;

/// What a file is compared with, block by block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Comparison<'a> {
    /// The right content, where its bytes are known.
    pub expected: Option<&'a [u8]>,
    /// Contents that it may once have had, as far as their bytes are known.
    pub older: &'a [Vec<u8>],
    /// Other files whose blocks may have strayed here.
    pub others: &'a [(TargetPath, Vec<u8>)],
    /// Whether the live bytes must not be kept.
    pub secret: bool,
}

/// Looks at a file.
///
/// # Errors
/// When it cannot be read or is larger than [`LIMIT`].
pub fn examine(root: &LiveRoot, path: &TargetPath, comparison: Comparison<'_>) -> Result<Closer, Failure> {
    let live = read_small(root, path, LIMIT)?;
    Ok(classify(live, comparison))
}

/// Classifies bytes that were read.
pub fn classify(live: Vec<u8>, comparison: Comparison<'_>) -> Closer {
    let utf8 = std::str::from_utf8(&live);
    let text = utf8.is_ok_and(is_plausible);
    let utf8 = utf8.is_ok();
    let runs = runs(&live, comparison);
    let keep = text && !comparison.secret && live.len() <= DIFF_LIMIT;
    Closer { text, utf8, runs, bytes: keep.then_some(Blob(live)) }
}

fn runs(live: &[u8], comparison: Comparison<'_>) -> Vec<Run> {
    let length = live.len().max(comparison.expected.map_or(0, <[u8]>::len)) as u64;
    let mut runs: Vec<Run> = Vec::new();
    for at in 0..length.div_ceil(BLOCK) {
        let (class, from) = class_of(live, at, comparison);
        match runs.last_mut() {
            Some(run) if run.class == class && run.from.as_ref() == from => run.len += 1,
            _ => runs.push(Run { at, len: 1, class, from: from.cloned() }),
        }
    }
    runs
}

/// The bytes of block `at`; empty beyond the end.
fn block(bytes: &[u8], at: u64) -> &[u8] {
    let edge = |block: u64| usize::try_from(block.saturating_mul(BLOCK)).unwrap_or(usize::MAX).min(bytes.len());
    &bytes[edge(at)..edge(at + 1)]
}

fn class_of<'a>(live: &[u8], at: u64, comparison: Comparison<'a>) -> (BlockClass, Option<&'a TargetPath>) {
    let bytes = block(live, at);
    if bytes.is_empty() {
        return (BlockClass::Absent, None);
    }
    if let Some(expected) = comparison.expected {
        let right = block(expected, at);
        // A file that ends early is right as far as it goes; the missing blocks say the rest.
        if bytes == right || (bytes.len() < right.len() && right.starts_with(bytes)) {
            return (BlockClass::Expected, None);
        }
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return (BlockClass::Zero, None);
    }
    if comparison.older.iter().any(|older| same_as_far_as(bytes, block(older, at))) {
        return (BlockClass::Older, None);
    }
    if let Some((from, _)) = comparison.others.iter().find(|(_, other)| holds_block(other, bytes)) {
        return (BlockClass::Foreign, Some(from));
    }
    let class = if std::str::from_utf8(bytes).is_ok_and(is_plausible) {
        BlockClass::Text
    } else if looks_random(bytes) {
        BlockClass::Random
    } else {
        BlockClass::Unknown
    };
    (class, None)
}

/// Short pieces agree by chance; from this many bytes on we believe it.
const TELLING: usize = 32;

fn same_as_far_as(bytes: &[u8], other: &[u8]) -> bool {
    let length = bytes.len().min(other.len());
    length >= TELLING.min(bytes.len()) && length > 0 && bytes[..length] == other[..length] && bytes.len() == length
}

fn holds_block(other: &[u8], bytes: &[u8]) -> bool {
    bytes.len() >= TELLING
        && (0..(other.len() as u64).div_ceil(BLOCK)).any(|at| same_as_far_as(bytes, block(other, at)))
}

/// Whether text has no control characters that text does not have.
fn is_plausible(text: &str) -> bool {
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
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..length).map(|_| next()).collect()
    }

    fn classes(live: Vec<u8>, expected: Option<&[u8]>) -> Vec<(BlockClass, u64)> {
        let comparison = Comparison { expected, ..Comparison::default() };
        classify(live, comparison).runs.iter().map(|run| (run.class, run.len)).collect()
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

    #[test]
    fn each_block_gets_its_own_class() {
        let right = [b"a".repeat(4096), b"b".repeat(4096), b"c".repeat(4096)].concat();
        let live = [b"a".repeat(4096), vec![0; 4096], noise(4096)].concat();
        let found = classes(live, Some(&right));
        assert_eq!(found, [(BlockClass::Expected, 1), (BlockClass::Zero, 1), (BlockClass::Random, 1)]);
    }

    #[test]
    fn a_file_that_ends_early_is_right_as_far_as_it_goes() {
        let right = b"x".repeat(10_000);
        assert_eq!(classes(right[..5000].to_vec(), Some(&right)), [(BlockClass::Expected, 2), (BlockClass::Absent, 1)]);
    }

    #[test]
    fn a_block_of_another_file_is_named_foreign_even_when_it_is_cut() {
        let other = (TargetPath::new("/etc/other"), b"another file's very own lines\n".repeat(300));
        let live = other.1[4096..4096 + 100].to_vec();
        let others = [other];
        let comparison = Comparison { expected: Some(b"short"), others: &others, ..Comparison::default() };
        assert_eq!(classify(live, comparison).runs[0].class, BlockClass::Foreign);
    }

    #[test]
    fn secrets_keep_their_bytes_to_themselves() {
        let comparison = Comparison { secret: true, ..Comparison::default() };
        assert_eq!(classify(b"hunter2\n".to_vec(), comparison).bytes, None);
    }
}
