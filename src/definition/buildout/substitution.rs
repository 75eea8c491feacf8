//! `${section:option}`, and the order of the parts that follows from it. As `Options` of zc.buildout 6.0.1,
//! `buildout.py`: a reference initialises the whole section it names, a section with a recipe becomes a part when it is
//! through. Where zc.buildout stops, the value becomes unknown and the rest goes on.

use super::{
    RecipeOptions, lint,
    load::{MAX_SHOWN, origin_of, show},
    macros::Macros,
    option::{Layer, RawSection, Shared},
    python_text::words,
    reference::{may_refer, names, next_reference},
    resolved::Reference,
};
use crate::model::{
    code::{BUILDOUT_REFERENCE, BUILDOUT_VALUE},
    diagnostic::Diagnostic,
    eval::{Eval, Why, WhyKind},
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// References within references. Python's limit of 1000 frames is reached at about 190.
const MAX_DEPTH: usize = 190;
/// Bytes that all substitutions together may make: values that double with every line must not fill the memory.
const MAX_BYTES: usize = 64 << 20;
/// Diagnostics that come with a search for the nearest name.
const MAX_SUGGESTIONS: usize = 50;
/// Diagnostics about references and values; the values are unknown beyond that, too.
const MAX_REPORTED: usize = 1000;
/// Bytes of a name that is compared with others.
const MAX_NAME: usize = 80;

/// The name every section answers to with the name of the section that asks.
const SECTION_NAME: &str = "_buildout_section_name_";

/// An option that only slapos.buildout, another make of zc.buildout, sets in every section.
const PROFILE_BASE: &str = "_profile_base_location_";

/// A section that has been asked for.
pub(super) struct Live {
    pub(super) section: Rc<RawSection>,
    /// Its recipe has run, which may have set options.
    ready: bool,
    /// Values of the configuration with their references worked out.
    cooked: BTreeMap<String, Eval<String>>,
    /// What was set, and what was worked out when somebody asked. A value without references needs no place here.
    data: BTreeMap<String, Eval<String>>,
}

/// All sections, and what came out so far.
pub(super) struct Engine<'a> {
    pub(super) data: Rc<Shared>,
    macros: Macros,
    recipes: &'a dyn RecipeOptions,
    texts: &'a BTreeMap<String, String>,
    pub(super) live: BTreeMap<String, Live>,
    pub(super) parts: Vec<String>,
    pub(super) parts_doubt: Option<Why>,
    pub(super) references: BTreeSet<Reference>,
    pub(super) diagnostics: Vec<Diagnostic>,
    reported: BTreeSet<(String, String, String)>,
    depth: usize,
    bytes: usize,
}

/// An option that is being worked out, and those that it is worked out for.
#[derive(Clone, Copy)]
struct Seen<'s> {
    section: &'s str,
    option: &'s str,
    outer: Option<&'s Seen<'s>>,
}

impl<'s> Seen<'s> {
    fn new(section: &'s str, option: &'s str, outer: Option<&'s Self>) -> Self {
        Self { section, option, outer }
    }

    fn holds(seen: Option<&Self>, section: &str, option: &str) -> bool {
        let mut innermost_first = std::iter::successors(seen, |seen| seen.outer);
        innermost_first.any(|seen| seen.section == section && seen.option == option)
    }
}

impl<'a> Engine<'a> {
    pub(super) fn new(layer: Layer, recipes: &'a dyn RecipeOptions, texts: &'a BTreeMap<String, String>) -> Self {
        let data = Rc::new(Shared::from(layer));
        Self {
            macros: Macros::new(Rc::clone(&data)),
            data,
            recipes,
            texts,
            live: BTreeMap::new(),
            parts: Vec::new(),
            parts_doubt: None,
            references: BTreeSet::new(),
            diagnostics: Vec::new(),
            reported: BTreeSet::new(),
            depth: 0,
            bytes: 0,
        }
    }

    /// `buildout[name]`: initialises the section when it is asked for first. `false` when there is none.
    pub(super) fn section(&mut self, name: &str) -> bool {
        if self.live.contains_key(name) {
            return true;
        }
        let Some(raw) = self.data.sections.get(name) else { return false };
        let section = self.macros.expand(name, raw);
        self.diagnostics.append(&mut self.macros.diagnostics);
        let live = Live { section, ready: false, cooked: BTreeMap::new(), data: BTreeMap::new() };
        self.live.insert(name.to_owned(), live);
        if self.depth >= MAX_DEPTH {
            self.too_deep(name);
        } else {
            self.depth += 1;
            self.initialise(name);
            self.depth -= 1;
        }
        true
    }

    /// The sections, for whoever needs nothing else any more.
    pub(super) fn into_live(self) -> impl Iterator<Item = (String, Rc<RawSection>)> {
        // Whoever holds a section last gets it without a copy.
        let Self { live, data, macros, .. } = self;
        drop((data, macros));
        live.into_iter().map(|(name, live)| (name, live.section))
    }

    fn too_deep(&mut self, name: &str) {
        let why = Why::new(WhyKind::NotModelled, "references are nested too deeply");
        if let Some(live) = self.live.get_mut(name) {
            Rc::make_mut(&mut live.section).taint(&why);
        }
        self.doubt(&why);
        self.report(name, "", "", "references are nested too deeply; Python would give up, too".to_owned());
    }

    fn initialise(&mut self, name: &str) {
        let Some(live) = self.live.get(name) else { return };
        let section = Rc::clone(&live.section);
        for (option, key) in &section.options {
            let Some(template) = key.value.known().filter(|value| may_refer(value)) else { continue };
            let value = self.substitute(template, &Seen::new(name, option, None));
            if let Some(live) = self.live.get_mut(name) {
                live.cooked.insert(option.clone(), value);
            }
        }
        if name != "buildout" {
            self.part_dependencies(name);
            self.recipe(name);
        }
    }

    fn part_dependencies(&mut self, name: &str) {
        const OPTION: &str = "<part-dependencies>";
        match self.get(name, OPTION) {
            Some(Eval::Known(value)) => {
                for dependency in words(&value) {
                    if !self.depends(name, OPTION, dependency) {
                        let message = format!("`=>` names the section `{dependency}`, which does not exist");
                        self.report(name, OPTION, dependency, message);
                    }
                }
            }
            Some(Eval::Unknown(why)) => self.doubt(&why),
            None => {}
        }
    }

    /// `buildout[needed]` for a section as a whole. `false` when there is certainly none.
    fn depends(&mut self, name: &str, option: &str, needed: &str) -> bool {
        if self.section(needed) {
            self.references.insert(Reference {
                from: name.to_owned(),
                option: option.to_owned(),
                to: needed.to_owned(),
                target: None,
            });
            return true;
        }
        let open = self.data.open.clone();
        open.inspect(|why| self.doubt(why)).is_some()
    }

    /// `Options.initialize`: the recipe's code asks for other sections.
    fn asks(&mut self, name: &str, recipe: &str) {
        for asked in self.recipes.asks(recipe) {
            let section = match self.get(name, asked.option) {
                Some(Eval::Known(section)) => section,
                Some(Eval::Unknown(why)) => {
                    self.doubt(&why);
                    continue;
                }
                None => {
                    if let Some(why) = self.live.get(name).and_then(|live| live.section.open.clone()) {
                        self.doubt(&why);
                    }
                    asked.default.to_owned()
                }
            };
            if !section.is_empty() && !self.depends(name, asked.option, &section) && asked.stops {
                let shown = lint::short(&section);
                let message = format!("the recipe `{recipe}` needs the section `{shown}`, which does not exist");
                self.report(name, asked.option, &section, message);
            }
        }
    }

    /// A section with a recipe becomes a part when it is through.
    fn recipe(&mut self, name: &str) {
        match self.get(name, "recipe") {
            Some(Eval::Known(recipe)) if !recipe.is_empty() => {
                if recipe.matches(':').count() > 1 {
                    self.refuse(name, "recipe", format!("the recipe `{recipe}` has too many colons"));
                }
                self.asks(name, &recipe);
                self.parts.push(name.to_owned());
                self.set_ready(name);
            }
            Some(Eval::Known(_)) => {}
            Some(Eval::Unknown(why)) => {
                self.doubt(&why);
                self.set_ready(name);
            }
            None => {
                if let Some(why) = self.live.get(name).and_then(|live| live.section.open.clone()) {
                    self.doubt(&why);
                }
            }
        }
    }

    fn set_ready(&mut self, name: &str) {
        if let Some(live) = self.live.get_mut(name) {
            live.ready = true;
        }
    }

    /// The order of the parts may be another one.
    pub(super) fn doubt(&mut self, why: &Why) {
        self.parts_doubt.get_or_insert_with(|| why.clone());
    }

    /// `options.get(option)` of a section that has been asked for.
    pub(super) fn get(&mut self, section: &str, option: &str) -> Option<Eval<String>> {
        self.get_within(section, option, None)
    }

    /// Calls `each` with every option of a section that has been asked for, and its value.
    pub(super) fn each_value<'s>(
        &mut self,
        name: &str,
        section: &'s RawSection,
        mut each: impl FnMut(&'s String, Eval<String>),
    ) {
        for (option, key) in &section.options {
            let may_refer = key.value.known().is_some_and(|value| may_refer(value));
            let is_set = || self.live.get(name).is_some_and(|live| live.data.contains_key(option));
            let value = if may_refer || is_set() {
                self.get(name, option).expect("the section has the option")
            } else {
                key.value.clone()
            };
            each(option, value);
        }
    }

    /// `options[option] = value`.
    pub(super) fn set(&mut self, section: &str, option: &str, value: Eval<String>) {
        if let Some(live) = self.live.get_mut(section) {
            live.data.insert(option.to_owned(), value);
        }
    }

    fn get_within(&mut self, section: &str, option: &str, seen: Option<&Seen<'_>>) -> Option<Eval<String>> {
        let live = self.live.get(section)?;
        if let Some(value) = live.data.get(option) {
            return Some(value.clone());
        }
        let value = live.cooked.get(option).or_else(|| live.section.options.get(option).map(|key| &key.value))?;
        let Some(template) = value.known().filter(|value| may_refer(value)).cloned() else {
            return Some(value.clone());
        };
        let value = if Seen::holds(seen, section, option) {
            self.circular(section, option)
        } else if self.depth >= MAX_DEPTH {
            let message = "references are nested too deeply; Python would give up, too".to_owned();
            self.report(section, option, "${", message);
            Eval::Unknown(Why::new(WhyKind::NotModelled, "references are nested too deeply"))
        } else {
            self.depth += 1;
            let value = self.substitute(&template, &Seen::new(section, option, seen));
            self.depth -= 1;
            value
        };
        self.set(section, option, value.clone());
        Some(value)
    }

    fn circular(&mut self, section: &str, option: &str) -> Eval<String> {
        let message = format!("`{option}` of `[{section}]` refers to itself, directly or through others");
        let why = Why::new(WhyKind::BrokenDefinition, message.clone());
        self.report(section, option, "${", message);
        Eval::Unknown(why)
    }

    /// The value of the innermost option with its references worked out. `$$` keeps what follows from being a
    /// reference, and stays.
    fn substitute(&mut self, template: &str, seen: &Seen<'_>) -> Eval<String> {
        let mut result = String::with_capacity(template.len() + 64);
        let mut unknown = None;
        for (number, piece) in template.split("$$").enumerate() {
            if number > 0 {
                result.push_str("$$");
            }
            let mut rest = piece;
            while let Some((literal, reference, after)) = next_reference(rest) {
                result.push_str(literal);
                match self.reference(reference, seen) {
                    Eval::Known(value) => result.push_str(&value),
                    Eval::Unknown(why) => unknown = unknown.or(Some(why)),
                }
                if self.bytes.saturating_add(result.len()) > MAX_BYTES {
                    self.bytes = MAX_BYTES;
                    return self.too_large(seen.section, seen.option);
                }
                rest = after;
            }
            result.push_str(rest);
        }
        self.bytes = self.bytes.saturating_add(result.len());
        unknown.map_or(Eval::Known(result), Eval::Unknown)
    }

    fn too_large(&mut self, section: &str, option: &str) -> Eval<String> {
        let message = "the values grow beyond what is followed".to_owned();
        let why = Why::new(WhyKind::NotModelled, message.clone());
        self.report(section, option, "${", message);
        Eval::Unknown(why)
    }

    /// The value of one `${…}`.
    fn reference(&mut self, reference: &str, seen: &Seen<'_>) -> Eval<String> {
        let Seen { section: from, option, .. } = *seen;
        let (section, target) = match names(reference) {
            Ok(names) => names,
            Err(reason) => {
                return self.broken(from, option, reference, format!("`{}` {reason}", lint::short(reference)));
            }
        };
        let section = if section.is_empty() { from } else { section };
        if !self.section(section) {
            if let Some(why) = &self.data.open {
                return Eval::Unknown(why.clone());
            }
            let nearest = self.suggest(section, self.data.sections.keys());
            let message = format!(
                "`{}` names the section `{}`, which does not exist{nearest}",
                lint::short(reference),
                lint::short(section)
            );
            return self.broken(from, option, reference, message);
        }
        if section != from {
            self.references.insert(Reference {
                from: from.to_owned(),
                option: option.to_owned(),
                to: section.to_owned(),
                target: Some(target.to_owned()),
            });
        }
        match self.get_within(section, target, Some(seen)) {
            Some(value) if section == from => value,
            Some(value) => self.kept(section, target, value, seen),
            None if target == SECTION_NAME => Eval::Known(from.to_owned()),
            None => self.missing_option(reference, (section, target), seen),
        }
    }

    fn missing_option(&mut self, reference: &str, (section, target): (&str, &str), seen: &Seen<'_>) -> Eval<String> {
        let Some(live) = self.live.get(section) else {
            return Eval::Unknown(Why::new(WhyKind::BrokenDefinition, "the section is gone"));
        };
        if let Some(why) = &live.section.open {
            return Eval::Unknown(why.clone());
        }
        if live.ready && target != PROFILE_BASE {
            let recipe = self.get_within(section, "recipe", Some(seen));
            return self.recipe_option(section, target, recipe, seen);
        }
        let message = if target == PROFILE_BASE {
            format!("`{}` needs slapos.buildout: zc.buildout has no such option and stops", lint::short(reference))
        } else {
            let nearest = self.suggest(target, live.section.options.keys());
            let early = if live.section.options.contains_key("recipe") { " before its recipe runs" } else { "" };
            format!("`{}` names an option that `[{section}]` does not have{early}{nearest}", lint::short(reference))
        };
        self.broken(seen.section, seen.option, reference, message)
    }

    /// A configured value as others see it: the recipe may have put another one in its place.
    fn kept(&mut self, section: &str, option: &str, value: Eval<String>, seen: &Seen<'_>) -> Eval<String> {
        let Some(recipe) = self.get_within(section, "recipe", Some(seen)) else { return value };
        match (&recipe, &value) {
            (Eval::Known(name), Eval::Known(text)) if !self.recipes.keeps(name, option, text) => {
                let text = format!("the recipe `{name}` may put another value in place of `{option}` of `[{section}]`");
                Eval::Unknown(Why::new(WhyKind::Code, text))
            }
            _ => value,
        }
    }

    /// An option that recipe code sets.
    fn recipe_option(
        &mut self,
        section: &str,
        option: &str,
        recipe: Option<Eval<String>>,
        seen: &Seen<'_>,
    ) -> Eval<String> {
        let recipe = match recipe {
            Some(Eval::Known(recipe)) => recipe,
            Some(Eval::Unknown(why)) => return Eval::Unknown(why),
            None => String::new(),
        };
        if let Some(template) = self.recipes.option(&recipe, section, option) {
            if Seen::holds(Some(seen), section, option) || self.depth >= MAX_DEPTH {
                return self.circular(section, option);
            }
            self.depth += 1;
            let value = self.substitute(&template, &Seen::new(section, option, Some(seen)));
            self.depth -= 1;
            return value;
        }
        let text = format!("only the recipe `{recipe}` knows `{option}` of `[{section}]`");
        Eval::Unknown(Why::new(WhyKind::Code, text))
    }

    fn broken(&mut self, section: &str, option: &str, reference: &str, message: String) -> Eval<String> {
        let why = Why::new(WhyKind::BrokenDefinition, message.clone());
        self.report(section, option, reference, message);
        Eval::Unknown(why)
    }

    /// The nearest of the names, as the end of a sentence.
    fn suggest<'n>(&self, wanted: &str, names: impl Iterator<Item = &'n String>) -> String {
        if self.reported.len() > MAX_SUGGESTIONS || wanted.len() > MAX_NAME {
            return String::new();
        }
        names
            .take(5000)
            .filter(|name| name.len() <= MAX_NAME)
            .map(|name| (strsim::normalized_damerau_levenshtein(wanted, name), name))
            .filter(|(likeness, _)| *likeness > 0.6)
            .max_by(|left, right| left.0.total_cmp(&right.0))
            .map(|(_, name)| format!("; is it `{name}`?"))
            .unwrap_or_default()
    }

    /// Reports an error of a reference once, with the line where it is written.
    fn report(&mut self, section: &str, option: &str, needle: &str, message: String) {
        let place = (section.to_owned(), option.to_owned(), message.clone());
        if self.reported.len() < MAX_REPORTED && self.reported.insert(place) {
            let diagnostic = self.placed(Diagnostic::error(BUILDOUT_REFERENCE, message), section, option, needle);
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports a value that buildout would refuse.
    pub(super) fn refuse(&mut self, section: &str, option: &str, message: String) {
        let place = (section.to_owned(), option.to_owned(), message.clone());
        if self.reported.len() < MAX_REPORTED && self.reported.insert(place) {
            let diagnostic = self.placed(Diagnostic::error(BUILDOUT_VALUE, message), section, option, option);
            self.diagnostics.push(diagnostic);
        }
    }

    fn placed(&self, diagnostic: Diagnostic, section: &str, option: &str, needle: &str) -> Diagnostic {
        match self.live.get(section).and_then(|live| live.section.options.get(option)) {
            Some(key) if self.diagnostics.len() < MAX_SHOWN => {
                show(self.texts, diagnostic.at(origin_of(key.source(), "")), needle)
            }
            Some(key) => diagnostic.at(origin_of(key.source(), "")),
            None => diagnostic,
        }
    }
}
