//! rectify: puts deployments right after corruption or drift.

pub mod backups;
pub mod definition;
pub mod expect;
pub mod findings;
pub mod io;
pub mod live;
pub mod model;
pub mod monitor;
pub mod pipeline;
pub mod plan;
pub mod report;
pub mod settings;
