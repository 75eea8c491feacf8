//! `Buildout`: a buildout in the working directory (`batou/lib/buildout.py`).
//!
//! batou looks at `bin/buildout` (presence), at the ages of `.installed.cfg` and of its own marker, and at changes of
//! the configuration in this very run; never at what buildout made. What that is comes from the configuration and
//! buildout's own notes: rule `buildout`.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Content, Expected, Vigilance},
        content::Blob,
        eval::{Eval, Why, WhyKind},
        manifest::Depth,
        path::TargetPath,
        unit::UnitKind,
    },
};
use serde_json::{Value, json};

/// The name of the rule in [`crate::expect::derive::RULES`].
const RULE: &str = "buildout";

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
        let Some(texts) = texts(&files, context) else { return };
        context.look(directory.clone(), Depth::Whole, &[".installed.cfg"]);
        context.derive(
            RULE,
            json!({
                "directory": directory,
                "config": config,
                "texts": texts,
                "python": node.attributes.get("python"),
                "version": node.attributes.get("version"),
                "marker": marker,
            }),
        );
    }
}

/// The rendered configuration files by path; `None` if one is not known, which makes the unit opaque.
fn texts(files: &[TargetPath], context: &mut Context<'_>) -> Option<Value> {
    let mut texts = serde_json::Map::new();
    for path in files {
        let text = match context.claims.get_mut(path).map(|claim| &claim.expected) {
            Some(Expected::File(Content::Bytes(bytes))) => bytes.text().map(str::to_owned),
            _ => None,
        };
        let Some(text) = text else {
            context.opaque(Why::new(WhyKind::NotModelled, format!("the text of {path} is not known")));
            return None;
        };
        texts.insert(path.to_string(), Value::String(text));
    }
    Some(Value::Object(texts))
}
