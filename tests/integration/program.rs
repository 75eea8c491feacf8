//! The program as its users call it, and the deployment that `.ci/prepare` made for it to look at.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests start the program and read what it wrote"
)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a call gave.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The time that every call takes for now.
pub(crate) const NOW: &str = "1795340412";

/// The program, with nothing of the environment that shows in its output.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rectify"))
}

/// Calls the program in a directory.
pub(crate) fn rectify<S: AsRef<OsStr>>(directory: &Path, arguments: &[S]) -> Call {
    run(directory, program(), arguments)
}

/// Calls any program in a directory.
pub(crate) fn run<S: AsRef<OsStr>>(directory: &Path, program: &Path, arguments: &[S]) -> Call {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env("SOURCE_DATE_EPOCH", NOW)
        .env("LC_ALL", "C.UTF-8")
        .output();
    told(&output.unwrap_or_else(|error| panic!("cannot start `{}`: {error}", program.display())))
}

fn told(output: &Output) -> Call {
    Call {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The directory that `.ci/prepare` made. Without it a test has nothing to look at: it says so, and fails in CI.
pub(crate) fn prepared() -> Option<PathBuf> {
    let place = std::env::var_os("RECTIFY_CONVERGENCE").map(PathBuf::from);
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(place.is_some() || !ci, "RECTIFY_CONVERGENCE is not set: `.ci/prepare` makes what this test needs");
    if place.is_none() {
        skip("RECTIFY_CONVERGENCE is not set: `.ci/prepare` makes what this test needs");
    }
    place
}

/// Says why a test tests nothing here.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// A file below `tests/tools`.
pub(crate) fn test_tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// Runs a shell script on a throw-away copy of the prepared tree, damaged as a convergence case says. In the script `$SCRATCH`
/// may be written to, and `$RECTIFY` is the program.
pub(crate) fn on_damaged_copy(place: &Path, case: &str, script: &str) -> Call {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let damage = format!(
        "export RECTIFY={} && python3 -B {} {} . >&2 && {script}",
        program().display(),
        test_tool("damage.py").display(),
        repository.join("fixtures/cases/convergence").join(case).display(),
    );
    run(
        place,
        &test_tool("overlay.sh"),
        &[place.join("tree").as_os_str(), "sh".as_ref(), "-ec".as_ref(), damage.as_ref()],
    )
}

/// Whether we are root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
