//! The distributions that a buildout can choose from: eggs, develop eggs, and what is installed beside buildout.
//!
//! Takes a scan, gives every distribution with its notes. Deliberately not here: which of them a part uses.

use crate::expect::distribution::{self, Claims, Layout};
use crate::expect::evidence::{self, Note};
use crate::model::artifact::Content;
use crate::model::content::{Algorithm, Blob};
use crate::model::eval::{Why, WhyKind};
use crate::model::observation::Scan;
use crate::model::path::TargetPath;
use crate::references::python_metadata::{self, EntryPoint, Requirement};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Where a distribution comes from, in buildout's order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Develop,
    Egg,
    Site,
}

/// One distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dist {
    pub(crate) key: String,
    pub(crate) version: String,
    pub(crate) source: Source,
    /// What goes into `sys.path`.
    pub(crate) location: TargetPath,
    /// The directory with the notes.
    pub(crate) info: TargetPath,
    pub(crate) layout: Layout,
    /// Of the egg's name: `linux-x86_64`.
    pub(crate) platform: Option<String>,
}

/// All of them by canonical name, with what their RECORDs vouch for by notes directory.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) dists: BTreeMap<String, Vec<Dist>>,
    pub(crate) claims: BTreeMap<TargetPath, Option<Claims>>,
    /// Why it is not known what the environment's `site-packages` holds.
    pub(crate) site_unknown: Option<Why>,
}

impl Catalog {
    pub(crate) fn extend(&mut self, dists: Vec<Dist>) {
        for dist in dists {
            let known = self.dists.entry(dist.key.clone()).or_default();
            if !known.contains(&dist) {
                known.push(dist);
            }
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Dist> {
        self.dists.values().flatten()
    }
}

/// The parts of an egg's name: `NAME-VERSION-pyX.Y[-PLATFORM].egg` (`pkg_resources`, `EGG_NAME`).
pub(crate) struct EggName {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) python: String,
    pub(crate) platform: Option<String>,
}

impl EggName {
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?.strip_suffix(".egg")?;
        let mut parts = name.splitn(4, '-');
        let (name, version, python) = (parts.next()?, parts.next()?, parts.next()?.strip_prefix("py")?);
        Some(Self {
            name: name.to_owned(),
            version: version.replace('_', "-"),
            python: python.to_owned(),
            platform: parts.next().map(str::to_owned),
        })
    }
}

/// The eggs of a directory for one Python.
pub(crate) fn eggs(scan: &Scan, directory: &TargetPath, python: Option<&str>) -> Vec<Dist> {
    let mut eggs = Vec::new();
    for location in scan.entries(directory) {
        let Some(name) = EggName::parse(location.name()) else { continue };
        if python.is_some_and(|python| python != name.python) {
            continue;
        }
        let (info, layout) = metadata_directory(scan, &location);
        eggs.push(Dist {
            key: python_metadata::canonical(&name.name),
            version: name.version,
            source: Source::Egg,
            location,
            info,
            layout,
            platform: name.platform,
        });
    }
    eggs
}

/// Where an egg's notes are, or would be.
fn metadata_directory(scan: &Scan, egg: &TargetPath) -> (TargetPath, Layout) {
    distribution::egg_notes(scan, egg).unwrap_or_else(|| {
        let mut name = egg.name().strip_suffix(b".egg").unwrap_or(egg.name()).to_vec();
        name.extend_from_slice(b".dist-info");
        (egg.join(name), Layout::RenamedDistInfo)
    })
}

/// Distributions with a `*.dist-info` in a directory: site-packages, or `develop-eggs` since zc.buildout 6.
pub(crate) fn installed(scan: &Scan, directory: &TargetPath, source: Source) -> Vec<Dist> {
    scan.entries(directory)
        .filter_map(|info| {
            let (key, version) = crate::references::python_metadata::named(&info)?;
            Some(Dist {
                key,
                version,
                source,
                location: directory.clone(),
                info: info.clone(),
                layout: Layout::SitePackages,
                platform: None,
            })
        })
        .collect()
}

/// The develop eggs. One that is there both as a link and as a `*.dist-info` counts once: of equal versions
/// `pkg_resources` takes the one whose location sorts last (`Distribution.hashcmp`, setuptools 80). It does not know a
/// name with dots again in that of a `*.dist-info`, which has hyphens there.
pub(crate) fn develop(scan: &Scan, develop_eggs: &TargetPath) -> Vec<Dist> {
    let mut dists = installed(scan, develop_eggs, Source::Develop);
    for link in linked(scan, develop_eggs) {
        match dists.iter_mut().find(|other| other.key == link.key) {
            None => dists.push(link),
            Some(other) if link.info.name().strip_suffix(b".egg-info").is_some_and(|name| name.contains(&b'.')) => {
                *other = link;
            }
            Some(other) if other.version == link.version && link.location.as_bytes() > other.location.as_bytes() => {
                *other = link;
            }
            Some(_) => {}
        }
    }
    dists
}

/// Develop eggs by `NAME.egg-link`, whose notes lie in the source directory.
fn linked(scan: &Scan, develop_eggs: &TargetPath) -> Vec<Dist> {
    let mut dists = Vec::new();
    for link in scan.entries(develop_eggs) {
        let Some(stem) = link.name().strip_suffix(b".egg-link") else { continue };
        let Note::Bytes(bytes) = evidence::note(scan, &link) else { continue };
        let Some(place) = bytes.text().and_then(|text| text.lines().next()).map(str::trim) else { continue };
        if !place.starts_with('/') {
            continue;
        }
        let location = TargetPath::new(place);
        let mut name = String::from_utf8_lossy(stem).replace('-', "_");
        let key = python_metadata::canonical(&name);
        name.push_str(".egg-info");
        let info = scan
            .entries(&location)
            .find(|path| std::str::from_utf8(path.name()).is_ok_and(|other| other.eq_ignore_ascii_case(&name)))
            .unwrap_or_else(|| location.join(&name));
        let version = match evidence::note(scan, &info.join("PKG-INFO")) {
            Note::Bytes(bytes) => python_metadata::metadata(&bytes.0).map(|metadata| metadata.version).ok(),
            Note::Absent | Note::WrongKind | Note::Unknown(_) => None,
        };
        dists.push(Dist {
            key,
            version: version.unwrap_or_else(|| "?".to_owned()),
            source: Source::Develop,
            location,
            info,
            layout: Layout::EggInfo,
            platform: None,
        });
    }
    dists
}

impl Dist {
    /// What it requires.
    pub(crate) fn requires(&self, scan: &Scan, claims: Option<&Claims>) -> Result<Vec<Requirement>, Why> {
        if self.layout == Layout::EggInfo {
            return match self.bytes(scan, claims, "requires.txt")? {
                Some(bytes) => {
                    python_metadata::requires_txt(&bytes.0).map_err(|error| self.damaged("requires.txt", &error))
                }
                // Not every egg requires something; but an egg without metadata says nothing.
                None => self.bytes(scan, claims, "PKG-INFO")?.map(|_| Vec::new()).ok_or_else(|| self.no_metadata()),
            };
        }
        let bytes = self.bytes(scan, claims, "METADATA")?.ok_or_else(|| self.no_metadata())?;
        let metadata = python_metadata::metadata(&bytes.0).map_err(|error| self.damaged("METADATA", &error))?;
        Ok(metadata.requires)
    }

    /// Its console scripts.
    pub(crate) fn console_scripts(&self, scan: &Scan, claims: Option<&Claims>) -> Result<Vec<EntryPoint>, Why> {
        match self.bytes(scan, claims, "entry_points.txt")? {
            Some(bytes) => python_metadata::entry_points(&bytes.0, "console_scripts")
                .map_err(|error| self.damaged("entry_points.txt", &error)),
            None => Ok(Vec::new()),
        }
    }

    /// Whether it declares namespace packages in the old way.
    pub(crate) fn namespaces(&self, scan: &Scan, claims: Option<&Claims>) -> Result<Vec<String>, Why> {
        self.lines(scan, claims, "namespace_packages.txt")
    }

    /// The lines of one of its notes (`yield_lines`); none where it has no such note.
    pub(crate) fn lines(&self, scan: &Scan, claims: Option<&Claims>, name: &str) -> Result<Vec<String>, Why> {
        let Some(bytes) = self.bytes(scan, claims, name)? else { return Ok(Vec::new()) };
        let text = bytes.text().unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(lines.map(str::to_owned).collect())
    }

    /// A note, which must be what RECORD says where RECORD says something. `None` when it is not there, rightly.
    fn bytes<'a>(&self, scan: &'a Scan, claims: Option<&Claims>, name: &str) -> Result<Option<Cow<'a, Blob>>, Why> {
        let path = self.info.join(name);
        let claim = claims.and_then(|claims| claims.get(&path));
        let trouble =
            |what: &str| Why::new(WhyKind::LiveTree, format!("`{name}` of {} {} {what}", self.key, self.version));
        if let Some(Content::Digest { digest, .. }) = claim
            && digest.algorithm == Algorithm::Sha256
            && scan.digest(&path, Algorithm::Sha256).as_ref() != Some(digest)
        {
            return Err(trouble("is damaged"));
        }
        // pip and buildout 5 write a RECORD always; without a sound one nothing vouches for the notes.
        if claims.is_none() && self.source != Source::Develop {
            return Err(trouble("cannot be trusted, because its RECORD is damaged or missing"));
        }
        match evidence::note(scan, &path) {
            Note::Bytes(bytes) => Ok(Some(bytes)),
            Note::Absent => Ok(None),
            Note::WrongKind => Err(trouble("is no file")),
            Note::Unknown(why) => Err(why),
        }
    }

    fn no_metadata(&self) -> Why {
        Why::new(WhyKind::LiveTree, format!("the metadata of {} {} is missing", self.key, self.version))
    }

    fn damaged(&self, name: &str, error: &dyn std::fmt::Display) -> Why {
        Why::new(WhyKind::LiveTree, format!("`{name}` of {} {} is damaged: {error}", self.key, self.version))
    }
}
