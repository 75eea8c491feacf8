//! What stages hand on as files: the manifest as one JSON document, a scan as JSON Lines.
//!
//! A scan's first line is the host and everything that is one of a kind; each other line is one path. A file that is
//! cut off is refused: a missing line would read as "not looked at".

use super::{Error, Trouble};
use crate::io::files;
use crate::model::manifest::{FORMAT, Manifest};
use crate::model::observation::{Scan, Sighting};
use crate::model::path::TargetPath;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The first line of a scan file.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    scan: Scan,
    /// How many lines follow.
    paths: usize,
}

/// The other lines.
#[derive(Serialize, Deserialize)]
struct Line {
    path: TargetPath,
    seen: Sighting,
}

/// A manifest as the bytes of its file.
pub fn manifest_bytes(manifest: &Manifest) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(manifest).expect("a manifest has only text keys");
    bytes.push(b'\n');
    bytes
}

/// Reads a manifest file.
///
/// # Errors
/// When it cannot be read, is no manifest, or is one of another format.
pub fn read_manifest(path: &Path) -> Result<Manifest, Error> {
    let bytes = read(path)?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(Trouble::Failed, format!("`{}` is no manifest: {error}", path.display()))
            .hint("make it anew with `rectify manifest ENV -o FILE`")
    })?;
    if manifest.format != FORMAT {
        return Err(other_format(path, manifest.format));
    }
    if let Some(artifact) = manifest.artifacts.iter().find(|artifact| artifact.mend.0 as usize >= manifest.mends.len())
    {
        let what = format!("`{}` refers to a mend it does not have, at {}", path.display(), artifact.path);
        return Err(Error::new(Trouble::Failed, what).hint("make it anew with `rectify manifest ENV -o FILE`"));
    }
    Ok(manifest)
}

/// A scan as the bytes of its file.
pub fn scan_bytes(scan: &Scan) -> Vec<u8> {
    let head = Head {
        format: FORMAT,
        scan: Scan { observations: std::collections::BTreeMap::new(), ..scan.clone() },
        paths: scan.observations.len(),
    };
    let mut bytes = serde_json::to_vec(&head).expect("a scan has only text keys");
    bytes.push(b'\n');
    for (path, seen) in &scan.observations {
        let line = Line { path: path.clone(), seen: seen.clone() };
        serde_json::to_writer(&mut bytes, &line).expect("writing to memory does not fail");
        bytes.push(b'\n');
    }
    bytes
}

/// Reads a scan file.
///
/// # Errors
/// When it cannot be read, is no scan, is cut off, or is one of another format.
pub fn read_scan(path: &Path) -> Result<Scan, Error> {
    let bytes = read(path)?;
    let no_scan = |error: serde_json::Error, line: usize| {
        Error::new(Trouble::Failed, format!("`{}` is no scan: line {line}: {error}", path.display()))
            .hint("make it anew with `rectify scan --manifest FILE -o FILE`")
    };
    let mut lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let head: Head = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(|error| no_scan(error, 1))?;
    if head.format != FORMAT {
        return Err(other_format(path, head.format));
    }
    let mut scan = head.scan;
    for (index, line) in lines.enumerate() {
        let line: Line = serde_json::from_slice(line).map_err(|error| no_scan(error, index + 2))?;
        scan.observations.insert(line.path, line.seen);
    }
    if scan.observations.len() != head.paths {
        let what =
            format!("`{}` is cut off: it has {} of {} paths", path.display(), scan.observations.len(), head.paths);
        return Err(Error::new(Trouble::Failed, what).hint("copy it again, or scan again"));
    }
    Ok(scan)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    files::read(path).map_err(|error| {
        let trouble = if error.missing { Trouble::InputMissing } else { Trouble::Failed };
        Error::new(trouble, error.to_string())
    })
}

fn other_format(path: &Path, found: u32) -> Error {
    let what = format!("`{}` has format {found}, this rectify reads format {FORMAT}", path.display());
    Error::new(Trouble::Failed, what).hint("use the same version of rectify on both machines")
}
