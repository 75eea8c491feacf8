//! Rule `python-distributions`: every Python distribution below a directory, verified by its RECORD, wherever it lies:
//! virtual environments, `pip install --target`, a system's own site-packages, eggs.
//!
//! Needs a look of depth `Whole` at the directory that captures [`CAPTURE`]. What no RECORD lists is left to others.

mod source;

use super::Rule;
use crate::expect::distribution::{self, Distribution, Layout};
use crate::model::artifact::{Aborts, Force, Mend, MendId, Vigilance};
use crate::model::code::UPGRADES;
use crate::model::command::Command;
use crate::model::manifest::{Derivation, Manifest};
use crate::model::observation::{Kind, Scan, Sighting};
use crate::model::path::TargetPath;
use crate::model::plan::Hazard;
use crate::model::unit::{Deployer, DeployerId, HostName, Unit, UnitId, UnitKind};
use crate::references::python_metadata::named;
use serde::{Deserialize, Serialize};
use source::Source;
use std::collections::BTreeMap;

pub use source::Lock;

/// The rule's name in manifests.
pub const NAME: &str = "python-distributions";

/// What a look at the directory has to keep.
pub const CAPTURE: &[&str] = &["**/*.dist-info/RECORD", "**/*.dist-info/direct_url.json", "**/*.egg/EGG-INFO/RECORD"];

/// Runs pip with what follows `-r` as the lines of a requirements file. pip takes hashes only from such a file: not from
/// words, not from the address of an index, and from constraints it takes them for nothing (20.3 to 26.0).
const WITH_LOCK: &str = "import subprocess, sys, tempfile; at = sys.argv.index('-r') + 1; \
    lock = tempfile.NamedTemporaryFile('w'); lock.write('\\n'.join(sys.argv[at:])); lock.flush(); \
    sys.exit(subprocess.call([sys.executable, '-m', 'pip', *sys.argv[1:at], lock.name]))";

/// The rule's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The directory.
    pub directory: TargetPath,
    /// What archives of the distributions are verified by when they are installed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
}

/// The rule.
#[derive(Debug)]
pub struct PythonDistributions;

impl Rule for PythonDistributions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) {
        let Some(input) = super::input::<Input>(derivation, manifest) else { return };
        let directories: Vec<TargetPath> = scan
            .below(&input.directory)
            .filter(|(path, sighting)| is_directory(sighting) && (named(path).is_some() || is_egg(path)))
            .map(|(path, _)| path)
            .collect();
        for path in directories {
            match path.parent() {
                _ if is_egg(&path) => egg(derivation, scan, &path, manifest),
                Some(site) if !is_egg(&site) => distribution(derivation, scan, &path, input.lock.as_ref(), manifest),
                Some(_) | None => {}
            }
        }
    }
}

fn is_egg(path: &TargetPath) -> bool {
    path.name().ends_with(b".egg")
}

fn is_directory(sighting: &Sighting) -> bool {
    matches!(sighting, Sighting::Present(seen) if seen.kind == Kind::Directory)
}

fn distribution(derivation: &Derivation, scan: &Scan, info: &TargetPath, lock: Option<&Lock>, manifest: &mut Manifest) {
    let (Some(site), Some((name, version))) = (info.parent(), named(info)) else { return };
    let place = Place { environment: environment(scan, &site), site };
    let host = &derivation.host;
    let unit = UnitId::from(format!("{host}!python:{}/{name}", place.site));
    let with = |mend| Distribution {
        host,
        unit: &unit,
        scan,
        base: &place.site,
        info,
        layout: Layout::SitePackages,
        fence: place.environment.as_ref().unwrap_or(&place.site),
        mend,
    };
    // How it is made anew follows from its notes, for whose reading that does not matter.
    let source = source::of(&with(MendId(0)), (&name, &version), lock, manifest);
    let deployer = place.argv(&source).map(|argv| deployer(host, &place.site, &unit, argv, manifest));
    let title = format!("{name} {version} in {}", place.site);
    manifest.units.push(Unit {
        id: unit.clone(),
        host: host.clone(),
        kind: UnitKind::Distribution,
        name: title,
        origin: None,
        directory: None,
        parent: None,
        deployer,
        opaque: None,
    });
    let one = with(manifest.add_mend(reinstallation(source)));
    let Some(claims) = one.claims_or_salvage(manifest) else { return };
    let artifacts: Vec<_> = claims.into_iter().map(|(path, content)| one.artifact(path, content)).collect();
    manifest.artifacts.extend(artifacts);
}

/// An egg. No deployer is known: pip makes none, and the buildout that made it is not this rule's.
fn egg(derivation: &Derivation, scan: &Scan, location: &TargetPath, manifest: &mut Manifest) {
    let Some((info, layout)) = distribution::egg_notes(scan, location) else { return };
    let (host, record) = (&derivation.host, info.join("RECORD"));
    let is_absent = |path: &TargetPath| *scan.sighting(path) == Sighting::Absent;
    // setuptools' own eggs have no RECORD; those that it makes of wheels keep both notes of the wheel.
    let has_none = layout == Layout::EggInfo && is_absent(&record) && is_absent(&info.join("WHEEL"));
    let is_told = manifest.artifacts.claims(host, &record)
        || manifest.broken.iter().any(|broken| broken.host == *host && broken.path == record);
    if has_none || is_told {
        return;
    }
    let unit = UnitId::from(format!("{host}!egg:{location}"));
    let why = "pip makes no eggs, and no buildout that would make this one is known here";
    let mend = Mend { unmade: Some(why.to_owned()), ..Mend::new(Vigilance::Nothing, Vigilance::Nothing) };
    let (base, fence, mend) = (location, location, manifest.add_mend(mend));
    let one = Distribution { host, unit: &unit, scan, base, info: &info, layout, fence, mend };
    // RECORD names its own directory otherwise than it is called now, and setuptools leaves it as the wheel had it, which
    // need not be sorted: a damaged one has no rows to be believed.
    if let Some(claims) = one.claims(manifest) {
        if let Some(evidence) = one.cut_off(&claims) {
            one.broken(manifest, record, evidence);
        }
        let artifacts: Vec<_> = claims.into_iter().map(|(path, content)| one.artifact(path, content)).collect();
        manifest.artifacts.extend(artifacts);
    }
    manifest.units.push(Unit {
        id: unit.clone(),
        host: host.clone(),
        kind: UnitKind::Egg,
        name: location.to_string(),
        origin: None,
        directory: Some(location.clone()),
        parent: None,
        deployer: None,
        opaque: None,
    });
}

/// Where a distribution is installed.
struct Place {
    /// The directory that holds it.
    site: TargetPath,
    /// The virtual environment that this belongs to.
    environment: Option<TargetPath>,
}

/// The virtual environment that a `site-packages` belongs to: three directories up, where `pyvenv.cfg` is.
fn environment(scan: &Scan, site: &TargetPath) -> Option<TargetPath> {
    let directory = site.ancestors().nth(3)?;
    scan.seen(&directory.join("pyvenv.cfg")).map(|_| directory)
}

impl Place {
    /// The command that installs a distribution here. Its last word says which, so that one command can install several.
    fn argv(&self, source: &Source) -> Option<Vec<String>> {
        let (run, requirement): (&[&str], _) = match source {
            Source::Proved(word) | Source::Unproved(word, _) => (&["-m", "pip"], word),
            Source::Locked(line) => (&["-c", WITH_LOCK], line),
            Source::Unknown(_) => return None,
        };
        let python =
            self.environment.as_ref().map_or("python3".to_owned(), |place| place.join("bin/python").to_string());
        let mut argv = vec![python];
        argv.extend(run.iter().copied().map(str::to_owned));
        argv.extend(["install", "--ignore-installed", "--no-deps", "--no-compile"].map(str::to_owned));
        if self.environment.is_none() {
            argv.extend(["--target".to_owned(), self.site.to_string(), "--upgrade".to_owned()]);
        }
        if matches!(source, Source::Locked(_)) {
            argv.extend(["--require-hashes", "-r"].map(str::to_owned));
        }
        argv.push(requirement.clone());
        Some(argv)
    }
}

/// pip writes all files anew if it is not asked to uninstall first, for which it would need a sound RECORD.
fn reinstallation(source: Source) -> Mend {
    let mut mend = Mend {
        force: vec![Force::RemoveSelf],
        aborts: Aborts::OnWrongKind,
        ..Mend::new(Vigilance::Content, Vigilance::Nothing)
    };
    match source {
        Source::Proved(_) | Source::Locked(_) => {}
        Source::Unproved(_, why) => mend.hazards.push(Hazard::new(UPGRADES, why)),
        Source::Unknown(why) => mend.unmade = Some(why),
    }
    mend
}

/// The pip of a directory, told how it installs one more distribution.
fn deployer(
    host: &HostName,
    site: &TargetPath,
    unit: &UnitId,
    argv: Vec<String>,
    manifest: &mut Manifest,
) -> DeployerId {
    let id = DeployerId::from(format!("{host}!pip:{site}"));
    let index = manifest.deployers.iter().position(|known| known.id == id).unwrap_or_else(|| {
        manifest.deployers.push(Deployer {
            id: id.clone(),
            tool: "pip".to_owned(),
            commands: Vec::new(),
            aborts_on_first_failure: true,
            parts: BTreeMap::new(),
            one_by_one: false,
        });
        manifest.deployers.len() - 1
    });
    manifest.deployers[index].parts.insert(unit.clone(), vec![Command::on(host, argv)]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::derive::refine;
    use crate::expect::sample;
    use crate::model::artifact::Expected;
    use crate::model::content::Algorithm;
    use crate::model::hasher::digest_of;
    use crate::model::manifest::{Definition, Evaluation};
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let mut manifest = Manifest::new(Definition::new("system", "system", Evaluation::Native));
        manifest.derivations.push(Derivation {
            host: "h".into(),
            unit: "h!tree:/opt".into(),
            rule: NAME.into(),
            input: serde_json::to_value(Input { directory: TargetPath::new("/opt"), lock: None }).expect("it is JSON"),
        });
        refine(&mut manifest, &[sample::scan(files)]);
        manifest
    }

    const RECORD: &str =
        "six.py,sha256=4NgfhTwb0cPCm-PTd7dHy3bxTCoO5a2xX4VOa-YHJs4,10\nsix-1.17.0.dist-info/RECORD,,\n";

    #[test]
    fn a_distribution_in_an_environment_is_installed_by_its_python() {
        let files = [
            ("/opt/a/pyvenv.cfg", "home = /usr/bin\n"),
            ("/opt/a/lib/python3.11/site-packages/six-1.17.0.dist-info/RECORD", RECORD),
        ];
        let manifest = manifest(&files);
        let unit = manifest.units.first().expect("there is a unit");
        let deployer = manifest.deployers.first().expect("there is a deployer");
        let words = &deployer.parts[&unit.id][0].argv;
        assert_eq!(words.first().map(String::as_str), Some("/opt/a/bin/python"));
        assert_eq!(words.last().map(String::as_str), Some("six==1.17.0"));
        let claimed = manifest.artifacts.iter().any(|artifact| {
            artifact.path == TargetPath::new("/opt/a/lib/python3.11/site-packages/six.py")
                && matches!(artifact.expected, Expected::File(_))
        });
        assert!(claimed, "{:?}", manifest.artifacts);
    }

    #[test]
    fn a_distribution_without_environment_is_installed_to_its_directory() {
        let manifest = manifest(&[("/opt/vendor/six-1.17.0.dist-info/RECORD", RECORD)]);
        let words = &manifest.deployers[0].parts.values().next().expect("there is a part")[0].argv;
        assert!(words.windows(2).any(|pair| pair == ["--target", "/opt/vendor"]), "{words:?}");
    }

    /// The command that installs it anew, or why there is none.
    fn repair(direct_url: Option<&str>, recorded: bool) -> Result<String, String> {
        let info = "/opt/vendor/six-1.17.0.dist-info";
        let row = |text: &str| {
            let digest = digest_of(Algorithm::Sha256, text.as_bytes());
            format!("six-1.17.0.dist-info/direct_url.json,sha256={},{}\n", BASE64.encode(&*digest.bytes), text.len())
        };
        let noted = r#"{"archive_info": {}, "url": "https://example.com/six.whl"}"#;
        let record = if recorded { format!("{}{RECORD}", row(noted)) } else { RECORD.to_owned() };
        let (path, url_path) = (format!("{info}/RECORD"), format!("{info}/direct_url.json"));
        let mut files = vec![(path.as_str(), record.as_str())];
        files.extend(direct_url.map(|text| (url_path.as_str(), text)));
        let manifest = manifest(&files);
        let mend = &manifest.mends[0];
        match manifest.deployers.first() {
            Some(deployer) => Ok(deployer.parts.values().next().expect("there is a part")[0].argv.join(" ")),
            None => Err(mend.unmade.clone().expect("a reason")),
        }
    }

    #[test]
    fn an_index_is_not_asked_for_what_came_from_somewhere_else() {
        let noted = r#"{"archive_info": {}, "url": "https://example.com/six.whl"}"#;
        let command = |direct_url, recorded| repair(direct_url, recorded).expect("there is a command");
        assert!(command(None, false).ends_with(" six==1.17.0"));
        assert!(command(Some(noted), true).ends_with(" https://example.com/six.whl"));
        let other = noted.replace("six", "zix");
        for (direct_url, recorded) in [(Some(other.as_str()), true), (None, true), (Some(noted), false)] {
            let why = repair(direct_url, recorded).expect_err("nobody vouches for the note");
            assert!(why.contains("nothing vouches for the note of it"), "{why}");
        }
    }
}
