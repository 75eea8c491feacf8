//! The journal of a scan as a file: one line for each file that was read, appended while the scan goes on.
//!
//! A file that does not begin as a journal does is somebody's, and is refused untouched. So is a journal of another mode of
//! reading: what memory had must never pass for what the disk has.

use super::{Error, Trouble};
use crate::io::files;
use crate::io::output::{Appender, WriteError};
use crate::live::journal::{Journal, Stamp};
use crate::model::observation::{ReadMode, SeenContent};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
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

/// What was read: by host and path the size, the times of content and inode, and the content.
type Known = BTreeMap<(HostName, TargetPath), (u64, i64, i64, SeenContent)>;

/// A journal of several hosts.
#[derive(Debug)]
pub(super) struct File {
    known: Known,
    appender: Mutex<Appender>,
}

impl File {
    /// Opens the journal of a scan in one mode, which need not be there yet or may be empty. A last line that was cut off is
    /// forgotten.
    ///
    /// # Errors
    /// When it cannot be read or appended to, or holds something else or what was read in another mode.
    pub(super) fn open(path: &Path, read: ReadMode) -> Result<Self, Error> {
        let mut lines = match files::open(path) {
            Ok(file) => Lines { source: BufReader::new(file), path, number: 0, whole: 0, is_cut: false },
            Err(error) if error.missing => return Self::begin(path, read, BTreeMap::new()),
            Err(error) => return Err(Error::new(Trouble::Failed, error.to_string())),
        };
        let first = lines.next()?;
        match MODES.into_iter().find(|mode| first.as_deref() == Some(&head(*mode)[..])) {
            Some(other) if other != read => return Err(of_another_mode(path, other, read)),
            Some(_) => {}
            None if first.is_none() && !lines.is_cut => return Self::begin(path, read, BTreeMap::new()),
            None => return Err(refused(path, "it does not begin like one")),
        }
        let mut known = BTreeMap::new();
        while let Some(line) = lines.next()? {
            let line: Line = serde_json::from_slice(&line)
                .map_err(|error| refused(path, &format!("line {}: {error}", lines.number)))?;
            known.insert((line.host, line.path), (line.size, line.mtime, line.ctime, line.content));
        }
        let mut appender = appender(path)?;
        if lines.is_cut {
            // The line that was cut off must not swallow the next one.
            appender.cut(lines.whole).map_err(failed)?;
        }
        Ok(Self { known, appender: Mutex::new(appender) })
    }

    fn begin(path: &Path, read: ReadMode, known: Known) -> Result<Self, Error> {
        let mut appender = appender(path)?;
        appender.append(&head(read));
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

/// The lines of a journal, one after the other: the file may be larger than memory should be.
struct Lines<'a> {
    source: BufReader<std::fs::File>,
    path: &'a Path,
    /// Of the last line, counted from 1.
    number: usize,
    /// How many bytes the lines have that are whole.
    whole: u64,
    /// Whether the last one has no end.
    is_cut: bool,
}

impl Lines<'_> {
    /// The longest line in bytes: more than what is kept of one file can take.
    const LONGEST: u64 = 64 << 20;

    /// The next line that is whole, with its end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut line = Vec::new();
        let read = (&mut self.source).take(Self::LONGEST).read_until(b'\n', &mut line);
        read.map_err(|error| Error::new(Trouble::Failed, format!("`{}`: {error}", self.path.display())))?;
        if line.is_empty() {
            return Ok(None);
        }
        if !line.ends_with(b"\n") {
            self.is_cut = true;
            return Ok(None);
        }
        self.number += 1;
        self.whole += line.len() as u64;
        Ok(Some(line))
    }
}

fn appender(path: &Path) -> Result<Appender, Error> {
    Appender::open(path).map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error to another")]
fn failed(error: WriteError) -> Error {
    Error::new(Trouble::Failed, error.to_string())
}

fn refused(path: &Path, why: &str) -> Error {
    let what = format!("`{}` is no journal of a scan: {why}", path.display());
    Error::new(Trouble::Failed, what).hint("remove it to begin the scan anew, or name another file")
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
