//! `Owner`, `Group`: who a path belongs to (`batou/lib/file.py`). Links are followed.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Expected, Principal, Vigilance},
        eval::{Eval, Why},
    },
};

/// `Owner` and `Group`.
pub(super) struct Owner;

impl Component for Owner {
    fn kinds(&self) -> &'static [&'static str] {
        &["Group", "Owner"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let attribute = if node.kind == "Group" { "group" } else { "owner" };
        let principal = match node.attribute(attribute) {
            Eval::Known(value) => match (value.as_str(), value.as_u64().and_then(|id| u32::try_from(id).ok())) {
                (Some(name), _) => Principal::Name(name.to_owned()),
                (None, Some(id)) => Principal::Id(id),
                (None, None) => return,
            },
            Eval::Unknown(why) => return context.opaque(Why::new(why.kind, format!("{attribute} of {path}: {why}"))),
        };
        let otherwise = context.claim(node, Expected::Present).noticed(Vigilance::Nothing).forced_by([]);
        let claim = context.claims.entry(path, || otherwise);
        if matches!(claim.expected, Expected::Link { .. }) {
            return;
        }
        if node.kind == "Group" {
            claim.group = Some(principal);
        } else {
            claim.owner = Some(principal);
        }
    }
}
