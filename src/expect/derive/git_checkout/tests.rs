use super::*;
use crate::{
    expect::derive::refine,
    model::{
        artifact::Artifact,
        content::{Algorithm, Digest},
        manifest::{Definition, Evaluation},
        unit::{Unit, UnitKind},
    },
};

fn input() -> Input {
    Input {
        by_itself: false,
        target: TargetPath::new("/w/c"),
        url: Some("https://example.org/c".into()),
        revision: Some("1111".into()),
        branch: None,
        tag: None,
        clobber: true,
        follows: true,
        mr_developer: false,
        origin: None,
    }
}

fn checkout() -> Checkout {
    let digest = Digest::from_hex(Algorithm::GitBlob, &"a".repeat(40)).expect("it is hex");
    let file =
        Member { path: "run".into(), kind: Kind::File, mode: 0o755, digest: Some(digest), size: None, target: None };
    Checkout {
        head: Some("1111".into()),
        remote: Some("https://example.org/c".into()),
        tree: vec![file],
        ..Checkout::default()
    }
}

fn refined(input: &Input, checkout: Option<Checkout>) -> Manifest {
    let mut manifest = Manifest::new(Definition::new("batou", "test", Evaluation::Exact));
    manifest.units.push(Unit {
        id: "h/r".into(),
        host: "h".into(),
        kind: UnitKind::Checkout,
        name: "r".into(),
        origin: None,
        directory: None,
        parent: None,
        deployer: None,
        opaque: None,
    });
    let input = serde_json::to_value(input).expect("it serialises");
    manifest.derivations.push(Derivation { host: "h".into(), unit: "h/r".into(), rule: RULE.into(), input });
    let scan = Scan {
        checkouts: checkout.map(|checkout| (TargetPath::new("/w/c"), checkout)).into_iter().collect(),
        ..Scan::new("h".into(), 0)
    };
    refine(&mut manifest, &[scan]);
    manifest
}

fn find(manifest: &Manifest, path: &str) -> Option<Artifact> {
    manifest.artifacts.iter().find(|artifact| artifact.path == TargetPath::new(path))
}

fn reason(manifest: &Manifest) -> String {
    manifest.units[0].opaque.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn the_tree_of_the_declared_commit_vouches_for_its_files() {
    let manifest = refined(&input(), Some(checkout()));
    let run = find(&manifest, "/w/c/run").expect("it is claimed");
    assert!(
        matches!(&run.expected, Expected::File(Content::Digest { digest, .. }) if digest.algorithm == Algorithm::GitBlob)
    );
    assert_eq!(reason(&manifest), "");
}

#[test]
fn another_commit_than_the_declared_one_vouches_for_nothing() {
    let manifest = refined(&input(), Some(Checkout { head: Some("2222".into()), ..checkout() }));
    assert!(find(&manifest, "/w/c/run").is_none());
    assert_eq!(reason(&manifest), "its HEAD is 2222, declared is 1111");
}

#[test]
fn getting_another_commit_is_told_with_what_it_loses_and_never_of_another_repository() {
    let other = || Checkout { head: Some("2222".into()), unpushed: 2, ..checkout() };
    let hazards = |input: &Input| {
        let manifest = refined(input, Some(other()));
        let [noted] = manifest.noted.as_slice() else { panic!("{:?}", manifest.noted) };
        assert_eq!(noted.value.as_deref(), Some("2222"));
        manifest.mend(noted.mend).hazards.iter().map(|hazard| hazard.text.clone()).collect::<Vec<_>>().join("; ")
    };
    let both =
        "2 commits exist only in /w/c and are lost with it; files and changes in /w/c that git does not know are lost";
    assert_eq!(hazards(&input()), both);
    // batou refuses where there are such changes.
    assert_eq!(hazards(&Input { clobber: false, ..input() }), "2 commits exist only in /w/c and are lost with it");
    let elsewhere = Checkout { remote: Some("https://example.org/other".into()), ..other() };
    assert!(refined(&input(), Some(elsewhere)).noted.is_empty(), "batou empties the directory for a new clone");
}

#[test]
fn without_a_repository_only_its_absence_is_known() {
    let manifest = refined(&input(), None);
    assert!(find(&manifest, "/w/c/.git").is_some());
    assert_eq!(reason(&manifest), "there is no repository in /w/c to ask");
}

#[test]
fn a_clone_that_must_not_be_clobbered_stops_the_deployment_when_it_is_damaged() {
    let manifest = refined(&Input { clobber: false, ..input() }, Some(checkout()));
    let mend = manifest.mend(find(&manifest, "/w/c/run").expect("it is claimed").mend);
    assert_eq!(mend.aborts, Aborts::Always);
    assert_eq!(mend.force, [Force::Remove(TargetPath::new("/w/c"))]);
    assert_eq!(mend.hazards.len(), 1);
}

#[test]
fn damaged_objects_are_told_with_what_a_new_clone_would_lose() {
    let broken = vec![(Some(Blob::from("objects/pack/x.pack")), "bad checksum".to_owned())];
    let manifest = refined(&input(), Some(Checkout { broken, unpushed: 2, ..checkout() }));
    let broken = manifest.broken.first().expect("it is told");
    assert_eq!(broken.path, TargetPath::new("/w/c/.git/objects/pack/x.pack"));
    let mend = manifest.mend(broken.mend);
    assert_eq!(mend.aborts, Aborts::Never);
    assert_eq!(mend.hazards[0].text, "2 commits exist only in /w/c and are lost with it");
}

#[test]
fn what_git_ignores_is_data_that_only_a_backup_has() {
    let ignored = vec![Blob::from("var/data.db"), Blob::from("x.pyc")];
    let manifest = refined(&input(), Some(Checkout { ignored, ..checkout() }));
    let durability = |path| find(&manifest, path).map(|artifact| artifact.durability);
    assert_eq!(durability("/w/c/var/data.db"), Some(Durability::Durable));
    assert_eq!(durability("/w/c/x.pyc"), Some(Durability::Derived));
}
