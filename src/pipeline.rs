//! The main path: definition, expectation, scan, findings, plan. The only code that knows all stages.
//!
//! [`run`] is the whole tool in one screen. [`manifest`] and [`scan`] stop half-way, for the split over two machines;
//! what they save, `run` takes up again, with the same result.

mod baselines;
mod buildout;
mod closer;
mod definition;
mod intrinsic;
mod journal;
mod look;
mod packages;
mod revisions;
pub mod saved;
mod scan_file;
mod sources;

use crate::expect::derive;
use crate::findings::{self, Case};
use crate::io::{clock, files, git};
use crate::live::journal::Journal;
use crate::live::verify::Options;
use crate::model::buildout::OptionValue;
use crate::model::command::{Command, Place};
use crate::model::diagnostic::Diagnostic;
use crate::model::eval::{Why, WhyKind};
use crate::model::finding::Findings;
use crate::model::incident::Window;
use crate::model::manifest::Manifest;
use crate::model::observation::{ReadMode, Scan};
use crate::model::path::TargetPath;
use crate::model::plan::Plan;
use crate::model::restore::RestorePoints;
use crate::model::unit::{HostName, UnitId};
use crate::model::unverified::Unverified;
use crate::monitor::Monitor;
pub use crate::plan::Prefer;
use crate::plan::{self, Input};
use crate::report::view::{Incident, Meta, Source};
use crate::settings::Settings;
use baselines::Baselines;
use definition::Config;
use look::Where;
pub use scan_file::ScanFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Where the definition is, or below which directory of it we are.
    pub directory: PathBuf,
    /// The environment (batou) or configuration file (buildout); `None` for the only one there is.
    pub environment: Option<String>,
    /// `rectify.toml`, where it is not to be looked for.
    pub config: Option<PathBuf>,
    /// Directories of this machine that stand for the roots of hosts.
    pub roots: BTreeMap<HostName, PathBuf>,
    /// A saved manifest to use instead of the definition.
    pub manifest_file: Option<PathBuf>,
    /// Saved scans to use instead of looking.
    pub scan_files: Vec<PathBuf>,
    /// Earlier scans of the hosts, to compare with what nothing else tells of.
    pub baselines: Vec<PathBuf>,
    /// How to evaluate the definition.
    pub evaluate: Evaluate,
    /// The Python that has the project's batou or buildout.
    pub python: Option<PathBuf>,
    /// Only these hosts; empty for all.
    pub hosts: Vec<HostName>,
    /// Only these units and what is in them; empty for all.
    pub only: Vec<String>,
    /// Begin of the incident, nanoseconds since 1970 UTC.
    pub since: Option<i64>,
    /// End of the incident, nanoseconds since 1970 UTC.
    pub until: Option<i64>,
    /// What to do where both a redeploy and a backup could bring something back.
    pub prefer: Prefer,
    /// What is known about a buildout, beyond what its directory tells.
    pub buildout: crate::settings::Buildout,
    /// How many threads; `None` for as many as there are processors.
    pub jobs: Option<usize>,
    /// Through what contents are read.
    pub read: ReadMode,
    /// Where a scan notes what it has read, and takes up again what it noted before.
    pub journal: Option<PathBuf>,
    /// Whether to look at the packages of the operating system, too.
    pub packages: bool,
    /// The most bytes a second that are read of files and packages; `None` for as fast as possible.
    pub io_limit: Option<u64>,
}

/// How to evaluate a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evaluate {
    /// Exact where the project's own tool can run, else native.
    #[default]
    Auto,
    /// By the project's own tool.
    Exact,
    /// By rectify itself.
    Native,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What should be.
    pub manifest: Manifest,
    /// What was seen.
    pub scans: Vec<Scan>,
    /// What is wrong.
    pub findings: Findings,
    /// What backups offer.
    pub points: RestorePoints,
    /// What to do.
    pub plan: Plan,
    /// What a report says besides.
    pub meta: Meta,
}

/// rectify cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Error {
    /// What happened, and where.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What kind of trouble it is: decides the exit code.
    pub trouble: Trouble,
    /// What exactly is wrong with a file, where it is one.
    pub diagnostics: Vec<Diagnostic>,
}

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A file or directory that was named, or the definition, is not there.
    InputMissing,
    /// Everything else.
    Failed,
}

impl Error {
    fn new(trouble: Trouble, what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, trouble, diagnostics: Vec::new() }
    }

    #[must_use]
    fn because(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    #[must_use]
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The whole way.
///
/// # Errors
/// When there is no definition, or a saved file cannot be read.
pub fn run(request: &Request, monitor: &dyn Monitor) -> Result<Outcome, Error> {
    let started_at = clock::now();
    let config = definition::settings(request, started_at)?;
    let settings = &config.settings;
    let mut manifest = manifest_with(request, &config, monitor)?;
    let declared = revisions::Declared::by(&manifest);
    let baselines = Baselines::read(request, settings, manifest.artifacts.digests())?;
    manifest.diagnostics.extend_from_slice(baselines.unused());
    let (scans, refined) = scan_with(request, settings, &manifest, &baselines, monitor)?;
    if let Some(refined) = refined {
        manifest = refined;
    } else {
        derive::refine(&mut manifest, &scans);
        baselines.claim(&mut manifest, &scans);
    }
    let points = merged_points(&scans, window_start(request, settings));
    let earlier = revisions::revisions(request, &config, (&manifest, &declared), (&scans, &points), monitor);
    manifest.diagnostics.extend(earlier.skipped);
    let mut revisions = earlier.revisions;
    revisions.extend_from_slice(baselines.states());
    let case = Case { manifest: &manifest, scans: &scans, points: &points, revisions: &revisions };
    // What is judged is kept, in the memory of this thread; a digest is not.
    let (mut findings, observed) = std::thread::scope(|scope| {
        let observed = scope.spawn(|| saved::observations_digest(&scans));
        (findings::judge(case), observed.join().expect("a digest is taken of anything"))
    });
    findings::doubt::judge(case, &mut findings);
    findings::peers::judge(case, &mut findings);
    findings::stranger::judge(case, &mut findings);
    findings::irreplaceable::judge(case, &mut findings);
    baselines.tell_gone(&manifest, &scans, &mut findings);
    ignore(&mut findings, settings);
    restrict(&mut findings, &manifest, request);
    findings::group::group(&mut findings, &scans);
    let window = window(request, settings);
    findings.at_risk = findings::incident::at_risk(window, &scans, &findings);
    let quarantine = format!("{}/{}", settings.quarantine, &observed[..12]);
    let verify = verify_command(request, &manifest);
    let plan = plan::plan(Input {
        manifest: &manifest,
        findings: &findings,
        points: &points,
        prefer: request.prefer,
        quarantine: &quarantine,
        verify: &verify,
    });
    let mut meta = meta(request, settings, (&manifest, &scans), (started_at, observed));
    if window.is_known() {
        let commits = git::commits(&request.directory, COMMITS);
        meta.timeline = findings::incident::timeline(window, &scans, (&findings, &points), &commits);
    }
    Ok(Outcome { manifest, scans, findings, points, plan, meta })
}

/// Reads the definition and makes the manifest, also where the settings name a saved one: it is how that is made anew.
///
/// # Errors
/// When there is no definition, or its environment does not exist.
pub fn manifest(request: &Request, monitor: &dyn Monitor) -> Result<Manifest, Error> {
    let mut config = definition::settings(request, clock::now())?;
    config.settings.manifest = None;
    manifest_with(request, &config, monitor)
}

/// Looks at the hosts of a manifest, as far as they can be seen from here. Gives warnings, too: baselines that are not
/// used.
///
/// # Errors
/// When a saved scan cannot be read.
pub fn scan(
    request: &Request,
    manifest: &Manifest,
    monitor: &dyn Monitor,
) -> Result<(Vec<Scan>, Vec<Diagnostic>), Error> {
    let config = definition::settings(request, clock::now())?;
    let baselines = Baselines::read(request, &config.settings, manifest.artifacts.digests())?;
    let (scans, _) = scan_with(request, &config.settings, manifest, &baselines, monitor)?;
    Ok((scans, baselines.unused().to_vec()))
}

/// The options of a buildout section, with how each came about: one, or all where `option` is `None`.
///
/// # Errors
/// When there is no buildout here, or no such section or option.
pub fn options(request: &Request, section: &str, option: Option<&str>) -> Result<Vec<(String, OptionValue)>, Error> {
    checkout(request)?.resolve()?.options(section, option)
}

/// All options of a buildout, with how each came about, by section.
///
/// # Errors
/// When there is no buildout here.
pub fn all_options(request: &Request) -> Result<BTreeMap<String, Vec<(String, OptionValue)>>, Error> {
    Ok(checkout(request)?.resolve()?.all_options())
}

/// The buildout that a request names.
fn checkout(request: &Request) -> Result<buildout::Checkout, Error> {
    let config = definition::settings(request, clock::now())?;
    let directory = files::canonical(&request.directory)
        .map_err(|error| Error::new(Trouble::InputMissing, error.to_string()).hint("name the checkout with -C DIR"))?;
    buildout::find(&directory, request, &config)?.ok_or_else(|| {
        let what = format!("no buildout was found in `{}`", request.directory.display());
        let hint = buildout::hint(&directory).unwrap_or_else(|| "name the checkout with -C DIR".to_owned());
        Error::new(Trouble::InputMissing, what).hint(hint)
    })
}

fn manifest_with(request: &Request, config: &Config, monitor: &dyn Monitor) -> Result<Manifest, Error> {
    let mut manifest = definition::manifest(request, config, monitor)?;
    definition::know_hosts(&manifest, request.roots.keys())?;
    if !request.hosts.is_empty() {
        definition::only_hosts(&mut manifest, &request.hosts)?;
    }
    Ok(manifest)
}

/// The scans of all hosts, and the manifest refined by them, where there is only one host and it was looked at now.
fn scan_with(
    request: &Request,
    settings: &Settings,
    manifest: &Manifest,
    baselines: &Baselines,
    monitor: &dyn Monitor,
) -> Result<(Vec<Scan>, Option<Manifest>), Error> {
    let digests = manifest.artifacts.digests();
    let mut saved: Vec<Scan> =
        request.scan_files.iter().map(|file| saved::read_scan(file, digests)).collect::<Result<_, _>>()?;
    let journal = request.journal.as_deref().map(|path| journal::File::open(path, request.read)).transpose()?;
    if let Some(known) = journal.as_ref().map(journal::File::len).filter(|known| *known > 0) {
        monitor
            .note(&format!("going on: {known} files were read before, and are read again only if they have changed"));
    }
    let mut scans = Vec::new();
    let mut refined = None;
    for host in manifest.hosts.iter().filter(|host| !host.ignored) {
        if let Some(index) = saved.iter().position(|scan| scan.host == host.name) {
            scans.push(saved.swap_remove(index));
            continue;
        }
        match look::place_of(host, request, settings) {
            Where::Root(root) => {
                let window_start = window_start(request, settings);
                let of_host = journal.as_ref().map(|journal| journal.of(&host.name));
                let of_host = of_host.as_ref().map(|journal| journal as &dyn Journal);
                let (read, io_limit) = (request.read, request.io_limit);
                let options = Options { jobs: request.jobs, io_limit, journal: of_host };
                let packages =
                    (request.packages || settings.packages.unwrap_or_else(|| is_system(manifest))).then_some(options);
                let asked = look::Asked { host: &host.name, read, journal: of_host, io_limit, packages };
                let known = look::Known { settings, window_start, baselines };
                let look = || look::host(manifest, asked, root, known, monitor);
                let (scan, by_it) = with_threads(request.jobs, look)?;
                scans.push(scan);
                refined = by_it.filter(|_| manifest.hosts.len() == 1);
            }
            Where::File(file) => scans.push(saved::read_scan(&file, digests)?),
            Where::Nowhere => {}
        }
    }
    // With only some hosts asked for, scans of others are none of our business.
    if request.hosts.is_empty() {
        definition::know_hosts(manifest, saved.iter().map(|scan| &scan.host))?;
    }
    if let Some(second) = saved.iter().find(|scan| scans.iter().any(|used| used.host == scan.host)) {
        let what = format!("there are two scans of the host `{}`", second.host);
        return Err(Error::new(Trouble::Failed, what).hint("name one of them with --scan"));
    }
    scans.sort_by(|a, b| a.host.cmp(&b.host));
    Ok((scans, refined))
}

/// Whether there is no deployment, only hosts with their packages.
fn is_system(manifest: &Manifest) -> bool {
    manifest.definition.tool == definition::SYSTEM
}

fn with_threads<T: Send>(jobs: Option<usize>, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    Ok(match threads(jobs)? {
        Some(pool) => pool.install(work),
        None => work(),
    })
}

/// Threads of our own, where a number is asked for.
fn threads(jobs: Option<usize>) -> Result<Option<rayon::ThreadPool>, Error> {
    let Some(jobs) = jobs else { return Ok(None) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    pool.map(Some).map_err(|error| Error::new(Trouble::Failed, format!("cannot start {jobs} threads: {error}")))
}

fn window_start(request: &Request, settings: &Settings) -> Option<i64> {
    window(request, settings).since
}

fn window(request: &Request, settings: &Settings) -> Window {
    let Window { since, until } = settings.incident;
    Window { since: request.since.or(since), until: request.until.or(until) }
}

/// How many commits of the definition are looked at for the time line.
const COMMITS: usize = 1000;

fn merged_points(scans: &[Scan], window_start: Option<i64>) -> RestorePoints {
    let mut merged = RestorePoints { window_start, ..RestorePoints::default() };
    for points in scans.iter().filter_map(|scan| scan.points.as_ref()) {
        merged.points.extend(points.points.iter().cloned());
        merged.failed.extend(points.failed.iter().cloned());
        merged.snapshots += points.snapshots;
    }
    merged.points.sort_by(|a, b| (&a.host, &a.path, a.taken_at).cmp(&(&b.host, &b.path, b.taken_at)));
    merged
}

/// What the settings tell to ignore is not judged, and said so.
fn ignore(findings: &mut Findings, settings: &Settings) {
    if settings.ignore.is_empty() {
        return;
    }
    let ignored = |host: &HostName, path: &TargetPath| {
        settings.ignore.iter().find(|rule| rule.covers(host, path)).map(|rule| rule.reason.clone())
    };
    let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut findings.findings)
        .into_iter()
        .partition(|finding| ignored(&finding.host, &finding.path).is_none());
    findings.findings = kept;
    for finding in dropped {
        let reason = ignored(&finding.host, &finding.path).unwrap_or_default();
        let why = Why::new(WhyKind::Ignored, format!("ignored by rectify.toml: {reason}"));
        let (host, unit, path) = (finding.host, finding.unit, Some(finding.path));
        findings.unverified.insert(Unverified { host, unit, path, why, unseen: false });
    }
    findings.unverified.replace(|entry| {
        let reason = entry.path.as_ref().and_then(|path| ignored(&entry.host, path));
        Some(match reason {
            Some(reason) => {
                let why = Why::new(WhyKind::Ignored, format!("ignored by rectify.toml: {reason}"));
                Unverified { why, unseen: false, ..entry }
            }
            None => entry,
        })
    });
    findings.number();
}

/// Keeps what concerns the units that were asked for.
fn restrict(findings: &mut Findings, manifest: &Manifest, request: &Request) {
    if request.only.is_empty() {
        return;
    }
    let wanted = |unit: &UnitId| manifest.lineage(unit).any(|unit| unit.answers_to(&request.only));
    findings.findings.retain(|finding| wanted(&finding.unit));
    findings.unverified.retain_units(wanted);
    findings.number();
}

/// The command that shows that all is well: this one, as `check`.
fn verify_command(request: &Request, manifest: &Manifest) -> Command {
    let mut argv = vec!["rectify".to_owned(), "check".to_owned(), manifest.definition.environment.clone()];
    if request.packages {
        argv.push("--packages".to_owned());
    }
    if let Some(config) = &request.config {
        argv.extend(["--config".to_owned(), absolute(config)]);
    }
    for (host, root) in &request.roots {
        argv.push("--root".into());
        argv.push(format!("{host}={}", absolute(root)));
    }
    if let Some(read) = request.read.argument() {
        argv.extend(["--read".to_owned(), read.to_owned()]);
    }
    argv.extend(request.buildout.arguments());
    Command::at(Place::Control, argv).in_directory(absolute(&request.directory))
}

/// A path as a plan that is read elsewhere needs it. What does not exist stays as it was named.
fn absolute(path: &Path) -> String {
    files::canonical(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

fn meta(
    request: &Request,
    settings: &Settings,
    (manifest, scans): (&Manifest, &[Scan]),
    (started_at, observed): (i64, String),
) -> Meta {
    let seen = |host: &HostName| scans.iter().find(|scan| scan.host == *host);
    let unseen = manifest.hosts.iter().filter(|host| !host.ignored).filter_map(|host| match seen(&host.name) {
        None => Some((host.name.clone(), "no live tree or scan was given for it".to_owned())),
        Some(scan) => scan.unseen.clone().map(|reason| (host.name.clone(), reason)),
    });
    let window = window(request, settings);
    let owner =
        |unit: &crate::model::unit::Unit| settings.owners.get(&unit.name).map(|owner| (unit.id.clone(), owner.clone()));
    Meta {
        deployment: deployment_name(request),
        created_at: started_at,
        scanned_at: scans.iter().map(|scan| scan.started_at).min(),
        observations_digest: observed,
        source: source(request),
        incident: incident(window),
        timeline: Vec::new(),
        packaged: scans.iter().filter_map(|scan| Some((scan.host.clone(), scan.packages.as_ref()?.intact))).collect(),
        unseen: unseen.collect(),
        owners: manifest.units.iter().filter_map(owner).collect(),
    }
}

fn incident(window: Window) -> Option<Incident> {
    if !window.is_known() {
        return None;
    }
    let from = window.since.map(crate::report::view::time);
    let to = window.until.map(crate::report::view::time);
    Some(Incident { id: from.clone(), from, to, evidence: Vec::new() })
}

fn source(request: &Request) -> Source {
    if !request.scan_files.is_empty() {
        Source::Scan
    } else if request.roots.is_empty() {
        Source::Live
    } else {
        Source::Image
    }
}

/// The directory's name: stable between machines where the checkout has the same name.
fn deployment_name(request: &Request) -> String {
    let directory = files::canonical(&request.directory).unwrap_or_else(|_| request.directory.clone());
    directory.file_name().map_or_else(|| "deployment".to_owned(), |name| name.to_string_lossy().into_owned())
}
