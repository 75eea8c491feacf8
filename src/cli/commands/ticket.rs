//! `rectify ticket`: files to be sent to a tracker.

use crate::cli::args::{Global, TEMPLATE, settings_directory};
use crate::cli::exit::Exit;
use crate::cli::input;
use crate::cli::output::{self, Output};
use crate::cli::trouble::Trouble;
use crate::io::files;
use crate::tickets;
use std::path::{Path, PathBuf};

const TEMPLATE_NAME: &str = "ticket.md.j2";

const EXAMPLES: &str = "Examples:
  rectify ticket plan.json -o tickets       writes tickets/01-app01-zodb.md and so on
  rectify ticket plan.json -o -             all of them to standard output
  rectify ticket plan.json --templates our-templates

";

/// One ticket per host and unit, with the steps to copy and a fingerprint that stays the same
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// The saved plan; - is standard input
    plan: PathBuf,
    /// The directory to write to; - is standard output
    #[arg(short, long, value_name = "DIR", default_value = "tickets")]
    output: PathBuf,
    /// Where ticket.md.j2 is [default: templates/ beside rectify.toml, if there is one]
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    let view = input::view(&args.plan)?;
    let template = template(args, global)?;
    let tickets = tickets::write(&view, &template).map_err(|error| {
        Trouble::failed(error.to_string())
            .hint("the built-in template shows every field: rectify schema ticket-template")
    })?;
    if output.is_json() {
        let all: Vec<_> = tickets
            .iter()
            .map(|ticket| {
                serde_json::json!({
                    "file_name": ticket.file_name, "fingerprint": ticket.fingerprint,
                    "title": ticket.title, "body": ticket.body,
                })
            })
            .collect();
        output.text(&format!("{:#}\n", serde_json::Value::Array(all)))?;
        return Ok(Exit::InSync);
    }
    if args.output.as_os_str() == "-" {
        let bodies: Vec<&str> = tickets.iter().map(|ticket| ticket.body.as_str()).collect();
        output.text(&bodies.join("\n"))?;
        return Ok(Exit::InSync);
    }
    crate::io::output::make_directory(&args.output)?;
    for ticket in &tickets {
        let path = args.output.join(&ticket.file_name);
        output::data(&path, &ticket.body)?;
        output.text(&format!("{}  {}\n", path.display(), crate::report::escape::plain(&ticket.title)))?;
    }
    if tickets.is_empty() {
        output.note("Nothing is wrong in this plan, so there is no ticket.");
    }
    Ok(Exit::InSync)
}

fn template(args: &Args, global: &Global) -> Result<String, Trouble> {
    let beside = || {
        let place = settings_directory(global)?.join("templates").join(TEMPLATE_NAME);
        (files::what_is(&place) == files::Is::File).then_some(place)
    };
    let Some(path) = args.templates.as_ref().map(|directory| directory.join(TEMPLATE_NAME)).or_else(beside) else {
        return Ok(tickets::BUILT_IN.to_owned());
    };
    text(&path)
}

fn text(path: &Path) -> Result<String, Trouble> {
    String::from_utf8(files::read(path)?)
        .map_err(|_| Trouble::failed(format!("`{}` is not UTF-8 text", path.display())))
}
