//! One configuration file to sections and options. Follows `parse` of zc.buildout 6.0.1, `configparser.py`, line by
//! line and with its quirks, but does not stop at the first error: what a broken line may have said is unknown, the
//! rest is read.

use super::{
    condition::Verdict,
    lexer::{self, Assignment, Header},
    lint,
    option::{Key, Layer, RawSection},
    python_text::{dedent, is_space, rstrip, strip, universal_newlines, without_leading_blank_lines},
};
use crate::model::{
    code::{BUILDOUT_CONDITION, BUILDOUT_SYNTAX},
    diagnostic::Diagnostic,
    eval::{Eval, Why, WhyKind},
    origin::Origin,
};
use std::sync::Arc;

/// Decides the condition of a header: the expression and the closing bracket with what follows it.
pub(super) type Decide<'a> = dyn Fn(&str, &str) -> Verdict + 'a;

/// Lines of one file that are reported one by one; a file of garbage would drown everything else.
const MAX_REPORTED_LINES: usize = 20;
/// Conditions of one file that are reported one by one.
const MAX_CONDITIONS: usize = 200;
/// Sections and options of one file. The largest known file of pins has some thousands.
const MAX_ENTRIES: usize = 200_000;

/// Parses a file. `file` is the name that origins carry.
pub(super) fn parse(text: &str, file: &str, decide: &Decide<'_>) -> (Layer, Vec<Diagnostic>) {
    let text = universal_newlines(text);
    let mut parser = Parser {
        file,
        shared: Arc::from(file),
        decide,
        layer: Layer::default(),
        diagnostics: Vec::new(),
        section: None,
        option: None,
        block: false,
        applies: Applies::Yes,
        bad_lines: 0,
        last_bad_line: 0,
        comments: 0,
        conditions: 0,
        entries: 0,
        relative: false,
    };
    let mut number: u32 = 0;
    for line in text.split_inclusive('\n') {
        number = number.saturating_add(1);
        parser.line(number, line.strip_suffix('\n').unwrap_or(line), line.ends_with('\n'));
    }
    parser.finish()
}

/// Whether the lines of the section count.
#[derive(Clone)]
enum Applies {
    Yes,
    No,
    Perhaps(Why),
}

struct Parser<'a> {
    file: &'a str,
    /// Its name once more, for everything that stems from it.
    shared: Arc<str>,
    decide: &'a Decide<'a>,
    layer: Layer,
    diagnostics: Vec<Diagnostic>,
    /// `cursect`: stays what it was when a section with a false condition begins.
    section: Option<String>,
    /// `optname`: where a continuation line goes.
    option: Option<String>,
    /// `blockmode`: the option's own line was empty.
    block: bool,
    applies: Applies,
    bad_lines: usize,
    last_bad_line: u32,
    /// Comments in values that were reported.
    comments: usize,
    /// Conditions without an answer.
    conditions: usize,
    /// Headers and assignments.
    entries: usize,
    /// Whether any `+=` or `-=` was seen.
    relative: bool,
}

impl Parser<'_> {
    fn line(&mut self, number: u32, line: &str, terminated: bool) {
        if line.starts_with(['#', ';']) || self.entries > MAX_ENTRIES {
            return;
        }
        let indented = line.chars().next().map_or(terminated, is_space);
        if indented && self.section.is_some() && self.option.is_some() {
            self.continuation(line, number);
        } else if let Some(header) = lexer::header(line) {
            self.header(&header, line, number);
        } else if self.section.is_none() {
            if !strip(line).is_empty() {
                self.missing_header(line, number);
            }
        } else {
            let dependencies = line.strip_prefix("=>").map(|rest| format!("<part-dependencies> = {rest}"));
            match lexer::assignment(dependencies.as_deref().unwrap_or(line)) {
                Some(assignment) => self.assignment(&assignment, line, number),
                None if self.option.is_none() && strip(line).is_empty() => {}
                None => self.bad_line(line, number),
            }
        }
    }

    fn continuation(&mut self, line: &str, number: u32) {
        if matches!(self.applies, Applies::No) {
            return;
        }
        let text = if self.block { rstrip(line) } else { strip(line) };
        if text.is_empty() && !self.block {
            return;
        }
        let comment = lint::comment_in_value(self.file, line, number).filter(|_| self.comments < MAX_REPORTED_LINES);
        self.comments += usize::from(comment.is_some());
        if let Some(key) = self.current_key()
            && let Eval::Known(value) = &mut key.value
        {
            value.push('\n');
            value.push_str(text);
            self.diagnostics.extend(comment);
        }
    }

    /// Counts what costs memory; beyond the limit the rest of the file is unread.
    fn entry(&mut self, number: u32) {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            let text = format!("more than {MAX_ENTRIES} sections and options in one file; the rest of it is not read");
            self.diagnostics.push(Diagnostic::error(BUILDOUT_SYNTAX, text).at(self.origin(number)));
            let why = Why::new(WhyKind::NotModelled, format!("{} is too large to be read whole", self.file));
            self.layer.open = Some(why.clone());
            for section in self.layer.sections.values_mut() {
                section.open = Some(why.clone());
                section.options.values_mut().for_each(|key| key.taint(&why));
            }
        }
    }

    fn header(&mut self, header: &Header<'_>, line: &str, number: u32) {
        self.entry(number);
        self.applies = match header.expression {
            None => Applies::Yes,
            Some(expression) => self.condition(expression, header.tail, line, number),
        };
        if matches!(self.applies, Applies::No) {
            return;
        }
        let section = self.layer.sections.entry(header.name.to_owned());
        match &self.applies {
            Applies::Perhaps(why) => {
                section.or_insert_with(|| RawSection { open: Some(why.clone()), ..RawSection::default() });
            }
            Applies::Yes | Applies::No => {
                let section = section.or_default();
                // What made it open was only that it might not be there at all.
                section.open.take_if(|why| why.kind == WhyKind::TargetFact);
            }
        }
        self.section = Some(header.name.to_owned());
        self.option = None;
    }

    fn condition(&mut self, expression: &str, tail: &str, line: &str, number: u32) -> Applies {
        let expression = expression.replace("\\x23", "#").replace("\\x3b", ";");
        let shown = lint::short(strip(&expression));
        let (diagnostic, text) = match (self.decide)(&expression, tail) {
            Verdict::True => return Applies::Yes,
            Verdict::False => return Applies::No,
            Verdict::Undecidable(reason) => (
                Diagnostic::warning(BUILDOUT_CONDITION, format!("the condition `{shown}` cannot be decided: {reason}"))
                    .hint(format!("tell the answer with `--assume '{shown}=true'` or `=false`")),
                format!("it depends on the condition `{shown}`"),
            ),
            Verdict::Error(reason) => (
                Diagnostic::error(BUILDOUT_CONDITION, format!("buildout stops at the condition `{shown}`: {reason}")),
                format!("the condition `{shown}` is an error"),
            ),
        };
        let start = line.find(':').map_or(0, |colon| colon + 1);
        let end = line.rfind(']').unwrap_or(line.len());
        self.conditions += 1;
        if self.conditions <= MAX_CONDITIONS {
            self.diagnostics.push(lint::showing(diagnostic.at(self.origin(number)), line, start, end));
        }
        Applies::Perhaps(Why::new(WhyKind::TargetFact, text))
    }

    fn assignment(&mut self, assignment: &Assignment<'_>, line: &str, number: u32) {
        let perhaps = match &self.applies {
            Applies::No => return,
            Applies::Yes => None,
            Applies::Perhaps(why) => Some(why.clone()),
        };
        self.entry(number);
        let Assignment { name, value } = *assignment;
        name.clone_into(self.option.get_or_insert_default());
        self.block = value.is_empty();
        let comment =
            lint::inline_comment(self.file, line, value, number).filter(|_| self.comments < MAX_REPORTED_LINES);
        self.comments += usize::from(comment.is_some());
        self.diagnostics.extend(comment);
        let new = match perhaps {
            None => Eval::Known(value.to_owned()),
            Some(why) => Eval::Unknown(why),
        };
        let origin = self.origin(number);
        let Some(section) = self.section.as_ref().and_then(|name| self.layer.sections.get_mut(name)) else { return };
        if name.ends_with(['+', '-']) {
            self.relative = true;
            if let Some(existing) = section.options.get_mut(name) {
                repeat(existing, new);
                return;
            }
        } else if self.relative {
            for suffix in ['+', '-'] {
                section.options.remove(&format!("{name} {suffix}"));
            }
        }
        section.options.insert(name.to_owned(), Key::unfinished(new, origin));
    }

    fn current_key(&mut self) -> Option<&mut Key> {
        let section = self.layer.sections.get_mut(self.section.as_ref()?)?;
        section.options.get_mut(self.option.as_ref()?)
    }

    fn origin(&self, number: u32) -> Origin {
        Origin { file: Arc::clone(&self.shared), line: Some(number) }
    }

    /// `MissingSectionHeaderError`: everything the file says may stand in the wrong place.
    fn missing_header(&mut self, line: &str, number: u32) {
        if self.layer.open.is_some() {
            return;
        }
        let hint = if line.starts_with('\u{feff}') {
            "remove the byte order mark at the start of the file"
        } else if matches!(self.applies, Applies::No) {
            "the first section of a file must not have a condition that is false: put an empty section above it"
        } else {
            "put a `[section]` line above it; if the file should be sound, it may be damaged"
        };
        let diagnostic = Diagnostic::error(BUILDOUT_SYNTAX, "text before the first section header")
            .at(self.origin(number))
            .hint(hint);
        self.diagnostics.push(lint::showing(diagnostic, line, 0, line.len()));
        self.layer.open = Some(self.broken(number));
    }

    /// `ParsingError`: the line may have been the header of any section, so what stands above it may have been
    /// overridden and what stands below it, up to the next header, may belong elsewhere.
    fn bad_line(&mut self, line: &str, number: u32) {
        let why = self.broken(number);
        self.applies = Applies::Perhaps(why.clone());
        self.layer.open = Some(why);
        self.last_bad_line = number;
        self.bad_lines += 1;
        if self.bad_lines <= MAX_REPORTED_LINES {
            let diagnostic = Diagnostic::error(BUILDOUT_SYNTAX, "neither a section header nor an option")
                .at(self.origin(number))
                .hint(hint_for_bad_line(line));
            self.diagnostics.push(lint::showing(diagnostic, line, 0, line.len()));
        }
    }

    fn broken(&self, number: u32) -> Why {
        Why::new(WhyKind::BrokenDefinition, format!("line {number} of {} cannot be parsed", self.file))
    }

    fn finish(mut self) -> (Layer, Vec<Diagnostic>) {
        if self.bad_lines > MAX_REPORTED_LINES {
            let more = self.bad_lines - MAX_REPORTED_LINES;
            self.diagnostics.push(
                Diagnostic::error(BUILDOUT_SYNTAX, format!("{more} more lines cannot be parsed"))
                    .at(Origin::file(self.file)),
            );
        }
        let broken = self.layer.open.clone().filter(|_| self.bad_lines > 0);
        for section in self.layer.sections.values_mut() {
            for key in section.options.values_mut() {
                finish_value(key);
                if let Some(why) = &broken
                    && key.sequence <= self.last_bad_line
                {
                    key.taint(why);
                }
            }
            if broken.is_some() {
                section.open.clone_from(&broken);
            }
        }
        (self.layer, self.diagnostics)
    }
}

/// A second `+=` or `-=` for one option in one file goes on with the first.
fn repeat(existing: &mut Key, new: Eval<String>) {
    match (&mut existing.value, new) {
        (Eval::Known(value), Eval::Known(new)) => {
            value.truncate(rstrip(value).len());
            if !new.is_empty() {
                value.push('\n');
                value.push_str(&new);
            }
        }
        (_, Eval::Unknown(why)) => existing.taint(&why),
        (Eval::Unknown(_), Eval::Known(_)) => {}
    }
}

/// Values that begin with a line end are dedented; the history gets the value as it is now.
fn finish_value(key: &mut Key) {
    if let Eval::Known(value) = &mut key.value
        && value.starts_with(is_space)
    {
        let dedented = dedent(rstrip(value));
        without_leading_blank_lines(&dedented).clone_into(value);
    }
    key.finish();
}

fn hint_for_bad_line(line: &str) -> &'static str {
    let name = line.split('=').next().unwrap_or(line);
    if line.starts_with(is_space) {
        "an indented line goes on with the option above it, and there is none"
    } else if !line.contains('=') && line.contains(':') {
        "`:` is no assignment here; write `name = value`"
    } else if rstrip(name).ends_with(['+', '-']) && name.ends_with(is_space) {
        "write `+=` and `-=` without a blank between the two characters"
    } else if line.starts_with('[') {
        "a section name holds no blanks and none of `# [ ] : ; { }`, and nothing but a comment follows the bracket"
    } else {
        "write `name = value`; if the file should be sound, it may be damaged"
    }
}

#[cfg(test)]
mod tests {
    use super::super::{condition::decide, facts::TargetFacts};
    use super::*;
    use crate::model::diagnostic::Severity;
    use serde_json::{Map, Value};
    use std::collections::BTreeMap;

    const GOLDENS: &str = include_str!("../../../fixtures/cases/buildout/parser.json");
    const FACTS: &str = include_str!("../../../fixtures/cases/buildout/facts.json");

    fn parsed(text: &str) -> (Layer, Vec<Diagnostic>) {
        let facts: TargetFacts = serde_json::from_str(FACTS).expect("facts");
        parse(text, "f", &|expression, tail| decide(expression, tail, &facts, &BTreeMap::new()))
    }

    fn as_json(layer: &Layer) -> Value {
        let sections = layer.sections.iter().map(|(name, section)| {
            let options = section
                .options
                .iter()
                .map(|(option, key)| (option.clone(), Value::from(key.value.known().map(String::as_str))))
                .collect::<Map<_, _>>();
            (name.clone(), Value::Object(options))
        });
        Value::Object(sections.collect())
    }

    fn assert_parses(text: &Value, answer: &Value) {
        let (layer, diagnostics) = parsed(text.as_str().expect("a text"));
        let errors: Vec<_> = diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
        match answer.get("parsed") {
            Some(expected) => {
                assert_eq!(&as_json(&layer), expected, "{text}");
                assert_eq!(errors, Vec::<&Diagnostic>::new(), "{text}");
            }
            None => assert_eq!(errors.len(), 1, "{text}: {errors:?}"),
        }
    }

    #[test]
    fn texts_parse_as_zc_buildout_parses_them() {
        let cases: Vec<Value> = serde_json::from_str(GOLDENS).expect("goldens");
        assert!(cases.len() > 50);
        for case in cases {
            assert_parses(&case["text"], &case);
        }
    }

    fn is_undecided(case: &Value) -> bool {
        let (_, diagnostics) = parsed(case["parse"].as_str().expect("a text"));
        diagnostics.iter().any(|found| found.severity == Severity::Warning && found.code == BUILDOUT_CONDITION)
    }

    /// The texts come from the installed package: `tests/oracle/doctests.py` has zc.buildout's parser read them.
    #[test]
    #[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test asks the real tool")]
    fn the_texts_of_zc_buildouts_own_doctests_parse_as_it_parses_them() {
        let Ok(python) = std::env::var("RECTIFY_BUILDOUT_PYTHON") else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must set RECTIFY_BUILDOUT_PYTHON");
            return;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/doctests.py");
        let patterns = ["configparser.test", "configuration.txt", "testing_bugfix.txt"];
        let output = std::process::Command::new(python).args(["-B", "-W", "ignore", script]).args(patterns).output();
        let output = String::from_utf8(output.expect("the Python runs").stdout).expect("JSON is UTF-8");
        let lines = output.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let cases: Vec<Value> = lines.filter(|line| line.get("parse").is_some()).collect();
        let (undecided, decided): (Vec<_>, Vec<_>) = cases.iter().partition(|case| is_undecided(case));
        assert!(decided.len() >= 14, "only {} texts", decided.len());
        for case in decided {
            assert_parses(&case["parse"], &case["answer"]);
        }
        // A condition that runs more Python than is modelled: what is known agrees.
        for case in undecided {
            let mut ours = as_json(&parsed(case["parse"].as_str().expect("a text")).0);
            for (section, options) in ours.as_object_mut().expect("sections") {
                for (option, value) in options.as_object_mut().expect("options") {
                    if value.is_null() {
                        *value = case["answer"]["parsed"][section][option].clone();
                    }
                }
            }
            assert_eq!(ours, case["answer"]["parsed"], "{case}");
        }
    }

    #[test]
    fn what_a_broken_line_may_have_been_is_unknown_and_the_rest_known() {
        let (layer, diagnostics) = parsed("[a]\nx = 1\n]b[\ny = 2\n[c]\nz = 3\n");
        assert_eq!(as_json(&layer).to_string(), r#"{"a":{"x":null,"y":null},"c":{"z":"3"}}"#);
        assert!(layer.open.is_some());
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].origin, Some(Origin::line("f", 3)));
    }

    #[test]
    fn an_undecidable_condition_makes_its_options_unknown() {
        let (layer, diagnostics) = parsed("[a]\nx = 1\ny = 1\n[a: open('/x')]\nx = 2\n[b: open('/x')]\n");
        assert_eq!(as_json(&layer).to_string(), r#"{"a":{"x":null,"y":"1"},"b":{}}"#);
        assert!(layer.sections["a"].open.is_none());
        assert!(layer.sections["b"].open.is_some());
        assert_eq!(diagnostics[0].code, BUILDOUT_CONDITION);
        let excerpt = diagnostics[0].excerpt.as_ref().expect("the line");
        assert_eq!(&excerpt.text[excerpt.start..excerpt.end], " open('/x')");
    }

    #[test]
    fn a_file_of_too_many_sections_is_not_read_to_its_end() {
        let text = "[x]\na=1\n".repeat(MAX_ENTRIES);
        let (layer, diagnostics) = parse(&text, "a.cfg", &|_, _| Verdict::True);
        assert!(layer.open.is_some() && layer.sections["x"].open.is_some());
        assert!(matches!(layer.sections["x"].options["a"].value, Eval::Unknown(_)));
        assert!(diagnostics.iter().any(|one| one.message.contains("the rest of it is not read")));
    }

    #[test]
    fn garbage_is_reported_a_limited_number_of_times() {
        let (_, diagnostics) = parsed(&format!("[a]\n{}", "garbage\n".repeat(10_000)));
        assert_eq!(diagnostics.len(), MAX_REPORTED_LINES + 1);
    }

    #[test]
    fn lines_that_may_hold_secrets_are_not_shown() {
        let (_, diagnostics) = parsed("[a]\npassword hunter2\n");
        assert_eq!(diagnostics[0].excerpt, None);
    }
}
