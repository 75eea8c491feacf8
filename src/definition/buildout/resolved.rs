//! What resolving gives: data that can be saved and compared.

use crate::model::buildout::OptionValue;
use crate::model::eval::{Eval, Why};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A buildout with everything worked out that can be known without running recipe code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Every section by name, `[buildout]` among them.
    pub sections: BTreeMap<String, Section>,
    /// Set when there may be sections that are not listed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub open: Option<Why>,
    /// The sections that get installed, in exactly the order buildout installs them: also those that are only
    /// referenced, and each after what it references.
    pub parts: Vec<String>,
    /// Set when `parts` may lack some, or hold some too many or in another order.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parts_doubt: Option<Why>,
    /// The words of the option `parts`, as configured.
    pub configured_parts: Vec<String>,
    /// Every configuration file that was read, in order of the first reading; absolute paths and URLs.
    pub files: Vec<String>,
    /// The pinned versions: canonical (PEP 503) package name to version or constraint.
    pub versions: BTreeMap<String, Eval<String>>,
    /// Set when there may be pins that are not listed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub versions_doubt: Option<Why>,
    /// Where things are put.
    pub directories: Directories,
    /// Which option of which section refers to which section.
    pub references: BTreeSet<Reference>,
}

/// The directories of a buildout; absolute, not normalised beyond what buildout does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directories {
    /// `directory`.
    pub buildout: Eval<String>,
    /// `bin-directory`.
    pub bin: Eval<String>,
    /// `parts-directory`.
    pub parts: Eval<String>,
    /// `eggs-directory` with the subdirectories of the egg format and the ABI, where they apply.
    pub eggs: Eval<String>,
    /// `develop-eggs-directory`.
    pub develop_eggs: Eval<String>,
    /// `installed`: the path of `.installed.cfg`; empty when buildout keeps none.
    pub installed: Eval<String>,
    /// `download-cache`, if there is one; the files are in its subdirectory `dist`.
    pub download_cache: Option<Eval<String>>,
    /// `extends-cache`, if there is one.
    pub extends_cache: Option<Eval<String>>,
}

/// A section with its macros worked in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its options.
    pub options: BTreeMap<String, OptionValue>,
    /// Set when there may be options that are not listed (beyond those that recipe code adds).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub open: Option<Why>,
}

/// One reference between sections.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The section that refers.
    pub from: String,
    /// Its option that refers; `<part-dependencies>` for `=>`.
    pub option: String,
    /// The section that is referred to.
    pub to: String,
    /// The option that is referred to; `None` for `=>`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<String>,
}

/// A part that needs another one before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartEdge {
    /// The part that needs.
    pub from: String,
    /// The part that is needed.
    pub to: String,
    /// The option of `from` that makes it so, directly or through sections that are no parts.
    pub option: String,
}

/// Steps from section to section that are followed to find the edges between parts.
const MAX_STEPS: usize = 1_000_000;

impl Resolved {
    /// A value, if the option is listed.
    #[must_use]
    pub fn value(&self, section: &str, option: &str) -> Option<&Eval<String>> {
        self.sections.get(section)?.options.get(option).map(|option| &option.value)
    }

    /// Which part needs which, also through sections that are no parts. `None` when that is more than can be told: many
    /// parts that refer to many others through one section are as many edges as both multiplied.
    #[must_use]
    pub fn part_edges(&self) -> Option<BTreeSet<PartEdge>> {
        let parts: BTreeSet<&str> = self.parts.iter().map(String::as_str).collect();
        let mut outgoing: BTreeMap<&str, Vec<&Reference>> = BTreeMap::new();
        for reference in &self.references {
            outgoing.entry(&reference.from).or_default().push(reference);
        }
        let mut edges = BTreeSet::new();
        let mut steps = 0;
        for part in &parts {
            for first in outgoing.get(part).into_iter().flatten() {
                let mut seen: BTreeSet<&str> = BTreeSet::new();
                let mut open = vec![first.to.as_str()];
                while let Some(section) = open.pop() {
                    steps += 1;
                    if steps > MAX_STEPS {
                        return None;
                    }
                    if section == *part || !seen.insert(section) {
                        continue;
                    }
                    if parts.contains(section) {
                        edges.insert(PartEdge {
                            from: (*part).to_owned(),
                            to: section.to_owned(),
                            option: first.option.clone(),
                        });
                    } else {
                        let next = outgoing.get(section).into_iter().flatten();
                        open.extend(next.map(|reference| reference.to.as_str()));
                    }
                }
            }
        }
        Some(edges)
    }
}

/// PEP 503: lower case, runs of `-`, `_` and `.` become one `-`.
#[must_use]
pub fn canonical_name(name: &str) -> String {
    let mut result = String::with_capacity(name.len());
    let mut after_separator = false;
    for character in name.chars() {
        let separator = matches!(character, '-' | '_' | '.');
        match character {
            _ if separator && after_separator => {}
            _ if separator => result.push('-'),
            _ if character.is_ascii() => result.push(character.to_ascii_lowercase()),
            _ => result.extend(character.to_lowercase()),
        }
        after_separator = separator;
    }
    result
}
