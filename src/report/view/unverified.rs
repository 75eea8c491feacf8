//! What nobody could judge, as it is written and read: one entry for each, made while it is written.

use super::UnverifiedView;
use super::build::{path, raw_path};
use crate::model::eval::Why;
use crate::model::path::TargetPath;
use crate::model::unverified::{Unverified, UnverifiedSet};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};
use std::fmt;

/// Writes each entry as an [`UnverifiedView`].
pub(super) fn serialize<S: Serializer>(entries: &UnverifiedSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(entries.iter().map(written))
}

/// Reads what [`serialize`] wrote.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnverifiedSet, D::Error> {
    deserializer.deserialize_seq(Entries)
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = UnverifiedSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of what could not be judged")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = UnverifiedSet::default();
        while let Some(entry) = seq.next_element::<UnverifiedView>()? {
            entries.insert(read(entry).map_err(A::Error::custom)?);
        }
        Ok(entries)
    }
}

fn written(entry: Unverified) -> UnverifiedView {
    let (path, path_raw) = entry.path.as_ref().map(path).unzip();
    UnverifiedView {
        host: entry.host,
        unit: entry.unit,
        path,
        path_raw: path_raw.flatten(),
        kind: entry.why.kind,
        why: entry.why.text,
        unseen: entry.unseen,
    }
}

fn read(entry: UnverifiedView) -> Result<Unverified, String> {
    let path = match &entry.path_raw {
        Some(raw) => Some(raw_path(raw).ok_or_else(|| format!("path_raw `{raw}` is not base64"))?),
        None => entry.path.map(TargetPath::new),
    };
    let why = Why::new(entry.kind, entry.why);
    Ok(Unverified { host: entry.host, unit: entry.unit, path, why, unseen: entry.unseen })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::eval::WhyKind;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "super")] UnverifiedSet);

    fn entry(path: Option<&[u8]>, why: &'static str) -> Unverified {
        let why = Why::new(WhyKind::NoReference, why);
        Unverified { host: "h".into(), unit: "h/web".into(), path: path.map(TargetPath::new), why, unseen: false }
    }

    #[test]
    fn what_is_written_is_read_again_names_that_are_no_text_too() {
        let paths: [Option<&[u8]>; 4] = [None, Some(b"/srv/caf\xe9"), Some(b"/srv/caf\xe8"), Some(b"/srv/a\nb")];
        let set: UnverifiedSet = paths.iter().flat_map(|path| [entry(*path, "one"), entry(*path, "two")]).collect();
        let text = serde_json::to_string(&Holder(set.clone())).expect("it is JSON");
        let written: Vec<UnverifiedView> = serde_json::from_str(&text).expect("a list of entries");
        assert_eq!(written.len(), 8);
        assert_eq!(serde_json::from_str::<Holder>(&text).expect("it was written so"), Holder(set));
    }

    #[test]
    fn a_raw_path_that_is_none_is_refused_by_name() {
        let text = serde_json::to_string(&Holder([entry(Some(b"/srv/\xff"), "one")].into_iter().collect()));
        let text = text.expect("it is JSON").replace("L3Nydi//", "?!");
        let error = serde_json::from_str::<Holder>(&text).expect_err("it is damaged");
        assert!(error.to_string().contains("path_raw `?!`"), "{error}");
    }
}
