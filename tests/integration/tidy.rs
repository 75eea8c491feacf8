//! The house rules that a compiler cannot see: who may import whom, where each external crate lives, plug-in tables,
//! file length. Every rule has a bad sample that it must catch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which stages a stage may import besides itself. A new folder below `src/` needs a line here.
const ARROWS: &[(&str, &[&str])] = &[
    ("backups", &["io", "model", "monitor"]),
    ("cli", &["io", "model", "monitor", "pipeline", "report", "settings", "tickets"]),
    ("definition", &["io", "model", "monitor"]),
    ("expect", &["definition", "model", "references"]),
    ("findings", &["model"]),
    ("io", &["model"]),
    ("lib", &[]),
    ("live", &["io", "model", "monitor"]),
    ("logs", &["io", "model", "monitor"]),
    ("main", &[]),
    ("model", &[]),
    ("monitor", &[]),
    (
        "pipeline",
        &[
            "backups",
            "definition",
            "expect",
            "findings",
            "io",
            "live",
            "logs",
            "model",
            "monitor",
            "plan",
            "references",
            "report",
            "settings",
            "stores",
            "tickets",
        ],
    ),
    ("plan", &["model"]),
    ("references", &["io", "model", "monitor"]),
    ("report", &["model"]),
    ("settings", &["io", "model"]),
    ("stores", &["io", "model", "monitor"]),
    ("tickets", &["model", "report"]),
];

/// Where an external crate may be used: paths below `src/`, by their beginning.
const HOMES: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["report/diagnostics.rs"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("foldhash", &["model/claims.rs", "model/digests.rs", "references/packages/"]),
    ("git2", &["io/"]),
    ("hashbrown", &["model/digests.rs"]),
    ("indicatif", &["cli/progress.rs"]),
    ("md5", &["model/hasher.rs"]),
    ("minijinja", &["definition/batou/native/", "report/", "tickets/"]),
    ("petgraph", &["model/graph.rs"]),
    ("quick_xml", &["live/intrinsic/xml.rs"]),
    ("ruzstd", &["live/intrinsic/zstd.rs"]),
    ("schemars", &["model/", "report/"]),
    ("sha1", &["model/hasher.rs"]),
    ("sha2", &["model/hasher.rs"]),
    ("similar", &["findings/", "report/"]),
    ("toml", &["live/intrinsic/", "settings.rs", "settings/"]),
];

/// The modules that may have code which no compiler checks, with their argument.
const UNSAFE: &[&str] = &["io/allocator.rs", "io/page_cache.rs", "live/lanes/kernels.rs"];

/// The most lines of a file.
const LINES: usize = 700;

/// A source file: its path below `src/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The folder or file directly below `src/`.
    fn stage(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or("");
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many modules deep its code is: 1 for `report/mod.rs`, 2 for `report/text.rs`.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// The text without line comments.
    fn code(&self) -> String {
        let lines = self.text.lines().map(|line| match line.find("//") {
            Some(0) => "",
            Some(at) if line[..at].trim().is_empty() || line[..at].ends_with(' ') => &line[..at],
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The positions at which `word` stands as a path's beginning.
fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(|&at| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|char| char.is_alphanumeric() || char == '_' || char == ':' || char == '"')
    })
}

/// The first names of what follows a path: one, or those of a brace list.
fn first_names(rest: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect::<String>();
    let Some(list) = rest.strip_prefix('{') else { return BTreeSet::from([name(rest)]) };
    let mut names = BTreeSet::new();
    let (mut depth, mut start) = (0, true);
    for (at, char) in list.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            char if char.is_whitespace() => {}
            _ if start => {
                names.insert(name(&list[at..]));
                start = false;
            }
            _ => {}
        }
    }
    names
}

/// The stages that a file names, by `crate::` or by enough `super::`.
fn imports(source: &Source) -> BTreeSet<String> {
    let code = source.code();
    let mut names = BTreeSet::new();
    for root in ["crate::".to_owned(), "super::".repeat(source.depth())] {
        for at in places(&code, &root) {
            names.extend(first_names(&code[at + root.len()..]));
        }
    }
    names.remove("self");
    names.remove("super");
    names.remove("*");
    names.remove("");
    names
}

fn wrong_arrows(source: &Source) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(stage, _)| *stage == source.stage()) else {
        return vec![format!("src/{}: `{}` is no known stage; give it a line in ARROWS", source.path, source.stage())];
    };
    let known = |name: &&String| ARROWS.iter().any(|(stage, _)| stage == name);
    imports(source)
        .iter()
        .filter(known)
        .filter(|name| *name != source.stage() && !allowed.contains(&name.as_str()))
        .map(|name| format!("src/{}: `{}` must not import `{name}`", source.path, source.stage()))
        .collect()
}

fn crates_away_from_home(source: &Source) -> Vec<String> {
    let code = source.code();
    let away = HOMES.iter().filter(|(_, homes)| !homes.iter().any(|home| source.path.starts_with(home)));
    away.filter(|(name, _)| places(&code, &format!("{name}::")).next().is_some())
        .map(|(name, homes)| format!("src/{}: `{name}` lives in {}", source.path, homes.join(", ")))
        .collect()
}

fn unsafe_elsewhere(source: &Source) -> Vec<String> {
    let code = source.code();
    let word = |at: &usize| {
        let rest = code[at + "unsafe".len()..].trim_start();
        ["{", "fn ", "impl ", "extern ", "trait "].iter().any(|next| rest.starts_with(next))
    };
    let found = places(&code, "unsafe").any(|at| word(&at)) || code.contains("unsafe_code");
    let elsewhere = !UNSAFE.contains(&source.path.as_str()) && found;
    if elsewhere {
        vec![format!("src/{}: unsafe code lives in {}", source.path, UNSAFE.join(" and "))]
    } else {
        Vec::new()
    }
}

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines > LINES { vec![format!("{}: {lines} lines are more than {LINES}", source.path)] } else { Vec::new() }
}

/// The faults of one plug-in folder: a folder whose `mod.rs` has a static table of `&dyn`.
fn table_faults(folder: &str, sources: &[&Source]) -> Vec<String> {
    let Some(module) = sources.iter().find(|source| source.path == format!("{folder}/mod.rs")) else {
        return Vec::new();
    };
    let code = module.code();
    let table = code.find(": &[&dyn ").and_then(|at| code[at..].split_once('='));
    let Some(table) = table.and_then(|(_, rest)| rest.trim_start().strip_prefix("&[")) else { return Vec::new() };
    let table = table.split_once("];").map_or(table, |(table, _)| table);
    let entries: Vec<&str> = table
        .split(',')
        .filter_map(|entry| entry.trim().trim_start_matches('&').split_once("::"))
        .map(|(module, _)| module)
        .collect();
    let mut faults = Vec::new();
    if !entries.is_sorted() {
        faults.push(format!("src/{folder}/mod.rs: the table is not sorted: {}", entries.join(", ")));
    }
    let plugins = plugins(folder, sources);
    for (name, files) in &plugins {
        if !entries.contains(&name.as_str()) {
            faults.push(format!("src/{folder}: `{name}` is not in the table"));
        }
        for source in files {
            let imported = siblings(folder, source);
            for other in plugins.keys().filter(|other| *other != name && imported.contains(*other)) {
                faults.push(format!("src/{}: plug-ins do not import each other (`{other}`)", source.path));
            }
        }
    }
    faults
}

/// The modules of a plug-in folder that one of its files names.
fn siblings(folder: &str, source: &Source) -> BTreeSet<String> {
    let code = source.code();
    let absolute = format!("crate::{}::", folder.replace('/', "::"));
    let up = "super::".repeat(source.depth() - folder.split('/').count());
    let roots = [absolute.as_str(), up.as_str()];
    roots
        .iter()
        .flat_map(|root| places(&code, root).map(|at| at + root.len()))
        .flat_map(|at| first_names(&code[at..]))
        .collect()
}

/// The plug-ins of a folder: files, or folders of their own.
fn plugins<'a>(folder: &str, sources: &[&'a Source]) -> BTreeMap<String, Vec<&'a Source>> {
    let mut plugins: BTreeMap<String, Vec<&Source>> = BTreeMap::new();
    for source in sources {
        let Some(rest) = source.path.strip_prefix(&format!("{folder}/")) else { continue };
        let name = rest.split('/').next().unwrap_or(rest);
        let name = name.strip_suffix(".rs").unwrap_or(name);
        if name != "mod" && name != "tests" {
            plugins.entry(name.to_owned()).or_default().push(source);
        }
    }
    plugins
}

/// Every subcommand's file is declared and run.
fn command_faults(sources: &[&Source]) -> Vec<String> {
    let folder = "cli/commands";
    let Some(module) = sources.iter().find(|source| source.path == format!("{folder}/mod.rs")) else {
        return Vec::new();
    };
    let missing = |name: &&String| !module.text.contains(&format!("{name}::run("));
    plugins(folder, sources).keys().filter(missing).map(|name| format!("src/{folder}: `{name}` is never run")).collect()
}

fn folders(sources: &[&Source]) -> BTreeSet<String> {
    let folder = |source: &&Source| source.path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    sources.iter().filter_map(folder).collect()
}

#[expect(clippy::disallowed_methods, reason = "this test reads the sources")]
fn read_sources(below: &str) -> Vec<Source> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
    let mut sources = Vec::new();
    let mut todo: Vec<PathBuf> = vec![base.clone()];
    while let Some(directory) = todo.pop() {
        for entry in std::fs::read_dir(&directory).expect("the directory is readable") {
            let path = entry.expect("the directory is readable").path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
                let below = path.strip_prefix(&base).expect("it lies below").to_str().expect("plain names");
                sources.push(Source::new(below, &text));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn stages_import_only_what_the_design_allows() {
    assert_none(&read_sources("src").iter().flat_map(wrong_arrows).collect::<Vec<_>>());
}

#[test]
fn every_external_crate_stays_at_home() {
    assert_none(&read_sources("src").iter().flat_map(crates_away_from_home).collect::<Vec<_>>());
}

#[test]
fn unsafe_code_stays_at_home() {
    let sources = read_sources("src");
    assert_none(&sources.iter().flat_map(unsafe_elsewhere).collect::<Vec<_>>());
    for home in UNSAFE {
        let argued = |source: &Source| source.path == *home && source.text.to_lowercase().contains("safety");
        assert!(sources.iter().any(argued), "src/{home} has to say why it is safe");
    }
}

#[test]
fn plug_in_tables_are_complete_and_sorted_and_plug_ins_do_not_know_each_other() {
    let sources = read_sources("src");
    let sources: Vec<&Source> = sources.iter().collect();
    let mut faults: Vec<String> = folders(&sources).iter().flat_map(|folder| table_faults(folder, &sources)).collect();
    faults.extend(command_faults(&sources));
    assert_none(&faults);
}

#[test]
fn no_file_is_too_long_to_read() {
    let all = [read_sources("src"), read_sources("tests")].into_iter().flatten();
    assert_none(&all.flat_map(|source| too_long(&source)).collect::<Vec<_>>());
}

#[test]
fn a_wrong_arrow_is_caught_however_it_is_written() {
    for text in [
        "use crate::io::disk;",
        "use crate::{model::unit, io::{disk, files}};",
        "fn f() { crate::io::clock::now(); }",
        "use super::super::io::disk;",
    ] {
        let found = wrong_arrows(&Source::new("findings/compare.rs", text));
        assert_eq!(found, ["src/findings/compare.rs: `findings` must not import `io`"], "{text}");
    }
    assert_eq!(wrong_arrows(&Source::new("findings/mod.rs", "use super::plan::order;")).len(), 1);
    assert_eq!(wrong_arrows(&Source::new("helpers/mod.rs", "")).len(), 1);
    assert_none(&wrong_arrows(&Source::new(
        "findings/a.rs",
        "// use crate::io;\nuse crate::model::unit;\nuse super::b;",
    )));
}

#[test]
fn a_crate_away_from_home_is_caught() {
    assert_eq!(crates_away_from_home(&Source::new("plan/order.rs", "use petgraph::graph::DiGraph;")).len(), 1);
    assert_eq!(crates_away_from_home(&Source::new("expect/a.rs", "let x = toml::from_str(y);")).len(), 1);
    assert_none(&crates_away_from_home(&Source::new("model/graph.rs", "use petgraph::graph::DiGraph;")));
    assert_none(&crates_away_from_home(&Source::new("plan/order.rs", "use my_toml::X; // toml::from_str")));
}

#[test]
fn unsafe_code_elsewhere_is_caught() {
    for text in ["fn f() { unsafe { g() } }", "#![allow(unsafe_code)]", "unsafe fn f() {}"] {
        assert_eq!(unsafe_elsewhere(&Source::new("live/walk.rs", text)).len(), 1, "{text}");
    }
    assert_none(&unsafe_elsewhere(&Source::new("live/walk.rs", "let unsafe_paths = 1; // unsafe")));
    assert_none(&unsafe_elsewhere(&Source::new(UNSAFE[0], "unsafe { g() }")));
}

#[test]
fn a_plug_in_that_is_missing_unsorted_or_knows_another_is_caught() {
    let table =
        |entries: &str| Source::new("stores/mod.rs", &format!("pub static STORES: &[&dyn Store] = &[{entries}];"));
    let faults = |sources: &[Source]| table_faults("stores", &sources.iter().collect::<Vec<_>>());
    let plain = |name: &str| Source::new(&format!("stores/{name}.rs"), "use crate::model::path;");
    assert_none(&faults(&[table("&a::A, &b::B"), plain("a"), plain("b")]));
    assert_eq!(faults(&[table("&a::A"), plain("a"), plain("b")]), ["src/stores: `b` is not in the table"]);
    assert_eq!(faults(&[table("&b::B, &a::A"), plain("a"), plain("b")]).len(), 1);
    for text in ["use super::a::helper;", "use super::{Store, a};", "use crate::stores::a::helper;"] {
        let curious = Source::new("stores/b.rs", text);
        assert_eq!(faults(&[table("&a::A, &b::B"), plain("a"), curious]).len(), 1, "{text}");
    }
    let module = Source::new("cli/commands/mod.rs", "mod check;");
    let command = Source::new("cli/commands/check.rs", "");
    assert_eq!(command_faults(&[&module, &command]), ["src/cli/commands: `check` is never run"]);
}

#[test]
fn a_file_that_is_too_long_is_caught() {
    assert_eq!(too_long(&Source::new("a.rs", &"\n".repeat(LINES + 1))).len(), 1);
    assert_none(&too_long(&Source::new("a.rs", &"\n".repeat(LINES))));
}
