//! What package databases say, held against the tools that made them. Databases and packages are made by the real tools
//! in a directory of their own; damage is done by hand, and every difference to the tools' own answer is spelled out.

mod dpkg;
mod nix;
mod portage;
mod rpm;
mod sqlite;

use crate::tools::read;
use rectify::io::disk::LiveRoot;
use rectify::model::content::Algorithm;
use rectify::model::hasher::digest_of;
use rectify::model::observation::Kind;
use rectify::model::path::TargetPath;
use rectify::references::nar;
use rectify::references::packages::{Content, DATABASES, Database, Entry, Package, Presence, Sink};
use std::collections::BTreeSet;
use std::path::Path;

/// All that a database said, and how the live tree differs from it.
#[derive(Default)]
pub(crate) struct Said {
    root: Option<LiveRoot>,
    pub(crate) packages: Vec<Package>,
    pub(crate) broken: Vec<(String, String)>,
    /// What differs, with the package that says so.
    pub(crate) wrong: BTreeSet<(String, &'static str)>,
    /// The packages of `wrong`.
    pub(crate) hurt: BTreeSet<usize>,
    /// Every path that was told, with its package.
    pub(crate) told: BTreeSet<(String, String)>,
    /// Paths whose content is unknown, and why.
    pub(crate) unknown: BTreeSet<(String, String)>,
    /// Paths that are configuration.
    pub(crate) config: BTreeSet<String>,
    /// How many files were compared by content.
    pub(crate) compared: usize,
}

/// The database of a name.
pub(crate) fn database(name: &str) -> &'static dyn Database {
    *DATABASES.iter().find(|database| database.name() == name).expect("the table has it")
}

/// Reads a database and compares the tree with it.
pub(crate) fn said(root: &Path, name: &str) -> Said {
    let root = LiveRoot::open(root).expect("it was just made");
    let mut said = Said { root: Some(root.clone()), ..Said::default() };
    database(name).read(&root, &mut said);
    said
}

impl Said {
    /// The commands that heal what is wrong.
    pub(crate) fn reinstall(&self, name: &str) -> Vec<Vec<String>> {
        let hurt: Vec<&Package> = self.hurt.iter().map(|&number| &self.packages[number]).collect();
        database(name).reinstall(&hurt)
    }

    pub(crate) fn wrong(&self) -> Vec<(&str, &str)> {
        self.wrong.iter().map(|(path, what)| (path.as_str(), *what)).collect()
    }

    fn differences(&mut self, entry: &Entry<'_>, path: &TargetPath) -> Vec<&'static str> {
        let root = self.root.as_ref().expect("it is set");
        let Some(seen) = root.look(path).expect("it can be looked at") else {
            return if entry.presence == Presence::Required { vec!["missing"] } else { Vec::new() };
        };
        let led = seen.kind == Kind::Link && entry.kind == Some(Kind::Directory);
        if entry.kind.is_some_and(|kind| kind != seen.kind) && !led {
            return vec!["kind"];
        }
        let mut wrong = Vec::new();
        match entry.content {
            Content::Digest(algorithm, digest) => {
                self.compared += 1;
                let bytes = read(&root.locate(path));
                if digest_of(algorithm, &bytes).bytes[..] != *digest {
                    wrong.push("changed");
                }
            }
            Content::Archive(algorithm, digest) => {
                self.compared += 1;
                if !archive_agrees(root, path, algorithm, digest) {
                    wrong.push("changed");
                }
            }
            Content::Unknown(_) | Content::Nothing => {}
        }
        if entry.mode.is_some_and(|mode| mode != seen.mode) {
            wrong.push("mode");
        }
        if entry.target.is_some_and(|target| seen.target.is_none_or(|seen| seen.0 != target)) {
            wrong.push("target");
        }
        if entry.size.is_some_and(|size| size != seen.size) && entry.kind == Some(Kind::File) {
            wrong.push("size");
        }
        wrong
    }
}

impl Sink for Said {
    fn package(&mut self, package: Package) {
        self.packages.push(package);
    }

    fn entry(&mut self, entry: Entry<'_>) {
        let path = TargetPath::new(entry.path);
        assert_eq!(path.as_bytes(), entry.path, "paths are normalised");
        let package = self.packages.last().expect("a package comes before its entries").name.clone();
        let name = path.to_string();
        for what in self.differences(&entry, &path) {
            self.wrong.insert((name.clone(), what));
            self.hurt.insert(self.packages.len() - 1);
        }
        if let Content::Unknown(why) = entry.content {
            self.unknown.insert((name.clone(), why.to_owned()));
        }
        if entry.config {
            self.config.insert(name.clone());
        }
        self.told.insert((name, package));
    }

    fn broken(&mut self, path: TargetPath, evidence: String) {
        self.broken.push((path.to_string(), evidence));
    }
}

fn archive_agrees(root: &LiveRoot, path: &TargetPath, algorithm: Algorithm, expected: &[u8]) -> bool {
    let (digest, _) = nar::digest(root, path, algorithm).expect("it can be read").expect("it is there");
    digest.bytes[..] == *expected
}
