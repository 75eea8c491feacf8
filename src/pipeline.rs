//! The main path: definition, expectation, scan, findings, plan. The only code that knows all stages.

use crate::model::finding::Findings;
use crate::model::manifest::Manifest;
use crate::model::observation::Scan;
use crate::model::plan::Plan;
use crate::model::restore::RestorePoints;
use crate::model::unit::HostName;
use crate::monitor::Monitor;
use crate::report::view::Meta;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the definition is, or below which directory of it we are.
    pub directory: PathBuf,
    /// The environment (batou) or configuration file (buildout); `None` for the only one there is.
    pub environment: Option<String>,
    /// `rectify.toml`, where it is not to be looked for.
    pub config: Option<PathBuf>,
    /// Directories of this machine that stand for the roots of hosts.
    pub roots: BTreeMap<HostName, PathBuf>,
    /// A saved manifest to use instead of the definition.
    pub manifest_file: Option<PathBuf>,
    /// Saved scans to use instead of looking.
    pub scan_files: Vec<PathBuf>,
    /// How to evaluate the definition.
    pub evaluate: Evaluate,
    /// The Python that has the project's batou or buildout.
    pub python: Option<PathBuf>,
    /// Only these hosts; empty for all.
    pub hosts: Vec<HostName>,
    /// Only these units and what is in them; empty for all.
    pub only: Vec<String>,
    /// Begin of the incident, nanoseconds since 1970 UTC.
    pub since: Option<i64>,
    /// End of the incident, nanoseconds since 1970 UTC.
    pub until: Option<i64>,
    /// What to do where both a redeploy and a backup could bring something back.
    pub prefer: Prefer,
    /// How many threads; `None` for as many as there are processors.
    pub jobs: Option<usize>,
}

/// How to evaluate a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evaluate {
    /// Exact where the project's own tool can run, else native.
    #[default]
    Auto,
    /// By the project's own tool.
    Exact,
    /// By rectify itself.
    Native,
}

/// What to do where both a redeploy and a backup could bring something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefer {
    /// Make it anew.
    #[default]
    Redeploy,
    /// Take it from the backup.
    Restore,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What should be.
    pub manifest: Manifest,
    /// What was seen.
    pub scans: Vec<Scan>,
    /// What is wrong.
    pub findings: Findings,
    /// What backups offer.
    pub points: RestorePoints,
    /// What to do.
    pub plan: Plan,
    /// What a report says besides.
    pub meta: Meta,
}

/// rectify cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Error {
    /// What happened, and where.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What kind of trouble it is: decides the exit code.
    pub trouble: Trouble,
}

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A file or directory that was named, or the definition, is not there.
    InputMissing,
    /// Everything else.
    Failed,
}

/// Reads the definition and makes the manifest.
///
/// # Errors
/// When there is no definition.
pub fn manifest(request: &Request, _monitor: &dyn Monitor) -> Result<Manifest, Error> {
    Err(Error {
        what: format!("no deployment was found in `{}`", request.directory.display()),
        hint: Some("go to a batou or buildout checkout, or name it with -C DIR".into()),
        trouble: Trouble::InputMissing,
    })
}

/// Looks at the hosts.
///
/// # Errors
/// When no host can be looked at.
pub fn scan(_request: &Request, _manifest: &Manifest, _monitor: &dyn Monitor) -> Result<Vec<Scan>, Error> {
    Ok(Vec::new())
}

/// The whole way.
///
/// # Errors
/// When there is no definition or no host can be looked at.
pub fn run(request: &Request, monitor: &dyn Monitor) -> Result<Outcome, Error> {
    let manifest = manifest(request, monitor)?;
    let scans = scan(request, &manifest, monitor)?;
    Ok(Outcome {
        manifest,
        scans,
        findings: Findings::default(),
        points: RestorePoints::default(),
        plan: Plan::default(),
        meta: Meta::default(),
    })
}
