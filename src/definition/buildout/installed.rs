//! `.installed.cfg`: what buildout remembers of its last run. The best evidence on disk of what was deployed: final
//! options with those that recipes set, recorded paths, signatures. It may hold passwords.
//!
//! Follows `_read_installed_part_options` and `_save_options` of zc.buildout 6.0.1, `buildout.py`. Where buildout would
//! stop there is a diagnostic [`INSTALLED_CFG_BROKEN`], and what can still be read is given.

use super::{condition::Verdict, parser, python_text::words};
use crate::model::{
    code::{BUILDOUT_LINT, INSTALLED_CFG_BROKEN},
    diagnostic::{Diagnostic, Severity},
    eval::{Eval, Why, WhyKind},
    origin::Origin,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The escapes, in the order in which buildout takes them back.
const ESCAPES: [(&str, char); 5] = [
    ("%(__buildout_space__)s", ' '),
    ("%(__buildout_space_n__)s", '\n'),
    ("%(__buildout_space_r__)s", '\r'),
    ("%(__buildout_space_f__)s", '\x0c'),
    ("%(__buildout_space_v__)s", '\x0b'),
];

/// The contents of an `.installed.cfg`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The installed parts, in the order of installation. Unknown when the file does not tell.
    pub parts: Option<Eval<Vec<String>>>,
    /// The paths of develop eggs that the next run removes first.
    pub develop_eggs: Option<Eval<Vec<String>>>,
    /// Every section but `[buildout]`, by part.
    pub sections: BTreeMap<String, InstalledPart>,
    /// Set when there may be more than can be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub open: Option<Why>,
}

/// One part as it was installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPart {
    /// The options after the recipe ran.
    pub options: BTreeMap<String, Eval<String>>,
}

impl InstalledPart {
    /// The recorded paths: what buildout deletes when it uninstalls the part, and the only thing whose absence it
    /// notices. `None` when the option is missing.
    #[must_use]
    pub fn paths(&self) -> Option<Eval<Vec<String>>> {
        self.options.get("__buildout_installed__").map(|paths| paths.clone().map(|paths| lines(&paths)))
    }

    /// The signature of the recipe and its requirements.
    #[must_use]
    pub fn signature(&self) -> Option<&Eval<String>> {
        self.options.get("__buildout_signature__")
    }

    /// The recipe.
    #[must_use]
    pub fn recipe(&self) -> Option<&Eval<String>> {
        self.options.get("recipe")
    }
}

fn lines(value: &str) -> Vec<String> {
    value.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Reads an `.installed.cfg`; `file` is the name that origins carry.
#[must_use]
pub fn parse(bytes: &[u8], file: &str) -> (Installed, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    diagnostics.extend(undecodable(bytes, file));
    let text = String::from_utf8_lossy(bytes);
    let decide = |_: &str, _: &str| Verdict::Undecidable("`.installed.cfg` has no conditions".to_owned());
    let (mut layer, found) = parser::parse(&text, file, &decide);
    diagnostics.extend(found.into_iter().filter(|found| found.code != BUILDOUT_LINT).map(as_damage));
    let last_line = layer.sections.values().flat_map(|section| section.options.values()).map(|key| key.sequence).max();
    let torn = !bytes.is_empty() && !bytes.ends_with(b"\n");
    if torn {
        diagnostics
            .push(damage("the file ends in the middle of a line").at(Origin::line(file, last_line.unwrap_or(1))));
    }
    let mut installed = Installed { open: layer.open.take(), ..Installed::default() };
    if torn && installed.open.is_none() {
        installed.open = Some(Why::new(WhyKind::BrokenDefinition, format!("`{file}` ends too early")));
    }
    let mut sections: BTreeMap<String, InstalledPart> = BTreeMap::new();
    for (name, section) in layer.sections {
        let part = sections.entry(name).or_default();
        for (option, key) in section.options {
            let value = match key.value {
                Eval::Known(_) if torn && Some(key.sequence) == last_line => broken(file, "the line is cut off"),
                Eval::Known(value) => clean(value, file, key.sequence, &mut diagnostics),
                unknown @ Eval::Unknown(_) => unknown,
            };
            part.options.insert(option, value);
        }
    }
    let buildout = sections.remove("buildout");
    installed.sections = sections;
    diagnostics.extend(summary(buildout, &mut installed, file));
    (installed, diagnostics)
}

/// What `[buildout]` says, and whether the sections agree with it.
fn summary(buildout: Option<InstalledPart>, installed: &mut Installed, file: &str) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let Some(buildout) = buildout else {
        diagnostics.push(damage("there is no `[buildout]` section").at(Origin::file(file)));
        return diagnostics;
    };
    let eggs = buildout.options.get("installed_develop_eggs").cloned();
    installed.develop_eggs = eggs.map(|eggs| eggs.map(|eggs| lines(&eggs)));
    let parts = buildout.options.get("parts").cloned();
    installed.parts = parts.map(|parts| parts.map(|parts| words(&parts).map(str::to_owned).collect()));
    match &installed.parts {
        None => diagnostics.push(damage("`[buildout]` has no option `parts`").at(Origin::file(file))),
        Some(Eval::Unknown(_)) => {}
        Some(Eval::Known(parts)) => {
            let listed: BTreeSet<&String> = parts.iter().collect();
            for part in &listed {
                if !installed.sections.contains_key(*part) {
                    diagnostics.push(
                        damage(format!("the part `{part}` is listed, but its section is missing"))
                            .at(Origin::file(file)),
                    );
                }
            }
        }
    }
    diagnostics
}

fn damage(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(INSTALLED_CFG_BROKEN, message).hint(
        "restore the file from a backup; without it buildout forgets what it installed and installs every part again",
    )
}

fn as_damage(mut found: Diagnostic) -> Diagnostic {
    found.code = INSTALLED_CFG_BROKEN;
    found.severity = Severity::Error;
    found.hint = damage("").hint;
    found
}

fn broken(file: &str, reason: &str) -> Eval<String> {
    Eval::Unknown(Why::new(WhyKind::BrokenDefinition, format!("`{file}`: {reason}")))
}

/// The first byte that is no UTF-8 text: Python stops there.
fn undecodable(bytes: &[u8], file: &str) -> Option<Diagnostic> {
    let valid = std::str::from_utf8(bytes).err()?.valid_up_to();
    let line = memchr::memchr_iter(b'\n', &bytes[..valid]).count() + 1;
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let origin = Origin::line(file, u32::try_from(line).unwrap_or(u32::MAX));
    Some(damage(format!("the byte 0x{byte:02x} is no UTF-8 text")).at(origin))
}

/// A value as buildout takes it, unless bytes of it are certainly damaged.
fn clean(value: String, file: &str, line: u32, diagnostics: &mut Vec<Diagnostic>) -> Eval<String> {
    if value.contains('\0') {
        diagnostics.push(damage("an option holds NUL bytes").at(Origin::line(file, line)));
        return broken(file, "the option holds NUL bytes");
    }
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return broken(file, "the option holds bytes that are no text");
    }
    if !value.contains("%(") {
        return Eval::Known(value);
    }
    let plain = ESCAPES.iter().fold(value, |value, (escape, character)| {
        if value.contains(escape) { value.replace(escape, character.encode_utf8(&mut [0; 4])) } else { value }
    });
    Eval::Known(plain)
}

/// A section as buildout writes it: sorted options, blanks at line ends and starts escaped.
#[must_use]
pub fn represent(section: &str, options: &BTreeMap<String, String>) -> String {
    let mut text = format!("[{section}]\n");
    for (option, value) in options {
        text.push_str(option);
        text.push_str(" = ");
        text.push_str(&escape(value));
        text.push('\n');
    }
    text
}

/// `_save_option`.
fn escape(value: &str) -> String {
    const NEWLINE: &str = "%(__buildout_space_n__)s";
    let mut result = String::with_capacity(value.len());
    let mut rest = value;
    while !rest.is_empty() {
        let text = rest.find(is_blank).unwrap_or(rest.len());
        result.push_str(&rest[..text]);
        let at_start = result.is_empty();
        rest = &rest[text..];
        let length = rest.len() - rest.trim_start_matches(is_blank).len();
        let (run, after) = rest.split_at(length);
        rest = after;
        match run.split_once('\n') {
            Some((before, after)) => {
                escape_blanks(before, &mut result);
                result.push_str("\n\t");
                escape_blanks(after, &mut result);
            }
            None if at_start || rest.is_empty() => escape_blanks(run, &mut result),
            None => result.push_str(run),
        }
    }
    if let Some(rest) = result.strip_prefix("\n\t") {
        result = format!("{NEWLINE}{rest}");
    }
    if let Some(rest) = result.strip_suffix("\n\t") {
        result = format!("{rest}{NEWLINE}");
    }
    result
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\x0c' | '\x0b' | '\n')
}

/// Blanks as escapes; tabs stay.
fn escape_blanks(run: &str, result: &mut String) {
    for character in run.chars() {
        match ESCAPES.iter().find(|(_, plain)| *plain == character) {
            Some((escape, _)) => result.push_str(escape),
            None => result.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "[buildout]\ninstalled_develop_eggs = /d/develop-eggs/a.egg-link\nparts = p q\n\n[p]\n\
        __buildout_installed__ = /d/bin/p\n\t/d/bin/p2\n__buildout_signature__ = r-1.egg\nrecipe = r\n\n[q]\nrecipe = r\n";

    fn known<T: Clone>(value: Option<&Eval<T>>) -> T {
        value.and_then(Eval::known).cloned().expect("known")
    }

    #[test]
    fn a_sound_file_gives_its_parts_and_their_paths() {
        let (installed, diagnostics) = parse(SOUND.as_bytes(), ".installed.cfg");
        assert_eq!(diagnostics, []);
        assert_eq!(known(installed.parts.as_ref()), ["p", "q"]);
        assert_eq!(known(installed.sections["p"].paths().as_ref()), ["/d/bin/p", "/d/bin/p2"]);
        assert_eq!(known(installed.sections["p"].signature()), "r-1.egg");
    }

    #[test]
    fn an_appended_buildout_section_wins() {
        let (installed, diagnostics) = parse(format!("{SOUND}[buildout]\nparts = q\n").as_bytes(), "f");
        assert_eq!(diagnostics, []);
        assert_eq!(known(installed.parts.as_ref()), ["q"]);
        assert_eq!(known(installed.develop_eggs.as_ref()).len(), 1);
    }

    #[test]
    fn each_kind_of_damage_is_named() {
        let with = |from: &str, to: &[u8]| {
            let start = SOUND.find(from).expect("in the text");
            [&SOUND.as_bytes()[..start], to, &SOUND.as_bytes()[start + from.len()..]].concat()
        };
        for (bytes, message) in [
            (with("r-1.egg", b"r-\xff.egg"), "the byte 0xff is no UTF-8 text"),
            (with("r-1.egg", b"r-\0.egg"), "an option holds NUL bytes"),
            (with("[q]\nrecipe = r\n", b""), "the part `q` is listed, but its section is missing"),
            (with("[buildout]", b"[p]"), "there is no `[buildout]` section"),
            (with("parts = p q\n", b""), "`[buildout]` has no option `parts`"),
            (with("[q]\nrecipe = r\n", b"[q]\nrec"), "neither a section header nor an option"),
            (with("[q]\nrecipe = r\n", b"[q]\nrecipe = zc.re"), "the file ends in the middle of a line"),
            (with("[buildout]", b"\0\0\0\0"), "text before the first section header"),
            (Vec::new(), "there is no `[buildout]` section"),
        ] {
            let (_, diagnostics) = parse(&bytes, "f");
            assert!(
                diagnostics.iter().any(|d| d.code == INSTALLED_CFG_BROKEN && d.message == message),
                "{message}: {diagnostics:?}"
            );
        }
    }

    #[test]
    fn damaged_options_are_unknown_and_the_others_known() {
        let text = SOUND.replace("recipe = r\n\n[q]", "recipe = r\0\n\n[q]");
        let (installed, _) = parse(text.as_bytes(), "f");
        assert!(installed.sections["p"].recipe().is_some_and(|recipe| recipe.why().is_some()));
        assert_eq!(known(installed.sections["p"].signature()), "r-1.egg");
    }

    #[test]
    fn values_are_escaped_as_buildout_does() {
        for (value, escaped) in [
            ("a b", "a b"),
            (" a ", "%(__buildout_space__)sa%(__buildout_space__)s"),
            ("a \n b", "a%(__buildout_space__)s\n\t%(__buildout_space__)sb"),
            ("\na\n", "%(__buildout_space_n__)sa%(__buildout_space_n__)s"),
            ("a\n\nb", "a\n\t%(__buildout_space_n__)sb"),
        ] {
            assert_eq!(escape(value), escaped, "{value:?}");
        }
    }
}
