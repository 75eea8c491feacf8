//! Artifacts: what should exist, how it should look, and how it is made anew.

use super::{
    content::{Algorithm, Blob, Digest},
    eval::{Eval, Why},
    hasher::digest_of,
    origin::Origin,
    path::TargetPath,
    unit::{HostName, UnitId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One path that should exist (or should not), with everything known about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Artifact {
    /// On which host.
    pub host: HostName,
    /// Where.
    pub path: TargetPath,
    /// The unit that makes it.
    pub unit: UnitId,
    /// What should be there.
    pub expected: Expected,
    /// Permission bits (`0o7777`) if they are declared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<u32>,
    /// Owner if declared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<Principal>,
    /// Group if declared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<Principal>,
    /// Who says so.
    pub authority: Authority,
    /// Whether it can be made anew.
    pub durability: Durability,
    /// How it is made anew.
    pub mend: MendId,
    /// Whether its content must never be shown.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub secret: bool,
    /// Where it is declared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<Origin>,
}

/// What should be at a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// A regular file.
    File(Content),
    /// A directory.
    Directory {
        /// Whether everything below that no artifact claims is extraneous.
        ownership: Ownership,
    },
    /// A symbolic link with this target, as `readlink` gives it.
    Link {
        /// The target.
        target: Eval<Blob>,
    },
    /// Nothing: the deployment removes it.
    Absent,
    /// Something that exists; of which kind is not declared.
    Present,
}

impl Expected {
    /// The digest of the right content, as far as there is one right content and it is known.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::File(Content::Bytes(bytes)) => Some(digest_of(Algorithm::Sha256, &bytes.0)),
            Self::File(Content::Digest { digest, .. }) => Some(digest.clone()),
            Self::File(Content::Unordered { .. } | Content::Unknown(_))
            | Self::Directory { .. }
            | Self::Link { .. }
            | Self::Absent
            | Self::Present => None,
        }
    }

    /// The size of the right content in bytes, where it is known.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(Content::Bytes(bytes) | Content::Unordered { bytes, .. }) => Some(bytes.0.len() as u64),
            Self::File(Content::Digest { size, .. }) => *size,
            Self::File(Content::Unknown(_))
            | Self::Directory { .. }
            | Self::Link { .. }
            | Self::Absent
            | Self::Present => None,
        }
    }
}

/// Who decides about the entries of a directory that no artifact claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// Others may put things there.
    Shared,
    /// The deployment made everything in it; other entries are findings.
    Complete,
}

/// What a regular file should hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Exactly these bytes.
    Bytes(Blob),
    /// These bytes, but the lines that lie in the byte range `from..to` may come in any order; where there is no end of
    /// a line, the words that colons separate.
    /// (Tools that write a set: buildout's `sys.path`, `plone.recipe.zeoserver`.)
    Unordered {
        /// One right content.
        bytes: Blob,
        /// Begin of the unordered lines or words.
        from: usize,
        /// End of the unordered lines or words.
        to: usize,
    },
    /// Content with this digest.
    Digest {
        /// The digest.
        digest: Digest,
        /// Size in bytes, where the reference tells.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        size: Option<u64>,
    },
    /// Content that nobody can know, for a reason. The file must be there all the same.
    Unknown(Why),
}

/// A user or group, by name or number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl Principal {
    /// All that a user or group of a host is called, whose names by number these are.
    pub fn all_of(number: u32, names: &BTreeMap<u32, String>) -> Vec<Self> {
        let name = names.get(&number).cloned().map(Self::Name);
        name.into_iter().chain([Self::Id(number)]).collect()
    }
}

/// A source of expected content, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// The deployment definition.
    Definition,
    /// A digest from whoever made the package or archive.
    Vendor,
    /// An earlier scan.
    Baseline,
    /// A backup's version.
    Backup,
    /// The same unit on other hosts: what most of them have.
    Peers,
    /// What the tool that deploys noted on the target itself; it may be damaged, too.
    Record,
    /// The file's own format: it can prove damage, never health.
    Intrinsic,
}

/// Whether content can be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// A redeploy makes it.
    Reproducible,
    /// It can be rebuilt from other things that are there: cache, index, byte code.
    Derived,
    /// Data: only a backup has it.
    Durable,
    /// Nobody misses it.
    Ephemeral,
}

/// What an ordinary redeploy of a unit would notice about an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vigilance {
    /// Nothing at all, not even that it is gone.
    Nothing,
    /// That it is gone (or of another kind).
    Absence,
    /// That it is gone or older than its sources.
    Age,
    /// That its content differs.
    Content,
}

/// Index into [`super::manifest::Manifest::mends`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MendId(pub u32);

/// How a group of artifacts is made anew: what the deployer notices by itself, and what to do first where it does not.
///
/// This is the forcing knowledge of one component kind or recipe, as data, so that the plan needs no plug-in's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mend {
    /// What an ordinary redeploy notices about content and presence.
    pub vigilance: Vigilance,
    /// What an ordinary redeploy notices about mode, owner and group: `Content` (repairs it) or `Nothing`.
    pub metadata: Vigilance,
    /// What makes the deployer make it anew where it would not notice; in order.
    pub force: Vec<Force>,
    /// Which damage here makes the deployer abort before it repairs anything.
    pub aborts: Aborts,
    /// Paths that the forced redeploy removes and makes anew besides the artifact: what an uninstall would delete.
    pub replaces: Vec<TargetPath>,
    /// How one file of it is made anew by itself, from something that is there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub piece: Option<Piece>,
    /// Why nobody can make it anew, where no deployer is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unmade: Option<String>,
    /// What is special about making it anew, as finding codes with their sentence.
    pub hazards: Vec<super::plan::Hazard>,
}

impl Mend {
    /// Nothing has to be done first, whatever the damage; `metadata` as in [`Self::metadata`].
    pub fn new(vigilance: Vigilance, metadata: Vigilance) -> Self {
        Self {
            vigilance,
            metadata,
            force: Vec::new(),
            aborts: Aborts::Never,
            replaces: Vec::new(),
            piece: None,
            unmade: None,
            hazards: Vec::new(),
        }
    }
}

/// How single files are made anew: a command to which their paths are added.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Piece {
    /// The command without the paths.
    pub argv: Vec<String>,
    /// What the paths are relative to.
    pub base: TargetPath,
}

/// One action that makes a deployer look again. Actions are idempotent and tolerate absence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// Remove the damaged artifact itself, whatever it is now.
    RemoveSelf,
    /// Remove this file, link or directory tree.
    Remove(TargetPath),
    /// Put an empty file there, also where nothing is: the deployer writes it anew, but where it is gone it does more
    /// than that.
    EmptySelf,
}

/// Which damage makes the deployer abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aborts {
    /// None: it repairs it or ignores it.
    Never,
    /// Content that is not UTF-8 text.
    OnUndecodable,
    /// Another kind of thing in its place.
    OnWrongKind,
    /// Any damage.
    Always,
}
