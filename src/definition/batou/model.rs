//! One configured environment of a batou project, as the probe describes it (`exact/PROTOCOL.md`).
//!
//! The exact way reads it from the probe's JSON, the static way fills the same types. Names follow the probe's.
//! Unknown fields are ignored, missing ones have a default, so that an older probe's output can be read; another
//! major number of the format is refused ([`ModelError::Format`]).
//!
//! Values that cannot be told (secrets, objects of the project's own classes) are kept as the probe writes them and
//! come out of [`Node::attribute`] and its typed brothers as [`Eval::Unknown`](crate::model::eval::Eval::Unknown).

mod node;

use crate::model::{manifest::Evaluation, origin::Origin};
pub use node::{Node, NodeContent, Rendered, why_doubt};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The major number of the probe's output that this reads.
pub const PROBE_FORMAT: u64 = 1;

/// Why a probe's output cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It speaks another protocol.
    #[error("the probe speaks format {found}, this rectify reads format {PROBE_FORMAT}")]
    Format {
        /// What it says.
        found: String,
    },
    /// It is not the JSON it should be.
    #[error("the probe's output is not understood: {0}")]
    Json(#[from] serde_json::Error),
}

/// One environment, configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatouModel {
    /// [`PROBE_FORMAT`].
    pub probe_format: u64,
    /// Whether batou itself configured it, or only literal declarations were read.
    pub evaluation: Evaluation,
    /// Name of the environment.
    pub environment: String,
    /// Version of the project's batou.
    pub batou_version: Option<String>,
    /// Version of the Python it runs on.
    pub python_version: Option<String>,
    /// Where the deployment is on the target.
    pub target: Target,
    /// The settings of `[environment]`, defaults filled in.
    pub settings: Settings,
    /// Hosts, by name.
    pub hosts: Vec<Host>,
    /// Where the root component classes are defined, by component name.
    pub components_defined: BTreeMap<String, Site>,
    /// Direct dependencies between roots: id to ids that are deployed before it.
    pub dependencies: BTreeMap<String, Vec<String>>,
    /// One valid order of deployment over all hosts; `None` when there is a cycle.
    pub deploy_order: Option<Vec<String>>,
    /// The resources behind the dependencies.
    pub edges: Vec<ResourceEdge>,
    /// Root components, sorted by id.
    pub roots: Vec<Root>,
    /// What became of the secrets.
    pub secrets: Secrets,
    /// What batou could not load or configure.
    pub errors: Vec<ModelIssue>,
    /// batou's own warnings.
    pub warnings: Vec<String>,
    /// What component code tried and was refused.
    pub side_effects: Vec<SideEffect>,
    /// Host names whose addresses were asked for; the addresses in the model are stand-ins.
    pub dns: Vec<StubAddress>,
    /// Project files that were read, with digests.
    pub inputs: Vec<Input>,
    /// Project directories that were listed: a new name in one may change the model.
    pub input_directories: Vec<String>,
    /// Project paths that were looked for and are not there.
    pub inputs_absent: Vec<String>,
}

impl Default for BatouModel {
    fn default() -> Self {
        Self {
            probe_format: PROBE_FORMAT,
            evaluation: Evaluation::Exact,
            environment: String::new(),
            batou_version: None,
            python_version: None,
            target: Target::default(),
            settings: Settings::default(),
            hosts: Vec::new(),
            components_defined: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            deploy_order: None,
            edges: Vec::new(),
            roots: Vec::new(),
            secrets: Secrets::default(),
            errors: Vec::new(),
            warnings: Vec::new(),
            side_effects: Vec::new(),
            dns: Vec::new(),
            inputs: Vec::new(),
            input_directories: Vec::new(),
            inputs_absent: Vec::new(),
        }
    }
}

/// Where the deployment is on the target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// Directory that holds `components`, `environments` and `work`.
    pub base: String,
    /// How that is known: `argument`, `target_directory`, `target_home`, `local`, or `guess` (the home directory of the
    /// service user was guessed).
    pub base_source: String,
    /// Home directory of the service user, where it was needed.
    pub home: Option<String>,
}

/// The settings of `[environment]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The user that the deployment runs as.
    #[serde(deserialize_with = "lenient_text")]
    pub service_user: Option<String>,
    /// Whether sudo is used to become that user.
    #[serde(deserialize_with = "lenient_text")]
    pub require_sudo: Option<String>,
    /// Appended to host names.
    #[serde(deserialize_with = "lenient_text")]
    pub host_domain: Option<String>,
    /// The branch that must be checked out.
    #[serde(deserialize_with = "lenient_text")]
    pub branch: Option<String>,
    /// `ssh`, `local`, `vagrant`, `kitchen`.
    #[serde(deserialize_with = "lenient_text")]
    pub connect_method: Option<String>,
    /// `rsync`, `git-bundle`, …
    #[serde(deserialize_with = "lenient_text")]
    pub update_method: Option<String>,
    /// The platform of hosts that name none.
    #[serde(deserialize_with = "lenient_text")]
    pub platform: Option<String>,
    /// Seconds.
    #[serde(deserialize_with = "lenient_text")]
    pub timeout: Option<String>,
    /// Where the repository is on the target, as declared: may begin with `~/`.
    #[serde(deserialize_with = "lenient_text")]
    pub target_directory: Option<String>,
    /// Threads of a deployment.
    #[serde(deserialize_with = "lenient_text")]
    pub jobs: Option<String>,
    /// Where the repository comes from.
    #[serde(deserialize_with = "lenient_text")]
    pub repository_url: Option<String>,
    /// The repository on the target.
    #[serde(deserialize_with = "lenient_text")]
    pub repository_root: Option<String>,
    /// Path of the deployment inside its repository.
    #[serde(deserialize_with = "lenient_text")]
    pub deployment_base: Option<String>,
    /// The project on the target.
    #[serde(deserialize_with = "lenient_text")]
    pub base_dir: Option<String>,
    /// The directory on the target that holds the work directories.
    #[serde(deserialize_with = "lenient_text")]
    pub workdir_base: Option<String>,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Its name in the definition.
    pub name: String,
    /// With the domain.
    pub fqdn: String,
    /// Ignored by deployments.
    pub ignore: bool,
    /// Its platform.
    pub platform: Option<String>,
    /// The user that the deployment runs as, there.
    pub service_user: Option<String>,
    /// Keys of `host.data`.
    pub data_keys: Vec<String>,
    /// Its real name is only known after provisioning.
    pub dynamic_name: bool,
    /// Where it is declared.
    pub at: Option<Site>,
}

/// A place in the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Site {
    /// Path relative to the project.
    pub file: String,
    /// Line, counted from 1.
    pub line: Option<u32>,
}

impl Site {
    /// The same in the words of the model.
    pub fn origin(&self) -> Origin {
        Origin { file: self.file.as_str().into(), line: self.line }
    }
}

/// Why one root is deployed before another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceEdge {
    /// The resource.
    pub key: String,
    /// Who requires it.
    pub requirer: String,
    /// Who provides it; `None` when nobody does.
    pub provider: Option<String>,
    /// The requirer is deployed first.
    pub reverse: bool,
    /// A change of it does not configure the requirer again.
    pub dirty: bool,
    /// Nobody providing it is an error.
    pub strict: bool,
    /// Only this host's are wanted.
    pub host: Option<String>,
}

/// One root component on one host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Root {
    /// `host/name`.
    pub id: String,
    /// The host's name.
    pub host: String,
    /// The component's name.
    pub name: String,
    /// Dotted name of its class.
    pub class: String,
    /// `component:feature` entries of the host.
    pub features: Value,
    /// Ignored by deployments.
    pub ignore: bool,
    /// Directory of its `component.py`, on the target.
    pub defdir: String,
    /// Its work directory on the target.
    pub workdir: String,
    /// Where its class is.
    pub declared_at: Option<Site>,
    /// Where the host is given it.
    pub assigned_at: Option<Site>,
    /// What the environment sets on it.
    pub overrides: Vec<Override>,
    /// Whether it could be configured to the end.
    pub configured: bool,
    /// Why its whole model may hang on a secret that could not be read.
    pub may_depend_on_secrets: Option<String>,
    /// Only a part of what it makes is in `tree`: it was not evaluated, only read.
    pub incomplete: bool,
    /// The component itself with its sub-components; `None` when it could not be made at all.
    pub tree: Option<Node>,
}

impl Root {
    /// The place to name when something is wrong with this root: its class, else the line that gives it to the host.
    pub fn origin(&self) -> Option<Origin> {
        self.declared_at.as_ref().or(self.assigned_at.as_ref()).map(Site::origin)
    }
}

/// One value that the environment or the secrets set on a root.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Override {
    /// The attribute.
    pub key: String,
    /// `environment` or `secrets`.
    pub origin: String,
    /// Where.
    pub at: Option<Site>,
}

/// What became of the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Secrets {
    /// `age`, `age-diffable`, `gpg`.
    pub provider: Option<String>,
    /// `none`, `decrypted`, `keys-only` (names known, values not) or `opaque` (not even the names).
    pub status: String,
    /// Why something could not be decrypted.
    pub problems: Vec<String>,
    /// `component.key` of overrides.
    pub override_keys: Vec<String>,
    /// `host.key` of host data.
    pub host_data_keys: Vec<String>,
    /// Names of secret files.
    pub files: Vec<String>,
}

/// Something that batou refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelIssue {
    /// `load`, `secrets`, `configure`, `probe`.
    pub phase: String,
    /// Class of the exception.
    pub class: String,
    /// Class of the exception behind it.
    pub cause: Option<String>,
    /// Its text; secrets are masked.
    pub message: String,
    /// Id of the root concerned.
    pub root: Option<String>,
    /// The host concerned.
    pub host: Option<String>,
    /// Where.
    pub at: Option<Site>,
    /// More about it, by the exception's own names.
    pub details: Map<String, Value>,
    /// For exceptions that batou did not expect.
    pub traceback: Option<String>,
}

/// Something component code tried while it was configured, and was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SideEffect {
    /// `load`, `secrets`, `configure`, …
    pub phase: String,
    /// `write`, `process`, `network`.
    pub kind: String,
    /// Python's audit event.
    pub event: String,
    /// Its arguments.
    pub detail: String,
    /// Id of the root concerned.
    pub root: Option<String>,
    /// Breadcrumb of the component.
    pub component: Option<String>,
    /// Where.
    pub at: Option<Site>,
}

/// A host name and the stand-in for its address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StubAddress {
    /// The name.
    pub host: String,
    /// The address that is written in its place.
    pub stub: String,
}

/// A project file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Input {
    /// Path relative to the project.
    pub path: String,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// Reads what a probe printed.
///
/// # Errors
/// When it is of another major format or no such JSON at all.
pub fn parse(json: &[u8]) -> Result<BatouModel, ModelError> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        probe_format: Value,
    }
    let head: Head = serde_json::from_slice(json)?;
    if head.probe_format.as_u64() != Some(PROBE_FORMAT) {
        return Err(ModelError::Format { found: head.probe_format.to_string() });
    }
    Ok(serde_json::from_slice(json)?)
}

impl BatouModel {
    /// The root with this id.
    pub fn root(&self, id: &str) -> Option<&Root> {
        self.roots.iter().find(|root| root.id == id)
    }

    /// The host with this name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }
}

/// Text, number or boolean as text; anything else (a withheld secret) is `None`.
fn lenient_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_major_format_is_refused_with_its_number() {
        let error = parse(br#"{"probe_format": 2, "hosts": 7}"#).expect_err("format 2 is not ours");
        assert_eq!(error.to_string(), "the probe speaks format 2, this rectify reads format 1");
        assert!(matches!(parse(b"{}"), Err(ModelError::Format { .. })));
        assert!(matches!(parse(b"Traceback"), Err(ModelError::Json(_))));
    }

    #[test]
    fn fields_of_a_newer_probe_are_ignored_and_missing_ones_have_defaults() {
        let model = parse(br#"{"probe_format": 1, "tomorrow": {}, "roots": [{"id": "h/r", "tree": {"kind": "Repeated", "order": null}}]}"#)
            .expect("it reads");
        assert_eq!(
            model.root("h/r").and_then(|root| root.tree.as_ref()).map(|tree| tree.kind.as_str()),
            Some("Repeated")
        );
    }
}
