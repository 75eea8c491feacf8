//! The input of the rule `buildout`: what the definition knows, as it is saved in the manifest.

use crate::model::artifact::{Force, Vigilance};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::path::TargetPath;
use crate::model::secrecy;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One buildout directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The directory with the configuration file.
    pub directory: TargetPath,
    /// What the configuration says.
    pub configuration: Configuration,
    /// The virtual environment that `bin/buildout` runs in, if it runs in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<TargetPath>,
    /// `sys.executable` of buildout's Python, where the definition tells; otherwise `bin/buildout` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// The Python that runs buildout, `3.11` or `3.11.7`; otherwise the environment tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Version of zc.buildout; otherwise its distribution tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the deployer runs buildout.
    pub runs: Runs,
}

/// When a deployer runs buildout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// At every deployment: the deployer is buildout itself.
    Always,
    /// When this was done before (batou's `Buildout` component looks at marker files only).
    AfterForcing(Vec<Force>),
}

impl Runs {
    /// What makes the deployer run buildout.
    pub fn force(&self) -> &[Force] {
        match self {
            Self::Always => &[],
            Self::AfterForcing(force) => force,
        }
    }

    /// What a deployment notices of what buildout itself notices: nothing, where it does not run it.
    pub fn noticed(&self, vigilance: Vigilance) -> Vigilance {
        match self {
            Self::Always => vigilance,
            Self::AfterForcing(_) => Vigilance::Nothing,
        }
    }
}

/// A resolved configuration, as far as the rule needs it. Reads what `definition::buildout::Resolved` writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Configuration {
    /// Every section by name.
    pub sections: BTreeMap<String, Section>,
    /// The parts in order of installation.
    pub parts: Vec<String>,
    /// Set when `parts` may be wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parts_doubt: Option<Why>,
    /// Pinned versions by canonical name.
    pub versions: BTreeMap<String, Eval<String>>,
    /// Set when there may be more pins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub versions_doubt: Option<Why>,
    /// Where things are put.
    pub directories: Directories,
    /// Which section refers to which.
    #[serde(default)]
    pub references: BTreeSet<Reference>,
}

/// The options of one section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Section {
    /// The options.
    pub options: BTreeMap<String, Value>,
    /// Set when there may be more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub open: Option<Why>,
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// With all references worked out.
    pub value: Eval<String>,
}

/// The directories of a buildout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directories {
    /// `bin-directory`.
    pub bin: Eval<String>,
    /// `eggs-directory`, with the subdirectory of the egg format.
    pub eggs: Eval<String>,
    /// `develop-eggs-directory`.
    pub develop_eggs: Eval<String>,
    /// `.installed.cfg`.
    pub installed: Eval<String>,
}

impl Default for Directories {
    fn default() -> Self {
        let unknown = || Eval::Unknown(Why::new(WhyKind::BrokenDefinition, "the directory is not configured"));
        Self { bin: unknown(), eggs: unknown(), develop_eggs: unknown(), installed: unknown() }
    }
}

/// One reference between sections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The section that refers.
    pub from: String,
    /// Its option; `<part-dependencies>` for `=>`.
    pub option: String,
    /// The section that is referred to.
    pub to: String,
}

impl Configuration {
    /// What the rule needs of a resolved configuration.
    ///
    /// # Errors
    /// When `resolved` does not serialise to the fields of this type.
    pub fn of(resolved: &impl Serialize) -> Result<Self, serde_json::Error> {
        let mut configuration: Self = serde_json::from_value(serde_json::to_value(resolved)?)?;
        configuration.withhold_secrets();
        Ok(configuration)
    }

    /// A manifest travels: the values of secret options, and whatever else holds such a value, do not.
    fn withhold_secrets(&mut self) {
        let mut secrets = BTreeSet::new();
        for section in self.sections.values_mut() {
            for (name, option) in &mut section.options {
                secrets.extend(secrecy::withhold(name, &mut option.value));
            }
        }
        // Shorter values are in other ones by chance.
        secrets.retain(|secret| secret.trim().len() >= 4);
        for option in self.sections.values_mut().flat_map(|section| section.options.values_mut()) {
            if option.value.known().is_some_and(|value| secrets.iter().any(|secret| value.contains(secret.trim()))) {
                option.value = Eval::Unknown(Why::new(WhyKind::Secret, "it holds the value of a secret option"));
            }
        }
    }

    /// An option: `None` when it is certainly not set.
    pub fn option(&self, section: &str, option: &str) -> Option<Eval<String>> {
        let Some(known) = self.sections.get(section) else {
            return Some(Eval::Unknown(Why::new(
                WhyKind::BrokenDefinition,
                format!("there is no section [{section}]"),
            )));
        };
        match known.options.get(option) {
            Some(value) => Some(value.value.clone()),
            None => known.open.clone().map(Eval::Unknown),
        }
    }

    /// An option with a default.
    pub fn option_or(&self, section: &str, option: &str, default: &str) -> Eval<String> {
        self.option(section, option).unwrap_or_else(|| Eval::Known(default.to_owned()))
    }
}
