//! `.installed.cfg`: what buildout noted about the parts that it installed.
//!
//! Takes the bytes, gives parts with their recorded paths and options, or why buildout would stop at this file.
//! Format: reference zc.buildout 6.0.1, `buildout.py`, `_save_installed_options` and `_save_option`. Repeated
//! `[buildout]` blocks are appended during a run, later ones count.

use std::collections::BTreeMap;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Installed {
    /// The installed parts in order.
    pub(crate) parts: Vec<String>,
    /// Links and metadata of develop eggs.
    pub(crate) develop_eggs: Vec<String>,
    /// Options of each part.
    pub(crate) sections: BTreeMap<String, BTreeMap<String, String>>,
}

/// Why buildout would stop at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InstalledError {
    #[error("it is not UTF-8 text, so buildout stops with a UnicodeDecodeError")]
    NotText,
    #[error("line {0} comes before any section, so buildout stops with a MissingSectionHeaderError")]
    NoSection(usize),
    #[error("line {0} is not understood, so buildout stops with a ParsingError")]
    Line(usize),
    #[error("it holds a zero byte, which buildout never writes")]
    Zero,
    #[error("the part `{0}` is listed but has no section, so the file ends too early")]
    NoPart(String),
    #[error("it has no list of parts, so buildout stops with a KeyError")]
    NoParts,
}

impl Installed {
    /// The paths that a part recorded.
    pub(crate) fn recorded(&self, part: &str) -> impl Iterator<Item = &str> {
        let value = self.sections.get(part).and_then(|options| options.get("__buildout_installed__"));
        value.into_iter().flat_map(|paths| paths.lines()).map(str::trim).filter(|path| path.starts_with('/'))
    }
}

/// Reads the file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Installed, InstalledError> {
    let text = std::str::from_utf8(bytes).map_err(|_| InstalledError::NotText)?;
    if text.contains('\0') {
        return Err(InstalledError::Zero);
    }
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let (mut section, mut option): (Option<String>, Option<String>) = (None, None);
    for (at, line) in text.lines().enumerate() {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if line.trim().is_empty() || line.starts_with([' ', '\t']) {
            if let (Some(section), Some(option)) = (&section, &option)
                && let Some(value) = sections.get_mut(section).and_then(|options| options.get_mut(option))
                && !line.trim().is_empty()
            {
                value.push('\n');
                value.push_str(line.trim());
            }
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.trim_end().strip_suffix(']')) {
            sections.entry(name.to_owned()).or_default();
            (section, option) = (Some(name.to_owned()), None);
            continue;
        }
        let current = section.as_ref().ok_or(InstalledError::NoSection(at + 1))?;
        let (name, value) = line.split_once('=').ok_or(InstalledError::Line(at + 1))?;
        let name = name.trim().to_owned();
        if name.is_empty() || name.contains(['{', '}', '[', ']', ':', ' ', '\t']) {
            return Err(InstalledError::Line(at + 1));
        }
        let options = sections.entry(current.clone()).or_default();
        options.insert(name.clone(), value.trim().to_owned());
        option = Some(name);
    }
    finish(sections)
}

fn finish(mut sections: BTreeMap<String, BTreeMap<String, String>>) -> Result<Installed, InstalledError> {
    let words = |value: Option<&String>| -> Vec<String> {
        value.into_iter().flat_map(|value| value.split_whitespace()).map(str::to_owned).collect()
    };
    let buildout = sections.remove("buildout").ok_or(InstalledError::NoParts)?;
    let parts = words(Some(buildout.get("parts").ok_or(InstalledError::NoParts)?));
    if let Some(missing) = parts.iter().find(|part| !sections.contains_key(*part)) {
        return Err(InstalledError::NoPart(missing.clone()));
    }
    let develop_eggs = buildout
        .get("installed_develop_eggs")
        .into_iter()
        .flat_map(|value| value.lines())
        .map(|line| line.trim().to_owned())
        .filter(|line| line.starts_with('/'))
        .collect();
    Ok(Installed { parts, develop_eggs, sections })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOUND: &str = "\
[buildout]
installed_develop_eggs = /b/develop-eggs/demo.egg-link
parts = one two

[one]
__buildout_installed__ = /b/bin/x
\t/b/bin/y z
recipe = zc.recipe.egg

[two]
__buildout_installed__ = 
recipe = other

[buildout]
parts = one two
";

    #[test]
    fn recorded_paths_are_found() {
        let installed = parse(SOUND.as_bytes()).expect("it is sound");
        assert_eq!(installed.parts, ["one", "two"]);
        assert_eq!(installed.recorded("one").collect::<Vec<_>>(), ["/b/bin/x", "/b/bin/y z"]);
        assert_eq!(installed.recorded("two").count(), 0);
        assert_eq!(installed.develop_eggs, ["/b/develop-eggs/demo.egg-link"]);
    }

    #[test]
    fn every_usual_damage_is_noticed() {
        assert_eq!(parse(b""), Err(InstalledError::NoParts));
        assert_eq!(parse(&[0; 512]), Err(InstalledError::Zero));
        assert_eq!(parse(b"\xff\xfe"), Err(InstalledError::NotText));
        assert_eq!(parse(b"x = 1\n"), Err(InstalledError::NoSection(1)));
        assert_eq!(parse(b"[buildout]\nparts = a\nnoise\n"), Err(InstalledError::Line(3)));
        let cut = SOUND.find("\n[two]").expect("it is there");
        assert_eq!(parse(&SOUND.as_bytes()[..cut]), Err(InstalledError::NoPart("two".into())));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(parse(&bytes));
        }
    }
}
