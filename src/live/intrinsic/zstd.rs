//! Zstandard (RFC 8878): frames, and their checksums where they have one, by unpacking.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::is_named;
use crate::live::subject::Subject;
use crate::live::unpack::drain;
use crate::model::path::TargetPath;
use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use std::io::{BufRead, Read};

/// Zstandard files.
pub struct Zstd;

const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";

impl Check for Zstd {
    fn name(&self) -> &'static str {
        "zstd"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Checksum
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        head.starts_with(MAGIC) || is_named(path, &["zst", "tzst"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        if !file.head().starts_with(MAGIC) {
            return Verdict::undecided("it is named as Zstandard and does not begin as one");
        }
        frames(file).unwrap_or_else(|verdict| verdict)
    }
}

fn frames(file: &Subject<'_>) -> Result<Verdict, Verdict> {
    let mut input = file.stream();
    let mut total = 0;
    let mut decoder = FrameDecoder::new();
    loop {
        let Ok(rest) = input.fill_buf() else { return Err(Verdict::undecided("it cannot be read")) };
        if rest.is_empty() {
            return Ok(Verdict::Consistent);
        }
        match StreamingDecoder::new_with_decoder(&mut input, &mut decoder) {
            Ok(mut frame) => drain(&mut frame, &mut total)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                skip(&mut input, length)?;
                continue;
            }
            Err(error) => return Err(refusal(&error)),
        }
        let (told, made) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
        if told.is_some() && told != made {
            return Err(Verdict::damaged("its content does not agree with its checksum"));
        }
    }
}

fn skip(input: &mut impl Read, length: u32) -> Result<(), Verdict> {
    match std::io::copy(&mut input.take(u64::from(length)), &mut std::io::sink()) {
        Ok(count) if count == u64::from(length) => Ok(()),
        _ => Err(Verdict::damaged("it is cut off")),
    }
}

fn refusal(error: &FrameDecoderError) -> Verdict {
    match error {
        FrameDecoderError::WindowSizeTooBig { .. }
        | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { .. })
        | FrameDecoderError::FailedToInitialize(FrameHeaderError::WindowTooBig { .. }) => {
            Verdict::undecided("it needs more memory to unpack than usual files")
        }
        FrameDecoderError::DictNotProvided { .. } => Verdict::undecided("it needs a dictionary"),
        // Older formats of Zstandard, and padding.
        FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(_)) => {
            Verdict::undecided("something else follows its last frame")
        }
        error => Verdict::damaged(format!("its compressed data are damaged: {error}")),
    }
}
