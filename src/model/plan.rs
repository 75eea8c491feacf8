//! The plan: what to do, in which order, why, what it may destroy, and how to see that it worked.

use super::{
    code::Code,
    command::Command,
    unit::{HostName, UnitId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An ordered plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The steps in the order in which they may be done one after the other.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Stable within one plan: `s` and a number.
    pub id: String,
    /// Steps of the same wave do not depend on each other; waves count from 1.
    pub wave: u32,
    /// On which host; `None` for a step that concerns the deployment as a whole.
    pub host: Option<HostName>,
    /// The unit it mends.
    pub unit: UnitId,
    /// What is done.
    pub action: Action,
    /// Why, in one sentence.
    pub reason: String,
    /// The findings that it cures.
    pub findings: Vec<String>,
    /// The steps that must be done before.
    pub needs: Vec<String>,
    /// What may go wrong or get lost.
    pub hazards: Vec<Hazard>,
    /// What to run, literally.
    pub commands: Vec<Command>,
    /// What shows that it worked.
    pub check: Option<Command>,
    /// The backup's version that is used.
    pub restores_from: Option<Source>,
    /// Why the step must not be done as it stands, and what it waits for.
    pub blocked: Option<Blocked>,
}

/// A backup's version that a step uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The configured source.
    pub source: String,
    /// The snapshot in it.
    pub snapshot: String,
    /// When it was complete, nanoseconds since 1970 UTC: what was written later is lost.
    pub taken_at: i64,
    /// Whether its content was checked against an independent digest.
    pub proved: bool,
}

/// The phases of a plan, in their order (DESIGN.md 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Copy what only the page cache still has.
    Rescue,
    /// Keep the damaged bytes before anything overwrites them.
    Quarantine,
    /// Stop the writers of what is restored.
    Stop,
    /// Reinstall operating system packages and interpreters.
    Reinstall,
    /// Remove what makes the deployer abort.
    Unblock,
    /// Remove what hides the damage from the deployer.
    Force,
    /// Bring back what a redeploy cannot make.
    Restore,
    /// Run batou or buildout.
    Redeploy,
    /// Put back into what was made anew what belongs there and no redeploy makes.
    PutBack,
    /// Rebuild what derives from other things.
    Rebuild,
    /// Check the integrity of a store.
    Check,
    /// Restart services.
    Restart,
    /// Run rectify again.
    Verify,
    /// Reboot in the maintenance window.
    Reboot,
    /// A person has to decide.
    Hand,
}

impl Action {
    /// The word in listings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rescue => "rescue",
            Self::Quarantine => "quarantine",
            Self::Stop => "stop",
            Self::Reinstall => "reinstall",
            Self::Unblock => "unblock",
            Self::Force => "force",
            Self::Restore => "restore",
            Self::Redeploy => "redeploy",
            Self::PutBack => "put back",
            Self::Rebuild => "rebuild",
            Self::Check => "check",
            Self::Restart => "restart",
            Self::Verify => "verify",
            Self::Reboot => "reboot",
            Self::Hand => "hand over",
        }
    }
}

/// What may go wrong or get lost in a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hazard {
    /// Its stable code, 300 to 349.
    pub code: Code,
    /// One sentence.
    pub text: String,
}

impl Hazard {
    /// A hazard.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Why a step must not be done as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// What it waits for: a sentence for the person who has to decide.
    pub waiting_on: String,
}
