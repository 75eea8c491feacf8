//! The second step of expectation: derivations of the manifest, carried out with the evidence of a scan.
//!
//! One file per rule, one line each in [`RULES`].

pub mod app_environment;
pub mod archive;
pub mod buildout;
pub mod git_checkout;
pub mod purge;
pub mod python_distributions;
pub mod python_environment;

use crate::model::eval::{Why, WhyKind};
use crate::model::manifest::{Derivation, Manifest, Noted};
use crate::model::observation::Scan;
use crate::model::unit::{DeployerId, UnitId};
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

/// One rule: turns a derivation and a scan's evidence into artifacts.
pub trait Rule: Sync {
    /// Its name in manifests.
    fn name(&self) -> &'static str;

    /// Adds what follows from the evidence. What the evidence does not tell becomes unknown content, an opaque unit
    /// or an entry of [`Manifest::broken`]; never nothing. Where another rule knows more of what was found, it may be asked
    /// by a derivation.
    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest);

    /// Whether this derivation, of another revision, has something as the target says it is ([`Manifest::noted`]).
    fn says(&self, _derivation: &Derivation, _noted: &Noted) -> bool {
        false
    }
}

/// Every rule, sorted by name.
pub static RULES: &[&dyn Rule] = &[
    &app_environment::AppEnvironment,
    &archive::ArchiveRule,
    &buildout::BuildoutRule,
    &git_checkout::GitCheckoutRule,
    &purge::PurgeRule,
    &python_distributions::PythonDistributions,
    &python_environment::PythonEnvironment,
];

/// Carries out every derivation for whose host there is a scan.
pub fn refine(manifest: &mut Manifest, scans: &[Scan]) {
    let mut open = VecDeque::from(std::mem::take(&mut manifest.derivations));
    while let Some(derivation) = open.pop_front() {
        let rule = RULES.iter().find(|rule| rule.name() == derivation.rule);
        let scan = scans.iter().find(|scan| scan.host == derivation.host);
        match (rule, scan) {
            (Some(rule), Some(scan)) => rule.derive(&derivation, scan, manifest),
            (None, _) => give_up(manifest, &derivation, "this version of rectify does not know how to check it"),
            // That its host was not seen is told of the host, once.
            (Some(_), None) => {}
        }
        open.extend(manifest.derivations.drain(..));
    }
    super::packages::refine(manifest, scans);
    manifest.sort();
}

/// Which of the things that the target says of its deployment are as a manifest of another revision has them, by their place in
/// the list. It must not be refined yet.
pub fn agreed(manifest: &Manifest, noted: &[Noted]) -> BTreeSet<usize> {
    let says = |noted: &Noted| {
        let of_it = |derivation: &&Derivation| {
            derivation.rule == noted.rule && derivation.host == noted.host && derivation.unit == noted.deployed
        };
        let rule = RULES.iter().find(|rule| rule.name() == noted.rule);
        rule.is_some_and(|rule| {
            manifest.derivations.iter().filter(of_it).any(|derivation| rule.says(derivation, noted))
        })
    };
    (0..noted.len()).filter(|index| says(&noted[*index])).collect()
}

/// The input of a rule; `None` where it is not understood, which is noted.
fn input<T: DeserializeOwned>(derivation: &Derivation, manifest: &mut Manifest) -> Option<T> {
    match serde_json::from_value(derivation.input.clone()) {
        Ok(input) => Some(input),
        Err(error) => {
            let text = format!("the input of {} is not understood: {error}", derivation.rule);
            opaque(manifest, &derivation.unit, text);
            None
        }
    }
}

fn give_up(manifest: &mut Manifest, derivation: &Derivation, reason: &str) {
    unknown(manifest, &derivation.unit, Why::new(WhyKind::NotModelled, format!("{}: {reason}", derivation.rule)));
}

/// Notes why a unit's result cannot be known. The first reason stays.
pub(super) fn unknown(manifest: &mut Manifest, unit: &UnitId, why: Why) {
    if let Some(unit) = manifest.units.iter_mut().find(|known| known.id == *unit) {
        unit.opaque.get_or_insert(why);
    }
}

/// The same for a reason that lies in rectify.
fn opaque(manifest: &mut Manifest, unit: &UnitId, reason: impl Into<Cow<'static, str>>) {
    unknown(manifest, unit, Why::new(WhyKind::NotModelled, reason));
}

/// The deployer of a unit. Rules add units as they go, so the list is not sorted then.
fn deployer(manifest: &Manifest, unit: &UnitId) -> Option<DeployerId> {
    manifest.units.iter().find(|known| known.id == *unit).and_then(|unit| unit.deployer.clone())
}
