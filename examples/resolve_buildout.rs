//! Resolves zc.buildout configurations from the disk: for measuring, and for looking at what comes out.
//!
//!     resolve_buildout FACTS.json CONFIG [SECTION:OPTION=VALUE...]    prints everything as JSON
//!     resolve_buildout --memory FACTS.json < LIST                     one configuration a line; prints the memory in use
//!
//! FACTS.json says what is known about the target, as the first line of `tests/oracle/buildout_oracle.py` does.

#![expect(clippy::disallowed_methods, reason = "an example reads the disk itself")]

use rectify::definition::buildout::{Dialect, DiskSources, NoRecipes, Request, Resolved, TargetFacts, resolve};
use rectify::io::disk::LiveRoot;
use rectify::model::diagnostic::Diagnostic;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::os::fd::AsFd as _;

fn resolved(config: &str, assignments: &[String], facts: &TargetFacts) -> Result<(Resolved, Vec<Diagnostic>), String> {
    let (directory, name) = config.rsplit_once('/').ok_or("CONFIG must be an absolute path")?;
    let command_line = assignments.iter().map(|text| {
        let (place, value) = text.split_once('=')?;
        let (section, option) = place.split_once(':').unwrap_or(("buildout", place));
        Some((section.to_owned(), option.to_owned(), value.to_owned()))
    });
    let command_line: Vec<_> = command_line.collect::<Option<_>>().ok_or("an assignment has no `=`")?;
    let request = Request {
        directory,
        config: name,
        command_line: &command_line,
        facts,
        dialect: facts.buildout_version.as_deref().and_then(Dialect::of_version).unwrap_or_default(),
        user_defaults: None,
        assume: &BTreeMap::new(),
        recipes: &NoRecipes,
    };
    let root = LiveRoot::open("/").map_err(|failure| failure.text)?;
    Ok(resolve(&request, &DiskSources::new(root)))
}

/// Kilobytes of memory in use (Linux).
fn memory() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let facts = |path: &String| -> Result<TargetFacts, Box<dyn Error>> {
        Ok(serde_json::from_str(std::fs::read_to_string(path)?.lines().next().unwrap_or_default())?)
    };
    // Not `stdout()` itself, which searches everything for line ends.
    let stdout = std::fs::File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut out = std::io::BufWriter::with_capacity(32 << 10, stdout);
    match arguments.as_slice() {
        [flag, path] if flag == "--memory" => {
            let facts = facts(path)?;
            let mut parts = 0;
            for (number, config) in (1..).zip(std::io::stdin().lock().lines()) {
                parts += resolved(&config?, &[], &facts)?.0.parts.len();
                if number % 100 == 0 {
                    writeln!(out, "{number} configurations, {parts} parts: {} kB", memory()?)?;
                }
            }
        }
        [path, config, assignments @ ..] => {
            let (resolved, diagnostics) = resolved(config, assignments, &facts(path)?)?;
            serde_json::to_writer(&mut out, &(&resolved, &diagnostics))?;
            writeln!(out)?;
            // The process ends: taking it apart piece by piece would be for nothing.
            std::mem::forget((resolved, diagnostics));
        }
        _ => return Err("usage: resolve_buildout FACTS.json CONFIG [SECTION:OPTION=VALUE...]".into()),
    }
    out.flush()?;
    Ok(())
}
