//! Byte code of Python in the place of another file: it tells itself which source it was made of.
//!
//! Takes bytes; gives the paths of sources that they may name. Byte code is derived and nobody keeps its digest, so a file
//! that got the content of one could not be recognised otherwise. A `.pyc` begins with a magic number whose last two
//! bytes are CR and LF, then flags (PEP 552); the path of the source is a string in it (`co_filename`).

use crate::model::path::TargetPath;
use memchr::memmem;

/// How many names are looked at.
const NAMES: usize = 64;

/// The longest path, in bytes (`PATH_MAX`).
const LONGEST: usize = 4096;

/// The sources that the content names, if it looks like byte code.
pub fn sources(content: &[u8]) -> Vec<TargetPath> {
    let is_byte_code = content.get(2..4) == Some(b"\r\n") && content.get(5..8) == Some(&[0, 0, 0]) && content[4] <= 3;
    if !is_byte_code {
        return Vec::new();
    }
    memmem::find_iter(content, b".py").take(NAMES).filter_map(|at| path_before(content, at + 3)).collect()
}

/// The absolute path that ends at `end`.
fn path_before(content: &[u8], end: usize) -> Option<TargetPath> {
    let from = end.saturating_sub(LONGEST);
    let run = content[from..end].iter().rposition(|byte| !(0x20..0x7f).contains(byte)).map_or(from, |at| from + at + 1);
    let slash = memchr::memchr(b'/', &content[run..end])?;
    Some(TargetPath::new(&content[run + slash..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_code_names_its_source() {
        let mut bytes = b"\xa7\x0d\x0d\x0a\0\0\0\0\x11\x22\x33\x44\x55\0\0\0\xe3\0\0\0\0z".to_vec();
        bytes.extend(b"\x13/srv/lib/module.py\xda\x08<module>");
        assert_eq!(sources(&bytes), [TargetPath::new("/srv/lib/module.py")]);
        assert_eq!(sources(b"#!/bin/sh\n/srv/lib/module.py\n"), []);
    }
}
