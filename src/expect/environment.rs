//! A Python environment that a component makes, handed to the rule that verifies it by its distributions' RECORDs.

use super::context::Context;
use super::derive::python_environment::{CAPTURE, NAME};
use crate::model::artifact::Mend;
use crate::model::manifest::Depth;
use crate::model::path::TargetPath;
use serde_json::json;
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

/// Hands an environment to the rule, in its input's words.
pub(crate) fn derive(
    context: &mut Context<'_>,
    directory: &TargetPath,
    python: Option<&str>,
    environment: &Environment,
) {
    context.look(directory.clone(), Depth::Whole, CAPTURE);
    let wanted = |(name, version): (&String, &String)| (name.clone(), json!({ "version": version }));
    let distributions: serde_json::Map<_, _> = environment.distributions.iter().map(wanted).collect();
    let mut input = json!({
        "directory": directory,
        "distributions": distributions,
        "skeleton": environment.content,
        "content": environment.content,
        "absent": environment.absent,
        "remove_first": false,
    });
    // `3` names an interpreter, but not the directory of its modules.
    if let Some(version) = python.filter(|version| version.contains('.')) {
        input["python"] = version.into();
    }
    context.derive(NAME, input);
}
