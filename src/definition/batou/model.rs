//! One configured environment of a batou project, as the probe describes it (`exact/PROTOCOL.md`).
//!
//! The exact way reads it from the probe's JSON, the static way fills the same types. Names follow the probe's.
//! Unknown fields are ignored, missing ones have a default, so that an older probe's output can be read; another
//! major number of the format is refused ([`ModelError::Format`]).
//!
//! Values that cannot be told (secrets, objects of the project's own classes) are kept as the probe writes them and
//! come out of [`Node::attribute`] and its typed brothers as [`Eval::Unknown`].

use crate::model::{
    content::{Algorithm, Blob, Digest},
    eval::{Eval, Why, WhyKind},
    manifest::Evaluation,
    origin::Origin,
    path::TargetPath,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
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
        Origin { file: self.file.clone(), line: self.line }
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

/// One component. Sub-components are deployed before it, in their order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Place in the order of deployment inside its root, from 1; `None` for a component met a second time.
    pub order: Option<u64>,
    /// What it is to rectify: `File`, `Content`, `Download`, … (the probe's table `KINDS`), `Container` (only
    /// sub-components), `Opaque` (own code, unknown to rectify) or `Repeated`.
    pub kind: String,
    /// Dotted name of its class.
    pub class: String,
    /// The class of `batou.lib` that `kind` stands for, when the class is derived from one.
    pub known_as: Option<String>,
    /// Where it is in the tree, as batou writes it.
    pub breadcrumb: String,
    /// Working directory on the target.
    pub workdir: Option<String>,
    /// Lines of the project that made it, innermost first.
    pub declared_at: Vec<Site>,
    /// Whether it was configured to the end.
    pub prepared: bool,
    /// Which method of the project's own decides what is made; `None` when the kind tells it all.
    pub opaque: Option<String>,
    /// Absolute path on the target, for kinds that have one.
    pub path: Option<String>,
    /// The path stems from a secret and is withheld.
    pub path_secret: bool,
    /// The kind's attributes; see [`Node::attribute`].
    #[serde(rename = "attrs")]
    pub attributes: Map<String, Value>,
    /// For kind `Content`: what is written.
    pub content: Option<NodeContent>,
    /// It looked at what is deployed (and was shown an empty work directory).
    pub reads_live_tree: bool,
    /// Paths outside the project that it looked at.
    pub reads_outside: Vec<String>,
    /// Why the values may be different on the target: `dns`, `secrets`, `side_effects`, `reads_outside`,
    /// `reads_live_tree`.
    pub doubts: Vec<String>,
    /// Sub-components.
    #[serde(rename = "sub")]
    pub children: Vec<Node>,
}

/// Rendered content.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeContent {
    /// SHA-256 in hex; `None` when unknown.
    pub sha256: Option<String>,
    /// Length in bytes.
    pub size: Option<u64>,
    /// The bytes in base64; never for secret or very large content.
    pub b64: Option<String>,
    /// It holds a secret, or hangs on one.
    pub secret: bool,
    /// Why it is unknown: `secret`, `delayed`, `failed`, `none`, `order`.
    pub unknown: Option<String>,
    /// The checkout's path in it was replaced by the target's.
    pub rebased: bool,
    /// As [`Node::doubts`], for the content.
    pub doubts: Vec<String>,
    /// Hosts whose stand-in addresses are in it.
    pub dns: Vec<String>,
    /// With `unknown` `order`: the SHA-256 of what several orders gave. Either is sound on disk, and there may be more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
}

/// Content that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// The bytes.
    Bytes(Blob),
    /// Only what they hash to: secret or very large.
    Digest {
        /// SHA-256.
        digest: Digest,
        /// Length in bytes.
        size: u64,
    },
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

impl Node {
    /// This component and everything below it, in the order of deployment: children first.
    pub fn in_deploy_order(&self) -> Vec<&Self> {
        let (mut reversed, mut open) = (Vec::new(), vec![self]);
        while let Some(node) = open.pop() {
            reversed.push(node);
            open.extend(&node.children);
        }
        reversed.reverse();
        reversed
    }

    /// The line that declares it.
    pub fn origin(&self) -> Option<Origin> {
        self.declared_at.first().map(Site::origin)
    }

    /// Its path on the target; `Ok(None)`-like `None` when this kind has none.
    pub fn target_path(&self) -> Option<Eval<TargetPath>> {
        if self.path_secret {
            return Some(Eval::Unknown(Why::new(WhyKind::Secret, "the path stems from a secret")));
        }
        self.path.as_ref().map(|path| Eval::Known(TargetPath::new(path)))
    }

    /// An attribute. One that is not there is `Null`, as Python's `None`; a value that was withheld, or an object that
    /// has no plain form, is unknown.
    pub fn attribute(&self, name: &str) -> Eval<&Value> {
        self.attributes.get(name).map_or(Eval::Known(&Value::Null), |value| plain(name, value))
    }

    /// An attribute that is text or `None`; anything else is unknown.
    pub fn text(&self, name: &str) -> Eval<Option<&str>> {
        self.attribute(name).and_then(|value| match value {
            Value::Null => Eval::Known(None),
            Value::String(text) => Eval::Known(Some(text.as_str())),
            _ => Eval::Unknown(unexpected(name)),
        })
    }

    /// An attribute that is a whole number or `None`; anything else is unknown.
    pub fn number(&self, name: &str) -> Eval<Option<i64>> {
        self.attribute(name).and_then(|value| match value {
            Value::Null => Eval::Known(None),
            value => value.as_i64().map_or_else(|| Eval::Unknown(unexpected(name)), |number| Eval::Known(Some(number))),
        })
    }

    /// Whether Python takes an attribute for true.
    pub fn flag(&self, name: &str) -> Eval<bool> {
        self.attribute(name).map(|value| match value {
            Value::Null => false,
            Value::Bool(flag) => *flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(object) => !object.is_empty(),
        })
    }

    /// An attribute that is a list of texts, a single text (one element) or `None` (empty); anything else is unknown.
    pub fn texts(&self, name: &str) -> Eval<Vec<&str>> {
        self.attribute(name).and_then(|value| match value {
            Value::Null => Eval::Known(Vec::new()),
            Value::String(text) => Eval::Known(vec![text.as_str()]),
            Value::Array(list) => list
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()
                .map_or_else(|| Eval::Unknown(unexpected(name)), Eval::Known),
            _ => Eval::Unknown(unexpected(name)),
        })
    }

    /// An attribute that holds rendered content, as `lock` of an `AppEnv`.
    pub fn rendered(&self, name: &str) -> Option<NodeContent> {
        let value = self.attributes.get(name)?;
        value.get("sha256")?;
        NodeContent::deserialize(value).ok()
    }
}

impl NodeContent {
    /// Content that is known byte by byte.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        let digest = Digest { algorithm: Algorithm::Sha256, bytes: sha2::Sha256::digest(bytes).as_slice().into() };
        Self {
            sha256: Some(digest.hex()),
            size: Some(bytes.len() as u64),
            b64: Some(STANDARD.encode(bytes)),
            ..Self::default()
        }
    }

    /// Content that is not known, for one of the reasons of [`NodeContent::unknown`].
    pub fn unknown(reason: &str) -> Self {
        Self { unknown: Some(reason.to_owned()), ..Self::default() }
    }

    /// The content if it is certain, else why not. Doubts make it unknown: what may differ on the target is no
    /// measure for the target.
    pub fn eval(&self) -> Eval<Rendered> {
        match self.why_unknown() {
            Some(why) => Eval::Unknown(why),
            None => self.rendered().map_or_else(
                || Eval::Unknown(Why::new(WhyKind::NotModelled, "the probe gave no content")),
                Eval::Known,
            ),
        }
    }

    /// What was rendered, doubtful or not. Disk content that *equals* it is sound whatever the doubts say; content that
    /// differs proves something only if [`NodeContent::eval`] knows it.
    pub fn rendered(&self) -> Option<Rendered> {
        if let Some(encoded) = &self.b64 {
            return STANDARD.decode(encoded).ok().map(|bytes| Rendered::Bytes(Blob(bytes)));
        }
        let digest = Digest::from_hex(Algorithm::Sha256, self.sha256.as_deref()?).ok()?;
        Some(Rendered::Digest { digest, size: self.size? })
    }

    /// Why the content is no measure, if it is none.
    pub fn why_unknown(&self) -> Option<Why> {
        let reason = self.unknown.as_deref();
        let why = |kind, text: &str| Some(Why::new(kind, text));
        match reason {
            None => self.doubts.first().map(|doubt| why_doubt(doubt, &self.dns)),
            Some("secret") => why(WhyKind::Secret, "it hangs on a secret that cannot be decrypted here"),
            Some("delayed") => why(WhyKind::LiveTree, "it is rendered from a file that only exists during deployment"),
            Some("failed") => why(WhyKind::BrokenDefinition, "the component could not be configured"),
            Some("none") => why(WhyKind::BrokenDefinition, "the component renders nothing"),
            Some("order") => why(WhyKind::OrderDependent, "it depends on batou's random order"),
            Some("static") => why(WhyKind::NotModelled, "it is computed, and the project's batou could not be run"),
            Some("source") => why(WhyKind::Unreadable, "its source file cannot be read"),
            Some(other) => Some(Why::new(WhyKind::Code, format!("the probe could not tell it: {other}"))),
        }
    }
}

/// What a doubt means.
pub fn why_doubt(doubt: &str, hosts: &[String]) -> Why {
    match doubt {
        "dns" if hosts.is_empty() => Why::new(WhyKind::TargetFact, "it depends on addresses of hosts"),
        "dns" => Why::new(WhyKind::TargetFact, format!("it depends on the address of {}", hosts.join(", "))),
        "secrets" => Why::new(WhyKind::Secret, "it may hang on a secret that cannot be decrypted here"),
        "side_effects" => Why::new(WhyKind::Code, "the component has side effects, which were refused"),
        "reads_outside" => Why::new(WhyKind::TargetFact, "the component looks at files of the machine"),
        "rebased" => Why::new(WhyKind::TargetFact, "the checkout's path was in it and was replaced by a guess"),
        "order" => Why::new(WhyKind::OrderDependent, "whether it is made depends on batou's random order"),
        "reads_live_tree" => Why::new(WhyKind::LiveTree, "the component looks at what is deployed"),
        other => Why::new(WhyKind::Code, format!("the probe doubts it: {other}")),
    }
}

/// A plain value, or why the probe did not write one.
fn plain<'a>(name: &str, value: &'a Value) -> Eval<&'a Value> {
    let Value::Object(object) = value else { return Eval::Known(value) };
    let why = |kind, text: String| Eval::Unknown(Why::new(kind, text));
    match (object.len(), object.keys().next().map(String::as_str)) {
        (1, Some("unknown")) if text_of(&object["unknown"]) == "order" => {
            why(WhyKind::OrderDependent, format!("`{name}` depends on batou's random order"))
        }
        (1, Some("unknown")) if text_of(&object["unknown"]) == "static" => {
            why(WhyKind::NotModelled, format!("`{name}` is computed, and the project's batou could not be run"))
        }
        (1, Some("unknown" | "secret")) => why(WhyKind::Secret, format!("`{name}` stems from a secret")),
        (1, Some("repr")) => {
            why(WhyKind::Code, format!("`{name}` is an object of the project: {}", text_of(&object["repr"])))
        }
        (1, Some("error")) => why(WhyKind::Code, format!("asking for `{name}` raised {}", text_of(&object["error"]))),
        _ => Eval::Known(value),
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn unexpected(name: &str) -> Why {
    Why::new(WhyKind::NotModelled, format!("`{name}` has a value of an unexpected type"))
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
    use serde_json::json;

    fn node(value: Value) -> Node {
        serde_json::from_value(value).expect("it is a node")
    }

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

    #[test]
    fn children_are_deployed_before_their_parent_and_in_their_order() {
        let tree = node(
            json!({"breadcrumb": "a", "sub": [{"breadcrumb": "b", "sub": [{"breadcrumb": "c"}]}, {"breadcrumb": "d"}]}),
        );
        let names: Vec<_> = tree.in_deploy_order().into_iter().map(|node| node.breadcrumb.as_str()).collect();
        assert_eq!(names, ["c", "b", "d", "a"]);
    }

    #[test]
    fn a_withheld_attribute_is_unknown_and_a_missing_one_is_none() {
        let node =
            node(json!({"attrs": {"a": {"secret": true}, "b": {"repr": "x.Y"}, "c": 420, "d": "", "e": ["x", "y"]}}));
        assert_eq!(node.text("a").why().map(|why| why.kind), Some(WhyKind::Secret));
        assert_eq!(node.text("b").why().map(|why| why.kind), Some(WhyKind::Code));
        assert_eq!(node.number("c"), Eval::Known(Some(420)));
        assert_eq!(node.flag("d"), Eval::Known(false));
        assert_eq!(node.texts("e"), Eval::Known(vec!["x", "y"]));
        assert_eq!(node.text("z"), Eval::Known(None));
        assert!(node.text("c").why().is_some());
    }

    #[test]
    fn content_is_certain_only_without_doubt() {
        let sound = NodeContent::of_bytes(b"x\n");
        assert_eq!(sound.eval(), Eval::Known(Rendered::Bytes(Blob::from("x\n"))));
        let doubtful = NodeContent { doubts: vec!["dns".into()], dns: vec!["db1".into()], ..sound.clone() };
        assert_eq!(doubtful.eval().why().map(Why::to_string).as_deref(), Some("it depends on the address of db1"));
        let secret = NodeContent { b64: None, secret: true, ..sound };
        assert!(matches!(secret.eval(), Eval::Known(Rendered::Digest { size: 2, .. })));
        assert!(NodeContent::unknown("order").eval().why().is_some_and(|why| why.kind == WhyKind::OrderDependent));
    }
}
