//! A buildout that is no part of a batou deployment, as the program takes it.

use crate::program::{Call, rectify};
use crate::tools::{tool, write};
use std::path::Path;

const BASE: &str = "[buildout]\nparts = app\n\n[versions]\nzc.buildout = 6.0.1\n";

const CONFIG: &str = "\
[buildout]
extends = base.cfg
parts += extra

[app]
recipe = zc.recipe.egg
eggs =
    demo
    other

[extra]
<= app
eggs -= other
password = hunter2

[app:python_version == '2.5']
eggs += conditional

[use]
where = ${app:location}/${buildout:bin-directory}
";

fn checkout() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory can be made");
    write(&directory.path().join("base.cfg"), BASE);
    write(&directory.path().join("buildout.cfg"), CONFIG);
    directory
}

fn call(directory: &Path, arguments: &[&str]) -> Call {
    let mut all = vec!["--no-progress", "--no-user-defaults"];
    all.extend(arguments);
    rectify(directory, &all)
}

#[test]
fn an_option_is_explained_by_every_line_that_took_part() {
    let place = checkout();
    let told = call(place.path(), &["explain", "buildout:parts"]);
    assert_eq!(told.code, 0, "{told:?}");
    let expected =
        "[buildout]\nparts =\n    app\n    extra\n  =         base.cfg:2 app\n  +=        buildout.cfg:3 extra\n";
    assert_eq!(told.stdout, expected);
}

#[test]
fn everything_is_explained_at_once_and_as_each_section_is_by_itself() {
    let place = checkout();
    let all = call(place.path(), &["explain", ":"]);
    assert_eq!(all.code, 0, "{all:?}");
    let one_by_one = ["app:", "buildout:", "extra:", "use:", "versions:"];
    let sections: Vec<String> = one_by_one.iter().map(|what| call(place.path(), &["explain", what]).stdout).collect();
    let known: Vec<&String> = sections.iter().filter(|text| all.stdout.contains(text.as_str())).collect();
    assert_eq!(known.len(), sections.len(), "{all:?}");
    assert!(!all.stdout.contains("hunter2"), "{all:?}");
    let json = call(place.path(), &["explain", ":", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("it is JSON");
    let names: Vec<_> = json["sections"].as_array().into_iter().flatten().map(|section| &section["section"]).collect();
    let own = names.iter().filter(|name| one_by_one.contains(&format!("{}:", name.as_str().unwrap_or("")).as_str()));
    assert_eq!(own.count(), 5, "{names:?}");
}

#[test]
fn where_nothing_is_installed_requirements_tell_the_generation_and_a_pin_overrules_them() {
    let place = checkout();
    let asked = || call(place.path(), &["explain", "buildout:eggs-directory-version"]);
    write(&place.path().join("requirements.txt"), "setuptools==80\nzc.buildout==4.1.12\n");
    // base.cfg pins 6.0.1.
    assert!(asked().stdout.contains("eggs-directory-version = v5"), "{:?}", asked());
    write(&place.path().join("base.cfg"), "[buildout]\nparts = app\n\n[versions]\n");
    assert!(asked().stderr.contains("there is no option"), "{:?}", asked());
    write(&place.path().join("base.cfg"), "[buildout]\nparts = app\n\n[versions]\nzc.buildout = 3.3\n");
    write(&place.path().join("requirements.txt"), "zc.buildout==6.0.1\n");
    assert!(asked().stderr.contains("there is no option"), "{:?}", asked());
}

#[test]
fn a_secret_option_is_explained_without_its_value() {
    let place = checkout();
    let told = call(place.path(), &["explain", "extra:password"]);
    assert!(told.stdout.contains("(secret)") && !told.stdout.contains("hunter2"), "{told:?}");
}

#[test]
fn what_does_not_exist_gets_the_nearest_name() {
    let place = checkout();
    let section = call(place.path(), &["explain", "extr:eggs"]);
    assert!(section.code != 0 && section.stderr.contains("did you mean `extra`?"), "{section:?}");
    let option = call(place.path(), &["explain", "app:egs"]);
    assert!(option.code != 0 && option.stderr.contains("did you mean `eggs`?"), "{option:?}");
}

#[test]
fn an_undecidable_condition_is_decided_by_what_is_assumed() {
    let place = checkout();
    let condition = "python_version == '2.5'";
    let unknown = call(place.path(), &["explain", "app:eggs"]);
    assert!(unknown.stdout.contains("eggs = ?"), "{unknown:?}");
    let held = call(place.path(), &["explain", "app:eggs", "--assume", &format!("{condition}=true")]);
    assert!(held.stdout.starts_with("[app]\neggs =\n    demo\n    other\n    conditional\n"), "{held:?}");
    let not = call(place.path(), &["explain", "app:eggs", "--assume", &format!("{condition}=false")]);
    assert!(not.stdout.starts_with("[app]\neggs =\n    demo\n    other\n  "), "{not:?}");
}

#[test]
fn an_assignment_of_the_command_line_comes_last_and_is_repeated_in_the_plan() {
    let place = checkout();
    let set = ["--set", "app:interpreter=py"];
    let told = call(place.path(), &["explain", "app:interpreter", set[0], set[1]]);
    assert!(told.stdout.contains("interpreter = py\n  =         command line\n"), "{told:?}");
    let plan = call(place.path(), &["plan", "--json", set[0], set[1]]);
    assert_eq!(plan.code, 0, "{plan:?}");
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("it is JSON");
    let commands = plan["steps"].as_array().into_iter().flatten().filter_map(|step| step["commands"].as_array());
    let commands: Vec<String> = commands.flatten().map(|command| command["argv"].to_string()).collect();
    let run = commands.iter().find(|argv| argv.contains("bin/buildout")).expect("buildout is run");
    assert!(run.contains(r#""-N","-c","buildout.cfg","-U","app:interpreter=py""#), "{run}");
    assert!(commands.iter().any(|argv| argv.contains(r#""--set","app:interpreter=py""#)), "{commands:#?}");
}

#[test]
fn a_secret_on_the_command_line_is_refused_because_plans_would_repeat_it() {
    let place = checkout();
    let told = call(place.path(), &["plan", "--set", "app:password=hunter2"]);
    assert!(
        told.code == 1 && told.stderr.contains("configuration file") && !told.stderr.contains("hunter2"),
        "{told:?}"
    );
}

#[test]
fn the_dialect_decides_where_eggs_are() {
    let place = checkout();
    let of = |dialect: &str| call(place.path(), &["explain", "buildout:eggs-directory-version", "--dialect", dialect]);
    assert!(of("6").stdout.contains("eggs-directory-version = v5"), "{:?}", of("6"));
    assert!(of("3").stderr.contains("there is no option"), "{:?}", of("3"));
    assert_eq!(of("7").code, 64);
}

#[test]
fn another_configuration_is_taken_by_its_name_and_its_absence_is_told() {
    let place = checkout();
    let told = call(place.path(), &["explain", "buildout:parts", "base.cfg"]);
    assert!(told.stdout.starts_with("[buildout]\nparts = app\n"), "{told:?}");
    let missing = call(place.path(), &["check", "production.cfg"]);
    assert!(missing.code == 66 && missing.stderr.contains("base.cfg, buildout.cfg"), "{missing:?}");
}

#[test]
fn a_definition_that_is_not_as_committed_is_told() {
    let place = checkout();
    for command in [&["git", "init", "-q"][..], &["git", "add", "."], &["git", "commit", "-qm", "x"]] {
        tool(place.path(), command);
    }
    let sound = call(place.path(), &["check"]);
    assert!(!sound.stdout.contains("RCT059"), "{sound:?}");
    write(&place.path().join("base.cfg"), [BASE.as_bytes(), b"[x]\n"].concat());
    let edited = call(place.path(), &["check", "-v"]);
    assert!(edited.stdout.contains("RCT059") && edited.stdout.contains("git checkout base.cfg"), "{edited:?}");
}

#[test]
fn buildout_is_run_as_the_owner_of_its_directory() {
    let place = checkout();
    if tool(place.path(), &["id", "-u"]).trim() != "0" {
        // Only root can give files away; CI is root.
        return;
    }
    let run = |place: &Path| {
        let plan = call(place, &["plan", "--json"]);
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("it is JSON");
        let steps = plan["steps"].as_array().expect("there are steps").clone();
        let redeploy = steps.iter().find(|step| step["action"] == "redeploy").expect("buildout is run");
        redeploy["commands"][0]["argv"].to_string()
    };
    assert!(run(place.path()).starts_with(r#"["bin/buildout","-N""#), "{}", run(place.path()));
    tool(place.path(), &["chown", "-R", "nobody", "."]);
    let as_owner = run(place.path());
    assert!(as_owner.starts_with(r#"["sudo","-H","-u","nobody","--","bin/buildout","-N""#), "{as_owner}");
}

#[test]
fn a_checkout_that_was_never_deployed_is_told_in_one_line() {
    let place = checkout();
    let eggs: String = (1..8).map(|n| format!("    egg{n}\n")).collect();
    let pins: String = (1..8).map(|n| format!("egg{n} = 1.0\n")).collect();
    write(&place.path().join("base.cfg"), format!("{BASE}{pins}"));
    let app = format!("[buildout]\nextends = base.cfg\n\n[app]\nrecipe = zc.recipe.egg\neggs =\n{eggs}");
    write(&place.path().join("buildout.cfg"), app);
    let told = call(place.path(), &["check"]);
    assert_eq!(told.code, 3, "it may be lost: {told:?}");
    assert!(
        told.stdout.contains("nothing of it that can be checked is there: it was never deployed here, or it is lost"),
        "{told:?}"
    );
    assert!(!told.stdout.contains("egg7"), "{told:?}");
    let all = call(place.path(), &["check", "-v"]);
    assert!(all.stdout.contains("egg7"), "{all:?}");
}
