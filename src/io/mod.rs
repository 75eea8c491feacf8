//! The only place that touches the machine: disk, processes, git, clock, output.
//!
//! Architecture invariant: nothing here writes below a live tree. Output goes where the user named a file
//! ([`output`]), and the one module that starts processes is [`process`].

pub mod allocator;
pub mod clock;
pub mod disk;
pub mod files;
pub mod git;
pub mod loose_objects;
pub mod machine;
pub mod output;
pub mod page_cache;
pub mod process;
