//! The bytes of a file that are kept as evidence, in little memory: lists of files with digests, mostly, half of which
//! deflates away.

use super::content::Blob;
use flate2::{Compression, Decompress, FlushDecompress, Status, write::DeflateEncoder};
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
    Deflated { length: usize, bytes: Box<[u8]> },
}

impl Captured {
    /// Deflates them, where that is worth it. Whoever keeps them does so: what is small and stays should not lie between
    /// what is large and goes, which are the buffers of those who read.
    pub(super) fn deflate(&mut self) {
        let Held::Plain(Blob(bytes)) = &self.0 else { return };
        if bytes.len() < LONG {
            return;
        }
        let mut encoder = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::fast());
        encoder.write_all(bytes).expect("memory takes all");
        let deflated = encoder.finish().expect("memory takes all");
        self.0 = Held::Deflated { length: bytes.len(), bytes: deflated.as_slice().into() };
    }

    /// The bytes.
    pub fn bytes(&self) -> Cow<'_, Blob> {
        match &self.0 {
            Held::Plain(blob) => Cow::Borrowed(blob),
            Held::Deflated { length, bytes } => {
                let mut inflated = Vec::with_capacity(*length);
                let status = Decompress::new(false).decompress_vec(bytes, &mut inflated, FlushDecompress::Finish);
                assert_eq!(status.ok(), Some(Status::StreamEnd), "what we deflated ourselves inflates");
                Cow::Owned(Blob(inflated))
            }
        }
    }
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
            Held::Deflated { length, .. } => *length,
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

    proptest! {
        #[test]
        fn what_is_kept_comes_back(piece in prop::collection::vec(any::<u8>(), 0..300), times in 1_usize..60) {
            let bytes = piece.repeat(times);
            let captured = Captured::from(bytes.clone());
            let mut deflated = captured.clone();
            deflated.deflate();
            prop_assert_eq!(matches!(deflated.0, Held::Deflated { .. }), bytes.len() >= LONG);
            prop_assert_eq!(&deflated.bytes().0, &bytes);
            prop_assert_eq!(&deflated, &captured);
            let json = serde_json::to_string(&captured).expect("it serialises");
            prop_assert_eq!(&json, &serde_json::to_string(&Blob(bytes)).expect("it serialises"));
            prop_assert_eq!(serde_json::from_str::<Captured>(&json).expect("it reads back"), captured);
        }
    }

    #[test]
    fn it_is_shown_by_its_length_only() {
        let shown =
            [Captured::from("hunter2"), Captured::from("hunter2".repeat(1000).as_str())].map(|it| format!("{it:?}"));
        assert_eq!(shown, ["Captured(7 bytes)", "Captured(7000 bytes)"]);
    }
}
