//! What a resolved buildout does that its author may not know: eggs without a pin, parts that nobody listed.
//!
//! Takes what came out of resolving and the text of the files; gives notes. Says nothing where something that matters is
//! not known: a pin, a part or a developed package may then be there after all.

use super::{
    load::{MAX_SHOWN, origin_of, show},
    option::Source,
    posix_path,
    python_text::words,
    resolved::{Reference, Resolved, canonical_name},
};
use crate::model::{
    buildout::OptionValue,
    code::{BUILDOUT_LINT, BUILDOUT_UNPINNED},
    diagnostic::Diagnostic,
    eval::Eval,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Eggs that a note names.
const MAX_NAMED: usize = 5;

/// The notes, and the text of the files that they show lines of.
pub(super) fn notes(resolved: &Resolved, texts: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    let mut found = unpinned(resolved, texts);
    found.extend(unlisted(resolved, texts));
    found
}

/// The eggs of installed parts that have no pin, where others have one.
fn unpinned(resolved: &Resolved, texts: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    let Some(developed) = developed(resolved) else { return Vec::new() };
    if resolved.versions_doubt.is_some() || resolved.open.is_some() || !pins_something(resolved) {
        return Vec::new();
    }
    let mut named = BTreeSet::new();
    // The same lines come again and again.
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for part in &resolved.parts {
        let Some(option) = resolved.sections.get(part).and_then(|section| section.options.get("eggs")) else {
            continue;
        };
        let Eval::Known(eggs) = &option.value else { continue };
        let eggs: Vec<&str> = eggs
            .lines()
            .filter(|line| seen.insert(*line))
            .filter_map(package)
            .filter(|egg| {
                let name = canonical_name(egg);
                !resolved.versions.contains_key(&name) && !developed.contains(&name) && named.insert(name)
            })
            .collect();
        if !eggs.is_empty() {
            let note = without_pin(part, option, &eggs);
            found.push(if found.len() < MAX_SHOWN { show(texts, note, eggs[0]) } else { note });
        }
    }
    found
}

fn without_pin(part: &str, option: &OptionValue, eggs: &[&str]) -> Diagnostic {
    let mut names = eggs.iter().take(MAX_NAMED).map(|egg| format!("`{egg}`")).collect::<Vec<_>>().join(", ");
    if eggs.len() > MAX_NAMED {
        names.push_str(&format!(" and {} more", eggs.len() - MAX_NAMED));
    }
    let what = if eggs.len() == 1 { "an egg that is not pinned" } else { "eggs that are not pinned" };
    let diagnostic = Diagnostic::note(BUILDOUT_UNPINNED, format!("`eggs` of `[{part}]` names {what}: {names}"))
        .hint("pin the version that runs in the section of `versions`, or a repair may install another one");
    diagnostic.at(origin_of(source(option), ""))
}

/// Whether any pin was written by somebody; zc.buildout adds two of its own.
fn pins_something(resolved: &Resolved) -> bool {
    let Some(Eval::Known(name)) = resolved.value("buildout", "versions") else { return false };
    let pins = resolved.sections.get(name).into_iter().flat_map(|section| section.options.values());
    pins.map(source).any(|source| *source != Source::Default)
}

/// The packages that are developed here, by the names of their directories and of mr.developer's sources; `None` where
/// that cannot be told.
fn developed(resolved: &Resolved) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for option in ["develop", "auto-checkout"] {
        match resolved.value("buildout", option) {
            Some(Eval::Known(value)) if value.contains('*') => return None,
            Some(Eval::Known(value)) => {
                let directory = resolved.directories.buildout.known()?;
                let paths = words(value).map(|path| posix_path::normalise(&posix_path::join(directory, path)));
                names.extend(paths.map(|path| canonical_name(posix_path::basename(&path))));
            }
            Some(Eval::Unknown(_)) => return None,
            None => {}
        }
    }
    Some(names)
}

/// The name in a requirement; `None` where it says its version itself, or is none.
fn package(line: &str) -> Option<&str> {
    let line = line.trim();
    let end = line.find(|char: char| !char.is_ascii_alphanumeric() && !matches!(char, '-' | '_' | '.'));
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    (!name.is_empty() && !rest.contains("==") && !rest.contains('@')).then_some(name)
}

/// Sections with a recipe that are installed only because something refers to them.
fn unlisted(resolved: &Resolved, texts: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    if resolved.parts_doubt.is_some() {
        return Vec::new();
    }
    let listed: BTreeSet<&String> = resolved.configured_parts.iter().collect();
    let parts: Vec<&String> = resolved.parts.iter().filter(|part| !listed.contains(part)).collect();
    if parts.is_empty() {
        return Vec::new();
    }
    // Who writes `=>` wants it.
    let mut wanted_by: BTreeMap<&str, &Reference> = BTreeMap::new();
    for reference in resolved.references.iter().filter(|reference| reference.target.is_some()) {
        wanted_by.entry(&reference.to).or_insert(reference);
    }
    parts
        .into_iter()
        .filter_map(|part| {
            let reference = wanted_by.get(part.as_str())?;
            let from = resolved.sections.get(&reference.from)?.options.get(&reference.option)?;
            let message = format!(
                "`[{part}]` is not among `parts`, but gets installed: `{}` of `[{}]` refers to it",
                reference.option, reference.from
            );
            let diagnostic = Diagnostic::note(BUILDOUT_LINT, message)
                .hint(format!("add `{part}` to `parts`, or refer to a section without a recipe"));
            Some((diagnostic.at(origin_of(source(from), "")), format!("${{{part}:")))
        })
        .enumerate()
        .map(|(index, (note, needle))| if index < MAX_SHOWN { show(texts, note, &needle) } else { note })
        .collect()
}

fn source(option: &OptionValue) -> &Source {
    option.history.last().map_or(&Source::Implicit, |last| &last.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_that_says_its_version_needs_no_pin() {
        for (line, name) in [
            ("  Products.CMFPlone", Some("Products.CMFPlone")),
            ("plone.api [test] >= 1.0", Some("plone.api")),
            ("six", Some("six")),
            ("six==1.0", None),
            ("a @ https://x/a.whl", None),
            ("# six", None),
            ("", None),
        ] {
            assert_eq!(package(line), name, "{line}");
        }
    }
}
