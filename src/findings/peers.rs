//! The same unit on other hosts: what most of them agree on, and who does not. Pure.
//!
//! Only for what nothing else can vouch for. Three hosts at least have to have the file, and more than half of them the
//! same content; content that belongs to its host alone differs everywhere and proves nothing.

use super::claim::Claims;
use super::{Case, compare, unclaimed};
use crate::findings::damage::Diagnosis;
use crate::model::artifact::{Authority, Content, Expected};
use crate::model::content::{Algorithm, Digest};
use crate::model::eval::WhyKind;
use crate::model::finding::{Certainty, Damage, Finding, Findings};
use crate::model::observation::Scan;
use crate::model::path::TargetPath;
use crate::model::path_set::PathSet;
use crate::model::unit::HostName;
use crate::model::unverified::Alike;
use std::collections::BTreeMap;

/// Fewer hosts have no majority that means anything.
const FEWEST: usize = 3;

/// Judges by majority what could not be judged host by host.
pub fn judge(case: Case<'_>, findings: &mut Findings) {
    if case.scans.len() < FEWEST {
        return;
    }
    // What code decides may be meant to differ: one host is the primary, the others follow it.
    let judgeable = findings.unverified.alike().filter(|one| !one.unseen && one.why.kind == WhyKind::NoReference);
    let mut units: BTreeMap<&str, Vec<Alike<'_>>> = BTreeMap::new();
    for one in judgeable {
        units.entry(unit_without_host(&one)).or_default().push(one);
    }
    let mut settled = Settled::default();
    for unit in units.values() {
        let paths: PathSet = unit.iter().flat_map(|one| one.paths.iter()).collect();
        for path in paths.iter() {
            settled.settle(case, &path, &places(case, unit, &path));
        }
    }
    findings.checked += settled.checked;
    findings.intact += settled.intact;
    findings.findings.extend(settled.findings);
    if !settled.paths.is_empty() {
        findings.unverified.retain(|entry| {
            let paths = settled.paths.get(&entry.host);
            !entry.path.as_ref().is_some_and(|path| paths.is_some_and(|paths| paths.contains(path)))
        });
    }
    findings.sort();
}

/// What a majority settled.
#[derive(Default)]
struct Settled {
    checked: u64,
    intact: u64,
    findings: Vec<Finding>,
    paths: BTreeMap<HostName, PathSet>,
}

impl Settled {
    /// Judges one path in one unit by the hosts that have it.
    fn settle(&mut self, case: Case<'_>, path: &TargetPath, places: &BTreeMap<&HostName, Digest>) {
        let Some(majority) = majority(places) else { return };
        let agreeing: Vec<&str> =
            places.iter().filter(|(_, digest)| *digest == majority).map(|(host, _)| &*host.0).collect();
        for (&host, digest) in places {
            self.checked += 1;
            self.paths.entry(host.clone()).or_default().insert(path.clone());
            if digest == majority {
                self.intact += 1;
            } else {
                let evidence = format!(
                    "{} of {} hosts with this unit have another content: {}",
                    agreeing.len(),
                    places.len(),
                    agreeing.join(", ")
                );
                self.findings.extend(finding(case, (host, path), (majority, evidence)));
            }
        }
    }
}

/// The hosts that have a path in one unit, with its content there.
fn places<'a>(case: Case<'_>, unit: &[Alike<'a>], path: &TargetPath) -> BTreeMap<&'a HostName, Digest> {
    let having = unit.iter().filter(|one| one.paths.contains(path));
    having.filter_map(|one| Some((one.host, digest_of(case, one.host, path)?))).collect()
}

/// The content of a path that could not be judged, where it is known and no data of a host.
fn digest_of(case: Case<'_>, host: &HostName, path: &TargetPath) -> Option<Digest> {
    let is_data = case.manifest.data.iter().any(|data| data.host == *host && path.is_below(&data.path));
    if is_data {
        return None;
    }
    scan_of(case, host)?.digest(path, Algorithm::Sha256)
}

fn scan_of<'a>(case: Case<'a>, host: &HostName) -> Option<&'a Scan> {
    case.scans.iter().find(|scan| scan.host == *host)
}

fn unit_without_host<'a>(one: &Alike<'a>) -> &'a str {
    one.unit.0.strip_prefix(&*one.host.0).unwrap_or(&one.unit.0)
}

/// The content that more than half of the hosts have.
fn majority<'a>(places: &'a BTreeMap<&HostName, Digest>) -> Option<&'a Digest> {
    if places.len() < FEWEST {
        return None;
    }
    let mut counts: BTreeMap<&Digest, usize> = BTreeMap::new();
    for digest in places.values() {
        *counts.entry(digest).or_default() += 1;
    }
    counts.into_iter().find(|(_, count)| *count * 2 > places.len()).map(|(digest, _)| digest)
}

fn finding(
    case: Case<'_>,
    (host, path): (&HostName, &TargetPath),
    (majority, evidence): (&Digest, String),
) -> Option<Finding> {
    let scan = scan_of(case, host)?;
    let seen = scan.seen(path)?;
    let diagnosis = Diagnosis::damage(Damage::Changed, Certainty::Guess, vec![evidence]);
    let claims = Claims::new(case.manifest, host);
    let mut finding = match claims.get(path) {
        Some(claim) => compare::finding(&claim, Some(&seen), diagnosis),
        None => unclaimed::finding(case, scan, claims, (path, &seen), diagnosis),
    };
    finding.authority = Authority::Peers;
    finding.expected = Some(Expected::File(Content::Digest { digest: majority.clone(), size: None }));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::eval::Why;
    use crate::model::hasher::digest_of as sha;
    use crate::model::manifest::{Definition, Evaluation, Manifest};
    use crate::model::observation::{Kind, Seen, SeenContent, Sighting};
    use crate::model::restore::RestorePoints;
    use crate::model::unverified::Unverified;

    fn judged(contents: &[&str]) -> Findings {
        let manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
        let path = TargetPath::new("/srv/app/bin/tool");
        let mut findings = Findings::default();
        let mut scans = Vec::new();
        for (number, content) in contents.iter().enumerate() {
            let host = HostName::from(format!("app{number}"));
            let mut scan = Scan::new(host.clone(), 0);
            let digests = vec![sha(Algorithm::Sha256, content.as_bytes())];
            let seen = Seen {
                mode: 0o644,
                size: 1,
                content: Some(SeenContent::Read { digests, captured: None, closer: None }),
                ..Seen::new(Kind::File)
            };
            scan.observations.insert(path.clone(), Sighting::Present(Box::new(seen)));
            scans.push(scan);
            let why = Why::new(WhyKind::NoReference, "no RECORD lists it");
            let unit = format!("{host}/app").as_str().into();
            findings.unverified.insert(Unverified { host, unit, path: Some(path.clone()), why, unseen: false });
        }
        let case = Case { manifest: &manifest, scans: &scans, points: &RestorePoints::default(), revisions: &[] };
        judge(case, &mut findings);
        findings
    }

    #[test]
    fn whoever_differs_from_the_majority_is_named_and_the_others_agree() {
        let findings = judged(&["right", "right", "wrong", "right"]);
        let named: Vec<&str> = findings.findings.iter().map(|finding| &*finding.host.0).collect();
        assert_eq!((named, findings.intact), (vec!["app2"], 3));
        assert!(findings.unverified.is_empty());
    }

    #[test]
    fn without_a_majority_nobody_is_accused() {
        for contents in [&["a", "b", "c"][..], &["a", "a", "b", "b"], &["a", "b"], &["a"]] {
            let findings = judged(contents);
            assert!(findings.findings.is_empty(), "{contents:?}");
            assert_eq!(findings.unverified.count(), contents.len() as u64, "{contents:?}");
        }
    }
}
