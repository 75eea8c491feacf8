//! The graph of units as text tree, DOT, Mermaid or JSON.

use super::escape::plain;
use crate::model::manifest::Manifest;
use crate::model::unit::{Edge, EdgeKind, Unit, UnitId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A form of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Graphviz.
    Dot,
    /// For programs.
    Json,
    /// For Markdown.
    Mermaid,
    /// For people: what contains what, and what each needs.
    Text,
}

impl Form {
    /// Every form with its name, sorted.
    pub const ALL: [(&'static str, Self); 4] =
        [("dot", Self::Dot), ("json", Self::Json), ("mermaid", Self::Mermaid), ("text", Self::Text)];
}

/// Which units to show.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// The units that are marked.
    pub damaged: BTreeSet<UnitId>,
    /// Whether to show only the marked ones, what contains them and who needs them directly.
    pub only: Only,
}

/// Whether to leave units out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Only {
    /// All units.
    #[default]
    Everything,
    /// The damaged ones with their surroundings.
    Damaged,
}

/// The graph of a manifest.
pub fn render(manifest: &Manifest, selection: &Selection, form: Form) -> String {
    let shown = shown(manifest, selection);
    let units: Vec<&Unit> = manifest.units.iter().filter(|unit| shown.contains(&unit.id)).collect();
    let visible =
        |edge: &&Edge| edge.kind != EdgeKind::Contains && shown.contains(&edge.from) && shown.contains(&edge.to);
    let edges: Vec<&Edge> = manifest.edges.iter().filter(visible).collect();
    let picture = Picture { units, edges, damaged: &selection.damaged };
    match form {
        Form::Dot => picture.dot(),
        Form::Json => picture.json(),
        Form::Mermaid => picture.mermaid(),
        Form::Text => picture.text(),
    }
}

fn shown(manifest: &Manifest, selection: &Selection) -> BTreeSet<UnitId> {
    if selection.only == Only::Everything {
        return manifest.units.iter().map(|unit| unit.id.clone()).collect();
    }
    let mut shown = selection.damaged.clone();
    let users = manifest.edges.iter().filter(|edge| selection.damaged.contains(&edge.to));
    shown.extend(users.map(|edge| edge.from.clone()));
    for id in shown.clone() {
        let mut inner = id;
        while let Some(parent) = manifest.unit(&inner).and_then(|unit| unit.parent.clone()) {
            if !shown.insert(parent.clone()) {
                break;
            }
            inner = parent;
        }
    }
    shown
}

struct Picture<'a> {
    units: Vec<&'a Unit>,
    edges: Vec<&'a Edge>,
    damaged: &'a BTreeSet<UnitId>,
}

#[derive(Serialize)]
struct Node<'a> {
    #[serde(flatten)]
    unit: &'a Unit,
    damaged: bool,
}

#[derive(Serialize)]
struct Json<'a> {
    units: Vec<Node<'a>>,
    edges: &'a [&'a Edge],
}

impl Picture<'_> {
    fn json(&self) -> String {
        let nodes = self.units.iter().map(|unit| Node { unit, damaged: self.damaged.contains(&unit.id) });
        let json = Json { units: nodes.collect(), edges: &self.edges };
        let mut text = serde_json::to_string_pretty(&json).expect("a graph is JSON");
        text.push('\n');
        text
    }

    fn dot(&self) -> String {
        let mut out = String::from("digraph rectify {\n  rankdir=LR;\n  node [shape=box];\n");
        for unit in &self.units {
            let style = if self.damaged.contains(&unit.id) { ", style=bold, color=red" } else { "" };
            let label = format!("{}\\n{}", dot_escape(&unit.name), dot_escape(&unit.host.0));
            out.push_str(&format!("  \"{}\" [label=\"{label}\"{style}];\n", dot_escape(&unit.id.0)));
        }
        for edge in &self.edges {
            let (from, to, label) = (dot_escape(&edge.from.0), dot_escape(&edge.to.0), dot_escape(&edge.label));
            out.push_str(&format!("  \"{from}\" -> \"{to}\" [label=\"{label}\"];\n"));
        }
        out.push_str("}\n");
        out
    }

    fn mermaid(&self) -> String {
        let numbers: BTreeMap<&UnitId, usize> =
            self.units.iter().enumerate().map(|(index, unit)| (&unit.id, index)).collect();
        let mut out = String::from("graph LR\n");
        for (index, unit) in self.units.iter().enumerate() {
            let mark = if self.damaged.contains(&unit.id) { ":::damaged" } else { "" };
            let label = format!("{}<br>{}", mermaid_escape(&unit.name), mermaid_escape(&unit.host.0));
            out.push_str(&format!("  n{index}[\"{label}\"]{mark}\n"));
        }
        for edge in &self.edges {
            let (from, to) = (numbers[&edge.from], numbers[&edge.to]);
            let label =
                if edge.label.is_empty() { String::new() } else { format!("|\"{}\"|", mermaid_escape(&edge.label)) };
            out.push_str(&format!("  n{from} -->{label} n{to}\n"));
        }
        if self.units.iter().any(|unit| self.damaged.contains(&unit.id)) {
            out.push_str("  classDef damaged stroke:#c00,stroke-width:3px\n");
        }
        out
    }

    fn text(&self) -> String {
        let mut children: BTreeMap<Option<&UnitId>, Vec<&Unit>> = BTreeMap::new();
        let known: BTreeSet<&UnitId> = self.units.iter().map(|unit| &unit.id).collect();
        for unit in &self.units {
            children.entry(unit.parent.as_ref().filter(|id| known.contains(id))).or_default().push(unit);
        }
        let mut out = String::new();
        let mut host = None;
        // A stack instead of recursion: a broken manifest may nest as deep as it likes.
        let mut stack: Vec<(usize, &Unit)> =
            children.get(&None).into_iter().flatten().rev().map(|unit| (0, *unit)).collect();
        while let Some((depth, unit)) = stack.pop() {
            if depth == 0 && host != Some(&unit.host) {
                host = Some(&unit.host);
                out.push_str(&format!("{}\n", plain(&unit.host.0)));
            }
            out.push_str(&self.line(depth, unit));
            stack.extend(children.get(&Some(&unit.id)).into_iter().flatten().rev().map(|child| (depth + 1, *child)));
        }
        out
    }

    fn line(&self, depth: usize, unit: &Unit) -> String {
        let mark = if self.damaged.contains(&unit.id) { "! " } else { "" };
        let needs: BTreeSet<&str> =
            self.edges.iter().filter(|edge| edge.from == unit.id).map(|edge| &*edge.to.0).collect();
        let needs: Vec<_> = needs.into_iter().map(plain).collect();
        let needs = if needs.is_empty() { String::new() } else { format!("  needs {}", needs.join(", ")) };
        let opaque = if unit.opaque.is_some() { "  (?)" } else { "" };
        format!("{}{mark}{}{opaque}{needs}\n", "  ".repeat(depth.min(40) + 1), plain(&unit.name))
    }
}

fn dot_escape(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('"', "\\\"")
}

fn mermaid_escape(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('"', "#quot;").replace('<', "&lt;").replace('>', "&gt;")
}
