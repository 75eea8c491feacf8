//! rectify: puts deployments right after corruption or drift.

pub mod expect;
pub mod io;
pub mod model;
pub mod references;
