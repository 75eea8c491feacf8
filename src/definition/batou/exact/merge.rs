//! Two runs of the probe with opposite orders: what differs depends on an accident.
//!
//! batou iterates sets of objects hashed by address, so lists from `require()` come in an order that nothing defines.
//! Content that differs between the runs becomes unknown with both digests as alternatives; a component that only one
//! run has gets the doubt `order`.

use crate::definition::batou::model::{BatouModel, Node, NodeContent};
use crate::model::{code::ORDER_DEPENDENT, diagnostic::Diagnostic};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Marks in `first` what differs in `second`, takes over errors that only `second` has, and tells about both.
pub fn merge(first: &mut BatouModel, second: &BatouModel) -> Vec<Diagnostic> {
    let mut told = Vec::new();
    for root in &mut first.roots {
        let other = second.root(&root.id).and_then(|other| other.tree.as_ref());
        if let (Some(tree), Some(other)) = (&mut root.tree, other) {
            compare(tree, other, &mut told);
        }
    }
    for error in &second.errors {
        if !first
            .errors
            .iter()
            .any(|known| (&known.class, &known.root, &known.message) == (&error.class, &error.root, &error.message))
        {
            first.errors.push(error.clone());
        }
    }
    told
}

/// Siblings are the same component if these agree, and their number among such siblings.
fn identity(node: &Node) -> (String, String, Option<String>) {
    (node.kind.clone(), node.class.clone(), node.path.clone())
}

fn compare(first: &mut Node, second: &Node, told: &mut Vec<Diagnostic>) {
    // Trees are shallow (the reader of JSON bounds them), yet a list of open pairs costs nothing.
    let mut open = vec![(first, second)];
    while let Some((first, second)) = open.pop() {
        compare_one(first, second, told);
        let mut others: HashMap<_, Vec<&Node>> = HashMap::new();
        for child in second.children.iter().rev() {
            others.entry(identity(child)).or_default().push(child);
        }
        for child in &mut first.children {
            match others.get_mut(&identity(child)).and_then(Vec::pop) {
                Some(other) => open.push((child, other)),
                None => only_one_order(child, told),
            }
        }
    }
}

fn compare_one(first: &mut Node, second: &Node, told: &mut Vec<Diagnostic>) {
    let about = first.path.clone().unwrap_or_else(|| first.breadcrumb.clone());
    let mut differs = Vec::new();
    if let (Some(content), Some(other)) = (&mut first.content, &second.content)
        && content.unknown.is_none()
        && content.sha256 != other.sha256
    {
        let alternatives = [&content.sha256, &other.sha256].into_iter().flatten().cloned().collect();
        *content =
            NodeContent { alternatives, secret: content.secret || other.secret, ..NodeContent::unknown("order") };
        differs.push("the content".to_owned());
    }
    for (name, value) in &mut first.attributes {
        // A Content that renders its parent's attributes differs by content, which is told above.
        if second.attributes.get(name) != Some(value) && !is_unknown(value) {
            *value = json!({"unknown": "order"});
            differs.push(format!("`{name}`"));
        }
    }
    if !differs.is_empty() {
        let text = format!(
            "{} of `{about}` depends on the order in which batou happens to meet its components",
            differs.join(", ")
        );
        tell(first, text, told);
    }
}

fn is_unknown(value: &Value) -> bool {
    value.get("unknown").is_some_and(|unknown| !unknown.is_null())
}

fn only_one_order(node: &mut Node, told: &mut Vec<Diagnostic>) {
    let text = format!(
        "whether `{}` is made depends on the order in which batou happens to meet its components",
        node.breadcrumb
    );
    tell(node, text, told);
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        node.doubts.push("order".to_owned());
        if let Some(content) = &mut node.content {
            content.doubts.push("order".to_owned());
        }
        open.extend(&mut node.children);
    }
}

fn tell(node: &Node, text: String, told: &mut Vec<Diagnostic>) {
    let problem = Diagnostic::warning(ORDER_DEPENDENT, text).hint("sort what comes from `self.require()`");
    told.push(match node.origin() {
        Some(origin) => problem.at(origin),
        None => problem,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::batou::model::{Rendered, Root};
    use crate::model::eval::{Eval, WhyKind};

    fn content(path: &str, bytes: &[u8]) -> Node {
        Node {
            kind: "Content".into(),
            path: Some(path.into()),
            content: Some(NodeContent::of_bytes(bytes)),
            ..Node::default()
        }
    }

    fn model(children: Vec<Node>) -> BatouModel {
        let tree = Some(Node { kind: "Container".into(), children, ..Node::default() });
        BatouModel { roots: vec![Root { id: "h/r".into(), tree, ..Root::default() }], ..BatouModel::default() }
    }

    fn evals(model: &BatouModel) -> Vec<Eval<Rendered>> {
        let tree = model.roots[0].tree.as_ref().expect("there is a tree");
        tree.children.iter().filter_map(|node| node.content.as_ref()).map(NodeContent::eval).collect()
    }

    #[test]
    fn equal_content_stays_known_even_when_its_siblings_change_places() {
        let mut first = model(vec![content("/a", b"1"), content("/b", b"2")]);
        let told = merge(&mut first, &model(vec![content("/b", b"2"), content("/a", b"1")]));
        assert_eq!(told, []);
        assert!(evals(&first).iter().all(|eval| eval.known().is_some()));
    }

    #[test]
    fn content_that_differs_becomes_unknown_with_both_digests() {
        let mut first = model(vec![content("/a", b"xy"), content("/b", b"2")]);
        let told = merge(&mut first, &model(vec![content("/a", b"yx"), content("/b", b"2")]));
        assert_eq!(told.len(), 1);
        assert!(told[0].message.contains("`/a`"), "{}", told[0].message);
        assert_eq!(evals(&first)[0].why().map(|why| why.kind), Some(WhyKind::OrderDependent));
        assert!(evals(&first)[1].known().is_some());
        let alternatives = first.roots[0]
            .tree
            .as_ref()
            .and_then(|tree| tree.children[0].content.as_ref())
            .map(|c| c.alternatives.len());
        assert_eq!(alternatives, Some(2));
    }

    #[test]
    fn a_component_that_only_one_order_makes_is_doubted() {
        let mut first = model(vec![content("/a", b"1")]);
        let told = merge(&mut first, &model(vec![]));
        assert_eq!(told.len(), 1);
        assert_eq!(evals(&first)[0].why().map(|why| why.kind), Some(WhyKind::OrderDependent));
    }

    #[test]
    fn an_attribute_that_differs_becomes_unknown() {
        let with = |args: &str| {
            let attributes = [("args".to_owned(), Value::from(args))].into_iter().collect();
            model(vec![Node { kind: "Program".into(), attributes, ..Node::default() }])
        };
        let mut first = with("-a -b");
        assert_eq!(merge(&mut first, &with("-b -a")).len(), 1);
        let node = &first.roots[0].tree.as_ref().expect("there is a tree").children[0];
        assert_eq!(node.text("args").why().map(|why| why.kind), Some(WhyKind::OrderDependent));
    }
}
