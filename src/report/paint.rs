//! Colour, where it was asked for. Meaning is never in the colour alone.

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Damage, errors, loss.
    Bad,
    /// Drift, hazards, warnings.
    Warn,
    /// In order.
    Good,
    /// Headings.
    Strong,
    /// What may be skipped.
    Dim,
}

/// Whether to paint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paint {
    /// Plain text.
    #[default]
    Plain,
    /// With ANSI escapes (ECMA-48 SGR).
    Ansi,
}

impl Paint {
    /// The text in its tone.
    pub fn tone(self, tone: Tone, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\u{1b}[{}m{text}\u{1b}[0m", sgr(tone)),
        }
    }
}

fn sgr(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "1;31",
        Tone::Warn => "33",
        Tone::Good => "32",
        Tone::Strong => "1",
        Tone::Dim => "2",
    }
}
