//! Sources of expected content beside the definition: what vendors, installers, archives and repositories on the
//! target say.
//!
//! Two sorts: what has to be read through `io` ([`archive`],
//! [`git_objects`], [`packages`]), and what a scan has captured already, which is parsed
//! purely ([`wheel_record`], [`python_metadata`]). Damage of a source itself is part of its answer, never
//! an error: a damaged reference is a finding. What follows from it is `expect`'s to decide.

pub mod aliases;
pub mod archive;
pub mod baseline;
pub mod git_objects;
mod lost_distributions;
pub mod nar;
pub mod packages;
pub mod python_metadata;
pub mod sqlite;
pub mod wheel_record;

use crate::io::disk::LiveRoot;
use crate::model::manifest::{Depth, Manifest};
use crate::model::observation::{Kind, Scan, Sighting};
use crate::model::path::TargetPath;
use std::borrow::Cow;

/// Adds to a scan what archives hold and what repositories say, as the manifest asks for it.
pub fn add(root: &LiveRoot, manifest: &Manifest, scan: &mut Scan) {
    for look in manifest.look.iter().filter(|look| look.host == scan.host) {
        let Some(kind) = scan.kind(&look.path) else { continue };
        match (look.depth, kind) {
            (Depth::Archive, Kind::File) => {
                scan.archives.insert(look.path.clone(), archive::list(root, &look.path));
            }
            (Depth::Archives, Kind::Directory) => {
                for path in archives(scan, &look.path) {
                    let archive = archive::list(root, &path);
                    scan.archives.insert(path, archive);
                }
            }
            (Depth::Checkout, Kind::Directory) => {
                scan.checkouts.insert(look.path.clone(), git_objects::read(root, &look.path));
            }
            _ => {}
        }
    }
}

/// The wheels and zipped eggs directly in a directory.
fn archives(scan: &Scan, directory: &TargetPath) -> Vec<TargetPath> {
    let is_archive = |(path, sighting): (TargetPath, Cow<'_, Sighting>)| {
        let file = matches!(&*sighting, Sighting::Present(seen) if seen.kind == Kind::File);
        let named = path.name().ends_with(b".whl") || path.name().ends_with(b".egg");
        (file && named && path.parent().as_ref() == Some(directory)).then_some(path)
    };
    scan.below(directory).filter_map(is_archive).collect()
}
