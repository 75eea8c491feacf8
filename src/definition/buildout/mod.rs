//! Works out a zc.buildout configuration without Python: bug-compatible with zc.buildout 6.0.1.
//!
//! Takes the name of a configuration file, the command line and facts about the target; gives every option of every
//! section with its value and history, the parts in the order of installation, pins and directories. Files come
//! through [`Sources`]; nothing here touches the machine.
//!
//! The way of the data: [`mod@load`] follows `extends` and has [`parser`] read each file (its conditions decided by
//! [`condition`]), [`merge`] puts one over the other, [`directories`] makes paths absolute, [`substitution`] expands
//! [`macros`] and references and finds the order of the parts. [`lint`] and [`advice`] say what is hardly meant.
//!
//! **Never wrong, unknown instead.** What recipe code, an undecidable condition, a file that is not at hand or a broken
//! line may have set is [`Eval::Unknown`], and so is all that is made from it: a section or a whole layer is *open*
//! when options may exist that cannot be seen. Where zc.buildout would stop there is a diagnostic of severity error,
//! and the rest is still worked out.
//!
//! Deliberately not here: what recipes do ([`RecipeOptions`] lets the caller tell some of it), extensions, and
//! anything that depends on the live tree.

mod advice;
mod condition;
mod defaults;
mod directories;
mod disk;
mod facts;
pub mod installed;
mod lexer;
mod lint;
mod load;
mod macros;
mod merge;
mod option;
mod parser;
mod posix_path;
mod python_text;
mod reference;
mod resolved;
mod runner;
mod sources;
mod substitution;

pub use disk::DiskSources;
pub use facts::TargetFacts;
pub(crate) use reference::{names, next_reference};
pub use resolved::{Directories, PartEdge, Reference, Resolved, Section, canonical_name};
pub use runner::Runner;
pub use sources::{MemorySources, SourceError, Sources};

pub use crate::model::buildout::{Dialect, Operation, OptionValue, Provenance, Source};

use crate::model::{code::BUILDOUT_REFERENCE, diagnostic::Diagnostic, eval::Eval, origin::Origin};
use load::{Loader, for_loading, origin_of};
use option::{Key, Layer, RawSection};
use python_text::words;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use substitution::Engine;

/// What recipe code adds to its own section, where that is known without running it.
pub trait RecipeOptions {
    /// The value of an option that the recipe sets in its section, in buildout's syntax: `${buildout:parts-directory}/x`
    /// is worked out like a configured value. `None` when it is not known; references to it are then unknown.
    fn option(&self, recipe: &str, section: &str, option: &str) -> Option<String>;

    /// Whether the recipe leaves the configured value of an option of its section as it is. When it does not, references
    /// to the option are not known.
    fn keeps(&self, _recipe: &str, _option: &str, _configured: &str) -> bool {
        true
    }

    /// The sections that the recipe asks for before its own becomes a part, in order. Those with a recipe become parts
    /// first.
    fn asks(&self, _recipe: &str) -> &'static [Asked] {
        &[]
    }
}

/// A section that the `__init__` of a recipe takes from `buildout[…]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The option of the recipe's own section that names it.
    pub option: &'static str,
    /// The name where there is no such option; none when empty.
    pub default: &'static str,
    /// Whether buildout stops when there is no such section.
    pub stops: bool,
}

/// Knows no recipe.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRecipes;

impl RecipeOptions for NoRecipes {
    fn option(&self, _recipe: &str, _section: &str, _option: &str) -> Option<String> {
        None
    }
}

/// What to resolve, and for whom.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The directory buildout is started in; absolute path of the target.
    pub directory: &'a str,
    /// The configuration file: a name in `directory`, or an absolute path.
    pub config: &'a str,
    /// Assignments of the command line: section, option with its `+` or `-` if there is one, value.
    pub command_line: &'a [(String, String, String)],
    /// What is known about the machine and the Python that run buildout.
    pub facts: &'a TargetFacts,
    /// The generation of zc.buildout.
    pub dialect: Dialect,
    /// Absolute path of the user's `default.cfg`; `None` as with `buildout -U`. A file that does not exist is none.
    pub user_defaults: Option<&'a str>,
    /// Answers to conditions that cannot be decided: text of the condition, truth.
    pub assume: &'a BTreeMap<String, bool>,
    /// What recipes add to their sections.
    pub recipes: &'a dyn RecipeOptions,
}

/// Works out a configuration. Everything that is wrong with it is among the diagnostics, in order of discovery; one of
/// severity error means that buildout would stop.
pub fn resolve(request: &Request<'_>, sources: &dyn Sources) -> (Resolved, Vec<Diagnostic>) {
    let config = posix_path::absolute(request.directory, request.config);
    let mut command_line = defaults::command_line(request.command_line);
    let overrides = command_line.get("buildout").map(for_loading).unwrap_or_default();
    let command_line_extends = command_line.get_mut("buildout").and_then(|buildout| buildout.options.remove("extends"));
    let mut loader = Loader::new(request, sources, &overrides);
    let mut data = load(request, &mut loader, sources, &config, command_line_extends.as_ref());
    merge::update(&mut data, Layer { sections: command_line, open: None }, &mut loader.diagnostics);
    let versions = defaults::versions(&mut data, request);
    if versions.is_none() {
        let key = data.buildout().options.get("versions").cloned();
        let origin = key.map_or_else(|| Origin::file(&config), |key| origin_of(key.source(), &config));
        loader
            .diagnostics
            .push(Diagnostic::error(BUILDOUT_REFERENCE, "`versions` names a section that does not exist").at(origin));
    }
    let mut diagnostics = std::mem::take(&mut loader.diagnostics);
    diagnostics.extend(directories::absolutise(data.buildout(), request));
    directories::below_directory(data.buildout());
    diagnostics.extend(directories::check_raw(data.buildout()));
    let engine = Engine::new(data, request.recipes, &loader.texts);
    let (resolved, found) = run(engine, request, loader.files);
    diagnostics.extend(found);
    diagnostics.extend(advice::notes(&resolved, &loader.texts));
    let diagnostics = lint::with_their_lines(&loader.texts, diagnostics);
    finish(resolved, diagnostics, request.directory)
}

/// Defaults, user defaults and configuration files, merged.
fn load(
    request: &Request<'_>,
    loader: &mut Loader<'_>,
    sources: &dyn Sources,
    config: &str,
    command_line_extends: Option<&option::Key>,
) -> Layer {
    let mut data = defaults::layer(request, config);
    let mut for_download = Layer::default();
    *for_download.buildout() = for_loading(data.buildout());
    let mut user_defaults = None;
    if let Some(path) = request.user_defaults.filter(|path| sources.exists(path)) {
        let layer = loader.root(posix_path::dirname(path), path, data.buildout(), None);
        merge::update(&mut for_download, layer.clone(), &mut Vec::new());
        user_defaults = Some(layer);
    }
    let options = for_loading(for_download.buildout());
    let layer = loader.root(posix_path::dirname(config), config, &options, user_defaults.as_ref());
    merge::update(&mut data, layer, &mut loader.diagnostics);
    match command_line_extends.map(|key| &key.value) {
        Some(Eval::Known(names)) => {
            for name in words(names) {
                let (base, file) = (posix_path::dirname(name), posix_path::basename(name));
                let layer = loader.root(base, file, &options, user_defaults.as_ref());
                merge::update(&mut data, layer, &mut loader.diagnostics);
            }
        }
        Some(Eval::Unknown(_)) | None => {}
    }
    data
}

/// Everything after merging.
fn run(mut engine: Engine<'_>, request: &Request<'_>, files: Vec<String>) -> (Resolved, Vec<Diagnostic>) {
    engine.section("buildout");
    let directories = directories::settle(&mut engine, request);
    let configured_parts = configured_parts(&mut engine);
    for part in &configured_parts {
        install(&mut engine, part);
    }
    let (parts, parts_doubt) = (engine.parts.clone(), engine.parts_doubt.clone());
    let (versions, versions_doubt) = pins(&mut engine);
    let values = values(&mut engine);
    let open = engine.data.open.clone();
    let references = std::mem::take(&mut engine.references);
    let diagnostics = std::mem::take(&mut engine.diagnostics);
    let resolved = Resolved {
        sections: sections(engine, values),
        open,
        parts,
        parts_doubt,
        configured_parts,
        files,
        versions,
        versions_doubt,
        directories,
        references,
    };
    (resolved, diagnostics)
}

fn configured_parts(engine: &mut Engine<'_>) -> Vec<String> {
    match engine.get("buildout", "parts") {
        Some(Eval::Known(parts)) => words(&parts).map(str::to_owned).collect(),
        Some(Eval::Unknown(why)) => {
            engine.doubt(&why);
            Vec::new()
        }
        None => {
            if let Some(why) = engine.data.sections.get("buildout").and_then(|buildout| buildout.open.clone()) {
                engine.doubt(&why);
            }
            Vec::new()
        }
    }
}

/// `buildout[part]['recipe']`.
fn install(engine: &mut Engine<'_>, part: &str) {
    if !engine.section(part) {
        match engine.data.open.clone() {
            Some(why) => engine.doubt(&why),
            None => engine.refuse("buildout", "parts", format!("the part `{part}` has no section")),
        }
    } else if engine.get(part, "recipe").is_none()
        && engine.live.get(part).is_some_and(|live| live.section.open.is_none())
    {
        engine.refuse("buildout", "parts", format!("the part `{part}` has no recipe"));
    }
}

type Pins = (BTreeMap<String, Eval<String>>, Option<crate::model::eval::Why>);

fn pins(engine: &mut Engine<'_>) -> Pins {
    let name = match engine.data.sections.get("buildout").and_then(|buildout| buildout.options.get("versions")) {
        Some(key) => match &key.value {
            Eval::Known(name) if name.is_empty() => return Pins::default(),
            Eval::Known(name) => name.clone(),
            Eval::Unknown(why) => return (BTreeMap::new(), Some(why.clone())),
        },
        None => return Pins::default(),
    };
    if !engine.section(&name) {
        return (BTreeMap::new(), engine.data.open.clone());
    }
    let Some(live) = engine.live.get(&name) else { return Pins::default() };
    let section = Rc::clone(&live.section);
    let mut pins = Vec::with_capacity(section.options.len());
    engine.each_value(&name, &section, |package, value| pins.push((canonical_name(package), value)));
    (pins.into_iter().collect(), section.open.clone())
}

/// The values of every section's options, in the order of both.
fn values(engine: &mut Engine<'_>) -> Vec<Vec<Eval<String>>> {
    let data = Rc::clone(&engine.data);
    let mut values = Vec::with_capacity(data.sections.len());
    for name in data.sections.keys() {
        engine.section(name);
        let section = engine.live.get(name).map(|live| Rc::clone(&live.section)).unwrap_or_default();
        let mut of_section = Vec::with_capacity(section.options.len());
        engine.each_value(name, &section, |_, value| of_section.push(value));
        values.push(of_section);
    }
    values
}

/// Sections as they are told, made of what the engine no longer needs.
fn sections(engine: Engine<'_>, values: Vec<Vec<Eval<String>>>) -> BTreeMap<String, Section> {
    let live = engine.into_live();
    let with_values = |((name, section), values): ((String, Rc<RawSection>), Vec<Eval<String>>)| {
        let RawSection { options, open } = Rc::unwrap_or_clone(section);
        let options = options.into_iter().zip(values);
        let options = options
            .map(|((option, Key { value: raw, history, .. }), value)| (option, OptionValue { value, raw, history }));
        (name, Section { options: options.collect(), open })
    };
    live.zip(values).map(with_values).collect()
}

/// Origins below the directory become relative to it.
fn finish(mut resolved: Resolved, mut diagnostics: Vec<Diagnostic>, directory: &str) -> (Resolved, Vec<Diagnostic>) {
    let prefix = format!("{}/", directory.trim_end_matches('/'));
    let mut names: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    let mut relative = |origin: &mut Origin| {
        if let Some(rest) = origin.file.strip_prefix(&prefix) {
            let name = names.entry(Arc::clone(&origin.file)).or_insert_with(|| Arc::from(rest));
            origin.file = Arc::clone(name);
        }
    };
    for section in resolved.sections.values_mut() {
        for step in section.options.values_mut().flat_map(|option| &mut option.history) {
            if let Source::File(origin) = &mut step.source {
                relative(origin);
            }
        }
    }
    for diagnostic in &mut diagnostics {
        if let Some(origin) = &mut diagnostic.origin {
            relative(origin);
        }
    }
    (resolved, diagnostics)
}

#[cfg(test)]
mod tests;
