//! Runs the intrinsic checks that are about a file.
//!
//! Takes a file of a live tree; gives the name of the check that decided and its verdict. The first proof of damage
//! wins; else what the check says that covers most. So a weaker check never hides that a stronger one could not tell.

use super::intrinsic::{CHECKS, Check, Verdict};
use super::plausible::is_named;
use super::subject::Subject;
use crate::io::disk::LiveRoot;
use crate::model::observation::ReadMode;
use crate::model::path::TargetPath;

/// What programs call files that they have not finished, or cut on purpose.
const PARTS: &[&str] = &["crdownload", "download", "filepart", "incomplete", "part", "partial", "temp", "tmp"];

/// What the checks say about a file; `None` when none is about it.
pub fn examine(root: &LiveRoot, path: &TargetPath, read: ReadMode) -> Option<(&'static str, Verdict)> {
    match Subject::open(root, path, read) {
        Ok(subject) => examine_subject(&subject),
        Err(failure) => Some(("reading", Verdict::Undecided(format!("it cannot be read: {}", failure.text)))),
    }
}

/// What the checks say about an opened file or about bytes in memory; `None` when none is about it.
pub fn examine_subject(subject: &Subject<'_>) -> Option<(&'static str, Verdict)> {
    let mut best: Option<(&dyn Check, Verdict)> = None;
    for &check in CHECKS.iter().filter(|check| check.applies(subject.path(), subject.head())) {
        let verdict = run(check, subject);
        if matches!(verdict, Verdict::Damaged { .. }) {
            return Some((check.name(), verdict));
        }
        let rank = |(check, verdict): &(&dyn Check, Verdict)| (check.coverage(), *verdict != Verdict::Consistent);
        let found = (check, verdict);
        if best.as_ref().is_none_or(|before| rank(before) < rank(&found)) {
            best = Some(found);
        }
    }
    best.map(|(check, verdict)| (check.name(), verdict))
}

/// One check. Damage counts only where all could be read and nobody wrote meanwhile.
pub fn run(check: &dyn Check, subject: &Subject<'_>) -> Verdict {
    let verdict = check.check(subject);
    if let Some(trouble) = subject.trouble() {
        return Verdict::Undecided(format!("it cannot be read: {trouble}"));
    }
    match verdict {
        Verdict::Damaged { .. } if subject.has_changed() => {
            Verdict::undecided("it was written to while it was looked at")
        }
        Verdict::Damaged { proof, .. } if is_named(subject.path(), PARTS) => {
            Verdict::Undecided(format!("by its name it is a part of something: {proof}"))
        }
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(path: &str, bytes: &[u8]) {
        let path = TargetPath::new(path);
        let subject = Subject::in_memory(&path, bytes);
        for check in CHECKS {
            check.applies(&path, subject.head());
            run(*check, &subject);
        }
        examine_subject(&subject);
    }

    #[test]
    fn a_weaker_check_does_not_hide_that_a_stronger_one_could_not_tell() {
        let told = |name: &str, bytes: &[u8]| {
            examine_subject(&Subject::in_memory(&TargetPath::new(name), bytes)).expect("there is a check")
        };
        let (name, verdict) = told("/a.gz", &b"plain text\n".repeat(9));
        assert_eq!((name, matches!(verdict, Verdict::Undecided(_))), ("gzip", true));
        let (name, verdict) = told("/a.json", &[b"{\"a\": \"".to_vec(), vec![0; 90], vec![b'x'; 900]].concat());
        assert_eq!((name, matches!(verdict, Verdict::Damaged { .. })), ("json", true));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_make_a_check_panic(
            magic in prop::sample::select(vec![
                &b""[..], b"\x1f\x8b\x08\0\0\0\0\0\0\0", b"BZh9\x31\x41\x59\x26\x53\x59", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd",
                b"PK\x03\x04", b"\x89PNG\r\n\x1a\n\0\0\0", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBPVP8 ", b"%PDF-1.4\n",
                b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x02\x01", b"\xa7\x0d\r\n\0\0\0\0\0\0\0\0\0\0\0\0\xe3",
                b"\x03\xf3\r\n\0\0\0\0c", b"SQLite format 3\0\x02\0\x01\x01\0\x40\x20\x20", b"<?xml version='1.0'?><a>", b"{\"a\": [",
            ]),
            name in prop::sample::select(vec![
                "/a", "/a.tar", "/a.json", "/a.toml", "/a.xml", "/a.py", "/a.pyc", "/a.conf", "/a.yaml", "/a.whl",
                "/objects/00/00000000000000000000000000000000000000",
                "/objects/pack/pack-0000000000000000000000000000000000000000.pack",
            ]),
            bytes in prop::collection::vec(prop_oneof![3 => any::<u8>(), 1 => Just(0_u8), 1 => b'0'..=b'9'], 0..3000),
        ) {
            all(name, &[magic, &bytes].concat());
        }
    }
}
