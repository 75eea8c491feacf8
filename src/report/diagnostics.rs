//! Diagnostics of a definition, drawn as compilers do: the source line, what is meant in it, what to do.

use super::escape::plain;
use super::paint::Paint;
use super::view::DiagnosticView;
use crate::model::diagnostic::Severity;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// All diagnostics, one block each.
pub fn render(diagnostics: &[DiagnosticView], paint: Paint) -> String {
    let renderer = match paint {
        Paint::Plain => Renderer::plain(),
        Paint::Ansi => Renderer::styled(),
    };
    let blocks: Vec<String> = diagnostics.iter().map(|one| renderer.render(&groups(one))).collect();
    blocks.join("\n\n")
}

fn groups(diagnostic: &DiagnosticView) -> Vec<Group<'_>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(plain(&diagnostic.message)).id(diagnostic.code.to_string());
    let mut group = Group::with_title(title);
    group = match (&diagnostic.source, &diagnostic.excerpt) {
        (Some(source), Some(excerpt)) => {
            let (text, start, end) = cut(&excerpt.text, excerpt.start, excerpt.end);
            let line = source.line.unwrap_or(1) as usize;
            let snippet = Snippet::source(text).line_start(line).path(plain(&source.file));
            group.element(snippet.annotation(AnnotationKind::Primary.span(start..end)))
        }
        (Some(source), None) => {
            let origin = Origin::path(plain(&source.file));
            group.element(match source.line {
                Some(line) => origin.line(line as usize),
                None => origin,
            })
        }
        (None, _) => group,
    };
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(plain(hint)));
    }
    vec![group]
}

/// The excerpt's only line with control characters made harmless, and the span clamped to it: a saved plan may hold
/// any numbers.
fn cut(text: &str, start: usize, end: usize) -> (String, usize, usize) {
    let line = text.lines().next().unwrap_or("");
    let floor = |index: usize| {
        let mut index = index.min(line.len());
        while !line.is_char_boundary(index) {
            index -= 1;
        }
        index
    };
    let (start, end) = (floor(start), floor(end.max(start)));
    let parts = [&line[..start], &line[start..end], &line[end..]].map(|part| plain(part).into_owned());
    let (from, to) = (parts[0].len(), parts[0].len() + parts[1].len());
    (parts.concat(), from, to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::code;
    use crate::model::diagnostic::Diagnostic;
    use crate::model::origin::Origin;

    #[test]
    fn a_diagnostic_shows_the_line_and_underlines_what_is_meant() {
        let one = Diagnostic::error(code::BUILDOUT_REFERENCE, "section `zop` does not exist")
            .at(Origin::line("buildout.cfg", 12))
            .showing("port = ${zop:port}", 7, 18)
            .hint("did you mean `zope`?");
        let text = render(&[(&one).into()], Paint::Plain);
        assert_eq!(
            text,
            "error[RCT052]: section `zop` does not exist\n  --> buildout.cfg:12:8\n   |\n12 | port = ${zop:port}\n   |        \
             ^^^^^^^^^^^\n   |\n   = help: did you mean `zope`?"
        );
    }

    #[test]
    fn numbers_beyond_the_line_do_no_harm() {
        assert_eq!(cut("grün\nx", 99, 3), ("grün".into(), 5, 5));
        assert_eq!(cut("grün", 3, 99), ("grün".into(), 2, 5));
    }
}
