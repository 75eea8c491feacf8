//! What zc.buildout sets before it reads anything (`_buildout_default_options`, 6.0.1).

use super::{
    Request,
    option::{Key, Layer, RawSection, Source},
    posix_path,
};
use crate::model::eval::{Eval, Why, WhyKind};
use std::collections::BTreeMap;

const DEFAULTS: &[(&str, &str)] = &[
    ("allow-hosts", "*"),
    ("allow-picked-versions", "true"),
    ("allow-unknown-extras", "false"),
    ("bin-directory", "bin"),
    ("develop-eggs-directory", "develop-eggs"),
    ("eggs-directory", "eggs"),
    ("find-links", ""),
    ("install-from-cache", "false"),
    ("installed", ".installed.cfg"),
    ("log-format", ""),
    ("log-level", "INFO"),
    ("newest", "true"),
    ("offline", "false"),
    ("parts-directory", "parts"),
    ("prefer-final", "true"),
    ("python", "buildout"),
    ("show-picked-versions", "false"),
    ("socket-timeout", ""),
    ("update-versions-file", ""),
    ("use-dependency-links", "true"),
];

/// The lowest zc.recipe.egg that zc.buildout accepts.
const RECIPE_EGG: &str = ">=2.0.6";

/// A fact that was not given, as an unknown value.
pub(super) fn fact(value: Option<&String>, what: &str) -> Eval<String> {
    match value {
        Some(value) => Eval::Known(value.clone()),
        None => Eval::Unknown(Why::new(WhyKind::TargetFact, format!("{what} of the target is not known"))),
    }
}

/// The layer below everything. `config` is the absolute path of the configuration file.
pub(super) fn layer(request: &Request<'_>, config: &str) -> Layer {
    let mut layer = Layer::default();
    let buildout = layer.buildout();
    for (option, value) in DEFAULTS {
        buildout.options.insert((*option).to_owned(), Key::known(*value, Source::Default));
    }
    if request.dialect.has_eggs_directory_version() {
        buildout.options.insert("eggs-directory-version".to_owned(), Key::known("v5", Source::Default));
    }
    let executable = fact(request.facts.executable.as_ref(), "the Python executable");
    buildout.options.insert("executable".to_owned(), Key::new(executable, Source::Default));
    let directory = Key::known(posix_path::dirname(config), Source::Computed);
    buildout.options.insert("directory".to_owned(), directory);
    layer
}

/// The command line as sections. Of two values for one option the greater one wins, as zc.buildout sorts them.
pub(super) fn command_line(assignments: &[(String, String, String)]) -> BTreeMap<String, RawSection> {
    let mut sorted: Vec<_> = assignments.iter().collect();
    sorted.sort();
    let mut sections: BTreeMap<String, RawSection> = BTreeMap::new();
    for (section, option, value) in sorted {
        let key = Key::known(value.as_str(), Source::CommandLine);
        sections.entry(section.clone()).or_default().options.insert(option.clone(), key);
    }
    sections
}

/// Adds the `versions` option, its section and the two pins that zc.buildout itself adds. `None` when the option names
/// a section that does not exist.
pub(super) fn versions(data: &mut Layer, request: &Request<'_>) -> Option<()> {
    if !data.buildout().options.contains_key("versions") {
        let mut key = Key::known("versions", Source::Default);
        if let Some(why) = &data.buildout().open {
            key.value = Eval::Unknown(why.clone());
        } else {
            let open = data.open.clone();
            data.sections.entry("versions".to_owned()).or_insert_with(|| RawSection { open, ..RawSection::default() });
        }
        data.buildout().options.insert("versions".to_owned(), key);
    }
    let name = match data.buildout().options.get("versions").map(|key| &key.value) {
        Some(Eval::Known(name)) if !name.is_empty() => name.clone(),
        _ => return Some(()),
    };
    let running = fact(request.facts.buildout_version.as_ref(), "the version of zc.buildout");
    let pins = [
        ("zc.buildout", running.map(|version| format!(">={version}"))),
        ("zc.recipe.egg", Eval::Known(RECIPE_EGG.to_owned())),
    ];
    let Some(section) = data.sections.get_mut(&name) else { return data.open.is_some().then_some(()) };
    for (package, pin) in pins {
        if section.options.contains_key(package) {
            continue;
        }
        let pin = match &section.open {
            Some(why) => Eval::Unknown(why.clone()),
            None => pin,
        };
        section.options.insert(package.to_owned(), Key::new(pin, Source::Default));
    }
    Some(())
}
