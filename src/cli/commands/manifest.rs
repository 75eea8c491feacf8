//! `rectify manifest`: what should be, saved for a scan elsewhere.

use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::output::{self, Output};
use crate::cli::progress;
use crate::cli::trouble::Trouble;
use crate::pipeline::{self, saved};
use crate::report::diagnostics;
use crate::report::paint::Paint;
use crate::report::view::DiagnosticView;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  rectify manifest production -o spec.json              where the definition and the secrets are
  rectify scan --manifest spec.json -o app01.jsonl      on the host
  rectify plan --manifest spec.json --scan app01.jsonl  anywhere

";

/// What the deployment would make, as a file for scan and plan
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Environment (batou) or configuration file (buildout) [default: the only one there is]
    environment: Option<String>,
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    output: PathBuf,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    let monitor = progress::monitor(global);
    let manifest = pipeline::manifest(&global.request(args.environment.as_deref()), monitor.as_ref())?;
    let problems: Vec<DiagnosticView> = manifest.diagnostics.iter().map(DiagnosticView::from).collect();
    if !problems.is_empty() {
        output.note(&diagnostics::render(&problems, Paint::Plain));
    }
    output::data(&args.output, saved::manifest_bytes(&manifest))?;
    output.note(&format!("{} artifacts of {} units.", manifest.artifacts.len(), manifest.units.len()));
    Ok(Exit::InSync)
}
