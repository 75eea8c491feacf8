//! `rectify check`: the gate.

use super::{show_view, view};
use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::{Exit, Gate};
use crate::cli::output::Output;
use crate::cli::trouble::Trouble;
use crate::report::view::Kind;

const EXAMPLES: &str = "Examples:
  rectify check production && ./batou deploy production
  rectify check production --strict --out json=check.json

";

/// Is it as the deployment would make it? For CI and for cron
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Environment (batou) or configuration file (buildout) [default: the only one there is]
    environment: Option<String>,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    global.view_format()?;
    let gate = if global.strict { Gate::Strict } else { Gate::On };
    show_view(&view(global, args.environment.as_deref(), Kind::Check)?, global, output, gate)
}
