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
use crate::model::finding::{Certainty, Damage, Finding, Findings, Unverified};
use crate::model::observation::Scan;
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use std::collections::{BTreeMap, BTreeSet};

/// Fewer hosts have no majority that means anything.
const FEWEST: usize = 3;

/// The places of one path in one unit on several hosts.
type Peers<'a> = BTreeMap<(String, &'a TargetPath), Vec<(&'a HostName, Digest)>>;

/// Judges by majority what could not be judged host by host.
pub fn judge(case: Case<'_>, findings: &mut Findings) {
    if case.scans.len() < FEWEST {
        return;
    }
    let judgeable = findings.unverified.clone();
    let mut peers: Peers<'_> = BTreeMap::new();
    for entry in judgeable.iter().filter(|entry| !entry.unseen && entry.why.kind == WhyKind::NoReference) {
        if let Some((path, digest)) = digest_of(case, entry) {
            peers.entry((unit_without_host(entry), path)).or_default().push((&entry.host, digest));
        }
    }
    let mut settled: BTreeSet<(HostName, TargetPath)> = BTreeSet::new();
    for ((_, path), places) in peers {
        let Some(majority) = majority(&places) else { continue };
        let agreeing: Vec<&HostName> =
            places.iter().filter(|(_, digest)| digest == majority).map(|(host, _)| *host).collect();
        for (host, digest) in &places {
            findings.checked += 1;
            settled.insert(((*host).clone(), path.clone()));
            if digest == majority {
                findings.intact += 1;
            } else {
                let evidence = format!(
                    "{} of {} hosts with this unit have another content: {}",
                    agreeing.len(),
                    places.len(),
                    names(&agreeing)
                );
                findings.findings.extend(finding(case, (host, path), (majority, evidence)));
            }
        }
    }
    findings.unverified.retain(|entry| {
        let key = entry.path.clone().map(|path| (entry.host.clone(), path));
        key.is_none_or(|key| !settled.contains(&key))
    });
    findings.findings.sort_by(|a, b| (&a.host, &a.path, &a.damage).cmp(&(&b.host, &b.path, &b.damage)));
    findings.number();
}

/// Where the content of a path that could not be judged is known, and is no data of a host.
fn digest_of<'a>(case: Case<'a>, entry: &'a Unverified) -> Option<(&'a TargetPath, Digest)> {
    let path = entry.path.as_ref()?;
    let is_data = case.manifest.data.iter().any(|data| data.host == entry.host && path.is_below(&data.path));
    let scan = scan_of(case, &entry.host)?;
    scan.digest(path, Algorithm::Sha256).filter(|_| !is_data).map(|digest| (path, digest))
}

fn scan_of<'a>(case: Case<'a>, host: &HostName) -> Option<&'a Scan> {
    case.scans.iter().find(|scan| scan.host == *host)
}

fn unit_without_host(entry: &Unverified) -> String {
    entry.unit.0.strip_prefix(&*entry.host.0).unwrap_or(&entry.unit.0).to_owned()
}

/// The content that more than half of the hosts have.
fn majority<'a>(places: &'a [(&HostName, Digest)]) -> Option<&'a Digest> {
    if places.len() < FEWEST {
        return None;
    }
    let mut counts: BTreeMap<&Digest, usize> = BTreeMap::new();
    for (_, digest) in places {
        *counts.entry(digest).or_default() += 1;
    }
    counts.into_iter().find(|(_, count)| *count * 2 > places.len()).map(|(digest, _)| digest)
}

fn names(hosts: &[&HostName]) -> String {
    hosts.iter().map(|host| &*host.0).collect::<Vec<_>>().join(", ")
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
            let why = Why::new(WhyKind::NoReference, "made by code");
            let unit = format!("{host}/app").as_str().into();
            findings.unverified.push(Unverified { host, unit, path: Some(path.clone()), why, unseen: false });
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
            assert_eq!(findings.unverified.len(), contents.len(), "{contents:?}");
        }
    }
}
