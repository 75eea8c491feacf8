//! `Content`, `JSONContent`, `YAMLContent`: the bytes of a file (`batou/lib/file.py`, `ManagedContentBase`).
//!
//! `verify` compares all bytes; `update` writes in place: inode, mode, owner and hard links stay, links are followed.

use super::{Component, Context};
use crate::{
    definition::batou::model::{Node, Rendered},
    model::{
        artifact::{self, Aborts, Expected},
        code::{DELETES_DIRECTORY, WRITES_THROUGH_LINK},
        eval::{Eval, Why, WhyKind},
    },
};

/// `Content` and its brothers.
pub(super) struct Content;

impl Component for Content {
    fn kinds(&self) -> &'static [&'static str] {
        &["Content"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let mut claim = context
            .claim(node, Expected::File(content_of(node)))
            .with_hazard(WRITES_THROUGH_LINK, "batou takes a link to a file for this file and writes into its target");
        claim.secret = node.content.as_ref().is_some_and(|content| content.secret);
        let presence =
            context.claims.get_mut(&path).is_some_and(|earlier| matches!(earlier.expected, Expected::File(_)));
        if presence {
            let text = "batou deletes a directory that is in the place of this file, with all in it";
            claim.add_hazard(DELETES_DIRECTORY, text);
        } else {
            // Nothing clears a directory away before `open(path, "wb")`.
            claim.mend.aborts = Aborts::OnWrongKind;
        }
        context.claims.put(path, claim);
    }
}

/// What is written, in the words of the model.
fn content_of(node: &Node) -> artifact::Content {
    match node.content.as_ref().map(crate::definition::batou::model::NodeContent::eval) {
        Some(Eval::Known(Rendered::Bytes(bytes))) => artifact::Content::Bytes(bytes),
        Some(Eval::Known(Rendered::Digest { digest, size })) => artifact::Content::Digest { digest, size: Some(size) },
        Some(Eval::Unknown(why)) => artifact::Content::Unknown(why),
        None => artifact::Content::Unknown(Why::new(WhyKind::Code, "the content is not told")),
    }
}
