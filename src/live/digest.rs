//! Reading the files that a walk listed: each once, for all digests that anybody needs, by the
//! [`engine`]; and single small files as a whole.

use super::Way;
use crate::io::disk::{LiveRoot, io_failure};
use crate::live::engine::{self, Algorithms, Files, Pace, Task};
use crate::live::journal::Journal;
use crate::model::observation::{Failure, SeenContent};
use crate::model::path::TargetPath;
use std::io::Read;
use std::sync::Mutex;

/// A file and what is wanted of it.
#[derive(Debug, Clone)]
pub(super) struct FileToRead {
    /// Where.
    pub(super) path: TargetPath,
    /// Its size when it was listed.
    pub(super) size: u64,
    /// Its modification time when it was listed.
    pub(super) mtime: i64,
    /// The last change of its inode when it was listed.
    pub(super) ctime: i64,
    /// The digests.
    pub(super) algorithms: Algorithms,
    /// Whether to keep the bytes.
    pub(super) capture: bool,
}

/// Files that were listed, and what was read of them.
struct Listed<'a> {
    files: Vec<FileToRead>,
    journal: Option<&'a dyn Journal>,
    read: Mutex<Vec<(usize, SeenContent)>>,
}

impl Files for Listed<'_> {
    fn count(&self) -> usize {
        self.files.len()
    }

    fn task(&self, index: usize) -> Task<'_> {
        let file = &self.files[index];
        let (path, name) = (file.path.as_bytes(), file.path.name());
        Task {
            directory: &path[..path.len() - name.len()],
            name,
            size: file.size,
            mtime: file.mtime,
            algorithms: file.algorithms,
            capture: file.capture,
            watched: true,
        }
    }

    fn done(&self, index: usize, content: SeenContent) {
        if let Some(journal) = self.journal {
            journal.note(self.files[index].stamp(), &content);
        }
        self.read.lock().expect("no thread panics while it adds").push((index, content));
    }
}

/// Reads all files, by as many threads as the pool has that this runs in.
pub(super) fn read_all(
    way: Way<'_>,
    files: Vec<FileToRead>,
    journal: Option<&dyn Journal>,
) -> Vec<(TargetPath, SeenContent)> {
    let (known, files) = match journal {
        Some(journal) => super::journal::split(journal, files),
        None => (Vec::new(), files),
    };
    let listed = Listed { read: Mutex::new(Vec::with_capacity(files.len())), journal, files };
    let pace = Pace { threads: rayon::current_num_threads(), throttle: way.throttle };
    engine::read_all(way.root, &listed, pace, way.monitor);
    let read = listed.read.into_inner().expect("no thread panics while it adds");
    let read = read.into_iter().map(|(index, content)| (listed.files[index].path.clone(), content));
    known.into_iter().chain(read).collect()
}

/// The whole content of a file that is expected to be small.
///
/// # Errors
/// When it cannot be read, or is larger than `limit` bytes.
pub(super) fn read_small(root: &LiveRoot, path: &TargetPath, limit: u64) -> Result<Vec<u8>, Failure> {
    let file = root.open_file(path)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| io_failure(&error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure { errno: 0, text: format!("more than {limit} bytes") });
    }
    Ok(bytes)
}
