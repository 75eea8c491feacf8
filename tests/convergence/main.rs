//! Convergence: every folder of `fixtures/cases/convergence` and `convergence-buildout` is a test. Damage a deployed
//! tree, follow the plan literally with the real batou and buildout, and be sound again.
//!
//! `RECTIFY_CONVERGENCE` names a directory that `.ci/prepare` made: `tree` (the large fixture, deployed), `backups`
//! (two snapshots of it), and the same again in a directory for each standalone buildout. Each case runs on a
//! throw-away overlay of the tree that it names, and needs root. Without the variable the cases are ignored; in CI
//! (`CI=true`) that is a failure.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests start tools and read fixtures")]

use libtest_mimic::{Arguments, Failed, Trial};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One folder with a `case.toml`.
struct Case {
    folder: PathBuf,
    /// The deployment that is damaged; the large one, which batou makes, where the case names none.
    deployment: Option<String>,
}

fn main() {
    let arguments = Arguments::from_args();
    let place = std::env::var_os("RECTIFY_CONVERGENCE").map(PathBuf::from);
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let mut trials: Vec<Trial> = cases()
        .into_iter()
        .map(|case| {
            let place = place.clone();
            let ignored = place.is_none();
            Trial::test(case.name(), move || converge(&case, place.as_deref())).with_ignored_flag(ignored)
        })
        .collect();
    if place.is_none() && ci {
        trials.push(Trial::test("prepared", || {
            Err(Failed::from("RECTIFY_CONVERGENCE is not set: `.ci/prepare` makes what the cases need"))
        }));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cases() -> Vec<Case> {
    let folders = ["convergence", "convergence-buildout"].map(|name| repository().join("fixtures/cases").join(name));
    let entries = folders.iter().flat_map(fs::read_dir).flatten().filter_map(Result::ok);
    let mut cases: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.join("case.toml").is_file()).collect();
    cases.sort();
    cases.into_iter().map(Case::new).collect()
}

impl Case {
    fn new(folder: PathBuf) -> Self {
        let story = fs::read_to_string(folder.join("case.toml")).expect("a case can be read");
        let story: toml::Table = story.parse().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let deployment = story.get("deployment").and_then(toml::Value::as_str).map(str::to_owned);
        Self { folder, deployment }
    }

    fn name(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        self.deployment.as_ref().map_or_else(|| name.to_string(), |deployment| format!("{deployment}/{name}"))
    }
}

fn converge(case: &Case, place: Option<&Path>) -> Result<(), Failed> {
    let place = place.ok_or("RECTIFY_CONVERGENCE is not set")?;
    let place = case.deployment.as_ref().map_or_else(|| place.to_owned(), |deployment| place.join(deployment));
    let tools = repository().join("tests/tools");
    let output = Command::new(tools.join("overlay.sh"))
        .arg(place.join("tree"))
        .args(["python3", "-B"])
        .arg(tools.join("converge.py"))
        .arg(&case.folder)
        .args([Path::new("--rectify"), Path::new(env!("CARGO_BIN_EXE_rectify"))])
        .args([Path::new("--config"), &place.join("rectify.toml")])
        .output()
        .map_err(|error| format!("cannot start the overlay: {error}"))?;
    if !output.status.success() {
        return Err(Failed::from(format!("not run: {}", String::from_utf8_lossy(&output.stderr))));
    }
    let result: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stdout)))?;
    let problems: Vec<&str> =
        result["problems"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let log = result["log"].as_str().unwrap_or_default();
    Err(Failed::from(format!("{}\n\n{log}", problems.join("\n"))))
}
