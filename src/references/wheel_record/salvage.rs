//! What a damaged RECORD still vouches for.
//!
//! Takes the bytes of a RECORD that [`super::parse`] refuses; gives the rows that may be its own. pip writes them
//! sorted by path (`pip/_internal/operations/install/wheel.py`, `_normalized_outrows`), so that rows which came from
//! elsewhere, say with a block of an older RECORD, mostly stand out of order. A RECORD that is not sorted gives nothing.
//!
//! Some fit in all the same: a block of an older RECORD of the same distribution lists much the same paths. Certain is
//! only the piece with the rows of the metadata directory, whose name has the version; what the others are worth is for
//! the contents to tell.

use super::{Row, csv_row, row};

/// More pieces than this are no damaged RECORD but something else.
const PIECES: usize = 512;

/// Fewer rows in a piece may be in order by chance.
const ROWS: usize = 3;

/// Rows that a damaged RECORD still has, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The rows in file order.
    pub rows: Vec<Row>,
    /// Whether they are certainly of this RECORD: otherwise all of them may be of an earlier version's.
    pub certain: bool,
}

/// The pieces that can be believed, in file order. `info` is the name of the metadata directory, with the version.
pub fn salvage(bytes: &[u8], info: &str) -> Vec<Piece> {
    let pieces = pieces(bytes);
    if pieces.len() > PIECES {
        return Vec::new();
    }
    let is_own = |row: &Row| row.path.strip_prefix(info).is_some_and(|rest| rest.starts_with('/'));
    chain(pieces).into_iter().map(|rows| Piece { certain: rows.iter().any(is_own), rows }).collect()
}

/// The rows between two places where there is none or where the order breaks. At such a place the rows beside it may be
/// made of two halves: they are left out.
fn pieces(bytes: &[u8]) -> Vec<Vec<Row>> {
    let mut pieces: Vec<Vec<Row>> = Vec::new();
    let mut piece: Vec<Row> = Vec::new();
    let mut broken_before = false;
    let mut end = |mut piece: Vec<Row>, broken_before: bool, broken_after: bool| {
        if broken_after {
            piece.pop();
        }
        if broken_before && !piece.is_empty() {
            piece.remove(0);
        }
        if piece.len() >= ROWS {
            pieces.push(piece);
        }
    };
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let read = row_of(line);
        let in_order = read.as_ref().is_some_and(|row| piece.last().is_none_or(|last| last.path < row.path));
        if !in_order {
            end(std::mem::take(&mut piece), broken_before, true);
            broken_before = true;
        }
        piece.extend(read);
    }
    end(piece, broken_before, false);
    pieces
}

fn row_of(line: &[u8]) -> Option<Row> {
    let text = std::str::from_utf8(line).ok().filter(|text| !text.contains('\0'))?;
    let (fields, rest, _) = csv_row(text).ok()?;
    // What pip writes has a digest, but for its own row and byte code.
    row(fields).ok().filter(|row| rest.is_empty() && !row.path.starts_with('/'))
}

/// The pieces with the most rows that follow one another in order.
fn chain(pieces: Vec<Vec<Row>>) -> Vec<Vec<Row>> {
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        let follows = |before: &usize| match (pieces[*before].last(), piece.first()) {
            (Some(last), Some(first)) => last.path < first.path,
            _ => false,
        };
        let before = (0..index).filter(follows).max_by_key(|before| best[*before].0);
        let rows = before.map_or(0, |before| best[before].0) + piece.len();
        best.push((rows, before));
    }
    let mut next = (0..pieces.len()).max_by_key(|index| best[*index].0);
    let mut kept = vec![false; pieces.len()];
    while let Some(index) = next {
        kept[index] = true;
        next = best[index].1;
    }
    pieces.into_iter().zip(kept).filter_map(|(piece, kept)| kept.then_some(piece)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    fn record(version: &str, rows: std::ops::Range<u32>) -> String {
        rows.map(|n| format!("pack/module_{n:04}_{version}.py,{DIGEST},{n}\n")).collect()
    }

    fn paths(bytes: &[u8]) -> Vec<String> {
        salvage(bytes, "pack-2.0.dist-info").into_iter().flat_map(|piece| piece.rows).map(|row| row.path).collect()
    }

    #[test]
    fn rows_around_a_block_of_zeros_are_kept() {
        let mut bytes = record("a", 0..300).into_bytes();
        bytes[4096..8192].fill(0);
        let kept = paths(&bytes);
        assert!((230..260).contains(&kept.len()), "{} rows", kept.len());
        assert!(kept.contains(&"pack/module_0000_a.py".to_owned()));
        assert!(kept.contains(&"pack/module_0299_a.py".to_owned()));
    }

    #[test]
    fn rows_of_an_older_record_are_out_of_order_and_not_believed() {
        let (mut bytes, older) = (record("new", 0..300).into_bytes(), record("old", 200..300).into_bytes());
        bytes[8192..12288].copy_from_slice(&older[..4096]);
        let kept = paths(&bytes);
        assert!(kept.len() > 200, "{} rows", kept.len());
        assert!(kept.iter().all(|path| path.ends_with("_new.py")), "{kept:?}");
    }

    #[test]
    fn what_was_never_sorted_gives_nothing_to_believe() {
        let mut rows: Vec<String> = record("a", 0..100).lines().map(|line| format!("{line}\n")).collect();
        rows.reverse();
        assert_eq!(salvage(rows.concat().as_bytes(), "pack-2.0.dist-info"), []);
        assert_eq!(salvage(&[0xff; 4096], "pack-2.0.dist-info"), []);
    }

    #[test]
    fn a_block_of_an_older_record_may_fit_in_and_only_what_stands_with_the_version_is_certain() {
        let info = |version: &str| {
            format!("Pack-{version}.dist-info/METADATA,{DIGEST},9\nPack-{version}.dist-info/RECORD,,\n")
        };
        // The older one has a name less, so that its blocks begin a row later.
        let new = info("2.0") + &record("m", 0..300);
        let old = info("1.10") + &record("m", 1..300);
        let mut bytes = new.clone().into_bytes();
        bytes[8192..12288].copy_from_slice(&old.as_bytes()[8192..12288]);
        let pieces = salvage(&bytes, "Pack-2.0.dist-info");
        let name = |at: usize| new[..at].lines().last().expect("a line").split(',').next().expect("a path").to_owned();
        let of =
            |certain: bool| pieces.iter().filter(move |piece| piece.certain == certain).flat_map(|piece| &piece.rows);
        let certain: Vec<&str> = of(true).map(|row| row.path.as_str()).collect();
        assert!(certain.len() > 100, "{} rows", certain.len());
        assert!(certain.iter().all(|path| *path < name(8192).as_str()), "{:?}", certain.last());
        assert!(of(false).count() > 100, "{} rows", of(false).count());
        assert_eq!(pieces.len(), 3, "the block of the older one is a piece by itself");
    }
}
