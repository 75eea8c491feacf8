//! The bodies of the fuzz targets: each takes bytes that may be anything and hands them to a reader of rectify, as the
//! outside would. None may panic, overflow the stack or fail to come back; what a reader promises beyond that is
//! asserted. `fuzz/` runs them under libFuzzer, `replay.rs` with the seeds of `fixtures/fuzz` in every run of the tests.

use rectify::definition::batou::cfg::Cfg;
use rectify::definition::batou::components::Components;
use rectify::definition::batou::environment::Environment;
use rectify::definition::buildout::{
    Dialect, MemorySources, NoRecipes, Request, Resolved, TargetFacts, installed, resolve,
};
use rectify::definition::markers::{MarkerFacts, applies, same_version};
use rectify::definition::requirements::pins;
use rectify::io::disk::LiveRoot;
use rectify::io::loose_objects;
use rectify::live::examine::run;
use rectify::live::intrinsic::{CHECKS, Verdict};
use rectify::live::subject::Subject;
use rectify::model::diagnostic::Diagnostic;
use rectify::model::digests::Digests;
use rectify::model::eval::Eval;
use rectify::model::path::TargetPath;
use rectify::pipeline::saved;
use rectify::references::packages::{self, Entry, Package, Sink};
use rectify::references::{archive, git_objects, python_metadata, wheel_record};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A target: what it is called, and what it does with bytes.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets, sorted by name; each has a folder of seeds in `fixtures/fuzz` and a file in `fuzz/fuzz_targets`.
pub(crate) const TARGETS: &[Target] = &[
    ("archive", archive),
    ("buildout", buildout),
    ("conditions", conditions),
    ("dpkg", dpkg),
    ("environment_cfg", environment_cfg),
    ("git", git),
    ("installed_cfg", installed_cfg),
    ("intrinsic", intrinsic),
    ("metadata", metadata),
    ("portage", portage),
    ("record", record),
    ("requirements", requirements),
    ("rpm_header", rpm_header),
    ("saved", saved),
    ("sqlite_pages", sqlite_pages),
];

/// A target of which much is known.
fn facts() -> TargetFacts {
    TargetFacts {
        python_version: Some((3, 11, 7)),
        implementation: Some("CPython".to_owned()),
        sys_platform: Some("linux".to_owned()),
        platform_machine: Some("x86_64".to_owned()),
        os_name: Some("posix".to_owned()),
        bits: Some(64),
        home: Some("/home/user".to_owned()),
        ..TargetFacts::default()
    }
}

/// Resolves `buildout.cfg` of these files.
pub(crate) fn resolved(sources: &MemorySources) -> (Resolved, Vec<Diagnostic>) {
    let request = Request {
        directory: "/d",
        config: "buildout.cfg",
        command_line: &[],
        facts: &facts(),
        dialect: Dialect::V6,
        user_defaults: None,
        assume: &BTreeMap::new(),
        recipes: &NoRecipes,
    };
    resolve(&request, sources)
}

fn drawable(diagnostics: &[Diagnostic]) {
    for excerpt in diagnostics.iter().filter_map(|found| found.excerpt.as_ref()) {
        assert!(excerpt.text.get(excerpt.start..excerpt.end).is_some(), "{excerpt:?}");
    }
}

/// Lexer, parser, `extends`, merging, macros and substitution. What follows a NUL byte is another file: its name, a line
/// end, its text.
pub(crate) fn buildout(bytes: &[u8]) {
    let mut parts = bytes.split(|&byte| byte == 0);
    let mut sources = MemorySources::new().with("/d/buildout.cfg", parts.next().unwrap_or_default());
    for part in parts {
        let end = part.iter().position(|&byte| byte == b'\n').unwrap_or(part.len());
        let name = String::from_utf8_lossy(&part[..end]);
        sources = sources.with(&format!("/d/{name}"), part.get(end + 1..).unwrap_or_default());
    }
    let (resolved, diagnostics) = resolved(&sources);
    drawable(&diagnostics);
    let known: BTreeSet<&String> = resolved.sections.keys().collect();
    let parts: BTreeSet<&String> = resolved.parts.iter().collect();
    assert!(known.contains(&"buildout".to_owned()));
    assert!(parts.is_subset(&known), "every part has a section");
    assert_eq!(parts.len(), resolved.parts.len(), "no part is installed twice");
    let _ = resolved.part_edges();
}

/// Conditions of sections: the evaluators of markers and of Python.
pub(crate) fn conditions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let sources = MemorySources::new().with("/d/buildout.cfg", format!("[buildout]\n[a:{text}]\nx = 1\n"));
    drawable(&resolved(&sources).1);
    let facts = MarkerFacts::cpython_on_linux("3.11.7");
    let decided = applies(&text, &facts, &["test".to_owned()]);
    let more = applies(&text, &facts.on_machine("x86_64"), &["test".to_owned()]);
    // Knowing more never turns an answer round.
    assert!(decided.is_none() || decided == more, "{text:?}");
    let (left, right) = text.split_once(' ').unwrap_or((&text, ""));
    assert_eq!(same_version(left, right), same_version(right, left));
}

/// batou's `environment.cfg`.
pub(crate) fn environment_cfg(bytes: &[u8]) {
    let cfg = Cfg::parse("environment.cfg", bytes);
    let (_, problems) = Environment::understand("dev", &cfg, &Components::default());
    drawable(&problems);
}

/// `.installed.cfg`: what is known of a part and written as buildout writes it reads the same.
pub(crate) fn installed_cfg(bytes: &[u8]) {
    let (found, problems) = installed::parse(bytes, ".installed.cfg");
    drawable(&problems);
    assert!(!found.sections.contains_key("buildout"));
    if !problems.is_empty() {
        return;
    }
    for (name, part) in &found.sections {
        // `+=` and `=>` have meanings of their own; buildout itself reads text back that looks like its escapes, and takes
        // the blanks that all further lines begin with for its own (6.0.1, `_save_option` and `configparser.parse`).
        let indented = |value: &str| value.split('\n').skip(1).any(|line| line.starts_with([' ', '\t']));
        let plain = |name: &str, value: &str| {
            !name.ends_with(['+', '-']) && !name.contains(['<', '>']) && !value.contains("%(__") && !indented(value)
        };
        let options = part.options.iter().filter_map(|(option, value)| Some((option, value.known()?)));
        let options: BTreeMap<String, String> =
            options.filter(|(option, value)| plain(option, value)).map(|(o, v)| (o.clone(), v.clone())).collect();
        let (again, _) = installed::parse(installed::represent(name, &options).as_bytes(), "again");
        for (option, value) in &options {
            assert_eq!(again.sections[name].options.get(option), Some(&Eval::Known(value.clone())), "{option:?}");
        }
    }
}

/// METADATA, `requires.txt`, `entry_points.txt`, `direct_url.json`.
pub(crate) fn metadata(bytes: &[u8]) {
    drop(python_metadata::metadata(bytes));
    drop(python_metadata::entry_points(bytes, "console_scripts"));
    drop(python_metadata::direct_url(bytes));
    for requirement in python_metadata::requires_txt(bytes).unwrap_or_default() {
        let marker = requirement.marker.unwrap_or_default();
        applies(&marker, &MarkerFacts::cpython_on_linux("3.11"), &requirement.extras);
    }
}

/// Requirements files and locks: what is pinned becomes words of commands.
pub(crate) fn requirements(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for pin in pins(&text) {
        let words = [&pin.name, &pin.version].into_iter().chain(&pin.hashes);
        assert!(words.into_iter().all(|word| !word.starts_with('-') && !word.contains(char::is_whitespace)));
        assert!(pin.line as usize <= text.lines().count());
    }
}

/// RECORD of a Python distribution.
pub(crate) fn record(bytes: &[u8]) {
    if let Ok(record) = wheel_record::parse(bytes) {
        // A lone carriage return ends a row of CSV as well.
        let lines = bytes.split(|&byte| byte == b'\n' || byte == b'\r').count();
        assert!(record.rows.len() + record.refused.len() <= lines);
        assert!(record.rows.iter().all(|row| !row.path.is_empty() && !row.path.starts_with('/')));
    }
}

/// Writes a file for a reader that wants one.
#[expect(clippy::disallowed_methods, reason = "a target makes what rectify reads")]
fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a file has a parent")).expect("a directory can be made");
    std::fs::write(path, bytes).expect("a file can be written");
}

/// Saved manifests and scans.
pub(crate) fn saved(bytes: &[u8]) {
    let top = tempfile::tempdir().expect("a temporary directory");
    let file = top.path().join("file");
    write(&file, bytes);
    if let Ok(manifest) = saved::read_manifest(&file) {
        write(&file, &saved::manifest_bytes(&manifest));
        assert!(saved::read_manifest(&file).is_ok_and(|again| again == manifest));
    }
    write(&file, bytes);
    if let Ok(scan) = saved::read_scan(&file, &Digests::default()) {
        write(&file, &saved::scan_bytes(&scan));
        assert!(saved::read_scan(&file, &Digests::default()).is_ok_and(|again| again == scan));
    }
}

/// tar in every compression, and zip.
pub(crate) fn archive(bytes: &[u8]) {
    let top = tempfile::tempdir().expect("a temporary directory");
    write(&top.path().join("a"), bytes);
    let root = LiveRoot::open(top.path()).expect("it was just made");
    let found = archive::list(&root, &TargetPath::new("/a"));
    for member in &found.members {
        let name = &member.path.0;
        assert!(!name.is_empty() && !name.starts_with(b"/") && !name.contains(&0), "{member:?}");
        assert!(name.split(|&byte| byte == b'/').all(|part| part != b".." && !part.is_empty()), "{member:?}");
    }
}

/// Every intrinsic check, whether it is about such a file or not. The first line is the path.
pub(crate) fn intrinsic(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let content = bytes.get(end + 1..).unwrap_or_default();
    let subject = Subject::in_memory(&TargetPath::new(&bytes[..end]), content);
    for &check in CHECKS {
        if let Verdict::Damaged { at: Some(at), proof } = run(check, &subject) {
            // Some name the place that a header points to, which may lie beyond the end.
            assert!(!proof.is_empty(), "{} at {at}", check.name());
        }
    }
}

macro_rules! repository {
    ($($name:literal),* $(,)?) => {
        &[$(include_bytes!(concat!("../../fixtures/fuzz/git/", $name))),*]
    };
}

/// A repository: each file's place below `.git`, a line end, its bytes.
const REPOSITORY: &[&[u8]] = repository![
    "HEAD",
    "config",
    "objects+64+c5e5885a4b06010b3a0c20edb7900dd0311025",
    "objects+72+3888002546912f374e305ccabc94dd9f82706f",
    "objects+ad+833a06fc31cab6f48b71c2bc4e33c8182ab6b0",
    "objects+info+commit-graph",
    "objects+info+packs",
    "objects+pack+pack-f3a529217eef4de7f99a2e99760ea16a38ed5d21.idx",
    "objects+pack+pack-f3a529217eef4de7f99a2e99760ea16a38ed5d21.pack",
    "objects+pack+pack-f3a529217eef4de7f99a2e99760ea16a38ed5d21.rev",
    "packed-refs",
    "refs+heads+main",
];

/// A file of a repository that is otherwise sound: its place below `.git`, a line end, its bytes.
pub(crate) fn git(bytes: &[u8]) {
    let file = |bytes: &[u8]| -> Option<(String, Vec<u8>)> {
        let (place, content) = bytes.split_at(bytes.iter().position(|&byte| byte == b'\n')?);
        let place = std::str::from_utf8(place).ok()?;
        let parts = || place.split('/');
        let usual =
            |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() < 100 && !part.contains('\0');
        (parts().all(usual) && parts().count() < 8).then(|| (place.to_owned(), content[1..].to_vec()))
    };
    let Some((place, content)) = file(bytes) else { return };
    drop(loose_objects::check(&content[..], "64c5e5885a4b06010b3a0c20edb7900dd0311025"));
    let mut files: BTreeMap<String, Vec<u8>> = REPOSITORY.iter().filter_map(|bytes| file(bytes)).collect();
    let inside = |other: &String| other.starts_with(&format!("{place}/")) || place.starts_with(&format!("{other}/"));
    if files.keys().any(inside) {
        return;
    }
    files.insert(place, content);
    let top = tempfile::tempdir().expect("a temporary directory");
    for (place, content) in &files {
        write(&top.path().join("live/.git").join(place), content);
    }
    let root = LiveRoot::open(top.path()).expect("it was just made");
    let checkout = git_objects::read(&root, &TargetPath::new("/live"));
    assert!(checkout.broken.is_sorted());
    rectify::io::git::revision(&top.path().join("live"));
    drop(rectify::io::git::history(&top.path().join("live"), Path::new("file"), 5));
}

/// Asserts what every package database promises, and counts.
#[derive(Default)]
struct Checking {
    packages: usize,
    entries: usize,
}

impl Sink for Checking {
    fn package(&mut self, package: Package) {
        assert!(!package.name.is_empty() && !package.fetched_as.is_empty());
        self.packages += 1;
    }

    fn entry(&mut self, entry: Entry<'_>) {
        assert!(self.packages > 0, "a package comes before its entries");
        assert_eq!(TargetPath::new(entry.path).as_bytes(), entry.path, "paths are normalised");
        assert!(entry.mode.is_none_or(|mode| mode <= 0o7777));
        self.entries += 1;
    }

    fn broken(&mut self, path: TargetPath, evidence: String) {
        assert!(!path.is_root() && !evidence.is_empty() && evidence.len() < 10_000, "{evidence}");
    }
}

/// Reads the package databases of a tree with these files.
fn databases(files: &[(&str, &[u8])]) {
    let top = tempfile::tempdir().expect("a temporary directory");
    for (name, content) in files {
        write(&top.path().join(name), content);
    }
    packages::read_all(&LiveRoot::open(top.path()).expect("it was just made"), &mut Checking::default());
}

/// dpkg's and the alternatives' files, of two packages: divided by bytes 0xff, which none of them has when sound.
pub(crate) fn dpkg(bytes: &[u8]) {
    const NAMES: [&str; 11] = [
        "var/lib/dpkg/status",
        "var/lib/dpkg/info/a.list",
        "var/lib/dpkg/info/a.md5sums",
        "var/lib/dpkg/info/b:amd64.list",
        "var/lib/dpkg/info/b:amd64.md5sums",
        "var/lib/dpkg/diversions",
        "var/lib/dpkg/statoverride",
        "var/lib/dpkg/updates/0001",
        "var/lib/dpkg/alternatives/editor",
        "etc/dpkg/dpkg.cfg",
        "etc/locale.nopurge",
    ];
    let files: Vec<(&str, &[u8])> = NAMES.into_iter().zip(bytes.split(|&byte| byte == 0xff)).collect();
    databases(&files);
}

/// A `CONTENTS` of Portage's, and the settings that say what is configuration.
pub(crate) fn portage(bytes: &[u8]) {
    databases(&[("var/db/pkg/app-misc/tool-1/CONTENTS", bytes), ("etc/env.d/50tool", bytes)]);
}

/// The header of an rpm package, in a sound database of the format that is easy to make.
pub(crate) fn rpm_header(bytes: &[u8]) {
    let Ok(length) = u32::try_from(bytes.len()) else { return };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut blob = [b"BlbS".to_vec(), words(&[1, 0, length]), bytes.to_vec()].concat();
    blob.resize((blob.len() + 12).div_ceil(16) * 16 - 12, 0);
    let (one, two) = blob.iter().fold((1, 0), |(one, two): (u32, u32), byte| {
        let one = (one + u32::from(*byte)) % 65521;
        (one, (two + one) % 65521)
    });
    blob.extend([words(&[two << 16 | one, length]), b"BlbE".to_vec()].concat());
    let blocks = u32::try_from(blob.len() / 16).unwrap_or(0);
    let mut file =
        [b"RpmP".to_vec(), words(&[0, 1, 1, 2, 0, 0, 0]), b"Slot".to_vec(), words(&[1, 256, blocks])].concat();
    while file.len() < 4096 {
        file.extend([b"Slot".to_vec(), words(&[0, 0, 0])].concat());
    }
    file.extend(blob);
    databases(&[("var/lib/rpm/Packages.db", &file)]);
    // And as the file itself.
    databases(&[("var/lib/rpm/Packages.db", bytes)]);
}

/// A database of SQLite as rpm's and as Nix'; what follows `--wal--` is its log.
pub(crate) fn sqlite_pages(bytes: &[u8]) {
    let place = bytes.windows(7).position(|window| window == b"--wal--");
    let (database, log) = place.map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 7..]));
    databases(&[
        ("var/lib/rpm/rpmdb.sqlite", database),
        ("var/lib/rpm/rpmdb.sqlite-wal", log),
        ("nix/var/nix/db/db.sqlite", database),
        ("nix/var/nix/db/db.sqlite-wal", log),
    ]);
}
