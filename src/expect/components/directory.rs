//! `Directory`: a directory is there (`batou/lib/file.py`, `Directory`).
//!
//! `verify` is `os.path.isdir`: entries, mode and a link to another directory are not noticed.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::artifact::{Aborts, Expected, Ownership, Vigilance},
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
        context.claims.put(path, shared(claim));
    }
}

/// A directory is made when it is gone. What is in its place must be cleared away first: a link passes for the
/// directory, and where files are synchronised into it a file makes rsync fail. Forcing never removes a directory.
pub(super) fn shared(claim: super::Claim) -> super::Claim {
    claim.noticed(Vigilance::Absence).aborting(Aborts::OnWrongKind).forced_by([])
}
