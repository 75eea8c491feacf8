//! Packages of the operating system: what differs on a host becomes artifacts of their packages.
//!
//! Takes what a scan kept of the comparison with the package databases; gives units, the way to install each anew, and
//! an artifact for each path that differs. Configuration that was plausibly edited is nobody's damage: its content
//! becomes unknown.

use crate::model::artifact::{Artifact, Authority, Content, Durability, Expected, Mend, MendId, Ownership, Vigilance};
use crate::model::command::Command;
use crate::model::eval::{Why, WhyKind};
use crate::model::manifest::{Broken, Manifest, Proof};
use crate::model::observation::{Scan, Seen, Sighting};
use crate::model::package::{Deviation, Package, Packages};
use crate::model::unit::{Deployer, DeployerId, HostName, Unit, UnitId, UnitKind};
use std::collections::BTreeMap;

/// Adds what scans found about packages.
pub(super) fn refine(manifest: &mut Manifest, scans: &[Scan]) {
    for scan in scans {
        if let Some(packages) = &scan.packages {
            add(manifest, scan, packages);
        }
    }
}

fn add(manifest: &mut Manifest, scan: &Scan, packages: &Packages) {
    let mend = manifest.add_mend(reinstallation());
    let units: Vec<UnitId> = packages.packages.iter().map(|package| unit(manifest, &scan.host, package)).collect();
    for deviation in &packages.deviations {
        let Some(unit) = units.get(deviation.package as usize) else { continue };
        let package = &packages.packages[deviation.package as usize];
        let gone = matches!(&*scan.sighting(&deviation.path), Sighting::Absent);
        let unit = if gone && deviation.config && !package.restore_configuration.is_empty() {
            configuration(manifest, &scan.host, package)
        } else {
            unit.clone()
        };
        manifest.artifacts.push(artifact(scan, &unit, deviation, mend));
    }
    for (path, package, evidence) in &packages.trees {
        let Some(unit) = units.get(*package as usize) else { continue };
        manifest.broken.push(Broken {
            host: scan.host.clone(),
            unit: unit.clone(),
            path: path.clone(),
            mend,
            evidence: evidence.clone(),
            expected: Some(Expected::Directory { ownership: Ownership::Shared }),
            proof: Proof::Content,
        });
    }
    for (path, evidence) in &packages.broken {
        manifest.broken.push(Broken {
            host: scan.host.clone(),
            unit: UnitId(scan.host.0.clone()),
            path: path.clone(),
            mend,
            evidence: evidence.clone(),
            expected: None,
            proof: Proof::Record,
        });
    }
}

/// Installing a package anew writes all its files, whatever is there.
fn reinstallation() -> Mend {
    Mend::new(Vigilance::Content, Vigilance::Content)
}

/// The unit of a package, with the deployer that installs it anew.
fn unit(manifest: &mut Manifest, host: &HostName, package: &Package) -> UnitId {
    let deployer = DeployerId::from(format!("{host}!{}", package.database));
    let id = UnitId::from(format!("{host}!{}:{}", package.database, package.name));
    add_unit(manifest, host, package, (id, deployer, &package.reinstall))
}

/// The unit of a package's configuration that is gone.
fn configuration(manifest: &mut Manifest, host: &HostName, package: &Package) -> UnitId {
    let deployer = DeployerId::from(format!("{host}!{}+configuration", package.database));
    let id = UnitId::from(format!("{host}!{}:{}+configuration", package.database, package.name));
    if manifest.units.iter().any(|known| known.id == id) {
        return id;
    }
    add_unit(manifest, host, package, (id, deployer, &package.restore_configuration))
}

fn add_unit(
    manifest: &mut Manifest,
    host: &HostName,
    package: &Package,
    (id, deployer, commands): (UnitId, DeployerId, &[Vec<String>]),
) -> UnitId {
    let commands: Vec<Command> = commands.iter().map(|argv| Command::on(host, argv.iter().cloned())).collect();
    let has_commands = !commands.is_empty();
    if !manifest.deployers.iter().any(|known| known.id == deployer) {
        manifest.deployers.push(Deployer {
            id: deployer.clone(),
            tool: package.installer.clone(),
            commands: Vec::new(),
            aborts_on_first_failure: true,
            parts: BTreeMap::new(),
            one_by_one: package.one_by_one,
        });
    }
    if let Some(known) = manifest.deployers.iter_mut().find(|known| known.id == deployer) {
        known.parts.insert(id.clone(), commands);
    }
    // What is told one by one (alternatives) has states instead of versions.
    let version = package.version.as_ref().filter(|_| !package.one_by_one);
    let version = version.map_or_else(String::new, |version| format!(" {version}"));
    manifest.units.push(Unit {
        id: id.clone(),
        host: host.clone(),
        kind: UnitKind::OsPackage,
        name: format!("{}{version}", package.name),
        origin: None,
        directory: None,
        parent: None,
        deployer: has_commands.then_some(deployer),
        opaque: None,
    });
    id
}

fn artifact(scan: &Scan, unit: &UnitId, deviation: &Deviation, mend: MendId) -> Artifact {
    let seen = scan.seen(&deviation.path);
    let expected = match &deviation.expected {
        Expected::File(Content::Digest { .. }) if deviation.config && seen.as_deref().is_some_and(may_be_edited) => {
            let why = "it is configuration, and was changed since its package was installed";
            Expected::File(Content::Unknown(Why::new(WhyKind::NoReference, why)))
        }
        other => other.clone(),
    };
    let gone = matches!(&*scan.sighting(&deviation.path), Sighting::Absent);
    Artifact {
        host: scan.host.clone(),
        path: deviation.path.clone(),
        unit: unit.clone(),
        expected,
        mode: deviation.mode,
        owner: deviation.owner.clone(),
        group: deviation.group.clone(),
        authority: Authority::Vendor,
        // Installing anew leaves configuration as it is, unless it is gone.
        durability: if deviation.config && !gone { Durability::Durable } else { Durability::Reproducible },
        mend,
        // What not everybody may read is not shown to everybody.
        secret: seen.is_some_and(|seen| seen.mode & 0o004 == 0),
        origin: None,
    }
}

/// Whether it looks as if somebody edited it: plausible text, as far as the closer look tells.
fn may_be_edited(seen: &Seen) -> bool {
    seen.closer().is_some_and(|closer| closer.text && seen.size > 0)
}
