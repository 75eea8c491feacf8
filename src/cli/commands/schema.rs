//! `rectify schema`: descriptions of the file formats.

use crate::cli::args::TEMPLATE;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::trouble::Trouble;
use crate::report::view;
use crate::tickets;
use clap::ValueEnum;

const EXAMPLES: &str = "Examples:
  rectify schema plan > plan.schema.json
  rectify schema ticket-template > templates/ticket.md.j2

";

/// Prints the JSON Schema of saved plans, or the built-in ticket template
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Of what
    what: What,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Saved plans and all JSON output of check, diff, plan and show
    Plan,
    /// The template of ticket bodies
    TicketTemplate,
}

pub(super) fn run(args: &Args, output: &Output) -> Result<Exit, Trouble> {
    match args.what {
        What::Plan => output.text(&view::schema())?,
        What::TicketTemplate => output.text(tickets::BUILT_IN)?,
    }
    Ok(Exit::InSync)
}
