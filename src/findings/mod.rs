//! Manifest against observations: what is wrong, how, and how sure we are.
//!
//! Takes a refined manifest, scans, the versions that backups and earlier revisions offer; gives
//! [`Findings`]. Pure: no file, no clock, no `Result`. What cannot be judged is listed with its reason and is never
//! counted as intact.
//!
//! [`claim`] merges what several sources say about one path, [`compare`] holds it against what was seen, [`damage`]
//! names the kind of damage, by the contents that are [`known`] among others and by earlier states ([`revision`]), [`backup`] judges what only backups know,
//! [`unclaimed`] what nobody claims, [`irreplaceable`] what a repair could take along, [`noted`] what is not deployed by the deployer's own notes, [`intrinsic`] what is damaged in itself, [`cache`] where memory and disk differ; [`incident`] tells what is at risk and when
//! things happened, [`group`] which findings have one cause,
//! [`peers`] judges by what most hosts have, [`doubt`] takes back what only a damaged note says, [`stranger`] tells what is
//! another file among what nobody vouches for.

mod backup;
mod cache;
mod claim;
mod compare;
mod damage;
pub mod doubt;
mod earlier_blocks;
pub mod group;
pub mod incident;
mod intrinsic;
pub mod irreplaceable;
mod known;
mod noted;
pub mod peers;
mod revision;
pub mod stranger;
mod unclaimed;

use crate::model::eval::{Why, WhyKind};
use crate::model::finding::{Class, Finding, Findings};
use crate::model::manifest::{Host, Manifest};
use crate::model::observation::Scan;
use crate::model::package::Packages;
use crate::model::restore::RestorePoints;
use crate::model::unit::{UnitId, UnitKind};
use crate::model::unverified::Unverified;

use claim::Place;
pub use revision::{MadeFile, MadeMetadata, MadeThing, Revision};

/// Everything that a judgement rests on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What should be.
    pub manifest: &'a Manifest,
    /// What was seen, one scan a host.
    pub scans: &'a [Scan],
    /// What backups hold of the paths in question.
    pub points: &'a RestorePoints,
    /// What earlier revisions of the definition would have made, newest first, and what earlier scans saw, after them.
    pub revisions: &'a [Revision],
}

/// Judges every host. Whoever makes a plan of it asks [`irreplaceable`] besides.
pub fn judge(case: Case<'_>) -> Findings {
    let mut findings = Findings::default();
    for host in case.manifest.hosts.iter().filter(|host| !host.ignored) {
        match seen_host(case, host) {
            Ok(scan) => judge_host(case, scan, &mut findings),
            Err(unverified) => findings.unverified.insert(unverified),
        }
    }
    for (unit, why) in case.manifest.opaque() {
        let (host, unit) = (unit.host.clone(), unit.id.clone());
        findings.unverified.insert(Unverified { host, unit, path: None, why: why.clone(), unseen: false });
    }
    findings.sort();
    findings
}

fn seen_host<'a>(case: Case<'a>, host: &Host) -> Result<&'a Scan, Unverified> {
    let scan = case.scans.iter().find(|scan| scan.host == host.name);
    let reason = match scan {
        None => "no live tree or scan was given for this host".to_owned(),
        Some(Scan { unseen: Some(reason), .. }) => reason.clone(),
        Some(scan) => return Ok(scan),
    };
    let why = Why::new(WhyKind::Unreadable, reason);
    Err(Unverified { host: host.name.clone(), unit: UnitId(host.name.0.clone()), path: None, why, unseen: true })
}

fn judge_host(case: Case<'_>, scan: &Scan, findings: &mut Findings) {
    let claims = claim::Claims::new(case.manifest, &scan.host);
    let known = known::Known::new(case, scan, claims);
    let mut unclaimed = unclaimed::Judge::new(case, scan, claims);
    for Place { path, claim, sighting } in claims.beside(scan) {
        match (claim, sighting) {
            (Some(claim), sighting) => {
                unclaimed.note(&claim);
                let sighting = sighting.unwrap_or_else(|| scan.sighting(&path));
                let judged = compare::compare(case, scan, (&claim, &sighting), &known);
                record(but_for_transfers(case.manifest, judged), findings);
            }
            (None, Some(sighting)) => record(unclaimed.judge(&path, &sighting), findings),
            (None, None) => {}
        }
    }
    unclaimed.vanished().into_iter().for_each(|judged| record(judged, findings));
    if let Some(packages) = &scan.packages {
        // What differs is among the claims.
        findings.checked += packages.intact;
        findings.intact += packages.intact;
        findings.unverified.extend(unknown_of_packages(scan, packages));
    }
    for broken in case.manifest.broken.iter().filter(|broken| broken.host == scan.host) {
        findings.findings.push(compare::broken_record(scan, broken));
    }
    noted::judge(case, &scan.host, &known, &mut findings.findings);
    intrinsic::judge(case, scan, claims, findings);
    cache::judge(case, scan, claims, &mut findings.findings);
    findings.unverified.extend(cache::not_compared(scan));
}

/// That the copy of the definition on a host is of an earlier revision is no change that a deployment makes: it brings the copy
/// before it does anything else, and what follows of it is told by itself.
fn but_for_transfers(manifest: &Manifest, judged: Judged) -> Judged {
    let is_transfer = |finding: &Finding| {
        let is_copy = manifest.unit(&finding.unit).is_some_and(|unit| unit.kind == UnitKind::DefinitionCopy);
        is_copy && finding.class == Class::Change
    };
    match judged {
        Judged::Wrong(found) if found.iter().all(is_transfer) => Judged::Ignored,
        judged => judged,
    }
}

/// What is not known of packages: one entry for each reason. That nothing was found to compare with is never in sync.
fn unknown_of_packages(scan: &Scan, packages: &Packages) -> Vec<Unverified> {
    let entry = |kind, text: String, unseen| Unverified {
        host: scan.host.clone(),
        unit: UnitId(scan.host.0.clone()),
        path: None,
        why: Why::new(kind, text),
        unseen,
    };
    let mut unknown = Vec::new();
    if packages.databases.is_empty() {
        let text = "its packages were asked for, and no package database was found (dpkg, rpm, Portage, Nix)";
        unknown.push(entry(WhyKind::NoReference, text.to_owned(), true));
    }
    if !scan.read.is_cached() && packages.databases.iter().any(|database| database == "nix") {
        let text =
            "what Nix has one digest of as a whole was read through memory only: the disk may have something else";
        unknown.push(entry(WhyKind::NotModelled, text.to_owned(), false));
    }
    if packages.lost > 0 {
        let text = format!("{} packaged paths were not compared", packages.lost);
        unknown.push(entry(WhyKind::Unreadable, text, true));
    }
    if packages.without_digest > 0 {
        let count = packages.without_digest;
        let text = format!("{count} packaged files: their databases have no digest of them, only that they exist");
        unknown.push(entry(WhyKind::NoReference, text, false));
    }
    unknown
}

/// What came of one path.
#[derive(Debug)]
enum Judged {
    /// As it should be.
    Intact,
    /// Wrong in one or more ways.
    Wrong(Vec<Finding>),
    /// Not to be judged.
    Unverified(Unverified),
    /// Nobody cares.
    Ignored,
}

fn record(judged: Judged, findings: &mut Findings) {
    match judged {
        Judged::Intact => {
            findings.checked += 1;
            findings.intact += 1;
        }
        Judged::Wrong(found) => {
            findings.checked += 1;
            findings.findings.extend(found);
        }
        Judged::Unverified(unverified) => findings.unverified.insert(unverified),
        Judged::Ignored => {}
    }
}
