//! What one thread of the engine does: taking files, opening them, reading them to the end, and seeing whether they
//! changed meanwhile.

use super::throttle::Throttle;
use super::{Engine, Files, LARGE, Queue, Task};
use crate::io::disk::{Directory, io_failure, look_at_file, read_on};
use crate::live::lanes::{Feed, Stream};
use crate::model::captured::Captured;
use crate::model::content::Digest;
use crate::model::hasher::Hasher;
use crate::model::manifest::CAPTURE_LIMIT;
use crate::model::observation::{Failure, SeenContent};
use crate::model::path::TargetPath;
use crate::model::secrecy::redacted;
use std::fs::File;
use std::sync::atomic::Ordering;

/// How much is read at once into a buffer for all hashers.
const CHUNK: usize = 256 << 10;

/// One thread at one queue.
pub(super) struct Reader<'a, F> {
    engine: &'a Engine<'a, F>,
    queue: &'a Queue,
    unit: std::slice::Iter<'a, u32>,
    /// The directory of the last file.
    directory: Option<(&'a [u8], Directory)>,
    /// Is called whenever a unit was taken.
    taken: &'a dyn Fn(),
    /// How much was read since the last unit was taken.
    bytes: u64,
    /// How many large files are being read.
    large: usize,
}

/// A file that is being read.
pub(super) struct OpenFile<'a> {
    index: usize,
    file: File,
    task: Task<'a>,
    /// How much was read.
    read: u64,
    throttle: Option<&'a Throttle>,
}

impl Stream for OpenFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        // A file that says it is empty may not be (proc(5)); any other ends where it says, or it changes.
        if self.read >= self.task.size && self.read > 0 {
            return Ok(0);
        }
        let most = self.throttle.map_or(buffer.len(), |throttle| throttle.most().min(buffer.len()));
        loop {
            match read_on(&self.file, &mut buffer[..most]) {
                Ok(count) => {
                    self.read += count as u64;
                    if let Some(throttle) = self.throttle {
                        throttle.pass(count as u64);
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // Of what is no file any more, nothing else is of interest.
                    look_at_file(&self.file)?;
                    return Err(io_failure(&error));
                }
            }
        }
    }

    fn length(&self) -> u64 {
        self.task.size
    }
}

impl OpenFile<'_> {
    /// Whether it is what it was when it was listed, and all of it was read. One look is enough: it lasts from the
    /// listing to the end of reading. What changed is a moving target, and said so: read again it would not be the file
    /// that was listed.
    fn is_still_the_same(&self) -> Result<(), Failure> {
        if !self.task.watched {
            return Ok(());
        }
        let after = look_at_file(&self.file)?;
        let same = (after.size, after.mtime) == (self.task.size, self.task.mtime) && self.read == after.size;
        if same { Ok(()) } else { Err(Failure { errno: 0, text: "it changed while it was read".into() }) }
    }
}

impl<'a, F: Files> Reader<'a, F> {
    pub(super) fn new(engine: &'a Engine<'a, F>, queue: &'a Queue, taken: &'a dyn Fn()) -> Self {
        Self { engine, queue, unit: [].iter(), directory: None, taken, bytes: 0, large: 0 }
    }

    /// The next file that can be opened. Those that cannot are done.
    fn next(&mut self) -> Option<OpenFile<'a>> {
        loop {
            let Some(index) = self.unit.next() else {
                self.count();
                let threads = self.engine.threads.load(Ordering::Relaxed);
                self.unit = self.queue.take(self.engine.files, self.large, threads).iter();
                if self.unit.len() == 0 {
                    return None;
                }
                (self.taken)();
                continue;
            };
            let index = *index as usize;
            match self.open(index) {
                Ok(file) => {
                    self.large += usize::from(file.task.size >= LARGE);
                    return Some(file);
                }
                Err(failure) => {
                    let size = self.engine.files.task(index).size;
                    self.finish(index, size, SeenContent::Failed(failure));
                }
            }
        }
    }

    /// Adds what was read to the engine's sum, which all threads share: not at every file.
    fn count(&mut self) {
        self.engine.bytes.fetch_add(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }

    fn open(&mut self, index: usize) -> Result<OpenFile<'a>, Failure> {
        let engine = self.engine;
        let task = engine.files.task(index);
        if self.directory.as_ref().is_none_or(|(path, _)| *path != task.directory) {
            let gone = || Failure { errno: 2, text: "its directory is gone".into() };
            let directory = engine.root.open_directory(&TargetPath::new(task.directory))?.ok_or_else(gone)?;
            self.directory = Some((task.directory, directory));
        }
        let (_, directory) = self.directory.as_ref().expect("it was just opened");
        let file = directory.open_file(task.name)?;
        Ok(OpenFile { index, file, task, read: 0, throttle: engine.throttle })
    }

    /// A file that was opened is done.
    fn close(&mut self, file: &OpenFile<'_>, content: Result<SeenContent, Failure>) {
        self.bytes += file.read;
        self.large -= usize::from(file.task.size >= LARGE);
        self.finish(file.index, file.task.size, content.unwrap_or_else(SeenContent::Failed));
    }

    fn finish(&self, index: usize, size: u64, content: SeenContent) {
        self.engine.monitor.advance(size);
        self.engine.files.done(index, content);
    }

    /// Files one after the other, each once through all its hashers.
    pub(super) fn read_each(&mut self) {
        let mut buffer = vec![0; CHUNK];
        while let Some(mut file) = self.next() {
            let content = read_to_end(&mut file, &mut buffer);
            self.close(&file, content);
        }
    }
}

impl<F> Drop for Reader<'_, F> {
    fn drop(&mut self) {
        self.engine.bytes.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

fn read_to_end(file: &mut OpenFile<'_>, buffer: &mut [u8]) -> Result<SeenContent, Failure> {
    let mut hashers: Vec<Hasher> =
        file.task.algorithms.iter().map(|algorithm| Hasher::new(algorithm, file.task.size)).collect();
    let mut captured = file.task.capture.then(|| room_for(file.task.size));
    loop {
        let count = file.read(buffer)?;
        if count == 0 {
            break;
        }
        for hasher in &mut hashers {
            hasher.update(&buffer[..count]);
        }
        if let Some(bytes) = &mut captured {
            bytes.extend_from_slice(&buffer[..count]);
        }
    }
    file.is_still_the_same()?;
    let digests = hashers.into_iter().map(Hasher::finish).collect();
    Ok(content(file.task.name, digests, captured))
}

/// Room for the bytes of a file that are kept: small ones only, and of what its size was.
pub(in crate::live) fn room_for(size: u64) -> Vec<u8> {
    Vec::with_capacity(usize::try_from(size.min(CAPTURE_LIMIT)).unwrap_or_default())
}

/// What is kept of a file that was read to the end.
pub(in crate::live) fn content(name: &[u8], digests: Vec<Digest>, captured: Option<Vec<u8>>) -> SeenContent {
    // buildout notes the options of its parts, passwords among them: they stay on the host.
    let keep = |bytes: Vec<u8>| if name.ends_with(b".cfg") { redacted(&bytes) } else { bytes };
    SeenContent::Read { digests, captured: captured.map(keep).map(Captured::from), closer: None }
}

/// Files for the lanes, which read many at once.
pub(super) struct InLanes<'a, F> {
    reader: Reader<'a, F>,
}

impl<'a, F: Files> InLanes<'a, F> {
    pub(super) fn new(reader: Reader<'a, F>) -> Self {
        Self { reader }
    }
}

impl<'a, F: Files> Feed<OpenFile<'a>> for InLanes<'a, F> {
    fn next(&mut self) -> Option<OpenFile<'a>> {
        self.reader.next()
    }

    fn done(&mut self, file: OpenFile<'a>, result: Result<Digest, Failure>) {
        let content = result.and_then(|digest| {
            file.is_still_the_same()?;
            Ok(SeenContent::Read { digests: vec![digest], captured: None, closer: None })
        });
        self.reader.close(&file, content);
    }
}
