//! A value that a definition declares, or the reason why we do not know it.
//!
//! "Unknown" is a value here, never a missing one: it is carried to the end, counted in every summary and
//! taints what is made from it. There is deliberately no `unwrap_or_default`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A declared value: known, or unknown for a stated reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eval<T> {
    /// The value is exactly this.
    Known(T),
    /// The value cannot be known here, and this is why.
    Unknown(Why),
}

impl<T> Eval<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// The reason, if the value is unknown.
    pub fn why(&self) -> Option<&Why> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }

    /// Applies `f` to a known value; an unknown one keeps its reason.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Eval<U> {
        match self {
            Self::Known(value) => Eval::Known(f(value)),
            Self::Unknown(why) => Eval::Unknown(why),
        }
    }

    /// Applies `f`, which may not know either, to a known value.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Eval<U>) -> Eval<U> {
        match self {
            Self::Known(value) => f(value),
            Self::Unknown(why) => Eval::Unknown(why),
        }
    }
}

/// Why something could not be known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Why {
    /// The class of reason, stable, for grouping.
    pub kind: WhyKind,
    /// One sentence fragment for people: "the recipe sets it at run time".
    pub text: Cow<'static, str>,
}

impl Why {
    /// A reason of one kind with its sentence.
    pub fn new(kind: WhyKind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The classes of "not known".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyKind {
    /// It stems from a secret whose key is not here.
    Secret,
    /// Only code of a recipe or component decides it.
    Code,
    /// Two runs of the definition gave two values.
    OrderDependent,
    /// It depends on a name service, a host fact or another thing of the target.
    TargetFact,
    /// It depends on what lies in the live tree.
    LiveTree,
    /// The definition has an error there.
    BrokenDefinition,
    /// This version of rectify does not model it.
    NotModelled,
    /// The file, host or archive that would tell could not be read.
    Unreadable,
    /// Nothing independent exists to compare with.
    NoReference,
    /// The settings say that nobody wants to know.
    Ignored,
}
