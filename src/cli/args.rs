//! The flags. Relative paths are relative to the working directory, whatever `-C` says, as shells complete them so.

use super::commands::Command;
use super::trouble::Trouble;
use crate::model::buildout::Dialect;
use crate::model::observation::ReadMode;
use crate::model::unit::HostName;
use crate::pipeline::{Evaluate, Prefer, Request};
use crate::report::formats::{self, FORMATS, Format};
use crate::settings::{Assignment, Buildout, UserDefaults};
use clap::{ArgAction, Args, Parser, ValueEnum};
use std::path::{Path, PathBuf};

/// Help with examples first.
pub(super) const TEMPLATE: &str =
    "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

const EXAMPLES: &str = "Examples:
  rectify check production                     is it as the deployment would make it?
  rectify diff production -vv                  what differs, with the text
  rectify plan production -o plan.json         what to do, in which order
  rectify show plan.json --format markdown     the same plan in another form
  rectify ticket plan.json -o tickets          one ticket per host and unit
  rectify explain RCT103                       what a code means
  rectify check buildout.cfg -C /srv/plone     a buildout that is no part of a batou deployment
  rectify check production --root app01=/mnt   on a rescued disk
  rectify check production --read both         is the disk what memory says? (after lost writes)
  rectify plan system                          the packages of this machine, without any deployment

";

const EXIT_CODES: &str = "
Exit codes (check always; diff and plan with --exit-code):
  0 in sync   2 drift or change only   3 damage, a redeploy repairs it   4 restore needed
  1 rectify failed   5 saved plan is out of date   6 incomplete   64 usage   66 input missing";

/// Says what is wrong with a batou or zc.buildout deployment, and plans how to put it right. Changes nothing.
#[derive(Debug, Parser)]
#[command(
    name = "rectify",
    version,
    help_template = TEMPLATE,
    before_help = EXAMPLES,
    after_help = EXIT_CODES,
    subcommand_required = true,
    arg_required_else_help = false,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for every command")]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are bools")]
pub(super) struct Global {
    /// Where the definition is
    #[arg(short = 'C', value_name = "DIR", global = true, default_value = ".", hide_default_value = true)]
    pub(super) directory: PathBuf,
    /// Settings, instead of the rectify.toml found upwards from the definition
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// A directory that stands for a host's root: a mounted image or a copy (repeatable)
    #[arg(long = "root", value_name = "HOST=DIR", global = true, value_parser = root)]
    pub(super) roots: Vec<(HostName, PathBuf)>,
    /// Only these hosts
    #[arg(long, value_name = "HOST,..", global = true, value_delimiter = ',')]
    pub(super) hosts: Vec<String>,
    /// Only this unit and what is in it (repeatable)
    #[arg(long, value_name = "UNIT", global = true)]
    pub(super) only: Vec<String>,
    /// Form of the output: text, short, json, markdown (graph: text, dot, mermaid, json)
    #[arg(long, value_name = "FORMAT", global = true)]
    pub(super) format: Option<String>,
    /// Also write this form to this file; - is standard output (repeatable)
    #[arg(long, value_name = "FORMAT=PATH", global = true, value_parser = out)]
    pub(super) out: Vec<Out>,
    /// Two status columns, host, unit and path: stable, for scripts
    #[arg(long, global = true, conflicts_with_all = ["format", "json"])]
    pub(super) short: bool,
    /// JSON, errors too
    #[arg(long, global = true, conflicts_with = "format")]
    pub(super) json: bool,
    /// Only the verdict; twice: only the exit code
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(super) quiet: u8,
    /// Files; twice: differences; three times: blocks
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// When to use colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_default_value = true)]
    pub(super) color: Color,
    /// No progress bars
    #[arg(long, global = true)]
    pub(super) no_progress: bool,
    /// How many threads [default: as many as there are processors; more where a disk is waited for]
    #[arg(short, long, value_name = "N", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// Let the verdict decide the exit code (check always does)
    #[arg(long, global = true)]
    pub(super) exit_code: bool,
    /// Count what could not be checked as incomplete
    #[arg(long, global = true)]
    pub(super) strict: bool,
    /// How to evaluate the definition: exact runs the project's own code, native does not
    #[arg(long, value_name = "WAY", global = true, default_value = "auto", hide_default_value = true)]
    pub(super) evaluate: Way,
    /// The Python that has the project's batou or buildout
    #[arg(long, value_name = "PATH", global = true)]
    pub(super) python: Option<PathBuf>,
    /// Buildout: the generation of zc.buildout [default: the installed or pinned one]
    #[arg(long, value_name = "N", global = true, value_parser = dialect)]
    pub(super) dialect: Option<Dialect>,
    /// Buildout: the answer to a condition that cannot be decided from here (repeatable)
    #[arg(long, value_name = "CONDITION=true|false", global = true, value_parser = assumption)]
    pub(super) assume: Vec<(String, bool)>,
    /// Buildout: an assignment that is on its command line (repeatable)
    #[arg(long, value_name = "SECTION:OPTION=VALUE", global = true)]
    pub(super) set: Vec<Assignment>,
    /// Buildout: the user's default.cfg [default: that of the owner of the directory]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) user_defaults: Option<PathBuf>,
    /// Buildout: no user defaults, as with its -U
    #[arg(long, global = true, conflicts_with = "user_defaults")]
    pub(super) no_user_defaults: bool,
    /// Begin of the incident, such as 2026-11-21T20:00Z
    #[arg(long, value_name = "TIME", global = true, value_parser = time)]
    pub(super) since: Option<i64>,
    /// End of the incident
    #[arg(long, value_name = "TIME", global = true, value_parser = time)]
    pub(super) until: Option<i64>,
    /// A saved manifest instead of the definition
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) manifest: Option<PathBuf>,
    /// A saved scan instead of looking (repeatable)
    #[arg(long = "scan", value_name = "FILE", global = true)]
    pub(super) scans: Vec<PathBuf>,
    /// Read files from memory as programs do, from the disk past the page cache, or both ways and compare
    #[arg(long, value_name = "WAY", global = true, default_value = "cached", hide_default_value = true)]
    pub(super) read: Through,
    /// Look at the packages of the operating system, too (dpkg, rpm, Portage, Nix)
    #[arg(long, global = true)]
    pub(super) packages: bool,
    /// The most bytes a second to read of files and packages, such as 50M; second looks, archives and backups are not
    /// held back. To be gentle with everything: nice -n 19 ionice -c 3 rectify ..., as far as the disk's I/O scheduler
    /// heeds it
    #[arg(long, value_name = "BYTES", global = true, value_parser = bytes)]
    pub(super) io_limit: Option<u64>,
    /// An earlier scan of a host, made with `rectify scan --blocks`, for what nothing else tells of (repeatable)
    #[arg(long = "baseline", value_name = "FILE", global = true)]
    pub(super) baselines: Vec<PathBuf>,
    /// What to do where both a redeploy and a backup would serve; auto restores what would have to be fetched and a
    /// backup has in exactly the right version
    #[arg(long, value_name = "WAY", global = true, default_value = "auto", hide_default_value = true)]
    pub(super) prefer: Preferred,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

/// How to evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    Auto,
    Exact,
    Native,
}

/// Through what files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Through {
    Cached,
    Direct,
    Both,
}

/// Redeploy or restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Preferred {
    Auto,
    Redeploy,
    Restore,
}

/// A form and where to write it.
#[derive(Clone)]
pub(super) struct Out {
    pub(super) format: &'static dyn Format,
    pub(super) path: PathBuf,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.format.name(), self.path.display())
    }
}

impl Global {
    /// What the stages are asked for.
    pub(super) fn request(&self, environment: Option<&str>) -> Request {
        Request {
            directory: self.directory.clone(),
            environment: environment.map(str::to_owned),
            config: self.config.clone(),
            roots: self.roots.iter().cloned().collect(),
            manifest_file: self.manifest.clone(),
            scan_files: self.scans.clone(),
            baselines: self.baselines.clone(),
            evaluate: match self.evaluate {
                Way::Auto => Evaluate::Auto,
                Way::Exact => Evaluate::Exact,
                Way::Native => Evaluate::Native,
            },
            python: self.python.clone(),
            hosts: self.hosts.iter().map(|host| HostName::from(host.clone())).collect(),
            only: self.only.clone(),
            since: self.since,
            until: self.until,
            prefer: match self.prefer {
                Preferred::Auto => Prefer::Auto,
                Preferred::Redeploy => Prefer::Redeploy,
                Preferred::Restore => Prefer::Restore,
            },
            buildout: self.buildout(),
            jobs: self.jobs.map(usize::from),
            journal: None,
            packages: self.packages,
            io_limit: self.io_limit,
            read: match self.read {
                Through::Cached => ReadMode::Cached,
                Through::Direct => ReadMode::Direct,
                Through::Both => ReadMode::Both,
            },
        }
    }

    fn buildout(&self) -> Buildout {
        Buildout {
            dialect: self.dialect,
            assume: self.assume.iter().cloned().collect(),
            assignments: self.set.clone(),
            user_defaults: match (&self.user_defaults, self.no_user_defaults) {
                (Some(file), _) => UserDefaults::File(absolute(file)),
                (None, true) => UserDefaults::None,
                (None, false) => UserDefaults::OfOwner,
            },
            ..Buildout::default()
        }
    }

    /// The format by name for commands that show a view.
    pub(super) fn view_format(&self) -> Result<&'static dyn Format, Trouble> {
        let name = match (self.json, self.short, &self.format) {
            (true, ..) => "json",
            (_, true, _) => "short",
            (_, _, Some(name)) => name,
            (_, _, None) => "text",
        };
        formats::find(name).ok_or_else(|| Trouble::usage(no_format(name)))
    }
}

fn no_format(name: &str) -> String {
    let names: Vec<_> = FORMATS.iter().map(|format| format.name()).collect();
    let near = names.iter().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
    let near = near
        .filter(|near| strsim::jaro(near, name) > 0.7)
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!("there is no format `{name}`: there are {}{near}", names.join(", "))
}

fn absolute(path: &Path) -> PathBuf {
    crate::io::files::canonical(path).unwrap_or_else(|_| path.to_owned())
}

fn dialect(text: &str) -> Result<Dialect, String> {
    let known = Dialect::ALL.map(Dialect::number);
    Dialect::ALL
        .into_iter()
        .find(|dialect| dialect.number() == text)
        .ok_or_else(|| format!("the generations are {}", known.join(", ")))
}

/// A condition holds `=` itself, so the last one counts.
fn assumption(text: &str) -> Result<(String, bool), String> {
    match text.rsplit_once('=') {
        Some((condition, "true")) if !condition.is_empty() => Ok((condition.trim().to_owned(), true)),
        Some((condition, "false")) if !condition.is_empty() => Ok((condition.trim().to_owned(), false)),
        _ => Err("it should look like \"bits64=true\"".into()),
    }
}

fn root(text: &str) -> Result<(HostName, PathBuf), String> {
    match text.split_once('=') {
        Some((host, directory)) if !host.is_empty() && !directory.is_empty() => {
            Ok((HostName::from(host), PathBuf::from(directory)))
        }
        _ => Err("it should look like app01=/mnt/app01".into()),
    }
}

fn out(text: &str) -> Result<Out, String> {
    let (name, path) = text.split_once('=').ok_or("it should look like json=plan.json")?;
    if path.is_empty() {
        return Err("it should look like json=plan.json".into());
    }
    let format = formats::find(name).ok_or_else(|| no_format(name))?;
    Ok(Out { format, path: PathBuf::from(path) })
}

/// A number of bytes, with `K`, `M` or `G` for powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1_u64),
    };
    let number: Option<u64> = number.parse().ok().filter(|number| *number > 0);
    number.and_then(|number| number.checked_mul(factor)).ok_or_else(|| "it should look like 50M".to_owned())
}

/// A point in time with its zone, or a day in UTC; nanoseconds since 1970.
fn time(text: &str) -> Result<i64, String> {
    let whole = if text.contains(['T', ' ']) { text.to_owned() } else { format!("{text}T00:00Z") };
    let time: jiff::Timestamp =
        whole.parse().map_err(|_| "it should look like 2026-11-21T20:00Z or 2026-11-21".to_owned())?;
    i64::try_from(time.as_nanosecond()).map_err(|_| "it is too far away".to_owned())
}

/// The directory of the nearest `rectify.toml`, or of the one that was named.
pub(super) fn settings_directory(global: &Global) -> Option<PathBuf> {
    if let Some(config) = &global.config {
        let parent = config.parent().filter(|parent| !parent.as_os_str().is_empty());
        return Some(parent.unwrap_or(Path::new(".")).to_owned());
    }
    let start = crate::io::files::canonical(&global.directory).ok()?;
    let is_there =
        |directory: &&Path| crate::io::files::what_is(&directory.join("rectify.toml")) == crate::io::files::Is::File;
    start.ancestors().find(is_there).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_in_itself() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_day_is_a_point_in_time_and_a_time_needs_its_zone() {
        assert_eq!(time("1970-01-02"), Ok(86_400_000_000_000));
        assert_eq!(time("1970-01-01T01:00+01:00"), Ok(0));
        assert!(time("2026-11-21T20:00").is_err());
        assert!(time("yesterday").is_err());
    }

    #[test]
    fn a_rate_has_a_unit_or_none_and_is_never_nothing() {
        assert_eq!(bytes("50M"), Ok(50 << 20));
        assert_eq!(bytes("4096"), Ok(4096));
        assert!(bytes("0").is_err());
        assert!(bytes("99999999999G").is_err());
        assert!(bytes("M").is_err());
    }

    #[test]
    fn a_misspelled_format_gets_its_nearest_name() {
        assert!(no_format("markdwon").ends_with("did you mean `markdown`?"));
        assert!(!no_format("pdf").contains("mean"));
    }
}
