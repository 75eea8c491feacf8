//! Nix: a store made by `nix-store --add`, compared with `nix-store --verify --check-contents`, and healed from a binary
//! cache in a directory by the very command that a plan would have.

use super::{Said, said};
use crate::tools::{damage, read, remove, tool, write};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tempfile::TempDir;

struct Store {
    top: TempDir,
    /// Store paths, in the order in which they were added.
    paths: Vec<String>,
}

impl Store {
    /// Store paths of all kinds: a file, an executable, a tree with links, odd names and an empty directory.
    fn new() -> Self {
        let mut store = Self { top: tempfile::tempdir().expect("a temporary directory"), paths: Vec::new() };
        let source = store.top.path().join("tree-1.0");
        write(&source.join("a"), "plain\n");
        write(&source.join("a.b"), "sorts before a/\n");
        write(&source.join("bin/run"), "#!/bin/sh\n");
        write(&source.join("empty"), "");
        write(&source.join("with blank/and é"), "x".repeat(100_000));
        tool(&source, &["chmod", "755", "bin/run"]);
        tool(&source, &["ln", "-s", "bin/run", "link"]);
        tool(&source, &["mkdir", "nothing"]);
        write(&store.top.path().join("file-2.0"), "12345678");
        write(&store.top.path().join("script"), "#!/bin/sh\n");
        tool(store.top.path(), &["chmod", "755", "script"]);
        for name in ["tree-1.0", "file-2.0", "script"] {
            let printed = store.nix(&["nix-store", "--add", name]);
            store.paths.push(printed.trim().to_owned());
        }
        let cache = store.cache();
        let mut copy = vec!["nix", "--extra-experimental-features", "nix-command", "copy", "--to", &cache];
        copy.extend(store.paths.iter().map(String::as_str));
        store.nix(&copy);
        store
    }

    fn root(&self) -> PathBuf {
        self.top.path().join("root")
    }

    fn cache(&self) -> String {
        format!("file://{}/cache", self.top.path().display())
    }

    fn at(&self, number: usize, below: &str) -> PathBuf {
        let path = self.root().join(self.paths[number].trim_start_matches('/'));
        if below.is_empty() { path } else { path.join(below) }
    }

    fn nix(&self, command: &[&str]) -> String {
        let config = format!("NIX_CONFIG=build-users-group =\nsandbox = false\nsubstituters = {}", self.cache());
        let home = format!("HOME={}", self.top.path().display());
        let root = self.root().to_string_lossy().into_owned();
        let mut all = vec!["env", &config, &home, command[0], "--store", &root];
        all.extend(&command[1..]);
        tool(self.top.path(), &all)
    }

    /// The paths that Nix calls modified or gone.
    fn verified(&self) -> BTreeSet<String> {
        let script = "nix-store --store \"$0\" --verify --check-contents 2>&1; true";
        let root = self.root().to_string_lossy().into_owned();
        let config = format!("NIX_CONFIG=build-users-group =\nsubstituters = {}", self.cache());
        let text = tool(self.top.path(), &["env", &config, "sh", "-c", script, &root]);
        let bad = text.lines().filter(|line| line.contains("was modified") || line.contains("disappeared"));
        bad.filter_map(|line| line.split('\'').nth(1)).map(str::to_owned).collect()
    }

    fn writable(&self) {
        tool(&self.root(), &["chmod", "-R", "u+w", "nix/store"]);
    }

    fn said(&self) -> Said {
        said(&self.root(), "nix")
    }
}

#[test]
fn nothing_sound_is_accused() {
    let store = Store::new();
    let said = store.said();
    assert_eq!((said.wrong(), &said.broken, said.compared), (Vec::new(), &Vec::new(), 3));
    assert_eq!(store.verified(), BTreeSet::new());
    let names: BTreeSet<(&str, Option<&str>)> =
        said.packages.iter().map(|package| (package.name.as_str(), package.version.as_deref())).collect();
    assert_eq!(names, BTreeSet::from([("file", Some("2.0")), ("script", None), ("tree", Some("1.0"))]));
    // Writable or not does not count.
    store.writable();
    assert_eq!(store.said().wrong(), []);
}

#[test]
fn damage_is_found_where_nix_finds_it_and_repairing_heals_it() {
    type Damage = fn(&Store);
    let kinds: [(usize, Damage); 8] = [
        (0, |store| damage(&store.at(0, "with blank/and é"), 99_999, b"y")),
        (0, |store| remove(&store.at(0, "a.b"))),
        (0, |store| write(&store.at(0, "nothing/more"), "")),
        (0, |store| drop(tool(&store.at(0, ""), &["chmod", "644", "bin/run"]))),
        (0, |store| drop(tool(&store.at(0, ""), &["ln", "-sfn", "a", "link"]))),
        (0, |store| drop(tool(&store.at(0, ""), &["rmdir", "nothing"]))),
        (1, |store| write(&store.at(1, ""), "1234567")),
        (2, |store| damage(&store.at(2, ""), 3, b"\0")),
    ];
    for (place, (number, hurt)) in kinds.iter().enumerate() {
        let store = Store::new();
        store.writable();
        hurt(&store);
        let said = store.said();
        assert_eq!(said.wrong(), [(store.paths[*number].as_str(), "changed")], "damage {place}");
        assert_eq!(store.verified(), BTreeSet::from([store.paths[*number].clone()]), "damage {place}");
        let commands = said.reinstall("nix");
        assert_eq!(commands, [["nix-store", "--repair-path", &store.paths[*number]]]);
        if place % 3 == 0 {
            store.nix(&commands[0].iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!((store.said().wrong(), store.verified()), (Vec::new(), BTreeSet::new()), "damage {place}");
        }
    }
}

#[test]
fn a_store_path_that_is_gone_is_missing() {
    let store = Store::new();
    store.writable();
    remove(&store.at(1, ""));
    assert_eq!(store.said().wrong(), [(store.paths[1].as_str(), "missing")]);
    // It forgets the path at once; so this comes last.
    assert_eq!(store.verified(), BTreeSet::from([store.paths[1].clone()]));
}

#[test]
fn a_damaged_database_accuses_no_path() {
    let store = Store::new();
    let database = store.root().join("nix/var/nix/db/db.sqlite");
    let bytes = read(&database);
    for at in (0..bytes.len()).step_by(509) {
        let mut damaged = bytes.clone();
        let end = (at + 512).min(damaged.len());
        damaged[at..end].fill(0);
        write(&database, &damaged);
        let said = store.said();
        assert_eq!(said.wrong(), [], "damaged at {at}");
        assert!(said.packages.len() == 3 || !said.broken.is_empty(), "damaged at {at}");
    }
    for end in (0..bytes.len()).step_by(1024) {
        write(&database, &bytes[..end]);
        let said = store.said();
        assert_eq!((said.wrong(), said.broken.len()), (Vec::new(), 1), "cut at {end}");
    }
}
