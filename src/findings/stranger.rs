//! Files of installed packages that nobody vouches for any more, and that are another file of before. Pure.
//!
//! With a RECORD gone, nothing tells what the files that it listed should be. But where an inode came back from before,
//! a name leads to what was another file then: the same content, size and modification time to the nanosecond.
//! Installers write every file anew, so in their directories no file gets there in another way. What people move (logs,
//! data) lies elsewhere; what they may move here tells nothing: whole directories, which keep their names, and copies
//! beside the original (`module.py.orig`).

use super::claim::Claims;
use super::damage::Diagnosis;
use super::known::TELLING;
use super::{Case, Revision, compare};
use crate::model::content::{Algorithm, Digest};
use crate::model::finding::{Certainty, Damage, Finding, Findings};
use crate::model::observation::{Kind, Scan, Seen};
use crate::model::path::TargetPath;
use crate::model::path_set::PathSet;
use crate::model::unit::HostName;
use std::collections::HashMap;

/// Turns what could not be judged, and is another file, into findings.
pub fn judge(case: Case<'_>, findings: &mut Findings) {
    if case.revisions.iter().all(Revision::is_made) {
        return;
    }
    for scan in case.scans {
        let found = strangers(case, scan, findings);
        if found.is_empty() {
            continue;
        }
        let paths: PathSet = found.iter().map(|finding| finding.path.clone()).collect();
        let is_found = |path: &TargetPath| paths.contains(path);
        findings.unverified.retain(|entry| entry.host != scan.host || !entry.path.as_ref().is_some_and(is_found));
        findings.checked += found.len() as u64;
        findings.findings.extend(found);
    }
    findings.sort();
}

fn strangers(case: Case<'_>, scan: &Scan, findings: &Findings) -> Vec<Finding> {
    let open = findings.unverified.alike().filter(|alike| *alike.host == scan.host && !alike.unseen);
    let mut suspects: HashMap<Digest, Vec<TargetPath>> = HashMap::new();
    for path in open.flat_map(|alike| alike.paths.iter()) {
        if let Some(digest) = suspicious(case, scan, &path) {
            suspects.entry(digest).or_default().push(path);
        }
    }
    if suspects.is_empty() {
        return Vec::new();
    }
    let mut found = HashMap::new();
    for state in case.revisions.iter().filter(|state| !state.is_made()) {
        for (holder, digest) in state.contents(&scan.host) {
            for path in suspects.get(&digest).into_iter().flatten() {
                if is_moved_inode(scan, path, state, &holder) {
                    found.entry(path).or_insert_with(|| (holder.clone(), &state.name));
                }
            }
        }
    }
    found.into_iter().filter_map(|(path, (holder, name))| finding(case, scan, path, holder, name)).collect()
}

/// The content of a file of an installed package that had another one in every earlier state that knows it, and whose
/// time tells: archives keep whole seconds, and may have the same one for all that is in them.
fn suspicious(case: Case<'_>, scan: &Scan, path: &TargetPath) -> Option<Digest> {
    name_in_package(path)?;
    let seen = scan.seen(path).filter(|seen| seen.kind == Kind::File && seen.size >= TELLING)?;
    let live = seen.digest(Algorithm::Sha256)?;
    let mut before =
        case.revisions.iter().filter_map(|state| Some((state, state.content(&scan.host, path)?))).peekable();
    before.peek()?;
    let is_other =
        |(state, content): (&Revision, Digest)| content != *live && !has_time(state, &scan.host, path, &seen);
    (seen.mtime.rem_euclid(1_000_000_000) != 0 && before.all(is_other)).then(|| live.clone())
}

fn has_time(state: &Revision, host: &HostName, path: &TargetPath, seen: &Seen) -> bool {
    state.stamp(host, path).is_some_and(|(mtime, _)| mtime == seen.mtime)
}

/// Whether a file with the content of another one of an earlier state has its size and time, too, and nobody may have put
/// it there.
fn is_moved_inode(scan: &Scan, path: &TargetPath, state: &Revision, holder: &TargetPath) -> bool {
    let Some(seen) = scan.seen(path) else { return false };
    state.stamp(&scan.host, holder) == Some((seen.mtime, seen.size))
        && name_in_package(path) != name_in_package(holder)
        && !is_copy(path, holder)
}

/// Whether one is called like a copy of the other that somebody keeps beside it.
fn is_copy(path: &TargetPath, other: &TargetPath) -> bool {
    let (own, other_name) = (path.name(), other.name());
    path.parent() == other.parent() && (own.starts_with(other_name) || other_name.starts_with(own))
}

/// What a path is called below the directory that packages are installed into, or below the egg.
fn name_in_package(path: &TargetPath) -> Option<Vec<u8>> {
    let is_place = |directory: &TargetPath| {
        let name = directory.name();
        name == b"site-packages" || name == b"dist-packages" || name.ends_with(b".egg")
    };
    let place = path.ancestors().skip(1).find(is_place)?;
    path.relative_to(&place).map(<[u8]>::to_vec)
}

fn finding(case: Case<'_>, scan: &Scan, path: &TargetPath, holder: TargetPath, state: &str) -> Option<Finding> {
    let seen = scan.seen(path)?;
    let claim = Claims::new(case.manifest, &scan.host).get(path)?;
    let evidence = vec![
        format!("its content, size and modification time are those of {holder} in {state}"),
        "what installs packages writes every file anew: the name leads to an inode of before".to_owned(),
    ];
    let diagnosis = Diagnosis::damage(Damage::OtherFile { path: holder }, Certainty::Likely, evidence);
    Some(compare::finding(&claim, Some(&seen), diagnosis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::artifact::{Artifact, Authority, Content, Durability, Expected, Mend, Vigilance};
    use crate::model::eval::{Why, WhyKind};
    use crate::model::hasher::digest_of;
    use crate::model::manifest::{Definition, Evaluation, Manifest};
    use crate::model::observation::{SeenContent, Sighting};
    use crate::model::restore::RestorePoints;
    use crate::model::unverified::Unverified;
    use std::sync::Arc;

    const SITE: &str = "/env/lib/python3.11/site-packages";

    /// Files by path: content and time.
    fn scan(files: &[(&str, &str, i64)]) -> Scan {
        let mut scan = Scan::new("h".into(), 50);
        for (path, content, mtime) in files {
            let content = format!("{content:40}");
            let digests = vec![digest_of(Algorithm::Sha256, content.as_bytes())];
            let content = Some(SeenContent::Read { digests, captured: None, closer: None });
            let seen = Seen { mtime: *mtime, size: 40, content, ..Seen::new(Kind::File) };
            scan.observations.insert(TargetPath::new(path), Sighting::Present(Box::new(seen)));
        }
        scan
    }

    /// What becomes of a file of which nobody knows anything, beside an earlier scan.
    fn judged(before: &[(&str, &str, i64)], now: (&str, &str, i64)) -> Option<Damage> {
        let mut manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
        let mend = manifest.add_mend(Mend::new(Vigilance::Content, Vigilance::Nothing));
        let why = Why::new(WhyKind::NoReference, "no RECORD lists it");
        let path = TargetPath::new(now.0);
        manifest.artifacts.push(Artifact {
            host: "h".into(),
            path: path.clone(),
            unit: "h/env".into(),
            expected: Expected::File(Content::Unknown(why.clone())),
            mode: None,
            owner: None,
            group: None,
            authority: Authority::Record,
            durability: Durability::Reproducible,
            mend,
            secret: false,
            origin: None,
        });
        let mut findings = Findings::default();
        let (host, unit) = ("h".into(), "h/env".into());
        findings.unverified.insert(Unverified { host, unit, path: Some(path), why, unseen: false });
        let (scans, points) = ([scan(&[now])], RestorePoints::default());
        let revisions = [Revision::seen("the baseline".into(), Arc::new(scan(before)))];
        judge(Case { manifest: &manifest, scans: &scans, points: &points, revisions: &revisions }, &mut findings);
        let told = findings.findings.into_iter().next().map(|finding| finding.damage);
        assert_eq!((told.is_some(), findings.checked), (findings.unverified.is_empty(), u64::from(told.is_some())));
        told
    }

    #[test]
    fn an_inode_of_before_under_another_name_is_told() {
        let at = |name: &str| format!("{SITE}/{name}");
        let (own, other) = (at("django/apps.py"), at("django/locale/tr/django.po"));
        let (elsewhere, log) = (at("django/new.py"), "/srv/log/app.log");
        let before = |time| [(&*own, "apps", 11), (&*other, "tr", time)];
        let is_other = Some(Damage::OtherFile { path: TargetPath::new(&other) });
        assert_eq!(judged(&before(17), (&own, "tr", 17)), is_other);
        // Written anew, with the content that another file had: packages move their files about.
        assert_eq!(judged(&before(17), (&own, "tr", 90)), None);
        // Its own content, or its own time.
        assert_eq!(judged(&before(17), (&own, "apps", 17)), None);
        assert_eq!(judged(&before(11), (&own, "tr", 11)), None);
        // Archives keep whole seconds.
        assert_eq!(judged(&before(3_000_000_000), (&own, "tr", 3_000_000_000)), None);
        // Of what was not there then, nothing is known.
        assert_eq!(judged(&before(17), (&elsewhere, "tr", 17)), None);
        // Logs are moved by those who rotate them.
        assert_eq!(judged(&[(log, "a", 11), (&other, "tr", 17)], (log, "tr", 17)), None);
    }

    #[test]
    fn what_somebody_may_have_put_there_tells_nothing() {
        let (own, kept) = (format!("{SITE}/django/apps.py"), format!("{SITE}/django/apps.py.orig"));
        assert_eq!(judged(&[(&*own, "patched", 11), (&kept, "original", 17)], (&own, "original", 17)), None);
        let (blue, green) = (format!("{SITE}/django/apps.py"), "/green/site-packages/django/apps.py");
        assert_eq!(judged(&[(&*blue, "blue", 11), (green, "green", 17)], (&blue, "green", 17)), None);
    }
}
