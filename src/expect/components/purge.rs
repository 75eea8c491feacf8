//! `Purge`: what matches a pattern is removed (`batou/lib/file.py`, `Purge`).

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
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
        if path.as_bytes().iter().any(|byte| b"*?[".contains(byte)) {
            let text = format!("what matches `{path}` is removed; patterns are not checked");
            return context.opaque(Why::new(WhyKind::NotModelled, text));
        }
        let claim = context.claim(node, Expected::Absent);
        context.claims.put(path, claim);
    }
}
