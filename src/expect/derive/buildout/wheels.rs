//! The wheels in the download cache: what an egg was made of is a better witness than what lies in the egg.
//!
//! A wheel counts when it is read to its end with all checksums right, and its SHA-256 is the one that pip noted in the
//! egg's `direct_url.json` ("Recording the Direct URL Origin", packaging.python.org): two notes at different places that
//! agree. zc.buildout 5 and later; earlier versions do not let pip make the egg.

use super::catalog::{Dist, EggName};
use super::{Buildout, Configuration};
use crate::definition::markers::same_version;
use crate::expect::distribution::{self, Claims, Distribution};
use crate::expect::evidence::{self, Note};
use crate::model::artifact::{Authority, Content, MendId};
use crate::model::content::{Algorithm, Digest};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::manifest::{Broken, Manifest, Proof};
use crate::model::observation::{Archive, Kind};
use crate::model::path::TargetPath;
use crate::model::unit::UnitId;
use crate::references::python_metadata::canonical;

/// A wheel that an egg was made of.
#[derive(Debug)]
pub(super) struct Wheel<'a> {
    pub(super) path: &'a TargetPath,
    pub(super) archive: &'a Archive,
}

/// Directories whose archives are read: wheels in the download cache, zipped eggs among the others.
pub(crate) fn archives(configuration: &Configuration, directory: &TargetPath) -> Vec<TargetPath> {
    let cache = cache(configuration, directory);
    let eggs = configuration.directories.eggs.known().map(TargetPath::new);
    cache.into_iter().chain(eggs).collect()
}

/// `download-cache`, in its subdirectory `dist`.
fn cache(configuration: &Configuration, directory: &TargetPath) -> Option<TargetPath> {
    match configuration.option("buildout", "download-cache") {
        Some(Eval::Known(cache)) if !cache.is_empty() => Some(directory.join(cache).join("dist")),
        Some(Eval::Known(_) | Eval::Unknown(_)) | None => None,
    }
}

/// The wheel that a distribution was made of, if it is there and sound.
pub(super) fn of<'a>(buildout: &'a Buildout<'_>, dist: &Dist) -> Option<Wheel<'a>> {
    let cache = cache(buildout.configuration(), buildout.directory())?;
    let egg = EggName::parse(dist.location.name())?;
    let noted = noted(buildout, dist)?;
    let fits = |path: &TargetPath| {
        let name = String::from_utf8_lossy(path.name()).into_owned();
        let mut parts = name.strip_suffix(".whl").unwrap_or_default().split('-');
        parts.next().is_some_and(|name| canonical(name) == dist.key)
            && parts.next().is_some_and(|version| same_version(version, &egg.version))
    };
    let wheels = buildout
        .scan
        .archives
        .iter()
        .filter(|(path, archive)| path.is_below(&cache) && fits(path) && archive.broken.is_none());
    let mut same = wheels.filter(|(path, _)| buildout.scan.digest(path, Algorithm::Sha256).as_ref() == Some(&noted));
    same.next().map(|(path, archive)| Wheel { path, archive })
}

/// What pip noted about the archive.
fn noted(buildout: &Buildout<'_>, dist: &Dist) -> Option<Digest> {
    let Note::Bytes(bytes) = evidence::note(buildout.scan, &dist.info.join("direct_url.json")) else { return None };
    let note: serde_json::Value = serde_json::from_slice(&bytes.0).ok()?;
    let hex = note.get("archive_info")?.get("hashes")?.get("sha256")?.as_str()?;
    Digest::from_hex(Algorithm::Sha256, hex).ok()
}

/// The wheel that an egg was made of is believed before the egg's own RECORD, which may be a plausible older one.
pub(super) fn believed(
    record: &Distribution<'_>,
    claims: Option<Claims>,
    wheel: &Wheel<'_>,
    manifest: &mut Manifest,
) -> Claims {
    let sure = record.of_wheel(&wheel.archive.members);
    let mut all = claims.unwrap_or_default();
    let digest = |content: &Content| match content {
        Content::Digest { digest, .. } => Some(digest.clone()),
        Content::Bytes(_) | Content::Unordered { .. } | Content::Unknown(_) => None,
    };
    let other = sure.iter().find(|(path, content)| all.get(*path).and_then(digest) != digest(content));
    if let Some((path, _)) = other.filter(|_| !all.is_empty()) {
        let evidence = format!(
            "what it says about `{path}` is not what the wheel `{}` holds, of which the egg was made",
            wheel.path
        );
        record.broken(manifest, record.info.join("RECORD"), evidence);
    }
    all.extend(sure);
    all
}

/// Whether an egg is one file.
pub(super) fn is_zipped(buildout: &Buildout<'_>, dist: &Dist) -> bool {
    buildout.scan.kind(&dist.location) == Some(Kind::File)
}

/// An egg that is a zip file: the checksums in it prove damage, but not that it is the right one.
pub(super) fn zipped(buildout: &Buildout<'_>, dist: &Dist, by: (UnitId, MendId), manifest: &mut Manifest) {
    let (unit, mend) = by;
    let (host, path) = (buildout.derivation.host.clone(), dist.location.clone());
    if let Some(problem) = buildout.scan.archives.get(&path).and_then(|archive| archive.broken.as_ref()) {
        let evidence = format!("it is a zip file, and {problem}");
        manifest.broken.push(Broken { host, unit, path, mend, evidence, expected: None, proof: Proof::Record });
        return;
    }
    let why = Why::new(WhyKind::NoReference, "a zipped egg has checksums, but nothing says that it is the right one");
    manifest.artifacts.push(distribution::file(&host, &unit, path, Content::Unknown(why), Authority::Record, mend));
}
