//! Reading what the command line names: saved plans, manifests; `-` is standard input.

use super::trouble::Trouble;
use crate::io::files;
use crate::model::manifest::{FORMAT, Manifest};
use crate::report::view::View;
use std::io::Read;
use std::path::Path;

/// The most bytes that are taken from standard input.
const LIMIT: u64 = 1 << 30;

/// A file, or standard input.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
    if path.as_os_str() != "-" {
        return Ok(files::read(path)?);
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(LIMIT).read_to_end(&mut bytes);
    read.map_err(|error| Trouble::failed(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

/// A saved plan.
pub(super) fn view(path: &Path) -> Result<View, Trouble> {
    let bytes = read(path)?;
    View::from_json(&bytes).map_err(|error| {
        Trouble::failed(format!("cannot use `{}`: {error}", path.display()))
            .hint("make one with rectify plan ENVIRONMENT -o plan.json")
    })
}

/// A saved manifest.
pub(super) fn manifest(path: &Path) -> Result<Manifest, Trouble> {
    let bytes = read(path)?;
    let refuse = |why: String| {
        Trouble::failed(format!("cannot use `{}`: {why}", path.display()))
            .hint("make one with rectify manifest ENVIRONMENT -o spec.json")
    };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| refuse(format!("this is not a saved manifest: {error}")))?;
    if manifest.format != FORMAT {
        return Err(refuse(format!("it has format {}, and this rectify reads {FORMAT}", manifest.format)));
    }
    Ok(manifest)
}
