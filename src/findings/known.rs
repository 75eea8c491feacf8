//! What is known besides the one file that is judged: which paths hold which content, and how far each unit has come.
//!
//! Takes everything that a case knows: what should be, what earlier states held, what is there. Gives the names behind
//! "this is another file" and "this is older than its neighbours". Both tables are made when the first wrong file asks.

use super::claim::{Claims, Place};
use super::{Case, Revision};
use crate::model::artifact::{Artifact, Authority, Content, Expected};
use crate::model::content::{Algorithm, Digest};
use crate::model::hasher::digest_of;
use crate::model::observation::{Scan, Seen, seen};
use crate::model::path::TargetPath;
use crate::model::unit::{EdgeKind, Unit, UnitId, UnitKind};
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// Contents shorter than this are equal by chance too often to name a file by them, in bytes.
pub(super) const TELLING: u64 = 32;

/// How many paths of one content are kept to choose from.
const KEPT: usize = 64;

/// What is known about one host.
#[derive(Debug)]
pub(super) struct Known<'a> {
    case: Case<'a>,
    scan: &'a Scan,
    claims: Claims<'a>,
    contents: OnceCell<HashMap<Digest, Vec<TargetPath>>>,
    advanced: OnceCell<BTreeMap<(usize, &'a UnitId), Progress>>,
    youngest: OnceCell<BTreeMap<UnitId, i64>>,
    /// What is known of [`Self::advanced_elsewhere`] already: it is the same for all files of a root unit.
    elsewhere: RefCell<BTreeMap<(usize, &'a UnitId), Option<Advance>>>,
}

/// A file of a unit that shows that it has moved on from an earlier state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Newer {
    /// It has the content that the definition makes now, or that a later revision made, and had another one then.
    Changed(TargetPath),
    /// The definition makes it now, and it was not there then.
    New(TargetPath),
}

/// How far a unit has come since an earlier state.
#[derive(Debug, Default)]
struct Progress {
    newer: Option<Newer>,
    ahead: usize,
    behind: usize,
}

/// What shows that a unit has moved on from an earlier state, and how many of its files say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advance {
    newer: Newer,
    /// How many files are of a later revision of the definition.
    ahead: usize,
    /// How many still are of this one, where later ones have another content.
    behind: usize,
    /// Where these files are, if nothing of the unit itself tells.
    elsewhere: Option<Elsewhere>,
}

/// Another root unit of the same host, which the same deployer makes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Elsewhere {
    root: UnitId,
    /// Whether it needs the unit in question, and so is deployed after it.
    is_after: bool,
}

impl Advance {
    /// Whether it is likely that the unit was deployed, too. A deployment that was broken off leaves such files as well: where
    /// few of the unit say so, or only those of others that need not come after it.
    pub(super) fn is_likely(&self) -> bool {
        self.is_of_most() && self.elsewhere.as_ref().is_none_or(|elsewhere| elsewhere.is_after)
    }

    fn is_of_most(&self) -> bool {
        self.ahead >= self.behind
    }

    /// What follows of it for something of the unit that is as it was.
    pub(super) fn lost(&self) -> String {
        match &self.elsewhere {
            None => format!("{self}: this write was lost"),
            Some(Elsewhere { is_after: true, .. }) => {
                format!("{self}, which is deployed after it: this write was lost")
            }
            Some(_) => format!("{self}: this write was lost, or the deployment was broken off before it"),
        }
    }
}

impl fmt::Display for Advance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Elsewhere { root, .. }) = &self.elsewhere {
            write!(f, "nothing of this unit is of a later one, but in {root} ")?;
        }
        write!(f, "{}", self.newer)?;
        match self.ahead + self.behind {
            0..=2 => Ok(()),
            all => write!(f, " (as are {} of {all} files that tell)", self.ahead),
        }
    }
}

impl fmt::Display for Newer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(path) => write!(f, "{path} is of a later one"),
            Self::New(path) => write!(f, "{path} was not there then and is now"),
        }
    }
}

/// Whose content it is.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) path: TargetPath,
    /// How many other paths have it, as far as they are kept.
    pub(super) total: usize,
}

impl<'a> Known<'a> {
    pub(super) fn new(case: Case<'a>, scan: &'a Scan, claims: Claims<'a>) -> Self {
        let (contents, advanced, youngest) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { case, scan, claims, contents, advanced, youngest, elsewhere: RefCell::default() }
    }

    /// The other path whose content it is that was seen: there now, in an earlier state, or as it should be. Of several the
    /// one in the same directory, or the first. A live file that nobody vouches for is no witness: it may have lost its own
    /// content in the same way, to the same file.
    pub(super) fn other(&self, seen: &Seen, own: &TargetPath) -> Option<Other> {
        if seen.size < TELLING {
            return None;
        }
        let holders = self.contents.get_or_init(|| self.contents()).get(seen.digest(Algorithm::Sha256)?)?;
        let directory = own.parent();
        let others: Vec<&TargetPath> = holders.iter().filter(|path| *path != own).collect();
        let path = others.iter().min_by_key(|path| (path.parent() != directory, **path))?;
        Some(Other { path: (*path).clone(), total: others.len() })
    }

    /// Who holds the contents that files have and should not have. Those of all others are too many to keep.
    fn contents(&self) -> HashMap<Digest, Vec<TargetPath>> {
        let mut contents: HashMap<Digest, Vec<TargetPath>> = HashMap::new();
        for (artifact, seen) in self.claimed_and_seen() {
            if let Some(live) = seen.digest(Algorithm::Sha256)
                && !is_right(&artifact.expected, &seen)
            {
                contents.entry(live.clone()).or_default();
            }
        }
        let mut add = |digest: &Digest, path: &TargetPath| {
            if let Some(holders) = contents.get_mut(digest)
                && holders.len() < KEPT
                && !holders.contains(path)
            {
                holders.push(path.clone());
            }
        };
        for artifact in self.case.manifest.artifacts.of(&self.scan.host) {
            if let Some(digest) = sha256(&artifact.expected) {
                add(&digest, &artifact.path);
            }
        }
        for revision in self.case.revisions {
            for (path, digest) in revision.contents(&self.scan.host) {
                add(&digest, &path);
            }
        }
        for (artifact, seen) in self.claimed_and_seen() {
            // Where they vouch by another digest, the live file tells its SHA-256.
            if let Some(digest) = seen.digest(Algorithm::Sha256).filter(|_| is_right(&artifact.expected, &seen)) {
                add(digest, &artifact.path);
            }
        }
        contents
    }

    /// What shows that a unit, or another one of the same root unit, was deployed after this earlier state; or else that
    /// others were, which the same deployment makes. What is not committed shows nothing: it is no state that was deployed as
    /// a whole, and what is edited now may be deployed next.
    pub(super) fn advanced(&self, revision: usize, unit: &UnitId) -> Option<Advance> {
        let is_uncommitted = self.case.manifest.definition.dirty && revision == 0;
        let root = self.root(unit).filter(|_| !is_uncommitted || !self.is_made(revision))?;
        let told = |root: &'a Unit| {
            let Progress { newer, ahead, behind } = self.progress().get(&(revision, &root.id))?;
            Some(Advance { newer: newer.clone()?, ahead: *ahead, behind: *behind, elsewhere: None })
        };
        let elsewhere = || {
            let asked = self.elsewhere.borrow().get(&(revision, &root.id)).cloned();
            asked.unwrap_or_else(|| {
                let advance = self.advanced_elsewhere(revision, root, told);
                self.elsewhere.borrow_mut().insert((revision, &root.id), advance.clone());
                advance
            })
        };
        told(root).or_else(elsewhere)
    }

    /// What shows that another root unit of the host was deployed after this earlier state. A name alone is too little there.
    /// batou's copy of the definition is brought also to tell what would be done.
    fn advanced_elsewhere(
        &self,
        revision: usize,
        root: &Unit,
        told: impl Fn(&'a Unit) -> Option<Advance>,
    ) -> Option<Advance> {
        if !self.is_made(revision) {
            return None;
        }
        let is_other = |other: &&Unit| {
            other.parent.is_none()
                && other.id != root.id
                && other.host == root.host
                && other.deployer == root.deployer
                && other.kind != UnitKind::DefinitionCopy
        };
        let others = self.case.manifest.units.iter().filter(is_other).filter_map(|other| {
            let advance = told(other).filter(|it| it.is_of_most() && matches!(it.newer, Newer::Changed(_)))?;
            let elsewhere = Elsewhere { root: other.id.clone(), is_after: self.needs(&other.id, &root.id) };
            Some(Advance { elsewhere: Some(elsewhere), ..advance })
        });
        others.max_by_key(|advance| (advance.is_likely(), advance.ahead))
    }

    /// Whether it is a revision of the definition, and not what was seen.
    fn is_made(&self, revision: usize) -> bool {
        self.case.revisions.get(revision).is_some_and(Revision::is_made)
    }

    /// Whether a root unit needs another one, directly or not.
    fn needs(&self, unit: &UnitId, other: &UnitId) -> bool {
        let mut known = BTreeSet::from([unit]);
        let mut open = vec![unit];
        while let Some(unit) = open.pop() {
            let edges = self.case.manifest.edges.iter();
            let needed =
                edges.filter(|edge| edge.kind == EdgeKind::Requires && edge.from == *unit).map(|edge| &edge.to);
            open.extend(needed.filter(|needed| known.insert(needed)));
        }
        known.contains(other)
    }

    fn progress(&self) -> &BTreeMap<(usize, &'a UnitId), Progress> {
        self.advanced.get_or_init(|| self.advances())
    }

    fn advances(&self) -> BTreeMap<(usize, &'a UnitId), Progress> {
        let mut advanced = BTreeMap::new();
        if self.case.revisions.is_empty() {
            return advanced;
        }
        for (artifact, seen) in self.claimed_and_seen() {
            self.compare_states(&artifact, &seen, &mut advanced);
        }
        for (artifact, _) in self.claimed_and_seen().filter(|(artifact, _)| is_only_made(artifact)) {
            let Some(root) = self.root(&artifact.unit).map(|root| &root.id) else { continue };
            for (index, revision) in self.case.revisions.iter().enumerate() {
                let progress = advanced.entry((index, root)).or_default();
                if progress.newer.is_none() && revision.lacks(&artifact.host, &artifact.path) {
                    progress.newer = Some(Newer::New(artifact.path.clone()));
                }
            }
        }
        advanced
    }

    /// Which earlier states a file has moved on from. Of what was seen one file is enough; revisions of the definition, which
    /// make little, are compared with all.
    fn compare_states(&self, artifact: &Artifact, seen: &Seen, advanced: &mut BTreeMap<(usize, &'a UnitId), Progress>) {
        let (Some(live), Some(root)) = (seen.digest(Algorithm::Sha256), self.root(&artifact.unit)) else { return };
        let root = &root.id;
        let is_in_place = sha256(&artifact.expected).as_ref() == Some(live);
        let mut is_later = is_in_place;
        for (index, revision) in self.case.revisions.iter().enumerate() {
            let then = || revision.content(&artifact.host, &artifact.path);
            let progress = advanced.entry((index, root)).or_default();
            let newer = if revision.is_made() {
                let Some(then) = then() else { continue };
                let is_of_then = then == *live;
                progress.behind += usize::from(is_of_then && !is_later);
                progress.ahead += usize::from(!is_of_then && is_later);
                let newer = !is_of_then && is_later;
                // It has moved on from those before that made another one.
                is_later |= is_of_then;
                newer
            } else {
                is_in_place && progress.newer.is_none() && then().is_some_and(|then| then != *live)
            };
            if newer {
                progress.newer.get_or_insert_with(|| Newer::Changed(artifact.path.clone()));
            }
        }
    }

    /// When the youngest sound file of a unit was written, nanoseconds since 1970 UTC.
    pub(super) fn youngest(&self, unit: &UnitId) -> Option<i64> {
        let youngest = || {
            let mut youngest: BTreeMap<UnitId, i64> = BTreeMap::new();
            for (artifact, seen) in self.in_place() {
                let time = youngest.entry(artifact.unit).or_insert(seen.mtime);
                *time = seen.mtime.max(*time);
            }
            youngest
        };
        self.youngest.get_or_init(youngest).get(unit).copied()
    }

    /// The files that are what is known of them.
    fn in_place(&self) -> impl Iterator<Item = (Artifact, Cow<'a, Seen>)> + use<'a> {
        self.claimed_and_seen().filter(|(artifact, seen)| {
            let live = seen.digest(Algorithm::Sha256);
            live.is_some() && live == sha256(&artifact.expected).as_ref()
        })
    }

    /// What decides about each path that is claimed, and what is there, where something is.
    fn claimed_and_seen(&self) -> impl Iterator<Item = (Artifact, Cow<'a, Seen>)> + use<'a> {
        let both = |place: Place<'a>| Some((place.claim?.artifact, seen(place.sighting?)?));
        self.claims.beside(self.scan).filter_map(both)
    }

    fn root(&self, unit: &UnitId) -> Option<&'a Unit> {
        self.case.manifest.lineage(unit).last()
    }
}

/// Whether it is a name that only a deployment makes. What it holds may be damaged; that there is such a name tells
/// enough. Directories and what nobody knows the content of may also be made by what was deployed.
fn is_only_made(artifact: &Artifact) -> bool {
    let made = match &artifact.expected {
        Expected::File(content) => !matches!(content, Content::Unknown(_)),
        Expected::Link { .. } => true,
        Expected::Directory { .. } | Expected::Absent | Expected::Present => false,
    };
    made && matches!(artifact.authority, Authority::Definition | Authority::Vendor)
}

/// Whether a file has the digest that is claimed.
fn is_right(expected: &Expected, seen: &Seen) -> bool {
    match expected {
        Expected::File(Content::Digest { digest, .. }) => seen.digest(digest.algorithm) == Some(digest),
        expected => sha256(expected).is_some_and(|digest| seen.digest(Algorithm::Sha256) == Some(&digest)),
    }
}

/// The SHA-256 of the content that should be, where that is known.
pub(super) fn sha256(expected: &Expected) -> Option<Digest> {
    match expected {
        Expected::File(Content::Bytes(bytes) | Content::Unordered { bytes, .. }) => {
            Some(digest_of(Algorithm::Sha256, &bytes.0))
        }
        Expected::File(Content::Digest { digest, .. }) => {
            (digest.algorithm == Algorithm::Sha256).then(|| digest.clone())
        }
        Expected::File(Content::Unknown(_))
        | Expected::Directory { .. }
        | Expected::Link { .. }
        | Expected::Absent
        | Expected::Present => None,
    }
}
