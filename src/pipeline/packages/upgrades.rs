//! Python distributions that were upgraded beside the package manager: pip removes the metadata that a package brought and
//! puts its own in.
//!
//! Takes what differs from the databases; gives what a newer RECORD beside a lost one explains. That are only files that
//! are as the newer RECORD says, the metadata that is gone, and names that are gone beside modules of the same name: what
//! pip had no reason to touch stays what it is.

use crate::io::disk::LiveRoot;
use crate::model::content::{Algorithm, Digest};
use crate::model::observation::{Scan, Sighting};
use crate::model::package::{Deviation, Packages, Upgrade};
use crate::model::path::TargetPath;
use crate::references::packages::content;
use crate::references::python_metadata::{canonical, named};
use crate::references::wheel_record::{self, Hash};
use std::collections::{BTreeMap, BTreeSet};

/// A larger RECORD is not read, in bytes.
const LIMIT: u64 = 16 << 20;

/// What was upgraded, as far as it can be proved.
pub(super) fn find(root: &LiveRoot, scan: &Scan, packages: &Packages) -> Vec<Upgrade> {
    let mut gone: BTreeSet<(u32, TargetPath)> = BTreeSet::new();
    for Deviation { path, package, .. } in &packages.deviations {
        let is_metadata = [&b"METADATA"[..], b"PKG-INFO", b"RECORD"].contains(&path.name());
        if is_metadata && *scan.sighting(path) == Sighting::Absent {
            gone.extend(path.parent().map(|info| (*package, info)));
        }
    }
    let explained = |(package, info): (u32, TargetPath)| {
        let newer = Newer::beside(root, &info)?;
        let own = packages.deviations.iter().filter(|one| one.package == package).map(|one| &one.path);
        let paths: Vec<TargetPath> = own.filter(|path| newer.explains(scan, path)).cloned().collect();
        Some(Upgrade { by: newer.name, directory: newer.site, paths })
    };
    gone.into_iter().filter_map(explained).filter(|upgrade| !upgrade.paths.is_empty()).collect()
}

/// What another version's RECORD says.
struct Newer {
    /// Name and version.
    name: String,
    site: TargetPath,
    /// The metadata that is gone.
    old: TargetPath,
    files: BTreeMap<TargetPath, Option<Digest>>,
}

impl Newer {
    /// The only other version beside lost metadata, if its RECORD is sound.
    fn beside(root: &LiveRoot, info: &TargetPath) -> Option<Self> {
        let (site, name) = (info.parent()?, distribution(info)?);
        let beside = root.list(&site).ok()?.into_iter().map(|entry| site.within(&entry));
        let mut others = beside.filter(|other| other != info && distribution(other).as_ref() == Some(&name));
        let (other, None) = (others.next()?, others.next()) else { return None };
        let (_, version) = named(&other)?;
        let bytes = content(root, &other.join("RECORD"), LIMIT).ok()??;
        let record = wheel_record::parse(&bytes).ok()?;
        let file = |row: wheel_record::Row| {
            let digest = if let Hash::Known(digest) = row.hash { Some(digest) } else { None };
            (site.join(row.path), digest)
        };
        let files = record.rows.into_iter().map(file).collect();
        Some(Self { name: format!("{name} {version}"), site, old: info.clone(), files })
    }

    /// Whether it has files in the same package of Python as a path: then pip replaced that.
    fn has_beside(&self, path: &TargetPath) -> bool {
        let own = top(&self.site, path);
        own.is_some() && self.files.keys().any(|file| file != path && top(&self.site, file) == own)
    }

    /// Whether a path is as it is because of it.
    fn explains(&self, scan: &Scan, path: &TargetPath) -> bool {
        match (self.files.get(path), &*scan.sighting(path)) {
            (None, Sighting::Absent) => path.is_below(&self.old) || self.has_beside(path),
            (Some(Some(digest)), Sighting::Present(seen)) if digest.algorithm == Algorithm::Sha256 => {
                seen.digest(Algorithm::Sha256) == Some(digest)
            }
            _ => false,
        }
    }
}

/// What lies directly in `site-packages` on the way to a path.
fn top<'a>(site: &TargetPath, path: &'a TargetPath) -> Option<&'a [u8]> {
    path.relative_to(site)?.split(|&byte| byte == b'/').next()
}

/// The distribution that a metadata directory is of, in its compared spelling: `*.dist-info`, or the older `*.egg-info`,
/// which may tell the Python version, too.
fn distribution(info: &TargetPath) -> Option<String> {
    if let Some((name, _)) = named(info) {
        return Some(name);
    }
    let name = std::str::from_utf8(info.name()).ok()?.strip_suffix(".egg-info")?;
    Some(canonical(name.split('-').next()?))
}
