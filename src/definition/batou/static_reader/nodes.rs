//! A literal declaration as the component that batou would make of it (batou/lib/file.py, download.py, buildout.py).

use super::code::{Argument, Declaration};
use super::place::Paths;
use crate::definition::batou::model::{Input, Node, NodeContent, Site};
use crate::definition::batou::sources::KEEP;
use crate::io::files;
use crate::model::path::TargetPath;
use serde_json::{Value, json};
use std::path::{Component, Path};

/// What surrounds the declarations of one root.
pub(super) struct Around<'a> {
    /// The checkout.
    pub(super) project: &'a Path,
    /// The directory of the component, relative to the project.
    pub(super) defdir: &'a str,
    /// The project on the target.
    pub(super) base: &'a TargetPath,
    /// Where paths lead.
    pub(super) paths: Paths<'a>,
    /// The component's file, relative to the project.
    pub(super) file: &'a str,
    /// Breadcrumb of the root.
    pub(super) breadcrumb: &'a str,
}

/// The component, and what was read for it; `None` if its place cannot be told.
pub(super) fn node(declared: &Declaration, around: &Around<'_>, inputs: &mut Vec<Input>) -> Option<Node> {
    match declared.kind {
        "File" | "BinaryFile" => file(declared, around, inputs),
        "Directory" => directory(declared, around),
        "Symlink" => symlink(declared, around),
        "Purge" => Some(plain(declared, around, "Purge", Some(around.paths.map(&declared.name)?))),
        "Download" => download(declared, around),
        "Buildout" => buildout(declared, around, inputs),
        _ => None,
    }
}

/// A component without sub-components, with its literal arguments as attributes.
fn plain(declared: &Declaration, around: &Around<'_>, kind: &str, path: Option<TargetPath>) -> Node {
    let class = |kind: &str| {
        format!(
            "batou.lib.{}.{kind}",
            if kind == "Download" || kind == "Buildout" { kind.to_lowercase() } else { "file".into() }
        )
    };
    Node {
        kind: kind.to_owned(),
        class: class(if kind == "File" { declared.kind } else { kind }),
        known_as: Some(class(if kind == "Content" { "ManagedContentBase" } else { kind })),
        breadcrumb: format!("{} > {kind}('{}')", around.breadcrumb, declared.name),
        workdir: Some(around.paths.workdir.display().into_owned()),
        declared_at: vec![Site { file: around.file.to_owned(), line: Some(declared.line) }],
        prepared: true,
        path: path.map(|path| path.display().into_owned()),
        attributes: declared.arguments.iter().map(|(name, value)| (name.clone(), json_of(value))).collect(),
        ..Node::default()
    }
}

fn json_of(value: &Argument) -> Value {
    match value {
        Argument::Text(text) => json!(text),
        Argument::Number(number) => json!(number),
        Argument::Flag(flag) => json!(flag),
        Argument::None => Value::Null,
        Argument::Computed => json!({"unknown": "static"}),
    }
}

fn is_false(value: Option<&Argument>) -> bool {
    match value {
        None | Some(Argument::None | Argument::Flag(false) | Argument::Number(0)) => true,
        Some(Argument::Text(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// What a component of the same name, path and place holds itself.
fn part(
    declared: &Declaration,
    around: &Around<'_>,
    kind: &str,
    path: &TargetPath,
    attributes: &[(&str, Value)],
) -> Node {
    let mut node = plain(declared, around, kind, Some(path.clone()));
    node.attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    node
}

fn file(declared: &Declaration, around: &Around<'_>, inputs: &mut Vec<Input>) -> Option<Node> {
    let argument = |name: &str| declared.arguments.get(name);
    if argument("ensure").is_some_and(|ensure| *ensure != Argument::Text("file".into())) {
        return None;
    }
    // `path` may be given by keyword only together with no positional one; then it is not understood anyway.
    let path = around.paths.map(&declared.name).filter(|_| !declared.arguments.contains_key("path"))?;
    let mut node = plain(declared, around, "File", Some(path.clone()));
    let mode = mode(argument("mode"));
    node.attributes.insert("ensure".into(), json!("file"));
    node.attributes.insert("mode".into(), mode.clone());
    let content = content(declared, around, &path, inputs);
    node.attributes.insert("manages_content".into(), json!(content.is_some()));
    node.children.push(part(
        declared,
        around,
        "Presence",
        &path,
        &[("leading", argument("leading").map_or(json!(false), json_of))],
    ));
    if !is_false(argument("mode")) {
        node.children.push(part(declared, around, "Mode", &path, &[("mode", mode)]));
    }
    if let Some(content) = content {
        let renderer = match is_template(declared) {
            Argument::Flag(true) => json!("template"),
            Argument::Flag(false) => json!("verbatim"),
            _ => json!({"unknown": "static"}),
        };
        let sensitive = argument("sensitive_data").map_or(Value::Null, json_of);
        let mut child =
            part(declared, around, "Content", &path, &[("sensitive_data", sensitive), ("renderer", renderer)]);
        child.content = Some(content);
        node.children.push(child);
    }
    for (kind, name) in [("Owner", "owner"), ("Group", "group")] {
        if !is_false(argument(name)) {
            let value = argument(name).map_or(Value::Null, json_of);
            node.children.push(part(declared, around, kind, &path, &[(name, value)]));
        }
    }
    node.attributes.remove("content");
    Some(node)
}

/// The mode as a number, as the probe gives it.
fn mode(value: Option<&Argument>) -> Value {
    match value {
        Some(Argument::Number(mode)) => json!(mode),
        Some(Argument::Text(text)) => match i64::from_str_radix(text, 8) {
            Ok(mode) => json!(mode),
            Err(_) => json!({"unknown": "static"}),
        },
        None | Some(Argument::None | Argument::Flag(_)) => Value::Null,
        Some(Argument::Computed) => json!({"unknown": "static"}),
    }
}

/// What is written; `None` if the content is not managed.
fn content(
    declared: &Declaration,
    around: &Around<'_>,
    path: &TargetPath,
    inputs: &mut Vec<Input>,
) -> Option<NodeContent> {
    let argument = |name: &str| declared.arguments.get(name);
    let secret = !is_false(argument("sensitive_data"));
    let unknown = || Some(NodeContent { secret, ..NodeContent::unknown("static") });
    let binary = declared.kind == "BinaryFile";
    let own_rules = ["encoding", "is_template"].iter().any(|name| {
        let usual = [Argument::Text("utf-8".into()), Argument::Flag(true), Argument::Flag(false)];
        argument(name).is_some_and(|value| !usual.contains(value))
    });
    if own_rules || (binary && argument("encoding").is_some()) {
        return unknown();
    }
    let bytes = match (argument("content"), argument("source")) {
        (Some(Argument::Text(text)), source) if is_false(source) => {
            if text.is_empty() {
                return None;
            }
            text.clone().into_bytes()
        }
        (None | Some(Argument::None), source) => {
            let name = match source {
                Some(Argument::Text(name)) if !name.is_empty() => name.clone(),
                source if is_false(source) => String::from_utf8(path.name().to_vec()).ok()?,
                _ => return unknown(),
            };
            let Some(relative) = below(around.defdir, &name) else { return unknown() };
            match files::read(&around.project.join(&relative)) {
                Ok(bytes) => {
                    let digest = NodeContent::of_bytes(&bytes).sha256.unwrap_or_default();
                    inputs.push(Input { path: relative, sha256: digest });
                    bytes
                }
                Err(_) => return Some(NodeContent { secret, ..NodeContent::unknown("source") }),
            }
        }
        _ => return unknown(),
    };
    let template = is_template(declared) != Argument::Flag(false);
    let as_it_is = match (binary, template) {
        (true, false) => true,
        (false, false) => is_plain_text(&bytes),
        (_, true) => is_plain_text(&bytes) && !has_jinja(&bytes),
    };
    if !as_it_is {
        return unknown();
    }
    let mut content = NodeContent { secret, ..NodeContent::of_bytes(&bytes) };
    if secret || bytes.len() as u64 > KEEP {
        content.b64 = None;
    }
    Some(content)
}

/// Whether the content is rendered by Jinja2, by the class's default where nothing is said.
fn is_template(declared: &Declaration) -> Argument {
    let default = Argument::Flag(declared.kind != "BinaryFile");
    declared.arguments.get("is_template").cloned().unwrap_or(default)
}

/// Whether reading the bytes as text and writing them again gives the same: UTF-8 with plain line ends.
fn is_plain_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && !bytes.contains(&b'\r')
}

/// Whether there may be anything for Jinja2 to do, with batou's settings (batou/template.py).
fn has_jinja(bytes: &[u8]) -> bool {
    [&b"{{"[..], b"{%", b"{#", b"@@"].into_iter().any(|mark| memchr::memmem::find(bytes, mark).is_some())
}

/// `name` seen from a directory of the project, if it is a plain path below it.
fn below(directory: &str, name: &str) -> Option<String> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let directory = Path::new(directory).join(name);
    plain.then(|| directory.components().collect::<std::path::PathBuf>().to_str().map(str::to_owned)).flatten()
}

fn directory(declared: &Declaration, around: &Around<'_>) -> Option<Node> {
    let path = around.paths.map(&declared.name)?;
    let mut node = plain(declared, around, "Directory", Some(path.clone()));
    let source = declared.arguments.get("source");
    if is_false(source) {
        return Some(node);
    }
    let source = match source {
        Some(Argument::Text(name)) => below(around.defdir, name).map(|relative| around.base.join(relative)),
        _ => None,
    };
    let source = source.map_or(json!({"unknown": "static"}), |source| json!(source.display()));
    // The list is empty, or computed: tuples and lists are not read.
    let exclude = declared.arguments.get("exclude").map_or(json!([]), json_of);
    node.children.push(part(declared, around, "SyncDirectory", &path, &[("source", source), ("exclude", exclude)]));
    Some(node)
}

fn symlink(declared: &Declaration, around: &Around<'_>) -> Option<Node> {
    let mut node = plain(declared, around, "Symlink", Some(around.paths.map(&declared.name)?));
    let source = match declared.arguments.get("source") {
        Some(Argument::Text(source)) => around.paths.map(source),
        _ => None,
    };
    let source = source.map_or(json!({"unknown": "static"}), |source| json!(source.display()));
    node.attributes.insert("source".into(), source);
    node.attributes.insert("target".into(), json!(node.path));
    Some(node)
}

fn download(declared: &Declaration, around: &Around<'_>) -> Option<Node> {
    let target = match declared.arguments.get("target") {
        Some(Argument::Text(target)) if !target.is_empty() => target.clone(),
        target if is_false(target) => {
            let path = declared.name.split(['?', '#']).next()?;
            path.rsplit('/').next().filter(|name| !name.is_empty() && path.contains("://"))?.to_owned()
        }
        _ => return None,
    };
    // Not mapped: relative to the work directory, and `~` means itself (batou/lib/download.py).
    let mut node = plain(declared, around, "Download", Some(around.paths.workdir.join(&target)));
    node.attributes.insert("uri".into(), json!(declared.name));
    if let Some(Argument::Text(checksum)) = declared.arguments.get("checksum") {
        let (function, hex) = checksum.split_once(':')?;
        node.attributes.insert("checksum_function".into(), json!(function));
        node.attributes.insert("checksum".into(), json!(hex));
    }
    Some(node)
}

fn buildout(declared: &Declaration, around: &Around<'_>, inputs: &mut Vec<Input>) -> Option<Node> {
    // With a configuration of its own, nothing that matters is literal any more.
    if ["config", "use_default", "additional_config", "config_file_name"]
        .iter()
        .any(|name| declared.arguments.contains_key(*name))
    {
        return None;
    }
    let default = Declaration { kind: "File", name: "buildout.cfg".into(), arguments: [].into(), line: declared.line };
    let config = file(&default, around, inputs)?;
    let mut node = plain(declared, around, "Buildout", None);
    node.attributes.insert("config_file_name".into(), json!(config.path));
    node.attributes.insert("config_file".into(), json!(config.path));
    node.attributes.insert("config_files".into(), json!([config.path]));
    node.children.push(config);
    Some(node)
}
