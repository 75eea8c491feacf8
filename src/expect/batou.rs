//! A configured batou environment as a manifest: hosts, units and what they need of each other, and what every
//! component makes.
//!
//! Takes the model and the few things of the checkout that batou's model does not hold; gives a manifest. What a
//! component makes is told by [`super::components`], one file per kind. An ignored host or root makes nothing.

use super::{
    batou_itself,
    claims::Claims,
    components::{self, directory_of_root},
    context::Context,
};
use crate::{
    definition::batou::model::{BatouModel, Node, Root},
    model::{
        command::{Command, Place},
        content::{Blob, Digest},
        diagnostic::Diagnostic,
        eval::{Eval, Why, WhyKind},
        manifest::{Definition, Depth, Host, Look, Manifest},
        observation::Member,
        path::TargetPath,
        unit::{Deployer, DeployerId, Edge, EdgeKind, HostName, Unit, UnitId, UnitKind},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// What the checkout holds besides the model.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// Where the checkout is on the control machine: there batou is run.
    pub directory: Option<String>,
    /// How batou is started.
    pub launcher: Launcher,
    /// Digest over all input files.
    pub digest: String,
    /// Commit of the checkout.
    pub revision: Option<String>,
    /// Whether tracked files differ from it.
    pub dirty: bool,
    /// What lies below the directories of [`wanted_sources`], by path relative to the project.
    pub sources: BTreeMap<String, Eval<Vec<Member>>>,
    /// What the configuration files (`*.cfg`) among them hold: a buildout may extend them.
    pub configurations: BTreeMap<Digest, Blob>,
    /// The lock of batou's own environment (`requirements.lock`), where there is one.
    pub lock: Option<Blob>,
    /// Whether `appenv` is there, which makes that environment.
    pub appenv: bool,
    /// What batou brings of the project to each host before it deploys there; `None` where it runs from the project itself.
    pub copied: Option<Eval<Vec<Member>>>,
    /// Hosts whose copy is what was read as the definition here: it cannot vouch for itself.
    pub here: BTreeSet<HostName>,
    /// What is wrong with the definition.
    pub diagnostics: Vec<Diagnostic>,
}

/// How batou is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Launcher {
    /// The project's own `./batou`.
    #[default]
    Own,
    /// A `batou` of the search path.
    Installed,
}

impl Project {
    /// What lies below a directory of the definition, which is named as it appears on the target below `base`.
    ///
    /// # Errors
    /// With the reason when it is not known.
    pub fn members(&self, source: &TargetPath, base: &str) -> Result<&[Member], Why> {
        let not_read = || Why::new(WhyKind::NotModelled, format!("the source {source} was not read"));
        let name = project_path(source, base)
            .ok_or_else(|| Why::new(WhyKind::LiveTree, format!("its source {source} is no part of the project")))?;
        match self.sources.get(&name).ok_or_else(not_read)? {
            Eval::Known(members) => Ok(members),
            Eval::Unknown(why) => Err(why.clone()),
        }
    }
}

/// The directories of the project, relative to it, that are copied to targets: what [`Project::sources`] should hold.
pub fn wanted_sources(model: &BatouModel) -> BTreeSet<String> {
    let mut wanted = BTreeSet::new();
    for root in deployed(model) {
        let nodes = root.tree.iter().flat_map(Node::in_deploy_order).filter(|node| node.kind == "SyncDirectory");
        for node in nodes {
            if let Eval::Known(Some(source)) = node.text("source") {
                wanted.extend(project_path(&TargetPath::new(&root.defdir).join(source), &model.target.base));
            }
        }
    }
    wanted
}

fn project_path(source: &TargetPath, base: &str) -> Option<String> {
    let relative = source.relative_to(&TargetPath::new(base))?;
    std::str::from_utf8(relative).ok().map(str::to_owned)
}

/// What a configured environment would make.
pub fn manifest(model: &BatouModel, project: &Project) -> Manifest {
    let mut manifest = Manifest::new(definition(model, project));
    manifest.diagnostics.clone_from(&project.diagnostics);
    manifest.hosts = hosts(model);
    manifest.deployers = vec![deployer(model, project)];
    for root in deployed(model) {
        deploy(model, project, root, &mut manifest);
    }
    manifest.edges.extend(requirements(model));
    batou_itself::add(model, project, &mut manifest);
    look_outside(&mut manifest);
    manifest.sort();
    manifest
}

/// The roots that a deployment deploys, on hosts that it does not ignore.
pub(super) fn deployed(model: &BatouModel) -> impl Iterator<Item = &Root> {
    let ignored = |name: &str| model.host(name).is_some_and(|host| host.ignore);
    model.roots.iter().filter(move |root| !root.ignore && !ignored(&root.host))
}

fn definition(model: &BatouModel, project: &Project) -> Definition {
    Definition {
        tool: "batou".into(),
        tool_version: model.batou_version.clone(),
        environment: model.environment.clone(),
        evaluation: model.evaluation,
        digest: project.digest.clone(),
        revision: project.revision.clone(),
        dirty: project.dirty,
        inputs: model.inputs.iter().map(|input| (input.path.clone(), format!("sha256:{}", input.sha256))).collect(),
    }
}

fn hosts(model: &BatouModel) -> Vec<Host> {
    let local = model.settings.connect_method.as_deref() == Some("local");
    let directory = (!model.target.base.is_empty()).then(|| TargetPath::new(&model.target.base));
    let host = |host: &crate::definition::batou::model::Host| Host {
        name: host.name.as_str().into(),
        ignored: host.ignore,
        directory: directory.clone(),
        service_user: host.service_user.clone().or_else(|| model.settings.service_user.clone()),
        local,
    };
    model.hosts.iter().map(host).collect()
}

/// The one deployer of all units: batou deploys an environment as a whole.
fn deployer(model: &BatouModel, project: &Project) -> Deployer {
    let program = match project.launcher {
        Launcher::Own => "./batou",
        Launcher::Installed => "batou",
    };
    let command = Command::at(Place::Control, [program, "deploy", &model.environment]);
    let command = match &project.directory {
        Some(directory) => command.in_directory(directory),
        None => command,
    };
    Deployer {
        id: deployer_id(),
        tool: "batou".into(),
        commands: vec![command],
        aborts_on_first_failure: true,
        parts: BTreeMap::new(),
        one_by_one: false,
    }
}

pub(super) fn deployer_id() -> DeployerId {
    "batou".into()
}

/// One root: its unit, and everything that its components claim.
fn deploy(model: &BatouModel, project: &Project, root: &Root, manifest: &mut Manifest) {
    let id = UnitId::from(root.id.clone());
    let workdir = TargetPath::new(&root.workdir);
    manifest.units.push(Unit {
        id: id.clone(),
        host: root.host.as_str().into(),
        kind: UnitKind::BatouRoot,
        name: root.name.clone(),
        origin: root.origin(),
        directory: Some(workdir.clone()),
        parent: None,
        deployer: Some(deployer_id()),
        opaque: incomplete(root),
    });
    let host: HostName = root.host.as_str().into();
    manifest.look.push(Look::new(&host, workdir.clone(), Depth::Whole));
    let mut claims = Claims::default();
    claims.put(workdir, directory_of_root(&id, root));
    let context = Context { model, project, root, host: host.clone(), unit: id, claims: &mut claims, manifest };
    if let Some(tree) = &root.tree {
        walk(tree, context);
    }
    for (path, claim) in claims.into_entries() {
        let artifact = claim.into_artifact(host.clone(), path, manifest);
        manifest.artifacts.push(artifact);
    }
}

/// Why a root's picture has gaps, if it has.
fn incomplete(root: &Root) -> Option<Why> {
    // Of the static reader: what batou would say is not known.
    if root.incomplete {
        return Some(Why::new(WhyKind::NotModelled, "it was read without running batou"));
    }
    let whole = root.tree.is_some() && root.configured;
    (!whole).then(|| Why::new(WhyKind::BrokenDefinition, "batou could not configure it to the end"))
}

/// What is left to do in a walk over a tree, last first.
enum Open<'n> {
    /// Begin a component.
    Enter(&'n Node),
    /// Its sub-components are done: it is its own turn.
    Leave(&'n Node),
    /// Go back to this unit.
    Unit(UnitId),
}

/// Has every component claim what it makes, in the order of deployment: sub-components before their component.
fn walk(tree: &Node, mut context: Context<'_>) {
    let top = context.unit.clone();
    let mut before: Option<UnitId> = None;
    let mut open = vec![Open::Enter(tree)];
    while let Some(next) = open.pop() {
        match next {
            Open::Unit(unit) => context.unit = unit,
            Open::Leave(node) => components::component_of(node).expect(node, &mut context),
            Open::Enter(node) => {
                let outer = context.unit.clone();
                if let Some(kind) = components::component_of(node).unit(node).filter(|_| !std::ptr::eq(node, tree)) {
                    context.unit = add_unit(kind, node, &mut context);
                    if outer == top
                        && let Some(earlier) = before.replace(context.unit.clone())
                    {
                        context.manifest.edges.push(in_order(&context.unit, &earlier));
                    }
                }
                open.push(Open::Unit(outer));
                open.push(Open::Leave(node));
                open.extend(node.children.iter().rev().map(Open::Enter));
            }
        }
    }
}

/// A component as a unit of its own inside the current one.
fn add_unit(kind: UnitKind, node: &Node, context: &mut Context<'_>) -> UnitId {
    let name = node.breadcrumb.split_once(" > ").map_or(node.breadcrumb.as_str(), |(_, rest)| rest).to_owned();
    let root = UnitId::from(context.root.id.clone());
    let wanted = match (kind, &node.path) {
        (UnitKind::Buildout, _) => root.within("#buildout"),
        // The place tells clones of one repository apart, and a URL may hold a password.
        (UnitKind::Checkout, Some(path)) => root.within(format!("+checkout:{}", place(path, context))),
        _ => root.within(format!("+{name}")),
    };
    let known = |id: &UnitId| context.manifest.units.iter().any(|unit| unit.id == *id);
    let numbered = (2..).map(|number| wanted.within(format!("~{number}")));
    let id = std::iter::once(wanted.clone()).chain(numbered).find(|id| !known(id)).expect("numbers do not end");
    context.manifest.units.push(Unit {
        id: id.clone(),
        host: context.host.clone(),
        kind,
        name,
        origin: node.origin(),
        directory: node.workdir.as_ref().map(TargetPath::new),
        parent: Some(context.unit.clone()),
        deployer: Some(deployer_id()),
        opaque: None,
    });
    id
}

/// A path as seen from the root's working directory.
fn place(path: &str, context: &Context<'_>) -> String {
    let path = TargetPath::new(path);
    let workdir = TargetPath::new(&context.root.workdir);
    path.relative_to(&workdir).map_or_else(|| path.to_string(), |inner| String::from_utf8_lossy(inner).into_owned())
}

/// batou deploys a root's components one after the other.
fn in_order(later: &UnitId, earlier: &UnitId) -> Edge {
    Edge { from: later.clone(), to: earlier.clone(), kind: EdgeKind::DeployOrder, label: String::new() }
}

/// What roots need of each other. `reverse` turns an edge around: the requirer is deployed first.
fn requirements(model: &BatouModel) -> Vec<Edge> {
    let known: BTreeSet<&str> = deployed(model).map(|root| root.id.as_str()).collect();
    let edge = |from: &str, to: &str, label: &str| {
        let usable = from != to && known.contains(from) && known.contains(to);
        let (from, to) = (UnitId::from(from), UnitId::from(to));
        usable.then(|| Edge { from, to, kind: EdgeKind::Requires, label: label.to_owned() })
    };
    let resource = model.edges.iter().filter_map(|resource| {
        let provider = resource.provider.as_deref()?;
        if resource.reverse {
            edge(provider, &resource.requirer, &resource.key)
        } else {
            edge(&resource.requirer, provider, &resource.key)
        }
    });
    let mut edges: Vec<Edge> = resource.collect();
    let explained: BTreeSet<(UnitId, UnitId)> = edges.iter().map(|e| (e.from.clone(), e.to.clone())).collect();
    for (root, needed) in &model.dependencies {
        let more = needed.iter().filter_map(|other| edge(root, other, ""));
        edges.extend(more.filter(|e| !explained.contains(&(e.from.clone(), e.to.clone()))));
    }
    edges
}

/// Has a scan look at single paths that lie in no directory it walks.
fn look_outside(manifest: &mut Manifest) {
    let mut whole: BTreeMap<&HostName, Vec<&TargetPath>> = BTreeMap::new();
    for look in manifest.look.iter().filter(|look| look.depth == Depth::Whole || look.depth == Depth::Checkout) {
        whole.entry(&look.host).or_default().push(&look.path);
    }
    let covered = |host: &HostName, path: &TargetPath| {
        whole.get(host).is_some_and(|walked| walked.iter().any(|directory| path.is_below(directory)))
    };
    let outside = manifest.artifacts.iter().filter(|artifact| !covered(&artifact.host, &artifact.path));
    let single: Vec<Look> =
        outside.map(|artifact| Look::new(&artifact.host, artifact.path.clone(), Depth::Itself)).collect();
    manifest.look.extend(single);
}

#[cfg(test)]
mod tests;
