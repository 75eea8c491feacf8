//! `collective.recipe.template`, held against the real one.

use super::tree::{Tree, pythons};
use super::{Case, Run, assert_sound, check_all};
use rectify::model::artifact::{Content, Expected};
use rectify::model::eval::WhyKind;

const CONFIGURATION: &str = "\
[buildout]
versions = versions
parts = file inline old once ctl made secret

[versions]
collective.recipe.template = VERSION

[settings]
name = shop $${settings:name}
password = hunter22

[egg]
recipe = zc.recipe.egg:eggs
eggs =

[file]
recipe = collective.recipe.template
input = templates/app.conf.in
output = etc/deep/app.conf
port = 8080
host = h\u{e9}
mode = 0640

[inline]
recipe = collective.recipe.template:default
inline =

      two ${settings:name}
    one $${:port} $${port}
      three
port = 80
output = ${buildout:directory}/inline.txt

[old]
recipe = collective.recipe.template
input = inline:
    #!/bin/sh
    exec ${inline:port} $${port} \"$@\"
port = x
output = bin/old
mode = 0o755

[once]
recipe = collective.recipe.template
input = templates/app.conf.in
output = once.conf
overwrite = no
port = 1
host = 2

[ctl]
recipe = collective.recipe.template
input = templates/ctl.in
output = bin/ctl

[made]
recipe = collective.recipe.template
inline = ${egg:eggs-directory} ${egg:_d} ${buildout:bin-directory}
output = made.txt

[secret]
recipe = collective.recipe.template
input = templates/secret.in
output = secret.txt
";

const TEMPLATE: &str = "\u{feff}port ${port}\r\nhost ${:host} of ${settings:name} in ${buildout:parts-directory}
$${port} $$ $ {port} ${buildout:directory}
eggs ${egg:eggs-directory} part ${inline:_buildout_section_name_} ${file:port}
";

const CASES: &[Case] = &[
    Case { name: "edited output", path: "etc/deep/app.conf", damage: Tree::edit, run: Run::Repairs },
    Case { name: "random output", path: "inline.txt", damage: Tree::scramble, run: Run::Repairs },
    Case { name: "lost output", path: "bin/old", damage: Tree::remove, run: Run::Repairs },
    Case { name: "zeroed output", path: "bin/ctl", damage: Tree::zero, run: Run::Repairs },
    Case { name: "output without x", path: "bin/ctl", damage: Tree::forbid, run: Run::Ignores },
    Case { name: "output of another mode", path: "etc/deep/app.conf", damage: Tree::forbid, run: Run::Ignores },
    Case { name: "lost output that is written once", path: "once.conf", damage: Tree::remove, run: Run::Repairs },
];

fn tree(python: &str, version: &str) -> Tree {
    let configuration = CONFIGURATION.replace("VERSION", version);
    let files = [
        ("buildout.cfg", configuration.as_str()),
        ("templates/app.conf.in", TEMPLATE),
        ("templates/ctl.in", "#!/bin/sh\nexec ${buildout:directory}/bin/x\n"),
        ("templates/secret.in", "password = ${settings:password}\n"),
    ];
    let tree = Tree::of(python, &files);
    tree.allow("templates/ctl.in");
    tree.remove("bin/ctl");
    assert_eq!(tree.run(), 0, "buildout runs with an executable template");
    tree
}

#[test]
fn what_collective_recipe_template_writes_is_known_byte_for_byte_and_healed_as_we_say() {
    for python in pythons() {
        for version in ["2.2", "3.0.0"] {
            let tree = tree(&python, version);
            let judged = tree.judge();
            assert_sound(&tree, &judged, &["etc/deep/app.conf", "inline.txt", "bin/old", "bin/ctl", "made.txt"]);
            let mode = |path: &str| judged.artifact(&tree.path(path)).mode;
            assert_eq!(
                ["etc/deep/app.conf", "inline.txt", "bin/old", "bin/ctl"].map(mode),
                [Some(0o640), None, Some(0o755), Some(0o755)]
            );
            let why = |path: &str| match &judged.artifact(&tree.path(path)).expected {
                Expected::File(Content::Unknown(why)) => why.kind,
                other => panic!("{path} is known: {other:?}"),
            };
            assert_eq!((why("once.conf"), why("secret.txt")), (WhyKind::NoReference, WhyKind::Secret));
            if version == "3.0.0" {
                check_all(&tree, CASES);
                a_damaged_template_is_not_believed(&tree);
            }
        }
    }
}

/// What no definition vouches for is believed as it is; what is no text is not.
fn a_damaged_template_is_not_believed(tree: &Tree) {
    tree.scramble("templates/app.conf.in");
    let judged = tree.judge();
    assert!(matches!(
        &judged.artifact(&tree.path("etc/deep/app.conf")).expected,
        Expected::File(Content::Unknown(why)) if why.kind == WhyKind::LiveTree
    ));
    assert_ne!(tree.run(), 0, "buildout stops at a template that is no text");
}

const DEPLOYED: &str = "\
[buildout]
versions = versions
parts = note

[versions]
collective.recipe.template = 3.0.0

[note]
recipe = collective.recipe.template
inline = as deployed, and long enough to be told
output = note.txt
";

#[test]
fn what_an_earlier_commit_made_is_a_change_that_is_not_deployed() {
    for python in pythons() {
        let tree = Tree::of(&python, &[("buildout.cfg", DEPLOYED)]);
        let place = tree.path("").display().into_owned();
        let root = std::path::Path::new(&place);
        let commit = || {
            crate::tools::tool(root, &["git", "add", "buildout.cfg"]);
            crate::tools::tool(root, &["git", "commit", "-qm", "x"]);
        };
        crate::tools::tool(root, &["git", "init", "-q"]);
        commit();
        crate::tools::write(&root.join("buildout.cfg"), DEPLOYED.replace("as deployed", "as it shall be"));
        commit();
        let call = ["check", "--json", "--no-progress", "--no-user-defaults", "--python", &python];
        let told = crate::program::rectify(root, &call);
        assert_eq!(told.code, 2, "{told:?}");
        let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("it is JSON");
        let findings = told["findings"].as_array().expect("there are findings");
        let about: Vec<_> = findings.iter().map(|one| (&one["class"], &one["damage"])).collect();
        assert_eq!(about, [(&"change".into(), &"not_deployed".into())], "{findings:#?}");
    }
}
