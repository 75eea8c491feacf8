//! Why a command could not be carried out: what, where, what to do.

use super::exit::Exit;
use crate::pipeline;
use crate::report::diagnostics;
use crate::report::escape::plain;
use crate::report::paint::Paint;
use crate::report::view::DiagnosticView;
use serde_json::json;

/// A command could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    what: String,
    hint: Option<String>,
    exit: Exit,
    diagnostics: Vec<DiagnosticView>,
}

impl Trouble {
    /// The arguments are wrong in a way that clap cannot see.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Usage, diagnostics: Vec::new() }
    }

    /// rectify failed.
    pub(super) fn failed(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Failed, diagnostics: Vec::new() }
    }

    /// Something that was named is not there.
    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::InputMissing, diagnostics: Vec::new() }
    }

    /// With advice.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let hint = self.hint.as_deref().map_or_else(String::new, |hint| format!("  help: {}\n", plain(hint)));
        let what: Vec<_> = self.what.lines().map(plain).collect();
        let mut details = diagnostics::render(&self.diagnostics, Paint::Plain);
        if !details.is_empty() {
            details.insert(0, '\n');
            details.push('\n');
        }
        format!("error: {}\n{hint}{details}", what.join("\n  "))
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let error = json!({
            "message": self.what, "hint": self.hint, "exit_code": self.exit.code(), "diagnostics": self.diagnostics,
        });
        format!("{}\n", json!({"error": error}))
    }
}

impl From<pipeline::Error> for Trouble {
    fn from(error: pipeline::Error) -> Self {
        let exit = match error.trouble {
            pipeline::Trouble::InputMissing => Exit::InputMissing,
            pipeline::Trouble::Failed => Exit::Failed,
        };
        let diagnostics = error.diagnostics.iter().map(DiagnosticView::from).collect();
        Self { what: error.what, hint: error.hint, exit, diagnostics }
    }
}

impl From<crate::io::output::WriteError> for Trouble {
    fn from(error: crate::io::output::WriteError) -> Self {
        Self::failed(error.to_string()).hint("name a directory that exists and is writable")
    }
}

impl From<crate::io::files::ReadError> for Trouble {
    fn from(error: crate::io::files::ReadError) -> Self {
        if error.missing { Self::missing(error.to_string()) } else { Self::failed(error.to_string()) }
    }
}
