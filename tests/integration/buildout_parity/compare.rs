//! What counts as the same: equal values, order and history where zc.buildout goes through; where it stops, an error of
//! the same kind and never a wrong value.

use rectify::definition::buildout::{Operation, OptionValue, Resolved, Source, installed};
use rectify::model::{
    diagnostic::{Diagnostic, Severity},
    eval::Eval,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The differences between the oracle's answer and ours.
pub(super) fn compare(answer: &Value, ours: &Resolved, diagnostics: &[Diagnostic], directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    let errors = errors(answer);
    let our_errors: Vec<&Diagnostic> = diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    if errors.is_empty() {
        found.extend(our_errors.iter().map(|error| format!("we report {} {}", error.code, error.message)));
        complete(answer, ours, directory, &mut found);
        return found;
    }
    for error in &errors {
        let Some(code) = code_of(error) else {
            found.push(format!("the oracle has an error nobody thought of: {error}"));
            continue;
        };
        // What is only not at hand is no error to us.
        let of_kind = |diagnostic: &Diagnostic| code.contains(&diagnostic.code.to_string().as_str());
        let same = if error.starts_with("ValueError: too many values") && ours.parts_doubt.is_some() {
            // The oracle's placeholder for an unknown recipe has too many colons.
            true
        } else if NOT_AT_HAND.iter().any(|words| error.contains(words)) {
            diagnostics.iter().any(of_kind)
        } else {
            our_errors.iter().any(|diagnostic| of_kind(diagnostic))
        };
        if !same {
            found.push(format!("the oracle says {error}; we say {our_errors:?}"));
        }
    }
    known_values(answer, ours, &mut found);
    found
}

/// Whether zc.buildout stops at something.
pub(super) fn is_broken(answer: &Value) -> bool {
    !errors(answer).is_empty()
}

/// The errors, by their kind and first words.
pub(super) fn kinds(answer: &Value) -> Vec<String> {
    errors(answer).iter().map(|error| error.chars().take(28).collect()).collect()
}

fn errors(answer: &Value) -> Vec<String> {
    let fatal = answer["error"].as_str().map(str::to_owned);
    let others = answer["errors"].as_object().into_iter().flatten();
    fatal.into_iter().chain(others.filter_map(|(_, error)| error.as_str().map(str::to_owned))).collect()
}

/// What zc.buildout says of a file that it cannot get from the network.
const NOT_AT_HAND: &[&str] = &["unreachable", "Couldn't download", "Error downloading extends"];

fn code_of(error: &str) -> Option<&'static [&'static str]> {
    let (kind, message) = error.split_once(": ")?;
    Some(match kind {
        "ParsingError" | "MissingSectionHeaderError" | "UnicodeDecodeError" => &["RCT050"],
        "FileNotFoundError" | "IsADirectoryError" => &["RCT051"],
        "MissingOption" | "MissingSection" => &["RCT052", "RCT056"],
        "AttributeError" | "NameError" | "SyntaxError" | "UndefinedEnvironmentName" | "TypeError" => &["RCT053"],
        "IndexError" => &["RCT053", "RCT056"],
        "KeyError" => &["RCT052"],
        "ValueError" => &["RCT056"],
        "RecursionError" => &["RCT051", "RCT052"],
        "UserError" => match message {
            _ if message.starts_with("Recursive file include") => &["RCT051"],
            _ if NOT_AT_HAND.iter().any(|words| message.starts_with(words)) => &["RCT051"],
            _ if message.starts_with("Couldn't open") => &["RCT051"],
            _ if message.contains("substitution") || message.starts_with("No section named") => &["RCT052"],
            _ if message.starts_with("Infinite extending") => &["RCT052"],
            _ => &["RCT056"],
        },
        _ => return None,
    })
}

fn complete(answer: &Value, ours: &Resolved, directory: &str, found: &mut Vec<String>) {
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let order = strings(&answer["install_order"]);
    if order != ours.parts {
        found.push(format!("order: {order:?}, ours {:?}", ours.parts));
    }
    if let Some(why) = &ours.parts_doubt
        && !order.is_empty()
        && !answer.to_string().contains("<<recipe:")
    {
        found.push(format!("we doubt the order: {why}"));
    }
    if strings(&answer["parts"]) != ours.configured_parts {
        found.push(format!("parts: {}, ours {:?}", answer["parts"], ours.configured_parts));
    }
    let sections = answer["sections"].as_object().expect("sections");
    let names: Vec<&String> = sections.keys().collect();
    let our_names: Vec<&String> = ours.sections.keys().collect();
    if names != our_names {
        found.push(format!("sections: {names:?}, ours {our_names:?}"));
    }
    for (name, options) in sections {
        let Some(our) = ours.sections.get(name) else { continue };
        let options = options.as_object().expect("options");
        let keys: Vec<&String> = options.keys().collect();
        let our_keys: Vec<&String> = our.options.keys().collect();
        if keys != our_keys {
            found.push(format!("[{name}]: {keys:?}, ours {our_keys:?}"));
        }
        let macros = answer["annotated"][name].get("<").is_some() && name != "buildout";
        for (option, value) in options {
            let Some(our) = our.options.get(option) else { continue };
            let value = value.as_str().expect("a value");
            let same = match &our.value {
                Eval::Known(ours) => ours == value && !value.contains("<<recipe:"),
                Eval::Unknown(_) => value.contains("<<recipe:"),
            };
            if !same {
                found.push(format!("{name}:{option}: {value:?}, ours {:?}", our.value));
            }
            if !macros {
                history(&answer["annotated"][name][option], our, directory, &format!("{name}:{option}"), found);
            }
        }
    }
}

fn history(expected: &Value, ours: &OptionValue, directory: &str, place: &str, found: &mut Vec<String>) {
    let steps: Vec<Value> = ours
        .history
        .iter()
        .map(|step| {
            let operation = match step.operation {
                Operation::Set => "SET",
                Operation::Override => "OVERRIDE",
                Operation::Add => "ADD",
                Operation::Remove => "REMOVE",
                Operation::Directory => "DIRECTORY",
            };
            let source = match &step.source {
                Source::File(origin) if origin.file.starts_with('/') || origin.file.contains("://") => {
                    origin.file.to_string()
                }
                Source::File(origin) => format!("{directory}/{}", origin.file),
                Source::Default => "DEFAULT_VALUE".to_owned(),
                Source::Computed => "COMPUTED_VALUE".to_owned(),
                Source::CommandLine => "COMMAND_LINE_VALUE".to_owned(),
                Source::Implicit => "IMPLICIT_VALUE".to_owned(),
            };
            serde_json::json!([operation, step.value.known(), source])
        })
        .collect();
    // A file of the command line has a relative name.
    let expected = expected.to_string();
    let ours = Value::Array(steps).to_string();
    if expected != ours && expected.replace(&format!("{directory}/"), "") != ours.replace(&format!("{directory}/"), "")
    {
        found.push(format!("history of {place}: {expected}, ours {ours}"));
    }
}

/// Where a condition is not decided: what we claim to know must not differ.
pub(super) fn compare_known(answer: &Value, ours: &Resolved) -> Vec<String> {
    let mut found = Vec::new();
    known_values(answer, ours, &mut found);
    found
}

/// Where zc.buildout stops somewhere, what it still gives must not differ from what we claim to know.
fn known_values(answer: &Value, ours: &Resolved, found: &mut Vec<String>) {
    for (name, options) in answer["sections"].as_object().into_iter().flatten() {
        // A section whose macro fails stays behind unexpanded, which only the oracle goes on with.
        if answer["annotated"][name].get("<").is_some() {
            continue;
        }
        for (option, value) in options.as_object().into_iter().flatten() {
            let Some(Eval::Known(our)) = ours.value(name, option) else { continue };
            if Some(our.as_str()) != value.as_str() {
                found.push(format!("{name}:{option}: {value}, ours {our:?}"));
            }
        }
    }
}

/// `.installed.cfg`: the same text, and the same options read back.
pub(super) fn compare_installed(answer: &Value, sections: &BTreeMap<String, BTreeMap<String, String>>) {
    let saved: String = sections.iter().map(|(name, options)| installed::represent(name, options) + "\n").collect();
    assert_eq!(answer["saved"].as_str(), Some(saved.as_str()), "{sections:?}");
    let (ours, diagnostics) = installed::parse(saved.as_bytes(), "f");
    if let Some(error) = answer["error"].as_str() {
        assert!(!diagnostics.is_empty(), "the oracle says {error}");
    }
    for (name, options) in answer["read"].as_object().into_iter().flatten().filter(|(name, _)| *name != "buildout") {
        let options = options.as_object().expect("options");
        let known: serde_json::Map<String, Value> = ours.sections[name]
            .options
            .iter()
            .filter_map(|(option, value)| Some((option.clone(), Value::String(value.known()?.clone()))))
            .collect();
        assert_eq!(&known, options, "{saved}");
    }
}

/// What came of a condition.
pub(super) enum Decision {
    Same,
    /// We do not know: always allowed, and to be counted.
    Undecided,
    /// Python raises an exception behind something that we do not model; buildout then stops.
    Missed(String),
    Different(String),
}

/// One section with a condition: applied, left out, or an error.
pub(super) fn compare_condition(answer: &Value, ours: &Resolved, diagnostics: &[Diagnostic]) -> Decision {
    let error = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
    let undecided = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Warning);
    let applied = ours.value("a", "x").is_some();
    let expected = answer["parsed"].get("a").is_some();
    match (answer.get("error"), error) {
        (Some(_), Some(_)) => Decision::Same,
        (None, Some(ours)) => Decision::Different(format!("we report {}", ours.message)),
        _ if undecided => Decision::Undecided,
        (Some(error), None) => Decision::Missed(error.to_string()),
        (None, None) if applied == expected => Decision::Same,
        (None, None) => Decision::Different(format!("Python says {expected}")),
    }
}
