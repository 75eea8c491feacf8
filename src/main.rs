//! Parse arguments, run, exit.

fn main() {}
