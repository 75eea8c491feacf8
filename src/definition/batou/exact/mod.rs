//! The exact way: the project's own batou configures the environment and tells what it would deploy.
//!
//! Takes a project and an environment; gives the model with what is wrong with it. Runs project code, so it is for
//! trusted checkouts only. Nothing is written: the probe (`probe.py`, protocol in `PROTOCOL.md`) comes through standard
//! input, refuses writes, processes and network by an audit hook, and runs in a read-only sandbox of bubblewrap where
//! there is one.
//!
//! The probe runs twice, with the two opposite orders in which batou may meet its root components; what differs is
//! marked as depending on that accident ([`merge`]).

pub mod merge;
mod python;
mod sandbox;
pub mod tell;

use super::model::{self, BatouModel, ModelError};
use crate::io::process::{self, Output, Run, RunError};
use crate::model::{code::ORDER_DEPENDENT, diagnostic::Diagnostic};
pub use python::library;
use sandbox::Sandbox;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The probe.
const PROBE: &str = include_str!("probe.py");

/// What to configure, and with what.
#[derive(Debug, Clone)]
pub struct Exact<'a> {
    /// The checkout.
    pub project: &'a Path,
    /// The environment.
    pub environment: &'a str,
    /// The Python to use instead of the one that would be found.
    pub python: Option<&'a Path>,
    /// Where the deployment is on the target, if the definition does not tell.
    pub target_base: Option<&'a str>,
    /// Home directory of the service user on the target.
    pub target_home: Option<&'a str>,
    /// Whether to decrypt secrets as far as the keys at hand allow.
    pub secrets: SecretsUse,
    /// How long one run may take.
    pub timeout: Duration,
}

/// Whether secrets are decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretsUse {
    /// As far as the keys at hand allow; contents are kept as digests only.
    #[default]
    Decrypt,
    /// Not at all.
    Skip,
}

/// The exact way is closed.
#[derive(Debug, thiserror::Error)]
pub enum ExactError {
    /// No Python was found that has batou.
    #[error("no Python with batou was found for this project; tried {}", list(tried))]
    NoPython {
        /// What was tried, and why it did not do.
        tried: Vec<Tried>,
    },
    /// The probe failed although batou was there.
    #[error("asking the project's batou failed: {message}")]
    Crashed {
        /// Its own words.
        message: String,
    },
    /// It did not end.
    #[error("asking the project's batou failed: {0}")]
    Run(#[from] RunError),
    /// It said something that is not understood.
    #[error("asking the project's batou failed: {0}")]
    Model(#[from] ModelError),
}

/// A Python that did not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The interpreter.
    pub python: PathBuf,
    /// Why it cannot be used.
    pub reason: String,
}

fn list(tried: &[Tried]) -> String {
    let one = |tried: &Tried| format!("`{}` ({})", tried.python.display(), tried.reason);
    tried.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Asks the project's batou.
///
/// # Errors
/// When no usable Python is there, or the probe fails as a whole. Errors of the definition are no errors here: they are
/// in the model and among the diagnostics.
pub fn load(what: &Exact<'_>) -> Result<(BatouModel, Vec<Diagnostic>), ExactError> {
    let mut tried = Vec::new();
    let sandbox = Sandbox::find(what);
    for python in python::candidates(what) {
        if let Err(reason) = python::has_batou(&python, what.project) {
            tried.push(Tried { python, reason });
            continue;
        }
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| ask(what, &python, sandbox, 1));
            let first = ask(what, &python, sandbox, 0);
            (first, second.join().expect("asking does not panic"))
        });
        let first = first?;
        if first.batou_version.is_none() && !first.errors.is_empty() {
            // Its batou cannot be imported: perhaps it is damaged itself. The next one may do.
            let reason = first.errors.first().map(|error| error.message.clone()).unwrap_or_default();
            tried.push(Tried { python, reason });
            continue;
        }
        if let Some(crash) = first.errors.iter().find(|error| error.phase == "probe") {
            return Err(ExactError::Crashed { message: format!("{}: {}", crash.class, crash.message) });
        }
        return Ok(settle(what, first, second));
    }
    Err(ExactError::NoPython { tried })
}

/// One model of both runs, and what is wrong with it.
fn settle(
    what: &Exact<'_>,
    mut model: BatouModel,
    second: Result<BatouModel, ExactError>,
) -> (BatouModel, Vec<Diagnostic>) {
    let mut diagnostics = match second {
        Ok(second) => merge::merge(&mut model, &second),
        Err(error) => {
            let text = format!("whether anything depends on batou's random order was not checked: {error}");
            vec![Diagnostic::warning(ORDER_DEPENDENT, text)]
        }
    };
    diagnostics.extend(tell::diagnostics(&model));
    diagnostics.extend(python::other_version(what.project, model.batou_version.as_deref()));
    (model, diagnostics)
}

/// One run of the probe.
fn ask(what: &Exact<'_>, python: &Path, sandbox: Sandbox, order: u8) -> Result<BatouModel, ExactError> {
    let (program, mut arguments) = sandbox.wrap(python);
    arguments.extend(arguments_of(what, order));
    let output = process::run(&Run {
        program: &program,
        arguments,
        directory: what.project,
        environment: vec![("APPENV_BASEDIR".into(), what.project.display().to_string())],
        input: PROBE.as_bytes(),
        timeout: what.timeout,
    })?;
    match model::parse(&output.stdout) {
        Ok(model) => Ok(model),
        Err(error @ ModelError::Format { .. }) => Err(error.into()),
        Err(error @ ModelError::Json(_)) => Err(explain(&output, error)),
    }
}

/// No JSON came: what Python said last is the reason, if it said anything.
fn explain(output: &Output, error: ModelError) -> ExactError {
    let said = String::from_utf8_lossy(&output.stderr);
    let Some(last) = said.lines().rev().find(|line| !line.trim().is_empty()) else { return error.into() };
    let code = output.code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
    ExactError::Crashed { message: format!("{last} ({code})") }
}

fn arguments_of(what: &Exact<'_>, order: u8) -> Vec<String> {
    // -I: neither PYTHON* variables nor the working directory decide what is imported. -B: no bytecode is written.
    let mut arguments: Vec<String> = ["-B", "-I", "-", "--order"].map(str::to_owned).into();
    arguments.push(order.to_string());
    for (option, value) in [("--target-base", what.target_base), ("--target-home", what.target_home)] {
        arguments.extend(value.map(|value| format!("{option}={value}")));
    }
    if what.secrets == SecretsUse::Skip {
        arguments.push("--secrets=skip".to_owned());
    }
    arguments.push("--".to_owned());
    arguments.push(what.environment.to_owned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(project: &Path) -> Exact<'_> {
        Exact {
            project,
            environment: "-dev",
            python: None,
            target_base: Some("/srv/s-x/deployment"),
            target_home: None,
            secrets: SecretsUse::Skip,
            timeout: Duration::from_secs(5),
        }
    }

    #[test]
    fn an_environment_with_a_dash_is_no_option() {
        let arguments = arguments_of(&exact(Path::new("/p")), 1);
        assert_eq!(
            arguments,
            ["-B", "-I", "-", "--order", "1", "--target-base=/srv/s-x/deployment", "--secrets=skip", "--", "-dev"]
        );
    }

    #[test]
    fn without_a_python_it_is_said_what_was_tried() {
        let python = Path::new("/nonexistent/python");
        let error =
            load(&Exact { python: Some(python), ..exact(Path::new("/")) }).expect_err("there is no such Python");
        let text = error.to_string();
        assert!(matches!(error, ExactError::NoPython { .. }), "{text}");
        assert!(text.contains("`/nonexistent/python` (it does not exist)"), "{text}");
    }
}
