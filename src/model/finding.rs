//! Findings: one thing that is wrong each, how, and how sure we are.

use super::{
    artifact::{Authority, Durability, Expected, MendId},
    code::{self, Code},
    content::Blob,
    group::Group,
    incident::AtRisk,
    observation::{Failure, Run},
    origin::Origin,
    path::TargetPath,
    path_set::PathSet,
    unit::{HostName, UnitId},
    unverified::UnverifiedSet,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that the comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Findings {
    /// What is wrong, sorted by host and path.
    pub findings: Vec<Finding>,
    /// What could not be judged.
    pub unverified: UnverifiedSet,
    /// Files that are there and that no deployment makes, below what a repair may remove: whatever removes them on its way
    /// must bring them back. `findings::irreplaceable` fills it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub irreplaceable: BTreeMap<HostName, PathSet>,
    /// Findings with one cause each, sorted by host and directory.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<Group>,
    /// What nothing vouches for and was touched while writes were lost, sorted by host and path.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub at_risk: Vec<AtRisk>,
    /// How many artifacts were compared.
    pub checked: u64,
    /// How many of them are as they should be.
    pub intact: u64,
}

impl Findings {
    /// Sorts the findings by host, path and damage, and numbers them.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| (&a.host, &a.path, &a.damage).cmp(&(&b.host, &b.path, &b.damage)));
        self.number();
    }

    /// Numbers the findings in their order.
    pub fn number(&mut self) {
        for (index, finding) in self.findings.iter_mut().enumerate() {
            finding.id = format!("f{}", index + 1);
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable within one plan: `f` and a number.
    pub id: String,
    /// On which host.
    pub host: HostName,
    /// The unit that owns the path.
    pub unit: UnitId,
    /// Where.
    pub path: TargetPath,
    /// What is wrong.
    pub damage: Damage,
    /// Whether somebody meant it.
    pub class: Class,
    /// How sure we are.
    pub certainty: Certainty,
    /// Why we think so; each a sentence fragment.
    pub evidence: Vec<String>,
    /// Who says what should be there.
    pub authority: Authority,
    /// Whether it can be made anew.
    pub durability: Durability,
    /// How it is made anew; `None` when nothing but a backup can.
    pub mend: Option<MendId>,
    /// What should be there; secret content is never in here.
    pub expected: Option<Expected>,
    /// Declared mode, for repairing it.
    pub expected_mode: Option<u32>,
    /// Whether the content is a secret.
    pub secret: bool,
    /// The live bytes for the diff; `None` for secrets, binary and large files.
    pub live: Option<Blob>,
    /// Size of what is there now.
    pub size: Option<u64>,
    /// Blocks, if it is a file and was looked at closely.
    pub blocks: Vec<Run>,
    /// Where it is declared.
    pub origin: Option<Origin>,
}

/// How something is wrong (DESIGN.md 5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It should be there and is not.
    Missing,
    /// It is as an older version was.
    Stale {
        /// Which one: a revision or a backup's name.
        as_of: String,
    },
    /// It is another known file's whole content.
    OtherFile {
        /// That file.
        path: TargetPath,
    },
    /// Blocks belong to another file.
    Foreign {
        /// That file; `None` where several are possible, or only files hold them that nobody vouches for.
        from: Option<TargetPath>,
    },
    /// Zeros in the place of content.
    Zeroed,
    /// Random bytes in the place of content.
    Random,
    /// Sectors of two versions in one block.
    Torn,
    /// It ends too early; what is there is right.
    Truncated,
    /// Several of these in one file.
    Mixed,
    /// Something of another kind.
    WrongKind,
    /// Other permission bits.
    WrongMode,
    /// Another owner or group.
    WrongOwner,
    /// A link to somewhere else.
    WrongTarget,
    /// The system gave an error.
    Unreadable(Failure),
    /// Memory has a newer content than the disk: a write was lost, and what was written is still there.
    CacheNewerThanDisk,
    /// The disk has the right content, memory an older one.
    CacheOlderThanDisk,
    /// Nothing tells what it should hold, but its own format proves that it is damaged.
    Inconsistent,
    /// Plausible text that nobody deployed.
    Edited,
    /// What an earlier revision of the definition makes: not yet deployed.
    NotDeployed {
        /// The revision.
        revision: String,
    },
    /// Different from the reference in a way that shows nothing more.
    Changed,
    /// In a directory that the deployment owns, and not from it.
    Extraneous,
    /// Metadata that should say what is right cannot be trusted.
    BrokenRecord,
}

impl Damage {
    /// The stable code of this kind of damage.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing => code::MISSING,
            Self::Stale { .. } => code::STALE,
            Self::OtherFile { .. } => code::OTHER_FILE,
            Self::Foreign { .. } => code::FOREIGN,
            Self::Zeroed => code::ZEROED,
            Self::Random => code::RANDOM,
            Self::Torn => code::TORN,
            Self::Truncated => code::TRUNCATED,
            Self::Mixed => code::MIXED,
            Self::WrongKind => code::WRONG_KIND,
            Self::WrongMode => code::WRONG_MODE,
            Self::WrongOwner => code::WRONG_OWNER,
            Self::WrongTarget => code::WRONG_TARGET,
            Self::Unreadable(_) => code::UNREADABLE,
            Self::CacheNewerThanDisk => code::CACHE_NEWER,
            Self::CacheOlderThanDisk => code::CACHE_OLDER,
            Self::Inconsistent => code::INCONSISTENT,
            Self::Edited => code::EDITED,
            Self::NotDeployed { .. } => code::NOT_DEPLOYED,
            Self::Changed => code::CHANGED_CONTENT,
            Self::Extraneous => code::EXTRANEOUS,
            Self::BrokenRecord => code::BROKEN_RECORD,
        }
    }

    /// The word in listings.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stale { .. } => "stale",
            Self::OtherFile { .. } => "other file",
            Self::Foreign { .. } => "foreign blocks",
            Self::Zeroed => "zeroed",
            Self::Random => "random",
            Self::Torn => "torn",
            Self::Truncated => "truncated",
            Self::Mixed => "mixed damage",
            Self::WrongKind => "wrong kind",
            Self::WrongMode => "wrong mode",
            Self::WrongOwner => "wrong owner",
            Self::WrongTarget => "wrong target",
            Self::Unreadable(_) => "unreadable",
            Self::CacheNewerThanDisk => "cache newer than disk",
            Self::CacheOlderThanDisk => "cache older than disk",
            Self::Inconsistent => "inconsistent",
            Self::Edited => "edited",
            Self::NotDeployed { .. } => "not deployed",
            Self::Changed => "changed",
            Self::Extraneous => "unexpected",
            Self::BrokenRecord => "broken metadata",
        }
    }

    /// Whether memory and disk differ, rather than both from what is expected.
    pub fn is_about_cache(&self) -> bool {
        matches!(self, Self::CacheNewerThanDisk | Self::CacheOlderThanDisk)
    }

    /// Whether only mode, owner or group are wrong.
    pub fn is_metadata(&self) -> bool {
        matches!(self, Self::WrongMode | Self::WrongOwner)
    }
}

/// Who meant it: the three things that are never mixed in one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The definition moved on and is not yet deployed.
    Change,
    /// Somebody changed the live tree.
    Drift,
    /// Content that nobody wrote.
    Damage,
}

/// How sure we are of the kind of damage. That something differs is always certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The evidence admits nothing else.
    Proved,
    /// Nothing else is plausible.
    Likely,
    /// It could be otherwise.
    Guess,
}
