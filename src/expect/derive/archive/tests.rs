use super::*;
use crate::{
    expect::derive::refine,
    model::{
        artifact::Durability,
        content::Blob,
        hasher::digest_of,
        manifest::{Definition, Evaluation},
        observation::{Archive, SeenContent, Sighting},
        observations::Observations,
        unit::{Unit, UnitKind},
    },
};

fn sha256(text: &str) -> Digest {
    digest_of(Algorithm::Sha256, text.as_bytes())
}

fn file(mode: u32, digest: Option<Digest>) -> Sighting {
    let content = digest.map(|digest| SeenContent::Read { digests: vec![digest], captured: None, closer: None });
    Sighting::Present(Box::new(Seen {
        kind: Kind::File,
        mode,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: 0,
        ctime: 0,
        content,
        target: None,
        listed: false,
    }))
}

fn member(path: &str, kind: Kind, mode: u32) -> Member {
    let digest = (kind == Kind::File).then(|| sha256(path));
    Member { path: path.into(), kind, mode, digest, size: None, target: (kind == Kind::Link).then(|| "to".into()) }
}

fn manifest(strip: usize) -> Manifest {
    let mut manifest = Manifest::new(Definition::new("batou", "test", Evaluation::Exact));
    manifest.units.push(Unit {
        id: "h/r".into(),
        host: "h".into(),
        kind: UnitKind::BatouRoot,
        name: "r".into(),
        origin: None,
        directory: None,
        parent: None,
        deployer: None,
        opaque: None,
    });
    let content = Content::Digest { digest: sha256("archive"), size: None };
    let archive = Claim::new("h/r".into(), None, Expected::File(content));
    let archive = archive.into_artifact("h".into(), TargetPath::new("/w/a.tar"), &mut manifest);
    manifest.artifacts.push(archive);
    let input = Input {
        archive: TargetPath::new("/w/a.tar"),
        target: TargetPath::new("/w/a"),
        strip,
        format: Format::Tar,
        origin: None,
    };
    manifest.derivations.push(Derivation {
        host: "h".into(),
        unit: "h/r".into(),
        rule: RULE.into(),
        input: serde_json::to_value(input).expect("it serialises"),
    });
    manifest
}

fn scan(archive: &str, members: Vec<Member>, seen: &[(&str, u32)]) -> Scan {
    let mut observations: Observations =
        seen.iter().map(|(path, mode)| (TargetPath::new(path), file(*mode, None))).collect();
    observations.insert(TargetPath::new("/w/a.tar"), file(0o644, Some(sha256(archive))));
    Scan {
        observations,
        archives: [(TargetPath::new("/w/a.tar"), Archive { broken: None, members })].into(),
        ..Scan::new("h".into(), 0)
    }
}

fn refined(strip: usize, scan: Scan) -> Manifest {
    let mut manifest = manifest(strip);
    refine(&mut manifest, &[scan]);
    manifest
}

fn paths(manifest: &Manifest) -> Vec<String> {
    manifest.artifacts.iter().map(|artifact| artifact.path.to_string()).filter(|path| path != "/w/a.tar").collect()
}

fn find(manifest: &Manifest, path: &str) -> Artifact {
    manifest.artifacts.iter().find(|artifact| artifact.path == TargetPath::new(path)).expect("it is claimed")
}

#[test]
fn leading_components_are_dropped_and_members_without_more_are_not_extracted() {
    let members =
        vec![member("top", Kind::Directory, 0o755), member("top/x", Kind::File, 0o644), member("y", Kind::File, 0o644)];
    assert_eq!(paths(&refined(1, scan("archive", members, &[]))), ["/w/a/x"]);
}

#[test]
fn an_archive_that_is_not_the_declared_one_vouches_for_nothing() {
    let manifest = refined(0, scan("damaged", vec![member("x", Kind::File, 0o644)], &[]));
    assert!(paths(&manifest).is_empty());
    let why = manifest.units[0].opaque.as_ref().expect("the unit is not known");
    assert_eq!(why.to_string(), "/w/a.tar is not the declared one, so it cannot vouch for its members");
}

#[test]
fn modes_are_the_archives_without_the_umask_that_most_files_show() {
    let members = ["a", "b", "c"].map(|name| member(name, Kind::File, 0o664)).to_vec();
    let manifest = refined(0, scan("archive", members, &[("/w/a/a", 0o644), ("/w/a/b", 0o644), ("/w/a/c", 0o000)]));
    assert_eq!(find(&manifest, "/w/a/c").mode, Some(0o644));
}

#[test]
fn a_missing_member_is_noticed_but_its_content_is_not() {
    let manifest = refined(0, scan("archive", vec![member("x", Kind::File, 0o644)], &[]));
    let artifact = find(&manifest, "/w/a/x");
    let mend = manifest.mend(artifact.mend);
    assert_eq!((mend.vigilance, &mend.force[..]), (Vigilance::Absence, &[Force::RemoveSelf][..]));
    assert_eq!((artifact.authority, artifact.durability), (Authority::Vendor, Durability::Reproducible));
}

#[test]
fn a_member_that_batou_does_not_look_for_is_forced_by_removing_one_that_it_does() {
    let members = vec![member("._x", Kind::File, 0o644), member("x", Kind::File, 0o644)];
    let manifest = refined(0, scan("archive", members, &[]));
    let mend = manifest.mend(find(&manifest, "/w/a/._x").mend);
    assert_eq!(mend.vigilance, Vigilance::Nothing);
    assert_eq!(mend.force, [Force::RemoveSelf, Force::Remove(TargetPath::new("/w/a/x"))]);
}

#[test]
fn of_two_members_with_one_name_the_last_one_counts_and_links_keep_their_target() {
    let members = vec![member("x", Kind::File, 0o644), member("x", Kind::Link, 0o777)];
    let manifest = refined(0, scan("archive", members, &[]));
    assert_eq!(find(&manifest, "/w/a/x").expected, Expected::Link { target: Eval::Known(Blob::from("to")) });
}
