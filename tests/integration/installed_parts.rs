//! Parts of a buildout that are not deployed as they are declared: what the real buildout noted, against revisions.

#![expect(clippy::disallowed_methods, reason = "tests write the checkout that they ask about")]

use crate::program::{is_root, prepared, program, rectify, run, skip, test_tool};
use crate::revisions::{commit, git, put};
use std::path::Path;

/// What is there is not changed: the checkout is another one, which says where it is deployed.
struct Checkout {
    directory: tempfile::TempDir,
}

impl Checkout {
    /// Of a buildout that the real one deployed, in git as it was deployed; `None` where there is none.
    fn of(name: &str) -> Option<Self> {
        let tree = prepared()?.join(name).join("tree");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let top = directory.path();
        for part in ["buildout.cfg", "versions.cfg", "src", "templates"] {
            crate::tools::tool(top, &["cp", "-r", &tree.join(part).to_string_lossy(), "."]);
        }
        // The environment that buildout runs in.
        std::os::unix::fs::symlink(tree.join(".venv"), top.join(".venv")).expect("it can be linked");
        put(&top.join(".gitignore"), ".venv\n");
        put(&top.join("rectify.toml"), &format!("packages = false\n[buildout]\ndirectory = \"{}\"\n", tree.display()));
        git(top, &["init", "-q"]);
        commit(top, "as it is deployed");
        Some(Self { directory })
    }

    fn top(&self) -> &Path {
        self.directory.path()
    }

    /// Puts another text in the place of one in the configuration.
    fn change(&self, from: &str, to: &str) {
        let path = self.top().join("buildout.cfg");
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.contains(from), "{text}");
        put(&path, &text.replace(from, to));
    }

    /// The exit code, and of each finding the class and the damage, the unit and the evidence.
    fn check(&self) -> (i32, Vec<[String; 3]>) {
        let call = rectify(self.top(), &["check", "--json", "--no-user-defaults"]);
        let view: serde_json::Value = serde_json::from_str(&call.stdout).unwrap_or_else(|_| panic!("{}", call.stderr));
        let told = |finding: &serde_json::Value| {
            let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let evidence = finding["evidence"].as_array().into_iter().flatten().filter_map(|text| text.as_str());
            let evidence: Vec<&str> = evidence.map(|text| text.split(", as revision").next().unwrap_or(text)).collect();
            [format!("{} {}", word("class"), word("damage")), word("unit"), evidence.join("; ")]
        };
        (call.code, view["findings"].as_array().into_iter().flatten().map(told).collect())
    }
}

fn not_deployed(unit: &str, evidence: &str) -> (i32, Vec<[String; 3]>) {
    (2, vec![["change not_deployed".to_owned(), unit.to_owned(), evidence.to_owned()]])
}

#[test]
fn an_option_that_was_changed_since_its_part_was_installed_is_not_deployed_yet() {
    let Some(checkout) = Checkout::of("buildout-recipes") else { return };
    assert_eq!(checkout.check(), (0, Vec::new()));
    // What the part makes holds a password and is not known: only the note tells.
    checkout.change("port = 9001", "port = 9002");
    let unit = "localhost#buildout:supervisor";
    let changed = not_deployed(unit, "[supervisor] was installed with `port = 9001`");
    assert_eq!(checkout.check(), changed);
    commit(checkout.top(), "another port");
    assert_eq!(checkout.check(), changed, "committed is not deployed");
    checkout.change("user = admin\n", "user = root\n");
    let both = "[supervisor] was installed with `port = 9001`; [supervisor] was installed with `user = admin`";
    assert_eq!(checkout.check(), not_deployed(unit, both), "all options of a part are one change");
}

#[test]
fn a_part_that_is_none_any_more_is_installed_still() {
    let Some(checkout) = Checkout::of("buildout-recipes") else { return };
    checkout.change("    icons\n", "");
    assert_eq!(
        checkout.check(),
        not_deployed("localhost#buildout", "[icons] is noted as installed, and the next run of buildout uninstalls it")
    );
    let plan = rectify(checkout.top(), &["plan", "--no-user-defaults"]);
    assert!(plan.stdout.contains("buildout uninstalls the part `icons`"), "{}", plan.stdout);
    assert!(plan.stdout.contains("bin/buildout -N -c buildout.cfg"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("rm "), "nothing has to be removed first: {}", plan.stdout);
}

#[test]
fn what_recipes_make_of_options_is_no_change_and_without_a_revision_nothing_is_told() {
    let Some(checkout) = Checkout::of("buildout-recipes") else { return };
    // As the recipe notes it: in another order, with whole paths, and with the mode as Python writes it.
    checkout.change("    var/spool\n    var/cache\n", "    ${buildout:directory}/var/cache\n    var/spool\n");
    checkout.change("mode = 0750", "mode = 0o750");
    assert_eq!(checkout.check(), (0, Vec::new()));
    commit(checkout.top(), "the same in other words");
    std::fs::remove_dir_all(checkout.top().join(".git")).expect("it is there");
    checkout.change("port = 9001", "port = 9002");
    assert_eq!(checkout.check(), (0, Vec::new()), "the recipe may have changed it");
}

#[test]
fn the_real_buildout_deploys_what_is_told_as_not_deployed() {
    let Some(deployed) = prepared() else { return };
    if !is_root() {
        return skip("buildout runs in an overlay, which only root can mount");
    }
    // In an overlay that is thrown away.
    let script = format!(
        "set -e; unset PIP_FIND_LINKS; git init -q .; cp ../rectify.toml $SCRATCH/settings.toml
         printf '%s\\n' .venv .installed.cfg bin develop-eggs eggs etc parts var > .gitignore
         git add -A; git -c user.name=N -c user.email=n@example.org commit -qm deployed
         sed -i 's/port = 9001/port = 9002/; s/^interpreter = py$/interpreter = python3/; /^    icons$/d' buildout.cfg
         check() {{ code=0; {} check --no-progress --no-user-defaults --config $SCRATCH/settings.toml -v || code=$?; echo \"code $code\"; }}
         check; cp .installed.cfg $SCRATCH; .venv/bin/buildout -N -c buildout.cfg; check
         git -c user.name=N -c user.email=n@example.org commit -qam changed; cp $SCRATCH/.installed.cfg .; check",
        program().display()
    );
    let tree = deployed.join("buildout-recipes/tree").to_string_lossy().into_owned();
    let call = run(Path::new("/"), &test_tool("overlay.sh"), &[&tree, "sh", "-c", &script]);
    let lacking: Vec<&str> = [
        "[icons] is noted as installed",
        "[supervisor] was installed with `port = 9001`",
        "code 2",
        "Uninstalling icons.",
        "Uninstalling supervisor.",
        "Installing supervisor.",
        "In sync as far as can be told",
        "code 0",
        // The write of the notes was lost.
        "bin/python3 was not there then and is now: the note was lost, or the deployment was broken off before it",
        "code 3",
    ]
    .into_iter()
    .filter(|text| !call.stdout.contains(text) && !call.stderr.contains(text))
    .collect();
    assert!(lacking.is_empty(), "{lacking:?} is not in\n{}\n{}", call.stdout, call.stderr);
}
