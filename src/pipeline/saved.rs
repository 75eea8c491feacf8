//! What stages hand on as files: the manifest as one JSON document, a scan as JSON Lines.
//!
//! A scan's first line is the host and everything that is one of a kind; each other line is one path. A file that is
//! cut off is refused: a missing line would read as "not looked at".

use super::{Error, Trouble};
use crate::io::files;
use crate::model::blocks::BlockDigests;
use crate::model::content::Algorithm;
use crate::model::digests::Digests;
use crate::model::hasher::Hasher;
use crate::model::manifest::{FORMAT, Manifest};
use crate::model::observation::{Kind, Scan, Seen, Sighting};
use crate::model::observations::Observations;
use crate::model::path::TargetPath;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::borrow::Cow;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// The first line of a scan file.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    scan: Scan,
    /// How many lines follow.
    paths: usize,
}

/// The other lines, as they are read; [`LineOf`] as they are written.
#[derive(Deserialize)]
struct Line {
    path: TargetPath,
    seen: Sighting,
    /// Of a file of a baseline: what its blocks are known by.
    #[serde(default)]
    blocks: Option<BlockDigests>,
}

/// What [`Line`] is read from.
#[derive(Serialize)]
struct LineOf<'a> {
    path: &'a TargetPath,
    seen: &'a Sighting,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<&'a BlockDigests>,
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
    let mut bytes = Vec::new();
    write_scan(scan, None, &mut bytes).expect("memory takes all");
    bytes
}

/// What a batch of paths that were seen is known by besides.
pub type BlocksOf<'a> = dyn Fn(&[(TargetPath, Cow<'_, Sighting>)]) -> Vec<Option<BlockDigests>> + 'a;

/// How many paths, and how many bytes of their files, are a batch.
const BATCH: (usize, u64) = (4096, 1 << 30);

/// Writes a scan, with the digests of its files' blocks where they are asked for: a baseline. The digests are much more
/// than the rest, so they are made for a batch at a time and not kept.
///
/// # Errors
/// When `out` does not take it.
pub fn write_scan(scan: &Scan, blocks: Option<&BlocksOf<'_>>, out: &mut dyn Write) -> std::io::Result<()> {
    write_head(scan.head(), scan.observations.len(), out)?;
    let Some(blocks) = blocks else {
        return scan
            .observations
            .iter()
            .try_for_each(|(path, seen)| write_line(&LineOf { path: &path, seen: &seen, blocks: None }, out));
    };
    let mut rest = scan.observations.iter().peekable();
    while rest.peek().is_some() {
        let (mut batch, mut bytes) = (Vec::new(), 0_u64);
        while let Some((path, seen)) = rest.next_if(|_| batch.len() < BATCH.0 && bytes < BATCH.1) {
            if let Sighting::Present(seen) = &*seen {
                bytes = bytes.saturating_add(seen.size);
            }
            batch.push((path, seen));
        }
        for ((path, seen), blocks) in batch.iter().zip(blocks(&batch)) {
            write_line(&LineOf { path, seen, blocks: blocks.as_ref() }, out)?;
        }
    }
    Ok(())
}

/// What was seen, in one digest. The times of directories tell of their neighbours only and are left out: the temporary
/// directory above a tree changes with every run.
pub(super) fn observations_digest(scans: &[Scan]) -> String {
    let mut digesting = BufWriter::with_capacity(64 << 10, Digesting(Hasher::new(Algorithm::Sha256, 0)));
    for scan in scans {
        let digested = write_head(Scan { started_at: 0, ..scan.head() }, scan.observations.len(), &mut digesting);
        digested.expect("memory takes all");
        for (path, seen) in &scan.observations {
            let path = &path;
            let digested = match &*seen {
                Sighting::Present(seen) if seen.kind == Kind::Directory => {
                    let seen = Seen { size: 0, mtime: 0, ctime: 0, ..Seen::clone(seen) };
                    let seen = &Sighting::Present(Box::new(seen));
                    write_line(&LineOf { path, seen, blocks: None }, &mut digesting)
                }
                seen => write_line(&LineOf { path, seen, blocks: None }, &mut digesting),
            };
            digested.expect("memory takes all");
        }
    }
    let Digesting(hasher) = digesting.into_inner().ok().expect("memory takes all");
    hasher.finish().hex()
}

fn write_head(scan: Scan, paths: usize, out: &mut (impl Write + ?Sized)) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, &Head { format: FORMAT, scan, paths })?;
    out.write_all(b"\n")
}

fn write_line(line: &LineOf<'_>, out: &mut (impl Write + ?Sized)) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Digests what is written to it, and keeps nothing.
struct Digesting(Hasher);

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads a scan file. It will be held against something that names these digests.
///
/// # Errors
/// When it cannot be read, is no scan, is cut off, or is one of another format.
pub fn read_scan(path: &Path, digests: &Digests) -> Result<Scan, Error> {
    let mut observations = Observations::sharing(digests);
    let mut scan = each_line(path, &mut |path, seen, _| {
        observations.insert(path, seen);
    })?;
    scan.observations = observations;
    Ok(scan)
}

/// Reads a scan file line by line, so that what is not wanted takes no memory; gives its head.
///
/// # Errors
/// When it cannot be read, is no scan, is cut off, or is one of another format.
pub fn each_line(path: &Path, take: &mut Take<'_>) -> Result<Scan, Error> {
    let mut lines = Lines { path, reader: BufReader::with_capacity(1 << 18, open(path)?), number: 0 };
    let head: Head = lines.next_of()?.ok_or_else(|| no_scan(path, "line 1: it is empty"))?;
    if head.format != FORMAT {
        return Err(other_format(path, head.format));
    }
    let (mut paths, mut last) = (0, None);
    while let Some(line) = lines.next_of::<Line>()? {
        // They are written in order; what comes twice stands for nothing.
        paths += usize::from(last.as_ref().is_none_or(|last| *last < line.path));
        last = Some(line.path.clone());
        take(line.path, line.seen, line.blocks);
    }
    if paths != head.paths {
        let what = format!("`{}` is cut off: it has {paths} of {} paths", path.display(), head.paths);
        return Err(Error::new(Trouble::Failed, what).hint("copy it again, or scan again"));
    }
    Ok(head.scan)
}

/// What is done with each path of a scan file.
pub type Take<'a> = dyn FnMut(TargetPath, Sighting, Option<BlockDigests>) + 'a;

/// The longest line of a scan file, in bytes: a path with the digests of the blocks of a file of 32 GiB.
const LONGEST: u64 = 512 << 20;

struct Lines<'a, R> {
    path: &'a Path,
    reader: R,
    number: usize,
}

impl<R: BufRead> Lines<'_, R> {
    /// The next line that is not empty; `None` at the end.
    fn next_of<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        let mut line = Vec::new();
        while line.is_empty() {
            self.number += 1;
            let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            if read.map_err(|error| Error::new(Trouble::Failed, format!("`{}`: {error}", self.path.display())))? == 0 {
                return Ok(None);
            }
            if line == b"\n" {
                line.clear();
            }
        }
        let parsed = serde_json::from_slice(&line);
        parsed.map(Some).map_err(|error| no_scan(self.path, &format!("line {}: {error}", self.number)))
    }
}

fn no_scan(path: &Path, problem: &str) -> Error {
    Error::new(Trouble::Failed, format!("`{}` is no scan: {problem}", path.display()))
        .hint("make it anew with `rectify scan --manifest FILE -o FILE`")
}

fn open(path: &Path) -> Result<std::fs::File, Error> {
    files::open(path).map_err(from_reading)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    files::read(path).map_err(from_reading)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn from_reading(error: files::ReadError) -> Error {
    let trouble = if error.missing { Trouble::InputMissing } else { Trouble::Failed };
    Error::new(trouble, error.to_string())
}

fn other_format(path: &Path, found: u32) -> Error {
    let what = format!("`{}` has format {found}, this rectify reads format {FORMAT}", path.display());
    Error::new(Trouble::Failed, what).hint("use the same version of rectify on both machines")
}
