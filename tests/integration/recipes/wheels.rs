//! Eggs whose wheels are kept in the download cache: a wheel is believed before the RECORD in the egg.

use super::tree::{self, Tree};
use super::{Case, Run, check};
use rectify::model::finding::Damage;

const CONFIGURATION: &str = "[buildout]
parts = tabulate
download-cache = cache
[versions]
tabulate = 0.9.0
zc.recipe.egg = 3.0.0
[tabulate]
recipe = zc.recipe.egg
";

const RECORD: &str = "{info:tabulate}/RECORD";
const MODULE: &str = "{egg:tabulate}/tabulate/version.py";

/// Another digest for the module, as if from another version.
fn stale(tree: &Tree, path: &str) {
    let text = String::from_utf8(tree.read(path)).expect("it is text");
    let (before, rest) = text.split_once("tabulate/version.py,sha256=").expect("it has the row");
    let changed: String = rest.chars().enumerate().map(|(at, c)| if at == 0 { other(c) } else { c }).collect();
    tree.put(path, format!("{before}tabulate/version.py,sha256={changed}").as_bytes());
}

fn other(character: char) -> char {
    if character == 'A' { 'B' } else { 'A' }
}

/// The row of the module is gone.
fn forgetful(tree: &Tree, path: &str) {
    let text = String::from_utf8(tree.read(path)).expect("it is text");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("tabulate/version.py")).collect();
    tree.put(path, (kept.join("\n") + "\n").as_bytes());
}

#[test]
fn a_plausible_but_stale_record_is_found_by_the_wheel_in_the_download_cache() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        let tree = Tree::of(python, &[("cache/.keep", ""), ("buildout.cfg", CONFIGURATION)]);
        let sound = tree.judge();
        assert_eq!(sound.problems(), Vec::<String>::new(), "{python}");
        let (record, module) = (tree.expand(RECORD), tree.expand(MODULE));
        for (name, path, damage) in [
            ("stale row", &record, stale as fn(&Tree, &str)),
            ("lost row", &record, forgetful),
            ("lost record", &record, Tree::remove),
            ("edited module", &module, Tree::edit),
        ] {
            let case = Case { name, path: "", damage, run: Run::Ignores };
            check(&tree, &case, path, &format!("{python}: {name}"));
        }
        stale(&tree, &record);
        let judged = tree.judge();
        let finding = judged.finding(&tree.path(&record)).expect("it is found");
        assert_eq!(finding.damage, Damage::BrokenRecord);
        assert!(finding.evidence.iter().any(|line| line.contains(".whl")), "{:?}", finding.evidence);
        assert_eq!(judged.findings.findings.len(), 1, "the module is right: {:?}", judged.problems());
        tree.remove(&record);
        let judged = tree.judge();
        assert_eq!(judged.findings.findings.len(), 1, "its scripts are known all the same: {:?}", judged.problems());
        assert!(judged.digests_below(&tree.path("eggs")) > sound.digests_below(&tree.path("eggs")) - 6);
    }
}
