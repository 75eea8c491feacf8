//! `VirtualEnv` and its `Package`s: a Python environment in the working directory (`batou/lib/python.py`).
//!
//! `verify` runs `bin/python` (its version, `import pip`) and, for each package, looks at the version of its metadata
//! and imports it. Damaged modules, scripts and `bin/pip` are not noticed; a package whose metadata is there but whose
//! module is gone is noticed every time and never repaired. Without `bin/python` batou deletes `bin`, `lib` and
//! `include`, makes the environment anew and installs every package again. What the files are is told by the
//! distributions' own RECORDs: rule `python-environment`.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Aborts, Force, Mend, Vigilance},
        eval::Eval,
        manifest::Depth,
        path::TargetPath,
        unit::UnitKind,
    },
};
use serde_json::json;
use std::collections::BTreeMap;

/// The name of the rule in [`crate::expect::derive::RULES`].
pub(super) const RULE: &str = "python-environment";

/// What a scan keeps of an environment as evidence.
pub(super) const CAPTURE: &[&str] = &[
    "**/*.dist-info/RECORD",
    "**/*.dist-info/METADATA",
    "**/*.dist-info/entry_points.txt",
    "**/*.dist-info/direct_url.json",
    "**/*.dist-info/namespace_packages.txt",
    "pyvenv.cfg",
];

/// `VirtualEnv` and what is in it.
pub(super) struct VirtualEnv;

impl Component for VirtualEnv {
    fn kinds(&self) -> &'static [&'static str] {
        &["Package", "VirtualEnv", "VirtualEnvBase", "VirtualEnvDownload"]
    }

    fn unit(&self, node: &Node) -> Option<UnitKind> {
        (node.kind == "VirtualEnv").then_some(UnitKind::PythonEnvironment)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        if node.kind != "VirtualEnv" {
            return;
        }
        let directory = context.workdir(node);
        let mut force = vec![Force::Remove(directory.join("bin/python"))];
        if context.is_inside(UnitKind::Buildout) {
            // `bin` is wiped with buildout's scripts in it; without its notes buildout makes all of them again.
            force.push(Force::Remove(directory.join(".installed.cfg")));
        }
        let replaces = ["bin", "include", "lib", ".Python"].map(|name| directory.join(name)).into();
        let content = Mend {
            vigilance: Vigilance::Nothing,
            metadata: Vigilance::Nothing,
            force,
            aborts: Aborts::Never,
            replaces,
            hazards: Vec::new(),
        };
        // A package whose metadata is gone is installed again by itself.
        let absent = Mend { vigilance: Vigilance::Absence, ..content.clone() };
        let python = node.text("version").known().copied().flatten();
        derive(context, &directory, python, &Environment { distributions: packages(node), content, absent });
    }
}

/// What is known about an environment besides its place.
pub(super) struct Environment {
    /// Name to version of the distributions that are declared.
    pub(super) distributions: BTreeMap<String, String>,
    /// How any file of it is made anew.
    pub(super) content: Mend,
    /// How a declared distribution that is gone is made anew.
    pub(super) absent: Mend,
}

/// Hands an environment to the rule, in its input's words.
pub(super) fn derive(
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
    context.derive(RULE, input);
}

/// The packages of an environment with their versions, as far as they are known.
fn packages(node: &Node) -> BTreeMap<String, String> {
    let known = |package: &Node| match (package.text("package"), package.text("version")) {
        (Eval::Known(Some(name)), Eval::Known(Some(version))) => Some((name.to_owned(), version.to_owned())),
        _ => None,
    };
    node.children.iter().filter(|child| child.kind == "Package").filter_map(known).collect()
}
