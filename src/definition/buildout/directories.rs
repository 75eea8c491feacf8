//! Makes directories absolute and checks what `Buildout.__init__` of zc.buildout 6.0.1 checks.

use super::{
    Request,
    load::origin_of,
    option::{Key, RawSection, Source},
    posix_path,
    python_text::strip,
    resolved::Directories,
    substitution::Engine,
};
use crate::model::{
    code::{BUILDOUT_REFERENCE, BUILDOUT_VALUE},
    diagnostic::Diagnostic,
    eval::{Eval, Why, WhyKind},
};

const STANDARD: [&str; 4] = ["bin-directory", "parts-directory", "eggs-directory", "develop-eggs-directory"];
/// Options that must be exactly `true` or `false`, after substitution.
const BOOLEANS: &[&str] = &[
    "prefer-final",
    "use-dependency-links",
    "allow-picked-versions",
    "show-picked-versions",
    "abi-tag-eggs",
    "install-from-cache",
    "offline",
];

/// Whether zc.buildout takes it for a truth value.
pub(super) fn is_boolean(value: &str) -> bool {
    matches!(value, "true" | "false")
}

/// The diagnostic for an option that is neither `true` nor `false`.
pub(super) fn not_boolean(option: &str, value: &str, key: &Key) -> Diagnostic {
    Diagnostic::error(BUILDOUT_VALUE, format!("`{option}` is `{value}`, but must be `true` or `false`"))
        .at(origin_of(key.source(), ""))
}

/// Caches and eggs are relative to the file that names them; done before substitution.
pub(super) fn absolutise(buildout: &mut RawSection, request: &Request<'_>) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let base = buildout.options.get("directory").map(|key| key.value.clone());
    for option in ["download-cache", "eggs-directory", "extends-cache"] {
        let Some(key) = buildout.options.get_mut(option) else { continue };
        let Some(value) = key.value.known().cloned() else { continue };
        if value.contains("${") || posix_path::is_absolute(&value) {
            continue;
        }
        let base = match key.source() {
            Source::File(origin) if posix_path::is_url(&origin.file) => {
                diagnostics.push(
                    Diagnostic::error(BUILDOUT_VALUE, format!("`{option}` is relative to a remote file"))
                        .at(origin.clone()),
                );
                Eval::Unknown(Why::new(WhyKind::BrokenDefinition, "it is relative to a remote file"))
            }
            Source::File(origin) => Eval::Known(posix_path::dirname(&origin.file).to_owned()),
            // As zc.buildout: what `+=` and `-=` from nothing leave has no directory.
            Source::Implicit => Eval::Known(String::new()),
            Source::Default | Source::Computed | Source::CommandLine => {
                base.clone().unwrap_or_else(|| Eval::Known(request.directory.to_owned()))
            }
        };
        let directory = base.and_then(|base| {
            expand_user(&value, request)
                .map(|value| posix_path::absolute(request.directory, &posix_path::join(&base, &value)))
        });
        key.set_directory(directory);
    }
    diagnostics
}

fn expand_user(path: &str, request: &Request<'_>) -> Eval<String> {
    let Some(rest) = path.strip_prefix('~') else { return Eval::Known(path.to_owned()) };
    match &request.facts.home {
        Some(home) if rest.is_empty() || rest.starts_with('/') => {
            let expanded = format!("{}{rest}", home.trim_end_matches('/'));
            Eval::Known(if expanded.is_empty() { "/".to_owned() } else { expanded })
        }
        _ => Eval::Unknown(Why::new(WhyKind::TargetFact, "the home directory is not known")),
    }
}

/// The standard directories below `directory`, before substitution; those with references wait.
pub(super) fn below_directory(buildout: &mut RawSection) {
    let Some(directory) = buildout.options.get("directory").map(|key| key.value.clone()) else { return };
    for option in STANDARD {
        if let Some(key) = buildout.options.get_mut(option) {
            key.value = below(&directory, key.value.clone());
        }
    }
}

fn below(directory: &Eval<String>, path: Eval<String>) -> Eval<String> {
    path.and_then(|path| {
        if path.contains("${") || posix_path::is_absolute(&path) {
            return Eval::Known(path);
        }
        directory.clone().map(|directory| posix_path::join(&directory, &path))
    })
}

/// `offline` and `newest` are checked before substitution.
pub(super) fn check_raw(buildout: &RawSection) -> Vec<Diagnostic> {
    let known = |option: &str| buildout.options.get(option).and_then(|key| Some((key.value.known()?, key)));
    let mut diagnostics = Vec::new();
    for option in ["offline", "newest"] {
        if let Some((value, key)) = known(option)
            && !is_boolean(value)
        {
            diagnostics.push(not_boolean(option, value, key));
        }
        if known("offline").is_some_and(|(value, _)| value == "true") {
            break;
        }
    }
    diagnostics
}

/// What `Buildout.__init__` does with `[buildout]` once its references are worked out.
pub(super) fn settle(engine: &mut Engine<'_>, request: &Request<'_>) -> Directories {
    let directory = option(engine, "directory");
    for name in STANDARD {
        let path = below(&directory, option(engine, name));
        engine.set("buildout", name, path);
    }
    let installed = option(engine, "installed").and_then(|installed| {
        if installed.is_empty() || posix_path::is_absolute(&installed) {
            Eval::Known(installed)
        } else {
            directory.clone().map(|directory| posix_path::join(&directory, &installed))
        }
    });
    engine.set("buildout", "installed", installed);
    check_values(engine);
    versions(engine);
    eggs(engine, request);
    Directories {
        buildout: directory,
        bin: option(engine, "bin-directory"),
        parts: option(engine, "parts-directory"),
        eggs: option(engine, "eggs-directory"),
        develop_eggs: option(engine, "develop-eggs-directory"),
        installed: option(engine, "installed"),
        download_cache: cache(engine, "download-cache"),
        extends_cache: cache(engine, "extends-cache"),
    }
}

/// `options[name]`: always there, as it has a default.
fn option(engine: &mut Engine<'_>, name: &str) -> Eval<String> {
    engine.get("buildout", name).unwrap_or_else(|| {
        Eval::Unknown(Why::new(WhyKind::BrokenDefinition, format!("`[buildout]` has no option `{name}`")))
    })
}

/// A cache directory as processes see it: joined to `directory`.
fn cache(engine: &mut Engine<'_>, name: &str) -> Option<Eval<String>> {
    let value = engine.get("buildout", name).filter(|value| value.known().is_none_or(|value| !value.is_empty()))?;
    let directory = option(engine, "directory");
    Some(value.and_then(|value| directory.map(|directory| posix_path::join(&directory, &value))))
}

fn check_values(engine: &mut Engine<'_>) {
    for name in BOOLEANS {
        if let Some(Eval::Known(value)) = engine.get("buildout", name)
            && !is_boolean(&value)
        {
            engine.refuse("buildout", name, format!("`{name}` is `{value}`, but must be `true` or `false`"));
        }
    }
    let is = |value: &Option<Eval<String>>, wanted: &str| matches!(value, Some(Eval::Known(value)) if value == wanted);
    let (cached, offline) = (engine.get("buildout", "install-from-cache"), engine.get("buildout", "offline"));
    if is(&cached, "true") && is(&offline, "true") {
        engine.refuse("buildout", "install-from-cache", "`install-from-cache` does not work with `offline`".to_owned());
    }
    if let Some(Eval::Known(level)) = engine.get("buildout", "log-level")
        && !matches!(level.as_str(), "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL")
        && !is_integer(&level)
    {
        engine.refuse("buildout", "log-level", format!("`{level}` is no log level"));
    }
    if let Some(Eval::Known(verbosity)) = engine.get("buildout", "verbosity")
        && !is_integer(&verbosity)
    {
        engine.refuse("buildout", "verbosity", format!("`{verbosity}` is no number"));
    }
}

fn is_integer(text: &str) -> bool {
    let digits = strip(text).trim_start_matches(['+', '-']);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// The section that `versions` names is initialised before any part.
fn versions(engine: &mut Engine<'_>) {
    let data = std::rc::Rc::clone(&engine.data);
    let raw = data.sections.get("buildout").and_then(|buildout| buildout.options.get("versions"));
    match raw.map(|key| &key.value) {
        Some(Eval::Known(name)) if !name.is_empty() => {
            let name = name.clone();
            if !engine.section(&name) && engine.data.open.is_none() {
                let diagnostic = Diagnostic::error(
                    BUILDOUT_REFERENCE,
                    format!("`versions` names the section `{name}`, which does not exist"),
                );
                engine.diagnostics.push(match raw {
                    Some(key) => diagnostic.at(origin_of(key.source(), "")),
                    None => diagnostic,
                });
            }
        }
        Some(Eval::Unknown(why)) => {
            let why = why.clone();
            engine.doubt(&why);
        }
        Some(Eval::Known(_)) | None => {}
    }
}

fn eggs(engine: &mut Engine<'_>, request: &Request<'_>) {
    if request.dialect.has_eggs_directory_version() {
        let version = option(engine, "eggs-directory-version");
        let eggs = option(engine, "eggs-directory");
        let eggs = eggs.and_then(|eggs| {
            version.map(|version| if version.is_empty() { eggs.clone() } else { posix_path::join(&eggs, &version) })
        });
        engine.set("buildout", "eggs-directory", eggs);
    }
    let tag = match engine.get("buildout", "abi-tag-eggs") {
        Some(Eval::Known(value)) if value == "true" => {
            super::defaults::fact(request.facts.abi_tag.as_ref(), "the ABI tag of the Python")
        }
        Some(Eval::Unknown(why)) => Eval::Unknown(why),
        Some(Eval::Known(_)) | None => return,
    };
    let eggs = option(engine, "eggs-directory");
    let eggs = eggs.and_then(|eggs| tag.map(|tag| posix_path::join(&eggs, &tag)));
    engine.set("buildout", "eggs-directory", eggs);
}
