//! `Presence`: a file is there, whatever it holds (`batou/lib/file.py`, `Presence`).
//!
//! `verify` is `os.path.isfile`, which follows links; `update` moves whatever is there into a temporary directory that
//! is deleted, and makes an empty file.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Content, Durability, Expected, Vigilance},
        code::{DELETES_DIRECTORY, WRITES_THROUGH_LINK},
        eval::{Why, WhyKind},
    },
};

/// `Presence`.
pub(super) struct Presence;

impl Component for Presence {
    fn kinds(&self) -> &'static [&'static str] {
        &["Presence"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let why = Why::new(WhyKind::NoReference, "only its presence is declared");
        let claim = context
            .claim(node, Expected::File(Content::Unknown(why)))
            .noticed(Vigilance::Absence)
            .with_hazard(
                DELETES_DIRECTORY,
                "batou deletes a directory that is in the place of this file, with all in it",
            )
            .with_hazard(WRITES_THROUGH_LINK, "batou takes a link to a file for this file and writes into its target");
        // What else writes the file is not in the definition, so nothing but a backup has its content.
        context.claims.put(path, super::Claim { durability: Durability::Durable, ..claim });
    }
}
