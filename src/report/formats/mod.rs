//! The output formats: one file each, one line each in [`FORMATS`].

mod json;
mod markdown;
mod short;
mod text;

use super::paint::Paint;
use super::view::View;
use std::io::{self, Write};

/// An output format.
pub trait Format: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What it is for, in a few words.
    fn about(&self) -> &'static str;

    /// The whole output, with a final newline unless empty. Same view and options, same bytes.
    fn render(&self, view: &View, options: &Options) -> String;

    /// Writes it: for formats that need not hold the whole output at once.
    ///
    /// # Errors
    /// Those of `out`.
    fn write(&self, view: &View, options: &Options, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.render(view, options).as_bytes())
    }
}

/// Every format, sorted by name.
pub static FORMATS: &[&dyn Format] = &[&json::Json, &markdown::Markdown, &short::Short, &text::Text];

/// The format of this name.
pub fn find(name: &str) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name)
}

/// A view as it is saved.
pub fn json(view: &View) -> String {
    json::Json.render(view, &Options::default())
}

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How much.
    pub detail: Detail,
    /// Whether with colour; formats for programs take no notice.
    pub paint: Paint,
}

impl Default for Options {
    fn default() -> Self {
        Self { detail: Detail::Units, paint: Paint::Plain }
    }
}

/// How much to show, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The verdict only.
    Verdict,
    /// One line per unit.
    Units,
    /// One line per file, with the evidence.
    Files,
    /// Text differences and block lines.
    Text,
    /// Block ranges.
    Blocks,
}
