//! The vocabulary: what the stages say to each other. Data only; no file, process, clock or terminal.

pub mod code;
pub mod diagnostic;
pub mod eval;
pub mod origin;
