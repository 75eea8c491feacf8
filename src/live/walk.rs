//! Walking: what exists below the places that the manifest names.

use crate::io::disk::LiveRoot;
use crate::live::absence::Absence;
use crate::live::digest::FileToRead;
use crate::live::engine::Algorithms;
use crate::model::artifact::{Content, Expected};
use crate::model::content::{Algorithm, Digest};
use crate::model::manifest::{CAPTURE_LIMIT, Depth, Look, Manifest};
use crate::model::observation::{Failure, Kind, Scan, Seen, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use crate::monitor::Monitor;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeMap;

/// Notes what exists and gives the files to read, in path order.
pub(super) fn walk(
    root: &LiveRoot,
    manifest: &Manifest,
    host: &HostName,
    scan: &mut Scan,
    monitor: &dyn Monitor,
) -> Vec<FileToRead> {
    let mut walker = Walker { root, scan, monitor, captures: Vec::new(), blob_ids: Vec::new() };
    for look in manifest.look.iter().filter(|look| look.host == *host) {
        walker.captures.extend(Captures::new(look));
        match look.depth {
            Depth::Itself | Depth::Archive => {
                walker.itself(&look.path);
            }
            Depth::Whole | Depth::Archives => walker.whole(&look.path),
            Depth::Checkout => {
                walker.blob_ids.push(look.path.clone());
                walker.whole(&look.path);
            }
        }
    }
    let mut wanted: BTreeMap<&TargetPath, Algorithms> = BTreeMap::new();
    let declared = manifest.look.iter().filter(|look| look.host == *host);
    for (path, digest) in declared.filter_map(|look| look.declared.as_ref().map(|digest| (&look.path, digest))) {
        want(&mut wanted, path, digest);
    }
    let artifacts = manifest.artifacts.iter().filter(|artifact| artifact.host == *host);
    for artifact in artifacts {
        if !walker.is_known(&artifact.path) {
            walker.itself(&artifact.path);
        }
        if let Expected::File(Content::Digest { digest, .. }) = &artifact.expected {
            want(&mut wanted, &artifact.path, digest);
        }
    }
    for data in manifest.data.iter().filter(|data| data.host == *host) {
        walker.whole(&data.path);
    }
    let (captures, blob_ids) = (walker.captures, walker.blob_ids);
    files_to_read(scan, &wanted, &captures, &blob_ids)
}

fn want<'a>(wanted: &mut BTreeMap<&'a TargetPath, Algorithms>, path: &'a TargetPath, digest: &Digest) {
    let algorithms = wanted.entry(path).or_default();
    *algorithms = algorithms.with(digest.algorithm);
}

fn files_to_read(
    scan: &Scan,
    wanted: &BTreeMap<&TargetPath, Algorithms>,
    captures: &[Captures],
    blob_ids: &[TargetPath],
) -> Vec<FileToRead> {
    let file = |(path, sighting): (&TargetPath, &Sighting)| {
        let Sighting::Present(seen) = sighting else { return None };
        if seen.kind != Kind::File {
            return None;
        }
        let mut algorithms = wanted.get(path).copied().unwrap_or_default().with(Algorithm::Sha256);
        if blob_ids.iter().any(|checkout| path.is_below(checkout)) {
            algorithms = algorithms.with(Algorithm::GitBlob);
        }
        let capture = seen.size <= CAPTURE_LIMIT && captures.iter().any(|captures| captures.want(path));
        Some(FileToRead {
            path: path.clone(),
            size: seen.size,
            mtime: seen.mtime,
            ctime: seen.ctime,
            algorithms,
            capture,
        })
    };
    scan.observations.iter().filter_map(file).collect()
}

/// Which files below one place are kept as evidence.
struct Captures {
    below: TargetPath,
    globs: GlobSet,
}

impl Captures {
    /// `None` when the place asks for nothing; a glob that is none captures nothing.
    fn new(look: &Look) -> Option<Self> {
        let mut set = GlobSetBuilder::new();
        for glob in &look.capture {
            set.add(GlobBuilder::new(glob).literal_separator(true).build().ok()?);
        }
        let globs = set.build().ok()?;
        (!globs.is_empty()).then(|| Self { below: look.path.clone(), globs })
    }

    fn want(&self, path: &TargetPath) -> bool {
        use std::os::unix::ffi::OsStrExt;
        path.relative_to(&self.below)
            .is_some_and(|relative| self.globs.is_match(std::path::Path::new(std::ffi::OsStr::from_bytes(relative))))
    }
}

struct Walker<'a> {
    root: &'a LiveRoot,
    scan: &'a mut Scan,
    monitor: &'a dyn Monitor,
    captures: Vec<Captures>,
    blob_ids: Vec<TargetPath>,
}

impl Walker<'_> {
    /// Whether the path was looked at, or a listed directory tells about it.
    fn is_known(&self, path: &TargetPath) -> bool {
        path.ancestors().any(|place| match self.scan.observations.get(&place) {
            None => false,
            Some(Sighting::Present(seen)) => place == *path || seen.listed || seen.kind == Kind::Link,
            Some(Sighting::Absent | Sighting::Unseen(_)) => true,
        })
    }

    /// Looks at one path.
    fn itself(&mut self, path: &TargetPath) -> Option<Kind> {
        self.note(path, |root| root.look(path))
    }

    /// Notes what looking at a path gives, unless it was looked at before. What is not there is proved by what is above it.
    fn note(
        &mut self,
        path: &TargetPath,
        look: impl FnOnce(&LiveRoot) -> Result<Option<Seen>, Failure>,
    ) -> Option<Kind> {
        if let Some(known) = self.scan.observations.get(path) {
            return match known {
                Sighting::Present(seen) => Some(seen.kind),
                Sighting::Absent | Sighting::Unseen(_) => None,
            };
        }
        let sighting = match look(self.root) {
            Ok(Some(seen)) => Sighting::Present(Box::new(seen)),
            Ok(None) => Absence::new(self.root).prove(path),
            Err(failure) => failure.into(),
        };
        let kind = if let Sighting::Present(seen) = &sighting { Some(seen.kind) } else { None };
        self.scan.observations.insert(path.clone(), sighting);
        self.monitor.advance(1);
        kind
    }

    /// Looks at everything below a path, without recursion: the depth of a damaged tree is not ours to trust.
    fn whole(&mut self, start: &TargetPath) {
        if self.itself(start) != Some(Kind::Directory) {
            return;
        }
        let mut waiting = vec![start.clone()];
        while let Some(directory) = waiting.pop() {
            if self.seen_mut(&directory).is_some_and(|seen| seen.listed) {
                continue;
            }
            let (opened, names) = match self.root.open_and_list(&directory) {
                Ok(opened) => opened,
                Err(failure) => {
                    self.scan.observations.insert(directory, failure.into());
                    continue;
                }
            };
            for name in names {
                let path = directory.join(&name);
                if self.note(&path, |_| opened.look(&name)) == Some(Kind::Directory) {
                    waiting.push(path);
                }
            }
            if let Some(seen) = self.seen_mut(&directory) {
                seen.listed = true;
            }
        }
    }

    fn seen_mut(&mut self, path: &TargetPath) -> Option<&mut Seen> {
        match self.scan.observations.get_mut(path)? {
            Sighting::Present(seen) => Some(seen),
            Sighting::Absent | Sighting::Unseen(_) => None,
        }
    }
}
