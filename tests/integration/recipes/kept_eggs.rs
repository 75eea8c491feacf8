//! Eggs that several runs of a test share, because fetching them takes minutes.

use std::path::{Path, PathBuf};

/// A configuration, what it pins (`NAME = VERSION`, a line each), and the eggs that need nothing else.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) pins: String,
    pub(super) eggs: &'static str,
    pub(super) text: String,
}

/// Configurations with an `eggs-directory` that holds what they pin; each says `{buildout}` where the options for that
/// belong. The directory is made by the real tools when it is not there yet, and is there only when it is complete.
///
/// pip fetches exactly the pinned wheels; buildout itself is kept off the package index, whose list of all packages it
/// would read for every name that it does not find there.
pub(super) fn with_kept_eggs(python: &str, name: &str, configurations: &[Pinned]) -> Vec<String> {
    let wanted: Vec<_> = configurations.iter().map(|one| (&one.pins, one.eggs)).collect();
    let seed = format!("{wanted:?}{}", super::tree::version(python));
    let digest = rectify::model::hasher::digest_of(rectify::model::content::Algorithm::Sha256, seed.as_bytes());
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("eggs").join(format!("{name}-{}", &digest.hex()[..16]));
    if rectify::io::files::what_is(&kept) == rectify::io::files::Is::Missing {
        fetch(python, &kept, configurations);
    }
    configurations.iter().map(|one| with_places(&one.text, &kept)).collect()
}

fn with_places(text: &str, eggs: &Path) -> String {
    let eggs = eggs.to_str().expect("paths of tests are text");
    let places = format!("eggs-directory = {eggs}\nfind-links = {eggs}/wheels\nindex = file://{eggs}/index/");
    text.replace("{buildout}", &places)
}

#[expect(clippy::disallowed_methods, reason = "a test makes what rectify reads")]
fn fetch(python: &str, kept: &Path, configurations: &[Pinned]) {
    let parent = kept.parent().expect("it lies in a directory");
    std::fs::create_dir_all(parent).expect("a directory can be made");
    let eggs = tempfile::tempdir_in(parent).expect("a directory can be made");
    std::fs::create_dir(eggs.path().join("index")).expect("a directory can be made");
    for Pinned { pins, eggs: names, .. } in configurations {
        let text = format!(
            "[buildout]\n{{buildout}}\nversions = versions\nparts = eggs\n[versions]\n{pins}\n\
             [eggs]\nrecipe = zc.recipe.egg:eggs\neggs = {names}\n"
        );
        let pins: Vec<String> =
            pins.lines().map(|line| line.replace(" = ", "==")).filter(|line| !line.is_empty()).collect();
        let mut command = vec![python];
        command.extend(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d", "wheels"]);
        command.extend(pins.iter().map(String::as_str));
        crate::tools::tool(eggs.path(), &command);
        let directory = tempfile::tempdir().expect("a directory can be made");
        crate::tools::write(&directory.path().join("buildout.cfg"), with_places(&text, eggs.path()));
        let buildout = PathBuf::from(python).with_file_name("buildout");
        let (code, said) = super::tree::buildout(&buildout, directory.path());
        assert_eq!(code, 0, "{python}: buildout makes the eggs: {said}");
    }
    // Whoever else made it meanwhile made the same one.
    if std::fs::rename(eggs.path(), kept).is_ok() {
        let _ = eggs.keep();
    }
}
