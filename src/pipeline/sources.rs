//! What a batou project holds besides its model: the directories that are copied to targets, and what batou itself needs there.

use crate::definition::batou::model::BatouModel;
use crate::definition::batou::sources::{self, SourceContent, SourceEntry, SourceTree, Transfer};
use crate::expect::batou::{Project, wanted_sources};
use crate::io::{files, git};
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::diagnostic::Diagnostic;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::hasher::digest_of;
use crate::model::observation::{Kind, Member};
use crate::model::unit::HostName;
use crate::settings;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the files of a project are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// Where they are worked on: git knows which belong to it.
    Checkout,
    /// In an export of a revision: all that are there.
    Export,
}

/// What a project holds besides the model: the directories that are copied to the target, and what batou itself needs there.
pub(super) fn sources(project: &Path, files: Files, model: &BatouModel, diagnostics: &mut Vec<Diagnostic>) -> Project {
    let lock = files::read(&project.join("requirements.lock")).ok().map(Blob);
    let appenv = files::what_is(&project.join("appenv")) == files::Is::File;
    let copied = copied(project, files, model, diagnostics);
    let mut found = Project { lock, appenv, copied, ..Project::default() };
    for name in wanted_sources(model) {
        let tree = sources::tree(&project.join(&name), &name);
        found.configurations.extend(tree.entries.iter().filter_map(configuration));
        found.sources.insert(name.clone(), source(tree, &name, model, diagnostics));
    }
    found
}

/// What batou brings of a project to each host, as far as it is known; `None` where it brings nothing. By git it brings what is
/// committed.
fn copied(
    project: &Path,
    files: Files,
    model: &BatouModel,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Eval<Vec<Member>>> {
    let unknown = |text| Some(Eval::Unknown(Why::new(WhyKind::NotModelled, text)));
    let transfer = Transfer::of(&model.settings);
    match transfer {
        Transfer::None => return None,
        Transfer::Mercurial => return unknown("Mercurial brings it, and what that has is not read"),
        Transfer::Rsync | Transfer::Git => {}
    }
    let tracked = if files == Files::Checkout { git::tracked(project) } else { None };
    if transfer == Transfer::Git && files == Files::Checkout && tracked.is_none() {
        return unknown("git brings it, and the definition is in no repository that can be read");
    }
    let is_brought = |path: &[u8]| match &tracked {
        Some(tracked) if tracked.all.contains(path) => transfer == Transfer::Rsync || !tracked.own.contains(path),
        Some(tracked) => tracked.has_below(path),
        None => !is_byte_code(path),
    };
    // Ours: it came after what was deployed, perhaps.
    let is_ours = |path: &[u8]| path == settings::FILE.as_bytes();
    let wanted = |path: &[u8]| sources::is_transferred(path, &model.settings) && !is_ours(path) && is_brought(path);
    Some(source(sources::digests(project, &wanted), ".", model, diagnostics))
}

/// Python writes it anew wherever it imports.
fn is_byte_code(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').any(|part| part == b"__pycache__") || path.ends_with(b".pyc")
}

/// The hosts whose copy of the project is the project that is read here.
pub(super) fn here<'a>(
    project: &Path,
    model: &BatouModel,
    roots: impl Iterator<Item = (&'a HostName, &'a PathBuf)>,
) -> BTreeSet<HostName> {
    let base = model.target.base.trim_start_matches('/');
    let is_here = |root: &Path| files::canonical(&root.join(base)).is_ok_and(|copy| copy == project);
    roots.filter(|(_, root)| is_here(root)).map(|(host, _)| host.clone()).collect()
}

/// What lies below a directory of the definition that is copied to the target; unknown when some of it cannot be read.
fn source(tree: SourceTree, name: &str, model: &BatouModel, diagnostics: &mut Vec<Diagnostic>) -> Eval<Vec<Member>> {
    diagnostics.extend(tree.problems.iter().cloned());
    if !tree.problems.is_empty() {
        return Eval::Unknown(Why::new(WhyKind::BrokenDefinition, format!("its source `{name}` cannot be read whole")));
    }
    let arrives = |(path, _): &(Vec<u8>, SourceEntry)| {
        let from_project = [name.as_bytes(), b"/", path].concat();
        sources::is_transferred(&from_project, &model.settings)
    };
    Eval::Known(tree.entries.into_iter().filter(arrives).map(|(path, entry)| member(path, entry)).collect())
}

/// What a configuration file holds, by its digest.
fn configuration((path, entry): (&Vec<u8>, &SourceEntry)) -> Option<(Digest, Blob)> {
    match entry {
        SourceEntry::File { content: SourceContent::Bytes(bytes), .. } if path.ends_with(b".cfg") => {
            Some((digest_of(Algorithm::Sha256, &bytes.0), bytes.clone()))
        }
        _ => None,
    }
}

fn member(path: Vec<u8>, entry: SourceEntry) -> Member {
    let nothing = Member { path: Blob(path), kind: Kind::Directory, mode: 0, digest: None, size: None, target: None };
    match entry {
        SourceEntry::Directory => nothing,
        SourceEntry::Link { target } => Member { kind: Kind::Link, target: Some(target), ..nothing },
        SourceEntry::File { content: SourceContent::Bytes(bytes), mode } => {
            let digest = Some(digest_of(Algorithm::Sha256, &bytes.0));
            Member { kind: Kind::File, mode, digest, size: Some(bytes.0.len() as u64), ..nothing }
        }
        SourceEntry::File { content: SourceContent::Digest { digest, size }, mode } => {
            Member { kind: Kind::File, mode, digest: Some(digest), size: Some(size), ..nothing }
        }
    }
}
