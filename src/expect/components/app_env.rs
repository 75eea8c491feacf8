//! `AppEnv`: a Python environment named by a hash of its lock file (`batou/lib/appenv.py`).
//!
//! The environment counts as sound while `appenv.ready` exists; nothing else in it is looked at. Without the marker it
//! is deleted and made anew. Its links and the text of the lock file are ordinary sub-components. `configure` reads the
//! link `.appenv/current`, so anything else in that place stops the whole deployment.

use super::{Component, Context};
use crate::{
    definition::{
        batou::model::{Node, Rendered},
        requirements,
    },
    expect::environment,
    model::{
        artifact::{Aborts, Expected, Force, Mend, Ownership, Vigilance},
        code::STOPS_ALL,
        eval::Eval,
        path::TargetPath,
        unit::UnitKind,
    },
};
use std::collections::BTreeMap;

/// `AppEnv` and its parts.
pub(super) struct AppEnv;

impl Component for AppEnv {
    fn kinds(&self) -> &'static [&'static str] {
        &["AppEnv", "AppEnvCleanup", "AppEnvRequirements", "AppEnvVirtualEnv"]
    }

    fn unit(&self, node: &Node) -> Option<UnitKind> {
        (node.kind == "AppEnv").then_some(UnitKind::PythonEnvironment)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        if node.kind != "AppEnv" {
            return;
        }
        let workdir = context.workdir(node);
        put_collection(node, &workdir.join(".appenv"), context);
        let Some(environment) = context.needed(node, "env_dir") else { return };
        let environment = workdir.join(environment);
        let ready = environment.join("appenv.ready");
        for path in [&environment, &ready] {
            if let Some(claim) = context.claims.get_mut(path) {
                claim.mend.replaces = vec![environment.clone()];
            }
        }
        let content = Mend {
            force: vec![Force::Remove(ready)],
            replaces: vec![environment.clone()],
            ..Mend::new(Vigilance::Nothing, Vigilance::Nothing)
        };
        let python = node.text("python_version").known().copied().flatten();
        let known = environment::Environment { distributions: locked(node), absent: content.clone(), content };
        environment::derive(context, &environment, python, &known);
    }
}

/// `.appenv`: batou removes every environment in it but this one and the one before, which `current` names.
fn put_collection(node: &Node, collection: &TargetPath, context: &mut Context<'_>) {
    let claim = context.claim(node, Expected::Directory { ownership: Ownership::Complete });
    context.claims.put(collection.clone(), claim.made_when_absent());
    if let Some(current) = context.claims.get_mut(&collection.join("current")) {
        current.mend.aborts = Aborts::OnWrongKind;
        current.add_hazard(
            STOPS_ALL,
            "batou reads this link while it configures; anything else there stops the deployment",
        );
    }
}

/// The distributions that the lock file pins without a condition.
fn locked(node: &Node) -> BTreeMap<String, String> {
    let Some(Eval::Known(Rendered::Bytes(bytes))) = node.rendered("lock").map(|lock| lock.eval()) else {
        return BTreeMap::new();
    };
    requirements::unconditional(bytes.text().unwrap_or_default())
}
