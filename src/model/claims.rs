//! What references say about very many files: a package database of a whole system, held in some 100 bytes a file.
//!
//! Takes one claim at a time ([`Claims::push`]) and gives them back as views ([`Claim`]). Directories and owners are
//! stored once, names and digests lie in an arena, and everything grows by chunks, so that memory is never copied
//! nor half empty. Several claims may speak of one path: this table keeps all of them and judges none.

use super::content::Algorithm;
use super::observation::Kind;
use super::path::TargetPath;
use foldhash::HashMap;
use std::sync::Arc;

/// What one reference says about one path; `None` is "says nothing".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Claim<'a> {
    /// What is there. `None`: something is.
    pub kind: Option<Kind>,
    /// Of a file: how its content digests. Must be as long as the algorithm's digests are.
    pub digest: Option<(Algorithm, &'a [u8])>,
    /// Of a file: its size in bytes.
    pub size: Option<u64>,
    /// Permission bits, `0o7777`.
    pub mode: Option<u32>,
    /// The owner.
    pub owner: Option<Account<'a>>,
    /// The group.
    pub group: Option<Account<'a>>,
    /// Of a link: its target.
    pub target: Option<&'a [u8]>,
    /// Last change of content in whole seconds since 1970 UTC (Portage's CONTENTS).
    pub mtime: Option<i64>,
    /// Who says so: the index of a package in a list that is kept beside the table.
    pub unit: u32,
    /// Whether the reference calls it configuration, which people may edit.
    pub config: bool,
}

/// An owner or group as references name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Account<'a> {
    /// By number.
    Id(u32),
    /// By name, as in the target's own `/etc/passwd` and `/etc/group`.
    Name(&'a [u8]),
}

/// Why a claim cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Linux has no longer names (`NAME_MAX` in `include/uapi/linux/limits.h`).
    #[error("a name in its path is longer than 255 bytes")]
    LongName,
    /// Linux has no longer paths (`PATH_MAX`, ibid.).
    #[error("its path or its link's target is longer than 4096 bytes")]
    LongPath,
    /// The digest is not one of its algorithm.
    #[error("its digest has not the length that the algorithm gives")]
    DigestLength,
    /// More than four thousand million claims, or 4 GiB of names and digests.
    #[error("there are more claims than can be held")]
    TooMany,
}

const NAME_MAX: usize = 255;
const PATH_MAX: usize = 4096;

/// What references say about very many files.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    directories: Vec<Arc<[u8]>>,
    directory_ids: HashMap<Arc<[u8]>, u32>,
    attributes: Vec<Attributes>,
    attribute_ids: HashMap<Attributes, u32>,
    accounts: Vec<Arc<[u8]>>,
    account_ids: HashMap<Arc<[u8]>, u32>,
    rows: Rows,
    bytes: Arena,
}

/// Mode and owners: few combinations serve a whole system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Attributes {
    mode: Option<u32>,
    owner: Option<Held>,
    group: Option<Held>,
}

/// An [`Account`] with its name by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Held {
    Id(u32),
    Name(u32),
}

/// One claim. Name, digest and link target follow each other in the arena.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// [`NO_SIZE`]: none.
    size: u64,
    /// [`NO_MTIME`]: none.
    mtime: i64,
    directory: u32,
    bytes: u32,
    attributes: u32,
    unit: u32,
    /// 0: no target; otherwise its length and 1.
    target: u16,
    name: u8,
    algorithm: Option<Algorithm>,
    kind: Option<Kind>,
    config: bool,
}

/// No file has this size (`MAX_LFS_FILESIZE` in Linux' `include/linux/fs.h` is half of it).
const NO_SIZE: u64 = u64::MAX;
/// No file system has times so long ago.
const NO_MTIME: i64 = i64::MIN;

impl Claims {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a claim about a path and gives its index: claims are numbered from 0 in the order in which they come.
    ///
    /// # Errors
    /// When it cannot be true on any Linux system, or the table is full.
    pub fn push(&mut self, path: &TargetPath, claim: &Claim<'_>) -> Result<u32, Refused> {
        let name = path.name();
        let directory = &path.as_bytes()[..path.as_bytes().len() - name.len()];
        let target = claim.target.unwrap_or_default();
        let digest = claim.digest.map_or(&[][..], |(_, digest)| digest);
        if name.len() > NAME_MAX {
            return Err(Refused::LongName);
        }
        if path.as_bytes().len() > PATH_MAX || target.len() > PATH_MAX {
            return Err(Refused::LongPath);
        }
        if claim.digest.is_some_and(|(algorithm, digest)| digest.len() != algorithm.digest_length()) {
            return Err(Refused::DigestLength);
        }
        let index = u32::try_from(self.rows.len).map_err(|_| Refused::TooMany)?;
        let attributes = self.attributes_of(claim)?;
        let target_length = u16::try_from(target.len() + 1).map_err(|_| Refused::LongPath)?;
        let row = Row {
            size: claim.size.unwrap_or(NO_SIZE),
            mtime: claim.mtime.unwrap_or(NO_MTIME),
            directory: self.directory_of(directory)?,
            bytes: self.bytes.push(&[name, digest, target]).ok_or(Refused::TooMany)?,
            attributes,
            unit: claim.unit,
            target: claim.target.map_or(0, |_| target_length),
            name: u8::try_from(name.len()).map_err(|_| Refused::LongName)?,
            algorithm: claim.digest.map(|(algorithm, _)| algorithm),
            kind: claim.kind,
            config: claim.config,
        };
        self.rows.push(row);
        Ok(index)
    }

    fn directory_of(&mut self, path: &[u8]) -> Result<u32, Refused> {
        // What lies in one directory mostly comes together.
        if let Some(last) = self.rows.last().filter(|last| *self.directories[last.directory as usize] == *path) {
            return Ok(last.directory);
        }
        intern(path, &mut self.directories, &mut self.directory_ids)
    }

    fn attributes_of(&mut self, claim: &Claim<'_>) -> Result<u32, Refused> {
        let mut held = |account: Option<Account<'_>>| match account {
            None => Ok(None),
            Some(Account::Id(id)) => Ok(Some(Held::Id(id))),
            Some(Account::Name(name)) => {
                intern(name, &mut self.accounts, &mut self.account_ids).map(|id| Some(Held::Name(id)))
            }
        };
        let attributes = Attributes { mode: claim.mode, owner: held(claim.owner)?, group: held(claim.group)? };
        if let Some(&id) = self.attribute_ids.get(&attributes) {
            return Ok(id);
        }
        let id = u32::try_from(self.attributes.len()).map_err(|_| Refused::TooMany)?;
        self.attributes.push(attributes);
        self.attribute_ids.insert(attributes, id);
        Ok(id)
    }

    /// How many claims there are.
    pub fn len(&self) -> usize {
        self.rows.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.len == 0
    }

    /// All claims in the order in which they came, with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Claim<'_>)> {
        (0_u32..).zip(self.rows.iter()).map(|(index, row)| (index, self.view(row)))
    }

    /// The claim of this index.
    ///
    /// # Panics
    /// When there is none: indices come from [`Claims::push`] of the same table only.
    pub fn get(&self, index: u32) -> Claim<'_> {
        self.view(self.rows.get(index))
    }

    /// The path that a claim speaks of.
    ///
    /// # Panics
    /// As [`Claims::get`].
    pub fn path(&self, index: u32) -> TargetPath {
        let mut path = self.directory_path(self.directory(index)).to_vec();
        path.extend_from_slice(self.name(index));
        TargetPath::new(path)
    }

    /// The number of the directory that a claim's path lies in, below [`Claims::directory_count`].
    ///
    /// # Panics
    /// As [`Claims::get`].
    pub fn directory(&self, index: u32) -> u32 {
        self.rows.get(index).directory
    }

    /// The path of a directory, with a slash at its end.
    ///
    /// # Panics
    /// When there is none: numbers come from [`Claims::directory`] of the same table only.
    pub fn directory_path(&self, directory: u32) -> &[u8] {
        &self.directories[directory as usize]
    }

    /// How many directories the claims lie in.
    pub fn directory_count(&self) -> usize {
        self.directories.len()
    }

    /// The last component of the path that a claim speaks of; empty for the root directory.
    ///
    /// # Panics
    /// As [`Claims::get`].
    pub fn name(&self, index: u32) -> &[u8] {
        let row = self.rows.get(index);
        self.bytes.get(row.bytes, usize::from(row.name))
    }

    fn view(&self, row: &Row) -> Claim<'_> {
        let digest = row.algorithm.map_or(0, Algorithm::digest_length);
        let target = usize::from(row.target).saturating_sub(1);
        let name = usize::from(row.name);
        let bytes = self.bytes.get(row.bytes, name + digest + target);
        let attributes = self.attributes[row.attributes as usize];
        let account = |held: Held| match held {
            Held::Id(id) => Account::Id(id),
            Held::Name(id) => Account::Name(&self.accounts[id as usize]),
        };
        Claim {
            kind: row.kind,
            digest: row.algorithm.map(|algorithm| (algorithm, &bytes[name..name + digest])),
            size: (row.size != NO_SIZE).then_some(row.size),
            mode: attributes.mode,
            owner: attributes.owner.map(account),
            group: attributes.group.map(account),
            target: (row.target > 0).then(|| &bytes[name + digest..]),
            mtime: (row.mtime != NO_MTIME).then_some(row.mtime),
            unit: row.unit,
            config: row.config,
        }
    }
}

/// The number of these bytes, which are stored when they come first.
fn intern(bytes: &[u8], list: &mut Vec<Arc<[u8]>>, ids: &mut HashMap<Arc<[u8]>, u32>) -> Result<u32, Refused> {
    if let Some(&id) = ids.get(bytes) {
        return Ok(id);
    }
    let id = u32::try_from(list.len()).map_err(|_| Refused::TooMany)?;
    let bytes: Arc<[u8]> = bytes.into();
    list.push(Arc::clone(&bytes));
    ids.insert(bytes, id);
    Ok(id)
}

/// Rows in chunks: a growing vector would copy itself and leave half of itself empty.
#[derive(Debug, Clone, Default)]
struct Rows {
    chunks: Vec<Vec<Row>>,
    len: usize,
}

impl Rows {
    const CHUNK: usize = 1 << 12;

    fn push(&mut self, row: Row) {
        if self.len.is_multiple_of(Self::CHUNK) {
            self.chunks.push(Vec::with_capacity(Self::CHUNK));
        }
        self.chunks.last_mut().expect("a chunk was just made where none had room").push(row);
        self.len += 1;
    }

    fn last(&self) -> Option<&Row> {
        self.chunks.last()?.last()
    }

    fn get(&self, index: u32) -> &Row {
        let index = index as usize;
        &self.chunks[index / Self::CHUNK][index % Self::CHUNK]
    }

    fn iter(&self) -> impl Iterator<Item = &Row> {
        self.chunks.iter().flatten()
    }
}

/// Bytes in chunks. What was pushed together lies together.
#[derive(Debug, Clone, Default)]
struct Arena {
    chunks: Vec<Vec<u8>>,
}

impl Arena {
    /// More than any one push: a name, a digest and a target.
    const CHUNK: usize = 1 << 17;

    /// Stores the parts one after the other; gives the place of the first byte, `None` if the arena is full.
    fn push(&mut self, parts: &[&[u8]]) -> Option<u32> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if self.chunks.last().is_none_or(|chunk| chunk.len() + length > Self::CHUNK) {
            self.chunks.push(Vec::with_capacity(Self::CHUNK));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let place = u32::try_from(number * Self::CHUNK + chunk.len()).ok()?;
        for part in parts {
            chunk.extend_from_slice(part);
        }
        Some(place)
    }

    fn get(&self, place: u32, length: usize) -> &[u8] {
        let place = place as usize;
        // Nothing at the very end of a full chunk has the place where the next one begins.
        match self.chunks.get(place / Self::CHUNK) {
            Some(chunk) => &chunk[place % Self::CHUNK..][..length],
            None => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Claim<'static> {
        Claim {
            kind: Some(Kind::File),
            digest: Some((Algorithm::Sha1, b"01234567890123456789")),
            size: Some(7),
            mode: Some(0o4755),
            owner: Some(Account::Name(b"root")),
            group: Some(Account::Id(50)),
            target: None,
            mtime: Some(-1),
            unit: 3,
            config: true,
        }
    }

    #[test]
    fn what_is_said_comes_back_as_it_was_said() {
        let link = Claim { kind: Some(Kind::Link), target: Some(b""), ..Claim::default() };
        let said = [("/usr/bin/a", full()), ("/usr/bin/b", Claim::default()), ("/", full()), ("/l", link)];
        let mut claims = Claims::new();
        for (path, claim) in &said {
            claims.push(&TargetPath::new(path), claim).expect("it can be held");
        }
        assert_eq!(claims.len(), said.len());
        for ((index, claim), (path, expected)) in claims.iter().zip(&said) {
            assert_eq!((claim, claims.path(index)), (*expected, TargetPath::new(path)));
        }
        assert_eq!(claims.directory(0), claims.directory(1));
        assert_eq!((claims.directory_count(), claims.directory_path(0)), (2, &b"/usr/bin/"[..]));
    }

    #[test]
    fn many_claims_keep_their_names_and_digests_across_chunks() {
        let mut claims = Claims::new();
        let digest = |n: u32| n.to_be_bytes().repeat(4);
        let path = |n: u32| TargetPath::new(format!("/d{}/{}{n}", n % 300, "x".repeat(n as usize % 200)));
        for n in 0..9000 {
            let digest = digest(n);
            let claim = Claim { digest: Some((Algorithm::Md5, &digest)), unit: n, ..Claim::default() };
            assert_eq!(claims.push(&path(n), &claim), Ok(n));
        }
        for (n, claim) in claims.iter() {
            assert_eq!((claim.digest, claim.unit), (Some((Algorithm::Md5, &digest(n)[..])), n));
            assert_eq!(claims.path(n), path(n));
        }
    }

    #[test]
    fn what_no_system_can_have_is_refused_and_leaves_no_trace() {
        let mut claims = Claims::new();
        let refused = |claims: &mut Claims, path: String, claim: Claim<'_>| claims.push(&TargetPath::new(path), &claim);
        assert_eq!(refused(&mut claims, "x".repeat(256), full()), Err(Refused::LongName));
        assert_eq!(refused(&mut claims, "/x".repeat(2049), full()), Err(Refused::LongPath));
        let short = Claim { digest: Some((Algorithm::Md5, b"x")), ..full() };
        assert_eq!(refused(&mut claims, "/x".into(), short), Err(Refused::DigestLength));
        let far = "t".repeat(5000);
        let far = Claim { target: Some(far.as_bytes()), ..full() };
        assert_eq!(refused(&mut claims, "/x".into(), far), Err(Refused::LongPath));
        assert!(claims.is_empty());
        assert_eq!(claims.push(&TargetPath::new("x".repeat(255)), &full()), Ok(0));
    }

    #[test]
    fn a_row_is_small() {
        assert!(size_of::<Row>() <= 40, "{} bytes", size_of::<Row>());
    }
}
