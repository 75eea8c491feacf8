//! Findings to an ordered plan. Pure: no file, process, clock or terminal.

pub mod restore_point;
