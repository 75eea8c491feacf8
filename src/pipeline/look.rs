//! Looking at hosts: which tree stands for which host, what references and backups add, and the closer look at what
//! turned out to differ.

use super::Request;
use crate::backups::{self, Held, Sources, Wanted};
use crate::findings::{self, Case};
use crate::io::{clock, disk::LiveRoot, files};
use crate::live::{self, closer, verify::Options};
use crate::model::artifact::{Content, Expected};
use crate::model::finding::Findings;
use crate::model::manifest::{Depth, Host, Manifest};
use crate::model::observation::{Kind, ReadMode, Scan, SeenContent, Sighting};
use crate::model::path::TargetPath;
use crate::model::restore::{RestorePoint, RestorePoints};
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
    /// When the incident began, nanoseconds since 1970 UTC.
    pub(super) window_start: Option<i64>,
    /// How its packages are looked at; `None` where they are not.
    pub(super) packages: Option<Options>,
}

/// Scans one host in a tree of this machine: everything, then closer where something differs, then what backups say
/// about that. `refined` is the manifest with derivations; what it lacks is derived from the scan.
pub(super) fn host(
    manifest: &Manifest,
    asked: Asked<'_>,
    root: PathBuf,
    settings: &Settings,
    monitor: &dyn Monitor,
) -> Scan {
    let Asked { host, window_start, read, packages } = asked;
    let started_at = clock::now();
    let shown = root.display().to_string();
    let root = match LiveRoot::open(root) {
        Ok(root) => root,
        Err(failure) => return live::unseen(host, started_at, format!("`{shown}` cannot be opened: {}", failure.text)),
    };
    let mut scan = live::scan(&root, manifest, &live::Asked { host, started_at, read }, monitor);
    references::add(&root, manifest, &mut scan);
    if let Some(options) = packages {
        super::packages::add(&root, &mut scan, &options, monitor);
    }
    let mut refined = manifest.clone();
    crate::expect::derive::refine(&mut refined, std::slice::from_ref(&scan));
    refined.hosts.retain(|known| known.name == *host);
    let points = consult_backups(&refined, &scan, &root, settings, window_start, monitor);
    look_closer(&refined, &mut scan, &root, &points, monitor);
    scan.points = (!settings.backups.is_empty()).then_some(points);
    scan
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
    asked.extend(found.unverified.iter().filter_map(|unverified| unverified.path.clone()));
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
    let differs = |(path, held): (TargetPath, Held)| match scan.sighting(&path) {
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

/// Looks closer at the files that differ.
fn look_closer(manifest: &Manifest, scan: &mut Scan, root: &LiveRoot, points: &RestorePoints, monitor: &dyn Monitor) {
    let found = judge(manifest, scan, points);
    let others = known_bytes(manifest, &scan.host);
    monitor.begin(&format!("looking closer at {}", scan.host), Some(found.findings.len() as u64));
    for finding in &found.findings {
        monitor.advance(1);
        let Some(Sighting::Present(seen)) = scan.observations.get_mut(&finding.path) else { continue };
        let Some(SeenContent::Read { digests, closer, .. }) = &mut seen.content else { continue };
        let versions = points.of(&scan.host, &finding.path);
        let expected = expected_bytes(finding.expected.as_ref(), versions);
        let live = digests.first();
        let older: Vec<Vec<u8>> = versions
            .iter()
            .filter(|point| point.digest.as_ref() != live)
            .filter_map(bytes_of)
            .filter(|bytes| Some(bytes) != expected.as_ref())
            .collect();
        let secret = finding.secret || finding.expected.is_none();
        let comparison = closer::Comparison { expected: expected.as_deref(), older: &older, others: &others, secret };
        // What cannot be read now was read a moment ago: the finding stands as it is, without a closer look.
        *closer = closer::examine(root, &finding.path, comparison).ok();
    }
    monitor.end();
}

/// The right bytes: from the definition, or from a backup's version that agrees with the expected digest. Where nothing
/// but a backup knows, its newest version is the measure.
fn expected_bytes(expected: Option<&Expected>, versions: &[RestorePoint]) -> Option<Vec<u8>> {
    match expected {
        Some(Expected::File(Content::Bytes(bytes) | Content::Unordered { bytes, .. })) => Some(bytes.0.clone()),
        Some(Expected::File(Content::Digest { digest, .. })) => {
            versions.iter().find(|point| point.digest.as_ref() == Some(digest)).and_then(bytes_of)
        }
        _ => versions.iter().rev().find(|point| point.refused.is_none()).and_then(bytes_of),
    }
}

/// The bytes of a backup's version; `None` when it is no readable file of reasonable size.
fn bytes_of(point: &RestorePoint) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(point.location.as_bytes()));
    if point.kind == Kind::File { files::read(path).ok() } else { None }
}

/// The contents that may have strayed into other files.
fn known_bytes(manifest: &Manifest, host: &HostName) -> Vec<(TargetPath, Vec<u8>)> {
    let artifacts = manifest.artifacts.iter().filter(|artifact| artifact.host == *host && !artifact.secret);
    artifacts
        .filter_map(|artifact| match &artifact.expected {
            Expected::File(Content::Bytes(bytes) | Content::Unordered { bytes, .. }) if bytes.0.len() >= 32 => {
                Some((artifact.path.clone(), bytes.0.clone()))
            }
            _ => None,
        })
        .collect()
}
