//! dpkg's lists of one package: `NAME.list`, every path of it, and `NAME.md5sums`, digests of its regular files.
//!
//! Takes the bytes; gives the rows, and what is wrong. Nothing is repaired: a list with one bad row says nothing
//! reliable. Formats: `lib/dpkg/db-fsys-files.c` and `db-fsys-digest.c`; md5sum(1) for escaped names.

use super::super::{lines, quoted};
use std::borrow::Cow;

/// `NAME.list`.
#[derive(Debug, Default)]
pub(super) struct List<'a> {
    /// Absolute paths; those of sound lines only.
    pub(super) paths: Vec<&'a [u8]>,
    pub(super) broken: Option<String>,
}

/// Reads `NAME.list`: one absolute path in a line, the first is `/.`.
pub(super) fn list(bytes: &[u8]) -> List<'_> {
    let mut list = List::default();
    if bytes.is_empty() {
        return list; // A package without files has an empty list.
    }
    if !bytes.ends_with(b"\n") {
        list.broken = Some("the last line is cut".to_owned());
    }
    let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    for (number, line) in lines(&bytes[..end]).enumerate() {
        if line.starts_with(b"/") && !line.contains(&0) {
            list.paths.push(line);
        } else {
            list.broken.get_or_insert_with(|| format!("line {} is no path: {}", number + 1, quoted(line)));
        }
    }
    list
}

/// `NAME.md5sums`.
#[derive(Debug, Default)]
pub(super) struct Sums<'a> {
    /// Paths without the leading slash, as they stand there.
    pub(super) rows: Vec<(Cow<'a, [u8]>, [u8; 16])>,
    /// Whether the last row has no line end: some packages' own scripts leave it out, and so does a file that is cut.
    pub(super) open: bool,
    pub(super) broken: Option<String>,
}

/// Reads `NAME.md5sums`: rows as md5sum(1) writes them, names from the root with or without `/` or `./`.
pub(super) fn sums(bytes: &[u8]) -> Sums<'_> {
    let mut sums = Sums { open: !bytes.is_empty() && !bytes.ends_with(b"\n"), ..Sums::default() };
    for (number, line) in lines(bytes).enumerate() {
        match row(line) {
            Some(row) => sums.rows.push(row),
            // Some packages' own scripts leave empty lines and carriage returns.
            None if line.trim_ascii().is_empty() => {}
            None => {
                sums.broken.get_or_insert_with(|| format!("line {} is no checksum: {}", number + 1, quoted(line)));
            }
        }
    }
    sums
}

fn row(line: &[u8]) -> Option<(Cow<'_, [u8]>, [u8; 16])> {
    // md5sum(1): a line whose name has a backslash or line end begins with a backslash.
    let (escaped, line) = line.strip_prefix(b"\\").map_or((false, line), |rest| (true, rest));
    let (hex, rest) = line.split_at_checked(32)?;
    let md5 = digest(hex)?;
    let name = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *")).or_else(|| rest.strip_prefix(b" "))?;
    if name.is_empty() || name.contains(&0) {
        return None;
    }
    let name = if escaped { Cow::Owned(unescaped(name)?) } else { Cow::Borrowed(name) };
    Some((name, md5))
}

fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(plain)
}

/// An MD5 in hex.
pub(super) fn digest(hex: &[u8]) -> Option<[u8; 16]> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut digest = [0; 16];
    if hex.len() != 32 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "0123456789abcdef0123456789ABCDEF";

    fn names(text: &str) -> (Vec<String>, bool) {
        let sums = sums(text.as_bytes());
        let names = sums.rows.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        (names, sums.broken.is_some())
    }

    #[test]
    fn rows_are_read_as_all_the_tools_write_them() {
        let text = format!("{MD5}  usr/a\\b\n\n{MD5} *./usr/c d\n\\{MD5}  usr/e\\\\f\\ng\n");
        let text = text.replace("\\n\\n", "\n\n");
        assert_eq!(names(&text), (vec!["usr/a\\b".into(), "./usr/c d".into(), "usr/e\\f\ng".into()], false));
    }

    #[test]
    fn what_is_no_row_breaks_the_list() {
        for row in
            ["x".to_owned(), MD5.to_owned(), format!("{MD5}  "), format!("g{}  a", &MD5[1..]), format!("\\{MD5}  a\\x")]
        {
            assert!(names(&format!("{MD5}  a\n{row}\n")).1, "{row}");
        }
    }

    #[test]
    fn what_is_no_path_breaks_the_list_of_files() {
        assert_eq!(list(b"/.\n/usr\n").broken, None);
        for text in [&b"/.\n/usr"[..], b"/.\nusr\n", b"/.\n\n/usr\n", b"/.\n/u\0r\n", b"\0\0\0"] {
            assert!(list(text).broken.is_some(), "{}", String::from_utf8_lossy(text));
        }
    }
}
