//! Where the value of a buildout's option comes from, as `buildout annotate` tells it, with values and lines.

use super::escape::plain;
use crate::model::buildout::{Operation, OptionValue, Provenance, Source};
use crate::model::eval::Eval;
use crate::model::secrecy;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// For people.
pub fn text(section: &str, options: &[(String, OptionValue)]) -> String {
    let mut text = String::new();
    write(&mut text, section, options);
    text
}

/// For people: all sections, with a blank line between them.
pub fn all_text(sections: &BTreeMap<String, Vec<(String, OptionValue)>>) -> String {
    let mut text = String::new();
    for (section, options) in sections {
        if !text.is_empty() {
            text.push('\n');
        }
        write(&mut text, section, options);
    }
    text
}

fn write(text: &mut String, section: &str, options: &[(String, OptionValue)]) {
    text.extend(["[", &plain(section), "]\n"]);
    for (name, option) in options {
        let hidden = is_hidden(name, option);
        text.extend([&plain(name), " ="]);
        show(text, &option.value, hidden, 4);
        if option.raw != option.value {
            text.push_str("\n  written =");
            show(text, &option.raw, hidden, 6);
        }
        for step in &option.history {
            text.extend([
                "\n  ",
                sign(step.operation),
                &"          "[sign(step.operation).len()..],
                &source(&step.source),
            ]);
            if option.history.len() > 1 {
                show(text, &step.value, hidden, 6);
            }
        }
        text.push('\n');
    }
}

/// For programs.
pub fn json(section: &str, options: &[(String, OptionValue)]) -> String {
    format!("{:#}\n", section_json(section, options))
}

/// For programs: all sections.
pub fn all_json(sections: &BTreeMap<String, Vec<(String, OptionValue)>>) -> String {
    let sections: Vec<Value> = sections.iter().map(|(section, options)| section_json(section, options)).collect();
    format!("{:#}\n", json!({ "sections": sections }))
}

fn section_json(section: &str, options: &[(String, OptionValue)]) -> Value {
    let value = |value: &Eval<String>, hidden: bool| match value {
        Eval::Known(_) if hidden => json!({ "secret": true }),
        Eval::Known(text) => json!({ "known": text }),
        Eval::Unknown(why) => json!({ "unknown": why.text }),
    };
    let step = |step: &Provenance, hidden: bool| {
        let (file, line) = match &step.source {
            Source::File(origin) => (Some(&origin.file), origin.line),
            _ => (None, None),
        };
        let operation = sign(step.operation);
        let source = source(&step.source);
        json!({"operation": operation, "source": source, "file": file, "line": line, "value": value(&step.value, hidden)})
    };
    let options: Vec<Value> = options
        .iter()
        .map(|(name, option)| {
            let hidden = is_hidden(name, option);
            let history: Vec<Value> = option.history.iter().map(|one| step(one, hidden)).collect();
            json!({
                "option": name,
                "value": value(&option.value, hidden),
                "written": value(&option.raw, hidden),
                "history": history,
            })
        })
        .collect();
    json!({ "section": section, "options": options })
}

/// Whether any of its values, the earlier ones as well, is a secret.
fn is_hidden(name: &str, option: &OptionValue) -> bool {
    let values = [&option.value, &option.raw].into_iter().chain(option.history.iter().map(|step| &step.value));
    secrecy::is_secret_name(name) || values.filter_map(Eval::known).any(|value| secrecy::is_secret_value(name, value))
}

/// A value behind its name: one line after a blank, several indented below.
fn show(text: &mut String, value: &Eval<String>, hidden: bool, indent: usize) {
    match value {
        Eval::Known(_) if hidden => text.push_str(" (secret)"),
        Eval::Known(known) if known.contains('\n') => {
            for line in known.lines() {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', indent));
                text.push_str(&plain(line));
            }
        }
        Eval::Known(known) if known.is_empty() => {}
        Eval::Known(known) => text.extend([" ", &plain(known)]),
        Eval::Unknown(why) => text.extend([" ? ", &plain(&why.text)]),
    }
}

fn sign(operation: Operation) -> &'static str {
    match operation {
        Operation::Set => "=",
        Operation::Override => "= (over)",
        Operation::Add => "+=",
        Operation::Remove => "-=",
        Operation::Directory => "absolute",
    }
}

fn source(source: &Source) -> Cow<'_, str> {
    match source {
        Source::File(origin) => match origin.line {
            Some(line) => Cow::Owned(plain(&origin.file).into_owned() + ":" + &line.to_string()),
            None => plain(&origin.file),
        },
        Source::Default => Cow::Borrowed("default of zc.buildout"),
        Source::Computed => Cow::Borrowed("computed by zc.buildout"),
        Source::CommandLine => Cow::Borrowed("command line"),
        Source::Implicit => Cow::Borrowed("nothing before"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::origin::Origin;

    fn option(value: &str, history: &[(Operation, &str, u32)]) -> OptionValue {
        let step = |(operation, text, line): &(Operation, &str, u32)| Provenance {
            operation: *operation,
            source: Source::File(Origin::line("a.cfg", *line)),
            value: Eval::Known((*text).to_owned()),
        };
        let known = Eval::Known(value.to_owned());
        OptionValue { value: known.clone(), raw: known, history: history.iter().map(step).collect() }
    }

    #[test]
    fn every_file_that_took_part_is_named_with_what_it_said() {
        let eggs = option("x\ny", &[(Operation::Set, "x", 3), (Operation::Add, "y", 7)]);
        let text = text("app", &[("eggs".to_owned(), eggs)]);
        assert_eq!(text, "[app]\neggs =\n    x\n    y\n  =         a.cfg:3 x\n  +=        a.cfg:7 y\n");
    }

    #[test]
    fn a_secret_is_not_shown_in_any_form() {
        let password = option("hunter2", &[(Operation::Set, "hunter1", 3), (Operation::Override, "hunter2", 4)]);
        let options = [("password".to_owned(), password)];
        let all = format!("{}{}", text("app", &options), json("app", &options));
        assert!(!all.contains("hunter") && all.contains("(secret)"), "{all}");
    }
}
