//! rectify: puts deployments right after corruption or drift.

pub mod backups;
pub mod expect;
pub mod io;
pub mod model;
pub mod plan;
pub mod references;
pub mod settings;
