//! `Symlink`: an absolute link (`batou/lib/file.py`, `Symlink`).
//!
//! `verify` compares kind and target; `update` moves whatever is there away and deletes it, however much it is.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::Expected,
        code::DELETES_DIRECTORY,
        content::Blob,
        eval::{Eval, Why, WhyKind},
    },
};

/// `Symlink`.
pub(super) struct Symlink;

impl Component for Symlink {
    fn kinds(&self) -> &'static [&'static str] {
        &["Symlink"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let target = node.text("source").and_then(|source| {
            let none = || Eval::Unknown(Why::new(WhyKind::Code, "the link's target is not told"));
            source.map_or_else(none, |source| Eval::Known(Blob::from(source)))
        });
        let claim = context.claim(node, Expected::Link { target }).with_hazard(
            DELETES_DIRECTORY,
            "batou deletes a directory that is in the place of this link, with all in it",
        );
        context.claims.put(path, claim);
    }
}
