//! A second guard around the probe: bubblewrap, where it is installed and works.

use super::{Exact, SecretsUse};
use crate::io::files;
use crate::io::process::{self, Run};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything read only, no network, no terminal, and an end when rectify ends.
const SANDBOX: &[&str] = &[
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--unshare-net",
    "--unshare-pid",
    "--new-session",
    "--die-with-parent",
    "--",
];

/// How a program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sandbox {
    /// By bubblewrap.
    Bubblewrap,
    /// Directly: the probe's own guard has to do.
    None,
}

impl Sandbox {
    /// Tries once whether bubblewrap works here; in containers it often does not.
    pub(super) fn find(what: &Exact<'_>) -> Self {
        // gpg writes locks into its home and starts its agent; in a read-only world it decrypts nothing.
        if what.secrets == SecretsUse::Decrypt && has_gpg_secrets(what) {
            return Self::None;
        }
        let (program, arguments) = Self::Bubblewrap.wrap(Path::new("true"));
        let output = process::run(&Run {
            program: &program,
            arguments,
            directory: Path::new("/"),
            environment: Vec::new(),
            input: b"",
            timeout: Duration::from_secs(10),
        });
        if output.is_ok_and(|output| output.code == Some(0)) { Self::Bubblewrap } else { Self::None }
    }

    /// The program to start instead, and the arguments before its own.
    pub(super) fn wrap(self, program: &Path) -> (PathBuf, Vec<String>) {
        match self {
            Self::None => (program.to_owned(), Vec::new()),
            Self::Bubblewrap => {
                let mut arguments: Vec<String> = SANDBOX.iter().map(|&argument| argument.to_owned()).collect();
                arguments.push(program.display().to_string());
                (PathBuf::from("bwrap"), arguments)
            }
        }
    }
}

fn has_gpg_secrets(what: &Exact<'_>) -> bool {
    let directory = what.project.join("environments").join(what.environment);
    let gpg = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name.ends_with(".gpg") || name == "secrets.cfg"
    };
    files::list(&directory).is_ok_and(|names| names.iter().any(gpg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_shows_the_disk_read_only_and_has_no_network() {
        let (program, arguments) = Sandbox::Bubblewrap.wrap(Path::new("/p/bin/python"));
        assert_eq!(program, Path::new("bwrap"));
        assert_eq!(arguments[..3], ["--ro-bind", "/", "/"]);
        assert!(arguments.contains(&"--unshare-net".to_owned()));
        assert_eq!(arguments[arguments.len() - 2..], ["--", "/p/bin/python"]);
        assert_eq!(Sandbox::None.wrap(Path::new("x")), (PathBuf::from("x"), Vec::new()));
    }
}
