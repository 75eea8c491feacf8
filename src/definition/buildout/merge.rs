//! Puts one file over another. Follows `_update` and `_update_section` of zc.buildout 6.0.1, `buildout.py`, with their
//! faults: they decide what is deployed.

use super::{
    lint,
    option::{Key, Layer, RawSection, Source},
    python_text::without_last,
};
use crate::model::{
    code::BUILDOUT_VALUE,
    diagnostic::Diagnostic,
    eval::{Eval, Why},
};
use std::collections::btree_map::Entry;

/// `_update`: `over` on `under`. What an unseen part of `over` may have changed becomes unknown.
pub(super) fn update(under: &mut Layer, over: Layer, lints: &mut Vec<Diagnostic>) {
    if let Some(why) = over.open {
        for section in under.sections.values_mut() {
            section.taint(&why);
        }
        under.open = Some(why);
    }
    for (name, section) in over.sections {
        if let Some(existing) = under.sections.get_mut(&name) {
            lints.extend(nameless(&name, &section));
            update_section(existing, section);
        } else if let Some(why) = &under.open {
            // It may exist or not, which decides how `+=` is taken: every `+=` ends up unknown.
            lints.extend(nameless(&name, &section));
            let mut unseen = RawSection { open: Some(why.clone()), ..RawSection::default() };
            update_section(&mut unseen, section);
            under.sections.insert(name, unseen);
        } else if section.options.contains_key("<") {
            // With a macro, `+=` waits until the macro is expanded.
            under.sections.insert(name, section);
        } else {
            under.sections.insert(name.clone(), first_definition(&name, section, lints));
        }
    }
}

/// A section that no earlier file defines: `+=` without `=` becomes an assignment, `-=` an empty one.
///
/// zc.buildout cuts two characters off the name, whatever they are, so `opt+=1` defines `op`.
fn first_definition(name: &str, mut section: RawSection, lints: &mut Vec<Diagnostic>) -> RawSection {
    let relative: Vec<String> = section.options.keys().filter(|option| option.ends_with(['+', '-'])).cloned().collect();
    for option in relative {
        let cut = without_last(&option, 2).to_owned();
        if section.options.contains_key(&cut) {
            continue;
        }
        let Some(mut key) = section.options.remove(&option) else { continue };
        if !cut.is_empty() && option.trim_end_matches([' ', '+', '-']) != cut {
            lints.extend(lint::cut_name(name, &option, &cut, &key));
        }
        if option.ends_with('-') {
            let own = key.value.clone();
            key.remove(own, Source::Implicit);
        }
        section.options.insert(cut, key);
    }
    lints.extend(nameless(name, &section));
    let mut result = RawSection::default();
    update_section(&mut result, section);
    result
}

/// zc.buildout looks at the last character of each name and stops with an `IndexError` when there is none: `x+=1`, where
/// nothing is there to add to, leaves an empty name.
pub(super) fn nameless(section: &str, options: &RawSection) -> Option<Diagnostic> {
    let key = options.options.get("")?;
    let diagnostic =
        Diagnostic::error(BUILDOUT_VALUE, format!("`+=` or `-=` leaves an option of `[{section}]` without a name"))
            .hint("put one blank before `+=` and `-=`; buildout stops here with an internal error");
    Some(match key.source() {
        Source::File(origin) => diagnostic.at(origin.clone()),
        _ => diagnostic,
    })
}

/// `_update_section`: `over` on `under`, with `+=` and `-=` worked out.
pub(super) fn update_section(under: &mut RawSection, mut over: RawSection) {
    if let Some(why) = over.open.take() {
        under.taint(&why);
    }
    for (option, base, operator) in relative_options(&over) {
        let Some(operand) = over.options.remove(&option) else { continue };
        // Taken, not copied: a value that many files add to would be copied with each of them. It is put back below.
        let mut key = match over.options.remove(&base).or_else(|| under.options.remove(&base)) {
            Some(key) => key,
            None => nothing(under.open.as_ref()),
        };
        let source = operand.source().clone();
        match operator {
            Operator::Add => key.add(operand.value, source),
            Operator::Remove => key.remove(operand.value, source),
        }
        over.options.insert(base, key);
    }
    if under.options.is_empty() {
        under.options = over.options;
        return;
    }
    for (option, key) in over.options {
        match under.options.entry(option) {
            Entry::Occupied(mut existing) => existing.get_mut().override_with(key),
            Entry::Vacant(place) => {
                place.insert(key);
            }
        }
    }
}

/// What `+=` finds when there is nothing.
fn nothing(open: Option<&Why>) -> Key {
    let mut key = Key::known("", Source::Implicit);
    if let Some(why) = open {
        key.value = Eval::Unknown(why.clone());
    }
    key
}

#[derive(Clone, Copy)]
enum Operator {
    Add,
    Remove,
}

/// The `+=` and `-=` of a section in zc.buildout's order, each with the option it changes.
fn relative_options(section: &RawSection) -> Vec<(String, String, Operator)> {
    let mut found: Vec<(&str, char, u32, &String)> = section
        .options
        .iter()
        .filter_map(|(option, key)| {
            let last = option.chars().next_back().filter(|last| matches!(last, '+' | '-'))?;
            Some((option.trim_end_matches([' ', '+']), last, key.sequence, option))
        })
        .collect();
    found.sort();
    found
        .into_iter()
        .map(|(_, last, _, option)| {
            let (base, operator) = if last == '+' {
                (option.trim_end_matches([' ', '+']), Operator::Add)
            } else {
                (option.trim_end_matches([' ', '-']), Operator::Remove)
            };
            (option.clone(), base.to_owned(), operator)
        })
        .collect()
}
