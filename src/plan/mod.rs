//! Findings to an ordered plan: what to do, in which order, what it may destroy, how to see that it worked.
//!
//! Pure. Per finding damage × durability × vigilance give a remedy ([`remedy`]); remedies fold into steps, one per unit
//! and phase ([`fold`]), which keep what goes along with a removal ([`alongside`]); steps are ordered by phase and by the graph, and get their waves ([`order`]). The same
//! manifest, findings and restore points give the same plan, byte for byte.

mod alongside;
mod commands;
mod fold;
mod order;
mod remedy;
pub mod restore_point;

use crate::model::command::Command;
use crate::model::finding::Findings;
use crate::model::manifest::Manifest;
use crate::model::plan::Plan;
use crate::model::restore::RestorePoints;

/// Everything that a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What should be, and how it is made.
    pub manifest: &'a Manifest,
    /// What is wrong.
    pub findings: &'a Findings,
    /// What backups offer.
    pub points: &'a RestorePoints,
    /// What to do where both a redeploy and a backup would help.
    pub prefer: Prefer,
    /// The directory on each host where damaged bytes are kept.
    pub quarantine: &'a str,
    /// The command that shows that all is well.
    pub verify: &'a Command,
}

/// What to do where both a redeploy and a backup would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefer {
    /// Restore what a backup has in exactly the right version and a redeploy would have to fetch or build; redeploy
    /// the rest.
    #[default]
    Auto,
    /// Redeploy whatever can be redeployed.
    Redeploy,
    /// Restore whatever a backup has in the right version.
    Restore,
}

/// Makes the plan.
pub fn plan(input: Input<'_>) -> Plan {
    let remedies = remedy::remedies(input);
    order::order(input.manifest, fold::fold(input, &remedies))
}
