//! Rule `purge`: whatever matches a pattern of `Purge` should not be there.
//!
//! Patterns are Python's `glob.glob` without `recursive`, as batou calls it: `*`, `?` and `[…]` stay within one
//! component and match a leading dot only if the component of the pattern begins with one.

use super::Rule;
use crate::{
    expect::claims::Claim,
    model::{
        artifact::Expected,
        eval::{Why, WhyKind},
        manifest::{Derivation, Manifest},
        observation::{Kind, Scan, Sighting},
        origin::Origin,
        path::TargetPath,
    },
};
use serde::{Deserialize, Serialize};

/// Name of the rule.
pub const RULE: &str = "purge";

/// Input of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What is removed.
    pub pattern: Pattern,
    /// Where it is declared.
    pub origin: Option<Origin>,
}

/// A pattern for paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The pattern.
    pub path: TargetPath,
    /// Whether only directories match: it was written with a slash at its end.
    pub directories: bool,
}

/// The rule.
#[derive(Debug)]
pub struct PurgeRule;

impl Rule for PurgeRule {
    fn name(&self) -> &'static str {
        RULE
    }

    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) {
        let Some(input) = super::input::<Input>(derivation, manifest) else { return };
        match input.pattern.find(scan) {
            Ok(paths) => claim(&input, paths, derivation, manifest),
            Err(why) => super::unknown(manifest, &derivation.unit, why),
        }
    }
}

/// Claims the absence of what was found, unless another component has it there.
fn claim(input: &Input, paths: Vec<TargetPath>, derivation: &Derivation, manifest: &mut Manifest) {
    for path in paths {
        if manifest.artifacts.claims(&derivation.host, &path) {
            continue;
        }
        let claim = Claim::new(derivation.unit.clone(), input.origin.clone(), Expected::Absent);
        let artifact = claim.into_artifact(derivation.host.clone(), path, manifest);
        manifest.artifacts.push(artifact);
    }
}

impl Pattern {
    /// What is there and matches; why that cannot be told, if a directory in question was not listed.
    fn find(&self, scan: &Scan) -> Result<Vec<TargetPath>, Why> {
        let mut places = vec![TargetPath::root()];
        for part in parts(&self.path) {
            let mut next = Vec::new();
            for place in places {
                if is_pattern(part) {
                    if is_listed(scan, &place, self)? {
                        let names = scan.entries(&place).filter(|path| name_matches(part, path.name()));
                        next.extend(names);
                    }
                } else {
                    next.push(place.join(part));
                }
            }
            places = next;
        }
        let mut found = Vec::new();
        for place in places {
            match &*scan.sighting(&place) {
                Sighting::Present(seen) if self.directories && seen.kind == Kind::Link => {
                    return Err(self.unseen(&format!("`{place}` is a symbolic link, which is not followed")));
                }
                Sighting::Present(seen) if !self.directories || seen.kind == Kind::Directory => found.push(place),
                Sighting::Present(_) | Sighting::Absent => {}
                Sighting::Unseen(failure) => return Err(self.unseen(&failure.text)),
            }
        }
        Ok(found)
    }

    /// Whether a path matches, whatever kind of thing it is; never if only directories do.
    pub fn matches(&self, path: &TargetPath) -> bool {
        let (pattern, names): (Vec<_>, Vec<_>) = (parts(&self.path).collect(), parts(path).collect());
        !self.directories
            && pattern.len() == names.len()
            && pattern
                .iter()
                .zip(names)
                .all(|(part, name)| if is_pattern(part) { name_matches(part, name) } else { *part == name })
    }

    fn unseen(&self, reason: &str) -> Why {
        Why::new(WhyKind::Unreadable, format!("what matches `{}` is removed: {reason}", self.path))
    }
}

/// Whether all entries of a directory are known; false if there is no directory.
fn is_listed(scan: &Scan, directory: &TargetPath, pattern: &Pattern) -> Result<bool, Why> {
    match &*scan.sighting(directory) {
        Sighting::Present(seen) => match seen.kind {
            Kind::Directory if seen.listed => Ok(true),
            Kind::Directory => Err(pattern.unseen(&format!("`{directory}` was not listed"))),
            Kind::Link => Err(pattern.unseen(&format!("`{directory}` is a symbolic link, which is not followed"))),
            _ => Ok(false),
        },
        Sighting::Absent => Ok(false),
        Sighting::Unseen(failure) => Err(pattern.unseen(&failure.text)),
    }
}

fn parts(path: &TargetPath) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|&byte| byte == b'/').filter(|part| !part.is_empty())
}

/// Whether there is anything to match (`glob.has_magic`).
pub fn is_pattern(part: &[u8]) -> bool {
    part.iter().any(|byte| b"*?[".contains(byte))
}

/// `glob.glob1`: `fnmatch`, and what is hidden is matched by a hidden pattern only.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    (pattern.first() == Some(&b'.') || name.first() != Some(&b'.')) && fnmatch(&characters(pattern), &characters(name))
}

/// The characters as Python has them: a byte that is not UTF-8 is one character, above all others here.
fn characters(bytes: &[u8]) -> Vec<u32> {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let stray = chunk.invalid().iter().map(|&byte| u32::from(byte) + 0x11_0000);
        chunk.valid().chars().map(u32::from).chain(stray).collect::<Vec<_>>()
    };
    bytes.utf8_chunks().flat_map(chunk).collect()
}

const STAR: u32 = '*' as u32;
const ANY: u32 = '?' as u32;
const OPEN: u32 = '[' as u32;
const CLOSE: u32 = ']' as u32;
const NOT: u32 = '!' as u32;
const RANGE: u32 = '-' as u32;

/// `fnmatch.fnmatchcase`.
fn fnmatch(pattern: &[u32], name: &[u32]) -> bool {
    // Where to go on when the last star has to take one character more.
    let mut retry: Option<(usize, usize)> = None;
    let (mut at, mut seen) = (0, 0);
    while seen < name.len() {
        if pattern.get(at) == Some(&STAR) {
            retry = Some((at + 1, seen));
            at += 1;
            continue;
        }
        match (one(&pattern[at..], name[seen]), retry) {
            (Some(length), _) => (at, seen) = (at + length, seen + 1),
            (None, Some((after, start))) => {
                retry = Some((after, start + 1));
                (at, seen) = (after, start + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|&character| character == STAR)
}

/// How much of the pattern's beginning matches one character.
fn one(pattern: &[u32], character: u32) -> Option<usize> {
    match *pattern.first()? {
        ANY => Some(1),
        OPEN => match set(pattern) {
            Some(length) => contains(&pattern[1..length - 1], character).then_some(length),
            None => (character == OPEN).then_some(1),
        },
        literal => (literal == character).then_some(1),
    }
}

/// The length of a set with its brackets; `None` if it is never closed, then the bracket is a character.
fn set(pattern: &[u32]) -> Option<usize> {
    // The first character belongs to the set, even a bracket.
    let first = if pattern.get(1) == Some(&NOT) { 2 } else { 1 };
    let close = pattern.iter().skip(first + 1).position(|&character| character == CLOSE)?;
    Some(first + 1 + close + 1)
}

fn contains(set: &[u32], character: u32) -> bool {
    let (negated, set) = match set {
        [NOT, rest @ ..] => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    let mut rest = set;
    while let [low, after @ ..] = rest {
        (found, rest) = match after {
            [RANGE, high, beyond @ ..] => (found || (*low..=*high).contains(&character), beyond),
            _ => (found || *low == character, after),
        };
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::sample;

    fn pattern(path: &str) -> Pattern {
        Pattern { path: TargetPath::new(path), directories: path.ends_with('/') }
    }

    fn found(path: &str, files: &[&str]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|&file| (file, "")).collect();
        let found = pattern(path).find(&sample::scan(&files)).expect("everything is listed");
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_star_matches_neither_a_slash_nor_a_leading_dot() {
        let files = ["/w/a.orig", "/w/.b.orig", "/w/deep/c.orig", "/w/d.orig~", "/w/.orig"];
        assert_eq!(found("/w/*.orig", &files), ["/w/a.orig"]);
        assert_eq!(found("/w/.*", &files), ["/w/.b.orig", "/w/.orig"]);
        assert_eq!(found("/w/**/c.orig", &files), ["/w/deep/c.orig"]);
    }

    #[test]
    fn sets_and_question_marks_match_as_in_python() {
        // pattern, name, what `fnmatch.fnmatchcase` of Python 3.11 says
        let table = [
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("[!a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("[]x]", "]", true),
            ("[!]x]", "]", false),
            ("[a-]", "-", true),
            ("[c-a]", "b", false),
            ("[a", "[a", true),
            ("[!]", "[!]", true),
            ("*a*b", "xxaxxb", true),
            ("*a*b", "xxbxxa", false),
            ("*", "", true),
            ("*.log.[0-9]*", "x.log.12", true),
        ];
        for (pattern, name, matches) in table {
            let (wanted, text) = (characters(pattern.as_bytes()), characters(name.as_bytes()));
            assert_eq!(fnmatch(&wanted, &text), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn a_slash_at_the_end_matches_directories_only() {
        assert_eq!(found("/w/old*/", &["/w/old.txt", "/w/old.d/x"]), ["/w/old.d"]);
    }

    #[test]
    fn a_name_behind_a_star_is_looked_up_in_every_directory_that_matches() {
        let files = ["/w/one/tmp/x", "/w/two/x", "/w/three"];
        assert_eq!(found("/w/*/tmp", &files), ["/w/one/tmp"]);
        assert!(found("/nowhere/*", &files).is_empty());
    }

    #[test]
    fn in_a_directory_that_was_not_listed_nothing_is_known() {
        let mut scan = sample::scan(&[("/w/a.orig", "")]);
        assert!(scan.observations.update(&TargetPath::new("/w"), |seen| seen.listed = false), "it has the directory");
        let why = pattern("/w/*.orig").find(&scan).expect_err("an entry may be missing");
        assert!(why.to_string().contains("`/w` was not listed"), "{why}");
    }

    #[test]
    fn what_a_component_before_made_and_the_pattern_removes_matches_by_name() {
        assert!(pattern("/w/*.orig").matches(&TargetPath::new("/w/a.orig")));
        assert!(!pattern("/w/*.orig").matches(&TargetPath::new("/w/deep/a.orig")));
        assert!(!pattern("/w/*/").matches(&TargetPath::new("/w/a")));
    }
}
