//! `zc.recipe.egg:custom` and `:develop`: what they make for other parts.

use super::tree::{self, Tree};
use super::whole::assert_all_known;
use super::{Case, Run, check};

const SETUP: &str = "from setuptools import setup\nsetup(name='demo', version='1.0', py_modules=['demo'])\n";

const PARTS: &str = "
[six]
recipe = zc.recipe.egg:custom
egg = six
define = X

[link]
recipe = zc.recipe.egg:develop
setup = demo

[python]
recipe = zc.recipe.egg
eggs =
    six
    demo
interpreter = py
";

fn tree(python: &str, version: &str) -> Tree {
    let configuration =
        format!("[buildout]\nparts = six link python\n[versions]\nzc.recipe.egg = {version}\nsix = 1.17.0\n{PARTS}");
    Tree::of(python, &[("demo/setup.py", SETUP), ("demo/demo.py", ""), ("buildout.cfg", &configuration)])
}

#[test]
fn what_was_built_or_linked_for_a_buildout_is_missed_and_made_again() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        for version in ["3.0.0", "6.0.0"] {
            let tree = tree(python, version);
            let judged = tree.judge();
            assert_eq!(judged.problems(), Vec::<String>::new(), "{python} {version}");
            assert_eq!(assert_all_known(&tree, &judged, "bin/py"), 1);
            let built = judged.manifest.artifacts.iter().find(|artifact| {
                artifact.path.is_below(&tree.path("develop-eggs")) && artifact.path.name().ends_with(b".egg")
            });
            let built = built.expect("it is expected").path.display().into_owned();
            let built = built.rsplit_once("develop-eggs/").expect("it lies there").1;
            let paths = [format!("develop-eggs/{built}"), "develop-eggs/demo.egg-link".to_owned()];
            // Both versions do the same.
            for path in paths.iter().filter(|_| version == "6.0.0") {
                let case = Case { name: "lost", path: "", damage: Tree::remove, run: Run::Repairs };
                check(&tree, &case, path, &format!("{python} {version}: {path}"));
            }
        }
    }
}
