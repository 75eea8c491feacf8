//! JSON (RFC 8259), and JSON by line.
//!
//! Dialects are left alone: comments, trailing commas, names without quotes, `NaN`, templates. What none of them allows
//! proves damage, and so does an end within a value.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::{SECTOR, impossible, is_mostly_text, is_named, is_template, is_wide, without_mark};
use crate::live::subject::Subject;
use crate::model::path::TargetPath;
use serde::de::IgnoredAny;
use serde_json::error::Category;

/// JSON documents.
pub struct Json;

impl Check for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, path: &TargetPath, _: &[u8]) -> bool {
        is_named(path, &["json", "jsonl", "ndjson", "geojson", "ipynb", "webmanifest"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let Some(bytes) = file.whole() else { return Verdict::undecided("it is too large to be looked at") };
        if is_wide(&bytes) {
            return Verdict::undecided("it is UTF-16 or UTF-32");
        }
        if let Some((at, proof)) = impossible(&bytes) {
            let mostly = is_mostly_text(&bytes);
            return if mostly { Verdict::damaged_at(at, proof) } else { Verdict::undecided("it is no text") };
        }
        let text = without_mark(&bytes);
        if !matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) {
            return Verdict::undecided("it does not begin as JSON");
        }
        values(text, (bytes.len() - text.len()) as u64)
    }
}

/// One value after the other: usually one.
fn values(text: &[u8], offset: u64) -> Verdict {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    loop {
        match values.next() {
            None => return Verdict::Consistent,
            Some(Ok(_)) => {}
            Some(Err(error)) => return fault(text, &error, offset),
        }
    }
}

fn fault(text: &[u8], error: &serde_json::Error, offset: u64) -> Verdict {
    let at = place(text, error.line(), error.column());
    let shown = offset + at as u64;
    if text.len() < SECTOR || is_template(text) || has_comments(text) {
        return Verdict::undecided(format!("it is no strict JSON at byte {shown}: {error}"));
    }
    match error.classify() {
        Category::Eof => Verdict::damaged_at(shown, "it ends within a value"),
        Category::Syntax if !is_dialect(text, at, &error.to_string()) => {
            Verdict::damaged_at(shown, format!("it is JSON up to byte {shown} and no dialect of it after: {error}"))
        }
        Category::Syntax | Category::Data | Category::Io => {
            Verdict::undecided(format!("it is no strict JSON at byte {shown}: {error}"))
        }
    }
}

fn place(text: &[u8], line: usize, column: usize) -> usize {
    let before = line.saturating_sub(2);
    let start = if line < 2 { 0 } else { memchr::memchr_iter(b'\n', text).nth(before).map_or(0, |end| end + 1) };
    (start + column.saturating_sub(1)).min(text.len())
}

fn has_comments(text: &[u8]) -> bool {
    let is_comment = |line: &[u8]| {
        let line = line.trim_ascii_start();
        line.starts_with(b"#") || line.starts_with(b"//") || line.starts_with(b"/*")
    };
    text.split(|&byte| byte == b'\n').any(is_comment)
        || memchr::memmem::find(text, b" //").is_some()
        || memchr::memmem::find(text, b"/*").is_some()
}

/// Whether the place of an error is what a dialect or a careless author writes there.
fn is_dialect(text: &[u8], at: usize, message: &str) -> bool {
    let here = text.get(at).copied().unwrap_or(b' ');
    // Between a name in quotes and its value all have a colon; some have Ruby's `=>`.
    if message.starts_with("expected `:`") {
        return here == b'=';
    }
    let before = text[..at].trim_ascii_end().last().copied().unwrap_or(b' ');
    match here {
        // Names and strings without (double) quotes, NaN, Infinity, other numbers, line ends within strings, and commas
        // too many or too few.
        b'\'' | b'_' | b'$' | b'.' | b'+' | b'-' | b'\n' | b'\r' | b'\t' | b',' | b'\\' | b'"' | b'{' | b'[' => true,
        b']' | b'}' => before == b',',
        letter => letter.is_ascii_alphanumeric() || letter >= 0x80,
    }
}
