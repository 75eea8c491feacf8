//! What a damaged note accuses, and whether it may. Pure.
//!
//! A damaged RECORD may have got a block of an earlier version's RECORD, whose rows say what was right then. A file that
//! is not what such a row says is damaged only where something else proves it: what its blocks are, its size and time, or
//! that the row cannot be that old, because an earlier scan saw another content or nothing there. Everything else that it
//! accuses cannot be told.

use super::{Case, known};
use crate::model::artifact::{Authority, Content, Expected};
use crate::model::content::Digest;
use crate::model::eval::{Why, WhyKind};
use crate::model::finding::{Damage, Finding, Findings, Unverified};
use crate::model::observation::BlockClass;

/// Takes back what only a doubtful row of a damaged note says.
pub fn judge(case: Case<'_>, findings: &mut Findings) {
    let all = std::mem::take(&mut findings.findings);
    let doubted = |finding: &Finding| is_doubtful(finding) && !is_proved(case, finding);
    let (doubted, kept): (Vec<Finding>, Vec<Finding>) = all.into_iter().partition(doubted);
    findings.findings = kept;
    if doubted.is_empty() {
        return;
    }
    findings.checked -= doubted.len() as u64;
    findings.unverified.extend(doubted.into_iter().map(unverified));
    findings.unverified.sort();
    findings.number();
}

/// Whether it rests on a row of a damaged RECORD that may be of an earlier version.
fn is_doubtful(finding: &Finding) -> bool {
    finding.authority == Authority::Record
        && matches!(finding.expected, Some(Expected::File(Content::Digest { .. })))
        && !finding.damage.is_metadata()
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
    is_of_now(case, finding, &row) || is_unwritten(case, finding, &row)
}

/// Whether the row cannot be that of an earlier version: then there was another content there, or nothing.
fn is_of_now(case: Case<'_>, Finding { host, path, .. }: &Finding, row: &Digest) -> bool {
    let mut then = case.revisions.iter().filter_map(|revision| revision.content(host, path)).peekable();
    if then.peek().is_some() {
        return then.all(|then| then != row);
    }
    case.revisions.iter().any(|revision| revision.lacks(host, path))
}

/// Whether nobody wrote it since an earlier scan saw what the row says.
fn is_unwritten(case: Case<'_>, Finding { host, path, .. }: &Finding, row: &Digest) -> bool {
    let Some(seen) = case.scans.iter().find(|scan| scan.host == *host).and_then(|scan| scan.seen(path)) else {
        return false;
    };
    let stamp = Some((seen.mtime, seen.size));
    case.revisions
        .iter()
        .any(|revision| revision.content(host, path) == Some(row) && revision.stamp(host, path) == stamp)
}

fn unverified(finding: Finding) -> Unverified {
    let text = "the RECORD that lists it is damaged, and this row may be one of an earlier version";
    Unverified {
        host: finding.host,
        unit: finding.unit,
        path: Some(finding.path),
        why: Why::new(WhyKind::NoReference, text),
        unseen: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Revision;
    use crate::model::artifact::{Artifact, Durability, Mend, Vigilance};
    use crate::model::content::Algorithm;
    use crate::model::hasher::digest_of;
    use crate::model::manifest::{Definition, Evaluation, Host, Manifest};
    use crate::model::observation::{Closer, Kind, Run, Scan, Seen, SeenContent, Sighting};
    use crate::model::path::TargetPath;
    use crate::model::restore::RestorePoints;
    use std::sync::Arc;

    const MODULE: &str = "/env/lib/pack/module.py";

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

    /// Judges a file whose row, of a RECORD that is damaged, says "as noted".
    fn judged(live: &Scan, before: &[(&str, &str)]) -> Findings {
        let mut manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
        manifest.hosts.push(Host {
            name: "h".into(),
            ignored: false,
            directory: None,
            service_user: None,
            local: true,
        });
        let mend = manifest.add_mend(Mend::new(Vigilance::Content, Vigilance::Nothing));
        manifest.artifacts.push(Artifact {
            host: "h".into(),
            path: TargetPath::new(MODULE),
            unit: "h!env".into(),
            expected: Expected::File(Content::Digest { digest: sha("as noted"), size: None }),
            mode: None,
            owner: None,
            group: None,
            authority: Authority::Record,
            durability: Durability::Reproducible,
            mend,
            secret: false,
            origin: None,
        });
        let mut then = scan(before);
        for sighting in then.observations.values_mut() {
            if let Sighting::Present(seen) = sighting {
                (seen.mtime, seen.size) = (7, 7);
            }
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
        assert_eq!(findings.findings.len(), 1, "{findings:?}");
        judge(case, &mut findings);
        findings.unverified.retain(|entry| entry.path == Some(TargetPath::new(MODULE)));
        findings
    }

    #[test]
    fn a_row_that_may_be_old_accuses_nobody() {
        let live = scan(&[(MODULE, "as it is now")]);
        let findings = judged(&live, &[(MODULE, "as noted")]);
        assert_eq!((findings.findings.len(), findings.checked, findings.intact), (0, 0, 0));
        assert_eq!(findings.unverified.len(), 1);
        assert_eq!(judged(&live, &[]).unverified.len(), 1);
    }

    #[test]
    fn a_file_that_is_gone_may_have_been_removed_on_purpose() {
        let live = scan(&[("/env/lib/pack/other.py", "x")]);
        assert_eq!(judged(&live, &[(MODULE, "as noted")]).unverified.len(), 1);
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
        let Some(Sighting::Present(seen)) = live.observations.get_mut(&TargetPath::new(MODULE)) else {
            panic!("it is there")
        };
        let stamp = (seen.mtime, seen.size);
        (seen.mtime, seen.size) = (7, 7);
        assert_eq!(judged(&live, &before).findings.len(), 1);
        let Some(Sighting::Present(seen)) = live.observations.get_mut(&TargetPath::new(MODULE)) else {
            panic!("it is there")
        };
        (seen.mtime, seen.size) = stamp;
        let Some(SeenContent::Read { closer, .. }) = &mut seen.content else { panic!("it was read") };
        let runs = vec![Run { at: 0, len: 1, class: BlockClass::Zero, from: None }];
        let zeros = Closer { text: false, utf8: false, runs, bytes: None, tells: None, whole: false };
        *closer = Some(Box::new(zeros));
        assert_eq!(judged(&live, &before).findings.len(), 1);
    }
}
