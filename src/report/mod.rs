//! Findings and plan to bytes for people and programs.
//!
//! Takes a [`view::View`], the one serialised model; gives a `String`. Every format is a pure function of the view, so
//! a saved plan renders to the same bytes as the run that made it. Deliberately not here: files, clock, terminal, and
//! any judgement about what was found.
//!
//! Architecture invariant: secret content never enters the view, so that no format can leak it.

pub mod blocks;
pub mod counts;
pub mod diagnostics;
pub mod diff;
pub mod escape;
pub mod explain;
pub mod formats;
pub mod graph;
mod listing;
pub mod paint;
pub mod provenance;
pub mod steps;
pub mod view;
