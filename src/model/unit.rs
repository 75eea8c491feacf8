//! Units: the smallest things that can be redeployed, and how each is made anew.

use super::{command::Command, eval::Why, origin::Origin, path::TargetPath};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    };
}

name_type! {
    /// A host as the definition names it.
    HostName
}
name_type! {
    /// A unit, stable between runs: `host/root`, `host/root#buildout`, `host/root#buildout:part`,
    /// `host/root#buildout!egg`, `host/root+1.2` (the sub-component's place in deploy order is not part of it).
    UnitId
}
name_type! {
    /// A deployer: one way to run the tool that deploys.
    DeployerId
}

impl UnitId {
    /// The id of a unit named `suffix` inside this one.
    #[must_use]
    pub fn within(&self, suffix: impl fmt::Display) -> Self {
        Self::from(format!("{}{suffix}", self.0))
    }
}

/// A node of the graph of units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its id.
    pub id: UnitId,
    /// Where it lives.
    pub host: HostName,
    /// What it is.
    pub kind: UnitKind,
    /// Its name for people, without the host.
    pub name: String,
    /// Where it is declared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<Origin>,
    /// The directory that belongs to it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub directory: Option<TargetPath>,
    /// The unit that contains it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<UnitId>,
    /// Which deployer makes it anew; `None` when only a person or a backup can.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deployer: Option<DeployerId>,
    /// Why its result cannot be known, for units made by code only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opaque: Option<Why>,
}

impl Unit {
    /// Whether one of these names means this unit: its id or its name.
    pub fn answers_to(&self, names: &[String]) -> bool {
        names.iter().any(|name| **name == *self.id.0 || *name == self.name)
    }
}

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// A batou root component on one host.
    BatouRoot,
    /// A batou sub-component.
    BatouComponent,
    /// A buildout directory.
    Buildout,
    /// A part of a buildout.
    Part,
    /// An egg of a buildout.
    Egg,
    /// A Python environment.
    PythonEnvironment,
    /// An installed Python distribution.
    Distribution,
    /// A checkout of a repository.
    Checkout,
    /// What a deployer brought of the definition to a host, to deploy from there.
    DefinitionCopy,
    /// An operating system package.
    OsPackage,
    /// Declared data.
    Data,
}

/// One way to run the tool that deploys; units with the same deployer are redeployed by one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployer {
    /// Its id.
    pub id: DeployerId,
    /// The tool's name for people: `batou`, `buildout`.
    pub tool: String,
    /// What to run, in order.
    pub commands: Vec<Command>,
    /// Whether one failing unit keeps the others from being deployed.
    pub aborts_on_first_failure: bool,
    /// What to run besides for each unit that is made anew, for deployers that are told which. Commands that differ in
    /// their last word only become one, unless [`Self::one_by_one`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub parts: BTreeMap<UnitId, Vec<Command>>,
    /// Whether each unit needs commands of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub one_by_one: bool,
}

/// A directed edge: `from` needs `to` to be sound before it is deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// The unit that needs.
    pub from: UnitId,
    /// The unit that is needed.
    pub to: UnitId,
    /// Why.
    pub kind: EdgeKind,
    /// The resource key, option or file that makes the edge.
    pub label: String,
}

/// Why one unit needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// batou `require`/`provide`.
    Requires,
    /// batou's deploy order inside one root.
    DeployOrder,
    /// A buildout `${part:option}` reference.
    Reference,
    /// A buildout `=>` part dependency.
    PartDependency,
    /// The order of `parts`.
    PartOrder,
    /// Uses the egg, distribution or interpreter.
    Uses,
    /// Contained in.
    Contains,
}
