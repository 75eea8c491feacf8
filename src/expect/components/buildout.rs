//! `Buildout`: a buildout in the working directory (`batou/lib/buildout.py`).
//!
//! batou looks at `bin/buildout` (presence), at the ages of `.installed.cfg` and of its own marker, and at changes of
//! the configuration in this very run; never at what buildout made. Without `.installed.cfg` it runs buildout, which
//! then makes every part anew. What the parts are comes from the rendered configuration: [`crate::expect::buildout`].

use super::{Component, Context};
use crate::{
    definition::{
        batou::model::Node,
        buildout::{self as definition, Dialect, MemorySources, NoRecipes, TargetFacts},
    },
    expect::{
        buildout::{Inside, Place, add},
        derive::buildout::{Configuration, Runs},
    },
    model::{
        artifact::{Content, Expected, Force, Vigilance},
        content::Blob,
        eval::{Why, WhyKind},
        path::TargetPath,
        unit::UnitKind,
    },
};
use std::collections::BTreeMap;

/// `Buildout`.
pub(super) struct Buildout;

impl Component for Buildout {
    fn kinds(&self) -> &'static [&'static str] {
        &["Buildout"]
    }

    fn unit(&self, _node: &Node) -> Option<UnitKind> {
        Some(UnitKind::Buildout)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let directory = context.workdir(node);
        let marker = directory.join(".batou.buildout.success");
        let claim = context.claim(node, Expected::File(Content::Bytes(Blob::default()))).noticed(Vigilance::Age);
        context.claims.put(marker, claim);
        let Some(config) = context.needed(node, "config_file") else { return };
        let config = directory.join(config);
        if let Err(why) = hand_over(node, directory, &config, context) {
            context.opaque(why);
        }
    }
}

/// Resolves the rendered configuration and adds the buildout's parts to the manifest.
fn hand_over(node: &Node, directory: TargetPath, config: &TargetPath, context: &mut Context<'_>) -> Result<(), Why> {
    let Some(config) = config.as_str() else {
        return Err(Why::new(WhyKind::NotModelled, format!("the name of {config} is no text")));
    };
    let sources = rendered(context);
    let text = |name: &str| node.text(name).known().copied().flatten().map(str::to_owned);
    let version = text("version");
    let request = definition::Request {
        directory: &directory.display(),
        config,
        command_line: &[],
        facts: &facts(version.clone(), context),
        dialect: version.as_deref().and_then(Dialect::of_version).unwrap_or_default(),
        user_defaults: None,
        assume: &BTreeMap::new(),
        recipes: &NoRecipes,
    };
    let (resolved, diagnostics) = definition::resolve(&request, &sources);
    context.manifest.diagnostics.extend(diagnostics);
    let not_understood =
        |error| Why::new(WhyKind::NotModelled, format!("the configuration is not understood: {error}"));
    let configuration = Configuration::of(&resolved).map_err(not_understood)?;
    let notes = directory.join(".installed.cfg");
    let place = Place {
        host: context.host.clone(),
        environment: Some(directory.clone()),
        directory,
        config: config.to_owned(),
        executable: None,
        python: text("python").filter(|version| version.contains('.')),
        version,
    };
    let inside = Inside {
        unit: context.unit.clone(),
        parent: None,
        deployer: super::super::batou::deployer_id(),
        runs: Runs::AfterForcing(vec![Force::Remove(notes)]),
    };
    add(context.manifest, configuration, &place, &inside).map_err(not_understood)
}

/// What is known about the machine that runs buildout.
fn facts(buildout_version: Option<String>, context: &Context<'_>) -> TargetFacts {
    TargetFacts {
        os_name: Some("posix".into()),
        home: context.model.target.home.clone(),
        buildout_version,
        ..TargetFacts::default()
    }
}

/// Every file that this root has rendered so far: the configuration may extend any of them.
fn rendered(context: &Context<'_>) -> MemorySources {
    let mut sources = MemorySources::new();
    for (path, claim) in context.claims.iter() {
        if let (Some(path), Expected::File(Content::Bytes(bytes))) = (path.as_str(), &claim.expected) {
            sources = sources.with(path, bytes.0.clone());
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use crate::{
        definition::batou::model::{BatouModel, parse},
        expect::batou::{Project, manifest},
        model::unit::UnitId,
    };
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::json;

    fn model(config: &str) -> BatouModel {
        let work = "/srv/app/work/web";
        let content = json!({"sha256": "0".repeat(64), "size": config.len(), "b64": STANDARD.encode(config)});
        let path = format!("{work}/buildout.cfg");
        let file = json!({"kind": "Content", "path": path, "content": content, "workdir": work});
        let buildout = json!({
            "kind": "Buildout", "breadcrumb": "Web > Buildout", "workdir": work, "sub": [file],
            "attrs": {"config_file": path, "version": "3.0.1", "python": "3"},
        });
        let tree = json!({"kind": "Container", "breadcrumb": "Web", "workdir": work, "sub": [buildout]});
        let root = json!({
            "id": "h/web", "host": "h", "name": "web", "workdir": work, "configured": true, "tree": tree,
        });
        let text = json!({"probe_format": 1, "hosts": [{"name": "h"}], "roots": [root]}).to_string();
        parse(text.as_bytes()).expect("it is a model")
    }

    #[test]
    fn a_rendered_configuration_becomes_units_of_parts_inside_the_root() {
        let config = "[buildout]\nparts = app\n\n[app]\nrecipe = zc.recipe.egg\neggs = app\n";
        let manifest = manifest(&model(config), &Project::default());
        let unit = |id: &str| manifest.unit(&UnitId(id.to_owned()));
        let buildout = unit("h/web#buildout").expect("the buildout is a unit");
        assert_eq!(buildout.parent, Some(UnitId("h/web".into())));
        assert!(buildout.opaque.is_none(), "{:?}", buildout.opaque);
        assert!(unit("h/web#buildout:app").is_some_and(|part| part.deployer == buildout.deployer));
        assert!(manifest.derivations.iter().any(|derivation| derivation.rule == "buildout"));
    }
}
