//! `hexagonit.recipe.download`, what it unpacks and copies held against the real one.

use super::tree::{self, Tree};
use super::whole::assert_all_known;
use super::{Case, Run, check};
use rectify::model::content::Algorithm;
use rectify::model::hasher::digest_of;
use std::io::Write as _;

/// A package with files of several modes, a copy, and links of each kind.
fn tar_gz() -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(encoder);
    let mut add = |name: &str, kind, mode, link: Option<&str>, content: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        match link {
            Some(target) => builder.append_link(&mut header, name, target).expect("it can be added"),
            None => builder.append_data(&mut header, name, content.as_bytes()).expect("it can be added"),
        }
    };
    let file = tar::EntryType::Regular;
    add("pack-1.0/", tar::EntryType::Directory, 0o755, None, "");
    add("pack-1.0/README", file, 0o644, None, "read me\n");
    add("pack-1.0/bin/run", file, 0o755, None, "#!/bin/sh\n");
    add("pack-1.0/private", file, 0o600, None, "private\n");
    add("pack-1.0/sub/deep.txt", file, 0o664, None, "deep\n");
    add("pack-1.0/sub/up", tar::EntryType::Symlink, 0o777, Some("../README"), "");
    add("pack-1.0/twin", tar::EntryType::Link, 0o755, Some("pack-1.0/bin/run"), "");
    add("pack-1.0/nowhere", tar::EntryType::Symlink, 0o777, Some("../../etc/passwd"), "");
    add("pack-1.0/subs", tar::EntryType::Symlink, 0o777, Some("sub/../sub"), "");
    builder.into_inner().expect("it can be finished").finish().expect("it can be finished")
}

fn zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o644);
    for (name, content) in [("a.txt", "a\n"), ("dir/b.txt", "b\n"), ("dir/sub/c.txt", "c\n")] {
        writer.start_file(name, options).expect("it can be added");
        writer.write_all(content.as_bytes()).expect("memory takes it");
    }
    writer.add_symlink("dir/link", "b.txt", options).expect("it can be added");
    writer.finish().expect("it can be finished").into_inner()
}

const PARTS: &str = "
[strip]
recipe = hexagonit.recipe.download
url = file://%(archives)/pack-1.0.tar.gz
md5sum = %(tar)
strip-top-level-dir = true

[whole]
recipe = hexagonit.recipe.download
url = %(archives)/pack.zip
md5sum = %(zip)

[into]
recipe = hexagonit.recipe.download
url = file://%(archives)/pack-1.0.tar.gz
md5sum = %(tar)
strip-top-level-dir = yes
destination = ${buildout:directory}/shared

[only]
recipe = hexagonit.recipe.download
url = file://%(archives)/pack.zip
md5sum = %(zip)
download-only = true
filename = run.bin
mode = 0750

[again]
recipe = hexagonit.recipe.download
url = %(archives)/pack.zip
md5sum = %(zip)
download-only = true
on-update = true

[nobody]
recipe = hexagonit.recipe.download
url = %(archives)/pack.zip
destination = ${whole:location}/../${only:destination}2
";

/// A tree, and the directory of the archives.
fn tree(python: &str, more: &str) -> (Tree, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let archives = directory.path().to_str().expect("it is text");
    let md5 = |bytes: &[u8]| digest_of(Algorithm::Md5, bytes).hex();
    let (tar, zip) = (tar_gz(), zip());
    crate::tools::write(&directory.path().join("pack-1.0.tar.gz"), &tar);
    crate::tools::write(&directory.path().join("pack.zip"), &zip);
    let parts = PARTS.replace("%(archives)", archives).replace("%(tar)", &md5(&tar)).replace("%(zip)", &md5(&zip));
    let parts = parts.replace("${whole:location}/../${only:destination}2", "${only:destination}2");
    let configuration = format!(
        "[buildout]\nparts = strip whole into only again nobody\n{more}\n[versions]\nhexagonit.recipe.download = 1.7.1\n{parts}"
    );
    let files = [("shared/other.txt", "other\n"), ("cache/other.txt", ""), ("buildout.cfg", &configuration)];
    (Tree::of(python, &files), directory)
}

const CASES: &[Case] = &[
    Case { name: "stale member", path: "parts/strip/sub/deep.txt", damage: Tree::edit, run: Run::Ignores },
    Case { name: "lost member", path: "parts/strip/bin/run", damage: Tree::remove, run: Run::Ignores },
    Case { name: "lost top member", path: "parts/strip/README", damage: Tree::remove, run: Run::Repairs },
    Case { name: "zeroed top member", path: "parts/whole/a.txt", damage: Tree::zero, run: Run::Ignores },
    Case { name: "member without x", path: "parts/strip/bin/run", damage: Tree::forbid, run: Run::Ignores },
    Case { name: "random member beside others", path: "shared/private", damage: Tree::scramble, run: Run::Ignores },
    Case { name: "lost directory", path: "shared/sub", damage: Tree::remove, run: Run::Repairs },
    Case { name: "lost copy", path: "parts/only/run.bin", damage: Tree::remove, run: Run::Ignores },
    Case { name: "stale copy", path: "parts/only/run.bin", damage: Tree::edit, run: Run::Ignores },
    Case { name: "copy without x", path: "parts/only/run.bin", damage: Tree::forbid, run: Run::Ignores },
    Case { name: "stale copy made at every run", path: "parts/again/pack.zip", damage: Tree::edit, run: Run::Repairs },
];

#[test]
fn downloads_are_known_by_the_archive_whose_checksum_is_declared() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        let (tree, _archives) = tree(python, "");
        let judged = tree.judge();
        assert_eq!(judged.problems(), Vec::<String>::new(), "{python}");
        assert_eq!(assert_all_known(&tree, &judged, "parts/strip"), 6, "{python}");
        assert_eq!(assert_all_known(&tree, &judged, "parts/whole"), 4, "{python}");
        assert_eq!(assert_all_known(&tree, &judged, "parts/only"), 1, "{python}");
        assert_eq!(assert_all_known(&tree, &judged, "parts/again"), 1, "{python}");
        assert_eq!(assert_all_known(&tree, &judged, "shared/sub"), 2, "{python}");
        assert!(judged.finding(&tree.path("shared/other.txt")).is_none());
        let modes = ["strip/private", "strip/twin", "strip/sub/up", "only/run.bin"];
        let modes = modes.map(|path| judged.artifact(&tree.path(&format!("parts/{path}"))).mode);
        assert_eq!(modes, [Some(0o600), Some(0o755), Some(0o644), Some(0o750)], "{python}");
        for case in CASES {
            check(&tree, case, case.path, &format!("{python}: {}", case.name));
        }
    }
}

#[test]
fn downloads_are_known_by_the_cache_even_where_the_url_leads_nowhere_any_more() {
    for python in tree::pythons().iter().filter(|python| !tree::is_old(python)) {
        let (tree, archives) = tree(python, "download-cache = cache");
        archives.close().expect("it is ours");
        let judged = tree.judge();
        assert_eq!(judged.problems(), Vec::<String>::new(), "{python}");
        assert_eq!(assert_all_known(&tree, &judged, "parts/strip"), 6, "{python}");
        assert_eq!(assert_all_known(&tree, &judged, "parts/whole"), 4, "{python}");
    }
}
