//! Where output goes: data to standard output or named files, talk to standard error. A reader that goes away early
//! is no error.

use super::args::{Color, Global, Out};
use super::trouble::Trouble;
use crate::io::{files, output};
use crate::report::formats::{Detail, Format, Options};
use crate::report::paint::Paint;
use crate::report::view::View;
use std::io::{IsTerminal, Write};
use std::path::Path;

/// How this run talks.
pub(super) struct Output {
    paint: Paint,
    detail: Option<Detail>,
    json: bool,
    files: Vec<Out>,
}

impl Output {
    /// As the flags say.
    pub(super) fn new(global: &Global) -> Self {
        let detail = match (global.quiet, global.verbose) {
            (2.., _) => None,
            (1, _) => Some(Detail::Verdict),
            (0, 0) => Some(Detail::Units),
            (0, 1) => Some(Detail::Files),
            (0, 2) => Some(Detail::Text),
            (0, 3..) => Some(Detail::Blocks),
        };
        Self {
            paint: paint(global.color),
            detail,
            json: global.json || global.format.as_deref() == Some("json"),
            files: global.out.clone(),
        }
    }

    /// Whether data is to be JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// The view in a format to standard output, and in others to their files.
    pub(super) fn view(&self, view: &View, format: &dyn Format) -> Result<(), Trouble> {
        for out in &self.files {
            self.write(view, out.format, &out.path)?;
        }
        let Some(detail) = self.detail else { return Ok(()) };
        if self.files.iter().any(|out| out.path.as_os_str() == "-") {
            return Ok(());
        }
        let options = Options { detail, paint: self.paint };
        stream(Path::new("-"), |out| format.write(view, &options, out))
    }

    /// The view in one format to one file.
    pub(super) fn write(&self, view: &View, format: &dyn Format, path: &Path) -> Result<(), Trouble> {
        let detail = self.detail.unwrap_or(Detail::Units);
        let options = Options { detail, paint: Paint::Plain };
        stream(path, |out| format.write(view, &options, out))
    }

    /// Text to standard output, unless all is to be quiet.
    pub(super) fn text(&self, text: &str) -> Result<(), Trouble> {
        if self.detail.is_some() { to_stdout(text) } else { Ok(()) }
    }

    /// Talk to standard error, unless quiet.
    pub(super) fn note(&self, text: &str) {
        if self.detail > Some(Detail::Verdict) {
            to_stderr(&format!("{text}\n"));
        }
    }

    /// What went wrong, to standard error.
    pub(super) fn trouble(&self, trouble: &Trouble) {
        to_stderr(&if self.json { trouble.json() } else { trouble.text() });
    }
}

/// Data to a file, or to standard output for `-`.
pub(super) fn data(path: &Path, data: impl AsRef<[u8]>) -> Result<(), Trouble> {
    if path.as_os_str() == "-" {
        return to_stdout(data);
    }
    Ok(output::write_atomically(path, data.as_ref())?)
}

/// [`data`] that is made while it is written.
pub(super) fn stream(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Trouble> {
    if path.as_os_str() != "-" {
        return Ok(output::write_piecewise(path, write)?);
    }
    let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
    said(write(&mut stdout).and_then(|()| stdout.flush()))
}

/// Standard output. A closed pipe is the reader's right; a full disk is an error, lest half a plan passes for a whole.
pub(super) fn to_stdout(data: impl AsRef<[u8]>) -> Result<(), Trouble> {
    let mut stdout = std::io::stdout().lock();
    said(stdout.write_all(data.as_ref()).and_then(|()| stdout.flush()))
}

fn said(result: std::io::Result<()>) -> Result<(), Trouble> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Trouble::failed(format!("cannot write to standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Standard error.
pub(super) fn to_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// <https://no-color.org>, <https://bixense.com/clicolors/>: a flag beats the environment beats the terminal.
fn paint(color: Color) -> Paint {
    let set = |name: &str| files::environment(name).is_some_and(|value| !value.is_empty());
    let forced = || set("CLICOLOR_FORCE") && files::environment("CLICOLOR_FORCE").is_none_or(|value| value != "0");
    let wanted = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if forced() => true,
        Color::Auto => std::io::stdout().is_terminal() && files::environment("TERM").is_none_or(|term| term != "dumb"),
    };
    if wanted { Paint::Ansi } else { Paint::Plain }
}
