//! The program as its users call it: bytes on both streams, and exit codes.

use crate::golden::fixture;
use crate::sample;
use rectify::cli::exit::{self, Gate};
use rectify::model::eval::{Why, WhyKind};
use rectify::model::unverified::Unverified;
use rectify::report::formats::FORMATS;
use rectify::report::view::Kind;
use std::ffi::OsStr;
use std::io::Write;
use std::process::Stdio;

/// What a call gave.
struct Call {
    code: i32,
    stdout: String,
    stderr: String,
}

#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "these tests start the program itself")]
fn command() -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rectify"));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env("SOURCE_DATE_EPOCH", "1795340412");
    command
}

fn call_with_input<S: AsRef<OsStr>>(arguments: &[S], input: &[u8]) -> Call {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has an input");
    // A program that does not read closes the pipe; that is its right.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Call {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8(output.stdout).expect("its output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("its talk is UTF-8"),
    }
}

fn call<S: AsRef<OsStr>>(arguments: &[S]) -> Call {
    call_with_input(arguments, b"")
}

fn incident() -> String {
    fixture("report/incident.json").to_str().expect("fixtures have plain names").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "tests read their golden files")]
fn golden(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).expect("the golden file is there")
}

#[test]
fn bad_arguments_end_with_64_and_never_with_2() {
    for arguments in [
        &["--nonsense"][..],
        &["chek"],
        &[],
        &["check", "--format", "pdf"],
        &["check", "--out", "pdf=x"],
        &["check", "--root", "app01"],
        &["plan", "--since", "yesterday"],
        &["check", "--jobs", "0"],
        &["check", "-q", "-v"],
        &["explain", "RCT999"],
        &["explain", "RCT1"],
    ] {
        let call = call(arguments);
        assert_eq!((call.code, call.stdout.as_str()), (64, ""), "{arguments:?}: {}", call.stderr);
        assert!(call.stderr.starts_with("error: "), "{arguments:?}: {}", call.stderr);
    }
}

#[test]
fn errors_say_what_where_and_what_to_do() {
    let call = call(&["show", "no-such-plan.json"]);
    assert_eq!(call.code, 66);
    assert_eq!(call.stdout, "");
    assert_eq!(call.stderr, "error: cannot read `no-such-plan.json`: No such file or directory (os error 2)\n");
    let call = call_with_input(&["show", "-"], b"[]");
    assert_eq!(call.code, 1);
    assert!(call.stderr.starts_with("error: cannot use `-`: this is not a saved plan: "), "{}", call.stderr);
    assert!(
        call.stderr.ends_with("\n  help: make one with rectify plan ENVIRONMENT -o plan.json\n"),
        "{}",
        call.stderr
    );
}

#[test]
fn with_json_errors_are_json_too() {
    for (arguments, code) in [(&["show", "no-such-plan.json", "--json"][..], 66), (&["chek", "--json"], 64)] {
        let call = call(arguments);
        let error: serde_json::Value = serde_json::from_str(&call.stderr).expect("the error is JSON");
        assert_eq!((call.code, error["error"]["exit_code"].as_i64()), (code, Some(i64::from(code))));
    }
}

#[test]
fn help_is_data_and_begins_with_examples() {
    for arguments in [&["--help"][..], &["-h"], &["plan", "--help"], &["check", "-h"]] {
        let call = call(arguments);
        assert_eq!((call.code, call.stderr.as_str()), (0, ""));
        let (examples, usage) = (call.stdout.find("Examples:"), call.stdout.find("Usage:"));
        assert!(examples.is_some() && examples < usage, "{arguments:?}: {}", call.stdout);
    }
    let call = call(&["--version"]);
    assert_eq!((call.code, call.stdout), (0, format!("rectify {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_saved_plan_is_shown_as_it_was_when_it_was_made() {
    for (arguments, name) in [
        (&[][..], "incident.txt"),
        (&["-v"], "incident.files.txt"),
        (&["-vvv"], "incident.blocks.txt"),
        (&["-q"], "incident.verdict.txt"),
        (&["--short"], "incident.short"),
        (&["--format", "markdown"], "incident.md"),
        (&["--json"], "incident.json"),
    ] {
        let mut all = vec!["show".to_owned(), incident()];
        all.extend(arguments.iter().map(ToString::to_string));
        let call = call(&all);
        assert_eq!((call.code, call.stderr.as_str()), (0, ""));
        assert!(call.stdout == golden(&format!("report/{name}")), "{arguments:?} differs from {name}");
    }
}

#[test]
fn the_verdict_decides_the_exit_code_only_where_it_was_asked_to() {
    assert_eq!(call(&["show", &incident(), "-qq"]).code, 0);
    let call = call(&["show", &incident(), "-qq", "--exit-code"]);
    assert_eq!((call.code, call.stdout.as_str()), (4, ""));
}

#[test]
fn what_could_not_be_checked_trips_the_gate_only_when_it_is_strict_and_never_what_is_ignored() {
    let doubtful = |kind| {
        let mut view = sample::clean();
        view.unverified = sample::view(Kind::Check).unverified;
        view.unverified.replace(|entry| Some(Unverified { why: Why::new(kind, entry.why.text), ..entry }));
        view
    };
    let unknown = doubtful(WhyKind::NoReference);
    let codes = [Gate::Off, Gate::On, Gate::Strict].map(|gate| exit::of(&unknown, gate).code());
    assert_eq!(codes, [0, 0, 6]);
    assert_eq!(exit::of(&doubtful(WhyKind::Ignored), Gate::Strict).code(), 0);
    let damaged = sample::view(Kind::Check);
    assert_eq!([Gate::Off, Gate::On, Gate::Strict].map(|gate| exit::of(&damaged, gate).code()), [0, 4, 4]);
}

#[test]
fn one_run_writes_many_forms() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let [short, json] = ["list.txt", "copy.json"].map(|name| directory.path().join(name));
    let out = |format: &str, path: &std::path::Path| format!("{format}={}", path.display());
    let call = call(&["show", &incident(), "--out", &out("short", &short), "--out", &out("json", &json)]);
    assert_eq!((call.code, call.stderr.as_str()), (0, ""));
    assert!(call.stdout == golden("report/incident.txt"));
    for (path, name) in [(short, "incident.short"), (json, "incident.json")] {
        #[expect(clippy::disallowed_methods, reason = "tests read what the program wrote")]
        let written = std::fs::read_to_string(path).expect("it was written");
        assert!(written == golden(&format!("report/{name}")), "{name}");
    }
}

#[test]
fn piped_output_has_no_colour_unless_it_is_asked_for() {
    for format in FORMATS {
        let call = call(&["show", &incident(), "-vvv", "--format", format.name()]);
        assert!(!call.stdout.contains('\u{1b}'), "{}", format.name());
    }
    assert!(call(&["show", &incident(), "--color", "always"]).stdout.starts_with("\u{1b}[1;31mRESTORE NEEDED"));
}

#[test]
fn a_reader_that_goes_away_early_is_no_error() {
    let mut child = command()
        .args(["show", &incident(), "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test needs a device that is always full")]
fn a_full_disk_is_an_error_and_not_half_a_plan() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = command().args(["show", &incident()]).stdout(full).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot write to standard output: "));
}

#[test]
fn explain_tells_what_a_code_a_finding_and_a_unit_are() {
    let code = call(&["explain", "RCT103"]);
    assert_eq!(code.stdout, "RCT103: random bytes\n\nBlocks hold bytes that match no known content and look random.\n");
    let finding = call(&["explain", "f4", "--plan", &incident()]);
    assert!(finding.stdout.starts_with("f4 RCT103: app01:/srv/shop/var/Data.fs is random\n"), "{}", finding.stdout);
    assert!(finding.stdout.contains("\nEvidence\n  - 60 blocks match no known content, entropy 7.99\n"));
    let unit = call(&["explain", "zope", "--plan", &incident()]);
    assert!(unit.stdout.contains("/srv/shop/bin/instance  missing"), "{}", unit.stdout);
    let unknown = call(&["explain", "f99", "--plan", &incident()]);
    assert_eq!(unknown.code, 64);
}

#[test]
fn tickets_are_files_and_a_template_of_ones_own_is_used() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let place = directory.path().join("tickets").to_str().expect("a plain name").to_owned();
    let made = call(&["ticket", &incident(), "-o", &place]);
    assert_eq!((made.code, made.stdout.lines().count()), (0, 4), "{}", made.stderr);
    #[expect(clippy::disallowed_methods, reason = "the test writes a template")]
    std::fs::write(directory.path().join("ticket.md.j2"), "{{ title|md }} {{ fingerprint }}\n")
        .expect("it is writable");
    let templates = directory.path().to_str().expect("a plain name").to_owned();
    let own = call(&["ticket", &incident(), "-o", "-", "--templates", &templates]);
    assert!(own.stdout.starts_with("app01: restore zodb (1 random) rf1-"), "{}{}", own.stdout, own.stderr);
    #[expect(clippy::disallowed_methods, reason = "the test writes a template")]
    std::fs::write(directory.path().join("ticket.md.j2"), "{{ titel }}").expect("it is writable");
    let wrong = call(&["ticket", &incident(), "-o", "-", "--templates", &templates]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("ticket.md.j2:1"), "{}", wrong.stderr);
}

#[test]
fn schema_and_completions_are_printed() {
    assert!(call(&["schema", "plan"]).stdout == golden("schema/plan-1.json"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(call(&["completions", shell]).stdout.contains("rectify"), "{shell}");
    }
}

#[test]
fn a_directory_without_a_deployment_is_missing_input() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let place = directory.path().to_str().expect("a plain name").to_owned();
    let call = call(&["-C", &place, "check"]);
    assert_eq!((call.code, call.stdout.as_str()), (66, ""), "{}", call.stderr);
    assert!(call.stderr.starts_with("error: ") && call.stderr.contains("\n  help: "), "{}", call.stderr);
}
