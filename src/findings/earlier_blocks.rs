//! Blocks that an earlier revision of the definition has at the same place.
//!
//! Takes a closer look that was made before anybody knew what earlier revisions make, and its digests; gives the same one
//! with those blocks told. What a baseline or a backup knows was told when the blocks were read.

use super::known::Known;
use super::{Case, MadeFile, Revision};
use crate::model::artifact::{Artifact, Authority, Content, Expected};
use crate::model::blocks::{Agreement, WHOLE};
use crate::model::observation::{BLOCK, BlockClass, Closer, Run, Seen};

/// The closer look with what revisions tell; `None` where they tell nothing, or nothing tells that what should be there ever
/// was: then the old blocks are of a version that was never replaced, and whatever else differs was edited in that one.
pub(super) fn told_by_revisions<'c>(
    case: Case<'c>,
    artifact: &Artifact,
    seen: &Seen,
    known: &Known<'_>,
) -> Option<Closer> {
    let closer = seen.closer()?;
    if artifact.authority != Authority::Definition || closer.blocks.is_empty() {
        return None;
    }
    let Expected::File(Content::Bytes(right) | Content::Unordered { bytes: right, .. }) = &artifact.expected else {
        return None;
    };
    let look = Look { closer, size: seen.size, right: right.0.len() as u64 };
    let made = |(index, revision): (usize, &'c Revision)| {
        Some(Version { index, file: revision.made_file(&artifact.host, &artifact.path)? })
    };
    let versions: Vec<Version<'_>> = case.revisions.iter().enumerate().filter_map(made).collect();
    let runs = look.runs(&versions)?;
    let blocks = |class: BlockClass| each_block(&runs).filter(move |(_, run)| run.class == class).map(|(at, _)| at);
    let of_all = |version: &&Version<'_>| blocks(BlockClass::Older).all(|at| look.has(version.file, at));
    let older = versions.iter().find(of_all);
    let was_replaced = older.is_none_or(|version| {
        let file = version.file;
        let is_newer = |at| !look.has(file, at);
        look.is_shorter_than(file)
            || blocks(BlockClass::Expected).any(is_newer)
            || known.advanced(version.index, &artifact.unit).is_some()
    });
    let older = older.map(|version| case.revisions[version.index].name.clone());
    was_replaced.then(|| Closer { runs, older, ..closer.clone() })
}

/// What a revision makes of the file, and its place in the list.
struct Version<'a> {
    index: usize,
    file: &'a MadeFile,
}

/// What is looked at.
struct Look<'a> {
    closer: &'a Closer,
    /// Its size in bytes, and that of what should be there.
    size: u64,
    right: u64,
}

impl Look<'_> {
    /// The runs with what versions tell; `None` where they tell nothing.
    fn runs(&self, versions: &[Version<'_>]) -> Option<Vec<Run>> {
        let mut found = false;
        let mut runs: Vec<Run> = Vec::new();
        for (at, run) in each_block(&self.closer.runs) {
            let older = is_open(run.class) && versions.iter().any(|version| self.has(version.file, at));
            found |= older;
            let (class, from) = if older { (BlockClass::Older, None) } else { (run.class, run.from.clone()) };
            match runs.last_mut() {
                Some(last) if last.class == class && last.from == from => last.len += 1,
                _ => runs.push(Run { at, len: 1, class, from }),
            }
        }
        found.then_some(runs)
    }

    /// Whether a version has a block. One that is cut can only be compared as far as digests go, and counts where its end is
    /// missing because the file has the length that it should have.
    fn has(&self, version: &MadeFile, at: u64) -> bool {
        let Some(live) = self.closer.blocks.get(at) else { return false };
        let behind = self.size.saturating_sub(at.saturating_mul(BLOCK));
        let length = usize::try_from(behind).map_or(WHOLE, |behind| behind.min(WHOLE));
        match version.blocks.agreement(at, (&live, length)) {
            Agreement::Whole => true,
            Agreement::Begin(_) => self.is_shorter_than(version),
            Agreement::None => false,
        }
    }

    /// Whether it has the length that it should have, and a version is longer.
    fn is_shorter_than(&self, version: &MadeFile) -> bool {
        self.size == self.right && version.size.is_some_and(|size| size > self.size)
    }
}

/// Whether nothing certain is known of such a block.
fn is_open(class: BlockClass) -> bool {
    match class {
        BlockClass::Text | BlockClass::Unknown | BlockClass::Random | BlockClass::Foreign | BlockClass::Torn => true,
        BlockClass::Expected | BlockClass::Older | BlockClass::Zero | BlockClass::Absent => false,
    }
}

fn each_block(runs: &[Run]) -> impl Iterator<Item = (u64, &Run)> {
    runs.iter().flat_map(|run| (run.at..run.at.saturating_add(run.len)).map(move |at| (at, run)))
}
