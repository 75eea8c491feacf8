//! The real tools that make what rectify reads. A test that needs one fails where it is missing: CI installs them all.

use rectify::io::process::{Run, run};
use std::path::Path;
use std::time::Duration;

/// Runs a tool to its end and gives what it printed.
pub(crate) fn tool(directory: &Path, command: &[&str]) -> String {
    let (program, arguments) = command.split_first().expect("a command has a program");
    let what = Run {
        program: Path::new(program),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        directory,
        environment: [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.com"),
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.com"),
            ("LC_ALL", "C"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        input: b"",
        timeout: Duration::from_mins(2),
    };
    let output = run(&what).unwrap_or_else(|error| panic!("this test needs `{program}`: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.code, Some(0), "`{}` failed: {stderr}", command.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Writes a file with its parents.
#[expect(clippy::disallowed_methods, reason = "a test makes what rectify reads")]
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a file has a parent")).expect("a directory can be made");
    std::fs::write(path, content).expect("a file can be written");
}

/// The bytes of a file.
#[expect(clippy::disallowed_methods, reason = "a test damages what rectify reads")]
pub(crate) fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file can be read")
}

/// Removes a file.
#[expect(clippy::disallowed_methods, reason = "a test damages what rectify reads")]
pub(crate) fn remove(path: &Path) {
    std::fs::remove_file(path).expect("a file can be removed");
}

/// Overwrites bytes in place, so that all hard links see it; the file may be write protected.
pub(crate) fn damage(path: &Path, at: usize, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let directory = path.parent().expect("a file has a parent");
    tool(directory, &["chmod", "u+w", &path.to_string_lossy()]);
    #[expect(clippy::disallowed_methods, reason = "a test damages what rectify reads")]
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("a file can be opened");
    file.write_all_at(bytes, at as u64).expect("a file can be written");
}
