//! `<=`: a section that starts from others. Follows `_do_extend_raw` of zc.buildout 6.0.1, `buildout.py`.

use super::{
    lint,
    load::origin_of,
    merge::{nameless, update_section},
    option::{RawSection, Shared},
    python_text::strip,
};
use crate::model::{
    code::BUILDOUT_REFERENCE,
    diagnostic::Diagnostic,
    eval::{Eval, Why, WhyKind},
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Sections based on one another. Python gives up at a few hundred.
const MAX_DEPTH: usize = 100;
/// Bytes copied in all, roughly.
const MAX_COPIES: usize = 256 << 20;

/// Bases that cannot be worked in and are told one by one; what is made of the others is unknown, too.
const MAX_REPORTED: usize = 1_000;

/// Expands macros, each section once.
pub(super) struct Macros {
    data: Rc<Shared>,
    done: BTreeMap<String, (Rc<RawSection>, usize)>,
    doing: Vec<String>,
    copies: usize,
    reported: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Macros {
    pub(super) fn new(data: Rc<Shared>) -> Self {
        Self { data, done: BTreeMap::new(), doing: Vec::new(), copies: 0, reported: 0, diagnostics: Vec::new() }
    }

    /// A section with its macros worked in.
    pub(super) fn expand(&mut self, name: &str, section: &Rc<RawSection>) -> Rc<RawSection> {
        self.depth_and_section(name, section).0
    }

    fn depth_and_section(&mut self, name: &str, section: &Rc<RawSection>) -> (Rc<RawSection>, usize) {
        let Some(bases) = section.options.get("<").filter(|_| name != "buildout") else {
            return (Rc::clone(section), 0);
        };
        if let Some(done) = self.done.get(name) {
            return done.clone();
        }
        let origin = origin_of(bases.source(), "");
        let mut result = RawSection::default();
        let mut depth = 0;
        self.doing.push(name.to_owned());
        match &bases.value {
            Eval::Unknown(why) => result.open = Some(why.clone()),
            Eval::Known(names) => {
                for base in names.split('\n').map(strip).filter(|base| !base.is_empty()) {
                    match self.base(name, base) {
                        Ok((section, base_depth)) => {
                            self.copies += weight(&section);
                            depth = depth.max(base_depth + 1);
                            lay_over(&mut result, Rc::unwrap_or_clone(section));
                        }
                        Err(Refused { message, why }) => {
                            if let Some(message) = message.filter(|_| self.reported < MAX_REPORTED) {
                                self.reported += 1;
                                self.diagnostics
                                    .push(Diagnostic::error(BUILDOUT_REFERENCE, message).at(origin.clone()));
                            }
                            result.taint(&why);
                            // Whatever else is named, the section is not known.
                            self.copies += weight(&result);
                            if self.copies > MAX_COPIES {
                                break;
                            }
                        }
                    }
                }
            }
        }
        self.doing.pop();
        let lost: Vec<Diagnostic> = section
            .options
            .iter()
            .filter(|(option, _)| result.options.contains_key(*option))
            .filter_map(|(option, key)| lint::lost_over_macro(name, option, key))
            .collect();
        self.diagnostics.extend(lost);
        self.diagnostics.extend(nameless(name, section));
        update_section(&mut result, RawSection::clone(section));
        result.options.remove("<");
        self.copies += weight(&result);
        let result = Rc::new(result);
        self.done.insert(name.to_owned(), (Rc::clone(&result), depth));
        (result, depth)
    }

    fn base(&mut self, name: &str, base: &str) -> Result<(Rc<RawSection>, usize), Refused> {
        if self.doing.iter().any(|doing| doing == base) {
            return Err(Refused::error(
                format!("`[{name}]` extends itself through `<= {base}`"),
                WhyKind::BrokenDefinition,
            ));
        }
        if self.doing.len() >= MAX_DEPTH || self.copies > MAX_COPIES {
            return Err(Refused::error(format!("`[{name}]` has more macros than are followed"), WhyKind::NotModelled));
        }
        let data = Rc::clone(&self.data);
        match data.sections.get(base) {
            Some(section) => {
                let (section, depth) = self.depth_and_section(base, section);
                if depth >= MAX_DEPTH {
                    return Err(Refused::error(
                        format!("`[{name}]` has more macros than are followed"),
                        WhyKind::NotModelled,
                    ));
                }
                Ok((section, depth))
            }
            None => Err(match &data.open {
                Some(why) => Refused { message: None, why: why.clone() },
                None => Refused::error(
                    format!("`[{name}]` starts from `[{base}]`, which does not exist"),
                    WhyKind::BrokenDefinition,
                ),
            }),
        }
    }
}

/// Why a base cannot be worked in; without a message where nothing is wrong.
struct Refused {
    message: Option<String>,
    why: Why,
}

impl Refused {
    fn error(message: String, kind: WhyKind) -> Self {
        Self { why: Why::new(kind, message.clone()), message: Some(message) }
    }
}

/// What a section takes in memory, roughly.
fn weight(section: &RawSection) -> usize {
    section
        .options
        .values()
        .map(|key| 256 + 2 * key.value.known().map_or(0, String::len) + 128 * key.history.len())
        .sum()
}

/// `result.update(base)`.
fn lay_over(result: &mut RawSection, base: RawSection) {
    if let Some(why) = &base.open {
        result.taint(why);
    }
    result.options.extend(base.options);
}
