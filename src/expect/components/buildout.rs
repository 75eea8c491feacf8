//! `Buildout`: a buildout in the working directory (`batou/lib/buildout.py`).
//!
//! batou looks at `bin/buildout` (presence), at the ages of `.installed.cfg` and of its own marker, and at changes of
//! the configuration in this very run; never at what buildout made. What that is comes from the configuration and
//! buildout's own notes: rule `buildout`.

use super::{Component, Context};
use crate::{
    definition::{
        batou::model::Node,
        buildout::{self, Dialect, MemorySources, Request, TargetFacts},
    },
    expect::{
        buildout::{self as expect_buildout, Inside, Place},
        derive::buildout::{Configuration, Runs},
        recipes::KnownRecipes,
    },
    model::{
        artifact::{Content, Expected, Force, Vigilance},
        content::Blob,
        eval::{Eval, Why, WhyKind},
        path::TargetPath,
        unit::{DeployerId, UnitKind},
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
        context.claims.put(marker.clone(), claim);
        let Some(config) = context.needed(node, "config_file") else { return };
        let config = directory.join(config);
        let Some(sources) = sources(&config, context) else { return };
        resolve(node, context, &directory, &config, &sources, marker);
    }
}

/// Works out the configuration and adds the buildout with its parts to the manifest.
fn resolve(
    node: &Node,
    context: &mut Context<'_>,
    directory: &TargetPath,
    config: &TargetPath,
    sources: &MemorySources,
    marker: TargetPath,
) {
    let version = known_text(node, "version");
    let facts = facts(version.clone());
    let (Some(start), Some(file)) = (directory.as_str(), config.as_str()) else {
        context.opaque(Why::new(WhyKind::NotModelled, "its directory is not text"));
        return;
    };
    let request = Request {
        directory: start,
        config: file,
        command_line: &[],
        facts: &facts,
        dialect: version.as_deref().and_then(Dialect::of_version).unwrap_or_default(),
        user_defaults: None,
        assume: &BTreeMap::new(),
        recipes: &KnownRecipes,
    };
    let (resolved, diagnostics) = buildout::resolve(&request, sources);
    context.manifest.diagnostics.extend(diagnostics);
    let place = Place {
        host: context.host.clone(),
        directory: directory.clone(),
        config: file.to_owned(),
        program: None,
        user: None,
        arguments: Vec::new(),
        environment: Some(directory.clone()),
        executable: None,
        python: known_text(node, "python").filter(|python| python.contains('.')),
        version,
    };
    let added = Configuration::of(&resolved).and_then(|configuration| {
        let unit = context.manifest.units.iter().find(|unit| unit.id == context.unit);
        let inside = Inside {
            unit: context.unit.clone(),
            parent: unit.and_then(|unit| unit.parent.clone()),
            deployer: DeployerId::from("batou"),
            runs: Runs::AfterForcing(vec![Force::Remove(marker)]),
        };
        expect_buildout::add(context.manifest, configuration, &place, &inside)
    });
    if let Err(error) = added {
        context.opaque(Why::new(WhyKind::NotModelled, format!("its configuration cannot be handed on: {error}")));
    }
}

fn known_text(node: &Node, attribute: &str) -> Option<String> {
    match node.text(attribute) {
        Eval::Known(text) => text.map(str::to_owned),
        Eval::Unknown(_) => None,
    }
}

/// What holds for every target of batou: it runs on Unix only (`batou/lib` calls chmod, links and rsync throughout).
fn facts(version: Option<String>) -> TargetFacts {
    TargetFacts { os_name: Some("posix".into()), buildout_version: version, ..TargetFacts::default() }
}

/// Every file that this root has made so far, as the configuration may extend any of them; `None` if the configuration
/// itself is not known, which makes the unit opaque.
fn sources(config: &TargetPath, context: &mut Context<'_>) -> Option<MemorySources> {
    let mut sources = MemorySources::new();
    let mut found = false;
    for (path, claim) in context.claims.iter() {
        let (Some(name), Expected::File(content)) = (path.as_str(), &claim.expected) else { continue };
        let bytes = match content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Digest { digest, .. } => context.project.configurations.get(digest),
            Content::Unordered { .. } | Content::Unknown(_) => None,
        };
        found |= path == config && bytes.is_some();
        sources = match bytes {
            Some(bytes) => sources.with(name, bytes.0.clone()),
            None => sources.withholding(name, "what batou writes there is not known"),
        };
    }
    if !found {
        context.opaque(Why::new(WhyKind::NotModelled, format!("the text of {config} is not known")));
    }
    found.then_some(sources)
}

#[cfg(test)]
mod tests {
    use crate::{
        definition::batou::model::{BatouModel, parse},
        expect::batou::{Project, manifest},
        model::{
            content::{Algorithm, Blob},
            eval::Eval,
            hasher::digest_of,
            observation::{Kind, Member},
            unit::UnitId,
        },
    };
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::json;
    use std::collections::BTreeMap;

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
    fn a_configuration_may_extend_what_a_directory_component_copies() {
        let mut model = model("[buildout]\nextends = profiles/base.cfg\n");
        let work = "/srv/app/work/web";
        let copy = json!({
            "kind": "SyncDirectory", "path": format!("{work}/profiles"), "workdir": work,
            "attrs": {"source": "/srv/app/components/web/profiles", "exclude": []},
        });
        let tree = model.roots[0].tree.as_mut().expect("there is one");
        tree.children.insert(0, serde_json::from_value(copy).expect("it is a node"));
        model.target.base = "/srv/app".into();
        let base = Blob::from("[buildout]\nparts = app\n\n[app]\nrecipe = zc.recipe.egg\neggs = app\n");
        let digest = digest_of(Algorithm::Sha256, &base.0);
        let member = Member {
            path: "base.cfg".into(),
            kind: Kind::File,
            mode: 0o644,
            digest: Some(digest.clone()),
            size: None,
            target: None,
        };
        let sources = [("components/web/profiles".to_owned(), Eval::Known(vec![member]))].into();
        let read = Project { sources, configurations: [(digest, base)].into(), ..Project::default() };
        let known = manifest(&model, &read);
        assert!(known.unit(&UnitId::from("h/web#buildout:app")).is_some(), "{:?}", known.diagnostics);
        let unread = manifest(&model, &Project { configurations: BTreeMap::new(), ..read });
        let messages: Vec<_> = unread.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
        assert!(messages.iter().any(|message| message.contains("is not known")), "{messages:?}");
    }

    #[test]
    fn a_rendered_configuration_becomes_units_of_parts_inside_the_root() {
        let config = "[buildout]\nparts = app\n\n[app]\nrecipe = zc.recipe.egg\neggs = app\n";
        let manifest = manifest(&model(config), &Project::default());
        let unit = |id: &str| manifest.unit(&UnitId::from(id));
        let buildout = unit("h/web#buildout").expect("the buildout is a unit");
        assert_eq!(buildout.parent, Some(UnitId::from("h/web")));
        assert!(buildout.opaque.is_none(), "{:?}", buildout.opaque);
        assert!(unit("h/web#buildout:app").is_some_and(|part| part.deployer == buildout.deployer));
        assert!(manifest.derivations.iter().any(|derivation| derivation.rule == "buildout"));
    }
}
