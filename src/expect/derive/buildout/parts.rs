//! Parts: the files that their recipes make, and what `.installed.cfg` recorded about the others.

use super::catalog::EggName;
use super::eggs::develop_links;
use super::{Buildout, UsedEggs, noted};
use crate::definition::buildout::installed::{self, Installed, InstalledPart};
use crate::expect::distribution;
use crate::expect::evidence::{self, Note};
use crate::expect::recipes::{self, Made, Mode, PartFiles, Upkeep};
use crate::model::artifact::{Aborts, Artifact, Authority, Content, Expected, Force, Mend, MendId, Vigilance};
use crate::model::code;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::manifest::{Broken, Manifest, Proof};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use crate::model::plan::Hazard;
use crate::model::unit::UnitId;
use crate::references::python_metadata::canonical;
use std::collections::{BTreeMap, BTreeSet};

/// What the parts need and make.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The eggs of each part's unit.
    pub(super) eggs: BTreeMap<UnitId, UsedEggs>,
    /// Where recipes lie, and what they need.
    pub(super) recipes: BTreeSet<TargetPath>,
}

/// The unit of a part.
pub(crate) fn unit(buildout: &UnitId, part: &str) -> UnitId {
    buildout.within(format_args!(":{part}"))
}

/// What is made, and by which part. Two parts may make the same path; whoever comes later wins at every run.
type AllMade = BTreeMap<TargetPath, (String, Made)>;

/// Artifacts of all parts.
pub(super) fn expect(buildout: &Buildout<'_>, manifest: &mut Manifest) -> Parts {
    let installed = installed(buildout, manifest);
    if let Some(installed) = &installed {
        develop_links(buildout, installed, manifest);
    }
    let mut parts = Parts::default();
    let mut made = AllMade::new();
    let mut effects: BTreeMap<String, String> = BTreeMap::new();
    for part in &buildout.configuration().parts {
        let id = unit(&buildout.derivation.unit, part);
        let name = match buildout.configuration().option(part, "recipe") {
            Some(Eval::Known(name)) => name,
            Some(Eval::Unknown(why)) => {
                crate::expect::derive::unknown(manifest, &id, why);
                continue;
            }
            None => continue,
        };
        let mut eggs = recipe_egg(buildout, &name);
        parts.recipes.extend(eggs.dists.values().map(|(_, place)| place.clone()));
        if let Some(recipe) = recipes::recipe(&name) {
            let files = recipe.expected(part, buildout);
            merge(&mut eggs, &files);
            if let Some(why) = files.opaque {
                crate::expect::derive::unknown(manifest, &id, why);
            }
            if let Some(effect) = files.side_effect {
                effects.insert(part.clone(), effect);
            }
            for mut thing in files.made {
                if let Expected::File(content) = thing.expected {
                    thing.expected = Expected::File(doubted(buildout, &thing.path, content, &files.eggs));
                }
                made.insert(thing.path.clone(), (part.clone(), thing));
            }
        } else {
            let why = format!("what the recipe `{name}` writes is not modelled; only that it is there is checked");
            crate::expect::derive::opaque(manifest, &id, why);
        }
        parts.eggs.insert(id, eggs);
    }
    let paths: BTreeSet<TargetPath> = made.keys().cloned().collect();
    let path = buildout.configuration().directories.installed.known().filter(|_| installed.is_some());
    let notes = Notes { installed: installed.as_ref(), path: path.map(TargetPath::new), effects: &effects };
    push_made(buildout, &notes, made, manifest);
    recorded(buildout, &notes, &paths, manifest);
    if let (Some(installed), Some(path)) = (notes.installed, &notes.path) {
        let mend = |manifest: &mut Manifest, part: &str| renewal(buildout, &notes, part, manifest);
        noted::compare(buildout, (installed, path), mend, manifest);
    }
    parts
}

/// How a part is installed anew because its options changed, or uninstalled because it is none any more: every run of buildout
/// sees to that. And the unit that it concerns.
fn renewal(buildout: &Buildout<'_>, notes: &Notes<'_>, part: &str, manifest: &mut Manifest) -> (UnitId, MendId) {
    let own = &buildout.derivation.unit;
    let is_part = buildout.configuration().parts.iter().any(|known| known == part);
    let vigilance = buildout.input.runs.noticed(Vigilance::Content);
    let uninstalled = || {
        let text = format!("buildout uninstalls the part `{part}`: everything that it recorded is deleted");
        vec![Hazard::new(code::SIDE_EFFECTS, text)]
    };
    let mend = manifest.add_mend(Mend {
        force: buildout.input.runs.force().to_vec(),
        replaces: notes.recorded(part),
        hazards: if is_part { notes.hazards(part) } else { uninstalled() },
        ..Mend::new(vigilance, vigilance)
    });
    (if is_part { unit(own, part) } else { own.clone() }, mend)
}

/// What installing everything again means.
const WITHOUT_NOTES: &str = "without .installed.cfg every part is installed again: commands of recipes run again, and a \
                             recipe that refuses existing targets fails";

/// What is known about parts besides their files.
struct Notes<'a> {
    installed: Option<&'a Installed>,
    /// Where buildout has its notes, if there are any.
    path: Option<TargetPath>,
    /// What installing a part does besides, by part.
    effects: &'a BTreeMap<String, String>,
}

impl Notes<'_> {
    fn recorded(&self, part: &str) -> Vec<TargetPath> {
        let section = self.installed.and_then(|installed| installed.sections.get(part));
        absolute(section.and_then(InstalledPart::paths).as_ref()).collect()
    }

    /// What has to be said before a part is installed anew.
    fn hazards(&self, part: &str) -> Vec<Hazard> {
        let text = format!(
            "buildout uninstalls the part `{part}` and installs it again: everything that it recorded is deleted first"
        );
        let effect = self.effects.get(part).map(|effect| Hazard::new(code::SIDE_EFFECTS, effect.clone()));
        std::iter::once(Hazard::new(code::SIDE_EFFECTS, text)).chain(effect).collect()
    }
}

fn merge(eggs: &mut UsedEggs, files: &PartFiles) {
    eggs.dists.extend(files.eggs.dists.clone());
    eggs.unpinned.extend(files.eggs.unpinned.iter().cloned());
    eggs.missing.extend(files.eggs.missing.iter().cloned());
}

/// The egg of the recipe itself. What it requires in turn is needed as well.
fn recipe_egg(buildout: &Buildout<'_>, recipe: &str) -> UsedEggs {
    let name = recipe.split(':').next().unwrap_or(recipe);
    UsedEggs::of(&buildout.working_set(&[name.to_owned()]))
}

/// A script that names another version of an unpinned egg than the one that is there tells of a third one: then it is
/// not known which is right.
fn doubted(buildout: &Buildout<'_>, path: &TargetPath, content: Content, eggs: &UsedEggs) -> Content {
    let Note::Bytes(bytes) = evidence::note(buildout.scan, path) else { return content };
    let others = bytes.text().unwrap_or_default().split(['\n', ':']).filter_map(|line| {
        let name = line.rsplit('/').next()?.trim_end_matches([',', ')', '\'', '"']);
        let egg = EggName::parse(name.as_bytes())?;
        let key = canonical(&egg.name);
        let other =
            eggs.unpinned.contains(&key) && eggs.dists.get(&key).is_some_and(|(version, _)| *version != egg.version);
        other.then_some(key)
    });
    match others.into_iter().next() {
        Some(key) => Content::Unknown(Why::new(
            WhyKind::LiveTree,
            format!("{key} is not pinned, and the script names another version than the one that is there"),
        )),
        None => content,
    }
}

fn push_made(buildout: &Buildout<'_>, notes: &Notes<'_>, made: AllMade, manifest: &mut Manifest) {
    let modes: BTreeSet<u32> = made
        .values()
        .filter(|(_, thing)| thing.mode == Mode::Executable)
        .filter_map(|(_, thing)| buildout.scan.seen(&thing.path))
        .filter(|seen| seen.kind == Kind::File && seen.mode & 0o100 != 0)
        .map(|seen| seen.mode & 0o777)
        .collect();
    for (path, (part, thing)) in made {
        let mode = match thing.mode {
            Mode::Undeclared => None,
            Mode::Executable => mode(buildout, &path, &modes),
            Mode::Exactly(mode) => Some(mode),
        };
        let mend = manifest.add_mend(made_mend(buildout, notes, &part, &thing));
        let unit = unit(&buildout.derivation.unit, &part);
        let host = &buildout.derivation.host;
        let artifact = distribution::thing(host, &unit, path, thing.expected, Authority::Definition, mend);
        manifest.artifacts.push(Artifact {
            mode,
            secret: thing.secret,
            owner: thing.owner,
            group: thing.group,
            ..artifact
        });
    }
}

/// `0777 & ~umask`. The umask of the run shows in the other scripts; where there is none, in the directory.
fn mode(buildout: &Buildout<'_>, path: &TargetPath, modes: &BTreeSet<u32>) -> Option<u32> {
    let mut modes = modes.iter().copied();
    match (modes.next(), modes.next()) {
        (Some(only), None) => Some(only),
        (None, _) => directory_mode(buildout, path),
        // Written under several umasks. That a script can be executed at all is certain, though.
        (Some(_), Some(_)) => {
            let lost = buildout.scan.seen(path).is_some_and(|seen| seen.mode & 0o100 == 0);
            if lost { directory_mode(buildout, path) } else { None }
        }
    }
}

fn directory_mode(buildout: &Buildout<'_>, path: &TargetPath) -> Option<u32> {
    let mode = buildout.scan.seen(&path.parent()?)?.mode & 0o777;
    (mode & 0o700 == 0o700).then_some(mode)
}

/// How something that a part made is made anew.
fn made_mend(buildout: &Buildout<'_>, notes: &Notes<'_>, part: &str, thing: &Made) -> Mend {
    let runs = &buildout.input.runs;
    let noticed = |vigilance| runs.noticed(vigilance);
    let again = |force: Vec<Force>| force.into_iter().chain(runs.force().iter().cloned()).collect::<Vec<_>>();
    let recorded = notes.recorded(part);
    let itself = recorded.contains(&thing.path);
    // Where a recorded path is gone, buildout uninstalls the part; where it is empty, the part is only updated.
    let spared = itself && matches!(thing.expected, Expected::File(_));
    let mend = Mend {
        force: again(vec![Force::RemoveSelf]),
        aborts: Aborts::OnWrongKind,
        replaces: if itself { recorded.clone() } else { Vec::new() },
        ..Mend::new(Vigilance::Nothing, Vigilance::Nothing)
    };
    let rewritten = Mend {
        vigilance: noticed(Vigilance::Content),
        force: again(vec![if spared { Force::EmptySelf } else { Force::RemoveSelf }]),
        replaces: if spared { Vec::new() } else { mend.replaces.clone() },
        ..mend.clone()
    };
    match thing.upkeep {
        Upkeep::Compared => Mend {
            aborts: Aborts::OnUndecodable,
            hazards: vec![Hazard::new(
                code::DELETES_ON_FAILURE,
                "buildout fails at a script that is no text, and deletes all scripts of its part",
            )],
            ..rewritten
        },
        Upkeep::Consulted => Mend {
            aborts: Aborts::OnUndecodable,
            force: again(vec![Force::EmptySelf]),
            replaces: Vec::new(),
            ..rewritten
        },
        Upkeep::Replaced => Mend { metadata: noticed(Vigilance::Content), aborts: Aborts::Never, ..rewritten },
        Upkeep::Rewritten => rewritten,
        Upkeep::Rebuilt => Mend { aborts: Aborts::Never, ..rewritten },
        Upkeep::WhenGone => Mend { vigilance: noticed(Vigilance::Absence), ..mend },
        Upkeep::Maintained => {
            Mend { vigilance: noticed(Vigilance::Absence), metadata: noticed(Vigilance::Content), ..mend }
        }
        Upkeep::OnInstall => {
            let above = recorded.iter().filter(|path| thing.path.is_below(path)).max();
            let force = match above.or(recorded.first()) {
                Some(other) if !itself && thing.path.is_below(other) => vec![Force::Remove(other.clone())],
                // What lies elsewhere is there still, and may stop the installation.
                Some(other) if !itself => vec![Force::RemoveSelf, Force::Remove(other.clone())],
                // Nothing that could be gone: only without its notes does buildout install the part again.
                None => vec![notes.path.clone().map_or(Force::RemoveSelf, Force::Remove)],
                Some(_) => vec![Force::RemoveSelf],
            };
            let mut hazards = notes.hazards(part);
            if recorded.is_empty() {
                hazards.push(Hazard::new(code::SIDE_EFFECTS, WITHOUT_NOTES));
            }
            Mend {
                vigilance: noticed(if itself { Vigilance::Absence } else { Vigilance::Nothing }),
                force: again(force),
                aborts: Aborts::Never,
                replaces: recorded,
                hazards,
                ..mend
            }
        }
    }
}

/// Reads `.installed.cfg`.
fn installed(buildout: &Buildout<'_>, manifest: &mut Manifest) -> Option<Installed> {
    let path = match &buildout.configuration().directories.installed {
        Eval::Known(path) if path.is_empty() => return None,
        Eval::Known(path) => TargetPath::new(path),
        Eval::Unknown(_) => return None,
    };
    let mut force = vec![Force::RemoveSelf];
    force.extend_from_slice(buildout.input.runs.force());
    let mend = manifest.add_mend(Mend {
        force,
        aborts: Aborts::Always,
        hazards: vec![Hazard::new(code::SIDE_EFFECTS, WITHOUT_NOTES)],
        ..Mend::new(buildout.input.runs.noticed(Vigilance::Absence), Vigilance::Nothing)
    });
    let (host, unit) = (&buildout.derivation.host, &buildout.derivation.unit);
    let why = match evidence::note(buildout.scan, &path) {
        Note::Bytes(bytes) => {
            let (installed, damage) = installed::parse(&bytes.0, ".installed.cfg");
            if let Some(first) = damage.first() {
                let place = first.origin.as_ref().and_then(|origin| origin.line);
                let place = place.map(|line| format!("line {line}: ")).unwrap_or_default();
                let (host, unit, evidence) = (host.clone(), unit.clone(), format!("{place}{}", first.message));
                let why =
                    Why::new(WhyKind::NoReference, "buildout notes here what its recipes did; nothing else tells");
                // Without it every part is installed again, with all that this entails: a backup's is better.
                let expected = Some(Expected::File(Content::Unknown(why)));
                manifest.broken.push(Broken { host, unit, path, mend, evidence, expected, proof: Proof::Record });
                return None;
            }
            let why = Why::new(WhyKind::NoReference, "buildout notes here what its recipes did; nothing else tells");
            push_installed(host, unit, path, why, mend, manifest);
            return Some(installed);
        }
        Note::Absent | Note::WrongKind => Why::new(WhyKind::NoReference, "buildout notes here what its recipes did"),
        Note::Unknown(why) => why,
    };
    push_installed(host, unit, path, why, mend, manifest);
    None
}

fn push_installed(
    host: &crate::model::unit::HostName,
    unit: &UnitId,
    path: TargetPath,
    why: Why,
    mend: crate::model::artifact::MendId,
    manifest: &mut Manifest,
) {
    let artifact = distribution::file(host, unit, path, Content::Unknown(why), Authority::Definition, mend);
    // It holds the options of all parts, passwords among them.
    manifest.artifacts.push(Artifact { secret: true, ..artifact });
}

/// What parts recorded and no recipe of ours explains: it must be there.
fn recorded(buildout: &Buildout<'_>, notes: &Notes<'_>, known: &BTreeSet<TargetPath>, manifest: &mut Manifest) {
    let Some(installed) = notes.installed else { return };
    for part in known_lines(installed.parts.as_ref()).filter(|part| buildout.configuration().parts.contains(part)) {
        let paths = notes.recorded(part);
        let unit = unit(&buildout.derivation.unit, part);
        let mut force = vec![Force::RemoveSelf];
        force.extend_from_slice(buildout.input.runs.force());
        let mend = manifest.add_mend(Mend {
            force,
            replaces: paths.clone(),
            hazards: notes.hazards(part),
            ..Mend::new(buildout.input.runs.noticed(Vigilance::Absence), Vigilance::Nothing)
        });
        for path in paths.into_iter().filter(|path| !known.contains(path)) {
            let why = Why::new(WhyKind::NotModelled, format!("only the recipe of [{part}] knows what it writes here"));
            let expected = match buildout.scan.seen(&path) {
                Some(seen) if seen.kind == Kind::File => Expected::File(Content::Unknown(why)),
                _ => Expected::Present,
            };
            let host = &buildout.derivation.host;
            manifest.artifacts.push(distribution::thing(host, &unit, path, expected, Authority::Record, mend));
        }
    }
}

fn known_lines(value: Option<&Eval<Vec<String>>>) -> impl Iterator<Item = &String> {
    value.and_then(Eval::known).into_iter().flatten()
}

/// The paths of a list in `.installed.cfg`; anything else in there was made by no recipe that returns paths.
pub(super) fn absolute(value: Option<&Eval<Vec<String>>>) -> impl Iterator<Item = TargetPath> {
    known_lines(value).filter(|path| path.starts_with('/')).map(TargetPath::new)
}
