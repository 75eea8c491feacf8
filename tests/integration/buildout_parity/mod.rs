//! Our resolver against the real zc.buildout, on configurations made at random from a seed.
//!
//! Needs a Python with zc.buildout: `RECTIFY_BUILDOUT_PYTHON=/path/to/python`. `RECTIFY_PARITY_COUNT` (default 300) and
//! `RECTIFY_PARITY_SEED` (default 1) choose how many and which configurations.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test asks the real tool and makes what it reads"
)]
#![expect(clippy::print_stdout, reason = "how much was compared, and why not, is for whoever runs it")]

mod compare;
mod doctests;
mod generate;
mod public;

use rectify::definition::buildout::{
    Dialect, MemorySources, NoRecipes, Request, Resolved, SourceError, Sources, TargetFacts, resolve,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

/// The disk, read plainly.
struct Disk {
    urls: BTreeMap<String, String>,
}

impl Sources for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        std::fs::read(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SourceError::Missing,
            _ => SourceError::Unreadable(error.to_string()),
        })
    }

    fn exists(&self, path: &str) -> bool {
        std::fs::exists(path).unwrap_or(false)
    }

    fn read_url(&self, url: &str) -> Result<Vec<u8>, SourceError> {
        match self.urls.get(url) {
            Some(path) => self.read(path),
            None => Err(SourceError::Unavailable("no copy".to_owned())),
        }
    }
}

/// One configuration: its files, the command line, and what else the oracle is told.
#[derive(Debug, Clone, Default)]
struct Case {
    files: BTreeMap<String, String>,
    args: Vec<String>,
    user_defaults: bool,
}

/// The oracle, running.
struct Oracle {
    child: std::process::Child,
    answers: BufReader<std::process::ChildStdout>,
    facts: Value,
}

/// The Python to ask; `None`, with a printed reason, where there is none.
pub(crate) fn python() -> Option<String> {
    let python = std::env::var("RECTIFY_BUILDOUT_PYTHON").ok();
    if python.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "RECTIFY_BUILDOUT_PYTHON must name a Python with zc.buildout in CI"
        );
        println!("skipped: RECTIFY_BUILDOUT_PYTHON does not name a Python with zc.buildout");
    }
    python
}

/// The generation that the oracle runs.
fn dialect_of(facts: &TargetFacts) -> Dialect {
    facts.buildout_version.as_deref().and_then(Dialect::of_version).unwrap_or_default()
}

impl Oracle {
    /// `None`, with a printed reason, where there is no Python to ask.
    fn start() -> Option<Self> {
        let python = python()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/buildout_oracle.py");
        let mut child = Command::new(python)
            .args(["-W", "ignore", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the Python named by RECTIFY_BUILDOUT_PYTHON runs");
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut oracle = Self { child, answers, facts: Value::Null };
        oracle.facts = oracle.read();
        Some(oracle)
    }

    fn ask(&mut self, question: &Value) -> Value {
        let stdin = self.child.stdin.as_mut().expect("stdin is piped");
        writeln!(stdin, "{question}").expect("the oracle listens");
        self.read()
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the oracle answers");
        serde_json::from_str(&line).expect("the oracle answers in JSON")
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("the oracle ends");
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// Writes a case below `root` and asks both.
fn ask_both(case: &Case, root: &std::path::Path, oracle: &mut Oracle) -> Comparison {
    let directory = root.to_str().expect("a plain path").to_owned();
    for (name, content) in &case.files {
        let content = content.replace("@DIRECTORY@", &directory);
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a directory")).expect("room in the directory");
        std::fs::write(path, content).expect("room in the directory");
    }
    let urls: BTreeMap<String, String> = case
        .files
        .keys()
        .filter_map(|name| {
            Some((format!("http://host/{}", name.strip_prefix("remote/")?), format!("{directory}/{name}")))
        })
        .collect();
    let home = format!("{directory}/home");
    let answer = oracle.ask(&json!({
        "dir": directory, "args": case.args, "user_defaults": case.user_defaults, "home": home, "urls": urls,
    }));
    let facts: TargetFacts = serde_json::from_value(oracle.facts.clone()).expect("facts as TargetFacts has them");
    let command_line: Vec<(String, String, String)> = case.args.iter().map(|arg| assignment(arg)).collect();
    let defaults = format!("{home}/default.cfg");
    let request = Request {
        directory: &directory,
        config: "buildout.cfg",
        command_line: &command_line,
        facts: &facts,
        dialect: dialect_of(&facts),
        user_defaults: case.user_defaults.then_some(defaults.as_str()),
        assume: &BTreeMap::new(),
        recipes: &NoRecipes,
    };
    let (resolved, diagnostics) = resolve(&request, &Disk { urls });
    Comparison {
        broken: compare::is_broken(&answer),
        kinds: compare::kinds(&answer),
        differences: compare::compare(&answer, &resolved, &diagnostics, &directory),
    }
}

/// What came of one case.
struct Comparison {
    /// zc.buildout stops at something.
    broken: bool,
    /// The kinds of errors at which it stops.
    kinds: Vec<String>,
    differences: Vec<String>,
}

fn assignment(arg: &str) -> (String, String, String) {
    let (place, value) = arg.split_once('=').expect("an assignment");
    let (section, option) = place.split_once(':').unwrap_or(("buildout", place));
    (section.trim().to_owned(), option.trim().to_owned(), value.trim().to_owned())
}

/// Answers of the oracle that are kept beside the cases, so that this needs no Python.
#[test]
fn the_kept_cases_resolve_as_zc_buildout_resolved_them() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cases/buildout");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a fixture");
    let facts: TargetFacts =
        serde_json::from_str(&read(&std::path::Path::new(root).join("facts.json"))).expect("facts");
    let mut count = 0;
    for entry in std::fs::read_dir(root).expect("the fixtures") {
        let case = entry.expect("a listed entry").path();
        if !case.is_dir() {
            continue;
        }
        count += 1;
        let sources = below(&case, "/deployment", MemorySources::new());
        let args = std::fs::read_to_string(case.join("args")).unwrap_or_default();
        let command_line: Vec<_> = args.lines().map(assignment).collect();
        let request = Request {
            directory: "/deployment",
            config: "buildout.cfg",
            command_line: &command_line,
            facts: &facts,
            dialect: Dialect::V6,
            user_defaults: Some("/deployment/home/default.cfg"),
            assume: &BTreeMap::new(),
            recipes: &NoRecipes,
        };
        let (resolved, diagnostics) = resolve(&request, &sources);
        let answer = serde_json::from_str(&read(&case.join("expected.json"))).expect("an answer");
        let found = compare::compare(&answer, &resolved, &diagnostics, "/deployment");
        assert!(found.is_empty(), "{}: {}", case.display(), found.join("\n"));
        let saved = serde_json::to_string(&resolved).expect("JSON");
        assert_eq!(serde_json::from_str::<Resolved>(&saved).expect("the same"), resolved);
    }
    assert!(count > 50, "only {count} cases");
}

fn below(directory: &std::path::Path, name: &str, mut sources: MemorySources) -> MemorySources {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("a listed entry").path();
        let name = format!("{name}/{}", path.file_name().expect("a name").to_string_lossy());
        sources = if path.is_dir() {
            below(&path, &name, sources)
        } else {
            sources.with(&name, std::fs::read(&path).expect("a fixture"))
        };
    }
    sources
}

#[test]
fn random_configurations_resolve_as_zc_buildout_resolves_them() {
    let Some(mut oracle) = Oracle::start() else { return };
    let count = number("RECTIFY_PARITY_COUNT", 300);
    let seed = number("RECTIFY_PARITY_SEED", 1);
    let mut report = String::new();
    let mut different = 0;
    let mut broken = 0;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for index in 0..count {
        let case = generate::case(seed.wrapping_mul(1_000_003).wrapping_add(index));
        let directory = tempfile::tempdir().expect("room for a directory");
        let root = directory.path().canonicalize().expect("the directory exists");
        let comparison = ask_both(&case, &root, &mut oracle);
        broken += usize::from(comparison.broken);
        for kind in comparison.kinds {
            *kinds.entry(kind).or_default() += 1;
        }
        if !comparison.differences.is_empty() {
            different += 1;
            if different <= 5 {
                let _ = writeln!(report, "--- case {index}");
                for (name, content) in &case.files {
                    let _ = writeln!(report, ">>> {name}\n{content}");
                }
                let _ = writeln!(report, ">>> args {:?}\n{}\n", case.args, comparison.differences.join("\n"));
            }
        }
    }
    println!("{count} configurations compared, {broken} of them with an error, {different} differ; errors: {kinds:?}");
    assert_eq!(different, 0, "{report}");
}

#[test]
fn installed_options_are_written_and_read_as_zc_buildout_does() {
    let Some(mut oracle) = Oracle::start() else { return };
    for index in 0..number("RECTIFY_PARITY_COUNT", 300) {
        let sections = generate::installed(index);
        let answer = oracle.ask(&json!({ "installed": sections }));
        compare::compare_installed(&answer, &sections);
    }
}

#[test]
fn conditions_are_decided_as_python_decides_them_or_not_at_all() {
    let Some(mut oracle) = Oracle::start() else { return };
    let facts: TargetFacts = serde_json::from_value(oracle.facts.clone()).expect("facts as TargetFacts has them");
    let mut undecided = 0;
    let mut missed = Vec::new();
    let mut found = Vec::new();
    let count = number("RECTIFY_PARITY_COUNT", 300) * 10;
    for index in 0..count {
        let condition = generate::condition(index);
        let text = format!("[buildout]\nparts =\n[a: {condition}]\nx = 1\n");
        let answer = oracle.ask(&json!({ "parse": text }));
        let request = Request {
            directory: "/d",
            config: "buildout.cfg",
            command_line: &[],
            facts: &facts,
            dialect: Dialect::V6,
            user_defaults: None,
            assume: &BTreeMap::new(),
            recipes: &NoRecipes,
        };
        let (resolved, diagnostics) = resolve(&request, &MemorySources::new().with("/d/buildout.cfg", text));
        match compare::compare_condition(&answer, &resolved, &diagnostics) {
            compare::Decision::Same => {}
            compare::Decision::Undecided => undecided += 1,
            compare::Decision::Missed(what) => missed.push(format!("{condition}: {what}")),
            compare::Decision::Different(what) => found.push(format!("{condition}: {what}")),
        }
    }
    println!("{count} conditions compared, {undecided} of them undecided, {} errors of Python missed", missed.len());
    println!("{}", missed[..missed.len().min(20)].join("\n"));
    assert!(found.is_empty(), "{} differ:\n{}", found.len(), found[..found.len().min(20)].join("\n"));
}
