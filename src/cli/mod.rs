//! The command line: arguments in, bytes and an exit code out. One file per subcommand in `commands`.
//!
//! stdout is data, stderr is talk. Nothing here judges or plans.

mod args;
mod commands;
pub mod exit;
mod input;
mod output;
mod progress;
mod trouble;

use clap::{CommandFactory, Parser};
use exit::Exit;
use output::Output;
use std::ffi::OsString;
use trouble::Trouble;

/// Parses, runs, and gives the exit code. All output goes to standard output, standard error and named files.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match args::Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };
    let output = Output::new(&cli.global);
    match commands::run(&cli, &output) {
        Ok(exit) => exit,
        Err(trouble) => {
            output.trouble(&trouble);
            trouble.exit()
        }
    }
}

/// Help and version are data; everything else that clap says is a usage error.
fn usage(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        return output::to_stdout(error.render().to_string()).map_or(Exit::Failed, |()| Exit::InSync);
    }
    if arguments.iter().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let text = text.trim_start_matches("error: ").lines().next().unwrap_or("bad arguments").to_owned();
        output::to_stderr(&Trouble::usage(text).json());
    } else {
        output::to_stderr(&error.render().to_string());
    }
    Exit::Usage
}

/// The whole command, for completions.
fn command() -> clap::Command {
    args::Cli::command()
}
