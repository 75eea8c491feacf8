//! Components with their own `verify` or `update`: only their code knows what they make.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Content, Expected},
        eval::{Why, WhyKind},
        unit::UnitKind,
    },
};

/// Everything that no other kind describes.
pub(super) struct Opaque;

impl Component for Opaque {
    fn kinds(&self) -> &'static [&'static str] {
        &["MySQLCommand", "Opaque"]
    }

    fn unit(&self, _node: &Node) -> Option<UnitKind> {
        Some(UnitKind::BatouComponent)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let code = node.opaque.as_ref().unwrap_or(&node.class);
        let place = node.origin().map(|origin| format!(" ({origin})")).unwrap_or_default();
        context.opaque(Why::new(WhyKind::Code, format!("`{code}`{place} decides what is made")));
        unsettle(node, code, context);
    }
}

/// A file that this component names may be changed by it after a `File` has written it (`batou_ext.patch` does so):
/// its content is no longer known.
fn unsettle(node: &Node, code: &str, context: &mut Context<'_>) {
    let workdir = context.workdir(node);
    let named = node.attributes.values().filter_map(serde_json::Value::as_str).chain(node.path.as_deref());
    for path in named.filter(|text| !text.is_empty()).map(|text| workdir.join(text)) {
        if let Some(claim) = context.claims.get_mut(&path)
            && matches!(claim.expected, Expected::File(_))
        {
            let why = Why::new(WhyKind::Code, format!("`{code}` may change it, too"));
            claim.expected = Expected::File(Content::Unknown(why));
        }
    }
}
