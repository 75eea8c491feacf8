//! A simulated incident: blocks of a real file system go back to what they were, and rectify says what is wrong.
//!
//! One small run; `make incidents` does them all (`tests/incidents/incidents.py`).

use crate::program::{prepared, program, run, skip};
use std::ffi::OsStr;
use std::path::Path;

#[test]
fn every_damaged_file_of_a_simulated_incident_is_found_and_no_sound_one_accused() {
    let Some(place) = prepared() else { return };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !rustix::process::geteuid().is_root() {
        skip("a simulated incident is mounted, which needs root");
        return;
    }
    let (script, work) = (repository.join("tests/incidents/incidents.py"), place.join("incidents"));
    let arguments: [&OsStr; 9] = [
        OsStr::new("-B"),
        script.as_os_str(),
        OsStr::new("--rectify"),
        program().as_os_str(),
        OsStr::new("--work"),
        work.as_os_str(),
        OsStr::new("--runs"),
        OsStr::new("1 %"),
        OsStr::new("--details"),
    ];
    let call = run(repository, Path::new("python3"), &arguments);
    assert_eq!(call.code, 0, "{}\n{}", call.stdout, call.stderr);
    if call.stdout.starts_with("skipped") {
        skip(&call.stdout);
    }
}
