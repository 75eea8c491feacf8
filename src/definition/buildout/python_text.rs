//! Python's idea of whitespace, lines and indentation, which zc.buildout's parser inherits.
//!
//! Rust's `char::is_whitespace` lacks the four separators U+001C to U+001F that `str.isspace` and `\s` accept.

use std::borrow::Cow;

/// What `str.isspace`, `str.strip` and the regular expression `\s` take for whitespace.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// `str.strip()`.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `str.rstrip()`.
pub(super) fn rstrip(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

/// `str.split()`: words between runs of whitespace.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// Text mode's universal newlines: `\r\n` and `\r` become `\n`.
pub(super) fn universal_newlines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

/// The text without its last `count` characters (`text[:-count]`).
pub(super) fn without_last(text: &str, count: usize) -> &str {
    match text.char_indices().rev().nth(count.saturating_sub(1)) {
        Some((index, _)) => &text[..index],
        None => "",
    }
}

/// `textwrap.dedent`: removes the longest literal prefix of blanks and tabs common to all lines that hold more than
/// blanks and tabs; lines of nothing else become empty.
pub(super) fn dedent(text: &str) -> String {
    let mut margin: Option<&str> = None;
    for line in text.split('\n') {
        let indent = indentation(line);
        if indent.len() == line.len() {
            continue;
        }
        margin = Some(match margin {
            None => indent,
            Some(known) => common_prefix(known, indent),
        });
    }
    let margin = margin.unwrap_or("").len();
    let mut result = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            result.push('\n');
        }
        if indentation(line).len() < line.len() {
            result.push_str(&line[margin..]);
        }
    }
    result
}

/// Cuts leading blank lines: `re.sub(r"^(\s*\n)+", "", text)`.
pub(super) fn without_leading_blank_lines(text: &str) -> &str {
    let blank = text.len() - text.trim_start_matches(is_space).len();
    match text[..blank].rfind('\n') {
        Some(end) => &text[end + 1..],
        None => text,
    }
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn common_prefix<'a>(left: &'a str, right: &str) -> &'a str {
    // Both consist of blanks and tabs only, so bytes are characters.
    let length = left.bytes().zip(right.bytes()).take_while(|(a, b)| a == b).count();
    &left[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ascii_separators_are_whitespace_as_in_python() {
        assert_eq!(strip("\x1c a \x1f\u{a0}\u{85}"), "a");
        assert_eq!(words(" a\x1db ").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn dedent_takes_the_common_literal_prefix() {
        assert_eq!(dedent("\n  a\n b\n   c"), "\n a\nb\n  c");
        assert_eq!(dedent("\n\ta\n    b"), "\n\ta\n    b");
        assert_eq!(dedent("\n  \n  a"), "\n\na");
    }

    #[test]
    fn leading_blank_lines_go_but_the_indentation_of_the_first_line_stays() {
        assert_eq!(without_leading_blank_lines("\n \n  a\n"), "  a\n");
        assert_eq!(without_leading_blank_lines("a\n"), "a\n");
    }

    #[test]
    fn without_last_counts_characters() {
        assert_eq!(without_last("opt +", 2), "opt");
        assert_eq!(without_last("é+", 2), "");
        assert_eq!(without_last("+", 2), "");
    }
}
