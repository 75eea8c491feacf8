//! The tokens of Python expressions, as far as conditions need them.

use super::Stop;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Number(i64),
    Text(String),
    Symbol(&'static str),
}

const SYMBOLS: &[&str] = &[
    "**", "//", "==", "!=", "<=", ">=", "<<", ">>", "(", ")", "[", "]", "{", "}", ",", ".", ":", "+", "-", "*", "/",
    "%", "<", ">", "&", "|", "^", "~",
];

/// Cuts an expression into tokens; a comment ends it.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Stop> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', '\x0c']);
    while let Some(first) = rest.chars().next() {
        if first == '#' {
            break;
        }
        let (token, after) = if first.is_alphabetic() || first == '_' {
            name(rest)?
        } else if first.is_ascii_digit() {
            number(rest)?
        } else if matches!(first, '\'' | '"') {
            string(rest, first)?
        } else {
            let symbol = SYMBOLS
                .iter()
                .find(|symbol| rest.starts_with(**symbol))
                .ok_or_else(|| Stop::Error(format!("`{first}` is no part of a Python expression")))?;
            (Token::Symbol(symbol), &rest[symbol.len()..])
        };
        found.push(token);
        rest = after.trim_start_matches([' ', '\t', '\x0c']);
    }
    Ok(found)
}

fn name(rest: &str) -> Result<(Token, &str), Stop> {
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    if after.starts_with(['\'', '"']) {
        return Err(Stop::Undecidable(format!("strings with the prefix `{name}` are not modelled")));
    }
    Ok((Token::Name(name.to_owned()), after))
}

fn number(rest: &str) -> Result<(Token, &str), Stop> {
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    match digits.parse() {
        Ok(number) if plain => Ok((Token::Number(number), after)),
        _ => Err(Stop::Undecidable(format!("the number `{digits}` is not modelled"))),
    }
}

fn string(rest: &str, quote: char) -> Result<(Token, &str), Stop> {
    let inner = &rest[1..];
    if inner.starts_with(quote) && inner[1..].starts_with(quote) {
        return Err(Stop::Undecidable("strings in three quotes are not modelled".to_owned()));
    }
    let end = inner.find(quote).ok_or_else(|| Stop::Error("a string is not closed".to_owned()))?;
    let text = &inner[..end];
    if text.contains('\\') {
        return Err(Stop::Undecidable("strings with escapes are not modelled".to_owned()));
    }
    Ok((Token::Text(text.to_owned()), &inner[end + 1..]))
}
