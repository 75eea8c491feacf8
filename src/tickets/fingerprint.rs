//! What makes two tickets the same: where, what and which incident. No counts, times, paths, versions or line numbers,
//! as those change while the trouble stays.

use sha2::{Digest, Sha256};

/// `rf1-` and 16 hex digits of SHA-256 over the canonical JSON of these words. The prefix is the recipe's version.
pub(super) fn of(words: &[&str; 6]) -> String {
    let canonical = serde_json::to_string(words).expect("words are JSON");
    let hex: String = Sha256::digest(canonical.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
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
