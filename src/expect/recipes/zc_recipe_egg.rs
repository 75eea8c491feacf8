//! `zc.recipe.egg`: scripts and interpreters for eggs. Versions 2.0.7, 3.0.0 and 6.0.0, which agree.

use super::{PartFiles, Recipe};
use crate::expect::derive::buildout::{Buildout, Dist, UsedEggs, WorkingSet};
use crate::expect::script_text::{Edition, Frame};
use crate::model::artifact::Content;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::path::TargetPath;
use crate::references::python_metadata::{self, canonical};
use std::collections::{BTreeMap, BTreeSet};

/// `zc.recipe.egg:eggs`: only gets the eggs.
#[derive(Debug)]
pub(super) struct Eggs;

impl Recipe for Eggs {
    fn names(&self) -> &'static [&'static str] {
        &["zc.recipe.egg:eggs"]
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        match specs(part, buildout) {
            Eval::Known(specs) => {
                PartFiles { eggs: UsedEggs::of(&buildout.working_set(&specs)), ..PartFiles::default() }
            }
            Eval::Unknown(why) => PartFiles { opaque: Some(why), ..PartFiles::default() },
        }
    }
}

/// `zc.recipe.egg`: scripts.
#[derive(Debug)]
pub(super) struct Scripts;

impl Recipe for Scripts {
    fn names(&self) -> &'static [&'static str] {
        &["zc.recipe.egg", "zc.recipe.egg:default", "zc.recipe.egg:script", "zc.recipe.egg:scripts"]
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let specs = match specs(part, buildout) {
            Eval::Known(specs) => specs,
            Eval::Unknown(why) => return PartFiles { opaque: Some(why), ..PartFiles::default() },
        };
        let set = buildout.working_set(&specs);
        let mut files = PartFiles { eggs: UsedEggs::of(&set), ..PartFiles::default() };
        match Options::of(part, buildout) {
            Ok(Some(options)) => Part { buildout, options, set: &set, specs: &specs }.scripts(&mut files),
            // `scripts =` with nothing: no script and no interpreter either.
            Ok(None) => {}
            Err(why) => files.opaque = Some(why),
        }
        files
    }
}

/// The lines of the option `eggs`, which defaults to the part's name.
fn specs(part: &str, buildout: &Buildout<'_>) -> Eval<Vec<String>> {
    buildout
        .configuration()
        .option_or(part, "eggs", part)
        .map(|eggs| eggs.split('\n').map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// The options that say which scripts to make.
struct Options {
    /// Entry point to file name; `None` for all of the requested eggs.
    names: Option<BTreeMap<String, String>>,
    entry_points: Vec<(String, String, String)>,
    dependent: bool,
    interpreter: Option<String>,
    bin: TargetPath,
    /// The frame, without `sys.path`, or why it is not known.
    frame: Result<Frame, Why>,
    extra_paths: Vec<TargetPath>,
}

impl Options {
    /// `None` when no script is wanted.
    fn of(part: &str, buildout: &Buildout<'_>) -> Result<Option<Self>, Why> {
        let configuration = buildout.configuration();
        let get = |name: &str| match configuration.option(part, name) {
            Some(Eval::Known(value)) => Ok(Some(value)),
            Some(Eval::Unknown(why)) => Err(why),
            None => Ok(None),
        };
        let names = get("scripts")?;
        if names.as_deref() == Some("") {
            return Ok(None);
        }
        let names = names.map(|names| {
            let pair = |word: &str| word.split_once('=').unwrap_or((word, word)).into_owned();
            names.split_whitespace().map(pair).collect()
        });
        let entry_points = get("entry-points")?.unwrap_or_default();
        let entry_points: Option<Vec<_>> = entry_points.split_whitespace().map(entry_point).collect();
        let refused = || Why::new(WhyKind::BrokenDefinition, "an entry point of the part is malformed");
        let directory = buildout.directory();
        let extra = get("extra-paths")?.unwrap_or_default();
        let extra_paths =
            extra.split('\n').map(str::trim).filter(|path| !path.is_empty()).map(|path| directory.join(path));
        Ok(Some(Self {
            names,
            entry_points: entry_points.ok_or_else(refused)?,
            dependent: get("dependent-scripts")?.as_deref() == Some("true"),
            interpreter: get("interpreter")?.filter(|name| !name.is_empty()),
            bin: buildout.bin()?,
            frame: frame(part, buildout),
            extra_paths: extra_paths.collect(),
        }))
    }
}

/// A pair of borrowed texts as owned ones.
trait IntoOwnedPair {
    fn into_owned(self) -> (String, String);
}

impl IntoOwnedPair for (&str, &str) {
    fn into_owned(self) -> (String, String) {
        (self.0.to_owned(), self.1.to_owned())
    }
}

fn frame(part: &str, buildout: &Buildout<'_>) -> Result<Frame, Why> {
    let text = |name: &str| match buildout.configuration().option_or(part, name, "") {
        Eval::Known(text) => Ok(text),
        Eval::Unknown(why) => Err(why),
    };
    let relative = match buildout.configuration().option(part, "relative-paths") {
        Some(value) => value,
        None => buildout.configuration().option_or("buildout", "relative-paths", "false"),
    };
    let relative_to = match relative {
        Eval::Known(value) if value == "true" => Some(buildout.directory().display().into_owned()),
        Eval::Known(_) => None,
        Eval::Unknown(why) => return Err(why),
    };
    Ok(Frame {
        executable: buildout.executable()?,
        path: Vec::new(),
        relative_to,
        initialization: text("initialization")?,
        arguments: text("arguments")?,
        edition: buildout.version().and_then(Edition::of_version).ok_or_else(|| {
            Why::new(WhyKind::NotModelled, "which zc.buildout writes the scripts is not known, or too new")
        })?,
    })
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

/// Module and attribute.
type Target = (String, String);

/// Entry points by name. Several targets: which one counts is not defined.
type Points = BTreeMap<String, BTreeSet<Target>>;

struct Part<'a> {
    buildout: &'a Buildout<'a>,
    options: Options,
    set: &'a WorkingSet<'a>,
    specs: &'a [String],
}

impl Part<'_> {
    fn scripts(&self, files: &mut PartFiles) {
        let frame = self.frame();
        let mut points: Points = BTreeMap::new();
        files.opaque = files.opaque.take().or_else(|| self.requested(&mut points).err());
        for (name, module, attribute) in &self.options.entry_points {
            // Written after those of the eggs, so it counts, except where `dependent-scripts` comes later still.
            let point = (module.clone(), attribute.clone());
            points.insert(name.clone(), BTreeSet::from([point]));
        }
        if self.options.dependent {
            files.opaque = files.opaque.take().or_else(|| self.dependent(&mut points).err());
        }
        for (name, targets) in points {
            let name = match &self.options.names {
                Some(names) => match names.get(&name) {
                    Some(file) => file.clone(),
                    None => continue,
                },
                None => name,
            };
            let path = self.options.bin.join(&name);
            let content = script(&frame, &path, &targets);
            files.scripts.push((path, content));
        }
        if let Some(interpreter) = &self.options.interpreter {
            let path = self.options.bin.join(interpreter);
            let content = frame
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|frame| frame.interpreter(&path.display()).ok_or_else(|| unquotable(&path)));
            files.scripts.push((path, content.unwrap_or_else(Content::Unknown)));
        }
    }

    /// The console scripts of the eggs that are named in the option `eggs`.
    fn requested(&self, points: &mut Points) -> Result<(), Why> {
        for spec in self.specs {
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
        let mut frame = self.options.frame.clone()?;
        if let Some(why) = &self.set.doubt {
            return Err(why.clone());
        }
        frame.path = self.buildout.python_path(self.set, &self.options.extra_paths)?;
        Ok(frame)
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
