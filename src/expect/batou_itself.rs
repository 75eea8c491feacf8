//! What batou needs on a host before it deploys anything there: its own environment, and its copy of the definition.
//!
//! Both outlast a deployment when they are damaged. `appenv` looks at its marker only, and the copy is told by size and time
//! (execnet's rsync, and git by its index), so that a damaged template is deployed as if it were right.

use super::batou::{Project, deployed, deployer_id};
use super::derive::app_environment::{self, Lock};
use super::trees::{self, Voucher};
use super::{distribution, environment};
use crate::definition::{batou::model::BatouModel, requirements};
use crate::model::artifact::{Artifact, Authority, Content, Expected, Force, Mend, Vigilance};
use crate::model::content::{Algorithm, Digest};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::hasher::digest_of;
use crate::model::manifest::{Derivation, Manifest};
use crate::model::observation::Member;
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, Unit, UnitId, UnitKind};
use std::collections::BTreeSet;

/// Adds both for every host that something is deployed to.
pub(super) fn add(model: &BatouModel, project: &Project, manifest: &mut Manifest) {
    if model.target.base.is_empty() {
        return;
    }
    let base = TargetPath::new(&model.target.base);
    let hosts: BTreeSet<HostName> = deployed(model).map(|root| root.host.as_str().into()).collect();
    for host in &hosts {
        own_environment(host, &base, project, manifest);
        if let Some(copied) = &project.copied {
            copy(host, &base, told(project, host, copied), manifest);
        }
    }
}

/// The environment that `./batou` runs from.
fn own_environment(host: &HostName, base: &TargetPath, project: &Project, manifest: &mut Manifest) {
    let directory = base.join(".appenv");
    if !project.appenv {
        // Whatever made it there, batou does not: what is damaged can only be installed anew.
        let lock =
            project.lock.as_ref().and_then(|lock| Some(trees::Lock::new("requirements.lock".into(), lock.text()?)));
        return trees::add(manifest, host, &directory, &Voucher::Records(lock));
    }
    let id = UnitId::from(format!("{host}!batou"));
    let unit = unit(host, &id, UnitKind::PythonEnvironment, "batou's own environment");
    manifest.units.push(Unit { directory: Some(directory.clone()), ..unit });
    manifest.look.push(environment::look_at_all(host, &directory));
    let lock = project.lock.as_ref().map(|lock| Lock {
        digest: digest_of(Algorithm::Sha256, &lock.0),
        distributions: requirements::unconditional(lock.text().unwrap_or_default()),
    });
    let input = app_environment::Input { directory, lock };
    let input = serde_json::to_value(input).expect("paths and texts serialise");
    manifest.derivations.push(Derivation { host: host.clone(), unit: id, rule: app_environment::NAME.into(), input });
}

/// What batou brought to a host, or why that is not known.
fn told<'a>(project: &Project, host: &HostName, copied: &'a Eval<Vec<Member>>) -> Result<&'a [Member], Why> {
    match copied {
        Eval::Known(_) if project.here.contains(host) => {
            Err(Why::new(WhyKind::NoReference, "it is what was read as the definition, and cannot vouch for itself"))
        }
        Eval::Known(copied) => Ok(copied),
        Eval::Unknown(why) => Err(why.clone()),
    }
}

/// The files that batou brought there. The unit has no directory: what else lies between them is nobody's business.
fn copy(host: &HostName, base: &TargetPath, copied: Result<&[Member], Why>, manifest: &mut Manifest) {
    let id = UnitId::from(format!("{host}!definition"));
    let unit = unit(host, &id, UnitKind::DefinitionCopy, "the copy of the definition");
    let copied = match copied {
        Ok(copied) => copied,
        Err(why) => return manifest.units.push(Unit { opaque: Some(why), ..unit }),
    };
    manifest.units.push(unit);
    let mend =
        manifest.add_mend(Mend { force: vec![Force::RemoveSelf], ..Mend::new(Vigilance::Absence, Vigilance::Nothing) });
    // The source of a secret file is as secret as the file.
    let secrets: BTreeSet<Digest> = manifest
        .artifacts
        .of(host)
        .filter(|artifact| artifact.secret)
        .filter_map(|one| one.expected.digest())
        .collect();
    for member in copied {
        let secret = member.digest.as_ref().is_some_and(|digest| secrets.contains(digest));
        let expected = match (&member.digest, &member.target) {
            (Some(digest), _) => Expected::File(Content::Digest { digest: digest.clone(), size: member.size }),
            (None, Some(target)) => Expected::Link { target: Eval::Known(target.clone()) },
            // A directory: git has none, and those of files are told by these.
            (None, None) => continue,
        };
        let path = base.join(&member.path.0);
        let artifact = distribution::thing(host, &id, path, expected, Authority::Definition, mend);
        manifest.artifacts.push(Artifact { secret, ..artifact });
    }
}

fn unit(host: &HostName, id: &UnitId, kind: UnitKind, name: &str) -> Unit {
    Unit {
        id: id.clone(),
        host: host.clone(),
        kind,
        name: name.to_owned(),
        origin: None,
        directory: None,
        parent: None,
        deployer: Some(deployer_id()),
        opaque: None,
    }
}
