//! `git.Clone`: a working copy (`batou/lib/git.py`). What its files are is told by the repository: rule `git-checkout`.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    expect::derive::git_checkout::{Input, RULE},
    model::{eval::Eval, manifest::Depth, unit::UnitKind},
};

/// `git.Clone`.
pub(super) struct GitClone;

impl Component for GitClone {
    fn kinds(&self) -> &'static [&'static str] {
        &["GitClone"]
    }

    fn unit(&self, _node: &Node) -> Option<UnitKind> {
        Some(UnitKind::Checkout)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(target) = context.path(node) else { return };
        let text = |name: &str| node.text(name).map(|value| value.map(str::to_owned));
        let (url, revision, branch, tag) = (text("url"), text("revision"), text("branch"), text("tag"));
        let (url, revision, branch, tag) = match (url, revision, branch, tag) {
            (url, Eval::Known(revision), Eval::Known(branch), Eval::Known(tag)) => {
                // A URL that holds a secret is only not compared.
                (url.known().cloned().flatten(), revision, branch, tag)
            }
            (_, Eval::Unknown(why), ..) | (_, _, Eval::Unknown(why), _) | (_, _, _, Eval::Unknown(why)) => {
                return context.opaque(why);
            }
        };
        let clobber = node.flag("clobber") == Eval::Known(true);
        let follows = node.flag("vcs_update") != Eval::Known(false);
        context.look(target.clone(), Depth::Checkout, &[]);
        let (mr_developer, by_itself, origin) = (false, false, node.origin());
        let input = Input { target, url, revision, branch, tag, clobber, follows, mr_developer, by_itself, origin };
        context.derive(RULE, serde_json::to_value(input).expect("paths and texts serialise"));
    }
}
