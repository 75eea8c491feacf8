//! rectify: puts deployments right after corruption or drift.

pub mod cli;
pub mod expect;
pub mod io;
pub mod model;
pub mod monitor;
pub mod pipeline;
pub mod report;
pub mod tickets;
