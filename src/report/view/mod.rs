//! The view: what a run found and plans, as the one serialised model behind every output format.
//!
//! Version rule: a minor number adds fields, and readers ignore what they do not know; another major number is refused.

mod build;
mod read;
mod unverified;
mod words;

use crate::model::artifact::{Authority, Durability};
use crate::model::code::Code;
use crate::model::diagnostic::Severity;
use crate::model::eval::WhyKind;
use crate::model::finding::{Certainty, Class};
use crate::model::group::Cause;
use crate::model::incident::{Happening, Touched};
use crate::model::manifest::Evaluation;
use crate::model::observation::BlockClass;
use crate::model::plan::Action;
use crate::model::unit::{HostName, UnitId, UnitKind};
use crate::model::unverified::UnverifiedSet;
pub use build::{Meta, time};
pub use read::{ReadError, Refused};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
pub use words::{decisive, symbol};

/// The version of the format that this program writes.
pub const FORMAT_VERSION: &str = "1.1";

/// What a run found and plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "rectify plan, major version 1")]
pub struct View {
    /// Major and minor version of this format. A reader refuses another major number and ignores unknown fields.
    #[schemars(regex(pattern = r"^1\.[0-9]+$"))]
    pub format_version: String,
    /// Hash over the definition's digest, the observations' digest and the steps.
    #[schemars(regex(pattern = r"^rp1-[0-9a-f]{12}$"))]
    pub plan_id: String,
    /// Which question was asked.
    pub kind: Kind,
    /// The program that wrote it.
    pub rectify_version: String,
    /// When, RFC 3339 in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// Whether every host and path that had to be looked at was seen, and every definition understood.
    pub complete: bool,
    /// What should be there according to whom.
    pub definition: DefinitionView,
    /// What was looked at.
    pub observed: Observed,
    /// The incident window, where one is known.
    pub incident: Option<Incident>,
    /// What happened when, oldest first, where an incident window is known. Since 1.1.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub timeline: Vec<EventView>,
    /// What has to be known before anything is done; said first. Since 1.1.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
    /// The verdict.
    pub outcome: Verdict,
    /// Counts; each is the number of entries of a list below, or of artifacts.
    pub summary: Summary,
    /// The hosts of the deployment.
    pub hosts: Vec<HostView>,
    /// The units that the lists below mention, sorted by id.
    pub units: Vec<UnitView>,
    /// What is wrong, sorted by host and path.
    pub findings: Vec<FindingView>,
    /// Findings with one cause each. Since 1.1.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<GroupView>,
    /// What nobody could judge. Never an all-clear.
    #[serde(with = "unverified")]
    #[schemars(with = "Vec<UnverifiedView>")]
    pub unverified: UnverifiedSet,
    /// What nothing vouches for and was touched in the incident window. Listed, not judged. Since 1.1.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub at_risk: Vec<AtRiskView>,
    /// What to do, in order.
    pub steps: Vec<StepView>,
    /// What is wrong with the definition.
    pub diagnostics: Vec<DiagnosticView>,
}

/// Which question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What to do.
    Plan,
    /// Is it as it should be?
    Check,
    /// What differs?
    Diff,
}

/// What should be there according to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefinitionView {
    /// The deployment's name: stable between runs and machines.
    pub deployment: String,
    /// `batou` or `buildout`.
    pub tool: String,
    /// Its version, where known.
    pub tool_version: Option<String>,
    /// The environment (batou) or configuration file (buildout).
    pub environment: String,
    /// How the definition was evaluated.
    pub evaluation: Evaluation,
    /// Digest over all input files.
    pub digest: String,
    /// Commit of the definition, if it is in a repository.
    pub revision: Option<String>,
    /// Whether tracked files differ from that commit.
    pub dirty: bool,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observed {
    /// Digest over the observations.
    pub digest: String,
    /// When the first scan began, RFC 3339 in UTC; absent when no host was seen.
    pub scanned_at: Option<String>,
    /// Through what it was seen.
    pub source: Source,
}

/// Through what a live tree was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This machine's own tree.
    #[default]
    Live,
    /// A directory that stands for a host: a mounted image or a copy.
    Image,
    /// Saved scans.
    Scan,
}

/// When it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// A name for the incident; a part of ticket fingerprints.
    pub id: Option<String>,
    /// Begin, RFC 3339 in UTC.
    pub from: Option<String>,
    /// End, RFC 3339 in UTC.
    pub to: Option<String>,
    /// Why we think so.
    pub evidence: Vec<String>,
}

/// Findings that one thing explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupView {
    /// On which host.
    pub host: HostName,
    /// The unit.
    pub unit: UnitId,
    /// What they all lie below.
    pub directory: String,
    /// What explains them.
    pub cause: Cause,
    /// The findings.
    pub findings: Vec<String>,
    /// Globs for an ignore rule that would leave them out; empty where ignoring is no answer.
    pub ignore: Vec<String>,
}

/// One point of the time line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What happened.
    pub what: Happening,
    /// On which host; absent for the deployment as a whole.
    pub host: Option<HostName>,
    /// Which one: a snapshot, a path, a commit. May be empty.
    pub text: String,
}

/// Something that nothing vouches for and that was touched in the incident window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AtRiskView {
    /// On which host.
    pub host: HostName,
    /// The unit.
    pub unit: UnitId,
    /// Where; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// What changed in the window.
    pub touched: Touched,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

/// The verdict, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing differs.
    InSync,
    /// The definition moved on and is not yet deployed.
    Change,
    /// Somebody changed the live tree.
    Drift,
    /// Not everything could be seen, and nothing worse was found.
    Incomplete,
    /// Content that nobody wrote; all of it can be made anew.
    Damage,
    /// Something is damaged that no redeploy can make.
    RestoreNeeded,
}

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Artifacts that were compared.
    pub checked: u64,
    /// Artifacts that are as they should be.
    pub intact: u64,
    /// Findings of class change.
    pub change: u64,
    /// Findings of class drift.
    pub drift: u64,
    /// Findings of class damage.
    pub damage: u64,
    /// Findings by kind; the kinds are those of `findings[].damage`.
    pub kinds: BTreeMap<String, u64>,
    /// Entries of `unverified`.
    pub unverified: u64,
    /// Entries of `steps`.
    pub steps: u64,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostView {
    /// Its name in the definition.
    pub name: HostName,
    /// Whether it was seen.
    pub reachable: bool,
    /// Why it was not.
    pub unseen: Option<String>,
    /// Whether the definition says to leave it alone.
    pub ignored: bool,
    /// How many artifacts it should have.
    pub artifacts: u64,
    /// Findings of class change.
    pub change: u64,
    /// Findings of class drift.
    pub drift: u64,
    /// Findings of class damage.
    pub damage: u64,
    /// Entries of `unverified`.
    pub unverified: u64,
}

/// A unit that some list mentions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitView {
    /// Its id, stable between runs.
    pub id: UnitId,
    /// Its name for people, without the host.
    pub name: String,
    /// Where it lives.
    pub host: HostName,
    /// What it is; absent for a unit that the definition does not know.
    pub kind: Option<UnitKind>,
    /// The outermost unit that contains it: what an owner owns.
    pub root: UnitId,
    /// Who decides about it, where known.
    pub owner: Option<String>,
    /// Where it is declared.
    pub source: Option<SourceLine>,
}

/// A line of the definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceLine {
    /// The file, relative to the definition's root.
    pub file: String,
    /// The line, counted from 1.
    pub line: Option<u32>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingView {
    /// Stable within this plan.
    pub id: String,
    /// What kind of thing is wrong, as a stable code; `rectify explain CODE` tells more.
    #[schemars(with = "String", regex(pattern = r"^RCT[0-9]{3}$"))]
    pub code: Code,
    /// Who meant it.
    pub class: Class,
    /// How it is wrong: `missing`, `random`, `stale` and so on.
    pub damage: String,
    /// What the kind alone does not say: which revision, whose content, which error.
    pub detail: Option<String>,
    /// On which host.
    pub host: HostName,
    /// The unit that owns the path.
    pub unit: UnitId,
    /// Where; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// The exact path in base64, only where it is not UTF-8.
    pub path_raw: Option<String>,
    /// How sure we are of the kind.
    pub certainty: Certainty,
    /// Why we think so.
    pub evidence: Vec<String>,
    /// Who says what should be there.
    pub authority: Authority,
    /// Whether it can be made anew.
    pub durability: Durability,
    /// What should be there, in a few words; never content.
    pub expected: Option<String>,
    /// Whether the content is a secret. Then there is neither diff nor size.
    pub secret: bool,
    /// Size in bytes of what is there.
    pub size: Option<u64>,
    /// Block classes of the file.
    pub blocks: Option<Blocks>,
    /// Unified diff from what is there to what should be there, for text.
    pub diff: Option<String>,
    /// Where it is declared.
    pub source: Option<SourceLine>,
}

/// Block classes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blocks {
    /// Size of a block in bytes.
    pub size: u64,
    /// Number of blocks.
    pub total: u64,
    /// Runs of one class, in order.
    pub runs: Vec<RunView>,
}

/// A run of blocks of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunView {
    /// First block, counted from 0.
    pub at: u64,
    /// Number of blocks.
    pub len: u64,
    /// The class.
    #[serde(rename = "as")]
    pub class: BlockClass,
    /// Of foreign blocks: the file they belong to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
}

/// Something that nobody could judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnverifiedView {
    /// On which host.
    pub host: HostName,
    /// The unit.
    pub unit: UnitId,
    /// The path; absent for the unit as a whole.
    pub path: Option<String>,
    /// The exact path in base64, only where it is not UTF-8.
    pub path_raw: Option<String>,
    /// The class of reason.
    pub kind: WhyKind,
    /// The reason.
    pub why: Cow<'static, str>,
    /// Whether it was not even seen.
    pub unseen: bool,
}

/// One step of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepView {
    /// Stable within this plan.
    pub id: String,
    /// Steps of one wave do not depend on each other; waves count from 1.
    pub wave: u32,
    /// On which host; absent for a step that concerns the deployment as a whole.
    pub host: Option<HostName>,
    /// The unit it mends.
    pub unit: UnitId,
    /// What is done.
    pub action: Action,
    /// Why, in one sentence.
    pub reason: String,
    /// The codes of the findings that it cures.
    #[schemars(with = "Vec<String>")]
    pub codes: Vec<Code>,
    /// The findings that it cures.
    pub findings: Vec<String>,
    /// The steps that must be done before.
    pub needs: Vec<String>,
    /// What may go wrong or get lost.
    pub hazards: Vec<HazardView>,
    /// What to run, literally and in order.
    pub commands: Vec<CommandView>,
    /// What shows that it worked: it must exit with 0.
    pub check: Option<CommandView>,
    /// The backup's version that is used.
    pub restores_from: Option<RestoreView>,
    /// What is written after this time is lost, RFC 3339 in UTC.
    pub loses_data_since: Option<String>,
    /// Why it must not be done as it stands: what it waits for.
    pub blocked: Option<String>,
}

/// What may go wrong or get lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HazardView {
    /// Its stable code.
    #[schemars(with = "String", regex(pattern = r"^RCT[0-9]{3}$"))]
    pub code: Code,
    /// One sentence.
    pub text: String,
}

/// A command: an argument vector, never a shell string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandView {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// On which machine.
    #[serde(rename = "where")]
    pub place: PlaceView,
    /// Working directory; absent when it does not matter.
    pub directory: Option<String>,
    /// Additional environment variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub environment: BTreeMap<String, String>,
}

/// On which machine a command runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceView {
    /// The machine that holds the definition and the secrets.
    Control,
    /// A deployed host.
    Host(HostName),
}

/// The backup's version that a step uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestoreView {
    /// The configured source.
    pub source: String,
    /// The snapshot in it.
    pub snapshot: String,
    /// When it was complete, RFC 3339 in UTC.
    pub taken_at: String,
    /// Whether its content was checked against an independent digest.
    pub proved: bool,
}

/// Something that is wrong with, or not understood in, the definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosticView {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable code.
    #[schemars(with = "String", regex(pattern = r"^RCT[0-9]{3}$"))]
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where.
    pub source: Option<SourceLine>,
    /// The source line and the part of it that is meant.
    pub excerpt: Option<ExcerptView>,
}

/// A source line and the part of it that is meant, as byte offsets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExcerptView {
    /// The line without its end.
    pub text: String,
    /// First byte that is meant.
    pub start: usize,
    /// After the last byte that is meant.
    pub end: usize,
}

/// The JSON Schema of [`View`], as text with a final newline.
pub fn schema() -> String {
    let schema = schemars::schema_for!(View);
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

impl View {
    /// The unit with this id.
    pub fn unit(&self, id: &UnitId) -> Option<&UnitView> {
        self.units.binary_search_by(|unit| unit.id.cmp(id)).ok().map(|index| &self.units[index])
    }

    /// A unit's name for people.
    pub fn unit_name<'a>(&'a self, id: &'a UnitId) -> &'a str {
        self.unit(id).map_or(&*id.0, |unit| unit.name.as_str())
    }

    /// The outermost unit that contains this one.
    pub fn root_of<'a>(&'a self, id: &'a UnitId) -> &'a UnitId {
        self.unit(id).map_or(id, |unit| &unit.root)
    }

    /// What could not be checked and should have been: all but what the settings say to ignore.
    pub fn doubts(&self) -> u64 {
        let doubtful = self.unverified.alike().filter(|alike| alike.why.kind != WhyKind::Ignored);
        doubtful.map(|alike| alike.count()).sum()
    }

    /// The finding with this id.
    pub fn finding(&self, id: &str) -> Option<&FindingView> {
        self.findings.iter().find(|finding| finding.id == id)
    }
}
