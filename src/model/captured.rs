//! The bytes of a file that are kept as evidence, in little memory: lists of files with digests, mostly.
//!
//! A RECORD is one SHA-256 after the other, and what it lists has just these: so they are put among the [`Digests`] of what
//! was seen, and the rest of the text, which repeats itself, is deflated.

use super::content::Blob;
use super::digests::{Digests, Sha256};
use super::path_table::{put_number, take_number, unzigzag, zigzag};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::{Compression, Decompress, FlushDecompress, Status, write::DeflateEncoder};
use memchr::memmem;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::io::Write;

/// Shorter ones are kept as they are, in bytes.
const LONG: usize = 4 << 10;

/// Bytes that are kept. In JSON as [`Blob`].
#[derive(Clone)]
pub struct Captured(Held);

#[derive(Clone)]
enum Held {
    Plain(Blob),
    Condensed { length: usize, condensed: Box<Condensed> },
}

/// A text without the digests that it names.
#[derive(Clone)]
struct Condensed {
    digests: Digests,
    /// Of each [`MARK`] in the text the number of the digest behind it, then the text without these; deflated.
    deflated: Box<[u8]>,
    /// How long the numbers are, in bytes.
    numbers: usize,
    /// How long the numbers and the text are together, in bytes.
    inflated: usize,
}

/// What a digest follows in a RECORD (the specification "Recording installed projects"). It cannot overlap itself, so that
/// none is made or lost where what follows it is taken out.
const MARK: &[u8] = b"sha256=";
/// How many characters of base64 a SHA-256 has.
const ENCODED: usize = 43;

impl Captured {
    /// Condenses them, where that is worth it. Whoever keeps them does so: what is small and stays should not lie between
    /// what is large and goes, which are the buffers of those who read.
    pub(super) fn condense(&mut self, digests: &Digests) {
        let Held::Plain(Blob(bytes)) = &self.0 else { return };
        if bytes.len() < LONG {
            return;
        }
        let (mut numbers, text) = taken_apart(bytes, digests);
        let numbers_length = numbers.len();
        numbers.extend(text);
        let all = numbers;
        let mut encoder = DeflateEncoder::new(Vec::with_capacity(all.len() / 2), Compression::fast());
        encoder.write_all(&all).expect("memory takes all");
        let deflated = encoder.finish().expect("memory takes all").as_slice().into();
        let digests = digests.clone();
        let condensed = Box::new(Condensed { digests, deflated, numbers: numbers_length, inflated: all.len() });
        self.0 = Held::Condensed { length: bytes.len(), condensed };
    }

    /// The bytes.
    pub fn bytes(&self) -> Cow<'_, Blob> {
        match &self.0 {
            Held::Plain(blob) => Cow::Borrowed(blob),
            Held::Condensed { length, condensed } => Cow::Owned(Blob(condensed.bytes(*length))),
        }
    }
}

impl Condensed {
    fn bytes(&self, length: usize) -> Vec<u8> {
        let mut inflated = Vec::with_capacity(self.inflated);
        let status = Decompress::new(false).decompress_vec(&self.deflated, &mut inflated, FlushDecompress::Finish);
        assert_eq!(status.ok(), Some(Status::StreamEnd), "what we deflated ourselves inflates");
        let (mut numbers, text) = inflated.split_at(self.numbers);
        put_together(&mut numbers, text, &self.digests, Vec::with_capacity(length))
    }
}

/// The numbers of the digests behind each mark, and the text without them. Of a mark that no digest follows the number is
/// 0. Numbers that follow each other are the rule, so how far they are from that is what is written.
fn taken_apart(bytes: &[u8], digests: &Digests) -> (Vec<u8>, Vec<u8>) {
    let (mut numbers, mut text) = (Vec::new(), Vec::new());
    let (mut rest, mut expected) = (bytes, 0_i64);
    while let Some(mark) = memmem::find(rest, MARK) {
        let (before, after) = rest.split_at(mark + MARK.len());
        text.extend_from_slice(before);
        rest = after;
        match after.get(..ENCODED).and_then(decoded) {
            Some(digest) => {
                let number = i64::from(digests.number(&digest));
                put_number(&mut numbers, zigzag(number - expected) + 1);
                expected = number + 1;
                rest = &after[ENCODED..];
            }
            None => put_number(&mut numbers, 0),
        }
    }
    text.extend_from_slice(rest);
    (numbers, text)
}

/// The inverse of [`taken_apart`].
fn put_together(numbers: &mut &[u8], text: &[u8], digests: &Digests, mut bytes: Vec<u8>) -> Vec<u8> {
    let (mut rest, mut expected) = (text, 0_i64);
    while let Some(mark) = memmem::find(rest, MARK) {
        let (before, after) = rest.split_at(mark + MARK.len());
        bytes.extend_from_slice(before);
        rest = after;
        if let Some(distance) = take_number(numbers).checked_sub(1) {
            let number = expected + unzigzag(distance);
            let digest = digests.get(u32::try_from(number).expect("it was written from a number"));
            bytes.extend_from_slice(URL_SAFE_NO_PAD.encode(digest).as_bytes());
            expected = number + 1;
        }
    }
    bytes.extend_from_slice(rest);
    bytes
}

/// A digest, where its text is just what would be written of it.
fn decoded(text: &[u8]) -> Option<Sha256> {
    let digest: Sha256 = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    (URL_SAFE_NO_PAD.encode(digest).as_bytes() == text).then_some(digest)
}

impl From<Vec<u8>> for Captured {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Held::Plain(Blob(bytes)))
    }
}

impl PartialEq for Captured {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Captured {}

impl From<&str> for Captured {
    fn from(text: &str) -> Self {
        text.as_bytes().to_vec().into()
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As of `Blob`, never the bytes.
        let length = match &self.0 {
            Held::Plain(blob) => blob.0.len(),
            Held::Condensed { length, .. } => *length,
        };
        write!(f, "Captured({length} bytes)")
    }
}

impl Serialize for Captured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bytes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Captured {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Blob::deserialize(deserializer).map(|blob| blob.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn comes_back(bytes: Vec<u8>) -> Result<(), TestCaseError> {
        let (captured, digests) = (Captured::from(bytes.clone()), Digests::default());
        let mut condensed = captured.clone();
        condensed.condense(&digests);
        prop_assert_eq!(matches!(condensed.0, Held::Condensed { .. }), bytes.len() >= LONG);
        prop_assert_eq!(&condensed.bytes().0, &bytes);
        prop_assert_eq!(&condensed, &captured);
        let json = serde_json::to_string(&captured).expect("it serialises");
        prop_assert_eq!(&json, &serde_json::to_string(&Blob(bytes)).expect("it serialises"));
        prop_assert_eq!(serde_json::from_str::<Captured>(&json).expect("it reads back"), captured);
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(piece in prop::collection::vec(any::<u8>(), 0..300), times in 1_usize..60) {
            comes_back(piece.repeat(times))?;
        }

        /// Whole rows, rows that are cut off, and rows with what is nearly a digest.
        #[test]
        fn a_record_comes_back(rows in prop::collection::vec(("[a-z/]{1,9}", "[A-Za-z0-9_-]{41,44}|sha256=|", 0_u8..4), 0..200)) {
            let row = |(path, digest, cut): &(String, String, u8)| {
                let row = format!("{path}.py,sha256={digest},12\n");
                row.as_bytes()[..row.len() - usize::from(*cut)].to_vec()
            };
            comes_back(rows.iter().flat_map(row).collect())?;
        }
    }

    #[test]
    fn of_a_record_only_the_names_take_memory_of_their_own() {
        let digests = Digests::default();
        let digest = |number: u32| {
            crate::model::hasher::digest_of(super::super::content::Algorithm::Sha256, &number.to_le_bytes())
        };
        let row = |number: u32| {
            format!(
                "package/module_{number:04}.py,sha256={},{number}\n",
                URL_SAFE_NO_PAD.encode(&*digest(number).bytes)
            )
        };
        let text: String = (0..1000).map(row).collect();
        let mut captured = Captured::from(text.as_str());
        captured.condense(&digests);
        let Held::Condensed { condensed, .. } = &captured.0 else { panic!("it is long enough") };
        assert!(condensed.deflated.len() < 16 * 1000, "{} bytes", condensed.deflated.len());
        assert_eq!(captured.bytes().text(), Some(text.as_str()));
        assert_eq!(digests.number(&digest(999).bytes[..].try_into().expect("it has 32 bytes")), 999);
    }

    #[test]
    fn it_is_shown_by_its_length_only() {
        let shown =
            [Captured::from("hunter2"), Captured::from("hunter2".repeat(1000).as_str())].map(|it| format!("{it:?}"));
        assert_eq!(shown, ["Captured(7 bytes)", "Captured(7000 bytes)"]);
    }
}
