//! `collective.recipe.omelette`, its tree of links held against the real one.

use super::tree::{self, Tree};
use super::whole::assert_all_known;
use super::{Case, Run, check};
use rectify::model::artifact::{Expected, Ownership};

const SETUP: &str = r#"from setuptools import setup
setup(name="nsd.demo", version="1.0", packages=["nsd.inner"], package_dir={"": "src"}, install_requires=["six"])
"#;

const PARTS: &str = "
[all]
recipe = collective.recipe.omelette
eggs =
    zope.event
    zope.deprecation
    tabulate
    nsd.demo
packages =
    pk
    ${buildout:directory}/pk zope
    pk deep/er
    too many words

[few]
recipe = collective.recipe.omelette
eggs = nsd.demo
    zope.event
ignore-develop = true
ignores = six setuptools
location = ${buildout:directory}/farm

[itself]
recipe = collective.recipe.omelette
";

fn tree(python: &str, version: &str) -> Tree {
    let configuration = format!(
        "[buildout]\ndevelop = demo\nparts = all few itself\n[versions]\ncollective.recipe.omelette = {version}\n\
         zc.recipe.egg = 3.0.0\nsix = 1.17.0\nzope.event = 5.0\nzope.deprecation = 5.0\ntabulate = 0.9.0\n{PARTS}"
    );
    Tree::of(
        python,
        &[
            ("demo/setup.py", SETUP),
            ("demo/src/nsd/inner/__init__.py", ""),
            ("pk/alpha/__init__.py", ""),
            ("pk/beta/module.py", ""),
            ("pk/.hidden/module.py", ""),
            ("pk/file.txt", ""),
            ("buildout.cfg", &configuration),
        ],
    )
}

/// Of version 3.0.0.
const CASES: &[Case] = &[
    Case { name: "lost link", path: "parts/all/tabulate", damage: Tree::remove, run: Run::Repairs },
    Case { name: "stray link", path: "farm/zope/event", damage: Tree::relink, run: Run::Repairs },
    Case { name: "file for a link", path: "parts/all/zope/alpha", damage: Tree::replace, run: Run::Repairs },
    Case { name: "lost namespace", path: "parts/all/zope", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost tree", path: "farm", damage: Tree::remove, run: Run::Repairs },
];

/// Of version 1.1.1.
const OLD_CASES: &[Case] = &[
    Case { name: "stale __init__.py", path: "parts/all/deep/__init__.py", damage: Tree::edit, run: Run::Repairs },
    Case { name: "random __init__.py", path: "parts/all/zope/__init__.py", damage: Tree::scramble, run: Run::Repairs },
];

#[test]
fn an_omelette_is_known_link_by_link_and_healed_by_every_run() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        for (version, cases) in [("1.1.1", OLD_CASES), ("3.0.0", CASES)] {
            let tree = tree(python, version);
            let judged = tree.judge();
            assert_eq!(judged.problems(), Vec::<String>::new(), "{python} {version}");
            let links = ["parts/all", "farm", "parts/itself"].map(|place| assert_all_known(&tree, &judged, place));
            assert!(links[0] >= 12 && links[1] >= 2 && links[2] >= 3, "{links:?}");
            let top = &judged.artifact(&tree.path("parts/all/zope")).expected;
            assert_eq!(*top, Expected::Directory { ownership: Ownership::Complete }, "{version}");
            for case in cases {
                check(&tree, case, case.path, &format!("{python} {version}: {}", case.name));
            }
        }
    }
}

#[test]
fn what_an_omelette_did_not_take_from_an_egg_is_found() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        let tree = tree(python, "3.0.0");
        tree.replace("parts/all/zope/stranger");
        let judged = tree.judge();
        assert!(judged.finding(&tree.path("parts/all/zope/stranger")).is_some(), "{:?}", judged.problems());
        assert_eq!(judged.findings.findings.len(), 1, "{:?}", judged.problems());
    }
}
