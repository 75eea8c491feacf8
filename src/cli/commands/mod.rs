//! The subcommands: one file each, one line each in [`Command`] and [`run`].

mod check;
mod completions;
mod diff;
mod explain;
mod graph;
mod manifest;
mod plan;
mod scan;
mod schema;
mod show;
mod ticket;

use super::args::{Cli, Global};
use super::exit::{self, Exit, Gate};
use super::output::Output;
use super::progress;
use super::trouble::Trouble;
use crate::pipeline;
use crate::report::view::{Kind, View};
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Check(check::Args),
    Diff(diff::Args),
    Plan(plan::Args),
    Show(show::Args),
    Ticket(ticket::Args),
    Explain(explain::Args),
    Graph(graph::Args),
    Manifest(manifest::Args),
    Scan(scan::Args),
    Schema(schema::Args),
    Completions(completions::Args),
}

/// Carries out the command.
pub(super) fn run(cli: &Cli, output: &Output) -> Result<Exit, Trouble> {
    let global = &cli.global;
    match &cli.command {
        Command::Check(args) => check::run(args, global, output),
        Command::Diff(args) => diff::run(args, global, output),
        Command::Plan(args) => plan::run(args, global, output),
        Command::Show(args) => show::run(args, global, output),
        Command::Ticket(args) => ticket::run(args, global, output),
        Command::Explain(args) => explain::run(args, global, output),
        Command::Graph(args) => graph::run(args, global, output),
        Command::Manifest(args) => manifest::run(args, global, output),
        Command::Scan(args) => scan::run(args, global, output),
        Command::Schema(args) => schema::run(args, output),
        Command::Completions(args) => completions::run(args, output),
    }
}

/// The whole way from the definition to a view.
fn view(global: &Global, environment: Option<&str>, kind: Kind) -> Result<View, Trouble> {
    let monitor = progress::monitor(global);
    let outcome = pipeline::run(&global.request(environment), monitor.as_ref())?;
    Ok(View::new(&outcome.manifest, &outcome.findings, &outcome.plan, &outcome.meta, kind))
}

/// Shows a view and gives its exit code.
fn show_view(view: &View, global: &Global, output: &Output, gate: Gate) -> Result<Exit, Trouble> {
    output.view(view, global.view_format()?)?;
    Ok(exit::of(view, gate))
}

/// For commands whose exit code is 0 unless asked otherwise.
fn optional_gate(global: &Global) -> Gate {
    match (global.exit_code, global.strict) {
        (_, true) => Gate::Strict,
        (true, false) => Gate::On,
        (false, false) => Gate::Off,
    }
}
