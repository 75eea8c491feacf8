//! Decides `[section: condition]` headers for the target: first as PEP 508 marker, then as a Python expression, in the
//! order zc.buildout 6.0.1 does (`configparser.py`, `parse`). Facts that are not given make a condition undecidable,
//! and so does every part of Python beyond comparisons of what `_default_globals` offers; nothing is guessed.

mod python;
mod python_names;
mod python_value;
mod tokens;

use super::facts::TargetFacts;
use super::python_text::strip;
use crate::definition::markers::{self, Stop};
use std::collections::BTreeMap;

/// Nested parentheses, subscripts and calls that are followed.
const MAX_DEPTH: usize = 40;

/// Whether a conditional section applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It applies.
    True,
    /// It is skipped.
    False,
    /// It depends on something that is not known; the text says on what.
    Undecidable(String),
    /// Python would raise an exception, and buildout stop.
    Error(String),
}

impl From<bool> for Verdict {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

impl From<Stop> for Verdict {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Undecidable(reason) => Self::Undecidable(reason),
            Stop::Error(reason) => Self::Error(reason),
        }
    }
}

/// Decides one condition. `tail` is the closing bracket of the header and what follows it.
pub(super) fn decide(expression: &str, tail: &str, facts: &TargetFacts, assume: &BTreeMap<String, bool>) -> Verdict {
    let assumed = assume.iter().find(|(condition, _)| strip(condition) == strip(expression));
    if let Some((_, truth)) = assumed {
        return Verdict::from(*truth);
    }
    let truth = if let Ok(marker) = markers::parse(expression) {
        markers::evaluate(&marker, &facts.for_markers())
    } else {
        python::evaluate(&format!("[{expression}{}", tail.replace(';', "#")), facts)
    };
    truth.map_or_else(Verdict::from, Verdict::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> TargetFacts {
        TargetFacts {
            python_version: Some((3, 11, 7)),
            implementation: Some("CPython".to_owned()),
            sys_platform: Some("linux".to_owned()),
            platform_machine: Some("x86_64".to_owned()),
            platform_system: Some("Linux".to_owned()),
            os_name: Some("posix".to_owned()),
            byteorder: Some("little".to_owned()),
            bits: Some(64),
            ..TargetFacts::default()
        }
    }

    fn verdict(expression: &str) -> Verdict {
        decide(expression, "]", &facts(), &BTreeMap::new())
    }

    #[test]
    fn markers_compare_versions_as_versions() {
        for expression in [
            "python_version > \"3\"",
            "python_version >= '3.9' and sys_platform == 'linux'",
            "sys.platform == \"linux\"",
            "'linux' in sys_platform",
            "python_version in '3.10 3.11'",
            "python_version == '3.*'",
            "python_version ~= '3.8'",
            "(python_version < '3' or os_name == 'posix') and platform_machine == 'x86_64'",
            "python_full_version < '3.11.10'",
            "'3.2' < python_version",
            "implementation_name == 'cpython'",
        ] {
            assert_eq!(verdict(expression), Verdict::True, "{expression}");
        }
    }

    #[test]
    fn old_style_conditions_are_python() {
        for expression in [
            "python3 and linux",
            "python311",
            " not python27 ",
            "sys.version_info >= (3, 9)",
            "sys.version_info[:2] == (3, 11)",
            "sys.version_info[0] >= 3 and platform.machine() == 'x86_64'",
            "sys.version_info.major == 3",
            "sys.platform.startswith('linux')",
            "sys.platform != 'darwin' and not windows",
            "sys.platform in ('linux', 'linux2')",
            "platform.system().lower() == 'linux'",
            "1 < 2 < 3",
            "bits64 and little_endian and cpython and posix",
            "True",
            "[1]",
            "platform.python_version().startswith('3.')",
            "platform.python_version_tuple()[0] == '3'",
            "1 ] + [0",
            "sys.maxsize > 2**32",
            "platform.architecture()[0] == '64bit'",
        ] {
            assert_eq!(verdict(expression), Verdict::True, "{expression}");
        }
    }

    #[test]
    fn what_is_not_modelled_is_undecidable_and_never_guessed() {
        for expression in [
            "open('/proc/cpuinfo')",
            "platform.freedesktop_os_release()['ID'] == 'debian'",
            "any(x for x in [1])",
            "os.environ.get('A') == 'b'",
            "os.path.exists('/x') or False",
            "platform_release > '5'",
            "sys.prefix",
            "sys.nothing_here",
            "{1: 2}",
            "linux if python3 else 1",
        ] {
            assert!(matches!(verdict(expression), Verdict::Undecidable(_)), "{expression}: {:?}", verdict(expression));
        }
        assert_eq!(verdict("os.path.exists('/x') and False"), Verdict::False);
        assert_eq!(verdict("os.path.exists('/x') or True"), Verdict::True);
    }

    #[test]
    fn what_python_would_not_evaluate_is_an_error() {
        for expression in ["nosuchname", "   ", "python3 python2", "'a' == 'b'", "1 +", "python3 < 'a'"] {
            assert!(matches!(verdict(expression), Verdict::Error(_)), "{expression}: {:?}", verdict(expression));
        }
    }

    #[test]
    fn a_function_that_python_lost_is_an_error_only_where_it_is_lost() {
        let expression = "linux and platform.linux_distribution()[0] == 'Ubuntu'";
        assert!(matches!(verdict(expression), Verdict::Error(_)));
        assert_eq!(verdict("windows and platform.linux_distribution()"), Verdict::False);
        for python_version in [Some((2, 7, 18)), Some((3, 7, 9)), None] {
            let facts = TargetFacts { python_version, ..facts() };
            let verdict = decide(expression, "]", &facts, &BTreeMap::new());
            assert!(matches!(verdict, Verdict::Undecidable(_)), "{python_version:?}: {verdict:?}");
        }
    }

    #[test]
    fn a_missing_fact_decides_nothing() {
        let none = TargetFacts::default();
        for expression in ["python3", "sys_platform == 'linux'", "sys.version_info > (2,)", "linux or windows"] {
            let verdict = decide(expression, "]", &none, &BTreeMap::new());
            assert!(matches!(verdict, Verdict::Undecidable(_)), "{expression}: {verdict:?}");
        }
        assert_eq!(decide("linux and False", "]", &none, &BTreeMap::new()), Verdict::False);
    }

    #[test]
    fn an_assumption_wins() {
        let assume = BTreeMap::from([("open('/x')".to_owned(), false)]);
        assert_eq!(decide(" open('/x') ", "]", &facts(), &assume), Verdict::False);
    }

    #[test]
    fn deep_nesting_is_undecidable_instead_of_a_stack_overflow() {
        let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(matches!(verdict(&deep), Verdict::Undecidable(_)));
        let deep = format!("{}1", "not ".repeat(100_000));
        assert!(matches!(verdict(&deep), Verdict::Undecidable(_)));
    }
}
