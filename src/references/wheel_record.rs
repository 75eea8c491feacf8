//! `RECORD`, the list of files with their digests that every installed Python distribution carries.
//!
//! Takes the file's bytes, gives its rows or the reason why it is damaged. Follows the specification "Recording
//! installed projects" (packaging.python.org) and what pip 20 to 26 and setuptools' `Wheel.install_as_egg` write.
//! Deliberately not here: where the rows' files lie, which depends on the installer.
//!
//! The parser is linear in the input, holds at most one row more than the input has lines, and never recurses.

mod salvage;

use crate::model::content::{Algorithm, Digest};
use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use std::collections::HashMap;

pub use salvage::{Piece, salvage};

/// URL-safe base64; the standard says "no padding", old wheels pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A sound RECORD.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The rows in file order.
    pub rows: Vec<Row>,
    /// Absolute paths that it names: allowed by the standard, written by no current installer, never followed.
    pub refused: Vec<String>,
}

/// One file that the distribution owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The path relative to the directory that holds the metadata directory, as written: `../../bin/x` occurs.
    pub path: String,
    /// The digest.
    pub hash: Hash,
    /// Size in bytes.
    pub size: Option<u64>,
}

/// What a row says about content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hash {
    /// Nothing: RECORD itself, byte code, signatures.
    None,
    /// A digest that we can compute.
    Known(Digest),
    /// A digest by an algorithm of this name, which we cannot compute.
    Other(String),
}

/// Why a RECORD is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not text.
    #[error("it is not UTF-8 text from byte {0} on")]
    NotText(usize),
    /// A NUL byte, which no name can hold.
    #[error("it holds a zero byte at {0}")]
    Zero(usize),
    /// A row that no installer writes.
    #[error("line {line} is no row of a RECORD: {problem}")]
    Row {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Rows of the metadata of several distributions: it is not, or not only, what was written here.
    #[error("it lists the metadata of several distributions: `{0}` and `{1}`")]
    Several(String, String),
    /// Two rows of one path that differ: no installer writes that.
    #[error("it lists `{0}` twice, with different contents")]
    Twice(String),
    /// No row for RECORD itself: every installer writes one, so lines are lost.
    #[error("it has no row for itself, so lines are missing")]
    Truncated,
}

/// Reads a RECORD.
///
/// # Errors
/// When the bytes cannot be what an installer wrote.
pub fn parse(bytes: &[u8]) -> Result<Record, RecordError> {
    let text = std::str::from_utf8(bytes).map_err(|error| RecordError::NotText(error.valid_up_to()))?;
    if let Some(at) = memchr::memchr(0, bytes) {
        return Err(RecordError::Zero(at));
    }
    let mut record = Record::default();
    let mut own_row = false;
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('\n') {
            rest = after;
            line += 1;
            continue;
        }
        let (fields, after, lines) = csv_row(rest).map_err(|problem| RecordError::Row { line, problem })?;
        rest = after;
        if fields.iter().any(|field| !field.is_empty()) {
            let row = row(fields).map_err(|problem| RecordError::Row { line, problem })?;
            own_row |= is_own(&row.path);
            if row.path.starts_with('/') {
                record.refused.push(row.path);
            } else {
                record.rows.push(row);
            }
        }
        line += lines;
    }
    if let Some((one, other)) = several(&record) {
        return Err(RecordError::Several(one, other));
    }
    if let Some(path) = twice(&record) {
        return Err(RecordError::Twice(path));
    }
    if own_row { Ok(record) } else { Err(RecordError::Truncated) }
}

/// A path with two different rows, as a block of an older RECORD brings in where its rows begin at the same place.
fn twice(record: &Record) -> Option<String> {
    if record.rows.is_sorted_by(|one, next| one.path < next.path) {
        return None;
    }
    let mut rows: HashMap<&str, &Row> = HashMap::with_capacity(record.rows.len());
    record.rows.iter().find_map(|row| {
        let before = rows.insert(&row.path, row)?;
        (before != row).then(|| row.path.clone())
    })
}

/// Two metadata directories at the top of one RECORD.
fn several(record: &Record) -> Option<(String, String)> {
    let mut infos = record
        .rows
        .iter()
        .filter_map(|row| row.path.split_once('/'))
        .map(|(first, _)| first)
        .filter(|first| first.ends_with(".dist-info"));
    let first = infos.next()?;
    let other = infos.find(|other| *other != first)?;
    Some((first.to_owned(), other.to_owned()))
}

/// Whether this row is the one of RECORD itself.
pub fn is_own(path: &str) -> bool {
    matches!(path.rsplit_once('/'), Some((directory, "RECORD"))
        if directory.ends_with(".dist-info") || directory.ends_with("EGG-INFO") || directory.ends_with(".egg-info"))
}

/// Whether a path is byte code, which Python may write and remove at any time.
pub fn is_byte_code(path: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|extension| extension == "pyc" || extension == "pyo")
}

fn row(fields: Vec<String>) -> Result<Row, &'static str> {
    let fields: [String; 3] = fields.try_into().map_err(|_| "it has not three fields")?;
    let [path, hash, size] = fields;
    if path.is_empty() {
        return Err("the path is empty");
    }
    let size = match size.as_str() {
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().map_err(|_| "the size is too big")?)
        }
        _ => return Err("the size is no number"),
    };
    Ok(Row { path, hash: digest(&hash)?, size })
}

fn digest(text: &str) -> Result<Hash, &'static str> {
    if text.is_empty() {
        return Ok(Hash::None);
    }
    let (name, encoded) = text.split_once('=').ok_or("the digest has no algorithm")?;
    let bytes = BASE64.decode(encoded).map_err(|_| "the digest is no base64")?;
    let known =
        Algorithm::ALL.into_iter().find(|(algorithm, known)| *known == name && *algorithm != Algorithm::GitBlob);
    match known {
        Some((algorithm, _)) if bytes.len() == algorithm.digest_length() => {
            Ok(Hash::Known(Digest { algorithm, bytes: bytes.into() }))
        }
        Some(_) => Err("the digest has a wrong length"),
        None if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
            Ok(Hash::Other(name.to_owned()))
        }
        None => Err("the digest has no algorithm"),
    }
}

/// One row by the rules of Python's `csv` (excel dialect): its fields, what follows, and how many lines it took.
fn csv_row(text: &str) -> Result<(Vec<String>, &str, usize), &'static str> {
    let mut fields = Vec::with_capacity(3);
    let mut rest = text;
    let mut lines = 1;
    loop {
        let field;
        (field, rest) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_field(quoted)?
        } else {
            let end = memchr::memchr3(b',', b'\n', b'\r', rest.as_bytes()).unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        lines += memchr::memchr_iter(b'\n', field.as_bytes()).count();
        fields.push(field);
        // Three fields are a row; whatever holds many more is not worth its memory.
        if fields.len() > 8 {
            return Err("it has not three fields");
        }
        match rest.bytes().next() {
            Some(b',') => rest = &rest[1..],
            Some(_) => {
                let end = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\r', '\n']));
                return Ok((fields, end.ok_or("a quoted field goes on after its end")?, lines));
            }
            None => return Ok((fields, rest, lines)),
        }
    }
}

fn quoted_field(mut rest: &str) -> Result<(String, &str), &'static str> {
    let mut field = String::new();
    loop {
        let end = memchr::memchr(b'"', rest.as_bytes()).ok_or("a quoted field does not end")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOUND: &str = "\
../../bin/tabulate,sha256=e15BytX0tBOAw6t36taA1je1HWYrHVgZnwg8U3eQrJQ,242
\"odd, \"\"name\"\".py\",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0
x-1.0.dist-info/RECORD,,
x/__pycache__/__init__.cpython-311.pyc,,
";

    #[test]
    fn what_pip_writes_is_read() {
        let record = parse(SOUND.as_bytes()).expect("it is sound");
        let paths: Vec<&str> = record.rows.iter().map(|row| row.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "../../bin/tabulate",
                "odd, \"name\".py",
                "x-1.0.dist-info/RECORD",
                "x/__pycache__/__init__.cpython-311.pyc"
            ]
        );
        assert_eq!(record.rows[0].size, Some(242));
        let Hash::Known(empty) = &record.rows[1].hash else { panic!("it has a digest") };
        assert_eq!(empty.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(record.rows[2].hash, Hash::None);
        assert!(is_byte_code(paths[3]));
    }

    #[test]
    fn windows_line_ends_and_a_missing_last_line_end_change_nothing() {
        let expected = parse(SOUND.as_bytes()).expect("it is sound");
        assert_eq!(parse(SOUND.replace('\n', "\r\n").as_bytes()).as_ref(), Ok(&expected));
        assert_eq!(parse(SOUND.trim_end().as_bytes()), Ok(expected));
    }

    #[test]
    fn absolute_paths_are_not_followed() {
        let record = parse(b"/etc/passwd,,\nx.dist-info/RECORD,,\n").expect("it is sound");
        assert_eq!((record.rows.len(), record.refused), (1, vec!["/etc/passwd".to_owned()]));
    }

    #[test]
    fn every_usual_damage_is_noticed() {
        assert_eq!(parse(b""), Err(RecordError::Truncated));
        assert_eq!(parse(b"x.py,,\n"), Err(RecordError::Truncated));
        assert_eq!(parse(&[0; 4096]), Err(RecordError::Zero(0)));
        assert_eq!(parse(b"x,,\n\xff"), Err(RecordError::NotText(4)));
        let row = |text: &str| matches!(parse(text.as_bytes()), Err(RecordError::Row { .. }));
        assert!(row("x.dist-info/RECORD,,\nx.py,sha256=47DE"));
        assert!(row("x.dist-info/RECORD,,\nx.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF"));
        assert!(row("x.dist-info/RECORD,,\nx.py,"));
        assert!(row("x.dist-info/RECORD,,\n\"x.py"));
        assert!(row("x.dist-info/RECORD,,\nx.py,,12k"));
        assert!(row("x.dist-info/RECORD,,\nx.py,,99999999999999999999999"));
        assert!(row("some text\n"));
        let twice = SOUND.replace("x/__pycache__", "../../bin/tabulate,,\nx/__pycache__");
        assert_eq!(parse(twice.as_bytes()), Err(RecordError::Twice("../../bin/tabulate".into())));
        assert_eq!(parse([SOUND, SOUND].concat().as_bytes()).map(|record| record.rows.len()), Ok(8));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(parse(&bytes));
        }

        #[test]
        fn every_name_survives_quoting(name in "[^\\x00/][^\\x00]{0,30}") {
            let text = format!("\"{}\",,7\nx.dist-info/RECORD,,\n", name.replace('"', "\"\""));
            let record = parse(text.as_bytes()).expect("it is sound");
            prop_assert_eq!(&record.rows[0].path, &name);
        }

        #[test]
        fn a_cut_record_never_gains_rows(at in 0..SOUND.len()) {
            if let Some(cut) = SOUND.get(..at) && let Ok(record) = parse(cut.as_bytes()) {
                prop_assert!(record.rows.len() <= parse(SOUND.as_bytes()).expect("it is sound").rows.len());
            }
        }
    }
}
