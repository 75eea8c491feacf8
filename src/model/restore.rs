//! Restore points: what backups hold of the paths that need them.

use super::{content::Digest, observation::Kind, path::TargetPath, unit::HostName};
use serde::{Deserialize, Serialize};

/// A configured backup source: where the copies are and how they are dated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its name, as plans and reports say it.
    pub name: String,
    /// The kind of source: a name in the table of `backups`.
    pub kind: String,
    /// The directory on this machine that holds it.
    pub path: std::path::PathBuf,
    /// Whose files it holds; empty for every host.
    pub hosts: Vec<HostName>,
    /// How a snapshot is dated.
    pub time: Dating,
    /// Where the host's `/` is inside a snapshot; `{host}` stands for the host's name.
    pub prefix: String,
    /// How long taking a snapshot lasts, in nanoseconds: a name tells the begin, the incident window asks for the end.
    pub duration: i64,
}

/// How a snapshot is dated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dating {
    /// By its name, which tells when it was begun.
    Name {
        /// strptime format; the usual ones are tried if there is none.
        format: Option<String>,
        /// The zone of names that tell none: nanoseconds are counted from 1970 UTC.
        zone: Zone,
    },
    /// By the modification time of its directory, which the backup tool sets when the snapshot is complete.
    Mtime,
}

/// A time zone: a name of the IANA database or a fixed offset from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(pub String);

/// One backup's version of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoint {
    /// On which host the path is.
    pub host: HostName,
    /// The path that it would restore.
    pub path: TargetPath,
    /// The configured backup source.
    pub source: String,
    /// The snapshot's name in that source.
    pub snapshot: String,
    /// When the snapshot was complete, nanoseconds since 1970 UTC.
    pub taken_at: i64,
    /// What is there in the backup.
    pub kind: Kind,
    /// Its permission bits.
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
    /// When its content was last changed, nanoseconds since 1970 UTC.
    pub mtime: i64,
    /// SHA-256 of its content (files), absent when it could not be read.
    pub digest: Option<Digest>,
    /// Its link target (links).
    pub target: Option<super::content::Blob>,
    /// Where the copy can be read now.
    pub location: TargetPath,
    /// Why this version must not be used, if so.
    pub refused: Option<String>,
}

/// The restore points that backups offer, and the incident window that limits them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RestorePoints {
    /// All versions of the paths that were asked for, sorted by host, path and time, newest last.
    pub points: Vec<RestorePoint>,
    /// The begin of the incident, nanoseconds since 1970 UTC: later snapshots are evidence, never a source.
    pub window_start: Option<i64>,
    /// Sources that could not be read, with the reason.
    pub failed: Vec<(String, String)>,
    /// How many snapshots were looked at.
    pub snapshots: usize,
}

impl RestorePoints {
    /// The versions of one path, newest last.
    pub fn of(&self, host: &HostName, path: &TargetPath) -> &[RestorePoint] {
        let key = (host, path);
        let from = self.points.partition_point(|point| (&point.host, &point.path) < key);
        let to = self.points.partition_point(|point| (&point.host, &point.path) <= key);
        &self.points[from..to]
    }

    /// Whether a version was complete before the incident began.
    pub fn is_candidate(&self, point: &RestorePoint) -> bool {
        self.window_start.is_none_or(|start| point.taken_at < start)
    }
}
