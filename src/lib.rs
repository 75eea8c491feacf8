//! rectify: puts deployments right after corruption or drift.

pub mod definition;
pub mod model;
