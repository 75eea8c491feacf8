//! The vocabulary: what the stages say to each other. Data only; no file, process, clock or terminal.

pub mod artifact;
pub mod artifacts;
pub mod blocks;
pub mod buildout;
pub mod claims;
pub mod code;
pub mod command;
pub mod content;
pub mod diagnostic;
pub mod eval;
pub mod finding;
pub mod graph;
pub mod group;
pub mod hasher;
pub mod incident;
pub mod manifest;
pub mod observation;
pub mod observations;
pub mod origin;
pub mod package;
pub mod path;
pub mod path_set;
mod path_table;
pub mod plan;
pub mod restore;
pub mod secrecy;
pub mod unit;
