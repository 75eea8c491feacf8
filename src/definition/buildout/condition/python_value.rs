//! Values in conditions: the names of zc.buildout's `_default_globals`, and what can be done with them.

use super::Stop;
use crate::definition::buildout::facts::TargetFacts;
use std::cmp::Ordering;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Text(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    /// A module, or a function of it: `platform`, `platform.machine`.
    Path(String),
    /// A method of a text.
    Method(String, String),
    /// Something that is not known.
    Unknown(String),
}

impl Value {
    /// `bool(value)`.
    pub(super) fn truth(&self) -> Result<bool, Stop> {
        match self {
            Self::None => Ok(false),
            Self::Bool(truth) => Ok(*truth),
            Self::Int(number) => Ok(*number != 0),
            Self::Text(text) => Ok(!text.is_empty()),
            Self::Tuple(items) | Self::List(items) => Ok(!items.is_empty()),
            Self::Path(path) if path.contains('.') => Err(not_modelled(&format!("`{path}`"))),
            Self::Path(_) => Ok(true),
            Self::Method(_, method) => Err(not_modelled(&format!("the method `{method}`"))),
            Self::Unknown(reason) => Err(Stop::Undecidable(reason.clone())),
        }
    }

    /// `value[start:end]`.
    pub(super) fn slice(&self, start: Option<&Self>, end: Option<&Self>) -> Result<Self, Stop> {
        let cut = |length: usize| -> Result<(usize, usize), Stop> {
            let bound = |bound: Option<&Self>, default: usize| match bound {
                None | Some(Self::None) => Ok(default),
                Some(Self::Int(index)) => Ok(clamp(*index, length)),
                Some(_) => Err(not_modelled("this slice")),
            };
            let (start, end) = (bound(start, 0)?, bound(end, length)?);
            Ok((start, end.max(start)))
        };
        match self {
            Self::Tuple(items) => cut(items.len()).map(|(start, end)| Self::Tuple(items[start..end].to_vec())),
            Self::List(items) => cut(items.len()).map(|(start, end)| Self::List(items[start..end].to_vec())),
            Self::Text(text) => cut(text.chars().count())
                .map(|(start, end)| Self::Text(text.chars().skip(start).take(end - start).collect())),
            Self::Unknown(reason) => Err(Stop::Undecidable(reason.clone())),
            _ => Err(not_modelled("this slice")),
        }
    }
}

fn clamp(index: i64, length: usize) -> usize {
    let length_signed = i64::try_from(length).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(length_signed) } else { index };
    usize::try_from(index.clamp(0, length_signed)).unwrap_or(length)
}

fn not_modelled(what: &str) -> Stop {
    Stop::Undecidable(format!("{what} is not modelled"))
}

fn missing(what: &str) -> Stop {
    Stop::Undecidable(format!("`{what}` of the target is not known"))
}

/// Python versions that have a name of their own in conditions (`python27`, `python311`), zc.buildout 6.0.1.
const NAMED_PYTHONS: &[&str] = &[
    "24", "25", "26", "27", "30", "31", "32", "33", "34", "35", "36", "37", "38", "39", "310", "311", "312", "313",
    "314", "315", "316", "317", "318", "319",
];

/// Builtin names that exist but are not modelled; any other name is a `NameError`.
const BUILTINS: &[&str] = &[
    "abs", "all", "any", "ascii", "bin", "bool", "bytes", "callable", "chr", "compile", "dict", "dir", "divmod",
    "enumerate", "eval", "exec", "filter", "float", "format", "frozenset", "getattr", "globals", "hasattr", "hash",
    "hex", "id", "input", "int", "isinstance", "issubclass", "iter", "len", "list", "locals", "map", "max", "min",
    "next", "object", "oct", "open", "ord", "pow", "print", "range", "repr", "reversed", "round", "set", "slice",
    "sorted", "str", "sum", "super", "tuple", "type", "vars", "zip", "__import__", "Exception", "__builtins__",
];

/// A global name.
pub(super) fn name(name: &str, facts: &TargetFacts) -> Result<Value, Stop> {
    if let Some(version) = name.strip_prefix("python") {
        let (major, minor, _) = facts.python_version.ok_or_else(|| missing("python version"))?;
        if matches!(version, "2" | "3") {
            return Ok(Value::Bool(major.to_string() == version));
        }
        if NAMED_PYTHONS.contains(&version) {
            return Ok(Value::Bool(format!("{major}{minor}") == version));
        }
    }
    let has = |fact: &Option<String>, part: &str| {
        fact.as_ref().map(|fact| Value::Bool(fact.to_lowercase().contains(part))).ok_or_else(|| missing(name))
    };
    match name {
        "sys" | "os" | "platform" | "re" => Ok(Value::Path(name.to_owned())),
        "cpython" | "pypy" | "jython" | "ironpython" => has(&facts.implementation, name),
        "linux" | "cygwin" => has(&facts.sys_platform, name),
        "windows" => has(&facts.sys_platform, "win32"),
        "solaris" => has(&facts.sys_platform, "sunos"),
        "macosx" => has(&facts.sys_platform, "darwin"),
        "posix" => has(&facts.os_name, name),
        "bits32" => facts.bits.map(|bits| Value::Bool(bits == 32)).ok_or_else(|| missing(name)),
        "bits64" => facts.bits.map(|bits| Value::Bool(bits == 64)).ok_or_else(|| missing(name)),
        "little_endian" => has(&facts.byteorder, "little"),
        "big_endian" => has(&facts.byteorder, "big"),
        name if BUILTINS.contains(&name) => Ok(Value::Path(name.to_owned())),
        name => Err(Stop::Error(format!("the name `{name}` is not defined"))),
    }
}

/// `of.name`.
pub(super) fn attribute(of: &Value, name: &str, facts: &TargetFacts) -> Result<Value, Stop> {
    let text = |fact: &Option<String>| fact.clone().map(Value::Text).ok_or_else(|| missing(name));
    match of {
        Value::Path(path) => match (path.as_str(), name) {
            ("sys", "platform") => text(&facts.sys_platform),
            ("sys", "byteorder") => text(&facts.byteorder),
            ("sys", "executable") => text(&facts.executable),
            ("sys", "version_info") => version_info(facts),
            ("sys", "maxsize") => match facts.bits {
                Some(64) => Ok(Value::Int(i64::MAX)),
                Some(32) => Ok(Value::Int(i64::from(i32::MAX))),
                _ => Err(missing("sys.maxsize")),
            },
            ("os", "name") => text(&facts.os_name),
            (path, name) => Ok(Value::Path(format!("{path}.{name}"))),
        },
        Value::Tuple(items) => match (name, items.as_slice()) {
            ("major", [value, _, _, ..]) | ("minor", [_, value, _, ..]) | ("micro", [_, _, value, ..]) => {
                Ok(value.clone())
            }
            _ => Err(not_modelled(name)),
        },
        Value::Text(of) => Ok(Value::Method(of.clone(), name.to_owned())),
        Value::Unknown(reason) => Err(Stop::Undecidable(reason.clone())),
        _ => Err(not_modelled(name)),
    }
}

fn version_info(facts: &TargetFacts) -> Result<Value, Stop> {
    let (major, minor, micro) = facts.python_version.ok_or_else(|| missing("sys.version_info"))?;
    let mut items: Vec<Value> = [major, minor, micro].map(|part| Value::Int(i64::from(part))).to_vec();
    items.extend([missing_part("releaselevel"), missing_part("serial")]);
    Ok(Value::Tuple(items))
}

fn missing_part(part: &str) -> Value {
    Value::Unknown(format!("`sys.version_info.{part}` of the target is not known"))
}

/// `function(arguments)`.
pub(super) fn call(function: &Value, arguments: &[Value], facts: &TargetFacts) -> Result<Value, Stop> {
    let text = |fact: &Option<String>, name: &str| fact.clone().map(Value::Text).ok_or_else(|| missing(name));
    let version = || facts.python_version.ok_or_else(|| missing("python version"));
    match (function, arguments) {
        (Value::Path(path), []) => match path.as_str() {
            "platform.machine" => text(&facts.platform_machine, path),
            "platform.system" => text(&facts.platform_system, path),
            "platform.release" => text(&facts.platform_release, path),
            "platform.python_implementation" => text(&facts.implementation, path),
            "platform.python_version" => {
                version().map(|(major, minor, micro)| Value::Text(format!("{major}.{minor}.{micro}")))
            }
            "platform.python_version_tuple" => version().map(|(major, minor, micro)| {
                Value::Tuple([major, minor, micro].map(|part| Value::Text(part.to_string())).to_vec())
            }),
            "platform.architecture" => facts
                .bits
                .map(|bits| Value::Tuple(vec![Value::Text(format!("{bits}bit")), missing_part("linkage")]))
                .ok_or_else(|| missing(path)),
            path => Err(not_modelled(&format!("`{path}()`"))),
        },
        (Value::Path(path), _) => Err(not_modelled(&format!("`{path}()`"))),
        (Value::Method(of, method), arguments) => text_method(of, method, arguments),
        _ => Err(not_modelled("this call")),
    }
}

fn text_method(of: &str, method: &str, arguments: &[Value]) -> Result<Value, Stop> {
    let affixes = |value: &Value| -> Result<Vec<String>, Stop> {
        match value {
            Value::Text(text) => Ok(vec![text.clone()]),
            Value::Tuple(items) => items
                .iter()
                .map(|item| match item {
                    Value::Text(text) => Ok(text.clone()),
                    _ => Err(not_modelled(method)),
                })
                .collect(),
            _ => Err(not_modelled(method)),
        }
    };
    match (method, arguments) {
        ("lower", []) => Ok(Value::Text(of.to_lowercase())),
        ("upper", []) => Ok(Value::Text(of.to_uppercase())),
        ("startswith", [with]) => Ok(Value::Bool(affixes(with)?.iter().any(|with| of.starts_with(with.as_str())))),
        ("endswith", [with]) => Ok(Value::Bool(affixes(with)?.iter().any(|with| of.ends_with(with.as_str())))),
        _ => Err(not_modelled(&format!("the method `{method}`"))),
    }
}

/// `of[index]`.
pub(super) fn subscript(of: &Value, index: &Value) -> Result<Value, Stop> {
    match (of, index) {
        (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) => Err(Stop::Undecidable(reason.clone())),
        (Value::Tuple(items) | Value::List(items), Value::Int(index)) => {
            item(items, *index).ok_or_else(|| Stop::Error("the index is out of range".to_owned()))
        }
        _ => Err(not_modelled("this subscript")),
    }
}

fn item(items: &[Value], index: i64) -> Option<Value> {
    let length = i64::try_from(items.len()).ok()?;
    let index = if index < 0 { index.checked_add(length)? } else { index };
    items.get(usize::try_from(index).ok()?).cloned()
}

/// `left operator right`.
pub(super) fn arithmetic(operator: &str, left: &Value, right: &Value) -> Result<Value, Stop> {
    let number = match (operator, left, right) {
        ("+", Value::List(left), Value::List(right)) => {
            return Ok(Value::List(left.iter().chain(right).cloned().collect()));
        }
        ("+", Value::Text(left), Value::Text(right)) => return Ok(Value::Text(format!("{left}{right}"))),
        ("+", Value::Int(left), Value::Int(right)) => left.checked_add(*right),
        ("-", Value::Int(left), Value::Int(right)) => left.checked_sub(*right),
        ("**", Value::Int(left), Value::Int(right)) => u32::try_from(*right).ok().and_then(|to| left.checked_pow(to)),
        _ => None,
    };
    let numbers = integer(left).is_some() && integer(right).is_some();
    let plain = |value: &Value| !matches!(value, Value::Path(_) | Value::Method(..) | Value::Unknown(_));
    match number {
        Some(number) => Ok(Value::Int(number)),
        None if !numbers && operator != "**" && plain(left) && plain(right) && !same_kind(left, right) => {
            Err(Stop::Error(format!("`{operator}` is not defined between these values")))
        }
        None => Err(not_modelled("this arithmetic")),
    }
}

fn same_kind(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// `left operator right` as a truth value.
pub(super) fn compare(left: &Value, operator: &str, right: &Value) -> Result<bool, Stop> {
    match operator {
        "==" => equal(left, right),
        "!=" => equal(left, right).map(|equal| !equal),
        "in" => contains(right, left),
        "not in" => contains(right, left).map(|contains| !contains),
        "is" | "is not" => match (left, right) {
            (Value::None | Value::Bool(_), Value::None | Value::Bool(_)) => Ok((left == right) == (operator == "is")),
            _ => Err(not_modelled("`is` on this value")),
        },
        operator => {
            let order = order(left, right)?;
            Ok(match operator {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}

fn contains(container: &Value, item: &Value) -> Result<bool, Stop> {
    match (container, item) {
        (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) => Err(Stop::Undecidable(reason.clone())),
        (Value::Text(container), Value::Text(item)) => Ok(container.contains(item.as_str())),
        (Value::Tuple(items) | Value::List(items), item) => {
            let mut undecided = None;
            for candidate in items {
                match equal(candidate, item) {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(stop) => undecided = undecided.or(Some(stop)),
                }
            }
            undecided.map_or(Ok(false), Err)
        }
        (Value::Text(_), Value::None | Value::Bool(_) | Value::Int(_) | Value::Tuple(_) | Value::List(_)) => {
            Err(Stop::Error("only a text can be `in` a text".to_owned()))
        }
        (Value::None | Value::Bool(_) | Value::Int(_), _) => {
            Err(Stop::Error("nothing can be `in` this value".to_owned()))
        }
        _ => Err(not_modelled("this `in`")),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

fn equal(left: &Value, right: &Value) -> Result<bool, Stop> {
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return Ok(left == right);
    }
    match (left, right) {
        (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) => Err(Stop::Undecidable(reason.clone())),
        (Value::Tuple(left), Value::Tuple(right)) | (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            let mut undecided = None;
            for (left, right) in left.iter().zip(right) {
                match equal(left, right) {
                    Ok(true) => {}
                    Ok(false) => return Ok(false),
                    Err(stop) => undecided = undecided.or(Some(stop)),
                }
            }
            undecided.map_or(Ok(true), Err)
        }
        (Value::Path(_) | Value::Method(..), _) | (_, Value::Path(_) | Value::Method(..)) => {
            Err(not_modelled("comparing functions"))
        }
        (left, right) => Ok(left == right),
    }
}

fn order(left: &Value, right: &Value) -> Result<Ordering, Stop> {
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return Ok(left.cmp(&right));
    }
    match (left, right) {
        (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) => Err(Stop::Undecidable(reason.clone())),
        (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
        (Value::Tuple(left), Value::Tuple(right)) | (Value::List(left), Value::List(right)) => {
            for (left, right) in left.iter().zip(right) {
                if !equal(left, right)? {
                    return order(left, right);
                }
            }
            Ok(left.len().cmp(&right.len()))
        }
        (Value::Path(_) | Value::Method(..), _) | (_, Value::Path(_) | Value::Method(..)) => {
            Err(not_modelled("comparing functions"))
        }
        _ => Err(Stop::Error("values of different types have no order".to_owned())),
    }
}
