//! The digest of a Nix store path: of its serialisation as a Nix archive (NAR).
//!
//! Takes a path of a live tree; gives the digest and length of what `nix-store --dump` would print. Streams; nothing is
//! written. Modes count only in the owner's executable bit; times and owners not at all. Format: E. Dolstra, "The Purely
//! Functional Software Deployment Model", figure 5.2; Nix, `src/libutil/archive.cc`, `dumpPath`.

use crate::io::disk::{LiveRoot, io_failure, look_at};
use crate::model::content::{Algorithm, Digest};
use crate::model::hasher::Hasher;
use crate::model::observation::{Failure, Kind};
use crate::model::path::TargetPath;
use std::io::Read;

/// The most entries of one store path: nixpkgs itself has 200,000 files.
const ENTRIES: usize = 20_000_000;

/// What is left to be written of a directory.
struct Open {
    path: TargetPath,
    /// Names that are to come, the next one last.
    names: Vec<Vec<u8>>,
}

/// The archive in the making.
struct Archive {
    hasher: Hasher,
    length: u64,
}

/// Digest and length in bytes of the archive of what is at a path; `None` when nothing is there.
///
/// # Errors
/// When something cannot be read, changes meanwhile, or is nothing that an archive can hold.
pub fn digest(root: &LiveRoot, path: &TargetPath, algorithm: Algorithm) -> Result<Option<(Digest, u64)>, Failure> {
    let mut archive = Archive { hasher: Hasher::new(algorithm, 0), length: 0 };
    let mut entries = 0;
    archive.texts(&[b"nix-archive-1"]);
    let mut open = Vec::new();
    if !archive.node(root, path, &mut open)? {
        return Ok(None);
    }
    while let Some(directory) = open.last_mut() {
        let Some(name) = directory.names.pop() else {
            open.pop();
            archive.texts(&[b")"]);
            if !open.is_empty() {
                archive.texts(&[b")"]);
            }
            continue;
        };
        entries += 1;
        if entries > ENTRIES {
            return Err(refused("more entries than any store path has"));
        }
        let path = directory.path.join(&name);
        archive.texts(&[b"entry", b"(", b"name", &name, b"node"]);
        let depth = open.len();
        if !archive.node(root, &path, &mut open)? {
            return Err(refused("a file vanished while it was read"));
        }
        if open.len() == depth {
            archive.texts(&[b")"]);
        }
    }
    Ok(Some((archive.hasher.finish(), archive.length)))
}

impl Archive {
    /// A file or link as a whole; of a directory the beginning, the rest being left open. Whether something is there.
    fn node(&mut self, root: &LiveRoot, path: &TargetPath, open: &mut Vec<Open>) -> Result<bool, Failure> {
        let Some(seen) = root.look(path)? else { return Ok(false) };
        self.texts(&[b"(", b"type"]);
        match seen.kind {
            Kind::File => {
                self.file(root, path)?;
                self.texts(&[b")"]);
            }
            Kind::Link => {
                let target = seen.target.map(|target| target.0).unwrap_or_default();
                self.texts(&[b"symlink", b"target", &target, b")"]);
            }
            Kind::Directory => {
                self.texts(&[b"directory"]);
                let mut names = root.list(path)?;
                names.reverse();
                open.push(Open { path: path.clone(), names });
            }
            kind @ (Kind::Fifo | Kind::Socket | Kind::Device) => {
                return Err(refused(&format!("`{path}` is a {}", kind.word())));
            }
        }
        Ok(true)
    }

    fn file(&mut self, root: &LiveRoot, path: &TargetPath) -> Result<(), Failure> {
        let mut file = root.open_file(path)?;
        let seen = look_at(&file)?;
        self.texts(&[b"regular"]);
        if seen.mode & 0o100 != 0 {
            self.texts(&[b"executable", b""]);
        }
        self.texts(&[b"contents"]);
        self.add(&seen.size.to_le_bytes());
        let mut buffer = vec![0; 64 << 10];
        let mut length = 0;
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(io_failure(&error)),
            };
            self.add(&buffer[..count]);
            length += count as u64;
        }
        if length != seen.size {
            return Err(refused(&format!("`{path}` changed while it was read")));
        }
        self.pad(length);
        Ok(())
    }

    /// Texts: the length in eight bytes, little-endian; the bytes; zeros up to a multiple of eight.
    fn texts(&mut self, texts: &[&[u8]]) {
        for text in texts {
            self.add(&(text.len() as u64).to_le_bytes());
            self.add(text);
            self.pad(text.len() as u64);
        }
    }

    fn pad(&mut self, length: u64) {
        let rest = [0, 7, 6, 5, 4, 3, 2, 1][usize::from(length.to_le_bytes()[0] & 7)];
        self.add(&[0; 8][..rest]);
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }
}

fn refused(text: &str) -> Failure {
    Failure { errno: 0, text: text.to_owned() }
}
