//! Sources of expected content beside the definition: what vendors and installers noted about their files.
//!
//! Each file takes the bytes of one kind of note and gives its content or what is wrong with it. Pure: looking at
//! the notes is the scan's work, deciding what follows from them is `expect`'s.

pub mod markers;
pub mod python_metadata;
pub mod wheel_record;
