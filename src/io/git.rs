//! git repositories through libgit2, read only: objects, history, ignore rules. The one home of git2.
//!
//! libgit2 refuses repositories of another owner (`safe.directory`), which on a target is the usual case: the scan runs as
//! root, the checkout belongs to the service. [`git2::Repository::open_bare`] has no such check (libgit2,
//! `repository.c`, `git_repository_open_bare`) and nothing is run from the repository, so it is used, and the working
//! directory is set in memory only.
//!
//! libgit2 must not meet damaged objects. It maps packs into memory, and a page that the disk cannot give ends the process
//! with SIGBUS; and it reads a loose object whose zlib stream is cut off for ever (1.9.7, `odb_loose.c`,
//! `read_loose_standard`). Who opens a repository that may be damaged must have checked its packs before, and tells
//! [`Objects::open`] which loose objects are damaged: those are never asked for. The repository around a definition is
//! not read at all while one of its loose objects is damaged.

use super::loose_objects;
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::observation::{Kind, Member};
use git2::{AttrCheckFlags, ObjectType, Oid, Repository, Sort};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Objects of one repository, and its ignore rules if its configuration can be read.
pub struct Objects {
    repository: Repository,
    /// Why there are no ignore rules.
    without_rules: Option<String>,
    /// Ids that libgit2 must not be asked for.
    damaged: BTreeSet<String>,
}

/// A tree that was read, and what could not be.
#[derive(Debug, Default)]
pub struct Tree {
    /// Files and links; a directory stands for a submodule, whose content this repository does not know.
    pub members: Vec<Member>,
    /// What is missing or damaged.
    pub broken: Vec<String>,
}

/// File types in tree objects (git, `object.h`).
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;
/// Trees in trees; deeper ones are no real paths (`PATH_MAX` is 4096).
const DEPTH: usize = 2048;

/// The largest file content that is read into memory to be checked once more, in bytes.
const BLOB: u64 = 256 << 20;

fn text(error: &git2::Error) -> String {
    error.message().to_owned()
}

fn oid(hex: &str) -> Result<Oid, String> {
    Oid::from_str(hex).map_err(|_| format!("`{hex}` is no object id"))
}

impl Objects {
    /// The objects of the repository in `git_directory`, whose files are in `checkout`. Falls back to the objects
    /// alone when the configuration is damaged. `damaged` are the ids of loose objects that failed their check.
    ///
    /// # Errors
    /// When there are no objects to be read at all.
    pub fn open(git_directory: &Path, checkout: &Path, damaged: BTreeSet<String>) -> Result<Self, String> {
        let opened = Repository::open_bare(git_directory)
            .and_then(|repository| repository.set_workdir(checkout, false).map(|()| repository));
        match opened {
            Ok(repository) => Ok(Self { repository, without_rules: None, damaged }),
            Err(error) => {
                let objects = git_directory.join("objects").to_string_lossy().into_owned();
                let bare = git2::Odb::new()
                    .and_then(|objects_only| objects_only.add_disk_alternate(&objects).map(|()| objects_only))
                    .and_then(Repository::from_odb);
                let repository = bare.map_err(|_| text(&error))?;
                Ok(Self { repository, without_rules: Some(text(&error)), damaged })
            }
        }
    }

    /// Why the repository as a whole cannot be opened, though its objects can.
    pub fn without_rules(&self) -> Option<&str> {
        self.without_rules.as_deref()
    }

    /// The id, unless its object is damaged.
    fn sound(&self, id: Oid) -> Result<Oid, git2::Error> {
        if self.damaged.contains(&id.to_string()) { Err(git2::Error::from_str("damaged")) } else { Ok(id) }
    }

    fn commit(&self, id: Oid) -> Result<git2::Commit<'_>, git2::Error> {
        self.repository.find_commit(self.sound(id)?)
    }

    fn tree(&self, id: Oid) -> Result<git2::Tree<'_>, git2::Error> {
        self.repository.find_tree(self.sound(id)?)
    }

    /// Whether ignore rules cover a path below the checkout.
    ///
    /// # Errors
    /// When the rules cannot be read.
    pub fn ignores(&self, path: &Path) -> Result<bool, String> {
        if let Some(reason) = &self.without_rules {
            return Err(reason.clone());
        }
        self.repository.is_path_ignored(path).map_err(|error| text(&error))
    }

    /// The files of a commit, in git's order.
    pub fn files(&self, commit: &str) -> Tree {
        let mut tree = Tree::default();
        let root = oid(commit).and_then(|oid| self.commit(oid).map_err(|error| text(&error)));
        let mut open = match root {
            Ok(commit) => vec![(Vec::new(), commit.tree_id(), 0)],
            Err(reason) => {
                tree.broken.push(format!("commit {commit}: {reason}"));
                return tree;
            }
        };
        while let Some((path, id, depth)) = open.pop() {
            match self.tree(id) {
                Ok(found) => {
                    for entry in &found {
                        let mut name: Vec<u8> = path.clone();
                        if !name.is_empty() {
                            name.push(b'/');
                        }
                        name.extend_from_slice(entry.name_bytes());
                        if entry.kind() == Some(ObjectType::Tree) && depth < DEPTH {
                            open.push((name, entry.id(), depth + 1));
                        } else {
                            self.add_file(name, &entry, &mut tree);
                        }
                    }
                }
                Err(error) => {
                    let path = String::from_utf8_lossy(&path);
                    tree.broken.push(format!("tree {id} of directory `{path}`: {}", text(&error)));
                }
            }
        }
        tree.members.sort_by(|a, b| a.path.cmp(&b.path));
        tree
    }

    fn add_file(&self, path: Vec<u8>, entry: &git2::TreeEntry<'_>, tree: &mut Tree) {
        let raw = entry.filemode_raw();
        let shown = String::from_utf8_lossy(&path).into_owned();
        let mut member =
            Member { path: Blob(path), kind: Kind::File, mode: 0o644, digest: None, size: None, target: None };
        match raw & 0o170_000 {
            SUBMODULE => {
                (member.kind, member.mode) = (Kind::Directory, 0o755);
                tree.members.push(member);
                return;
            }
            LINK => (member.kind, member.mode) = (Kind::Link, 0o777),
            _ if raw & 0o111 != 0 => member.mode = 0o755,
            _ => {}
        }
        member.digest = Some(Digest { algorithm: Algorithm::GitBlob, bytes: entry.id().as_bytes().into() });
        match self.blob(entry.id()) {
            Ok((_, Some(blob))) if member.kind == Kind::Link => member.target = Some(Blob(blob.content().to_vec())),
            Ok((size, _)) => member.size = Some(size),
            Err(error) => tree.broken.push(format!("content {} of `{shown}`: {}", entry.id(), text(&error))),
        }
        tree.members.push(member);
    }

    /// A file's size and, unless it is larger than [`BLOB`], its content, which libgit2 checks against its id.
    fn blob(&self, id: Oid) -> Result<(u64, Option<git2::Blob<'_>>), git2::Error> {
        let (size, _) = self.repository.odb()?.read_header(self.sound(id)?)?;
        let size = size as u64;
        let blob = if size > BLOB { None } else { Some(self.repository.find_blob(id)?) };
        Ok((size, blob))
    }

    /// What is missing or damaged of the commits and trees that lead to `tips` and of the names of their files' contents.
    /// `ends` are commits whose parents were never fetched.
    pub fn gaps(&self, tips: &BTreeSet<String>, ends: &BTreeSet<String>) -> Vec<String> {
        let mut gaps = Vec::new();
        let objects = match self.repository.odb() {
            Ok(objects) => objects,
            Err(error) => return vec![text(&error)],
        };
        let mut seen = BTreeSet::new();
        let mut open: Vec<Oid> = tips.iter().filter_map(|tip| oid(tip).ok()).collect();
        let complain =
            |gaps: &mut Vec<String>, id: Oid, error: &git2::Error| gaps.push(format!("{id}: {}", text(error)));
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            match self.sound(id).and_then(|id| objects.read_header(id)).map(|(_, kind)| kind) {
                Ok(ObjectType::Commit) => match self.commit(id) {
                    Ok(commit) => {
                        open.push(commit.tree_id());
                        if !ends.contains(&id.to_string()) {
                            open.extend(commit.parent_ids());
                        }
                    }
                    Err(error) => complain(&mut gaps, id, &error),
                },
                Ok(ObjectType::Tree) => match self.tree(id) {
                    Ok(tree) => open.extend(
                        tree.iter().filter(|entry| entry.kind() != Some(ObjectType::Commit)).map(|entry| entry.id()),
                    ),
                    Err(error) => complain(&mut gaps, id, &error),
                },
                Ok(ObjectType::Tag) => match self.repository.find_tag(id) {
                    Ok(tag) => open.push(tag.target_id()),
                    Err(error) => complain(&mut gaps, id, &error),
                },
                Ok(_) => {}
                Err(error) => complain(&mut gaps, id, &error),
            }
        }
        gaps.sort();
        gaps
    }

    /// How many commits lead to `local` and not to `remote`. `ends` are commits whose parents were never fetched.
    ///
    /// # Errors
    /// When a commit on the way is missing or damaged.
    pub fn only_in(
        &self,
        local: &BTreeSet<String>,
        remote: &BTreeSet<String>,
        ends: &BTreeSet<String>,
    ) -> Result<usize, String> {
        let mut seen = BTreeSet::new();
        self.count_commits(remote, ends, &mut seen)?;
        self.count_commits(local, ends, &mut seen)
    }

    /// How many commits lead to `tips` that were not seen before.
    fn count_commits(
        &self,
        tips: &BTreeSet<String>,
        ends: &BTreeSet<String>,
        seen: &mut BTreeSet<Oid>,
    ) -> Result<usize, String> {
        let before = seen.len();
        let mut open = tips.iter().map(|tip| oid(tip)).collect::<Result<Vec<_>, _>>()?;
        while let Some(id) = open.pop() {
            if seen.insert(id) && !ends.contains(&id.to_string()) {
                let commit = self.commit(id).map_err(|error| format!("{id}: {}", text(&error)))?;
                open.extend(commit.parent_ids());
            }
        }
        Ok(seen.len() - before)
    }
}

/// The URL of the remote `origin` in a configuration file.
///
/// # Errors
/// When the file cannot be understood.
pub fn remote_url(config: &Path) -> Result<Option<String>, String> {
    let config = git2::Config::open(config).map_err(|error| text(&error))?;
    match config.get_string("remote.origin.url") {
        Ok(url) => Ok(Some(url)),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(text(&error)),
    }
}

/// The repository around a directory, if all of its loose objects are sound: libgit2 would not come back from one that
/// is cut off.
fn repository_around(directory: &Path) -> Result<Repository, String> {
    let found = match Repository::discover(directory) {
        Err(error) if error.code() == git2::ErrorCode::Owner => of_another_owner(directory),
        found => found,
    };
    let repository = found.map_err(|error| text(&error))?;
    loose_objects::check_all(&repository.commondir().join("objects"))?;
    Ok(repository)
}

fn of_another_owner(directory: &Path) -> Result<Repository, git2::Error> {
    let git_directory = Repository::discover_path(directory, std::iter::empty::<PathBuf>())?;
    let repository = Repository::open_bare(&git_directory)?;
    if let Some(checkout) = git_directory.parent() {
        repository.set_workdir(checkout, false)?;
    }
    Ok(repository)
}

/// The commit that is checked out in or around a directory (hex), and whether tracked files differ from it. `None` outside
/// of any repository, before the first commit, and where the repository cannot be read.
pub fn revision(directory: &Path) -> Option<(String, bool)> {
    let repository = repository_around(directory).ok()?;
    let commit = repository.head().ok()?.peel_to_commit().ok()?.id().to_string();
    let mut options = git2::StatusOptions::new();
    options.include_untracked(false).update_index(false).exclude_submodules(true);
    // A status that cannot be read is no clean one.
    let dirty = repository.statuses(Some(&mut options)).map_or(true, |statuses| !statuses.is_empty());
    Some((commit, dirty))
}

/// A commit, and what it has in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Its hex id.
    pub commit: String,
    /// The hex id of the directory's tree: commits with the same one have the same content there.
    pub tree: String,
}

/// The latest commits that changed something in a directory of a checkout, newest first: the current one and at most `limit`
/// in all. Empty outside of any repository, and where the history cannot be read.
pub fn recent(directory: &Path, limit: usize) -> Vec<Recent> {
    let find = || -> Option<Vec<Recent>> {
        let repository = repository_around(directory).ok()?;
        let below = below_checkout(&repository, directory, Path::new("")).ok()?;
        let mut commits = Vec::new();
        let mut last = None;
        let mut commit = repository.head().ok()?.peel_to_commit().ok()?;
        for _ in 0..COMMITS {
            let tree = directory_of(&commit, &below)?;
            if last != Some(tree) {
                commits.push(Recent { commit: commit.id().to_string(), tree: tree.to_string() });
                last = Some(tree);
            }
            match commit.parent(0) {
                Ok(parent) if commits.len() < limit => commit = parent,
                _ => break,
            }
        }
        Some(commits)
    };
    find().unwrap_or_default()
}

/// The files below some of the places in a directory of a checkout that git ignores, relative to that directory. They are in no
/// commit. Empty outside of any repository, and where it cannot be told.
pub fn ignored<'a>(directory: &Path, places: impl IntoIterator<Item = &'a String>) -> Vec<Vec<u8>> {
    let find = || -> Option<Vec<Vec<u8>>> {
        let repository = repository_around(directory).ok()?;
        let mut options = git2::StatusOptions::new();
        options.include_ignored(true).recurse_ignored_dirs(true).include_untracked(false);
        options.update_index(false).exclude_submodules(true).disable_pathspec_match(true);
        let mut any = false;
        for place in places {
            options.pathspec(below_checkout(&repository, directory, Path::new(place)).ok()?);
            any = true;
        }
        let below = below_checkout(&repository, directory, Path::new("")).ok()?;
        let statuses = if any { repository.statuses(Some(&mut options)).ok()? } else { return None };
        let ignored = statuses.iter().filter(|entry| entry.status().contains(git2::Status::IGNORED));
        let relative = |path: &[u8]| {
            let rest = path.strip_prefix(super::disk::bytes_of(below.clone()).as_slice())?;
            let rest = rest.strip_prefix(b"/").unwrap_or(rest);
            // What ends so is a repository of its own.
            (!rest.ends_with(b"/")).then(|| rest.to_vec())
        };
        Some(ignored.filter_map(|entry| relative(entry.path_bytes())).collect())
    };
    find().unwrap_or_default()
}

/// What git knows of the files of a directory of a checkout, relative to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tracked {
    /// All that it tracks.
    pub all: BTreeSet<Vec<u8>>,
    /// Those of them that another checkout of the current commit may have otherwise: they were changed, or a filter makes them
    /// (gitattributes(5)), which need not be there.
    pub own: BTreeSet<Vec<u8>>,
}

impl Tracked {
    /// Whether any of it lies in a directory, or below that.
    pub fn has_below(&self, directory: &[u8]) -> bool {
        let below = [directory, b"/"].concat();
        let next = self.all.range::<[u8], _>((Bound::Included(&*below), Bound::Unbounded)).next();
        next.is_some_and(|next| next.starts_with(&below))
    }
}

/// The files below a directory of a checkout that git tracks. `None` outside of any repository, and where it cannot be read.
pub fn tracked(directory: &Path) -> Option<Tracked> {
    let repository = repository_around(directory).ok()?;
    let below = super::disk::bytes_of(below_checkout(&repository, directory, Path::new("")).ok()?);
    let relative = |path: &[u8]| {
        let rest = path.strip_prefix(below.as_slice())?;
        let rest = if below.is_empty() { rest } else { rest.strip_prefix(b"/")? };
        Some(rest.to_vec())
    };
    let mut options = git2::StatusOptions::new();
    options.include_untracked(false).update_index(false).exclude_submodules(true);
    let statuses = repository.statuses(Some(&mut options)).ok()?;
    let is_filtered = |path: &[u8]| {
        let attribute = repository.get_attr(Path::new(OsStr::from_bytes(path)), "filter", AttrCheckFlags::default());
        attribute.is_ok_and(|filter| filter.is_some())
    };
    let mut tracked = Tracked::default();
    tracked.own.extend(statuses.iter().filter_map(|entry| relative(entry.path_bytes())));
    for entry in repository.index().ok()?.iter() {
        let Some(path) = relative(&entry.path) else { continue };
        if is_filtered(&entry.path) {
            tracked.own.insert(path.clone());
        }
        tracked.all.insert(path);
    }
    Some(tracked)
}

/// The latest commits of the checkout around a directory, newest first: time in nanoseconds since 1970 UTC, short id and
/// summary. Empty outside of any repository; it ends where the history cannot be read.
pub fn commits(directory: &Path, limit: usize) -> Vec<(i64, String)> {
    let Ok(repository) = repository_around(directory) else { return Vec::new() };
    let mut commit = repository.head().and_then(|head| head.peel_to_commit()).ok();
    let mut commits = Vec::new();
    while let Some(one) = commit.take().filter(|_| commits.len() < limit) {
        let id: String = one.id().to_string().chars().take(10).collect();
        let summary = one.summary().ok().flatten().unwrap_or_default();
        commits.push((one.time().seconds().saturating_mul(1_000_000_000), format!("{id} {summary}")));
        commit = one.parent(0).ok();
    }
    commits
}

/// The tree of a directory in a commit; `None` where the commit has no such directory.
fn directory_of(commit: &git2::Commit<'_>, below: &Path) -> Option<Oid> {
    let tree = commit.tree().ok()?;
    if below.as_os_str().is_empty() {
        return Some(tree.id());
    }
    let entry = tree.get_path(below).ok()?;
    (entry.kind() == Some(git2::ObjectType::Tree)).then(|| entry.id())
}

/// A directory of a checkout as it was at a commit, in a temporary directory that is gone when this is dropped.
#[derive(Debug)]
pub struct Export(tempfile::TempDir);

impl Export {
    /// Where the exported directory is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Writes a directory of a checkout, as it was at a commit, to a temporary directory.
///
/// # Errors
/// When the commit does not have it, an object is damaged, or there is no room.
pub fn export(directory: &Path, commit: &str) -> Result<Export, String> {
    let repository = repository_around(directory)?;
    let below = below_checkout(&repository, directory, Path::new(""))?;
    let place = tempfile::Builder::new().prefix("rectify-").tempdir().map_err(|error| error.to_string())?;
    let write = || {
        let commit = repository.find_commit(Oid::from_str(commit)?)?;
        let tree = directory_of(&commit, &below).ok_or_else(|| git2::Error::from_str("it was not there yet"))?;
        let mut options = git2::build::CheckoutBuilder::new();
        options.force().update_index(false).target_dir(place.path());
        repository.checkout_tree(repository.find_tree(tree)?.as_object(), Some(&mut options))
    };
    write().map_err(|error: git2::Error| text(&error))?;
    Ok(Export(place))
}

/// A file of a checkout as it is in the current commit; `None` when it is not in it.
///
/// # Errors
/// When there is no repository, or an object that is needed is missing or damaged.
pub fn committed(directory: &Path, path: &Path) -> Result<Option<Vec<u8>>, String> {
    let repository = repository_around(directory)?;
    let path = below_checkout(&repository, directory, path)?;
    let find = || {
        let tree = repository.head()?.peel_to_commit()?.tree()?;
        match tree.get_path(&path) {
            Ok(entry) => Ok(repository.find_blob(entry.id()).ok().map(|blob| blob.content().to_vec())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    };
    find().map_err(|error: git2::Error| text(&error))
}

/// One version of a file in a repository's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The commit that brought it, in hex.
    pub commit: String,
    /// When that was committed, seconds since 1970 UTC.
    pub time: i64,
    /// The content as git keeps it.
    pub content: Vec<u8>,
}

/// The most commits that are looked at for one file's history.
const COMMITS: usize = 100_000;

/// The versions of one file of a checkout, newest first, at most `limit`; the first one is that of the current commit.
/// `path` is below `directory`. Commits that only merge bring no version.
///
/// # Errors
/// When there is no repository, or an object that is needed is missing or damaged.
pub fn history(directory: &Path, path: &Path, limit: usize) -> Result<Vec<Version>, String> {
    let repository = repository_around(directory)?;
    let path = below_checkout(&repository, directory, path)?;
    let find = || {
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
        walk.push_head()?;
        let mut versions = Vec::new();
        let mut known: BTreeMap<Oid, Option<Oid>> = BTreeMap::new();
        for id in walk.take(COMMITS) {
            if versions.len() >= limit {
                break;
            }
            let commit = repository.find_commit(id?)?;
            let Some(blob) = blob_at(&repository, &commit, &path, &mut known)? else { continue };
            let mut inherited = false;
            for parent in commit.parents() {
                inherited |= blob_at(&repository, &parent, &path, &mut known)? == Some(blob);
            }
            if !inherited {
                let content = repository.find_blob(blob)?.content().to_vec();
                let time = commit.committer().when().seconds();
                versions.push(Version { commit: commit.id().to_string(), time, content });
            }
        }
        Ok(versions)
    };
    find().map_err(|error: git2::Error| text(&error))
}

fn below_checkout(repository: &Repository, directory: &Path, path: &Path) -> Result<PathBuf, String> {
    let top = repository.workdir().ok_or("the repository has no checkout")?;
    let top = super::files::canonical(top).map_err(|error| error.to_string())?;
    let directory = super::files::canonical(directory).map_err(|error| error.to_string())?;
    let inside = directory.strip_prefix(&top).map_err(|_| "the directory is not in the checkout")?;
    // Joined with nothing it would end in a slash, which git has no name for.
    Ok(inside.join(path).components().collect())
}

fn blob_at(
    repository: &Repository,
    commit: &git2::Commit<'_>,
    path: &Path,
    known: &mut BTreeMap<Oid, Option<Oid>>,
) -> Result<Option<Oid>, git2::Error> {
    let tree = commit.tree_id();
    if let Some(blob) = known.get(&tree) {
        return Ok(*blob);
    }
    let blob = match repository.find_tree(tree)?.get_path(path) {
        Ok(entry) if entry.kind() == Some(ObjectType::Blob) => Some(entry.id()),
        Ok(_) => None,
        Err(error) if error.code() == git2::ErrorCode::NotFound => None,
        Err(error) => return Err(error),
    };
    known.insert(tree, blob);
    Ok(blob)
}
