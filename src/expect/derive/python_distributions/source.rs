//! Where pip gets an installed distribution from again, and what proves that it is the same.
//!
//! Takes the notes of the distribution and the lock that the settings name; gives the word or line that pip is told.
//! Deliberately not here: the rest of the command.

use crate::definition::markers::same_version;
use crate::definition::requirements;
use crate::expect::distribution::{self, Distribution};
use crate::expect::evidence::{self, Note};
use crate::model::manifest::Manifest;
use crate::references::python_metadata::{DirectUrl, canonical, direct_url};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The hashes of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The file, for messages.
    pub file: String,
    /// The hashes (`sha256:` and hex) by canonical name and by version.
    pub hashes: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Lock {
    /// What a lock in pip's format pins with hashes. Where conditions decide between archives of one version, each of them
    /// is right.
    pub fn new(file: String, text: &str) -> Self {
        let mut hashes: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for pin in requirements::pins(text).into_iter().filter(|pin| !pin.hashes.is_empty()) {
            let versions = hashes.entry(canonical(&pin.name)).or_default();
            versions.entry(pin.version).or_default().extend(pin.hashes);
        }
        Self { file, hashes }
    }

    /// The line of a requirements file that pip verifies one version by.
    fn line(&self, name: &str, version: &str) -> Option<String> {
        let (_, hashes) = self.hashes.get(name)?.iter().find(|(pinned, _)| same_version(pinned, version))?;
        let hashes = hashes.iter().map(|hash| format!(" --hash={hash}"));
        Some(format!("{name}=={version}{}", hashes.collect::<String>()))
    }
}

/// What pip installs a distribution from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// This word: pip checks the hash in it.
    Proved(String),
    /// This line of a requirements file: pip checks the hashes in it.
    Locked(String),
    /// This word, which proves nothing, for a reason.
    Unproved(String, String),
    /// None is known, for a reason.
    Unknown(String),
}

/// What `direct_url.json` tells.
enum Noted {
    /// Nothing, rightly: it came from an index.
    Index,
    /// This.
    Address(DirectUrl),
    /// There was one, but nobody vouches for what is there now.
    Lost,
}

/// Where a distribution comes from. An index is asked only for what came from one: it may have something else by the name
/// of what came from elsewhere.
pub(super) fn of(
    one: &Distribution<'_>,
    (name, version): (&str, &str),
    lock: Option<&Lock>,
    manifest: &Manifest,
) -> Source {
    let locked = lock.and_then(|lock| lock.line(name, version));
    match (noted(one, manifest), locked) {
        (Noted::Address(DirectUrl::Archive { url, sha256: Some(hash), subdirectory }), _) => {
            Source::Proved(with_fragment(url, [("subdirectory", subdirectory), ("sha256", Some(hash))]))
        }
        (Noted::Index | Noted::Address(DirectUrl::Archive { .. }), Some(line)) => Source::Locked(line),
        (Noted::Index, None) => Source::Unproved(format!("{name}=={version}"), unproved_index(name, version, lock)),
        (Noted::Address(DirectUrl::Archive { url, subdirectory, .. }), None) => {
            let why = format!("nothing proves that `{url}` still gives the archive that was installed; look again afterwards");
            Source::Unproved(with_fragment(url, [("subdirectory", subdirectory)]), why)
        }
        (Noted::Address(DirectUrl::Repository { url, subdirectory }), _) => {
            let why = "the commit is the one that was installed, but what is built of it may differ; look again afterwards";
            Source::Unproved(with_fragment(url, [("subdirectory", subdirectory)]), why.to_owned())
        }
        (Noted::Address(DirectUrl::Directory { url }), _) => Source::Unknown(format!(
            "it was installed from `{url}`, and nobody noted what that held; an index may have something else by this name"
        )),
        (Noted::Lost, _) => Source::Unknown(
            "it was installed from an address, and nothing vouches for the note of it, `direct_url.json`; an index may have \
             something else by this name"
                .to_owned(),
        ),
    }
}

fn unproved_index(name: &str, version: &str, lock: Option<&Lock>) -> String {
    match lock {
        Some(lock) => format!(
            "`{}` has no hashes for {name} {version}, so nothing proves that the index gives the archive that was installed; \
             add them to it, or look again afterwards",
            lock.file
        ),
        None => "nothing proves that the index gives the archive that was installed, and not another one of the same \
                 version; name a lock with hashes (`requirements` of the tree in rectify.toml), or look again afterwards"
            .to_owned(),
    }
}

fn with_fragment<const N: usize>(url: String, parts: [(&str, Option<String>); N]) -> String {
    let parts = parts.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
    let fragment = parts.collect::<Vec<_>>().join("&");
    if fragment.is_empty() { url } else { format!("{url}#{fragment}") }
}

fn noted(one: &Distribution<'_>, manifest: &Manifest) -> Noted {
    const RECORDED: &[u8] = b".dist-info/direct_url.json,";
    let path = one.info.join("direct_url.json");
    let note = evidence::note(one.scan, &path);
    if note == Note::Absent {
        let record = one.scan.captured(&one.info.join("RECORD"));
        let was_there = record.is_some_and(|record| memchr::memmem::find(&record.0, RECORDED).is_some());
        return if was_there { Noted::Lost } else { Noted::Index };
    }
    // What is wrong with RECORD itself is told by whoever reads it for its files.
    let mut nowhere = Manifest::new(manifest.definition.clone());
    let claims = one.claims_or_salvage(&mut nowhere).unwrap_or_default();
    let is_vouched_for =
        claims.get(&path).is_some_and(|content| distribution::matches(one.scan, &path, content) == Some(true));
    match note {
        Note::Bytes(bytes) if is_vouched_for => direct_url(&bytes.0).map_or(Noted::Lost, Noted::Address),
        Note::Bytes(_) | Note::Absent | Note::WrongKind | Note::Unknown(_) => Noted::Lost,
    }
}
