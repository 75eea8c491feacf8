//! Source files of the checkout: what a definition copies from.
//!
//! Takes paths of the checkout; gives bytes or, above [`KEEP`], digests, so that memory stays bounded. Links are not
//! followed: rsync copies them as links (`-l`, batou/lib/file.py, `SyncDirectory`).

use super::model::Settings;
use crate::io::disk::LiveRoot;
use crate::io::files;
use crate::model::{
    code::BAD_SOURCE,
    content::{Algorithm, Blob, Digest},
    diagnostic::Diagnostic,
    hasher::Hasher,
    observation::{Failure, Kind},
    origin::Origin,
    path::TargetPath,
};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Larger files are kept as digests, in bytes.
pub const KEEP: u64 = 1 << 20;

/// When so many bytes of one tree are kept, the rest is kept as digests.
const KEEP_TOTAL: u64 = 64 << 20;

/// Names that never arrive on the target, at any depth, when batou transfers the project by rsync
/// (batou/repository.py, `RSyncRepository`).
const NOT_TRANSFERRED: &[&str] = &[".appenv", ".batou", ".batou-lock", ".git", ".hg", ".kitchen", ".vagrant", "work"];

/// How batou brings the project to a host before it deploys there (batou/repository.py, `Repository.from_environment`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Not at all: it runs from the project itself.
    None,
    /// As it lies there, but for [`NOT_TRANSFERRED`].
    Rsync,
    /// What is committed, by git.
    Git,
    /// By Mercurial.
    Mercurial,
}

impl Transfer {
    /// What an environment declares.
    pub fn of(settings: &Settings) -> Self {
        if settings.connect_method.as_deref() == Some("local") {
            return Self::None;
        }
        match settings.update_method.as_deref() {
            Some(method) if method.starts_with("git") => Self::Git,
            Some(method) if method.starts_with("hg") => Self::Mercurial,
            Some(_) | None => Self::Rsync,
        }
    }
}

/// Content of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceContent {
    /// The bytes.
    Bytes(Blob),
    /// Only what they hash to.
    Digest {
        /// SHA-256.
        digest: Digest,
        /// Length in bytes.
        size: u64,
    },
}

/// Something in a source directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceEntry {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// What it holds.
        content: SourceContent,
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// As `readlink` gives it.
        target: Blob,
    },
}

/// A source directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceTree {
    /// What is in it: path relative to it, to entry. Devices, sockets and pipes are left out, as rsync leaves them out.
    pub entries: BTreeMap<Vec<u8>, SourceEntry>,
    /// What could not be read; nothing is known about what is there, or below it.
    pub problems: Vec<Diagnostic>,
}

/// Reads one source file; links in its path are followed. `name` is its name for people.
///
/// # Errors
/// When it is missing, unreadable or no regular file.
pub fn file(path: &Path, name: &str) -> Result<SourceContent, Box<Diagnostic>> {
    let refuse = |reason: String| {
        let text = format!("cannot read the source `{name}`: {reason}");
        Box::new(Diagnostic::error(BAD_SOURCE, text).at(Origin::file(name)))
    };
    let real = files::canonical(path).map_err(|error| refuse(error.reason))?;
    let disk = LiveRoot::open("/").map_err(|failure| refuse(failure.text))?;
    let path = TargetPath::new(real.as_os_str().as_bytes());
    read(&disk, &path, &mut { KEEP }).map_err(|failure| refuse(failure.text))
}

/// Reads everything below a source directory. `name` is its name for people.
pub fn tree(directory: &Path, name: &str) -> SourceTree {
    tree_where(directory, name, KEEP_TOTAL, &|_| true)
}

/// The digests of what is wanted below a directory: asked by path relative to it, and of a directory before anything in it.
pub fn digests(directory: &Path, wanted: &dyn Fn(&[u8]) -> bool) -> SourceTree {
    tree_where(directory, ".", 0, wanted)
}

fn tree_where(directory: &Path, name: &str, mut budget: u64, wanted: &dyn Fn(&[u8]) -> bool) -> SourceTree {
    let mut tree = SourceTree::default();
    let (real, disk) = match (files::canonical(directory), LiveRoot::open("/")) {
        (Ok(real), Ok(disk)) => (real, disk),
        (Err(error), _) => return tree.refusing(name, &error.reason),
        (_, Err(failure)) => return tree.refusing(name, &failure.text),
    };
    let top = TargetPath::new(real.as_os_str().as_bytes());
    let mut open = vec![top.clone()];
    while let Some(directory) = open.pop() {
        let names = match disk.list(&directory) {
            Ok(names) => names,
            Err(failure) => {
                tree = tree.refusing(&label(name, &top, &directory), &failure.text);
                continue;
            }
        };
        for entry in names {
            let path = directory.join(&entry);
            let relative = path.relative_to(&top).unwrap_or_default().to_vec();
            if !wanted(&relative) {
                continue;
            }
            match entry_at(&disk, &path, &mut budget) {
                Ok(Some(entry)) => {
                    if entry == SourceEntry::Directory {
                        open.push(path.clone());
                    }
                    tree.entries.insert(relative, entry);
                }
                Ok(None) => {}
                Err(failure) => tree = tree.refusing(&label(name, &top, &path), &failure.text),
            }
        }
    }
    tree
}

/// Whether a path below the project arrives on the target at all.
pub fn is_transferred(relative: &[u8], settings: &Settings) -> bool {
    Transfer::of(settings) != Transfer::Rsync
        || !relative.split(|&byte| byte == b'/').any(|part| NOT_TRANSFERRED.iter().any(|name| name.as_bytes() == part))
}

impl SourceTree {
    fn refusing(mut self, name: &str, reason: &str) -> Self {
        let problem = Diagnostic::error(BAD_SOURCE, format!("cannot read the source `{name}`: {reason}"));
        self.problems.push(problem.at(Origin::file(name)));
        self
    }
}

fn label(name: &str, top: &TargetPath, path: &TargetPath) -> String {
    match path.relative_to(top) {
        Some([]) | None => name.to_owned(),
        Some(below) => format!("{name}/{}", String::from_utf8_lossy(below)),
    }
}

fn entry_at(disk: &LiveRoot, path: &TargetPath, budget: &mut u64) -> Result<Option<SourceEntry>, Failure> {
    let Some(seen) = disk.look(path)? else { return Ok(None) };
    Ok(match seen.kind {
        Kind::Directory => Some(SourceEntry::Directory),
        Kind::File => Some(SourceEntry::File { content: read(disk, path, budget)?, mode: seen.mode }),
        Kind::Link => Some(SourceEntry::Link { target: seen.target.unwrap_or_default() }),
        Kind::Fifo | Kind::Socket | Kind::Device => None,
    })
}

/// The bytes if they are few and the budget allows, else the digest; the file is read once, in pieces.
fn read(disk: &LiveRoot, path: &TargetPath, budget: &mut u64) -> Result<SourceContent, Failure> {
    let mut file = disk.open_file(path)?;
    let (mut hasher, mut size, mut kept) = (Hasher::new(Algorithm::Sha256, 0), 0_u64, Some(Vec::new()));
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(crate::io::disk::io_failure(&error)),
        };
        size += length as u64;
        hasher.update(&buffer[..length]);
        if size > KEEP || size > *budget {
            kept = None;
        }
        if let Some(bytes) = &mut kept {
            bytes.extend_from_slice(&buffer[..length]);
        }
    }
    let Some(bytes) = kept else {
        return Ok(SourceContent::Digest { digest: hasher.finish(), size });
    };
    *budget -= size;
    Ok(SourceContent::Bytes(Blob(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::output::{make_directory, write_atomically};

    #[test]
    fn a_tree_is_read_with_its_links_and_large_files_as_digests() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| place.path().join(name);
        make_directory(&at("d/e")).expect("it is made");
        write_atomically(&at("d/small"), b"x").expect("it is written");
        let large = vec![7_u8; usize::try_from(KEEP).expect("it fits") + 1];
        write_atomically(&at("large"), &large).expect("it is written");
        std::os::unix::fs::symlink("nowhere", at("link")).expect("it is made");
        let tree = tree(place.path(), "s");
        assert_eq!(tree.problems, []);
        let names: Vec<_> = tree.entries.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["d", "d/e", "d/small", "large", "link"]);
        let SourceEntry::File { content, .. } = &tree.entries[&b"d/small"[..]] else { panic!("it is a file") };
        assert_eq!(*content, SourceContent::Bytes(Blob::from("x")));
        let SourceEntry::File { content: SourceContent::Digest { size, .. }, .. } = &tree.entries[&b"large"[..]] else {
            panic!("it is a digest")
        };
        assert_eq!(*size, KEEP + 1);
        assert_eq!(tree.entries[&b"link"[..]], SourceEntry::Link { target: Blob::from("nowhere") });
    }

    #[test]
    fn a_missing_source_is_told_by_its_name() {
        let problem = file(Path::new("/nonexistent/x"), "components/a/x").expect_err("it is not there");
        assert!(problem.message.starts_with("cannot read the source `components/a/x`: "), "{}", problem.message);
        assert_eq!(tree(Path::new("/nonexistent/x"), "x").problems.len(), 1);
    }

    #[test]
    fn rsync_leaves_out_some_names_at_any_depth() {
        let settings = |connect: &str, update: &str| Settings {
            connect_method: Some(connect.to_owned()),
            update_method: Some(update.to_owned()),
            ..Settings::default()
        };
        assert!(!is_transferred(b"components/a/work/x", &settings("ssh", "rsync")));
        assert!(is_transferred(b"components/a/works/x", &settings("ssh", "rsync")));
        assert!(is_transferred(b"components/a/work/x", &settings("ssh", "git-bundle")));
        assert!(is_transferred(b"components/a/work/x", &settings("local", "rsync")));
    }
}
