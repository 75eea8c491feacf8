//! Integration tests: one binary, one module per subject.

mod backups;
mod batou;
mod buildout_parity;
mod tools;
