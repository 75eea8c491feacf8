//! batou projects: one environment as a configured model.
//!
//! Two ways lead to one model ([`model::BatouModel`]): [`exact`] asks the project's own batou, [`static_reader`] reads
//! literal declarations without running anything. `environment.cfg` is always read natively as well ([`environment`]),
//! because batou stops at its first error and shows no line.
//!
//! Deliberately not here: what a component means on disk; that is `expect::components`.

pub mod cfg;
pub mod components;
pub mod environment;
pub mod exact;
pub mod model;
pub mod sources;
pub mod static_reader;
mod tokens;

use crate::io::files::{self, Is, ReadError};
use crate::model::{
    code::{BAD_ENVIRONMENT_SYNTAX, BAD_SETTING, Code, NO_BATOU, NO_ENVIRONMENT, UNKNOWN_COMPONENT},
    diagnostic::{Diagnostic, Severity},
    origin::Origin,
};
use crate::monitor::Monitor;
use cfg::Cfg;
use components::Components;
use environment::{Environment, nearest};
use exact::{Exact, ExactError, SecretsUse};
use model::BatouModel;
use static_reader::Static;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evaluate {
    /// The exact way if it is open, else the native one.
    #[default]
    Auto,
    /// The exact way or none.
    Exact,
    /// Without running any code of the project.
    Native,
}

/// What to load.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The checkout: where `environments` and `components` are.
    pub project: &'a Path,
    /// Name of the environment.
    pub environment: &'a str,
    /// Which way to go.
    pub evaluate: Evaluate,
    /// The Python to use, instead of the one that would be found.
    pub python: Option<&'a Path>,
    /// Where the deployment is on the target, if the definition does not tell.
    pub target_base: Option<&'a str>,
    /// Home directory of the service user on the target.
    pub target_home: Option<&'a str>,
    /// Whether secrets are decrypted.
    pub secrets: SecretsUse,
    /// How long one run of the project's batou may take.
    pub timeout: Duration,
}

impl<'a> Request<'a> {
    /// A request with nothing special about it.
    pub fn new(project: &'a Path, environment: &'a str) -> Self {
        Self {
            project,
            environment,
            evaluate: Evaluate::Auto,
            python: None,
            target_base: None,
            target_home: None,
            secrets: SecretsUse::Decrypt,
            timeout: Duration::from_mins(5),
        }
    }
}

/// An environment cannot be loaded at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no batou project.
    #[error("`{}` is no batou project: it has no `environments` and `components`", project.display())]
    NoProject {
        /// Where it was looked for.
        project: PathBuf,
    },
    /// The project has no such environment; the diagnostic says which there are.
    #[error("{}", .0.message)]
    NoEnvironment(Box<Diagnostic>),
    /// Its `environment.cfg` cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The exact way was asked for and is closed.
    #[error(transparent)]
    Exact(#[from] ExactError),
}

/// Whether a directory is a batou project.
pub fn is_project(directory: &Path) -> bool {
    ["environments", "components"].iter().all(|name| files::what_is(&directory.join(name)) == Is::Directory)
}

/// The environments of a project, sorted (`Environment.all`).
pub fn environments(project: &Path) -> Vec<String> {
    let directory = project.join("environments");
    let names = files::list(&directory).into_iter().flatten();
    let with_file = names.filter(|name| files::what_is(&directory.join(name).join("environment.cfg")) == Is::File);
    with_file.filter_map(|name| name.into_string().ok()).collect()
}

/// Loads one environment: its model and everything that is wrong with its definition.
///
/// # Errors
/// When there is nothing to load, or only the exact way was asked for and it is closed. A definition that batou would
/// refuse is no error: its diagnostics say so.
pub fn load(request: &Request<'_>, monitor: &dyn Monitor) -> Result<(BatouModel, Vec<Diagnostic>), LoadError> {
    if !is_project(request.project) {
        return Err(LoadError::NoProject { project: request.project.to_owned() });
    }
    let project = files::canonical(request.project)?;
    let file = format!("environments/{}/environment.cfg", request.environment);
    let bytes = read_environment(&project, request.environment, &file)?;
    let components = Components::scan(&project);
    let cfg = Cfg::parse(&file, &bytes);
    let (environment, mut native) = Environment::understand(request.environment, &cfg, &components);
    native.extend(components.problems.iter().cloned());
    let request = Request { project: &project, ..request.clone() };
    let (mut model, told) = evaluate(&request, &environment, &components, monitor)?;
    let read = static_reader::input(&file, &bytes);
    if !model.inputs.contains(&read) {
        model.inputs.push(read);
        model.inputs.sort_by(|a, b| a.path.cmp(&b.path));
    }
    let diagnostics = combine(native, told, &model);
    Ok((model, diagnostics))
}

fn evaluate(
    request: &Request<'_>,
    environment: &Environment,
    components: &Components,
    monitor: &dyn Monitor,
) -> Result<(BatouModel, Vec<Diagnostic>), LoadError> {
    let &Request { project, target_base, target_home, .. } = request;
    let literal = Static { project, environment, components, target_base, target_home };
    if request.evaluate == Evaluate::Native {
        return Ok(static_reader::load(&literal));
    }
    monitor.begin(&format!("asking the project's batou about {}", request.environment), None);
    let answer = exact::load(&Exact {
        project,
        environment: request.environment,
        python: request.python,
        target_base,
        target_home,
        secrets: request.secrets,
        timeout: request.timeout,
    });
    monitor.end();
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) if request.evaluate == Evaluate::Exact => Err(error.into()),
        Err(error) => {
            let (model, mut told) = static_reader::load(&literal);
            told.insert(
                0,
                Diagnostic::warning(NO_BATOU, error.to_string())
                    .hint("run `./batou` once, or name a Python that has it"),
            );
            Ok((model, told))
        }
    }
}

fn read_environment(project: &Path, name: &str, file: &str) -> Result<Vec<u8>, LoadError> {
    let plain = !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != "..";
    if plain {
        match files::read(&project.join(file)) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if !error.missing => return Err(error.into()),
            Err(_) => {}
        }
    }
    Err(LoadError::NoEnvironment(Box::new(no_environment(project, name, plain))))
}

fn no_environment(project: &Path, name: &str, plain: bool) -> Diagnostic {
    let existing = environments(project);
    let problem =
        Diagnostic::error(NO_ENVIRONMENT, format!("there is no environment `{name}`")).at(Origin::file("environments"));
    let flat = format!("environments/{name}.cfg");
    if plain && files::what_is(&project.join(&flat)) == Is::File {
        let hint = format!(
            "`{flat}` is the layout of batou 1; `./batou migrate` makes `environments/{name}/environment.cfg` of it"
        );
        return problem.at(Origin::file(flat)).hint(hint);
    }
    match (nearest(name, existing.iter().map(String::as_str)), existing.is_empty()) {
        (_, true) => problem.hint("this project has no environment"),
        (Some(near), _) => problem.hint(format!("did you mean `{near}`? There are: {}", existing.join(", "))),
        (None, _) => problem.hint(format!("there are: {}", existing.join(", "))),
    }
}

/// One list of what both readers of `environment.cfg` say. batou is right about names; the native reader shows the line.
fn combine(mut native: Vec<Diagnostic>, told: Vec<Diagnostic>, model: &BatouModel) -> Vec<Diagnostic> {
    const BOTH: [Code; 4] = [NO_ENVIRONMENT, BAD_ENVIRONMENT_SYNTAX, UNKNOWN_COMPONENT, BAD_SETTING];
    let is_error = |problem: &Diagnostic, code| problem.severity == Severity::Error && problem.code == code;
    let asked = model.batou_version.is_some();
    if asked && !model.errors.iter().any(|error| error.phase == "load") {
        // batou loaded the environment, so every component it names exists, however it came to be.
        native.retain(|problem| !is_error(problem, UNKNOWN_COMPONENT));
    }
    let shown = |code: Code| native.iter().any(|problem| is_error(problem, code));
    let new: Vec<_> =
        told.into_iter().filter(|problem| !(BOTH.contains(&problem.code) && shown(problem.code))).collect();
    native.extend(new);
    native
}
