//! The three shapes of a line that matter: header, option, anything else. Which of them a line *is* depends on what
//! came before, so the parser asks. Follows the regular expressions `section_header` and `option_start` of zc.buildout
//! 6.0.1, `configparser.py`, by hand: no backtracking, so no line can be slow.

use super::python_text::{is_space, rstrip, strip};

/// `[name: expression] # comment`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    /// What is between the colon and the closing bracket, if it is not empty.
    pub(super) expression: Option<&'a str>,
    /// The closing bracket and what follows it.
    pub(super) tail: &'a str,
}

/// `name = value`; the name keeps the `+` or `-` of `+=` and `-=`, with the blanks before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// Reads a header. `None` if zc.buildout would not take the line for one.
pub(super) fn header(line: &str) -> Option<Header<'_>> {
    let rest = line.strip_prefix('[')?.trim_start_matches(is_space);
    let end = rest.find(|c: char| is_space(c) || "#[]:;{}".contains(c))?;
    if end == 0 {
        return None;
    }
    let (name, rest) = (&rest[..end], rest[end..].trim_start_matches(is_space));
    let Some(rest) = rest.strip_prefix(':') else {
        let after = rest.strip_prefix(']')?.trim_start_matches(is_space);
        return (after.is_empty() || after.starts_with(['#', ';'])).then_some(Header {
            name,
            expression: None,
            tail: rest,
        });
    };
    // An expression holds neither `#` nor `;`, so the closing bracket is the last thing before one of them.
    let region = rstrip(&rest[..rest.find(['#', ';']).unwrap_or(rest.len())]);
    let expression = region.strip_suffix(']')?;
    Some(Header { name, expression: (!expression.is_empty()).then_some(expression), tail: &rest[expression.len()..] })
}

/// Reads an option line. `None` if zc.buildout would not take the line for one.
pub(super) fn assignment(line: &str) -> Option<Assignment<'_>> {
    let equals = memchr::memchr(b'=', line.as_bytes())?;
    let (name, value) = (&line[..equals], &line[equals + 1..]);
    let ends = |c: char| is_space(c) || matches!(c, '{' | '}' | '[' | ']' | ':');
    let end = name.find(ends).unwrap_or(name.len());
    if end == 0 {
        return None;
    }
    let operator = name[end..].trim_start_matches(is_space);
    matches!(operator, "" | "+" | "-").then(|| Assignment { name: rstrip(name), value: strip(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(line: &str) -> Option<&str> {
        assignment(line).map(|assignment| assignment.name)
    }

    #[test]
    fn a_header_takes_comments_and_conditions() {
        assert_eq!(header("[ a ] # c"), Some(Header { name: "a", expression: None, tail: "] # c" }));
        assert_eq!(header("[a: 1 ] # [x]"), Some(Header { name: "a", expression: Some(" 1 "), tail: "] # [x]" }));
        assert_eq!(header("[a: x[0] == 1]"), Some(Header { name: "a", expression: Some(" x[0] == 1"), tail: "]" }));
        assert_eq!(header("[a:]"), Some(Header { name: "a", expression: None, tail: "]" }));
    }

    #[test]
    fn what_only_looks_like_a_header_is_none() {
        for line in ["[a b]", "[a]x", "[a{b}]", " [a]", "[]", "[a", "[a:\"#\" == 1]", "[a:b", "a"] {
            assert_eq!(header(line), None, "{line}");
        }
    }

    #[test]
    fn an_option_name_keeps_its_operator() {
        assert_eq!(name_of("a += 1"), Some("a +"));
        assert_eq!(name_of("a+=1"), Some("a+"));
        assert_eq!(name_of("<= b"), Some("<"));
        assert_eq!(name_of("-x = 1"), Some("-x"));
        assert_eq!(name_of("a =b= c"), Some("a"));
    }

    #[test]
    fn what_only_looks_like_an_option_is_none() {
        for line in ["a + = 1", "foo bar = 1", "foo:bar = 1", "foo: bar", " a = 1", " = 1", "= 1", "x", "a + + = 1"] {
            assert_eq!(assignment(line), None, "{line}");
        }
    }
}
