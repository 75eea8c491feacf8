//! Files of a git repository that hold their own SHA-1: loose objects, packs and their indexes
//! (gitrepository-layout(5), gitformat-pack(5)).

use super::{Check, Coverage, Verdict};
use crate::io::loose_objects;
use crate::live::plausible::is_named;
use crate::live::subject::Subject;
use crate::model::content::Algorithm;
use crate::model::hasher::Hasher;
use crate::model::path::TargetPath;
use std::io::Read;

/// Loose objects, packs, indexes of packs.
pub struct Git;

/// A SHA-1 in bytes.
const SUM: u64 = 20;

impl Check for Git {
    fn name(&self) -> &'static str {
        "git"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Checksum
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        loose_id(path).is_some() || is_pack(path, head) || is_index(path)
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        if let Some(id) = loose_id(file.path()) {
            return loose(file, &id);
        }
        if file.size() < SUM {
            return Verdict::damaged("it is shorter than its own checksum");
        }
        let told = file.bytes(file.size() - SUM, 20);
        let mut hasher = Hasher::new(Algorithm::Sha1, 0);
        let mut input = file.reader().take(file.size() - SUM);
        let mut buffer = vec![0; 256 << 10];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Verdict::undecided("it cannot be read"),
            }
        }
        if *hasher.finish().bytes == *told {
            Verdict::Consistent
        } else {
            Verdict::damaged("its content does not agree with the SHA-1 at its end")
        }
    }
}

fn loose(file: &Subject<'_>, id: &str) -> Verdict {
    // A zlib stream begins with method 8 and a header divisible by 31 (RFC 1950, 2.2). What does not, in a directory
    // named `objects`, need not be git's.
    let is_zlib = matches!(*file.head(), [first, second, ..]
        if first & 15 == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31));
    let first = &file.head()[..file.head().len().min(4096)];
    let zeroed = first.len() >= 16 && first.iter().all(|&byte| byte == 0);
    match loose_objects::check(file.reader(), id) {
        Ok(()) => Verdict::Consistent,
        Err(reason) if is_zlib || zeroed => Verdict::damaged(reason),
        Err(reason) => Verdict::undecided(format!("by its name it is an object of git: {reason}")),
    }
}

fn is_hex(text: &[u8], length: usize) -> bool {
    text.len() == length && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The id that the path of a loose object makes. Repositories with SHA-256 ids are left alone.
fn loose_id(path: &TargetPath) -> Option<String> {
    let parent = path.parent()?;
    let objects = parent.parent()?;
    let fits = objects.name() == b"objects" && is_hex(parent.name(), 2) && is_hex(path.name(), 38);
    fits.then(|| String::from_utf8_lossy(&[parent.name(), path.name()].concat()).into_owned())
}

/// Whether the file is named `pack-` and a SHA-1.
fn has_pack_name(path: &TargetPath) -> bool {
    let name = path.name();
    let stem = name.iter().rposition(|&byte| byte == b'.').map_or(name, |dot| &name[..dot]);
    stem.strip_prefix(b"pack-").is_some_and(|id| is_hex(id, 40))
}

fn is_pack(path: &TargetPath, head: &[u8]) -> bool {
    let begins = head.starts_with(b"PACK\0\0\0\x02") || head.starts_with(b"PACK\0\0\0\x03");
    is_named(path, &["pack"]) && has_pack_name(path) && (begins || in_pack_directory(path))
}

fn is_index(path: &TargetPath) -> bool {
    is_named(path, &["idx", "rev", "bitmap"]) && has_pack_name(path) && in_pack_directory(path)
}

fn in_pack_directory(path: &TargetPath) -> bool {
    let parent = path.parent();
    let objects = parent.as_ref().and_then(TargetPath::parent);
    parent.is_some_and(|parent| parent.name() == b"pack") && objects.is_some_and(|parent| parent.name() == b"objects")
}
