//! `Buildout`: a buildout in the working directory (`batou/lib/buildout.py`).
//!
//! batou looks at `bin/buildout` (presence), at the ages of `.installed.cfg` and of its own marker, and at changes of
//! the configuration in this very run; never at what buildout made. What that is comes from the configuration and
//! buildout's own notes: rule `buildout`.

use super::{Component, Context};
use crate::{
    definition::{
        batou::model::Node,
        buildout::{self, Dialect, MemorySources, NoRecipes, Request, TargetFacts},
    },
    expect::{
        buildout::{self as expect_buildout, Inside, Place},
        derive::buildout::{Configuration, Runs},
    },
    model::{
        artifact::{Content, Expected, Force, Vigilance},
        content::Blob,
        eval::{Eval, Why, WhyKind},
        manifest::Depth,
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
        let mut files = vec![config.clone()];
        match node.texts("config_files") {
            Eval::Known(more) => files.extend(more.iter().map(|path| directory.join(path))),
            Eval::Unknown(why) => return context.opaque(why),
        }
        let Some(sources) = sources(&files, context) else { return };
        self.resolve(node, context, &directory, &config, &sources, marker);
    }
}

impl Buildout {
    /// Works out the configuration and adds the buildout with its parts to the manifest.
    fn resolve(
        &self,
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
            recipes: &NoRecipes,
        };
        let (resolved, diagnostics) = buildout::resolve(&request, sources);
        context.manifest.diagnostics.extend(diagnostics);
        let place = Place {
            host: context.host.clone(),
            directory: directory.clone(),
            config: file.to_owned(),
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
                deployer: DeployerId("batou".into()),
                runs: Runs::AfterForcing(vec![Force::Remove(marker)]),
            };
            expect_buildout::add(context.manifest, configuration, &place, &inside)
        });
        if let Err(error) = added {
            context.opaque(Why::new(WhyKind::NotModelled, format!("its configuration cannot be handed on: {error}")));
        }
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

/// The rendered configuration files; `None` if one is not known, which makes the unit opaque.
fn sources(files: &[TargetPath], context: &mut Context<'_>) -> Option<MemorySources> {
    let mut sources = MemorySources::new();
    for path in files {
        let text = match context.claims.get_mut(path).map(|claim| &claim.expected) {
            Some(Expected::File(Content::Bytes(bytes))) => bytes.text().map(str::to_owned),
            _ => None,
        };
        let (Some(text), Some(name)) = (text, path.as_str()) else {
            context.opaque(Why::new(WhyKind::NotModelled, format!("the text of {path} is not known")));
            return None;
        };
        sources = sources.with(name, text);
    }
    Some(sources)
}
