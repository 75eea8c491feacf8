//! A closer look at a file that differs: which blocks, and how they look.
//!
//! Block classification after `reference/damage-backups-fleet.md` A3: equal to what is expected; all zero; equal to an
//! older version at the same offset; torn; another known file's block; high entropy; plausible text. The last block is
//! compared as far as the file goes.
//!
//! It takes two steps. [`examine`] says what the file's own versions tell and hands every other block to the
//! [`Needles`]; when everything known has been searched for those, [`Draft::settle`] says whose they are.

use crate::io::disk::LiveRoot;
use crate::live::byte_code;
use crate::live::digest::read_small;
use crate::live::format::Format;
use crate::live::needles::{Found, NeedleId, Needles};
use crate::live::plausible;
use crate::live::sectors::{SECTOR, is_torn};
use crate::model::blocks::{Agreement, BlockDigests, ladder};
use crate::model::content::Blob;
use crate::model::observation::{BLOCK, BlockClass, Closer, Failure, ReadMode, Run};
use crate::model::path::TargetPath;

/// The largest file that is looked at closely, in bytes.
pub const LIMIT: u64 = 256 << 20;

/// The most bytes of a text file that are kept for its diff.
pub const DIFF_LIMIT: usize = 1 << 20;

/// An earlier version of a file.
#[derive(Debug, Clone)]
pub struct Earlier<T> {
    /// What it is called: a snapshot, or the baseline of a time.
    pub name: String,
    /// What it held.
    pub held: T,
}

/// What a file is compared with, block by block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Comparison<'a> {
    /// The right content, where its bytes are known.
    pub expected: Option<&'a [u8]>,
    /// The digests of its blocks, where only those are known.
    pub expected_blocks: Option<&'a BlockDigests>,
    /// Its size in bytes, where it is known.
    pub expected_size: Option<u64>,
    /// Contents that it may once have had, as far as their bytes are known; newest first.
    pub older: &'a [Earlier<Vec<u8>>],
    /// Digests of the blocks of contents that it may once have had; newest first.
    pub older_blocks: &'a [Earlier<BlockDigests>],
    /// Whether the live bytes must not be kept.
    pub secret: bool,
    /// Through what the file was read when it was found to differ.
    pub read: ReadMode,
    /// What its name says of its format.
    pub format: Format,
}

/// A file as far as its own versions tell.
#[derive(Debug)]
pub struct Draft {
    closer: Closer,
    blocks: Vec<(BlockClass, Option<NeedleId>)>,
    /// Whether it is known which blocks are right.
    measured: bool,
    /// Sources of byte code that the content names.
    pub sources: Vec<TargetPath>,
}

/// Looks at a file.
///
/// # Errors
/// When it cannot be read or is larger than [`LIMIT`].
pub fn examine(
    root: &LiveRoot,
    path: &TargetPath,
    comparison: Comparison<'_>,
    needles: &mut Needles,
) -> Result<Draft, Failure> {
    let live = match comparison.read {
        ReadMode::Direct => super::direct::read_small(root, path, LIMIT)?,
        ReadMode::Cached | ReadMode::Both => read_small(root, path, LIMIT)?,
    };
    Ok(draft(live, comparison, needles))
}

/// The content of a live file.
///
/// # Errors
/// When it cannot be read or is larger than [`LIMIT`].
pub fn read(root: &LiveRoot, path: &TargetPath) -> Result<Vec<u8>, Failure> {
    read_small(root, path, LIMIT)
}

/// Classifies bytes that were read.
pub fn draft(live: Vec<u8>, comparison: Comparison<'_>, needles: &mut Needles) -> Draft {
    let format = if plausible::is_wide(&live) { Format::Open } else { comparison.format };
    let comparison = Comparison { format, ..comparison };
    let utf8 = std::str::from_utf8(&live);
    let text = utf8.is_ok_and(is_plausible);
    let utf8 = utf8.is_ok();
    let expected = comparison.expected.map(|bytes| bytes.len() as u64).or(comparison.expected_size);
    let length = (live.len() as u64).max(expected.unwrap_or(0).min(LIMIT));
    let class = |at| {
        class_of(&live, at, comparison).map_or_else(
            || {
                let bytes = block(&live, at);
                (fallback(bytes, at, comparison), needles.add(bytes))
            },
            |class| (class, None),
        )
    };
    let blocks: Vec<(BlockClass, Option<NeedleId>)> = (0..length.div_ceil(BLOCK)).map(class).collect();
    let older = older_version(&live, &blocks, comparison);
    let few = !comparison.secret && live.len() <= DIFF_LIMIT;
    let digests = if few { BlockDigests::of(&live) } else { BlockDigests::default() };
    let sources = byte_code::sources(&live);
    let bytes = (text && few).then_some(Blob(live));
    Draft {
        closer: Closer { text, utf8, bytes, older, blocks: digests, ..Closer::default() },
        blocks,
        measured: comparison.expected.is_some() || comparison.expected_blocks.is_some(),
        sources,
    }
}

impl Draft {
    /// Says whose the blocks are, now that everything has been searched. `path` is the file's own.
    pub fn settle(self, path: &TargetPath, needles: &Needles) -> Closer {
        let Self { mut closer, blocks, measured, sources: _ } = self;
        let found: Vec<Option<Found<'_>>> =
            (0..).zip(&blocks).map(|(at, (_, needle))| needles.found((*needle)?, path, at)).collect();
        // Formats have blocks in common, at the same place of files of the same name (catalogues of messages). Where it is
        // not known which blocks are right, such a one is no stranger as long as another block may be the wrong one; nor is
        // one that only files have that nobody vouches for: they may have got it from here.
        let all_in_common = found.iter().all(|found| found.as_ref().is_some_and(|found| found.in_common));
        let is_stranger = |found: &Found<'_>| found.vouched_for && (all_in_common || !found.in_common);
        for ((at, (class, _)), found) in (0..).zip(blocks).zip(found) {
            let stranger = found.filter(|found| measured || is_stranger(found));
            let class = if stranger.is_some() { BlockClass::Foreign } else { class };
            let from = stranger.and_then(|found| found.path);
            match closer.runs.last_mut() {
                Some(run) if run.class == class && run.from.as_ref() == from => run.len += 1,
                _ => closer.runs.push(Run { at, len: 1, class, from: from.cloned() }),
            }
        }
        closer
    }
}

/// The bytes of block `at`; empty beyond the end.
fn block(bytes: &[u8], at: u64) -> &[u8] {
    let edge = |block: u64| usize::try_from(block.saturating_mul(BLOCK)).unwrap_or(usize::MAX).min(bytes.len());
    &bytes[edge(at)..edge(at + 1)]
}

/// What the file's own versions tell about a block.
fn class_of(live: &[u8], at: u64, comparison: Comparison<'_>) -> Option<BlockClass> {
    let bytes = block(live, at);
    if bytes.is_empty() {
        return Some(BlockClass::Absent);
    }
    if is_expected(live, at, comparison) {
        return Some(BlockClass::Expected);
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return Some(BlockClass::Zero);
    }
    if comparison.older.iter().any(|older| same_as_far_as(bytes, block(&older.held, at)))
        || comparison.older_blocks.iter().any(|older| is_of_older(live, at, &older.held, comparison))
    {
        return Some(BlockClass::Older);
    }
    let older: Vec<&[u8]> = comparison.older.iter().map(|older| block(&older.held, at)).collect();
    let torn = comparison.expected.is_some_and(|expected| is_torn(bytes, block(expected, at), &older));
    torn.then_some(BlockClass::Torn)
}

/// The newest version that has all blocks that are of an older one.
fn older_version(live: &[u8], blocks: &[(BlockClass, Option<NeedleId>)], comparison: Comparison<'_>) -> Option<String> {
    let older = (0..).zip(blocks).filter(|(_, (class, _))| *class == BlockClass::Older).map(|(at, _)| at);
    let older: Vec<u64> = older.collect();
    let has_all = |has: &dyn Fn(u64) -> bool| !older.is_empty() && older.iter().all(|at| has(*at));
    let whole = comparison
        .older
        .iter()
        .find(|version| has_all(&|at| same_as_far_as(block(live, at), block(&version.held, at))));
    let digests = || {
        let mut versions = comparison.older_blocks.iter();
        versions.find(|version| has_all(&|at| is_of_older(live, at, &version.held, comparison)))
    };
    whole.map(|version| &version.name).or_else(|| Some(&digests()?.name)).cloned()
}

fn is_expected(live: &[u8], at: u64, comparison: Comparison<'_>) -> bool {
    let bytes = block(live, at);
    if let Some(expected) = comparison.expected {
        let right = block(expected, at);
        // A file that ends early is right as far as it goes; the missing blocks say the rest.
        return bytes == right || (bytes.len() < right.len() && right.starts_with(bytes));
    }
    let Some(expected) = comparison.expected_blocks else { return false };
    match expected.agreement(at, (&ladder(bytes), bytes.len())) {
        Agreement::Whole => true,
        // As far as digests go; where the file is as long as it should be, its last block is right as a whole or not.
        Agreement::Begin(_) => comparison.expected_size.is_none_or(|size| (live.len() as u64) < size),
        Agreement::None => false,
    }
}

/// Whether a block is that of an older version of which only digests are known.
fn is_of_older(live: &[u8], at: u64, older: &BlockDigests, comparison: Comparison<'_>) -> bool {
    let bytes = block(live, at);
    match older.agreement(at, (&ladder(bytes), bytes.len())) {
        Agreement::Whole => true,
        Agreement::Begin(step) => {
            // A lost write leaves a file with the length that it should have, or with that of then, which would agree as a
            // whole. An edit that changes neither length nor begin is told by what is expected beginning alike.
            let right = comparison.expected.map(|bytes| bytes.len() as u64).or(comparison.expected_size);
            let alike = match (comparison.expected, comparison.expected_blocks) {
                (Some(expected), _) => Some(ladder(block(expected, at))),
                (None, blocks) => blocks.and_then(|blocks| blocks.get(at)),
            };
            let alike = alike.is_some_and(|expected| older.get(at).is_some_and(|older| expected[step] == older[step]));
            right.is_none_or(|size| size == live.len() as u64) && !alike
        }
        Agreement::None => false,
    }
}

/// What a block looks like that nobody knows.
fn fallback(bytes: &[u8], at: u64, comparison: Comparison<'_>) -> BlockClass {
    let format = comparison.format;
    if is_text(bytes, at) {
        // Text is not how such a file begins.
        let strange = at == 0 && bytes.len() >= TELLING && !format.begins_with_text();
        return if strange { BlockClass::Foreign } else { BlockClass::Text };
    }
    let packed = match comparison.expected.map(|expected| block(expected, at)) {
        Some(right) if !right.is_empty() => looks_random(right),
        _ => format.is_packed(),
    };
    if !packed && looks_random(bytes) {
        return BlockClass::Random;
    }
    if format == Format::Text { in_text(bytes) } else { BlockClass::Unknown }
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

fn same_as_far_as(bytes: &[u8], other: &[u8]) -> bool {
    let length = bytes.len().min(other.len());
    length >= TELLING.min(bytes.len()) && length > 0 && bytes[..length] == other[..length] && bytes.len() == length
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
    use crate::live::needles::Rank;
    use crate::model::blocks::WHOLE;

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

    fn classify(live: Vec<u8>, comparison: Comparison<'_>, needles: &mut Needles) -> Closer {
        draft(live, comparison, needles).settle(&TargetPath::new("/srv/x"), needles)
    }

    fn classes(live: Vec<u8>, expected: Option<&[u8]>) -> Vec<(BlockClass, u64)> {
        let comparison = Comparison { expected, ..Comparison::default() };
        classify(live, comparison, &mut Needles::default()).runs.iter().map(|run| (run.class, run.len)).collect()
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
        let comparison = Comparison { expected: Some(b"short"), ..Comparison::default() };
        let mut needles = Needles::default();
        let draft = draft(live, comparison, &mut needles);
        let hits = needles.hits(&other.1);
        needles.record(&other.0, Rank::Known, hits);
        let found = draft.settle(&TargetPath::new("/srv/x"), &needles).runs;
        assert_eq!((found[0].class, found[0].from.as_ref()), (BlockClass::Foreign, Some(&other.0)));
    }

    #[test]
    fn secrets_keep_their_bytes_to_themselves() {
        let comparison = Comparison { secret: true, ..Comparison::default() };
        assert_eq!(classify(b"hunter2\n".to_vec(), comparison, &mut Needles::default()).bytes, None);
    }

    #[test]
    fn digests_of_blocks_tell_what_is_expected_and_what_is_older() {
        let lines = |word: &str| (0..1200).flat_map(|n| format!("{word} {n}\n").into_bytes()).collect::<Vec<u8>>();
        let (right, older) = (lines("right"), lines("older"));
        let live = [&right[..4096], &older[4096..8192], &right[8192..9000]].concat();
        let older = [Earlier { name: "then".to_owned(), held: BlockDigests::of(&older) }];
        let expected = BlockDigests::of(&right);
        let comparison = Comparison {
            expected_blocks: Some(&expected),
            expected_size: Some(right.len() as u64),
            older_blocks: &older,
            ..Comparison::default()
        };
        let found = classify(live, comparison, &mut Needles::default());
        assert_eq!(found.older.as_deref(), Some("then"));
        let found: Vec<_> = found.runs.iter().map(|run| (run.class, run.len)).collect();
        let wanted = [(BlockClass::Expected, 1), (BlockClass::Older, 1), (BlockClass::Expected, 1)];
        assert_eq!(found[..3], wanted);
    }

    #[test]
    fn packed_content_that_looks_random_proves_nothing() {
        let of = |format| {
            let comparison = Comparison { format, ..Comparison::default() };
            classify(noise(4096), comparison, &mut Needles::default()).runs[0].class
        };
        assert_eq!(of(Format::Open), BlockClass::Random);
        assert_eq!((of(Format::Packed), of(Format::Header)), (BlockClass::Unknown, BlockClass::Random));
    }

    #[test]
    fn what_the_format_never_holds_is_of_another_file() {
        let text = "söme lines of Zeichen\n".repeat(1000).into_bytes()[..3 * WHOLE - 1].to_vec();
        let binary: Vec<u8> = (0..WHOLE).map(|at| if at % 9 == 0 { 0 } else { b'x' }).collect();
        let end = [&text[..700], &vec![0; WHOLE - 700]].concat();
        let lost_sector = [&text[..WHOLE - 512], &binary[..512]].concat();
        let of = |blocks: [&[u8]; 2], format| {
            let comparison = Comparison { format, ..Comparison::default() };
            let runs = classify(blocks.concat(), comparison, &mut Needles::default()).runs;
            runs.iter().flat_map(|run| (0..run.len).map(|_| run.class)).collect::<Vec<_>>()
        };
        let first = &text[..WHOLE];
        assert_eq!(of([first, &text[WHOLE..2 * WHOLE]], Format::Text), [BlockClass::Text; 2]);
        assert_eq!(of([first, &binary], Format::Text), [BlockClass::Text, BlockClass::Foreign]);
        assert_eq!(of([first, &binary], Format::Open), [BlockClass::Text, BlockClass::Unknown]);
        assert_eq!(of([first, &lost_sector], Format::Text), [BlockClass::Text, BlockClass::Torn]);
        assert_eq!(of([first, &end], Format::Text), [BlockClass::Text, BlockClass::Unknown]);
        assert_eq!(of([first, &binary], Format::Header), [BlockClass::Foreign, BlockClass::Unknown]);
        let wide = "wide\n".repeat(900).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert_eq!(of([&wide[..WHOLE], &wide[WHOLE..2 * WHOLE]], Format::Text), [BlockClass::Unknown; 2]);
    }
}
