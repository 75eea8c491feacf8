//! Starting processes: the one place that does. Used for the project's own Python; never with a shell.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What to run.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// The program: a path, or a name to be found in `PATH`.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its working directory.
    pub directory: &'a Path,
    /// Variables to set; the others are inherited.
    pub environment: Vec<(String, String)>,
    /// What it reads from standard input.
    pub input: &'a [u8],
    /// After this time it is killed.
    pub timeout: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Output {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// A process could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be started.
    #[error("cannot start `{}`: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("`{}` did not end within {} s and was killed", program.display(), timeout.as_secs())]
    Timeout {
        /// The program.
        program: PathBuf,
        /// The limit.
        timeout: Duration,
    },
    /// Talking to it failed.
    #[error("lost contact with `{}`: {source}", program.display())]
    Lost {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Runs a process to its end and collects what it prints.
///
/// # Errors
/// When it cannot be started, takes longer than its timeout, or cannot be talked to.
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "this is the one place that starts processes")]
pub fn run(what: &Run<'_>) -> Result<Output, RunError> {
    let program = || what.program.to_owned();
    let lost = |source| RunError::Lost { program: program(), source };
    let mut child = std::process::Command::new(what.program)
        .args(&what.arguments)
        .current_dir(what.directory)
        .envs(what.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| RunError::Start { program: program(), source })?;
    let mut stdin = child.stdin.take().expect("standard input was asked for");
    let mut stdout = child.stdout.take().expect("standard output was asked for");
    let mut stderr = child.stderr.take().expect("standard error was asked for");
    std::thread::scope(|scope| {
        // A child that reads nothing closes the pipe; that is its right and no error of ours.
        scope.spawn(move || {
            let _ = stdin.write_all(what.input);
        });
        let out = scope.spawn(move || read_all(&mut stdout));
        let err = scope.spawn(move || read_all(&mut stderr));
        let deadline = Instant::now() + what.timeout;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(lost)? {
                break status;
            }
            if Instant::now() >= deadline {
                child.kill().map_err(lost)?;
                child.wait().map_err(lost)?;
                return Err(RunError::Timeout { program: program(), timeout: what.timeout });
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let joined = |result: std::thread::Result<std::io::Result<Vec<u8>>>| {
            result.unwrap_or_else(|_| Err(std::io::Error::other("the reader stopped"))).map_err(lost)
        };
        Ok(Output { code: status.code(), stdout: joined(out.join())?, stderr: joined(err.join())? })
    })
}

fn read_all(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}
