//! Making text safe for where it goes: terminals, shells, Markdown.

use std::borrow::Cow;

/// Text for one line of a terminal: control characters become `\x..` escapes, so that a hostile name or file can
/// neither move the cursor nor break the line.
pub fn plain(text: &str) -> Cow<'_, str> {
    // Most text is plain ASCII, which is told faster.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            char if is_hostile(char) && u32::from(char) < 0x100 => {
                out.push_str(&format!("\\x{:02x}", u32::from(char)));
            }
            char if is_hostile(char) => out.push_str(&format!("\\u{{{:x}}}", u32::from(char))),
            char => out.push(char),
        }
    }
    Cow::Owned(out)
}

/// Control characters, and the marks that reverse the reading direction (they make text look like other text).
fn is_hostile(char: char) -> bool {
    char.is_control() || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One word of a shell command, so that it can be copied: control characters are written as `$'\n'`, which POSIX.1-2024
/// and every common shell read back.
pub fn shell(word: &str) -> Cow<'_, str> {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(byte);
    if !word.is_empty() && word.as_bytes().iter().all(harmless) {
        return Cow::Borrowed(word);
    }
    if !word.chars().any(is_hostile) {
        return Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")));
    }
    let mut out = String::from("$'");
    for char in word.chars() {
        match char {
            '\'' | '\\' => out.extend(['\\', char]),
            // Three octal digits each, as more digits might follow.
            char if is_hostile(char) => {
                let mut bytes = [0; 4];
                out.extend(char.encode_utf8(&mut bytes).bytes().map(|byte| format!("\\{byte:03o}")));
            }
            char => out.push(char),
        }
    }
    out.push('\'');
    Cow::Owned(out)
}

/// Text inside a Markdown paragraph or table cell, so that it shows as it is.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for char in plain(text).chars() {
        match char {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '@' => out.extend(['\\', char]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            char => out.push(char),
        }
    }
    out
}

/// Text as Markdown inline code; the fence is longer than any run of backticks in it.
pub fn markdown_code(text: &str) -> String {
    let text = plain(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A Markdown code block of a language. Lines are kept, other control characters are escaped.
pub fn markdown_block(language: &str, text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    let lines: Vec<_> = text.lines().map(plain).collect();
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|char| char != '`').map(str::len).max().unwrap_or(0)
}

/// A number with thousands separated.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A size for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes;
    let mut unit = 0;
    while scaled >= 1024 * 1024 && unit + 1 < UNITS.len() {
        scaled /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", scaled / 1024, scaled % 1024 * 10 / 1024, UNITS[unit])
}

/// `1 file`, `2 files`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", self::number(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_move_the_cursor_or_break_the_line() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\\x1b[2Jb\\nc");
        assert_eq!(plain("x\u{202e}y"), "x\\u{202e}y");
        assert!(matches!(plain("grün"), Cow::Borrowed(_)));
    }

    #[test]
    fn words_for_the_shell_are_quoted_only_where_they_must_be() {
        assert_eq!(shell("/srv/app/x.cfg"), "/srv/app/x.cfg");
        assert_eq!(shell("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("a\n1'\u{1b}"), r"$'a\0121\'\033'");
    }

    #[test]
    fn markdown_shows_what_was_written() {
        assert_eq!(markdown("a_b|<c>"), r"a\_b\|&lt;c&gt;");
        assert_eq!(markdown_code("a`b"), "``a`b``");
        assert_eq!(markdown_block("sh", "```\n"), "````sh\n```\n````\n");
    }

    #[test]
    fn numbers_and_sizes_are_for_people() {
        assert_eq!((number(0), number(999), number(3630)), ("0".into(), "999".into(), "3,630".into()));
        assert_eq!(
            (size(1023), size(1024), size(6_764_573_491)),
            ("1023 B".into(), "1.0 KiB".into(), "6.2 GiB".into())
        );
    }
}
