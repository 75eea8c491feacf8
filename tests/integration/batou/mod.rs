//! rectify's reading of batou projects against batou itself.

mod cfg;
mod model;

use rectify::io::files;
use std::path::PathBuf;

/// The Python with batou that the tests compare with, from `RECTIFY_BATOU_PYTHON`. Without one the test is skipped, but
/// never in CI.
fn batou_python(test: &str) -> Option<PathBuf> {
    let python = files::environment("RECTIFY_BATOU_PYTHON").map(PathBuf::from);
    if python.is_none() {
        assert!(files::environment("CI").is_none_or(|ci| ci != "true"), "CI has to set RECTIFY_BATOU_PYTHON");
        note(&format!("{test}: skipped, RECTIFY_BATOU_PYTHON names no Python with batou"));
    }
    python
}

#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn note(text: &str) {
    eprintln!("{text}");
}
