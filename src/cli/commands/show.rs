//! `rectify show`: a saved plan in any form.

use super::{optional_gate, show_view};
use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::input;
use crate::cli::output::Output;
use crate::cli::trouble::Trouble;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  rectify show plan.json -vv
  rectify show plan.json --format markdown --out short=list.txt
  ssh control cat plan.json | rectify show -

";

/// Shows a saved plan in any form: the same bytes as when it was made
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The saved plan; - is standard input
    plan: PathBuf,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    global.view_format()?;
    show_view(&input::view(&args.plan)?, global, output, optional_gate(global))
}
