//! Which backup version of a path to restore: the newest that was complete before the incident and is not known to be bad.
//!
//! Takes the versions that backups offer; gives the choice, with every newer version that was passed over and why.
//! Snapshots from the incident or after it are evidence, never a source.

use crate::model::content::Digest;
use crate::model::observation::Kind;
use crate::model::restore::RestorePoint;

/// The version to restore, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// This one.
    Good {
        /// The version.
        point: &'a RestorePoint,
        /// Whether its content equals a known digest; otherwise it is only the newest that nothing speaks against.
        proved: bool,
        /// Newer versions that must not be used, newest first.
        passed_over: Vec<PassedOver>,
        /// What restoring it cannot bring back.
        loss: Loss,
    },
    /// No version can be used.
    None {
        /// Why each must not be used, newest first.
        passed_over: Vec<PassedOver>,
    },
}

/// A version that must not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The configured backup source.
    pub source: String,
    /// The snapshot.
    pub snapshot: String,
    /// Why not.
    pub reason: String,
}

/// What restoring a version cannot bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: the content is proved to be the right one.
    Nothing,
    /// What was written in this time, nanoseconds since 1970 UTC; `until` is the begin of the incident, and `None` means
    /// up to now.
    Between {
        /// When the snapshot was complete.
        since: i64,
        /// When the incident began.
        until: Option<i64>,
    },
}

/// Chooses among the versions of one path, given oldest first. `expected` is the digest that its content should have, where
/// that is known; `live` the digest of the live content, where that content is known to be damaged; `window_start` the
/// begin of the incident in nanoseconds since 1970 UTC.
pub fn choose<'a>(
    points: &'a [RestorePoint],
    expected: Option<&Digest>,
    live: Option<&Digest>,
    window_start: Option<i64>,
) -> Choice<'a> {
    let mut passed_over = Vec::new();
    let mut newest_first: Vec<&RestorePoint> = points.iter().collect();
    newest_first.sort_by_key(|point| std::cmp::Reverse(point.taken_at));
    for point in newest_first {
        let Some(reason) = reason_against(point, expected, live, window_start) else {
            let proved = expected.is_some();
            let since = point.taken_at;
            let loss = if proved { Loss::Nothing } else { Loss::Between { since, until: window_start } };
            return Choice::Good { point, proved, passed_over, loss };
        };
        passed_over.push(PassedOver { source: point.source.clone(), snapshot: point.snapshot.clone(), reason });
    }
    Choice::None { passed_over }
}

fn reason_against(
    point: &RestorePoint,
    expected: Option<&Digest>,
    live: Option<&Digest>,
    window_start: Option<i64>,
) -> Option<String> {
    if window_start.is_some_and(|start| point.taken_at >= start) {
        return Some("it was not complete before the incident began".into());
    }
    if let Some(refused) = &point.refused {
        return Some(refused.clone());
    }
    if point.kind == Kind::File && point.digest.is_none() {
        return Some("its content could not be read".into());
    }
    let Some(expected) = expected else {
        let repeats = live.is_some() && point.digest.as_ref() == live;
        return repeats.then(|| "it has the same content as the damaged live file".into());
    };
    match &point.digest {
        None => Some(format!("it is a {} there, not the known content", point.kind.word())),
        Some(found) if found.algorithm != expected.algorithm => {
            Some(format!("its content cannot be compared with the known {} digest", expected.algorithm.name()))
        }
        Some(found) if found != expected => Some("its content is not the one that is known to be right".into()),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::content::Algorithm;
    use crate::model::path::TargetPath;

    fn digest(byte: u8) -> Digest {
        Digest { algorithm: Algorithm::Sha256, bytes: vec![byte; 32].into() }
    }

    fn point(snapshot: &str, taken_at: i64, content: u8) -> RestorePoint {
        RestorePoint {
            host: "h".into(),
            path: TargetPath::new("/f"),
            source: "nightly".into(),
            snapshot: snapshot.into(),
            taken_at,
            kind: Kind::File,
            mode: 0o644,
            size: 1,
            mtime: 0,
            digest: Some(digest(content)),
            target: None,
            location: TargetPath::new("/b/f"),
            refused: None,
        }
    }

    fn chosen<'a>(choice: &'a Choice<'_>) -> Option<(&'a str, bool, Vec<&'a str>)> {
        match choice {
            Choice::Good { point, proved, passed_over, .. } => {
                Some((&point.snapshot, *proved, passed_over.iter().map(|passed| passed.snapshot.as_str()).collect()))
            }
            Choice::None { .. } => None,
        }
    }

    #[test]
    fn the_newest_from_before_the_incident_is_chosen() {
        let points = [point("a", 10, 1), point("b", 20, 2), point("c", 30, 3)];
        let choice = choose(&points, None, None, Some(30));
        assert_eq!(chosen(&choice), Some(("b", false, vec!["c"])));
        let Choice::Good { loss, .. } = choice else { panic!("there is one") };
        assert_eq!(loss, Loss::Between { since: 20, until: Some(30) });
        assert_eq!(chosen(&choose(&points, None, None, None)), Some(("c", false, vec![])));
    }

    #[test]
    fn a_known_digest_decides_and_proves() {
        let points = [point("a", 10, 1), point("b", 20, 2)];
        let choice = choose(&points, Some(&digest(1)), None, None);
        assert_eq!(chosen(&choice), Some(("a", true, vec!["b"])));
        let Choice::Good { loss, .. } = choice else { panic!("there is one") };
        assert_eq!(loss, Loss::Nothing);
        assert_eq!(chosen(&choose(&points, Some(&digest(9)), None, None)), None);
    }

    #[test]
    fn refused_and_unreadable_versions_are_passed_over_with_their_reason() {
        let refused = RestorePoint { refused: Some("zeros".into()), ..point("b", 20, 2) };
        let unreadable = RestorePoint { digest: None, ..point("c", 30, 3) };
        let points = [point("a", 10, 1), refused, unreadable];
        let choice = choose(&points, None, None, None);
        assert_eq!(chosen(&choice), Some(("a", false, vec!["c", "b"])));
    }

    #[test]
    fn a_backup_of_the_damage_is_not_restored() {
        let points = [point("a", 10, 1), point("b", 20, 2)];
        assert_eq!(chosen(&choose(&points, None, Some(&digest(2)), None)), Some(("a", false, vec!["b"])));
    }

    #[test]
    fn the_order_of_the_versions_does_not_matter() {
        let points = [point("c", 30, 3), point("a", 10, 1), point("b", 20, 2)];
        assert_eq!(chosen(&choose(&points, None, None, Some(25))), Some(("b", false, vec!["c"])));
    }
}
