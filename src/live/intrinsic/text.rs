//! Any text: runs of NUL bytes, and whole blocks of noise, where everything else is text.
//!
//! Lost blocks read as zeros on a young disk and as another file's content on an old one. A text that holds any other
//! binary data is left alone: scripts with an archive at their end, PDF, mailboxes.

use super::{Check, Coverage, Verdict};
use crate::live::format::TEXTS;
use crate::live::plausible::{BLOCK, Look, NULS, is_named, is_text, is_wide, look};
use crate::live::subject::Subject;
use crate::live::windows::fill;
use crate::model::path::TargetPath;
use std::io::Read;

/// Texts of any sort.
pub struct Text;

impl Check for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Text
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        let first = &head[..head.len().min(BLOCK)];
        // What only texts are called may begin with a damaged block; others must begin as text.
        !is_wide(head) && (is_named(path, TEXTS) || (first.len() >= 16 && is_text(&first[..first.len().min(512)])))
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let mut input = file.stream();
        let mut seen = Seen::default();
        let mut block = vec![0; BLOCK];
        loop {
            let Ok(count) = fill(&mut block, |part, _| input.read(part)) else {
                return Verdict::undecided("it cannot be read");
            };
            if count == 0 {
                return seen.verdict();
            }
            if !seen.add(&block[..count]) {
                return Verdict::undecided("it holds binary data besides text");
            }
        }
    }
}

#[derive(Default)]
struct Seen {
    at: u64,
    /// Blocks of text, and blocks of noise.
    texts: u64,
    noises: u64,
    first_noise: u64,
    /// NUL bytes in a row up to here.
    run: usize,
    /// Where the first long run begins.
    nuls: Option<u64>,
}

impl Seen {
    /// Takes the next block; `false` when it is neither text nor what damage makes of it.
    fn add(&mut self, block: &[u8]) -> bool {
        let start = self.at;
        self.at += block.len() as u64;
        match look(block) {
            Look::Text => {
                self.texts += 1;
                // A run that ended at the block's edge.
                self.end_run()
            }
            Look::Noise => {
                if self.noises == 0 {
                    self.first_noise = start;
                }
                self.noises += 1;
                self.end_run()
            }
            Look::Nuls => self.add_nuls(block, start),
            Look::Other => false,
        }
    }

    fn add_nuls(&mut self, block: &[u8], start: u64) -> bool {
        self.texts += u64::from(block.iter().any(|&byte| byte != 0));
        for (at, &byte) in block.iter().enumerate() {
            if byte != 0 {
                if !self.end_run() {
                    return false;
                }
                continue;
            }
            self.run += 1;
            if self.run == NULS && self.nuls.is_none() {
                self.nuls = Some((start + at as u64 + 1).saturating_sub(NULS as u64));
            }
        }
        true
    }

    /// Short runs are what records with fixed fields have.
    fn end_run(&mut self) -> bool {
        let fits = self.run == 0 || self.run >= NULS;
        self.run = 0;
        fits
    }

    fn verdict(mut self) -> Verdict {
        if self.at == 0 {
            return Verdict::undecided("it is empty");
        }
        if !self.end_run() || self.texts == 0 {
            return Verdict::undecided("it is no text");
        }
        if let Some(at) = self.nuls {
            return Verdict::damaged_at(at, "a run of NUL bytes in a text");
        }
        if self.noises > 0 && self.noises < self.texts {
            return Verdict::damaged_at(self.first_noise, "a block of random bytes in a text");
        }
        if self.noises > 0 {
            return Verdict::undecided("it holds binary data besides text");
        }
        Verdict::Consistent
    }
}
