//! `SyncDirectory`: a copy of a directory of the definition (`batou/lib/file.py`, `SyncDirectory`).
//!
//! `verify` is `rsync -rclnv` (compares digests), `update` is `rsync --inplace -lr` (compares size and mtime): a file
//! with the source's size and mtime is reported by every deployment and repaired by none, so content counts as not
//! noticed. Modes, owners and further entries are nobody's concern. A directory that is not empty where the source has
//! a file or link makes rsync fail.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        artifact::{Aborts, Content, Expected, Ownership, Vigilance},
        eval::{Eval, Why, WhyKind},
        observation::{Kind, Member},
    },
};
use globset::{Glob, GlobSet, GlobSetBuilder};

/// Names that batou's transfer of the repository leaves out at any depth (`batou/repository.py`), so that they never
/// reach the target.
const NEVER_TRANSFERRED: [&str; 8] =
    [".appenv", ".batou", ".batou-lock", ".git", ".hg", ".kitchen", ".vagrant", "work"];

/// `SyncDirectory`.
pub(super) struct SyncDirectory;

impl Component for SyncDirectory {
    fn kinds(&self) -> &'static [&'static str] {
        &["SyncDirectory"]
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let Some(path) = context.path(node) else { return };
        let top = context.claim(node, Expected::Directory { ownership: Ownership::Shared });
        context.claims.put(path.clone(), top.made_when_absent());
        if let Err(why) = copy(node, &path, context) {
            context.opaque(why);
        }
    }
}

/// Claims the members of the source that rsync copies.
fn copy(node: &Node, path: &crate::model::path::TargetPath, context: &mut Context<'_>) -> Result<(), Why> {
    ordinary_options(node)?;
    let excluded = excluded(node)?;
    let source = match node.text("source") {
        Eval::Known(source) => source.unwrap_or_default(),
        Eval::Unknown(why) => return Err(why),
    };
    let source = crate::model::path::TargetPath::new(context.root.defdir.as_bytes()).join(source);
    for member in context.project.members(&source, &context.model.target.base)? {
        if member.path.0.split(|byte| *byte == b'/').any(|name| is_left_out(name, &excluded)) {
            continue;
        }
        let Some(expected) = expected(member) else { continue };
        let claim = context.claim(node, expected);
        let claim = match member.kind {
            // rsync clears away what is in the place of a directory.
            Kind::Directory => claim.noticed(Vigilance::Absence).forced_by([]),
            Kind::Link => claim.aborting(Aborts::OnWrongKind),
            _ => claim.noticed(Vigilance::Absence).aborting(Aborts::OnWrongKind),
        };
        context.claims.put(path.join(&member.path.0), claim);
    }
    Ok(())
}

fn expected(member: &Member) -> Option<Expected> {
    let unread = || Why::new(WhyKind::Unreadable, "the source could not be read");
    match member.kind {
        Kind::File => Some(Expected::File(match &member.digest {
            Some(digest) => Content::Digest { digest: digest.clone(), size: member.size },
            None => Content::Unknown(unread()),
        })),
        Kind::Directory => Some(Expected::Directory { ownership: Ownership::Shared }),
        Kind::Link => {
            Some(Expected::Link { target: member.target.clone().map_or_else(|| Eval::Unknown(unread()), Eval::Known) })
        }
        // `rsync -lr` skips special files.
        Kind::Fifo | Kind::Socket | Kind::Device => None,
    }
}

/// Options that the project changed may copy more or less than this file knows.
fn ordinary_options(node: &Node) -> Result<(), Why> {
    for (attribute, ordinary) in [("verify_opts", "-rclnv"), ("sync_opts", "--inplace -lr")] {
        match node.text(attribute) {
            Eval::Known(None) => {}
            Eval::Known(Some(options)) if options == ordinary => {}
            Eval::Known(Some(options)) => {
                return Err(Why::new(WhyKind::NotModelled, format!("rsync is run with its own options: {options}")));
            }
            Eval::Unknown(why) => return Err(why),
        }
    }
    Ok(())
}

/// The exclude patterns: names with `*`, `?` and `[`. rsync's patterns with a slash are not understood here.
fn excluded(node: &Node) -> Result<GlobSet, Why> {
    let problem =
        |pattern: &str| Why::new(WhyKind::NotModelled, format!("rsync's pattern `{pattern}` is not understood"));
    let mut set = GlobSetBuilder::new();
    let patterns = match node.texts("exclude") {
        Eval::Known(patterns) => patterns,
        Eval::Unknown(why) => return Err(why),
    };
    for pattern in patterns {
        if pattern.contains('/') {
            return Err(problem(pattern));
        }
        set.add(Glob::new(pattern).map_err(|_| problem(pattern))?);
    }
    set.build().map_err(|error| problem(&error.to_string()))
}

fn is_left_out(name: &[u8], excluded: &GlobSet) -> bool {
    let text = String::from_utf8_lossy(name);
    NEVER_TRANSFERRED.contains(&text.as_ref()) || excluded.is_match(text.as_ref())
}
