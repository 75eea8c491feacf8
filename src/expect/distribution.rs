//! The files of one installed Python distribution, by its own RECORD.
//!
//! Takes where the distribution lies and how its installer changed the paths, gives an artifact per file. RECORD lies
//! on the target and may be damaged itself: then it becomes [`Manifest::broken`], and what can still be read of it but may
//! be of an earlier version is [`Manifest::doubtful`]. A RECORD that is whole is believed: were one of its digests wrong, its
//! file would not match, and the remedy of both is the same.

use crate::expect::evidence::{self, Note};
use crate::model::artifact::{Artifact, Authority, Content, Durability, Expected, MendId, Ownership};
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::eval::{Why, WhyKind};
use crate::model::manifest::{Broken, Doubtful, Manifest, Proof};
use crate::model::observation::{Kind, Member, Scan, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, UnitId};
use crate::references::wheel_record::{self, Hash, Record, Row};
use std::collections::{BTreeMap, BTreeSet};

/// How an installer lays a distribution out, compared with what RECORD says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// pip: as RECORD says.
    SitePackages,
    /// zc.buildout 5 and later: `make_egg_after_pip_install` renames the metadata directory and leaves out what lies
    /// outside, byte code and namespace `__init__.py`.
    RenamedDistInfo,
    /// zc.buildout 3 and 4: setuptools' `Wheel.install_as_egg` makes `EGG-INFO` of the metadata directory.
    EggInfo,
}

/// One installed distribution.
#[derive(Debug)]
pub(crate) struct Distribution<'a> {
    pub(crate) host: &'a HostName,
    pub(crate) unit: &'a UnitId,
    pub(crate) scan: &'a Scan,
    /// What RECORD's paths are relative to.
    pub(crate) base: &'a TargetPath,
    /// The metadata directory as it is named now.
    pub(crate) info: &'a TargetPath,
    pub(crate) layout: Layout,
    /// What must not be left: rows that point out of it are not followed.
    pub(crate) fence: &'a TargetPath,
    pub(crate) mend: MendId,
}

/// What the RECORD of a distribution vouches for.
pub(crate) type Claims = BTreeMap<TargetPath, Content>;

impl Distribution<'_> {
    /// Reads RECORD; `None` when it tells nothing, which is then noted in the manifest.
    pub(crate) fn claims(&self, manifest: &mut Manifest) -> Option<Claims> {
        let path = self.info.join("RECORD");
        match evidence::note(self.scan, &path) {
            Note::Bytes(bytes) => match wheel_record::parse(&bytes.0) {
                Ok(record) => Some(self.of_record(&record)),
                Err(error) => {
                    self.broken(manifest, path, error.to_string());
                    None
                }
            },
            Note::Absent | Note::WrongKind => {
                let why = Why::new(WhyKind::NoReference, "RECORD does not list its own digest");
                manifest.artifacts.push(self.artifact(path, Content::Unknown(why)));
                None
            }
            Note::Unknown(why) => {
                manifest.artifacts.push(self.artifact(path, Content::Unknown(why)));
                None
            }
        }
    }

    /// What RECORD says; where it is damaged, what it still has.
    pub(crate) fn claims_or_salvage(&self, manifest: &mut Manifest) -> Option<Claims> {
        let path = self.info.join("RECORD");
        let Note::Bytes(bytes) = evidence::note(self.scan, &path) else {
            return self.claims(manifest);
        };
        let problem = match wheel_record::parse(&bytes.0) {
            Ok(record) => match self.stranger(&record) {
                None => return Some(self.of_record(&record)),
                Some(problem) => problem,
            },
            Err(error) => error.to_string(),
        };
        self.broken(manifest, path.clone(), problem);
        let mut rows = Vec::new();
        for piece in wheel_record::salvage(&bytes.0, &String::from_utf8_lossy(self.info.name())) {
            if !piece.certain {
                let paths = piece.rows.iter().filter_map(|row| self.place(&row.path)).collect();
                manifest.doubtful.push(Doubtful { host: self.host.clone(), note: path.clone(), paths });
            }
            rows.extend(piece.rows.into_iter().filter(|row| !wheel_record::is_own(&row.path)));
        }
        (!rows.is_empty()).then(|| self.of_record(&Record { rows, refused: Vec::new() }))
    }

    /// Whether RECORD is that of another distribution, as its row for itself tells.
    fn stranger(&self, record: &Record) -> Option<String> {
        let own = record.rows.iter().find(|row| wheel_record::is_own(&row.path))?;
        let (info, _) = own.path.rsplit_once('/')?;
        (info.as_bytes() != self.info.name()).then(|| format!("it is the RECORD of `{info}`"))
    }

    /// What the wheel that it was installed from vouches for: its files as they are unpacked. RECORD is written anew by
    /// the installer, and what lies in `*.data` is put elsewhere.
    pub(crate) fn of_wheel(&self, members: &[Member]) -> Claims {
        let row = |member: &Member| {
            let path = std::str::from_utf8(&member.path.0).ok()?.to_owned();
            let data = path.split('/').next().is_some_and(|first| first.strip_suffix(".data").is_some());
            let own =
                path.rsplit('/').next().is_some_and(|name| name.starts_with("RECORD")) && path.contains(".dist-info/");
            let digest = member.digest.clone().filter(|_| member.kind == Kind::File && !data && !own)?;
            Some(Row { path, hash: Hash::Known(digest), size: member.size })
        };
        self.of_record(&Record { rows: members.iter().filter_map(row).collect(), refused: Vec::new() })
    }

    fn of_record(&self, record: &Record) -> Claims {
        let directories: BTreeMap<&str, usize> = record
            .rows
            .iter()
            .filter(|row| !wheel_record::is_byte_code(&row.path))
            .fold(BTreeMap::new(), |mut all, row| {
                *all.entry(parent(&row.path)).or_default() += 1;
                all
            });
        let mut claims = Claims::new();
        for row in &record.rows {
            let Some(path) = self.place(&row.path) else { continue };
            if wheel_record::is_byte_code(&row.path) || !path.is_below(self.fence) {
                continue;
            }
            if self.may_be_absent(row, &directories) && *self.scan.sighting(&path) == Sighting::Absent {
                continue;
            }
            if let Some(content) = self.content(row, &path) {
                claims.insert(path, content);
            }
        }
        if let Some(first) = record.refused.first() {
            let text =
                format!("it names {} absolute paths, `{first}` first, which are not followed", record.refused.len());
            claims.insert(self.info.join("RECORD"), Content::Unknown(Why::new(WhyKind::NotModelled, text)));
        }
        claims
    }

    /// Where the file of a row lies; `None` when the installer left it out.
    fn place(&self, row: &str) -> Option<TargetPath> {
        let (first, rest) = row.split_once('/').unwrap_or((row, ""));
        match self.layout {
            Layout::SitePackages => Some(self.base.join(row)),
            _ if row.split('/').any(|part| part == "..") => None,
            Layout::RenamedDistInfo if first.ends_with(".dist-info") => Some(self.info.join(rest)),
            Layout::EggInfo if first.ends_with(".dist-info") => {
                Some(self.info.join(if rest == "METADATA" { "PKG-INFO" } else { rest }))
            }
            Layout::EggInfo if first.strip_suffix(".data").is_some() => match rest.split_once('/')? {
                ("data" | "headers" | "purelib" | "platlib", rest) => Some(self.base.join(rest)),
                ("scripts", rest) => Some(self.info.join("scripts").join(rest)),
                _ => None,
            },
            Layout::RenamedDistInfo | Layout::EggInfo => Some(self.base.join(row)),
        }
    }

    /// buildout removes an `__init__.py` that is the only file of its directory and declares a namespace; and the
    /// `bin` directory that pip made.
    fn may_be_absent(&self, row: &Row, directories: &BTreeMap<&str, usize>) -> bool {
        self.layout == Layout::RenamedDistInfo
            && (row.path.starts_with("bin/")
                || (row.path.ends_with("/__init__.py") && directories.get(parent(&row.path)) == Some(&1)))
    }

    fn content(&self, row: &Row, path: &TargetPath) -> Option<Content> {
        match &row.hash {
            Hash::Known(digest) => Some(Content::Digest { digest: digest.clone(), size: row.size }),
            Hash::Other(name) => Some(Content::Unknown(Why::new(
                WhyKind::NotModelled,
                format!("RECORD has a digest by `{name}`, which rectify cannot compute"),
            ))),
            // It could be read, which is all that can be asked of it: see the head of this file.
            Hash::None if wheel_record::is_own(&row.path) => Some(match self.seen_digest(path) {
                Some(digest) => Content::Digest { digest, size: None },
                None => Content::Unknown(Why::new(WhyKind::NoReference, "RECORD does not list its own digest")),
            }),
            Hash::None => self
                .scan
                .seen(path)
                .map(|_| Content::Unknown(Why::new(WhyKind::NoReference, "the installer recorded no digest for it"))),
        }
    }

    fn seen_digest(&self, path: &TargetPath) -> Option<Digest> {
        self.scan.digest(path, Algorithm::Sha256)
    }

    /// An artifact of this distribution.
    pub(crate) fn artifact(&self, path: TargetPath, content: Content) -> Artifact {
        let authority = if matches!(content, Content::Unknown(_)) { Authority::Record } else { Authority::Vendor };
        file(self.host, self.unit, path, content, authority, self.mend)
    }

    /// Notes a damaged note.
    pub(crate) fn broken(&self, manifest: &mut Manifest, path: TargetPath, evidence: String) {
        manifest.broken.push(Broken {
            host: self.host.clone(),
            unit: self.unit.clone(),
            path,
            mend: self.mend,
            evidence,
            expected: None,
            proof: Proof::Record,
        });
    }

    /// The files below the base that no claim covers, byte code apart.
    pub(crate) fn unclaimed<'s>(&'s self, claims: &'s Claims) -> impl Iterator<Item = TargetPath> + use<'s> {
        files(self.scan, self.base).filter(|path| !claims.contains_key(path) && !is_byte_code(path))
    }

    /// A RECORD that was cut between two rows: its size is a whole number of disk sectors, and files that it does not
    /// list come after its last row (pip sorts them).
    pub(crate) fn cut_off(&self, claims: &Claims) -> Option<String> {
        let size = self.scan.seen(&self.info.join("RECORD"))?.size;
        let last = claims.keys().next_back()?;
        let beyond: BTreeSet<TargetPath> = self.unclaimed(claims).filter(|path| path > last).collect();
        (size > 0 && size.is_multiple_of(512) && !beyond.is_empty()).then(|| {
            format!("it ends at byte {size}, a sector's end, and {} files come after its last row", beyond.len())
        })
    }
}

/// The directory with the notes of an egg that is one itself.
pub(crate) fn egg_notes(scan: &Scan, egg: &TargetPath) -> Option<(TargetPath, Layout)> {
    let directory = |path: &TargetPath| scan.kind(path) == Some(Kind::Directory);
    let renamed = scan.entries(egg).find(|path| path.name().ends_with(b".dist-info") && directory(path));
    let old = || Some(egg.join("EGG-INFO")).filter(directory).map(|path| (path, Layout::EggInfo));
    renamed.map(|path| (path, Layout::RenamedDistInfo)).or_else(old)
}

/// Regular files below a directory.
pub(crate) fn files<'a>(scan: &'a Scan, directory: &'a TargetPath) -> impl Iterator<Item = TargetPath> + use<'a> {
    scan.below(directory).filter_map(|(path, sighting)| match &*sighting {
        Sighting::Present(seen) if seen.kind == Kind::File => Some(path),
        Sighting::Present(_) | Sighting::Absent | Sighting::Unseen(_) => None,
    })
}

/// Whether a path is byte code.
pub(crate) fn is_byte_code(path: &TargetPath) -> bool {
    path.as_bytes().ends_with(b".pyc") || path.as_bytes().ends_with(b".pyo")
}

/// Byte code below a directory: rebuilt by Python from the modules, compared with nothing, trusted by nobody here.
pub(crate) fn byte_code(
    scan: &Scan,
    directory: &TargetPath,
    host: &HostName,
    unit: &UnitId,
    mend: MendId,
) -> Vec<Artifact> {
    let why = Why::new(WhyKind::NoReference, "byte code has no recorded digest; Python makes it anew when it is gone");
    files(scan, directory)
        .filter(is_byte_code)
        .map(|path| Artifact {
            durability: Durability::Derived,
            ..file(host, unit, path, Content::Unknown(why.clone()), Authority::Record, mend)
        })
        .collect()
}

/// A file that a redeploy makes.
pub(crate) fn file(
    host: &HostName,
    unit: &UnitId,
    path: TargetPath,
    content: Content,
    authority: Authority,
    mend: MendId,
) -> Artifact {
    thing(host, unit, path, Expected::File(content), authority, mend)
}

/// A directory that others may write to as well.
pub(crate) fn directory(
    host: &HostName,
    unit: &UnitId,
    path: TargetPath,
    authority: Authority,
    mend: MendId,
) -> Artifact {
    thing(host, unit, path, Expected::Directory { ownership: Ownership::Shared }, authority, mend)
}

/// Anything that a redeploy makes.
pub(crate) fn thing(
    host: &HostName,
    unit: &UnitId,
    path: TargetPath,
    expected: Expected,
    authority: Authority,
    mend: MendId,
) -> Artifact {
    Artifact {
        host: host.clone(),
        path,
        unit: unit.clone(),
        expected,
        mode: None,
        owner: None,
        group: None,
        authority,
        durability: Durability::Reproducible,
        mend,
        secret: false,
        origin: None,
    }
}

/// Whether what was seen is what is claimed; `None` when it cannot be told.
pub(crate) fn matches(scan: &Scan, path: &TargetPath, content: &Content) -> Option<bool> {
    let seen = scan.seen(path)?;
    match content {
        Content::Digest { digest, .. } => seen.digest(digest.algorithm).map(|seen| seen == digest),
        Content::Bytes(Blob(bytes)) => seen.captured().map(|seen| seen.0 == *bytes),
        Content::Unordered { .. } | Content::Unknown(_) => None,
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
