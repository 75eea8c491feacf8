//! gzip (RFC 1952): every member's CRC-32 and length, by unpacking.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::{is_named, is_text};
use crate::live::subject::Subject;
use crate::live::unpack::drain;
use crate::model::path::TargetPath;
use std::io::{BufRead, Read};

/// gzip files.
pub struct Gzip;

const MAGIC: &[u8] = b"\x1f\x8b";

impl Check for Gzip {
    fn name(&self) -> &'static str {
        "gzip"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Checksum
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        // RFC 1952, 2.3.1: CM 8 is the only method there is.
        head.starts_with(b"\x1f\x8b\x08") || is_named(path, &["gz", "tgz", "svgz"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        if !file.head().starts_with(MAGIC) {
            return without_magic(file);
        }
        members(file).unwrap_or_else(|verdict| verdict)
    }
}

fn without_magic(file: &Subject<'_>) -> Verdict {
    if is_text(file.head()) {
        return Verdict::undecided("it is named as gzip and holds text");
    }
    Verdict::undecided("it is named as gzip and does not begin as one")
}

fn members(file: &Subject<'_>) -> Result<Verdict, Verdict> {
    let mut input = file.stream();
    let mut total = 0;
    loop {
        let mut decoder = flate2::bufread::GzDecoder::new(input);
        drain(&mut decoder, &mut total)?;
        input = decoder.into_inner();
        let Ok(rest) = input.fill_buf() else { return Err(Verdict::undecided("it cannot be read")) };
        if rest.is_empty() {
            return Ok(Verdict::Consistent);
        }
        if !rest.starts_with(&MAGIC[..rest.len().min(2)]) {
            return Ok(after_the_end(input));
        }
    }
}

/// gzip(1) takes zero bytes after the last member as padding and warns of anything else.
fn after_the_end(mut input: impl Read) -> Verdict {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = input.read(&mut buffer) {
        if buffer[..count].iter().any(|&byte| byte != 0) {
            return Verdict::undecided("something else follows its last member");
        }
    }
    Verdict::Consistent
}
