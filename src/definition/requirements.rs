//! Requirements files and locks in pip's format, as far as they pin: `NAME==VERSION`, with or without hashes.
//!
//! Takes text, gives the pins. Lines are joined, cut at comments and split from their options as pip does
//! (`pip/_internal/req/req_file.py`: `join_lines`, `COMMENT_RE`, `break_args_options`). Deliberately not here: other files
//! that one includes, addresses and ranges, which pin no version.

use std::collections::{BTreeMap, BTreeSet};

/// One distribution that is pinned to one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The line where it begins, counted from 1.
    pub line: u32,
    /// Its name as written, without extras.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The environment marker, if it holds under a condition only.
    pub marker: Option<String>,
    /// The hashes that an archive of it may have: `sha256:` and hex. Empty where none is written or one of them is no hash.
    pub hashes: BTreeSet<String>,
}

/// The algorithms that pip takes, with their length in hex (`pip/_internal/utils/hashes.py`, `STRONG_HASHES`).
const ALGORITHMS: &[(&str, usize)] = &[("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// Everything that is pinned, in file order.
pub fn pins(text: &str) -> Vec<Pin> {
    logical_lines(text).into_iter().filter_map(|(line, text)| pin(line, &text)).collect()
}

/// What is pinned without a condition: name to version.
pub fn unconditional(text: &str) -> BTreeMap<String, String> {
    let pins = pins(text).into_iter();
    pins.filter(|pin| pin.marker.is_none()).map(|pin| (pin.name, pin.version)).collect()
}

/// Lines with those that go on after a backslash, and without comments. A comment ends what went on before it.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(u32, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let is_comment = line.trim_start().starts_with('#');
        let (_, whole) = open.get_or_insert_with(|| (number, String::new()));
        if let Some(part) = line.strip_suffix('\\').filter(|_| !is_comment) {
            whole.push_str(part);
        } else {
            whole.push_str(if is_comment { "" } else { line });
            lines.extend(open.take());
        }
    }
    lines.extend(open);
    lines.into_iter().map(|(number, line)| (number, without_comment(&line).to_owned())).collect()
}

/// `#` begins a comment where a blank or nothing is before it: it may be in an address, too.
fn without_comment(line: &str) -> &str {
    let begins = |at: &usize| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    let at = line.match_indices('#').map(|(at, _)| at).find(begins);
    at.map_or(line, |at| &line[..at])
}

fn pin(line: u32, text: &str) -> Option<Pin> {
    let mut words = text.split_whitespace().peekable();
    let mut requirement = String::new();
    while let Some(word) = words.next_if(|word| !word.starts_with('-')) {
        requirement.extend([word, " "]);
    }
    let (wanted, marker) = match requirement.split_once(';') {
        Some((wanted, marker)) => (wanted, Some(marker.trim().to_owned())),
        None => (requirement.as_str(), None),
    };
    let (name, version) = wanted.split_once("==")?;
    let (name, version) = (name.split('[').next()?.trim(), version.trim());
    let plain = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    // `==1.*`, `===1` and `==1,<2` pin nothing.
    let is_pin = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && version.starts_with(|first: char| first.is_ascii_digit())
        && plain(name, "-_.")
        && plain(version, "-_.+!");
    is_pin.then(|| Pin { line, name: name.to_owned(), version: version.to_owned(), marker, hashes: hashes(words) })
}

/// The values of `--hash=…` or `--hash …`. One that is no hash makes pip refuse the file, so the others tell nothing.
fn hashes<'t>(mut options: impl Iterator<Item = &'t str>) -> BTreeSet<String> {
    let mut hashes = BTreeSet::new();
    while let Some(option) = options.next() {
        let value = match option.strip_prefix("--hash") {
            Some("") => options.next(),
            Some(value) => value.strip_prefix('='),
            None => continue,
        };
        match value.and_then(hash) {
            Some(hash) => hashes.insert(hash),
            None => return BTreeSet::new(),
        };
    }
    hashes
}

fn hash(text: &str) -> Option<String> {
    let (algorithm, digest) = text.split_once(':')?;
    let is_hash =
        ALGORITHMS.contains(&(algorithm, digest.len())) && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| format!("{algorithm}:{}", digest.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flat(text: &str) -> Vec<String> {
        let pins = pins(text);
        pins.iter().map(|pin| format!("{} {} {} {}", pin.line, pin.name, pin.version, pin.hashes.len())).collect()
    }

    #[test]
    fn a_lock_is_read_with_its_hashes_over_several_lines() {
        let (one, other) = ("ab".repeat(32), "CD".repeat(48));
        let text = format!(
            "# made by a tool\nSix==1.17.0 \\\n    --hash=sha256:{one} \\\n    --hash sha384:{other}\n    # via demo\n\
             requests[socks] == 2.31.0 ; python_version > '3'  # why\n"
        );
        assert_eq!(flat(&text), ["2 Six 1.17.0 2", "6 requests 2.31.0 0"]);
        let pins = pins(&text);
        assert!(pins[0].hashes.contains(&format!("sha384:{}", other.to_lowercase())));
        assert_eq!((pins[0].marker.as_deref(), pins[1].marker.as_deref()), (None, Some("python_version > '3'")));
    }

    #[test]
    fn what_is_no_pin_of_one_version_is_left_out() {
        let none =
            "six>=1\nsix==1.*\nsix===1\nsix==1,<2\n-r six==1\n-e ./six\nsix @ file:///six==1\n==1\n# six==1\nsix\n";
        assert_eq!(flat(none), [] as [&str; 0]);
        assert_eq!(flat("\\"), [] as [&str; 0]);
    }

    #[test]
    fn a_hash_that_is_none_takes_the_others_with_it() {
        let good = format!("--hash=sha256:{}", "0".repeat(64));
        for bad in ["--hash=sha256:00", "--hash=md5:00000000000000000000000000000000", "--hash"] {
            assert_eq!(flat(&format!("six==1 {good} {bad}")), ["1 six 1 0"], "{bad}");
        }
    }

    #[test]
    fn a_comment_ends_a_line_that_goes_on() {
        let text = format!("six==1 \\\n# why\n--hash=sha256:{}\n", "0".repeat(64));
        assert_eq!(flat(&text), ["1 six 1 0"]);
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(text in "\\PC{0,200}") {
            drop(pins(&text));
        }

        #[test]
        fn nothing_that_is_pinned_is_an_option_or_more_than_one_word(text in "[a-z=;#\\\\ \n\t\\-0-9.,*]{0,80}") {
            for pin in pins(&text) {
                let words = format!("{}=={}", pin.name, pin.version);
                prop_assert!(!words.starts_with('-') && !words.contains(char::is_whitespace));
            }
        }
    }

    #[test]
    fn what_holds_under_a_condition_is_not_certain() {
        let pinned = |line| unconditional(line).pop_first().map(|(name, version)| format!("{name} {version}"));
        assert_eq!(pinned("requests[socks]==2.31.0 --hash=sha256:abc \\"), Some("requests 2.31.0".into()));
        assert_eq!(pinned("six==1.16.0  # via x"), Some("six 1.16.0".into()));
        assert_eq!(pinned("colorama==0.4 ; sys_platform == 'win32'"), None);
        assert_eq!(pinned("    --hash=sha256:abc"), None);
        assert_eq!(pinned("-e ./local"), None);
    }
}
