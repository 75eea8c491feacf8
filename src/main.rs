//! Parse arguments, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    rectify::io::allocator::share_arenas();
    ExitCode::from(rectify::cli::main(std::env::args_os()).code())
}
