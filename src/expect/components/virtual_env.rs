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
    expect::environment::{self, Environment},
    model::{
        artifact::{Force, Mend, Vigilance},
        eval::Eval,
        unit::UnitKind,
    },
};
use std::collections::BTreeMap;

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
        let content = Mend { force, replaces, ..Mend::new(Vigilance::Nothing, Vigilance::Nothing) };
        // A package whose metadata is gone is installed again by itself.
        let absent = Mend { vigilance: Vigilance::Absence, ..content.clone() };
        let python = node.text("version").known().copied().flatten();
        environment::derive(
            context,
            &directory,
            python,
            &Environment { distributions: packages(node), content, absent },
        );
    }
}

/// The packages of an environment with their versions, as far as they are known.
fn packages(node: &Node) -> BTreeMap<String, String> {
    let known = |package: &Node| match (package.text("package"), package.text("version")) {
        (Eval::Known(Some(name)), Eval::Known(Some(version))) => Some((name.to_owned(), version.to_owned())),
        _ => None,
    };
    node.children.iter().filter(|child| child.kind == "Package").filter_map(known).collect()
}
