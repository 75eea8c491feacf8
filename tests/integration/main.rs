//! Integration tests: one binary, one module per subject.

mod archives;
mod backups;
mod repositories;
mod tools;
