//! One package of dpkg's: what its lists and its paragraph say together.
//!
//! Takes the lists' bytes and the state of the package; gives one row for each path that it is responsible for. A list
//! that is damaged makes things unknown or optional, never missing.

use super::super::Presence;
use super::lists::{self, List, Sums};
use super::status::{Conffile, Known, State};
use super::system::{Lists, Loaded, System};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use foldhash::{HashMap, HashSet};
use std::borrow::Cow;

/// What is known of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    Md5([u8; 16]),
    Unknown(&'static str),
    /// Nothing is said; it need not be a file.
    Nothing,
}

/// A path of a package.
#[derive(Debug)]
pub(super) struct Row {
    /// Where it really is.
    pub(super) path: TargetPath,
    /// As the package calls it, if that differs.
    pub(super) called: Option<TargetPath>,
    pub(super) kind: Option<Kind>,
    pub(super) presence: Presence,
    pub(super) content: Sum,
    pub(super) config: bool,
    /// Whether the package's own list names it. If not, it may be another package's by now.
    pub(super) listed: bool,
}

/// All paths of a package.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) faults: Vec<(TargetPath, String)>,
}

const HALF: &str = "the package is only half installed";
const NO_SUMS: &str = "the package has no list of checksums";
const EMPTY_SUMS: &str = "the package's list of checksums is empty";
const BAD_SUMS: &str = "the package's list of checksums is damaged";
const NOT_SETTLED: &str = "the configuration file was not installed yet";
const NO_PARAGRAPH: &str = "dpkg's status file has lost the package, and with it this file's checksum";

/// What a package's two lists and its paragraph say.
struct Said<'a> {
    package: &'a Known,
    list: List<'a>,
    /// By path without the leading slash.
    sums: HashMap<Cow<'a, [u8]>, [u8; 16]>,
    conffiles: HashMap<&'a [u8], &'a Conffile>,
    /// What a path without checksum is told with.
    without: Sum,
}

impl Rows {
    /// What the lists of a package say.
    pub(super) fn of(system: &System<'_>, package: &Known, lists: &Lists) -> Self {
        let mut rows = Self::default();
        let said = rows.said(package, lists);
        said.rows(system, &mut rows.rows);
        rows
    }

    /// Only the files with checksum that the package's list names: where they really are, and whether they have to be
    /// there.
    pub(super) fn claims(
        system: &System<'_>,
        package: &Known,
        lists: &Lists,
        each: &mut dyn FnMut(&TargetPath, [u8; 16], Presence),
    ) {
        let said = Self::default().said(package, lists);
        for path in said.list.paths.iter().map(|path| relative(path)) {
            if let (presence, Sum::Md5(md5), _) = said.content(path) {
                let called = TargetPath::new(path);
                each(system.place(&called, package).as_ref().unwrap_or(&called), md5, presence);
            }
        }
    }

    fn said<'a>(&mut self, package: &'a Known, lists: &'a Lists) -> Said<'a> {
        let rows = self;
        let list = match &lists.list {
            Loaded::Read(path, bytes) => {
                let list = lists::list(bytes);
                rows.faults.extend(list.broken.clone().map(|fault| (path.clone(), fault)));
                list
            }
            Loaded::Missing | Loaded::Unreadable => List { broken: Some(String::new()), ..List::default() },
        };
        let (sums, without) = match &lists.sums {
            Loaded::Read(path, bytes) => rows.sums(path, lists::sums(bytes), &list),
            Loaded::Missing => (Sums::default(), Sum::Unknown(NO_SUMS)),
            Loaded::Unreadable => (Sums::default(), Sum::Unknown(BAD_SUMS)),
        };
        Said {
            package,
            list,
            sums: sums.rows.into_iter().map(|(name, md5)| (relative_cow(name), md5)).collect(),
            conffiles: package.conffiles.iter().map(|conffile| (relative(&conffile.path), conffile)).collect(),
            without,
        }
    }

    /// The checksums, if they can be believed.
    fn sums<'a>(&mut self, path: &TargetPath, mut sums: Sums<'a>, list: &List<'_>) -> (Sums<'a>, Sum) {
        if sums.broken.is_none() && list.broken.is_none() && !sums.rows.is_empty() {
            let listed: HashSet<&[u8]> = list.paths.iter().map(|path| relative(path)).collect();
            let is_listed = |(name, _): &(Cow<'_, [u8]>, [u8; 16])| listed.contains(relative(name));
            if !sums.rows.iter().any(is_listed) {
                sums.broken = Some("it has no path of its package's list of files".to_owned());
            } else if sums.open && !sums.rows.last().is_some_and(is_listed) {
                sums.broken = Some("the last line is cut".to_owned());
            }
        }
        match sums.broken.take() {
            // Packages of links and directories have an empty one. So has one that was emptied.
            None if sums.rows.is_empty() => (sums, Sum::Unknown(EMPTY_SUMS)),
            None => (sums, Sum::Nothing),
            Some(fault) => {
                self.faults.push((path.clone(), fault));
                (Sums::default(), Sum::Unknown(BAD_SUMS))
            }
        }
    }
}

impl Said<'_> {
    fn rows(&self, system: &System<'_>, rows: &mut Vec<Row>) {
        let parents: HashSet<&[u8]> = self.list.paths.iter().filter_map(|path| parent(relative(path))).collect();
        let mut done: HashSet<&[u8]> = HashSet::default();
        for path in self.list.paths.iter().map(|path| relative(path)) {
            let removed = self.package.state == State::Removed && !self.conffiles.contains_key(path);
            if !path.is_empty() && !removed && done.insert(path) {
                rows.push(self.row(system, path, parents.contains(path)));
            }
        }
        // What no list names: only a damaged one would have, or another package took it over.
        let mut more: Vec<&[u8]> = self.sums.keys().map(AsRef::as_ref).chain(self.conffiles.keys().copied()).collect();
        more.sort_unstable();
        for path in more {
            if self.package.state != State::Removed && !path.is_empty() && done.insert(path) {
                let row = self.row(system, path, false);
                let presence = if self.list.broken.is_some() { row.presence } else { Presence::Optional };
                rows.push(Row { presence, listed: self.list.broken.is_some(), ..row });
            }
        }
    }

    fn row(&self, system: &System<'_>, path: &[u8], directory: bool) -> Row {
        let called = TargetPath::new(path);
        let (mut presence, mut content, config) = self.content(path);
        let (kind, content_of_kind) = match content {
            _ if directory => (Some(Kind::Directory), Sum::Nothing),
            Sum::Md5(_) => (Some(Kind::File), content),
            _ if config => (Some(Kind::File), content),
            _ => (None, content),
        };
        content = content_of_kind;
        if !directory && system.filters.excludes(called.as_bytes()) {
            presence = Presence::Optional;
        }
        // A list with bad lines may have broken ones, too; a checksum beside it makes sure.
        if self.list.broken.is_some() && !self.sums.contains_key(path) {
            presence = Presence::Optional;
        }
        let place = system.place(&called, self.package);
        let (path, called) = place.map_or_else(|| (called.clone(), None), |place| (place, Some(called.clone())));
        Row { path, called, kind, presence, content, config, listed: true }
    }

    /// Presence and content of a path, and whether it is configuration.
    fn content(&self, path: &[u8]) -> (Presence, Sum, bool) {
        let conffile = self.conffiles.get(path);
        let sum = match (conffile, self.sums.get(path)) {
            (Some(conffile), _) => conffile.md5.map_or(Sum::Unknown(NOT_SETTLED), Sum::Md5),
            (None, Some(md5)) => Sum::Md5(*md5),
            // A lost package's configuration files are in no list of checksums.
            (None, None) if self.package.version.is_none() && path.starts_with(b"etc/") => Sum::Unknown(NO_PARAGRAPH),
            (None, None) => self.without,
        };
        let optional = conffile.is_some_and(|conffile| conffile.obsolete || conffile.md5.is_none());
        let config = conffile.is_some();
        match self.package.state {
            State::Half => (Presence::Optional, Sum::Unknown(HALF), config),
            State::Unpacked if config => (Presence::Optional, Sum::Unknown(NOT_SETTLED), config),
            State::Removed | State::Absent => (Presence::Optional, sum, config),
            State::Unpacked | State::Installed if optional => (Presence::Optional, sum, config),
            State::Unpacked | State::Installed => (Presence::Required, sum, config),
        }
    }
}

/// A path from the root: without `./`, and slashes at its ends.
fn relative(path: &[u8]) -> &[u8] {
    let mut path = path;
    while let Some(rest) =
        path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")).or_else(|| path.strip_suffix(b"/"))
    {
        path = rest;
    }
    if path == b"." { b"" } else { path }
}

fn relative_cow(path: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(relative(path)),
        Cow::Owned(path) => Cow::Owned(relative(&path).to_vec()),
    }
}

/// The directory that a path lies in.
fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&byte| byte == b'/').map(|slash| &path[..slash])
}
