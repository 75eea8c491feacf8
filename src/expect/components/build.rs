//! `Build`, `Configure`, `Make`: configure, make, make install (`batou/lib/cmmi.py`).
//!
//! batou looks at the age of two marker files and at the presence of `config.status`, never at what was installed.
//! Removing a marker has it built and installed anew.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Content, Expected, Force, Vigilance},
        content::Blob,
        eval::{Why, WhyKind},
        path::TargetPath,
        unit::UnitKind,
    },
};

/// Builds by configure and make.
pub(super) struct Build;

impl Component for Build {
    fn kinds(&self) -> &'static [&'static str] {
        &["Build", "Configure", "Make"]
    }

    fn unit(&self, node: &Node) -> Option<UnitKind> {
        (node.kind == "Build").then_some(UnitKind::BatouComponent)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        match node.kind.as_str() {
            "Configure" => configure(node, context),
            "Make" => make(node, context),
            _ => {}
        }
    }
}

/// `./configure`: its status file, and the marker.
fn configure(node: &Node, context: &mut Context<'_>) {
    let Some(source) = context.path(node) else { return };
    let marker = source.join(".batou.config.success");
    let why = Why::new(WhyKind::LiveTree, "`./configure` writes what it found on the machine");
    let status = context
        .claim(node, Expected::File(Content::Unknown(why)))
        .noticed(Vigilance::Absence)
        .forced_by([Force::Remove(marker.clone())]);
    context.claims.put(source.join("config.status"), status);
    put_marker(marker, node, context);
}

/// `make install`: only the marker is known.
fn make(node: &Node, context: &mut Context<'_>) {
    let Some(source) = context.path(node) else { return };
    let marker = source.join(".batou.make.success");
    let text =
        format!("what `make install` puts where is not declared; without {marker} batou builds and installs it anew");
    context.opaque(Why::new(WhyKind::Code, text));
    put_marker(marker, node, context);
}

/// An empty file whose age counts (`Component.touch`).
fn put_marker(marker: TargetPath, node: &Node, context: &mut Context<'_>) {
    let claim = context.claim(node, Expected::File(Content::Bytes(Blob::default()))).noticed(Vigilance::Age);
    context.claims.put(marker, claim);
}
