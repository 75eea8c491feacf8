//! What batou needs on a host to deploy there: its own environment, and its copy of the definition. With the real batou, over
//! a stand-in for ssh that runs on this machine what would run on the host.

use crate::program::{Call, is_root, prepared, program, run, skip, test_tool};
use crate::revisions::{commit, git, put};
use crate::tools::{damage, read, tool};
use rectify::io::git::{Tracked, tracked};
use std::path::{Path, PathBuf};

const SSH: &str = "#!/bin/sh\nfor command in \"$@\"; do :; done\nexec sh -c \"$command\"\n";

/// As the real one, but for the choice of the Python, and what is told (`appenv.py`, `AppEnv.prepare`).
const APPENV: &str = r#"#!/bin/sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
environment=$here/.appenv/$(cat "$here/requirements.lock" "$0" | sha256sum | cut -c1-8)
if [ ! -e "$environment/appenv.ready" ]; then
    rm -rf "$environment"
    python3 -m venv "$environment" >&2
    cp "$here/requirements.lock" "$environment/"
    "$environment/bin/python" -m pip install -q --no-deps -r "$environment/requirements.lock" >&2
    ln -sfn "$(basename "$environment")" "$here/.appenv/current"
    echo "Ready or not, here I come, you can't hide" > "$environment/appenv.ready"
fi
program=$1
shift
exec "$environment/bin/$program" "$@"
"#;

const COMPONENT: &str = r#"from batou.component import Component
from batou.lib.file import File


class Web(Component):
    def configure(self):
        self += File("site.conf")
        self += File("key", is_template=False, sensitive_data=True)
"#;

/// A host that was deployed to, and the project on the machine that deploys.
struct Deployed {
    place: tempfile::TempDir,
}

impl Deployed {
    /// By the real batou; `None` where there is none.
    fn new(update_method: &str) -> Option<Self> {
        let Some(python) = std::env::var_os("RECTIFY_BATOU_PYTHON") else {
            assert!(std::env::var_os("CI").is_none(), "RECTIFY_BATOU_PYTHON is not set: `.ci/prepare` makes it");
            skip("RECTIFY_BATOU_PYTHON is not set");
            return None;
        };
        let deployed = Self { place: tempfile::tempdir().expect("a temporary directory") };
        let control = deployed.control();
        put(&deployed.place.path().join("bin/ssh"), SSH);
        put(&control.join("appenv"), APPENV);
        let lock = tool(Path::new("/"), &[&python.to_string_lossy(), "-m", "pip", "freeze", "--exclude-editable"]);
        put(&control.join("requirements.lock"), &lock);
        put(&control.join(".batou.json"), "{\"migration\": {\"version\": 2400}}");
        put(&control.join(".gitignore"), ".appenv\n__pycache__\n.batou-lock\n/rectify.toml\n");
        put(&control.join("components/web/component.py"), COMPONENT);
        put(&control.join("components/web/site.conf"), "workers = 2\nlisten on {{host.name}}, as all of our hosts\n");
        put(&control.join("components/web/key"), "what only this file knows\n");
        let environment = format!(
            "[environment]\nconnect_method = ssh\nupdate_method = {update_method}\ntarget_directory = {}\n\
             branch = main\n[hosts]\nweb01 = web\n",
            deployed.target().display()
        );
        put(&control.join("environments/prod/environment.cfg"), &environment);
        put(&control.join("rectify.toml"), "packages = false\n");
        let home = deployed.place.path().display();
        let launcher = format!(
            "#!/bin/sh\nAPPENV_BASEDIR={home}/control PATH={home}/bin:$PATH exec {} -c 'import batou.main, sys; sys.exit(batou.main.main())' \"$@\"\n",
            python.to_string_lossy()
        );
        put(&control.join("batou"), &launcher);
        for script in ["bin/ssh", "control/appenv", "control/batou"] {
            tool(deployed.place.path(), &["chmod", "+x", script]);
        }
        git(&control, &["init", "-q", "-b", "main"]);
        commit(&control, "the first");
        deployed.deploy();
        Some(deployed)
    }

    fn control(&self) -> PathBuf {
        self.place.path().join("control")
    }

    fn target(&self) -> PathBuf {
        self.place.path().join("target")
    }

    fn deploy(&self) {
        let call = run(&self.control(), &self.control().join("batou"), &["deploy", "prod"]);
        assert_eq!(call.code, 0, "{}\n{}", call.stdout, call.stderr);
    }

    fn rectify(&self, arguments: &[&str]) -> Call {
        rectify_in(&self.control(), arguments)
    }

    /// The exit code, and of each finding the unit, the damage and the path below the target.
    fn check(&self) -> (i32, Vec<[String; 3]>) {
        let call = self.rectify(&["check", "prod", "--json"]);
        let view: serde_json::Value = serde_json::from_str(&call.stdout).unwrap_or_else(|_| panic!("{}", call.stderr));
        let target = format!("{}/", self.target().display());
        let told = |finding: &serde_json::Value| {
            let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            [word("unit"), word("damage"), word("path").replacen(&target, "", 1)]
        };
        (call.code, view["findings"].as_array().into_iter().flatten().map(told).collect())
    }

    /// Runs the commands of the plan as they stand, but for those that check.
    fn follow_plan(&self) {
        let plan = self.place.path().join("plan.json");
        let call = self.rectify(&["plan", "prod", "-o", &plan.to_string_lossy()]);
        assert_eq!(call.code, 0, "{}", call.stderr);
        let plan: serde_json::Value = serde_json::from_slice(&read(&plan)).expect("it is JSON");
        for step in plan["steps"].as_array().into_iter().flatten().filter(|step| step["action"] != "verify") {
            for command in step["commands"].as_array().into_iter().flatten() {
                let argv: Vec<&str> =
                    command["argv"].as_array().into_iter().flatten().filter_map(|word| word.as_str()).collect();
                let directory = command["directory"].as_str().map_or_else(|| self.control(), PathBuf::from);
                tool(&directory, &argv);
            }
        }
    }

    /// Overwrites a part of a file and leaves its size and its time, as a block that was not written does.
    fn damage(&self, path: &str, at: usize, bytes: &[u8]) {
        let path = self.target().join(path);
        let stamp = self.place.path().join("stamp");
        tool(self.place.path(), &["touch", "-r", &path.to_string_lossy(), &stamp.to_string_lossy()]);
        damage(&path, at, bytes);
        tool(self.place.path(), &["touch", "-r", &stamp.to_string_lossy(), &path.to_string_lossy()]);
    }

    /// The file of batou that its environment on the host has it in.
    fn batou(&self) -> String {
        let found = tool(&self.target(), &["find", "-L", ".appenv/current/lib", "-path", "*/batou/template.py"]);
        let path = Path::new(found.trim()).strip_prefix(".appenv/current").expect("it lies in there").to_owned();
        let environment = tool(&self.target(), &["readlink", ".appenv/current"]);
        format!(".appenv/{}/{}", environment.trim(), path.display())
    }
}

#[expect(clippy::disallowed_methods, reason = "only the environment tells where the real batou is")]
fn rectify_in(directory: &Path, arguments: &[&str]) -> Call {
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    let common = ["--root", "web01=/", "--no-progress", "--python", &python];
    run(directory, program(), &[arguments, &common].concat())
}

fn found(unit: &str, damage: &str, path: &str) -> [String; 3] {
    [unit, damage, path].map(str::to_owned)
}

#[test]
fn a_damaged_copy_of_the_definition_and_a_damaged_batou_are_found_before_they_deploy_anything() {
    let Some(deployed) = Deployed::new("rsync") else { return };
    assert_eq!(deployed.check(), (0, Vec::new()));
    let batou = deployed.batou();
    deployed.damage("components/web/site.conf", 10, b"9");
    deployed.damage(&batou, 100, b"#");
    let copy = found("web01!definition", "changed", "components/web/site.conf");
    let of_batou = found("web01!batou!batou", "changed", &batou);
    assert_eq!(deployed.check(), (3, vec![of_batou.clone(), copy.clone()]));
    // batou keeps both, and deploys from them.
    deployed.deploy();
    let deployed_file = found("web01/web", "edited", "work/web/site.conf");
    assert_eq!(deployed.check(), (3, vec![of_batou, copy, deployed_file]));
    deployed.follow_plan();
    assert_eq!(deployed.check(), (0, Vec::new()));
}

#[test]
fn git_takes_a_damaged_copy_for_the_commit_too() {
    let Some(deployed) = Deployed::new("git-bundle") else { return };
    assert_eq!(deployed.check(), (0, Vec::new()));
    // A lost write does not change the inode either, whose time nobody can set.
    git(&deployed.target(), &["config", "core.trustctime", "false"]);
    // What is as young as the index is read again.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    git(&deployed.target(), &["update-index", "--refresh", "--force-write-index"]);
    deployed.damage("components/web/site.conf", 10, b"9");
    deployed.deploy();
    let copy = found("web01!definition", "changed", "components/web/site.conf");
    let made = found("web01/web", "edited", "work/web/site.conf");
    assert_eq!(deployed.check(), (3, vec![copy, made]));
    deployed.follow_plan();
    assert_eq!(deployed.check(), (0, Vec::new()));
}

#[test]
fn a_copy_of_an_earlier_revision_is_brought_anew_by_every_deployment() {
    let Some(deployed) = Deployed::new("rsync") else { return };
    let site = deployed.control().join("components/web/site.conf");
    put(&site, "workers = 4\nlisten on {{host.name}}, as all of our hosts\n");
    let changed = vec![found("web01/web", "not_deployed", "work/web/site.conf")];
    assert_eq!(deployed.check(), (2, changed.clone()), "only what the change makes");
    put(&deployed.control().join("components/web/notes"), "a file that is new, and that no component deploys\n");
    commit(&deployed.control(), "more workers");
    assert_eq!(deployed.check(), (2, changed.clone()), "nor what is new in the definition");
    // A dry run brings the copy, too: it tells of no deployment.
    let dry = run(&deployed.control(), &deployed.control().join("batou"), &["deploy", "prod", "--predict-only"]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert!(read(&deployed.target().join("components/web/site.conf")).starts_with(b"workers = 4"));
    assert_eq!(deployed.check(), (2, changed));
    deployed.deploy();
    assert_eq!(deployed.check(), (0, Vec::new()));
    // Of what is not committed, a part was deployed, and the next one was not.
    put(&site, "workers = 8\nlisten on {{host.name}}, as all of our hosts\n");
    deployed.deploy();
    put(&deployed.control().join("components/web/key"), "what only this file knows now\n");
    assert_eq!(deployed.check(), (2, vec![found("web01/web", "not_deployed", "work/web/key")]));
    git(&deployed.control(), &["checkout", "-q", "."]);
    deployed.deploy();
    assert_eq!(deployed.check(), (0, Vec::new()));
    // As it was before: the write of that deployment was lost.
    deployed.damage("components/web/site.conf", 10, b"2");
    assert_eq!(deployed.check().1[0], found("web01!definition", "stale", "components/web/site.conf"));
}

#[test]
fn the_source_of_a_secret_file_is_as_secret_as_the_file() {
    let Some(deployed) = Deployed::new("rsync") else { return };
    deployed.damage("components/web/key", 5, b"everybody");
    assert_eq!(deployed.check(), (3, vec![found("web01!definition", "changed", "components/web/key")]));
    let call = deployed.rectify(&["check", "prod", "-vv", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&call.stdout).expect("it is JSON");
    assert_eq!(view["findings"][0]["secret"], true, "{}", call.stdout);
}

#[test]
fn files_that_another_checkout_may_have_otherwise_are_told_apart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let project = directory.path().join("deployment");
    for (name, text) in [("same", "a"), ("changed", "a"), ("large.bin", "a"), ("ignored", "a")] {
        put(&project.join(name), text);
    }
    put(&directory.path().join(".gitattributes"), "*.bin filter=lfs\n");
    put(&directory.path().join(".gitignore"), "ignored\n");
    assert_eq!(tracked(&project), None, "it is in no repository");
    git(directory.path(), &["init", "-q"]);
    commit(directory.path(), "all");
    put(&project.join("changed"), "b");
    put(&project.join("untracked"), "b");
    let set = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
    let (all, own) = (set(&["changed", "large.bin", "same"]), set(&["changed", "large.bin"]));
    assert_eq!(tracked(&project), Some(Tracked { all, own }));
}

#[test]
fn a_copy_does_not_vouch_for_itself() {
    let Some(deployed) = Deployed::new("rsync") else { return };
    let why = "the copy of the definition  as a whole: it is what was read as the definition";
    assert!(!deployed.rectify(&["check", "prod"]).stdout.contains(why));
    let there = rectify_in(&deployed.target(), &["check", "prod"]);
    assert!(there.code == 0 && there.stdout.contains(why), "{}{}", there.stdout, there.stderr);
}

#[test]
fn a_copy_that_mercurial_brings_is_not_said_to_be_right() {
    let Some(deployed) = Deployed::new("rsync") else { return };
    let environment = deployed.control().join("environments/prod/environment.cfg");
    let text = String::from_utf8(read(&environment)).expect("it is text");
    put(&environment, &text.replace("= rsync", "= hg-pull"));
    let call = deployed.rectify(&["check", "prod"]);
    assert!(call.stdout.contains("the copy of the definition  as a whole: Mercurial brings it"), "{}", call.stdout);
}

#[test]
fn an_environment_that_no_appenv_makes_is_mended_by_its_pip() {
    let Some(place) = prepared() else { return };
    if !is_root() {
        return skip("a damaged copy is an overlay, which only root can mount");
    }
    // The launcher of this project takes what is there.
    let script = r#"
        rectify() { "$RECTIFY" "$@" --config "$CONFIG" --no-progress; }
        [ ! -e appenv ]
        printf '\0\0\0\0\0' | dd of="$(echo .appenv/current/lib/python3.*/site-packages/batou/template.py)" seek=100 bs=1 conv=notrunc 2>/dev/null
        code=0; rectify check large > "$SCRATCH/before" || code=$?
        echo "$code $(grep -c '! batou 2.7.1 in ' "$SCRATCH/before")"
        rectify plan large -o "$SCRATCH/plan.json" > /dev/null
        python3 - "$SCRATCH/plan.json" <<'STEPS'
import json, subprocess, sys
for step in json.load(open(sys.argv[1]))["steps"]:
    print(step["action"])
    for command in step["commands"] if step["action"] != "verify" else []:
        subprocess.run(command["argv"], cwd=command.get("directory"), check=True, stdout=subprocess.DEVNULL)
STEPS
        rectify check large > /dev/null"#;
    let exports =
        format!("export RECTIFY={} CONFIG={}\n{script}", program().display(), place.join("rectify.toml").display());
    let tree = place.join("tree");
    let arguments = [tree.as_os_str(), "sh".as_ref(), "-ec".as_ref(), exports.as_ref()];
    let call = run(&place, &test_tool("overlay.sh"), &arguments);
    let told: Vec<&str> = call.stdout.lines().filter(|line| !line.starts_with("Saved ")).collect();
    assert_eq!((call.code, told), (0, vec!["3 1", "quarantine", "reinstall", "verify"]), "{}", call.stderr);
}
