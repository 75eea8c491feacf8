//! Checks for files that have no reference: each kind of file by what its own format promises.
//!
//! Takes a [`Subject`]; gives a [`Verdict`]. A check proves damage, never health: formats leave most of their bytes
//! unguarded, and a file with the whole content of another one is sound in itself. Where the format is not certain
//! (only the name speaks for it, a variant that is not known), the verdict is [`Verdict::Undecided`].
//!
//! One file per kind and a line in [`CHECKS`]. What they share lies beside this folder: [`crate::live::subject`],
//! [`crate::live::plausible`], [`crate::live::unpack`]. [`crate::live::examine`] runs them.

pub mod bzip2;
pub mod elf;
pub mod git;
pub mod gzip;
pub mod ini;
pub mod jpeg;
pub mod json;
pub mod pdf;
pub mod png;
pub mod pyc;
pub mod python;
pub mod sqlite;
pub mod tar;
pub mod text;
pub mod toml;
pub mod webp;
pub mod xml;
pub mod xz;
pub mod yaml;
pub mod zip;
pub mod zstd;

use super::subject::Subject;
use crate::model::path::TargetPath;

/// What an intrinsic check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against it: never an all-clear.
    Consistent,
    /// It is damaged.
    Damaged {
        /// The byte offset where the damage shows, where one is known.
        at: Option<u64>,
        /// What proves it.
        proof: String,
    },
    /// It cannot be told (too large, encrypted, unknown variant), with the reason.
    Undecided(String),
}

impl Verdict {
    /// Damage that shows at a byte offset.
    pub fn damaged_at(at: u64, proof: impl Into<String>) -> Self {
        Self::Damaged { at: Some(at), proof: proof.into() }
    }

    /// Damage of which no place is known.
    pub fn damaged(proof: impl Into<String>) -> Self {
        Self::Damaged { at: None, proof: proof.into() }
    }

    /// It cannot be told.
    pub fn undecided(reason: impl Into<String>) -> Self {
        Self::Undecided(reason.into())
    }
}

/// How much of a file a check covers, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// Only what no text at all can hold.
    Text,
    /// Only what no text of this kind can hold.
    NamedText,
    /// The structure; content may be anything.
    Structure,
    /// Checksums over all or nearly all bytes.
    Checksum,
}

/// One kind of file.
pub trait Check: Sync {
    /// Its name, for people and for the table.
    fn name(&self) -> &'static str;

    /// How much it covers.
    fn coverage(&self) -> Coverage;

    /// Whether this check is about a file with this path and these first bytes (at most
    /// [`super::subject::HEAD`]).
    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool;

    /// Looks at the whole file. An error of reading is noted by the subject itself; what is returned then is ignored.
    fn check(&self, file: &Subject<'_>) -> Verdict;
}

/// All checks, by name.
pub static CHECKS: &[&dyn Check] = &[
    &bzip2::Bzip2,
    &elf::Elf,
    &git::Git,
    &gzip::Gzip,
    &ini::Ini,
    &jpeg::Jpeg,
    &json::Json,
    &pdf::Pdf,
    &png::Png,
    &pyc::Pyc,
    &python::Python,
    &sqlite::Sqlite,
    &tar::Tar,
    &text::Text,
    &toml::Toml,
    &webp::WebP,
    &xml::Xml,
    &xz::Xz,
    &yaml::Yaml,
    &zip::Zip,
    &zstd::Zstd,
];
