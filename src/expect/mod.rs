//! Definition to manifest: what should be where, who makes it, and how it is made anew.
//!
//! Takes what `definition` understood; gives a [`crate::model::manifest::Manifest`]. Two steps, because some
//! expectations need evidence that only the target has (an egg's RECORD, `.installed.cfg`):
//!
//! 1. from the definition alone: [`components`] (batou) and [`recipes`] (buildout), one file per kind;
//! 2. [`derive::refine`], when a scan has brought the evidence: pure, and the same wherever it runs.
//!
//! Deliberately not here: looking at anything. Source files of the checkout are read by `definition`.

pub mod batou;
mod batou_itself;
pub mod buildout;
pub mod claims;
pub mod components;
pub mod context;
pub mod derive;
mod distribution;
mod egg_scripts;
mod environment;
mod evidence;
mod mr_developer;
mod packages;
mod python_format;
pub mod recipes;
#[cfg(test)]
mod sample;
mod script_text;
mod supervisor_lines;
pub mod trees;
mod umask;
