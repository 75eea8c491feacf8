//! XML: that every element that is opened is closed, by the right name, and that the document has an end.
//!
//! No validation, no entities, no namespaces. Templates, HTML and parts of documents (external entities) are left
//! alone.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::{SECTOR, impossible, is_mostly_text, is_named, is_template, is_wide, without_mark};
use crate::live::subject::Subject;
use crate::model::path::TargetPath;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::Event;

/// XML documents.
pub struct Xml;

/// How deep elements may lie within each other.
const DEPTH: usize = 100_000;
const NAMES: &[&str] = &["xml", "zcml", "svg", "xsd", "xsl", "xslt", "rng", "wsdl", "plist", "rss", "xlf", "pom"];

impl Check for Xml {
    fn name(&self) -> &'static str {
        "xml"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Structure
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        is_named(path, NAMES) || without_mark(head).starts_with(b"<?xml ")
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
        if !text.trim_ascii_start().starts_with(b"<") {
            return Verdict::undecided("it does not begin as XML");
        }
        match elements(text) {
            Verdict::Damaged { proof, .. } if text.len() < SECTOR || is_template(text) || is_html(text) => {
                Verdict::undecided(format!("it is a template, HTML or a sample: {proof}"))
            }
            // Heads and tails, from which a program puts a document together, have names of their own.
            Verdict::Damaged { proof, .. } if !is_named(file.path(), NAMES) => {
                Verdict::undecided(format!("it is called otherwise than XML: {proof}"))
            }
            Verdict::Damaged { at, proof } => {
                let skipped = (bytes.len() - text.len()) as u64;
                Verdict::Damaged { at: at.map(|at| at + skipped), proof }
            }
            verdict => verdict,
        }
    }
}

/// HTML leaves elements open, whatever its file is called.
fn is_html(text: &[u8]) -> bool {
    let start = text[..text.len().min(4096)].to_ascii_lowercase();
    memchr::memmem::find(&start, b"<html").is_some()
}

fn elements(text: &[u8]) -> Verdict {
    let mut reader = quick_xml::Reader::from_reader(text);
    reader.config_mut().check_end_names = true;
    let mut open = 0_usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) if open >= DEPTH => return Verdict::undecided("its elements are nested too deeply"),
            Ok(Event::Start(_)) => open += 1,
            Ok(Event::End(_)) => open = open.saturating_sub(1),
            Ok(Event::Eof) if open > 0 => {
                return Verdict::damaged_at(text.len() as u64, "it ends within an element: it is cut off");
            }
            Ok(Event::Eof) => return Verdict::Consistent,
            Ok(_) => {}
            Err(error) => return fault(&error, reader.error_position()),
        }
    }
}

fn fault(error: &Error, at: u64) -> Verdict {
    match error {
        Error::Syntax(_) => Verdict::damaged_at(at, format!("it is no XML from here on: {error}")),
        Error::IllFormed(
            IllFormedError::MismatchedEndTag { .. }
            | IllFormedError::UnmatchedEndTag(_)
            | IllFormedError::MissingEndTag(_),
        ) => Verdict::damaged_at(at, format!("its elements do not fit together: {error}")),
        error => Verdict::undecided(format!("it is no strict XML at byte {at}: {error}")),
    }
}
