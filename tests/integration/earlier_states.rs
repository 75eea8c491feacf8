//! What earlier states tell of a file: revisions of the definition, and earlier scans.

use crate::judging::{RIGHT, add, attentive, bytes, change, file, manifest, mend, path, scan, sha};
use rectify::findings::{Case, MadeFile, MadeThing, Revision, judge};
use rectify::model::artifact::{Aborts, Vigilance};
use rectify::model::blocks::BlockDigests;
use rectify::model::finding::{Certainty, Class, Damage, Finding};
use rectify::model::manifest::Manifest;
use rectify::model::observation::{Scan, Seen};
use rectify::model::restore::RestorePoints;
use std::sync::Arc;

/// What is said of `/srv/web/a` where a scan before saw `then`.
fn since(manifest: &Manifest, then: Scan, now: Scan) -> Damage {
    let revisions = [Revision::seen("the baseline".to_owned(), Arc::new(then))];
    let found = judge(Case { manifest, scans: &[now], points: &RestorePoints::default(), revisions: &revisions });
    let finding = found.findings.iter().find(|finding| finding.path == path("/srv/web/a"));
    finding.expect("it is wrong").damage.clone()
}

#[test]
fn an_old_content_is_not_deployed_yet_unless_its_unit_was_written_since() {
    let (old, new) = (b"the content of before", b"the content that is declared");
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web/a", bytes(new), attentive());
    let then = || scan(vec![("/srv/web/a", file(old))]);
    let undeployed = Damage::NotDeployed { revision: "the baseline".to_owned() };
    let stale = Damage::Stale { as_of: "the baseline".to_owned() };
    assert_eq!(since(&manifest, then(), then()), undeployed);

    // A deployer that writes only what differs wrote it, and what it wrote is not there.
    let written = || scan(vec![("/srv/web/a", Seen { mtime: 6, ..file(old) })]);
    assert_eq!(since(&manifest, then(), written()), stale);
    let mut rewriting = manifest.clone();
    let absence = rewriting.add_mend(mend(Vigilance::Absence, Aborts::Never, Vec::new()));
    change(&mut rewriting, |_, artifact| artifact.mend = absence);
    assert_eq!(since(&rewriting, then(), written()), undeployed);

    // Another file of the unit was not there before: whatever it holds, the unit was deployed.
    add(&mut manifest, "/srv/web/b", bytes(b"a file that is new"), attentive());
    let grown = || scan(vec![("/srv/web/a", file(old)), ("/srv/web/b", file(b"garbage"))]);
    assert_eq!(since(&manifest, then(), grown()), stale);
    assert_eq!(since(&manifest, grown(), grown()), undeployed);
}

#[test]
fn a_unit_of_which_most_is_old_makes_it_a_guess_that_a_write_was_lost() {
    let content =
        |version: &str, n: usize| format!("file {n} of revision {version}, long enough to tell\n").into_bytes();
    let places: Vec<String> = (0..5).map(|n| format!("/srv/web/{n}")).collect();
    let mut manifest = manifest();
    for (n, place) in places.iter().enumerate() {
        add(&mut manifest, place, bytes(&content("two", n)), attentive());
    }
    let made = |(n, place): (usize, &String)| {
        let bytes = content("one", n);
        let file = MadeFile { digest: sha(&bytes), size: Some(bytes.len() as u64), blocks: BlockDigests::of(&bytes) };
        (("h".into(), path(place)), MadeThing::File(file))
    };
    let one = Revision::made("revision one".to_owned(), places.iter().enumerate().map(made), []);
    let told = |new: usize| {
        let version = |n| if n < new { "two" } else { "one" };
        let seen =
            places.iter().enumerate().map(|(n, place)| (place.as_str(), file(&content(version(n), n)))).collect();
        let (scans, points) = ([scan(seen)], RestorePoints::default());
        let revisions = std::slice::from_ref(&one);
        let found = judge(Case { manifest: &manifest, scans: &scans, points: &points, revisions });
        assert_eq!(found.findings.len(), 5 - new);
        let last = found.findings.last().expect("the last one is old");
        (last.class, last.certainty, last.evidence.join("; "))
    };
    assert_eq!(told(0).0, Class::Change, "nothing shows that it was deployed");
    let (class, certainty, evidence) = told(1);
    assert_eq!((class, certainty), (Class::Damage, Certainty::Guess), "{evidence}");
    assert!(evidence.contains("/srv/web/0 is of a later one (as are 1 of 5 files that tell)"), "{evidence}");
    let (class, certainty, evidence) = told(4);
    assert_eq!((class, certainty), (Class::Damage, Certainty::Likely), "{evidence}");
}

#[test]
fn a_name_that_was_not_there_before_either_speaks_of_an_old_directory() {
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web/a", bytes(RIGHT), attentive());
    let there = || scan(vec![("/srv/web/b", file(b"something else that was there"))]);
    let revisions = [Revision::seen("the baseline".to_owned(), Arc::new(there()))];
    let points = RestorePoints::default();
    let found = judge(Case { manifest: &manifest, scans: &[there()], points: &points, revisions: &revisions });
    let evidence = found.findings[0].evidence.join("; ");
    assert_eq!(found.findings[0].damage, Damage::Missing);
    assert!(evidence.contains("the directory may be as it was then"), "{evidence}");
    let (empty, revisions) =
        (scan(Vec::new()), [Revision::seen("the baseline".to_owned(), Arc::new(scan(Vec::new())))]);
    let found = judge(Case { manifest: &manifest, scans: &[empty], points: &points, revisions: &revisions });
    assert!(!found.findings[0].evidence.join("; ").contains("as it was then"), "a baseline of nothing tells nothing");
}

/// A file of `/srv/db` and one of `/srv/web`, which is deployed after it, in the second of two revisions; and the first.
fn two_units() -> (Manifest, Revision) {
    let mut manifest = manifest();
    let made = ["/srv/db/conf", "/srv/web/conf"].map(|place| {
        let content = |version: &str| format!("{place} as revision {version} makes it\n").into_bytes();
        add(&mut manifest, place, bytes(&content("two")), attentive());
        let one = content("one");
        let file = MadeFile { digest: sha(&one), size: Some(one.len() as u64), blocks: BlockDigests::of(&one) };
        (("h".into(), path(place)), MadeThing::File(file))
    });
    (manifest, Revision::made("revision one".to_owned(), made, [("h".into(), path("/srv/web/new"))]))
}

/// What is said of one unit's file that is of revision one, where that of the other is of the second.
fn beside_a_newer_unit(manifest: &Manifest, one: &Revision, unit: &str) -> (Class, Certainty, String) {
    let content = |place: &str| {
        let version = if place.contains(unit) { "one" } else { "two" };
        file(format!("{place} as revision {version} makes it\n").as_bytes())
    };
    let scan = scan(["/srv/db/conf", "/srv/web/conf"].map(|place| (place, content(place))).into());
    let revisions = std::slice::from_ref(one);
    let found = judge(Case { manifest, scans: &[scan], points: &RestorePoints::default(), revisions });
    let [finding, rest @ ..] = found.findings.as_slice() else { panic!("{found:?}") };
    let same = |other: &Finding| (other.class, other.certainty) == (finding.class, finding.certainty);
    assert!(rest.iter().all(same), "{found:?}");
    (finding.class, finding.certainty, finding.evidence.join("; "))
}

#[test]
fn a_unit_that_is_old_as_a_whole_was_lost_where_what_is_deployed_after_it_is_of_a_later_revision() {
    let (mut manifest, one) = two_units();
    let (class, certainty, evidence) = beside_a_newer_unit(&manifest, &one, "db");
    assert_eq!((class, certainty), (Class::Damage, Certainty::Likely), "{evidence}");
    assert!(evidence.contains("in h/web /srv/web/conf is of a later one, which is deployed after it"), "{evidence}");

    // What comes before it, or in no order, may also have been deployed by a run that was broken off then.
    let (class, certainty, evidence) = beside_a_newer_unit(&manifest, &one, "web");
    assert_eq!((class, certainty), (Class::Damage, Certainty::Guess), "{evidence}");
    assert!(evidence.contains("or the deployment was broken off before it"), "{evidence}");
    // So is what it would have made anew.
    let mut grown = manifest.clone();
    add(&mut grown, "/srv/web/new", bytes(b"a file that revision one does not make"), attentive());
    assert_eq!(beside_a_newer_unit(&grown, &one, "web").1, Certainty::Guess);

    // What is not committed may have been done by hand first, and somebody else's deployment tells nothing.
    let mut dirty = manifest.clone();
    dirty.definition.dirty = true;
    assert_eq!(beside_a_newer_unit(&dirty, &one, "db").0, Class::Change);
    manifest.units.iter_mut().filter(|unit| *unit.id.0 == *"h/web").for_each(|unit| unit.deployer = None);
    assert_eq!(beside_a_newer_unit(&manifest, &one, "db").0, Class::Change);
}
