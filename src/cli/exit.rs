//! Exit codes: 1 means only "rectify failed", and clap's own 2 is never used for bad arguments.

use crate::report::view::{Verdict, View};

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Nothing differs, or nothing was asked that could differ.
    InSync = 0,
    /// rectify itself failed: nothing is said about the deployment.
    Failed = 1,
    /// Only changes that are not yet deployed, or drift: a redeploy settles it.
    Differs = 2,
    /// Damage, and all of it can be made anew by the plan's redeploys.
    Damaged = 3,
    /// Something is damaged that no redeploy can make: a restore or a decision is needed.
    RestoreNeeded = 4,
    /// The saved plan no longer describes what is there.
    OutOfDate = 5,
    /// Something could not be seen or understood, and nothing worse was found.
    Incomplete = 6,
    /// The arguments are wrong.
    Usage = 64,
    /// A file or directory that was named, or the definition, is not there.
    InputMissing = 66,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Whether what differs decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Success is 0, whatever was found.
    Off,
    /// The verdict decides.
    On,
    /// The verdict decides, and what could not be checked counts as incomplete (not what the settings say to ignore).
    Strict,
}

/// The exit code of a verdict.
pub fn of(view: &View, gate: Gate) -> Exit {
    let exit = match view.outcome {
        _ if gate == Gate::Off => return Exit::InSync,
        Verdict::InSync => Exit::InSync,
        Verdict::Change | Verdict::Drift => Exit::Differs,
        Verdict::Incomplete => Exit::Incomplete,
        Verdict::Damage => Exit::Damaged,
        Verdict::RestoreNeeded => Exit::RestoreNeeded,
    };
    let doubtful = gate == Gate::Strict && view.doubts() > 0;
    if doubtful && matches!(exit, Exit::InSync | Exit::Differs) { Exit::Incomplete } else { exit }
}
