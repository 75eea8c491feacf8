//! Where a component's claims go: the manifest of the whole, seen from one component.

use super::{
    batou::Project,
    claims::{Claim, Claims},
};
use crate::{
    definition::batou::model::{BatouModel, Node, Root},
    model::{
        artifact::Expected,
        eval::{Eval, Why, WhyKind},
        manifest::{Depth, Derivation, Look, Manifest},
        path::TargetPath,
        unit::{HostName, UnitId, UnitKind},
    },
};

/// The manifest, seen from one component.
pub struct Context<'a> {
    /// The whole model.
    pub model: &'a BatouModel,
    /// What the checkout holds besides.
    pub project: &'a Project,
    /// The root that is being deployed.
    pub root: &'a Root,
    /// Its host.
    pub host: HostName,
    /// The unit that the component belongs to.
    pub unit: UnitId,
    /// The claims of this root so far.
    pub claims: &'a mut Claims,
    /// Everything else.
    pub manifest: &'a mut Manifest,
}

impl Context<'_> {
    /// A claim of this component, as [`Claim::new`].
    pub fn claim(&self, node: &Node, expected: Expected) -> Claim {
        Claim::new(self.unit.clone(), node.origin(), expected)
    }

    /// The component's working directory.
    pub fn workdir(&self, node: &Node) -> TargetPath {
        TargetPath::new(node.workdir.as_deref().unwrap_or(&self.root.workdir))
    }

    /// The component's path. If that is not known, its unit becomes opaque and there is nothing to claim.
    pub fn path(&mut self, node: &Node) -> Option<TargetPath> {
        let why = match node.target_path() {
            Some(Eval::Known(path)) => return Some(path),
            Some(Eval::Unknown(why)) => Why::new(why.kind, format!("path of {}: {why}", node.breadcrumb)),
            None => Why::new(WhyKind::Code, format!("path of {} is not told", node.breadcrumb)),
        };
        self.opaque(why);
        None
    }

    /// A text that the component cannot do without. If it is not known, its unit becomes opaque.
    pub fn needed<'n>(&mut self, node: &'n Node, attribute: &str) -> Option<&'n str> {
        let why = match node.text(attribute) {
            Eval::Known(Some(text)) => return Some(text),
            Eval::Known(None) => Why::new(WhyKind::Code, format!("`{attribute}` of {} is not told", node.breadcrumb)),
            Eval::Unknown(why) => why,
        };
        self.opaque(why);
        None
    }

    /// Notes that the unit makes something nobody can know. The first reason stays.
    pub fn opaque(&mut self, why: Why) {
        if let Some(unit) = self.manifest.units.iter_mut().find(|unit| unit.id == self.unit) {
            unit.opaque.get_or_insert(why);
        }
    }

    /// Whether the component belongs to a unit that a unit of this kind contains.
    pub fn is_inside(&self, kind: UnitKind) -> bool {
        let find = |id: &UnitId| self.manifest.units.iter().find(|unit| unit.id == *id);
        let mut next = find(&self.unit).and_then(|unit| unit.parent.as_ref());
        while let Some(unit) = next.and_then(find) {
            if unit.kind == kind {
                return true;
            }
            next = unit.parent.as_ref();
        }
        false
    }

    /// Asks for evidence, and for artifacts to be made from it.
    pub fn derive(&mut self, rule: &str, input: serde_json::Value) {
        let (host, unit) = (self.host.clone(), self.unit.clone());
        self.manifest.derivations.push(Derivation { host, unit, rule: rule.into(), input });
    }

    /// Has a scan look at a path.
    pub fn look(&mut self, path: TargetPath, depth: Depth, capture: &[&str]) {
        let capture = capture.iter().map(|&glob| glob.to_owned()).collect();
        self.manifest.look.push(Look { capture, ..Look::new(&self.host, path, depth) });
    }
}
