//! zc.buildout's own doctests: every configuration that they write, resolved by both.
//!
//! `tests/oracle/doctests.py` runs them from the installed package of `RECTIFY_BUILDOUT_PYTHON`, and of each Python of
//! `RECTIFY_BUILDOUT_PYTHONS`.

use super::{compare, dialect_of, python};
use rectify::definition::buildout::{MemorySources, NoRecipes, Request, TargetFacts, resolve};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Calls of buildout in the doctests of each generation from 3.3 on; 262 and 263 when this was written.
const LEAST: usize = 250;

/// Everything that the driver says: the facts, and the calls of buildout.
fn replayed(python: &str) -> (TargetFacts, Vec<Value>) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/doctests.py");
    let output = Command::new(python).args(["-B", "-W", "ignore", script]).output().expect("the Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let facts = lines.next().expect("the facts");
    let facts = serde_json::from_value(facts).expect("facts as TargetFacts has them");
    (facts, lines.filter(|line| line.get("config").is_some()).collect())
}

fn texts(value: &Value) -> impl Iterator<Item = (&String, &str)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, text)| (name, text.as_str().expect("a text")))
}

/// Does something with the request of a case.
pub(super) fn request<T>(case: &Value, facts: &TargetFacts, then: impl FnOnce(&Request<'_>) -> T) -> T {
    let text = |name: &str| case[name].as_str().expect("a text");
    let facts = TargetFacts { home: Some(text("home").to_owned()), ..facts.clone() };
    let command_line: Vec<(String, String, String)> =
        serde_json::from_value(case["args"].clone()).expect("assignments of three");
    then(&Request {
        directory: text("directory"),
        config: text("config"),
        command_line: &command_line,
        facts: &facts,
        dialect: dialect_of(&facts),
        user_defaults: case["user_defaults"].as_str(),
        assume: &BTreeMap::new(),
        recipes: &NoRecipes,
    })
}

/// The differences in one case.
fn differences(case: &Value, facts: &TargetFacts) -> Vec<String> {
    let mut sources = MemorySources::new();
    for (path, content) in texts(&case["files"]) {
        sources = sources.with(path, content);
    }
    for (url, content) in texts(&case["urls"]) {
        sources = sources.with_url(url, content);
    }
    let (resolved, diagnostics) = request(case, facts, |request| resolve(request, &sources));
    compare::compare(&case["answer"], &resolved, &diagnostics, case["directory"].as_str().expect("a path"))
}

fn compare_all(python: &str) {
    let (facts, cases) = replayed(python);
    let mut found = Vec::new();
    for case in &cases {
        let differences = differences(case, &facts);
        if !differences.is_empty() {
            found.push(format!("{}: {}", case["name"], differences.join("\n    ")));
        }
    }
    let version = facts.buildout_version.as_deref().unwrap_or("of unknown version");
    println!("{} calls of buildout replayed from the doctests of zc.buildout {version}", cases.len());
    assert!(found.is_empty(), "{} of {} differ with {version}:\n{}", found.len(), cases.len(), found.join("\n"));
    assert!(cases.len() >= LEAST, "only {} calls of buildout", cases.len());
}

#[test]
fn zc_buildouts_own_doctests_resolve_as_zc_buildout_resolves_them() {
    let Some(first) = python() else { return };
    let others = std::env::var("RECTIFY_BUILDOUT_PYTHONS").unwrap_or_default();
    let pythons: BTreeSet<&str> =
        others.split(':').filter(|python| !python.is_empty()).chain([first.as_str()]).collect();
    for python in pythons {
        compare_all(python);
    }
}
