//! `zc.recipe.egg`: scripts and interpreters for eggs. Versions 2.0.7, 3.0.0 and 6.0.0, which agree.
//!
//! What `:custom` builds and `:develop` links is decided by the projects themselves: only that what buildout noted is
//! there is expected. (zc.buildout 6.0.1 does not even use what `:custom` built: parts get the egg anew.)

use super::{Made, Options, PartFiles, Recipe};
use crate::definition::buildout::Asked;
use crate::expect::derive::buildout::{Buildout, UsedEggs};
use crate::expect::egg_scripts::{self, Names, Scripts as ScriptArguments};
use crate::model::eval::{Why, WhyKind};

/// `zc.recipe.egg:eggs`: only gets the eggs.
#[derive(Debug)]
pub(super) struct Eggs;

impl Recipe for Eggs {
    fn names(&self) -> &'static [&'static str] {
        &["zc.recipe.egg:eggs"]
    }

    fn sets(&self, _part: &str, option: &str) -> Option<String> {
        sets(option)
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        match specs(part, buildout) {
            Ok(specs) => PartFiles { eggs: UsedEggs::of(&buildout.working_set(&specs)), ..PartFiles::default() },
            Err(why) => PartFiles::unknown(why),
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

    fn sets(&self, _part: &str, option: &str) -> Option<String> {
        match option {
            "_b" | "bin-directory" => Some("${buildout:bin-directory}".to_owned()),
            _ => sets(option),
        }
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let specs = match specs(part, buildout) {
            Ok(specs) => specs,
            Err(why) => return PartFiles::unknown(why),
        };
        let set = buildout.working_set(&specs);
        let mut files = PartFiles { eggs: UsedEggs::of(&set), ..PartFiles::default() };
        match arguments(specs, part, buildout) {
            Ok(Some(scripts)) => {
                let written = scripts.write(buildout, &set);
                files.made.extend(written.files.into_iter().map(|(path, content)| Made::script(path, content)));
                files.opaque = written.doubt;
            }
            // `scripts =` with nothing: no script and no interpreter either.
            Ok(None) => {}
            Err(why) => files.doubt(why),
        }
        files
    }
}

/// `zc.recipe.egg:custom`: builds an egg with options for its extensions, at every run.
#[derive(Debug)]
pub(super) struct Custom;

impl Recipe for Custom {
    fn names(&self) -> &'static [&'static str] {
        &["zc.recipe.egg:custom"]
    }

    fn sets(&self, _part: &str, option: &str) -> Option<String> {
        if option == "eggs-directory" || option == "develop-eggs-directory" { None } else { sets(option) }
    }

    fn asks(&self) -> &'static [Asked] {
        &[Asked { option: "environment", default: "", stops: true }]
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let mut files = PartFiles::unknown(Why::new(WhyKind::Code, "what is built is decided by the egg's own setup"));
        let recorded = buildout.recorded(part);
        if let Some(sources) = recorded.iter().find(|path| !buildout.keeps_eggs(path)) {
            files.side_effect = Some(format!(
                "[{part}] recorded `{sources}`, which it did not make: buildout deletes it when it installs the part anew"
            ));
        }
        files
    }
}

/// `zc.recipe.egg:develop`: links a source directory, at every run.
#[derive(Debug)]
pub(super) struct Develop;

impl Recipe for Develop {
    fn names(&self) -> &'static [&'static str] {
        &["zc.recipe.egg:develop"]
    }

    fn sets(&self, _part: &str, option: &str) -> Option<String> {
        (option == "_d").then(|| sets(option)).flatten()
    }

    fn expected(&self, _part: &str, _buildout: &Buildout<'_>) -> PartFiles {
        PartFiles::unknown(Why::new(WhyKind::Code, "what is linked, and how, is decided by the project's own setup"))
    }
}

/// What `Eggs.__init__` sets.
fn sets(option: &str) -> Option<String> {
    match option {
        "_e" | "eggs-directory" => Some("${buildout:eggs-directory}".to_owned()),
        "_d" | "develop-eggs-directory" => Some("${buildout:develop-eggs-directory}".to_owned()),
        _ => None,
    }
}

/// The lines of the option `eggs`, which defaults to the part's name.
fn specs(part: &str, buildout: &Buildout<'_>) -> Result<Vec<String>, Why> {
    let options = Options::of(part, buildout.configuration());
    Ok(if options.get("eggs")?.is_some() { options.lines("eggs")? } else { vec![part.to_owned()] })
}

/// What `Scripts.install` calls `easy_install.scripts` with; `None` when no script is wanted.
fn arguments(specs: Vec<String>, part: &str, buildout: &Buildout<'_>) -> Result<Option<ScriptArguments>, Why> {
    let options = Options::of(part, buildout.configuration());
    let names = match Names::of(&options)? {
        Names::None => return Ok(None),
        Names::These(names) => Some(names),
        Names::All => None,
    };
    Ok(Some(ScriptArguments {
        entry_points: egg_scripts::entry_points(&options)?,
        names,
        dependent: options.get("dependent-scripts")?.as_deref() == Some("true"),
        interpreter: options.get("interpreter")?.filter(|name| !name.is_empty()),
        extra_paths: egg_scripts::extra_paths(&options, buildout)?,
        initialization: options.get_or("initialization", "")?,
        arguments: options.get_or("arguments", "")?,
        ..ScriptArguments::new(specs, part, buildout)?
    }))
}
