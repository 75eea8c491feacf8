//! The syntax of `environment.cfg`: Python's `RawConfigParser` as batou uses it.
//!
//! batou/environment.py, `Config`: `RawConfigParser()` with `optionxform` switched off. That means: keys keep their
//! case, `=` or `:` delimit (whichever comes first), `#` and `;` begin a comment only at the start of a line, there are
//! no inline comments and no interpolation, blank lines belong to a value, deeper indented lines continue it, and a
//! section or key given twice is an error. Source of the rules: Python 3.11, configparser.py, `RawConfigParser._read`;
//! 3.13 splits that method into several and accepts the same texts.
//!
//! Unlike Python's, this reader goes on after an error, so that all of them are told at once. Whatever it reports as an
//! error makes batou refuse the file; the differential test in `tests/integration` holds it to that.

use crate::model::{
    code::BAD_ENVIRONMENT_SYNTAX,
    diagnostic::{Diagnostic, Severity},
    origin::Origin,
};
use std::collections::{BTreeMap, HashMap};

/// Bytes of a file that are read. Large environments have some ten thousand.
const MAX_BYTES: usize = 1 << 20;
/// Sections and options of a file.
const MAX_ENTRIES: usize = 20_000;
/// Options of `[DEFAULT]`: each section has all of them.
const MAX_DEFAULTS: usize = 200;
/// Bytes of a line that is shown.
const MAX_EXCERPT: usize = 1_000;

/// A parsed file.
#[derive(Debug, Clone)]
pub struct Cfg {
    /// The file's name for origins.
    pub file: String,
    /// Sections in their order, without `DEFAULT`.
    pub sections: Vec<Section>,
    /// The options of `[DEFAULT]`, which every section has.
    pub defaults: Vec<Entry>,
    /// What is wrong with the syntax.
    pub problems: Vec<Diagnostic>,
    lines: Vec<String>,
}

/// One section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Where its header is, without the brackets.
    pub at: Span,
    /// Its own options, in their order.
    pub entries: Vec<Entry>,
}

/// One option.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name is.
    pub at: Span,
    /// The pieces of the value, one a line; empty ones stand for blank lines.
    pub parts: Vec<Part>,
}

/// One line's piece of a value.
#[derive(Debug, Clone)]
pub struct Part {
    /// The text, stripped.
    pub text: String,
    /// Where it is.
    pub at: Span,
}

/// A range of bytes in one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Line, counted from 1.
    pub line: u32,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Entry {
    /// The value as Python gives it.
    pub fn value(&self) -> String {
        let joined = self.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("\n");
        joined.trim_end_matches(is_space).to_owned()
    }

    /// Where the value is: its first piece with text, or the key if there is none.
    pub fn value_at(&self) -> Span {
        self.parts.iter().find(|part| !part.text.is_empty()).map_or(self.at, |part| part.at)
    }

    /// Where `word` is in the value; the value's beginning if it cannot be found.
    pub fn word_at(&self, word: &str) -> Span {
        for part in &self.parts {
            for (offset, _) in part.text.match_indices(word) {
                let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
                let before = part.text[..offset].chars().next_back();
                let after = part.text[offset + word.len()..].chars().next();
                if !word.is_empty() && !inside(before) && !inside(after) {
                    let start = part.at.start + offset;
                    return Span { line: part.at.line, start, end: start + word.len() };
                }
            }
        }
        self.value_at()
    }
}

impl Cfg {
    /// Reads a file's bytes.
    pub fn parse(file: &str, bytes: &[u8]) -> Self {
        if bytes.len() > MAX_BYTES {
            return Self::too_large(file);
        }
        let text = String::from_utf8_lossy(bytes);
        let lines = lines_of(&text);
        let mut reader = Reader::new(Self {
            file: file.to_owned(),
            sections: Vec::new(),
            defaults: Vec::new(),
            problems: Vec::new(),
            lines: Vec::new(),
        });
        for (number, line) in (1_u32..).zip(&lines) {
            if !reader.line(number, line) {
                return Self::too_large(file);
            }
        }
        let mut cfg = reader.cfg;
        cfg.lines = lines;
        if let Err(error) = std::str::from_utf8(bytes) {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let number = u32::try_from(lines_of(&before).len().max(1)).unwrap_or(u32::MAX);
            cfg.problems.push(
                Diagnostic::error(BAD_ENVIRONMENT_SYNTAX, "the file is not UTF-8 text")
                    .at(Origin::line(file, number))
                    .hint("a damaged block looks like this: compare the file with git"),
            );
        }
        if bytes.contains(&0) {
            cfg.problems.push(
                Diagnostic::warning(BAD_ENVIRONMENT_SYNTAX, "the file holds NUL bytes")
                    .at(Origin::file(file))
                    .hint("a lost write looks like this: compare the file with git"),
            );
        }
        cfg.finish_excerpts();
        cfg
    }

    /// Nothing is taken from a file that can be no environment: what was left out could matter.
    fn too_large(file: &str) -> Self {
        let text = "the file is larger than an environment can be, so nothing of it is read";
        let problem = Diagnostic::error(BAD_ENVIRONMENT_SYNTAX, text)
            .at(Origin::file(file))
            .hint("a damaged file looks like this: compare it with git");
        let (sections, defaults, lines) = (Vec::new(), Vec::new(), Vec::new());
        Self { file: file.to_owned(), sections, defaults, problems: vec![problem], lines }
    }

    /// The section with this name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// A section's options as batou sees them: its own, then those of `DEFAULT` that it does not set.
    pub fn entries<'a>(&'a self, section: &'a Section) -> Vec<&'a Entry> {
        let own = section.entries.iter();
        own.chain(self.defaults.iter().filter(|default| section.entry(&default.key).is_none())).collect()
    }

    /// The value of an option, from the section or from `DEFAULT`.
    pub fn get<'a>(&'a self, section: &'a Section, key: &str) -> Option<&'a Entry> {
        section.entry(key).or_else(|| self.defaults.iter().find(|entry| entry.key == key))
    }

    /// Whether batou refuses the file because of its syntax.
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// `diagnostic` with the place and its line.
    pub fn mark(&self, diagnostic: Diagnostic, at: Span) -> Diagnostic {
        let diagnostic = diagnostic.at(Origin::line(&self.file, at.line));
        match self.lines.get(at.line as usize - 1) {
            Some(line) if line.len() <= MAX_EXCERPT => diagnostic.showing(line, at.start, at.end),
            Some(_) | None => diagnostic,
        }
    }

    /// Syntax errors get their excerpt, except where a value, and so perhaps a secret, may be in it.
    fn finish_excerpts(&mut self) {
        let mut safe = BTreeMap::new();
        for section in &self.sections {
            safe.insert(section.at.line, is_public(&section.name));
        }
        for problem in &mut self.problems {
            let Some(line) = problem.origin.as_ref().and_then(|origin| origin.line) else { continue };
            let public = safe.range(..=line).next_back().is_none_or(|(_, public)| *public);
            let text = self.lines.get(line as usize - 1).filter(|text| text.len() <= MAX_EXCERPT);
            if let (true, Some(text)) = (public, text) {
                let start = text.len() - text.trim_start_matches(is_space).len();
                *problem = problem.clone().showing(text, start, text.trim_end_matches(is_space).len());
            }
        }
    }
}

impl Section {
    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// Whether the values of a section are never secret.
fn is_public(section: &str) -> bool {
    matches!(section, "environment" | "hosts" | "resolver" | "vfs")
}

/// Where the reader is.
#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    Defaults,
    Section(usize),
}

struct Reader {
    cfg: Cfg,
    place: Place,
    /// Index of the option that a deeper indented line continues.
    option: Option<usize>,
    indent: usize,
    told_missing_header: bool,
    /// Places of the sections, by name.
    sections: HashMap<String, usize>,
    /// Lines of the options, by section and name.
    options: HashMap<(Option<usize>, String), u32>,
}

impl Reader {
    fn new(cfg: Cfg) -> Self {
        let (sections, options) = (HashMap::new(), HashMap::new());
        Self { cfg, place: Place::Nowhere, option: None, indent: 0, told_missing_header: false, sections, options }
    }

    /// Takes the next line; `false` when that is more than an environment can have.
    fn line(&mut self, number: u32, line: &str) -> bool {
        self.read(number, line);
        self.sections.len() + self.options.len() <= MAX_ENTRIES && self.cfg.defaults.len() <= MAX_DEFAULTS
    }

    fn read(&mut self, number: u32, line: &str) {
        let text = line.trim_matches(is_space);
        if text.starts_with(['#', ';']) {
            return;
        }
        let start = line.len() - line.trim_start_matches(is_space).len();
        let at = Span { line: number, start, end: start + text.len() };
        if text.is_empty() {
            return self.continue_value(Part { text: String::new(), at });
        }
        let indent = line[..start].chars().count();
        if self.option.is_some() && indent > self.indent {
            return self.continue_value(Part { text: text.to_owned(), at });
        }
        self.indent = indent;
        match header(text) {
            Some(name) => self.begin_section(name, Span { start: start + 1, end: start + 1 + name.len(), ..at }),
            None if matches!(self.place, Place::Nowhere) => self.missing_header(at),
            None => self.begin_option(text, at),
        }
    }

    fn continue_value(&mut self, part: Part) {
        if let Some(index) = self.option {
            self.entries()[index].parts.push(part);
        }
    }

    fn begin_section(&mut self, name: &str, at: Span) {
        self.option = None;
        if name == "DEFAULT" {
            self.place = Place::Defaults;
            return;
        }
        if let Some(&index) = self.sections.get(name) {
            let first = self.cfg.sections[index].at.line;
            self.error(format!("section `{name}` is given twice, first in line {first}"), at, "merge the two sections");
            self.place = Place::Section(index);
            return;
        }
        self.sections.insert(name.to_owned(), self.cfg.sections.len());
        self.cfg.sections.push(Section { name: name.to_owned(), at, entries: Vec::new() });
        self.place = Place::Section(self.cfg.sections.len() - 1);
    }

    fn missing_header(&mut self, at: Span) {
        if !std::mem::replace(&mut self.told_missing_header, true) {
            self.error("the first option stands before any `[section]`".into(), at, "begin with `[environment]`");
        }
    }

    fn begin_option(&mut self, text: &str, at: Span) {
        let Some(delimiter) = text.find(['=', ':']) else {
            let hint = "write `key = value`, or indent the line if it continues the value above";
            return self.error("this line is neither a section nor an option".into(), at, hint);
        };
        let key = text[..delimiter].trim_end_matches(is_space);
        if key.is_empty() {
            // Python forgets its place here: what follows indented is no continuation.
            self.option = None;
            return self.error("an option without a name".into(), at, "write `key = value`");
        }
        let rest = &text[delimiter + 1..];
        let value = rest.trim_matches(is_space);
        let start = at.end - rest.trim_start_matches(is_space).len();
        let part = Part { text: value.to_owned(), at: Span { start, end: start + value.len(), ..at } };
        let at = Span { end: at.start + key.len(), ..at };
        let section = match self.place {
            Place::Section(index) => Some(index),
            Place::Nowhere | Place::Defaults => None,
        };
        let first = *self.options.entry((section, key.to_owned())).or_insert(at.line);
        if first != at.line {
            let text = format!("option `{key}` is given twice in its section, first in line {first}");
            self.error(text, at, "remove one of the two");
        }
        let entry = Entry { key: key.to_owned(), at, parts: vec![part] };
        self.entries().push(entry);
        self.option = Some(self.entries().len() - 1);
    }

    fn entries(&mut self) -> &mut Vec<Entry> {
        match self.place {
            Place::Section(index) => &mut self.cfg.sections[index].entries,
            Place::Nowhere | Place::Defaults => &mut self.cfg.defaults,
        }
    }

    fn error(&mut self, message: String, at: Span, hint: &str) {
        let origin = Origin::line(&self.cfg.file, at.line);
        self.cfg.problems.push(Diagnostic::error(BAD_ENVIRONMENT_SYNTAX, message).at(origin).hint(hint));
    }
}

/// The name in a section header: up to the *last* closing bracket; what follows it is ignored.
fn header(text: &str) -> Option<&str> {
    let end = text.strip_prefix('[')?.rfind(']')?;
    (end > 0).then(|| &text[1..=end])
}

/// What Python's `str.isspace` says.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Lines without their ends, as Python's universal newlines give them.
fn lines_of(text: &str) -> Vec<String> {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<String> = unified.split('\n').map(str::to_owned).collect();
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Cfg {
        Cfg::parse("environment.cfg", text.as_bytes())
    }

    fn value(text: &str, section: &str, key: &str) -> Option<String> {
        let cfg = parse(text);
        assert_eq!(cfg.problems, [], "the text is sound");
        let section = cfg.section(section).expect("the section is there");
        cfg.get(section, key).map(Entry::value)
    }

    #[test]
    fn a_value_continues_on_deeper_lines_and_over_blank_ones() {
        let text = "[hosts]\nh =\n  a\n\n# no part of it\n  b\n\n[x]\n";
        assert_eq!(value(text, "hosts", "h").as_deref(), Some("\na\n\nb"));
    }

    #[test]
    fn of_a_file_that_is_too_large_nothing_is_taken() {
        let options = |count: usize| (0..count).map(|n| format!("x{n} = 1\n")).collect::<String>();
        for text in [
            format!("[a]\nx = {}\n", "y".repeat(MAX_BYTES)),
            format!("[a]\n{}", options(MAX_ENTRIES)),
            format!("[a]\n[DEFAULT]\n{}", options(MAX_DEFAULTS + 1)),
        ] {
            let cfg = parse(&text);
            assert!(cfg.is_refused());
            assert!(cfg.sections.is_empty() && cfg.defaults.is_empty());
        }
        assert!(!parse(&format!("[a]\n{}", options(MAX_ENTRIES - 1))).is_refused());
    }

    #[test]
    fn an_inline_comment_is_part_of_the_value() {
        assert_eq!(
            value("[a]\nk = v # not a comment ; neither\n", "a", "k").as_deref(),
            Some("v # not a comment ; neither")
        );
    }

    #[test]
    fn the_first_delimiter_ends_the_key_and_case_is_kept() {
        assert_eq!(value("[a]\nData-Url: http://x=y\n", "a", "Data-Url").as_deref(), Some("http://x=y"));
        assert_eq!(value("[a]\nKey = 1\n", "a", "key"), None);
    }

    #[test]
    fn a_section_inherits_from_default() {
        assert_eq!(value("[DEFAULT]\nk = d\n[a]\nx = 1\n", "a", "k").as_deref(), Some("d"));
    }

    #[test]
    fn every_syntax_error_is_told_with_its_line() {
        let cfg = parse("stray = 1\n[a]\nk = 1\nnonsense\nk = 2\n= 3\n[a]\n");
        let told: Vec<_> =
            cfg.problems.iter().map(|p| (p.origin.as_ref().and_then(|o| o.line), p.message.as_str())).collect();
        assert_eq!(
            told,
            [
                (Some(1), "the first option stands before any `[section]`"),
                (Some(4), "this line is neither a section nor an option"),
                (Some(5), "option `k` is given twice in its section, first in line 3"),
                (Some(6), "an option without a name"),
                (Some(7), "section `a` is given twice, first in line 2"),
            ]
        );
        assert!(cfg.is_refused());
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_quoted() {
        let cfg = parse("[component:db]\npassword =\nhunter2\n[hosts]\nnonsense\n");
        let shown: Vec<_> = cfg.problems.iter().map(|p| p.excerpt.as_ref().map(|e| e.text.as_str())).collect();
        assert_eq!(shown, [None, Some("nonsense")]);
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_of_their_line() {
        let cfg = Cfg::parse("e", b"[a]\nk = \xff\n");
        assert_eq!(cfg.problems[0].origin, Some(Origin::line("e", 2)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let cfg = Cfg::parse("e", &bytes);
            for section in &cfg.sections {
                for entry in cfg.entries(section) {
                    let _ = cfg.mark(Diagnostic::note(BAD_ENVIRONMENT_SYNTAX, "x"), entry.word_at("a"));
                }
            }
        }

        #[test]
        fn no_text_of_its_alphabet_makes_it_panic(text in "[\\[\\]=:#; \t\r\n\u{85}aé]{0,80}") {
            Cfg::parse("e", text.as_bytes());
        }
    }
}
