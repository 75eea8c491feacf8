//! The closer look at what turned out to differ: each damaged file's blocks against everything that is known.
//!
//! Takes the findings so far, the live tree, backups and baselines; fills in the [`Closer`] of the damaged files. Three
//! passes: the damaged files against their own versions; then once over everything else that is known, for the blocks
//! that were not explained; then the verdicts. Memory is bounded by the damage.

use super::baselines::Baselines;
use crate::findings::{self, Case, Revision};
use crate::io::{disk::LiveRoot, files};
use crate::live::closer::{self, Comparison, Draft, Earlier};
use crate::live::format::Format;
use crate::live::needles::{Hit, Needles, Rank};
use crate::live::windows::Held;
use crate::model::artifact::{Content, Expected};
use crate::model::blocks::BlockDigests;
use crate::model::content::{Algorithm, Digest};
use crate::model::finding::{Finding, Findings};
use crate::model::manifest::Manifest;
use crate::model::observation::{BLOCK, Closer, Kind, Scan, Seen, SeenContent, seen};
use crate::model::path::TargetPath;
use crate::model::restore::{RestorePoint, RestorePoints};
use crate::monitor::Monitor;
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// So many files are searched before the next ones are listed.
const AT_A_TIME: usize = 4096;

/// What the live files are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// What should be.
    pub(super) manifest: &'a Manifest,
    /// What backups hold.
    pub(super) points: &'a RestorePoints,
    /// What earlier scans saw.
    pub(super) baselines: &'a Baselines,
}

/// Looks closer at the files that differ. Where none does, it gives what was judged, which then still holds.
pub(super) fn look_closer(
    known: Known<'_>,
    scan: &mut Scan,
    root: &LiveRoot,
    monitor: &dyn Monitor,
) -> Option<Findings> {
    let case = Case {
        manifest: known.manifest,
        scans: std::slice::from_ref(scan),
        points: known.points,
        revisions: known.baselines.states(),
    };
    let found = findings::judge(case);
    let suspects = Suspects::new(&found, scan, known);
    if suspects.findings.is_empty() {
        return Some(found);
    }
    monitor.begin(&format!("looking closer at {}", scan.host), Some(suspects.findings.len() as u64));
    let mut needles = Needles::default();
    let drafts = suspects.drafts(root, &mut needles, monitor);
    monitor.end();
    if !needles.is_empty() {
        suspects.search(root, &mut needles, monitor);
    }
    let settle = |(path, draft): (&TargetPath, Draft)| {
        let tells = suspects.byte_code(path, &draft.sources);
        let whole = tells.as_ref().is_some_and(|tells| suspects.is_of_size(path, tells));
        (path.clone(), Closer { tells, whole, ..draft.settle(path, &needles) })
    };
    let closers: Vec<(TargetPath, Closer)> = drafts.into_iter().map(settle).collect();
    for (path, looked) in closers {
        scan.observations.update(&path, |seen| {
            if let Some(SeenContent::Read { closer, .. }) = &mut seen.content {
                *closer = Some(Box::new(looked));
            }
        });
    }
    None
}

/// The files whose content is wrong, with what is known of each.
struct Suspects<'a> {
    known: Known<'a>,
    scan: &'a Scan,
    findings: BTreeMap<&'a TargetPath, &'a Finding>,
    /// Where a sound live file has the content that is expected elsewhere.
    twins: BTreeMap<Digest, TargetPath>,
    /// What baselines know of the blocks of contents that are expected, by digest, and of older ones, by path.
    right: BTreeMap<Digest, BlockDigests>,
    older: BTreeMap<TargetPath, Vec<Earlier<BlockDigests>>>,
}

impl<'a> Suspects<'a> {
    fn new(found: &'a Findings, scan: &'a Scan, known: Known<'a>) -> Self {
        let read = |path: &TargetPath| {
            scan.seen(path).is_some_and(|seen| matches!(seen.content, Some(SeenContent::Read { .. })))
        };
        let wrong = found.findings.iter().filter(|finding| finding.host == scan.host);
        let findings: BTreeMap<&TargetPath, &Finding> = wrong
            .filter(|finding| !finding.damage.is_metadata() && read(&finding.path))
            .map(|finding| (&finding.path, finding))
            .collect();
        let (twins, right, older) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut suspects = Self { known, scan, findings, twins, right, older };
        let wanted: BTreeSet<Digest> =
            suspects.findings.values().filter_map(|finding| expected_digest(finding)).cloned().collect();
        let mut twins = BTreeMap::new();
        for (path, seen) in suspects.sound_files() {
            if let Some(digest) = seen.digest(Algorithm::Sha256)
                && wanted.contains(digest)
            {
                twins.entry(digest.clone()).or_insert(path);
            }
        }
        suspects.twins = twins;
        suspects.ask_baselines(&wanted);
        suspects
    }

    /// The live files that are no suspects.
    fn sound_files(&self) -> impl Iterator<Item = (TargetPath, Cow<'a, Seen>)> {
        let there = self.scan.observations.iter().filter_map(|(path, sighting)| Some((path, seen(sighting)?)));
        there.filter(|(path, seen)| seen.kind == Kind::File && !self.findings.contains_key(path))
    }

    fn ask_baselines(&mut self, wanted: &BTreeSet<Digest>) {
        let (mut right, mut older) = (BTreeMap::new(), BTreeMap::<TargetPath, Vec<Earlier<_>>>::new());
        self.known.baselines.each(&self.scan.host, &mut |name, path, seen, blocks| {
            let (Some(blocks), Some(digest)) = (blocks, seen.digest(Algorithm::Sha256)) else { return };
            if wanted.contains(digest) {
                right.entry(digest.clone()).or_insert_with(|| blocks.clone());
            }
            if let Some(finding) = self.findings.get(&path)
                && expected_digest(finding) != Some(digest)
            {
                older.entry(path).or_default().push(Earlier { name: name.to_owned(), held: blocks });
            }
        });
        (self.right, self.older) = (right, older);
    }

    /// Every suspect against its own versions. What cannot be read now was read a moment ago: the finding stands as it
    /// is, without a closer look.
    fn drafts(&self, root: &LiveRoot, needles: &mut Needles, monitor: &dyn Monitor) -> Vec<(&'a TargetPath, Draft)> {
        let mut drafts = Vec::new();
        for (path, finding) in &self.findings {
            monitor.advance(1);
            let versions = self.known.points.of(&self.scan.host, path);
            let expected = self.expected_content(root, finding, versions);
            let live = self.scan.digest(path, Algorithm::Sha256);
            let right = finding.expected.as_ref().and_then(Expected::digest);
            let version = |point: &RestorePoint| Some(Earlier { name: point.snapshot.clone(), held: held(point)? });
            let older: Vec<Earlier<Held<'_>>> = versions
                .iter()
                .rev()
                .filter(|point| point.digest != live && (right.is_none() || point.digest != right))
                .filter_map(version)
                .collect();
            let comparison = Comparison {
                expected: expected.as_ref(),
                expected_blocks: expected_digest(finding).and_then(|digest| self.right.get(digest)),
                expected_size: finding.expected.as_ref().and_then(Expected::size),
                older: &older,
                older_blocks: self.older.get(*path).map_or(&[], Vec::as_slice),
                secret: finding.secret || finding.expected.is_none(),
                read: self.scan.read,
                format: Format::of(path),
            };
            let size = finding.size.unwrap_or_default();
            if let Ok(draft) = closer::examine(root, (path, size), comparison, needles) {
                drafts.push((*path, draft));
            }
        }
        drafts
    }

    /// The right bytes: from the definition, from a backup's version or a live file that agrees with the expected digest.
    /// Where nothing but a backup knows, its newest version is the measure.
    fn expected_content<'f>(
        &self,
        root: &LiveRoot,
        finding: &'f Finding,
        versions: &[RestorePoint],
    ) -> Option<Held<'f>> {
        match finding.expected.as_ref() {
            Some(Expected::File(Content::Bytes(bytes) | Content::Unordered { bytes, .. })) => {
                Some(Held::Bytes(Cow::Borrowed(&bytes.0)))
            }
            Some(Expected::File(Content::Digest { digest, .. })) => {
                let backed_up = versions.iter().find(|point| point.digest.as_ref() == Some(digest));
                let twin = || Held::file(root.open_file(self.twins.get(digest)?).ok()?).ok();
                backed_up.and_then(held).or_else(twin)
            }
            _ => versions.iter().rev().find(|point| point.refused.is_none()).and_then(held),
        }
    }

    /// The byte code that a content is, by the source it names: there now, or in an earlier state.
    fn byte_code(&self, own: &TargetPath, sources: &[TargetPath]) -> Option<TargetPath> {
        let made_of = |source: &TargetPath| {
            let stem = source.name().strip_suffix(b".py")?;
            let first = source.parent()?.join("__pycache__").join([stem, b"."].concat());
            let is_it = |path: &TargetPath| {
                path.parent() == first.parent()
                    && path.name().starts_with(first.name())
                    && path.name().ends_with(b".pyc")
            };
            let live = self.scan.observations.range(&first).map(|(path, _)| path).take(8).find(is_it);
            let earlier = || {
                let states = self.known.baselines.states().iter();
                states.flat_map(|state| state.files_from(&self.scan.host, &first).take(8)).find(is_it)
            };
            live.or_else(earlier)
        };
        sources.iter().find_map(made_of).filter(|path| path != own && !own.as_bytes().ends_with(b".pyc"))
    }

    /// Whether a file has the size that another one has or once had.
    fn is_of_size(&self, own: &TargetPath, other: &TargetPath) -> bool {
        let Some(size) = self.scan.seen(own).map(|seen| seen.size) else { return false };
        let earlier = |state: &Revision| state.stamp(&self.scan.host, other).is_some_and(|stamp| stamp.1 == size);
        self.scan.seen(other).is_some_and(|seen| seen.size == size) || self.known.baselines.states().iter().any(earlier)
    }

    /// Looks for the blocks that were not explained in everything else that is known.
    fn search(&self, root: &LiveRoot, needles: &mut Needles, monitor: &dyn Monitor) {
        for artifact in self.known.manifest.artifacts.of(&self.scan.host) {
            if !artifact.secret
                && let Expected::File(Content::Bytes(bytes) | Content::Unordered { bytes, .. }) = &artifact.expected
            {
                let hits = needles.hits(0, &bytes.0);
                needles.record(&artifact.path, Rank::Known, hits);
            }
        }
        let suspected = self.known.points.points.iter().filter(|point| point.host == self.scan.host);
        for point in suspected {
            if let Some(held) = held(point).filter(|held| held.size() <= closer::LIMIT) {
                let mut hits = BTreeSet::new();
                // As far as it can be read.
                drop(held.each(&mut |at, window| hits.append(&mut needles.hits(at / BLOCK, window))));
                needles.record(&point.path, Rank::Known, hits);
            }
        }
        let unread = self.search_live(root, needles, monitor);
        // A file that still is what it was has been searched for whole blocks: its digests tell less.
        let unchanged = |path: &TargetPath, then: &Seen| {
            let now = self.scan.digest(path, Algorithm::Sha256);
            let searched = then.size <= closer::LIMIT && !unread.contains(path) && !self.findings.contains_key(path);
            now.is_some() && now.as_ref() == then.digest(Algorithm::Sha256) && searched
        };
        self.known.baselines.each(&self.scan.host, &mut |_, path, then, blocks| {
            if let Some(blocks) = blocks
                && !unchanged(&path, then)
            {
                let hits = needles.hits_of_digests(&blocks);
                needles.record(&path, Rank::Known, hits);
            }
        });
    }

    /// Looks for them in the sound files that are there; gives those that could not be read.
    fn search_live(&self, root: &LiveRoot, needles: &mut Needles, monitor: &dyn Monitor) -> BTreeSet<TargetPath> {
        let files = || self.sound_files().filter(|(_, seen)| seen.size <= closer::LIMIT).map(|(path, _)| path);
        monitor.begin(&format!("searching {} for stray blocks", self.scan.host), Some(files().count() as u64));
        let look = |path: TargetPath| {
            monitor.advance(1);
            // What cannot be read now holds nothing that could be named.
            let (mut hits, mut first) = (BTreeSet::new(), 0);
            let read = closer::each_window(root, &path, &mut |window| {
                hits.append(&mut needles.hits(first, window));
                first += window.len() as u64 / BLOCK;
            });
            (path, read.ok().map(|()| hits))
        };
        let is_telling =
            |(_, hits): &(TargetPath, Option<BTreeSet<Hit>>)| !hits.as_ref().is_some_and(BTreeSet::is_empty);
        let mut found = Vec::new();
        let mut rest = files().peekable();
        while rest.peek().is_some() {
            let batch: Vec<TargetPath> = rest.by_ref().take(AT_A_TIME).collect();
            found.par_extend(batch.into_par_iter().map(look).filter(is_telling));
        }
        monitor.end();
        let mut unread = BTreeSet::new();
        for (path, hits) in found {
            if let Some(hits) = hits {
                let right = self.is_right(&path);
                needles.record(&path, if right { Rank::Known } else { Rank::Unjudged }, hits);
            } else {
                unread.insert(path);
            }
        }
        unread
    }

    /// Whether a live file is what a digest says it should be, or what it was before.
    fn is_right(&self, path: &TargetPath) -> bool {
        let live = self.scan.digest(path, Algorithm::Sha256);
        let states = self.known.baselines.states();
        if live.is_some() && states.iter().any(|state| state.content(&self.scan.host, path) == live) {
            return true;
        }
        self.known.manifest.artifacts.on(&self.scan.host, path).iter().any(|artifact| {
            matches!(
                artifact.expected,
                Expected::File(Content::Digest { .. } | Content::Bytes(_) | Content::Unordered { .. })
            )
        })
    }
}

fn expected_digest(finding: &Finding) -> Option<&Digest> {
    match finding.expected.as_ref()? {
        Expected::File(Content::Digest { digest, .. }) => Some(digest),
        _ => None,
    }
}

/// What a backup's version holds; `None` when it is no readable file.
fn held(point: &RestorePoint) -> Option<Held<'static>> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(point.location.as_bytes()));
    if point.kind == Kind::File { Held::file(files::open(path).ok()?).ok() } else { None }
}
