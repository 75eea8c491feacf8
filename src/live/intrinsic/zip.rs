//! zip, with jar, whl and egg: the central directory against the local headers, and every member's CRC.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::is_named;
use crate::live::subject::Subject;
use crate::live::unpack::drain;
use crate::model::path::TargetPath;
use std::io::{Read, Seek};
use zip::result::ZipError;

/// zip files and what is built on them.
pub struct Zip;

/// Longer than the path of any member (`PATH_MAX`): names are cut to it in messages.
const NAME: usize = 200;

impl Check for Zip {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Checksum
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        has_magic(head) || is_named(path, &["zip", "jar", "whl", "egg", "pyz"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        let mut archive = match zip::ZipArchive::new(file.stream()) {
            Ok(archive) => archive,
            Err(error) if has_magic(file.head()) => return refusal(&error, "its directory"),
            Err(_) => return Verdict::undecided("it is named as a zip archive and neither begins nor ends as one"),
        };
        members(file, &mut archive)
    }
}

fn has_magic(head: &[u8]) -> bool {
    // APPNOTE 4.3.7 and, for an empty archive, 4.3.16.
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

fn members<R: Read + Seek>(file: &Subject<'_>, archive: &mut zip::ZipArchive<R>) -> Verdict {
    let mut total = 0;
    let mut verdict = Verdict::Consistent;
    for index in 0..archive.len() {
        match member(file, archive, index, &mut total) {
            Verdict::Consistent => {}
            damaged @ Verdict::Damaged { .. } => return damaged,
            undecided @ Verdict::Undecided(_) => verdict = undecided,
        }
        if total > crate::live::unpack::TOTAL {
            break;
        }
    }
    verdict
}

fn member<R: Read + Seek>(
    file: &Subject<'_>,
    archive: &mut zip::ZipArchive<R>,
    index: usize,
    total: &mut u64,
) -> Verdict {
    let name = archive.name_for_index(index).and_then(Result::ok).unwrap_or_default().into_owned();
    let what = format!("member `{}`", name.chars().take(NAME).collect::<String>());
    let mut member = match archive.by_index(index) {
        Ok(member) => member,
        Err(error) => return refusal(&error, &what),
    };
    let at = member.header_start();
    if let Some(proof) = local_header(file, at, member.name_raw()) {
        return Verdict::damaged_at(at, format!("{what}: {proof}"));
    }
    let (before, declared) = (*total, member.size());
    match drain(&mut member, total) {
        Ok(()) if *total - before == declared => Verdict::Consistent,
        Ok(()) => Verdict::damaged_at(at, format!("{what}: it is not as long as the directory says")),
        Err(Verdict::Damaged { proof, .. }) => Verdict::damaged_at(at, format!("{what}: {proof}")),
        Err(verdict) => verdict,
    }
}

/// The local header's name must be the directory's: Python refuses others, too (`zipfile.ZipFile.open`, "File name in
/// directory … and header … differ").
fn local_header(file: &Subject<'_>, at: u64, name: &[u8]) -> Option<&'static str> {
    let header = file.bytes(at, 30 + name.len());
    if !header.starts_with(b"PK\x03\x04") {
        return Some("its local header is not where the directory says");
    }
    let length = header.get(26..28).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    if length.map(usize::from) != Some(name.len()) || header.get(30..) != Some(name) {
        return Some("its local header has another name than the directory");
    }
    None
}

fn refusal(error: &ZipError, what: &str) -> Verdict {
    match error {
        ZipError::UnsupportedArchive(reason) => Verdict::undecided(format!("{what}: {reason}")),
        ZipError::CompressionMethodNotSupported(method) => {
            Verdict::undecided(format!("{what}: compression method {method} is not known"))
        }
        ZipError::InvalidPassword => Verdict::undecided(format!("{what}: it is encrypted")),
        error => Verdict::damaged(format!("{what}: {error}")),
    }
}
