//! PEP 508 environment markers, as `packaging.markers` (26.x) takes them: the names, `and`/`or` with parentheses, and
//! version comparison where the name holds a version.

use super::{MAX_DEPTH, Stop};
use crate::definition::buildout::facts::TargetFacts;

/// The text is no marker: zc.buildout then takes it for Python.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAMarker;

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
pub(super) fn evaluate(marker: &Marker, facts: &TargetFacts) -> Result<bool, Stop> {
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

fn all(group: &[Marker], facts: &TargetFacts) -> Result<bool, Stop> {
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

fn compare(left: &Operand, operator: &str, right: &Operand, facts: &TargetFacts) -> Result<bool, Stop> {
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
fn fact(name: &str, facts: &TargetFacts) -> Result<String, Stop> {
    let version = facts.python_version;
    let value = match name {
        "python_version" => version.map(|(major, minor, _)| format!("{major}.{minor}")),
        "python_full_version" => version.map(|(major, minor, micro)| format!("{major}.{minor}.{micro}")),
        // Elsewhere the implementation has a version of its own.
        "implementation_version" => {
            version.filter(|_| is_cpython(facts)).map(|(major, minor, micro)| format!("{major}.{minor}.{micro}"))
        }
        "platform_python_implementation" => facts.implementation.clone(),
        "implementation_name" => facts.implementation.as_ref().map(|name| name.to_lowercase()),
        "os_name" => facts.os_name.clone(),
        "sys_platform" => facts.sys_platform.clone(),
        "platform_machine" => facts.platform_machine.clone(),
        "platform_system" => facts.platform_system.clone(),
        "platform_release" => facts.platform_release.clone(),
        _ => None,
    };
    value.ok_or_else(|| Stop::Undecidable(format!("`{name}` of the target is not known")))
}

fn is_cpython(facts: &TargetFacts) -> bool {
    facts.implementation.as_deref() == Some("CPython")
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
    text.split('.').map(digits).collect()
}

fn padded(version: &[u64], length: usize) -> Vec<u64> {
    let mut version = version.to_vec();
    version.resize(version.len().max(length), 0);
    version
}
