//! rectify: puts deployments right after corruption or drift.

pub mod model;
