//! Sources of expected content other than the definition: what vendors, archives and repositories on the target say.
//!
//! Each file reads one kind through `io` and gives data of `model`. Damage of a source itself is part of its answer,
//! never an error: a damaged reference is a finding.

pub mod archive;
pub mod markers;
pub mod python_metadata;
pub mod wheel_record;
