//! dpkg's database as a whole: its packages, and what changes the meaning of their lists.
//!
//! Takes a live tree; gives what all packages share, and loads the lists of one package at a time. What is damaged is
//! told at once; a package that the status file has lost is found by its lists, without version and state.

use super::super::{Sink, content};
use super::overrides::{Diversions, Filters, StatOverrides};
use super::status::{self, Known, State};
use crate::io::disk::LiveRoot;
use crate::model::path::TargetPath;
use crate::references::aliases::Aliases;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The largest status file: 100,000 packages of 1 KiB are more than any distribution has.
const STATUS: u64 = 256 << 20;
/// The largest list of a package: those of texlive and of kernel sources are below 10 MiB.
const LIST: u64 = 64 << 20;
/// The largest of the other files.
const OTHER: u64 = 16 << 20;

/// A file or directory of the database.
pub(super) fn at(name: &str) -> TargetPath {
    TargetPath::new("/var/lib/dpkg").join(name)
}

/// One database.
pub(super) struct System<'a> {
    root: &'a LiveRoot,
    pub(super) packages: Vec<Known>,
    pub(super) aliases: Aliases,
    pub(super) diversions: Diversions,
    pub(super) overrides: StatOverrides,
    pub(super) filters: Filters,
    /// The names in `info/`; `None` when it cannot be listed.
    info: Option<BTreeSet<Vec<u8>>>,
}

/// A list of a package.
pub(super) enum Loaded {
    /// There is none.
    Missing,
    /// It cannot be read.
    Unreadable,
    /// Its bytes, and where it lies.
    Read(TargetPath, Vec<u8>),
}

/// The lists of a package.
pub(super) struct Lists {
    pub(super) list: Loaded,
    pub(super) sums: Loaded,
    pub(super) faults: Vec<(TargetPath, String)>,
}

impl<'a> System<'a> {
    /// Reads all but the lists.
    pub(super) fn read(root: &'a LiveRoot, sink: &mut dyn Sink) -> Self {
        let (diversions, fault) = Diversions::parse(&file(root, sink, &at("diversions"), OTHER).unwrap_or_default());
        broken(sink, &at("diversions"), fault);
        let (overrides, fault) =
            StatOverrides::parse(&file(root, sink, &at("statoverride"), OTHER).unwrap_or_default());
        broken(sink, &at("statoverride"), fault);
        let info = match root.list(&at("info")) {
            Ok(names) => Some(names.into_iter().collect()),
            Err(failure) => {
                sink.broken(at("info"), format!("it cannot be listed: {}", failure.text));
                None
            }
        };
        let mut system = Self {
            root,
            packages: Vec::new(),
            aliases: Aliases::of(root),
            diversions,
            overrides,
            filters: filters(root, sink),
            info,
        };
        system.packages = system.all_packages(sink);
        system
    }

    /// Every package of which something may be on the system, sorted by name, then those that the status file lost.
    fn all_packages(&self, sink: &mut dyn Sink) -> Vec<Known> {
        let mut found: BTreeMap<(String, Option<String>), Known> = BTreeMap::new();
        let mut damaged = false;
        for path in status_files(self.root, sink) {
            let Some(bytes) = file(self.root, sink, &path, STATUS) else {
                damaged = true;
                continue;
            };
            let mut status = status::parse(&bytes);
            for known in status.packages {
                let key = (known.name.clone(), known.architecture.clone());
                // What was not merged yet is newer; within the status file itself a package has one paragraph.
                if let Some(older) = found.insert(key, known)
                    && path == at("status")
                {
                    status.faults.add(format!("a second paragraph of `{}`", older.name));
                }
            }
            let fault = status.faults.text();
            damaged |= fault.is_some();
            broken(sink, &path, fault);
        }
        let lost = self.lost(&found);
        if !lost.is_empty() && !damaged {
            let names: Vec<&str> = lost.iter().take(10).map(|known| known.name.as_str()).collect();
            let names = names.join(", ");
            sink.broken(
                at("status"),
                format!("no paragraph of packages that have lists of files: {names} ({} in all)", lost.len()),
            );
        }
        found.into_values().filter(|known| known.state != State::Absent).chain(lost).collect()
    }

    /// Packages that have a list of files and are not in the status file.
    fn lost(&self, packages: &BTreeMap<(String, Option<String>), Known>) -> Vec<Known> {
        let names: HashSet<&str> = packages.keys().map(|(name, _)| name.as_str()).collect();
        let stems = self.info.iter().flatten().filter_map(|name| name.strip_suffix(b".list"));
        let mut lost = Vec::new();
        for stem in stems.filter_map(|stem| std::str::from_utf8(stem).ok()) {
            let (name, architecture) =
                stem.split_once(':').map_or((stem, None), |(name, of)| (name, Some(of.to_owned())));
            let known = match &architecture {
                None => names.contains(name),
                Some(_) => packages.contains_key(&(name.to_owned(), architecture.clone())),
            };
            if !known {
                lost.push(Known {
                    name: name.to_owned(),
                    version: None,
                    architecture,
                    state: State::Installed,
                    conffiles: Vec::new(),
                    replaces: BTreeSet::new(),
                });
            }
        }
        lost
    }

    /// Where the file that a package calls `path` really is; `None` when it is just there.
    pub(super) fn place(&self, path: &TargetPath, package: &Known) -> Option<TargetPath> {
        let diverted = self.diversions.place(path, &package.name);
        let resolved = self.aliases.resolved(diverted.unwrap_or(path));
        resolved.or_else(|| diverted.cloned())
    }

    /// Every package with its number.
    pub(super) fn numbered(&self) -> Vec<(u32, &Known)> {
        (0..).zip(&self.packages).collect()
    }

    /// The lists of a package.
    pub(super) fn load(&self, package: &Known) -> Lists {
        let mut faults = Vec::new();
        let mut load = |kind: &str| {
            let Some(path) = self.info(package, kind) else { return Loaded::Missing };
            match content(self.root, &path, LIST) {
                Ok(Some(bytes)) => Loaded::Read(path, bytes),
                Ok(None) => Loaded::Missing,
                Err(failure) => {
                    faults.push((path, format!("it cannot be read: {}", failure.text)));
                    Loaded::Unreadable
                }
            }
        };
        let (list, sums) = (load("list"), load("md5sums"));
        if matches!(list, Loaded::Missing)
            && matches!(package.state, State::Installed | State::Unpacked)
            && self.info.is_some()
        {
            faults.push((
                at("info").join(format!("{}.list", package.name)),
                "it is missing, and its package is installed".to_owned(),
            ));
        }
        Lists { list, sums, faults }
    }

    /// A file of `info/`: `NAME:ARCH.KIND` of packages of which several architectures can be there, else `NAME.KIND`
    /// (`lib/dpkg/db-ctrl-access.c`).
    fn info(&self, package: &Known, kind: &str) -> Option<TargetPath> {
        let info = self.info.as_ref()?;
        let with = package.architecture.as_ref().map(|of| format!("{}:{of}.{kind}", package.name));
        let mut names = with.into_iter().chain([format!("{}.{kind}", package.name)]);
        names.find(|name| info.contains(name.as_bytes())).map(|name| at("info").join(name))
    }
}

/// A file of the database; `None` when it is missing, or cannot be read, which is told.
fn file(root: &LiveRoot, sink: &mut dyn Sink, path: &TargetPath, limit: u64) -> Option<Vec<u8>> {
    content(root, path, limit).unwrap_or_else(|failure| {
        sink.broken(path.clone(), format!("it cannot be read: {}", failure.text));
        None
    })
}

fn broken(sink: &mut dyn Sink, path: &TargetPath, fault: Option<String>) {
    if let Some(fault) = fault {
        sink.broken(path.clone(), fault);
    }
}

/// The status file and the changes that dpkg has not merged into it yet: files named by numbers (`lib/dpkg/dbmodify.c`).
fn status_files(root: &LiveRoot, sink: &mut dyn Sink) -> Vec<TargetPath> {
    let updates = at("updates");
    let mut files = vec![at("status")];
    if let Ok(None) = root.look(&files[0]) {
        sink.broken(files.remove(0), "it is missing".to_owned());
    }
    let names = match root.look(&updates) {
        Ok(None) => Vec::new(),
        Ok(Some(_)) | Err(_) => root.list(&updates).unwrap_or_else(|failure| {
            sink.broken(updates.clone(), format!("it cannot be listed: {}", failure.text));
            Vec::new()
        }),
    };
    files.extend(names.iter().filter(|name| name.iter().all(u8::is_ascii_digit)).map(|name| updates.join(name)));
    files
}

fn filters(root: &LiveRoot, sink: &mut dyn Sink) -> Filters {
    let mut filters = Filters::default();
    let parts = TargetPath::new("/etc/dpkg/dpkg.cfg.d");
    // dpkg reads the parts before the main file (`lib/dpkg/options.c`, `dpkg_options_load`), names as run-parts(8).
    let named = |name: &&Vec<u8>| name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
    let names = match root.look(&parts) {
        Ok(None) => Vec::new(),
        Ok(Some(_)) | Err(_) => root.list(&parts).unwrap_or_else(|failure| {
            sink.broken(parts.clone(), format!("it cannot be listed: {}", failure.text));
            Vec::new()
        }),
    };
    let mut files: Vec<TargetPath> = names.iter().filter(named).map(|name| parts.join(name)).collect();
    files.push(TargetPath::new("/etc/dpkg/dpkg.cfg"));
    for path in files {
        filters.add(&file(root, sink, &path, OTHER).unwrap_or_default());
    }
    if let Some(bytes) = file(root, sink, &TargetPath::new("/etc/locale.nopurge"), OTHER) {
        filters.add_localepurge(&bytes);
    }
    filters
}
