//! From a directory to a manifest: settings, saved manifest or definition, hosts.

use super::sources::{self, Files};
use super::{Error, Evaluate, Request, Trouble, buildout, saved};
use crate::backups;
use crate::definition::batou;
use crate::expect::{
    self,
    trees::{Lock, Voucher},
};
use crate::io::{files, git};
use crate::model::code;
use crate::model::content::Algorithm;
use crate::model::diagnostic::{Diagnostic, Severity};
use crate::model::graph::Graph;
use crate::model::hasher::digest_of;
use crate::model::manifest::{self, Evaluation, Host, Manifest, TreeKind};
use crate::model::origin::Origin;
use crate::model::unit::{Edge, EdgeKind, HostName, UnitId};
use crate::monitor::Monitor;
use crate::settings::{self, Known, Settings, Tree};
use std::path::{Path, PathBuf};

/// What the settings file says, with what is doubtful about it.
#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    /// The settings; defaults where there is no file.
    pub(super) settings: Settings,
    /// Warnings and notes about them.
    pub(super) doubts: Vec<Diagnostic>,
}

/// Reads the settings that hold for the request's directory.
pub(super) fn settings(request: &Request, now: i64) -> Result<Config, Error> {
    let file = request.config.clone().or_else(|| settings::find(&request.directory));
    let Some(file) = file else { return Ok(Config::default()) };
    let known = Known { now, backup_kinds: backups::KINDS.iter().map(|kind| kind.name).collect() };
    let (settings, diagnostics) = settings::load(&file, &known);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        let what = format!("`{}` has errors", file.display());
        return Err(Error::new(Trouble::Failed, what).because(diagnostics));
    }
    Ok(Config { settings, doubts: diagnostics })
}

/// The manifest: the saved one that was named, or the settings name; otherwise made from the definition.
pub(super) fn manifest(request: &Request, config: &Config, monitor: &dyn Monitor) -> Result<Manifest, Error> {
    let mut manifest = match saved_file(request, config) {
        Some(file) => saved_manifest(file, request)?,
        None => evaluate(request, config, monitor)?,
    };
    // A saved manifest has those of its time.
    let declared = &config.settings.data;
    manifest.data.retain(|old| declared.iter().all(|new| (&new.host, &new.path) != (&old.host, &old.path)));
    manifest.data.extend(declared.iter().cloned());
    let hosts: Vec<HostName> = manifest.hosts.iter().map(|host| host.name.clone()).collect();
    for tree in &config.settings.trees {
        let voucher = voucher(tree, &mut manifest.diagnostics);
        for host in hosts.iter().filter(|host| tree.hosts.is_empty() || tree.hosts.contains(host)) {
            expect::trees::add(&mut manifest, host, &tree.path, &voucher);
        }
    }
    name_cycles(&mut manifest);
    manifest.diagnostics.extend(config.doubts.iter().cloned());
    manifest.sort();
    Ok(manifest)
}

/// What vouches for a tree. A lock that cannot be read keeps nothing from being checked: the plan proves less.
fn voucher(tree: &Tree, diagnostics: &mut Vec<Diagnostic>) -> Voucher {
    let read = |file: &PathBuf| {
        let bytes = files::read(file).unwrap_or_else(|error| {
            let text = format!("{error}; what is installed anew in `{}` is verified by no hashes", tree.path);
            diagnostics.push(Diagnostic::warning(code::BAD_SETTING_VALUE, text));
            Vec::new()
        });
        Lock::new(file.display().to_string(), &String::from_utf8_lossy(&bytes))
    };
    match tree.kind {
        TreeKind::Git => Voucher::Repository,
        TreeKind::Python => Voucher::Records(tree.requirements.as_ref().map(read)),
    }
}

/// Roots that need each other in a circle: batou's own message does not show where the circle closes.
fn name_cycles(manifest: &mut Manifest) {
    // Parts of a buildout may refer to later ones: buildout sorts that out by itself.
    let required: Vec<Edge> = manifest.edges.iter().filter(|edge| edge.kind == EdgeKind::Requires).cloned().collect();
    let cycles = Graph::new(manifest.units.iter().map(|unit| &unit.id), &required).cycles();
    if cycles.is_empty() {
        return;
    }
    manifest.diagnostics.retain(|diagnostic| diagnostic.code != code::CYCLE);
    for cycle in cycles {
        let closed: Vec<&UnitId> = cycle.iter().chain(cycle.first()).collect();
        let names: Vec<&str> = closed.iter().map(|unit| &*unit.0).collect();
        let label = |pair: &[&UnitId]| {
            let edge = required.iter().find(|edge| edge.from == *pair[0] && edge.to == *pair[1])?;
            Some(format!("`{}` requires `{}`", pair[0], edge.label))
        };
        let labels: Vec<String> = closed.windows(2).filter_map(label).collect();
        let problem =
            Diagnostic::error(code::CYCLE, format!("the dependencies go in a circle: {}", names.join(" -> ")))
                .hint(format!("take one of these away: {}", labels.join(", ")));
        let origin = manifest.unit(&cycle[0]).and_then(|unit| unit.origin.clone());
        manifest.diagnostics.push(match origin {
            Some(origin) => problem.at(origin),
            None => problem,
        });
    }
}

/// The saved manifest that is used instead of the definition, if one is named.
pub(super) fn saved_file<'a>(request: &'a Request, config: &'a Config) -> Option<&'a Path> {
    request.manifest_file.as_deref().or(config.settings.manifest.as_deref())
}

/// A saved manifest; where the definition lies beside us, it must still be the one that was evaluated.
fn saved_manifest(file: &Path, request: &Request) -> Result<Manifest, Error> {
    let mut manifest = saved::read_manifest(file)?;
    let is_current = |(path, digest): (&String, &String)| match files::read(&request.directory.join(path)) {
        Ok(bytes) => digest_of(Algorithm::Sha256, &bytes).to_string() == *digest,
        // On the host there is no checkout; nothing can be said then.
        Err(error) => error.missing,
    };
    let changed: Vec<&String> =
        manifest.definition.inputs.iter().filter(|input| !is_current(*input)).map(|(path, _)| path).collect();
    if let Some(first) = changed.first() {
        let text = match changed.len() {
            1 => format!("`{first}` has changed since the manifest was made"),
            more => format!("`{first}` and {} more files have changed since the manifest was made", more - 1),
        };
        let diagnostic = Diagnostic::warning(code::SAVED_MODEL_STALE, text)
            .at(Origin::file(first.as_str()))
            .hint("make it anew with `rectify manifest ENV -o FILE`");
        manifest.diagnostics.push(diagnostic);
    }
    Ok(manifest)
}

/// Makes the manifest from the definition in the request's directory.
pub(super) fn evaluate(request: &Request, config: &Config, monitor: &dyn Monitor) -> Result<Manifest, Error> {
    let directory = files::canonical(&request.directory)
        .map_err(|error| Error::new(Trouble::InputMissing, error.to_string()).hint("name the checkout with -C DIR"))?;
    let project = directory.ancestors().find(|directory| batou::is_project(directory));
    match (project, buildout::find(&directory, request, config)?) {
        // A batou project may hold configurations of buildouts, but they are not what is deployed; unless one is named.
        (Some(project), None) => return batou_manifest(request, config, project, monitor),
        (Some(project), Some(_)) if !names_file(request, config) => {
            return batou_manifest(request, config, project, monitor);
        }
        (_, Some(checkout)) => return checkout.manifest(),
        (None, None) => {}
    }
    if request.environment.as_deref() == Some(SYSTEM) || (request.packages && request.environment.is_none()) {
        let unwanted = config.settings.packages == Some(false) && !request.packages;
        if unwanted && config.settings.trees.is_empty() {
            let what = "there is nothing to look at: the settings say `packages = false` and have no [[trees]]";
            return Err(Error::new(Trouble::InputMissing, what).hint("say --packages, or name a tree"));
        }
        return Ok(system(request));
    }
    let what = format!("no deployment was found in `{}`", request.directory.display());
    let usual = || {
        "go to a batou or buildout checkout, or name it with -C DIR; `rectify check system` looks at packages only"
            .to_owned()
    };
    Err(Error::new(Trouble::InputMissing, what).hint(buildout::hint(&directory).unwrap_or_else(usual)))
}

/// What stands for the environment, and the tool, where there is no deployment: only hosts with their packages.
pub(super) const SYSTEM: &str = "system";

/// The hosts that were named, or this machine, without any deployment.
fn system(request: &Request) -> Manifest {
    let mut manifest = Manifest::new(manifest::Definition {
        digest: digest_of(Algorithm::Sha256, b"").to_string(),
        ..manifest::Definition::new(SYSTEM, SYSTEM, Evaluation::Native)
    });
    let host = |name: HostName, local| Host { name, ignored: false, directory: None, service_user: None, local };
    manifest.hosts = request.roots.keys().map(|name| host(name.clone(), false)).collect();
    if manifest.hosts.is_empty() {
        manifest.hosts.push(host(HostName::from("localhost"), true));
    }
    manifest
}

/// Whether a configuration file is named, and not an environment.
fn names_file(request: &Request, config: &Config) -> bool {
    let name = request.environment.as_deref().or(config.settings.deployment.environment.as_deref());
    name.is_some_and(|name| Path::new(name).extension().is_some_and(|extension| extension == "cfg"))
}

fn batou_manifest(
    request: &Request,
    config: &Config,
    project: &Path,
    monitor: &dyn Monitor,
) -> Result<Manifest, Error> {
    let environment = environment(request, config, project)?;
    let asked = batou::Request {
        evaluate: way(request, config),
        python: request.python.as_deref().or(config.settings.deployment.python.as_deref()),
        ..batou::Request::new(project, &environment)
    };
    let (model, mut diagnostics) = batou::load(&asked, monitor).map_err(from_batou)?;
    let sources = sources::sources(project, Files::Checkout, &model, &mut diagnostics);
    let roots = config.settings.hosts.iter().filter_map(|(host, known)| Some((host, known.root.as_ref()?)));
    let here = sources::here(project, &model, request.roots.iter().chain(roots));
    let inputs: String = model.inputs.iter().map(|input| format!("{} {}\n", input.sha256, input.path)).collect();
    let git = git::revision(project);
    let described = expect::batou::Project {
        directory: Some(project.display().to_string()),
        launcher: launcher(project),
        digest: digest_of(Algorithm::Sha256, inputs.as_bytes()).to_string(),
        revision: git.as_ref().map(|(commit, _)| commit.clone()),
        dirty: git.is_some_and(|(_, dirty)| dirty),
        here,
        diagnostics,
        ..sources
    };
    Ok(expect::batou::manifest(&model, &described))
}

fn launcher(project: &Path) -> expect::batou::Launcher {
    match files::what_is(&project.join("batou")) {
        files::Is::File => expect::batou::Launcher::Own,
        files::Is::Directory | files::Is::Other | files::Is::Missing => expect::batou::Launcher::Installed,
    }
}

fn way(request: &Request, config: &Config) -> batou::Evaluate {
    match (request.evaluate, config.settings.deployment.evaluate) {
        (Evaluate::Exact, _) | (Evaluate::Auto, settings::Evaluate::Exact) => batou::Evaluate::Exact,
        (Evaluate::Native, _) | (Evaluate::Auto, settings::Evaluate::Native) => batou::Evaluate::Native,
        (Evaluate::Auto, settings::Evaluate::Auto) => batou::Evaluate::Auto,
    }
}

/// The environment that was named, that the settings name, or the only one there is.
fn environment(request: &Request, config: &Config, project: &Path) -> Result<String, Error> {
    if let Some(name) = request.environment.as_ref().or(config.settings.deployment.environment.as_ref()) {
        return Ok(name.clone());
    }
    let names = batou::environments(project);
    match names.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Error::new(Trouble::InputMissing, format!("`{}` has no environment", project.display()))),
        several => {
            let what = format!("`{}` has {} environments", project.display(), several.len());
            Err(Error::new(Trouble::InputMissing, what).hint(format!("name one of: {}", several.join(", "))))
        }
    }
}

fn from_batou(error: batou::LoadError) -> Error {
    let text = error.to_string();
    match error {
        batou::LoadError::NoEnvironment(diagnostic) => {
            Error::new(Trouble::InputMissing, text).because(vec![*diagnostic])
        }
        batou::LoadError::NoProject { .. } => Error::new(Trouble::InputMissing, text),
        batou::LoadError::Read(_) | batou::LoadError::Exact(_) => Error::new(Trouble::Failed, text),
    }
}

/// That the definition has all hosts that were named.
pub(super) fn know_hosts<'a>(manifest: &Manifest, named: impl IntoIterator<Item = &'a HostName>) -> Result<(), Error> {
    let is_unknown = |name: &&HostName| manifest.hosts.iter().all(|host| host.name != **name);
    let Some(unknown) = named.into_iter().find(is_unknown) else { return Ok(()) };
    let known: Vec<&str> = manifest.hosts.iter().map(|host| &*host.name.0).collect();
    let what = format!("there is no host `{unknown}` in {}", manifest.definition.environment);
    Err(Error::new(Trouble::InputMissing, what).hint(format!("the hosts are: {}", known.join(", "))))
}

/// Keeps the hosts that were asked for.
pub(super) fn only_hosts(manifest: &mut Manifest, hosts: &[HostName]) -> Result<(), Error> {
    know_hosts(manifest, hosts)?;
    manifest.hosts.retain(|host| hosts.contains(&host.name));
    manifest.artifacts.retain_hosts(|host| hosts.contains(host));
    manifest.units.retain(|unit| hosts.contains(&unit.host));
    manifest.derivations.retain(|derivation| hosts.contains(&derivation.host));
    manifest.look.retain(|look| hosts.contains(&look.host));
    manifest.data.retain(|data| hosts.contains(&data.host));
    Ok(())
}
