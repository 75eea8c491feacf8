//! Restore points: what backups hold of the paths that need them.

use super::{content::Digest, observation::Kind, path::TargetPath, unit::HostName};
use serde::{Deserialize, Serialize};

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
