//! Digests and bytes of content.

use super::path::{bytes_from_text, text_from_bytes};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::FromStr;

/// A digest algorithm that some reference of ours uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5: checksums of downloads and OS packages. Good against accidents, not against people.
    Md5,
    /// SHA-1, as in older checksums.
    Sha1,
    /// SHA-256: our own measure of equality.
    Sha256,
    /// SHA-512.
    Sha512,
    /// git's blob id: SHA-1 over `blob LENGTH NUL` and the content (git, `object-file.c`).
    GitBlob,
}

impl Algorithm {
    /// Every algorithm with its name in files.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Md5, "md5"),
        (Self::Sha1, "sha1"),
        (Self::Sha256, "sha256"),
        (Self::Sha512, "sha512"),
        (Self::GitBlob, "git-blob"),
    ];

    /// The name in files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(algorithm, _)| *algorithm == self).map_or("", |(_, name)| name)
    }

    /// Length of a digest in bytes.
    pub fn digest_length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 | Self::GitBlob => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// A digest with its algorithm; as text `sha256:…` in lower-case hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    /// How it was computed.
    pub algorithm: Algorithm,
    /// The digest itself, of the algorithm's length.
    pub bytes: DigestBytes,
}

/// The bytes of a digest. Those of the usual lengths lie in place: there is one for every file.
#[derive(Clone)]
pub enum DigestBytes {
    /// As many of 32 bytes as the algorithm has: the others are zero.
    Short(u8, [u8; 32]),
    /// More than 32 bytes.
    Long(Box<[u8]>),
}

impl Deref for DigestBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => &bytes[..usize::from(*length)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for DigestBytes {
    fn from(bytes: &[u8]) -> Self {
        let mut short = [0; 32];
        match (u8::try_from(bytes.len()), short.get_mut(..bytes.len())) {
            (Ok(length), Some(own)) => {
                own.copy_from_slice(bytes);
                Self::Short(length, short)
            }
            _ => Self::Long(bytes.into()),
        }
    }
}

impl From<Vec<u8>> for DigestBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl FromIterator<u8> for DigestBytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        let (mut short, mut length) = ([0; 32], 0);
        let mut bytes = bytes.into_iter();
        while let Some(byte) = bytes.next() {
            let Some(place) = short.get_mut(usize::from(length)) else {
                return Self::Long(short.into_iter().chain([byte]).chain(bytes).collect());
            };
            *place = byte;
            length += 1;
        }
        Self::Short(length, short)
    }
}

impl PartialEq for DigestBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for DigestBytes {}

impl PartialOrd for DigestBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DigestBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for DigestBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Digest {
    /// A digest from its hex text.
    ///
    /// # Errors
    /// When the text is no hex of the algorithm's length.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, String> {
        let problem = || format!("`{hex}` is no {} digest", algorithm.name());
        if hex.len() != algorithm.digest_length() * 2 || !hex.is_ascii() {
            return Err(problem());
        }
        let bytes: Result<DigestBytes, _> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16)).collect();
        Ok(Self { algorithm, bytes: bytes.map_err(|_| problem())? })
    }

    /// Whether it is as long as its algorithm's digests are.
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == self.algorithm.digest_length()
    }

    /// The digest in lower-case hex, without the algorithm.
    pub fn hex(&self) -> String {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        self.bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, hex) = text.split_once(':').ok_or_else(|| format!("`{text}` is no digest"))?;
        let (algorithm, _) = Algorithm::ALL
            .into_iter()
            .find(|(_, known)| *known == name)
            .ok_or_else(|| format!("`{name}` is no known digest algorithm"))?;
        Self::from_hex(algorithm, hex)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Bytes of a file, kept whole. In JSON: text where it is text, otherwise NUL and base64.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Blob(pub Vec<u8>);

impl Blob {
    /// The bytes as text, if they are UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Blob {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the bytes: a panic message or log line must not show a secret.
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text_from_bytes(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        bytes_from_text(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_text() {
        let text = "md5:d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(text.parse::<Digest>().expect("it parses").to_string(), text);
        assert!("md5:d41d".parse::<Digest>().is_err());
        assert!("crc:00".parse::<Digest>().is_err());
        assert!(Digest::from_hex(Algorithm::Md5, "éééééééééééééééé").is_err());
    }

    #[test]
    fn bytes_survive_json_and_never_show_in_debug() {
        for bytes in [&b"plain\n"[..], b"\xff\x00x", b"\0looks encoded", b""] {
            let blob = Blob(bytes.to_vec());
            let json = serde_json::to_string(&blob).expect("it serialises");
            assert_eq!(serde_json::from_str::<Blob>(&json).expect("it reads back"), blob);
        }
        assert_eq!(format!("{:?}", Blob::from("hunter2")), "Blob(7 bytes)");
    }
}
