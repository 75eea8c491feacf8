//! Sources of expected content beside the definition: what vendors, installers, archives and repositories on the
//! target say.
//!
//! Two sorts: what has to be read through `io` ([`archive`],
//! [`git_objects`]), and what a scan has captured already, which is parsed
//! purely ([`wheel_record`], [`python_metadata`]). Damage of a source itself is part of its answer, never
//! an error: a damaged reference is a finding. What follows from it is `expect`'s to decide.

pub mod archive;
pub mod git_objects;
pub mod python_metadata;
pub mod wheel_record;
