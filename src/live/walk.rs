//! Walking: what exists below the places that the manifest names.

use crate::io::disk::LiveRoot;
use crate::live::absence::Absence;
use crate::live::digest::FileToRead;
use crate::live::engine::Algorithms;
use crate::model::artifact::{Content, Expected};
use crate::model::content::{Algorithm, Digest};
use crate::model::manifest::{CAPTURE_LIMIT, Depth, Look, Manifest};
use crate::model::observation::{Failure, Kind, Scan, Seen, Sighting, seen};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use crate::monitor::Monitor;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeMap;

/// Notes what exists, and gives what is wanted of the files among it.
pub(super) fn walk(
    root: &LiveRoot,
    manifest: &Manifest,
    host: &HostName,
    scan: &mut Scan,
    monitor: &dyn Monitor,
) -> Wanted {
    let mut walker = Walker { root, scan, monitor };
    let mut wanted = Wanted { algorithms: BTreeMap::new(), captures: Vec::new(), blob_ids: Vec::new() };
    for look in manifest.look.iter().filter(|look| look.host == *host) {
        wanted.captures.extend(Captures::new(look));
        match look.depth {
            Depth::Itself | Depth::Archive => {
                walker.itself(&look.path);
            }
            Depth::Whole | Depth::Archives => walker.whole(&look.path),
            Depth::Checkout => {
                wanted.blob_ids.push(look.path.clone());
                walker.whole(&look.path);
            }
        }
        if let Some(digest) = &look.declared {
            wanted.want(&look.path, digest);
        }
    }
    for artifact in manifest.artifacts.of(host) {
        if !walker.is_known(&artifact.path) {
            walker.itself(&artifact.path);
        }
        if let Expected::File(Content::Digest { digest, .. }) = &artifact.expected {
            wanted.want(&artifact.path, digest);
        }
    }
    for data in manifest.data.iter().filter(|data| data.host == *host) {
        walker.whole(&data.path);
    }
    wanted
}

/// What is wanted of the files that were found.
pub(super) struct Wanted {
    /// Digests that are declared, besides SHA-256.
    algorithms: BTreeMap<TargetPath, Algorithms>,
    captures: Vec<Captures>,
    /// Checkouts, whose files git knows by their blob ids.
    blob_ids: Vec<TargetPath>,
}

impl Wanted {
    fn want(&mut self, path: &TargetPath, digest: &Digest) {
        let algorithms = self.algorithms.entry(path.clone()).or_default();
        *algorithms = algorithms.with(digest.algorithm);
    }

    /// The files of a scan that follow a path, in path order; all without one.
    pub(super) fn files_after<'a>(
        &'a self,
        scan: &'a Scan,
        last: Option<&'a TargetPath>,
    ) -> impl Iterator<Item = FileToRead> {
        let root = TargetPath::root();
        let rest = scan.observations.range(last.unwrap_or(&root)).skip_while(move |(path, _)| Some(path) == last);
        let there = rest.filter_map(|(path, sighting)| Some((path, seen(sighting)?)));
        there.filter_map(|(path, seen)| self.file(path, &seen))
    }

    fn file(&self, path: TargetPath, seen: &Seen) -> Option<FileToRead> {
        if seen.kind != Kind::File {
            return None;
        }
        let mut algorithms = self.algorithms.get(&path).copied().unwrap_or_default().with(Algorithm::Sha256);
        if self.blob_ids.iter().any(|checkout| path.is_below(checkout)) {
            algorithms = algorithms.with(Algorithm::GitBlob);
        }
        let capture = seen.size <= CAPTURE_LIMIT && self.captures.iter().any(|captures| captures.want(&path));
        Some(FileToRead { path, size: seen.size, mtime: seen.mtime, ctime: seen.ctime, algorithms, capture })
    }
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

/// Looks at one path.
type Looking<'a> = dyn Fn(&LiveRoot) -> Result<Option<Seen>, Failure> + 'a;

struct Walker<'a> {
    root: &'a LiveRoot,
    scan: &'a mut Scan,
    monitor: &'a dyn Monitor,
}

impl Walker<'_> {
    /// Whether the path was looked at, or a listed directory tells about it.
    fn is_known(&self, path: &TargetPath) -> bool {
        path.ancestors().any(|place| match self.scan.observations.get(&place).as_deref() {
            None => false,
            Some(Sighting::Present(seen)) => place == *path || seen.listed || seen.kind == Kind::Link,
            Some(Sighting::Absent | Sighting::Unseen(_)) => true,
        })
    }

    /// Looks at one path.
    fn itself(&mut self, path: &TargetPath) -> Option<Kind> {
        self.note(path, &|root| root.look(path))
    }

    /// Notes what looking at a path gives, unless it was looked at before. What is not there is proved by what is above it.
    fn note(&mut self, path: &TargetPath, look: &Looking<'_>) -> Option<Kind> {
        match self.scan.observations.get(path) {
            Some(known) => seen(known).map(|seen| seen.kind),
            None => self.add(path, look),
        }
    }

    /// The same of a path that was not looked at before.
    fn add(&mut self, path: &TargetPath, look: &Looking<'_>) -> Option<Kind> {
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
            if self.scan.seen(&directory).is_some_and(|seen| seen.listed) {
                continue;
            }
            let (opened, names) = match self.root.open_and_list(&directory) {
                Ok(opened) => opened,
                Err(failure) => {
                    self.scan.observations.insert(directory, failure.into());
                    continue;
                }
            };
            // Mostly nothing in it was looked at before, and need not be looked for.
            let note = if self.scan.observations.has_below(&directory) { Self::note } else { Self::add };
            for name in names {
                let path = directory.within(&name);
                if note(self, &path, &|_| opened.look(&name)) == Some(Kind::Directory) {
                    waiting.push(path);
                }
            }
            self.scan.observations.update(&directory, |seen| seen.listed = true);
        }
    }
}
