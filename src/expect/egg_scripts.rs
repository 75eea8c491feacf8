//! `zc.buildout.easy_install.scripts`: the scripts and the interpreter that a recipe has made for its eggs.
//!
//! Takes what recipes call it with, gives paths and contents. Versions 3.0 to 6.0.1, which agree but for the
//! interpreter's text ([`super::script_text`]).

use super::derive::buildout::{Buildout, Dist, WorkingSet};
use super::recipes::Options;
use super::script_text::{Edition, Frame};
use crate::model::artifact::Content;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::path::TargetPath;
use crate::references::python_metadata::{self, canonical};
use std::collections::{BTreeMap, BTreeSet};

/// The arguments of `scripts`.
#[derive(Debug, Clone)]
pub(crate) struct Scripts {
    /// The requirements whose console scripts are wanted.
    pub(crate) specs: Vec<String>,
    /// More entry points: name, module, attribute.
    pub(crate) entry_points: Vec<(String, String, String)>,
    /// Entry point to file name; `None` for all of the requested eggs under their own names.
    pub(crate) names: Option<BTreeMap<String, String>>,
    /// Whether the console scripts of all eggs of the working set are wanted.
    pub(crate) dependent: bool,
    /// File name of the interpreter.
    pub(crate) interpreter: Option<String>,
    /// The directory that they are written to.
    pub(crate) dest: TargetPath,
    /// More entries of `sys.path`.
    pub(crate) extra_paths: Vec<TargetPath>,
    /// Text between `sys.path` and the import.
    pub(crate) initialization: String,
    /// Text between the parentheses of the call.
    pub(crate) arguments: String,
    /// For WSGI scripts: what follows the line about the application.
    pub(crate) application: Option<String>,
    /// Whether paths are relative to the buildout directory, or why that is not known.
    pub(crate) relative: Result<bool, Why>,
}

/// What is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    /// Path and content of each file.
    pub(crate) files: Vec<(TargetPath, Content)>,
    /// Why there may be more.
    pub(crate) doubt: Option<Why>,
}

/// Module and attribute.
type Target = (String, String);

/// Entry points by name. Several targets: which one counts is not defined.
type Points = BTreeMap<String, BTreeSet<Target>>;

impl Scripts {
    /// For these requirements, all their scripts, into the buildout's directory of scripts.
    ///
    /// # Errors
    /// When that directory is not known.
    pub(crate) fn new(specs: Vec<String>, part: &str, buildout: &Buildout<'_>) -> Result<Self, Why> {
        Ok(Self {
            specs,
            entry_points: Vec::new(),
            names: None,
            dependent: false,
            interpreter: None,
            dest: buildout.bin()?,
            extra_paths: Vec::new(),
            initialization: String::new(),
            arguments: String::new(),
            application: None,
            relative: relative(part, buildout),
        })
    }

    /// What is written with this working set.
    pub(crate) fn write(&self, buildout: &Buildout<'_>, set: &WorkingSet<'_>) -> Written {
        let maker = Maker { buildout, set, scripts: self };
        let frame = maker.frame();
        let mut written = Written::default();
        let mut points: Points = BTreeMap::new();
        written.doubt = maker.requested(&mut points).err();
        for (name, module, attribute) in &self.entry_points {
            // Written after those of the eggs, so it counts, except where `dependent-scripts` comes later still.
            let point = (module.clone(), attribute.clone());
            points.insert(name.clone(), BTreeSet::from([point]));
        }
        if self.dependent {
            written.doubt = written.doubt.take().or_else(|| maker.dependent(&mut points).err());
        }
        for (name, targets) in points {
            let name = match &self.names {
                Some(names) => match names.get(&name) {
                    Some(file) => file.clone(),
                    None => continue,
                },
                None => name,
            };
            let path = self.dest.join(&name);
            let content = script(&frame, &path, &targets);
            written.files.push((path, content));
        }
        if let Some(interpreter) = &self.interpreter {
            let path = self.dest.join(interpreter);
            let content = frame
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|frame| frame.interpreter(&path.display()).ok_or_else(|| unquotable(&path)));
            written.files.push((path, content.unwrap_or_else(Content::Unknown)));
        }
        written
    }
}

/// `relative-paths` of the part, or else of `[buildout]`.
fn relative(part: &str, buildout: &Buildout<'_>) -> Result<bool, Why> {
    let value = match buildout.configuration().option(part, "relative-paths") {
        Some(value) => value,
        None => buildout.configuration().option_or("buildout", "relative-paths", "false"),
    };
    match value {
        Eval::Known(value) => Ok(value == "true"),
        Eval::Unknown(why) => Err(why),
    }
}

/// The option `scripts` as `zc.recipe.egg` reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Names {
    /// It is not there: every script under its own name.
    All,
    /// It is there and empty: no script at all.
    None,
    /// Words, each `ENTRY-POINT` or `ENTRY-POINT=FILE`.
    These(BTreeMap<String, String>),
}

impl Names {
    /// Of a part.
    pub(crate) fn of(options: &Options<'_>) -> Result<Self, Why> {
        let pair = |word: &str| {
            let (name, file) = word.split_once('=').unwrap_or((word, word));
            (name.to_owned(), file.to_owned())
        };
        Ok(match options.get("scripts")?.as_deref() {
            None => Self::All,
            Some("") => Self::None,
            Some(text) => Self::These(text.split_whitespace().map(pair).collect()),
        })
    }
}

/// The option `entry-points`.
pub(crate) fn entry_points(options: &Options<'_>) -> Result<Vec<(String, String, String)>, Why> {
    let text = options.get_or("entry-points", "")?;
    let points: Option<Vec<_>> = text.split_whitespace().map(entry_point).collect();
    points.ok_or_else(|| Why::new(WhyKind::BrokenDefinition, "an entry point of the part is malformed"))
}

/// `name=module:attribute` of the option `entry-points`; in dotted words.
fn entry_point(text: &str) -> Option<(String, String, String)> {
    let (name, value) = text.split_once('=')?;
    let (module, attribute) = value.split_once(':')?;
    let dotted = |text: &str| {
        text.split('.').all(|word| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    (!name.is_empty() && dotted(module) && dotted(attribute))
        .then(|| (name.to_owned(), module.to_owned(), attribute.to_owned()))
}

/// The option `extra-paths`, relative to the buildout directory.
pub(crate) fn extra_paths(options: &Options<'_>, buildout: &Buildout<'_>) -> Result<Vec<TargetPath>, Why> {
    Ok(options.lines("extra-paths")?.iter().map(|path| buildout.directory().join(path)).collect())
}

struct Maker<'a> {
    buildout: &'a Buildout<'a>,
    set: &'a WorkingSet<'a>,
    scripts: &'a Scripts,
}

impl Maker<'_> {
    /// The console scripts of the eggs that are named.
    fn requested(&self, points: &mut Points) -> Result<(), Why> {
        for spec in &self.scripts.specs {
            let Some(requirement) = python_metadata::requirement(spec) else { continue };
            match self.set.dists.get(&canonical(&requirement.name)) {
                Some(dist) => {
                    for (name, point) in self.of(dist)? {
                        points.insert(name, BTreeSet::from([point]));
                    }
                }
                None => self.set.doubt.clone().map_or(Ok(()), Err)?,
            }
        }
        Ok(())
    }

    /// The console scripts of all other eggs.
    fn dependent(&self, points: &mut Points) -> Result<(), Why> {
        for (key, dist) in &self.set.dists {
            if key != "setuptools" {
                for (name, point) in self.of(dist)? {
                    points.entry(name).or_default().insert(point);
                }
            }
        }
        self.set.doubt.clone().map_or(Ok(()), Err)
    }

    fn of(&self, dist: &Dist) -> Result<Vec<(String, Target)>, Why> {
        let points = self.buildout.console_scripts(dist)?;
        Ok(points.into_iter().map(|point| (point.name, (point.module, point.attribute))).collect())
    }

    fn frame(&self) -> Result<Frame, Why> {
        if let Some(why) = &self.set.doubt {
            return Err(why.clone());
        }
        let relative = self.scripts.relative.clone()?;
        Ok(Frame {
            executable: self.buildout.executable()?,
            path: self.buildout.python_path(self.set, &self.scripts.extra_paths)?,
            relative_to: relative.then(|| self.buildout.directory().display().into_owned()),
            initialization: self.scripts.initialization.clone(),
            arguments: self.scripts.arguments.clone(),
            application: self.scripts.application.clone(),
            edition: self.buildout.version().and_then(Edition::of_version).ok_or_else(|| {
                Why::new(WhyKind::NotModelled, "which zc.buildout writes the scripts is not known, or too new")
            })?,
        })
    }
}

fn script(frame: &Result<Frame, Why>, path: &TargetPath, targets: &BTreeSet<Target>) -> Content {
    let mut targets = targets.iter();
    let (Some((module, attribute)), None) = (targets.next(), targets.next()) else {
        let text = "several eggs have a script of this name, and their order is not defined";
        return Content::Unknown(Why::new(WhyKind::OrderDependent, text));
    };
    match frame {
        Ok(frame) => {
            let content = frame.script(&path.display(), module, attribute);
            content.unwrap_or_else(|| Content::Unknown(unquotable(path)))
        }
        Err(why) => Content::Unknown(why.clone()),
    }
}

fn unquotable(path: &TargetPath) -> Why {
    Why::new(WhyKind::NotModelled, format!("a path in `{path}` has characters that Python would escape"))
}
