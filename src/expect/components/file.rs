//! `File`, `BinaryFile`: a container whose sub-components do the work (`batou/lib/file.py`, `File`).
//!
//! The order is Presence, Directory or Symlink; Mode; Content; Owner; Group. With `content=''` there is no `Content`
//! sub-component: batou makes an empty file once and accepts any content later.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Content, Durability, Expected},
        content::Blob,
        eval::Eval,
    },
};

/// `File`.
pub(super) struct File;

impl Component for File {
    fn kinds(&self) -> &'static [&'static str] {
        &["File"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let declared_empty =
            node.text("ensure") == Eval::Known(Some("file")) && node.flag("manages_content") == Eval::Known(false);
        if !declared_empty {
            return;
        }
        let Some(path) = context.path(node) else { return };
        if let Some(claim) = context.claims.get_mut(&path)
            && matches!(claim.expected, Expected::File(Content::Unknown(_)))
        {
            claim.expected = Expected::File(Content::Bytes(Blob::default()));
            claim.durability = Durability::Reproducible;
        }
    }
}
