//! Which revision is deployed: what earlier revisions of the definition would have made.
//!
//! Neither batou nor buildout records it. Content that differs from the definition, but is what an earlier revision makes, was not edited
//! and is no damage: the change is not deployed yet, or the write of a deployment was lost.

use super::Request;
use super::definition::Config;
use crate::definition::batou;
use crate::expect;
use crate::findings::{self, Case, Revision};
use crate::io::{files, git};
use crate::model::artifact::{Authority, Content, Expected};
use crate::model::content::{Algorithm, Digest};
use crate::model::finding::{Damage, Finding};
use crate::model::hasher::digest_of;
use crate::model::manifest::{Evaluation, Manifest};
use crate::model::observation::Scan;
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoints;
use crate::model::unit::HostName;
use crate::monitor::{Monitor, Silent};
use std::collections::BTreeMap;
use std::path::Path;

/// How many earlier revisions of a definition are evaluated.
const REVISIONS: usize = 5;

/// What earlier revisions of the definition would have made: asked only when something differs from the definition that
/// may be an earlier version of it, and only where the definition is in a git repository.
pub(super) fn revisions(
    request: &Request,
    config: &Config,
    manifest: &Manifest,
    scans: &[Scan],
    points: &RestorePoints,
    monitor: &dyn Monitor,
) -> Vec<Revision> {
    if manifest.definition.evaluation == Evaluation::Static || super::definition::saved_file(request, config).is_some()
    {
        return Vec::new();
    }
    let found = findings::judge(Case { manifest, scans, points, revisions: &[] });
    let may_be_older = |finding: &Finding| {
        finding.authority == Authority::Definition
            && matches!(
                finding.damage,
                Damage::Edited | Damage::Changed | Damage::Stale { .. } | Damage::NotDeployed { .. }
            )
    };
    let directory = files::canonical(&request.directory).ok();
    let Some(directory) = directory.filter(|_| found.findings.iter().any(may_be_older)) else { return Vec::new() };
    let checkout = match manifest.definition.tool.as_str() {
        "buildout" => super::buildout::find(&directory, request, config).ok().flatten(),
        _ => None,
    };
    let project = match &checkout {
        Some(checkout) => Some(checkout.path()),
        None => directory.ancestors().find(|path| batou::is_project(path)),
    };
    let Some(project) = project else { return Vec::new() };
    let mut commits = git::recent(project, REVISIONS + 1);
    if !manifest.definition.dirty && !commits.is_empty() {
        // That is what was just evaluated.
        commits.remove(0);
    }
    commits.truncate(REVISIONS);
    monitor.begin("evaluating earlier revisions", Some(commits.len() as u64));
    let evaluated = commits.iter().filter_map(|commit| {
        monitor.advance(1);
        // A revision that cannot be evaluated tells nothing; the others may.
        let made = match &checkout {
            Some(checkout) => checkout.revision(git::export(project, commit).ok()?.path(), scans)?,
            None => revision(request, config, manifest, project, commit)?,
        };
        let name = format!("revision {}", commit.chars().take(10).collect::<String>());
        Some(Revision { name, contents: contents(made), stamps: BTreeMap::new() })
    });
    let revisions = evaluated.collect();
    monitor.end();
    revisions
}

fn revision(request: &Request, config: &Config, manifest: &Manifest, project: &Path, commit: &str) -> Option<Manifest> {
    let export = git::export(project, commit).ok()?;
    let own = project.join(".appenv/current/bin/python");
    let own = (files::what_is(&own) == files::Is::File).then_some(own);
    let base = manifest.hosts.iter().find_map(|host| host.directory.as_ref()?.as_str());
    let asked = batou::Request {
        evaluate: batou::Evaluate::Exact,
        python: request.python.as_deref().or(config.settings.deployment.python.as_deref()).or(own.as_deref()),
        target_base: base,
        ..batou::Request::new(export.path(), &manifest.definition.environment)
    };
    let (model, _) = batou::load(&asked, &Silent).ok()?;
    Some(expect::batou::manifest(&model, &expect::batou::Project::default()))
}

fn contents(made: Manifest) -> BTreeMap<(HostName, TargetPath), Digest> {
    let contents = made.artifacts.into_iter().filter_map(|artifact| {
        let digest = match &artifact.expected {
            Expected::File(Content::Bytes(bytes)) => digest_of(Algorithm::Sha256, &bytes.0),
            Expected::File(Content::Digest { digest, .. }) if digest.algorithm == Algorithm::Sha256 => digest.clone(),
            _ => return None,
        };
        Some(((artifact.host, artifact.path), digest))
    });
    contents.collect()
}
