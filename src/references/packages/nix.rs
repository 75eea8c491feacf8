//! Nix: what is in its store.
//!
//! Takes `/nix/var/nix/db/db.sqlite`; gives each valid store path as a package with one entry, the digest of the path as
//! a whole ([`crate::references::nar`]). Nothing below a store path is told one by one: Nix does not know it. Nothing in
//! the store may change, so every difference is damage.
//!
//! Format: Nix, `src/libstore/schema.sql` and `local-store.cc`, `queryPathInfoInternal`; `src/libutil/hash.cc` for the
//! three ways to write a digest.

use super::{Content, Database, Entry, Package, Sink, quoted};
use crate::io::disk::LiveRoot;
use crate::model::content::{Algorithm, Digest};
use crate::model::path::TargetPath;
use crate::references::sqlite::{self, Value};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::BTreeSet;

const PLACE: &str = "/nix/var/nix/db/db.sqlite";
/// Nix' own alphabet, without e, o, t and u (`hash.cc`, `base32Chars`).
const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// Nix' database.
#[derive(Debug)]
pub(super) struct Nix;

impl Database for Nix {
    fn name(&self) -> &'static str {
        "nix"
    }

    fn is_there(&self, root: &LiveRoot) -> bool {
        !matches!(root.look(&TargetPath::new(PLACE)), Ok(None))
    }

    fn read(&self, root: &LiveRoot, sink: &mut dyn Sink) {
        let path = TargetPath::new(PLACE);
        let mut wrong = Vec::new();
        let faults = match sqlite::Database::open(root, &path) {
            Ok(None) => vec!["it is missing".to_owned()],
            Err(fault) => vec![fault],
            // `ValidPaths(id, path, hash, registrationTime, deriver, narSize, …)`.
            Ok(Some(mut database)) => database.rows("ValidPaths", &mut |_, row| match row.as_slice() {
                [_, Value::Text(path), Value::Text(hash), ..] => match digest(hash) {
                    Some(digest) if is_store_path(path) => tell(path, &digest, sink),
                    _ => wrong.push(quoted(path)),
                },
                _ => wrong.push("a row without path".to_owned()),
            }),
        };
        let wrong = wrong.iter().map(|what| format!("no store path with a digest: {what}"));
        let all: Vec<String> = faults.into_iter().chain(wrong).take(10).collect();
        if !all.is_empty() {
            sink.broken(path, all.join("; "));
        }
    }

    fn reinstall(&self, packages: &[&Package]) -> Vec<Vec<String>> {
        if packages.is_empty() {
            return Vec::new();
        }
        let paths: BTreeSet<&str> = packages.iter().map(|package| package.fetched_as.as_str()).collect();
        vec![["nix-store", "--repair-path"].into_iter().chain(paths).map(str::to_owned).collect()]
    }
}

fn is_store_path(path: &[u8]) -> bool {
    path.starts_with(b"/nix/store/") && TargetPath::new(path).as_bytes() == path && std::str::from_utf8(path).is_ok()
}

/// `/nix/store/HASH-NAME`; the name mostly ends in `-VERSION`.
fn tell(path: &[u8], digest: &Digest, sink: &mut dyn Sink) {
    let fetched_as = String::from_utf8_lossy(path).into_owned();
    let base = fetched_as.rsplit('/').next().unwrap_or_default();
    let name = base.split_once('-').map_or(base, |(_, name)| name);
    let name = if name.is_empty() { base } else { name };
    let dash = name
        .match_indices('-')
        .find(|(at, _)| *at > 0 && name[at + 1..].starts_with(|next: char| next.is_ascii_digit()));
    let (name, version) = dash.map_or((name, None), |(at, _)| (&name[..at], Some(name[at + 1..].to_owned())));
    sink.package(Package {
        name: name.to_owned(),
        version,
        architecture: None,
        database: "nix",
        installer: "nix-store",
        fetched_as: fetched_as.clone(),
    });
    sink.entry(Entry { content: Content::Archive(digest.algorithm, &digest.bytes), ..Entry::at(path) });
}

/// `sha256:` and hex, Nix' base 32 or base 64; `sha256-` and base 64.
fn digest(text: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(text).ok()?;
    let (name, value) = text.split_once([':', '-'])?;
    let (algorithm, _) = Algorithm::ALL.into_iter().find(|(of, known)| *known == name && *of != Algorithm::GitBlob)?;
    let length = algorithm.digest_length();
    if value.len() == length * 2 {
        return Digest::from_hex(algorithm, value).ok();
    }
    let bytes =
        if value.len() == (length * 8).div_ceil(5) { base32(value, length)? } else { STANDARD.decode(value).ok()? };
    (bytes.len() == length).then(|| Digest { algorithm, bytes: bytes.into() })
}

/// The last character has the lowest bits (`hash.cc`, `Hash::Hash`).
fn base32(text: &str, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0_u8; length];
    for (number, char) in text.bytes().rev().enumerate() {
        let value = u16::try_from(ALPHABET.iter().position(|known| *known == char)?).ok()?;
        let (at, shift) = (number * 5 / 8, number * 5 % 8);
        let [high, low] = (value << shift).to_be_bytes();
        *bytes.get_mut(at)? |= low;
        match bytes.get_mut(at + 1) {
            Some(next) => *next |= high,
            None if high != 0 => return None,
            None => {}
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_in_all_the_ways_that_nix_writes_it() {
        // `nix hash to-base16`, `to-base32` and `to-base64` of one digest.
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = Digest::from_hex(Algorithm::Sha256, hex).expect("it is hex");
        for text in [
            format!("sha256:{hex}"),
            "sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s".to_owned(),
            "sha256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned(),
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned(),
        ] {
            assert_eq!(digest(text.as_bytes()), Some(expected.clone()), "{text}");
        }
        for text in [
            "",
            "sha256:",
            "sha256:zz",
            "sha256",
            "crc:00",
            "sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5e",
        ] {
            assert_eq!(digest(text.as_bytes()), None, "{text}");
        }
    }
}
