//! Reading a saved view back, and telling what moved since.

use super::View;
use std::collections::{BTreeMap, BTreeSet};

/// A saved plan was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no JSON, or not of this shape.
    #[error("this is not a saved plan: {0}")]
    NotAPlan(serde_json::Error),
    /// It is of another major version.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// A saved plan is of a version that this program must not read.
#[derive(Debug, thiserror::Error)]
#[error("this plan has format {found}, and this rectify reads 1.x; use the rectify that wrote it, or plan again")]
pub struct Refused {
    /// Its version.
    pub found: String,
}

impl View {
    /// Reads a saved plan.
    ///
    /// # Errors
    /// When it is no plan, or of another major version.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ReadError> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(ReadError::NotAPlan)?;
        if let Some(found) = value.get("format_version").and_then(serde_json::Value::as_str)
            && found.split('.').next() != Some("1")
        {
            return Err(Refused { found: crate::report::escape::plain(found).into_owned() }.into());
        }
        serde_json::from_value(value).map_err(ReadError::NotAPlan)
    }

    /// What is different now from when this plan was made, one sentence each; nothing when the plan still holds.
    pub fn moved(&self, now: &Self) -> Vec<String> {
        let mut moved = Vec::new();
        if self.definition.digest != now.definition.digest {
            moved.push("the definition changed".to_owned());
        }
        let (before, after) = (by_place(self), by_place(now));
        let places: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for place in places {
            let (was, is) = (before.get(place), after.get(place));
            if was != is {
                moved.push(format!("{}:{}  was {}, is {}", place.0, place.1, words(was), words(is)));
            }
        }
        if moved.is_empty() && self.steps != now.steps {
            moved
                .push("the same findings now lead to other steps (settings, backups or rectify itself changed)".into());
        }
        moved
    }
}

type Place<'a> = (&'a str, &'a str, &'a str);

/// What a finding is, without its number, which may move.
type State<'a> = (&'a str, Option<&'a str>, Option<u64>, Option<&'a str>, Option<&'a super::Blocks>);

fn words(states: Option<&Vec<State<'_>>>) -> String {
    match states {
        None => "as it should be".into(),
        Some(states) => states.iter().map(|state| state.0).collect::<Vec<_>>().join(" and "),
    }
}

fn by_place(view: &View) -> BTreeMap<Place<'_>, Vec<State<'_>>> {
    let mut places: BTreeMap<Place<'_>, Vec<State<'_>>> = BTreeMap::new();
    for finding in &view.findings {
        let place = (&*finding.host.0, finding.path.as_str(), &*finding.unit.0);
        places.entry(place).or_default().push((
            finding.damage.as_str(),
            finding.detail.as_deref(),
            finding.size,
            finding.diff.as_deref(),
            finding.blocks.as_ref(),
        ));
    }
    places
}
