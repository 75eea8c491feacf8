//! Directories that nobody deploys, but that hold what vouches for their files: a repository, or Python distributions.

use super::derive::{git_checkout, python_distributions};
use crate::model::manifest::{Depth, Derivation, Look, Manifest};
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, Unit, UnitId, UnitKind};

pub use python_distributions::Lock;

/// What vouches for a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voucher {
    /// The objects of the repository that it is a checkout of.
    Repository,
    /// The RECORDs of the distributions anywhere below it; and for what is installed anew, a lock.
    Records(Option<Lock>),
}

/// Has a directory of a host looked at.
pub fn add(manifest: &mut Manifest, host: &HostName, path: &TargetPath, voucher: &Voucher) {
    let unit = UnitId::from(format!("{host}!tree:{path}"));
    let (kind, rule, input, look) = match voucher {
        Voucher::Repository => {
            let input = git_checkout::Input {
                target: path.clone(),
                url: None,
                revision: None,
                branch: None,
                tag: None,
                clobber: false,
                follows: false,
                mr_developer: false,
                by_itself: true,
                origin: None,
            };
            let input = serde_json::to_value(input).expect("paths and texts serialise");
            (UnitKind::Checkout, git_checkout::RULE, input, Look::new(host, path.clone(), Depth::Checkout))
        }
        Voucher::Records(lock) => {
            let input = python_distributions::Input { directory: path.clone(), lock: lock.clone() };
            let input = serde_json::to_value(input).expect("a path and texts serialise");
            let capture = python_distributions::CAPTURE.iter().map(|&glob| glob.to_owned()).collect();
            let look = Look { capture, ..Look::new(host, path.clone(), Depth::Whole) };
            (UnitKind::PythonEnvironment, python_distributions::NAME, input, look)
        }
    };
    manifest.look.push(look);
    manifest.units.push(Unit {
        id: unit.clone(),
        host: host.clone(),
        kind,
        name: path.to_string(),
        origin: None,
        directory: Some(path.clone()),
        parent: None,
        deployer: None,
        opaque: None,
    });
    manifest.derivations.push(Derivation { host: host.clone(), unit, rule: rule.to_owned(), input });
}
