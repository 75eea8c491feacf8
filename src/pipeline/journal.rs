//! The journal of a scan as a file: one line for each file that was read, appended while the scan goes on.
//!
//! A file that does not begin as a journal does is somebody's, and is refused untouched. So is a journal of another mode of
//! reading: what memory had must never pass for what the disk has.

use super::{Error, Trouble};
use crate::io::files;
use crate::io::output::Appender;
use crate::live::journal::{Journal, Stamp};
use crate::model::observation::{ReadMode, SeenContent};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

/// The modes of reading, each of which has journals of its own.
const MODES: [ReadMode; 3] = [ReadMode::Cached, ReadMode::Direct, ReadMode::Both];

/// The first line: what the file is, and how its files were read.
fn head(read: ReadMode) -> Vec<u8> {
    format!("{{\"rectify\":\"journal\",\"format\":2,\"read\":\"{}\"}}\n", word(read)).into_bytes()
}

/// A mode as the command line has it.
fn word(read: ReadMode) -> &'static str {
    read.argument().unwrap_or("cached")
}

/// One line.
#[derive(Serialize, Deserialize)]
struct Line {
    host: HostName,
    path: TargetPath,
    size: u64,
    mtime: i64,
    ctime: i64,
    content: SeenContent,
}

/// A journal of several hosts.
#[derive(Debug)]
pub(super) struct File {
    known: BTreeMap<(HostName, TargetPath), (u64, i64, i64, SeenContent)>,
    appender: Mutex<Appender>,
}

impl File {
    /// Opens the journal of a scan in one mode, which need not be there yet or may be empty. A last line that was cut off is
    /// forgotten.
    ///
    /// # Errors
    /// When it cannot be read or appended to, or holds something else or what was read in another mode.
    pub(super) fn open(path: &Path, read: ReadMode) -> Result<Self, Error> {
        let bytes = match files::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.missing => Vec::new(),
            Err(error) => return Err(Error::new(Trouble::Failed, error.to_string())),
        };
        let refused = |why: String| {
            let what = format!("`{}` is no journal of a scan: {why}", path.display());
            Error::new(Trouble::Failed, what).hint("remove it to begin the scan anew, or name another file")
        };
        match MODES.into_iter().find(|mode| bytes.starts_with(&head(*mode))) {
            Some(other) if other != read => return Err(of_another_mode(path, other, read)),
            None if !bytes.is_empty() => return Err(refused("it does not begin like one".to_owned())),
            Some(_) | None => {}
        }
        let mut known = BTreeMap::new();
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines = bytes[..whole].split(|&byte| byte == b'\n').enumerate().skip(1);
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let line: Line =
                serde_json::from_slice(line).map_err(|error| refused(format!("line {}: {error}", number + 1)))?;
            known.insert((line.host, line.path), (line.size, line.mtime, line.ctime, line.content));
        }
        let failed = |error: crate::io::output::WriteError| Error::new(Trouble::Failed, error.to_string());
        let mut appender = Appender::open(path).map_err(failed)?;
        if bytes.is_empty() {
            appender.append(&head(read));
        } else if whole < bytes.len() {
            // The line that was cut off must not swallow the next one.
            appender.cut(whole as u64).map_err(failed)?;
        }
        Ok(Self { known, appender: Mutex::new(appender) })
    }

    /// How many files it knows.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// The part of one host.
    pub(super) fn of<'a>(&'a self, host: &'a HostName) -> OfHost<'a> {
        OfHost { file: self, host }
    }
}

fn of_another_mode(path: &Path, other: ReadMode, read: ReadMode) -> Error {
    let (path, other, read) = (path.display(), word(other), word(read));
    let what = format!(
        "`{path}` is the journal of a scan with --read {other}, and this one reads with --read {read}: what was read one way \
         says nothing about the other"
    );
    Error::new(Trouble::Failed, what).hint(format!("go on with --read {other}, or name another file"))
}

/// A journal as one host sees it.
#[derive(Debug)]
pub(super) struct OfHost<'a> {
    file: &'a File,
    host: &'a HostName,
}

impl Journal for OfHost<'_> {
    fn known(&self, file: Stamp<'_>) -> Option<SeenContent> {
        let (size, mtime, ctime, content) = self.file.known.get(&(self.host.clone(), file.path.clone()))?;
        ((*size, *mtime, *ctime) == (file.size, file.mtime, file.ctime)).then(|| content.clone())
    }

    fn note(&self, file: Stamp<'_>, content: &SeenContent) {
        let line = Line {
            host: self.host.clone(),
            path: file.path.clone(),
            size: file.size,
            mtime: file.mtime,
            ctime: file.ctime,
            content: content.clone(),
        };
        let mut bytes = serde_json::to_vec(&line).expect("a line has only text keys");
        bytes.push(b'\n');
        let mut appender = self.file.appender.lock().expect("no thread panics while it appends");
        appender.append(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::content::Algorithm;
    use crate::model::hasher::digest_of;
    use proptest::prelude::*;

    fn content(text: &str) -> SeenContent {
        let digests = vec![digest_of(Algorithm::Sha256, text.as_bytes())];
        SeenContent::Read { digests, captured: None, closer: None }
    }

    #[test]
    fn what_was_noted_is_known_as_long_as_size_and_times_are_the_same() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("journal");
        let (host, at) = (HostName::from("h"), TargetPath::new("/srv/file"));
        let stamp = Stamp { path: &at, size: 5, mtime: 7, ctime: 9 };
        let journal = File::open(&path, ReadMode::Cached).expect("it is made");
        assert_eq!(journal.of(&host).known(stamp), None);
        journal.of(&host).note(stamp, &content("right"));
        drop(journal);
        let journal = File::open(&path, ReadMode::Cached).expect("it is read");
        assert_eq!(journal.of(&host).known(stamp), Some(content("right")));
        assert_eq!(journal.of(&host).known(Stamp { ctime: 10, ..stamp }), None);
        assert_eq!(journal.of(&HostName::from("other")).known(stamp), None);
    }

    #[test]
    fn a_line_that_was_cut_off_is_forgotten_and_does_not_hurt_the_next_one() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("journal");
        let (host, one, two) = (HostName::from("h"), TargetPath::new("/a"), TargetPath::new("/b"));
        let stamp = |path| Stamp { path, size: 5, mtime: 7, ctime: 9 };
        let journal = File::open(&path, ReadMode::Cached).expect("it is made");
        journal.of(&host).note(stamp(&one), &content("one"));
        drop(journal);
        let whole = files::read(&path).expect("it is there");
        crate::io::output::write_atomically(&path, &[&whole[..], &whole[..20]].concat()).expect("it is writable");
        let journal = File::open(&path, ReadMode::Cached).expect("it is read");
        journal.of(&host).note(stamp(&two), &content("two"));
        drop(journal);
        let journal = File::open(&path, ReadMode::Cached).expect("it is read");
        assert_eq!(journal.of(&host).known(stamp(&one)), Some(content("one")));
        assert_eq!(journal.of(&host).known(stamp(&two)), Some(content("two")));
    }

    #[test]
    fn something_else_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("journal");
        let head = head(ReadMode::Cached);
        let damaged = [&head[..], b"{\"host\":1}\n{\"ho"].concat();
        for bytes in [&b"notes\n"[..], b"notes without an end of line", b"{", b"\n", &head[..9], &damaged] {
            crate::io::output::write_atomically(&path, bytes).expect("it is writable");
            let error = File::open(&path, ReadMode::Cached).expect_err("it is no journal");
            assert!(error.what.contains("is no journal of a scan"), "{}", error.what);
            assert_eq!(files::read(&path).expect("it is there"), bytes);
        }
    }

    #[test]
    fn a_journal_of_another_mode_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("journal");
        let (host, at) = (HostName::from("h"), TargetPath::new("/srv/file"));
        let stamp = Stamp { path: &at, size: 5, mtime: 7, ctime: 9 };
        for made in MODES {
            crate::io::output::write_atomically(&path, b"").expect("it is writable");
            let journal = File::open(&path, made).expect("an empty file becomes a journal");
            journal.of(&host).note(stamp, &content("right"));
            drop(journal);
            let before = files::read(&path).expect("it is there");
            for other in MODES.into_iter().filter(|other| *other != made) {
                let error = File::open(&path, other).expect_err("it is of another mode");
                let (said, meant) = (format!("with --read {},", word(made)), format!("with --read {}:", word(other)));
                assert!(error.what.contains(&said) && error.what.contains(&meant), "{}", error.what);
                assert_eq!(files::read(&path).expect("it is there"), before);
            }
            let again = File::open(&path, made).expect("it is of this mode");
            assert_eq!(again.of(&host).known(stamp), Some(content("right")));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(headed: bool, bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let directory = tempfile::tempdir().expect("there is room");
            let path = directory.path().join("journal");
            let bytes = if headed { [&head(ReadMode::Cached)[..], &bytes].concat() } else { bytes };
            crate::io::output::write_atomically(&path, &bytes).expect("it is writable");
            drop(File::open(&path, ReadMode::Cached));
        }
    }
}
