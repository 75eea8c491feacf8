//! A checkout that is deployed by running buildout in it: from the directory to the manifest.

use super::definition::Config;
use super::{Error, Request, Trouble};
use crate::definition::buildout::{
    self, Dialect, DiskSources, Resolved, Runner, Sources, TargetFacts, canonical_name, resolve,
};
use crate::expect;
use crate::expect::buildout::Place;
use crate::expect::derive::buildout::Configuration;
use crate::expect::recipes::KnownRecipes;
use crate::io::disk::LiveRoot;
use crate::io::{files, git, machine::Machine};
use crate::model::buildout::{OptionValue, Source};
use crate::model::code;
use crate::model::content::Algorithm;
use crate::model::diagnostic::Diagnostic;
use crate::model::eval::{Eval, Why};
use crate::model::hasher::digest_of;
use crate::model::manifest::{Definition, Evaluation, Manifest};
use crate::model::origin::Origin;
use crate::model::path::TargetPath;
use crate::model::secrecy;
use crate::model::unit::HostName;
use crate::settings::{Assignment, Buildout as Options, UserDefaults};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The configuration file that buildout takes when none is named.
const CONFIG: &str = "buildout.cfg";

/// A buildout checkout, and which host it is deployed on.
pub(super) struct Checkout {
    /// Where it lies on this machine.
    path: PathBuf,
    /// The tree that it lies in.
    root: LiveRoot,
    /// Its path in that tree.
    local: TargetPath,
    /// Its path on the host.
    directory: TargetPath,
    /// The configuration file, as buildout is told it.
    config: String,
    host: HostName,
    options: Options,
    python: Option<TargetPath>,
}

/// A configuration, worked out.
pub(super) struct Worked {
    /// What came out.
    pub(super) resolved: Resolved,
    /// What is wrong with it.
    pub(super) diagnostics: Vec<Diagnostic>,
    runner: Runner,
    sources: DiskSources,
    user_defaults: Option<String>,
}

/// The configuration file that was named, by the request or the settings.
fn named<'a>(request: &'a Request, config: &'a Config) -> Option<&'a str> {
    request.environment.as_deref().or(config.settings.deployment.environment.as_deref())
}

/// The checkout that a directory is in: the nearest with the configuration file that was named, or with a
/// `buildout.cfg`. `None` when there is none.
///
/// # Errors
/// When it cannot be told where it is deployed.
pub(super) fn find(directory: &Path, request: &Request, config: &Config) -> Result<Option<Checkout>, Error> {
    let name = named(request, config).unwrap_or(CONFIG);
    let has = |place: &&Path| files::what_is(&place.join(name)) == files::Is::File;
    let Some(path) = directory.ancestors().find(has) else { return Ok(None) };
    let options = merged(&request.buildout, &config.settings.buildout);
    if let Some(secret) = options.assignments.iter().find(|one| secrecy::is_secret_name(&one.option)) {
        let what = format!("`{}:{}` looks like a secret, and plans repeat assignments", secret.section, secret.option);
        return Err(Error::new(Trouble::Failed, what).hint("put it into a configuration file"));
    }
    let (host, base) = host(path, request, config);
    let root = LiveRoot::open(&base)
        .map_err(|failure| Error::new(Trouble::InputMissing, format!("`{}`: {}", base.display(), failure.text)))?;
    let in_root = |path: &Path| {
        let below = path.strip_prefix(&base).unwrap_or(path);
        TargetPath::root().join(below.as_os_str().as_bytes())
    };
    let local = in_root(path);
    let python = request.python.as_deref().or(config.settings.deployment.python.as_deref());
    Ok(Some(Checkout {
        directory: options.directory.clone().unwrap_or_else(|| local.clone()),
        python: python.map(in_root),
        path: path.to_owned(),
        root,
        local,
        config: name.to_owned(),
        host,
        options,
    }))
}

/// What to tell somebody who is in no checkout, or has named no configuration of it.
pub(super) fn hint(directory: &Path) -> Option<String> {
    let names = files::list(directory).ok()?;
    let names: Vec<String> = names
        .into_iter()
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "cfg"))
        .filter_map(|name| name.into_string().ok())
        .collect();
    (!names.is_empty()).then(|| format!("to check a buildout, name its configuration: {}", names.join(", ")))
}

/// The command line goes before the settings.
fn merged(request: &Options, settings: &Options) -> Options {
    Options {
        directory: request.directory.clone().or_else(|| settings.directory.clone()),
        host: request.host.clone().or_else(|| settings.host.clone()),
        dialect: request.dialect.or(settings.dialect),
        assume: settings.assume.iter().chain(&request.assume).map(|(text, truth)| (text.clone(), *truth)).collect(),
        assignments: settings.assignments.iter().chain(&request.assignments).cloned().collect(),
        user_defaults: match &request.user_defaults {
            UserDefaults::OfOwner => settings.user_defaults.clone(),
            told => told.clone(),
        },
    }
}

/// The host that the checkout is deployed on, and the directory that stands for its root. A tree that the checkout
/// does not lie in holds the deployment, but not the definition.
fn host(path: &Path, request: &Request, config: &Config) -> (HostName, PathBuf) {
    let settings = config.settings.hosts.iter().map(|(name, host)| (name, host.root.clone()));
    let named = request.roots.iter().map(|(name, root)| (name, Some(root.clone()))).chain(settings);
    let mut hosts: BTreeMap<&HostName, Option<PathBuf>> = BTreeMap::new();
    for (name, root) in named {
        hosts.entry(name).or_insert(root);
    }
    let wanted = config.settings.buildout.host.as_ref();
    let mut known = hosts.iter();
    let (name, root) = match (wanted, known.next(), known.next()) {
        (Some(wanted), ..) => (wanted.clone(), hosts.get(wanted).cloned().flatten()),
        (None, Some((name, root)), None) => ((*name).clone(), root.clone()),
        (None, ..) => ("localhost".into(), None),
    };
    let root: Option<PathBuf> =
        root.and_then(|root| files::canonical(&root).ok()).filter(|root| path.starts_with(root));
    (name, root.unwrap_or_else(|| PathBuf::from("/")))
}

impl Checkout {
    /// Works the configuration out.
    pub(super) fn resolve(&self) -> Result<Worked, Error> {
        let sources = DiskSources::new(self.root.clone());
        let (directory, local) = (self.directory.clone(), self.local.clone());
        self.resolve_from(sources.with_checkout(directory, self.root.clone(), local))
    }

    /// What an earlier revision of the definition, which was exported to a directory of this machine, would have made
    /// on a host that was scanned.
    ///
    /// # Errors
    /// When it cannot be resolved, with the reason.
    pub(super) fn revision(&self, export: &Path) -> Result<Manifest, String> {
        let sources = DiskSources::new(self.root.clone());
        let tree = LiveRoot::open(export).map_err(|failure| failure.text)?;
        let sources = sources.with_checkout(self.directory.clone(), tree, TargetPath::root());
        let worked = self.resolve_from(sources).map_err(|error| error.what)?;
        self.expect(&worked).map_err(|error| error.to_string())
    }

    /// Where the checkout lies on this machine.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn resolve_from(&self, sources: DiskSources) -> Result<Worked, Error> {
        let text = |path: &TargetPath| {
            let what = format!("`{path}` is no text, and a configuration refers to paths as text");
            path.as_str().map(str::to_owned).ok_or_else(|| Error::new(Trouble::Failed, what))
        };
        let directory = text(&self.directory)?;
        let runner = Runner::find(&self.root, &self.local, self.python.as_ref());
        let user_defaults = self.user_defaults(&runner, &sources);
        let command_line: Vec<_> = self.options.assignments.iter().map(Assignment::parts).collect();
        let ask = |facts: &TargetFacts, dialect| {
            let request = buildout::Request {
                directory: &directory,
                config: &self.config,
                command_line: &command_line,
                facts,
                dialect,
                user_defaults: user_defaults.as_deref(),
                assume: &self.options.assume,
                recipes: &KnownRecipes,
            };
            resolve(&request, &sources)
        };
        let mut runner = runner;
        if *self.host.0 == *"localhost" && self.root.base() == Path::new("/") {
            on_this_machine(&mut runner.facts);
        }
        let told = self.options.dialect;
        let of_version = |version: Option<&str>| version.and_then(Dialect::of_version);
        let installed = runner.facts.buildout_version.clone();
        // Where nothing is installed the configuration's pin decides, which is known only when it is resolved. What
        // pip was to install is mostly the same.
        let likely = told.or_else(|| of_version(installed.as_deref().or(runner.required.as_deref())));
        let (mut resolved, mut diagnostics) = ask(&runner.facts, likely.unwrap_or_default());
        let mut dialect = likely;
        if installed.is_none() {
            let pin = pinned(&resolved);
            runner.facts.buildout_version = pin.clone().or_else(|| runner.required.clone());
            dialect = told.or_else(|| of_version(runner.facts.buildout_version.as_deref()));
            let is_new = runner.facts.buildout_version.is_some() && !(pin.is_some() && is_pinned_by_name(&resolved));
            if is_new || dialect.unwrap_or_default() != likely.unwrap_or_default() {
                (resolved, diagnostics) = ask(&runner.facts, dialect.unwrap_or_default());
            }
        }
        diagnostics.extend(self.doubt(dialect, &runner));
        Ok(Worked { resolved, diagnostics, runner, sources, user_defaults })
    }

    /// What is said when it is not known which zc.buildout this is for.
    fn doubt(&self, dialect: Option<Dialect>, runner: &Runner) -> Option<Diagnostic> {
        if dialect.is_some() {
            return None;
        }
        let text = match &runner.facts.buildout_version {
            Some(version) => format!("zc.buildout {version} is older than what rectify follows; 6 is assumed"),
            None => "which zc.buildout is used is not known: none is installed here and neither the configuration nor \
                     requirements.txt pins one; 6 is assumed"
                .to_owned(),
        };
        let hint = "tell it with --dialect, or the Python that has it with --python";
        Some(Diagnostic::warning(code::BUILDOUT_VERSION, text).at(Origin::file(&self.config)).hint(hint))
    }

    fn user_defaults(&self, runner: &Runner, sources: &DiskSources) -> Option<String> {
        match &self.options.user_defaults {
            UserDefaults::None => None,
            UserDefaults::File(path) => path.to_str().map(str::to_owned),
            UserDefaults::OfOwner => {
                let home = runner.facts.home.as_ref()?;
                let path = format!("{}/.buildout/default.cfg", home.trim_end_matches('/'));
                sources.exists(&path).then_some(path)
            }
        }
    }

    /// The manifest of the whole.
    pub(super) fn manifest(&self) -> Result<Manifest, Error> {
        let worked = self.resolve()?;
        let mut manifest = self.expect(&worked)?;
        manifest.diagnostics.extend(self.uncommitted(&worked, &manifest.definition));
        manifest.diagnostics.extend(worked.diagnostics);
        Ok(manifest)
    }

    fn expect(&self, worked: &Worked) -> Result<Manifest, Error> {
        let place = self.place(worked);
        let configuration = Configuration::of(&worked.resolved).map_err(|error| not_json(&error))?;
        let definition = self.definition(worked);
        let mut manifest =
            expect::buildout::manifest(definition, configuration, &place).map_err(|error| not_json(&error))?;
        for host in &mut manifest.hosts {
            host.local = *host.name.0 == *"localhost";
        }
        Ok(manifest)
    }

    /// Files of the definition that are not as they were committed: they may be damaged themselves, and then everything
    /// is compared with damage.
    fn uncommitted(&self, worked: &Worked, definition: &Definition) -> Vec<Diagnostic> {
        if definition.revision.is_none() || !definition.dirty {
            return Vec::new();
        }
        let mut found = Vec::new();
        for name in definition.inputs.keys().filter(|name| !name.starts_with('/')) {
            let Ok(live) = worked.sources.read(&format!("{}/{name}", self.directory.display())) else { continue };
            match git::committed(&self.path, Path::new(name)) {
                Ok(Some(committed)) if committed != live => {
                    let text = format!("`{name}` is not as it was committed: it was edited, or it is damaged");
                    let hint =
                        format!("look at `git diff {name}`; `git checkout {name}` brings the commit's version back");
                    let origin = Origin::file(name);
                    found.push(Diagnostic::warning(code::DEFINITION_UNCOMMITTED, text).at(origin).hint(hint));
                }
                // What is not committed, or cannot be read from git, cannot be compared.
                Ok(_) | Err(_) => {}
            }
        }
        found
    }

    fn place(&self, worked: &Worked) -> Place {
        let facts = &worked.runner.facts;
        // What was found in the checkout is below the deployment's directory on the host.
        let there = |path: &TargetPath| match path.relative_to(&self.local) {
            Some(below) => self.directory.join(below),
            None => path.clone(),
        };
        let mut arguments: Vec<String> = Vec::new();
        if self.options.user_defaults == UserDefaults::None {
            arguments.push("-U".to_owned());
        }
        arguments.extend(self.options.assignments.iter().map(ToString::to_string));
        Place {
            host: self.host.clone(),
            directory: self.directory.clone(),
            config: self.config.clone(),
            environment: worked.runner.environment.as_ref().map(there),
            program: worked.runner.program.as_ref().map(there),
            user: worked.runner.user.clone(),
            arguments,
            executable: None,
            python: facts.python_version.map(|(major, minor, micro)| format!("{major}.{minor}.{micro}")),
            version: facts.buildout_version.clone(),
        }
    }

    fn definition(&self, worked: &Worked) -> Definition {
        let mut inputs = BTreeMap::new();
        for file in worked.resolved.files.iter().chain(&worked.user_defaults) {
            // What is behind a URL was read from a cache, which is no part of the definition.
            let Some(path) = file.starts_with('/').then(|| TargetPath::new(file)) else { continue };
            let Ok(bytes) = worked.sources.read(file) else { continue };
            let name = match path.relative_to(&self.directory).map(String::from_utf8_lossy) {
                Some(below) => below.into_owned(),
                None => file.clone(),
            };
            inputs.insert(name, digest_of(Algorithm::Sha256, &bytes).to_string());
        }
        let all: String = inputs.iter().map(|(name, digest)| format!("{digest} {name}\n")).collect();
        let git = git::revision(&self.path);
        Definition {
            tool: "buildout".to_owned(),
            tool_version: worked.runner.facts.buildout_version.clone(),
            environment: self.config.clone(),
            evaluation: Evaluation::Native,
            digest: digest_of(Algorithm::Sha256, all.as_bytes()).to_string(),
            revision: git.as_ref().map(|(commit, _)| commit.clone()),
            dirty: git.is_some_and(|(_, dirty)| dirty),
            inputs,
        }
    }
}

impl Worked {
    /// The options of all sections, by name of the section.
    pub(super) fn all_options(self) -> BTreeMap<String, Vec<(String, OptionValue)>> {
        self.resolved
            .sections
            .into_iter()
            .map(|(name, section)| (name, section.options.into_iter().collect()))
            .collect()
    }

    /// The options of a section: one, or all of them.
    pub(super) fn options(mut self, section: &str, option: Option<&str>) -> Result<Vec<(String, OptionValue)>, Error> {
        let names: Vec<String> = self.resolved.sections.keys().cloned().collect();
        let Some(found) = self.resolved.sections.remove(section) else {
            let open = self.resolved.open.as_ref();
            return Err(nothing(&format!("section [{section}]"), section, &names, open));
        };
        let names: Vec<String> = found.options.keys().cloned().collect();
        let wanted = |name: &String| option.is_none_or(|option| option == name);
        let options: Vec<_> = found.options.into_iter().filter(|(name, _)| wanted(name)).collect();
        match option {
            Some(option) if options.is_empty() => {
                Err(nothing(&format!("option `{option}` in [{section}]"), option, &names, found.open.as_ref()))
            }
            _ => Ok(options),
        }
    }
}

/// There is no such name; or none that can be seen.
fn nothing(what: &str, name: &str, known: &[String], open: Option<&Why>) -> Error {
    let near = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let error = match open {
        Some(why) => Error::new(Trouble::InputMissing, format!("no {what} is known, but there may be one: {why}")),
        None => Error::new(Trouble::InputMissing, format!("there is no {what}")),
    };
    match near.filter(|near| strsim::jaro_winkler(near, name) >= 0.75) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if known.len() <= 30 => error.hint(format!("there are: {}", known.join(", "))),
        None => error,
    }
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::new(Trouble::Failed, format!("the configuration cannot be handed on: {error}"))
}

/// What the tree does not tell about the machine, the machine itself does, if it is this one.
fn on_this_machine(facts: &mut TargetFacts) {
    let here = Machine::this();
    if facts.sys_platform.is_none() && here.system.as_deref() == Some("Linux") {
        facts.sys_platform = Some("linux".to_owned());
    }
    facts.platform_system = facts.platform_system.take().or(here.system);
    facts.platform_release = facts.platform_release.take().or(here.release);
    facts.platform_machine = facts.platform_machine.take().or_else(|| here.machine.map(str::to_owned));
}

/// The version of zc.buildout that the configuration pins.
fn pinned(resolved: &Resolved) -> Option<String> {
    match resolved.versions.get(&canonical_name("zc.buildout")) {
        Some(Eval::Known(pin)) => {
            let version = pin.trim().trim_start_matches("==").trim();
            version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
        }
        Some(Eval::Unknown(_)) | None => None,
    }
}

/// Whether `[versions]` has a pin for exactly `zc.buildout` that somebody wrote: then the running version, from which
/// zc.buildout itself would make one, changes nothing.
fn is_pinned_by_name(resolved: &Resolved) -> bool {
    let option = |section: &str, option: &str| resolved.sections.get(section)?.options.get(option);
    let pin = option("buildout", "versions").and_then(|name| option(name.value.known()?, "zc.buildout"));
    pin.and_then(|pin| pin.history.first()).is_some_and(|first| first.source != Source::Default)
}
