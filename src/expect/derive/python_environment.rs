//! Rule `python-environment`: a virtual environment and the distributions in it, verified by their RECORDs.
//!
//! Needs a look of depth `Whole` at the environment that captures [`CAPTURE`]. What no RECORD lists stays unknown:
//! pip leaves nothing behind that tells who wrote it.

mod pins;

use super::Rule;
use crate::definition::markers::same_version;
use crate::expect::distribution::{self, Claims, Distribution, Layout};
use crate::expect::evidence::{self, Note};
use crate::model::artifact::{Artifact, Authority, Content, Expected, Force, Mend, MendId};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::manifest::{Broken, Derivation, Manifest, Proof};
use crate::model::observation::{Kind, Scan, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::{Unit, UnitId, UnitKind};
use crate::references::python_metadata::{self, named};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub use pins::{Pin, pins};

/// The rule's name in manifests.
pub const NAME: &str = "python-environment";

/// What a look at an environment has to keep.
pub const CAPTURE: &[&str] = &[
    "**/*.dist-info/RECORD",
    "**/*.dist-info/METADATA",
    "**/*.dist-info/entry_points.txt",
    "**/*.dist-info/direct_url.json",
    "**/*.dist-info/namespace_packages.txt",
    "pyvenv.cfg",
];

/// The rule's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The environment's directory, the one with `pyvenv.cfg`.
    pub directory: TargetPath,
    /// `3.11`, where the definition tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Distributions that the definition asks for, by name. Others that are there are verified as well.
    #[serde(default)]
    pub distributions: BTreeMap<String, Wanted>,
    /// How `pyvenv.cfg` and `bin/python` are made anew.
    pub skeleton: Mend,
    /// How the content of a distribution is made anew.
    pub content: Mend,
    /// How a distribution that is gone is made anew.
    pub absent: Mend,
    /// Whether the deployer takes a distribution for installed as long as its metadata is there, so that the metadata
    /// and the modules have to go first (`pip install` without `--force-reinstall`).
    pub remove_first: bool,
}

/// A distribution that the definition asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The exact version, if it is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The unit that installs it, if that is not the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// How its content is made anew, if otherwise than the environment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Mend>,
}

/// The distributions whose metadata is there, by name and version, each with its name as it is spelled there.
type Found = BTreeMap<(String, String), String>;

/// The rule.
#[derive(Debug)]
pub struct PythonEnvironment;

impl Rule for PythonEnvironment {
    fn name(&self) -> &'static str {
        NAME
    }

    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) {
        let Some(input) = super::input(derivation, manifest) else { return };
        Environment { derivation, scan, input: &input }.derive(manifest);
    }
}

struct Environment<'a> {
    derivation: &'a Derivation,
    scan: &'a Scan,
    input: &'a Input,
}

impl Environment<'_> {
    fn derive(&self, manifest: &mut Manifest) {
        self.skeleton(manifest);
        let places = self.site_packages();
        if places.is_empty() {
            self.no_site_packages(manifest);
        }
        let mut found = Found::new();
        for site in &places {
            self.site(site, manifest, &mut found);
        }
        self.missing(&places, &found, manifest);
    }

    /// `lib/python3.*/site-packages`, as far as they are there.
    fn site_packages(&self) -> Vec<TargetPath> {
        let lib = self.input.directory.join("lib");
        self.scan
            .entries(&lib)
            .filter(|path| path.name().starts_with(b"python") || path.name().starts_with(b"pypy"))
            .map(|path| path.join("site-packages"))
            .filter(|path| self.scan.kind(path) == Some(Kind::Directory))
            .collect()
    }

    fn no_site_packages(&self, manifest: &mut Manifest) {
        let path = match &self.input.python {
            Some(version) => self.input.directory.join(format!("lib/python{version}/site-packages")),
            None => self.input.directory.join("lib"),
        };
        let mend = manifest.add_mend(self.input.skeleton.clone());
        let host = &self.derivation.host;
        manifest.artifacts.push(distribution::directory(
            host,
            &self.derivation.unit,
            path,
            Authority::Definition,
            mend,
        ));
        let why = "the environment has no site-packages, so what was installed is not known";
        super::opaque(manifest, &self.derivation.unit, why);
    }

    fn site(&self, site: &TargetPath, manifest: &mut Manifest, found: &mut Found) {
        let mut claims: BTreeMap<TargetPath, Vec<Artifact>> = BTreeMap::new();
        let mut leftovers: BTreeMap<String, Vec<Artifact>> = BTreeMap::new();
        let mut owned: BTreeMap<String, BTreeSet<TargetPath>> = BTreeMap::new();
        for info in self.scan.entries(site) {
            let Some((name, version)) = named(&info) else { continue };
            found.insert((name.clone(), version.clone()), spelled(&info));
            let artifacts = self.distribution(site, &info, (&name, &version), manifest);
            if self.is_contradicted(&name, &version) {
                leftovers.entry(name).or_default().extend(artifacts);
            } else {
                owned.entry(name).or_default().extend(artifacts.iter().map(|artifact| artifact.path.clone()));
                for artifact in artifacts {
                    claims.entry(artifact.path.clone()).or_default().push(artifact);
                }
            }
        }
        for (name, artifacts) in leftovers {
            // The version that should be there knows better than the one that should not.
            let known = owned.get(&name);
            let others = artifacts.into_iter().filter(|one| !known.is_some_and(|known| known.contains(&one.path)));
            for artifact in others {
                claims.entry(artifact.path.clone()).or_default().push(artifact);
            }
        }
        let claimed: BTreeSet<TargetPath> = claims.keys().cloned().collect();
        manifest.artifacts.extend(claims.into_values().map(|claims| self.settle(claims)));
        self.unclaimed(site, &claimed, manifest);
        let mend = manifest.add_mend(Mend { force: vec![Force::RemoveSelf], ..self.input.content.clone() });
        let (host, unit) = (&self.derivation.host, &self.derivation.unit);
        manifest.artifacts.extend(distribution::byte_code(self.scan, site, host, unit, mend));
    }

    /// One distribution: its unit, and what its RECORD says.
    fn distribution(
        &self,
        site: &TargetPath,
        info: &TargetPath,
        (name, version): (&str, &str),
        manifest: &mut Manifest,
    ) -> Vec<Artifact> {
        let wanted = self.wanted(name);
        let unit = self.unit(name, version, wanted, manifest);
        let mut mend = wanted.and_then(|wanted| wanted.content.clone()).unwrap_or_else(|| self.input.content.clone());
        if self.input.remove_first {
            let mut force = vec![Force::Remove(info.clone())];
            force.append(&mut mend.force);
            mend.force = force;
        }
        let scan = self.scan;
        let (host, fence) = (&self.derivation.host, &self.input.directory);
        let of = |mend: MendId| Distribution {
            host,
            unit: &unit,
            scan,
            base: site,
            info,
            layout: Layout::SitePackages,
            fence,
            mend,
        };
        let plain = manifest.add_mend(mend.clone());
        let claims = if self.is_contradicted(name, version) {
            self.leftover(&of(plain), manifest)
        } else {
            match of(plain).claims_or_salvage(manifest) {
                Some(claims) => claims,
                None => return Vec::new(),
            }
        };
        let mend = manifest.add_mend(if self.input.remove_first { remove_modules(mend, site, &claims) } else { mend });
        claims.into_iter().map(|(path, content)| of(mend).artifact(path, content)).collect()
    }

    /// What the definition asks for, by a name in its compared spelling.
    fn wanted(&self, name: &str) -> Option<&Wanted> {
        let mut all = self.input.distributions.iter();
        all.find(|(spelled, _)| python_metadata::canonical(spelled) == name).map(|(_, wanted)| wanted)
    }

    /// Whether the definition asks for another version.
    fn is_contradicted(&self, name: &str, version: &str) -> bool {
        let wanted = self.wanted(name).and_then(|wanted| wanted.version.as_ref());
        wanted.is_some_and(|wanted| !same_version(wanted, version))
    }

    /// A version that the definition does not ask for: not deployed yet, or a name that came back with an old directory.
    /// Its files are right if all of them are as it says. Where one is not, it is no witness: those that are as it says may
    /// have gone back with it.
    fn leftover(&self, distribution: &Distribution<'_>, manifest: &Manifest) -> Claims {
        // That its RECORD is damaged or gone is nobody's loss.
        let mut nowhere = Manifest::new(manifest.definition.clone());
        let mut claims = distribution.claims(&mut nowhere).unwrap_or_default();
        let is_contradicted = claims.iter().any(|(path, content)| {
            *self.scan.sighting(path) == Sighting::Absent
                || distribution::matches(self.scan, path, content) == Some(false)
        });
        claims.retain(|path, _| self.scan.seen(path).is_some());
        if is_contradicted {
            let text = "the definition asks for another version of the distribution that lists it";
            let unknown = || Content::Unknown(Why::new(WhyKind::OrderDependent, text));
            for content in claims.values_mut() {
                *content = unknown();
            }
        }
        claims
    }

    fn unit(&self, name: &str, version: &str, wanted: Option<&Wanted>, manifest: &mut Manifest) -> UnitId {
        if let Some(unit) = wanted.and_then(|wanted| wanted.unit.clone()) {
            return unit;
        }
        let environment = &self.derivation.unit;
        let id = environment.within(format_args!("!{name}"));
        let deployer = super::deployer(manifest, environment);
        manifest.units.push(Unit {
            id: id.clone(),
            host: self.derivation.host.clone(),
            kind: UnitKind::Distribution,
            name: format!("{name} {version}"),
            origin: None,
            directory: None,
            parent: Some(environment.clone()),
            deployer,
            opaque: None,
        });
        id
    }

    /// Two distributions that own one path: whichever was installed last wrote it.
    fn settle(&self, mut claims: Vec<Artifact>) -> Artifact {
        let right = claims.iter().position(|artifact| match &artifact.expected {
            Expected::File(content) => distribution::matches(self.scan, &artifact.path, content) == Some(true),
            _ => false,
        });
        let same = claims.windows(2).all(|pair| pair[0].expected == pair[1].expected);
        let mut artifact = claims.swap_remove(right.unwrap_or(0));
        if right.is_none() && !same {
            let text = "several distributions own it, and it has the content of none of them";
            artifact.expected = Expected::File(Content::Unknown(Why::new(WhyKind::OrderDependent, text)));
        }
        artifact
    }

    fn unclaimed(&self, site: &TargetPath, claimed: &BTreeSet<TargetPath>, manifest: &mut Manifest) {
        let mend = manifest.add_mend(self.input.content.clone());
        let why = Why::new(WhyKind::NoReference, "no distribution's RECORD lists it");
        for path in distribution::files(self.scan, site) {
            let known = claimed.contains(&path) || distribution::is_byte_code(&path);
            let broken = manifest.broken.iter().any(|broken| broken.path == path);
            let (host, unit) = (&self.derivation.host, &self.derivation.unit);
            if !known && !broken && !manifest.artifacts.claims(host, &path) {
                let content = Content::Unknown(why.clone());
                let artifact = distribution::file(host, unit, path, content, Authority::Record, mend);
                manifest.artifacts.push(artifact);
            }
        }
    }

    /// What the definition asks for and no metadata proves.
    fn missing(&self, sites: &[TargetPath], found: &Found, manifest: &mut Manifest) {
        let [site] = sites else { return };
        let mend = manifest.add_mend(self.input.absent.clone());
        for (name, wanted) in &self.input.distributions {
            let name = python_metadata::canonical(name);
            let there = found.keys().any(|(other, version)| {
                *other == name && wanted.version.as_ref().is_none_or(|wanted| same_version(wanted, version))
            });
            if there {
                continue;
            }
            let version = wanted.version.as_deref().unwrap_or("0");
            // Wheels spell their names as they like; another version of the same one most probably does it alike.
            let alike = found.iter().find(|((other, _), _)| *other == name).map(|(_, spelled)| spelled.clone());
            let spelled = alike.unwrap_or_else(|| name.replace('-', "_"));
            let path = site.join(format!("{spelled}-{version}.dist-info"));
            let unit = wanted.unit.as_ref().unwrap_or(&self.derivation.unit);
            let host = &self.derivation.host;
            manifest.artifacts.push(distribution::directory(host, unit, path, Authority::Definition, mend));
        }
    }

    fn skeleton(&self, manifest: &mut Manifest) {
        let mend = manifest.add_mend(self.input.skeleton.clone());
        self.configuration(mend, manifest);
        let bin = self.input.directory.join("bin");
        let mut names = vec!["python".to_owned(), "python3".to_owned()];
        names.extend(self.input.python.iter().map(|version| format!("python{version}")));
        for name in names {
            self.interpreter(bin.join(name), mend, manifest);
        }
        let why = Why::new(WhyKind::NotModelled, "it is made from a template of the Python that made the environment");
        for name in ["activate", "activate.csh", "activate.fish", "Activate.ps1"] {
            let path = bin.join(name);
            if self.scan.kind(&path) == Some(Kind::File) {
                self.push(path, Expected::File(Content::Unknown(why.clone())), mend, manifest);
            }
        }
    }

    fn configuration(&self, mend: MendId, manifest: &mut Manifest) {
        let path = self.input.directory.join("pyvenv.cfg");
        if let Note::Bytes(bytes) = evidence::note(self.scan, &path) {
            let sound = bytes.text().is_some_and(|text| {
                !text.contains('\0')
                    && text.lines().any(|line| line.split_once('=').is_some_and(|(key, _)| key.trim() == "home"))
            });
            if !sound {
                manifest.broken.push(Broken {
                    host: self.derivation.host.clone(),
                    unit: self.derivation.unit.clone(),
                    path: path.clone(),
                    mend,
                    evidence: "it has no `home = …`, without which it is no virtual environment".into(),
                    expected: None,
                    proof: Proof::Record,
                });
                return;
            }
        }
        let why = Why::new(WhyKind::NoReference, "which Python made the environment, and how, is noted only here");
        self.push(path, Expected::File(Content::Unknown(why)), mend, manifest);
    }

    /// `bin/python` is a link, or a copy where the environment was made so.
    fn interpreter(&self, path: TargetPath, mend: MendId, manifest: &mut Manifest) {
        let why = Why::new(WhyKind::TargetFact, "it names the Python that made the environment");
        let expected = match &*self.scan.sighting(&path) {
            Sighting::Present(seen) if seen.kind == Kind::Link => Expected::Link { target: Eval::Unknown(why) },
            Sighting::Present(seen) if seen.kind == Kind::File => Expected::File(Content::Unknown(why)),
            // `bin/python` itself is in every environment; the other names depend on its maker.
            _ if path.name() != b"python" => return,
            Sighting::Present(_) | Sighting::Absent | Sighting::Unseen(_) => Expected::Present,
        };
        self.push(path, expected, mend, manifest);
    }

    fn push(&self, path: TargetPath, expected: Expected, mend: MendId, manifest: &mut Manifest) {
        let (host, unit) = (&self.derivation.host, &self.derivation.unit);
        manifest.artifacts.push(distribution::thing(host, unit, path, expected, Authority::Definition, mend));
    }
}

/// The name of a distribution as its metadata's directory has it.
fn spelled(info: &TargetPath) -> String {
    String::from_utf8_lossy(info.name().split(|byte| *byte == b'-').next().unwrap_or_default()).into_owned()
}

/// Removing the modules, too: `pip` would keep them, or refuse to overwrite what is no file.
fn remove_modules(mut mend: Mend, site: &TargetPath, claims: &Claims) -> Mend {
    let tops: BTreeSet<TargetPath> = claims
        .keys()
        .filter_map(|path| path.relative_to(site))
        .filter_map(|rest| rest.split(|&byte| byte == b'/').next())
        .map(|top| site.join(top))
        .filter(|top| named(top).is_none())
        .collect();
    let rest = mend.force.split_off(1);
    mend.force.extend(tops.into_iter().map(Force::Remove));
    mend.force.extend(rest);
    mend
}

#[cfg(test)]
mod tests;
