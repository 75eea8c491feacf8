//! Directories that nobody deploys but that vouch for themselves: damaged for real, and healed by the plan's commands.

use crate::program::{Call, rectify, run};
use crate::tools::{damage, read, remove, tool, write};
use crate::wheels::{wheel, wheel_of};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A directory with settings that name one tree in it.
struct Place {
    directory: tempfile::TempDir,
    /// What commands are run with besides.
    variables: Vec<String>,
}

impl Place {
    fn new(kind: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let tree = directory.path().join("tree");
        let settings = format!("[[trees]]\npath = \"{}\"\nkind = \"{kind}\"\n", tree.display());
        let quarantine = format!("quarantine = \"{}/kept\"\n", directory.path().display());
        write(&directory.path().join("rectify.toml"), format!("packages = false\n{quarantine}{settings}"));
        write(&tree.join(".keep"), "");
        Self { directory, variables: Vec::new() }
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

    fn plan(&self) -> Vec<Value> {
        let plan: Value = serde_json::from_str(&self.rectify("plan").stdout).expect("it is JSON");
        plan["steps"].as_array().expect("a plan has steps").clone()
    }

    /// What the plan warns of.
    fn hazards(&self) -> Vec<String> {
        let all = self.plan().into_iter().flat_map(|step| step["hazards"].as_array().expect("hazards").clone());
        all.map(|hazard| hazard["text"].as_str().expect("it is text").to_owned()).collect()
    }

    /// Follows the plan and gives its actions.
    fn follow(&self) -> Vec<String> {
        self.try_to_follow().unwrap_or_else(|(words, call)| panic!("{words:?}: {}", call.stderr))
    }

    /// Follows the plan up to the first command that fails.
    fn try_to_follow(&self) -> Result<Vec<String>, (Vec<String>, Call)> {
        let steps = self.plan();
        for step in steps.iter().filter(|step| step["action"] != "verify") {
            for command in step["commands"].as_array().expect("a step has commands") {
                let words = command["argv"].as_array().expect("words").iter().filter_map(Value::as_str);
                let words: Vec<String> = words.map(str::to_owned).collect();
                let directory = Path::new(command["directory"].as_str().unwrap_or("/"));
                let call = run(directory, Path::new("env"), &[&self.variables[..], &words].concat());
                if call.code != 0 {
                    return Err((words, call));
                }
            }
        }
        Ok(steps.iter().map(|step| step["action"].as_str().expect("an action is text").to_owned()).collect())
    }
}

/// A virtual environment in a tree, whose pip knows one index: a directory.
struct Environment {
    place: Place,
    index: PathBuf,
}

impl Environment {
    /// With a distribution `demo` installed from `index/demo-1.0…` or, in pip's words, from something else.
    fn new(modules: &[&str], from: &str) -> Self {
        let mut place = Place::new("python");
        let top = place.directory.path();
        tool(top, &["python3", "-m", "venv", "tree/app"]);
        let index = top.join("index");
        write(&index.join(".keep"), "");
        wheel(&index, "1.0", modules);
        place.variables = vec!["PIP_NO_INDEX=1".to_owned(), format!("PIP_FIND_LINKS={}", index.display())];
        let it = Self { place, index };
        it.pip(&["install", from]);
        it
    }

    fn pip(&self, words: &[&str]) {
        let pip = ["env", &self.place.variables[0], &self.place.variables[1], "tree/app/bin/python", "-m", "pip", "-q"];
        tool(self.place.directory.path(), &[&pip[..], words].concat());
    }

    fn archive(&self) -> PathBuf {
        self.index.join("demo-1.0-py3-none-any.whl")
    }

    /// The SHA-256 of what the index has.
    fn hash(&self) -> String {
        let sum = tool(&self.index, &["sha256sum", &self.archive().to_string_lossy()]);
        sum.split(' ').next().expect("a sum").to_owned()
    }

    /// Has a lock named in the settings.
    fn lock(&self, text: &str) {
        let settings = self.place.directory.path().join("rectify.toml");
        let named = [read(&settings), b"requirements = \"demo.lock\"\n".to_vec()].concat();
        write(&settings, named);
        write(&self.place.directory.path().join("demo.lock"), text);
    }

    /// With a distribution `demo` of these files.
    fn of(files: &[(&str, &str)]) -> Self {
        let environment = Self::new(&["one = 1\n"], "demo==1.0");
        wheel_of(&environment.index, "1.0", files);
        environment.pip(&["install", "--force-reinstall", "demo==1.0"]);
        environment
    }

    fn file(&self, name: &str) -> PathBuf {
        let found = tool(&self.place.tree(), &["find", "app", "-path", &format!("*/{name}")]);
        self.place.tree().join(found.trim())
    }

    /// Damages a module, follows the plan and sees that all is as it was. Gives what the plan warned of.
    fn heal(&self) -> Vec<String> {
        assert_eq!(self.place.found(), []);
        let module = self.file("demo/part0.py");
        let sound = read(&module);
        damage(&module, 0, b"\0\0\0");
        assert_eq!(self.place.found().len(), 1);
        let hazards = self.place.hazards();
        self.place.follow();
        assert_eq!(read(&module), sound);
        assert_eq!(self.place.found(), []);
        hazards
    }

    /// Damages a module where the archive is another one of the same version, and sees that nothing of it is installed.
    fn refuse(&self) {
        let module = self.file("demo/part0.py");
        wheel(&self.index, "1.0", &["one = 'of somebody else'\n"]);
        damage(&module, 0, b"\0\0\0");
        let damaged = read(&module);
        let (words, call) = self.place.try_to_follow().expect_err("another archive is refused");
        assert!(
            words.contains(&"install".to_owned()) && call.stderr.contains("DO NOT MATCH THE HASHES"),
            "{}",
            call.stderr
        );
        assert_eq!(read(&module), damaged);
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

#[test]
fn an_archive_is_fetched_again_from_its_address_and_only_the_same_is_installed() {
    let environment = Environment::new(&["one = 1\n"], "index/demo-1.0-py3-none-any.whl");
    assert_eq!(environment.heal(), [] as [&str; 0]);
    environment.refuse();
}

#[test]
fn what_a_lock_pins_is_installed_from_the_index_only_by_its_hashes() {
    let environment = Environment::new(&["one = 1\n"], "demo==1.0");
    let (other, hash) = ("0".repeat(64), environment.hash());
    environment.lock(&format!(
        "# of a tool\nabsent==2.0 --hash=sha256:{other}\nDemo==1.0.0 \\\n    --hash=sha256:{other} \\\n    --hash=sha256:{hash}\n"
    ));
    assert_eq!(environment.heal(), [] as [&str; 0]);
    environment.refuse();
}

#[test]
fn without_hashes_the_plan_says_that_nothing_proves_what_the_index_gives() {
    let environment = Environment::new(&["one = 1\n"], "demo==1.0");
    let hazards = environment.heal().concat();
    assert!(hazards.starts_with("nothing proves that the index gives the archive that was installed"), "{hazards}");
    environment.lock(&format!("demo==1.1 --hash=sha256:{}\ndemo==1.0\n", "0".repeat(64)));
    let hazards = environment.heal().concat();
    assert!(hazards.contains("demo.lock` has no hashes for demo 1.0, so nothing proves"), "{hazards}");
    remove(&environment.place.directory.path().join("demo.lock"));
    let said = environment.place.rectify("check");
    assert!(said.stdout.contains("demo.lock`: "), "a lock that is gone is told: {}", said.stdout);
    environment.heal();
}

/// Source code that pip builds without an index: its build only copies a wheel.
fn source(environment: &Environment) -> PathBuf {
    let source = environment.place.directory.path().join("source");
    write(&source.join("pyproject.toml"), "[build-system]\nrequires = []\nbuild-backend = 'b'\nbackend-path = ['.']\n");
    let name = "demo-1.0-py3-none-any.whl";
    let copy = format!("shutil.copy('{name}', to)\n    return '{name}'\n");
    write(
        &source.join("b.py"),
        format!("import shutil\ndef build_wheel(to, settings=None, metadata=None):\n    {copy}"),
    );
    write(&source.join(name), read(&environment.archive()));
    source
}

#[test]
fn a_commit_is_built_again_and_of_a_directory_nobody_knows_what_it_held() {
    let environment = Environment::new(&["one = 1\n"], "demo==1.0");
    let source = source(&environment);
    for words in [&["git", "init", "-q"][..], &["git", "add", "."], &["git", "commit", "-q", "-m", "all"]] {
        tool(&source, words);
    }
    let again = |from: &str| {
        environment.pip(&["uninstall", "-y", "demo"]);
        environment.pip(&["install", from]);
    };
    again(&format!("git+file://{}", source.display()));
    assert!(environment.heal().concat().starts_with("the commit is the one that was installed"));
    again("./source");
    damage(&environment.file("demo/part0.py"), 0, b"\0\0\0");
    let plan = environment.place.plan();
    let reasons: Vec<&str> = plan.iter().filter_map(|step| step["reason"].as_str()).collect();
    assert_eq!((plan.len(), plan[0]["action"].as_str()), (1, Some("hand")), "{reasons:?}");
    assert!(reasons[0].contains("it was installed from `file://"), "{reasons:?}");
}

#[test]
fn a_damaged_record_vouches_by_its_intact_rows() {
    let modules: Vec<String> = (100..300).map(|number| format!("number = {number}\n")).collect();
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    let environment = Environment::new(&modules, "demo==1.0");
    let record = environment.file("demo-1.0.dist-info/RECORD");
    let module = environment.file("demo/part100.py");
    let sound = read(&module);
    damage(&record, 16384, &[0; 4096]);
    // What its own format would not tell; its row stands with those of the version, before the hole.
    damage(&module, 0, b"number = 777");
    let mut found = environment.place.found();
    found.sort();
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["RECORD", "part100.py"]);
    environment.place.follow();
    assert_eq!(read(&module), sound);
    assert_eq!(environment.place.found(), []);
}

#[test]
fn beside_a_lost_record_an_old_inode_is_told_and_what_an_upgrade_moved_about_is_not() {
    let texts = [
        "first = 'of the first version of all'\n",
        "second = 'that goes elsewhere'   \n",
        "third = 'which comes back one day'  \n",
    ];
    let environment = Environment::new(&texts, "demo==1.0");
    let Environment { place, index } = &environment;
    let directory = place.directory.path();
    let scanned = rectify(directory, &["scan", "system", "-o", "before.jsonl"]);
    assert_eq!(scanned.code, 0, "{}", scanned.stderr);
    let [moved, old] = ["demo/part0.py", "demo/part2.py"].map(|name| environment.file(name));
    let kept = directory.join("kept");
    tool(directory, &["ln", &old.to_string_lossy(), &kept.to_string_lossy()]);
    // The real pip writes a file anew also where another one had its content.
    wheel(index, "2.0", &[texts[1], "second = 'of the second version'\n", "third = 'of the second version'\n"]);
    environment.pip(&["install", "demo==2.0"]);
    assert_eq!(read(&moved), texts[1].as_bytes());
    remove(&environment.file("demo-2.0.dist-info/RECORD"));
    let told = || {
        let call = rectify(directory, &["check", "system", "--json", "--baseline", "before.jsonl"]);
        let view: Value = serde_json::from_str(&call.stdout).expect("it is JSON");
        let of_modules = |one: &&Value| one["path"].as_str().is_some_and(|path| path.contains("/demo/"));
        let all = view["findings"].as_array().expect("a view has findings").iter().filter(of_modules);
        all.map(|one| format!("{} {} {}", one["path"], one["damage"], one["detail"])).collect::<Vec<_>>()
    };
    assert_eq!(told(), [""; 0]);
    let other = environment.file("demo/part1.py");
    tool(directory, &["mv", &kept.to_string_lossy(), &other.to_string_lossy()]);
    let wanted = format!("\"{}\" \"other_file\" \"content of {}\"", other.display(), old.display());
    assert_eq!(told(), [wanted]);
}

/// Has zc.buildout make eggs of a wheel as its generations do: by setuptools (3, 4), and by pip (5, 6).
const MAKE_EGGS: &str = "\
import os, sys
from zc.buildout import easy_install
wheel, dest = sys.argv[1:]
easy_install.unpack_wheel(wheel, dest)
easy_install.call_pip_install(wheel, os.path.join(dest, 'new'))
";

#[test]
fn eggs_of_no_buildout_are_verified_and_handed_over() {
    let Some(python) = crate::buildout_parity::python() else { return };
    let place = Place::new("python");
    let (top, eggs) = (place.directory.path(), place.tree().join("eggs"));
    let files = [("demo/part0.py", "one = 1\n"), ("demo-1.0.dist-info/top_level.txt", "demo\n")];
    let wheel = wheel_of(top, "1.0", &files);
    write(&eggs.join("old-1.0-py3.11.egg/EGG-INFO/PKG-INFO"), "Name: old\nVersion: 1.0\n");
    tool(top, &["env", "PYTHONDONTWRITEBYTECODE=1", &python, "-c", MAKE_EGGS, &wheel, &eggs.to_string_lossy()]);
    let find = |name: &str| tool(&eggs, &["find", ".", "-path", name]).lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (find("*.egg/EGG-INFO/RECORD"), find("*.egg/*.dist-info/RECORD"));
    assert_eq!((old.len(), new.len()), (1, 1), "one egg of each layout");
    assert_eq!(place.found(), []);
    for module in find("*.egg/demo/part0.py") {
        damage(&eggs.join(module), 0, b"two = 2");
    }
    assert_eq!(place.found().len(), 2, "{:?}", place.found());
    let plan = place.plan();
    let reasons: Vec<&str> = plan.iter().filter_map(|step| step["reason"].as_str()).collect();
    assert!(plan.iter().all(|step| step["action"] == "hand") && plan.len() == 2, "one for each egg: {reasons:?}");
    assert!(reasons[0].contains("no buildout that would make this one is known here"), "{reasons:?}");
    damage(&eggs.join(&new[0]), 0, b"\0\0\0");
    remove(&eggs.join(&old[0]));
    let records = place.found().into_iter().filter(|(name, _)| name == "RECORD");
    let mut damages: Vec<String> = records.map(|(_, damage)| damage).collect();
    damages.sort();
    assert_eq!(
        damages,
        ["broken_record", "missing"],
        "an egg that setuptools made of no wheel has none, and is left alone"
    );
}

#[test]
fn scripts_are_verified_as_pip_rewrote_them_and_what_has_no_digest_is_unknown() {
    let environment = Environment::of(&[
        ("demo/part0.py", "def main():\n    print('main')\n"),
        ("?demo/undigested.py", "two = 2\n"),
        ("demo-1.0.dist-info/entry_points.txt", "[console_scripts]\ndemo-main = demo.part0:main\n"),
        ("demo-1.0.data/scripts/demo-script", "#!python\nprint('script')\n"),
    ]);
    let scripts = [environment.file("bin/demo-main"), environment.file("bin/demo-script")];
    let sound = scripts.each_ref().map(|script| read(script));
    let python = format!("#!{}/app/bin/python", environment.place.tree().display());
    assert!(sound.iter().all(|script| script.starts_with(python.as_bytes())), "pip wrote the first lines");
    assert_eq!(environment.place.found(), []);
    let view: Value = serde_json::from_str(&environment.place.rectify("check").stdout).expect("it is JSON");
    let unknown = view["unverified"].as_array().expect("a view has unknowns").iter();
    let why = unknown.filter(|one| one["path"].as_str().is_some_and(|path| path.ends_with("/demo/undigested.py")));
    let why: Vec<&str> = why.filter_map(|one| one["why"].as_str()).collect();
    assert_eq!(why, ["the installer recorded no digest for it"]);
    // As the wheel had it, which is not as pip installed it.
    write(&scripts[1], "#!python\nprint('script')\n");
    damage(&scripts[0], 0, b"\0\0\0");
    let mut names: Vec<String> = environment.place.found().into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["demo-main", "demo-script"]);
    tool(environment.place.directory.path(), &["rm", &scripts[1].to_string_lossy()]);
    environment.place.follow();
    assert_eq!(scripts.each_ref().map(|script| read(script)), sound);
    assert_eq!(environment.place.found(), []);
}
