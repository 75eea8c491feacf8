//! xz: the sums of headers, index and blocks, by unpacking.

use super::{Check, Coverage, Verdict};
use crate::live::plausible::is_named;
use crate::live::subject::Subject;
use crate::live::unpack::drain;
use crate::model::path::TargetPath;

/// xz files.
pub struct Xz;

/// Memory of the decoder; `xz -9` needs 65 MiB (xz(1)).
const MEMORY: u64 = 256 << 20;
const MAGIC: &[u8] = b"\xfd7zXZ\0";

impl Check for Xz {
    fn name(&self) -> &'static str {
        "xz"
    }

    fn coverage(&self) -> Coverage {
        Coverage::Checksum
    }

    fn applies(&self, path: &TargetPath, head: &[u8]) -> bool {
        head.starts_with(MAGIC) || is_named(path, &["xz", "txz"])
    }

    fn check(&self, file: &Subject<'_>) -> Verdict {
        if !file.head().starts_with(MAGIC) {
            return Verdict::undecided("it is named as xz and does not begin as one");
        }
        let Ok(stream) = liblzma::stream::Stream::new_stream_decoder(MEMORY, liblzma::stream::CONCATENATED) else {
            return Verdict::undecided("there is no memory to unpack it");
        };
        let mut decoder = Limited(liblzma::bufread::XzDecoder::new_stream(file.stream(), stream), None);
        match drain(&mut decoder, &mut 0) {
            Ok(()) => Verdict::Consistent,
            Err(verdict) => decoder.1.map_or(verdict, Verdict::undecided),
        }
    }
}

/// Tells what the decoder cannot do from what is damaged.
struct Limited<R>(R, Option<&'static str>);

impl<R: std::io::Read> std::io::Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer).inspect_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<liblzma::stream::Error>());
            self.1 = match inner {
                Some(liblzma::stream::Error::MemLimit | liblzma::stream::Error::Mem) => {
                    Some("it needs more memory to unpack than any usual file")
                }
                Some(liblzma::stream::Error::Options | liblzma::stream::Error::UnsupportedCheck) => {
                    Some("it uses a filter or a check that is not known")
                }
                _ => None,
            };
        })
    }
}
