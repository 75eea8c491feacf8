//! Which revision is deployed: what earlier revisions of the definition would have made.
//!
//! Neither batou nor buildout records it. Content that differs from the definition, but is what an earlier revision
//! makes, was not edited and is no damage: the change is not deployed yet, or the write of a deployment was lost.

mod cache;

use super::Request;
use super::buildout::Checkout;
use super::definition::{self, Config};
use super::sources::{self, Files};
use crate::definition::batou;
use crate::expect;
use crate::expect::derive::{self, python_environment, python_environment::Pin};
use crate::findings::{self, Case, MadeMetadata, MadeThing, Revision};
use crate::io::files;
use crate::io::git::{self, Recent};
use crate::model::artifact::{Artifact, Authority, Expected, Principal};
use crate::model::code;
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::diagnostic::{Diagnostic, Severity};
use crate::model::eval::Eval;
use crate::model::finding::{Damage, Finding};
use crate::model::manifest::{Evaluation, Manifest};
use crate::model::observation::{Kind, Member, Scan};
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoints;
use crate::model::unit::HostName;
use crate::monitor::{Monitor, Silent};
use cache::{FORMAT, Kept, Made};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What earlier revisions of the definition made, and which of them could not be evaluated.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Newest first.
    pub(super) revisions: Vec<Revision>,
    /// A note for each that was skipped, and for those that were not asked any more.
    pub(super) skipped: Vec<Diagnostic>,
}

/// A path on a host.
pub(super) type Key = (HostName, TargetPath);

/// What the definition itself makes, before anything is derived from what was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    names: BTreeSet<Key>,
    /// Distributions in Python environments: where their metadata lies is only known when the environment was seen.
    pins: BTreeSet<Pin>,
    /// Whether there are buildouts, of which more is known when they were seen.
    buildouts: bool,
}

impl Declared {
    pub(super) fn by(manifest: &Manifest) -> Self {
        let is_made =
            |artifact: &Artifact| artifact.authority == Authority::Definition && artifact.expected != Expected::Absent;
        let names = manifest.artifacts.iter().filter(is_made).map(|artifact| (artifact.host, artifact.path)).collect();
        let buildouts = manifest.derivations.iter().any(|derivation| derivation.rule == derive::buildout::NAME);
        Self { names, pins: python_environment::pins(manifest), buildouts }
    }

    /// What is in here and certainly not made by a revision; the places of metadata are those of the refined manifest.
    fn lacking(&self, made: &Made, manifest: &Manifest) -> Vec<Key> {
        let is_opaque =
            |artifact: &Artifact| manifest.lineage(&artifact.unit).any(|unit| made.opaque.contains(&unit.id));
        let is_told = |(host, path): &&Key| !manifest.artifacts.on(host, path).iter().any(is_opaque);
        let mut lacking: Vec<Key> = self.names.difference(&made.names.names).filter(is_told).cloned().collect();
        for pin in self.pins.difference(&made.names.pins) {
            let metadata = manifest.artifacts.of(&pin.host).filter(|artifact| pin.is_of(artifact));
            lacking.extend(metadata.map(|artifact| (artifact.host, artifact.path)));
        }
        lacking
    }
}

/// What earlier revisions of the definition would have made, of what it makes now (`declared`) and else: asked only when
/// something differs from the definition that may be an earlier version of it, only where the definition is in a git
/// repository, and only until everything that differs is told.
pub(super) fn revisions(
    request: &Request,
    config: &Config,
    (manifest, declared): (&Manifest, &Declared),
    seen: (&[Scan], &RestorePoints),
    monitor: &dyn Monitor,
) -> Earlier {
    let (scans, points) = seen;
    let mut earlier = Earlier::default();
    let is_saved = || definition::saved_file(request, config).is_some();
    if manifest.definition.evaluation == Evaluation::Static || config.settings.revisions == 0 || is_saved() {
        return earlier;
    }
    let mut untold = untold(manifest, scans, points);
    let mut noted: BTreeSet<usize> = (0..manifest.noted.len()).collect();
    if untold.is_empty() && noted.is_empty() {
        return earlier;
    }
    let Some(asked) = Asked::new(request, config, manifest) else { return earlier };
    // What a buildout's revision makes is derived from what was seen, too.
    let is_derived = asked.checkout.is_some() || declared.buildouts;
    let refined = is_derived.then(|| Declared { names: Declared::by(manifest).names, ..declared.clone() });
    let declared = refined.as_ref().unwrap_or(declared);
    let (commits, left) = asked.commits();
    monitor.begin("evaluating earlier revisions", Some(commits.len() as u64));
    for recent in &commits {
        monitor.advance(1);
        let name = format!("revision {}", recent.commit.get(..10).unwrap_or(&recent.commit));
        match asked.made(recent, scans, is_derived) {
            Ok(made) => {
                // Of what is missing, only the last revision before this one tells anything.
                untold.retain(|(key, live)| !matches!(live, Live::Nothing) && !live.is_as(&made, key));
                noted.retain(|index| !made.noted.contains(index));
                // A revision that was skipped may have made it.
                let is_told = made.complete && earlier.skipped.is_empty();
                let lacking = if is_told { declared.lacking(&made, manifest) } else { Vec::new() };
                let revision = Revision::made(name, made.things, lacking);
                earlier.revisions.push(revision.declaring(made.metadata).agreeing(made.noted));
            }
            // It tells nothing; the others may.
            Err(reason) => {
                let text = format!("{name} of the definition cannot be evaluated: {reason}");
                earlier.skipped.push(Diagnostic::note(code::REVISION_SKIPPED, text));
            }
        }
        if untold.is_empty() && noted.is_empty() {
            break;
        }
    }
    monitor.end();
    untold.retain(|(_, live)| !matches!(live, Live::Unlikely(_)));
    if left && !untold.is_empty() {
        earlier.skipped.push(not_asked(commits.len(), untold.len()));
    }
    earlier
}

fn not_asked(asked: usize, untold: usize) -> Diagnostic {
    let text = format!(
        "{untold} {} of the definition in none of the last {asked} revisions; older ones were not asked",
        if untold == 1 { "file that differs is that" } else { "files that differ are those" },
    );
    Diagnostic::note(code::REVISIONS_LEFT, text).hint("ask more with `revisions = N` in rectify.toml")
}

/// The definition whose earlier revisions are asked.
struct Asked<'a> {
    request: &'a Request,
    config: &'a Config,
    manifest: &'a Manifest,
    /// Of a buildout.
    checkout: Option<Checkout>,
    project: PathBuf,
}

impl<'a> Asked<'a> {
    fn new(request: &'a Request, config: &'a Config, manifest: &'a Manifest) -> Option<Self> {
        let directory = files::canonical(&request.directory).ok()?;
        let checkout = match manifest.definition.tool.as_str() {
            "buildout" => super::buildout::find(&directory, request, config).ok().flatten(),
            _ => None,
        };
        let project = match &checkout {
            Some(checkout) => checkout.path(),
            None => directory.ancestors().find(|path| batou::is_project(path))?,
        };
        let project = project.to_owned();
        Some(Self { request, config, manifest, checkout, project })
    }

    /// The earlier revisions that are asked, newest first, and whether there are more.
    fn commits(&self) -> (Vec<Recent>, bool) {
        let most = self.config.settings.revisions;
        let mut commits = git::recent(&self.project, most.saturating_add(2));
        if !self.manifest.definition.dirty && !commits.is_empty() {
            // That is what was just evaluated.
            commits.remove(0);
        }
        let left = commits.len() > most;
        commits.truncate(most);
        (commits, left)
    }

    /// What a revision makes. With a buildout that depends on what is live, too; else it is kept.
    fn made(&self, recent: &Recent, scans: &[Scan], is_derived: bool) -> Result<Made, String> {
        let export = || git::export(&self.project, &recent.commit);
        if let Some(checkout) = &self.checkout {
            let mut made = checkout.revision(export()?.path())?;
            let noted = derive::agreed(&made, &self.manifest.noted);
            derive::refine(&mut made, scans);
            let failed = made.diagnostics.iter().any(|one| one.severity == Severity::Error);
            return Ok(Made { noted, ..Made::new(&made, !failed) });
        }
        let python = self.python();
        let kept = self.kept(recent, python.as_deref()).filter(|_| !is_derived);
        let is_of_git = |made: &Made| git::ignored(&self.project, &made.sources).is_empty();
        // What the target notes is compared with the definition itself, of which only digests are kept.
        let readable = kept.as_ref().filter(|_| self.manifest.noted.is_empty());
        if let Some(made) = readable.and_then(Kept::read).filter(is_of_git) {
            return Ok(made);
        }
        let (mut manifest, mut made) = self.evaluate(export()?.path(), python.as_deref())?;
        made.noted = derive::agreed(&manifest, &self.manifest.noted);
        if is_derived {
            derive::refine(&mut manifest, scans);
            made.see(&manifest);
        }
        // What failed may succeed another time: with the keys of its secrets, for example.
        if let Some(kept) = kept.filter(|_| made.complete && is_of_git(&made)) {
            kept.write(&made);
        }
        Ok(made)
    }

    /// The interpreter that evaluates it; an export has none of its own.
    fn python(&self) -> Option<PathBuf> {
        let named = self.request.python.as_ref().or(self.config.settings.deployment.python.as_ref());
        let own = self.project.join(".appenv/current/bin/python");
        named.cloned().or_else(|| (files::what_is(&own) == files::Is::File).then_some(own))
    }

    /// Where what a revision makes is kept; `None` where that is not wanted, or not all is known that decides about it.
    fn kept(&self, recent: &Recent, python: Option<&Path>) -> Option<Kept> {
        let directory = self.config.settings.cache.as_deref()?;
        let library = batou::exact::library(python?)?.hex();
        let hosts: Vec<_> = self.manifest.hosts.iter().map(|host| (&host.name, &host.directory)).collect();
        let definition = &self.manifest.definition;
        let (program, tree) = (env!("CARGO_PKG_VERSION"), &recent.tree);
        let key =
            format!("{FORMAT} {program} {tree} {library} {} {} {hosts:?}", definition.tool, definition.environment);
        Some(Kept::new(directory, &key))
    }

    fn evaluate(&self, export: &Path, python: Option<&Path>) -> Result<(Manifest, Made), String> {
        let base = self.manifest.hosts.iter().find_map(|host| host.directory.as_ref()?.as_str());
        let evaluate = batou::Evaluate::Exact;
        let environment = batou::Request::new(export, &self.manifest.definition.environment);
        let asked = batou::Request { evaluate, python, target_base: base, ..environment };
        let (model, mut diagnostics) = batou::load(&asked, &Silent).map_err(|error| error.to_string())?;
        let mut sources = sources::sources(export, Files::Export, &model, &mut diagnostics);
        add_ignored(&self.project, &mut sources);
        let manifest = expect::batou::manifest(&model, &sources);
        // Where some components fail, the others still tell what they made.
        match diagnostics.into_iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
            Some(error) if manifest.artifacts.is_empty() => Err(error.message),
            error => {
                let sources = sources.sources.into_keys().collect();
                let made = Made { sources, ..Made::new(&manifest, error.is_none()) };
                Ok((manifest, made))
            }
        }
    }
}

/// Files that are copied and that git ignores are in no revision, and were there all the same: what was built before it was
/// deployed, for example. Of what they held nothing is known.
fn add_ignored(project: &Path, sources: &mut expect::batou::Project) {
    let ignored = git::ignored(project, sources.sources.keys());
    for (name, members) in &mut sources.sources {
        let Eval::Known(members) = members else { continue };
        let top = [name.as_bytes(), b"/"].concat();
        for path in ignored.iter().filter_map(|path| path.strip_prefix(&*top)) {
            if members.iter().all(|member| member.path.0 != path) {
                let (path, kind) = (Blob(path.to_vec()), Kind::File);
                members.push(Member { path, kind, mode: 0, digest: None, size: None, target: None });
            }
        }
    }
}

/// What is there instead of what the definition makes.
#[derive(Debug)]
enum Live {
    Nothing,
    Content(Digest),
    /// A content that looks damaged, or is in the place of something else: of an earlier version few are.
    Unlikely(Digest),
    Target(Blob),
    Mode(u32),
    /// By any of the names that the host has for them.
    Owner([Vec<Principal>; 2]),
}

impl Live {
    /// Whether it is what a revision makes.
    fn is_as(&self, made: &Made, key: &Key) -> bool {
        match (self, made.things.get(key)) {
            (Self::Content(live) | Self::Unlikely(live), Some(MadeThing::File(file))) => file.digest == *live,
            (Self::Target(live), Some(MadeThing::Link(target))) => target == live,
            (Self::Mode(live), thing) => match made.metadata.get(key) {
                Some(declared) => declared.mode.is_none_or(|mode| mode == *live),
                None => thing.is_some(),
            },
            (Self::Owner([owners, groups]), thing) => match made.metadata.get(key) {
                Some(MadeMetadata { owner, group, .. }) => {
                    owner.as_ref().is_none_or(|owner| owners.contains(owner))
                        && group.as_ref().is_none_or(|group| groups.contains(group))
                }
                None => thing.is_some(),
            },
            (Self::Nothing | Self::Content(_) | Self::Unlikely(_) | Self::Target(_), _) => false,
        }
    }
}

/// What differs from the definition and may be of an earlier version of it.
fn untold(manifest: &Manifest, scans: &[Scan], points: &RestorePoints) -> Vec<(Key, Live)> {
    let found = findings::judge(Case { manifest, scans, points, revisions: &[] });
    let live = |finding: Finding| {
        let scan = scans.iter().find(|scan| scan.host == finding.host)?;
        let seen = || scan.seen(&finding.path);
        let content = || scan.digest(&finding.path, Algorithm::Sha256);
        let live = match finding.damage {
            Damage::Missing => Live::Nothing,
            Damage::WrongMode => Live::Mode(seen()?.mode),
            Damage::WrongOwner => {
                let seen = seen()?;
                Live::Owner([Principal::all_of(seen.uid, &scan.users), Principal::all_of(seen.gid, &scan.groups)])
            }
            Damage::WrongTarget => Live::Target(seen()?.target.clone()?),
            Damage::WrongKind | Damage::Extraneous => match seen()?.target.clone() {
                Some(target) => Live::Target(target),
                None => Live::Unlikely(content()?),
            },
            Damage::Edited
            | Damage::Changed
            | Damage::Truncated
            | Damage::Stale { .. }
            | Damage::NotDeployed { .. } => Live::Content(content()?),
            // So look sound files, too: an archive ends in zeros, and what was renamed has the content of another file.
            Damage::OtherFile { .. }
            | Damage::Foreign { .. }
            | Damage::Zeroed
            | Damage::Random
            | Damage::Torn
            | Damage::Mixed => Live::Unlikely(content()?),
            Damage::Unreadable(_)
            | Damage::CacheNewerThanDisk
            | Damage::CacheOlderThanDisk
            | Damage::Inconsistent
            | Damage::BrokenRecord => return None,
        };
        Some(((finding.host, finding.path), live))
    };
    let declared = found.findings.into_iter().filter(|finding| finding.authority == Authority::Definition);
    declared.filter_map(live).collect()
}
