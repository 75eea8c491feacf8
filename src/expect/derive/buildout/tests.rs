use super::{Configuration, Input, NAME, Runs};
use crate::expect::buildout::{Inside, Place, add};
use crate::expect::derive::refine;
use crate::expect::sample::{row, scan};
use crate::model::artifact::{Aborts, Artifact, Content, Expected, Force, Vigilance};
use crate::model::eval::Eval;
use crate::model::manifest::{Definition, Derivation, Evaluation, Manifest};
use crate::model::path::TargetPath;
use crate::model::unit::{DeployerId, UnitId, UnitKind};
use serde_json::json;
use std::collections::BTreeMap;

const EGG: &str = "/b/eggs/v5/demo-1.0-py3.11-linux-x86_64.egg";
const INFO: &str = "/b/eggs/v5/demo-1.0-py3.11-linux-x86_64.egg/demo-1.0-py3.11-linux-x86_64.dist-info";
const METADATA: &str = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
const POINTS: &str = "[console_scripts]\ndemo = demo.cli:main\n";
const INSTALLED: &str = "[buildout]\nparts = app\n\n[app]\n__buildout_installed__ = /b/bin/demo\n";
const SCRIPT: &str = "#!/b/bin/python3.11\n\nimport sys\nsys.path[0:0] = [\n  '/b/eggs/v5/demo-1.0-py3.11-linux-x86_64.egg',\n  ]\n\nimport demo.cli\n\nif __name__ == '__main__':\n    sys.exit(demo.cli.main())\n";

fn configuration(pin: &str) -> Configuration {
    let known = |value: &str| json!({ "known": value });
    let resolved = json!({
        "sections": {
            "buildout": { "options": {} },
            "app": { "options": { "recipe": { "value": known("zc.recipe.egg") }, "eggs": { "value": known("demo") } } },
        },
        "parts": ["app"],
        "versions": { "demo": known(pin) },
        "directories": {
            "bin": known("/b/bin"),
            "eggs": known("/b/eggs/v5"),
            "develop_eggs": known("/b/develop-eggs"),
            "installed": known("/b/.installed.cfg"),
        },
    });
    Configuration::of(&resolved).expect("it has the fields")
}

fn record(metadata: &str) -> String {
    [
        row("demo/cli.py", "code\n"),
        row("demo-1.0.dist-info/METADATA", metadata),
        row("demo-1.0.dist-info/entry_points.txt", POINTS),
        "demo-1.0.dist-info/RECORD,,\n../../bin/demo,,\ndemo/__pycache__/cli.cpython-311.pyc,,\n".to_owned(),
    ]
    .concat()
}

/// The refined manifest of a tree: the usual one, with some files changed (or, with `None`, left out).
fn refined(changes: &[(&str, Option<&str>)], runs: Runs) -> Manifest {
    let (code, info) = (format!("{EGG}/demo/cli.py"), |name: &str| format!("{INFO}/{name}"));
    let record = record(METADATA);
    let mut files = BTreeMap::from([
        ("/b/.installed.cfg".to_owned(), INSTALLED.to_owned()),
        ("/b/bin/demo".to_owned(), SCRIPT.to_owned()),
        (code, "code\n".to_owned()),
        (info("METADATA"), METADATA.to_owned()),
        (info("entry_points.txt"), POINTS.to_owned()),
        (info("RECORD"), record),
    ]);
    for (path, text) in changes {
        match text {
            Some(text) => files.insert((*path).to_owned(), (*text).to_owned()),
            None => files.remove(*path),
        };
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let place = Place {
        host: "h".into(),
        directory: TargetPath::new("/b"),
        config: "buildout.cfg".into(),
        program: None,
        user: None,
        arguments: Vec::new(),
        environment: None,
        executable: Some("/b/bin/python3.11".into()),
        python: Some("3.11.7".into()),
        version: Some("6.0.1".into()),
    };
    let inside = Inside { unit: "h#b".into(), parent: None, deployer: DeployerId::from("d"), runs };
    let mut manifest = empty();
    add(&mut manifest, configuration("1.0"), &place, &inside).expect("it is JSON");
    refine(&mut manifest, &[scan(&files)]);
    manifest
}

fn empty() -> Manifest {
    Manifest::new(Definition::new("buildout", "buildout.cfg", Evaluation::Native))
}

#[test]
fn an_egg_that_two_buildouts_share_is_one_unit_that_both_use() {
    let shared = |text: &str| text.replace("/b/eggs", "/shared/eggs");
    let info = |name: &str| shared(&format!("{INFO}/{name}"));
    let files = [
        (shared(&format!("{EGG}/demo/cli.py")), "code\n".to_owned()),
        (info("METADATA"), METADATA.to_owned()),
        (info("entry_points.txt"), POINTS.to_owned()),
        (info("RECORD"), "noise".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut manifest = empty();
    for name in ["one", "two"] {
        let place = Place {
            host: "h".into(),
            directory: TargetPath::new(format!("/{name}")),
            config: "buildout.cfg".into(),
            program: None,
            user: None,
            arguments: Vec::new(),
            environment: None,
            executable: Some("/usr/bin/python3.11".into()),
            python: Some("3.11.7".into()),
            version: Some("6.0.1".into()),
        };
        let unit = UnitId::from(format!("h#{name}"));
        let inside = Inside { unit, parent: None, deployer: DeployerId::from("d"), runs: Runs::Always };
        let mut configuration = configuration("1.0");
        configuration.directories.eggs = Eval::Known("/shared/eggs/v5".to_owned());
        add(&mut manifest, configuration, &place, &inside).expect("it is JSON");
    }
    refine(&mut manifest, &[scan(&files)]);
    let eggs: Vec<_> = manifest.units.iter().filter(|unit| unit.kind == UnitKind::Egg).collect();
    assert_eq!(eggs.iter().map(|unit| unit.id.to_string()).collect::<Vec<_>>(), [format!("h!{}", shared(EGG))]);
    assert_eq!(eggs[0].parent, None);
    let users: Vec<_> = manifest.edges.iter().filter(|edge| edge.to == eggs[0].id).map(|edge| &*edge.from.0).collect();
    assert_eq!(users, ["h#one:app", "h#two:app"]);
    assert_eq!(manifest.broken.len(), 1, "{:?}", manifest.broken);
    let hazards = &manifest.mend(manifest.broken[0].mend).hazards;
    assert!(hazards.iter().any(|hazard| hazard.code == crate::model::code::SHARED_EGGS), "{hazards:?}");
}

fn at(manifest: &Manifest, path: &str) -> Artifact {
    let path = TargetPath::new(path);
    manifest.artifacts.iter().find(|artifact| artifact.path == path).unwrap_or_else(|| panic!("{path} is not expected"))
}

#[test]
fn an_egg_is_expected_as_its_record_says_under_its_new_name() {
    let manifest = refined(&[], Runs::Always);
    let module = at(&manifest, &format!("{EGG}/demo/cli.py"));
    assert!(matches!(&module.expected, Expected::File(Content::Digest { size: Some(5), .. })));
    assert!(matches!(at(&manifest, &format!("{INFO}/METADATA")).expected, Expected::File(Content::Digest { .. })));
    assert!(manifest.artifacts.iter().all(|artifact| !artifact.path.as_bytes().starts_with(b"/b/eggs/bin")));
    let mend = manifest.mend(module.mend);
    assert_eq!(mend.vigilance, Vigilance::Nothing);
    assert_eq!(mend.force, [Force::Remove(TargetPath::new(EGG))]);
    assert_eq!(manifest.mend(at(&manifest, EGG).mend).vigilance, Vigilance::Absence);
}

#[test]
fn a_script_is_expected_as_the_recipe_writes_it() {
    let manifest = refined(&[], Runs::Always);
    let script = at(&manifest, "/b/bin/demo");
    let Expected::File(Content::Unordered { bytes, .. }) = &script.expected else { panic!("{:?}", script.expected) };
    assert_eq!(bytes.text(), Some(SCRIPT));
    assert_eq!((script.mode, &script.unit), (Some(0o755), &UnitId::from("h#b:app")));
    assert_eq!(manifest.mend(script.mend).aborts, Aborts::OnUndecodable);
}

#[test]
fn damaged_metadata_is_not_believed() {
    let path = format!("{INFO}/METADATA");
    let manifest = refined(&[(&path, Some("Name: demo\nVersion: 1.0\nRequires-Dist: evil\n"))], Runs::Always);
    assert!(matches!(at(&manifest, "/b/bin/demo").expected, Expected::File(Content::Unknown(_))));
    assert_eq!(manifest.mend(at(&manifest, &path).mend).aborts, Aborts::Always);
}

#[test]
fn a_damaged_record_is_a_finding_and_vouches_for_nothing() {
    let path = format!("{INFO}/RECORD");
    let manifest = refined(&[(&path, Some("noise"))], Runs::Always);
    assert_eq!(manifest.broken.len(), 1);
    assert_eq!(manifest.broken[0].path, TargetPath::new(&path));
    assert!(matches!(at(&manifest, "/b/bin/demo").expected, Expected::File(Content::Unknown(_))));
}

#[test]
fn a_pinned_egg_that_is_gone_is_missed_where_the_scripts_say_it_was() {
    let gone: Vec<String> = ["METADATA", "RECORD", "entry_points.txt"].map(|name| format!("{INFO}/{name}")).into();
    let module = format!("{EGG}/demo/cli.py");
    let mut changes: Vec<(&str, Option<&str>)> = gone.iter().map(|path| (path.as_str(), None)).collect();
    changes.push((&module, None));
    changes.push(("/b/eggs/v5/other.txt", Some("")));
    let manifest = refined(&changes, Runs::Always);
    assert!(matches!(at(&manifest, EGG).expected, Expected::Directory { .. }));
    assert!(manifest.edges.iter().any(|edge| *edge.from.0 == *"h#b:app" && *edge.to.0 == *"h#b!demo"));
}

#[test]
fn a_broken_installed_cfg_stops_buildout_and_is_removed_first() {
    let manifest = refined(&[("/b/.installed.cfg", Some("noise"))], Runs::Always);
    let mend = manifest.mend(manifest.broken[0].mend);
    assert_eq!((mend.aborts, &mend.force[..]), (Aborts::Always, &[Force::RemoveSelf][..]));
}

#[test]
fn a_deployer_that_does_not_run_buildout_notices_nothing() {
    let marker = Force::Remove(TargetPath::new("/b/.marker"));
    let manifest = refined(&[], Runs::AfterForcing(vec![marker.clone()]));
    let mend = manifest.mend(at(&manifest, "/b/bin/demo").mend);
    // The part recorded the script: where it is gone, buildout uninstalls the part, so it is only emptied.
    assert_eq!((mend.vigilance, &mend.force[..]), (Vigilance::Nothing, &[Force::EmptySelf, marker][..]));
}

#[test]
fn an_input_of_another_make_makes_the_unit_opaque() {
    let mut manifest = empty();
    let place = TargetPath::new("/b");
    let input = Input {
        directory: place,
        configuration: configuration("1.0"),
        environment: None,
        executable: None,
        python: None,
        version: None,
        runs: Runs::Always,
    };
    let mut value = serde_json::to_value(input).expect("it is JSON");
    value["surprise"] = json!(1);
    manifest.units.push(crate::model::unit::Unit {
        id: "u".into(),
        host: "h".into(),
        kind: crate::model::unit::UnitKind::Buildout,
        name: "u".into(),
        origin: None,
        directory: None,
        parent: None,
        deployer: None,
        opaque: None,
    });
    manifest.derivations.push(Derivation { host: "h".into(), unit: "u".into(), rule: NAME.into(), input: value });
    refine(&mut manifest, &[scan(&[])]);
    assert!(manifest.units[0].opaque.is_some());
}
