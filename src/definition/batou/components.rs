//! Which component classes a project defines: a light look at `components/*/component.py`.
//!
//! batou executes these files and takes every subclass of `Component` in their namespace, imported ones included
//! (batou/component.py, `load_components_from_file`). Without running them nobody can list the names for certain, but
//! nearly always it can be said for certain that a name is *not* among them: no file has such a word at all.

use super::tokens::{Kind, tokenize};
use crate::io::files::{self, Is};
use crate::model::{
    code::{BAD_SOURCE, MODEL_FAILED},
    diagnostic::Diagnostic,
    origin::Origin,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The component classes of a project.
#[derive(Debug, Clone, Default)]
pub struct Components {
    /// Classes defined by a `class` statement at the top of a file: component name (lower case) to place.
    pub defined: BTreeMap<String, Origin>,
    /// The files, relative to the project, with their text; those that could be read.
    pub files: BTreeMap<String, String>,
    /// What could not be read.
    pub problems: Vec<Diagnostic>,
    words: BTreeSet<String>,
    /// Something was not read, or names may come from where no word shows them.
    uncertain: bool,
}

impl Components {
    /// Looks at the components of the project in `directory`.
    pub fn scan(directory: &Path) -> Self {
        let mut components = Self::default();
        let top = directory.join("components");
        let names = match files::list(&top) {
            Ok(names) => names,
            Err(error) => {
                let problem = Diagnostic::error(BAD_SOURCE, error.to_string()).at(Origin::file("components"));
                components.problems.push(problem);
                components.uncertain = true;
                return components;
            }
        };
        for name in names {
            let path = top.join(&name).join("component.py");
            // glob("*") passes over names with a dot in front.
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if !hidden && files::what_is(&path) != Is::Missing {
                components.look_at(&path, format!("components/{}/component.py", name.to_string_lossy()));
            }
        }
        components
    }

    fn look_at(&mut self, path: &Path, file: String) {
        let bytes = match files::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.cannot_read(Diagnostic::error(BAD_SOURCE, error.reason), Origin::file(file)),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            let problem = Diagnostic::error(BAD_SOURCE, "the component's code is not UTF-8 text")
                .hint("a damaged block looks like this: compare the file with git");
            return self.cannot_read(problem, Origin::file(file));
        };
        if text.contains('\0') {
            let problem = Diagnostic::error(MODEL_FAILED, "the component's code holds NUL bytes, which Python refuses")
                .hint("a lost write looks like this: compare the file with git");
            return self.cannot_read(problem, Origin::file(file));
        }
        self.add(&file, &text);
        self.files.insert(file, text);
    }

    fn cannot_read(&mut self, problem: Diagnostic, origin: Origin) {
        self.problems.push(problem.at(origin));
        self.uncertain = true;
    }

    /// Notes the words and classes of one file.
    pub(super) fn add(&mut self, file: &str, text: &str) {
        let Ok(tokens) = tokenize(text) else {
            self.uncertain = true;
            return;
        };
        let mut depth = 0_usize;
        for (index, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::Indent => depth += 1,
                Kind::Dedent => depth -= 1,
                Kind::Name => {
                    self.words.insert(token.text.to_lowercase());
                    // These can bring names into the namespace that no word of the file shows.
                    let makes_names = ["exec", "eval", "globals", "setattr", "type", "__dict__", "vars"];
                    let star = token.text == "import" && tokens.get(index + 1).is_some_and(|next| next.is("*"));
                    self.uncertain |= star || makes_names.contains(&token.text);
                }
                _ => {}
            }
            let class = depth == 0 && token.is("class");
            if let (true, Some(name)) = (class, tokens.get(index + 1).filter(|next| next.kind == Kind::Name)) {
                self.defined.insert(name.text.to_lowercase(), Origin::line(file, token.line));
            }
        }
    }

    /// Whether it is certain that no component has this name.
    pub fn certainly_lack(&self, name: &str) -> bool {
        // batou's names are lower-cased class names, so a name with other letters is none for certain.
        !self.uncertain && (name != name.to_lowercase() || !self.words.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Components {
        let mut components = Components::default();
        components.add("components/a/component.py", text);
        components
    }

    #[test]
    fn names_are_lower_cased_classes() {
        let components = of("class NginX(Component):\n    class Inner:\n        pass\n");
        assert_eq!(components.defined.keys().collect::<Vec<_>>(), ["nginx"]);
        assert!(components.certainly_lack("apache"));
        assert!(components.certainly_lack("NginX"), "a host names it in lower case");
        assert!(!components.certainly_lack("nginx"));
    }

    #[test]
    fn an_imported_word_may_be_a_component() {
        assert!(!of("from batou_ext.nix import Rebuild\n").certainly_lack("rebuild"));
    }

    #[test]
    fn nothing_is_certain_about_names_that_code_makes() {
        for text in ["from x import *\n", "X = type('Y', (C,), {})\n", "globals()['a'] = 1\n", "'unfinished\n"] {
            assert!(!of(text).certainly_lack("apache"), "{text}");
        }
    }
}
