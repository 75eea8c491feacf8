//! `Mode`: permission bits (`batou/lib/file.py`, `Mode`). On Linux batou leaves links alone, as there is no `lchmod`.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Expected, Vigilance},
        eval::{Eval, Why, WhyKind},
    },
};

/// `Mode`.
pub(super) struct Mode;

impl Component for Mode {
    fn kinds(&self) -> &'static [&'static str] {
        &["Mode"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let bits = match node.number("mode") {
            Eval::Known(bits) => bits.and_then(|bits| u32::try_from(bits).ok()).filter(|bits| *bits <= 0o7777),
            Eval::Unknown(why) => return context.opaque(Why::new(why.kind, format!("mode of {path}: {why}"))),
        };
        let Some(bits) = bits else {
            return context.opaque(Why::new(WhyKind::Code, format!("mode of {path} is no number")));
        };
        let otherwise = context.claim(node, Expected::Present).noticed(Vigilance::Nothing).forced_by([]);
        let claim = context.claims.entry(path, || otherwise);
        if !matches!(claim.expected, Expected::Link { .. }) {
            claim.mode = Some(bits);
        }
    }
}
