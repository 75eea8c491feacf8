//! Every format against its golden file; counts that agree; secrets that never show; plans that read back.

use crate::golden::assert_golden;
use crate::sample::{self, SECRETS};
use proptest::prelude::*;
use rectify::model::finding::{Class, Damage, Findings};
use rectify::model::path::TargetPath;
use rectify::report::formats::{Detail, FORMATS, Options, find};
use rectify::report::graph::{self, Form, Only, Selection};
use rectify::report::paint::Paint;
use rectify::report::view::{Kind, Verdict, View, schema};

fn options(detail: Detail) -> Options {
    Options { detail, paint: Paint::Plain }
}

fn text(view: &View, detail: Detail) -> String {
    find("text").expect("text is a format").render(view, &options(detail))
}

#[test]
fn every_format_renders_the_incident_as_its_golden_file_says() {
    let view = sample::view(Kind::Plan);
    for (name, format, detail) in [
        ("incident.txt", "text", Detail::Units),
        ("incident.files.txt", "text", Detail::Files),
        ("incident.blocks.txt", "text", Detail::Blocks),
        ("incident.verdict.txt", "text", Detail::Verdict),
        ("incident.short", "short", Detail::Units),
        ("incident.md", "markdown", Detail::Units),
        ("incident.json", "json", Detail::Units),
    ] {
        let format = find(format).expect("the format exists");
        assert_golden(&format!("report/{name}"), &format.render(&view, &options(detail)));
    }
    assert_golden("report/clean.txt", &text(&sample::clean(), Detail::Units));
    assert_golden("report/diff.txt", &text(&sample::view(Kind::Diff), Detail::Text));
}

#[test]
fn a_saved_plan_renders_to_the_same_bytes_in_every_format() {
    let view = sample::view(Kind::Plan);
    let saved = rectify::report::formats::json(&view);
    let read = View::from_json(saved.as_bytes()).expect("it reads back");
    for format in FORMATS {
        for detail in [Detail::Verdict, Detail::Units, Detail::Files, Detail::Text, Detail::Blocks] {
            assert!(
                format.render(&view, &options(detail)) == format.render(&read, &options(detail)),
                "{} differs after saving",
                format.name()
            );
        }
    }
}

#[test]
fn no_format_shows_a_secret_or_its_length() {
    let view = sample::view(Kind::Plan);
    let mut all: Vec<(String, String)> = Vec::new();
    for format in FORMATS {
        for detail in [Detail::Units, Detail::Blocks] {
            all.push((format.name().to_owned(), format.render(&view, &options(detail))));
        }
    }
    for ticket in rectify::tickets::write(&view, rectify::tickets::BUILT_IN).expect("the built-in template works") {
        all.push((ticket.file_name, ticket.body));
    }
    let finding = view.finding("f6").expect("the sample has it");
    all.push(("explain".into(), rectify::report::explain::of_finding(&view, finding)));
    for (name, text) in &all {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{name} shows a secret");
        }
        assert!(!text.contains("\"size\": 19"), "{name} shows the length of a secret");
    }
    assert!(text(&view, Detail::Blocks).contains("secret.key  edited  (secret, differs)"));
}

#[test]
fn no_format_lets_a_hostile_name_reach_the_terminal() {
    let view = sample::view(Kind::Plan);
    for format in FORMATS {
        let text = format.render(&view, &options(Detail::Blocks));
        assert!(!text.contains('\u{1b}'), "{} passes an escape character on", format.name());
    }
}

#[test]
fn colour_changes_no_word() {
    let view = sample::view(Kind::Plan);
    let format = find("text").expect("text is a format");
    let painted = format.render(&view, &Options { detail: Detail::Text, paint: Paint::Ansi });
    let mut plain = String::new();
    let mut rest = painted.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').expect("every escape ends").1;
    }
    plain.push_str(rest);
    assert!(plain == text(&view, Detail::Text));
}

#[test]
fn the_committed_schema_is_the_one_the_program_prints_and_accepts_its_plans() {
    assert_golden("schema/plan-1.json", &schema());
    let schema: serde_json::Value = serde_json::from_str(&schema()).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    for view in [sample::view(Kind::Plan), sample::clean()] {
        let instance = serde_json::to_value(&view).expect("a view is JSON");
        let errors: Vec<String> = validator.iter_errors(&instance).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn a_newer_minor_version_is_read_and_another_major_one_is_refused() {
    let saved = rectify::report::formats::json(&sample::view(Kind::Plan));
    let newer = saved.replacen("\"format_version\": \"1.1\",", "\"format_version\": \"1.7\", \"mood\": \"good\",", 1);
    assert_eq!(View::from_json(newer.as_bytes()).expect("minor versions add fields").format_version, "1.7");
    let other = saved.replacen("\"format_version\": \"1.1\"", "\"format_version\": \"2.0\"", 1);
    let error = View::from_json(other.as_bytes()).expect_err("major versions are refused");
    assert_eq!(
        error.to_string(),
        "this plan has format 2.0, and this rectify reads 1.x; use the rectify that wrote it, or plan again"
    );
    assert!(View::from_json(b"{}").expect_err("not a plan").to_string().starts_with("this is not a saved plan"));
}

#[test]
fn a_plan_that_still_holds_says_nothing_and_one_that_does_not_names_what_moved() {
    let before = sample::view(Kind::Plan);
    assert!(before.moved(&sample::view(Kind::Plan)).is_empty());
    let mut found = sample::findings();
    found.findings.remove(0);
    found.findings[0].damage = Damage::Random;
    let after = View::new(&sample::manifest(), &found, &sample::plan(), &sample::meta(), Kind::Plan);
    let moved = before.moved(&after);
    assert_eq!(moved.len(), 2, "{moved:?}");
    assert_eq!(moved[0], "app01:/srv/shop/bin/instance  was missing, is as it should be");
    assert!(moved[1].ends_with("was zeroed, is random"));
}

#[test]
fn the_plan_id_follows_definition_observations_and_steps_but_not_the_clock() {
    let id = |digest: &str, created_at| {
        let meta = rectify::report::view::Meta { observations_digest: digest.into(), created_at, ..sample::meta() };
        View::new(&sample::manifest(), &sample::findings(), &sample::plan(), &meta, Kind::Plan).plan_id
    };
    assert_eq!(id("sha256:22", 0), id("sha256:22", 99_000_000_000));
    assert_ne!(id("sha256:22", 0), id("sha256:23", 0));
}

#[test]
fn what_was_not_seen_is_never_in_sync_and_what_no_redeploy_makes_is_never_just_damage() {
    let verdict = |found: &Findings, unseen: bool| {
        let mut meta = sample::meta();
        if unseen {
            meta.unseen.insert("app02".into(), "connection refused".into());
        }
        View::new(&sample::manifest(), found, &sample::plan(), &meta, Kind::Check).outcome
    };
    let none = Findings::default();
    assert_eq!(verdict(&none, false), Verdict::InSync);
    assert_eq!(verdict(&none, true), Verdict::Incomplete);
    let only = |id: &str| {
        let mut found = sample::findings();
        found.findings.retain(|finding| finding.id == id);
        found
    };
    assert_eq!(verdict(&only("f3"), false), Verdict::Change);
    assert_eq!(verdict(&only("f5"), false), Verdict::Drift);
    assert_eq!(verdict(&only("f5"), true), Verdict::Incomplete);
    assert_eq!(verdict(&only("f1"), true), Verdict::Damage);
    assert_eq!(verdict(&only("f4"), true), Verdict::RestoreNeeded);
}

#[test]
fn the_graph_has_its_golden_form_in_every_language() {
    let manifest = sample::manifest();
    let selection = Selection { damaged: ["app01/zope#buildout".into()].into(), only: Only::Everything };
    for (name, form) in Form::ALL {
        assert_golden(&format!("report/graph.{name}"), &graph::render(&manifest, &selection, form));
    }
    let only = Selection { only: Only::Damaged, ..selection };
    assert_eq!(graph::render(&manifest, &only, Form::Text), "app01\n  zope\n    ! zope/Buildout\n");
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        Just(Damage::Missing),
        Just(Damage::Random),
        Just(Damage::Edited),
        Just(Damage::Extraneous),
        Just(Damage::WrongMode),
        Just(Damage::OtherFile { path: TargetPath::new("/other") }),
    ]
}

fn findings() -> impl Strategy<Value = Findings> {
    let class = prop_oneof![Just(Class::Change), Just(Class::Drift), Just(Class::Damage)];
    let one = (0..3_u8, 0..3_u8, damage(), class);
    proptest::collection::vec(one, 0..40).prop_map(|list| {
        let mut found = Findings { checked: 100, intact: 60, ..Findings::default() };
        for (index, (host, unit, damage, class)) in list.into_iter().enumerate() {
            let (host, unit) = (format!("h{host}"), format!("h{host}/u{unit}"));
            let path = format!("/srv/{index}");
            found.findings.push(sample::finding(&format!("f{index}"), &host, &unit, path, damage, class));
        }
        found
    })
}

/// The first number in a text.
fn number(text: &str) -> u64 {
    let digits: String =
        text.chars().skip_while(|char| !char.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_count_in_the_text_agrees_with_the_list_it_counts(found in findings()) {
        let total = found.findings.len() as u64;
        let view = View::new(&sample::manifest(), &found, &rectify::model::plan::Plan::default(), &sample::meta(), Kind::Diff);
        let text = text(&view, Detail::Files);
        let files = text.lines().filter(|line| line.starts_with("        ") && line.contains("  [f")).count() as u64;
        prop_assert_eq!(files, total);
        let units: u64 = text
            .lines()
            .filter(|line| line.starts_with("    ") && !line.starts_with("     ") && line.contains(" u"))
            .map(|line| line.split_once("  ").map_or("", |(_, rest)| rest.trim_start()))
            .map(|line| line.rsplit("  ").next().unwrap_or(""))
            .flat_map(|kinds| kinds.split(", "))
            .map(number)
            .sum();
        let headings: u64 = text
            .lines()
            .filter(|line| ["Damage:", "Drift:", "Change:"].iter().any(|word| line.starts_with(word)) && line.ends_with(')'))
            .map(|line| number(line.rsplit('(').next().unwrap_or("")))
            .sum();
        prop_assert_eq!(headings, total);
        let last = text.lines().rfind(|line| line.contains(" checked, ")).unwrap_or("");
        let differ = last.split("; ").nth(1).unwrap_or("");
        prop_assert_eq!(number(differ), total);
        let kinds: u64 = differ.split_once(": ").map_or(0, |(_, kinds)| kinds.split(", ").map(number).sum());
        prop_assert_eq!(kinds, total);
        prop_assert_eq!(view.summary.kinds.values().sum::<u64>(), total);
        prop_assert_eq!(view.summary.change + view.summary.drift + view.summary.damage, total);
        prop_assert_eq!(units, total, "{}", text);
    }
}

#[test]
fn the_picture_in_the_readme_is_what_the_program_prints() {
    let readme = include_str!("../../README.md");
    let picture = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or("");
    // What the README's first command prints; `shop.rs` holds the program to it.
    let output = include_str!("../../fixtures/cases/shop/plan.txt");
    let shown = picture.lines().filter(|line| !line.starts_with('$') && line.trim() != "..." && !line.is_empty());
    assert!(shown.clone().count() > 10, "the picture is gone");
    for line in shown {
        assert!(output.lines().any(|printed| printed == line), "not printed: {line}");
    }
}
