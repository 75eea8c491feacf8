//! Directories that nobody deploys but that vouch for themselves: damaged for real, and healed by the plan's commands.

use crate::program::{Call, rectify, run};
use crate::tools::{damage, read, tool, write};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A directory with settings that name one tree in it.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new(kind: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let tree = directory.path().join("tree");
        let settings = format!("[[trees]]\npath = \"{}\"\nkind = \"{kind}\"\n", tree.display());
        let quarantine = format!("quarantine = \"{}/kept\"\n", directory.path().display());
        write(&directory.path().join("rectify.toml"), format!("packages = false\n{quarantine}{settings}"));
        write(&tree.join(".keep"), "");
        Self { directory }
    }

    fn tree(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    fn rectify(&self, command: &str) -> Call {
        rectify(self.directory.path(), &[command, "system", "--json"])
    }

    fn found(&self) -> Vec<(String, String)> {
        let view: Value = serde_json::from_str(&self.rectify("check").stdout).expect("it is JSON");
        let word = |finding: &Value, key: &str| finding[key].as_str().expect("it is text").to_owned();
        let findings = view["findings"].as_array().expect("a view has findings");
        let name = |path: String| path.rsplit('/').next().expect("a path has a name").to_owned();
        findings.iter().map(|finding| (name(word(finding, "path")), word(finding, "damage"))).collect()
    }

    /// Follows the plan and gives its actions.
    fn follow(&self) -> Vec<String> {
        let plan: Value = serde_json::from_str(&self.rectify("plan").stdout).expect("it is JSON");
        let steps = plan["steps"].as_array().expect("a plan has steps");
        for step in steps.iter().filter(|step| step["action"] != "verify") {
            for command in step["commands"].as_array().expect("a step has commands") {
                let words: Vec<&str> =
                    command["argv"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
                let call =
                    run(Path::new(command["directory"].as_str().unwrap_or("/")), Path::new(words[0]), &words[1..]);
                assert_eq!(call.code, 0, "{words:?}: {}", call.stderr);
            }
        }
        steps.iter().map(|step| step["action"].as_str().expect("an action is text").to_owned()).collect()
    }
}

#[test]
fn a_checkout_gives_back_what_was_damaged_and_keeps_what_somebody_changed() {
    let place = Place::new("git");
    let tree = place.tree();
    let text = "print('the right content of a module')\n".repeat(300);
    write(&tree.join("module.py"), &text);
    write(&tree.join("notes.txt"), "first\n");
    write(&tree.join("gone.txt"), "still here\n");
    for words in [&["git", "init", "-q"][..], &["git", "add", "."], &["git", "commit", "-q", "-m", "all"]] {
        tool(&tree, words);
    }
    assert_eq!(place.found(), []);
    // As lost writes do it: size, time and so git's own opinion stay as they were.
    tool(&tree, &["touch", "-r", "module.py", "../time"]);
    damage(&tree.join("module.py"), 4096, &[0; 4096]);
    tool(&tree, &["touch", "-r", "../time", "module.py"]);
    tool(&tree, &["rm", "gone.txt"]);
    write(&tree.join("notes.txt"), "first\nand what somebody added\n");
    let word = |name: &str, damage: &str| (name.to_owned(), damage.to_owned());
    let mut found = place.found();
    found.sort();
    assert_eq!(found, [word("gone.txt", "missing"), word("module.py", "zeroed"), word("notes.txt", "edited")]);
    let actions = place.follow();
    assert!(actions.contains(&"hand".to_owned()), "what somebody added is not undone: {actions:?}");
    assert_eq!(read(&tree.join("module.py")), text.into_bytes());
    assert_eq!(place.found(), [word("notes.txt", "edited")]);
}

#[test]
fn distributions_anywhere_are_verified_by_their_records_and_installed_anew() {
    let place = Place::new("python");
    tool(place.directory.path(), &["python3", "-m", "venv", "tree/app"]);
    tool(place.directory.path(), &["tree/app/bin/python", "-m", "pip", "install", "-q", "six==1.17.0"]);
    tool(place.directory.path(), &["python3", "-m", "pip", "install", "-q", "--target", "tree/vendor", "idna==3.10"]);
    assert_eq!(place.found(), []);
    let lib = tool(place.directory.path(), &["sh", "-c", "echo tree/app/lib/python3*/site-packages"]);
    let six = place.directory.path().join(lib.trim()).join("six.py");
    let sound = read(&six);
    damage(&six, 8192, &[0; 4096]);
    tool(place.directory.path(), &["rm", "tree/vendor/idna/core.py"]);
    let word = |name: &str, damage: &str| (name.to_owned(), damage.to_owned());
    let mut found = place.found();
    found.sort();
    assert_eq!(found, [word("core.py", "missing"), word("six.py", "zeroed")]);
    place.follow();
    assert_eq!(place.found(), []);
    assert_eq!(read(&six), sound);
}
