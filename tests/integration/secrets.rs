//! Secrets in the definition and on the host must not leave them: not in any output, saved file or ticket.

use crate::program::{prepared, rectify};
use crate::tools::{tool, write};
use rectify::report::formats::FORMATS;
use std::path::Path;

/// Declared as sensitive; in an option of a configuration that is not; in what buildout noted of an earlier run; and
/// written into the files by somebody.
const SECRETS: [&str; 5] = ["Zq1sensitiveZq", "Zq2optionZq", "Zq3notedZq", "Zq4editedZq", "Zq5loginZq"];

const COMPONENT: &str = r#"from batou.component import Component
from batou.lib.buildout import Buildout
from batou.lib.file import File


class A(Component):
    def configure(self):
        self += File("password.conf", content="[auth]\npassword = Zq1sensitiveZq\n", sensitive_data=True)
        self += Buildout(
            python="3",
            version="3.0.1",
            setuptools="69.5.1",
            wheel="0.43.0",
            pip="24.0",
            config=File("buildout.cfg", content="[buildout]\nparts = app\n\n[app]\nrecipe = zc.recipe.egg\n"
                        "password = Zq2optionZq\ninitialization = login('Zq2optionZq')\n"
                        "index = https://joe:Zq5loginZq@example.com/\n"),
        )
"#;

const INSTALLED: &str = "[buildout]\ninstalled_develop_eggs = \nparts = app\n\n[app]\n__buildout_installed__ = \n\
    __buildout_signature__ = x\npassword = Zq3notedZq\nrecipe = zc.recipe.egg\nuser = admin:Zq3notedZq\n";

#[test]
fn no_secret_leaves_in_any_output_saved_file_or_ticket() {
    let Some(place) = prepared() else { return };
    let python = place.join("tree/.appenv/current/bin/python").display().to_string();
    for damaged in [false, true] {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let project = directory.path().join("project");
        write(
            &project.join("environments/e/environment.cfg"),
            "[environment]\nconnect_method = local\n\n[hosts]\nlocalhost = a\n",
        );
        write(&project.join("components/a/component.py"), COMPONENT);
        let live = if damaged { "[auth]\npassword = Zq4editedZq\n" } else { "[auth]\npassword = Zq1sensitiveZq\n" };
        write(&project.join("work/a/password.conf"), live);
        write(&project.join("work/a/buildout.cfg"), "[buildout]\nparts = app\n[app]\npassword = Zq4editedZq\n");
        // Cut in the middle, as well: what is no configuration any more is no less secret.
        let installed = if damaged { format!("\0\0\0{INSTALLED}") } else { INSTALLED.to_owned() };
        write(&project.join("work/a/.installed.cfg"), installed);
        tool(&project, &["chmod", "0644", "work/a/password.conf"]);
        nothing_leaks(&project, directory.path(), &python, damaged);
    }
}

fn nothing_leaks(project: &Path, out: &Path, python: &str, damaged: bool) {
    let call = |arguments: &[&str]| {
        let mut all = vec!["--no-progress", "--python", python];
        all.extend(arguments);
        let call = rectify(project, &all);
        assert!([0, 2, 3, 4, 6].contains(&call.code), "{arguments:?}: {}{}", call.stdout, call.stderr);
        for secret in SECRETS {
            let leaks = call.stdout.contains(secret) || call.stderr.contains(secret);
            assert!(!leaks, "{arguments:?} shows {secret}:\n{}{}", call.stdout, call.stderr);
        }
        call.stdout
    };
    let name = |name: &str| out.join(name).display().to_string();
    let (spec, scan, plan, tickets) = (name("spec.json"), name("scan.jsonl"), name("plan.json"), name("tickets"));
    let manifest = call(&["manifest", "e"]);
    assert!(manifest.contains("password.conf") && manifest.contains("\"buildout\""), "{manifest}");
    call(&["manifest", "e", "-o", &spec]);
    let seen = call(&["scan", "--manifest", &spec]);
    assert!(seen.contains(".installed.cfg") && seen.contains("\"captured\""), "{seen}");
    call(&["scan", "--manifest", &spec, "-o", &scan]);
    for format in FORMATS {
        for command in ["check", "diff", "plan"] {
            call(&[command, "e", "-vvv", "--format", format.name()]);
            call(&[command, "e", "-vvv", "--format", format.name(), "--manifest", &spec, "--scan", &scan]);
        }
    }
    let planned = call(&["plan", "e", "-vvv", "-o", &plan]);
    assert_eq!(planned.contains("/password.conf"), damaged, "{planned}");
    assert!(planned.contains("/buildout.cfg"), "{planned}");
    call(&["show", &plan, "-vvv", "--json"]);
    call(&["ticket", &plan, "-o", "-"]);
    call(&["ticket", &plan, "-o", &tickets]);
    // Whatever was saved.
    for secret in SECRETS {
        let found = tool(out, &["sh", "-c", &format!("grep -rl {secret} . --exclude-dir=project || true")]);
        assert_eq!(found, "", "{secret}");
    }
    let outcome = rectify::pipeline::run(
        &rectify::pipeline::Request {
            directory: project.to_owned(),
            environment: Some("e".into()),
            python: Some(python.into()),
            ..rectify::pipeline::Request::default()
        },
        &rectify::monitor::Silent,
    );
    let debug = format!("{:?}", outcome.expect("it runs"));
    for secret in SECRETS {
        assert!(!debug.contains(secret), "Debug shows {secret}");
    }
}
