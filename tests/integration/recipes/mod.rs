//! What we say that buildout makes, notices and deletes, held against the real zc.buildout.
//!
//! Needs Pythons with zc.buildout, and the package index they are configured for:
//! `RECTIFY_BUILDOUT_PYTHONS=/path/6.0.1/bin/python:/path/3.3/bin/python`.

mod cmmi;
mod collective_recipe_backup;
mod collective_recipe_omelette;
mod collective_recipe_supervisor;
mod collective_recipe_template;
mod djangorecipe;
mod hexagonit_recipe_download;
mod kept_eggs;
mod known;
mod plone_recipe_command;
mod plone_recipe_zeoserver;
mod plone_recipe_zope2instance;
mod tree;
mod wheels;
mod whole;
mod z3c_recipe_mkdir;
mod zc_recipe_egg;
mod zc_recipe_testrunner;

use rectify::model::artifact::{Aborts, Content, Expected, Vigilance};
use rectify::model::finding::Finding;
use tree::{Judged, Tree};

/// What an ordinary run does about a damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// Succeeds and makes it right.
    Repairs,
    /// Succeeds and leaves it.
    Ignores,
    /// Fails.
    Aborts,
}

/// A damage, and what we claim about it.
struct Case {
    name: &'static str,
    /// Relative to the tree, `{egg:NAME}` for an egg's directory and `{info:NAME}` for its metadata. Passed over where
    /// this generation of buildout makes no such file.
    path: &'static str,
    damage: fn(&Tree, &str),
    run: Run,
}

const CASES: &[Case] = &[
    Case { name: "random egg module", path: "{egg:six}/six.py", damage: Tree::scramble, run: Run::Ignores },
    Case {
        name: "lost egg module",
        path: "{egg:tabulate}/tabulate/version.py",
        damage: Tree::remove,
        run: Run::Ignores,
    },
    Case { name: "lost egg", path: "{egg:colorama}", damage: Tree::remove, run: Run::Repairs },
    Case {
        name: "random recipe module",
        path: "{egg:zc.recipe.egg}/zc/recipe/egg/custom.py",
        damage: Tree::scramble,
        run: Run::Aborts,
    },
    Case { name: "lost RECORD", path: "{info:six}/RECORD", damage: Tree::remove, run: Run::Ignores },
    Case { name: "cut RECORD", path: "{info:six}/RECORD", damage: Tree::halve, run: Run::Ignores },
    Case { name: "random metadata", path: "{info:six}/METADATA", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "random old metadata", path: "{info:six}/PKG-INFO", damage: Tree::scramble, run: Run::Ignores },
    Case {
        name: "lost entry points",
        path: "{info:tabulate}/entry_points.txt",
        damage: Tree::remove,
        run: Run::Ignores,
    },
    Case { name: "edited script", path: "bin/tab2", damage: Tree::edit, run: Run::Repairs },
    Case { name: "lost script", path: "bin/demo-x", damage: Tree::remove, run: Run::Repairs },
    Case { name: "zeroed script", path: "bin/foo2", damage: Tree::zero, run: Run::Repairs },
    Case { name: "undecodable script", path: "bin/reldemo", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "script without x", path: "bin/py", damage: Tree::forbid, run: Run::Ignores },
    Case { name: "lost develop link", path: "develop-eggs/demo.egg-link", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost .installed.cfg", path: ".installed.cfg", damage: Tree::remove, run: Run::Repairs },
    Case { name: "zeroed .installed.cfg", path: ".installed.cfg", damage: Tree::zero, run: Run::Aborts },
    Case { name: "random .installed.cfg", path: ".installed.cfg", damage: Tree::scramble, run: Run::Aborts },
];

#[test]
fn a_fresh_buildout_is_sound_and_its_scripts_are_known_byte_for_byte() {
    for python in tree::pythons() {
        let tree = Tree::build(&python);
        let judged = tree.judge();
        assert_eq!(judged.problems(), Vec::<String>::new(), "{python}");
        for script in ["demo", "demo-x", "foo2", "py", "reldemo", "relpy", "tab2", "tabulate"] {
            let artifact = judged.artifact(&tree.path(&format!("bin/{script}")));
            let Expected::File(Content::Unordered { bytes, from, to }) = &artifact.expected else {
                panic!("{python}: bin/{script} is not known: {:?}", artifact.expected)
            };
            let live = tree.read(&format!("bin/{script}"));
            assert_eq!(sorted(&live, *from, *to), sorted(&bytes.0, *from, *to), "{python}: bin/{script}");
            assert_eq!(artifact.mode, Some(0o755), "{python}: bin/{script}");
        }
        // 69 files in the seven eggs, besides byte code; the environment is another rule's.
        let eggs = tree.path("eggs");
        let digests = judged.digests_below(&eggs);
        assert!(digests >= 60, "{python}: only {digests} files of eggs are verified");
        let below = judged.unverified_below(&tree.path("eggs"));
        assert!(below.iter().all(|path| is_known_to_be_unknown(path)), "{python}: {below:#?}");
    }
}

/// Byte code, and what setuptools makes of METADATA.
fn is_known_to_be_unknown(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.rsplit('.').next() == Some("pyc") || name == "requires.txt")
}

/// A script with its unordered lines in order.
fn sorted(text: &[u8], from: usize, to: usize) -> String {
    let text = String::from_utf8(text.to_vec()).expect("a script is text");
    let mut lines: Vec<&str> = text[from..to].lines().collect();
    lines.sort_unstable();
    format!("{}{}\n{}", &text[..from], lines.join("\n"), &text[to..])
}

#[test]
fn buildout_notices_repairs_and_deletes_what_we_say_it_does() {
    for python in tree::pythons() {
        let tree = Tree::build(&python);
        for case in CASES {
            let path = tree.expand(case.path);
            if tree.lacks(&path) {
                continue;
            }
            check(&tree, case, &path, &format!("{python}: {}", case.name));
        }
    }
}

/// Checks cases in a tree of one recipe.
fn check_all(tree: &Tree, cases: &[Case]) {
    for case in cases {
        let path = tree.expand(case.path);
        check(tree, case, &path, case.name);
    }
}

/// Asserts that a tree has no findings, and that each of these files is known byte for byte, as it is there.
fn assert_sound(tree: &Tree, judged: &Judged, files: &[&str]) {
    assert_eq!(judged.problems(), Vec::<String>::new());
    for file in files {
        let live = tree.read(file);
        match &judged.artifact(&tree.path(file)).expected {
            Expected::File(Content::Bytes(bytes)) => {
                assert_eq!(String::from_utf8_lossy(&live), String::from_utf8_lossy(&bytes.0), "{file}");
            }
            Expected::File(Content::Unordered { bytes, from, to }) => {
                assert_eq!(sorted(&live, *from, *to), sorted(&bytes.0, *from, *to), "{file}");
            }
            other => panic!("{file} is not known: {other:?}"),
        }
    }
}

fn check(tree: &Tree, case: &Case, path: &str, name: &str) {
    (case.damage)(tree, path);
    let judged = tree.judge();
    let finding =
        judged.finding(&tree.path(path)).unwrap_or_else(|| panic!("{name}: not found: {:?}", judged.problems()));
    let claimed = claimed(&judged, finding);
    assert_eq!(claimed, case.run, "{name}: what the mend says");
    let code = tree.run();
    let after = tree.judge();
    let same = after.finding(&tree.path(path)).is_some();
    match case.run {
        Run::Repairs => assert!(code == 0 && after.problems().is_empty(), "{name}: {code} {:?}", after.problems()),
        Run::Ignores => assert!(code == 0 && same, "{name}: {code} {:?}", after.problems()),
        Run::Aborts => assert!(code != 0, "{name}: it should have failed"),
    }
    // What a run could not mend is made anew by force, damaged as it was before.
    (case.damage)(tree, path);
    let judged = tree.judge();
    for finding in &judged.findings.findings {
        tree.force(&judged, finding);
    }
    let code = tree.run();
    let after = tree.judge();
    assert!(code == 0 && after.problems().is_empty(), "{name}: forced: {code} {:?}", after.problems());
}

/// What the mend of a finding says about an ordinary run.
fn claimed(judged: &Judged, finding: &Finding) -> Run {
    use rectify::model::finding::Damage;
    let mend = judged.manifest.mend(finding.mend.expect("every artifact has a mend"));
    let missing = finding.damage == Damage::Missing;
    let undecodable = judged.is_undecodable(&finding.path);
    let aborts = match mend.aborts {
        Aborts::Never | Aborts::OnWrongKind => false,
        Aborts::OnUndecodable => undecodable,
        Aborts::Always => !missing,
    };
    if aborts {
        return Run::Aborts;
    }
    let vigilance = match finding.damage {
        Damage::WrongMode => mend.metadata,
        _ => mend.vigilance,
    };
    match vigilance {
        Vigilance::Content => Run::Repairs,
        Vigilance::Absence | Vigilance::Age if missing => Run::Repairs,
        Vigilance::Absence | Vigilance::Age | Vigilance::Nothing => Run::Ignores,
    }
}
