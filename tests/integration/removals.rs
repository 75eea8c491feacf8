//! What goes along with a removal though no deployment makes it: it is kept before and put back after, whatever else is said
//! of it, or the removal has to wait.

use crate::judging::{
    RIGHT, actions, add, argv, bytes, file, found, manifest, mend, path, planned, point, points, scan,
};
use rectify::model::artifact::{Aborts, Authority, Durability, Expected, Force, Vigilance};
use rectify::model::finding::{Certainty, Class, Damage, Finding, Findings};
use rectify::model::manifest::Manifest;
use rectify::model::observation::Failure;
use rectify::model::path::TargetPath;
use rectify::model::plan::{Action, Plan, Step};
use rectify::model::restore::RestorePoints;

#[test]
fn sound_things_that_nobody_makes_are_put_back_after_a_removal_above_them() {
    let mut manifest = manifest();
    let force = vec![Force::Remove(path("/srv/web"))];
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), mend(Vigilance::Nothing, Aborts::Never, force));
    let seen = vec![("/srv/web/x", file(b"wrong")), ("/srv/web/uploaded", file(b"precious"))];
    let found = found(&manifest, scan(seen), &RestorePoints::default());
    let plan = planned(&manifest, &found, &RestorePoints::default());
    let wanted = [Action::Quarantine, Action::Force, Action::Redeploy, Action::PutBack, Action::Verify];
    assert_eq!(actions(&plan), wanted);
    assert!(argv(&plan.steps[0]).contains(" /srv/web/uploaded"), "{}", argv(&plan.steps[0]));
    let back = argv(&plan.steps[3]);
    assert!(back.ends_with("cp -a -T -- /q/srv/web/uploaded /srv/web/uploaded"), "{back}");
}

/// A damaged file whose repair removes `/srv/web`, and what is found there besides.
fn damaged_beside(place: &str) -> (Manifest, Findings) {
    let mut manifest = manifest();
    let force = vec![Force::Remove(path("/srv/web"))];
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), mend(Vigilance::Nothing, Aborts::Never, force));
    let seen = vec![("/srv/web/x", file(b"wrong")), (place, file(b"precious"))];
    let found = found(&manifest, scan(seen), &RestorePoints::default());
    (manifest, found)
}

/// The same, where something is said of that, which no deployment makes.
fn plan_with(damage: Damage, certainty: Certainty, points: &RestorePoints) -> Plan {
    let (manifest, mut found) = damaged_beside("/srv/web/uploaded");
    let expected_mode = (damage == Damage::WrongMode).then_some(0o640);
    found.findings.push(Finding {
        id: String::new(),
        host: "h".into(),
        unit: "h/web".into(),
        path: path("/srv/web/uploaded"),
        damage,
        class: Class::Damage,
        certainty,
        evidence: Vec::new(),
        authority: Authority::Backup,
        durability: Durability::Durable,
        mend: None,
        expected: None,
        expected_mode,
        secret: false,
        live: None,
        size: Some(8),
        blocks: Vec::new(),
        origin: None,
    });
    found.sort();
    planned(&manifest, &found, points)
}

fn step(plan: &Plan, action: Action) -> &Step {
    plan.steps.iter().find(|step| step.action == action).unwrap_or_else(|| panic!("no {action:?} in {plan:#?}"))
}

const BACK: &str = "mkdir -p -- /srv/web\ncp -a -T -- /q/srv/web/uploaded /srv/web/uploaded";

#[test]
fn what_a_person_has_to_decide_about_does_not_go_away_before_that() {
    for damage in [Damage::Changed, Damage::Inconsistent, Damage::WrongOwner, Damage::Extraneous] {
        let plan = plan_with(damage.clone(), Certainty::Guess, &RestorePoints::default());
        assert!(argv(step(&plan, Action::Quarantine)).contains(" /srv/web/uploaded"), "{damage:?}: {plan:#?}");
        let back = step(&plan, Action::PutBack);
        assert_eq!((argv(back), back.findings.len()), (BACK.to_owned(), 0), "{damage:?}: to be decided");
        assert_eq!(back.reason, "put back 1 path that no redeploy makes, as found");
        assert!(actions(&plan).contains(&Action::Hand), "{damage:?}: {:?}", actions(&plan));
    }
}

#[test]
fn a_mode_is_set_when_the_file_is_back() {
    let plan = plan_with(Damage::WrongMode, Certainty::Proved, &RestorePoints::default());
    assert_eq!(argv(step(&plan, Action::PutBack)), format!("{BACK}\nchmod 0640 -- /srv/web/uploaded"));
    let others = plan.steps.iter().filter(|step| step.action != Action::PutBack);
    assert_eq!(others.filter(|step| argv(step).contains("chmod")).count(), 0);
}

#[test]
fn what_only_memory_has_is_rescued_kept_and_put_back() {
    let plan = plan_with(Damage::CacheNewerThanDisk, Certainty::Proved, &RestorePoints::default());
    let wanted = [Action::Rescue, Action::Quarantine, Action::Force, Action::Redeploy, Action::PutBack, Action::Verify];
    assert_eq!(actions(&plan), wanted, "it is not written into a directory that is gone");
    assert_eq!(argv(step(&plan, Action::PutBack)), BACK);
}

#[test]
fn what_only_the_disk_has_is_read_from_there_before_it_is_kept() {
    let plan = plan_with(Damage::CacheOlderThanDisk, Certainty::Proved, &RestorePoints::default());
    assert_eq!(plan.steps[0].action, Action::Rescue);
    assert!(argv(&plan.steps[0]).starts_with("dd if=/srv/web/uploaded iflag=nocache"), "{}", argv(&plan.steps[0]));
    let quarantine = step(&plan, Action::Quarantine);
    assert!(argv(quarantine).contains(" /srv/web/uploaded") && quarantine.needs.contains(&"s1".to_owned()));
    assert_eq!(argv(step(&plan, Action::PutBack)), BACK);
}

#[test]
fn what_a_backup_brings_is_not_put_back_as_it_was() {
    let points = points(vec![point("/srv/web/uploaded", "s", 1, b"sound")]);
    let plan = plan_with(Damage::Zeroed, Certainty::Proved, &points);
    let back: Vec<&Step> = plan.steps.iter().filter(|step| step.action == Action::PutBack).collect();
    assert_eq!(back.len(), 1, "{plan:#?}");
    assert!(argv(back[0]).ends_with("cp -a -T -- /backup/s/srv/web/uploaded /srv/web/uploaded"), "{}", argv(back[0]));
    assert!(argv(step(&plan, Action::Quarantine)).contains(" /srv/web/uploaded"), "the damaged bytes are kept");
}

#[test]
fn a_removal_waits_where_something_cannot_be_kept() {
    let failure = Failure { errno: 5, text: "Input/output error".into() };
    let plan = plan_with(Damage::Unreadable(failure), Certainty::Proved, &RestorePoints::default());
    let blocked = step(&plan, Action::Force).blocked.as_ref().expect("it would be lost");
    assert_eq!(blocked.waiting_on, "/srv/web/uploaded cannot be read and would be deleted; move it away first");

    let (mut manifest, mut found) = damaged_beside("/srv/web/uploaded");
    let kept = found.irreplaceable.get_mut(&"h".into()).expect("it was found");
    kept.insert(TargetPath::new(b"/srv/web/\xff"));
    let plan = planned(&manifest, &found, &RestorePoints::default());
    let blocked = step(&plan, Action::Force).blocked.as_ref().expect("it would be lost");
    assert!(blocked.waiting_on.contains("has a name that no command can be written down for"), "{blocked:?}");
    assert!(!argv(step(&plan, Action::Quarantine)).contains('\u{fffd}'), "{plan:#?}");

    // Also where the deployer itself removes it.
    manifest.mends.iter_mut().for_each(|mend| {
        (mend.vigilance, mend.force, mend.replaces) = (Vigilance::Absence, vec![], vec![path("/srv/web")]);
    });
    let plan = planned(&manifest, &found, &RestorePoints::default());
    assert!(step(&plan, Action::Redeploy).blocked.is_some(), "{plan:#?}");
}

#[test]
fn what_lies_in_something_that_is_to_be_absent_does_not_come_back() {
    let mut manifest = manifest();
    let force = vec![Force::Remove(path("/srv/web"))];
    let blind = || mend(Vigilance::Nothing, Aborts::Never, force.clone());
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), blind());
    add(&mut manifest, "/srv/web/old", Expected::Absent, blind());
    let seen = vec![
        ("/srv/web/x", file(b"wrong")),
        ("/srv/web/old", rectify::model::observation::Seen::new(rectify::model::observation::Kind::Directory)),
        ("/srv/web/old/rest", file(b"not wanted")),
        ("/srv/web/uploaded", file(b"precious")),
    ];
    let found = found(&manifest, scan(seen), &RestorePoints::default());
    let plan = planned(&manifest, &found, &RestorePoints::default());
    assert_eq!(argv(step(&plan, Action::PutBack)), BACK);
}
