//! `ore.recipe.fs:mkdir`: one directory, made when the part is installed. Version 0.3.1.
//!
//! Its other recipe, `mkfile`, does not run on Python 3.

use super::{Evidence, Made, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, Configuration};
use crate::model::artifact::Expected;
use crate::model::eval::{Why, WhyKind};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;

/// A directory.
#[derive(Debug)]
pub(super) struct Mkdir;

impl Recipe for Mkdir {
    fn names(&self) -> &'static [&'static str] {
        &["ore.recipe.fs:mkdir"]
    }

    fn keeps(&self, option: &str, configured: &str) -> bool {
        option != "path" || configured.starts_with('/')
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        path(&Options::of(part, configuration), directory).into_iter().map(Evidence::Itself).collect()
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let path = match path(&buildout.options(part), buildout.directory()) {
            Ok(path) => path,
            Err(why) => return PartFiles::unknown(why),
        };
        // A link to a directory is as good as one.
        let link = buildout.scan().seen(&path).is_some_and(|seen| seen.kind == Kind::Link);
        let made = Made::directory(path, Upkeep::OnInstall);
        let made = if link { Made { expected: Expected::Present, ..made } } else { made };
        PartFiles { made: vec![made], ..PartFiles::default() }
    }
}

fn path(options: &Options<'_>, directory: &TargetPath) -> Result<TargetPath, Why> {
    let path = options.get("path")?;
    let path = path.ok_or_else(|| Why::new(WhyKind::BrokenDefinition, "it has no `path`"))?;
    Ok(directory.join(path))
}
