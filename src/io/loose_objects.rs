//! git's loose objects, checked by our own code before libgit2 meets them: it reads one whose zlib stream is cut off for
//! ever (1.9.7, `odb_loose.c`, `read_loose_standard`).
//!
//! Takes files, says what is wrong with them. Streams; the format is that of gitrepository-layout(5).

use super::disk::io_failure;
use super::files;
use crate::model::content::{Algorithm, Digest};
use crate::model::hasher::Hasher;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Object directories of one repository that are followed: git itself stops at five levels of alternates (`odb.c`).
const DIRECTORIES: usize = 64;

/// Checks a loose object: a zlib stream of `TYPE SIZE NUL CONTENT` whose SHA-1 is its name. The stream must also end
/// as zlib streams do: a cut off one may still hold all of the content, and stops libgit2.
///
/// # Errors
/// When it is damaged or cannot be read; the text says how.
pub fn check(file: impl Read, id: &str) -> Result<(), String> {
    let mut input = BufReader::with_capacity(64 << 10, file);
    let mut inflate = flate2::Decompress::new(true);
    let mut hasher = Hasher::new(Algorithm::Sha1, 0);
    let mut buffer = vec![0; 64 << 10];
    let mut declared: Option<u64> = None;
    loop {
        let bytes = input.fill_buf().map_err(|error| format!("cannot be read: {}", io_failure(&error).text))?;
        let (read_before, made_before) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(bytes, &mut buffer, flate2::FlushDecompress::None);
        let status = status.map_err(|error| format!("damaged: {error}"))?;
        let read = usize::try_from(inflate.total_in() - read_before).map_err(|error| error.to_string())?;
        let made = usize::try_from(inflate.total_out() - made_before).map_err(|error| error.to_string())?;
        input.consume(read);
        hasher.update(&buffer[..made]);
        if made > 0 && declared.is_none() {
            declared = Some(whole_length(&buffer[..made]).ok_or("damaged: it does not begin as an object does")?);
        }
        // Otherwise a hostile object could be unpacked for ever.
        if declared.is_some_and(|whole| inflate.total_out() > whole) {
            return Err("damaged: longer than it says".into());
        }
        if status == flate2::Status::StreamEnd {
            break;
        }
        if read == 0 && made == 0 {
            return Err("damaged: cut off".into());
        }
    }
    if declared != Some(inflate.total_out()) {
        return Err("damaged: shorter than it says".into());
    }
    let rest = input.fill_buf().map_err(|error| format!("cannot be read: {}", io_failure(&error).text))?;
    if !rest.is_empty() {
        return Err("damaged: more bytes follow its end".into());
    }
    if hasher.finish() == Digest::from_hex(Algorithm::Sha1, id)? {
        Ok(())
    } else {
        Err("its content does not agree with its name".into())
    }
}

/// Checks every loose object in the object directory of a repository and in those that it borrows from.
///
/// # Errors
/// At the first one that is damaged: which, and how.
pub fn check_all(objects: &Path) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![objects.to_owned()];
    while let Some(directory) = open.pop() {
        // One that is not there holds nothing that libgit2 could read.
        if files::what_is(&directory) != files::Is::Directory || !seen.insert(directory.clone()) {
            continue;
        }
        if seen.len() > DIRECTORIES {
            return Err(format!("it borrows from more than {DIRECTORIES} others"));
        }
        check_directory(&directory)?;
        open.extend(alternates(&directory)?);
    }
    Ok(())
}

fn check_directory(objects: &Path) -> Result<(), String> {
    let names = |directory: &Path| files::list(directory).map_err(|error| error.to_string());
    for first in names(objects)?.iter().filter_map(|name| name.to_str()) {
        let directory = objects.join(first);
        if !is_hex(first, 2) || files::what_is(&directory) != files::Is::Directory {
            continue;
        }
        for rest in names(&directory)?.iter().filter_map(|name| name.to_str()).filter(|name| is_hex(name, 38)) {
            let id = format!("{first}{rest}");
            let file = files::open(&directory.join(rest)).map_err(|error| error.to_string())?;
            check(file, &id).map_err(|reason| format!("object {id}: {reason}"))?;
        }
    }
    Ok(())
}

/// `info/alternates`: object directories to borrow from, relative to this one (gitrepository-layout(5)).
fn alternates(objects: &Path) -> Result<Vec<PathBuf>, String> {
    let file = objects.join("info/alternates");
    if files::what_is(&file) == files::Is::Missing {
        return Ok(Vec::new());
    }
    let bytes = files::read(&file).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{}` is no text", file.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(|line| objects.join(line)).collect())
}

fn is_hex(name: &str, length: usize) -> bool {
    name.len() == length && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The length of header and content, told by the header.
fn whole_length(start: &[u8]) -> Option<u64> {
    let end = memchr::memchr(0, &start[..start.len().min(32)])?;
    let header = std::str::from_utf8(&start[..end]).ok()?;
    let size: u64 = header.split_once(' ')?.1.parse().ok()?;
    size.checked_add(end as u64 + 1)
}
