//! The graph of units, on petgraph: order of work, waves and cycles.

use super::unit::{Edge, EdgeKind, UnitId};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::collections::{BTreeMap, BTreeSet};

/// Who needs whom. An edge goes from the unit that needs to the unit that is needed.
#[derive(Debug, Clone)]
pub struct Graph {
    graph: DiGraph<UnitId, (EdgeKind, String)>,
    nodes: BTreeMap<UnitId, NodeIndex>,
}

impl Graph {
    /// The graph of these units and edges; edges to units that are not given are left out.
    pub fn new<'a>(units: impl IntoIterator<Item = &'a UnitId>, edges: &[Edge]) -> Self {
        let mut graph = DiGraph::new();
        let nodes: BTreeMap<UnitId, NodeIndex> = units
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|id| (id.clone(), graph.add_node(id.clone())))
            .collect();
        for edge in edges {
            if let (Some(&from), Some(&to)) = (nodes.get(&edge.from), nodes.get(&edge.to)) {
                graph.add_edge(from, to, (edge.kind, edge.label.clone()));
            }
        }
        Self { graph, nodes }
    }

    /// The units, sorted.
    pub fn units(&self) -> impl Iterator<Item = &UnitId> {
        self.nodes.keys()
    }

    /// The units that `unit` needs directly, sorted, each once.
    pub fn needs(&self, unit: &UnitId) -> BTreeSet<&UnitId> {
        let Some(&node) = self.nodes.get(unit) else { return BTreeSet::new() };
        self.graph.edges(node).map(|edge| &self.graph[edge.target()]).filter(|id| *id != unit).collect()
    }

    /// The cycles: each list begins with its smallest unit, each unit needs the next, the last needs the first.
    pub fn cycles(&self) -> Vec<Vec<UnitId>> {
        let mut cycles: Vec<Vec<UnitId>> = petgraph::algo::tarjan_scc(&self.graph)
            .into_iter()
            .filter(|component| component.len() > 1 || self.graph.contains_edge(component[0], component[0]))
            .map(|component| self.cycle_in(&component))
            .collect();
        cycles.sort();
        cycles
    }

    /// A shortest cycle through the smallest unit of a strongly connected component.
    fn cycle_in(&self, component: &[NodeIndex]) -> Vec<UnitId> {
        let members: BTreeSet<NodeIndex> = component.iter().copied().collect();
        let start = component.iter().copied().min_by_key(|node| &self.graph[*node]);
        let Some(start) = start else { return Vec::new() };
        let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            let mut next: Vec<NodeIndex> = self.graph.neighbors(node).filter(|to| members.contains(to)).collect();
            next.sort_by_key(|to| &self.graph[*to]);
            for to in next {
                if to == start {
                    return self.path_back(&came_from, start, node);
                }
                came_from.entry(to).or_insert_with(|| {
                    queue.push_back(to);
                    node
                });
            }
        }
        Vec::new()
    }

    fn path_back(&self, came_from: &BTreeMap<NodeIndex, NodeIndex>, start: NodeIndex, end: NodeIndex) -> Vec<UnitId> {
        let mut path = vec![self.graph[end].clone()];
        let mut node = end;
        while node != start {
            node = came_from[&node];
            path.push(self.graph[node].clone());
        }
        path.reverse();
        path
    }

    /// The units wave by wave: what a unit needs is in an earlier wave. Units of a cycle share the wave in which
    /// the cycle could begin. Within a wave: by id.
    pub fn waves(&self) -> Vec<Vec<UnitId>> {
        // Components come in reverse topological order of our edges: what is needed comes first.
        let components = petgraph::algo::tarjan_scc(&self.graph);
        let mut wave_of: BTreeMap<NodeIndex, usize> = BTreeMap::new();
        let mut waves: Vec<Vec<UnitId>> = Vec::new();
        for component in components {
            let members: BTreeSet<NodeIndex> = component.iter().copied().collect();
            let wave = component
                .iter()
                .flat_map(|node| self.graph.neighbors(*node))
                .filter(|to| !members.contains(to))
                .map(|to| wave_of[&to] + 1)
                .max()
                .unwrap_or(0);
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            for node in component {
                wave_of.insert(node, wave);
                waves[wave].push(self.graph[node].clone());
            }
        }
        for wave in &mut waves {
            wave.sort();
        }
        waves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let units: Vec<UnitId> = edges.iter().flat_map(|(a, b)| [UnitId::from(*a), UnitId::from(*b)]).collect();
        let edges: Vec<Edge> = edges
            .iter()
            .map(|(from, to)| Edge {
                from: (*from).into(),
                to: (*to).into(),
                kind: EdgeKind::Requires,
                label: String::new(),
            })
            .collect();
        Graph::new(&units, &edges)
    }

    fn names(ids: &[UnitId]) -> Vec<&str> {
        ids.iter().map(|id| &*id.0).collect()
    }

    #[test]
    fn what_is_needed_comes_in_an_earlier_wave() {
        let waves = graph(&[("web", "app"), ("app", "db"), ("mail", "db")]).waves();
        assert_eq!(
            waves.iter().map(|wave| names(wave)).collect::<Vec<_>>(),
            [vec!["db"], vec!["app", "mail"], vec!["web"]]
        );
    }

    #[test]
    fn a_cycle_is_named_in_its_own_order_from_its_smallest_unit() {
        let cycles = graph(&[("c", "a"), ("a", "b"), ("b", "c"), ("x", "a")]).cycles();
        assert_eq!(cycles.iter().map(|cycle| names(cycle)).collect::<Vec<_>>(), [vec!["a", "b", "c"]]);
    }

    #[test]
    fn a_unit_that_needs_itself_is_a_cycle_of_one() {
        assert_eq!(graph(&[("a", "a")]).cycles().iter().map(|cycle| names(cycle)).collect::<Vec<_>>(), [vec!["a"]]);
    }

    #[test]
    fn a_graph_with_a_cycle_still_has_waves() {
        let waves = graph(&[("a", "b"), ("b", "a"), ("c", "a")]).waves();
        assert_eq!(waves.iter().map(|wave| names(wave)).collect::<Vec<_>>(), [vec!["a", "b"], vec!["c"]]);
    }
}
