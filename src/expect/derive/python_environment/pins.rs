//! What definitions pin in Python environments, to be held against what earlier revisions pinned.

use super::{Input, NAME, Wanted};
use crate::model::artifact::{Artifact, Expected};
use crate::model::manifest::{Derivation, Manifest};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use crate::references::python_metadata::{self, named};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A distribution that a definition pins in an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pin {
    /// The environment's host.
    pub host: HostName,
    /// The environment's directory.
    pub directory: TargetPath,
    /// The distribution's name, in the spelling that is compared, and its version.
    pub distribution: (String, String),
}

impl Pin {
    /// Whether an artifact is the metadata of it.
    pub fn is_of(&self, artifact: &Artifact) -> bool {
        matches!(artifact.expected, Expected::Directory { .. })
            && artifact.path.is_below(&self.directory)
            && named(&artifact.path).as_ref() == Some(&self.distribution)
    }
}

/// What a manifest that is not refined yet pins in environments.
pub fn pins(manifest: &Manifest) -> BTreeSet<Pin> {
    let of = |derivation: &Derivation| {
        let input: Input = serde_json::from_value(derivation.input.clone()).ok()?;
        let (host, directory) = (derivation.host.clone(), input.directory);
        let pin = move |(name, wanted): (String, Wanted)| {
            let distribution = (python_metadata::canonical(&name), wanted.version?);
            Some(Pin { host: host.clone(), directory: directory.clone(), distribution })
        };
        Some(input.distributions.into_iter().filter_map(pin))
    };
    let environments = manifest.derivations.iter().filter(|derivation| derivation.rule == NAME);
    environments.filter_map(of).flatten().collect()
}
