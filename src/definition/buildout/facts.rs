//! What is known about the machine and the Python that run buildout, and which buildout it is. A fact that is not
//! given is never guessed from the machine rectify runs on: what depends on it is undecidable.

use crate::definition::markers::MarkerFacts;
use serde::{Deserialize, Serialize};

/// Facts about the target. `None` means "not known": a condition that needs it cannot be decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetFacts {
    /// Python's major, minor and micro version.
    pub python_version: Option<(u32, u32, u32)>,
    /// `platform.python_implementation()`: `CPython`, `PyPy`.
    pub implementation: Option<String>,
    /// `sys.platform`: `linux`.
    pub sys_platform: Option<String>,
    /// `platform.machine()`: `x86_64`.
    pub platform_machine: Option<String>,
    /// `platform.system()`: `Linux`.
    pub platform_system: Option<String>,
    /// `platform.release()`: `6.1.0-18-amd64`.
    pub platform_release: Option<String>,
    /// `os.name`: `posix`.
    pub os_name: Option<String>,
    /// `sys.byteorder`: `little`.
    pub byteorder: Option<String>,
    /// Width of a pointer: 32 or 64.
    pub bits: Option<u32>,
    /// `sys.executable`.
    pub executable: Option<String>,
    /// Home directory of the user who runs buildout, for `~`.
    pub home: Option<String>,
    /// Version of the running zc.buildout, which becomes a default pin.
    pub buildout_version: Option<String>,
    /// The ABI tag of the Python (`cp311`), for `abi-tag-eggs`.
    pub abi_tag: Option<String>,
}

impl TargetFacts {
    /// The facts by the names that markers use.
    pub(super) fn for_markers(&self) -> MarkerFacts {
        let version = self.python_version;
        let full = version.map(|(major, minor, micro)| format!("{major}.{minor}.{micro}"));
        // Elsewhere the implementation has a version of its own.
        let is_cpython = self.implementation.as_deref() == Some("CPython");
        let facts = [
            ("python_version", version.map(|(major, minor, _)| format!("{major}.{minor}"))),
            ("python_full_version", full.clone()),
            ("implementation_version", full.filter(|_| is_cpython)),
            ("platform_python_implementation", self.implementation.clone()),
            ("implementation_name", self.implementation.as_ref().map(|name| name.to_lowercase())),
            ("os_name", self.os_name.clone()),
            ("sys_platform", self.sys_platform.clone()),
            ("platform_machine", self.platform_machine.clone()),
            ("platform_system", self.platform_system.clone()),
            ("platform_release", self.platform_release.clone()),
        ];
        MarkerFacts(facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}
