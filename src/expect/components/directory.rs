//! `Directory`: a directory is there (`batou/lib/file.py`, `Directory`).
//!
//! `verify` is `os.path.isdir`: entries, mode and a link to another directory are not noticed.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::artifact::{Expected, Ownership},
};

/// `Directory`.
pub(super) struct Directory;

impl Component for Directory {
    fn kinds(&self) -> &'static [&'static str] {
        &["Directory"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let claim = context.claim(node, Expected::Directory { ownership: Ownership::Shared });
        context.claims.put(path, claim.made_when_absent());
    }
}
