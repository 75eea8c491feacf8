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
    pub(super) broken: Option<String>,
}

/// Reads `NAME.md5sums`: rows as md5sum(1) writes them, names from the root with or without `/` or `./`.
pub(super) fn sums(bytes: &[u8]) -> Sums<'_> {
    let mut sums = Sums::default();
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
