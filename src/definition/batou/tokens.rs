//! Python's tokens, as far as a reader of literal declarations needs them.
//!
//! Aware of string literals with their prefixes, triple quotes, brackets, comments, backslash line ends and
//! indentation. Whatever it does not understand for certain (an f-string with a quote inside a replacement field, which
//! Python before 3.12 reads differently; bad indentation; an unfinished string) is an error for the whole file: half
//! understood code is not understood.

/// Kind of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Name,
    /// A number.
    Number,
    /// A string literal; the value, if it is an ordinary text literal whose escapes are understood.
    Text(Option<String>),
    /// Any other character: operator or bracket.
    Operator,
    /// End of a statement.
    Newline,
    /// Deeper indented.
    Indent,
    /// Back to the indentation of an outer block.
    Dedent,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Its kind.
    pub(super) kind: Kind,
    /// Its source text; empty for indentation.
    pub(super) text: &'a str,
    /// Line, counted from 1.
    pub(super) line: u32,
}

impl Token<'_> {
    /// Whether it is this name or operator character.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Name | Kind::Operator) && self.text == text
    }
}

/// All tokens of a file, or the line that is not understood.
pub(super) fn tokenize(source: &str) -> Result<Vec<Token<'_>>, u32> {
    if let Some(at) = source.match_indices('\r').map(|(at, _)| at).find(|at| !source[at + 1..].starts_with('\n')) {
        // Python would take a lone carriage return for the end of a line, also in a comment.
        return Err(u32::try_from(source[..at].matches('\n').count() + 1).unwrap_or(u32::MAX));
    }
    let mut lexer = Lexer { source, at: 0, line: 1, depth: 0, indents: vec![0], tokens: Vec::new() };
    lexer.run().map_err(|()| lexer.line)?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: u32,
    depth: usize,
    indents: Vec<usize>,
    tokens: Vec<Token<'a>>,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), ()> {
        self.indentation()?;
        while let Some(c) = self.peek() {
            match c {
                '\n' => self.end_of_line()?,
                ' ' | '\t' | '\x0c' | '\r' => self.at += 1,
                '#' => self.comment(),
                '\\' => self.joined_line()?,
                '"' | '\'' => self.text(self.at)?,
                c if c.is_ascii_digit() => self.word(Kind::Number),
                c if c == '_' || c.is_alphanumeric() => self.name()?,
                c if c.is_ascii_graphic() => self.operator(c)?,
                _ => return Err(()),
            }
        }
        if self.depth > 0 {
            return Err(());
        }
        self.push(Kind::Newline, self.at, self.at);
        while self.indents.pop().is_some_and(|indent| indent > 0) {
            self.push(Kind::Dedent, self.at, self.at);
        }
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.tokens.push(Token { kind, text: &self.source[start..end], line: self.line });
    }

    fn comment(&mut self) {
        self.at = self.source[self.at..].find('\n').map_or(self.source.len(), |offset| self.at + offset);
    }

    fn joined_line(&mut self) -> Result<(), ()> {
        let rest = &self.source[self.at + 1..];
        let length = if rest.starts_with("\r\n") { 2 } else { 1 };
        if !rest.starts_with('\n') && length == 1 {
            return Err(());
        }
        self.at += 1 + length;
        self.line += 1;
        Ok(())
    }

    fn end_of_line(&mut self) -> Result<(), ()> {
        let start = self.at;
        self.at += 1;
        if self.depth == 0 && self.tokens.last().is_some_and(|last| last.kind != Kind::Newline) {
            self.push(Kind::Newline, start, start);
        }
        self.line += 1;
        if self.depth == 0 { self.indentation() } else { Ok(()) }
    }

    /// The indentation at the beginning of a line; blank lines and comments have none.
    fn indentation(&mut self) -> Result<(), ()> {
        let rest = &self.source[self.at..];
        let width = rest.len() - rest.trim_start_matches([' ', '\t', '\x0c']).len();
        let (blanks, code) = rest.split_at(width);
        if code.is_empty() || code.starts_with(['\n', '\r', '#', '\\']) {
            // A line that begins with a backslash would move the indentation to the next one.
            return if code.starts_with('\\') { Err(()) } else { Ok(()) };
        }
        if blanks.contains(['\t', '\x0c']) {
            return Err(());
        }
        if width > self.indents.last().copied().unwrap_or(0) {
            self.indents.push(width);
            self.push(Kind::Indent, self.at, self.at);
        }
        while width < self.indents.last().copied().unwrap_or(0) {
            self.indents.pop();
            self.push(Kind::Dedent, self.at, self.at);
        }
        if self.indents.last() == Some(&width) { Ok(()) } else { Err(()) }
    }

    fn word(&mut self, kind: Kind) {
        let start = self.at;
        let rest = &self.source[start..];
        // A number takes its dot and letters along: `1.5e3`, `0o644`; nobody asks for more than whole numbers.
        let inside = |c: char| c == '_' || c.is_alphanumeric() || (kind == Kind::Number && c == '.');
        self.at += rest.find(|c| !inside(c)).unwrap_or(rest.len());
        self.push(kind, start, self.at);
    }

    fn name(&mut self) -> Result<(), ()> {
        let start = self.at;
        let rest = &self.source[start..];
        let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
        if rest[end..].starts_with(['"', '\'']) {
            self.at += end;
            return self.text(start);
        }
        self.word(Kind::Name);
        Ok(())
    }

    fn operator(&mut self, c: char) -> Result<(), ()> {
        match c {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.checked_sub(1).ok_or(())?,
            _ => {}
        }
        self.at += 1;
        self.push(Kind::Operator, self.at - 1, self.at);
        Ok(())
    }

    /// A string literal whose prefix begins at `start`; `self.at` is at its quote.
    fn text(&mut self, start: usize) -> Result<(), ()> {
        let prefix = self.source[start..self.at].to_ascii_lowercase();
        if !matches!(prefix.as_str(), "" | "r" | "u" | "b" | "br" | "rb" | "f" | "fr" | "rf" | "t" | "tr" | "rt") {
            return Err(());
        }
        let (raw, plain) = (prefix.contains('r'), !prefix.contains(['b', 'f', 't']));
        let rest = &self.source[self.at..];
        let quote = if rest.starts_with("\"\"\"") || rest.starts_with("'''") { &rest[..3] } else { &rest[..1] };
        let body = self.at + quote.len();
        let end = end_of_text(&self.source[body..], quote).ok_or(())? + body;
        let content = &self.source[body..end];
        if prefix.contains(['f', 't']) && !is_simple_template(content) {
            return Err(());
        }
        let value = if plain { unescape(content, raw) } else { None };
        self.at = end + quote.len();
        self.push(Kind::Text(value), start, self.at);
        self.line += u32::try_from(content.matches('\n').count()).map_err(|_| ())?;
        Ok(())
    }
}

/// Where the closing quote of a string is; `None` if there is none (on the line, for single quotes).
fn end_of_text(body: &str, quote: &str) -> Option<usize> {
    let mut characters = body.char_indices();
    while let Some((offset, c)) = characters.next() {
        if c == '\\' {
            characters.next();
        } else if body[offset..].starts_with(quote) {
            return Some(offset);
        } else if c == '\n' && quote.len() == 1 {
            return None;
        }
    }
    None
}

/// Whether an f-string ends at the same place for every version of Python: no quote, backslash, comment or brace in its
/// replacement fields.
fn is_simple_template(content: &str) -> bool {
    let text = content.replace("{{", "").replace("}}", "");
    let mut fields = text.split('{');
    fields.next();
    fields.all(|field| {
        let Some((inside, _)) = field.split_once('}') else { return false };
        // Quotes of the other kind are the same in all versions, but the simple rule is the safe one.
        !inside.contains(['"', '\'', '\\', '#', '\n'])
    }) && !text.ends_with('\\')
}

/// The text that a literal stands for; `None` if an escape is not understood.
fn unescape(content: &str, raw: bool) -> Option<String> {
    if content.contains('\r') {
        return None; // Python would have normalised it; nobody has such sources.
    }
    if raw || !content.contains('\\') {
        return Some(content.to_owned());
    }
    let mut text = String::with_capacity(content.len());
    let mut characters = content.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match characters.next()? {
            '\n' => {}
            'n' => text.push('\n'),
            't' => text.push('\t'),
            c @ ('\\' | '\'' | '"') => text.push(c),
            // The rest is rare; unknown is safe.
            _ => return None,
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokenize(source)
            .expect("it is understood")
            .into_iter()
            .map(|token| token.text)
            .filter(|t| !t.is_empty())
            .collect()
    }

    fn values(source: &str) -> Vec<Option<String>> {
        let tokens = tokenize(source).expect("it is understood");
        tokens.into_iter().filter_map(|t| if let Kind::Text(value) = t.kind { Some(value) } else { None }).collect()
    }

    #[test]
    fn brackets_and_backslashes_join_lines() {
        let tokens = tokenize("f(a,\n  # no ) here\n  b) + \\\n c\n").expect("it is understood");
        assert_eq!(tokens.iter().filter(|token| token.kind == Kind::Newline).count(), 2);
        assert_eq!(texts("x = 0o644 # c\n"), ["x", "=", "0o644"]);
    }

    #[test]
    fn quotes_of_all_sorts_end_where_python_ends_them() {
        assert_eq!(
            values(r#"a = 'it\'s "q"' + """x"y""" + r'\n'"#),
            [Some("it's \"q\"".to_owned()), Some("x\"y".to_owned()), Some("\\n".to_owned()),]
        );
        assert_eq!(values("b'x' f'{y}' '\\x41'"), [None, None, None]);
        assert_eq!(values("'''a\n#b\n'''"), [Some("a\n#b\n".to_owned())]);
    }

    #[test]
    fn indentation_becomes_blocks() {
        let kinds: Vec<_> = tokenize("if a:\n    b\n\n# c\n    d\ne\n")
            .expect("it is understood")
            .into_iter()
            .map(|t| t.kind)
            .collect();
        let count = |kind: &Kind| kinds.iter().filter(|k| *k == kind).count();
        assert_eq!((count(&Kind::Indent), count(&Kind::Dedent)), (1, 1));
    }

    #[test]
    fn what_is_not_understood_fails_with_its_line() {
        for (source, line) in [
            ("a\n'x", 2),
            ("f'{d[\"k\"]}'", 1),
            ("(\n\n", 3),
            ("if a:\n    b\n  c\n", 3),
            (")", 1),
            ("if a:\n\tb\n", 2),
        ] {
            assert_eq!(tokenize(source), Err(line), "{source:?}");
        }
    }

    #[test]
    fn lines_are_counted_through_long_strings() {
        let tokens = tokenize("x = '''\n\n'''\ny\n").expect("it is understood");
        assert_eq!(tokens.iter().find(|token| token.is("y")).map(|token| token.line), Some(4));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z(){}'\"\\\\\n #:=+.é\t]{0,80}") {
            let _ = tokenize(&text);
        }
    }
}
