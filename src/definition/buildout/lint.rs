//! What zc.buildout accepts and then takes in a way that was hardly meant; and how source lines are shown.

use super::{
    option::{Key, Layer, Operation, Source},
    python_text::{is_space, strip},
};
use crate::model::{code::BUILDOUT_LINT, diagnostic::Diagnostic, origin::Origin};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a source line that are shown.
const MAX_EXCERPT: usize = 200;

/// Bytes of a line that is looked through for words that go with secrets; of a longer one nothing is shown.
const MAX_LINE: usize = 10_000;

/// A text of the definition for a message, cut where it is longer than a message should be.
pub(super) fn short(text: &str) -> String {
    const MAX: usize = 120;
    if text.len() <= MAX { text.to_owned() } else { text.chars().take(MAX).chain(['…']).collect() }
}

/// Shows the source line with a diagnostic, unless it may hold a secret.
pub(super) fn showing(diagnostic: Diagnostic, line: &str, start: usize, end: usize) -> Diagnostic {
    if line.len() > MAX_LINE {
        return diagnostic;
    }
    let lower = line.to_lowercase();
    if ["pass", "secret", "token", "credential", "key", "pwd"].iter().any(|word| lower.contains(word)) {
        return diagnostic;
    }
    let mut length = line.len().min(MAX_EXCERPT);
    while !line.is_char_boundary(length) {
        length -= 1;
    }
    diagnostic.showing(&line[..length], start, end)
}

/// Diagnostics that get their source line.
const MAX_SHOWN: usize = 200;

/// Every diagnostic about a line with that line.
pub(super) fn with_their_lines(texts: &BTreeMap<String, String>, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let shown = |(index, diagnostic)| if index < MAX_SHOWN { with_its_line(texts, diagnostic) } else { diagnostic };
    found.into_iter().enumerate().map(shown).collect()
}

/// With the whole source line underlined, unless a part of it is already.
fn with_its_line(texts: &BTreeMap<String, String>, diagnostic: Diagnostic) -> Diagnostic {
    let Some(origin) = diagnostic.origin.as_ref().filter(|_| diagnostic.excerpt.is_none()) else { return diagnostic };
    let (Some(text), Some(number)) = (texts.get(&*origin.file), origin.line) else { return diagnostic };
    let Some(line) = text.lines().nth(usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1)) else {
        return diagnostic;
    };
    let start = line.len() - line.trim_start_matches(is_space).len();
    showing(diagnostic, line, start, line.trim_end_matches(is_space).len().max(start))
}

/// `x = 1 # comment`: the comment is part of the value.
pub(super) fn inline_comment(file: &str, line: &str, value: &str, number: u32) -> Option<Diagnostic> {
    // Most values hold neither: one quick look instead of four searches.
    memchr::memchr2(b'#', b';', value.as_bytes())?;
    let marker = [" # ", " ; ", "\t# ", "\t; "].into_iter().find_map(|marker| value.find(marker))?;
    let start = line.len() - line.trim_start_matches(is_space).len();
    let start = line[start..].find(value).map_or(start, |found| found + start) + marker + 1;
    let diagnostic = Diagnostic::warning(BUILDOUT_LINT, "there are no comments behind a value: this is part of it")
        .at(Origin::line(file, number))
        .hint("put the comment on a line of its own that starts in the first column");
    Some(showing(diagnostic, line, start, line.len()))
}

/// An indented comment below an option: it is a line of the value.
pub(super) fn comment_in_value(file: &str, line: &str, number: u32) -> Option<Diagnostic> {
    let text = strip(line);
    if !text.starts_with('#') {
        return None;
    }
    let start = line.find('#').unwrap_or(0);
    let diagnostic = Diagnostic::note(BUILDOUT_LINT, "an indented `#` starts no comment: this is a line of the value")
        .at(Origin::line(file, number))
        .hint("start the comment in the first column");
    Some(showing(diagnostic, line, start, line.len()))
}

/// `opt+=1` where nothing is there to add to: the option that results has a shortened name.
pub(super) fn cut_name(section: &str, option: &str, cut: &str, key: &Key) -> Option<Diagnostic> {
    let operator = option.chars().next_back()?;
    let name = option.trim_end_matches([' ', '+', '-']);
    let diagnostic = Diagnostic::warning(
        BUILDOUT_LINT,
        format!("`{option}=` defines the option `{cut}` of `[{section}]`, not `{name}`"),
    )
    .hint(format!("write `{name} {operator}=` with exactly one blank, or `{name} =`"));
    Some(match key.source() {
        Source::File(origin) => diagnostic.at(origin.clone()),
        _ => diagnostic,
    })
}

/// `+=` in one file over a macro that another file names: it is worked out before the macro is.
pub(super) fn lost_over_macro(section: &str, option: &str, key: &Key) -> Option<Diagnostic> {
    let (first, second) = (key.history.first()?, key.history.get(1)?);
    let from_nothing =
        first.source == Source::Implicit && matches!(second.operation, Operation::Add | Operation::Remove);
    let Source::File(origin) = &second.source else { return None };
    from_nothing.then(|| {
        Diagnostic::warning(
            BUILDOUT_LINT,
            format!("the value that `{option}` of `[{section}]` gets from its macro is lost"),
        )
        .at(origin.clone())
        .hint("`+=` and `-=` see a macro's value only in the file that says `<=`; repeat `<=` here or write the whole value")
    })
}

/// `extends += file`: no file is loaded.
pub(super) fn relative_extends(file: &str, layer: &Layer) -> Vec<Diagnostic> {
    let Some(buildout) = layer.sections.get("buildout") else { return Vec::new() };
    ["extends +", "extends+", "extends -", "extends-"]
        .iter()
        .filter_map(|spelling| buildout.options.get(*spelling).map(|key| (spelling, key)))
        .map(|(spelling, key)| {
            Diagnostic::warning(BUILDOUT_LINT, format!("`{spelling}=` loads no file"))
                .at(match key.source() {
                    Source::File(origin) => origin.clone(),
                    _ => Origin::file(file),
                })
                .hint("write `extends =`")
        })
        .collect()
}

/// Watches files that are merged more than once: their `+=` count twice, and their `=` undo the `+=` of others.
#[derive(Default)]
pub(super) struct Diamonds {
    files: BTreeMap<String, usize>,
    added: BTreeMap<(String, String), (usize, Origin)>,
    reported: BTreeSet<(String, String)>,
    position: usize,
}

impl Diamonds {
    /// Takes note of one more file that is merged over the ones before.
    pub(super) fn merge(&mut self, file: &str, layer: &Layer) -> Vec<Diagnostic> {
        self.position += 1;
        let before = self.files.insert(file.to_owned(), self.position);
        let mut found = Vec::new();
        for (section, options) in &layer.sections {
            for (option, key) in &options.options {
                let Source::File(origin) = key.source() else { continue };
                let relative = option.ends_with(['+', '-']);
                if before.is_none() && !relative {
                    continue;
                }
                let place = (section.clone(), option.trim_end_matches([' ', '+', '-']).to_owned());
                if let Some(before) = before
                    && let Some(diagnostic) = self.again(before, &place, option, origin)
                    && self.reported.insert(place.clone())
                {
                    found.push(diagnostic);
                }
                if relative {
                    self.added.insert(place, (self.position, origin.clone()));
                }
            }
        }
        found
    }

    fn again(&self, before: usize, place: &(String, String), option: &str, origin: &Origin) -> Option<Diagnostic> {
        let (section, name) = place;
        if option.ends_with('+') {
            return Some(
                Diagnostic::warning(
                    BUILDOUT_LINT,
                    format!("this file is merged twice, so `{name} +=` of `[{section}]` is added twice"),
                )
                .at(origin.clone())
                .hint("extend a shared file from one place only"),
            );
        }
        let (position, lost) = self.added.get(place)?;
        (*position > before && lost.file != origin.file).then(|| {
            Diagnostic::warning(
                BUILDOUT_LINT,
                format!("this `+=` on `{name}` of `[{section}]` is lost: {origin} sets it again afterwards"),
            )
            .at(lost.clone())
            .hint("a file that two others extend is merged twice; extend it from one place only")
        })
    }
}
