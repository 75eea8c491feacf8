//! Reading what the command line names: saved plans; `-` is standard input.

use super::trouble::Trouble;
use crate::io::files;
use crate::report::view::View;
use std::io::Read;
use std::path::Path;

/// The most bytes that are taken from standard input.
const LIMIT: u64 = 1 << 30;

/// A file, or standard input.
fn read(path: &Path) -> Result<Vec<u8>, Trouble> {
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
