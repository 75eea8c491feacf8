//! The view itself, as JSON. `rectify schema plan` describes it.

use super::{Format, Options};
use crate::report::view::View;
use std::io::{self, Write};

/// For programs, and for saving.
pub(super) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "for programs, and to be read again by rectify show"
    }

    fn render(&self, view: &View, options: &Options) -> String {
        let mut text = Vec::new();
        self.write(view, options, &mut text).expect("a view is JSON");
        String::from_utf8(text).expect("JSON is text")
    }

    fn write(&self, view: &View, _options: &Options, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, view)?;
        out.write_all(b"\n")
    }
}
