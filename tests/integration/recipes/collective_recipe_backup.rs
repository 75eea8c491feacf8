//! `collective.recipe.backup`, its scripts held against the real ones.

use super::tree::{self, Tree};
use super::whole::assert_all_known;
use super::{Case, Run, check};

/// Stands for a Zope part: the recipe compares names in lower case, and a name in capitals is nobody else's.
const ZOPE: &str = r#"from setuptools import setup
setup(name="Plone.Recipe.Zope2Instance", version="1.0", py_modules=["fake"],
      entry_points={"zc.buildout": ["default = fake:Recipe"]})
"#;

const FAKE: &str = "class Recipe:
    def __init__(self, buildout, name, options):
        pass
    def install(self):
        return ()
    update = install
";

const PARTS: &str = "
[backup]
recipe = collective.recipe.backup
blob_storage = var/blobs//

[nightly]
recipe = collective.recipe.backup
blob-storage = ${buildout:directory}/var/blobs
keep = 5
keep_blob_days = 7
debug = on
full = Yes
use_rsync = false
enable_zipbackup = 1
enable_snapshotrestore = no
rsync_options = --no-l -k
pre_command =
    echo 'one' \\
    && echo \"two\"
post_command = it's
locationprefix = here/../elsewhere
blobbackuplocation = here/./blobs
incremental_blobs = true
blob_timestamps = true
compress_blob = true
%(more)s

[data-only]
recipe = collective.recipe.backup
eggs = tabulate
backup_blobs = false
datafs = var/../data/Data.fs
";

fn tree(python: &str, version: &str) -> Tree {
    let (zope, more) = if version.starts_with('4') {
        (String::new(), "enable_fullbackup = true\ngzip = false\ngzip_blob = true")
    } else {
        let zope = "\n[zope]\nrecipe = Plone.Recipe.Zope2Instance\nvar = stuff\nblob-storage = var/of/zope\n\n[zoped]\nrecipe = collective.recipe.backup\n";
        (
            zope.to_owned(),
            "rsync_hard_links_on_first_copy = true\nalternative_restore_source =\n    # none\n    Data alt/fs alt/blobs",
        )
    };
    let parts = if zope.is_empty() { "" } else { "zope zoped" };
    let configuration = format!(
        "[buildout]\ndevelop = zope\nparts = backup nightly data-only {parts}\n[versions]\ncollective.recipe.backup = {version}\n\
         zc.recipe.egg = 3.0.0\ntabulate = 0.9.0\n{}{zope}",
        PARTS.replace("%(more)s", more)
    );
    Tree::of(python, &[("zope/setup.py", ZOPE), ("zope/fake.py", FAKE), ("buildout.cfg", &configuration)])
}

const CASES: &[Case] = &[
    Case { name: "edited", path: "bin/nightly-restore", damage: Tree::edit, run: Run::Repairs },
    Case { name: "lost", path: "bin/restore", damage: Tree::remove, run: Run::Repairs },
    Case { name: "zeroed", path: "bin/snapshotbackup", damage: Tree::zero, run: Run::Repairs },
    Case { name: "undecodable", path: "bin/backup", damage: Tree::scramble, run: Run::Aborts },
    Case { name: "without x", path: "bin/nightly", damage: Tree::forbid, run: Run::Ignores },
];

#[test]
fn the_scripts_of_backups_are_known_byte_for_byte_and_compared_by_every_run() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        for (version, count, cases) in [("4.2.0", 14, &CASES[..1]), ("6.0.0", 18, CASES)] {
            let tree = tree(python, version);
            let judged = tree.judge();
            assert_eq!(judged.problems(), Vec::<String>::new(), "{python} {version}");
            assert_eq!(assert_all_known(&tree, &judged, "bin"), count, "{python} {version}");
            for case in cases {
                check(&tree, case, case.path, &format!("{python} {version}: {}", case.name));
            }
        }
    }
}
