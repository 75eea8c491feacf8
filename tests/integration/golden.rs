//! Golden files below `fixtures/`: compared byte for byte, and written anew with `RECTIFY_BLESS=1`.

use std::path::{Path, PathBuf};

/// A file below `fixtures/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Fails unless the file holds exactly this.
#[expect(clippy::disallowed_methods, reason = "tests read and bless their golden files")]
pub(crate) fn assert_golden(name: &str, actual: &str) {
    let path = fixture(name);
    if std::env::var_os("RECTIFY_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a fixture lies in a directory")).expect("fixtures are writable");
        std::fs::write(&path, actual).expect("fixtures are writable");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}; bless it"));
    assert!(
        expected == actual,
        "fixtures/{name} differs (RECTIFY_BLESS=1 writes it anew; look at the difference before you commit it)\n{}",
        similar::TextDiff::from_lines(&expected, actual).unified_diff()
    );
}
