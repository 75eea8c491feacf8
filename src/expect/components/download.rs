//! `Download`: a file with a declared checksum (`batou/lib/download.py`).
//!
//! `verify` hashes the whole file, `update` writes it in place. A directory in its place makes the hash raise; a link
//! is followed, so its target would be overwritten.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Aborts, Content, Expected},
        code::WRITES_THROUGH_LINK,
        content::{Algorithm, Digest},
        eval::{Eval, Why, WhyKind},
    },
};

/// `Download`.
pub(super) struct Download;

impl Component for Download {
    fn kinds(&self) -> &'static [&'static str] {
        &["Download"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let content = match checksum(node) {
            Ok(digest) => Content::Digest { digest, size: None },
            Err(why) => Content::Unknown(why),
        };
        let claim = context.claim(node, Expected::File(content)).aborting(Aborts::OnWrongKind).with_hazard(
            WRITES_THROUGH_LINK,
            "batou follows a link in the place of this download and writes into its target",
        );
        context.claims.put(path, claim);
    }
}

/// The declared checksum: after `configure` its parts are in `checksum_function` and `checksum`.
fn checksum(node: &Node) -> Result<Digest, Why> {
    let text = |name: &str| match node.text(name) {
        Eval::Known(value) => Ok(value),
        Eval::Unknown(why) => Err(why),
    };
    let declared = text("checksum")?.ok_or_else(|| Why::new(WhyKind::NoReference, "no checksum is declared"))?;
    let whole = match text("checksum_function")? {
        Some(function) => format!("{function}:{declared}"),
        None => declared.to_owned(),
    };
    let (function, hex) = whole.split_once(':').unwrap_or(("", &whole));
    match Algorithm::ALL.iter().find(|(_, name)| *name == function) {
        Some((algorithm, _)) => Digest::from_hex(*algorithm, &hex.to_ascii_lowercase())
            .map_err(|problem| Why::new(WhyKind::BrokenDefinition, problem)),
        None => Err(Why::new(WhyKind::NotModelled, format!("checksums by `{function}` are not computed"))),
    }
}
