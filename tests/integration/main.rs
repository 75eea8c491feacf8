//! Integration tests: one binary, one module per subject.

mod backups;
mod batou;
mod recipes;
mod tools;
