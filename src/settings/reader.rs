//! Tables of the settings file, taken apart key by key; what is left over is unknown.
//!
//! Takes parsed TOML with byte spans; gives plain values. Every problem becomes a diagnostic with line and caret.

use crate::model::code::{self, Code};
use crate::model::diagnostic::Diagnostic;
use crate::model::origin::Origin;
use crate::model::path::TargetPath;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file that is read, and what is wrong with it so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    file: &'t str,
    directory: &'t Path,
    diagnostics: Vec<Diagnostic>,
}

/// Which end of a day is meant by a date without a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    /// Its first moment.
    Begin,
    /// The first moment after it.
    End,
}

/// One table, its entries taken one by one.
pub(super) struct Section<'t> {
    /// Its name for messages; empty for the file's top level.
    name: String,
    span: Range<usize>,
    table: DeTable<'t>,
    asked: BTreeSet<String>,
    sound: bool,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str, file: &'t str, directory: &'t Path) -> Self {
        Self { text, file, directory, diagnostics: Vec::new() }
    }

    /// The top level; `None` when the file is no TOML.
    pub(super) fn top(&mut self) -> Option<Section<'t>> {
        match DeTable::parse(self.text) {
            Ok(table) => Some(Section::new(String::new(), 0..0, table.into_inner())),
            Err(error) => {
                let message = error.message().lines().collect::<Vec<_>>().join("; ");
                let span = error.span().unwrap_or(0..0);
                let diagnostic = self.shown(Diagnostic::error(code::BAD_SETTINGS_FILE, message), &span);
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    /// An error about the file as a whole.
    pub(super) fn complain(&mut self, message: &str) {
        let diagnostic = Diagnostic::error(code::BAD_SETTING_VALUE, message).at(Origin::file(self.file));
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        Origin::line(self.file, u32::try_from(line).unwrap_or(u32::MAX))
    }

    fn shown(&self, diagnostic: Diagnostic, span: &Range<usize>) -> Diagnostic {
        let bytes = self.text.as_bytes();
        let start = span.start.min(bytes.len());
        let line_start = bytes[..start].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let line_end = bytes[start..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| start + at);
        // Newlines are one byte, so both ends are character boundaries.
        let line = self.text[line_start..line_end].trim_end_matches('\r');
        let end = span.end.clamp(start, line_end).max(start + 1);
        diagnostic.at(self.origin(span)).showing(line, start - line_start, end - line_start)
    }
}

impl<'t> Section<'t> {
    fn new(name: String, span: Range<usize>, table: DeTable<'t>) -> Self {
        Self { name, span, table, asked: BTreeSet::new(), sound: true }
    }

    /// Where it begins.
    pub(super) fn origin(&self, reader: &Reader<'_>) -> Origin {
        reader.origin(&self.span)
    }

    /// Every key, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.table.keys().map(|key| key.get_ref().to_string()).collect();
        names.sort();
        names
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn get(&mut self, key: &str) -> Option<Spanned<DeValue<'t>>> {
        self.asked.insert(key.to_owned());
        self.table.get(key).cloned()
    }

    /// What is wrong with the value of a key.
    pub(super) fn reject(&mut self, key: &str, message: &str, reader: &mut Reader<'_>) {
        self.sound = false;
        self.say(key, Diagnostic::error(code::BAD_SETTING_VALUE, format!("`{}`: {message}", self.full(key))), reader);
    }

    /// What is odd about the value of a key.
    pub(super) fn warn(&mut self, key: &str, code: Code, message: &str, reader: &mut Reader<'_>) {
        self.say(key, Diagnostic::warning(code, message), reader);
    }

    fn say(&self, key: &str, diagnostic: Diagnostic, reader: &mut Reader<'_>) {
        let span = self.table.get(key).map_or(self.span.clone(), Spanned::span);
        let diagnostic = reader.shown(diagnostic, &span);
        reader.diagnostics.push(diagnostic);
    }

    /// A key that must be there is not.
    pub(super) fn missing(&mut self, key: &str, reader: &mut Reader<'_>) {
        self.sound = false;
        let message = format!("`{}` is missing", self.full(key));
        let diagnostic = reader.shown(Diagnostic::error(code::BAD_SETTING_VALUE, message), &self.span);
        reader.diagnostics.push(diagnostic);
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, value: &DeValue<'_>, reader: &mut Reader<'_>) {
        self.reject(key, &format!("{wanted} is needed here, not {}", article(value.type_str())), reader);
    }

    pub(super) fn text(&mut self, key: &str, reader: &mut Reader<'_>) -> Option<String> {
        let value = self.get(key)?.into_inner();
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong_type(key, "a text", &value, reader);
        }
        text
    }

    pub(super) fn flag(&mut self, key: &str, reader: &mut Reader<'_>) -> Option<bool> {
        let value = self.get(key)?.into_inner();
        let flag = value.as_bool();
        if flag.is_none() {
            self.wrong_type(key, "true or false", &value, reader);
        }
        flag
    }

    /// A whole number that is not negative.
    pub(super) fn count(&mut self, key: &str, reader: &mut Reader<'_>) -> Option<usize> {
        let value = self.get(key)?.into_inner();
        let number = value.as_integer();
        let count = number.and_then(|number| usize::from_str_radix(number.as_str(), number.radix()).ok());
        if count.is_none() {
            self.wrong_type(key, "a whole number, 0 or more", &value, reader);
        }
        count
    }

    pub(super) fn required_text(&mut self, key: &str, reader: &mut Reader<'_>) -> Option<String> {
        if !self.has(key) {
            self.get(key);
            self.missing(key, reader);
            return None;
        }
        let text = self.text(key, reader)?;
        if text.trim().is_empty() {
            self.reject(key, "this must not be empty", reader);
            return None;
        }
        Some(text)
    }

    pub(super) fn texts(&mut self, key: &str, reader: &mut Reader<'_>) -> Vec<String> {
        let Some(value) = self.get(key).map(Spanned::into_inner) else { return Vec::new() };
        let texts = value.as_array().and_then(|array| {
            array.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        texts.unwrap_or_else(|| {
            self.wrong_type(key, "a list of texts", &value, reader);
            Vec::new()
        })
    }

    /// A path of this machine, relative to the file.
    pub(super) fn path(&mut self, key: &str, reader: &mut Reader<'_>) -> Option<PathBuf> {
        let text = self.text(key, reader)?;
        if text.is_empty() || text.contains('\0') {
            self.reject(key, "this is no path", reader);
            return None;
        }
        Some(reader.directory.join(text))
    }

    /// A path of the target.
    pub(super) fn target(&mut self, key: &str, reader: &mut Reader<'_>) -> Option<TargetPath> {
        let text = self.text(key, reader)?;
        if !text.starts_with('/') || text.contains('\0') {
            self.reject(key, "an absolute path on the target is needed here", reader);
            return None;
        }
        Some(TargetPath::new(text))
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)], reader: &mut Reader<'_>) -> Option<T> {
        let text = self.text(key, reader)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.reject_word(key, &text, &names, reader);
        None
    }

    /// The value is none of the words that are possible.
    pub(super) fn reject_word(&mut self, key: &str, text: &str, words: &[&str], reader: &mut Reader<'_>) {
        self.sound = false;
        let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let message = format!("`{}` cannot be `{text}`; it is one of {list}", self.full(key));
        let mut diagnostic = Diagnostic::error(code::BAD_SETTING_VALUE, message);
        if let Some(near) = nearest(text, words.iter().copied()) {
            diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
        }
        self.say(key, diagnostic, reader);
    }

    /// A moment, nanoseconds since 1970 UTC.
    pub(super) fn time(&mut self, key: &str, bound: Bound, reader: &mut Reader<'_>) -> Option<i64> {
        let value = self.get(key)?.into_inner();
        let text = match (value.as_str(), value.as_datetime()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(time)) => time.to_string(),
            (None, None) => {
                self.wrong_type(key, "a date or time", &value, reader);
                return None;
            }
        };
        let moment = moment(&text, bound);
        if moment.is_none() {
            let message = format!(
                "`{text}` is no time; write a date (`2026-11-20`) or a time with its offset (`2026-11-20T03:15:00+01:00`)"
            );
            self.reject(key, &message, reader);
        }
        moment
    }

    /// A length of time in nanoseconds.
    pub(super) fn duration(&mut self, key: &str, reader: &mut Reader<'_>) -> Option<i64> {
        let text = self.text(key, reader)?;
        let parsed = text.parse::<SignedDuration>().ok().filter(|length| !length.is_negative());
        let nanoseconds = parsed.and_then(|length| i64::try_from(length.as_nanos()).ok());
        if nanoseconds.is_none() {
            self.reject(key, &format!("`{text}` is no length of time; write for example `2h 30m`"), reader);
        }
        nanoseconds
    }

    /// The table under a key.
    pub(super) fn table(&mut self, key: &str, reader: &mut Reader<'_>) -> Option<Section<'t>> {
        let value = self.get(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(Section::new(self.full(key), span, table)),
            other => {
                self.wrong_type(key, "a table", &other, reader);
                None
            }
        }
    }

    /// The tables of an array of tables.
    pub(super) fn tables(&mut self, key: &str, reader: &mut Reader<'_>) -> Vec<Section<'t>> {
        let Some(value) = self.get(key).map(Spanned::into_inner) else { return Vec::new() };
        let DeValue::Array(array) = value else {
            self.reject(key, &format!("write `[[{key}]]`: there can be several"), reader);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in &array {
            let span = item.span();
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section::new(self.full(key), span, table.clone())),
                other => self.wrong_type(key, "a table", other, reader),
            }
        }
        sections
    }

    /// Reports the keys that nobody asked for; says whether the whole section was without error.
    pub(super) fn finish(mut self, reader: &mut Reader<'_>) -> bool {
        let unknown = self.table.keys().filter(|key| !self.asked.contains(key.get_ref().as_ref()));
        let mut unknown: Vec<_> = unknown.map(|key| (key.span(), key.get_ref().to_string())).collect();
        unknown.sort_by_key(|(span, _)| span.start);
        for (span, key) in unknown {
            self.sound = false;
            let message = format!("there is no setting `{}`", self.full(&key));
            let mut diagnostic = Diagnostic::error(code::UNKNOWN_SETTING, message);
            let hint = if let Some(near) = nearest(&key, self.asked.iter().map(String::as_str)) {
                format!("did you mean `{near}`?")
            } else {
                let known: Vec<String> = self.asked.iter().map(|name| format!("`{name}`")).collect();
                format!("possible here: {}", known.join(", "))
            };
            diagnostic = diagnostic.hint(hint);
            let diagnostic = reader.shown(diagnostic, &span);
            reader.diagnostics.push(diagnostic);
        }
        self.sound
    }
}

fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// The known name that was probably meant.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let scored = known.map(|candidate| (strsim::jaro_winkler(name, candidate), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))?;
    (best.0 >= 0.75).then_some(best.1)
}

fn moment(text: &str, bound: Bound) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return i64::try_from(time.as_nanosecond()).ok();
    }
    // `2026-11-20T03:15` is also a date to the parser, but which moment is meant would be a guess.
    if text.len() > "2026-11-20".len() {
        return None;
    }
    let mut date = text.parse::<civil::Date>().ok()?;
    if let Bound::End = bound {
        date = date.tomorrow().ok()?;
    }
    i64::try_from(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond()).ok()
}
