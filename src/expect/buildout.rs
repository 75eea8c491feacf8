//! Manifest of a buildout: its units, edges, looks and derivations, from the definition alone.
//!
//! Takes a resolved configuration and where it is deployed. What depends on the eggs' metadata follows in
//! [`super::derive::buildout`], with the evidence of a scan.

use super::derive::buildout::{self as rule, Configuration, Input, Runs};
use super::derive::python_environment::{self, Input as Environment};
use super::recipes::{self, Evidence};
use crate::model::artifact::{Aborts, Force, Mend, Vigilance};
use crate::model::code;
use crate::model::command::Command;
use crate::model::eval::Eval;
use crate::model::manifest::{Definition, Depth, Derivation, Host, Look, Manifest};
use crate::model::origin::Origin;
use crate::model::path::TargetPath;
use crate::model::plan::Hazard;
use crate::model::unit::{Deployer, DeployerId, Edge, EdgeKind, HostName, Unit, UnitId, UnitKind};
use std::collections::BTreeMap;

/// Where a buildout is deployed, and how it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// On which host.
    pub host: HostName,
    /// Its directory on that host.
    pub directory: TargetPath,
    /// The configuration file, as buildout is told it.
    pub config: String,
    /// `bin/buildout`, where it was found; otherwise that of the environment, or else of the directory.
    pub program: Option<TargetPath>,
    /// Whom the directory belongs to, if that is not root: buildout runs as that user.
    pub user: Option<String>,
    /// More arguments that it is always run with.
    pub arguments: Vec<String>,
    /// The virtual environment of `bin/buildout`, if it runs in one.
    pub environment: Option<TargetPath>,
    /// `sys.executable` of buildout's Python, where known.
    pub executable: Option<String>,
    /// The version of that Python, where known.
    pub python: Option<String>,
    /// The version of zc.buildout, where known.
    pub version: Option<String>,
}

/// The manifest of a checkout that is deployed by running buildout in it.
///
/// # Errors
/// When the input of the rule cannot be written as JSON.
pub fn manifest(
    definition: Definition,
    configuration: Configuration,
    place: &Place,
) -> Result<Manifest, serde_json::Error> {
    let mut manifest = Manifest::new(definition);
    let deployer = DeployerId::from(format!("{}#buildout", place.host));
    manifest.hosts.push(Host {
        name: place.host.clone(),
        ignored: false,
        directory: Some(place.directory.clone()),
        service_user: None,
        local: true,
    });
    let directory = place.directory.display();
    manifest.deployers.push(Deployer {
        id: deployer.clone(),
        tool: "buildout".to_owned(),
        commands: vec![Command::on(&place.host, command_line(place)).in_directory(directory.clone())],
        aborts_on_first_failure: true,
        parts: BTreeMap::new(),
        one_by_one: false,
    });
    let unit = UnitId::from(format!("{}#buildout", place.host));
    add(
        &mut manifest,
        configuration,
        place,
        &Inside { unit: unit.clone(), parent: None, deployer, runs: Runs::Always },
    )?;
    if let Some(environment) = &place.environment {
        add_environment(&mut manifest, place, environment, &unit)?;
    }
    manifest.sort();
    Ok(manifest)
}

/// Where in a deployment a buildout belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The id of the buildout's unit: `host/root#buildout`.
    pub unit: UnitId,
    /// The unit that contains it.
    pub parent: Option<UnitId>,
    /// Who runs it.
    pub deployer: DeployerId,
    /// When it is run.
    pub runs: Runs,
}

/// Adds a buildout to a manifest: as a whole deployment, or inside a batou root. Its environment is not added.
///
/// # Errors
/// When the input of the rule cannot be written as JSON.
pub fn add(
    manifest: &mut Manifest,
    configuration: Configuration,
    place: &Place,
    inside: &Inside,
) -> Result<(), serde_json::Error> {
    units(manifest, &configuration, place, inside);
    edges(manifest, &configuration, inside);
    looks(manifest, &configuration, place);
    super::mr_developer::add(manifest, &configuration, place, inside)?;
    let input = Input {
        directory: place.directory.clone(),
        configuration,
        environment: place.environment.clone(),
        executable: place.executable.clone(),
        python: place.python.clone(),
        version: place.version.clone(),
        runs: inside.runs.clone(),
    };
    manifest.derivations.push(Derivation {
        host: place.host.clone(),
        unit: inside.unit.clone(),
        rule: rule::NAME.to_owned(),
        input: serde_json::to_value(input)?,
    });
    Ok(())
}

/// The same configuration, options and user defaults as ever. `-N`: a repair must not upgrade what is not pinned.
fn command_line(place: &Place) -> Vec<String> {
    let fixed = [program(place), "-N".to_owned(), "-c".to_owned(), place.config.clone()];
    // What root makes in somebody else's directory, its owner could not write to any more.
    let user = place.user.iter().flat_map(|user| ["sudo", "-H", "-u", user, "--"].map(str::to_owned));
    // `-U` must come before assignments.
    let (flags, assignments): (Vec<_>, Vec<_>) = place.arguments.iter().cloned().partition(|one| one.starts_with('-'));
    user.chain(fixed).chain(flags).chain(assignments).collect()
}

fn program(place: &Place) -> String {
    let usual = || place.environment.as_ref().unwrap_or(&place.directory).join("bin/buildout");
    let bin = place.program.clone().unwrap_or_else(usual);
    match bin.relative_to(&place.directory) {
        Some(relative) => String::from_utf8_lossy(relative).into_owned(),
        None => bin.display().into_owned(),
    }
}

fn units(manifest: &mut Manifest, configuration: &Configuration, place: &Place, inside: &Inside) {
    let unit = |id: UnitId, kind, name: String, parent| Unit {
        id,
        host: place.host.clone(),
        kind,
        name,
        origin: Some(Origin::file(&place.config)),
        directory: None,
        parent,
        deployer: Some(inside.deployer.clone()),
        opaque: None,
    };
    manifest.units.push(Unit {
        directory: Some(place.directory.clone()),
        ..unit(inside.unit.clone(), UnitKind::Buildout, "buildout".to_owned(), inside.parent.clone())
    });
    for part in &configuration.parts {
        let id = rule::part_unit(&inside.unit, part);
        manifest.units.push(unit(id, UnitKind::Part, format!("[{part}]"), Some(inside.unit.clone())));
    }
}

fn edges(manifest: &mut Manifest, configuration: &Configuration, inside: &Inside) {
    let id = |part: &str| rule::part_unit(&inside.unit, part);
    for pair in configuration.parts.windows(2) {
        manifest.edges.push(Edge {
            from: id(&pair[1]),
            to: id(&pair[0]),
            kind: EdgeKind::PartOrder,
            label: "parts".to_owned(),
        });
    }
    let part = |name: &String| configuration.parts.contains(name);
    for reference in
        configuration.references.iter().filter(|one| one.from != one.to && part(&one.from) && part(&one.to))
    {
        let kind = match reference.option.as_str() {
            "<part-dependencies>" => EdgeKind::PartDependency,
            _ => EdgeKind::Reference,
        };
        manifest.edges.push(Edge {
            from: id(&reference.from),
            to: id(&reference.to),
            kind,
            label: reference.option.clone(),
        });
    }
}

/// The directory itself, eggs elsewhere, and what lies above, because buildout resolves links.
fn looks(manifest: &mut Manifest, configuration: &Configuration, place: &Place) {
    let capture: Vec<String> = rule::CAPTURE.iter().map(|&glob| glob.to_owned()).collect();
    let directories = &configuration.directories;
    let mut whole = vec![place.directory.clone()];
    whole.extend(place.environment.clone());
    for directory in [&directories.bin, &directories.eggs, &directories.develop_eggs] {
        if let Eval::Known(path) = directory {
            whole.push(TargetPath::new(path));
        }
    }
    whole.sort();
    whole.dedup();
    let mut places: Vec<TargetPath> = Vec::new();
    for path in whole {
        // Below a place that is looked at anyhow; the order puts that one first.
        if !places.iter().any(|place| path.is_below(place)) {
            places.push(path);
        }
    }
    let mut above: Vec<TargetPath> =
        places.iter().flat_map(|path| path.ancestors().skip(1).collect::<Vec<_>>()).collect();
    for part in &configuration.parts {
        if let Some(Eval::Known(paths)) = configuration.option(part, "extra-paths") {
            let paths =
                paths.lines().map(str::trim).filter(|path| !path.is_empty()).map(|path| place.directory.join(path));
            above.extend(paths.flat_map(|path| path.ancestors().collect::<Vec<_>>()));
        }
    }
    for directory in rule::archives(configuration, &place.directory) {
        above.extend(directory.ancestors().skip(1));
        manifest.look.push(Look::new(&place.host, directory, Depth::Archives));
    }
    let evidence = evidence(configuration, place);
    let (trees, evidence): (Vec<_>, Vec<_>) = evidence.into_iter().partition(|one| matches!(one, Evidence::Tree(_)));
    for tree in trees {
        let Evidence::Tree(path) = tree else { continue };
        if !places.iter().any(|place| path.is_below(place)) {
            above.extend(path.ancestors().skip(1));
            places.push(path);
        }
    }
    above.retain(|path| !path.is_root() && !places.iter().any(|place| path.is_below(place)));
    let look = |path, depth, capture| Look { capture, ..Look::new(&place.host, path, depth) };
    for one in evidence {
        manifest.look.extend(match one {
            // The name is a glob below its own directory.
            Evidence::Text(path) => match (path.parent(), path.as_str().map(|_| path.name())) {
                (Some(parent), Some(name)) => {
                    let glob = globset::escape(&String::from_utf8_lossy(name));
                    above.push(path);
                    Some(look(parent, Depth::Itself, vec![glob]))
                }
                _ => None,
            },
            Evidence::Itself(path) => {
                above.extend(Some(path).filter(|path| !places.iter().any(|place| path.is_below(place))));
                None
            }
            Evidence::Archive { path, declared } => {
                Some(Look { declared, ..Look::new(&place.host, path, Depth::Archive) })
            }
            Evidence::Digest { path, declared } => {
                Some(Look { declared: Some(declared), ..look(path, Depth::Itself, Vec::new()) })
            }
            Evidence::Tree(path) => Some(look(path, Depth::Whole, Vec::new())),
        });
    }
    manifest.look.extend(above.into_iter().map(|path| look(path, Depth::Itself, Vec::new())));
    manifest.look.extend(places.into_iter().map(|path| look(path, Depth::Whole, capture.clone())));
}

/// What the recipes of the parts want to be looked at.
fn evidence(configuration: &Configuration, place: &Place) -> Vec<Evidence> {
    let of_part = |part: &String| match configuration.option(part, "recipe") {
        Some(Eval::Known(name)) => {
            recipes::recipe(&name).map(|recipe| recipe.evidence(part, configuration, &place.directory))
        }
        Some(Eval::Unknown(_)) | None => None,
    };
    configuration.parts.iter().filter_map(of_part).flatten().collect()
}

/// The environment of a checkout that stands alone was made by hand: only a person makes it anew.
fn add_environment(
    manifest: &mut Manifest,
    place: &Place,
    environment: &TargetPath,
    buildout: &UnitId,
) -> Result<(), serde_json::Error> {
    let id = buildout.within("@environment");
    manifest.units.push(Unit {
        id: id.clone(),
        host: place.host.clone(),
        kind: UnitKind::PythonEnvironment,
        name: "the environment of bin/buildout".to_owned(),
        origin: None,
        directory: Some(environment.clone()),
        parent: None,
        deployer: None,
        opaque: None,
    });
    manifest.edges.push(Edge {
        from: buildout.clone(),
        to: id.clone(),
        kind: EdgeKind::Uses,
        label: "bin/buildout".to_owned(),
    });
    let by_hand = Mend {
        piece: None,
        unmade: None,
        vigilance: Vigilance::Nothing,
        metadata: Vigilance::Nothing,
        force: Vec::<Force>::new(),
        // It would run; but every part counts its environment as a part of itself, and would be installed anew.
        aborts: Aborts::Always,
        replaces: Vec::new(),
        hazards: vec![Hazard::new(
            code::SIDE_EFFECTS,
            "when anything in the site-packages of buildout changes, buildout installs every part again",
        )],
    };
    let input = Environment {
        directory: environment.clone(),
        python: place.python.clone(),
        distributions: BTreeMap::from([("zc.buildout".to_owned(), python_environment::Wanted::default())]),
        skeleton: by_hand.clone(),
        content: by_hand.clone(),
        absent: by_hand,
        remove_first: false,
    };
    manifest.derivations.push(Derivation {
        host: place.host.clone(),
        unit: id,
        rule: python_environment::NAME.to_owned(),
        input: serde_json::to_value(input)?,
    });
    Ok(())
}
