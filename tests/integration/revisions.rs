//! Change, drift and damage apart: what an earlier revision of the definition makes is not deployed yet, or was lost.

#![expect(clippy::disallowed_methods, reason = "tests write the project that they ask about")]

use crate::program::{Call, prepared, rectify, run, skip};
use std::path::Path;

const COMPONENT: &str = "\
from batou.component import Component
from batou.lib.file import File


class Site(Component):

    def configure(self):
        self += File('first.conf', content='first of VERSION, long enough to be told\\n')
        self += File('second.conf', content='second of VERSION, long enough to be told\\n')
";

/// A project in git whose definition moved on from revision one to revision two; nothing is deployed. `None` without batou.
fn project() -> Option<tempfile::TempDir> {
    if std::env::var_os("RECTIFY_BATOU_PYTHON").is_none() {
        assert!(std::env::var("CI").is_err(), "CI has to set RECTIFY_BATOU_PYTHON");
        skip("RECTIFY_BATOU_PYTHON names no Python with batou");
        return None;
    }
    let project = tempfile::tempdir().expect("a temporary directory");
    let top = project.path();
    put(&top.join(".batou.json"), "{\"migration\": {\"version\": 2400}}\n");
    put(&top.join(".gitignore"), "work\n");
    put(
        &top.join("environments/e/environment.cfg"),
        "[environment]\nconnect_method = local\n\n[hosts]\nlocalhost = site\n",
    );
    git(top, &["init", "-q"]);
    for version in ["one", "two"] {
        put(&top.join("components/site/component.py"), &COMPONENT.replace("VERSION", version));
        commit(top, version);
    }
    Some(project)
}

pub(crate) fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("it lies in a directory")).expect("the directory can be made");
    std::fs::write(path, text).expect("it can be written");
}

/// Commits everything.
pub(crate) fn commit(project: &Path, message: &str) {
    git(project, &["add", "-A"]);
    git(project, &["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "commit", "-qm", message]);
}

pub(crate) fn git(directory: &Path, arguments: &[&str]) {
    let call = run(directory, Path::new("git"), arguments);
    assert_eq!(call.code, 0, "git {arguments:?}: {}", call.stderr);
}

/// What a deployment of these revisions left in `work/site`, and what is said about it: code and kinds of damage by file.
fn judged(project: &Path, first: &str, second: &str) -> (i32, Vec<(String, String, String)>) {
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    judged_with(project, first, second, &["--python", &python])
}

fn judged_with(project: &Path, first: &str, second: &str, more: &[&str]) -> (i32, Vec<(String, String, String)>) {
    put(&project.join("work/site/first.conf"), &format!("first of {first}, long enough to be told\n"));
    put(&project.join("work/site/second.conf"), &format!("second of {second}, long enough to be told\n"));
    let call = rectify(project, &[&["check", "e", "--json"], more].concat());
    (call.code, found(&call))
}

/// What a check with `--json` found: name, class and damage.
fn found(call: &Call) -> Vec<(String, String, String)> {
    let view: serde_json::Value = serde_json::from_str(&call.stdout).unwrap_or_else(|_| panic!("{}", call.stderr));
    let word = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let one = |finding: &serde_json::Value| {
        let path = word(finding, "path");
        told(path.rsplit('/').next().unwrap_or_default(), &word(finding, "class"), &word(finding, "damage"))
    };
    view["findings"].as_array().expect("a view has findings").iter().map(one).collect()
}

pub(crate) fn told(file: &str, class: &str, damage: &str) -> (String, String, String) {
    (file.to_owned(), class.to_owned(), damage.to_owned())
}

#[test]
fn a_change_that_is_not_deployed_is_neither_drift_nor_damage() {
    let Some(project) = project() else { return };
    let (code, findings) = judged(project.path(), "one", "one");
    let expected = [told("first.conf", "change", "not_deployed"), told("second.conf", "change", "not_deployed")];
    assert_eq!((code, &findings[..]), (2, &expected[..]));
}

#[test]
fn the_environment_of_the_project_itself_evaluates_its_earlier_revisions() {
    let Some(project) = project() else { return };
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    let environment = Path::new(&python).ancestors().nth(2).expect("it lies in a bin directory");
    let appenv = project.path().join(".appenv");
    std::fs::create_dir(&appenv).expect("it can be made");
    std::os::unix::fs::symlink(environment, appenv.join("current")).expect("it can be linked");
    let (code, findings) = judged_with(project.path(), "one", "one", &[]);
    let expected = [told("first.conf", "change", "not_deployed"), told("second.conf", "change", "not_deployed")];
    assert_eq!((code, &findings[..]), (2, &expected[..]));
}

#[test]
fn an_old_file_beside_a_new_one_of_its_unit_is_a_lost_write() {
    let Some(project) = project() else { return };
    let (code, findings) = judged(project.path(), "two", "one");
    assert_eq!((code, &findings[..]), (3, &[told("second.conf", "damage", "stale")][..]));
}

/// A file of three blocks that is alone in its unit, of a revision: the first block is the same in all.
fn long(version: &str) -> String {
    let lines = |word: &str, count: usize| (0..count).map(|n| format!("# {word} {n:05}\n")).collect::<String>();
    lines("same", 320) + &lines(version, 350)
}

/// Two revisions of [`long`], of which the second is asked about.
fn long_project() -> Option<tempfile::TempDir> {
    let project = project()?;
    let top = project.path();
    put(
        &top.join("components/site/component.py"),
        "\
from batou.component import Component
from batou.lib.file import File


class Site(Component):

    def configure(self):
        self += File('long.conf', source='long.conf', template_context=self)
",
    );
    for version in ["three", "seven"] {
        put(&top.join("components/site/long.conf"), &long(version));
        commit(top, version);
    }
    Some(project)
}

/// What is said of the file: class, damage and detail.
fn judged_long(project: &Path, text: &str) -> (String, String, String) {
    put(&project.join("work/site/long.conf"), text);
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    let call = rectify(project, &["check", "e", "--json", "--python", &python]);
    let view: serde_json::Value = serde_json::from_str(&call.stdout).unwrap_or_else(|_| panic!("{}", call.stderr));
    let findings = view["findings"].as_array().cloned().unwrap_or_default();
    let [finding] = findings.as_slice() else { panic!("{}", call.stdout) };
    let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    (word("class"), word("damage"), word("detail"))
}

#[test]
fn one_block_of_an_earlier_revision_is_a_lost_write_though_nothing_else_tells() {
    let Some(project) = long_project() else { return };
    let (old, new) = (long("three"), long("seven"));
    let stale = format!("{}{}{}", &new[..4096], &old[4096..8192], &new[8192..]);
    let (class, damage, detail) = judged_long(project.path(), &stale);
    assert_eq!((&*class, &*damage), ("damage", "stale"), "{detail}");
    assert!(detail.starts_with("as of revision "), "{detail}");
}

#[test]
fn an_earlier_content_that_is_cut_to_the_size_of_the_new_one_is_a_lost_write() {
    let Some(project) = long_project() else { return };
    let top = project.path();
    let new: String = long("eight").chars().take(7000).collect();
    put(&top.join("components/site/long.conf"), &new);
    commit(top, "eight");
    let (class, damage, detail) = judged_long(top, &long("seven")[..new.len()]);
    assert_eq!((&*class, &*damage), ("damage", "stale"), "{detail}");
}

#[test]
fn an_edit_beside_a_change_that_is_not_deployed_is_no_lost_write() {
    let Some(project) = long_project() else { return };
    let edited = long("three").replacen("# three 00340", "# three 12345", 1);
    let (class, damage, detail) = judged_long(project.path(), &edited);
    assert_eq!((&*class, &*damage), ("drift", "edited"), "{detail}");
}

#[test]
fn an_old_file_that_was_written_since_the_baseline_is_a_lost_write() {
    let Some(project) = project() else { return };
    let top = project.path();
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    judged(top, "one", "one");
    let call = rectify(top, &["scan", "e", "-o", "before.jsonl", "--python", &python]);
    assert_eq!(call.code, 0, "{}", call.stderr);
    put(&top.join("rectify.toml"), "baseline = \"before.jsonl\"\n");
    let second = top.join("work/site/second.conf");
    let before = std::fs::metadata(&second).and_then(|seen| seen.modified()).expect("it is there");
    let (_, findings) = judged(top, "one", "one");
    assert!(findings.iter().all(|(_, class, damage)| (&**class, &**damage) == ("damage", "stale")), "{findings:?}");
    // Nobody has written the second one since; the first tells that the unit was deployed.
    std::fs::File::options().write(true).open(&second).and_then(|file| file.set_modified(before)).expect("it is ours");
    put(&top.join("work/site/first.conf"), "first of two, long enough to be told\n");
    let call = rectify(top, &["check", "e", "--json", "--python", &python]);
    assert!(call.stdout.contains("\"stale\"") && !call.stdout.contains("\"not_deployed\""), "{}", call.stdout);
    assert!(call.stdout.contains("size and modification time are those of the baseline of "), "{}", call.stdout);
}

/// A project whose second revision points a link to another place; `more` is what else it makes in revision VERSION.
fn linking(more: &str) -> Option<tempfile::TempDir> {
    let project = project()?;
    let top = project.path();
    for version in ["three", "seven"] {
        let component = format!(
            "\
from batou.component import Component
from batou.lib.file import File, Symlink


class Site(Component):

    def configure(self):
        self += File('place-VERSION', content='a place\\n')
        self += Symlink('link', source='place-VERSION')
{more}"
        );
        put(&top.join("components/site/component.py"), &component.replace("VERSION", version));
        commit(top, version);
    }
    Some(project)
}

/// What is said of what is below `work/site`: name, class and damage.
pub(crate) fn check(project: &Path) -> Vec<(String, String, String)> {
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    found(&rectify(project, &["check", "e", "--json", "--python", &python]))
}

#[test]
fn a_link_that_points_where_the_last_revision_had_it_is_not_deployed_yet_or_lost() {
    let more = "        self += File('other.conf', content='other of VERSION\\n')\n";
    let Some(project) = linking(more) else { return };
    let top = project.path();
    let site = top.join("work/site");
    for place in ["place-three", "place-seven"] {
        put(&site.join(place), "a place\n");
    }
    put(&site.join("other.conf"), "other of three\n");
    std::os::unix::fs::symlink(site.join("place-three"), site.join("link")).expect("it can be linked");
    std::fs::remove_file(site.join("place-seven")).expect("it was just made");
    let expected = [
        told("link", "change", "wrong_target"),
        told("other.conf", "change", "not_deployed"),
        told("place-seven", "change", "missing"),
    ];
    assert_eq!(check(top), expected);
    put(&site.join("other.conf"), "other of seven\n");
    put(&site.join("place-seven"), "a place\n");
    assert_eq!(check(top), [told("link", "damage", "wrong_target")], "the rest of the unit was deployed");
    std::fs::remove_file(site.join("link")).expect("it is there");
    std::os::unix::fs::symlink("/nowhere", site.join("link")).expect("it can be linked");
    assert_eq!(check(top), [told("link", "damage", "wrong_target")], "no revision has it there");
}

#[test]
fn a_pin_that_was_raised_is_not_deployed_yet_as_long_as_what_was_pinned_before_is_there() {
    let Some(project) = project() else { return };
    let top = project.path();
    for version in ["1.0", "2.0"] {
        let component = "\
from batou.component import Component
from batou.lib.python import Package, VirtualEnv


class Site(Component):

    def configure(self):
        venv = VirtualEnv('3')
        self += venv
        venv += Package('demo', version='VERSION', check_package_is_module=False)
";
        put(&top.join("components/site/component.py"), &component.replace("VERSION", version));
        commit(top, version);
    }
    let site = top.join("work/site");
    crate::tools::tool(top, &["python3", "-m", "venv", &site.to_string_lossy()]);
    let pip = site.join("bin/pip").to_string_lossy().into_owned();
    let old = crate::wheels::wheel(top, "1.0", &["one = 1\n"]);
    crate::tools::tool(top, &[&pip, "install", "-q", "--no-index", "--no-compile", &old]);
    let of_pins = || {
        let all = check(top).into_iter().filter(|(name, _, _)| name.starts_with("demo"));
        all.collect::<Vec<_>>()
    };
    assert_eq!(of_pins(), [told("demo-2.0.dist-info", "change", "missing")]);
    // The new one was installed, and its metadata is gone.
    let new = crate::wheels::wheel(top, "2.0", &["one = 2\n"]);
    crate::tools::tool(top, &[&pip, "install", "-q", "--no-index", "--no-compile", &new]);
    assert_eq!(of_pins(), []);
    put(&top.join("README"), "the definition moves on\n");
    commit(top, "something else");
    let lib = std::fs::read_dir(site.join("lib"))
        .expect("it has a lib")
        .next()
        .expect("of one Python")
        .expect("it is listed");
    std::fs::remove_dir_all(lib.path().join("site-packages/demo-2.0.dist-info")).expect("it was just installed");
    assert_eq!(of_pins(), [told("demo-2.0.dist-info", "damage", "missing")], "the last revision asked for it, too");
}

#[test]
fn an_egg_whose_pin_was_raised_is_not_deployed_yet() {
    let Some(deployed) = prepared() else { return };
    let tree = deployed.join("buildout-eggs/tree");
    let checkout = tempfile::tempdir().expect("a temporary directory");
    let top = checkout.path();
    let of_tree = |name: &str| tree.join(name).to_string_lossy().into_owned();
    let (config, versions, source) = (of_tree("buildout.cfg"), of_tree("versions.cfg"), of_tree("src"));
    crate::tools::tool(top, &["cp", "-r", &config, &versions, &source, "."]);
    put(&top.join("rectify.toml"), &format!("packages = false\n[buildout]\ndirectory = \"{}\"\n", tree.display()));
    git(top, &["init", "-q"]);
    commit(top, "as it is deployed");
    let pins = std::fs::read_to_string(top.join("versions.cfg")).expect("it is there");
    assert!(pins.contains("tabulate = 0.9.0"), "{pins}");
    put(&top.join("versions.cfg"), &pins.replace("tabulate = 0.9.0", "tabulate = 0.8.10"));
    let found = |expected: i32| {
        let call = rectify(top, &["check", "--json", "--no-user-defaults"]);
        assert_eq!(call.code, expected, "{}", call.stderr);
        let view: serde_json::Value = serde_json::from_str(&call.stdout).expect("it is JSON");
        let word = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let findings = view["findings"].as_array().expect("a view has findings");
        findings.iter().map(|finding| (word(finding, "class"), word(finding, "damage"))).collect::<Vec<_>>()
    };
    commit(top, "another pin");
    assert_eq!(found(2), [("change".to_owned(), "missing".to_owned())]);
    put(&top.join("README"), "the definition moves on\n");
    commit(top, "something else");
    assert_eq!(found(3), [("damage".to_owned(), "missing".to_owned())], "the last revision asked for it, too");
}

#[test]
fn a_mode_that_the_last_revision_declared_is_not_deployed_yet() {
    let Some(project) = project() else { return };
    let top = project.path();
    for mode in ["640", "600"] {
        let component =
            COMPONENT.replace("VERSION", mode).replace("first of 640", "first").replace("first of 600", "first");
        let component = component.replace(
            "enough to be told\\n')\n        self",
            &format!("enough to be told\\n', mode=0o{mode})\n        self"),
        );
        put(&top.join("components/site/component.py"), &component);
        commit(top, mode);
    }
    let [first, second] = ["first.conf", "second.conf"].map(|name| top.join("work/site").join(name));
    put(&first, "first, long enough to be told\n");
    put(&second, "second of 640, long enough to be told\n");
    let set = |mode: &str| crate::tools::tool(top, &["chmod", mode, &first.to_string_lossy()]);
    set("0640");
    let not_deployed = told("second.conf", "change", "not_deployed");
    assert_eq!(check(top), [told("first.conf", "change", "wrong_mode"), not_deployed.clone()]);
    set("0777");
    assert_eq!(check(top), [told("first.conf", "drift", "wrong_mode"), not_deployed], "no revision declared it");
    set("0640");
    put(&second, "second of 600, long enough to be told\n");
    assert_eq!(check(top), [told("first.conf", "drift", "wrong_mode")], "the rest was deployed");
}

/// Two revisions of a component that makes `first.conf` and one more thing.
pub(crate) fn making(things: [&str; 2]) -> Option<tempfile::TempDir> {
    let project = project()?;
    for thing in things {
        let component = format!(
            "from batou.component import Component\nfrom batou.lib.file import BinaryFile, File, Purge, Symlink\n\n\n\
             class Site(Component):\n\n    def configure(self):\n        \
             self += File('first.conf', content='first, long enough to be told\\n')\n        self += {thing}\n"
        );
        put(&project.path().join("components/site/component.py"), &component);
        commit(project.path(), thing);
    }
    put(&project.path().join("work/site/first.conf"), "first, long enough to be told\n");
    Some(project)
}

#[test]
fn a_link_that_the_last_revision_made_in_the_place_of_a_file_is_not_deployed_yet() {
    let file = "File('current', content='now a file, long enough to be told\\n')";
    let Some(project) = making(["Symlink('current', source='first.conf')", file]) else { return };
    let site = project.path().join("work/site").canonicalize().expect("it is there");
    let link = |target: &str| {
        let (target, link) = (site.join(target), site.join("current"));
        crate::tools::tool(&site, &["ln", "-sfn", &target.to_string_lossy(), &link.to_string_lossy()]);
        check(project.path())
    };
    assert_eq!(link("first.conf"), [told("current", "change", "wrong_kind")]);
    assert_eq!(link("elsewhere"), [told("current", "damage", "wrong_kind")], "no revision made that");
}

#[test]
fn what_the_last_revision_made_and_this_one_removes_is_not_deployed_yet() {
    let Some(project) = making(["File('old', content='of before, long enough to be told\\n')", "Purge('old')"]) else {
        return;
    };
    let live = |text: &str| {
        put(&project.path().join("work/site/old"), text);
        check(project.path())
    };
    assert_eq!(live("of before, long enough to be told\n"), [told("old", "change", "extraneous")]);
    assert_eq!(live("of somebody else, long enough to be told\n"), [told("old", "drift", "extraneous")]);
}

#[test]
fn a_content_of_the_last_revision_that_looks_damaged_is_not_deployed_yet() {
    let made = |letter: &str| format!("BinaryFile('blob', content=b'{letter}' * 4096 + b'\\0' * 4096)");
    let Some(project) = making([&made("a"), "BinaryFile('blob', content=b'b' * 8192)"]) else { return };
    let live = |letter: &str| {
        put(&project.path().join("work/site/blob"), &(letter.repeat(4096) + &"\0".repeat(4096)));
        check(project.path())
    };
    assert_eq!(live("a"), [told("blob", "change", "not_deployed")]);
    assert_eq!(live("c"), [told("blob", "damage", "zeroed")]);
}

#[test]
fn a_working_copy_at_the_commit_that_the_last_revision_declared_is_not_deployed_yet() {
    let Some(project) = project() else { return };
    let top = project.path();
    let source = tempfile::tempdir().expect("a temporary directory");
    git(source.path(), &["init", "-q"]);
    let commits = ["one", "two", "three"].map(|version| {
        put(&source.path().join("file"), version);
        commit(source.path(), version);
        run(source.path(), Path::new("git"), &["rev-parse", "HEAD"]).stdout.trim().to_owned()
    });
    let url = source.path().to_string_lossy();
    for revision in &commits[..2] {
        let component = format!(
            "from batou.component import Component\nfrom batou.lib.git import Clone\n\n\nclass Site(Component):\n\n    \
             def configure(self):\n        self += Clone('{url}', target='copy', revision='{revision}')\n"
        );
        put(&top.join("components/site/component.py"), &component);
        commit(top, revision);
    }
    git(top, &["clone", "-q", &url, "work/site/copy"]);
    let copy = top.join("work/site/copy");
    let at = |commit: &str| {
        git(&copy, &["reset", "-q", "--hard", commit]);
        check(top)
    };
    assert_eq!(at(&commits[1]), []);
    assert_eq!(at(&commits[0]), [told("HEAD", "change", "not_deployed")]);
    assert_eq!(at(&commits[2]), [], "no revision declared it: what it is stays unknown");
    put(&top.join("README"), "the definition moves on\n");
    commit(top, "something else");
    assert_eq!(at(&commits[0]), [told("HEAD", "change", "not_deployed")], "one before the last declared it");
}

#[test]
fn a_directory_that_is_copied_is_known_of_earlier_revisions_too() {
    let Some(project) = project() else { return };
    let top = project.path();
    let component = "\
from batou.component import Component
from batou.lib.file import SyncDirectory


class Site(Component):

    def configure(self):
        self += SyncDirectory('pages', source='pages')
";
    put(&top.join("components/site/component.py"), component);
    let source = top.join("components/site/pages");
    put(&source.join("same.html"), "the same all the time\n");
    put(&source.join("page.html"), "of the first revision\n");
    // In no revision, and deployed with all of them.
    put(&top.join(".gitignore"), "work\ncache\nbuilt*\n");
    put(&top.join("rectify.toml"), "cache = \"cache\"\n");
    put(&source.join("built.js"), "made of something else\n");
    commit(top, "pages");
    crate::tools::tool(top, &["mkdir", "-p", "work/site"]);
    crate::tools::tool(top, &["cp", "-r", "components/site/pages", "work/site/"]);
    put(&source.join("page.html"), "of the second revision\n");
    put(&source.join("more.html"), "only in the second revision\n");
    commit(top, "more pages");
    let changes = [told("more.html", "change", "missing"), told("page.html", "change", "not_deployed")];
    assert_eq!(check(top), changes);
    // Nothing is kept that depends on more than git.
    put(&top.join("work/site/pages/built2.js"), "made later\n");
    put(&source.join("built2.js"), "made later\n");
    assert_eq!(check(top), changes);
    put(&top.join("work/site/pages/more.html"), "only in the second revision\n");
    assert_eq!(check(top), [told("page.html", "damage", "stale")], "the rest was deployed");
}

#[test]
fn what_a_raised_pin_of_a_buildout_and_another_directory_for_an_archive_bring_is_not_deployed_yet() {
    let Some(deployed) = prepared() else { return };
    let tree = deployed.join("tree").to_string_lossy().into_owned();
    let settings = tempfile::NamedTempFile::new().expect("a temporary file");
    // In an overlay that is thrown away.
    let script = format!(
        "cd {tree} && printf '/work\\n/upstream\\n/.appenv\\n__pycache__\\n/.batou-lock\\n' > .gitignore && git init -q . && git add -A \
         && git -c user.name=Somebody -c user.email=somebody@example.org commit -qm deployed \
         && sed -i 's/^tabulate = 0.9.0$/tabulate = 0.8.10/' components/app/versions.cfg && echo '# more' >> components/settings/static/css/site.css \
         && sed -i 's/target=\"handbook\"/target=\"handbook2\"/' components/archives/component.py \
         && exec {} check large --json --no-progress --config {}",
        env!("CARGO_BIN_EXE_rectify"),
        settings.path().display()
    );
    let overlay = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/overlay.sh");
    let call = run(Path::new("/"), &overlay, &[&tree, "sh", "-c", &script]);
    let findings = found(&call);
    let tag = findings.first().map(|(egg, _, _)| egg.clone()).unwrap_or_default();
    assert!(tag.starts_with("tabulate-0.8.10-py3"), "{findings:?}");
    let members = ["handbook2", "README", "show", "chapter1.txt", "chapter2.txt"];
    let mut expected = vec![told(&tag, "change", "missing"), told("versions.cfg", "change", "not_deployed")];
    expected.extend(members.map(|member| told(member, "change", "missing")));
    expected.push(told("site.css", "change", "not_deployed"));
    assert_eq!((call.code, &findings[..]), (2, &expected[..]));
}

/// The definition moves on to a revision with a third file.
fn add_third(project: &Path) {
    let third = "        self += File('third.conf', content='third of three, long enough to be told\\n')\n";
    put(&project.join("components/site/component.py"), &(COMPONENT.replace("VERSION", "two") + third));
    commit(project, "three");
}

#[test]
fn a_file_that_only_the_newest_revision_makes_is_not_deployed_yet() {
    let Some(project) = project() else { return };
    add_third(project.path());
    let (code, findings) = judged(project.path(), "two", "two");
    assert_eq!((code, &findings[..]), (2, &[told("third.conf", "change", "missing")][..]));
}

#[test]
fn a_file_that_is_gone_beside_one_of_a_later_revision_is_lost() {
    let Some(project) = project() else { return };
    let top = project.path();
    add_third(top);
    let component = top.join("components/site/component.py");
    let text = std::fs::read_to_string(&component).expect("it is there");
    put(&component, &text.replace("first of two", "first of four"));
    commit(top, "four");
    let (code, findings) = judged(top, "four", "two");
    assert_eq!((code, &findings[..]), (3, &[told("third.conf", "damage", "missing")][..]));
}

#[test]
fn what_was_made_for_more_than_one_revision_is_lost() {
    let Some(project) = project() else { return };
    let top = project.path();
    add_third(top);
    put(&top.join("README"), "another commit\n");
    commit(top, "four");
    let (code, findings) = judged(top, "two", "two");
    assert_eq!((code, &findings[..]), (3, &[told("third.conf", "damage", "missing")][..]));
}

#[test]
fn what_the_last_revision_did_not_make_is_lost_all_the_same_where_that_one_cannot_be_evaluated() {
    let Some(project) = project() else { return };
    let top = project.path();
    put(&top.join("components/site/component.py"), "this is no Python\n");
    commit(top, "broken");
    add_third(top);
    let (code, findings) = judged(top, "two", "two");
    assert_eq!((code, &findings[..]), (3, &[told("third.conf", "damage", "missing")][..]));
}

#[test]
fn an_old_file_of_a_unit_that_is_not_at_the_newest_revision_is_a_lost_write_all_the_same() {
    let Some(project) = project() else { return };
    let top = project.path();
    put(&top.join("components/site/component.py"), &COMPONENT.replace("VERSION", "three"));
    commit(top, "three");
    let (code, findings) = judged(top, "two", "one");
    let expected = [told("first.conf", "change", "not_deployed"), told("second.conf", "damage", "stale")];
    assert_eq!((code, &findings[..]), (3, &expected[..]));
}

#[test]
fn what_no_revision_makes_was_edited() {
    let Some(project) = project() else { return };
    let (code, findings) = judged(project.path(), "two", "nobody's making");
    assert_eq!((code, &findings[..]), (2, &[told("second.conf", "drift", "edited")][..]));
}

#[test]
fn what_a_revision_makes_is_evaluated_once_where_there_is_a_cache() {
    let Some(project) = project() else { return };
    let top = project.path();
    put(&top.join("rectify.toml"), "cache = \"cache\"\n");
    let expected = judged(top, "one", "one");
    let kept: Vec<_> = std::fs::read_dir(top.join("cache")).expect("it was made").map(Result::unwrap).collect();
    let [file] = kept.as_slice() else { panic!("{kept:?}") };
    assert!(!std::fs::read_to_string(file.path()).expect("it is text").contains("long enough"), "digests only");
    assert_eq!(judged(top, "one", "one"), expected);
    // What the cache says is believed, which shows that it is asked; one that cannot be read is not.
    put(
        &file.path(),
        "{\"complete\": true, \"rows\": [], \"pins\": [], \"metadata\": [], \"opaque\": [], \"sources\": []}",
    );
    assert_ne!(judged(top, "one", "one"), expected);
    put(&file.path(), "[[\"localho");
    assert_eq!(judged(top, "one", "one"), expected);
}

#[test]
fn what_a_revision_makes_is_kept_for_the_library_that_made_it() {
    let Some(project) = project() else { return };
    let top = project.path();
    put(&top.join("rectify.toml"), "cache = \"cache\"\n");
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    // Another environment with the same batou and one distribution more.
    let library = top.join("library");
    let environment = Path::new(&python).ancestors().nth(2).expect("an environment has a bin");
    let version = std::fs::read_dir(environment.join("lib")).expect("it has a lib").next().expect("of one Python");
    let site = version.expect("it can be listed").path().join("site-packages");
    let own = library.join(site.strip_prefix(environment).expect("it is in it"));
    put(&library.join("pyvenv.cfg"), &std::fs::read_to_string(environment.join("pyvenv.cfg")).expect("it has one"));
    std::fs::create_dir_all(library.join("bin")).expect("it can be made");
    let interpreter = std::fs::canonicalize(&python).expect("it is there");
    std::os::unix::fs::symlink(interpreter, library.join("bin/python")).expect("it can be linked");
    put(&own.join("of_the_other.pth"), &format!("{}\n", site.display()));
    put(&own.join("extra-1.0.dist-info/RECORD"), "extra.py,,\n");
    put(&top.join("work/site/first.conf"), "first of one, long enough to be told\n");
    let kept = || std::fs::read_dir(top.join("cache")).map_or(0, Iterator::count);
    let check = |python: &Path| rectify(top, &["check", "e", "--json", "--python", &python.display().to_string()]);
    assert!(check(Path::new(&python)).stdout.contains("\"not_deployed\""));
    assert_eq!(kept(), 1);
    assert!(check(&library.join("bin/python")).stdout.contains("\"not_deployed\""));
    assert_eq!(kept(), 2, "another library may make something else");
    put(&own.join("extra-1.0.dist-info/RECORD"), "extra.py,,\nextra/more.py,,\n");
    assert!(check(&library.join("bin/python")).stdout.contains("\"not_deployed\""));
    assert_eq!(kept(), 3, "so may one that has changed");
}

#[test]
fn older_revisions_that_were_not_asked_are_said() {
    let Some(project) = project() else { return };
    let top = project.path();
    put(&top.join("components/site/component.py"), &COMPONENT.replace("VERSION", "three"));
    commit(top, "three");
    put(&top.join("work/site/first.conf"), "first of three, long enough to be told\n");
    put(&top.join("work/site/second.conf"), "second of one, long enough to be told\n");
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    let check = |revisions: usize| {
        put(&top.join("rectify.toml"), &format!("revisions = {revisions}\n"));
        rectify(top, &["check", "e", "--json", "--python", &python]).stdout
    };
    let few = check(1);
    assert!(few.contains("RCT061") && few.contains("\"edited\""), "{few}");
    let enough = check(2);
    assert!(!enough.contains("RCT061") && enough.contains("\"stale\""), "{enough}");
    let none = check(0);
    assert!(!none.contains("RCT061") && none.contains("\"edited\""), "{none}");
}

#[test]
fn a_revision_that_cannot_be_evaluated_is_skipped_and_said() {
    let Some(project) = project() else { return };
    let top = project.path();
    put(&top.join("components/site/component.py"), "this is no Python\n");
    commit(top, "three");
    put(&top.join("components/site/component.py"), &COMPONENT.replace("VERSION", "four"));
    commit(top, "four");
    put(&top.join("work/site/first.conf"), "first of two, long enough to be told\n");
    put(&top.join("work/site/second.conf"), "second of two, long enough to be told\n");
    let python = std::env::var("RECTIFY_BATOU_PYTHON").expect("it was asked for before");
    let call = rectify(top, &["check", "e", "--json", "--python", &python]);
    assert!(call.stdout.contains("RCT060"), "{}", call.stdout);
    assert!(call.stdout.contains("\"not_deployed\""), "the revision before it is still asked: {}", call.stdout);
}
