//! `rectify plan`: what to do, in which order; and whether a saved plan still holds.

use super::{optional_gate, show_view, view};
use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::input;
use crate::cli::output::Output;
use crate::cli::trouble::Trouble;
use crate::report::escape::plain;
use crate::report::view::Kind;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  rectify plan production -o plan.json
  rectify plan production --since 2026-11-21T20:00Z --prefer restore
  rectify plan production --verify plan.json      does the saved plan still hold?
  rectify plan --manifest spec.json --scan app01.jsonl

";

/// What to do, in which order, what it may destroy, and how to see that it worked
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Environment (batou) or configuration file (buildout) [default: the only one there is]
    environment: Option<String>,
    /// Save the plan; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say what moved since this plan was saved; exit code 5 if anything did
    #[arg(long, value_name = "FILE")]
    verify: Option<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    global.view_format()?;
    let saved = args.verify.as_deref().map(input::view).transpose()?;
    let environment = args.environment.clone().or_else(|| saved.as_ref().map(|old| old.definition.environment.clone()));
    let now = view(global, environment.as_deref(), Kind::Plan)?;
    if let Some(saved) = saved {
        let moved = saved.moved(&now);
        return if moved.is_empty() {
            output.text(&format!("The plan {} still holds.\n", plain(&saved.plan_id)))?;
            Ok(Exit::InSync)
        } else if output.is_json() {
            output.text(&format!("{}\n", serde_json::json!({"plan_id": saved.plan_id, "moved": moved})))?;
            Ok(Exit::OutOfDate)
        } else {
            let lines: String = moved.iter().map(|line| format!("  {}\n", plain(line))).collect();
            output.text(&format!("The plan {} is out of date; plan again.\n{lines}", plain(&saved.plan_id)))?;
            Ok(Exit::OutOfDate)
        };
    }
    if let Some(path) = &args.output {
        crate::cli::output::data(path, crate::report::formats::json(&now))?;
        if path.as_os_str() == "-" {
            return Ok(super::exit::of(&now, optional_gate(global)));
        }
    }
    let exit = show_view(&now, global, output, optional_gate(global))?;
    if let Some(path) = &args.output {
        output.note(&format!("Saved {}.", path.display()));
    }
    Ok(exit)
}
