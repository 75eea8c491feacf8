//! What bytes look like: text, zeros, noise. Pure.
//!
//! Takes bytes; says what no text can hold. Text here is any text: UTF-8 or one of the 8-bit and multi-byte encodings,
//! which all keep control characters apart. UTF-16 and UTF-32 are recognised and left alone.

use crate::model::path::TargetPath;

/// The unit in which file systems lose data (ext4, XFS: the usual block), in bytes.
pub const BLOCK: usize = 4096;
/// The smallest unit that disks lose, in bytes. A text below it that breaks off is a sample or a slip of its author more
/// often than damage.
pub const SECTOR: usize = 512;
/// NUL bytes in a row that are no accident of a text's author.
pub const NULS: usize = 64;

/// What a block looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Text.
    Text,
    /// Text and runs of at least [`NULS`] NUL bytes, or only NUL bytes.
    Nuls,
    /// As random as compressed or encrypted data.
    Noise,
    /// Anything else.
    Other,
}

/// Whether a byte is a control character that texts do not hold. Backspace (overstriking), bell, escape (colours),
/// form feed, shift in and out (ISO 2022) and CP/M's end of file are found in real ones.
pub fn is_foreign(byte: u8) -> bool {
    matches!(byte, 0..=6 | 0x10..=0x19 | 0x1c..=0x1f)
}

/// What a block looks like.
pub fn look(block: &[u8]) -> Look {
    if !block.iter().any(|&byte| is_foreign(byte)) {
        return Look::Text;
    }
    if only_runs_of_nul(block) {
        return Look::Nuls;
    }
    if is_noise(block) { Look::Noise } else { Look::Other }
}

fn only_runs_of_nul(block: &[u8]) -> bool {
    let mut run = 0;
    let edge = |at: usize, run: usize| at == run || at == block.len();
    for (at, &byte) in block.iter().enumerate() {
        if byte == 0 {
            run += 1;
            continue;
        }
        // A run at an edge may go on in the next block.
        if is_foreign(byte) || (run > 0 && run < NULS && !edge(at, run)) {
            return false;
        }
        run = 0;
    }
    true
}

/// Whether a whole block has more than 7.8 bits of information a byte. Random bytes have 7.955 in 4096 on average;
/// machine code and pictures that are not compressed stay below 7.
pub fn is_noise(block: &[u8]) -> bool {
    if block.len() < BLOCK {
        return false;
    }
    let mut counts = [0_u32; 256];
    for &byte in block {
        counts[usize::from(byte)] += 1;
    }
    let total = f64::from(u32::try_from(block.len()).unwrap_or(u32::MAX));
    let bits = |count: &u32| {
        let part = f64::from(*count) / total;
        if *count == 0 { 0.0 } else { -part * part.log2() }
    };
    counts.iter().map(bits).sum::<f64>() > 7.8
}

/// Whether bytes begin as UTF-16 or UTF-32 does: with a byte order mark, or with NUL bytes between letters.
pub fn is_wide(bytes: &[u8]) -> bool {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, 0xff, ..] => true,
        [0, letter, 0, other, ..] | [letter, 0, other, 0, ..] => *letter != 0 && *other != 0,
        _ => false,
    }
}

/// Whether bytes could be the beginning of a text.
pub fn is_text(bytes: &[u8]) -> bool {
    look(bytes) == Look::Text
}

/// What no text can hold, with its offset: NUL bytes, or control characters side by side as in binary data.
pub fn impossible(bytes: &[u8]) -> Option<(u64, &'static str)> {
    if is_wide(bytes) {
        return None;
    }
    if let Some(at) = memchr::memchr(0, bytes) {
        return Some((at as u64, "a NUL byte in a text"));
    }
    let mut recent: [Option<usize>; 3] = [None; 3];
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| is_foreign(**byte)) {
        recent = [recent[1], recent[2], Some(at)];
        if let Some(first) = recent[0].filter(|first| at - first < 64) {
            return Some((first as u64, "binary data in a text"));
        }
    }
    None
}

/// Whether a text holds marks of a template language, and so need not be what its name says before it is rendered.
pub fn is_template(text: &[u8]) -> bool {
    let marks = [&b"{{"[..], b"{%", b"<%", b"${", b"<?php", b"<#", b"%(", b"$(", b"{#", b"@@", b"<tal:", b"<dtml-"];
    let marked = marks.iter().any(|mark| memchr::memmem::find(text, mark).is_some());
    marked || text.windows(2).any(|pair| pair[0] == b'@' && pair[1].is_ascii_uppercase())
}

/// Whether the name ends with a dot and one of these (lower case) words.
pub fn is_named(path: &TargetPath, extensions: &[&str]) -> bool {
    let name = path.name();
    let Some(dot) = name.iter().rposition(|&byte| byte == b'.') else { return false };
    dot > 0 && extensions.iter().any(|extension| name[dot + 1..].eq_ignore_ascii_case(extension.as_bytes()))
}

/// The text without a UTF-8 byte order mark.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The first run of NUL bytes that is a block set to zero within data that is never zero for long: it covers whole
/// blocks and passes their edges by three bytes at most.
pub fn zeroed_block(bytes: &[u8], offset: u64) -> Option<u64> {
    let mut at = 0;
    while let Some(start) = memchr::memchr(0, &bytes[at..]).map(|found| at + found) {
        let length = bytes[start..].iter().position(|&byte| byte != 0).unwrap_or(bytes.len() - start);
        let (from, to) = (offset + start as u64, offset + (start + length) as u64);
        let (first, end) = (from.next_multiple_of(BLOCK as u64), to - to % BLOCK as u64);
        if end > first && first - from <= 3 && to - end <= 3 {
            return Some(first);
        }
        at = start + length;
    }
    None
}

/// Whether at most a tenth of the bytes are foreign to texts, zeroed and random blocks not counted, and these are not
/// more than the rest.
pub fn is_mostly_text(bytes: &[u8]) -> bool {
    let (mut text, mut foreign, mut lost) = (0_usize, 0_usize, 0_usize);
    for block in bytes.chunks(BLOCK) {
        match look(block) {
            Look::Noise => lost += block.len(),
            Look::Nuls => {
                let nuls = memchr::memchr_iter(0, block).count();
                lost += nuls;
                text += block.len() - nuls;
            }
            Look::Text | Look::Other => {
                let count = block.iter().filter(|&&byte| is_foreign(byte)).count();
                foreign += count;
                text += block.len() - count;
            }
        }
    }
    text > 0 && foreign * 10 <= text && lost <= text * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_apart() {
        let text = b"some text\n".repeat(410)[..BLOCK].to_vec();
        // A linear congruential generator (Knuth) is as random as this needs.
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .take(BLOCK)
        .collect();
        let mut mixed = text.clone();
        mixed[100..200].fill(0);
        let mut binary = text.clone();
        binary[100..110].fill(0);
        for (block, wanted) in [
            (&text, Look::Text),
            (&noise, Look::Noise),
            (&mixed, Look::Nuls),
            (&vec![0; BLOCK], Look::Nuls),
            (&binary, Look::Other),
            (&(0..=255).cycle().take(2000).collect(), Look::Other),
            (&"grüße\u{1b}[1m\u{c}".repeat(90).into_bytes(), Look::Text),
        ] {
            assert_eq!(look(block), wanted, "{:?}", &block[..20]);
        }
    }

    #[test]
    fn a_zeroed_block_has_its_edges_where_blocks_have_them() {
        let data = |zeros: std::ops::Range<usize>| {
            let mut bytes = vec![7; 5 * BLOCK];
            bytes[zeros].fill(0);
            bytes
        };
        assert_eq!(zeroed_block(&data(BLOCK..2 * BLOCK), 0), Some(4096));
        assert_eq!(zeroed_block(&data(BLOCK - 2..3 * BLOCK + 1), 0), Some(4096));
        assert_eq!(zeroed_block(&data(BLOCK - 100..2 * BLOCK), 0), None);
        assert_eq!(zeroed_block(&data(BLOCK..2 * BLOCK), 10), None);
        assert_eq!(zeroed_block(&data(BLOCK - 10..2 * BLOCK - 10), 10), Some(4096));
        assert_eq!(zeroed_block(&data(9..10), 0), None);
    }

    #[test]
    fn one_control_character_is_a_slip_and_several_are_not() {
        assert_eq!(impossible(b"a\x01b"), None);
        assert_eq!(impossible(b"a\x01b\x02c\x03"), Some((1, "binary data in a text")));
        assert_eq!(impossible(&[&b"a\x01"[..], &[b'x'; 80], b"\x02\x03"].concat()), None);
        assert_eq!(impossible(b"ab\0"), Some((2, "a NUL byte in a text")));
        assert_eq!(impossible(b"a\0b\0"), None);
        assert!(is_named(&TargetPath::new("/a/b.JSON"), &["json"]));
        assert!(!is_named(&TargetPath::new("/a/.json"), &["json"]));
    }
}
