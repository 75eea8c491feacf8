//! Parse arguments, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(rectify::cli::main(std::env::args_os()).code())
}
