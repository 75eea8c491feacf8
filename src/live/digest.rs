//! Reading files: each once, in parallel, for all digests that anybody needs.

use crate::io::disk::{LiveRoot, io_failure, look_at};
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::hasher::Hasher;
use crate::model::observation::{Failure, SeenContent};
use crate::model::path::TargetPath;
use crate::model::secrecy::redacted;
use crate::monitor::Monitor;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::io::Read;

/// A file and what is wanted of it.
#[derive(Debug, Clone)]
pub(super) struct FileToRead {
    /// Where.
    pub(super) path: TargetPath,
    /// Its size when it was listed.
    pub(super) size: u64,
    /// Its modification time when it was listed.
    pub(super) mtime: i64,
    /// The digests.
    pub(super) algorithms: BTreeSet<Algorithm>,
    /// Whether to keep the bytes.
    pub(super) capture: bool,
}

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// Reads all files. The largest begin first, so that no thread ends alone with a long one.
pub(super) fn read_all(
    root: &LiveRoot,
    mut files: Vec<FileToRead>,
    monitor: &dyn Monitor,
) -> Vec<(TargetPath, SeenContent)> {
    files.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    files
        .into_par_iter()
        .map_init(
            || vec![0; CHUNK],
            |buffer, file| {
                let content = read(root, &file, buffer, monitor);
                (file.path, content)
            },
        )
        .collect()
}

/// A file that changes while it is read is read once more; then it is a moving target, and said so.
fn read(root: &LiveRoot, file: &FileToRead, buffer: &mut [u8], monitor: &dyn Monitor) -> SeenContent {
    for attempt in 0..2 {
        match read_once(root, file, buffer) {
            Ok(Some(content)) => {
                monitor.advance(file.size);
                return content;
            }
            Ok(None) if attempt == 0 => {}
            Ok(None) => break,
            Err(failure) => {
                monitor.advance(file.size);
                return SeenContent::Failed(failure);
            }
        }
    }
    monitor.advance(file.size);
    SeenContent::Failed(Failure { errno: 0, text: "it changed while it was read".into() })
}

/// `None` when size or time changed between the beginning and the end.
fn read_once(root: &LiveRoot, wanted: &FileToRead, buffer: &mut [u8]) -> Result<Option<SeenContent>, Failure> {
    let mut file = root.open_file(&wanted.path)?;
    let before = look_at(&file)?;
    let mut hashers: Vec<Hasher> =
        wanted.algorithms.iter().map(|algorithm| Hasher::new(*algorithm, before.size)).collect();
    let mut captured = wanted.capture.then(Vec::new);
    let mut length = 0_u64;
    loop {
        let count = match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(io_failure(&error)),
        };
        length += count as u64;
        for hasher in &mut hashers {
            hasher.update(&buffer[..count]);
        }
        if let Some(bytes) = &mut captured {
            bytes.extend_from_slice(&buffer[..count]);
        }
    }
    let after = look_at(&file)?;
    if (after.size, after.mtime) != (before.size, before.mtime) || length != after.size || before.mtime != wanted.mtime
    {
        return Ok(None);
    }
    Ok(Some(content(&wanted.path, hashers.into_iter().map(Hasher::finish).collect(), captured)))
}

/// What is kept of a file that was read to the end.
pub(super) fn content(path: &TargetPath, digests: Vec<Digest>, captured: Option<Vec<u8>>) -> SeenContent {
    // buildout notes the options of its parts, passwords among them: they stay on the host.
    let keep = |bytes: Vec<u8>| if path.name().ends_with(b".cfg") { redacted(&bytes) } else { bytes };
    SeenContent::Read { digests, captured: captured.map(keep).map(Blob), closer: None }
}

/// The whole content of a file that is expected to be small.
///
/// # Errors
/// When it cannot be read, or is larger than `limit` bytes.
pub(super) fn read_small(root: &LiveRoot, path: &TargetPath, limit: u64) -> Result<Vec<u8>, Failure> {
    let file = root.open_file(path)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| io_failure(&error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure { errno: 0, text: format!("more than {limit} bytes") });
    }
    Ok(bytes)
}
