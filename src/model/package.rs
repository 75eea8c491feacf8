//! Packages of an operating system: what is left of comparing a host with their databases.
//!
//! There may be a million files, nearly all of them right: those are only counted.

use super::artifact::{Expected, Principal};
use super::path::TargetPath;
use serde::{Deserialize, Serialize};

/// What came of holding a host against its package databases.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Packages {
    /// The databases that were there: `dpkg`, `rpm`, …
    pub databases: Vec<String>,
    /// How many paths were compared.
    pub checked: u64,
    /// How many of them are as their package made them.
    pub intact: u64,
    /// How many claims were neither held nor found wrong: a mistake of ours, and no all-clear.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub lost: u64,
    /// How many paths a database names without telling what they should hold.
    pub without_digest: u64,
    /// The packages of which something differs.
    pub packages: Vec<Package>,
    /// What differs, sorted by path. What is there instead is in the scan's observations.
    pub deviations: Vec<Deviation>,
    /// Whole trees that differ from the one digest that there is of them, with what proves it (Nix).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub trees: Vec<(TargetPath, u32, String)>,
    /// Damaged files of the databases, with what proves it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub broken: Vec<(TargetPath, String)>,
    /// Parts of packages that were replaced by another version, which proves it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub upgrades: Vec<Upgrade>,
}

/// A Python distribution of a package in whose place pip put another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The name and the version that is there.
    pub by: String,
    /// The directory with the metadata of both.
    pub directory: TargetPath,
    /// What differs from the package because of it: as the other version's RECORD says, or gone and not in that.
    pub paths: Vec<TargetPath>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A package of which something differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its database.
    pub database: String,
    /// Its name.
    pub name: String,
    /// Its version, where the database tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// The program that installs it.
    pub installer: String,
    /// The commands that install it anew, each an argument vector. The last word of each names the package.
    pub reinstall: Vec<Vec<String>>,
    /// The commands that also bring back configuration that is gone; empty where installing anew does.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub restore_configuration: Vec<Vec<String>>,
    /// Whether each package needs commands of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub one_by_one: bool,
}

/// A path that is not as its package made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// Where.
    pub path: TargetPath,
    /// Its package: an index into [`Packages::packages`].
    pub package: u32,
    /// What should be there.
    pub expected: Expected,
    /// Permission bits, where the database tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<u32>,
    /// Owner, where it tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<Principal>,
    /// Group, where it tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<Principal>,
    /// Whether it is configuration, which people may change.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub config: bool,
}
