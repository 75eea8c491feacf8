//! Looking at hosts: which tree stands for which host, what references, backups and baselines add, and the closer look
//! ([`closer`]) at what turned out to differ.

use super::Request;
use super::baselines::Baselines;
use super::closer;
use crate::backups::{self, Held, Sources, Wanted};
use crate::findings::{self, Case};
use crate::io::{clock, disk::LiveRoot};
use crate::live::{self, journal::Journal, verify::Options};
use crate::model::finding::Findings;
use crate::model::manifest::{Depth, Host, Manifest};
use crate::model::observation::{Kind, ReadMode, Scan, Sighting};
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoints;
use crate::model::unit::HostName;
use crate::monitor::Monitor;
use crate::references;
use crate::settings::Settings;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where a host can be seen from here.
pub(super) enum Where {
    /// In a tree of this machine.
    Root(PathBuf),
    /// In a scan that was made there.
    File(PathBuf),
    /// Nowhere.
    Nowhere,
}

/// Where a host can be seen: the command line goes before the settings, and those before "this machine".
pub(super) fn place_of(host: &Host, request: &Request, settings: &Settings) -> Where {
    if let Some(root) = request.roots.get(&host.name) {
        return Where::Root(root.clone());
    }
    match settings.hosts.get(&host.name) {
        Some(known) if known.root.is_some() => known.root.clone().map_or(Where::Nowhere, Where::Root),
        Some(known) if known.scan.is_some() => known.scan.clone().map_or(Where::Nowhere, Where::File),
        _ if host.local => Where::Root(PathBuf::from("/")),
        _ => Where::Nowhere,
    }
}

/// What is asked about one host.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Which.
    pub(super) host: &'a HostName,
    /// Through what its files are read.
    pub(super) read: ReadMode,
    /// What was read of it before.
    pub(super) journal: Option<&'a dyn Journal>,
    /// The most bytes that are read in a second.
    pub(super) io_limit: Option<u64>,
    /// How its packages are looked at; `None` where they are not.
    pub(super) packages: Option<Options<'a>>,
}

/// What a host is held against besides the manifest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// The settings, for the backups.
    pub(super) settings: &'a Settings,
    /// Begin of the incident, nanoseconds since 1970 UTC.
    pub(super) window_start: Option<i64>,
    /// Earlier scans.
    pub(super) baselines: &'a Baselines,
}

/// Scans one host in a tree of this machine: everything, then closer where something differs, then what backups say
/// about that. Gives the manifest, too, as the scan refines it, for this host only; `None` where the scan says more now
/// than it did then, or nothing.
pub(super) fn host(
    manifest: &Manifest,
    asked: Asked<'_>,
    root: PathBuf,
    known: Known<'_>,
    monitor: &dyn Monitor,
) -> (Scan, Option<Manifest>) {
    let Asked { host, read, journal, io_limit, packages } = asked;
    let Known { settings, window_start, baselines } = known;
    let started_at = clock::now();
    let shown = root.display().to_string();
    let root = match LiveRoot::open(root) {
        Ok(root) => root,
        Err(failure) => {
            let reason = format!("`{shown}` cannot be opened: {}", failure.text);
            return (live::unseen(host, started_at, reason), None);
        }
    };
    let mut scan = live::scan(&root, manifest, &live::Asked { host, started_at, read, journal, io_limit }, monitor);
    references::add(&root, manifest, &mut scan);
    if let Some(options) = packages {
        super::packages::add(&root, &mut scan, &options, monitor);
    }
    let mut refined = manifest.clone();
    crate::expect::derive::refine(&mut refined, std::slice::from_ref(&scan));
    refined.hosts.retain(|known| known.name == *host);
    baselines.claim(&mut refined, std::slice::from_ref(&scan));
    let points = consult_backups(&refined, &scan, &root, settings, window_start, monitor);
    let known = closer::Known { manifest: &refined, points: &points, baselines };
    let unchanged = closer::look_closer(known, &mut scan, &root, monitor);
    // What is expected of packages' configuration depends on how it looks closer.
    let is_final = unchanged.is_some() || scan.packages.is_none();
    let found = unchanged.unwrap_or_else(|| judge(&refined, &scan, &points));
    super::intrinsic::add(&root, &mut scan, &found, monitor);
    scan.points = (!settings.backups.is_empty()).then_some(points);
    (scan, is_final.then_some(refined))
}

fn judge(manifest: &Manifest, scan: &Scan, points: &RestorePoints) -> Findings {
    findings::judge(Case { manifest, scans: std::slice::from_ref(scan), points, revisions: &[] })
}

/// What the backups hold of everything that is wrong, or that nothing else can vouch for, or that is gone.
fn consult_backups(
    manifest: &Manifest,
    scan: &Scan,
    root: &LiveRoot,
    settings: &Settings,
    window_start: Option<i64>,
    monitor: &dyn Monitor,
) -> RestorePoints {
    if settings.backups.is_empty() {
        return RestorePoints { window_start, ..RestorePoints::default() };
    }
    let (sources, mut failed) = backups::open(&settings.backups);
    monitor.begin(&format!("reading backups of {}", scan.host), None);
    let found = judge(manifest, scan, &RestorePoints::default());
    let mut asked: BTreeSet<TargetPath> = found.findings.iter().map(|finding| finding.path.clone()).collect();
    asked.extend(found.unverified.iter().filter_map(|unverified| unverified.path));
    asked.extend(not_as_in_backup(manifest, scan, &sources, window_start, &mut failed));
    let asked: Vec<TargetPath> = asked.into_iter().collect();
    let wanted = Wanted { host: &scan.host, paths: &asked, live: Some(root), window_start };
    let mut points = backups::versions(&sources, &wanted);
    points.failed.extend(failed);
    monitor.end();
    points
}

/// Paths below the places that belong to the deployment that the newest usable snapshot has, and the live tree has not,
/// or has with another mode.
fn not_as_in_backup(
    manifest: &Manifest,
    scan: &Scan,
    sources: &Sources,
    window_start: Option<i64>,
    failed: &mut Vec<(String, String)>,
) -> BTreeSet<TargetPath> {
    let looks = manifest.look.iter().filter(|look| look.host == scan.host);
    let walked = looks.filter(|look| matches!(look.depth, Depth::Whole | Depth::Checkout)).map(|look| &look.path);
    let data = manifest.data.iter().filter(|data| data.host == scan.host).map(|data| &data.path);
    let differs = |(path, held): (TargetPath, Held)| match &*scan.sighting(&path) {
        Sighting::Absent => Some(path),
        Sighting::Present(seen) if seen.kind == held.kind && seen.kind == Kind::File && seen.mode != held.mode => {
            Some(path)
        }
        Sighting::Present(_) | Sighting::Unseen(_) => None,
    };
    let mut different = BTreeSet::new();
    for directory in walked.chain(data).collect::<BTreeSet<_>>() {
        match backups::contents(sources, &scan.host, directory, window_start) {
            Ok(None) => {}
            Ok(Some(contents)) => different.extend(contents.entries.into_iter().filter_map(differs)),
            Err(reason) => failed.push((directory.to_string(), reason)),
        }
    }
    different
}
