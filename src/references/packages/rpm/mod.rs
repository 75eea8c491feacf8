//! rpm: Fedora, RHEL, SUSE and their descendants.
//!
//! Takes the database, in SQLite (rpm 4.16 and later) or in rpm's own `ndb` (SUSE); gives every package with its files:
//! digest, size, mode, owner, target, as far as the package wants them verified (`%verify`). A header is believed only
//! if its own digest fits. The Berkeley DB of before is told to be unreadable: `rpm --rebuilddb` converts it.
//!
//! What counts for which kind of file is as in `lib/verify.c`, `rpmfilesVerify`.

mod header;
mod ndb;

use super::{Content, Database, Entry, Owner, Package, Presence, Sink, quoted};
use crate::io::disk::LiveRoot;
use crate::model::content::{Algorithm, Digest};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use crate::references::aliases::Aliases;
use crate::references::sqlite::{self, Value};
use header::Header;
use std::collections::BTreeSet;

/// Where databases lie: by tradition, in newer Fedora and SUSE, and in image based systems (`%_dbpath`).
const PLACES: [&str; 3] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm"];
/// The formats' files.
const SQLITE: &str = "rpmdb.sqlite";
const NDB: &str = "Packages.db";
const BERKELEY: &str = "Packages";

/// rpm's database.
#[derive(Debug)]
pub(super) struct Rpm;

impl Database for Rpm {
    fn name(&self) -> &'static str {
        "rpm"
    }

    fn is_there(&self, root: &LiveRoot) -> bool {
        place(root).is_some()
    }

    fn read(&self, root: &LiveRoot, sink: &mut dyn Sink) {
        let Some((path, format)) = place(root) else { return };
        let aliases = Aliases::of(root);
        let installer = installer(root);
        let mut faults = Vec::new();
        let mut each = |blob: &[u8]| match Header::parse(blob).and_then(|header| Told::of(&header, installer)) {
            Ok(told) => told.tell(&aliases, sink),
            Err(fault) => faults.push(fault),
        };
        let more = match format {
            SQLITE => read_sqlite(root, &path, &mut each),
            NDB => match root.open_file(&path) {
                Ok(file) => ndb::read(&file, &mut each),
                Err(failure) => vec![format!("it cannot be read: {}", failure.text)],
            },
            _ => vec!["it is in the old format (Berkeley DB), which is not read: `rpm --rebuilddb` of a newer rpm converts it".to_owned()],
        };
        let all: Vec<String> =
            more.into_iter().chain(faults.into_iter().map(|fault| format!("a package's header: {fault}"))).collect();
        if !all.is_empty() {
            let text = all.iter().take(10).cloned().collect::<Vec<_>>().join("; ");
            let rest = if all.len() > 10 { format!("; and {} more", all.len() - 10) } else { String::new() };
            sink.broken(path, text + &rest);
        }
    }

    fn reinstall(&self, packages: &[&Package]) -> Vec<Vec<String>> {
        let mut commands = Vec::new();
        for (installer, verb) in
            [("dnf", &["reinstall"][..]), ("yum", &["reinstall"]), ("zypper", &["install", "--force"])]
        {
            let ours = packages.iter().filter(|package| package.installer == installer);
            let names: BTreeSet<&str> = ours.map(|package| package.fetched_as.as_str()).collect();
            if !names.is_empty() {
                let words = [installer].into_iter().chain(verb.iter().copied()).chain(names);
                commands.push(words.map(str::to_owned).collect());
            }
        }
        commands
    }
}

/// Where the database is, and in which format.
fn place(root: &LiveRoot) -> Option<(TargetPath, &'static str)> {
    let there = |path: &TargetPath| !matches!(root.look(path), Ok(None));
    // A directory may hold the file of an older format, too: the newest counts.
    [SQLITE, NDB, BERKELEY].into_iter().find_map(|format| {
        let path = PLACES.iter().map(|place| TargetPath::new(place).join(format)).find(there)?;
        Some((path, format))
    })
}

/// The program that installs packages on this system.
fn installer(root: &LiveRoot) -> &'static str {
    let there = |path: &str| matches!(root.look(&TargetPath::new(path)), Ok(Some(_)));
    if there("/etc/zypp") || there("/usr/bin/zypper") {
        "zypper"
    } else if there("/usr/bin/yum") && !there("/usr/bin/dnf") && !there("/etc/dnf") {
        "yum"
    } else {
        "dnf"
    }
}

fn read_sqlite(root: &LiveRoot, path: &TargetPath, each: &mut dyn FnMut(&[u8])) -> Vec<String> {
    let mut wrong = 0;
    let mut faults = match sqlite::Database::open(root, path) {
        Ok(None) => return vec!["it is missing".to_owned()],
        Err(fault) => return vec![fault],
        // `Packages(hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)` (`lib/backend/sqlite.c`).
        Ok(Some(mut database)) => database.rows("Packages", &mut |_, row| match row.as_slice() {
            [_, Value::Blob(blob), ..] => each(blob),
            _ => wrong += 1,
        }),
    };
    if wrong > 0 {
        faults.push(format!("{wrong} rows hold no header"));
    }
    faults
}

/// `rpmTag` numbers (`include/rpm/rpmtag.h`).
mod tag {
    pub(super) const NAME: u32 = 1000;
    pub(super) const VERSION: u32 = 1001;
    pub(super) const RELEASE: u32 = 1002;
    pub(super) const EPOCH: u32 = 1003;
    pub(super) const ARCH: u32 = 1022;
    pub(super) const FILE_SIZES: u32 = 1028;
    pub(super) const FILE_STATES: u32 = 1029;
    pub(super) const FILE_MODES: u32 = 1030;
    pub(super) const FILE_MTIMES: u32 = 1034;
    pub(super) const FILE_DIGESTS: u32 = 1035;
    pub(super) const FILE_LINKS: u32 = 1036;
    pub(super) const FILE_FLAGS: u32 = 1037;
    pub(super) const FILE_USERS: u32 = 1039;
    pub(super) const FILE_GROUPS: u32 = 1040;
    pub(super) const FILE_VERIFY: u32 = 1045;
    pub(super) const DIR_INDEXES: u32 = 1116;
    pub(super) const BASE_NAMES: u32 = 1117;
    pub(super) const DIR_NAMES: u32 = 1118;
    pub(super) const LONG_SIZES: u32 = 5008;
    pub(super) const DIGEST_ALGORITHM: u32 = 5011;
}

/// `rpmfileAttrs` (`include/rpm/rpmfiles.h`).
mod attribute {
    pub(super) const CONFIG: u64 = 1;
    pub(super) const MISSING_OK: u64 = 1 << 3;
    pub(super) const GHOST: u64 = 1 << 6;
}

/// `rpmVerifyAttrs` (`include/rpm/rpmvf.h`).
mod verify {
    pub(super) const DIGEST: u64 = 1;
    pub(super) const SIZE: u64 = 1 << 1;
    pub(super) const LINK: u64 = 1 << 2;
    pub(super) const USER: u64 = 1 << 3;
    pub(super) const GROUP: u64 = 1 << 4;
    pub(super) const MTIME: u64 = 1 << 5;
    pub(super) const MODE: u64 = 1 << 6;
}

/// One package.
struct Told<'a> {
    package: Package,
    directories: Vec<&'a [u8]>,
    names: Vec<&'a [u8]>,
    indexes: Vec<u64>,
    digests: Vec<&'a [u8]>,
    links: Vec<&'a [u8]>,
    users: Vec<&'a [u8]>,
    groups: Vec<&'a [u8]>,
    sizes: Vec<u64>,
    modes: Vec<u64>,
    mtimes: Vec<u64>,
    flags: Vec<u64>,
    verify: Vec<u64>,
    states: Vec<u64>,
    algorithm: Option<Algorithm>,
}

impl<'a> Told<'a> {
    fn of(header: &Header<'a>, installer: &'static str) -> Result<Self, String> {
        let needed = |number, what| header.text(number).ok_or_else(|| format!("it has no {what}"));
        let name = needed(tag::NAME, "name")?;
        let architecture = header.text(tag::ARCH);
        let epoch = header.numbers(tag::EPOCH).and_then(|epochs| epochs.first().copied());
        let epoch = epoch.map_or(String::new(), |epoch| format!("{epoch}:"));
        let version = format!("{epoch}{}-{}", needed(tag::VERSION, "version")?, needed(tag::RELEASE, "release")?);
        let of = architecture.as_ref().map_or(String::new(), |of| format!(".{of}"));
        let fetched_as =
            if installer == "zypper" { format!("{name}{of}={version}") } else { format!("{name}-{version}{of}") };
        let texts = |number| header.texts(number).unwrap_or_default();
        let numbers = |number| header.numbers(number).unwrap_or_default();
        let sizes = header.numbers(tag::LONG_SIZES).unwrap_or_else(|| numbers(tag::FILE_SIZES));
        let told = Self {
            package: Package { name, version: Some(version), architecture, database: "rpm", installer, fetched_as },
            directories: texts(tag::DIR_NAMES),
            names: texts(tag::BASE_NAMES),
            indexes: numbers(tag::DIR_INDEXES),
            digests: texts(tag::FILE_DIGESTS),
            links: texts(tag::FILE_LINKS),
            users: texts(tag::FILE_USERS),
            groups: texts(tag::FILE_GROUPS),
            sizes,
            modes: numbers(tag::FILE_MODES),
            mtimes: numbers(tag::FILE_MTIMES),
            flags: numbers(tag::FILE_FLAGS),
            verify: numbers(tag::FILE_VERIFY),
            states: numbers(tag::FILE_STATES),
            algorithm: algorithm(numbers(tag::DIGEST_ALGORITHM).first().copied()),
        };
        told.fits()
    }

    /// All arrays have as many elements as there are files.
    fn fits(self) -> Result<Self, String> {
        let count = self.names.len();
        // A name is also a word of a command: what begins otherwise is none, and could be taken for an option.
        let named = self.package.name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_');
        let fit = named
            && self.indexes.len() == count
            && self
                .indexes
                .iter()
                .all(|index| usize::try_from(*index).is_ok_and(|index| index < self.directories.len()))
            // PATH_MAX (`linux/limits.h`): also, no work by the square of the names' lengths.
            && self.directories.iter().chain(&self.names).all(|name| name.len() <= 4096)
            && [&self.digests, &self.links, &self.users, &self.groups].iter().all(|all| all.len() == count)
            && [&self.modes, &self.mtimes, &self.flags, &self.sizes].iter().all(|all| all.len() == count)
            && [&self.verify, &self.states].iter().all(|all| all.is_empty() || all.len() == count);
        if fit {
            Ok(self)
        } else {
            Err(format!("the files of {} do not fit together", quoted(self.package.name.as_bytes())))
        }
    }

    fn tell(self, aliases: &Aliases, sink: &mut dyn Sink) {
        sink.package(self.package.clone());
        for file in 0..self.names.len() {
            let directory = usize::try_from(self.indexes[file]).ok().and_then(|index| self.directories.get(index));
            let path = TargetPath::new([directory.copied().unwrap_or_default(), b"/", self.names[file]].concat());
            let path = aliases.resolved(&path).unwrap_or(path);
            self.file(file, path.as_bytes(), sink);
        }
    }

    fn file(&self, file: usize, path: &[u8], sink: &mut dyn Sink) {
        let (mode, flags) = (self.modes[file], self.flags[file]);
        let has = |flag| flags & flag != 0;
        let config = has(attribute::CONFIG);
        // Other states than normal and shared by network: another package replaced it, or it was left out.
        if !matches!(self.states.get(file), None | Some(0 | 3)) {
            let content = Content::Unknown("rpm did not install this file of the package, or another one replaced it");
            return sink.entry(Entry { presence: Presence::Optional, content, config, ..Entry::at(path) });
        }
        let kind = kind(mode);
        let link = kind == Kind::Link;
        let mut counts = self.verify.get(file).copied().unwrap_or(u64::MAX);
        if kind != Kind::File || has(attribute::GHOST) {
            counts &= !(verify::DIGEST | verify::SIZE | verify::MTIME);
        }
        if link {
            counts &= !verify::MODE;
        }
        if !link || has(attribute::GHOST) {
            counts &= !verify::LINK;
        }
        let counted = |what| counts & what != 0;
        let text =
            |all: &[&'a [u8]]| std::str::from_utf8(all[file]).ok().filter(|name| !name.is_empty()).map(Owner::Name);
        let optional = has(attribute::MISSING_OK) || has(attribute::GHOST);
        let digest = self
            .algorithm
            .and_then(|algorithm| Digest::from_hex(algorithm, std::str::from_utf8(self.digests[file]).ok()?).ok());
        let content = match &digest {
            _ if kind != Kind::File => Content::Nothing,
            Some(digest) if counted(verify::DIGEST) => Content::Digest(digest.algorithm, &digest.bytes),
            None if counted(verify::DIGEST) => Content::Unknown("rpm has no digest of it that is understood"),
            _ => Content::Unknown("the package says that its content may change"),
        };
        sink.entry(Entry {
            path,
            presence: if optional { Presence::Optional } else { Presence::Required },
            // A ghost is made by the program itself: it may be anything.
            kind: (!has(attribute::GHOST)).then_some(kind),
            content,
            size: counted(verify::SIZE).then_some(self.sizes[file]),
            mode: counted(verify::MODE).then(|| u32::try_from(mode & 0o7777).unwrap_or(0)),
            owner: text(&self.users).filter(|_| counted(verify::USER)),
            group: text(&self.groups).filter(|_| counted(verify::GROUP)),
            target: counted(verify::LINK).then_some(self.links[file]),
            mtime: counted(verify::MTIME).then(|| i64::try_from(self.mtimes[file]).ok()).flatten(),
            config,
        });
    }
}

/// The format bits of a mode (inode(7)).
fn kind(mode: u64) -> Kind {
    match mode & 0o170_000 {
        0o040_000 => Kind::Directory,
        0o120_000 => Kind::Link,
        0o010_000 => Kind::Fifo,
        0o140_000 => Kind::Socket,
        0o020_000 | 0o060_000 => Kind::Device,
        _ => Kind::File,
    }
}

/// The numbers of `OpenPGP` (RFC 4880, 9.4); MD5 where the package tells none.
fn algorithm(number: Option<u64>) -> Option<Algorithm> {
    match number {
        None | Some(1) => Some(Algorithm::Md5),
        Some(2) => Some(Algorithm::Sha1),
        Some(8) => Some(Algorithm::Sha256),
        Some(10) => Some(Algorithm::Sha512),
        Some(_) => None,
    }
}
