//! The static way: literal declarations only, for when the project's batou cannot be run.
//!
//! Takes the environment as declared and the text of the component files; gives the same model as the exact way, with
//! every root marked incomplete. It never says anything wrong: what is not understood for certain is left out and
//! counted, or unknown. It executes nothing.
//!
//! Deliberately not here: secrets, overrides, dependencies (they are made by code), and anything that is computed.

mod code;
mod nodes;
mod place;

use super::components::Components;
use super::environment::{Assignment, Environment, Host};
use super::model::{self, BatouModel, Input, Node, NodeContent, Override, Root, Secrets, Settings, Site};
use crate::model::{code::STATIC_ONLY, diagnostic::Diagnostic, manifest::Evaluation, origin::Origin, path::TargetPath};
use code::{Class, Code};
use nodes::Around;
use place::Paths;
use std::collections::BTreeMap;
use std::path::Path;

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct Static<'a> {
    /// The checkout.
    pub project: &'a Path,
    /// Its environment.
    pub environment: &'a Environment,
    /// Its component files.
    pub components: &'a Components,
    /// Where the deployment is on the target, if the definition does not tell.
    pub target_base: Option<&'a str>,
    /// Home directory of the service user on the target.
    pub target_home: Option<&'a str>,
}

/// Reads what is literal.
pub fn load(what: &Static<'_>) -> (BatouModel, Vec<Diagnostic>) {
    let target = place::target(what.project, what.environment, what.target_base, what.target_home);
    let mut reader = Reader {
        what,
        codes: codes(what.components),
        base: TargetPath::new(&target.base),
        inputs: Vec::new(),
        skipped: 0,
    };
    let roots = reader.roots(target.home.as_deref().filter(|_| target.base_source == "target_home"));
    let told = reader.summary(&roots);
    let mut inputs = reader.inputs;
    inputs.extend(what.components.files.iter().map(|(file, text)| input(file, text.as_bytes())));
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    inputs.dedup();
    let model = BatouModel {
        evaluation: Evaluation::Static,
        environment: what.environment.name.clone(),
        settings: settings(what.environment, &reader.base),
        hosts: what.environment.hosts.iter().map(host).collect(),
        components_defined: what.components.defined.iter().map(|(name, at)| (name.clone(), site(at))).collect(),
        secrets: Secrets { status: "unread".into(), ..Secrets::default() },
        target,
        roots,
        inputs,
        ..BatouModel::default()
    };
    (model, told)
}

/// One file's digest.
pub(super) fn input(path: &str, bytes: &[u8]) -> Input {
    Input { path: path.to_owned(), sha256: NodeContent::of_bytes(bytes).sha256.unwrap_or_default() }
}

fn codes(components: &Components) -> BTreeMap<String, Code> {
    let read = |(file, text): (&String, &String)| Some((file.clone(), code::read(text)?));
    components.files.iter().filter_map(read).collect()
}

struct Reader<'a> {
    what: &'a Static<'a>,
    /// By file.
    codes: BTreeMap<String, Code>,
    base: TargetPath,
    inputs: Vec<Input>,
    skipped: usize,
}

impl Reader<'_> {
    fn roots(&mut self, home: Option<&str>) -> Vec<Root> {
        let what = self.what;
        let mut roots = Vec::new();
        for host in &what.environment.hosts {
            for assignment in &host.components {
                roots.push(self.root(host, assignment, home));
            }
        }
        roots.sort_by(|a, b| a.id.cmp(&b.id));
        roots
    }

    fn root(&mut self, host: &Host, assignment: &Assignment, home: Option<&str>) -> Root {
        let name = &assignment.component;
        let workdir = self.base.join("work").join(name);
        let overrides = self.what.environment.overrides.get(name);
        let mut root = Root {
            id: format!("{}/{name}", host.name),
            host: host.name.clone(),
            name: name.clone(),
            features: serde_json::json!(assignment.features),
            ignore: assignment.ignore,
            workdir: workdir.display().into_owned(),
            assigned_at: Some(site(&assignment.origin)),
            overrides: overrides.into_iter().flatten().map(|(key, at)| overridden(key, at)).collect(),
            incomplete: true,
            ..Root::default()
        };
        let Some((file, class)) = self.class(name) else { return root };
        let defdir = file.trim_end_matches("/component.py").to_owned();
        root.class = format!("{}.{}", defdir.rsplit('/').next().unwrap_or(""), class.name);
        root.defdir = self.base.join(&defdir).display().into_owned();
        root.declared_at = Some(Site { file: file.clone(), line: Some(class.line) });
        // An override may be of `workdir` or of anything else that decides about paths.
        let moved = overrides.is_some_and(|overrides| overrides.contains_key("workdir"));
        let class = if moved { Class { declarations: Vec::new(), ..class } } else { class };
        let paths = Paths { workdir, work: self.base.join("work"), home, vfs: self.what.environment.vfs.as_ref() };
        let around = Around {
            project: self.what.project,
            defdir: &defdir,
            base: &self.base,
            paths,
            file: &file,
            breadcrumb: &class.name,
        };
        let mut children = Vec::new();
        self.skipped += class.skipped;
        for declared in &class.declarations {
            match nodes::node(declared, &around, &mut self.inputs) {
                Some(node) => children.push(node),
                None => self.skipped += 1,
            }
        }
        root.tree = Some(tree(&root, class.name.clone(), children));
        root
    }

    /// The file and class of a component, if it is certain which one it is.
    fn class(&self, name: &str) -> Option<(String, Class)> {
        let mut found = None;
        for (file, code) in &self.codes {
            if code.imported.iter().any(|imported| imported == name) {
                return None;
            }
            if let Some(class) = code.classes.get(name) {
                if found.is_some() {
                    return None;
                }
                let declarations = class.declarations.iter().map(|d| code::Declaration {
                    arguments: d.arguments.clone(),
                    name: d.name.clone(),
                    ..*d
                });
                let class = Class { name: class.name.clone(), declarations: declarations.collect(), ..*class };
                found = Some((file.clone(), class));
            }
        }
        // A file that is not understood may define it, too.
        found.filter(|_| self.codes.len() == self.what.components.files.len())
    }

    fn summary(&self, roots: &[Root]) -> Vec<Diagnostic> {
        let nodes = roots.iter().filter_map(|root| root.tree.as_ref()).map(|tree| tree.children.len());
        let (read, without) = (nodes.sum::<usize>(), roots.iter().filter(|root| root.tree.is_none()).count());
        let text = format!(
            "read without running batou: {read} literal declarations in {} roots; {} declarations are computed and {without} roots are not understood",
            roots.len(),
            self.skipped
        );
        let file = format!("environments/{}/environment.cfg", self.what.environment.name);
        vec![
            Diagnostic::warning(STATIC_ONLY, text)
                .at(Origin::file(file))
                .hint("make the project's batou available, or name its Python"),
        ]
    }
}

/// The root component itself, its parts numbered in the order of deployment.
fn tree(root: &Root, name: String, children: Vec<Node>) -> Node {
    let mut tree = Node {
        kind: "Container".into(),
        class: root.class.clone(),
        breadcrumb: name,
        workdir: Some(root.workdir.clone()),
        prepared: true,
        children,
        ..Node::default()
    };
    number(&mut tree, &mut 0);
    tree
}

/// Depth is three at most.
fn number(node: &mut Node, last: &mut u64) {
    for child in &mut node.children {
        number(child, last);
    }
    *last += 1;
    node.order = Some(*last);
}

fn overridden(key: &str, at: &Origin) -> Override {
    Override { key: key.to_owned(), origin: "environment".into(), at: Some(site(at)) }
}

fn site(origin: &Origin) -> Site {
    Site { file: origin.file.to_string(), line: origin.line }
}

fn host(host: &Host) -> model::Host {
    model::Host {
        name: host.name.clone(),
        fqdn: host.fqdn.clone(),
        ignore: host.ignore,
        platform: host.platform.clone(),
        service_user: host.service_user.clone(),
        data_keys: host.data_keys.clone(),
        dynamic_name: host.dynamic_name,
        at: Some(site(&host.origin)),
    }
}

fn settings(environment: &Environment, base: &TargetPath) -> Settings {
    let get = |key| environment.setting(key).map(str::to_owned);
    Settings {
        service_user: get("service_user"),
        require_sudo: get("require_sudo"),
        host_domain: get("host_domain"),
        branch: get("branch"),
        connect_method: get("connect_method"),
        update_method: get("update_method"),
        platform: get("platform"),
        timeout: get("timeout"),
        target_directory: get("target_directory"),
        jobs: get("jobs"),
        repository_url: get("repository_url"),
        repository_root: get("repository_root"),
        deployment_base: None,
        base_dir: Some(base.display().into_owned()),
        workdir_base: Some(base.join("work").display().into_owned()),
    }
}
