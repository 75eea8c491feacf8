//! Integration tests: one binary, one module per subject.

mod archives;
mod backups;
mod bad_input;
mod baselines;
mod batou;
mod buildout_parity;
mod cli;
mod golden;
mod incidents;
mod judging;
mod live;
mod program;
mod recipes;
mod report;
mod repositories;
mod revisions;
mod sample;
mod secrets;
mod shop;
mod sound;
mod split;
mod standalone;
mod tickets;
mod tidy;
mod tools;
