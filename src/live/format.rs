//! What the name of a file says of its format, and so of how its sound content can look.

use crate::model::path::TargetPath;

/// What a sound file of some name can look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text of some encoding, and nothing else.
    Text,
    /// Packed, or machine code: to look random is no sign of damage there.
    Packed,
    /// As [`Format::Packed`], with a binary header: it never begins with text.
    PackedAfterHeader,
    /// A binary header, and then what does not look random.
    Header,
    /// The name tells nothing.
    #[default]
    Open,
}

/// Endings of names that only texts have.
pub const TEXTS: &[&str] = &[
    "c", "cfg", "conf", "css", "csv", "h", "html", "ini", "js", "json", "md", "pl", "pm", "po", "pt", "py", "rb",
    "rst", "service", "sh", "sql", "svg", "toml", "txt", "xml", "yaml", "yml", "zcml",
];

/// Packed formats that may begin with text: with an armour, a list of contents, or a header of lines.
const PACKED: &[&str] = &["a", "bin", "db", "egg", "fs", "gpg", "key", "pdf"];

const PACKED_AFTER_HEADER: &[&str] = &[
    "7z", "bz2", "dll", "exe", "gif", "gz", "ico", "jar", "jpeg", "jpg", "lzo", "o", "png", "pyc", "pyo", "so",
    "sqlite", "tgz", "webp", "whl", "woff", "woff2", "xz", "zip", "zst",
];

/// Catalogues of messages: tables of numbers, then text. Of 45,283 blocks of such files of Debian and Django none looks
/// random.
const HEADER: &[&str] = &["mo"];

impl Format {
    /// Whether a sound file may begin with text.
    pub fn begins_with_text(self) -> bool {
        !matches!(self, Self::PackedAfterHeader | Self::Header)
    }

    /// Whether sound content may look random.
    pub fn is_packed(self) -> bool {
        matches!(self, Self::Packed | Self::PackedAfterHeader)
    }

    /// The format of a file of this name.
    pub fn of(path: &TargetPath) -> Self {
        let name = String::from_utf8_lossy(path.name()).to_ascii_lowercase();
        // Libraries carry their version behind the ending: `libz.so.1.3`.
        let has = |endings: &[&str]| name.split('.').skip(1).any(|part| endings.contains(&part));
        let last = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, last)| last);
        match last {
            Some(last) if TEXTS.contains(&last) => Self::Text,
            Some(last) if HEADER.contains(&last) => Self::Header,
            _ if has(PACKED_AFTER_HEADER) => Self::PackedAfterHeader,
            _ if has(PACKED) => Self::Packed,
            _ => Self::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ending_decides_but_for_versions_of_libraries() {
        for (name, wanted) in [
            ("/lib/libz.so.1.3", Format::PackedAfterHeader),
            ("/lib/django.mo", Format::Header),
            ("/lib/module.py", Format::Text),
            ("/lib/a.so.txt", Format::Text),
            ("/data/Data.fs", Format::Packed),
            ("/etc/TLS.KEY", Format::Packed),
            ("/bin/so", Format::Open),
            ("/etc/.conf", Format::Open),
        ] {
            assert_eq!(Format::of(&TargetPath::new(name)), wanted, "{name}");
        }
    }
}
