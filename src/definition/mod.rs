//! Definitions: what a project says should be deployed. One folder per tool, each a reader of its own language;
//! [`markers`] and
//! [`requirements`] belong to no tool, Python's packages use them, too.
//!
//! Takes a checkout; gives typed models and diagnostics. Deliberately not here: what the model means on disk, which is
//! `expect`'s.

pub mod batou;
pub mod buildout;
pub mod markers;
pub mod requirements;
