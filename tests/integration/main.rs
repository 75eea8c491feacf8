//! Integration tests: one binary, one module per subject.

mod cli;
mod golden;
mod report;
mod sample;
mod tickets;
mod tidy;
