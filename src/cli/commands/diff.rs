//! `rectify diff`: what differs.

use super::{optional_gate, show_view, view};
use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::trouble::Trouble;
use crate::report::view::Kind;

const EXAMPLES: &str = "Examples:
  rectify diff production            one line per unit
  rectify diff production -v         one line per file, with the evidence
  rectify diff production -vv        the text, as a redeploy would change it
  rectify diff production --short    for scripts

";

/// What differs, and whether it is change, drift or damage
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Environment (batou) or configuration file (buildout) [default: the only one there is]
    environment: Option<String>,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    global.view_format()?;
    show_view(&view(global, args.environment.as_deref(), Kind::Diff)?, global, output, optional_gate(global))
}
