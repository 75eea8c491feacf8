//! Eggs and develop eggs: verified by their RECORDs, missed when a pinned one is not there.

use super::Buildout;
use super::catalog::{Dist, EggName, Source};
use super::parts::{Parts, absolute};
use super::wheels;
use super::working_set::exact;
use crate::definition::buildout::installed::Installed;
use crate::definition::markers::same_version;
use crate::expect::distribution::{self, Claims, Distribution, Layout};
use crate::expect::evidence::{self, Note};
use crate::model::artifact::{Aborts, Artifact, Authority, Content, Force, Mend, Vigilance};
use crate::model::code;
use crate::model::content::Blob;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::manifest::Manifest;
use crate::model::path::TargetPath;
use crate::model::plan::Hazard;
use crate::model::unit::{Edge, EdgeKind, Unit, UnitId, UnitKind};
use crate::references::python_metadata::canonical;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Not as _;

/// What setuptools writes where a namespace package of a wheel has no `__init__.py` (`wheel.py`,
/// `NAMESPACE_PACKAGE_INIT`).
const NAMESPACE_INIT: &str = "__import__('pkg_resources').declare_namespace(__name__)\n";

/// What zc.buildout 3 and 4 write there when the egg is made of an sdist (`easy_install.py`, `make_egg_after_pip_install`).
const NAMESPACE_INIT_OF_BUILDOUT: &str = "__import__('pkg_resources').declare_namespace(__name__)";

/// Reads the RECORD of every distribution. Of those that buildout itself installed, damage is noted.
pub(super) fn read_records(buildout: &mut Buildout<'_>, manifest: &mut Manifest) {
    let mut found = BTreeMap::new();
    for dist in buildout.catalog.all() {
        let unit = unit_id(buildout, dist);
        let mend = manifest.add_mend(content_mend(buildout, dist));
        let record = Distribution {
            host: &buildout.derivation.host,
            unit: &unit,
            scan: buildout.scan,
            base: &dist.location,
            info: &dist.info,
            layout: dist.layout,
            fence: if dist.source == Source::Egg { &dist.location } else { fence(buildout, dist) },
            mend,
        };
        // The environment's distributions are another rule's; a develop egg's notes in its sources are nobody's.
        let own = wanted(buildout, dist) && dist.source != Source::Site && dist.layout != Layout::EggInfo
            || dist.source == Source::Egg && wanted(buildout, dist);
        let own = own && !wheels::is_zipped(buildout, dist);
        // Of a shared egg, the buildout that came first has told.
        let own = own && (dist.source != Source::Egg || manifest.units.iter().all(|known| known.id != unit));
        let claims = if own {
            let claims = record.claims(manifest);
            if let Some(evidence) =
                claims.as_ref().filter(|_| dist.source == Source::Egg).and_then(|all| record.cut_off(all))
            {
                record.broken(manifest, dist.info.join("RECORD"), evidence);
            }
            match wheels::of(buildout, dist) {
                Some(wheel) => Some(wheels::believed(&record, claims, &wheel, manifest)),
                None => claims,
            }
        } else {
            record.claims(&mut Manifest::new(manifest.definition.clone()))
        };
        found.insert(dist.info.clone(), claims);
    }
    buildout.catalog.claims = found;
}

fn fence<'a>(buildout: &'a Buildout<'_>, dist: &'a Dist) -> &'a TargetPath {
    match (&buildout.input.environment, dist.source) {
        (Some(environment), Source::Site) => environment,
        _ => &dist.location,
    }
}

/// Whether a distribution is one that this buildout would use: not a leftover of another version, and not one of the
/// many that others keep in a shared directory.
fn wanted(buildout: &Buildout<'_>, dist: &Dist) -> bool {
    let configuration = buildout.configuration();
    let pin = match configuration.versions.get(&dist.key) {
        Some(Eval::Known(pin)) => exact(pin),
        Some(Eval::Unknown(_)) | None => None,
    };
    match (dist.source, pin) {
        (Source::Develop | Source::Site, _) => true,
        (Source::Egg, Some(pin)) => same_version(pin, &dist.version),
        (Source::Egg, None) => dist.location.is_below(buildout.directory()),
    }
}

/// Artifacts and units of all eggs.
pub(super) fn expect(buildout: &Buildout<'_>, parts: &Parts, manifest: &mut Manifest) {
    let used: BTreeSet<&TargetPath> =
        parts.eggs.values().flat_map(|eggs| eggs.dists.values()).map(|(_, place)| place).collect();
    for dist in buildout.catalog.all() {
        match dist.source {
            Source::Egg if wanted(buildout, dist) || used.contains(&dist.location) => {
                egg(buildout, dist, parts.recipes.contains(&dist.location), manifest);
            }
            Source::Develop if dist.layout == Layout::SitePackages => claimed(buildout, dist, Code::OfParts, manifest),
            Source::Egg | Source::Develop | Source::Site => {}
        }
    }
    missing(buildout, parts, manifest);
    edges(buildout, parts, manifest);
}

/// Who runs the code of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// The programs that the parts make.
    OfParts,
    /// buildout itself: it is a recipe, or needed by one.
    OfRecipes,
}

fn egg(buildout: &Buildout<'_>, dist: &Dist, recipe: bool, manifest: &mut Manifest) {
    let (host, unit) = (&buildout.derivation.host, unit_id(buildout, dist));
    if manifest.units.iter().any(|known| known.id == unit) {
        // Another buildout shares it, and has said everything about it.
        return;
    }
    push_unit(buildout, &unit, format!("{} {}", dist.key, dist.version), Some(dist.location.clone()), manifest);
    if wheels::is_zipped(buildout, dist) {
        let mend = manifest.add_mend(content_mend(buildout, dist));
        return wheels::zipped(buildout, dist, (unit, mend), manifest);
    }
    let mend = manifest.add_mend(directory_mend(buildout, &dist.key));
    manifest.artifacts.push(distribution::directory(host, &unit, dist.location.clone(), Authority::Record, mend));
    claimed(buildout, dist, if recipe { Code::OfRecipes } else { Code::OfParts }, manifest);
    let derived = manifest.add_mend(Mend { force: vec![Force::RemoveSelf], ..content_mend(buildout, dist) });
    manifest.artifacts.extend(distribution::byte_code(buildout.scan, &dist.location, host, &unit, derived));
}

/// What RECORD vouches for, and the files of an egg that it does not list.
fn claimed(buildout: &Buildout<'_>, dist: &Dist, run_by: Code, manifest: &mut Manifest) {
    let Some(Some(claims)) = buildout.catalog.claims.get(&dist.info) else { return };
    let (host, unit) = (&buildout.derivation.host, unit_id(buildout, dist));
    let content = content_mend(buildout, dist);
    let plain = manifest.add_mend(content.clone());
    let notes = manifest.add_mend(notes_mend(content.clone()));
    let modules = match run_by {
        Code::OfParts => plain,
        Code::OfRecipes => manifest.add_mend(recipe_mend(content)),
    };
    let mend_of = |path: &TargetPath| match path.name() {
        b"METADATA" if path.is_below(&dist.info) => notes,
        name if name.ends_with(b".py") || name.ends_with(b".so") => modules,
        _ => plain,
    };
    for (path, content) in claims {
        let authority = if matches!(content, Content::Unknown(_)) { Authority::Record } else { Authority::Vendor };
        let mend = mend_of(path);
        manifest.artifacts.push(distribution::file(host, &unit, path.clone(), content.clone(), authority, mend));
    }
    if dist.source == Source::Egg {
        let more: Vec<Artifact> = unlisted(buildout, dist, claims)
            .map(|(path, content)| distribution::file(host, &unit, path, content, Authority::Record, plain))
            .collect();
        manifest.artifacts.extend(more);
    }
}

fn unlisted<'a>(
    buildout: &'a Buildout<'_>,
    dist: &'a Dist,
    claims: &'a Claims,
) -> impl Iterator<Item = (TargetPath, Content)> + 'a {
    let namespaces = dist.namespaces(buildout.scan, Some(claims)).unwrap_or_else(|_| Vec::new());
    let inits: BTreeSet<TargetPath> = namespaces
        .iter()
        .map(|namespace| dist.location.join(namespace.replace('.', "/")).join("__init__.py"))
        .collect();
    let init = match (dist.layout, buildout.generation()) {
        (Layout::EggInfo, _) => Some(NAMESPACE_INIT),
        (Layout::RenamedDistInfo, Some(3 | 4)) => Some(NAMESPACE_INIT_OF_BUILDOUT),
        (Layout::RenamedDistInfo | Layout::SitePackages, _) => None,
    };
    distribution::files(buildout.scan, &dist.location)
        .filter(|path| !claims.contains_key(path) && !distribution::is_byte_code(path))
        .map(move |path| {
            let content = if let Some(init) = init.filter(|_| inits.contains(&path)) {
                Content::Bytes(Blob::from(init))
            } else if dist.layout == Layout::EggInfo && path.name() == b"requires.txt" {
                Content::Unknown(Why::new(
                    WhyKind::NotModelled,
                    "setuptools makes it of METADATA when it makes the egg",
                ))
            } else {
                Content::Unknown(Why::new(WhyKind::NoReference, "the egg's RECORD does not list it"))
            };
            (path, content)
        })
}

/// Pinned eggs that some part needs and no directory holds.
fn missing(buildout: &Buildout<'_>, parts: &Parts, manifest: &mut Manifest) {
    let Eval::Known(directory) = &buildout.configuration().directories.eggs else { return };
    let directory = TargetPath::new(directory);
    let names: BTreeSet<&(String, String)> = parts.eggs.values().flat_map(|eggs| &eggs.missing).collect();
    let mut done = BTreeSet::new();
    for (name, version) in names {
        let key = canonical(name);
        if !done.insert(key.clone()) {
            continue;
        }
        let path = noted_place(buildout, &directory, &key, version)
            .unwrap_or_else(|| usual_place(buildout, &directory, name, version));
        let unit = match buildout.shared_eggs() {
            Some(_) => shared_unit(buildout, &path),
            None => buildout.derivation.unit.within(format_args!("!{key}")),
        };
        if manifest.units.iter().any(|known| known.id == unit) {
            continue;
        }
        push_unit(buildout, &unit, format!("{key} {version}"), Some(path.clone()), manifest);
        let mend = manifest.add_mend(directory_mend(buildout, &key));
        let host = &buildout.derivation.host;
        manifest.artifacts.push(distribution::directory(host, &unit, path, Authority::Definition, mend));
    }
}

/// Where the scripts say that an egg is.
fn noted_place(buildout: &Buildout<'_>, eggs: &TargetPath, key: &str, version: &str) -> Option<TargetPath> {
    let bin = buildout.bin().ok()?;
    buildout.scan.entries(&bin).find_map(|script| {
        let Note::Bytes(bytes) = evidence::note(buildout.scan, &script) else { return None };
        bytes.text()?.lines().find_map(|line| {
            let name = line.rsplit('/').next()?.trim_end_matches([',', ')', '\'', '"']);
            let egg = EggName::parse(name.as_bytes())?;
            (canonical(&egg.name) == key && same_version(&egg.version, version)).then(|| eggs.join(name))
        })
    })
}

/// How buildout would call the egg, as far as can be told before it is there.
fn usual_place(buildout: &Buildout<'_>, eggs: &TargetPath, name: &str, version: &str) -> TargetPath {
    let python = buildout.facts.0.get("python_version").cloned().unwrap_or_else(|| "3".to_owned());
    let platform = match (buildout.generation(), buildout.facts.0.get("platform_machine")) {
        (Some(3 | 4), _) => String::new(),
        (_, machine) => format!("-linux-{}", machine.map_or("x86_64", String::as_str)),
    };
    eggs.join(format!("{}-{}-py{python}{platform}.egg", name.replace('-', "_"), version.replace('-', "_")))
}

fn edges(buildout: &Buildout<'_>, parts: &Parts, manifest: &mut Manifest) {
    for (part, eggs) in &parts.eggs {
        let names = eggs.dists.keys().cloned().chain(eggs.missing.iter().map(|(name, _)| canonical(name)));
        let own = names.map(|name| buildout.derivation.unit.within(format_args!("!{name}")));
        let shared = eggs.dists.values().map(|(_, place)| shared_unit(buildout, place));
        for to in own.chain(shared) {
            if manifest.units.iter().any(|unit| unit.id == to) {
                manifest.edges.push(Edge { from: part.clone(), to, kind: EdgeKind::Uses, label: "eggs".to_owned() });
            }
        }
    }
}

/// The unit of an egg in a directory that several buildouts use: it belongs to none of them.
fn shared_unit(buildout: &Buildout<'_>, egg: &TargetPath) -> UnitId {
    UnitId::from(format!("{}!{egg}", buildout.derivation.host))
}

fn unit_id(buildout: &Buildout<'_>, dist: &Dist) -> UnitId {
    if dist.source == Source::Site {
        return buildout.derivation.unit.clone();
    }
    if dist.source == Source::Egg && buildout.shared_eggs().is_some() {
        return shared_unit(buildout, &dist.location);
    }
    let unit = buildout.derivation.unit.within(format_args!("!{}", dist.key));
    let alone = buildout.catalog.dists.get(&dist.key).is_some_and(|all| {
        all.iter().filter(|other| other.source != Source::Site && wanted(buildout, other)).count() < 2
    });
    if alone { unit } else { unit.within(format_args!("=={}", dist.version)) }
}

fn push_unit(
    buildout: &Buildout<'_>,
    id: &UnitId,
    name: String,
    directory: Option<TargetPath>,
    manifest: &mut Manifest,
) {
    let parent = &buildout.derivation.unit;
    let deployer = crate::expect::derive::deployer(manifest, parent);
    let directory_is_shared = buildout.shared_eggs().is_some();
    manifest.units.push(Unit {
        id: id.clone(),
        host: buildout.derivation.host.clone(),
        kind: UnitKind::Egg,
        name,
        origin: None,
        directory,
        parent: directory_is_shared.not().then(|| parent.clone()),
        deployer,
        opaque: None,
    });
}

/// buildout gets an egg whose directory is gone.
fn directory_mend(buildout: &Buildout<'_>, key: &str) -> Mend {
    let runs = &buildout.input.runs;
    Mend {
        force: runs.force().to_vec(),
        hazards: hazards(buildout, key),
        ..Mend::new(runs.noticed(Vigilance::Absence), Vigilance::Nothing)
    }
}

/// buildout looks at nothing inside an egg: the directory has to go.
fn content_mend(buildout: &Buildout<'_>, dist: &Dist) -> Mend {
    if dist.source == Source::Develop {
        return develop_mend(buildout);
    }
    let mut force = vec![Force::Remove(dist.location.clone())];
    force.extend_from_slice(buildout.input.runs.force());
    Mend {
        force,
        replaces: vec![dist.location.clone()],
        hazards: hazards(buildout, &dist.key),
        ..Mend::new(Vigilance::Nothing, Vigilance::Nothing)
    }
}

/// Metadata that cannot be read stops buildout, and the part that needs it is deleted. (The `PKG-INFO` of the older
/// layout is hardly read: the name of the egg tells its version, `requires.txt` the rest.)
fn notes_mend(mut mend: Mend) -> Mend {
    if mend.vigilance == Vigilance::Nothing {
        mend.aborts = Aborts::Always;
        let text = "buildout fails at damaged metadata of an egg, and deletes the scripts of the part that needs it";
        mend.hazards.push(Hazard::new(code::DELETES_ON_FAILURE, text));
    }
    mend
}

/// The code of recipes is run by buildout: damaged, it stops the run, or does whatever the damage makes it do.
fn recipe_mend(mut mend: Mend) -> Mend {
    mend.aborts = Aborts::Always;
    mend.hazards
        .push(Hazard::new(code::STOPS_ALL, "buildout runs this code; while it is damaged, no part is repaired"));
    mend
}

/// Develop eggs are linked anew in every run.
pub(super) fn develop_mend(buildout: &Buildout<'_>) -> Mend {
    let runs = &buildout.input.runs;
    Mend {
        piece: None,
        unmade: None,
        vigilance: runs.noticed(Vigilance::Content),
        metadata: Vigilance::Nothing,
        force: std::iter::once(Force::RemoveSelf).chain(runs.force().iter().cloned()).collect(),
        // A link is read as text before it is written anew (`sort_working_set`, zc.buildout 6.0.1).
        aborts: Aborts::OnUndecodable,
        replaces: Vec::new(),
        hazards: Vec::new(),
    }
}

fn hazards(buildout: &Buildout<'_>, key: &str) -> Vec<Hazard> {
    let mut hazards = Vec::new();
    let configuration = buildout.configuration();
    if !matches!(configuration.versions.get(key), Some(Eval::Known(pin)) if exact(pin).is_some()) {
        let text = format!("{key} is not pinned: getting it again may bring another version");
        hazards.push(Hazard::new(code::UPGRADES, text));
    }
    if let Some(eggs) = buildout.shared_eggs() {
        let text = format!("`{eggs}` is used by other buildouts, too");
        hazards.push(Hazard::new(code::SHARED_EGGS, text));
    }
    hazards
}

/// Links and editable metadata of develop eggs that buildout noted.
pub(super) fn develop_links(buildout: &Buildout<'_>, installed: &Installed, manifest: &mut Manifest) {
    let mend = manifest.add_mend(develop_mend(buildout));
    let why = Why::new(WhyKind::NotModelled, "buildout writes it anew in every run");
    let covered: BTreeSet<&TargetPath> = buildout.catalog.claims.values().flatten().flat_map(Claims::keys).collect();
    let (host, unit) = (&buildout.derivation.host, &buildout.derivation.unit);
    for path in absolute(installed.develop_eggs.as_ref()) {
        if path.name().ends_with(b".dist-info") {
            manifest.artifacts.push(distribution::directory(host, unit, path, Authority::Record, mend));
        } else if !covered.contains(&path) {
            let content = Content::Unknown(why.clone());
            manifest.artifacts.push(distribution::file(host, unit, path, content, Authority::Record, mend));
        }
    }
}
