//! `mercurial.Clone`, `svn.Checkout`: working copies whose repositories rectify does not read.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        eval::{Why, WhyKind},
        unit::UnitKind,
    },
};

/// Checkouts by Mercurial and Subversion.
pub(super) struct OtherCheckout;

impl Component for OtherCheckout {
    fn kinds(&self) -> &'static [&'static str] {
        &["HgClone", "SvnCheckout"]
    }

    fn unit(&self, _node: &Node) -> Option<UnitKind> {
        Some(UnitKind::Checkout)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let tool = if node.kind == "HgClone" { "Mercurial" } else { "Subversion" };
        let text = format!("repositories of {tool} are not read");
        context.opaque(Why::new(WhyKind::NotModelled, text));
    }
}
