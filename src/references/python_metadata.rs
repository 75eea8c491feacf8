//! The other notes of an installed Python distribution: `METADATA` (or `PKG-INFO`), `requires.txt`,
//! `entry_points.txt` and `direct_url.json`.
//!
//! Takes bytes, gives what they say or why they cannot be what an installer wrote. Follows the "Core metadata
//! specifications" and, for entry points and `requires.txt`, `pkg_resources`, because that is what buildout uses.

use crate::model::path::TargetPath;
use std::collections::BTreeMap;

/// What METADATA says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The project's name as its author spells it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it requires, as written.
    pub requires: Vec<Requirement>,
}

/// One requirement: `name[extras]specifier; marker`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// The name as written.
    pub name: String,
    /// The wanted extras.
    pub extras: Vec<String>,
    /// The version specifier as written, without the marker: `>=1,<2`.
    pub specifier: String,
    /// The marker as written, if there is one.
    pub marker: Option<String>,
}

/// One entry point of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// The script's name.
    pub name: String,
    /// The module.
    pub module: String,
    /// The attribute in it, dotted; empty when none is named.
    pub attribute: String,
}

/// Where a distribution was installed from, if not from an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectUrl {
    /// An archive.
    Archive {
        /// Its address.
        url: String,
        /// Its SHA-256 in hex, where it was noted.
        sha256: Option<String>,
        /// The directory in it that has the distribution.
        subdirectory: Option<String>,
    },
    /// A directory of the machine that installed it.
    Directory {
        /// Its address.
        url: String,
    },
    /// A commit of a repository.
    Repository {
        /// Its address with the tool and the commit: `git+https://…@COMMIT`.
        url: String,
        /// The directory in it that has the distribution.
        subdirectory: Option<String>,
    },
}

/// Why metadata is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// Without the two fields that every version of the standard demands.
    #[error("it has no `{0}`")]
    NoField(&'static str),
    /// A line that is none.
    #[error("line {0} is not understood")]
    Line(usize),
}

/// Name and version of a `*.dist-info` directory, the name in its compared spelling.
pub fn named(info: &TargetPath) -> Option<(String, String)> {
    let name = std::str::from_utf8(info.name()).ok()?.strip_suffix(".dist-info")?;
    let (name, version) = name.split_once('-')?;
    Some((canonical(name), version.to_owned()))
}

/// A project's name in the spelling that is compared (PEP 503).
pub fn canonical(name: &str) -> String {
    let mut canonical = String::with_capacity(name.len());
    for character in name.trim().chars() {
        match character {
            '-' | '_' | '.' if canonical.ends_with('-') => {}
            '-' | '_' | '.' => canonical.push('-'),
            other => canonical.extend(other.to_lowercase()),
        }
    }
    canonical
}

/// Reads METADATA or PKG-INFO.
///
/// # Errors
/// When it is no text or lacks name or version.
pub fn metadata(bytes: &[u8]) -> Result<Metadata, MetadataError> {
    let text = text(bytes)?;
    let (mut name, mut version, mut requires) = (None, None, Vec::new());
    // The header ends at the first blank line; continuation lines begin with a blank (RFC 822).
    for (at, line) in text.lines().enumerate().take_while(|(_, line)| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let (key, value) = line.split_once(':').ok_or(MetadataError::Line(at + 1))?;
        let value = value.trim();
        match key.to_ascii_lowercase().as_str() {
            "name" => name = name.or(Some(value)),
            "version" => version = version.or(Some(value)),
            "requires-dist" => requires.push(requirement(value).ok_or(MetadataError::Line(at + 1))?),
            _ => {}
        }
    }
    Ok(Metadata {
        name: name.filter(|name| !name.is_empty()).ok_or(MetadataError::NoField("Name"))?.to_owned(),
        version: version.filter(|version| !version.is_empty()).ok_or(MetadataError::NoField("Version"))?.to_owned(),
        requires,
    })
}

/// Reads one requirement; `None` when it is none.
pub fn requirement(text: &str) -> Option<Requirement> {
    let (wanted, marker) = match text.split_once(';') {
        Some((wanted, marker)) => (wanted.trim(), Some(marker.trim().to_owned()).filter(|marker| !marker.is_empty())),
        None => (text.trim(), None),
    };
    let end = wanted
        .find(|character: char| !(character.is_ascii_alphanumeric() || "-_.".contains(character)))
        .unwrap_or(wanted.len());
    let (name, rest) = wanted.split_at(end);
    if !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let rest = rest.trim();
    let (extras, specifier) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", rest),
    };
    let specifier = specifier.trim();
    if !specifier.is_empty() && !specifier.starts_with(['<', '>', '=', '!', '~', '(', '@']) {
        return None;
    }
    let extras = extras.split(',').map(str::trim).filter(|extra| !extra.is_empty()).map(str::to_owned).collect();
    Some(Requirement { name: name.to_owned(), extras, specifier: specifier.to_owned(), marker })
}

/// Reads `requires.txt` of an egg: sections `[extra:marker]` (setuptools, `_requirestxt.py`).
///
/// # Errors
/// When it is no text or a line is no requirement.
pub fn requires_txt(bytes: &[u8]) -> Result<Vec<Requirement>, MetadataError> {
    let mut requirements = Vec::new();
    let mut section: Option<String> = None;
    for (at, line) in text(bytes)?.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let header = header.strip_suffix(']').ok_or(MetadataError::Line(at + 1))?;
            let (extra, marker) = header.split_once(':').unwrap_or((header, ""));
            let extra = Some(extra.trim()).filter(|extra| !extra.is_empty()).map(|extra| format!("extra == '{extra}'"));
            let marker = Some(marker.trim()).filter(|marker| !marker.is_empty()).map(|marker| format!("({marker})"));
            let parts: Vec<String> = extra.into_iter().chain(marker).collect();
            section = (!parts.is_empty()).then(|| parts.join(" and "));
            continue;
        }
        let mut requirement = requirement(line).ok_or(MetadataError::Line(at + 1))?;
        requirement.marker = match (requirement.marker, &section) {
            (Some(own), Some(section)) => Some(format!("({own}) and {section}")),
            (own, section) => own.or_else(|| section.clone()),
        };
        requirements.push(requirement);
    }
    Ok(requirements)
}

/// Reads the entry points of a group in file order; a later one of the same name replaces the earlier.
///
/// # Errors
/// When it is no text or a line is no entry point; `pkg_resources` would raise, too.
pub fn entry_points(bytes: &[u8], group: &str) -> Result<Vec<EntryPoint>, MetadataError> {
    let mut section = "";
    let mut points: Vec<EntryPoint> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (at, line) in text(bytes)?.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            section = header.strip_suffix(']').ok_or(MetadataError::Line(at + 1))?.trim();
            continue;
        }
        if section != group {
            continue;
        }
        let point = entry_point(line).ok_or(MetadataError::Line(at + 1))?;
        if let Some(&place) = places.get(&point.name) {
            points[place] = point;
        } else {
            places.insert(point.name.clone(), points.len());
            points.push(point);
        }
    }
    Ok(points)
}

/// `name = module:attribute [extras]`.
fn entry_point(line: &str) -> Option<EntryPoint> {
    let (name, value) = line.split_once('=')?;
    let value = match value.split_once('[') {
        Some((value, extras)) if extras.trim_end().ends_with(']') => value.trim(),
        Some(_) => return None,
        None => value.trim(),
    };
    let (module, attribute) = value.split_once(':').map_or((value, ""), |(module, rest)| (module.trim(), rest.trim()));
    let dotted = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    (!name.trim().is_empty() && !module.is_empty() && dotted(module) && dotted(attribute)).then(|| EntryPoint {
        name: name.trim().to_owned(),
        module: module.to_owned(),
        attribute: attribute.to_owned(),
    })
}

/// Reads `direct_url.json`, which is there where a distribution was installed from an address and not from an index
/// (PEP 610); `None` when it is not what an installer wrote, or when its address needs a password.
pub fn direct_url(bytes: &[u8]) -> Option<DirectUrl> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let text = |at: &str| value.pointer(at).and_then(serde_json::Value::as_str);
    let url = text("/url").filter(|url| is_address(url))?.to_owned();
    if value.get("dir_info").is_some() {
        return Some(DirectUrl::Directory { url });
    }
    let subdirectory = match text("/subdirectory") {
        Some(path) if path.contains(is_no_part) => return None,
        other => other.map(str::to_owned),
    };
    if value.get("vcs_info").is_some() {
        let plain = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (tool, commit) = (text("/vcs_info/vcs").filter(plain)?, text("/vcs_info/commit_id").filter(plain)?);
        return Some(DirectUrl::Repository { url: format!("{tool}+{url}@{commit}"), subdirectory });
    }
    let old = || text("/archive_info/hash").and_then(|hash| hash.strip_prefix("sha256="));
    let sha256 = match text("/archive_info/hashes/sha256").or_else(old) {
        Some(hash) if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => return None,
        other => other.map(str::to_ascii_lowercase),
    };
    value.get("archive_info").map(|_| DirectUrl::Archive { url, sha256, subdirectory })
}

/// `SCHEME://…` that is one word and holds no password.
fn is_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or(rest);
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte))
        && !user.contains([':', '$'])
        && !url.contains(is_no_part)
}

/// What ends an address, begins another part of it, or would be seen by nobody.
fn is_no_part(character: char) -> bool {
    character.is_whitespace() || character.is_control() || "#&".contains(character)
}

fn text(bytes: &[u8]) -> Result<&str, MetadataError> {
    let text = std::str::from_utf8(bytes).map_err(|_| MetadataError::NotText)?;
    if text.contains('\0') { Err(MetadataError::NotText) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_compare_as_the_index_compares_them() {
        assert_eq!(canonical("Zope.Interface"), "zope-interface");
        assert_eq!(canonical("a__b-.c"), "a-b-c");
    }

    #[test]
    fn metadata_is_read_up_to_the_blank_line() {
        let text = "Metadata-Version: 2.1\nName: python-dateutil\nVersion: 2.9.0.post0\nLicense: a\n  b\n\
                    Requires-Dist: six >=1.5\nRequires-Dist: tox[x,y]>=2; extra == 'test'\n\nName: other\n";
        let metadata = metadata(text.as_bytes()).expect("it is sound");
        assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("python-dateutil", "2.9.0.post0"));
        assert_eq!(metadata.requires[0].specifier, ">=1.5");
        assert_eq!(metadata.requires[1].extras, ["x", "y"]);
        assert_eq!(metadata.requires[1].marker.as_deref(), Some("extra == 'test'"));
    }

    #[test]
    fn damaged_metadata_is_noticed() {
        assert_eq!(metadata(&[0; 512]), Err(MetadataError::NotText));
        assert_eq!(metadata(b"Name: x\n"), Err(MetadataError::NoField("Version")));
        assert_eq!(metadata(b"Name: x\nVer"), Err(MetadataError::Line(2)));
        assert_eq!(metadata(b""), Err(MetadataError::NoField("Name")));
    }

    #[test]
    fn sections_of_requires_txt_become_markers() {
        let text = b"python-dateutil\n\n[:python_version < \"3\"]\nnothere\n\n[extra]\ncolorama>=1\n\n[a:os_name == 'nt']\nb\n";
        let requirements = requires_txt(text).expect("it is sound");
        let markers: Vec<Option<&str>> = requirements.iter().map(|one| one.marker.as_deref()).collect();
        assert_eq!(
            markers,
            [
                None,
                Some("(python_version < \"3\")"),
                Some("extra == 'extra'"),
                Some("extra == 'a' and (os_name == 'nt')")
            ]
        );
    }

    #[test]
    fn entry_points_are_read_as_pkg_resources_reads_them() {
        let text = b"# c\n[console_scripts]\ndemo = demo:main\ndemo-x = demo.x:run.it [extra]\nodd=mod\ndemo = new:main\n[other]\nx = (\n";
        let points = entry_points(text, "console_scripts").expect("it is sound");
        let flat: Vec<(&str, &str, &str)> =
            points.iter().map(|one| (one.name.as_str(), one.module.as_str(), one.attribute.as_str())).collect();
        assert_eq!(flat, [("demo", "new", "main"), ("demo-x", "demo.x", "run.it"), ("odd", "mod", "")]);
        assert!(entry_points(b"[console_scripts]\n???\n", "console_scripts").is_err());
    }

    #[test]
    fn where_a_distribution_came_from_is_read_as_pip_of_any_age_wrote_it() {
        let hash = "AB".repeat(32);
        let archive = DirectUrl::Archive {
            url: "file:///x-1.whl".to_owned(),
            sha256: Some(hash.to_lowercase()),
            subdirectory: None,
        };
        let old = format!(r#"{{"archive_info": {{"hash": "sha256={hash}"}}, "url": "file:///x-1.whl"}}"#);
        let new = format!(r#"{{"archive_info": {{"hashes": {{"sha256": "{hash}"}}}}, "url": "file:///x-1.whl"}}"#);
        assert_eq!(direct_url(old.as_bytes()), Some(archive.clone()));
        assert_eq!(direct_url(new.as_bytes()), Some(archive));
        let text = br#"{"vcs_info": {"vcs": "git", "commit_id": "a1"}, "url": "ssh://git@h/x", "subdirectory": "d"}"#;
        let (url, subdirectory) = ("git+ssh://git@h/x@a1".to_owned(), Some("d".to_owned()));
        assert_eq!(direct_url(text), Some(DirectUrl::Repository { url, subdirectory }));
        let text = br#"{"dir_info": {"editable": true}, "url": "file:///x"}"#;
        assert_eq!(direct_url(text), Some(DirectUrl::Directory { url: "file:///x".to_owned() }));
    }

    #[test]
    fn an_address_that_is_none_or_needs_a_password_tells_nothing() {
        let archive = |url: &str| format!(r#"{{"archive_info": {{}}, "url": "{url}"}}"#);
        assert!(direct_url(archive("https://h/x.whl").as_bytes()).is_some());
        for url in
            ["--index-url=https://h", "https://me:secret@h/x", "https://${T}@h/x", "https://h/x y", "https://h/#a"]
        {
            assert_eq!(direct_url(archive(url).as_bytes()), None, "{url}");
        }
        assert_eq!(direct_url(br#"{"archive_info": {"hash": "sha256=ab"}, "url": "file:///x"}"#), None);
        assert_eq!(direct_url(br#"{"url": "file:///x"}"#), None);
        assert_eq!(direct_url(b"{"), None);
    }

    proptest! {
        #[test]
        fn no_input_makes_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(metadata(&bytes));
            drop(requires_txt(&bytes));
            drop(entry_points(&bytes, "console_scripts"));
            let _ = direct_url(&bytes);
        }
    }
}
