//! Integration tests: one binary, one module per subject.

mod archives;
mod backups;
mod batou;
mod buildout_parity;
mod cli;
mod golden;
mod recipes;
mod report;
mod repositories;
mod sample;
mod shop;
mod tickets;
mod tidy;
mod tools;
