//! `rectify scan`: looks, and judges nothing.

use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::input;
use crate::cli::output::{self, Output};
use crate::cli::progress;
use crate::cli::trouble::Trouble;
use crate::pipeline;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  rectify scan --manifest spec.json --hosts app01 -o app01.jsonl
  rectify scan --manifest spec.json --root app01=/mnt/image -o app01.jsonl

";

/// Looks at hosts and saves what is there, one line of JSON a host; read only
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Environment (batou) or configuration file (buildout), where there is no --manifest
    environment: Option<String>,
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    output: PathBuf,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    let monitor = progress::monitor(global);
    let request = global.request(args.environment.as_deref());
    let manifest = match &global.manifest {
        Some(path) => input::manifest(path)?,
        None => pipeline::manifest(&request, monitor.as_ref())?,
    };
    let scans = pipeline::scan(&request, &manifest, monitor.as_ref())?;
    let mut text = String::new();
    for scan in &scans {
        text.push_str(&serde_json::to_string(scan).expect("a scan is JSON"));
        text.push('\n');
    }
    output::data(&args.output, &text)?;
    for scan in scans.iter().filter(|scan| scan.unseen.is_some()) {
        let why = scan.unseen.as_deref().unwrap_or_default();
        output.note(&format!("{} was not seen: {why}", scan.host));
    }
    let incomplete = scans.is_empty() || scans.iter().any(|scan| scan.unseen.is_some());
    Ok(if incomplete { Exit::Incomplete } else { Exit::InSync })
}
