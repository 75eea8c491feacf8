//! `rectify scan`: looks, and judges nothing.

use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::output::{self, Output};
use crate::cli::progress;
use crate::cli::trouble::Trouble;
use crate::model::manifest::Manifest;
use crate::model::observation::Scan;
use crate::monitor::Monitor;
use crate::pipeline::{self, Request, ScanFile, saved};
use crate::report::escape::plain;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  rectify scan --manifest spec.json --hosts app01 -o app01.jsonl
  rectify scan --manifest spec.json --root app01=/mnt/image -o app01.jsonl
  rectify scan --manifest spec.json --read direct --journal app01.journal -o app01.jsonl

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
    /// Keep digests of every file's blocks, too: for a baseline, which can then name blocks of files that are long gone
    #[arg(long)]
    blocks: bool,
    /// Note here what was read, and go on from there if the scan is interrupted, with the same --read. What is damaged
    /// without a trace in size and times between the two parts is not seen
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    let monitor = progress::monitor(global);
    let request = Request { journal: args.journal.clone(), ..global.request(args.environment.as_deref()) };
    let manifest = match &global.manifest {
        Some(path) => saved::read_manifest(path)?,
        None => pipeline::manifest(&request, monitor.as_ref())?,
    };
    let (scans, warnings) = pipeline::scan(&request, &manifest, monitor.as_ref())?;
    for warning in warnings {
        output.note(&format!("warning: {}", plain(&warning.message)));
    }
    let (unseen, seen): (Vec<Scan>, Vec<Scan>) = scans.into_iter().partition(|scan| scan.unseen.is_some());
    write(args, &request, &manifest, &seen, monitor.as_ref())?;
    for scan in &unseen {
        let why = scan.unseen.as_deref().unwrap_or_default();
        output.note(&format!("{} was not seen: {}", plain(&scan.host.0), plain(why)));
    }
    // A host sees itself and no other: that is no failure unless the others were asked for by name.
    let asked = |scan: &Scan| request.hosts.contains(&scan.host);
    Ok(if seen.is_empty() || unseen.iter().any(asked) { Exit::Incomplete } else { Exit::InSync })
}

/// Writes the file of each host.
fn write(
    args: &Args,
    request: &Request,
    manifest: &Manifest,
    scans: &[Scan],
    monitor: &dyn Monitor,
) -> Result<(), Trouble> {
    let file = |scan, path: &Path| {
        let file = if args.blocks { ScanFile::with_blocks(scan, request, manifest)? } else { ScanFile::new(scan) };
        output::stream(path, |out| file.write(monitor, out))
    };
    match scans {
        [] => Ok(()),
        [scan] => file(scan, &args.output),
        _ if args.output.as_os_str() == "-" => {
            Err(Trouble::usage("several hosts were seen, and each needs a file").hint("name a directory with -o DIR"))
        }
        several => {
            crate::io::output::make_directory(&args.output)?;
            several.iter().try_for_each(|scan| {
                let name = scan.host.0.replace(['/', '\0'], "_");
                file(scan, &args.output.join(format!("{name}.jsonl")))
            })
        }
    }
}
