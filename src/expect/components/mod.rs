//! batou's components: what each kind makes, what an ordinary `batou deploy` notices of damage, and what forces it.
//!
//! One file per kind, one line each in [`COMPONENTS`]. The authority is batou 2.7.1, `batou/lib/*.py`; every row of
//! forcing knowledge is tested against it by `tests/exact/claims`.

use super::{claims::Claim, context::Context};
use crate::{
    definition::batou::model::{Node, Root},
    model::{
        artifact::{Expected, Ownership},
        unit::{UnitId, UnitKind},
    },
};

mod app_env;
mod build;
mod buildout;
mod content;
mod crontab;
mod directory;
mod download;
mod extract;
mod file;
mod git_clone;
mod mode;
mod opaque;
mod os_package;
mod other_checkout;
mod owner;
mod presence;
mod process;
mod purge;
mod symlink;
mod sync_directory;
mod virtual_env;

/// One kind of component.
pub trait Component: Sync {
    /// The probe's names of the kinds that this describes.
    fn kinds(&self) -> &'static [&'static str];

    /// The unit that it makes up with its sub-components; `None` if it belongs to the unit around it.
    fn unit(&self, _node: &Node) -> Option<UnitKind> {
        None
    }

    /// Claims what the component makes. Its sub-components have claimed theirs before, as batou deploys them.
    fn expect(&self, node: &Node, context: &mut Context<'_>);
}

/// Every kind, sorted by name.
pub static COMPONENTS: &[&dyn Component] = &[
    &app_env::AppEnv,
    &build::Build,
    &buildout::Buildout,
    &content::Content,
    &crontab::InstallCrontab,
    &directory::Directory,
    &download::Download,
    &extract::Extract,
    &file::File,
    &git_clone::GitClone,
    &mode::Mode,
    &opaque::Opaque,
    &os_package::OsPackage,
    &other_checkout::OtherCheckout,
    &owner::Owner,
    &presence::Presence,
    &process::Process,
    &purge::Purge,
    &symlink::Symlink,
    &sync_directory::SyncDirectory,
    &virtual_env::VirtualEnv,
];

/// What describes a node. A component whose own code decides is opaque, whatever it is derived from.
pub fn component_of(node: &Node) -> &'static dyn Component {
    let known = |kind: &str| COMPONENTS.iter().copied().find(|component| component.kinds().contains(&kind));
    match &node.opaque {
        Some(_) => &opaque::Opaque,
        None => known(&node.kind).unwrap_or(&opaque::Opaque),
    }
}

/// The working directory of a root: batou makes it before it deploys anything into it, and stops if it cannot.
pub fn directory_of_root(unit: &UnitId, root: &Root) -> Claim {
    Claim::new(unit.clone(), root.origin(), Expected::Directory { ownership: Ownership::Shared }).made_when_absent()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_exactly_one_description() {
        let kinds: Vec<&str> = COMPONENTS.iter().flat_map(|component| component.kinds()).copied().collect();
        assert_eq!(kinds.iter().collect::<BTreeSet<_>>().len(), kinds.len());
    }

    #[test]
    fn own_verify_or_update_makes_a_known_kind_opaque() {
        let node = Node { kind: "File".into(), opaque: Some("batou.c.app.Patched.update".into()), ..Node::default() };
        assert_eq!(component_of(&node).kinds(), opaque::Opaque.kinds());
    }
}
