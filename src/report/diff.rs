//! Unified diff from what is there to what should be there.
//!
//! Only for text that a finding carries: findings never carry secrets, and binary or large files have no live bytes.

use crate::model::artifact::{Content, Expected};
use crate::model::content::Blob;
use crate::model::finding::Finding;
use similar::TextDiff;

/// Lines of context, as in `diff -u`.
const CONTEXT: usize = 3;

/// The most lines of a diff that a plan keeps.
const LIMIT: usize = 400;

/// The diff of a finding, if both sides are text and differ.
pub fn of(finding: &Finding) -> Option<String> {
    let expected = expected_bytes(finding.expected.as_ref()?)?.text()?;
    let live = finding.live.as_ref()?.text()?;
    if finding.secret || expected == live || expected.contains('\0') || live.contains('\0') {
        return None;
    }
    Some(unified(live, expected))
}

fn expected_bytes(expected: &Expected) -> Option<&Blob> {
    match expected {
        Expected::File(Content::Bytes(bytes) | Content::Unordered { bytes, .. }) => Some(bytes),
        Expected::File(Content::Digest { .. } | Content::Unknown(_))
        | Expected::Directory { .. }
        | Expected::Link { .. }
        | Expected::Absent
        | Expected::Present => None,
    }
}

fn unified(live: &str, expected: &str) -> String {
    let diff = TextDiff::from_lines(live, expected);
    let text = diff.unified_diff().context_radius(CONTEXT).to_string();
    let total = text.lines().count();
    if total <= LIMIT {
        return text;
    }
    let mut cut: String = text.split_inclusive('\n').take(LIMIT).collect();
    cut.push_str(&format!("\\ {} more lines\n", total - LIMIT));
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_is_what_a_redeploy_takes_away_and_plus_what_it_brings() {
        assert_eq!(unified("a\nold\n", "a\nnew\n"), "@@ -1,2 +1,2 @@\n a\n-old\n+new\n");
    }

    #[test]
    fn a_long_diff_is_cut_and_says_so() {
        let (live, expected) = ("x\n".repeat(1000), "y\n".repeat(1000));
        let text = unified(&live, &expected);
        assert_eq!(text.lines().count(), LIMIT + 1);
        assert!(text.ends_with("\\ 1601 more lines\n"), "{}", text.lines().last().unwrap_or_default());
    }
}
