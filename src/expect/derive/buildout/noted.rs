//! What `.installed.cfg` notes of parts and the definition has otherwise now: what the next run installs anew or uninstalls.
//!
//! Follows `_install_parts` of zc.buildout 6.0.1, `buildout.py`: a part whose options differ from the noted ones is
//! uninstalled and installed, one that is no more among the parts is uninstalled.

use super::{Buildout, Configuration, Input};
use crate::definition::buildout::installed::Installed;
use crate::expect::recipes;
use crate::model::artifact::MendId;
use crate::model::eval::Eval;
use crate::model::manifest::{Manifest, Noted};
use crate::model::path::TargetPath;
use crate::model::secrecy;
use crate::model::unit::UnitId;
use std::collections::{BTreeMap, BTreeSet};

/// An option that is noted otherwise, or the part itself; and what is noted.
type Otherwise = (Option<String>, Option<String>);

/// Longer values are not shown, in bytes.
const SHOWN: usize = 100;

/// Adds what is noted otherwise to the manifest. `mend` says how a part is deployed anew, and of which unit that is.
pub(super) fn compare(
    buildout: &Buildout<'_>,
    (installed, path): (&Installed, &TargetPath),
    mut mend: impl FnMut(&mut Manifest, &str) -> (UnitId, MendId),
    manifest: &mut Manifest,
) {
    let configuration = buildout.configuration();
    let declared: BTreeSet<&str> = configuration.parts.iter().map(String::as_str).collect();
    let noted: BTreeSet<&str> = installed.sections.keys().map(String::as_str).collect();
    let mut differing: BTreeMap<&str, Vec<Otherwise>> = BTreeMap::new();
    if configuration.parts_doubt.is_none() {
        differing.extend(declared.difference(&noted).map(|part| (*part, vec![(None, None)])));
        differing.extend(noted.difference(&declared).map(|part| (*part, vec![(None, Some(String::new()))])));
    }
    for part in declared.intersection(&noted) {
        let options = options(buildout.directory(), configuration, installed, part);
        if !options.is_empty() {
            differing.insert(part, options);
        }
    }
    for (part, options) in differing {
        let (unit, mend) = mend(manifest, part);
        manifest.noted.extend(options.into_iter().map(|(option, value)| Noted {
            host: buildout.derivation.host.clone(),
            rule: super::NAME.to_owned(),
            deployed: buildout.derivation.unit.clone(),
            subject: part.to_owned(),
            fact: fact(part, option.as_deref(), value.as_deref()),
            option,
            value,
            unit: unit.clone(),
            path: path.clone(),
            mend,
        }));
    }
}

/// The options of a part that are noted otherwise than they are declared, with what is noted. What the definition does not
/// declare the recipe may have set.
fn options(directory: &TargetPath, configuration: &Configuration, installed: &Installed, part: &str) -> Vec<Otherwise> {
    let (Some(section), Some(noted)) = (configuration.sections.get(part), installed.sections.get(part)) else {
        return Vec::new();
    };
    let recipe = configuration.option(part, "recipe").and_then(|name| recipes::recipe(name.known()?));
    let differing = section.options.iter().filter_map(|(option, declared)| {
        let declared = declared.value.known()?;
        if recipe.is_some_and(|recipe| !recipe.keeps(option, declared)) {
            return None;
        }
        let noted = match noted.options.get(option) {
            Some(Eval::Known(noted)) => Some(noted.clone()),
            Some(Eval::Unknown(_)) => return None,
            None => None,
        };
        // A secret is not in what was captured either: its mark stands for it.
        let is_open = noted.as_ref().is_none_or(|noted| !noted.contains(secrecy::MARKER));
        let differs = noted.as_ref().is_none_or(|noted| !is_same(directory, declared, noted));
        (is_open && differs).then(|| (Some(option.clone()), noted))
    });
    differing.collect()
}

/// Whether what is noted is as this input of another revision has it.
pub(super) fn says(Input { directory, configuration, .. }: &Input, noted: &Noted) -> bool {
    let is_declared = configuration.parts.contains(&noted.subject);
    let Some(option) = &noted.option else {
        return configuration.parts_doubt.is_none() && is_declared == noted.value.is_some();
    };
    is_declared
        && match (configuration.option(&noted.subject, option), &noted.value) {
            (Some(Eval::Known(declared)), Some(noted)) => is_same(directory, &declared, noted),
            (None, None) => true,
            (Some(_), _) | (None, Some(_)) => false,
        }
}

fn fact(part: &str, option: Option<&str>, value: Option<&str>) -> String {
    match (option, value) {
        (None, None) => format!("[{part}] is not noted as installed"),
        (None, Some(_)) => format!("[{part}] is noted as installed, and the next run of buildout uninstalls it"),
        (Some(option), None) => format!("[{part}] was installed without `{option}`"),
        (Some(option), Some(value)) if value.len() > SHOWN => format!("[{part}] was installed with another `{option}`"),
        (Some(option), Some(value)) => {
            let value: Vec<&str> = value.lines().collect();
            format!("[{part}] was installed with `{option} = {}`", value.join(" "))
        }
    }
}

/// Whether a declared value may have become the noted one: recipes sort lists, make paths absolute, and write modes in octal
/// as Python does. What looks the same so is no change for certain.
fn is_same(directory: &TargetPath, declared: &str, noted: &str) -> bool {
    let plain = |text: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut lines: Vec<TargetPath> = lines.map(|line| directory.join(octal(line))).collect();
        lines.sort();
        lines
    };
    plain(declared) == plain(noted)
}

/// An octal number without its prefix.
fn octal(line: &str) -> &str {
    let digits = line.strip_prefix("0o").or_else(|| line.strip_prefix('0')).unwrap_or(line);
    if !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) { digits } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recipe_may_have_made_of_a_value_is_the_same() {
        let directory = TargetPath::new("/srv/shop");
        let is_same = |declared, noted| is_same(&directory, declared, noted);
        assert!(is_same("var/log\nvar/cache", "/srv/shop/var/cache\n/srv/shop/var/log"));
        assert!(is_same("0750", "0o750") && is_same("a\n\n  b", "a\nb") && is_same("", ""));
        assert!(!is_same("9001", "9002") && !is_same("0750", "0755") && !is_same("a", "") && !is_same("0", ""));
        assert!(!is_same("a\na", "a"), "a line more is a change");
    }
}
