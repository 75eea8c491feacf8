//! `Extract`: the members of an archive below a directory (`batou/lib/archive.py`).
//!
//! `verify` asks of each listed member that is no directory whether it exists and whether its ctime is not before the
//! archive's. Damage makes the ctime newer, so only absence is noticed; then everything is extracted again. What the
//! members are is told by the archive itself: rule `archive`.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    expect::derive::archive::{Format, Input, RULE},
    model::{
        eval::{Eval, Why, WhyKind},
        manifest::Depth,
        path::TargetPath,
        unit::UnitKind,
    },
};

/// `Extract` and the extractors behind it.
pub(super) struct Extract;

impl Component for Extract {
    fn kinds(&self) -> &'static [&'static str] {
        &["Extract", "Extractor"]
    }

    fn unit(&self, node: &Node) -> Option<UnitKind> {
        (node.kind == "Extract").then_some(UnitKind::BatouComponent)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        if node.kind == "Extract" {
            return;
        }
        let Some(target) = context.path(node) else { return };
        let Some(archive) = context.needed(node, "archive") else { return };
        let archive = context.workdir(node).join(archive);
        let strip = match node.number("strip") {
            Eval::Known(strip) => strip.and_then(|strip| usize::try_from(strip).ok()).unwrap_or(0),
            Eval::Unknown(why) => return context.opaque(why),
        };
        let Some(format) = format_of(&archive) else {
            return context.opaque(Why::new(WhyKind::NotModelled, format!("archives like {archive} are not read")));
        };
        context.look(archive.clone(), Depth::Archive, &[]);
        let input = Input { archive, target, strip, format, origin: node.origin() };
        context.derive(RULE, serde_json::to_value(input).expect("paths and numbers serialise"));
    }
}

/// The format by batou's list of suffixes; `None` for disk images.
fn format_of(archive: &TargetPath) -> Option<Format> {
    let tar = [".tar.gz", ".tar", ".tar.bz2", ".tgz", "tar.xz"];
    let ends = |suffix: &str| archive.as_bytes().ends_with(suffix.as_bytes());
    if ends(".zip") {
        return Some(Format::Zip);
    }
    tar.into_iter().any(ends).then_some(Format::Tar)
}
