//! Environment markers of requirements (PEP 508) for a Python that runs elsewhere: `True`, `False` or not decidable.
//!
//! Facts about the target are given, never taken from the machine rectify runs on. What is not modelled (versions
//! with letters, unknown names) is undecidable, not false. Recursion is bounded.

use std::collections::BTreeMap;

/// What is known about the Python that a marker is about: marker names (`python_version`) with their values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PythonFacts(pub BTreeMap<String, String>);

impl PythonFacts {
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

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 32;

const OPERATORS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/// The truth of a marker when these extras are wanted; `None` when it cannot be decided.
pub fn evaluate(marker: &str, facts: &PythonFacts, extras: &[String]) -> Option<bool> {
    // `packaging` evaluates once per extra, and once without any.
    let mut undecided = false;
    for extra in extras.iter().map(String::as_str).chain([""]) {
        let mut parser = Parser { rest: marker.trim(), facts, extra };
        match parser.alternatives(0).filter(|_| parser.rest.is_empty()) {
            Some(Truth::True) => return Some(true),
            Some(Truth::False) => {}
            Some(Truth::Undecided) | None => undecided = true,
        }
    }
    (!undecided).then_some(false)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    True,
    False,
    Undecided,
}

impl From<Option<bool>> for Truth {
    fn from(value: Option<bool>) -> Self {
        match value {
            Some(true) => Self::True,
            Some(false) => Self::False,
            None => Self::Undecided,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    facts: &'a PythonFacts,
    extra: &'a str,
}

impl<'a> Parser<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn word(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(after) if !after.starts_with(|next: char| next.is_alphanumeric() || next == '_') => {
                self.rest = after;
                self.blanks();
                true
            }
            _ => false,
        }
    }

    fn alternatives(&mut self, depth: usize) -> Option<Truth> {
        let mut truth = self.conjunction(depth)?;
        while self.word("or") {
            truth = match (truth, self.conjunction(depth)?) {
                (Truth::True, _) | (_, Truth::True) => Truth::True,
                (Truth::False, other) | (other, Truth::False) => other,
                (Truth::Undecided, Truth::Undecided) => Truth::Undecided,
            };
        }
        Some(truth)
    }

    fn conjunction(&mut self, depth: usize) -> Option<Truth> {
        let mut truth = self.atom(depth)?;
        while self.word("and") {
            truth = match (truth, self.atom(depth)?) {
                (Truth::False, _) | (_, Truth::False) => Truth::False,
                (Truth::True, other) | (other, Truth::True) => other,
                (Truth::Undecided, Truth::Undecided) => Truth::Undecided,
            };
        }
        Some(truth)
    }

    fn atom(&mut self, depth: usize) -> Option<Truth> {
        self.blanks();
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(inner) = self.rest.strip_prefix('(') {
            self.rest = inner;
            let truth = self.alternatives(depth + 1)?;
            self.rest = self.rest.strip_prefix(')')?;
            self.blanks();
            return Some(truth);
        }
        let left = self.operand()?;
        let operator = self.operator()?;
        let right = self.operand()?;
        Some(self.compare(left, operator, right).into())
    }

    fn operand(&mut self) -> Option<Operand<'a>> {
        let quote = self.rest.chars().next()?;
        let operand = if matches!(quote, '\'' | '"') {
            let (text, after) = self.rest[1..].split_once(quote)?;
            self.rest = after;
            Operand::Text(text)
        } else {
            let end = self
                .rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
                .unwrap_or(self.rest.len());
            let (name, after) = self.rest.split_at(end);
            if name.is_empty() {
                return None;
            }
            self.rest = after;
            Operand::Name(name)
        };
        self.blanks();
        Some(operand)
    }

    fn operator(&mut self) -> Option<&'static str> {
        if self.word("in") {
            return Some("in");
        }
        if self.word("not") {
            return self.word("in").then_some("not in");
        }
        let operator = OPERATORS.into_iter().find(|operator| self.rest.starts_with(operator))?;
        self.rest = &self.rest[operator.len()..];
        self.blanks();
        Some(operator)
    }

    fn compare(&self, left: Operand<'_>, operator: &str, right: Operand<'_>) -> Option<bool> {
        let (name, left, right) = match (left, right) {
            (Operand::Name(name), Operand::Text(text)) => (name, self.fact(name)?, text),
            (Operand::Text(text), Operand::Name(name)) => (name, text, self.fact(name)?),
            _ => return None,
        };
        if name == "extra" {
            let equal = super::python_metadata::canonical(left) == super::python_metadata::canonical(right);
            return match operator {
                "==" => Some(equal),
                "!=" => Some(!equal),
                _ => None,
            };
        }
        match operator {
            "in" => Some(right.contains(left)),
            "not in" => Some(!right.contains(left)),
            operator if name.contains("version") => compare_versions(left, operator, right),
            "==" => Some(left == right),
            "!=" => Some(left != right),
            _ => None,
        }
    }

    fn fact(&self, name: &str) -> Option<&str> {
        match name {
            "extra" => Some(self.extra),
            "os.name" => self.fact("os_name"),
            "sys.platform" => self.fact("sys_platform"),
            "platform.machine" => self.fact("platform_machine"),
            "platform.python_implementation" | "python_implementation" => self.fact("platform_python_implementation"),
            name => self.facts.0.get(name).map(String::as_str),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Operand<'a> {
    Name(&'a str),
    Text(&'a str),
}

/// PEP 440 comparison of plain releases; anything with letters is undecidable.
pub fn compare_versions(left: &str, operator: &str, right: &str) -> Option<bool> {
    let have = release(left)?;
    if let Some(prefix) = right.strip_suffix(".*") {
        let prefix = release(prefix)?;
        let equal = prefix.iter().enumerate().all(|(at, part)| have.get(at).unwrap_or(&0) == part);
        return match operator {
            "==" => Some(equal),
            "!=" => Some(!equal),
            _ => None,
        };
    }
    let wanted = release(right)?;
    let length = have.len().max(wanted.len());
    let (mut padded, mut limit) = (have, wanted.clone());
    padded.resize(length, 0);
    limit.resize(length, 0);
    let order = padded.cmp(&limit);
    match operator {
        "==" | "===" => Some(order.is_eq()),
        "!=" => Some(order.is_ne()),
        "<" => Some(order.is_lt()),
        "<=" => Some(order.is_le()),
        ">" => Some(order.is_gt()),
        ">=" => Some(order.is_ge()),
        "~=" if wanted.len() > 1 => Some(order.is_ge() && padded.starts_with(&wanted[..wanted.len() - 1])),
        _ => None,
    }
}

fn release(text: &str) -> Option<Vec<u64>> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten();
    text.trim().split('.').map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(marker: &str, extras: &[&str]) -> Option<bool> {
        let extras: Vec<String> = extras.iter().map(|extra| (*extra).to_owned()).collect();
        evaluate(marker, &PythonFacts::cpython_on_linux("3.11.7"), &extras)
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
