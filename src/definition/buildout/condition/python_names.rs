//! The names that conditions may use: those of zc.buildout's `_default_globals`, and what hangs on them.

use super::{
    Stop,
    python_value::{Value, not_modelled},
};
use crate::definition::buildout::facts::TargetFacts;

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
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "bytes",
    "callable",
    "chr",
    "compile",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "slice",
    "sorted",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
    "__import__",
    "Exception",
    "__builtins__",
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
            ("platform", "dist" | "linux_distribution" | "popen") if facts.python_version >= Some((3, 8, 0)) => {
                Err(Stop::Error(format!("Python has no `platform.{name}` since 3.8")))
            }
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
