//! `rectify graph`: the units and who needs whom.

use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::output::{self, Output};
use crate::cli::progress;
use crate::cli::trouble::Trouble;
use crate::model::finding::Class;
use crate::pipeline;
use crate::report::graph::{self, Form, Only, Selection};
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  rectify graph production
  rectify graph production --format dot | dot -Tsvg -o units.svg
  rectify graph production --damaged-only --format mermaid

";

/// The units of the deployment, and who needs whom
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Environment (batou) or configuration file (buildout) [default: the only one there is]
    environment: Option<String>,
    /// Only damaged units, what contains them and who needs them
    #[arg(long)]
    damaged_only: bool,
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    output: PathBuf,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    let form = form(global, output)?;
    let monitor = progress::monitor(global);
    let request = global.request(args.environment.as_deref());
    let (manifest, selection) = if args.damaged_only {
        let outcome = pipeline::run(&request, monitor.as_ref())?;
        let damaged = outcome.findings.findings.iter().filter(|finding| finding.class == Class::Damage);
        let damaged = damaged.map(|finding| finding.unit.clone()).collect();
        (outcome.manifest, Selection { damaged, only: Only::Damaged })
    } else {
        (pipeline::manifest(&request, monitor.as_ref())?, Selection::default())
    };
    output::data(&args.output, graph::render(&manifest, &selection, form))?;
    Ok(Exit::InSync)
}

fn form(global: &Global, output: &Output) -> Result<Form, Trouble> {
    let name = if output.is_json() { "json" } else { global.format.as_deref().unwrap_or("text") };
    let names: Vec<&str> = Form::ALL.iter().map(|(name, _)| *name).collect();
    let known = Form::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, form)| form);
    known.ok_or_else(|| Trouble::usage(format!("a graph has no format `{name}`: there are {}", names.join(", "))))
}
