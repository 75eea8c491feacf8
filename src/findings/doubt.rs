//! What a damaged note says, and whether it may. Pure.
//!
//! A damaged RECORD may have got a block of an earlier version's RECORD, whose rows say what was right then. A piece of it
//! is of now if one of its rows cannot be old: the file is as it says, and an earlier scan saw another content, or nothing
//! there. Of the other pieces nothing is believed. A file that is as such a row says may be old with it; a file that is
//! not is damaged only where something else proves it: what its blocks are, its size and time, or that just this row
//! cannot be old. Everything else cannot be told.

use super::{Case, known};
use crate::model::artifact::{Artifact, Content, Expected};
use crate::model::content::{Algorithm, Digest};
use crate::model::eval::{Why, WhyKind};
use crate::model::finding::{Damage, Finding, Findings};
use crate::model::manifest::Doubtful;
use crate::model::observation::BlockClass;
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, UnitId};
use crate::model::unverified::Unverified;
use std::collections::{BTreeMap, BTreeSet};

/// A file of a host.
type Place<'a> = (&'a HostName, &'a TargetPath);

/// Takes back what only a doubtful piece of a damaged note says.
pub fn judge(case: Case<'_>, findings: &mut Findings) {
    let doubtful = case.manifest.doubtful.iter().filter(|piece| !is_of_now(case, piece));
    // Two damaged notes may list one path: it counts once.
    let rows: BTreeMap<Place<'_>, Artifact> = doubtful.flat_map(|piece| rows(case, piece)).collect();
    if rows.is_empty() {
        return;
    }
    let all = std::mem::take(&mut findings.findings);
    let is_doubted = |finding: &Finding| {
        rows.contains_key(&(&finding.host, &finding.path)) && is_about_content(finding) && !is_proved(case, finding)
    };
    let (taken_back, kept): (Vec<Finding>, Vec<Finding>) = all.into_iter().partition(is_doubted);
    findings.findings = kept;
    findings.checked -= taken_back.len() as u64;
    findings.unverified.extend(taken_back.iter().map(|one| entry(&one.host, &one.unit, &one.path)));
    let wrong: BTreeSet<Place<'_>> = findings.findings.iter().map(|finding| (&finding.host, &finding.path)).collect();
    for (place, artifact) in rows {
        if is_as_noted(case, place, &artifact) && !wrong.contains(&place) {
            findings.checked -= 1;
            findings.intact -= 1;
            findings.unverified.insert(entry(&artifact.host, &artifact.unit, &artifact.path));
        }
    }
    findings.number();
}

/// What a piece tells, as it is claimed: where nobody says more.
fn rows<'a>(case: Case<'a>, piece: &'a Doubtful) -> impl Iterator<Item = (Place<'a>, Artifact)> {
    piece.paths.iter().filter_map(move |path| Some(((&piece.host, path), claim(case, &piece.host, path)?)))
}

/// The only claim on a path, if it is one by digest.
fn claim(case: Case<'_>, host: &HostName, path: &TargetPath) -> Option<Artifact> {
    let [claim] = <[Artifact; 1]>::try_from(case.manifest.artifacts.on(host, path)).ok()?;
    matches!(claim.expected, Expected::File(Content::Digest { .. })).then_some(claim)
}

/// Whether a row of the piece proves that it is no older one.
fn is_of_now(case: Case<'_>, piece: &Doubtful) -> bool {
    rows(case, piece).any(|(place, artifact)| is_as_noted(case, place, &artifact) && is_new(case, place, &artifact))
}

/// Whether the file has the content that is noted.
fn is_as_noted(case: Case<'_>, (host, path): Place<'_>, artifact: &Artifact) -> bool {
    let scan = case.scans.iter().find(|scan| scan.host == *host);
    let live = scan.and_then(|scan| scan.digest(path, Algorithm::Sha256));
    live.is_some() && live == known::sha256(&artifact.expected)
}

/// Whether what is noted is no earlier content: then there was another one there, or nothing.
fn is_new(case: Case<'_>, place: Place<'_>, artifact: &Artifact) -> bool {
    known::sha256(&artifact.expected).is_some_and(|row| is_new_row(case, place, &row))
}

fn is_new_row(case: Case<'_>, (host, path): Place<'_>, row: &Digest) -> bool {
    let mut then = case.revisions.iter().filter_map(|revision| revision.content(host, path)).peekable();
    if then.peek().is_some() {
        return then.all(|then| then != *row);
    }
    case.revisions.iter().any(|revision| revision.lacks(host, path))
}

fn is_about_content(finding: &Finding) -> bool {
    !finding.damage.is_metadata()
        && !finding.damage.is_about_cache()
        && !matches!(finding.damage, Damage::Unreadable(_) | Damage::WrongKind)
}

/// Whether something else says so, too.
fn is_proved(case: Case<'_>, finding: &Finding) -> bool {
    let damaged =
        |class| matches!(class, BlockClass::Zero | BlockClass::Foreign | BlockClass::Torn | BlockClass::Random);
    if finding.blocks.iter().any(|run| damaged(run.class)) {
        return true;
    }
    let Some(row) = finding.expected.as_ref().and_then(known::sha256) else { return false };
    is_new_row(case, (&finding.host, &finding.path), &row) || is_unwritten(case, finding, &row)
}

/// Whether nobody wrote it since an earlier scan saw what the row says.
fn is_unwritten(case: Case<'_>, Finding { host, path, .. }: &Finding, row: &Digest) -> bool {
    let Some(seen) = case.scans.iter().find(|scan| scan.host == *host).and_then(|scan| scan.seen(path)) else {
        return false;
    };
    let stamp = Some((seen.mtime, seen.size));
    case.revisions
        .iter()
        .any(|revision| revision.content(host, path).as_ref() == Some(row) && revision.stamp(host, path) == stamp)
}

fn entry(host: &HostName, unit: &UnitId, path: &TargetPath) -> Unverified {
    let text = "the RECORD that lists it is damaged, and this row may be one of an earlier version";
    let why = Why::new(WhyKind::NoReference, text);
    Unverified { host: host.clone(), unit: unit.clone(), path: Some(path.clone()), why, unseen: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Revision;
    use crate::model::artifact::{Authority, Durability, Mend, Vigilance};
    use crate::model::hasher::digest_of;
    use crate::model::manifest::{Definition, Evaluation, Host, Manifest};
    use crate::model::observation::{Closer, Kind, Run, Scan, Seen, SeenContent, Sighting};
    use crate::model::restore::RestorePoints;
    use std::sync::Arc;

    const MODULE: &str = "/env/lib/pack/module.py";
    const WITNESS: &str = "/env/lib/pack/witness.py";

    fn sha(text: &str) -> Digest {
        digest_of(Algorithm::Sha256, text.as_bytes())
    }

    /// A host where these files are, and nothing else.
    fn scan(files: &[(&str, &str)]) -> Scan {
        let mut scan = Scan::new("h".into(), 0);
        let mut root = Seen::new(Kind::Directory);
        root.listed = true;
        scan.observations.insert(TargetPath::root(), Sighting::Present(Box::new(root)));
        for (path, text) in files {
            let content = SeenContent::Read { digests: vec![sha(text)], captured: None, closer: None };
            let seen = Seen { size: text.len() as u64, content: Some(content), ..Seen::new(Kind::File) };
            scan.observations.insert(TargetPath::new(path), Sighting::Present(Box::new(seen)));
        }
        scan
    }

    /// Judges a file whose row, of a RECORD that is damaged, says "as noted", and another one of the same piece; two such RECORDs list both.
    fn judged(live: &Scan, before: &[(&str, &str)]) -> Findings {
        let mut manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
        let (ignored, local) = (false, true);
        manifest.hosts.push(Host { name: "h".into(), ignored, directory: None, service_user: None, local });
        let mend = manifest.add_mend(Mend::new(Vigilance::Content, Vigilance::Nothing));
        let row = |path: &str| Artifact {
            host: "h".into(),
            path: TargetPath::new(path),
            unit: "h!env".into(),
            expected: Expected::File(Content::Digest { digest: sha("as noted"), size: None }),
            mode: None,
            owner: None,
            group: None,
            authority: Authority::Vendor,
            durability: Durability::Reproducible,
            mend,
            secret: false,
            origin: None,
        };
        manifest.artifacts.extend([row(MODULE), row(WITNESS)]);
        let paths = vec![TargetPath::new(MODULE), TargetPath::new(WITNESS)];
        for note in ["/env/lib/a.dist-info/RECORD", "/env/lib/b.dist-info/RECORD"] {
            let paths = paths.clone();
            manifest.doubtful.push(Doubtful { host: "h".into(), note: TargetPath::new(note), paths });
        }
        let mut then = scan(before);
        let paths: Vec<TargetPath> = then.observations.iter().map(|(path, _)| path).collect();
        for path in paths {
            then.observations.update(&path, |seen| (seen.mtime, seen.size) = (7, 7));
        }
        let scans = [live.clone()];
        let revisions = if before.is_empty() {
            Vec::new()
        } else {
            vec![Revision::seen("the baseline".to_owned(), Arc::new(then))]
        };
        let case =
            Case { manifest: &manifest, scans: &scans, points: &RestorePoints::default(), revisions: &revisions };
        let mut findings = crate::findings::judge(case);
        judge(case, &mut findings);
        let about = |path: &TargetPath| *path == TargetPath::new(MODULE);
        findings.findings.retain(|finding| about(&finding.path));
        findings.unverified.retain(|entry| entry.path.as_ref().is_some_and(about));
        findings
    }

    #[test]
    fn a_row_that_may_be_old_accuses_nobody() {
        let live = scan(&[(MODULE, "as it is now")]);
        let findings = judged(&live, &[(MODULE, "as noted")]);
        assert_eq!((findings.findings.len(), findings.checked, findings.intact), (0, 1, 0), "the witness is missing");
        assert_eq!(findings.unverified.count(), 1);
        assert_eq!(judged(&live, &[]).unverified.count(), 1);
    }

    #[test]
    fn a_file_that_is_as_an_old_row_says_may_be_old_with_it() {
        let live = scan(&[(MODULE, "as noted"), (WITNESS, "as noted")]);
        let old = judged(&live, &[(MODULE, "as noted"), (WITNESS, "as noted")]);
        assert_eq!((old.unverified.count(), old.checked, old.intact), (1, 0, 0));
        // An earlier scan saw another content of the second one: the whole piece is of now.
        let new = judged(&live, &[(MODULE, "as noted"), (WITNESS, "as it was then")]);
        assert_eq!((new.unverified.count(), new.checked, new.intact), (0, 2, 2));
        let damaged = scan(&[(MODULE, "garbage"), (WITNESS, "as noted")]);
        let found = judged(&damaged, &[(MODULE, "as noted"), (WITNESS, "as it was then")]);
        assert_eq!((found.findings.len(), found.unverified.count()), (1, 0));
    }

    #[test]
    fn a_file_that_is_gone_may_have_been_removed_on_purpose() {
        let live = scan(&[("/env/lib/pack/other.py", "x")]);
        assert_eq!(judged(&live, &[(MODULE, "as noted")]).unverified.count(), 1);
    }

    #[test]
    fn a_row_that_cannot_be_old_is_believed() {
        let live = scan(&[(MODULE, "as it is now")]);
        assert_eq!(judged(&live, &[(MODULE, "as it was then")]).findings.len(), 1);
        assert_eq!(judged(&live, &[("/env/lib/pack/other.py", "x")]).findings.len(), 1);
    }

    #[test]
    fn blocks_and_times_prove_it_without_the_row() {
        let before = [(MODULE, "as noted")];
        let mut live = scan(&[(MODULE, "as it is now")]);
        let module = TargetPath::new(MODULE);
        let stamp = live.seen(&module).map(|seen| (seen.mtime, seen.size)).expect("it is there");
        live.observations.update(&module, |seen| (seen.mtime, seen.size) = (7, 7));
        assert_eq!(judged(&live, &before).findings.len(), 1);
        live.observations.update(&module, |seen| {
            (seen.mtime, seen.size) = stamp;
            let Some(SeenContent::Read { closer, .. }) = &mut seen.content else { panic!("it was read") };
            let runs = vec![Run { at: 0, len: 1, class: BlockClass::Zero, from: None }];
            let zeros = Closer { runs, ..Closer::default() };
            *closer = Some(Box::new(zeros));
        });
        assert_eq!(judged(&live, &before).findings.len(), 1);
    }
}
