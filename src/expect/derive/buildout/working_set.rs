//! Which distributions a part uses: the transitive requirements of its eggs.
//!
//! Follows `Installer.install` of zc.buildout 3.3 to 6.0.1, `easy_install.py`, for a deployment that was run to its
//! end: what is pinned is what was chosen; what is not pinned is known only when there is just one candidate. The
//! order of the result means nothing, because buildout's own depends on what it had to download.

use super::catalog::{Catalog, Dist, Source};
use super::input::Configuration;
use crate::definition::markers::{self, MarkerFacts, same_version};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::observation::{Scan, Sighting};
use crate::references::python_metadata::{self, Requirement, canonical};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The distributions of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WorkingSet<'a> {
    /// By canonical name.
    pub(crate) dists: BTreeMap<String, &'a Dist>,
    /// Those that no pin confirms.
    pub(crate) unpinned: BTreeSet<String>,
    /// Required and not there: name as required, pinned version.
    pub(crate) missing: BTreeSet<(String, String)>,
    /// Why it is not known completely.
    pub(crate) doubt: Option<Why>,
}

/// What is needed to choose.
pub(crate) struct Chooser<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) catalog: &'a Catalog,
    pub(crate) scan: &'a Scan,
    pub(crate) facts: &'a MarkerFacts,
}

/// What runs buildout is usually installed in its environment, and is no egg then.
const OF_ENVIRONMENT: [&str; 4] = ["pip", "setuptools", "wheel", "zc-buildout"];

enum Choice<'a> {
    Pinned(&'a Dist),
    Only(&'a Dist),
    Missing(String),
    Doubt(Why),
}

impl<'a> Chooser<'a> {
    /// The working set of these requirements, each as written in the option `eggs`.
    pub(crate) fn working_set(&self, specs: &[String]) -> WorkingSet<'a> {
        let mut set = WorkingSet::default();
        let mut queue = VecDeque::new();
        for spec in specs {
            match python_metadata::requirement(spec) {
                Some(requirement) => queue.push_back((requirement, Vec::new())),
                None => set.doubt(Why::new(WhyKind::BrokenDefinition, format!("`{spec}` is no requirement"))),
            }
        }
        let mut done = BTreeSet::new();
        self.close(&mut set, &mut queue, &mut done);
        self.add_setuptools(&mut set, &mut queue);
        self.close(&mut set, &mut queue, &mut done);
        set
    }

    fn close(
        &self,
        set: &mut WorkingSet<'a>,
        queue: &mut VecDeque<(Requirement, Vec<String>)>,
        done: &mut BTreeSet<(String, Vec<String>)>,
    ) {
        while let Some((requirement, extras)) = queue.pop_front() {
            match self.applies(&requirement, &extras) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    let text = format!("whether `{}` is needed depends on facts that are not known", requirement.name);
                    set.doubt(Why::new(WhyKind::TargetFact, text));
                    continue;
                }
            }
            let mut extras: Vec<String> = requirement.extras.iter().map(|extra| canonical(extra)).collect();
            extras.sort();
            if done.insert((canonical(&requirement.name), extras.clone())) {
                self.add(&requirement, &extras, set, queue);
            }
        }
    }

    fn applies(&self, requirement: &Requirement, extras: &[String]) -> Option<bool> {
        match &requirement.marker {
            Some(marker) => markers::applies(marker, self.facts, extras),
            None => Some(true),
        }
    }

    fn add(
        &self,
        requirement: &Requirement,
        extras: &[String],
        set: &mut WorkingSet<'a>,
        queue: &mut VecDeque<(Requirement, Vec<String>)>,
    ) {
        let key = canonical(&requirement.name);
        let dist = match self.choose(&key) {
            Choice::Pinned(dist) => dist,
            Choice::Only(dist) => {
                set.unpinned.insert(key.clone());
                dist
            }
            Choice::Missing(version) => {
                set.doubt(Why::new(WhyKind::LiveTree, format!("{key} {version} is missing, and so what it requires")));
                set.missing.insert((requirement.name.clone(), version));
                return;
            }
            Choice::Doubt(why) => return set.doubt(why),
        };
        set.dists.insert(key, dist);
        let claims = self.catalog.claims.get(&dist.info).and_then(Option::as_ref);
        match dist.requires(self.scan, claims) {
            Ok(requires) => queue.extend(requires.into_iter().map(|one| (one, extras.to_vec()))),
            Err(why) => set.doubt(why),
        }
    }

    /// The setuptools that buildout adds for old namespace packages, when the rest is known: what requires setuptools
    /// anyhow does not change by requiring it twice.
    fn add_setuptools(&self, set: &mut WorkingSet<'a>, queue: &mut VecDeque<(Requirement, Vec<String>)>) {
        if set.dists.contains_key("setuptools") {
            return;
        }
        for dist in set.dists.values().copied().collect::<Vec<_>>() {
            match self.needs_setuptools(dist) {
                Ok(true) => queue.extend(python_metadata::requirement("setuptools").map(|one| (one, Vec::new()))),
                Ok(false) => {}
                Err(why) => set.doubt(why),
            }
        }
    }

    fn choose(&self, key: &str) -> Choice<'a> {
        let candidates = self.catalog.dists.get(key).map_or(&[][..], Vec::as_slice);
        let pin = match self.configuration.versions.get(key) {
            Some(Eval::Unknown(why)) => return Choice::Doubt(why.clone()),
            Some(Eval::Known(pin)) => exact(pin),
            None => None,
        };
        let Some(pin) = pin else {
            return match preferred(candidates, |_| true)[..] {
                [only] => Choice::Only(only),
                [] => Choice::Doubt(Why::new(
                    WhyKind::LiveTree,
                    format!("no egg of {key} is there, and it is not pinned"),
                )),
                _ => Choice::Doubt(Why::new(
                    WhyKind::LiveTree,
                    format!("several versions of {key} are there, and none is pinned"),
                )),
            };
        };
        match preferred(candidates, |dist| same_version(&dist.version, pin) || dist.version == "?")[..] {
            [only] if only.version == "?" => {
                Choice::Doubt(Why::new(WhyKind::LiveTree, format!("the version of the develop egg {key} is not known")))
            }
            [only] => Choice::Pinned(only),
            [] => match &self.catalog.site_unknown {
                Some(why) if OF_ENVIRONMENT.contains(&key) => Choice::Doubt(why.clone()),
                _ => Choice::Missing(pin.to_owned()),
            },
            _ => Choice::Doubt(Why::new(WhyKind::LiveTree, format!("{key} {pin} is there more than once"))),
        }
    }

    /// `dist_needs_pkg_resources`: an old namespace package whose `__init__.py` calls for `pkg_resources`.
    fn needs_setuptools(&self, dist: &Dist) -> Result<bool, Why> {
        let claims = self.catalog.claims.get(&dist.info).and_then(Option::as_ref);
        for namespace in dist.namespaces(self.scan, claims)? {
            let path = dist.location.join(namespace.replace('.', "/")).join("__init__.py");
            match &*self.scan.sighting(&path) {
                Sighting::Absent => {}
                Sighting::Present(seen) if seen.size == 0 => {}
                Sighting::Present(seen) => match seen.captured().as_ref().and_then(|bytes| bytes.text()) {
                    Some(text) if text.contains("pkg_resources") && !text.contains("pkgutil") => return Ok(true),
                    Some(_) => {}
                    None => {
                        return Err(Why::new(
                            WhyKind::LiveTree,
                            format!("whether `{path}` needs setuptools is not known"),
                        ));
                    }
                },
                Sighting::Unseen(failure) => return Err(Why::new(WhyKind::Unreadable, failure.text.clone())),
            }
        }
        Ok(false)
    }
}

impl WorkingSet<'_> {
    fn doubt(&mut self, why: Why) {
        self.doubt.get_or_insert(why);
    }
}

/// The exact version of a pin: `1.2` or `==1.2`; a constraint is none.
pub(crate) fn exact(pin: &str) -> Option<&str> {
    let pin = pin.trim();
    let version = pin.strip_prefix("==").unwrap_or(pin).trim();
    (!version.is_empty() && !version.contains(['<', '>', '=', '!', '~', ',', '*', ' '])).then_some(version)
}

/// The candidates that buildout takes before others: develop eggs.
fn preferred(candidates: &[Dist], fits: impl Fn(&Dist) -> bool) -> Vec<&Dist> {
    let fitting: Vec<&Dist> = candidates.iter().filter(|dist| fits(dist)).collect();
    let develop: Vec<&Dist> = fitting.iter().copied().filter(|dist| dist.source == Source::Develop).collect();
    if develop.is_empty() { fitting } else { develop }
}
