//! `zc.recipe.testrunner`: a script that runs the tests of eggs, and a directory to run it in. Versions 2.2 to 5.0; since
//! 4.2 it knows where the code of develop eggs is.

use super::{Made, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, UsedEggs, WorkingSet};
use crate::expect::egg_scripts::{self, Scripts};
use crate::expect::evidence::{self, Note};
use crate::expect::script_text::quoted;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::path::TargetPath;
use crate::references::python_metadata::{canonical, requirement};

/// The script and its directory.
#[derive(Debug)]
pub(super) struct TestRunner;

impl Recipe for TestRunner {
    fn names(&self) -> &'static [&'static str] {
        &["zc.recipe.testrunner", "zc.recipe.testrunner:default"]
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        Some(match option {
            "script" => format!("${{buildout:bin-directory}}/{part}"),
            "location" => format!("${{buildout:parts-directory}}/{part}"),
            "_b" | "bin-directory" => "${buildout:bin-directory}".to_owned(),
            "_e" | "eggs-directory" => "${buildout:eggs-directory}".to_owned(),
            "_d" | "develop-eggs-directory" => "${buildout:develop-eggs-directory}".to_owned(),
            _ => return None,
        })
    }

    fn keeps(&self, option: &str, configured: &str) -> bool {
        match option {
            "script" => configured.starts_with('/'),
            // Only without a `working-directory` does it set its own; that is not seen here.
            "location" => false,
            _ => true,
        }
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let options = buildout.options(part);
        match specs(&options) {
            Ok(specs) => files(part, buildout, &specs),
            Err(why) => PartFiles::unknown(why),
        }
    }
}

/// The lines of the option `eggs`, which defaults to the part's name.
fn specs(options: &Options<'_>) -> Result<Vec<String>, Why> {
    Ok(if options.get("eggs")?.is_some() { options.lines("eggs")? } else { vec![options.part().to_owned()] })
}

fn files(part: &str, buildout: &Buildout<'_>, specs: &[String]) -> PartFiles {
    let options = buildout.options(part);
    let wanted: Vec<String> = specs.iter().cloned().chain(["zope.testrunner".to_owned()]).collect();
    let set = buildout.working_set(&wanted);
    let mut files = PartFiles { eggs: UsedEggs::of(&set), ..PartFiles::default() };
    match directory(&options, buildout) {
        Ok((_, false)) => {}
        Ok((place, true)) => files.made.push(Made::directory(place, Upkeep::WhenGone)),
        Err(why) => files.doubt(why),
    }
    let name = match options.get_or("script", part).and_then(|name| Ok(buildout.bin()?.join(name))) {
        Ok(path) => path,
        Err(why) => return PartFiles { opaque: Some(why), ..files },
    };
    let content = script(&options, buildout, specs, &set, &name);
    match content {
        Ok(scripts) => {
            let written = scripts.write(buildout, &set);
            files.made.extend(written.files.into_iter().map(|(path, content)| Made::script(path, content)));
            files.opaque = files.opaque.or(written.doubt);
        }
        Err(why) => files.made.push(Made::script(name, crate::model::artifact::Content::Unknown(why))),
    }
    files
}

/// Where the tests run, and whether the part makes that directory.
fn directory(options: &Options<'_>, buildout: &Buildout<'_>) -> Result<(TargetPath, bool), Why> {
    let working = options.get_or("working-directory", "")?;
    if !working.is_empty() {
        return Ok((buildout.directory().join(working), false));
    }
    let parts = options.of_section("buildout", "parts-directory")?.unwrap_or_else(|| "parts".to_owned());
    Ok((buildout.directory().join(parts).join(options.part()), true))
}

/// `TestRunner.install`: what `easy_install.scripts` is called with.
fn script(
    options: &Options<'_>,
    buildout: &Buildout<'_>,
    specs: &[String],
    set: &WorkingSet<'_>,
    path: &TargetPath,
) -> Result<Scripts, Why> {
    let scripts = Scripts::new(Vec::new(), options.part(), buildout)?;
    let base = scripts.relative.clone()?.then(|| buildout.directory().clone());
    let (places, importable) = test_paths(buildout, specs, set)?;
    let mut arguments = match options.get_or("defaults", "")?.trim() {
        "" => String::new(),
        defaults => format!("({defaults}) + "),
    };
    arguments.push_str("[\n");
    for place in &places {
        arguments += &format!("        '--test-path', {},\n", python(place, base.as_ref())?);
    }
    arguments.push_str("        ]");
    let mut extra_paths = egg_scripts::extra_paths(options, buildout)?;
    if importable {
        extra_paths.extend(places);
    }
    let name = path.as_str().ok_or_else(|| Why::new(WhyKind::NotModelled, "the script's name is no text"))?;
    Ok(Scripts {
        entry_points: vec![(name.to_owned(), "zope.testrunner".to_owned(), "run".to_owned())],
        extra_paths,
        initialization: initialization(options, buildout, path, base.as_ref())?,
        arguments,
        ..scripts
    })
}

/// The directories with tests, and whether they are put into `sys.path` as well.
fn test_paths(buildout: &Buildout<'_>, specs: &[String], set: &WorkingSet<'_>) -> Result<(Vec<TargetPath>, bool), Why> {
    let version = buildout.recipe_version("zc.recipe.testrunner").unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    let finds_code = match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(2), Some(2)) | (Some(3), _) | (Some(4), Some(0 | 1)) => false,
        (Some(4), Some(2)) | (Some(5), _) => true,
        _ => return Err(Why::new(WhyKind::NotModelled, "this version of zc.recipe.testrunner was not compared")),
    };
    let mut paths = Vec::new();
    for spec in specs {
        let name = requirement(spec).map(|requirement| canonical(&requirement.name)).unwrap_or_default();
        let dist = set.dists.get(&name).ok_or_else(|| {
            let why = Why::new(WhyKind::LiveTree, format!("`{spec}` is not there"));
            set.doubt.clone().unwrap_or(why)
        })?;
        if finds_code {
            paths.extend(buildout.code_places(dist)?);
        } else {
            paths.push(buildout.found_place(dist)?);
        }
    }
    Ok((paths, finds_code))
}

/// What the script does before it imports anything.
fn initialization(
    options: &Options<'_>,
    buildout: &Buildout<'_>,
    path: &TargetPath,
    base: Option<&TargetPath>,
) -> Result<String, Why> {
    let (place, _) = directory(options, buildout)?;
    let place = python(&place, base)?;
    let mut text = format!("import os\nsys.argv[0] = os.path.abspath(sys.argv[0])\nos.chdir({place})\n");
    let section = options.get_or("environment", "")?;
    if !section.trim().is_empty() {
        text.push_str(&environment(section.trim(), buildout, path)?);
    }
    text.push_str(options.get_or("initialization", "")?.trim());
    Ok(text)
}

/// The section as assignments. Their order is that of the configuration's files, which is not known here: any order will
/// do, so that of the script is taken if the script has the same lines.
fn environment(section: &str, buildout: &Buildout<'_>, path: &TargetPath) -> Result<String, Why> {
    let configuration = buildout.configuration();
    let known = configuration.sections.get(section);
    let known = known.ok_or_else(|| Why::new(WhyKind::BrokenDefinition, format!("there is no section [{section}]")))?;
    if let Some(why) = &known.open {
        return Err(why.clone());
    }
    if known.options.contains_key("recipe") {
        return Err(Why::new(WhyKind::Code, format!("the recipe of [{section}] may set more variables")));
    }
    let mut lines = Vec::new();
    for (name, value) in &known.options {
        let value = match &value.value {
            Eval::Known(value) => value,
            Eval::Unknown(why) => return Err(why.clone()),
        };
        let value = quoted(value).ok_or_else(|| unquotable(name))?;
        lines.push(format!("os.environ['{name}'] = {value}"));
    }
    if let Note::Bytes(bytes) = evidence::note(buildout.scan(), path) {
        let text = bytes.text().unwrap_or_default();
        let live: Vec<&str> = text.lines().filter(|line| lines.iter().any(|other| other == line)).collect();
        if live.len() == lines.len() {
            lines.sort_by_key(|line| live.iter().position(|other| other == line));
        }
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}

/// `_relativize`, or `repr`.
fn python(path: &TargetPath, base: Option<&TargetPath>) -> Result<String, Why> {
    let text = path.as_str().ok_or_else(|| unquotable(path))?;
    let below = base.and_then(|base| text.strip_prefix(base.as_str()?)?.strip_prefix('/'));
    let value = quoted(below.unwrap_or(text)).ok_or_else(|| unquotable(path))?;
    Ok(if below.is_some() { format!("join(base, {value})") } else { value })
}

fn unquotable(what: &dyn std::fmt::Display) -> Why {
    Why::new(WhyKind::NotModelled, format!("`{what}` has characters that Python would escape"))
}
