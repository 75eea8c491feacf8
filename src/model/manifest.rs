//! The manifest: everything that should be, saved as one file between the stages.

use super::{
    artifact::{Expected, Mend, MendId},
    artifacts::Artifacts,
    content::Digest,
    diagnostic::Diagnostic,
    eval::Why,
    path::TargetPath,
    unit::{Deployer, Edge, HostName, Unit, UnitId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the manifest's and the scan's file format: a reader refuses another major number.
pub const FORMAT: u32 = 1;

/// What a definition would make, on every host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// What was evaluated, and how.
    pub definition: Definition,
    /// The hosts, with where they are deployed to.
    pub hosts: Vec<Host>,
    /// Units, sorted by id.
    pub units: Vec<Unit>,
    /// Who needs whom.
    pub edges: Vec<Edge>,
    /// The ways to deploy.
    pub deployers: Vec<Deployer>,
    /// What should be where. One path may have several artifacts (claims).
    pub artifacts: Artifacts,
    /// How artifacts are made anew.
    pub mends: Vec<Mend>,
    /// What a scan has to look at.
    pub look: Vec<Look>,
    /// What can only be derived when the live tree's own notes have been read.
    pub derivations: Vec<Derivation>,
    /// What the target's own notes prove to be broken; filled when derivations are carried out.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub broken: Vec<Broken>,
    /// Pieces of such notes that may be of an earlier state of the note; filled with [`Self::broken`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub doubtful: Vec<Doubtful>,
    /// What the target says of its deployment otherwise than the definition has it; filled with [`Self::broken`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub noted: Vec<Noted>,
    /// Declared data.
    pub data: Vec<Data>,
    /// What is wrong with the definition.
    pub diagnostics: Vec<Diagnostic>,
}

/// What was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// `batou` or `buildout`.
    pub tool: String,
    /// Version of that tool, where known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tool_version: Option<String>,
    /// The environment (batou) or configuration file (buildout).
    pub environment: String,
    /// How it was evaluated.
    pub evaluation: Evaluation,
    /// Digest over all input files.
    pub digest: String,
    /// Commit of the definition's repository, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<String>,
    /// Whether tracked files differ from that commit.
    #[serde(default)]
    pub dirty: bool,
    /// Files that were read: path relative to the definition's root, `sha256:…`.
    pub inputs: BTreeMap<String, String>,
}

impl Definition {
    /// A definition of which nothing more is known.
    pub fn new(tool: &str, environment: &str, evaluation: Evaluation) -> Self {
        Self {
            tool: tool.to_owned(),
            tool_version: None,
            environment: environment.to_owned(),
            evaluation,
            digest: String::new(),
            revision: None,
            dirty: false,
            inputs: BTreeMap::new(),
        }
    }
}

/// How a definition was evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evaluation {
    /// By the project's own batou.
    Exact,
    /// Literal declarations only: incomplete.
    Static,
    /// By rectify's own implementation of the language.
    Native,
}

/// A host of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its name in the definition.
    pub name: HostName,
    /// Ignored by the definition: neither scanned nor judged.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub ignored: bool,
    /// The deployment's directory there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub directory: Option<TargetPath>,
    /// The user that services run as.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_user: Option<String>,
    /// Whether the deployment tool itself reaches it as "this machine".
    pub local: bool,
}

/// A place that a scan looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Look {
    /// On which host.
    pub host: HostName,
    /// Where.
    pub path: TargetPath,
    /// How far.
    pub depth: Depth,
    /// Which files' bytes to keep as evidence: globs over the path below `path`. Each is bounded by
    /// [`CAPTURE_LIMIT`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub capture: Vec<String>,
    /// The digest that is declared for the file at `path`: it is computed by the same algorithm, too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub declared: Option<Digest>,
}

impl Look {
    /// A look that keeps no bytes.
    pub fn new(host: &HostName, path: TargetPath, depth: Depth) -> Self {
        Self { host: host.clone(), path, depth, capture: Vec::new(), declared: None }
    }
}

/// How far a scan looks below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Only the path itself.
    Itself,
    /// Everything below, links not followed.
    Whole,
    /// The path itself, which is an archive, and the digests of its members.
    Archive,
    /// Everything below a directory, and the digests of the members of the wheels and zipped eggs directly in it.
    Archives,
    /// Everything below a checkout's directory, and what its repository says about it.
    Checkout,
}

/// The most bytes of one file that a scan keeps as evidence.
pub const CAPTURE_LIMIT: u64 = 4 << 20;

/// Something that needs evidence from the target before it becomes artifacts. Each kind is interpreted by one file
/// in `expect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// On which host.
    pub host: HostName,
    /// For which unit.
    pub unit: UnitId,
    /// Name of the rule in `expect::derive`'s table: `python-environment`, `buildout`, `archive`, `git-checkout`,
    /// `purge`.
    pub rule: String,
    /// The rule's own input.
    pub input: serde_json::Value,
}

/// A note on the target (RECORD, metadata, a repository's objects) that is damaged, so that what it vouches for
/// cannot be checked by it. Becomes a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// On which host.
    pub host: HostName,
    /// The unit.
    pub unit: UnitId,
    /// The damaged file.
    pub path: TargetPath,
    /// How the unit is made anew.
    pub mend: MendId,
    /// What proves it.
    pub evidence: String,
    /// What is proved.
    #[serde(default)]
    pub proof: Proof,
    /// What should be there, if a backup's version of it alone would be right again; not where it only vouches for
    /// files that are mended together with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<Expected>,
}

/// What the target says of its own deployment, where the definition now says something else: which commit is checked out, or
/// what buildout noted of a part when it installed it (whether there is such a part, or an option of it). Recipes change
/// options themselves, so it takes an earlier revision that says the same to tell that the change is not deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// On which host.
    pub host: HostName,
    /// The rule that tells whether a revision says the same.
    pub rule: String,
    /// The unit of that derivation.
    pub deployed: UnitId,
    /// Of what: a part, or a working copy.
    pub subject: String,
    /// The option; `None` for the subject as a whole.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub option: Option<String>,
    /// The value on the target; `None` where there is no such option or subject. Never a secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// What is so, as a sentence without its end.
    pub fact: String,
    /// The unit that a change of it concerns.
    pub unit: UnitId,
    /// Where it is noted.
    pub path: TargetPath,
    /// How the change is deployed.
    pub mend: MendId,
}

/// A piece of a damaged note, all of one state of it: as it is now or as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubtful {
    /// On which host.
    pub host: HostName,
    /// The note.
    pub note: TargetPath,
    /// The paths of which it tells the content.
    pub paths: Vec<TargetPath>,
}

/// What vouches for the files of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// The objects of its repository.
    Git,
    /// The RECORDs of the Python distributions anywhere below it.
    Python,
}

/// What a proof of damage is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// A note that vouches for others.
    #[default]
    Record,
    /// The content itself.
    Content,
}

/// Data that the deployment uses but does not make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// On which host.
    pub host: HostName,
    /// File or directory.
    pub path: TargetPath,
    /// What happens to files there in ordinary operation.
    pub changes: Changes,
    /// Who decides about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
}

/// What happens to data files in ordinary operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changes {
    /// Written once: a file that differs from its backup is damaged.
    Never,
    /// Only appended to.
    Append,
    /// Anything may change.
    Any,
}

impl Manifest {
    /// A manifest without any content.
    pub fn new(definition: Definition) -> Self {
        Self {
            format: FORMAT,
            definition,
            hosts: Vec::new(),
            units: Vec::new(),
            edges: Vec::new(),
            deployers: Vec::new(),
            artifacts: Artifacts::new(),
            mends: Vec::new(),
            look: Vec::new(),
            derivations: Vec::new(),
            broken: Vec::new(),
            doubtful: Vec::new(),
            noted: Vec::new(),
            data: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// The mend of an artifact.
    pub fn mend(&self, id: MendId) -> &Mend {
        &self.mends[id.0 as usize]
    }

    /// The unit with this id.
    pub fn unit(&self, id: &UnitId) -> Option<&Unit> {
        self.units.binary_search_by(|unit| unit.id.cmp(id)).ok().map(|index| &self.units[index])
    }

    /// A unit and the units that contain it, outermost last. Units that are not in the list end it.
    pub fn lineage<'a>(&'a self, id: &UnitId) -> impl Iterator<Item = &'a Unit> {
        let parent = |unit: &&'a Unit| unit.parent.as_ref().and_then(|id| self.unit(id));
        // Bounded, should a saved manifest name a circle of parents.
        std::iter::successors(self.unit(id), parent).take(self.units.len())
    }

    /// Notes a mend and gives its id; equal mends share one.
    pub fn add_mend(&mut self, mend: Mend) -> MendId {
        let index = self.mends.iter().rposition(|known| *known == mend).unwrap_or_else(|| {
            self.mends.push(mend);
            self.mends.len() - 1
        });
        MendId(u32::try_from(index).expect("there are fewer mends than artifacts, and those fit in memory"))
    }

    /// Brings every list into its documented order, so that equal manifests are equal bytes.
    pub fn sort(&mut self) {
        self.hosts.sort_by(|a, b| a.name.cmp(&b.name));
        self.units.sort_by(|a, b| a.id.cmp(&b.id));
        self.units.dedup_by(|a, b| a.id == b.id);
        self.edges.sort();
        self.edges.dedup();
        self.look.sort();
        self.look.dedup();
        self.diagnostics.sort();
        self.diagnostics.dedup();
    }

    /// Why units are opaque, by unit.
    pub fn opaque(&self) -> impl Iterator<Item = (&Unit, &Why)> {
        self.units.iter().filter_map(|unit| unit.opaque.as_ref().map(|why| (unit, why)))
    }
}
