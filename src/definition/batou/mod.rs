//! batou projects: one environment as a configured model.

pub mod cfg;
pub mod model;
