//! `rectify completions`: for shells.

use crate::cli::args::TEMPLATE;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::trouble::Trouble;

const EXAMPLES: &str = "Examples:
  rectify completions bash > ~/.local/share/bash-completion/completions/rectify

";

/// Prints a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Exit, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::command(), "rectify", &mut script);
    output.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::InSync)
}
