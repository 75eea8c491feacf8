use super::*;
use crate::{
    definition::batou::model,
    expect::derive,
    model::{
        artifact::{Artifact, Expected, Force, Mend, Ownership},
        content::{Algorithm, Blob, Digest},
        eval::Eval,
        hasher::digest_of,
        observation::{Archive, Checkout, Kind, Scan, Seen, SeenContent, Sighting},
    },
};
use serde_json::{Value, json};

const MODEL: &str = include_str!("../../../fixtures/cases/claims/model.json");
const TABLE: &str = include_str!("../../../fixtures/cases/claims/components.json");
const BASE: &str = "/srv/claims";

fn model() -> BatouModel {
    model::parse(MODEL.as_bytes()).expect("the probe wrote it")
}

fn sha256(bytes: &[u8]) -> Digest {
    digest_of(Algorithm::Sha256, bytes)
}

fn member(path: &str, kind: Kind, mode: u32, content: &str) -> Member {
    Member {
        path: path.into(),
        kind,
        mode,
        digest: (kind == Kind::File).then(|| sha256(content.as_bytes())),
        size: (kind == Kind::File).then_some(content.len() as u64),
        target: (kind == Kind::Link).then(|| content.into()),
    }
}

fn project() -> Project {
    let tree = vec![
        member("inner", Kind::Directory, 0o755, ""),
        member("inner/file.txt", Kind::File, 0o644, "inner\n"),
        member("link", Kind::Link, 0o777, "top.txt"),
        member("top.txt", Kind::File, 0o644, "top\n"),
    ];
    Project { sources: [("components/files/tree".to_owned(), Eval::Known(tree))].into(), ..Project::default() }
}

/// The members that `tests/exact/claims/sources.py` puts into the archives.
fn archives() -> [(&'static str, Vec<Member>); 2] {
    let tar = vec![
        member("sample-1", Kind::Directory, 0o755, ""),
        member("sample-1/plain.txt", Kind::File, 0o644, "plain\n"),
        member("sample-1/run", Kind::File, 0o755, "#!/bin/sh\n"),
        member("sample-1/._fork", Kind::File, 0o644, "fork\n"),
        member("sample-1/inner", Kind::Directory, 0o755, ""),
        member("sample-1/inner/deep.txt", Kind::File, 0o644, "deep\n"),
        member("sample-1/link", Kind::Link, 0o777, "plain.txt"),
    ];
    let zip = vec![member("zipped.txt", Kind::File, 0o640, "zipped\n")];
    [("work/archives/sample.tar", tar), ("work/archives/sample.zip", zip)]
}

/// What a scan of the sound deployment would bring as evidence.
fn scan(manifest: &Manifest) -> Scan {
    let at = |path: &str| TargetPath::new(BASE).join(path);
    let mut scan = Scan::new("localhost".into(), 0);
    for (path, members) in archives() {
        let declared = manifest.artifacts.iter().find(|artifact| artifact.path == at(path)).map(|a| a.expected);
        let Some(Expected::File(crate::model::artifact::Content::Digest { digest, .. })) = declared else {
            panic!("{path} has no checksum");
        };
        let content = SeenContent::Read { digests: vec![digest], captured: None, closer: None };
        scan.observations.insert(at(path), file(0o644, Some(content)));
        scan.archives.insert(at(path), Archive { broken: None, members });
    }
    for path in ["plain.txt", "run", "inner/deep.txt"] {
        scan.observations
            .insert(at("work/archives/untarred").join(path), file(if path == "run" { 0o755 } else { 0o644 }, None));
    }
    for clone in ["clobbered", "guarded", "unfollowed"] {
        let readme = Member {
            digest: Some(Digest::from_hex(Algorithm::GitBlob, &"0".repeat(40)).expect("it is hex")),
            ..member("README", Kind::File, 0o644, "read me\n")
        };
        let checkout = Checkout {
            head: Some("1".repeat(40)),
            branch: Some("main".into()),
            tree: vec![readme],
            broken: vec![(Some(Blob::from("HEAD")), "it is no reference".into())],
            ..Checkout::default()
        };
        scan.checkouts.insert(at("work/clones").join(clone), checkout);
    }
    scan
}

fn file(mode: u32, content: Option<SeenContent>) -> Sighting {
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

fn refined() -> Manifest {
    let mut manifest = manifest(&model(), &project());
    let scan = scan(&manifest);
    // Environments need RECORDs as evidence; their rows are made from what the rule is handed.
    manifest.derivations.retain(|derivation| derivation.rule != "python-environment");
    derive::refine(&mut manifest, &[scan]);
    manifest
}

fn relative(path: &TargetPath) -> String {
    String::from_utf8_lossy(path.relative_to(&TargetPath::new(BASE)).expect("it is deployed here")).into_owned()
}

fn mend_row(path: &str, expected: &str, mend: &Mend) -> Value {
    let force = |force: &Force| match force {
        Force::RemoveSelf => "self".to_owned(),
        Force::EmptySelf => "self, emptied".to_owned(),
        Force::Remove(path) => relative(path),
    };
    json!({
        "path": path,
        "expected": expected,
        "vigilance": mend.vigilance,
        "metadata": mend.metadata,
        "force": mend.force.iter().map(force).collect::<Vec<_>>(),
        "aborts": mend.aborts,
        "replaces": mend.replaces.iter().map(relative).collect::<Vec<_>>(),
        "hazards": mend.hazards.iter().map(|hazard| hazard.code).collect::<Vec<_>>(),
    })
}

fn row(artifact: &Artifact, manifest: &Manifest) -> Value {
    let expected = match &artifact.expected {
        Expected::File(crate::model::artifact::Content::Unknown(_)) => "some file",
        Expected::File(_) => "file",
        Expected::Directory { ownership: Ownership::Shared } => "directory",
        Expected::Directory { ownership: Ownership::Complete } => "complete directory",
        Expected::Link { .. } => "link",
        Expected::Absent => "absent",
        Expected::Present => "present",
    };
    let mut row = mend_row(&relative(&artifact.path), expected, manifest.mend(artifact.mend));
    row["unit"] = json!(artifact.unit);
    row["durability"] = json!(artifact.durability);
    row["mode"] = artifact.mode.map_or(Value::Null, |mode| format!("{mode:04o}").into());
    row
}

/// Rows for what only the RECORDs of the live environment tell: any file in it, by the mend that the rule is handed.
fn environment_rows(manifest: &Manifest) -> Vec<Value> {
    let inner = [
        ("lib/python3.*/site-packages/claimed/__init__.py", "file", "content"),
        ("lib/python3.*/site-packages/claimed-1.0.dist-info", "present", "absent"),
        ("bin/pip", "file", "content"),
    ];
    let environments = manifest.derivations.iter().filter(|derivation| derivation.rule == "python-environment");
    let rows = environments.flat_map(|derivation| {
        let directory = derivation.input["directory"].as_str().map(TargetPath::new).expect("it has a directory");
        inner.map(|(path, expected, mend)| {
            let mend: Mend = serde_json::from_value(derivation.input[mend].clone()).expect("it is a mend");
            mend_row(&relative(&directory.join(path)), expected, &mend)
        })
    });
    rows.collect()
}

fn table() -> String {
    let plain = manifest(&model(), &project());
    let manifest = refined();
    let mut rows: Vec<Value> = manifest.artifacts.iter().map(|artifact| row(&artifact, &manifest)).collect();
    rows.extend(environment_rows(&plain));
    let broken = |broken: &crate::model::manifest::Broken| {
        mend_row(&relative(&broken.path), "broken", manifest.mend(broken.mend))
    };
    rows.extend(manifest.broken.iter().map(broken));
    serde_json::to_string_pretty(&rows).expect("rows serialise") + "\n"
}

/// The table that `tests/exact/claims` holds against the real batou is what this code says.
#[test]
fn the_claims_that_are_tested_against_batou_are_the_ones_we_make() {
    let now = table();
    if now != TABLE {
        #[expect(clippy::disallowed_methods, reason = "a stale golden file is written anew and seen in the diff")]
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cases/claims/components.json"), &now)
            .expect("the fixture can be written");
    }
    assert!(now == TABLE, "fixtures/cases/claims/components.json was out of date and has been written anew");
}
