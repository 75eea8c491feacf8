//! Memory against disk: a file whose content in the page cache is not that of the disk.
//!
//! Which of the two is right decides the expected digest. Where nobody knows it, memory is believed: it has what
//! programs wrote, and the disk lost it. A wrong guess costs a copy.

use super::Case;
use super::claim::Claims;
use super::damage::Diagnosis;
use super::{compare, unclaimed};
use crate::model::content::Digest;
use crate::model::eval::{Why, WhyKind};
use crate::model::finding::{Certainty, Damage, Finding};
use crate::model::observation::{OnDisk, Scan, Seen};
use crate::model::path::TargetPath;
use crate::model::unit::UnitId;
use crate::model::unverified::Unverified;
use std::collections::BTreeMap;

/// Adds what differs between memory and disk to the findings of a host; what is only wrong in memory replaces the
/// finding about its content, which the disk has right.
pub(super) fn judge(case: Case<'_>, scan: &Scan, claims: Claims<'_>, findings: &mut Vec<Finding>) {
    for (path, on_disk) in &scan.disk {
        let Some(seen) = scan.seen(path) else { continue };
        let claim = claims.get(path);
        let Some(diagnosis) =
            diagnose(claim.as_ref().and_then(|claim| claim.artifact.expected.digest()).as_ref(), &seen, on_disk)
        else {
            continue;
        };
        if diagnosis.damage == Damage::CacheOlderThanDisk {
            findings.retain(|known| known.host != scan.host || known.path != *path || known.damage.is_metadata());
        }
        findings.push(match claim {
            Some(claim) => compare::finding(&claim, Some(&seen), diagnosis),
            None => unclaimed::finding(case, scan, claims, (path, &seen), diagnosis),
        });
    }
}

/// Files of which nobody can say whether the disk has them as memory has: one entry for each reason.
pub(super) fn not_compared(scan: &Scan) -> Vec<Unverified> {
    let mut reasons: BTreeMap<&str, Vec<&TargetPath>> = BTreeMap::new();
    for (path, on_disk) in &scan.disk {
        if let OnDisk::Unknown(reason) = on_disk {
            reasons.entry(reason).or_default().push(path);
        }
    }
    let entry = |(reason, paths): (&str, Vec<&TargetPath>)| {
        let files = if paths.len() == 1 { "1 file was".to_owned() } else { format!("{} files were", paths.len()) };
        let text = format!("{files} not read past the page cache, {} for one: {reason}", paths[0]);
        Unverified {
            host: scan.host.clone(),
            unit: UnitId(scan.host.0.clone()),
            path: None,
            why: Why::new(WhyKind::Unreadable, text),
            unseen: false,
        }
    };
    reasons.into_iter().map(entry).collect()
}

fn diagnose(expected: Option<&Digest>, seen: &Seen, on_disk: &OnDisk) -> Option<Diagnosis> {
    let right_in_memory = expected.and_then(|expected| Some(seen.digest(expected.algorithm)? == expected));
    let newer = |certainty, evidence| Some(Diagnosis::damage(Damage::CacheNewerThanDisk, certainty, evidence));
    match on_disk {
        OnDisk::Unknown(_) => None,
        OnDisk::Failed(failure) => {
            let evidence = vec![format!("memory still has it, but the disk gives an error: {}", failure.text)];
            newer(Certainty::Proved, evidence)
        }
        OnDisk::Other { digests, blocks } => {
            let count: u64 = blocks.iter().map(|(_, len)| len).sum();
            let mut evidence = vec![format!(
                "read past the page cache, {count} block{} of 4096 bytes differ{}",
                if count == 1 { "" } else { "s" },
                if count == 1 { "s" } else { "" }
            )];
            let right_on_disk = expected.is_some_and(|expected| digests.contains(expected));
            match right_in_memory {
                Some(true) => {
                    evidence.push("memory has the right content, the disk has lost it".to_owned());
                    newer(Certainty::Proved, evidence)
                }
                Some(false) if right_on_disk => {
                    evidence.push("the disk has the right content, memory an older one".to_owned());
                    Some(Diagnosis::damage(Damage::CacheOlderThanDisk, Certainty::Proved, evidence))
                }
                Some(false) => {
                    evidence.push("neither is what is expected".to_owned());
                    newer(Certainty::Guess, evidence)
                }
                None => {
                    evidence.push("nothing tells which of the two is right; programs wrote what memory has".to_owned());
                    newer(Certainty::Likely, evidence)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::content::Algorithm;
    use crate::model::hasher::digest_of;
    use crate::model::observation::{Failure, Kind, SeenContent};

    fn digest(text: &str) -> Digest {
        digest_of(Algorithm::Sha256, text.as_bytes())
    }

    fn damage(expected: Option<&str>, memory: &str, disk: &str) -> Option<(Damage, Certainty)> {
        let seen = Seen {
            mode: 0o644,
            size: 3,
            content: Some(SeenContent::Read { digests: vec![digest(memory)], captured: None, closer: None }),
            ..Seen::new(Kind::File)
        };
        let on_disk = match disk {
            "EIO" => OnDisk::Failed(Failure { errno: 5, text: "input/output error".into() }),
            "?" => OnDisk::Unknown("tmpfs".into()),
            text => OnDisk::Other { digests: vec![digest(text)], blocks: vec![(0, 1)] },
        };
        diagnose(expected.map(digest).as_ref(), &seen, &on_disk).map(|found| (found.damage, found.certainty))
    }

    #[test]
    fn the_expected_digest_decides_which_of_memory_and_disk_is_right() {
        let newer = |certainty| Some((Damage::CacheNewerThanDisk, certainty));
        assert_eq!(damage(Some("new"), "new", "old"), newer(Certainty::Proved));
        assert_eq!(damage(Some("new"), "old", "new"), Some((Damage::CacheOlderThanDisk, Certainty::Proved)));
        assert_eq!(damage(Some("new"), "xxx", "old"), newer(Certainty::Guess));
        assert_eq!(damage(None, "new", "old"), newer(Certainty::Likely));
    }

    #[test]
    fn a_disk_that_gives_errors_leaves_memory_as_the_only_copy() {
        assert_eq!(damage(None, "new", "EIO"), Some((Damage::CacheNewerThanDisk, Certainty::Proved)));
    }

    #[test]
    fn what_could_not_be_compared_is_no_finding() {
        assert_eq!(damage(Some("new"), "new", "?"), None);
    }
}
