//! `rectify explain`: why.

use super::view;
use crate::cli::args::{Global, TEMPLATE};
use crate::cli::exit::Exit;
use crate::cli::input;
use crate::cli::output::Output;
use crate::cli::trouble::Trouble;
use crate::model::code::{self, Code};
use crate::report::view::{Kind, View};
use crate::report::{explain, provenance};
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  rectify explain                          all codes
  rectify explain RCT103                   what a code means
  rectify explain f3 --plan plan.json      why a finding is what it is, and what cures it
  rectify explain zope --plan plan.json    all about one unit
  rectify explain instance:eggs            the value of a buildout's option, and who set it where
  rectify explain instance: dev.cfg        all options of a section, with another configuration
  rectify explain :                        all options of all sections, as `buildout annotate` tells them

";

/// Explains a code, a finding with its evidence, a unit, or an option of a buildout
#[derive(Debug, clap::Args)]
#[command(help_template = TEMPLATE, before_help = EXAMPLES)]
pub(crate) struct Args {
    /// A code, a finding of the plan, a unit, or SECTION:OPTION of a buildout; `:` is all of them
    what: Option<String>,
    /// Environment or configuration file, where there is no saved plan
    environment: Option<String>,
    /// The saved plan; - is standard input
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

pub(super) fn run(args: &Args, global: &Global, output: &Output) -> Result<Exit, Trouble> {
    let Some(what) = &args.what else {
        output.text(&if output.is_json() { all_codes_json() } else { explain::all_codes() })?;
        return Ok(Exit::InSync);
    };
    if what == ":" && args.plan.is_none() {
        let sections = crate::pipeline::all_options(&global.request(args.environment.as_deref()))?;
        let json = output.is_json();
        output.text(&if json { provenance::all_json(&sections) } else { provenance::all_text(&sections) })?;
        // The process ends: taking thousands of values apart one by one would be for nothing.
        std::mem::forget(sections);
        return Ok(Exit::InSync);
    }
    if let Some((section, option)) = section_and_option(what).filter(|_| args.plan.is_none()) {
        let options = crate::pipeline::options(&global.request(args.environment.as_deref()), section, option)?;
        let json = output.is_json();
        output.text(&if json { provenance::json(section, &options) } else { provenance::text(section, &options) })?;
        return Ok(Exit::InSync);
    }
    if what.starts_with("RCT") {
        let code: Code = what.parse().map_err(Trouble::usage)?;
        output.text(&of_code(code, output.is_json())?)?;
        return Ok(Exit::InSync);
    }
    let view = match &args.plan {
        Some(plan) => input::view(plan)?,
        None => view(global, args.environment.as_deref(), Kind::Plan)?,
    };
    output.text(&of_name(&view, what, output.is_json())?)?;
    Ok(Exit::InSync)
}

/// `SECTION:OPTION` of a buildout, or `SECTION:` for all options. Ids of units have `/` and `#`, too.
fn section_and_option(what: &str) -> Option<(&str, Option<&str>)> {
    let (section, option) = what.split_once(':')?;
    let is_unit = what.contains(['/', '#']);
    (!is_unit && !section.is_empty()).then_some((section, Some(option).filter(|option| !option.is_empty())))
}

fn of_code(code: Code, json: bool) -> Result<String, Trouble> {
    let unknown = || Trouble::usage(format!("there is no code {code}")).hint("rectify explain lists all codes");
    if json {
        return code::entry(code).map(|entry| format!("{:#}\n", code_json(entry))).ok_or_else(unknown);
    }
    explain::of_code(code).ok_or_else(unknown)
}

fn code_json(entry: &code::Entry) -> serde_json::Value {
    serde_json::json!({"code": entry.code, "title": entry.title, "explanation": entry.explanation})
}

fn all_codes_json() -> String {
    format!("{:#}\n", serde_json::Value::Array(code::CODES.iter().map(code_json).collect()))
}

fn of_name(view: &View, what: &str, json: bool) -> Result<String, Trouble> {
    if let Some(finding) = view.finding(what) {
        return if json {
            let steps: Vec<_> = view.steps.iter().filter(|step| step.findings.contains(&finding.id)).collect();
            Ok(format!("{:#}\n", serde_json::json!({"finding": finding, "steps": steps})))
        } else {
            Ok(explain::of_finding(view, finding))
        };
    }
    explain::of_unit(view, what).ok_or_else(|| {
        Trouble::usage(format!("neither a finding nor a unit of this plan is called `{what}`"))
            .hint("rectify show plan.json -v names the findings; units that are in order are not in a plan")
    })
}
