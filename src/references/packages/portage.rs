//! Portage: Gentoo.
//!
//! Takes `/var/db/pkg`, where each installed package is a directory, and the settings that protect configuration; gives
//! every package with the rows of its `CONTENTS`. Portage records no modes and owners. Times are recorded; a different
//! time alone is no damage. A `CONTENTS` with a row that is none accuses nobody: what it says is optional then.
//!
//! Format: portage, `lib/portage/dbapi/vartree.py`, `dblink.getcontents` and its `_contents_re`; make.conf(5) for
//! `CONFIG_PROTECT`.

use super::{Content, Database, Entry, Package, Presence, Sink, content, lines, quoted};
use crate::io::disk::LiveRoot;
use crate::model::content::{Algorithm, Digest};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use crate::references::aliases::Aliases;
use std::collections::BTreeSet;

const PLACE: &str = "/var/db/pkg";
/// The largest `CONTENTS`: kernel sources have 8 MiB.
const CONTENTS: u64 = 256 << 20;
/// The largest settings file.
const SETTINGS: u64 = 1 << 20;
/// The most protected directories.
const PROTECTED: usize = 1000;

/// Portage's database.
#[derive(Debug)]
pub(super) struct Portage;

impl Database for Portage {
    fn name(&self) -> &'static str {
        "portage"
    }

    fn is_there(&self, root: &LiveRoot) -> bool {
        !matches!(root.look(&TargetPath::new(PLACE)), Ok(None))
    }

    fn read(&self, root: &LiveRoot, sink: &mut dyn Sink) {
        let protection = Protection::of(root, sink);
        let aliases = Aliases::of(root);
        let place = TargetPath::new(PLACE);
        for category in listed(root, &place, sink) {
            let category = place.join(category);
            for package in listed(root, &category, sink) {
                let directory = category.join(&package);
                // While a package is merged its directory has such a name (`vartree.py`, `MERGING_IDENTIFIER`).
                if package.starts_with(b"-MERGING-") {
                    sink.broken(directory, "a merge was not finished".to_owned());
                    continue;
                }
                tell(root, &directory, (&protection, &aliases), sink);
            }
        }
    }

    fn reinstall(&self, packages: &[&Package]) -> Vec<Vec<String>> {
        if packages.is_empty() {
            return Vec::new();
        }
        let atoms: BTreeSet<&str> = packages.iter().map(|package| package.fetched_as.as_str()).collect();
        // --oneshot: not noted as wanted by the administrator. Protected configuration is kept.
        vec![["emerge", "--oneshot"].into_iter().chain(atoms).map(str::to_owned).collect()]
    }
}

/// The names of directories in a directory.
fn listed(root: &LiveRoot, directory: &TargetPath, sink: &mut dyn Sink) -> Vec<Vec<u8>> {
    let names = root.list(directory).unwrap_or_else(|failure| {
        sink.broken(directory.clone(), format!("it cannot be listed: {}", failure.text));
        Vec::new()
    });
    // Beside packages there are caches and files of locks.
    let is_directory = |name: &Vec<u8>| {
        let path = directory.join(name);
        !name.starts_with(b".") && !matches!(root.look(&path), Ok(Some(seen)) if seen.kind != Kind::Directory)
    };
    names.into_iter().filter(is_directory).collect()
}

fn tell(root: &LiveRoot, directory: &TargetPath, (protection, aliases): (&Protection, &Aliases), sink: &mut dyn Sink) {
    let path = directory.join("CONTENTS");
    let category = directory.parent().map(|parent| parent.name().to_vec()).unwrap_or_default();
    let (Ok(category), Ok(name)) = (std::str::from_utf8(&category), std::str::from_utf8(directory.name())) else {
        return sink.broken(directory.clone(), "its name is no text".to_owned());
    };
    let bytes = match content(root, &path, CONTENTS) {
        Ok(Some(bytes)) => bytes,
        // Virtual packages have none.
        Ok(None) => Vec::new(),
        Err(failure) => {
            sink.broken(path.clone(), format!("it cannot be read: {}", failure.text));
            Vec::new()
        }
    };
    let (rows, broken) = parse(&bytes);
    let damaged = broken.is_some();
    if let Some(fault) = broken {
        sink.broken(path, fault);
    }
    sink.package(package(category, name));
    for row in rows {
        let mut entry = row.entry;
        let called = TargetPath::new(entry.path);
        let real = aliases.resolved(&called).unwrap_or(called);
        entry.path = real.as_bytes();
        entry.config = entry.kind != Some(Kind::Directory) && protection.protects(&real);
        if let Some(digest) = &row.digest {
            entry.content = Content::Digest(Algorithm::Md5, &digest.bytes);
        }
        if damaged {
            let content = if row.digest.is_some() { Content::Unknown(DAMAGED) } else { Content::Nothing };
            entry = Entry { presence: Presence::Optional, content, config: entry.config, ..Entry::at(entry.path) };
        }
        sink.entry(entry);
    }
}

const DAMAGED: &str = "the package's CONTENTS is damaged";

/// Name and version are divided by the last dash with a digit behind it; a revision `-r1` belongs to the version (PMS,
/// 3.1.2 and 3.2).
fn package(category: &str, full: &str) -> Package {
    let end =
        full.rfind("-r").filter(|at| full.len() > at + 2 && full[at + 2..].bytes().all(|byte| byte.is_ascii_digit()));
    let base = &full[..end.unwrap_or(full.len())];
    let dash = base.rfind('-').filter(|at| base[at + 1..].starts_with(|first: char| first.is_ascii_digit()));
    let (name, version) = dash.map_or((full, None), |at| (&full[..at], Some(full[at + 1..].to_owned())));
    Package {
        name: format!("{category}/{name}"),
        version,
        architecture: None,
        database: "portage",
        installer: "emerge",
        fetched_as: format!("={category}/{full}"),
    }
}

/// A row, its digest apart because an entry borrows it.
struct Row<'a> {
    entry: Entry<'a>,
    digest: Option<Digest>,
}

fn parse(bytes: &[u8]) -> (Vec<Row<'_>>, Option<String>) {
    let mut rows = Vec::new();
    let mut broken = (!bytes.is_empty() && !bytes.ends_with(b"\n")).then(|| "the last line is cut".to_owned());
    for (number, line) in lines(bytes).enumerate() {
        match row(line) {
            Some(row) => rows.push(row),
            None => {
                broken.get_or_insert_with(|| format!("line {} is no row: {}", number + 1, quoted(line)));
            }
        }
    }
    (rows, broken)
}

/// `dir PATH`, `obj PATH MD5 MTIME`, `sym PATH -> TARGET MTIME`, `fif PATH`, `dev PATH`; names may have blanks.
fn row(line: &[u8]) -> Option<Row<'_>> {
    let (word, rest) = line.split_at_checked(4)?;
    let (kind, path, digest, target, mtime) = match word {
        b"dir " => (Kind::Directory, rest, None, None, None),
        b"fif " => (Kind::Fifo, rest, None, None, None),
        b"dev " => (Kind::Device, rest, None, None, None),
        b"obj " => {
            let (rest, mtime) = last(rest)?;
            let (path, md5) = last(rest)?;
            let md5 = Digest::from_hex(Algorithm::Md5, std::str::from_utf8(md5).ok()?).ok()?;
            (Kind::File, path, Some(md5), None, Some(time(mtime)?))
        }
        b"sym " => {
            let (rest, mtime) = last(rest)?;
            // Very old ones have the whole inode: `(…)`, which is then no number.
            let arrow = memchr::memmem::find(rest, b" -> ")?;
            (Kind::Link, &rest[..arrow], None, Some(&rest[arrow + 4..]), Some(time(mtime)?))
        }
        _ => return None,
    };
    let sound = path.starts_with(b"/")
        && !path.contains(&0)
        && !target.is_some_and(|target| target.is_empty() || target.contains(&0));
    sound.then(|| Row { entry: Entry { kind: Some(kind), target, mtime, ..Entry::at(path) }, digest })
}

/// The last word, and what is before it.
fn last(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let blank = text.iter().rposition(|&byte| byte == b' ')?;
    Some((&text[..blank], &text[blank + 1..]))
}

fn time(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Which files are configuration: `CONFIG_PROTECT` without `CONFIG_PROTECT_MASK`.
struct Protection {
    protected: Vec<TargetPath>,
    masked: Vec<TargetPath>,
}

impl Protection {
    fn of(root: &LiveRoot, sink: &mut dyn Sink) -> Self {
        // make.globals has it so.
        let mut protection = Self { protected: vec![TargetPath::new("/etc")], masked: Vec::new() };
        let mut files = vec![TargetPath::new("/etc/portage/make.conf")];
        for directory in ["/etc/env.d", "/etc/portage/make.conf"].map(TargetPath::new) {
            if matches!(root.look(&directory), Ok(Some(seen)) if seen.kind == Kind::Directory) {
                files.retain(|file| *file != directory);
                files.extend(listed_files(root, &directory));
            }
        }
        for path in files {
            match content(root, &path, SETTINGS) {
                Ok(bytes) => protection.add(&bytes.unwrap_or_default()),
                Err(failure) => sink.broken(path, format!("it cannot be read: {}", failure.text)),
            }
        }
        protection
    }

    /// Adds what a file of shell assignments sets.
    fn add(&mut self, bytes: &[u8]) {
        for line in lines(bytes) {
            let line = line.trim_ascii();
            let line = line.strip_prefix(b"export ").unwrap_or(line);
            let (into, value) = if let Some(value) = line.strip_prefix(b"CONFIG_PROTECT=") {
                (&mut self.protected, value)
            } else if let Some(value) = line.strip_prefix(b"CONFIG_PROTECT_MASK=") {
                (&mut self.masked, value)
            } else {
                continue;
            };
            let words = value.split(|byte| b" \t\"'".contains(byte)).filter(|word| word.starts_with(b"/"));
            into.extend(words.map(TargetPath::new).take(PROTECTED));
            into.truncate(PROTECTED);
        }
    }

    /// The longest that fits decides (`lib/portage/util/__init__.py`, `ConfigProtect.isprotected`).
    fn protects(&self, path: &TargetPath) -> bool {
        let longest = |all: &[TargetPath]| {
            all.iter().filter(|directory| path.is_below(directory)).map(|directory| directory.as_bytes().len()).max()
        };
        longest(&self.protected).is_some_and(|length| longest(&self.masked).is_none_or(|masked| masked < length))
    }
}

fn listed_files(root: &LiveRoot, directory: &TargetPath) -> Vec<TargetPath> {
    let names = root.list(directory).unwrap_or_default();
    let is_file = |path: &TargetPath| matches!(root.look(path), Ok(Some(seen)) if seen.kind == Kind::File);
    names.iter().map(|name| directory.join(name)).filter(is_file).collect()
}
