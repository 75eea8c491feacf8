//! A Python environment, handed to the rule that verifies it by its distributions' RECORDs.

use super::context::Context;
use super::derive::python_environment::{CAPTURE, NAME};
use crate::model::artifact::Mend;
use crate::model::manifest::{Depth, Derivation, Look};
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, UnitId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is known about an environment besides its place.
pub(crate) struct Environment {
    /// Name to version of the distributions that are declared.
    pub(crate) distributions: BTreeMap<String, String>,
    /// How any file of it is made anew.
    pub(crate) content: Mend,
    /// How a declared distribution that is gone is made anew.
    pub(crate) absent: Mend,
}

/// Hands the environment of a component to the rule.
pub(crate) fn derive(
    context: &mut Context<'_>,
    directory: &TargetPath,
    python: Option<&str>,
    environment: &Environment,
) {
    context.look(directory.clone(), Depth::Whole, CAPTURE);
    let mut input = input(directory, environment);
    // `3` names an interpreter, but not the directory of its modules.
    if let Some(version) = python.filter(|version| version.contains('.')) {
        input["python"] = version.into();
    }
    context.derive(NAME, input);
}

/// How a scan looks at environments that lie in a directory, whose names are not known.
pub(crate) fn look_at_all(host: &HostName, directory: &TargetPath) -> Look {
    let capture = CAPTURE.iter().map(|glob| format!("*/{glob}")).collect();
    Look { capture, ..Look::new(host, directory.clone(), Depth::Whole) }
}

/// What the rule is asked about an environment that was found in what a scan looked at.
pub(crate) fn found(host: &HostName, unit: &UnitId, directory: &TargetPath, environment: &Environment) -> Derivation {
    let input = input(directory, environment);
    Derivation { host: host.clone(), unit: unit.clone(), rule: NAME.into(), input }
}

/// An environment in the words of the rule's input.
fn input(directory: &TargetPath, environment: &Environment) -> Value {
    let wanted = |(name, version): (&String, &String)| (name.clone(), json!({ "version": version }));
    let distributions: serde_json::Map<_, _> = environment.distributions.iter().map(wanted).collect();
    json!({
        "directory": directory,
        "distributions": distributions,
        "skeleton": environment.content,
        "content": environment.content,
        "absent": environment.absent,
        "remove_first": false,
    })
}
