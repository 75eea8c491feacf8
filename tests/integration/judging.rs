//! From manifest and scan to findings and plan, without any file: what is said, and what is done about it.

use proptest::prelude::*;
use rectify::findings::{Case, judge};
use rectify::model::artifact::{
    Aborts, Artifact, Authority, Content, Durability, Expected, Force, Mend, Ownership, Principal, Vigilance,
};
use rectify::model::command::{Command, Place};
use rectify::model::content::{Algorithm, Blob, Digest};
use rectify::model::eval::{Eval, Why, WhyKind};
use rectify::model::finding::{Certainty, Class, Damage, Findings};
use rectify::model::hasher::digest_of;
use rectify::model::manifest::{Changes, Data, Definition, Evaluation, Host, Manifest};
use rectify::model::observation::{BLOCK, BlockClass, Closer, Failure, Kind, Run, Scan, Seen, SeenContent, Sighting};
use rectify::model::observations::Observations;
use rectify::model::path::TargetPath;
use rectify::model::plan::{Action, Plan, Step};
use rectify::model::restore::{RestorePoint, RestorePoints};
use rectify::model::unit::{Deployer, DeployerId, Edge, EdgeKind, Unit, UnitKind};
use rectify::plan::{Input, Prefer, plan};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const RIGHT: &[u8] = b"the right content of a file that is long enough to tell\n";

pub(crate) fn path(path: &str) -> TargetPath {
    TargetPath::new(path)
}

pub(crate) fn sha(bytes: &[u8]) -> Digest {
    digest_of(Algorithm::Sha256, bytes)
}

/// A host with two roots: `h/web` needs `h/db`.
pub(crate) fn manifest() -> Manifest {
    let mut manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
    let local = true;
    manifest.hosts.push(Host { name: "h".into(), ignored: false, directory: None, service_user: None, local });
    for (id, place) in [("h/db", "/srv/db"), ("h/web", "/srv/web")] {
        manifest.units.push(Unit {
            id: id.into(),
            host: "h".into(),
            kind: UnitKind::BatouRoot,
            name: id[2..].into(),
            origin: None,
            directory: Some(path(place)),
            parent: None,
            deployer: Some(DeployerId::from("batou")),
            opaque: None,
        });
    }
    manifest.edges.push(Edge {
        from: "h/web".into(),
        to: "h/db".into(),
        kind: EdgeKind::Requires,
        label: "port".into(),
    });
    manifest.deployers.push(Deployer {
        id: DeployerId::from("batou"),
        tool: "batou".into(),
        commands: vec![Command::at(Place::Control, ["./batou", "deploy", "e"].map(str::to_owned))],
        aborts_on_first_failure: true,
        parts: BTreeMap::new(),
        one_by_one: false,
    });
    manifest
}

pub(crate) fn mend(vigilance: Vigilance, aborts: Aborts, force: Vec<Force>) -> Mend {
    Mend { force, aborts, ..Mend::new(vigilance, Vigilance::Content) }
}

pub(crate) fn add(manifest: &mut Manifest, place: &str, expected: Expected, mend: Mend) {
    let mend = manifest.add_mend(mend);
    let unit = if place.starts_with("/srv/db") { "h/db" } else { "h/web" };
    manifest.artifacts.push(Artifact {
        host: "h".into(),
        path: path(place),
        unit: unit.into(),
        expected,
        mode: None,
        owner: None,
        group: None,
        authority: Authority::Definition,
        durability: Durability::Reproducible,
        mend,
        secret: false,
        origin: None,
    });
    manifest.sort();
}

/// Changes artifacts, which are counted in their order.
pub(crate) fn change(manifest: &mut Manifest, mut change: impl FnMut(usize, &mut Artifact)) {
    let mut artifacts: Vec<Artifact> = manifest.artifacts.iter().collect();
    artifacts.iter_mut().enumerate().for_each(|(index, artifact)| change(index, artifact));
    manifest.artifacts = artifacts.into_iter().collect();
}

pub(crate) fn bytes(content: &[u8]) -> Expected {
    Expected::File(Content::Bytes(Blob(content.to_vec())))
}

fn unknown() -> Expected {
    Expected::File(Content::Unknown(Why::new(WhyKind::Code, "code decides")))
}

pub(crate) fn attentive() -> Mend {
    mend(Vigilance::Content, Aborts::Never, vec![Force::RemoveSelf])
}

fn thing(kind: Kind) -> Seen {
    Seen { mode: 0o644, mtime: 5, ctime: 5, listed: kind == Kind::Directory, ..Seen::new(kind) }
}

pub(crate) fn file(content: &[u8]) -> Seen {
    let read = SeenContent::Read { digests: vec![sha(content)], captured: None, closer: None };
    Seen { size: content.len() as u64, content: Some(read), ..thing(Kind::File) }
}

fn blocks(text: bool, runs: &[(BlockClass, u64)]) -> Seen {
    let mut at = 0;
    let run = |&(class, len): &(BlockClass, u64)| {
        let from = (class == BlockClass::Foreign).then(|| path("/srv/web/other"));
        at += len;
        Run { at: at - len, len, class, from }
    };
    let closer = Closer { text, utf8: text, runs: runs.iter().map(run).collect(), ..Closer::default() };
    let read = SeenContent::Read { digests: vec![sha(b"wrong")], captured: None, closer: Some(Box::new(closer)) };
    Seen { size: at * BLOCK, content: Some(read), ..thing(Kind::File) }
}

pub(crate) fn scan(seen: Vec<(&str, Seen)>) -> Scan {
    let mut observations = Observations::new();
    for directory in ["/srv", "/srv/db", "/srv/web"] {
        observations.insert(path(directory), Sighting::Present(Box::new(thing(Kind::Directory))));
    }
    observations.extend(seen.into_iter().map(|(place, seen)| (path(place), Sighting::Present(Box::new(seen)))));
    Scan { observations, ..Scan::new("h".into(), 0) }
}

pub(crate) fn point(place: &str, snapshot: &str, taken_at: i64, content: &[u8]) -> RestorePoint {
    RestorePoint {
        host: "h".into(),
        path: path(place),
        source: "nightly".into(),
        snapshot: snapshot.into(),
        taken_at,
        kind: Kind::File,
        mode: 0o644,
        size: content.len() as u64,
        mtime: 5,
        digest: Some(sha(content)),
        target: None,
        location: path(&format!("/backup/{snapshot}{place}")),
        refused: None,
    }
}

pub(crate) fn points(points: Vec<RestorePoint>) -> RestorePoints {
    RestorePoints { points, ..RestorePoints::default() }
}

pub(crate) fn found(manifest: &Manifest, scan: Scan, points: &RestorePoints) -> Findings {
    let case = Case { manifest, scans: &[scan], points, revisions: &[] };
    let mut found = judge(case);
    rectify::findings::irreplaceable::judge(case, &mut found);
    found
}

#[test]
fn owner_and_group_are_compared_by_the_names_of_the_host() {
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web/a", bytes(RIGHT), attentive());
    change(&mut manifest, |_, artifact| {
        (artifact.owner, artifact.group) = (Some(Principal::Name("web".into())), Some(Principal::Id(7)));
    });
    let damages = |uid, gid| {
        let mut scan = scan(vec![("/srv/web/a", Seen { uid, gid, ..file(RIGHT) })]);
        scan.users = BTreeMap::from([(33, "web".into()), (0, "root".into())]);
        let found = found(&manifest, scan, &RestorePoints::default());
        found.findings.into_iter().map(|finding| (finding.damage, finding.class)).collect::<Vec<_>>()
    };
    assert_eq!(damages(33, 7), []);
    assert_eq!(damages(0, 7), [(Damage::WrongOwner, Class::Drift)]);
    assert!(damages(33, 8).iter().all(|(damage, _)| *damage == Damage::WrongOwner) && damages(33, 8).len() == 1);
}

pub(crate) fn planned(manifest: &Manifest, findings: &Findings, points: &RestorePoints) -> Plan {
    let verify = Command::at(Place::Control, ["rectify", "check", "e"].map(str::to_owned));
    plan(Input { manifest, findings, points, prefer: Prefer::Redeploy, quarantine: "/q", verify: &verify })
}

/// What an artifact's file looks like, and what is said about it.
fn said(expected: Expected, seen: Option<Seen>) -> Option<(Damage, Class, Certainty)> {
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web/x", expected, attentive());
    add(
        &mut manifest,
        "/srv/web/other",
        bytes(b"another file that is known and long enough to tell it\n"),
        attentive(),
    );
    let mut all = vec![("/srv/web/other", file(b"another file that is known and long enough to tell it\n"))];
    all.extend(seen.map(|seen| ("/srv/web/x", seen)));
    let found = found(&manifest, scan(all), &RestorePoints::default());
    assert!(found.findings.len() <= 1, "{:?}", found.findings);
    found.findings.first().map(|finding| (finding.damage.clone(), finding.class, finding.certainty))
}

#[test]
fn each_kind_of_damage_is_named_with_its_class_and_certainty() {
    use BlockClass as B;
    use Certainty::{Guess, Likely, Proved};
    let link = |target: &str| Seen { target: Some(target.into()), ..thing(Kind::Link) };
    let failed =
        |errno| Seen { content: Some(SeenContent::Failed(Failure { errno, text: "no".into() })), ..thing(Kind::File) };
    let unreadable = |errno| Damage::Unreadable(Failure { errno, text: "no".into() });
    let older = || Damage::Stale { as_of: "an earlier version".into() };
    let other = || path("/srv/web/other");
    for (expected, seen, wanted) in [
        (bytes(RIGHT), Some(file(RIGHT)), None),
        (bytes(RIGHT), None, Some((Damage::Missing, Proved))),
        (bytes(RIGHT), Some(file(b"")), Some((Damage::Truncated, Proved))),
        (bytes(RIGHT), Some(file(b"something")), Some((Damage::Changed, Proved))),
        (
            bytes(RIGHT),
            Some(file(b"another file that is known and long enough to tell it\n")),
            Some((Damage::OtherFile { path: other() }, Proved)),
        ),
        (bytes(RIGHT), Some(blocks(false, &[(B::Expected, 1), (B::Zero, 2)])), Some((Damage::Zeroed, Proved))),
        (bytes(RIGHT), Some(blocks(false, &[(B::Zero, 1), (B::Absent, 1)])), Some((Damage::Zeroed, Proved))),
        // Zeros alone would leave it its size.
        (bytes(&[b'x'; 8192]), Some(blocks(false, &[(B::Zero, 1), (B::Text, 1)])), Some((Damage::Zeroed, Likely))),
        (bytes(&[b'x'; 8000]), Some(blocks(false, &[(B::Zero, 1), (B::Text, 1)])), Some((Damage::Mixed, Likely))),
        (bytes(RIGHT), Some(blocks(false, &[(B::Random, 1)])), Some((Damage::Random, Likely))),
        (bytes(RIGHT), Some(blocks(false, &[(B::Expected, 1), (B::Absent, 1)])), Some((Damage::Truncated, Proved))),
        (bytes(RIGHT), Some(blocks(false, &[(B::Older, 1)])), Some((older(), Likely))),
        (
            bytes(RIGHT),
            Some(blocks(false, &[(B::Foreign, 1)])),
            Some((Damage::Foreign { from: Some(other()) }, Likely)),
        ),
        (bytes(RIGHT), Some(blocks(false, &[(B::Random, 1), (B::Zero, 1)])), Some((Damage::Mixed, Likely))),
        (bytes(RIGHT), Some(blocks(false, &[(B::Expected, 1), (B::Torn, 1)])), Some((Damage::Torn, Likely))),
        (bytes(RIGHT), Some(blocks(false, &[(B::Unknown, 1)])), Some((Damage::Changed, Likely))),
        (bytes(RIGHT), Some(blocks(true, &[(B::Text, 1)])), Some((Damage::Edited, Guess))),
        (bytes(RIGHT), Some(thing(Kind::Directory)), Some((Damage::WrongKind, Proved))),
        (bytes(RIGHT), Some(failed(5)), Some((unreadable(5), Proved))),
        // A wrong checksum (EBADMSG), and a structure that needs cleaning (EUCLEAN).
        (bytes(RIGHT), Some(failed(74)), Some((unreadable(74), Proved))),
        (bytes(RIGHT), Some(failed(117)), Some((unreadable(117), Proved))),
        // That we may not look is no damage.
        (bytes(RIGHT), Some(failed(13)), None),
        (Expected::Absent, None, None),
        (Expected::Absent, Some(file(b"x")), Some((Damage::Extraneous, Proved))),
        (Expected::Present, None, Some((Damage::Missing, Proved))),
        (Expected::Link { target: Eval::Known("a".into()) }, Some(link("a")), None),
        (Expected::Link { target: Eval::Known("a".into()) }, Some(link("b")), Some((Damage::WrongTarget, Proved))),
        (unknown(), Some(file(b"anything")), None),
        (unknown(), None, Some((Damage::Missing, Proved))),
    ] {
        let name = format!("{expected:?} {seen:?}");
        let said = said(expected, seen);
        let drift = matches!(wanted, Some((Damage::Edited | Damage::Extraneous, _)));
        let class = if drift { Class::Drift } else { Class::Damage };
        assert_eq!(said, wanted.map(|(damage, certainty)| (damage, class, certainty)), "{name}");
    }
}

#[test]
fn only_a_listed_directory_proves_that_something_is_missing() {
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), attentive());
    let unlisted = Seen { listed: false, ..thing(Kind::Directory) };
    let found = found(&manifest, scan(vec![("/srv/web", unlisted)]), &RestorePoints::default());
    assert!(found.findings.is_empty(), "{:?}", found.findings);
    assert!(found.unverified.iter().any(|one| one.unseen && one.path == Some(path("/srv/web/x"))));
    assert_eq!((found.checked, found.intact), (0, 0));
}

#[test]
fn the_strongest_claim_that_knows_something_decides_and_all_metadata_count() {
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web/x", unknown(), attentive());
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), attentive());
    change(&mut manifest, |index, artifact| match index {
        0 => (artifact.mode, artifact.secret) = (Some(0o600), true),
        _ => artifact.authority = Authority::Vendor,
    });
    let found = found(&manifest, scan(vec![("/srv/web/x", file(b"wrong"))]), &RestorePoints::default());
    let kinds: Vec<_> = found.findings.iter().map(|one| (one.damage.clone(), one.authority, one.secret)).collect();
    assert_eq!(
        kinds,
        [(Damage::WrongMode, Authority::Vendor, true), (Damage::Changed, Authority::Vendor, true)],
        "the mode of the one, the content of the other, the secrecy of either"
    );
}

#[test]
fn what_only_backups_know_is_damaged_when_nobody_can_have_written_it() {
    let place = "/srv/db/var/x";
    let newest = || point(place, "new", 20, RIGHT);
    let same_length = vec![b'?'; RIGHT.len()];
    let at = |mtime, content: &[u8]| Seen { mtime, ..file(content) };
    let stale = Damage::Stale { as_of: "old".into() };
    for (seen, changes, wanted) in [
        (Some(at(5, RIGHT)), Changes::Any, None),
        (Some(at(5, &same_length)), Changes::Any, Some((Damage::Changed, Certainty::Proved))),
        (Some(at(9, &same_length)), Changes::Any, None),
        (Some(at(9, &same_length)), Changes::Never, Some((Damage::Changed, Certainty::Likely))),
        (Some(at(5, b"short")), Changes::Any, Some((Damage::Truncated, Certainty::Proved))),
        (Some(at(9, b"short")), Changes::Append, Some((Damage::Truncated, Certainty::Likely))),
        (Some(at(4, b"before")), Changes::Any, Some((stale, Certainty::Proved))),
        (None, Changes::Any, Some((Damage::Missing, Certainty::Likely))),
    ] {
        let mut manifest = manifest();
        let name = format!("{seen:?} {changes:?}");
        manifest.data.push(Data { host: "h".into(), path: path("/srv/db/var"), changes, owner: None });
        let points = points(vec![point(place, "old", 10, b"before"), newest()]);
        let mut all = vec![("/srv/db/var", thing(Kind::Directory))];
        all.extend(seen.map(|seen| (place, seen)));
        let found = found(&manifest, scan(all), &points);
        let said: Vec<_> = found.findings.iter().map(|one| (one.damage.clone(), one.certainty)).collect();
        assert_eq!(said, wanted.into_iter().collect::<Vec<_>>(), "{name}");
        assert!(found.findings.iter().all(|one| one.mend.is_none() && one.class == Class::Damage), "{name}");
    }
}

/// The plan for one artifact in a state.
fn remedy(mend: Mend, seen: Option<Seen>) -> Plan {
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), mend);
    let seen = seen.map(|seen| ("/srv/web/x", seen)).into_iter().collect();
    let found = found(&manifest, scan(seen), &RestorePoints::default());
    assert_eq!(found.findings.len(), 1, "{:?}", found.findings);
    planned(&manifest, &found, &RestorePoints::default())
}

pub(crate) fn actions(plan: &Plan) -> Vec<Action> {
    plan.steps.iter().map(|step| step.action).collect()
}

pub(crate) fn argv(step: &Step) -> String {
    step.commands.iter().map(|command| command.argv.join(" ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_deployer_notices_is_redeployed_and_what_it_does_not_is_forced_first() {
    use Action::{Force as Forced, Quarantine, Redeploy, Unblock, Verify};
    let marker = || vec![Force::Remove(path("/srv/web/.done"))];
    for (vigilance, aborts, force, missing, wanted) in [
        (Vigilance::Content, Aborts::Never, vec![], false, vec![Quarantine, Redeploy, Verify]),
        (Vigilance::Content, Aborts::Never, vec![], true, vec![Redeploy, Verify]),
        (Vigilance::Absence, Aborts::Never, vec![], false, vec![Quarantine, Forced, Redeploy, Verify]),
        (Vigilance::Absence, Aborts::Never, vec![], true, vec![Redeploy, Verify]),
        (Vigilance::Age, Aborts::Never, marker(), true, vec![Forced, Redeploy, Verify]),
        (Vigilance::Nothing, Aborts::Never, marker(), false, vec![Quarantine, Forced, Redeploy, Verify]),
        (Vigilance::Nothing, Aborts::Never, vec![], false, vec![Action::Hand]),
        (
            Vigilance::Content,
            Aborts::Always,
            vec![Force::RemoveSelf],
            false,
            vec![Quarantine, Unblock, Redeploy, Verify],
        ),
        (Vigilance::Content, Aborts::OnUndecodable, vec![Force::RemoveSelf], true, vec![Redeploy, Verify]),
        (Vigilance::Content, Aborts::OnUndecodable, vec![Force::EmptySelf], true, vec![Forced, Redeploy, Verify]),
        (
            Vigilance::Content,
            Aborts::Always,
            vec![Force::EmptySelf],
            false,
            vec![Quarantine, Unblock, Redeploy, Verify],
        ),
    ] {
        let name = format!("{vigilance:?} {aborts:?} {force:?} missing: {missing}");
        let plan = remedy(mend(vigilance, aborts, force), (!missing).then(|| file(b"wrong")));
        let mut sorted = wanted.clone();
        sorted.sort();
        assert_eq!(actions(&plan), sorted, "{name}");
        let waves: Vec<u32> = plan.steps.iter().map(|step| step.wave).collect();
        assert!(waves.is_sorted(), "{name}: {waves:?}");
    }
}

#[test]
fn a_directory_in_the_place_of_a_file_is_kept_before_it_is_removed() {
    let plan = remedy(mend(Vigilance::Content, Aborts::OnWrongKind, vec![]), Some(thing(Kind::Directory)));
    assert_eq!(plan.steps[0].action, Action::Quarantine);
    assert!(argv(&plan.steps[0]).ends_with("cp -a --parents -t /q -- /srv/web/x"), "{}", argv(&plan.steps[0]));
    assert_eq!((plan.steps[1].action, argv(&plan.steps[1])), (Action::Unblock, "rm -rf -- /srv/web/x".to_owned()));
    assert_eq!(plan.steps[1].needs, ["s1"]);
}

#[test]
fn a_removal_that_would_take_declared_data_along_is_blocked() {
    let mut manifest = manifest();
    let force = vec![Force::Remove(path("/srv/web"))];
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), mend(Vigilance::Nothing, Aborts::Never, force));
    let data = Data { host: "h".into(), path: path("/srv/web/var"), changes: Changes::Any, owner: None };
    manifest.data.push(data);
    let found = found(&manifest, scan(vec![("/srv/web/x", file(b"wrong"))]), &RestorePoints::default());
    let plan = planned(&manifest, &found, &RestorePoints::default());
    let removal = plan.steps.iter().find(|step| step.action == Action::Force).expect("it is forced");
    let blocked = removal.blocked.as_ref().expect("it is blocked");
    assert_eq!(blocked.waiting_on, "/srv/web/var is declared data and would be deleted; move it away first");
}

#[test]
fn what_a_deployer_must_find_is_emptied_and_not_removed() {
    let mend = || mend(Vigilance::Content, Aborts::OnWrongKind, vec![Force::EmptySelf]);
    let empty = "mkdir -p -- /srv/web\ntruncate -s 0 -- /srv/web/x\nchown --reference=/srv/web -- /srv/web/x";
    let plan = remedy(mend(), None);
    assert_eq!((plan.steps[0].action, argv(&plan.steps[0])), (Action::Force, empty.to_owned()));
    let plan = remedy(mend(), Some(thing(Kind::Directory)));
    assert_eq!(argv(&plan.steps[1]), format!("rm -rf -- /srv/web/x\n{empty}"));
}

#[test]
fn a_deployer_that_would_take_declared_data_along_is_not_run() {
    let mut manifest = manifest();
    let replaces = vec![path("/srv/web")];
    let mend = Mend { replaces, ..mend(Vigilance::Absence, Aborts::Never, vec![]) };
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), mend);
    let data = Data { host: "h".into(), path: path("/srv/web/var"), changes: Changes::Any, owner: None };
    manifest.data.push(data);
    let found = found(&manifest, scan(vec![]), &RestorePoints::default());
    let plan = planned(&manifest, &found, &RestorePoints::default());
    let redeploy = plan.steps.iter().find(|step| step.action == Action::Redeploy).expect("it is redeployed");
    let blocked = redeploy.blocked.as_ref().expect("it is blocked");
    assert!(blocked.waiting_on.starts_with("/srv/web/var is declared data"), "{blocked:?}");
}

#[test]
fn files_that_are_mended_together_are_restored_all_or_none() {
    let mut manifest = manifest();
    manifest.units[1].kind = UnitKind::Egg;
    for place in ["/srv/web/a", "/srv/web/b"] {
        add(&mut manifest, place, bytes(RIGHT), attentive());
    }
    let seen = || scan(vec![("/srv/web/a", file(b"wrong")), ("/srv/web/b", file(b"wrong"))]);
    let both = points(vec![point("/srv/web/a", "s", 1, RIGHT), point("/srv/web/b", "s", 1, RIGHT)]);
    let one = points(vec![point("/srv/web/a", "s", 1, RIGHT)]);
    let verify = Command::at(Place::Control, ["true".to_owned()]);
    for (points, wanted) in [(both, Action::Restore), (one, Action::Redeploy)] {
        let found = found(&manifest, seen(), &points);
        let input = Input {
            manifest: &manifest,
            findings: &found,
            points: &points,
            prefer: Prefer::Auto,
            quarantine: "/q",
            verify: &verify,
        };
        assert_eq!(actions(&plan(input)), [Action::Quarantine, wanted, Action::Verify]);
    }
}

#[test]
fn a_name_that_is_no_text_is_handed_over() {
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web/x", bytes(RIGHT), attentive());
    change(&mut manifest, |_, artifact| artifact.path = TargetPath::new(b"/srv/web/\xff"));
    let found = found(&manifest, scan(vec![]), &RestorePoints::default());
    let plan = planned(&manifest, &found, &RestorePoints::default());
    assert_eq!(actions(&plan), [Action::Hand]);
    assert!(plan.steps[0].reason.contains("its name is not text"), "{}", plan.steps[0].reason);
}

#[test]
fn what_stray_entries_a_deployment_does_not_know_is_for_a_person() {
    let mut manifest = manifest();
    add(&mut manifest, "/srv/web", Expected::Directory { ownership: Ownership::Complete }, attentive());
    let found = found(&manifest, scan(vec![("/srv/web/left-over", file(b"x"))]), &RestorePoints::default());
    assert_eq!(found.findings.iter().map(|one| &one.damage).collect::<Vec<_>>(), [&Damage::Extraneous]);
    assert_eq!(actions(&planned(&manifest, &found, &RestorePoints::default())), [Action::Hand]);
}

#[test]
fn where_nothing_is_wrong_there_is_no_step() {
    let plan = planned(&manifest(), &Findings::default(), &RestorePoints::default());
    assert_eq!(plan, Plan::default());
}

#[derive(Debug, Clone)]
struct Thing {
    place: String,
    expected: u8,
    mend: (u8, u8, u8),
    seen: u8,
    mode: bool,
    durable: bool,
    backup: u8,
}

fn things() -> impl Strategy<Value = Vec<Thing>> {
    let place = "/srv/(db|web)(/[a-c]){1,3}";
    let thing = (place, 0_u8..7, (0_u8..4, 0_u8..4, 0_u8..4), 0_u8..9, any::<bool>(), any::<bool>(), 0_u8..4);
    let thing = thing.prop_map(|(place, expected, mend, seen, mode, durable, backup)| Thing {
        place,
        expected,
        mend,
        seen,
        mode,
        durable,
        backup,
    });
    prop::collection::vec(thing, 0..12)
}

fn build(things: &[Thing], data: bool) -> (Manifest, Scan, RestorePoints) {
    let mut manifest = manifest();
    let mut all = Vec::new();
    let mut versions = Vec::new();
    for thing in things {
        let vigilance = [Vigilance::Nothing, Vigilance::Absence, Vigilance::Age, Vigilance::Content];
        let aborts = [Aborts::Never, Aborts::OnUndecodable, Aborts::OnWrongKind, Aborts::Always];
        let above = path(&thing.place).parent().expect("it is not the root");
        let force = [vec![], vec![Force::RemoveSelf], vec![Force::Remove(above)], vec![Force::Remove(path("/m"))]];
        let (v, a, f) = thing.mend;
        let mend = mend(vigilance[usize::from(v)], aborts[usize::from(a)], force[usize::from(f)].clone());
        let expected = match thing.expected {
            0 => bytes(RIGHT),
            1 => unknown(),
            2 => Expected::Directory { ownership: Ownership::Complete },
            3 => Expected::Directory { ownership: Ownership::Shared },
            4 => Expected::Link { target: Eval::Known("t".into()) },
            5 => Expected::Absent,
            _ => Expected::Present,
        };
        add(&mut manifest, &thing.place, expected, mend);
        let (mut first, durable) = (true, thing.durable);
        change(&mut manifest, |_, one| {
            if one.path == path(&thing.place) && std::mem::take(&mut first) {
                one.mode = thing.mode.then_some(0o640);
                one.durability = if durable { Durability::Durable } else { Durability::Reproducible };
            }
        });
        let seen = match thing.seen {
            0 => file(RIGHT),
            1 => file(b""),
            2 => file(b"wrong"),
            3 => thing_of(Kind::Directory),
            4 => Seen { target: Some("t".into()), ..thing_of(Kind::Link) },
            5 => thing_of(Kind::Fifo),
            6 => blocks(false, &[(BlockClass::Random, 2)]),
            _ => continue,
        };
        all.push((thing.place.clone(), seen));
        match thing.backup {
            0 => versions.push(point(&thing.place, "s", 1, RIGHT)),
            1 => versions.push(RestorePoint { refused: Some("zeros".into()), ..point(&thing.place, "s", 1, b"0") }),
            _ => {}
        }
    }
    if data {
        manifest.data.push(Data { host: "h".into(), path: path("/srv/db/a"), changes: Changes::Any, owner: None });
    }
    versions.sort_by(|a, b| a.path.cmp(&b.path));
    versions.dedup_by(|a, b| a.path == b.path);
    let scan = scan(all.iter().map(|(place, seen)| (place.as_str(), seen.clone())).collect());
    (manifest, scan, points(versions))
}

fn thing_of(kind: Kind) -> Seen {
    thing(kind)
}

proptest! {
    #[test]
    fn every_finding_is_cured_by_the_plan_or_handed_over_and_the_order_holds(things in things(), data in any::<bool>()) {
        let (manifest, scan, points) = build(&things, data);
        let found = found(&manifest, scan.clone(), &points);
        for prefer in [Prefer::Auto, Prefer::Redeploy, Prefer::Restore] {
            let verify = Command::at(Place::Control, ["true".to_owned()]);
            let input = || Input {
                manifest: &manifest, findings: &found, points: &points, prefer, quarantine: "/q", verify: &verify,
            };
            let made = plan(input());
            prop_assert_eq!(&made, &plan(input()), "the same input gives the same plan");
            // Each finding has exactly one step that brings it right, whatever is done before that.
            let mut cures: BTreeMap<&str, Vec<Action>> = BTreeMap::new();
            for step in &made.steps {
                let mode = step.commands.first().is_some_and(|command| command.argv[0] == "chmod");
                let cure = match step.action {
                    Action::Restore | Action::PutBack | Action::Redeploy | Action::Hand => true,
                    Action::Force => mode,
                    _ => false,
                };
                for id in step.findings.iter().filter(|_| cure) {
                    cures.entry(id).or_default().push(step.action);
                }
            }
            for finding in &found.findings {
                let steps = cures.get(finding.id.as_str()).map_or(0, Vec::len);
                prop_assert_eq!(steps, 1, "{}: {:?}\n{:#?}", finding.path, finding.damage, made.steps);
            }
            // Who needs somebody comes later, in the list and in its waves.
            let ids: Vec<&str> = made.steps.iter().map(|step| step.id.as_str()).collect();
            prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
            for (at, step) in made.steps.iter().enumerate() {
                for need in &step.needs {
                    let before = ids.iter().position(|id| id == need).expect("it is a step");
                    prop_assert!(before < at && made.steps[before].wave < step.wave);
                }
                let removes_data = step.commands.iter().any(|command| {
                    command.argv[0] == "rm" && step.action != Action::Restore && step.action != Action::PutBack
                        && manifest.data.iter().any(|data| {
                            command.argv.iter().any(|word| word.starts_with('/') && data.path.is_below(&path(word)))
                        })
                });
                prop_assert!(!removes_data || step.blocked.is_some(), "{:?}", step);
            }
            // What is removed and has bytes was kept before.
            if let Some(removal) = made.steps.iter().position(|step| {
                matches!(step.action, Action::Force | Action::Unblock)
                    && step.findings.iter().any(|id| found.findings.iter().any(|one| {
                        one.id == *id && one.size.is_some_and(|size| size > 0) && !one.damage.is_metadata()
                    }))
            }) {
                prop_assert!(made.steps[..removal].iter().any(|step| step.action == Action::Quarantine));
            }
        }
        // Nothing is both intact and wrong.
        prop_assert!(found.intact <= found.checked);
    }
}
