//! A closer look at a file that differs: which blocks, and how they look.
//!
//! A file is read window by window ([`windows`]), beside what should be in it and what older versions held: however
//! large it is, little of it is in memory. The last block is compared as far as the file goes.
//!
//! It takes two steps. [`examine`] says what the file's own versions tell ([`block_class`]) and hands every other block to
//! the [`Needles`]; when everything known has been searched for those, [`Draft::settle`] says whose they are.

use crate::io::disk::LiveRoot;
use crate::live::block_class::{self, Block, is_plausible};
use crate::live::byte_code;
use crate::live::format::Format;
use crate::live::needles::{Found, NeedleId, Needles};
use crate::live::plausible;
use crate::live::windows::{self, Held, WINDOW};
use crate::model::blocks::{BlockDigests, WHOLE};
use crate::model::content::Blob;
use crate::model::observation::{BLOCK, BlockClass, Closer, Failure, ReadMode, Run};
use crate::model::path::TargetPath;
use std::borrow::Cow;

/// The largest file that is searched for blocks that belong elsewhere, in bytes.
pub const LIMIT: u64 = 256 << 20;

/// The most bytes of a text file that are kept for its diff: no more than one window.
pub const DIFF_LIMIT: usize = WINDOW;

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
    pub expected: Option<&'a Held<'a>>,
    /// The digests of its blocks, where only those are known.
    pub expected_blocks: Option<&'a BlockDigests>,
    /// Its size in bytes, where it is known.
    pub expected_size: Option<u64>,
    /// Contents that it may once have had, as far as their bytes are known; newest first.
    pub older: &'a [Earlier<Held<'a>>],
    /// Digests of the blocks of contents that it may once have had; newest first.
    pub older_blocks: &'a [Earlier<BlockDigests>],
    /// Whether the live bytes must not be kept.
    pub secret: bool,
    /// Through what the file was read when it was found to differ.
    pub read: ReadMode,
    /// What its name says of its format.
    pub format: Format,
}

impl Comparison<'_> {
    fn right_size(&self) -> Option<u64> {
        self.expected.map(Held::size).or(self.expected_size)
    }
}

/// A file as far as its own versions tell.
#[derive(Debug)]
pub struct Draft {
    closer: Closer,
    pieces: Vec<Piece>,
    /// Whether it is known which blocks are right.
    measured: bool,
    /// Sources of byte code that the content names.
    pub sources: Vec<TargetPath>,
}

/// Blocks of one class, or one that is looked for.
#[derive(Debug)]
struct Piece {
    class: BlockClass,
    needle: Option<NeedleId>,
    len: u64,
}

/// Looks at a file that had `size` bytes when it was seen.
///
/// # Errors
/// When it or what should be in it cannot be read, or it has another size now.
pub fn examine(
    root: &LiveRoot,
    (path, size): (&TargetPath, u64),
    comparison: Comparison<'_>,
    needles: &mut Needles,
) -> Result<Draft, Failure> {
    let mut look = Look::new(size, comparison, needles);
    windows::each(root, path, comparison.read, &mut |window| look.window(window))?;
    match look.failed.take() {
        Some(failure) => Err(failure),
        None if look.seen == size => Ok(look.end()),
        None => Err(Failure { errno: 0, text: "it has another size now".into() }),
    }
}

/// Reads the windows of a live file.
///
/// # Errors
/// When it cannot be read to the end.
pub fn each_window(root: &LiveRoot, path: &TargetPath, take: &mut dyn FnMut(&[u8])) -> Result<(), Failure> {
    windows::each(root, path, ReadMode::Cached, take)
}

/// A look that goes on from window to window.
struct Look<'a, 'n> {
    size: u64,
    /// How many bytes were looked at.
    seen: u64,
    /// Why it is not known what should be there.
    failed: Option<Failure>,
    comparison: Comparison<'a>,
    needles: &'n mut Needles,
    text: Text,
    draft: Draft,
    /// Which older versions have all old blocks so far, and whether there was one.
    has_all: Vec<bool>,
    is_older: bool,
}

impl<'a, 'n> Look<'a, 'n> {
    fn new(size: u64, comparison: Comparison<'a>, needles: &'n mut Needles) -> Self {
        let measured = comparison.expected.is_some() || comparison.expected_blocks.is_some();
        let draft = Draft { closer: Closer::default(), pieces: Vec::new(), measured, sources: Vec::new() };
        let has_all = vec![true; comparison.older.len() + comparison.older_blocks.len()];
        Self {
            size,
            seen: 0,
            failed: None,
            comparison,
            needles,
            text: Text::default(),
            draft,
            has_all,
            is_older: false,
        }
    }

    fn window(&mut self, live: &[u8]) {
        if self.seen == 0 {
            self.begin(live);
        }
        let from = self.seen;
        self.text.push(live);
        let expected = match self.comparison.expected.map(|expected| expected.window(from, WINDOW)).transpose() {
            Ok(expected) => expected,
            Err(failure) => {
                self.failed = Some(failure);
                None
            }
        };
        // An older version that cannot be read tells nothing.
        let of_older = |older: &'a Earlier<Held<'a>>| older.held.window(from, WINDOW).unwrap_or_default();
        let older: Vec<Cow<'_, [u8]>> = self.comparison.older.iter().map(of_older).collect();
        for (index, block) in live.chunks(WHOLE).enumerate() {
            let beside = |bytes: &'_ [u8]| -> std::ops::Range<usize> {
                let place = index * WHOLE;
                place.min(bytes.len())..(place + WHOLE).min(bytes.len())
            };
            let older: Vec<&[u8]> = older.iter().map(|bytes| &bytes[beside(bytes)]).collect();
            let block = Block {
                at: from / BLOCK + index as u64,
                live: block,
                expected: expected.as_ref().map(|bytes| &bytes[beside(bytes)]),
                expected_blocks: self.comparison.expected_blocks,
                length: self.comparison.right_size().map(|right| self.size.cmp(&right)),
                format: self.comparison.format,
            };
            let (class, needle) = self.classify(block, &older);
            self.push(class, needle);
        }
        self.seen += live.len() as u64;
    }

    /// What only the begin of a file tells, and what is kept of a small one.
    fn begin(&mut self, live: &[u8]) {
        if plausible::is_wide(live) {
            self.comparison.format = Format::Open;
        }
        self.draft.sources = byte_code::sources(live);
        if live.len() as u64 == self.size && !self.comparison.secret {
            self.draft.closer.blocks = BlockDigests::of(live);
            self.draft.closer.bytes = Some(Blob(live.to_vec()));
        }
    }

    /// What the file's own versions tell about a block, or what it looks like.
    fn classify(&mut self, block: Block<'_>, older: &[&[u8]]) -> (BlockClass, Option<NeedleId>) {
        if block.is_expected() {
            return (BlockClass::Expected, None);
        }
        if block.is_zero() {
            return (BlockClass::Zero, None);
        }
        let whole = older.iter().map(|older| block.is_of(older));
        let has: Vec<bool> =
            whole.chain(self.comparison.older_blocks.iter().map(|older| block.is_of_digests(&older.held))).collect();
        if has.contains(&true) {
            self.is_older = true;
            self.has_all.iter_mut().zip(has).for_each(|(all, has)| *all &= has);
            return (BlockClass::Older, None);
        }
        if block.is_torn(older) {
            return (BlockClass::Torn, None);
        }
        (block_class::look(block), self.needles.add(block.live))
    }

    fn push(&mut self, class: BlockClass, needle: Option<NeedleId>) {
        match self.draft.pieces.last_mut() {
            Some(last) if last.class == class && last.needle.is_none() && needle.is_none() => last.len += 1,
            _ => self.draft.pieces.push(Piece { class, needle, len: 1 }),
        }
    }

    fn end(mut self) -> Draft {
        if self.size == 0 {
            self.begin(&[]);
        }
        let (utf8, text) = self.text.end();
        let mut draft = self.draft;
        let missing =
            self.comparison.right_size().unwrap_or(0).div_ceil(BLOCK).saturating_sub(self.size.div_ceil(BLOCK));
        if missing > 0 {
            draft.pieces.push(Piece { class: BlockClass::Absent, needle: None, len: missing });
        }
        let digests = self.comparison.older_blocks.iter().map(|version| &version.name);
        let mut names = self.comparison.older.iter().map(|version| &version.name).chain(digests).zip(self.has_all);
        draft.closer.older = names.find(|(_, all)| *all && self.is_older).map(|(name, _)| name.clone());
        (draft.closer.text, draft.closer.utf8) = (text, utf8);
        if !text {
            draft.closer.bytes = None;
        }
        draft
    }
}

/// Whether what comes in windows is text.
#[derive(Debug)]
struct Text {
    utf8: bool,
    plausible: bool,
    /// The begin of a character that a window cuts.
    cut: Vec<u8>,
}

impl Default for Text {
    fn default() -> Self {
        Self { utf8: true, plausible: true, cut: Vec::new() }
    }
}

impl Text {
    fn push(&mut self, window: &[u8]) {
        if !self.utf8 {
            return;
        }
        let joined = [std::mem::take(&mut self.cut).as_slice(), window].concat();
        let (valid, rest) = match std::str::from_utf8(&joined) {
            Ok(_) => (joined.len(), true),
            Err(error) => (error.valid_up_to(), error.error_len().is_none()),
        };
        self.utf8 = rest;
        self.plausible &= std::str::from_utf8(&joined[..valid]).is_ok_and(is_plausible);
        self.cut = joined[valid..].iter().copied().take(4).collect();
    }

    /// Whether it was UTF-8, and whether text.
    fn end(self) -> (bool, bool) {
        let utf8 = self.utf8 && self.cut.is_empty();
        (utf8, utf8 && self.plausible)
    }
}

impl Draft {
    /// Says whose the blocks are, now that everything has been searched. `path` is the file's own.
    pub fn settle(self, path: &TargetPath, needles: &Needles) -> Closer {
        let Self { mut closer, pieces, measured, sources: _ } = self;
        let ends = pieces.iter().scan(0_u64, |end, piece| {
            *end = end.saturating_add(piece.len);
            Some(*end)
        });
        let places: Vec<u64> = ends.zip(&pieces).map(|(end, piece)| end - piece.len).collect();
        let found: Vec<Option<Found<'_>>> =
            places.iter().zip(&pieces).map(|(at, piece)| needles.found(piece.needle?, path, *at)).collect();
        // Formats have blocks in common, at the same place of files of the same name (catalogues of messages). Where it is
        // not known which blocks are right, such a one is no stranger as long as another block may be the wrong one; nor is
        // one that only files have that nobody vouches for: they may have got it from here.
        let all_in_common = found.iter().all(|found| found.as_ref().is_some_and(|found| found.in_common));
        let is_stranger = |found: &Found<'_>| found.vouched_for && (all_in_common || !found.in_common);
        for ((at, piece), found) in places.into_iter().zip(pieces).zip(found) {
            let stranger = found.filter(|found| measured || is_stranger(found));
            let class = if stranger.is_some() { BlockClass::Foreign } else { piece.class };
            let from = stranger.and_then(|found| found.path);
            match closer.runs.last_mut() {
                Some(run) if run.class == class && run.from.as_ref() == from => run.len += piece.len,
                _ => closer.runs.push(Run { at, len: piece.len, class, from: from.cloned() }),
            }
        }
        closer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::block_class::tests::noise;
    use crate::live::needles::Rank;

    fn draft(live: &[u8], comparison: Comparison<'_>, needles: &mut Needles) -> Draft {
        let mut look = Look::new(live.len() as u64, comparison, needles);
        live.chunks(WINDOW).for_each(|window| look.window(window));
        look.end()
    }

    fn held(bytes: &[u8]) -> Held<'_> {
        Held::Bytes(Cow::Borrowed(bytes))
    }

    fn classify(live: &[u8], comparison: Comparison<'_>, needles: &mut Needles) -> Closer {
        draft(live, comparison, needles).settle(&TargetPath::new("/srv/x"), needles)
    }

    fn classes(live: &[u8], expected: &[u8]) -> Vec<(BlockClass, u64)> {
        let expected = held(expected);
        let comparison = Comparison { expected: Some(&expected), ..Comparison::default() };
        classify(live, comparison, &mut Needles::default()).runs.iter().map(|run| (run.class, run.len)).collect()
    }

    #[test]
    fn each_block_gets_its_own_class() {
        let right = [b"a".repeat(4096), b"b".repeat(4096), b"c".repeat(4096)].concat();
        let live = [b"a".repeat(4096), vec![0; 4096], noise(4096)].concat();
        let found = classes(&live, &right);
        assert_eq!(found, [(BlockClass::Expected, 1), (BlockClass::Zero, 1), (BlockClass::Random, 1)]);
    }

    #[test]
    fn a_file_that_ends_early_is_right_as_far_as_it_goes() {
        let right = b"x".repeat(10_000);
        assert_eq!(classes(&right[..5000], &right), [(BlockClass::Expected, 2), (BlockClass::Absent, 1)]);
    }

    #[test]
    fn a_block_of_another_file_is_named_foreign_even_when_it_is_cut() {
        let other = (TargetPath::new("/etc/other"), b"another file's very own lines\n".repeat(300));
        let live = other.1[4096..4096 + 100].to_vec();
        let expected = held(b"short");
        let comparison = Comparison { expected: Some(&expected), ..Comparison::default() };
        let mut needles = Needles::default();
        let draft = draft(&live, comparison, &mut needles);
        let hits = needles.hits(0, &other.1);
        needles.record(&other.0, Rank::Known, hits);
        let found = draft.settle(&TargetPath::new("/srv/x"), &needles).runs;
        assert_eq!((found[0].class, found[0].from.as_ref()), (BlockClass::Foreign, Some(&other.0)));
    }

    #[test]
    fn what_lies_in_several_windows_is_one_file() {
        // A character of two bytes lies across every edge of a window.
        let text = |word: &str| format!("x{}", "ä".repeat(2 * WINDOW) + word).into_bytes();
        let right = text("right");
        let mut live = right.clone();
        live[2 * WINDOW..2 * WINDOW + 4096].fill(0);
        let found = classes(&live, &right);
        let blocks = WINDOW as u64 / BLOCK;
        let expected = BlockClass::Expected;
        assert_eq!(found, [(expected, 2 * blocks), (BlockClass::Zero, 1), (expected, 2 * blocks)]);
        let comparison = Comparison::default();
        let closer = classify(&right, comparison, &mut Needles::default());
        assert!(closer.text && closer.utf8 && closer.bytes.is_none(), "too large to be kept");
        assert!(
            !classify(&right[..right.len() - 6], comparison, &mut Needles::default()).utf8,
            "its last character is cut"
        );
        assert!(classify(b"", comparison, &mut Needles::default()).bytes.is_some());
    }

    #[test]
    fn secrets_keep_their_bytes_to_themselves() {
        let comparison = Comparison { secret: true, ..Comparison::default() };
        assert_eq!(classify(b"hunter2\n", comparison, &mut Needles::default()).bytes, None);
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
        let found = classify(&live, comparison, &mut Needles::default());
        assert_eq!(found.older.as_deref(), Some("then"));
        let found: Vec<_> = found.runs.iter().map(|run| (run.class, run.len)).collect();
        let wanted = [(BlockClass::Expected, 1), (BlockClass::Older, 1), (BlockClass::Expected, 1)];
        assert_eq!(found[..3], wanted);
    }

    #[test]
    fn packed_content_that_looks_random_proves_nothing() {
        let of = |format| {
            let comparison = Comparison { format, ..Comparison::default() };
            classify(&noise(4096), comparison, &mut Needles::default()).runs[0].class
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
            let runs = classify(&blocks.concat(), comparison, &mut Needles::default()).runs;
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
