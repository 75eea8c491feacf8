//! Which backup's version to take: the newest good one from before the incident.

use crate::model::content::Digest;
use crate::model::restore::RestorePoint;

/// What the versions of one path offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Take this one.
    Good {
        /// The version.
        point: &'a RestorePoint,
        /// Whether its content agrees with a digest that does not come from a backup.
        proved: bool,
        /// Newer versions that must not be used, with the reason.
        passed_over: Vec<(String, String)>,
    },
    /// None can be taken.
    None {
        /// The versions there are, with the reason against each.
        passed_over: Vec<(String, String)>,
    },
}

/// Chooses among the versions of one path (newest last): the newest that was complete before the incident began,
/// was not refused by its source and agrees with `expected` where that is known.
pub fn choose<'a>(points: &'a [RestorePoint], expected: Option<&Digest>, window_start: Option<i64>) -> Choice<'a> {
    let mut passed_over = Vec::new();
    for point in points.iter().rev() {
        let objection = if let Some(reason) = &point.refused {
            Some(reason.clone())
        } else if window_start.is_some_and(|start| point.taken_at >= start) {
            Some("it was taken after the incident began".to_owned())
        } else if let (Some(expected), digest) = (expected, &point.digest) {
            (digest.as_ref() != Some(expected)).then(|| "its content is not the right one either".to_owned())
        } else {
            None
        };
        match objection {
            Some(reason) => passed_over.push((point.snapshot.clone(), reason)),
            None => return Choice::Good { point, proved: expected.is_some(), passed_over },
        }
    }
    Choice::None { passed_over }
}
