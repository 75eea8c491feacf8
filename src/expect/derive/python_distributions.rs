//! Rule `python-distributions`: every Python distribution below a directory, verified by its RECORD, wherever it lies:
//! virtual environments, `pip install --target`, a system's own site-packages.
//!
//! Needs a look of depth `Whole` at the directory that captures [`CAPTURE`]. What no RECORD lists is left to others.

use super::Rule;
use crate::expect::distribution::{Distribution, Layout};
use crate::model::artifact::{Aborts, Force, Mend, Vigilance};
use crate::model::code::UPGRADES;
use crate::model::command::Command;
use crate::model::manifest::{Derivation, Manifest};
use crate::model::observation::{Kind, Scan, Sighting};
use crate::model::path::TargetPath;
use crate::model::plan::Hazard;
use crate::model::unit::{Deployer, DeployerId, Unit, UnitId, UnitKind};
use crate::references::python_metadata::named;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rule's name in manifests.
pub const NAME: &str = "python-distributions";

/// What a look at the directory has to keep.
pub const CAPTURE: &[&str] = &["**/*.dist-info/RECORD"];

/// The rule's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The directory.
    pub directory: TargetPath,
}

/// The rule.
#[derive(Debug)]
pub struct PythonDistributions;

impl Rule for PythonDistributions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) {
        let input: Input = match serde_json::from_value(derivation.input.clone()) {
            Ok(input) => input,
            Err(error) => {
                let text = format!("the input of {NAME} is not understood: {error}");
                return super::opaque(manifest, &derivation.unit, text);
            }
        };
        let found: Vec<TargetPath> = scan
            .below(&input.directory)
            .filter(|(path, sighting)| is_directory(sighting) && named(path).is_some())
            .map(|(path, _)| path)
            .collect();
        for info in found {
            distribution(derivation, scan, &info, manifest);
        }
    }
}

fn is_directory(sighting: &Sighting) -> bool {
    matches!(sighting, Sighting::Present(seen) if seen.kind == Kind::Directory)
}

fn distribution(derivation: &Derivation, scan: &Scan, info: &TargetPath, manifest: &mut Manifest) {
    let (Some(site), Some((name, version))) = (info.parent(), named(info)) else { return };
    let environment = environment(scan, &site);
    let unit = unit(derivation, &site, environment.as_ref(), (&name, &version), manifest);
    let mend = manifest.add_mend(reinstallation());
    let fence = environment.unwrap_or_else(|| site.clone());
    let one = Distribution {
        host: &derivation.host,
        unit: &unit,
        scan,
        base: &site,
        info,
        layout: Layout::SitePackages,
        fence: &fence,
        mend,
    };
    let Some(claims) = one.claims(manifest) else { return };
    let artifacts: Vec<_> = claims.into_iter().map(|(path, content)| one.artifact(path, content)).collect();
    manifest.artifacts.extend(artifacts);
}

/// The virtual environment that a `site-packages` belongs to: three directories up, where `pyvenv.cfg` is.
fn environment(scan: &Scan, site: &TargetPath) -> Option<TargetPath> {
    let directory = site.ancestors().nth(3)?;
    scan.seen(&directory.join("pyvenv.cfg")).map(|_| directory)
}

/// pip writes all files anew if it is not asked to uninstall first, for which it would need a sound RECORD.
fn reinstallation() -> Mend {
    let text = "the index may give another file of the same version than the one that was installed; \
                look again afterwards";
    Mend {
        force: vec![Force::RemoveSelf],
        aborts: Aborts::OnWrongKind,
        hazards: vec![Hazard::new(UPGRADES, text)],
        ..Mend::new(Vigilance::Content, Vigilance::Nothing)
    }
}

fn unit(
    derivation: &Derivation,
    site: &TargetPath,
    environment: Option<&TargetPath>,
    (name, version): (&str, &str),
    manifest: &mut Manifest,
) -> UnitId {
    let host = &derivation.host;
    let deployer = DeployerId::from(format!("{host}!pip:{site}"));
    let id = UnitId::from(format!("{host}!python:{site}/{name}"));
    let python = environment.map_or_else(|| "python3".to_owned(), |place| place.join("bin/python").to_string());
    let mut argv = vec![python];
    argv.extend(["-m", "pip", "install", "--ignore-installed", "--no-deps", "--no-compile"].map(str::to_owned));
    if environment.is_none() {
        argv.extend(["--target".to_owned(), site.to_string(), "--upgrade".to_owned()]);
    }
    argv.push(format!("{name}=={version}"));
    if !manifest.deployers.iter().any(|known| known.id == deployer) {
        manifest.deployers.push(Deployer {
            id: deployer.clone(),
            tool: "pip".to_owned(),
            commands: Vec::new(),
            aborts_on_first_failure: true,
            parts: BTreeMap::new(),
            one_by_one: false,
        });
    }
    if let Some(known) = manifest.deployers.iter_mut().find(|known| known.id == deployer) {
        known.parts.insert(id.clone(), vec![Command::on(host, argv)]);
    }
    manifest.units.push(Unit {
        id: id.clone(),
        host: host.clone(),
        kind: UnitKind::Distribution,
        name: format!("{name} {version} in {site}"),
        origin: None,
        directory: None,
        parent: None,
        deployer: Some(deployer),
        opaque: None,
    });
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::derive::refine;
    use crate::expect::sample;
    use crate::model::artifact::Expected;
    use crate::model::manifest::{Definition, Evaluation};

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        let mut manifest = Manifest::new(Definition::new("system", "system", Evaluation::Native));
        manifest.derivations.push(Derivation {
            host: "h".into(),
            unit: "h!tree:/opt".into(),
            rule: NAME.into(),
            input: serde_json::to_value(Input { directory: TargetPath::new("/opt") }).expect("it is JSON"),
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
}
