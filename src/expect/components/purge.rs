//! `Purge`: what matches a pattern is removed (`batou/lib/file.py`, `Purge`).

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    expect::derive::purge,
    model::{
        artifact::Expected,
        eval::{Why, WhyKind},
    },
};

/// `Purge`.
pub(super) struct Purge;

impl Component for Purge {
    fn kinds(&self) -> &'static [&'static str] {
        &["Purge"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let claim = context.claim(node, Expected::Absent);
        if !purge::is_pattern(path.as_bytes()) {
            return context.claims.put(path, claim);
        }
        let written = node.path.as_deref().unwrap_or_default();
        if written.split('/').any(|part| part == "..") {
            // What the links in front of it lead to decides.
            return context.opaque(Why::new(WhyKind::NotModelled, format!("what matches `{written}` is removed")));
        }
        // What components before this one made and it removes again.
        let pattern = purge::Pattern { path, directories: written.ends_with('/') };
        let removed = context.claims.iter().map(|(path, _)| path).filter(|path| pattern.matches(path));
        for path in removed.cloned().collect::<Vec<_>>() {
            context.claims.put(path, claim.clone());
        }
        let input = purge::Input { pattern, origin: node.origin() };
        context.derive(purge::RULE, serde_json::to_value(input).expect("paths and flags serialise"));
    }
}
