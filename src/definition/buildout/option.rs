//! One option while files are merged: its value and how it came about. Follows `SectionKey` of zc.buildout 6.0.1,
//! `buildout.py`, so that histories equal what `buildout annotate` shows.

pub(super) use crate::model::buildout::{Operation, Provenance, Source};

use crate::model::eval::{Eval, Why};
use crate::model::origin::Origin;
use std::collections::BTreeMap;
use std::rc::Rc;

/// An option between reading and substitution.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) value: Eval<String>,
    pub(super) history: Vec<Provenance>,
    /// Line at which the file first named the option: Python's dictionaries keep that order, and it decides between
    /// two spellings of one `+=`.
    pub(super) sequence: u32,
}

impl Key {
    pub(super) fn new(value: Eval<String>, source: Source) -> Self {
        let sequence = match &source {
            Source::File(origin) => origin.line.unwrap_or(0),
            _ => 0,
        };
        let history = vec![Provenance { operation: Operation::Set, source, value: value.clone() }];
        Self { value, history, sequence }
    }

    /// A value whose lines are still being read: what the history says of it is told by [`Key::finish`].
    pub(super) fn unfinished(value: Eval<String>, origin: Origin) -> Self {
        let sequence = origin.line.unwrap_or(0);
        let nothing_yet = Eval::Known(String::new());
        let history = vec![Provenance { operation: Operation::Set, source: Source::File(origin), value: nothing_yet }];
        Self { value, history, sequence }
    }

    /// The value as it is now is what was said.
    pub(super) fn finish(&mut self) {
        if let Some(set) = self.history.first_mut() {
            set.value = self.value.clone();
        }
    }

    pub(super) fn known(value: impl Into<String>, source: Source) -> Self {
        Self::new(Eval::Known(value.into()), source)
    }

    /// Who said the last word.
    pub(super) fn source(&self) -> &Source {
        self.history.last().map_or(&Source::Implicit, |last| &last.source)
    }

    /// The value is no longer known: something that we cannot see may have changed it.
    pub(super) fn taint(&mut self, why: &Why) {
        self.value = Eval::Unknown(why.clone());
    }

    /// `=` from a later place.
    pub(super) fn override_with(&mut self, later: Key) {
        let relative =
            later.history.last().is_some_and(|last| matches!(last.operation, Operation::Add | Operation::Remove));
        if relative {
            self.history = later.history;
        } else {
            let source = later.source().clone();
            self.record(Operation::Override, later.value.clone(), source);
        }
        self.value = later.value;
    }

    /// `+=`.
    pub(super) fn add(&mut self, added: Eval<String>, source: Source) {
        match (&mut self.value, &added) {
            (Eval::Known(value), Eval::Known(added)) => {
                value.push('\n');
                value.push_str(added);
            }
            (Eval::Known(_), Eval::Unknown(why)) => self.value = Eval::Unknown(why.clone()),
            (Eval::Unknown(_), _) => {}
        }
        self.record(Operation::Add, added, source);
    }

    /// `-=`: removes the lines that equal a line of the operand.
    pub(super) fn remove(&mut self, removed: Eval<String>, source: Source) {
        match (&mut self.value, &removed) {
            (Eval::Known(value), Eval::Known(removed)) => {
                let lines: std::collections::HashSet<&str> = removed.split('\n').collect();
                let kept: Vec<&str> = value.split('\n').filter(|line| !lines.contains(line)).collect();
                *value = kept.join("\n");
            }
            (Eval::Known(_), Eval::Unknown(why)) => self.value = Eval::Unknown(why.clone()),
            (Eval::Unknown(_), _) => {}
        }
        self.record(Operation::Remove, removed, source);
    }

    /// A relative directory was made absolute.
    pub(super) fn set_directory(&mut self, value: Eval<String>) {
        let source = self.source().clone();
        self.record(Operation::Directory, value.clone(), source);
        self.value = value;
    }

    fn record(&mut self, operation: Operation, value: Eval<String>, source: Source) {
        self.history.push(Provenance { operation, source, value });
    }
}

/// A section between reading and substitution.
#[derive(Debug, Clone, Default)]
pub(super) struct RawSection {
    pub(super) options: BTreeMap<String, Key>,
    /// Set when options may exist here that we cannot see; what is absent is then unknown, not missing.
    pub(super) open: Option<Why>,
}

impl RawSection {
    /// Something unseen may have set anything in this section.
    pub(super) fn taint(&mut self, why: &Why) {
        for key in self.options.values_mut() {
            key.taint(why);
        }
        self.open = Some(why.clone());
    }
}

/// Everything merged: its sections are looked at in many ways and changed no more.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) sections: BTreeMap<String, Rc<RawSection>>,
    /// As of [`Layer`].
    pub(super) open: Option<Why>,
}

impl From<Layer> for Shared {
    fn from(layer: Layer) -> Self {
        let sections = layer.sections.into_iter().map(|(name, section)| (name, Rc::new(section)));
        Self { sections: sections.collect(), open: layer.open }
    }
}

/// One file, or several merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) sections: BTreeMap<String, RawSection>,
    /// Set when sections may exist here that we cannot see.
    pub(super) open: Option<Why>,
}

impl Layer {
    /// A file that we cannot see: it may say anything.
    pub(super) fn opaque(why: Why) -> Self {
        Self { sections: BTreeMap::new(), open: Some(why) }
    }

    /// The merged `[buildout]` section, made on demand.
    pub(super) fn buildout(&mut self) -> &mut RawSection {
        self.sections.entry("buildout".to_owned()).or_default()
    }
}
