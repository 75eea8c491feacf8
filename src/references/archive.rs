//! The members of an archive with their digests: tar (plain, gzip, bzip2, xz) and zip.
//!
//! Takes a file of a live tree; gives an [`Archive`]. Streams: nothing is written, and memory is bounded by the number
//! and length of names. The file may be damaged or hostile; then the members before the damage are listed and
//! [`Archive::broken`] says what is wrong. Checksums of the format (zip CRC, gzip CRC, xz check, tar header sum) and the
//! end marks are all verified, so an archive that is not broken was read to its end.
//!
//! Names are as the usual extractors make them: a leading slash is dropped, `.` and doubled slashes too (GNU tar,
//! Python's `zipfile` and `tarfile`). A name with `..` is refused.

use crate::io::disk::{LiveRoot, io_failure};
use crate::model::content::{Algorithm, Blob, Digest};
use crate::model::hasher::Hasher;
use crate::model::observation::{Archive, Kind, Member};
use crate::model::path::TargetPath;
use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::rc::Rc;

/// The most uncompressed bytes that are read of one archive.
const TOTAL: u64 = 8 << 30;
/// The most members.
const MEMBERS: usize = 1_000_000;
/// The most bytes of all names together.
const NAMES: usize = 256 << 20;
/// The longest name or link target: `PATH_MAX` (`linux/limits.h`).
const NAME: usize = 4096;
/// What the headers of one tar member may take, long names and pax records included.
const HEADERS: u64 = 1 << 20;
/// Memory of the xz decoder; `xz -9` needs 65 MiB (xz(1)).
const XZ_MEMORY: u64 = 256 << 20;

/// What stops the listing.
type Reason = String;

/// The members of the archive at a path.
pub fn list(root: &LiveRoot, path: &TargetPath) -> Archive {
    let mut listing = Listing::default();
    let broken = match root.open_file(path) {
        Ok(file) => read(file, path, &mut listing).err(),
        Err(failure) => Some(format!("it cannot be read: {}", failure.text)),
    };
    Archive { broken: broken.or(listing.refused), members: listing.members }
}

fn read(file: File, path: &TargetPath, listing: &mut Listing) -> Result<(), Reason> {
    let size = file.metadata().map_err(|error| text(&error))?.len();
    let limit = size.saturating_mul(1000).saturating_add(100 << 20).min(TOTAL);
    let mut file = BufReader::with_capacity(64 << 10, file);
    let start = file.fill_buf().map_err(|error| text(&error))?.to_vec();
    let name = path.name().to_ascii_lowercase();
    let zip_name = [&b".zip"[..], b".egg", b".whl", b".jar"].iter().any(|extension| name.ends_with(extension));
    if start.starts_with(b"PK") || zip_name {
        read_zip(file, limit, listing)
    } else if start.starts_with(b"\x1f\x8b") {
        read_tar(flate2::bufread::MultiGzDecoder::new(file), limit, listing)
    } else if start.starts_with(b"BZh") {
        read_tar(bzip2::bufread::MultiBzDecoder::new(file), limit, listing)
    } else if start.starts_with(b"\xfd7zXZ\0") {
        let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED);
        let stream = stream.map_err(|error| format!("no memory to decompress it: {error}"))?;
        read_tar(liblzma::bufread::XzDecoder::new_stream(file, stream), limit, listing)
    } else {
        read_tar(file, limit, listing)
    }
}

/// What was found so far.
#[derive(Default)]
struct Listing {
    members: Vec<Member>,
    /// The first thing that was wrong without stopping the listing.
    refused: Option<Reason>,
    names: usize,
    /// Bytes of content so far.
    content: u64,
}

impl Listing {
    fn refuse(&mut self, reason: Reason) {
        self.refused.get_or_insert(reason);
    }

    /// The normalised form of a member's name; `None` for the archive's root and for names that are refused.
    fn name(&mut self, raw: &[u8]) -> Result<Option<Blob>, Reason> {
        if self.members.len() >= MEMBERS {
            return Err(format!("it has more than {MEMBERS} members"));
        }
        self.names += raw.len();
        if self.names > NAMES {
            return Err("its names alone are larger than any real archive's".into());
        }
        match normalise(raw) {
            Ok(name) if name.0.is_empty() => Ok(None),
            Ok(name) => Ok(Some(name)),
            Err(reason) => {
                self.refuse(reason);
                Ok(None)
            }
        }
    }

    /// Reads content to its end, within the limit.
    fn digest(&mut self, content: &mut impl Read, limit: u64) -> Result<(Digest, u64), Reason> {
        let mut hasher = Hasher::new(Algorithm::Sha256, 0);
        let mut buffer = vec![0; 64 << 10];
        let mut length = 0_u64;
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(text(&error)),
            };
            hasher.update(&buffer[..count]);
            length += count as u64;
            self.content += count as u64;
            if self.content > limit {
                return Err(too_large(limit));
            }
        }
        Ok((hasher.finish(), length))
    }
}

fn text(error: &std::io::Error) -> Reason {
    io_failure(error).text
}

fn too_large(limit: u64) -> Reason {
    format!("it unpacks to more than {limit} bytes, which is no honest size for it")
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(200)]).into_owned()
}

fn normalise(raw: &[u8]) -> Result<Blob, Reason> {
    if raw.len() > NAME {
        return Err(format!("the name `{}…` is longer than a path can be", shown(raw)));
    }
    if raw.contains(&0) {
        return Err(format!("the name `{}` holds a NUL byte", shown(raw).replace('\0', "␀")));
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in raw.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(format!("`{}` would be written outside the archive's directory", shown(raw))),
            name => parts.push(name),
        }
    }
    Ok(Blob(parts.join(&b'/')))
}

/// Counts what a tar reader takes, and stops it: headers are read into memory by the `tar` crate, whatever they claim
/// to be long.
struct Metered<R> {
    inner: R,
    meter: Rc<Meter>,
}

struct Meter {
    /// Bytes that may still be read before the next member's content.
    headers: Cell<u64>,
    /// Whether headers are being read.
    in_headers: Cell<bool>,
    /// Bytes that may still be read at all.
    total: Cell<u64>,
    /// How many zero bytes were read last.
    zeros: Cell<u64>,
    /// Whether anything but zeros was read.
    any: Cell<bool>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let meter = &self.meter;
        let left = if meter.in_headers.get() { meter.total.get().min(meter.headers.get()) } else { meter.total.get() };
        if left == 0 && !buffer.is_empty() {
            let what =
                if meter.total.get() == 0 { "it unpacks to no honest size" } else { "a header of absurd length" };
            return Err(std::io::Error::other(what));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.inner.read(&mut buffer[..most])?;
        let read = count as u64;
        meter.total.set(meter.total.get().saturating_sub(read));
        if meter.in_headers.get() {
            meter.headers.set(meter.headers.get().saturating_sub(read));
        }
        let bytes = &buffer[..count];
        match bytes.iter().rposition(|&byte| byte != 0) {
            Some(last) => {
                meter.any.set(true);
                meter.zeros.set((count - last - 1) as u64);
            }
            None => meter.zeros.set(meter.zeros.get() + read),
        }
        Ok(count)
    }
}

fn read_tar(stream: impl Read, limit: u64, listing: &mut Listing) -> Result<(), Reason> {
    let meter = Rc::new(Meter {
        headers: Cell::new(0),
        in_headers: Cell::new(true),
        total: Cell::new(limit),
        zeros: Cell::new(0),
        any: Cell::new(false),
    });
    let mut archive = tar::Archive::new(Metered { inner: stream, meter: Rc::clone(&meter) });
    let mut known = HashMap::new();
    let mut entries = archive.entries().map_err(|error| text(&error))?;
    loop {
        meter.headers.set(HEADERS);
        meter.in_headers.set(true);
        let Some(entry) = entries.next() else { break };
        meter.in_headers.set(false);
        let entry = entry.map_err(|error| text(&error))?;
        read_tar_member(entry, limit, listing, &mut known)?;
    }
    if !meter.any.get() {
        return Err("it holds nothing but zero bytes".into());
    }
    // POSIX `pax`: the archive ends with two blocks of 512 zero bytes. The `tar` crate also takes a plain end.
    if meter.zeros.get() < 512 {
        return Err("it ends without the mark of its end: cut off".into());
    }
    // Read on to the end, where the compression's checksum is; what follows the mark must be padding.
    let mut rest = archive.into_inner();
    rest.meter.in_headers.set(false);
    let before = rest.meter.zeros.get();
    let mut buffer = vec![0; 64 << 10];
    let mut padding = 0_u64;
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => padding += count as u64,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(text(&error)),
        }
    }
    if rest.meter.zeros.get() < before.saturating_add(padding) {
        return Err("there is more after the mark of its end: zeroed in the middle, or two archives in one".into());
    }
    Ok(())
}

/// Digests and sizes by name, for hard links.
type Known = HashMap<Blob, (Option<Digest>, Option<u64>)>;

fn read_tar_member(
    mut entry: tar::Entry<'_, impl Read>,
    limit: u64,
    listing: &mut Listing,
    known: &mut Known,
) -> Result<(), Reason> {
    let raw = entry.path_bytes().into_owned();
    let sparse = match entry.pax_extensions() {
        Ok(Some(mut records)) => {
            records.any(|record| record.is_ok_and(|record| record.key_bytes().starts_with(b"GNU.sparse.")))
        }
        Ok(None) => false,
        Err(error) => return Err(text(&error)),
    };
    let size = entry.size();
    let mode = entry.header().mode().map_err(|error| text(&error))? & 0o7777;
    let entry_type = entry.header().entry_type();
    let kind = match entry_type {
        tar::EntryType::Regular | tar::EntryType::Continuous if raw.ends_with(b"/") => Kind::Directory,
        tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse | tar::EntryType::Link => {
            Kind::File
        }
        tar::EntryType::Directory => Kind::Directory,
        tar::EntryType::Symlink => Kind::Link,
        tar::EntryType::Fifo => Kind::Fifo,
        tar::EntryType::Char | tar::EntryType::Block => Kind::Device,
        // Records about the archive itself (pax global headers as `git archive` writes them, volume labels).
        _ => return listing.digest(&mut entry, limit).map(|_| ()),
    };
    let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
    let (digest, length) = listing.digest(&mut entry, limit)?;
    if length != size && !entry_type.is_gnu_sparse() {
        return Err(format!("`{}` is cut off after {length} of {size} bytes", shown(&raw)));
    }
    let Some(path) = listing.name(&raw)? else { return Ok(()) };
    let mut member = Member { path, kind, mode, digest: None, size: None, target: None };
    if entry_type.is_hard_link() {
        let name = normalise(target.as_deref().unwrap_or_default());
        match name.ok().and_then(|name| known.get(&name).cloned()) {
            Some((digest, size)) => (member.digest, member.size) = (digest, size),
            None => listing.refuse(format!("`{}` is a hard link to what is not in the archive", shown(&raw))),
        }
    } else if kind == Kind::File && sparse {
        listing.refuse(format!("`{}` is sparse in a way that is not understood", shown(&raw)));
    } else if kind == Kind::File {
        (member.digest, member.size) = (Some(digest), Some(length));
    } else if kind == Kind::Link {
        let target = target.unwrap_or_default();
        if target.len() > NAME {
            return Err(format!("the link `{}` has a target longer than a path can be", shown(&raw)));
        }
        member.target = Some(Blob(target));
    }
    if kind == Kind::File {
        known.insert(member.path.clone(), (member.digest.clone(), member.size));
    }
    listing.members.push(member);
    Ok(())
}

fn read_zip(file: impl Read + Seek, limit: u64, listing: &mut Listing) -> Result<(), Reason> {
    let mut archive = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
    for index in 0..archive.len() {
        let name = archive.name_for_index(index).and_then(Result::ok).unwrap_or_default().into_owned();
        match archive.by_index(index) {
            Ok(mut member) => read_zip_member(&mut member, limit, listing)?,
            // Each member can be reached on its own, so the others are still listed.
            Err(error) => listing.refuse(format!("member `{}`: {error}", shown(name.as_bytes()))),
        }
        if listing.members.len() >= MEMBERS {
            return Err(format!("it has more than {MEMBERS} members"));
        }
    }
    Ok(())
}

/// File type bits of `st_mode` (inode(7)).
const S_IFMT: u32 = 0o170_000;
const S_IFLNK: u32 = 0o120_000;

fn read_zip_member(
    member: &mut zip::read::ZipFile<'_, impl Read>,
    limit: u64,
    listing: &mut Listing,
) -> Result<(), Reason> {
    let raw = member.name_raw().to_vec();
    let Some(path) = listing.name(&raw)? else { return Ok(()) };
    let unix = member.unix_mode();
    let kind = match unix {
        _ if raw.ends_with(b"/") => Kind::Directory,
        Some(mode) if mode & S_IFMT == S_IFLNK => Kind::Link,
        _ => Kind::File,
    };
    // Archives from other systems tell no mode; extractors then leave it to the umask.
    let default = if kind == Kind::Directory { 0o755 } else { 0o644 };
    let mode = unix.map_or(default, |mode| mode & 0o7777);
    let mut found = Member { path, kind, mode, digest: None, size: None, target: None };
    match kind {
        Kind::File => match listing.digest(member, limit) {
            Ok((digest, length)) if length == member.size() => {
                (found.digest, found.size) = (Some(digest), Some(length));
            }
            Ok((_, length)) => {
                listing.refuse(format!("`{}` is cut off after {length} of {} bytes", shown(&raw), member.size()));
            }
            Err(reason) if listing.content > limit => return Err(reason),
            Err(reason) => listing.refuse(format!("member `{}`: {reason}", shown(&raw))),
        },
        Kind::Link => {
            let mut target = Vec::new();
            let end = NAME as u64 + 1;
            match member.by_ref().take(end).read_to_end(&mut target) {
                Ok(length) if length <= NAME => found.target = Some(Blob(target)),
                Ok(_) => listing.refuse(format!("the link `{}` has a target longer than a path can be", shown(&raw))),
                Err(error) => listing.refuse(format!("member `{}`: {error}", shown(&raw))),
            }
        }
        Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Device => {}
    }
    listing.members.push(found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::output::write_atomically;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn listed(name: &str, bytes: &[u8]) -> Archive {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_atomically(&directory.path().join(name), bytes).expect("it can be written");
        list(&LiveRoot::open(directory.path()).expect("it was just made"), &TargetPath::new(name))
    }

    /// A sound archive with a file, a directory, links and a long name.
    fn tar_bytes() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |name: &str, entry_type, link: Option<&str>, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(entry_type);
            header.set_mode(0o755);
            header.set_size(content.len() as u64);
            match link {
                Some(target) => builder.append_link(&mut header, name, target).expect("it can be added"),
                None => builder.append_data(&mut header, name, content).expect("it can be added"),
            }
        };
        add("app/", tar::EntryType::Directory, None, b"");
        add("app/file", tar::EntryType::Regular, None, b"content\n");
        add("app/hard", tar::EntryType::Link, Some("app/file"), b"");
        add("app/soft", tar::EntryType::Symlink, Some("../elsewhere"), b"");
        add(&format!("app/{}", "long".repeat(60)), tar::EntryType::Regular, None, &[7; 1500]);
        builder.into_inner().expect("it can be finished")
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn zip_bytes() -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        writer.start_file("app/file", options).expect("it can be added");
        writer.write_all(&b"content\n".repeat(50)).expect("memory takes it");
        writer.add_symlink("app/soft", "file", options).expect("it can be added");
        writer.finish().expect("it can be finished").into_inner()
    }

    #[test]
    fn a_tar_is_listed_with_links_and_long_names() {
        let archive = listed("a.tar", &tar_bytes());
        assert_eq!(archive.broken, None);
        let kinds: Vec<Kind> = archive.members.iter().map(|member| member.kind).collect();
        assert_eq!(kinds, [Kind::Directory, Kind::File, Kind::File, Kind::Link, Kind::File]);
        assert_eq!(archive.members[1].digest, archive.members[2].digest);
        assert_eq!(archive.members[3].target, Some("../elsewhere".into()));
        assert_eq!(archive.members[4].path.0.len(), 244);
        assert_eq!(listed("a.tar.gz", &gz(&tar_bytes())), archive);
    }

    #[test]
    fn names_that_leave_the_archive_are_refused_and_the_others_listed() {
        let mut bytes = tar_bytes();
        // `app/file` becomes `../file`, with the right header sum: a - . = 0x33, p - . = 0x42, p - / = 0x41.
        let at = bytes.windows(8).position(|part| part == b"app/file").expect("it is there");
        bytes[at..at + 8].copy_from_slice(b"../../fi");
        let header = at;
        bytes[header + 148..header + 156].fill(b' ');
        let sum: u32 = bytes[header..header + 512].iter().map(|&byte| u32::from(byte)).sum();
        bytes[header + 148..header + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let archive = listed("a.tar", &bytes);
        assert!(archive.broken.as_deref().is_some_and(|reason| reason.contains("outside")), "{:?}", archive.broken);
        assert_eq!(archive.members.len(), 4);
        assert_eq!(normalise(b"/etc//./passwd"), Ok("etc/passwd".into()));
    }

    #[test]
    fn a_tar_that_is_cut_off_at_any_block_is_broken() {
        let bytes = tar_bytes();
        let end = bytes.len() - 512 * 2;
        for length in (0..end).step_by(512) {
            assert!(listed("a.tar", &bytes[..length]).broken.is_some(), "cut to {length} bytes");
        }
    }

    #[test]
    fn a_tar_with_zeroed_blocks_is_broken() {
        let mut bytes = tar_bytes();
        bytes[512..1536].fill(0);
        assert!(listed("a.tar", &bytes).broken.is_some());
        assert_eq!(listed("a.tar", &[0; 10_240]).broken.as_deref(), Some("it holds nothing but zero bytes"));
    }

    #[test]
    fn any_changed_byte_of_a_gzip_that_changes_content_is_found() {
        let sound = gz(&tar_bytes());
        let whole = listed("a.tar.gz", &sound);
        // From 10 on: the header's time, flags and system are covered by no checksum (RFC 1952).
        for at in (10..sound.len()).step_by(7) {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x10;
            // A back reference to other bytes that are the same changes nothing.
            let archive = listed("a.tar.gz", &bytes);
            assert!(archive.broken.is_some() || archive == whole, "byte {at}");
        }
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let mut header = tar::Header::new_gnu();
        header.set_path("zeros").expect("a short name");
        header.set_mode(0o644);
        header.set_size(20 << 20);
        header.set_cksum();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(header.as_bytes()).expect("memory takes it");
        for _ in 0..20 {
            encoder.write_all(&vec![0; 1 << 20]).expect("memory takes it");
        }
        let inner = encoder.finish().expect("memory takes it");
        let limit = 2 << 20;
        let result = read_tar(flate2::read::MultiGzDecoder::new(&inner[..]), limit, &mut Listing::default());
        let reason = result.expect_err("it is too large");
        assert!(reason.contains("honest size"), "{reason}");
    }

    #[test]
    fn a_name_of_absurd_length_is_not_read_into_memory() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_path("././@LongLink").expect("a short name");
        header.set_size(64 << 20);
        header.set_cksum();
        let stream = header.as_bytes().chain(std::io::repeat(b'x'));
        let result = read_tar(stream, TOTAL, &mut Listing::default());
        let reason = result.expect_err("it is too long");
        assert!(reason.contains("absurd length"), "{reason}");
    }

    #[test]
    fn a_damaged_zip_member_hides_no_other() {
        let archive = listed("a.zip", &zip_bytes());
        assert_eq!(archive.broken, None);
        assert_eq!(archive.members[1].target, Some("file".into()));
        let mut bytes = zip_bytes();
        let at = bytes.windows(8).position(|part| part == b"app/file").expect("it is there");
        bytes[at + 12] ^= 0xff;
        let archive = listed("a.zip", &bytes);
        assert!(archive.broken.as_deref().is_some_and(|reason| reason.contains("app/file")), "{:?}", archive.broken);
        assert_eq!(archive.members.len(), 2);
        assert_eq!(archive.members[0].digest, None);
    }

    fn sound(kind: u8) -> (&'static str, Vec<u8>) {
        match kind {
            0 => ("a.tar", tar_bytes()),
            1 => ("a.tar.gz", gz(&tar_bytes())),
            _ => ("a.zip", zip_bytes()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_make_it_panic(kind in 0..4usize, bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let magic: &[u8] = [&b""[..], b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0"][kind];
            listed("a.tar", &[magic, &bytes].concat());
            listed("a.zip", &bytes);
        }

        #[test]
        fn no_change_of_a_sound_archive_makes_it_panic(
            kind in 0..3u8,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let (name, mut bytes) = sound(kind);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            listed(name, &bytes);
            bytes.truncate(cut.index(bytes.len()));
            listed(name, &bytes);
        }
    }
}
