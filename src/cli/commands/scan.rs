//! `rectify scan`: looks, and judges nothing.

use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::output::{self, Output};
use crate::cli::progress;
use crate::cli::trouble::Trouble;
use crate::model::observation::Scan;
use crate::pipeline::{self, saved};
use crate::report::escape::plain;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  rectify scan --manifest spec.json --hosts app01 -o app01.jsonl
  rectify scan --manifest spec.json --root app01=/mnt/image -o app01.jsonl

";

/// Looks at hosts and saves what is there, one file a host; read only
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// Environment (batou) or configuration file (buildout), where there is no --manifest
    environment: Option<String>,
    /// The file to write; for several hosts a directory, which gets HOST.jsonl for each
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    output: PathBuf,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    let monitor = progress::monitor(global);
    let request = global.request(args.environment.as_deref());
    let manifest = match &global.manifest {
        Some(path) => saved::read_manifest(path)?,
        None => pipeline::manifest(&request, monitor.as_ref())?,
    };
    let scans = pipeline::scan(&request, &manifest, monitor.as_ref())?;
    let (unseen, seen): (Vec<Scan>, Vec<Scan>) = scans.into_iter().partition(|scan| scan.unseen.is_some());
    write(&args.output, &seen)?;
    for scan in &unseen {
        let why = scan.unseen.as_deref().unwrap_or_default();
        output.note(&format!("{} was not seen: {}", plain(&scan.host.0), plain(why)));
    }
    // A host sees itself and no other: that is no failure unless the others were asked for by name.
    let asked = |scan: &Scan| request.hosts.contains(&scan.host);
    Ok(if seen.is_empty() || unseen.iter().any(asked) { Exit::Incomplete } else { Exit::InSync })
}

fn write(path: &Path, scans: &[Scan]) -> Result<(), Trouble> {
    match scans {
        [] => Ok(()),
        [scan] => output::data(path, saved::scan_bytes(scan)),
        _ if path.as_os_str() == "-" => {
            Err(Trouble::usage("several hosts were seen, and each needs a file").hint("name a directory with -o DIR"))
        }
        several => {
            crate::io::output::make_directory(path)?;
            for scan in several {
                let name = scan.host.0.replace(['/', '\0'], "_");
                output::data(&path.join(format!("{name}.jsonl")), saved::scan_bytes(scan))?;
            }
            Ok(())
        }
    }
}
