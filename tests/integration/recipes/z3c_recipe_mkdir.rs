//! `z3c.recipe.mkdir` and `ore.recipe.fs:mkdir`, held against the real ones.

use super::tree::{Tree, pythons};
use super::{Case, Run, assert_sound, check_all};
use rectify::model::artifact::{Expected, Principal};

const CONFIGURATION: &str = "\
[buildout]
versions = versions
parts = plain several owned temporary once where

[versions]
z3c.recipe.mkdir = VERSION
ore.recipe.fs = 0.3.1

[plain]
recipe = z3c.recipe.mkdir

[several]
recipe = z3c.recipe.mkdir
paths =
    var/log
    ${buildout:directory}/var/deep/../data/

    var/deep/er
mode = 0750

[owned]
recipe = z3c.recipe.mkdir:default
paths = ${buildout:directory}/owned
user = root
group = root
mode = 700
create-intermediate = no

[temporary]
recipe = z3c.recipe.mkdir
paths = tmp/x
remove-on-update = yes

[once]
recipe = ore.recipe.fs:mkdir
path = once/made
createpath = true

[where]
recipe = collective.recipe.template
inline = ${plain:paths} ${owned:paths}
output = where.txt
";

const CASES: &[Case] = &[
    Case { name: "lost directory", path: "var/data", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost directory of a part's own", path: "parts/plain", damage: Tree::remove, run: Run::Repairs },
    Case { name: "directory of another mode", path: "var/log", damage: Tree::forbid, run: Run::Repairs },
    Case { name: "lost recorded directory", path: "tmp/x", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost directory of ore.recipe.fs", path: "once/made", damage: Tree::remove, run: Run::Ignores },
];

#[test]
fn directories_are_expected_as_the_recipes_make_them_and_healed_as_we_say() {
    for python in pythons() {
        for version in ["1.1", "2.1"] {
            let configuration = CONFIGURATION.replace("VERSION", version);
            let tree = Tree::of(&python, &[("buildout.cfg", &configuration)]);
            let judged = tree.judge();
            assert_sound(&tree, &judged, &["where.txt"]);
            for (path, mode) in [
                ("parts/plain", None),
                ("var/log", Some(0o750)),
                ("var/data", Some(0o750)),
                ("var/deep/er", Some(0o750)),
                ("owned", Some(0o700)),
                ("tmp/x", None),
                ("once/made", None),
            ] {
                let artifact = judged.artifact(&tree.path(path));
                assert!(matches!(artifact.expected, Expected::Directory { .. }), "{path}: {:?}", artifact.expected);
                assert_eq!(artifact.mode, mode, "{path}");
            }
            let owned = judged.artifact(&tree.path("owned"));
            assert_eq!(
                (&owned.owner, &owned.group),
                (&Some(Principal::Name("root".into())), &Some(Principal::Name("root".into())))
            );
            if version == "2.1" {
                check_all(&tree, CASES);
            }
        }
    }
}
