//! `rectify scan`: looks, and judges nothing.

use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::output::{self, Output};
use crate::cli::progress;
use crate::cli::trouble::Trouble;
use crate::model::manifest::Manifest;
use crate::model::observation::Scan;
use crate::model::unit::HostName;
use crate::monitor::Monitor;
use crate::pipeline::{self, Request, saved};
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
    let scans = pipeline::scan(&request, &manifest, monitor.as_ref())?;
    let (unseen, seen): (Vec<Scan>, Vec<Scan>) = scans.into_iter().partition(|scan| scan.unseen.is_some());
    let none_seen = seen.is_empty();
    write(&args.output, &files(args, &request, &manifest, seen, monitor.as_ref())?)?;
    for scan in &unseen {
        let why = scan.unseen.as_deref().unwrap_or_default();
        output.note(&format!("{} was not seen: {}", plain(&scan.host.0), plain(why)));
    }
    // A host sees itself and no other: that is no failure unless the others were asked for by name.
    let asked = |scan: &Scan| request.hosts.contains(&scan.host);
    Ok(if none_seen || unseen.iter().any(asked) { Exit::Incomplete } else { Exit::InSync })
}

/// The bytes of each host's file.
fn files(
    args: &Args,
    request: &Request,
    manifest: &Manifest,
    scans: Vec<Scan>,
    monitor: &dyn Monitor,
) -> Result<Vec<(HostName, Vec<u8>)>, Trouble> {
    let bytes = |scan: Scan| {
        let blocks =
            if args.blocks { pipeline::blocks(request, manifest, &scan, monitor)? } else { saved::Blocks::new() };
        Ok((scan.host.clone(), saved::scan_bytes_with(&scan, &blocks)))
    };
    scans.into_iter().map(bytes).collect()
}

fn write(path: &Path, files: &[(HostName, Vec<u8>)]) -> Result<(), Trouble> {
    match files {
        [] => Ok(()),
        [(_, bytes)] => output::data(path, bytes.clone()),
        _ if path.as_os_str() == "-" => {
            Err(Trouble::usage("several hosts were seen, and each needs a file").hint("name a directory with -o DIR"))
        }
        several => {
            crate::io::output::make_directory(path)?;
            for (host, bytes) in several {
                let name = host.0.replace(['/', '\0'], "_");
                output::data(&path.join(format!("{name}.jsonl")), bytes.clone())?;
            }
            Ok(())
        }
    }
}
