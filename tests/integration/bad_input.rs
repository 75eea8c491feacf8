//! Bad input: one clear message that says what, where and what to do, the right exit code, and the rest goes on.

use crate::program::{Call, is_root, prepared, rectify, run, skip};
use crate::tools::{tool, write};
use std::path::{Path, PathBuf};

/// A small batou project on this machine, deployed by hand: two roots with a file each.
struct Project {
    place: tempfile::TempDir,
    python: Option<PathBuf>,
}

const ENVIRONMENT: &str = "[environment]\nconnect_method = local\n\n[hosts]\nlocalhost = a, b\n";

fn component(class: &str, body: &str) -> String {
    format!(
        "from batou.component import Component\nfrom batou.lib.file import File\n\n\nclass {class}(Component):\n    \
         def configure(self):\n{body}"
    )
}

impl Project {
    /// With the Python of the prepared deployment, which has batou.
    fn exact() -> Option<Self> {
        Some(Self { python: Some(prepared()?.join("tree/.appenv/current/bin/python")), ..Self::native() })
    }

    /// Without any batou.
    fn native() -> Self {
        let project = Self { place: tempfile::tempdir().expect("there is room for a directory"), python: None };
        tool(project.place.path(), &["chmod", "755", "."]);
        project.put("environments/e/environment.cfg", ENVIRONMENT);
        project.put("components/a/component.py", &component("A", "        self += File('one', content='one\\n')\n"));
        project.put("components/b/component.py", &component("B", "        self += File('two', content='two\\n')\n"));
        project.put("work/a/one", "one\n");
        project.put("work/b/two", "two\n");
        project
    }

    fn put(&self, name: &str, content: &str) {
        write(&self.place.path().join(name), content);
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn call(&self, arguments: &[&str]) -> Call {
        let python = self.python.as_ref().map(|python| python.display().to_string());
        let mut all = vec!["--no-progress"];
        if let Some(python) = &python {
            all.extend(["--python", python]);
        }
        all.extend(arguments);
        rectify(self.path(), &all)
    }
}

/// The code, and texts that must be in one of the streams.
fn assert_says(call: &Call, code: i32, texts: &[&str]) {
    let all = format!("{}{}", call.stdout, call.stderr);
    assert_eq!(call.code, code, "{all}");
    for text in texts {
        assert!(all.contains(text), "{text:?} is not in:\n{all}");
    }
}

#[test]
fn an_environment_that_cannot_be_parsed_is_shown_with_its_line() {
    let Some(project) = Project::exact() else { return };
    project.put("environments/e/environment.cfg", "[environment\nfoo\n");
    assert_says(
        &project.call(&["check", "e"]),
        6,
        &[
            "INCOMPLETE: the definition has 1 error",
            "error[RCT002]: the first option stands before any `[section]`",
            "environments/e/environment.cfg:1:1",
            "= help: begin with `[environment]`",
            "Next:  mend the definition, then rectify check e",
        ],
    );
}

#[test]
fn a_missing_environment_and_a_missing_directory_are_missing_input() {
    let project = Project::native();
    let call = project.call(&["check", "f"]);
    assert_says(&call, 66, &["error: there is no environment `f`", "did you mean `e`? There are: e"]);
    assert_eq!(call.stdout, "");
    let call = project.call(&["-C", "nowhere", "check"]);
    assert_says(
        &call,
        66,
        &["error: cannot read `nowhere`: No such file or directory", "help: name the checkout with -C DIR"],
    );
}

#[test]
fn an_unknown_component_is_named_with_the_nearest_one_and_the_others_are_checked() {
    let Some(project) = Project::exact() else { return };
    project.put("environments/e/environment.cfg", &ENVIRONMENT.replace("a, b", "a, bb"));
    let texts = [
        "error[RCT003]: no component is named `bb`",
        "environments/e/environment.cfg:5:16",
        "= help: did you mean `b`?",
        "2 checked, 2 intact",
    ];
    assert_says(&project.call(&["check", "e"]), 6, &texts);
    project.put("work/a/one", "damaged\n");
    // What batou could not load is worse than an edited file, and better than a damaged one.
    assert_says(&project.call(&["check", "e"]), 6, &["error[RCT003]", "work/a/one"]);
    project.put("work/a/one", "\0\0\0\0");
    assert_says(&project.call(&["check", "e"]), 3, &["error[RCT003]", "work/a/one"]);
}

#[test]
fn a_circle_of_roots_is_shown_in_its_order_and_closed() {
    let Some(project) = Project::exact() else { return };
    let needs = |class, provides, requires| {
        component(class, &format!("        self.provide('{provides}', 1)\n        self.require('{requires}')\n"))
    };
    project.put("components/a/component.py", &needs("A", "ka", "kb"));
    project.put("components/b/component.py", &needs("B", "kb", "ka"));
    let call = project.call(&["check", "e"]);
    assert_says(
        &call,
        6,
        &[
            "error[RCT006]: the dependencies go in a circle: localhost/a -> localhost/b -> localhost/a",
            "= help: take one of these away: `localhost/a` requires `kb`, `localhost/b` requires `ka`",
        ],
    );
    assert_eq!(call.stdout.matches("RCT006").count(), 1, "{}", call.stdout);
}

#[test]
fn a_component_that_raises_is_unknown_and_the_others_are_checked() {
    let Some(project) = Project::exact() else { return };
    project.put("components/a/component.py", &component("A", "        raise ValueError('no such disk')\n"));
    project.put("work/b/two", "\0\0\0\0");
    let call = project.call(&["check", "e", "-v"]);
    assert_says(
        &call,
        3,
        &[
            "error[RCT004]: `localhost/a`: ValueError: no such disk",
            "components/a/component.py:7",
            "localhost  a  as a whole: batou could not configure it to the end",
            "work/b/two",
        ],
    );
}

#[test]
fn without_batou_literal_declarations_are_read_and_the_gaps_are_said() {
    let project = Project::native();
    let call = project.call(&["check", "e", "-v"]);
    assert_says(
        &call,
        0,
        &[
            "In sync as far as can be told",
            "warning[RCT005]: no Python with batou was found for this project",
            "warning[RCT009]: read without running batou",
            "localhost  a  as a whole: it was read without running batou",
            "= help: make the project's batou available, or name its Python",
        ],
    );
    assert_says(&project.call(&["check", "e", "--strict"]), 6, &["could not be checked"]);
    assert_says(&project.call(&["check", "e", "--evaluate", "exact"]), 1, &["error: no Python with batou was found"]);
    project.put("requirements.lock", "nothing-of-interest==1\n");
    assert_says(&project.call(&["check", "e", "-v"]), 0, &["warning[RCT005]", "warning[RCT009]"]);
}

#[test]
fn a_directory_that_may_not_be_listed_is_unseen_and_never_sound() {
    if !is_root() {
        return skip("only root can become somebody else");
    }
    let project = Project::native();
    tool(project.path(), &["chmod", "700", "work/a"]);
    // For somebody else, the program has to lie where everybody may go.
    let program = project.path().join("rectify");
    tool(project.path(), &["cp", &crate::program::program().to_string_lossy(), &program.to_string_lossy()]);
    let arguments =
        ["--reuid=65534", "--regid=65534", "--clear-groups", "--", "./rectify", "check", "e", "--no-progress"];
    let call = run(project.path(), Path::new("setpriv"), &arguments);
    let texts = [
        "INCOMPLETE: 2 entries could not be looked at",
        "a  2 paths: not seen: Permission denied",
        "2 checked, 2 intact",
    ];
    assert_says(&call, 6, &texts);
    assert!(!call.stdout.contains("In sync"), "{}", call.stdout);
}

#[test]
fn settings_are_refused_with_the_nearest_name() {
    let project = Project::native();
    project.put("rectify.toml", "hosst = 1\n\n[[backup]]\nname = 'x'\n");
    let call = project.call(&["check", "e"]);
    assert_says(
        &call,
        1,
        &[
            "rectify.toml` has errors",
            "error[RCT041]: there is no setting `hosst`",
            "did you mean `hosts`?",
            "`backups`?",
        ],
    );
    assert_eq!(call.stdout, "");
}

#[test]
fn saved_files_that_are_cut_off_or_of_another_format_are_refused() {
    let project = Project::native();
    assert_says(&project.call(&["manifest", "e", "-o", "spec.json"]), 0, &[]);
    assert_says(&project.call(&["scan", "--manifest", "spec.json", "-o", "scan.jsonl"]), 0, &[]);
    let read = |name| String::from_utf8(crate::tools::read(&project.path().join(name))).expect("it is text");
    let (spec, scan) = (read("spec.json"), read("scan.jsonl"));
    let plan = || project.call(&["plan", "e", "--manifest", "spec.json", "--scan", "scan.jsonl"]);
    assert_says(&plan(), 0, &[]);

    let lines: Vec<&str> = scan.lines().collect();
    project.put("scan.jsonl", &format!("{}\n", lines[..lines.len() - 1].join("\n")));
    assert_says(&plan(), 1, &["error: `scan.jsonl` is cut off: it has ", "help: copy it again, or scan again"]);
    project.put("scan.jsonl", &scan[..scan.len() - 20]);
    assert_says(&plan(), 1, &["error: `scan.jsonl` is no scan: line ", "help: make it anew with `rectify scan"]);
    project.put("scan.jsonl", "");
    assert_says(&plan(), 1, &["error: `scan.jsonl` is no scan: line 1: "]);
    project.put("scan.jsonl", &scan);

    project.put("spec.json", &spec.replacen("\"format\": 1", "\"format\": 99", 1));
    assert_says(
        &plan(),
        1,
        &[
            "error: `spec.json` has format 99, this rectify reads format 1",
            "help: use the same version of rectify on both",
        ],
    );
    project.put("spec.json", &spec[..spec.len() / 2]);
    assert_says(&plan(), 1, &["error: `spec.json` is no manifest: ", "help: make it anew with `rectify manifest"]);
}

#[test]
fn a_saved_manifest_that_the_definition_has_left_behind_is_told() {
    let project = Project::native();
    assert_says(&project.call(&["manifest", "e", "-o", "spec.json"]), 0, &[]);
    project.put("environments/e/environment.cfg", &format!("{ENVIRONMENT}\n"));
    assert_says(
        &project.call(&["check", "e", "--manifest", "spec.json", "-v"]),
        0,
        &["RCT012", "`environments/e/environment.cfg` has changed since the manifest was made"],
    );
}

#[test]
fn flags_that_do_not_exist_are_usage() {
    let project = Project::native();
    assert_says(&project.call(&["check", "e", "--bogus"]), 64, &["error: unexpected argument '--bogus' found"]);
    assert_says(
        &project.call(&["check", "e", "--hosts", "nobody"]),
        66,
        &["there is no host `nobody`", "the hosts are: localhost"],
    );

    // A tree that stands for nothing must not leave the host to be looked at somewhere else.
    assert_says(
        &project.call(&["check", "e", "--root", "lcalhost=/mnt"]),
        66,
        &["error: there is no host `lcalhost` in e", "help: the hosts are: localhost"],
    );
}

#[test]
fn a_scan_that_is_of_no_host_or_of_one_twice_is_not_passed_over() {
    let project = Project::native();
    assert_says(&project.call(&["scan", "e", "-o", "one.jsonl"]), 0, &[]);
    assert_says(
        &project.call(&["check", "e", "--scan", "one.jsonl", "--scan", "one.jsonl"]),
        1,
        &["error: there are two scans of the host `localhost`", "help: name one of them with --scan"],
    );
    let scan = String::from_utf8(crate::tools::read(&project.path().join("one.jsonl"))).expect("it is text");
    project.put("other.jsonl", &scan.replacen("\"host\":\"localhost\"", "\"host\":\"web09\"", 1));
    assert_says(
        &project.call(&["check", "e", "--scan", "other.jsonl"]),
        66,
        &["error: there is no host `web09` in e", "help: the hosts are: localhost"],
    );
    let some = project.call(&["check", "e", "--hosts", "localhost", "--scan", "other.jsonl"]);
    assert!([0, 2, 3].contains(&some.code), "{}", some.stderr);
}
