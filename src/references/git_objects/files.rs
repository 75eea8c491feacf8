//! The files of a repository, checked by their own sums: loose objects, packs, refs, HEAD, configuration, index.
//!
//! Formats: gitformat-pack(5), gitformat-index(5), gitrepository-layout(5) of git 2.47. Everything is streamed.

use crate::io::disk::{LiveRoot, io_failure};
use crate::io::loose_objects;
use crate::model::content::{Algorithm, Blob};
use crate::model::hasher::Hasher;
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use std::collections::BTreeSet;
use std::io::Read;

/// What the files say.
#[derive(Default)]
pub(super) struct Files {
    /// The commit that HEAD names.
    pub(super) head: Option<String>,
    /// The branch that HEAD names.
    pub(super) branch: Option<String>,
    /// Commits of HEAD and local branches.
    pub(super) local: BTreeSet<String>,
    /// Commits of remote branches.
    pub(super) remote: BTreeSet<String>,
    /// What tags, stashes and other refs name.
    pub(super) other: BTreeSet<String>,
    /// Commits whose parents were never fetched.
    pub(super) shallow: BTreeSet<String>,
    /// Whether the configuration could be read as a file.
    pub(super) config_readable: bool,
    /// Whether every file that libgit2 maps into memory agrees with its own sum.
    pub(super) packs_are_sound: bool,
    /// Ids of the loose objects that are damaged.
    pub(super) damaged: BTreeSet<String>,
    /// What is damaged, by path below `.git`.
    pub(super) broken: Vec<(Option<Blob>, String)>,
}

/// The most that is read of HEAD, a ref or the configuration, in bytes.
const SMALL: u64 = 1 << 20;
/// The most that is read of `packed-refs` and `shallow`.
const LISTS: u64 = 256 << 20;

struct Checker<'a> {
    root: &'a LiveRoot,
    git: &'a TargetPath,
    files: Files,
    /// Refs by name, loose ones over packed ones.
    refs: std::collections::BTreeMap<Vec<u8>, Vec<u8>>,
    any_object: bool,
}

pub(super) fn check(root: &LiveRoot, git: &TargetPath) -> Files {
    let files = Files { packs_are_sound: true, ..Files::default() };
    let mut checker = Checker { root, git, files, refs: std::collections::BTreeMap::new(), any_object: false };
    checker.objects();
    checker.config();
    checker.shallow();
    checker.packed_refs();
    checker.loose_refs();
    checker.head();
    checker.index();
    checker.sort_refs();
    checker.files
}

impl Checker<'_> {
    fn broken(&mut self, path: &str, reason: impl Into<String>) {
        self.files.broken.push((Some(path.into()), reason.into()));
    }

    /// The bytes of a small file; `None` when it is missing or broken, which is then said.
    fn small(&mut self, path: &str, limit: u64, needed: bool) -> Option<Vec<u8>> {
        let place = self.git.join(path);
        match self.root.look(&place) {
            Ok(None) if needed => {
                self.broken(path, "missing");
                return None;
            }
            Ok(None) => return None,
            Ok(Some(_)) | Err(_) => {}
        }
        let mut bytes = Vec::new();
        let read = self
            .root
            .open_file(&place)
            .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| io_failure(&error)));
        match read {
            Ok(length) if length as u64 > limit => {
                self.broken(path, format!("longer than {limit} bytes"));
                None
            }
            Ok(_) => Some(bytes),
            Err(failure) => {
                self.broken(path, format!("cannot be read: {}", failure.text));
                None
            }
        }
    }

    fn names(&mut self, path: &str) -> Vec<Vec<u8>> {
        let place = self.git.join(path);
        if self.root.look(&place).is_ok_and(|seen| seen.is_none()) {
            return Vec::new();
        }
        self.root.list(&place).unwrap_or_else(|failure| {
            self.broken(path, format!("cannot be listed: {}", failure.text));
            Vec::new()
        })
    }

    fn is_file(&self, path: &str) -> bool {
        matches!(self.root.look(&self.git.join(path)), Ok(Some(seen)) if seen.kind == Kind::File)
    }

    fn config(&mut self) {
        let Some(bytes) = self.small("config", SMALL, true) else { return };
        if bytes.contains(&0) {
            self.broken("config", "holds NUL bytes");
        } else {
            self.files.config_readable = true;
        }
    }

    fn shallow(&mut self) {
        let bytes = self.small("shallow", LISTS, false).unwrap_or_default();
        for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match object_id(line) {
                Some(id) => {
                    self.files.shallow.insert(id);
                }
                None => self.broken("shallow", "a line is no object id"),
            }
        }
    }

    fn packed_refs(&mut self) {
        let bytes = self.small("packed-refs", LISTS, false).unwrap_or_default();
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            self.broken("packed-refs", "the last line is cut off");
        }
        let mut bad = 0_usize;
        for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")) {
            // `^` lines tell what the annotated tag above points to.
            if let Some(peeled) = line.strip_prefix(b"^") {
                bad += usize::from(object_id(peeled).is_none());
                continue;
            }
            match line.split_at_checked(41) {
                Some((id, name))
                    if object_id(&id[..40]).is_some() && id.ends_with(b" ") && name.starts_with(b"refs/") =>
                {
                    self.refs.insert(name.to_vec(), id[..40].to_vec());
                }
                _ => bad += 1,
            }
        }
        if bad > 0 {
            self.broken("packed-refs", format!("{bad} lines are no refs"));
        }
    }

    fn loose_refs(&mut self) {
        let mut open = vec!["refs".to_owned()];
        if self.root.look(&self.git.join("refs")).is_ok_and(|seen| seen.is_none()) {
            self.broken("refs", "missing");
        }
        while let Some(directory) = open.pop() {
            for name in self.names(&directory) {
                let Ok(name) = String::from_utf8(name) else {
                    self.broken(&directory, "holds a name that is no text");
                    continue;
                };
                let path = format!("{directory}/{name}");
                match self.root.look(&self.git.join(&path)) {
                    Ok(Some(seen)) if seen.kind == Kind::Directory => open.push(path),
                    _ if has_extension(&name, "lock") => {}
                    _ => {
                        if let Some(bytes) = self.small(&path, SMALL, true) {
                            self.loose_ref(&path, &bytes);
                        }
                    }
                }
            }
        }
    }

    fn loose_ref(&mut self, path: &str, bytes: &[u8]) {
        let content = bytes.trim_ascii_end();
        if object_id(content).is_some() || content.starts_with(b"ref: refs/") {
            self.refs.insert(path.as_bytes().to_vec(), content.to_vec());
        } else {
            // The packed value is older: what the ref was is not known.
            self.refs.remove(path.as_bytes());
            self.broken(path, "holds no object id");
        }
    }

    fn head(&mut self) {
        let Some(bytes) = self.small("HEAD", SMALL, true) else { return };
        let content = bytes.trim_ascii_end();
        if let Some(id) = object_id(content) {
            self.files.head = Some(id);
            return;
        }
        // git itself only ever lets HEAD name a branch (git-symbolic-ref(1), `refs.c`).
        let name = std::str::from_utf8(content).ok().and_then(|text| text.strip_prefix("ref: ")).map(str::trim);
        let branch = name.and_then(|name| name.strip_prefix("refs/heads/"));
        let Some((name, branch)) = name.zip(branch).filter(|(name, _)| !name.contains(char::is_control)) else {
            self.broken("HEAD", "names neither a branch nor a commit");
            return;
        };
        self.files.branch = Some(branch.to_owned());
        let shown = name.to_owned();
        let name = name.as_bytes();
        self.files.head = self.refs.get(name).and_then(|id| object_id(id));
        // Before the first commit the branch does not exist yet.
        if self.files.head.is_none() && self.any_object && !self.is_reported(&shown) {
            self.broken(&shown, "missing, though HEAD names it");
        }
    }

    fn is_reported(&self, path: &str) -> bool {
        self.files.broken.iter().any(|(broken, _)| broken.as_ref().and_then(Blob::text) == Some(path))
    }

    fn index(&mut self) {
        if !self.is_file("index") {
            return;
        }
        // An all zero sum means that it was not computed (`index.skipHash`).
        match trailer(self.root, &self.git.join("index"), Some(b"DIRC")) {
            Ok(Sum::Good | Sum::Unset) => {}
            Ok(Sum::Bad(reason)) | Err(reason) => self.broken("index", reason),
        }
    }

    fn sort_refs(&mut self) {
        self.files.local.extend(self.files.head.clone());
        for (name, id) in &self.refs {
            let Some(id) = object_id(id) else { continue };
            if name.starts_with(b"refs/heads/") {
                self.files.local.insert(id);
            } else if name.starts_with(b"refs/remotes/") {
                self.files.remote.insert(id);
            } else {
                self.files.other.insert(id);
            }
        }
    }

    fn objects(&mut self) {
        if self.root.look(&self.git.join("objects")).is_ok_and(|seen| seen.is_none()) {
            self.broken("objects", "missing");
        }
        for name in self.names("objects") {
            let Ok(name) = String::from_utf8(name) else { continue };
            if name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                self.loose_objects(&name);
            }
        }
        let packs = self.names("objects/pack");
        for name in &packs {
            let Ok(name) = std::str::from_utf8(name) else { continue };
            self.pack_file(name, &packs);
        }
        for path in ["objects/info/commit-graph"] {
            if self.is_file(path) {
                self.mapped(path, None);
            }
        }
    }

    fn loose_objects(&mut self, directory: &str) {
        for name in self.names(&format!("objects/{directory}")) {
            let Some(id) =
                std::str::from_utf8(&name).ok().and_then(|name| object_id(format!("{directory}{name}").as_bytes()))
            else {
                continue;
            };
            self.any_object = true;
            let path = format!("objects/{directory}/{}", &id[2..]);
            if let Err(reason) = self.loose_object(&path, &id) {
                self.files.damaged.insert(id);
                self.broken(&path, reason);
            }
        }
    }

    fn loose_object(&self, path: &str, id: &str) -> Result<(), String> {
        let file = self.root.open_file(&self.git.join(path));
        loose_objects::check(file.map_err(|failure| format!("cannot be read: {}", failure.text))?, id)
    }

    fn pack_file(&mut self, name: &str, all: &[Vec<u8>]) {
        let path = format!("objects/pack/{name}");
        let partner = |extension: &str| {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let wanted = format!("{stem}.{extension}").into_bytes();
            all.contains(&wanted)
        };
        if has_extension(name, "pack") {
            self.any_object = true;
            if !partner("idx") {
                self.broken(&path, "its `.idx` is missing, so git does not see its objects");
            }
            self.mapped(&path, Some(b"PACK"));
        } else if has_extension(name, "idx") {
            if !partner("pack") {
                self.broken(&path, "its `.pack` is missing");
            }
            self.mapped(&path, None);
        } else if ["rev", "bitmap"].iter().any(|extension| has_extension(name, extension)) || name == "multi-pack-index"
        {
            self.mapped(&path, None);
        }
    }

    /// A file that libgit2 would map: it must be readable to its end, and end with its own sum.
    fn mapped(&mut self, path: &str, magic: Option<&[u8]>) {
        let reason = match trailer(self.root, &self.git.join(path), magic) {
            Ok(Sum::Good) => return,
            Ok(Sum::Unset) => "its checksum is all zero".into(),
            Ok(Sum::Bad(reason)) | Err(reason) => reason,
        };
        self.files.packs_are_sound = false;
        self.broken(path, reason);
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

/// 40 hex digits. Repositories with SHA-256 ids are not read.
fn object_id(text: &[u8]) -> Option<String> {
    let hex = std::str::from_utf8(text).ok()?;
    let is_id = hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_id.then(|| hex.to_owned())
}

enum Sum {
    Good,
    Unset,
    Bad(String),
}

/// Whether a file ends with the SHA-1 of what is before; the error says that it cannot be read to its end.
fn trailer(root: &LiveRoot, place: &TargetPath, magic: Option<&[u8]>) -> Result<Sum, String> {
    let unreadable = |text: String| format!("cannot be read: {text}");
    let mut file = root.open_file(place).map_err(|failure| unreadable(failure.text))?;
    let mut hasher = Hasher::new(Algorithm::Sha1, 0);
    let mut buffer = vec![0; 256 << 10];
    // What was read and not yet hashed: at least the last 20 bytes.
    let mut kept: Vec<u8> = Vec::new();
    let mut begins = Vec::new();
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(io_failure(&error).text)),
        };
        if begins.len() < 4 {
            begins.extend_from_slice(&buffer[..count.min(4)]);
        }
        kept.extend_from_slice(&buffer[..count]);
        let sure = kept.len().saturating_sub(20);
        hasher.update(&kept[..sure]);
        kept.drain(..sure);
    }
    if magic.is_some_and(|magic| !begins.starts_with(magic)) {
        return Ok(Sum::Bad("does not begin as such a file does".into()));
    }
    if kept.len() < 20 {
        return Ok(Sum::Bad("too short".into()));
    }
    if *hasher.finish().bytes == *kept {
        return Ok(Sum::Good);
    }
    if kept.iter().all(|&byte| byte == 0) {
        return Ok(Sum::Unset);
    }
    Ok(Sum::Bad("its content does not agree with its checksum".into()))
}
