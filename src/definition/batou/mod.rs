//! batou projects: one environment as a configured model.

pub mod cfg;
pub mod components;
pub mod environment;
pub mod exact;
pub mod model;
mod tokens;
