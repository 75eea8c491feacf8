//! When it happened, and what lay in its way.

use super::path::TargetPath;
use super::unit::{HostName, UnitId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The time in which writes were lost, nanoseconds since 1970 UTC. An end that is not known is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// Its begin.
    pub since: Option<i64>,
    /// Its end.
    pub until: Option<i64>,
}

impl Window {
    /// Whether anything is known of it.
    pub fn is_known(self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether a time lies in it. Nothing lies in a window of which nothing is known.
    pub fn contains(self, time: i64) -> bool {
        self.is_known() && self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time <= until)
    }
}

/// Something that was written, or whose directory was, while writes were lost, and that nothing can vouch for. It is
/// listed, not judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AtRisk {
    /// On which host.
    pub host: HostName,
    /// The unit.
    pub unit: UnitId,
    /// Where.
    pub path: TargetPath,
    /// Which time lies in the window.
    pub touched: Touched,
    /// That time, nanoseconds since 1970 UTC.
    pub at: i64,
}

/// What changed while writes were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Touched {
    /// Its content.
    Content,
    /// Its inode: mode, owner, name, number of links.
    Inode,
    /// The directory that it lies in.
    Directory,
}

impl Touched {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Content => "content written",
            Self::Inode => "inode changed",
            Self::Directory => "directory changed",
        }
    }
}

/// One point of the incident's time line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    /// When, nanoseconds since 1970 UTC.
    pub at: i64,
    /// What happened.
    pub what: Happening,
    /// On which host; `None` for the deployment as a whole.
    pub host: Option<HostName>,
    /// Which one: a snapshot, a path, a commit.
    pub text: String,
}

/// What happens on a time line. In the order in which things of the same moment are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// The newest usable backup was complete.
    LastBackup,
    /// The incident began.
    WindowBegin,
    /// The definition was committed.
    Committed,
    /// The oldest modification time of something damaged.
    FirstDamage,
    /// The newest one.
    LastDamage,
    /// The incident ended.
    WindowEnd,
    /// The host was looked at.
    Scan,
}

impl Happening {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::LastBackup => "last usable backup",
            Self::WindowBegin => "incident begins",
            Self::Committed => "definition committed",
            Self::FirstDamage => "first damaged file was written",
            Self::LastDamage => "last damaged file was written",
            Self::WindowEnd => "incident ends",
            Self::Scan => "scan",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lies_in_a_window_of_which_nothing_is_known() {
        assert!(!Window::default().contains(5));
        assert!(Window { since: Some(3), until: None }.contains(5));
        assert!(!Window { since: None, until: Some(3) }.contains(5));
        assert!(Window { since: Some(5), until: Some(5) }.contains(5));
    }
}
