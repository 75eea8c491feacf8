//! Baselines: earlier scans, read as claims, as earlier states and as blocks.
//!
//! What every path looked like is kept in memory; the digests of blocks, which are much more, are read again from the
//! file whenever they are asked for.

use super::{Error, Request, saved};
use crate::findings::Revision;
use crate::model::blocks::BlockDigests;
use crate::model::code;
use crate::model::diagnostic::Diagnostic;
use crate::model::digests::Digests;
use crate::model::eval::{Why, WhyKind};
use crate::model::finding::Findings;
use crate::model::manifest::Manifest;
use crate::model::observation::{Scan, Seen, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use crate::model::unverified::Unverified;
use crate::references::baseline::{self, Gone, How};
use crate::report::view;
use crate::settings::Settings;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The baselines of a run.
#[derive(Debug, Default)]
pub(super) struct Baselines {
    /// Newest first.
    files: Vec<Of>,
    scans: Vec<Arc<Scan>>,
    states: Vec<Revision>,
    unused: Vec<Diagnostic>,
}

/// Where a baseline is, to be read again.
#[derive(Debug)]
struct Of {
    host: HostName,
    started_at: i64,
    file: PathBuf,
}

/// What is done with each file of a baseline, which is named.
pub(super) type Take<'a> = dyn FnMut(&str, TargetPath, &Seen, Option<BlockDigests>) + 'a;

impl Baselines {
    /// Reads the baselines of the command line and of the settings. Those from after the begin of the incident may hold
    /// its damage and are left out, which is said. They will be held against something that names these digests.
    pub(super) fn read(request: &Request, settings: &Settings, digests: &Digests) -> Result<Self, Error> {
        let window_start = request.since.or(settings.incident.since);
        let mut baselines = Self::default();
        for file in request.baselines.iter().chain(&settings.baselines) {
            let scan = saved::read_scan(file, digests)?;
            if let Some(start) = window_start.filter(|start| scan.started_at >= *start) {
                baselines.unused.push(too_young(file, &scan, start));
                continue;
            }
            baselines.files.push(Of { host: scan.host.clone(), started_at: scan.started_at, file: file.clone() });
            baselines.scans.push(Arc::new(scan));
        }
        let mut newest_first: Vec<&Arc<Scan>> = baselines.scans.iter().collect();
        newest_first.sort_by_key(|scan| (std::cmp::Reverse(scan.started_at), scan.host.clone()));
        baselines.files.sort_by_key(|of| std::cmp::Reverse(of.started_at));
        baselines.states = newest_first.into_iter().map(state).collect();
        Ok(baselines)
    }

    /// A warning for each that is left out.
    pub(super) fn unused(&self) -> &[Diagnostic] {
        &self.unused
    }

    /// What they held, newest first.
    pub(super) fn states(&self) -> &[Revision] {
        &self.states
    }

    /// Adds to a refined manifest what they say about paths that nothing else tells of.
    pub(super) fn claim(&self, manifest: &mut Manifest, scans: &[Scan]) {
        for scan in scans {
            baseline::claim(manifest, scan, &self.scans);
        }
    }

    /// Adds to what could not be judged what they had and what is gone, where nothing else tells of it.
    pub(super) fn tell_gone(&self, manifest: &Manifest, scans: &[Scan], findings: &mut Findings) {
        if self.scans.is_empty() {
            return;
        }
        let wrong: BTreeSet<(&HostName, &TargetPath)> =
            findings.findings.iter().map(|finding| (&finding.host, &finding.path)).collect();
        for scan in scans {
            let gone = baseline::gone(manifest, scan, &self.scans).into_iter();
            let gone = gone.filter(|gone| !wrong.contains(&(&scan.host, &gone.path)));
            findings.unverified.extend(gone.map(|gone| unverified(&scan.host, gone)));
        }
    }

    /// Every file that the baselines of a host saw, of the newest first. A baseline that cannot be read any more tells nothing: it could a
    /// moment ago.
    pub(super) fn each(&self, host: &HostName, take: &mut Take<'_>) {
        for of in self.files.iter().filter(|of| of.host == *host) {
            let name = name(of.started_at);
            let _ = saved::each_line(&of.file, &mut |path, sighting, blocks| {
                if let Sighting::Present(seen) = &sighting {
                    take(&name, path, seen, blocks);
                }
            });
        }
    }
}

fn too_young(file: &Path, scan: &Scan, window_start: i64) -> Diagnostic {
    let message = format!(
        "the baseline `{}` of {} is not used: it was made after the incident began ({}) and may hold its damage",
        file.display(),
        view::time(scan.started_at),
        view::time(window_start)
    );
    let hint = "name a baseline from before the incident, or correct its begin (`--since`, `[incident]`)";
    Diagnostic::warning(code::BASELINE_TOO_YOUNG, message).hint(hint)
}

fn unverified(host: &HostName, gone: Gone) -> Unverified {
    let what = match gone.how {
        How::DirectoryChanged => "and is gone; its directory was changed since, so somebody may have removed it",
        How::Unknown => "and is gone; nothing tells whether somebody removed it",
        How::DirectoryNow => "and is a directory now; nothing tells whether somebody meant it",
    };
    let text = format!("was in the baseline of {} {what}", view::time(gone.seen_at));
    let why = Why::new(WhyKind::NoReference, text);
    Unverified { host: host.clone(), unit: gone.unit, path: Some(gone.path), why, unseen: false }
}

fn state(scan: &Arc<Scan>) -> Revision {
    Revision::seen(name(scan.started_at), Arc::clone(scan))
}

/// What the baseline of a time is called.
fn name(started_at: i64) -> String {
    format!("the baseline of {}", view::time(started_at))
}
