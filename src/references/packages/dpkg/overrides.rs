//! What the administrator or a package changed about other packages' files: diversions, owners and modes, and paths
//! that dpkg is told to leave out.
//!
//! Takes the bytes of `/var/lib/dpkg/diversions`, `statoverride`, `/etc/dpkg/dpkg.cfg` with its parts, and
//! `/etc/locale.nopurge`; gives answers about single paths. Formats: `lib/dpkg/db-fsys-divert.c`,
//! `db-fsys-override.c`, `src/main/filters.c`, localepurge(8).

use super::super::{Owner, lines, quoted};
use crate::model::path::TargetPath;
use std::collections::{BTreeSet, HashMap};

/// Where files are moved to instead, and for whom not.
#[derive(Debug, Default)]
pub(super) struct Diversions(HashMap<TargetPath, (TargetPath, Option<String>)>);

impl Diversions {
    /// Records of three lines: the path, where it goes instead, and the package that has the path for itself (`:` for
    /// none, a local diversion).
    pub(super) fn parse(bytes: &[u8]) -> (Self, Option<String>) {
        let mut found = HashMap::new();
        let mut fault = (!bytes.is_empty() && !bytes.ends_with(b"\n")).then(|| "the last line is cut".to_owned());
        let lines: Vec<&[u8]> = lines(bytes).collect();
        for (number, record) in lines.chunks(3).enumerate() {
            let [from, to, package] = record else {
                fault.get_or_insert_with(|| "the last record has fewer than three lines".to_owned());
                break;
            };
            let text =
                std::str::from_utf8(package).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
            let sound = |path: &[u8]| path.starts_with(b"/") && !path.contains(&0);
            match text {
                Some(text) if sound(from) && sound(to) && !text.is_empty() && !text.starts_with('/') => {
                    let package = (text != ":").then(|| text.to_owned());
                    found.insert(TargetPath::new(from), (TargetPath::new(to), package));
                }
                // After one wrong record nobody knows where the next begins.
                _ => {
                    fault.get_or_insert_with(|| format!("line {}: no diversion: {}", number * 3 + 1, quoted(from)));
                    break;
                }
            }
        }
        (Self(found), fault)
    }

    /// Where the file that `package` calls `path` is instead.
    pub(super) fn place(&self, path: &TargetPath, package: &str) -> Option<&TargetPath> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(path).filter(|(_, owner)| owner.as_deref() != Some(package)).map(|(to, _)| to)
    }
}

/// Owner, group and mode of paths, instead of those in the package.
#[derive(Debug, Default)]
pub(super) struct StatOverrides(HashMap<TargetPath, StatOverride>);

/// One of them.
#[derive(Debug)]
pub(super) struct StatOverride {
    user: String,
    group: String,
    pub(super) mode: u32,
}

impl StatOverride {
    pub(super) fn owner(&self) -> Option<Owner<'_>> {
        owner(&self.user)
    }

    pub(super) fn group(&self) -> Option<Owner<'_>> {
        owner(&self.group)
    }
}

/// A name, or `#` and a number.
fn owner(text: &str) -> Option<Owner<'_>> {
    match text.strip_prefix('#') {
        Some(number) => number.parse().ok().map(Owner::Id),
        None => Some(Owner::Name(text)),
    }
}

impl StatOverrides {
    /// Lines `USER GROUP MODE PATH`.
    pub(super) fn parse(bytes: &[u8]) -> (Self, Option<String>) {
        let mut found = HashMap::new();
        let mut fault = (!bytes.is_empty() && !bytes.ends_with(b"\n")).then(|| "the last line is cut".to_owned());
        for (number, line) in lines(bytes).enumerate() {
            match stat_override(line) {
                Some((path, override_)) => {
                    found.insert(path, override_);
                }
                None => {
                    fault.get_or_insert_with(|| format!("line {}: no override: {}", number + 1, quoted(line)));
                }
            }
        }
        (Self(found), fault)
    }

    pub(super) fn get(&self, path: &TargetPath) -> Option<&StatOverride> {
        self.0.get(path)
    }
}

fn stat_override(line: &[u8]) -> Option<(TargetPath, StatOverride)> {
    let mut parts = line.splitn(4, |&byte| byte == b' ');
    let mut word = || std::str::from_utf8(parts.next()?).ok().filter(|word| !word.is_empty() && !word.contains('\0'));
    let (user, group, mode) = (word()?.to_owned(), word()?.to_owned(), word()?);
    let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777)?;
    let path = parts.next().filter(|path| path.starts_with(b"/") && !path.contains(&0))?;
    Some((TargetPath::new(path), StatOverride { user, group, mode }))
}

/// Paths that are left out when packages are unpacked, or are removed afterwards.
#[derive(Debug, Default)]
pub(super) struct Filters {
    /// `path-exclude` (false) and `path-include` (true), in order: the last that fits decides.
    rules: Vec<(Vec<u8>, bool)>,
    /// The locales that localepurge keeps; `None` where it is not at work.
    kept: Option<BTreeSet<Vec<u8>>>,
}

/// The most rules; each is held against every path.
const RULES: usize = 1000;
/// The longest path and pattern: `PATH_MAX` (`linux/limits.h`).
const PATH: usize = 4096;

impl Filters {
    /// Adds the rules of one of dpkg's configuration files.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for line in lines(bytes) {
            let line = line.trim_ascii();
            let line = line.strip_prefix(b"--").unwrap_or(line);
            let end = line.iter().position(|byte| b"= \t".contains(byte)).unwrap_or(line.len());
            let include = match &line[..end] {
                b"path-exclude" => false,
                b"path-include" => true,
                _ => continue,
            };
            let pattern = line[end..].trim_ascii_start();
            let pattern = pattern.strip_prefix(b"=").unwrap_or(pattern).trim_ascii();
            let quote = |end: &u8| pattern.len() >= 2 && b"'\"".contains(end) && pattern[0] == *end;
            let pattern = if pattern.last().is_some_and(quote) { &pattern[1..pattern.len() - 1] } else { pattern };
            if self.rules.len() < RULES && (1..=PATH).contains(&pattern.len()) {
                self.rules.push((pattern.to_vec(), include));
            }
        }
    }

    /// Takes localepurge's configuration: the locales to keep, one in a line, and options in capitals.
    pub(super) fn add_localepurge(&mut self, bytes: &[u8]) {
        let lines: Vec<&[u8]> = lines(bytes).map(<[u8]>::trim_ascii).collect();
        // Not configured yet, or at work through dpkg's own filters.
        if !lines.contains(&&b"NEEDSCONFIGFIRST"[..]) && !lines.contains(&&b"USE_DPKG"[..]) {
            self.kept = Some(lines.into_iter().map(<[u8]>::to_vec).collect());
        }
    }

    /// Whether the path is left out.
    pub(super) fn excludes(&self, path: &[u8]) -> bool {
        if path.len() > PATH {
            return false;
        }
        let rule = self.rules.iter().rev().find(|(pattern, _)| fits(pattern, path));
        rule.is_some_and(|(_, include)| !include) || self.purged(path)
    }

    fn purged(&self, path: &[u8]) -> bool {
        // localepurge(8), "What localepurge does": these are the directories that it knows.
        const PLACES: [&[u8]; 5] = [
            b"/usr/share/locale/",
            b"/usr/share/man/",
            b"/usr/share/gnome/help/",
            b"/usr/share/omf/",
            b"/usr/share/doc/kde/HTML/",
        ];
        let Some(kept) = &self.kept else { return false };
        let Some(rest) = PLACES.iter().find_map(|place| path.strip_prefix(*place)) else { return false };
        // Help and OMF have the program first. Only directories are named by locales.
        let Some(end) = rest.iter().rposition(|&byte| byte == b'/') else { return false };
        let rest = &rest[..end];
        let mut parts = rest.split(|&byte| byte == b'/').take(2).filter(|part| is_locale(part));
        parts.next().is_some_and(|locale| !kept.contains(locale))
    }
}

/// `de`, `pt_BR`, `sr@latin`, `zh_CN.UTF-8`: a language of two or three letters.
fn is_locale(name: &[u8]) -> bool {
    let letters = name.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    matches!(letters, 2 | 3) && name.get(letters).is_none_or(|byte| b"_@.".contains(byte))
}

/// fnmatch(3) without flags, as dpkg calls it: `*` and `?` take slashes, too. Linear but for the last star.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < name.len() {
        let next = match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, place));
                at += 1;
                continue;
            }
            Some(_) => one(&pattern[at..], name[place]),
            None => None,
        };
        match (next, star) {
            (Some(length), _) => {
                at += length;
                place += 1;
            }
            (None, Some((after, from))) => {
                star = Some((after, from + 1));
                (at, place) = (after, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

/// How long the part of the pattern is that takes this byte; `None` when its first part does not.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', rest @ ..] => match class(rest, byte) {
            Some((length, true)) => Some(length + 1),
            Some((_, false)) => None,
            None => (byte == b'[').then_some(1),
        },
        [plain, ..] => (*plain == byte).then_some(1),
        [] => None,
    }
}

/// A bracket expression after its `[`: its length and whether it takes the byte; `None` when it is not closed.
fn class(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let close = start + 1 + pattern.get(start + 1..)?.iter().take(256).position(|&byte| byte == b']')?;
    let set = &pattern[start..close];
    let mut found = false;
    let mut at = 0;
    while let Some(&low) = set.get(at) {
        let range = if set.get(at + 1) == Some(&b'-') { set.get(at + 2) } else { None };
        found |= range.map_or(low == byte, |high| (low..=*high).contains(&byte));
        at += if range.is_some() { 3 } else { 1 };
    }
    Some((close + 1, found != negated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_fnmatch_says() {
        for (pattern, name, expected) in [
            ("/usr/share/doc/*", "/usr/share/doc/a/b", true),
            ("/usr/share/doc/*", "/usr/share/docs", false),
            ("/usr/share/doc/*/copyright", "/usr/share/doc/a/b/copyright", true),
            ("/usr/share/l?cale/[a-d]*", "/usr/share/locale/de", true),
            ("/usr/share/locale/[!a-d]*", "/usr/share/locale/de", false),
            ("*.py[co]", "/x.pyc", true),
            ("/a\\*", "/a*", true),
            ("/a\\*", "/ab", false),
            ("/a[", "/a[", true),
            ("{a,b}", "a", false),
            ("/a", "/ab", false),
            ("/ab", "/a", false),
            ("*a*b*c", "xaybzc", true),
            ("*a*b*c", "xaybz", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_last_rule_that_fits_decides() {
        let mut filters = Filters::default();
        filters
            .add(b"# docs\npath-exclude=/usr/share/doc/*\npath-include /usr/share/doc/*/copyright\nforce-unsafe-io\n");
        assert!(filters.excludes(b"/usr/share/doc/a/changelog.gz"));
        assert!(!filters.excludes(b"/usr/share/doc/a/copyright"));
        assert!(!filters.excludes(b"/usr/bin/a"));
    }

    #[test]
    fn localepurge_takes_other_languages_only() {
        let mut filters = Filters::default();
        filters.add_localepurge(b"MANDELETE\nen\nde_DE\n");
        assert!(filters.excludes(b"/usr/share/locale/fr/LC_MESSAGES/a.mo"));
        assert!(!filters.excludes(b"/usr/share/locale/de_DE/LC_MESSAGES/a.mo"));
        assert!(!filters.excludes(b"/usr/share/man/man1/ls.1.gz"));
        assert!(!filters.excludes(b"/usr/share/locale/locale.alias"));
        let mut unconfigured = Filters::default();
        unconfigured.add_localepurge(b"NEEDSCONFIGFIRST\nen\n");
        assert!(!unconfigured.excludes(b"/usr/share/locale/fr/LC_MESSAGES/a.mo"));
    }

    #[test]
    fn a_diversion_moves_everybody_but_its_owner() {
        let text = b"/bin/sh\n/bin/sh.distrib\ndash\n/etc/x\n/etc/x.local\n:\n";
        let (diversions, fault) = Diversions::parse(text);
        assert_eq!(fault, None);
        let path = TargetPath::new("/bin/sh");
        assert_eq!(diversions.place(&path, "bash"), Some(&TargetPath::new("/bin/sh.distrib")));
        assert_eq!(diversions.place(&path, "dash"), None);
        let local = TargetPath::new("/etc/x");
        assert_eq!(diversions.place(&local, "x"), Some(&TargetPath::new("/etc/x.local")));
        assert!(Diversions::parse(&text[..30]).1.is_some());
        assert!(Diversions::parse(b"/a\n\0\0\0\nb\n").1.is_some());
    }
}
