//! `DPKG`: a package of the operating system (`batou/lib/package.py`). `verify` asks dpkg whether it is selected for
//! installation, never about its files.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        eval::{Why, WhyKind},
        unit::UnitKind,
    },
};

/// `DPKG`.
pub(super) struct OsPackage;

impl Component for OsPackage {
    fn kinds(&self) -> &'static [&'static str] {
        &["DPKG"]
    }

    fn unit(&self, _node: &Node) -> Option<UnitKind> {
        Some(UnitKind::OsPackage)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(package) = context.needed(node, "package") else { return };
        let text = format!("the files of the package {package} are checked by `dpkg --verify {package}`, not here");
        context.opaque(Why::new(WhyKind::NotModelled, text));
    }
}
