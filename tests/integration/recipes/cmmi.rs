//! `zc.recipe.cmmi`, `hexagonit.recipe.cmmi` and `zc.recipe.egg:custom`: what they compile is nobody's to know, but that it
//! is gone is seen. Also the order of parts that follows from the sections that two of them ask for.

use super::tree::{self, Tree};
use super::{Case, Run, check};
use rectify::model::content::Algorithm;
use rectify::model::hasher::digest_of;

const CONFIGURE: &str = "#!/bin/sh
prefix=${1#--prefix=}
printf 'all:\\n\\tdate > built\\ninstall:\\n\\tmkdir -p %s/bin && cp built %s/bin/\\n' \"$prefix\" \"$prefix\" > Makefile
";

fn package() -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(encoder);
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(CONFIGURE.len() as u64);
    builder.append_data(&mut header, "demo-1.0/configure", CONFIGURE.as_bytes()).expect("it can be added");
    builder.into_inner().expect("it can be finished").finish().expect("it can be finished")
}

const PARTS: &str = "
[plain]
recipe = zc.recipe.cmmi
url = file://%(archive)
md5sum = %(md5)

[elsewhere]
recipe = zc.recipe.cmmi
url = file://%(archive)
location = ${buildout:directory}/opt

[hexagon]
recipe = hexagonit.recipe.cmmi
url = file://%(archive)
md5sum = %(md5)
keep-compile-dir = true
";

fn tree(python: &str, version: &str) -> (Tree, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (archive, bytes) = (directory.path().join("demo-1.0.tar.gz"), package());
    crate::tools::write(&archive, &bytes);
    let parts = PARTS
        .replace("%(archive)", archive.to_str().expect("it is text"))
        .replace("%(md5)", &digest_of(Algorithm::Md5, &bytes).hex());
    let configuration = format!(
        "[buildout]\nparts = plain elsewhere hexagon\n[versions]\nzc.recipe.cmmi = {version}\n\
         hexagonit.recipe.cmmi = 2.0\nhexagonit.recipe.download = 1.7.1\n{parts}"
    );
    let tree = Tree::of(python, &[("opt/other.txt", ""), ("buildout.cfg", &configuration)]);
    (tree, directory)
}

#[test]
fn builds_that_are_gone_are_built_again() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        let lost = ["parts/plain", "opt/elsewhere", "parts/hexagon", "parts/hexagon__compile__"];
        for (version, lost) in [("3.0.0", &lost[..1]), ("5.1", &lost[..])] {
            let (tree, _archives) = tree(python, version);
            let judged = tree.judge();
            assert_eq!(judged.problems(), Vec::<String>::new(), "{python} {version}");
            let unknown = judged.unverified_below(&tree.path("parts"));
            let built = tree.path("parts/plain/bin/built").to_string();
            assert!(unknown.contains(&built), "{unknown:?}");
            for path in lost.iter().copied() {
                let case = Case { name: "lost build", path, damage: Tree::remove, run: Run::Repairs };
                check(&tree, &case, path, &format!("{python} {version}: {path}"));
            }
        }
    }
}

const ASKING: &str = "[buildout]
parts = hexagon custom
[versions]
hexagonit.recipe.cmmi = 2.0
hexagonit.recipe.download = 1.7.1
[hexagon]
recipe = hexagonit.recipe.cmmi
url = file://%(archive)
environment-section = made
[made]
recipe = zc.recipe.egg
eggs = tabulate
[custom]
recipe = zc.recipe.egg:custom
egg = iniparse
environment = colours
[colours]
recipe = zc.recipe.egg
eggs = colorama
";

#[test]
fn sections_that_a_recipe_asks_for_when_it_starts_are_installed_before_its_part() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let archive = directory.path().join("demo-1.0.tar.gz");
        crate::tools::write(&archive, package());
        let configuration = ASKING.replace("%(archive)", archive.to_str().expect("it is text"));
        let tree = Tree::of(python, &[("buildout.cfg", &configuration)]);
        let installed = String::from_utf8(tree.read(".installed.cfg")).expect("it is text");
        let order = installed.lines().find_map(|line| line.strip_prefix("parts = ")).expect("it tells the parts");
        assert_eq!(order, "made hexagon colours custom", "{python}");
        assert_eq!(tree.parts().join(" "), order, "{python}");
    }
}
