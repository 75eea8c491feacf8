use super::*;
use proptest::prelude::*;

fn known() -> Known<'static> {
    Known { now: 1_763_000_000_000_000_000, backup_kinds: vec!["snapshot-tree"] }
}

fn read(text: &str) -> (Settings, Vec<Diagnostic>) {
    parse(text, "rectify.toml", Path::new("/project"), &known())
}

const WHOLE: &str = r#"
manifest = "spec.json"
quarantine = "/srv/quarantine"

[deployment]
environment = "production"
python = ".venv/bin/python"
evaluate = "native"

[hosts.app01]
root = "live/damaged"

[hosts.app02]
scan = "app02.jsonl"

[incident]
since = 2026-11-20T03:15:00Z
until = "2026-11-20"

[[backups]]
name = "nightly"
kind = "snapshot-tree"
path = "backups"
hosts = ["app01"]
time = "name"
time_format = "%Y-%m-%d"
time_zone = "+01:00"
prefix = "localhost"
duration = "2h 30m"

[[data]]
host = "app01"
path = "/srv/app/var/blobs"
changes = "never"
owner = "customer"

[owners]
frontend = "team-web"

[[ignore]]
host = "app01"
path = "/srv/app/**/*.log"
reason = "rotated by hand"
until = 2099-01-01
"#;

#[test]
fn every_setting_is_understood() {
    let (settings, diagnostics) = read(WHOLE);
    assert_eq!(diagnostics, []);
    assert_eq!(settings.deployment.environment.as_deref(), Some("production"));
    assert_eq!(settings.deployment.python.as_deref(), Some(Path::new("/project/.venv/bin/python")));
    assert_eq!(settings.deployment.evaluate, Evaluate::Native);
    assert_eq!(settings.hosts[&"app01".into()].root.as_deref(), Some(Path::new("/project/live/damaged")));
    assert_eq!(settings.hosts[&"app02".into()].scan.as_deref(), Some(Path::new("/project/app02.jsonl")));
    assert_eq!(settings.incident.since, Some(1_795_144_500_000_000_000));
    // The day is part of the incident.
    assert_eq!(settings.incident.until, Some(1_795_219_200_000_000_000));
    assert_eq!(settings.backups[0].duration, 9_000_000_000_000);
    assert_eq!(settings.data[0].changes, Changes::Never);
    assert_eq!(settings.owners["frontend"], "team-web");
    assert_eq!(settings.ignore[0].origin, Origin::line("rectify.toml", 40));
}

#[test]
fn nothing_is_needed() {
    assert_eq!(read(""), (Settings::default(), vec![]));
}

#[test]
fn an_unknown_key_is_an_error_with_its_place_and_the_nearest_name() {
    let (_, diagnostics) = read("[deployment]\nenviroment = \"production\"\n");
    let [diagnostic] = diagnostics.as_slice() else { panic!("one problem, not {diagnostics:?}") };
    assert_eq!(diagnostic.code, code::UNKNOWN_SETTING);
    assert_eq!(diagnostic.message, "there is no setting `deployment.enviroment`");
    assert_eq!(diagnostic.hint.as_deref(), Some("did you mean `environment`?"));
    assert_eq!(diagnostic.origin, Some(Origin::line("rectify.toml", 2)));
    let excerpt = diagnostic.excerpt.as_ref().expect("the line is shown");
    assert_eq!(&excerpt.text[excerpt.start..excerpt.end], "enviroment");
}

#[test]
fn all_problems_are_reported_and_sound_entries_are_used() {
    let (settings, diagnostics) = read(
        "[incident]\nsince = \"yesterday\"\n[[data]]\nhost = \"a\"\npath = \"var\"\n[[data]]\nhost = \"a\"\npath = \"/var\"\n\
         [[ignore]]\npath = \"/x\"\n[[backups]]\nname = \"b\"\nkind = \"snapshot-tre\"\npath = 3\n",
    );
    let messages: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`incident.since`: `yesterday` is no time; write a date (`2026-11-20`) or a time with its offset \
             (`2026-11-20T03:15:00+01:00`)",
            "`backups.path`: a text is needed here, not an integer",
            "`backups.kind` cannot be `snapshot-tre`; it is one of `snapshot-tree`",
            "`data.path`: an absolute path on the target is needed here",
            "`ignore.reason` is missing",
        ]
    );
    assert_eq!(settings.data.len(), 1);
    assert!(settings.backups.is_empty() && settings.ignore.is_empty());
}

#[test]
fn a_lock_is_for_trees_of_distributions_only() {
    let tree = |kind| format!("[[trees]]\npath = \"/opt\"\nkind = \"{kind}\"\nrequirements = \"requirements.lock\"\n");
    let (settings, diagnostics) = read(&tree("python"));
    assert_eq!(diagnostics, []);
    let lock = settings.trees[0].requirements.as_deref().expect("there is one");
    assert!(lock.ends_with("requirements.lock") && lock.is_absolute(), "beside the settings: {}", lock.display());
    let (settings, diagnostics) = read(&tree("git"));
    assert_eq!(diagnostics[0].message, "`trees.requirements`: only a tree of kind `python` has these");
    assert!(settings.trees.is_empty());
}

#[test]
fn a_time_without_its_offset_is_no_time() {
    assert_eq!(read("[incident]\nsince = 2026-11-20T03:15:00\n").1.len(), 1);
    assert_eq!(read("[incident]\nsince = \"2026-11-20 03:15\"\n").1.len(), 1);
}

#[test]
fn an_expired_ignore_rule_warns_and_hides_nothing() {
    let (settings, diagnostics) = read("[[ignore]]\npath = \"/x\"\nreason = \"known\"\nuntil = 2020-01-01\n");
    assert!(settings.ignore.is_empty());
    assert_eq!(diagnostics[0].code, code::IGNORE_RULE_EXPIRED);
    assert_eq!(diagnostics[0].severity, crate::model::diagnostic::Severity::Warning);
}

#[test]
fn one_tree_is_not_offered_to_several_hosts() {
    let text = "[[backups]]\nname = \"n\"\npath = \"b\"\nhosts = [\"a\", \"b\"]\n";
    assert_eq!(read(text).1.len(), 1);
    assert!(read(text).0.backups.is_empty());
    assert_eq!(read(&format!("{text}prefix = \"{{host}}\"\n")).1, []);
}

#[test]
fn what_is_no_toml_has_a_place() {
    let (settings, diagnostics) = read("manifest = \"a\"\nmanifest\n");
    assert_eq!(settings, Settings::default());
    assert_eq!(diagnostics[0].code, code::BAD_SETTINGS_FILE);
    assert_eq!(diagnostics[0].origin, Some(Origin::line("rectify.toml", 2)));
}

#[test]
fn the_file_is_not_looked_for_above_the_checkout() {
    let top = tempfile::tempdir().expect("a temporary directory");
    let inner = top.path().join("project/components/web");
    crate::io::output::make_directory(&inner).expect("a directory");
    let write = |name: &str| {
        let file = top.path().join(name);
        crate::io::output::write_atomically(&file, b"").expect("it can be written");
        file
    };
    let above = write(FILE);
    assert_eq!(find(&inner), Some(above));
    write("project/buildout.cfg");
    assert_eq!(find(&inner), None);
    let own = write("project/rectify.toml");
    assert_eq!(find(&inner), Some(own));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        read(&text);
    }

    #[test]
    fn no_change_of_a_real_file_makes_it_panic(at in 0..WHOLE.len(), length in 0..40usize, put in "[\\PC\n]{0,8}") {
        let end = (at + length).min(WHOLE.len());
        read(&format!("{}{put}{}", &WHOLE[..at], &WHOLE[end..]));
    }
}

#[test]
fn the_readme_shows_settings_that_are_understood() {
    let readme = include_str!("../../README.md");
    let example = |number: usize| {
        let text = readme.split("```toml\n").nth(number).and_then(|rest| rest.split("```").next());
        let (settings, diagnostics) = read(text.expect("an example"));
        assert_eq!(diagnostics, []);
        settings
    };
    let settings = example(1);
    assert!(!settings.backups.is_empty() && !settings.data.is_empty() && !settings.ignore.is_empty());
    let buildout = example(2).buildout;
    assert_eq!(buildout.dialect, Some(crate::model::buildout::Dialect::V5));
    assert_eq!((buildout.assignments.len(), buildout.assume.len()), (1, 1));
    assert_eq!(buildout.user_defaults, UserDefaults::None);
}
