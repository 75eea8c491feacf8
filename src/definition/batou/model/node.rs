//! One component of the model, its attributes and its rendered content: what is known of them, and why not.

use super::Site;
use crate::model::{
    content::{Algorithm, Blob, Digest},
    eval::{Eval, Why, WhyKind},
    hasher::digest_of,
    origin::Origin,
    path::TargetPath,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
        Self {
            sha256: Some(digest_of(Algorithm::Sha256, bytes).hex()),
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
        let why = |kind, text: &'static str| Some(Why::new(kind, text));
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(value: Value) -> Node {
        serde_json::from_value(value).expect("it is a node")
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
