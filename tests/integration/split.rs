//! The split over machines: manifest here, scan there, plan anywhere, with the same result as in one run.

use crate::program::{is_root, on_damaged_copy, prepared, skip};
use std::path::Path;

/// The plan of one run and of three, with several damages; `config` is what follows `--config`.
fn plans(place: &Path, before: &str, config: &str) -> Option<(String, String)> {
    if !is_root() {
        skip("a damaged copy is an overlay, which only root can mount");
        return None;
    }
    let script = format!(
        r#"{before}
        run() {{ "$RECTIFY" --config {config} --no-progress "$@" >&2; }}
        run plan large -o $SCRATCH/one.json
        run manifest large -o $SCRATCH/spec.json
        run scan --manifest $SCRATCH/spec.json -o $SCRATCH/host.jsonl
        run plan --manifest $SCRATCH/spec.json --scan $SCRATCH/host.jsonl -o $SCRATCH/two.json
        cat $SCRATCH/one.json; printf '\f'; cat $SCRATCH/two.json"#
    );
    let call = on_damaged_copy(place, "mixed-everywhere", &script);
    assert_eq!(call.code, 0, "{}", call.stderr);
    let (one, two) = call.stdout.split_once('\u{c}').expect("two plans");
    Some((one.to_owned(), two.to_owned()))
}

fn assert_same(one: &str, two: &str) {
    // The only thing that tells them apart: whether the live tree was seen itself or through a saved scan.
    let two = two.replacen("\"source\": \"scan\"", "\"source\": \"live\"", 1);
    let difference = similar::TextDiff::from_lines(one, &two).unified_diff().to_string();
    assert!(one == two, "{difference}");
}

#[test]
fn a_plan_from_a_saved_manifest_and_scan_is_the_plan_of_one_run() {
    let Some(place) = prepared() else { return };
    let config = place.join("rectify.toml").display().to_string();
    let Some((one, two)) = plans(&place, "", &config) else { return };
    assert!(one.contains("\"action\": \"restore\"") && one.contains("\"action\": \"redeploy\""), "{one}");
    assert_same(&one, &two);
}

#[test]
fn without_backups_it_is_the_same_too_and_what_only_they_have_is_handed_over() {
    let Some(place) = prepared() else { return };
    let Some((one, two)) = plans(&place, ": > $SCRATCH/rectify.toml", "$SCRATCH/rectify.toml") else { return };
    assert!(!one.contains("\"action\": \"restore\"") && one.contains("\"action\": \"redeploy\""), "{one}");
    assert_same(&one, &two);
}
