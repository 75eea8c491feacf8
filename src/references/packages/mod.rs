//! What the package databases of an operating system say about files.
//!
//! Takes a live tree, which may be a mounted image; gives, to a [`Sink`], every package and what its database says
//! about every path of it. The databases' files are read, their tools are never run. Does not look at the files that
//! are talked about, and judges nothing: a database can be damaged like everything else, and tells so by
//! [`Sink::broken`].
//!
//! A new kind of database is a file and a line in [`DATABASES`].

mod alternatives;
mod dpkg;
mod nix;
mod portage;
mod rpm;

use crate::io::disk::{LiveRoot, io_failure};
use crate::model::content::Algorithm;
use crate::model::observation::{Failure, Kind};
use crate::model::path::TargetPath;
use std::io::Read;

/// All that are known, sorted by name.
pub static DATABASES: &[&dyn Database] = &[
    // One a line.
    &alternatives::Alternatives,
    &dpkg::Dpkg,
    &nix::Nix,
    &portage::Portage,
    &rpm::Rpm,
];

/// Reads all databases that are there.
pub fn read_all(root: &LiveRoot, sink: &mut dyn Sink) {
    for database in DATABASES.iter().filter(|database| database.is_there(root)) {
        database.read(root, sink);
    }
}

/// One kind of package database.
pub trait Database: Sync {
    /// Its name, as in [`Package::database`].
    fn name(&self) -> &'static str;

    /// Whether the tree has one, sound or not.
    fn is_there(&self, root: &LiveRoot) -> bool;

    /// Tells everything that it says. The same tree gives the same calls in the same order.
    fn read(&self, root: &LiveRoot, sink: &mut dyn Sink);

    /// Commands (argument vectors) that put the files of these packages of this database right again; few commands for
    /// many packages. They keep configuration files that were changed on purpose.
    fn reinstall(&self, packages: &[&Package]) -> Vec<Vec<String>>;

    /// The same for packages whose configuration is gone, where installing anew does not bring that back.
    fn restore_configuration(&self, _packages: &[&Package]) -> Vec<Vec<String>> {
        Vec::new()
    }

    /// Whether each package needs a command of its own, rather than one for all that name it last.
    fn one_by_one(&self) -> bool {
        false
    }
}

/// Takes what databases say.
pub trait Sink {
    /// A package; the entries that follow are of it, up to the next one.
    fn package(&mut self, package: Package);

    /// What the last package says about a path. The same path may come several times, of several packages.
    fn entry(&mut self, entry: Entry<'_>);

    /// A file of a database is damaged: what, and how one can see it. What it could have said is missing.
    fn broken(&mut self, path: TargetPath, evidence: String);
}

/// A package as its database knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its name, without version and architecture.
    pub name: String,
    /// Its version; `None` where the database is damaged and does not tell.
    pub version: Option<String>,
    /// Its architecture, where the database has such a thing.
    pub architecture: Option<String>,
    /// Which database: [`Database::name`].
    pub database: &'static str,
    /// The program that installs it anew.
    pub installer: &'static str,
    /// How that program names this very package: `libc6:amd64=2.36-9`.
    pub fetched_as: String,
}

/// What a package says about one path. Borrowed: there may be a million.
///
/// What is `None` is not said, or does not count: some databases name attributes that may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Absolute, normalised as [`TargetPath`] is, with diversions and well-known links on the way
    /// ([`crate::references::aliases`]) worked in.
    pub path: &'a [u8],
    /// Whether it has to be there.
    pub presence: Presence,
    /// What it is. A directory may have been replaced by a link to one: package managers respect that.
    pub kind: Option<Kind>,
    /// What is known of its content.
    pub content: Content<'a>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Permission bits, `0o7777`.
    pub mode: Option<u32>,
    /// Its user.
    pub owner: Option<Owner<'a>>,
    /// Its group.
    pub group: Option<Owner<'a>>,
    /// The target of a link.
    pub target: Option<&'a [u8]>,
    /// Last change of content, seconds since 1970 UTC. A different time alone is no damage.
    pub mtime: Option<i64>,
    /// Whether people may change it: configuration. A difference, or that it is missing, may be intended.
    pub config: bool,
}

/// Whether a path has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has.
    Required,
    /// It may be missing. If it is there, what else is said holds.
    Optional,
}

/// What is known of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// The digest of a regular file.
    Digest(Algorithm, &'a [u8]),
    /// The digest of Nix' serialisation of all that is at and below the path ([`crate::references::nar`]).
    Archive(Algorithm, &'a [u8]),
    /// It should be known and is not, for this reason.
    Unknown(&'a str),
    /// The database has nothing to say: it is, or may be, no regular file. Of one that is, the content is unknown.
    Nothing,
}

/// A user or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// By number.
    Id(u32),
    /// By name.
    Name(&'a str),
}

impl<'a> Entry<'a> {
    /// A path that has to be there, and nothing else is known.
    pub fn at(path: &'a [u8]) -> Self {
        Self {
            path,
            presence: Presence::Required,
            kind: None,
            content: Content::Nothing,
            size: None,
            mode: None,
            owner: None,
            group: None,
            target: None,
            mtime: None,
            config: false,
        }
    }
}

/// The whole of a file that may not be large; `None` when it is not there.
///
/// # Errors
/// When it cannot be read to its end or is larger than `limit` bytes.
pub(crate) fn content(root: &LiveRoot, path: &TargetPath, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    let size = match root.look(path)? {
        None => return Ok(None),
        Some(seen) if seen.size > limit => {
            return Err(Failure { errno: 0, text: format!("{} bytes are more than such a file can have", seen.size) });
        }
        Some(seen) => usize::try_from(seen.size).unwrap_or(0),
    };
    let file = root.open_file(path)?;
    let mut bytes = Vec::with_capacity(size);
    // One more than allowed, to notice a file that grows meanwhile.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| io_failure(&error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure { errno: 0, text: format!("more than {limit} bytes") });
    }
    Ok(Some(bytes))
}

/// The lines of a text, each without its line end.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let empty = bytes.is_empty();
    bytes.split(|&byte| byte == b'\n').filter(move |_| !empty)
}

/// Text for people out of bytes, cut to a sensible length.
fn quoted(bytes: &[u8]) -> String {
    const MOST: usize = 80;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]);
    format!("`{}{}`", text.escape_debug(), if bytes.len() > MOST { "…" } else { "" })
}
