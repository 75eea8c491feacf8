//! The fuzz targets with their seeds, and with random changes of these: so that no target can rot, and that what fuzzing
//! found once stays found.

use crate::targets::TARGETS;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/fuzz");

#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn list(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    found.sort();
    found
}

#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn seeds(target: &str) -> Vec<Vec<u8>> {
    list(&Path::new(FOLDER).join(target)).iter().map(|file| std::fs::read(file).expect("it can be read")).collect()
}

fn names(directory: &str, suffix: &str) -> Vec<String> {
    let names = list(Path::new(directory)).into_iter().map(|path| path.file_name().map(ToOwned::to_owned));
    let names = names.map(|name| name.and_then(|name| name.into_string().ok()).expect("plain names"));
    names.filter_map(|name| name.strip_suffix(suffix).map(str::to_owned)).collect()
}

#[test]
fn every_target_has_seeds_and_a_fuzzer() {
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let folders: Vec<String> = names(FOLDER, "").into_iter().filter(|name| name != "make.py").collect();
    assert_eq!(folders, targets);
    let fuzzers = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/fuzz_targets");
    assert_eq!(names(fuzzers, ".rs"), targets);
    assert!(targets.iter().all(|target| !seeds(target).is_empty()));
}

#[test]
fn no_seed_breaks_its_target() {
    for (name, target) in TARGETS {
        for seed in seeds(name) {
            target(&seed);
        }
    }
}

/// One thing that damage, or a fuzzer, does to bytes. Places are parts of the whole, in 65536ths.
#[derive(Debug, Clone)]
enum Change {
    Flip(u16, u8),
    Cut(u16),
    Remove(u16, u8),
    Repeat(u16, u8, u8),
    Insert(u16, Vec<u8>),
    Zero(u16, u8),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |place: u16| bytes.len() * usize::from(place) / 65536;
        let range = |place: u16, length: u8| at(place)..(at(place) + usize::from(length)).min(bytes.len());
        match self {
            Self::Flip(place, value) => {
                let at = at(*place);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= value;
                }
            }
            Self::Cut(place) => bytes.truncate(at(*place)),
            Self::Remove(place, length) => drop(bytes.drain(range(*place, *length))),
            Self::Repeat(place, length, times) => {
                let range = range(*place, *length);
                let repeated = bytes[range.clone()].repeat(usize::from(*times));
                bytes.splice(range, repeated);
            }
            Self::Insert(place, inserted) => {
                let at = at(*place);
                bytes.splice(at..at, inserted.iter().copied());
            }
            Self::Zero(place, length) => {
                let range = range(*place, *length);
                bytes[range].fill(0);
            }
        }
    }
}

/// What means something to one of the readers.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let words = "[ ] : = += -= <= => ${ } ${a:b} $$ \" ' ( ) , ; # \\ / .. \0 %( \t \u{feff} \u{1c} é and or not in [buildout] \
                 extends parts recipe sha256= PK\u{3}\u{4} \u{fffd} Package: Status: /. Conffiles: newconffile obj sym -> BlbS Slot";
    let words: Vec<Vec<u8>> = words.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    prop_oneof![
        4 => prop::sample::select(words),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n ".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..9)
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (any::<u16>(), 1..=255_u8).prop_map(|(place, value)| Change::Flip(place, value)),
        1 => any::<u16>().prop_map(Change::Cut),
        2 => (any::<u16>(), any::<u8>()).prop_map(|(place, length)| Change::Remove(place, length)),
        1 => (any::<u16>(), 1..64_u8, 2..20_u8).prop_map(|(place, length, times)| Change::Repeat(place, length, times)),
        4 => (any::<u16>(), words()).prop_map(|(place, word)| Change::Insert(place, word)),
        1 => (any::<u16>(), any::<u8>()).prop_map(|(place, length)| Change::Zero(place, length)),
    ]
}

#[test]
fn no_changed_seed_breaks_its_target() {
    let times = rectify::io::files::environment("RECTIFY_HOSTILE_TIMES");
    let times: u32 = times.map_or(1, |times| times.parse().expect("RECTIFY_HOSTILE_TIMES is a number"));
    for (name, target) in TARGETS {
        // Some write files.
        let cases = if matches!(*name, "archive" | "dpkg" | "git" | "portage" | "rpm_header" | "saved" | "sqlite_pages")
        {
            30
        } else {
            200
        };
        let cases = cases * times;
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let input = (prop::sample::select(seeds(name)), prop::collection::vec(change(), 1..6));
        proptest!(config, |((mut bytes, changes) in input)| {
            for change in &changes {
                change.apply(&mut bytes);
            }
            target(&bytes);
        });
    }
}
