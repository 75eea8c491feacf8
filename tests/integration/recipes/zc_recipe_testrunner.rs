//! `zc.recipe.testrunner`, held against the real one.

use super::tree::{Tree, pythons};
use super::{Case, Run, assert_sound, check_all};

const SETUP: &str = r#"from setuptools import setup, find_packages
setup(name="demo", version="1.0", packages=find_packages("src"), package_dir={"": "src"})
"#;

const CONFIGURATION: &str = "\
[buildout]
develop = demo
versions = versions
parts = test relative elsewhere

[versions]
zc.recipe.testrunner = VERSION
zope.testrunner = 8.3
zope.interface = 8.7
zope.exceptions = 6.0
colorama = 0.4.6

[variables]
Z = a ' b
A = x\"y'z
M = two
    lines

[test]
recipe = zc.recipe.testrunner
eggs = demo
    colorama
defaults = ['--auto-color', '-v']

[relative]
recipe = zc.recipe.testrunner:default
eggs = demo
relative-paths = true
environment = variables
initialization =
    import sys
    sys.x = 1

[elsewhere]
recipe = zc.recipe.testrunner
eggs = colorama
script = t2
working-directory = demo/src
relative-paths = true
extra-paths = /opt/x
";

const CASES: &[Case] = &[
    Case { name: "edited script", path: "bin/test", damage: Tree::edit, run: Run::Repairs },
    Case { name: "zeroed script", path: "bin/relative", damage: Tree::zero, run: Run::Repairs },
    Case { name: "undecodable script", path: "bin/t2", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "lost script", path: "bin/t2", damage: Tree::remove, run: Run::Repairs },
    Case { name: "script without x", path: "bin/test", damage: Tree::forbid, run: Run::Ignores },
    Case { name: "lost directory", path: "parts/test", damage: Tree::remove, run: Run::Repairs },
];

#[test]
fn what_zc_recipe_testrunner_writes_is_known_byte_for_byte_and_healed_as_we_say() {
    for python in pythons() {
        for version in ["4.1.1", "5.0"] {
            let files = [
                ("buildout.cfg", CONFIGURATION.replace("VERSION", version)),
                ("demo/setup.py", SETUP.to_owned()),
                ("demo/src/demo/__init__.py", String::new()),
            ];
            let tree = Tree::of(&python, &files.each_ref().map(|(path, text)| (*path, text.as_str())));
            let judged = tree.judge();
            assert_sound(&tree, &judged, &["bin/test", "bin/relative", "bin/t2"]);
            assert_eq!(judged.artifact(&tree.path("bin/test")).mode, Some(0o755));
            assert_eq!(judged.unverified_below(&tree.path("parts")), Vec::<String>::new());
            if version == "5.0" {
                check_all(&tree, CASES);
            }
        }
    }
}
