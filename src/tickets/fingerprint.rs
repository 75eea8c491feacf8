//! What makes two tickets the same: where, what and which incident. No counts, times, paths, versions or line numbers,
//! as those change while the trouble stays.

use crate::model::content::Algorithm;
use crate::model::hasher::digest_of;

/// `rf1-` and 16 hex digits of SHA-256 over the canonical JSON of these words. The prefix is the recipe's version.
pub(super) fn of(words: &[&str; 6]) -> String {
    let canonical = serde_json::to_string(words).expect("words are JSON");
    let mut hex = digest_of(Algorithm::Sha256, canonical.as_bytes()).hex();
    hex.truncate(16);
    format!("rf1-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_never_changes_between_versions_of_rectify() {
        // printf '["shop","production","app01","app01/zope","redeploy",""]' | sha256sum
        let fingerprint = of(&["shop", "production", "app01", "app01/zope", "redeploy", ""]);
        assert_eq!(fingerprint, "rf1-6dc691c295265c2d");
    }

    #[test]
    fn words_cannot_run_into_each_other() {
        assert_ne!(of(&["a", "bc", "", "", "", ""]), of(&["ab", "c", "", "", "", ""]));
    }
}
