//! Why a command could not be carried out: what, where, what to do.

use super::exit::Exit;
use crate::pipeline;
use crate::report::escape::plain;
use serde_json::json;

/// A command could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    what: String,
    hint: Option<String>,
    exit: Exit,
}

impl Trouble {
    /// The arguments are wrong in a way that clap cannot see.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Usage }
    }

    /// rectify failed.
    pub(super) fn failed(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Failed }
    }

    /// Something that was named is not there.
    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::InputMissing }
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
        format!("error: {}\n{hint}", what.join("\n  "))
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        format!("{}\n", json!({"error": {"message": self.what, "hint": self.hint, "exit_code": self.exit.code()}}))
    }
}

impl From<pipeline::Error> for Trouble {
    fn from(error: pipeline::Error) -> Self {
        let exit = match error.trouble {
            pipeline::Trouble::InputMissing => Exit::InputMissing,
            pipeline::Trouble::Failed => Exit::Failed,
        };
        Self { what: error.what, hint: error.hint, exit }
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
