//! What was seen on a host. Looking is not judging: nothing here says whether it is right.

use super::{
    blocks::BlockDigests,
    captured::Captured,
    content::{Algorithm, Blob, Digest},
    observations::Observations,
    path::TargetPath,
    unit::HostName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Everything that was seen on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Which host.
    pub host: HostName,
    /// When the scan began, nanoseconds since 1970 UTC.
    pub started_at: i64,
    /// Why the host as a whole could not be seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unseen: Option<String>,
    /// User names by number, from the target's own `/etc/passwd`.
    pub users: BTreeMap<u32, String>,
    /// Group names by number.
    pub groups: BTreeMap<u32, String>,
    /// One observation a path. A path that is not in here was not looked at, unless its directory was listed.
    pub observations: Observations,
    /// What the archives hold that the manifest asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub archives: BTreeMap<TargetPath, Archive>,
    /// What the repositories say about their checkouts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub checkouts: BTreeMap<TargetPath, Checkout>,
    /// Through what the contents were read.
    #[serde(skip_serializing_if = "ReadMode::is_cached", default)]
    pub read: ReadMode,
    /// Files whose content in memory is not known to be that of the disk; the others agree if [`Self::read`] is
    /// [`ReadMode::Both`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub disk: BTreeMap<TargetPath, OnDisk>,
    /// Files that nothing vouches for and that their own format proves damaged.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub inconsistent: BTreeMap<TargetPath, Inconsistency>,
    /// What came of the comparison with the package databases; `None` where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub packages: Option<super::package::Packages>,
    /// What backups that can be read from the host hold of the paths in question; `None` where none are configured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub points: Option<super::restore::RestorePoints>,
}

/// Through what contents are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadMode {
    /// As every program reads: from the page cache where it has them. What is wrong on the disk only does not show.
    #[default]
    Cached,
    /// Past the page cache, from the disk.
    Direct,
    /// Both ways, compared.
    Both,
}

impl ReadMode {
    /// The word on the command line; `None` for the usual one.
    pub fn argument(self) -> Option<&'static str> {
        match self {
            Self::Cached => None,
            Self::Direct => Some("direct"),
            Self::Both => Some("both"),
        }
    }

    /// Whether only the page cache was asked.
    pub fn is_cached(&self) -> bool {
        *self == Self::Cached
    }
}

/// What proves that a file is damaged in itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inconsistency {
    /// The check: the name of a format.
    pub check: String,
    /// The offset in bytes, where one is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<u64>,
    /// The proof, as a sentence fragment.
    pub text: String,
}

/// What the disk has of a file, where that is not known to be what memory has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisk {
    /// Something else.
    Other {
        /// Digests of the content on the disk, by the algorithms of the other ones.
        digests: Vec<Digest>,
        /// First block and number of blocks, in units of [`BLOCK`], of each run that differs.
        blocks: Vec<(u64, u64)>,
    },
    /// It cannot give it.
    Failed(Failure),
    /// It was not or cannot be asked: why.
    Unknown(String),
}

/// The members of an archive file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Why it could not be read to the end; the members before that point are listed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub broken: Option<String>,
    /// The members in archive order; a later one of the same name replaces an earlier one.
    pub members: Vec<Member>,
}

/// One member of an archive, or one entry of a tree object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its path in the archive: relative, normalised, never leaving the archive's root.
    pub path: Blob,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Of a file: its digest (SHA-256 in archives, git's blob id in checkouts).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
    /// Of a file: its size in bytes, where known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub size: Option<u64>,
    /// Of a link: its target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<Blob>,
}

/// What a repository says about its checkout, read from its objects and never from its index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkout {
    /// The commit that HEAD names, in hex.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub head: Option<String>,
    /// The branch that HEAD names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub branch: Option<String>,
    /// The URL of the remote `origin`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote: Option<String>,
    /// The files of HEAD's tree.
    pub tree: Vec<Member>,
    /// Untracked files that ignore rules cover, relative to the checkout.
    pub ignored: Vec<Blob>,
    /// What is damaged in the repository itself: path below `.git` if known, and what is wrong.
    pub broken: Vec<(Option<Blob>, String)>,
    /// How many commits of local branches no remote branch has; they would be lost by a new clone.
    pub unpushed: usize,
}

/// What was seen at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sighting {
    /// Something is there.
    Present(Box<Seen>),
    /// Nothing is there; proved by listing the directory.
    Absent,
    /// We could not look; nothing can be said.
    Unseen(Box<Failure>),
}

impl Sighting {
    /// We could not look, for a reason that is no error of the system.
    pub fn unseen(reason: impl Into<String>) -> Self {
        Failure { errno: 0, text: reason.into() }.into()
    }
}

impl From<Failure> for Sighting {
    fn from(failure: Failure) -> Self {
        Self::Unseen(Box::new(failure))
    }
}

/// An error of the operating system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// The error number of the system call (`EIO` is 5), 0 where there is none.
    pub errno: i32,
    /// Its text.
    pub text: String,
}

/// Linux error numbers that mean damage when a file is read (errno(3), `include/uapi/asm-generic/errno.h`):
/// EIO, EBADMSG (bad checksum), EUCLEAN (structure needs cleaning).
pub const DAMAGE_ERRNOS: [i32; 3] = [5, 74, 117];

impl Failure {
    /// Whether this error means that the medium or file system is damaged, rather than that we may not look.
    pub fn is_damage(&self) -> bool {
        DAMAGE_ERRNOS.contains(&self.errno)
    }
}

/// Something that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
    /// Last change of content, nanoseconds since 1970 UTC.
    pub mtime: i64,
    /// Last change of the inode, nanoseconds since 1970 UTC.
    pub ctime: i64,
    /// Of a file: its content. Of other things: `None`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content: Option<SeenContent>,
    /// Of a link: its target.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<Blob>,
    /// Of a directory: whether it was listed and every entry looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub listed: bool,
}

/// The kinds of directory entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Link,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
    /// Block or character device.
    Device,
}

impl Kind {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "symbolic link",
            Self::Fifo => "named pipe",
            Self::Socket => "socket",
            Self::Device => "device",
        }
    }
}

/// The content of a file as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenContent {
    /// Read to the end.
    Read {
        /// Always with SHA-256; with others as the manifest needs.
        digests: Vec<Digest>,
        /// The bytes, where the manifest asked for them.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        captured: Option<Captured>,
        /// A closer look, where something was wrong.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        closer: Option<Box<Closer>>,
    },
    /// Reading failed.
    Failed(Failure),
}

/// A closer look at a file that differs: how its blocks look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Closer {
    /// Whether the whole content is UTF-8 text without NUL.
    pub text: bool,
    /// Whether it is UTF-8 (NUL allowed): what a tool that reads text needs.
    pub utf8: bool,
    /// Block classes in order, run by run, covering the file and, if it is too short, what is missing.
    pub runs: Vec<Run>,
    /// The bytes, if they are few and no secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<Blob>,
    /// The file that the content itself says it is of, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tells: Option<TargetPath>,
    /// Whether it has the size of that file, and so may be it as a whole.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub whole: bool,
    /// The earlier version that has all blocks that are of an older one; `None` where it takes several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub older: Option<String>,
    /// The digests of its blocks, if they are few and it is no secret: to be held against versions that are known later.
    #[serde(skip_serializing_if = "BlockDigests::is_empty", default)]
    pub blocks: BlockDigests,
}

/// Size of a block of a file system, and of the classification, in bytes.
pub const BLOCK: u64 = 4096;

/// A run of blocks of one class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Run {
    /// First block, counted from 0 in units of [`BLOCK`].
    pub at: u64,
    /// Number of blocks.
    pub len: u64,
    /// The class.
    #[serde(rename = "as")]
    pub class: BlockClass,
    /// Of foreign blocks: the file they belong to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<TargetPath>,
}

/// What a block looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockClass {
    /// As expected.
    Expected,
    /// As an older version had it at the same place.
    Older,
    /// All zero, where something else is expected or nothing is known.
    Zero,
    /// Another known file's block.
    Foreign,
    /// Some of its 512-byte sectors are as expected, the others of an older version or of another file.
    Torn,
    /// High entropy: looks random.
    Random,
    /// Not there: the file is too short.
    Absent,
    /// Plausible text, but not the expected one.
    Text,
    /// None of the above, or nothing to compare with.
    Unknown,
}

impl Seen {
    /// Something of this kind of which nothing more is known: all numbers are 0.
    pub fn new(kind: Kind) -> Self {
        Self { kind, mode: 0, uid: 0, gid: 0, size: 0, mtime: 0, ctime: 0, content: None, target: None, listed: false }
    }

    /// The digest by an algorithm, if it was computed.
    pub fn digest(&self, algorithm: Algorithm) -> Option<&Digest> {
        match self.content.as_ref()? {
            SeenContent::Read { digests, .. } => digests.iter().find(|digest| digest.algorithm == algorithm),
            SeenContent::Failed(_) => None,
        }
    }

    /// The bytes kept as evidence.
    pub fn captured(&self) -> Option<Cow<'_, Blob>> {
        match self.content.as_ref()? {
            SeenContent::Read { captured, .. } => captured.as_ref().map(Captured::bytes),
            SeenContent::Failed(_) => None,
        }
    }

    /// The closer look.
    pub fn closer(&self) -> Option<&Closer> {
        match self.content.as_ref()? {
            SeenContent::Read { closer, .. } => closer.as_deref(),
            SeenContent::Failed(_) => None,
        }
    }
}

impl Scan {
    /// A scan that has seen nothing yet; the time in nanoseconds since 1970 UTC.
    pub fn new(host: HostName, started_at: i64) -> Self {
        Self {
            host,
            started_at,
            unseen: None,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            observations: Observations::new(),
            archives: BTreeMap::new(),
            checkouts: BTreeMap::new(),
            read: ReadMode::Cached,
            disk: BTreeMap::new(),
            inconsistent: BTreeMap::new(),
            packages: None,
            points: None,
        }
    }

    /// It without its observations: all that is one of a kind.
    #[must_use]
    pub fn head(&self) -> Self {
        Self {
            host: self.host.clone(),
            started_at: self.started_at,
            unseen: self.unseen.clone(),
            users: self.users.clone(),
            groups: self.groups.clone(),
            observations: Observations::new(),
            archives: self.archives.clone(),
            checkouts: self.checkouts.clone(),
            read: self.read,
            disk: self.disk.clone(),
            inconsistent: self.inconsistent.clone(),
            packages: self.packages.clone(),
            points: self.points.clone(),
        }
    }

    /// What is known about a path. A path that was not itself looked at is absent only if a directory on the way
    /// was listed without it, or is provably no directory.
    pub fn sighting(&self, path: &TargetPath) -> Cow<'_, Sighting> {
        self.observations.get(path).unwrap_or_else(|| Cow::Owned(self.sighting_above(path)))
    }

    /// What the directories above tell about a path that was not looked at.
    fn sighting_above(&self, path: &TargetPath) -> Sighting {
        for directory in path.ancestors().skip(1) {
            match self.observations.get(&directory).map(Cow::into_owned) {
                None => {}
                Some(known @ (Sighting::Absent | Sighting::Unseen(_))) => return known,
                Some(Sighting::Present(seen)) => {
                    return match seen.kind {
                        Kind::Directory if !seen.listed => Sighting::unseen(format!("`{directory}` was not listed")),
                        Kind::Link => {
                            Sighting::unseen(format!("`{directory}` is a symbolic link, which is not followed"))
                        }
                        _ => Sighting::Absent,
                    };
                }
            }
        }
        Sighting::unseen("not looked at")
    }

    /// What is there, if something is.
    pub fn seen(&self, path: &TargetPath) -> Option<Cow<'_, Seen>> {
        seen(self.observations.get(path)?)
    }

    /// The bytes that were kept of a file: they are never packed.
    pub fn captured(&self, path: &TargetPath) -> Option<Cow<'_, Blob>> {
        match self.observations.get(path)? {
            Cow::Borrowed(Sighting::Present(seen)) => seen.captured(),
            Cow::Borrowed(Sighting::Absent | Sighting::Unseen(_)) | Cow::Owned(_) => None,
        }
    }

    /// Of what kind it is, if something is there.
    pub fn kind(&self, path: &TargetPath) -> Option<Kind> {
        self.seen(path).map(|seen| seen.kind)
    }

    /// How a file digests by an algorithm, if it was read for that.
    pub fn digest(&self, path: &TargetPath, algorithm: Algorithm) -> Option<Digest> {
        self.seen(path)?.digest(algorithm).cloned()
    }

    /// What was seen directly in a directory, in path order.
    pub fn entries<'a>(&'a self, directory: &'a TargetPath) -> impl Iterator<Item = TargetPath> + use<'a> {
        // What lies below them is passed over: it may be very much.
        let mut next = directory.within(b"\x01");
        let entries = std::iter::from_fn(move || {
            let (path, sighting) = self.observations.range(&next).next()?;
            let name = path.relative_to(directory)?;
            // An entry that was not looked at itself, while something below it was.
            let entry = directory.within(name.split(|&byte| byte == b'/').next()?);
            next = entry.after_all_below();
            Some((entry == path && matches!(*sighting, Sighting::Present(_))).then_some(entry))
        });
        entries.flatten()
    }

    /// The observations at and below a directory, in path order.
    pub fn below<'a>(
        &'a self,
        directory: &'a TargetPath,
    ) -> impl Iterator<Item = (TargetPath, Cow<'a, Sighting>)> + use<'a> {
        self.observations.range(directory).take_while(move |(path, _)| path.is_below(directory))
    }
}

/// What is there, if something is.
pub fn seen(sighting: Cow<'_, Sighting>) -> Option<Cow<'_, Seen>> {
    match sighting {
        Cow::Borrowed(Sighting::Present(seen)) => Some(Cow::Borrowed(seen)),
        Cow::Owned(Sighting::Present(seen)) => Some(Cow::Owned(*seen)),
        Cow::Borrowed(_) | Cow::Owned(Sighting::Absent | Sighting::Unseen(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Sighting {
        thing(Kind::Directory)
    }

    fn thing(kind: Kind) -> Sighting {
        let seen = Seen { mode: 0o755, listed: true, ..Seen::new(kind) };
        Sighting::Present(Box::new(seen))
    }

    fn scan(observations: &[(&str, Sighting)]) -> Scan {
        Scan {
            observations: observations.iter().map(|(path, seen)| (TargetPath::new(path), seen.clone())).collect(),
            ..Scan::new("h".into(), 0)
        }
    }

    #[test]
    fn the_entries_of_a_directory_are_what_lies_in_it_and_not_below() {
        let paths = ["/d/a/x", "/d/a/y/z", "/d/a-b", "/d/\x01", "/d/a", "/e", "/d"];
        let mut scan = scan(&paths.map(|path| (path, thing(Kind::File))));
        scan.observations.insert(TargetPath::new("/d/b"), Sighting::Absent);
        scan.observations.insert(TargetPath::new("/d/c/unlisted"), Sighting::unseen("no"));
        let named = |path: &str| scan.entries(&TargetPath::new(path)).map(|path| path.to_string()).collect::<Vec<_>>();
        assert_eq!(named("/d"), ["/d/\x01", "/d/a", "/d/a-b"]);
        assert_eq!(named("/"), ["/d", "/e"]);
        assert!(named("/nowhere").is_empty() && named("/e").is_empty());
    }

    #[test]
    fn only_a_listed_directory_proves_absence() {
        let scan = scan(&[("/srv", directory())]);
        assert_eq!(*scan.sighting(&TargetPath::new("/srv/app/x")), Sighting::Absent);
        assert!(matches!(&*scan.sighting(&TargetPath::new("/etc/x")), Sighting::Unseen(_)));
    }

    #[test]
    fn what_lies_beyond_an_unreadable_directory_or_a_link_is_unseen() {
        let closed = Sighting::from(Failure { errno: 13, text: "permission denied".into() });
        let scan = scan(&[("/srv", directory()), ("/srv/closed", closed), ("/srv/link", thing(Kind::Link))]);
        assert!(matches!(&*scan.sighting(&TargetPath::new("/srv/closed/x")), Sighting::Unseen(_)));
        assert!(matches!(&*scan.sighting(&TargetPath::new("/srv/link/x")), Sighting::Unseen(_)));
    }

    #[test]
    fn nothing_can_lie_below_a_file() {
        let scan = scan(&[("/srv", directory()), ("/srv/file", thing(Kind::File))]);
        assert_eq!(*scan.sighting(&TargetPath::new("/srv/file/x")), Sighting::Absent);
    }
}
