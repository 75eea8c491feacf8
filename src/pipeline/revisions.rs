//! Which revision is deployed: what earlier revisions of the definition would have made.
//!
//! Neither batou nor buildout records it. Content that differs from the definition, but is what an earlier revision
//! makes, was not edited and is no damage: the change is not deployed yet, or the write of a deployment was lost.

use super::Request;
use super::definition::Config;
use crate::definition::batou;
use crate::expect;
use crate::findings::{self, Case, MadeFile, Revision};
use crate::io::{files, git, output};
use crate::model::artifact::{Artifact, Authority, Content, Expected};
use crate::model::blocks::BlockDigests;
use crate::model::code;
use crate::model::content::{Algorithm, Digest};
use crate::model::diagnostic::{Diagnostic, Severity};
use crate::model::finding::{Damage, Finding};
use crate::model::hasher::digest_of;
use crate::model::manifest::{Evaluation, Manifest};
use crate::model::observation::Scan;
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoints;
use crate::model::unit::HostName;
use crate::monitor::{Monitor, Silent};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How many earlier revisions of a definition are evaluated.
const REVISIONS: usize = 5;

/// What earlier revisions of the definition made, and which of them could not be evaluated.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Newest first.
    pub(super) revisions: Vec<Revision>,
    /// A note for each that was skipped.
    pub(super) skipped: Vec<Diagnostic>,
}

/// A path on a host.
pub(super) type Key = (HostName, TargetPath);

/// What the definition itself makes, before anything is derived from what was seen.
pub(super) fn declared(manifest: &Manifest) -> BTreeSet<Key> {
    let is_made = |artifact: &Artifact| artifact.expected != Expected::Absent;
    manifest.artifacts.iter().filter(is_made).map(|artifact| (artifact.host, artifact.path)).collect()
}

/// What earlier revisions of the definition would have made, of what it makes now (`declared`) and else: asked only when
/// something differs from the definition that may be an earlier version of it, only where the definition is in a git
/// repository, and only until everything that differs is told.
pub(super) fn revisions(
    request: &Request,
    config: &Config,
    (manifest, declared): (&Manifest, &BTreeSet<Key>),
    seen: (&[Scan], &RestorePoints),
    monitor: &dyn Monitor,
) -> Earlier {
    let (scans, points) = seen;
    let mut earlier = Earlier::default();
    if manifest.definition.evaluation == Evaluation::Static || super::definition::saved_file(request, config).is_some()
    {
        return earlier;
    }
    let mut untold = untold(manifest, scans, points);
    let Ok(directory) = files::canonical(&request.directory) else { return earlier };
    if untold.is_empty() {
        return earlier;
    }
    let checkout = match manifest.definition.tool.as_str() {
        "buildout" => super::buildout::find(&directory, request, config).ok().flatten(),
        _ => None,
    };
    let project = match &checkout {
        Some(checkout) => Some(checkout.path()),
        None => directory.ancestors().find(|path| batou::is_project(path)),
    };
    let Some(project) = project else { return earlier };
    let mut commits = git::recent(project, REVISIONS + 1);
    if !manifest.definition.dirty && !commits.is_empty() {
        // That is what was just evaluated.
        commits.remove(0);
    }
    commits.truncate(REVISIONS);
    monitor.begin("evaluating earlier revisions", Some(commits.len() as u64));
    for commit in &commits {
        monitor.advance(1);
        let short: String = commit.chars().take(10).collect();
        let evaluate = || -> Result<Made, String> {
            let export = git::export(project, commit)?;
            match &checkout {
                Some(checkout) => {
                    let made = checkout.revision(export.path(), scans)?;
                    let failed = made.diagnostics.iter().any(|one| one.severity == Severity::Error);
                    Ok(Made::new(&made, !failed))
                }
                None => revision(request, config, manifest, (project, export.path())),
            }
        };
        match remembered(request, config, manifest, commit, evaluate) {
            Ok(made) => {
                // Of what is missing, only the last revision before this one tells anything.
                untold.retain(|key, live| {
                    live.as_ref().is_some_and(|live| made.contents.get(key).map(|file| &file.digest) != Some(live))
                });
                let name = format!("revision {short}");
                // A revision that was skipped may have made it.
                let is_told = made.complete && earlier.skipped.is_empty();
                let lacking = declared.iter().filter(|key| is_told && !made.names.contains(key));
                earlier.revisions.push(Revision::made(name, made.contents, lacking.cloned()));
            }
            // It tells nothing; the others may.
            Err(reason) => {
                let text = format!("revision {short} of the definition cannot be evaluated: {reason}");
                earlier.skipped.push(Diagnostic::note(code::REVISION_SKIPPED, text));
            }
        }
        if untold.is_empty() {
            break;
        }
    }
    monitor.end();
    earlier
}

/// What differs from the definition and may be of an earlier version of it, with its live content; `None` for what is
/// missing.
fn untold(manifest: &Manifest, scans: &[Scan], points: &RestorePoints) -> BTreeMap<Key, Option<Digest>> {
    let found = findings::judge(Case { manifest, scans, points, revisions: &[] });
    let may_be_older = |finding: &Finding| {
        finding.authority == Authority::Definition
            && matches!(
                finding.damage,
                Damage::Edited
                    | Damage::Changed
                    | Damage::Truncated
                    | Damage::Missing
                    | Damage::Stale { .. }
                    | Damage::NotDeployed { .. }
            )
    };
    let live = |finding: Finding| {
        let live = if finding.damage == Damage::Missing {
            None
        } else {
            let scan = scans.iter().find(|scan| scan.host == finding.host)?;
            Some(scan.digest(&finding.path, Algorithm::Sha256)?)
        };
        Some(((finding.host, finding.path), live))
    };
    found.findings.into_iter().filter(may_be_older).filter_map(live).collect()
}

/// What a revision makes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Rows", into = "Rows")]
struct Made {
    contents: BTreeMap<Key, MadeFile>,
    names: BTreeSet<Key>,
    /// Whether it makes nothing else, as far as anybody can say.
    complete: bool,
}

/// [`Made`] as it is cached: the digests of contents, never contents.
#[derive(Clone, Serialize, Deserialize)]
struct Rows {
    complete: bool,
    rows: Vec<(HostName, TargetPath, Option<MadeFile>)>,
}

impl Made {
    fn new(made: &Manifest, complete: bool) -> Self {
        let content = |artifact: Artifact| {
            let digest = artifact.expected.digest().filter(|digest| digest.algorithm == Algorithm::Sha256)?;
            let blocks = match &artifact.expected {
                Expected::File(Content::Bytes(bytes)) if !artifact.secret => BlockDigests::of(&bytes.0),
                _ => BlockDigests::default(),
            };
            let size = artifact.expected.size();
            Some(((artifact.host, artifact.path), MadeFile { digest, size, blocks }))
        };
        Self { contents: made.artifacts.iter().filter_map(content).collect(), names: declared(made), complete }
    }
}

impl From<Rows> for Made {
    fn from(Rows { complete, rows }: Rows) -> Self {
        let mut made = Self { complete, ..Self::default() };
        for (host, path, file) in rows {
            let key = (host, path);
            made.names.insert(key.clone());
            made.contents.extend(file.map(|file| (key, file)));
        }
        made
    }
}

impl From<Made> for Rows {
    fn from(made: Made) -> Self {
        let Made { mut contents, names, complete } = made;
        let row = |key: Key| {
            let file = contents.remove(&key);
            (key.0, key.1, file)
        };
        Self { complete, rows: names.into_iter().map(row).collect() }
    }
}

/// What a revision makes, from the cache where there is one and it has it.
fn remembered(
    request: &Request,
    config: &Config,
    manifest: &Manifest,
    commit: &str,
    evaluate: impl FnOnce() -> Result<Made, String>,
) -> Result<Made, String> {
    let Some(cache) = &config.settings.cache else { return evaluate() };
    let python = request.python.as_deref().or(config.settings.deployment.python.as_deref());
    let hosts: Vec<_> = manifest.hosts.iter().map(|host| (&host.name, &host.directory)).collect();
    let definition = &manifest.definition;
    let key = format!(
        "{} {commit} {} {} {:?} {python:?} {hosts:?} {:?}",
        env!("CARGO_PKG_VERSION"),
        definition.tool,
        definition.environment,
        definition.tool_version,
        request.buildout,
    );
    let file = cache.join(format!("{}.json", digest_of(Algorithm::Sha256, key.as_bytes()).hex()));
    let saved = files::read(&file).ok();
    if let Some(known) = saved.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(known);
    }
    let made = evaluate()?;
    let bytes = serde_json::to_vec(&made).expect("names, paths and digests are JSON");
    // A cache that cannot be written costs time the next time, and nothing else.
    if output::make_directory(cache).is_ok() {
        drop(output::write_atomically(&file, &bytes));
    }
    Ok(made)
}

fn revision(
    request: &Request,
    config: &Config,
    manifest: &Manifest,
    (project, export): (&Path, &Path),
) -> Result<Made, String> {
    let own = project.join(".appenv/current/bin/python");
    let own = (files::what_is(&own) == files::Is::File).then_some(own);
    let base = manifest.hosts.iter().find_map(|host| host.directory.as_ref()?.as_str());
    let asked = batou::Request {
        evaluate: batou::Evaluate::Exact,
        python: request.python.as_deref().or(config.settings.deployment.python.as_deref()).or(own.as_deref()),
        target_base: base,
        ..batou::Request::new(export, &manifest.definition.environment)
    };
    let (model, diagnostics) = batou::load(&asked, &Silent).map_err(|error| error.to_string())?;
    let made = expect::batou::manifest(&model, &expect::batou::Project::default());
    // Where some components fail, the others still tell what they made.
    match diagnostics.into_iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
        Some(error) if made.artifacts.is_empty() => Err(error.message),
        error => Ok(Made::new(&made, error.is_none())),
    }
}
