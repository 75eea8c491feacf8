use super::*;
use crate::expect::derive::refine;
use crate::expect::sample::{row, scan};
use crate::model::artifact::Vigilance;
use crate::model::content::Algorithm;
use crate::model::hasher::digest_of;
use crate::model::manifest::{Definition, Evaluation};
use serde_json::json;

const SITE: &str = "/e/lib/python3.11/site-packages";

fn refined(files: &[(&str, &str)], remove_first: bool) -> Manifest {
    let mend = Mend {
        force: vec![Force::Remove(TargetPath::new("/e/marker"))],
        ..Mend::new(Vigilance::Nothing, Vigilance::Nothing)
    };
    let input = json!({
        "directory": "/e",
        "distributions": { "Demo": { "version": "1.0" }, "lost_one": { "version": "2.0" } },
        "skeleton": mend, "content": mend, "absent": mend,
        "remove_first": remove_first,
    });
    let mut manifest = Manifest::new(Definition::new("batou", "dev", Evaluation::Native));
    manifest.derivations.push(Derivation { host: "h".into(), unit: "u".into(), rule: NAME.into(), input });
    let record = row("demo.py", "code\n") + &row("../../../bin/demo", "script\n") + "demo-1.0.dist-info/RECORD,,\n";
    let info = format!("{SITE}/demo-1.0.dist-info/RECORD");
    let module = format!("{SITE}/demo.py");
    let mut all =
        vec![("/e/pyvenv.cfg", "home = /usr/bin\n"), (info.as_str(), record.as_str()), (module.as_str(), "code\n")];
    all.extend(files);
    refine(&mut manifest, &[scan(&all)]);
    manifest
}

fn at(manifest: &Manifest, path: &str) -> Option<Artifact> {
    manifest.artifacts.iter().find(|artifact| artifact.path == TargetPath::new(path))
}

#[test]
fn modules_and_scripts_are_expected_as_record_says() {
    let manifest = refined(&[], false);
    for path in [&format!("{SITE}/demo.py"), "/e/bin/demo"] {
        let artifact = at(&manifest, path).expect("it is expected");
        assert!(matches!(artifact.expected, Expected::File(Content::Digest { .. })), "{path}");
    }
}

#[test]
fn a_wanted_distribution_without_metadata_is_missed() {
    let manifest = refined(&[], false);
    assert!(at(&manifest, &format!("{SITE}/lost_one-2.0.dist-info")).is_some());
    assert!(at(&manifest, &format!("{SITE}/demo-1.0.dist-info")).is_none(), "it is there");
    // Where another version is there, its name tells how wheels of it are named.
    let record = format!("{SITE}/Lost.One-1.0.dist-info/RECORD");
    let manifest = refined(&[(&record, "Lost.One-1.0.dist-info/RECORD,,\n")], false);
    assert!(at(&manifest, &format!("{SITE}/Lost.One-2.0.dist-info")).is_some());
}

#[test]
fn a_version_that_the_definition_does_not_ask_for_is_a_witness_only_while_nothing_contradicts_it() {
    let paths = ["demo-0.9.dist-info/RECORD", "a.py", "b.py"].map(|name| format!("{SITE}/{name}"));
    let known = |listed: &[&str], b: &str| {
        let rows: String = listed.iter().map(|name| row(name, "old\n")).collect();
        let record = rows + "demo-0.9.dist-info/RECORD,,\n";
        let manifest = refined(&[(&paths[0], &record), (&paths[1], "old\n"), (&paths[2], b)], false);
        let digest = |name: &str| at(&manifest, &format!("{SITE}/{name}")).and_then(|one| one.expected.digest());
        ["a.py", "b.py", "demo.py"].map(digest)
    };
    let [old, new] = ["old\n", "code\n"].map(|text| Some(digest_of(Algorithm::Sha256, text.as_bytes())));
    assert_eq!(known(&["a.py", "b.py"], "old\n"), [old.clone(), old, new.clone()], "all of it is there");
    assert_eq!(known(&["a.py", "b.py"], "another\n"), [None, None, new.clone()], "the other one may be old, too");
    assert_eq!(
        known(&["a.py", "b.py", "c.py"], "old\n"),
        [None, None, new.clone()],
        "one that is gone contradicts, too"
    );
    assert_eq!(known(&["a.py", "b.py", "demo.py"], "old\n"), [None, None, new], "1.0 knows what it owns");
}

#[test]
fn absolute_paths_in_record_are_said_and_not_followed() {
    let record = row("hostile.py", "x\n") + "/etc/passwd,,\n/etc/shadow,,\nhostile-1.dist-info/RECORD,,\n";
    let path = format!("{SITE}/hostile-1.dist-info/RECORD");
    let manifest = refined(&[(&path, &record)], false);
    assert!(at(&manifest, "/etc/passwd").is_none());
    let Some(Expected::File(Content::Unknown(why))) = at(&manifest, &path).map(|one| one.expected) else {
        panic!("it is no all-clear")
    };
    assert_eq!(why.text, "it names 2 absolute paths, `/etc/passwd` first, which are not followed");
}

#[test]
fn what_no_record_lists_is_unknown_and_byte_code_is_derived() {
    let (extra, code) = (format!("{SITE}/extra.pth"), format!("{SITE}/__pycache__/demo.cpython-311.pyc"));
    let manifest = refined(&[(&extra, ""), (&code, "x")], false);
    let extra = at(&manifest, &extra).expect("it is listed");
    assert!(matches!(extra.expected, Expected::File(Content::Unknown(_))));
    let code = at(&manifest, &code).expect("it is listed");
    assert_eq!(code.durability, crate::model::artifact::Durability::Derived);
}

#[test]
fn an_installer_that_looks_at_metadata_is_forced_by_removing_it_with_the_modules() {
    let manifest = refined(&[], true);
    let module = at(&manifest, &format!("{SITE}/demo.py")).expect("it is expected");
    let removed = [format!("{SITE}/demo-1.0.dist-info"), format!("{SITE}/demo.py"), "/e/marker".to_owned()];
    let mut force = manifest.mend(module.mend).force.clone();
    force.sort();
    let mut expected: Vec<Force> = removed.iter().map(|path| Force::Remove(TargetPath::new(path))).collect();
    expected.sort();
    assert_eq!(force, expected);
}

#[test]
fn a_zeroed_pyvenv_cfg_is_broken() {
    let manifest = refined(&[("/e/pyvenv.cfg", "\0\0\0")], false);
    assert_eq!(manifest.broken[0].path, TargetPath::new("/e/pyvenv.cfg"));
}
