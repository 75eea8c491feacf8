//! Environment markers (PEP 508) for a Python that runs elsewhere, as `packaging.markers` (26.x) takes them: the names,
//! `and`/`or` with parentheses, and version comparison where the name holds a version.
//!
//! Takes a text and facts about the target; gives true, false, or why neither. Facts are given, never taken from the
//! machine rectify runs on. What is not modelled (versions with letters, names without a fact) is undecidable, not
//! false. No crate does that: `pep508_rs` wants every fact, and ignores comparisons at which `packaging` stops.

use super::buildout::canonical_name;
use std::collections::BTreeMap;

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 40;

/// What is known about the Python that a marker is about: marker names (`python_version`) with their values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MarkerFacts(pub BTreeMap<String, String>);

impl MarkerFacts {
    /// A `CPython` of this version (`3.11` or `3.11.7`) on Linux, which is all that we look at.
    pub fn cpython_on_linux(version: &str) -> Self {
        let mut facts: BTreeMap<String, String> = [
            ("os_name", "posix"),
            ("sys_platform", "linux"),
            ("platform_system", "Linux"),
            ("platform_python_implementation", "CPython"),
            ("implementation_name", "cpython"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let parts: Vec<&str> = version.split('.').collect();
        if let [major, minor, ..] = parts[..] {
            facts.insert("python_version".into(), format!("{major}.{minor}"));
        }
        if parts.len() == 3 {
            facts.insert("python_full_version".into(), version.to_owned());
            facts.insert("implementation_version".into(), version.to_owned());
        }
        Self(facts)
    }

    /// The same with the machine's architecture.
    #[must_use]
    pub fn on_machine(mut self, machine: &str) -> Self {
        self.0.insert("platform_machine".into(), machine.to_owned());
        self
    }
}

/// The truth of a requirement's marker when these extras are wanted; `None` when it cannot be decided, or is none.
pub fn applies(marker: &str, facts: &MarkerFacts, extras: &[String]) -> Option<bool> {
    let marker = parse(marker.trim()).ok()?;
    let mut facts = facts.clone();
    // `packaging` evaluates once per extra, and once without any.
    let mut undecided = false;
    for extra in extras.iter().map(String::as_str).chain([""]) {
        facts.0.insert("extra".into(), extra.to_owned());
        match evaluate(&marker, &facts) {
            Ok(true) => return Some(true),
            Ok(false) => {}
            Err(_) => undecided = true,
        }
    }
    (!undecided).then_some(false)
}

/// Whether two spellings are one version, as far as that is plain: releases without letters.
pub fn same_version(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) || compare_versions(left, "==", right) == Ok(true)
}

/// The text is no marker: zc.buildout then takes it for Python.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAMarker;

/// Why a marker has no truth value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// Not known, or not modelled.
    Undecidable(String),
    /// Python would raise.
    Error(String),
}

/// A marker that was parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// Alternatives of conjunctions.
    Any(Vec<Vec<Marker>>),
    Compare {
        left: Operand,
        operator: &'static str,
        right: Operand,
    },
    /// Nested deeper than we follow.
    TooDeep,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    Variable(&'static str),
    Text(String),
    /// A string with escapes, whose value we do not work out.
    Escaped,
}

const VARIABLES: &[(&str, &str)] = &[
    ("python_full_version", "python_full_version"),
    ("python_version", "python_version"),
    ("os_name", "os_name"),
    ("os.name", "os_name"),
    ("sys_platform", "sys_platform"),
    ("sys.platform", "sys_platform"),
    ("platform_release", "platform_release"),
    ("platform_system", "platform_system"),
    ("platform_version", "platform_version"),
    ("platform.version", "platform_version"),
    ("platform_machine", "platform_machine"),
    ("platform.machine", "platform_machine"),
    ("platform_python_implementation", "platform_python_implementation"),
    ("platform.python_implementation", "platform_python_implementation"),
    ("python_implementation", "platform_python_implementation"),
    ("implementation_name", "implementation_name"),
    ("implementation_version", "implementation_version"),
    ("extras", "extras"),
    ("extra", "extra"),
    ("dependency_groups", "dependency_groups"),
];

const OPERATORS: &[&str] = &["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/// Parses a marker.
pub(super) fn parse(text: &str) -> Result<Marker, NotAMarker> {
    let mut parser = Parser { text, position: 0 };
    let marker = parser.alternatives(0)?;
    match marker {
        // The rest was not looked at; whether it is a marker or Python, it is beyond us.
        Marker::TooDeep => Ok(marker),
        marker if parser.position == text.len() => Ok(marker),
        _ => Err(NotAMarker),
    }
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn blanks(&mut self) -> bool {
        let length = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.position += length;
        length > 0
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.position += token.len();
        }
        found
    }

    /// A token between word boundaries.
    fn word(&mut self, word: &str) -> bool {
        let after = self.rest().strip_prefix(word).and_then(|rest| rest.chars().next());
        let before = self.text[..self.position].chars().next_back();
        let found = self.rest().starts_with(word) && !after.is_some_and(is_word) && !before.is_some_and(is_word);
        found && self.take(word)
    }

    fn alternatives(&mut self, depth: usize) -> Result<Marker, NotAMarker> {
        if depth > MAX_DEPTH {
            return Ok(Marker::TooDeep);
        }
        let mut groups = vec![vec![self.atom(depth)?]];
        loop {
            if self.word("or") {
                groups.push(vec![self.atom(depth)?]);
            } else if self.word("and") {
                let atom = self.atom(depth)?;
                groups.last_mut().ok_or(NotAMarker)?.push(atom);
            } else {
                break;
            }
        }
        let too_deep = groups.iter().flatten().any(|marker| *marker == Marker::TooDeep);
        Ok(if too_deep { Marker::TooDeep } else { Marker::Any(groups) })
    }

    fn atom(&mut self, depth: usize) -> Result<Marker, NotAMarker> {
        self.blanks();
        let marker = if self.take("(") {
            self.blanks();
            let marker = self.alternatives(depth + 1)?;
            if marker == Marker::TooDeep {
                self.position = self.text.len();
                return Ok(marker);
            }
            self.blanks();
            if !self.take(")") {
                return Err(NotAMarker);
            }
            marker
        } else {
            let left = self.operand()?;
            self.blanks();
            let operator = self.operator()?;
            self.blanks();
            Marker::Compare { left, operator, right: self.operand()? }
        };
        self.blanks();
        Ok(marker)
    }

    fn operand(&mut self) -> Result<Operand, NotAMarker> {
        for (spelling, name) in VARIABLES {
            if self.word(spelling) {
                return Ok(Operand::Variable(name));
            }
        }
        let quote = self.rest().chars().next().filter(|quote| matches!(quote, '\'' | '"')).ok_or(NotAMarker)?;
        let inner = &self.rest()[1..];
        let end = inner.find(quote).ok_or(NotAMarker)?;
        self.position += end + 2;
        let text = &inner[..end];
        Ok(if text.contains('\\') { Operand::Escaped } else { Operand::Text(text.to_owned()) })
    }

    fn operator(&mut self) -> Result<&'static str, NotAMarker> {
        if self.word("in") {
            return Ok("in");
        }
        if self.word("not") {
            return if self.blanks() && self.word("in") { Ok("not in") } else { Err(NotAMarker) };
        }
        OPERATORS.iter().find(|operator| self.take(operator)).copied().ok_or(NotAMarker)
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The truth of a marker on the target. All comparisons are made, as `packaging` does not cut short: one that fails
/// makes the marker an error.
pub(super) fn evaluate(marker: &Marker, facts: &MarkerFacts) -> Result<bool, Stop> {
    match marker {
        Marker::TooDeep => Err(Stop::Undecidable("it is nested too deeply".to_owned())),
        Marker::Compare { left, operator, right } => compare(left, operator, right, facts),
        Marker::Any(groups) => {
            let mut undecided = None;
            let mut any = false;
            for group in groups {
                match all(group, facts) {
                    Ok(truth) => any |= truth,
                    Err(Stop::Undecidable(reason)) => undecided = undecided.or(Some(reason)),
                    Err(error) => return Err(error),
                }
            }
            match undecided {
                Some(reason) if !any => Err(Stop::Undecidable(reason)),
                _ => Ok(any),
            }
        }
    }
}

fn all(group: &[Marker], facts: &MarkerFacts) -> Result<bool, Stop> {
    let mut undecided = None;
    let mut all = true;
    for marker in group {
        match evaluate(marker, facts) {
            Ok(truth) => all &= truth,
            Err(Stop::Undecidable(reason)) => undecided = undecided.or(Some(reason)),
            Err(error) => return Err(error),
        }
    }
    match undecided {
        Some(reason) if all => Err(Stop::Undecidable(reason)),
        _ => Ok(all),
    }
}

fn compare(left: &Operand, operator: &str, right: &Operand, facts: &MarkerFacts) -> Result<bool, Stop> {
    let (name, left, right) = match (left, right) {
        (Operand::Escaped, _) | (_, Operand::Escaped) => {
            return Err(Stop::Undecidable("strings with escapes are not modelled".to_owned()));
        }
        // `packaging` takes the right side for text when the left one is a name.
        (Operand::Variable(name), Operand::Variable(text)) => (*name, fact(name, facts)?, (*text).to_owned()),
        (Operand::Variable(name), Operand::Text(text)) => (*name, fact(name, facts)?, text.clone()),
        (Operand::Text(text), Operand::Variable(name)) => (*name, text.clone(), fact(name, facts)?),
        (Operand::Text(_), Operand::Text(text)) => {
            return Err(Stop::Error(format!("`{text}` is no name of a marker")));
        }
    };
    // `_normalize` of `packaging.markers`.
    let (left, right) = if name == "extra" { (canonical_name(&left), canonical_name(&right)) } else { (left, right) };
    match operator {
        "in" => return Ok(right.contains(&left)),
        "not in" => return Ok(!right.contains(&left)),
        _ => {}
    }
    if name.contains("version") || name == "platform_release" {
        return compare_versions(&left, operator, &right);
    }
    match operator {
        "==" => Ok(left == right),
        "!=" => Ok(left != right),
        "<" | "<=" | ">" | ">=" => {
            Err(Stop::Undecidable(format!("how `{name} {operator}` is taken depends on the version of packaging")))
        }
        operator => Err(Stop::Error(format!("`{operator}` is not defined on `{name}`"))),
    }
}

/// The value of a marker's name on the target.
fn fact(name: &str, facts: &MarkerFacts) -> Result<String, Stop> {
    facts.0.get(name).cloned().ok_or_else(|| Stop::Undecidable(format!("`{name}` of the target is not known")))
}

/// PEP 440 comparison of plain releases; anything with letters is left undecided.
fn compare_versions(left: &str, operator: &str, right: &str) -> Result<bool, Stop> {
    let undecided = || Stop::Undecidable(format!("comparing `{left}` with `{right}` is not modelled"));
    if operator == "===" {
        return Ok(left.eq_ignore_ascii_case(right));
    }
    let have = release(left).ok_or_else(undecided)?;
    if let Some(prefix) = right.strip_suffix(".*") {
        let prefix = release(prefix).ok_or_else(undecided)?;
        let matches = prefix.iter().enumerate().all(|(index, part)| have.get(index).unwrap_or(&0) == part);
        return match operator {
            "==" => Ok(matches),
            "!=" => Ok(!matches),
            "~=" => Err(Stop::Error(format!("`~= {right}` is no comparison of versions"))),
            _ => Err(undecided()),
        };
    }
    let wanted = release(right).ok_or_else(undecided)?;
    let order = padded(&have, wanted.len()).cmp(&padded(&wanted, have.len()));
    match operator {
        "==" => Ok(order.is_eq()),
        "!=" => Ok(order.is_ne()),
        "<" => Ok(order.is_lt()),
        "<=" => Ok(order.is_le()),
        ">" => Ok(order.is_gt()),
        ">=" => Ok(order.is_ge()),
        "~=" if wanted.len() > 1 => {
            Ok(order.is_ge() && padded(&have, wanted.len()).starts_with(&wanted[..wanted.len() - 1]))
        }
        // Such a version is no specifier, and as text `~=` is not defined.
        "~=" => Err(Stop::Error(format!("`~= {right}` is no comparison of versions"))),
        _ => Err(undecided()),
    }
}

fn release(text: &str) -> Option<Vec<u64>> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten();
    text.trim().split('.').map(digits).collect()
}

fn padded(version: &[u64], length: usize) -> Vec<u64> {
    let mut version = version.to_vec();
    version.resize(version.len().max(length), 0);
    version
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(marker: &str, extras: &[&str]) -> Option<bool> {
        let extras: Vec<String> = extras.iter().map(|extra| (*extra).to_owned()).collect();
        applies(marker, &MarkerFacts::cpython_on_linux("3.11.7"), &extras)
    }

    #[test]
    fn markers_of_real_metadata_are_decided() {
        assert_eq!(check("python_version < \"3.8\"", &[]), Some(false));
        assert_eq!(check("python_version >= '3'", &[]), Some(true));
        assert_eq!(check("sys_platform == \"win32\" or os_name == 'nt'", &[]), Some(false));
        assert_eq!(check("(platform_python_implementation=='CPython') and extra == 'test'", &["Test"]), Some(true));
        assert_eq!(check("extra == 'test'", &[]), Some(false));
        assert_eq!(check("extra == 'security-tools'", &["security_tools"]), Some(true));
        assert_eq!(check("python_full_version ~= '3.11.2'", &[]), Some(true));
        assert_eq!(check("'linux' in sys_platform", &[]), Some(true));
        assert_eq!(check("python_version not in '2.6 2.7'", &[]), Some(true));
    }

    #[test]
    fn what_is_not_known_stays_undecided_unless_it_cannot_matter() {
        assert_eq!(check("platform_machine == 'x86_64'", &[]), None);
        assert_eq!(check("platform_machine == 'x86_64' and python_version < '3'", &[]), Some(false));
        assert_eq!(check("platform_machine == 'x86_64' or python_version > '3'", &[]), Some(true));
        assert_eq!(check("python_version < '3.12rc1'", &[]), None);
        assert_eq!(check("nonsense", &[]), None);
        assert_eq!(check(&"(".repeat(100_000), &[]), None);
    }

    proptest! {
        #[test]
        fn no_marker_makes_it_panic(marker in "\\PC{0,80}") {
            let _ = check(&marker, &["x"]);
        }
    }
}
