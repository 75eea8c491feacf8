//! `z3c.recipe.mkdir`: directories with their permission bits and owners. Versions 0.7, 1.1, 2.0 and 2.1, which agree.
//!
//! What lies in the directories is nobody's here. Directories on the way to them are made with the same permission bits,
//! but those are not set again, so nothing is said about them.

use super::{Evidence, Made, Mode, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, Configuration};
use crate::model::artifact::{Expected, Principal};
use crate::model::eval::{Why, WhyKind};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;

/// Directories.
#[derive(Debug)]
pub(super) struct Mkdir;

impl Recipe for Mkdir {
    fn names(&self) -> &'static [&'static str] {
        &["z3c.recipe.mkdir", "z3c.recipe.mkdir:default"]
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        match option {
            "paths" => Some(format!("${{buildout:parts-directory}}/{part}")),
            "create-intermediate" => Some("True".to_owned()),
            "remove-on-update" => Some("False".to_owned()),
            _ => None,
        }
    }

    fn keeps(&self, option: &str, configured: &str) -> bool {
        match option {
            "paths" => {
                let paths: Vec<&str> = configured.split('\n').collect();
                let normal = |path: &&str| TargetPath::new(path.as_bytes()).as_str() == Some(*path);
                paths.is_sorted() && paths.iter().all(normal)
            }
            "mode" => configured.strip_prefix("0o").is_some_and(|digits| !digits.starts_with('0')),
            "create-intermediate" | "remove-on-update" => ["True", "False"].contains(&configured),
            _ => true,
        }
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        let paths = paths(&Options::of(part, configuration), directory);
        paths.into_iter().flatten().map(Evidence::Itself).collect()
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let options = buildout.options(part);
        let made = paths(&options, buildout.directory()).and_then(|paths| {
            let mode = mode(&options)?;
            let owner = options.get("user")?.filter(|name| !name.is_empty()).map(Principal::Name);
            let group = options.get("group")?.filter(|name| !name.is_empty()).map(Principal::Name);
            let made = paths.into_iter().map(|path| Made {
                mode,
                owner: owner.clone(),
                group: group.clone(),
                ..directory(path, buildout)
            });
            Ok(made.collect())
        });
        match made {
            Ok(made) => PartFiles { made, ..PartFiles::default() },
            Err(why) => PartFiles::unknown(why),
        }
    }
}

/// `self.paths`. The default is in the directory of parts.
fn paths(options: &Options<'_>, directory: &TargetPath) -> Result<Vec<TargetPath>, Why> {
    if options.get("paths")?.is_some() {
        return Ok(options.lines("paths")?.iter().map(|path| directory.join(path)).collect());
    }
    let parts = options.of_section("buildout", "parts-directory")?.unwrap_or_else(|| "parts".to_owned());
    Ok(vec![directory.join(parts).join(options.part())])
}

fn mode(options: &Options<'_>) -> Result<Mode, Why> {
    let Some(text) = options.get("mode")? else { return Ok(Mode::Undeclared) };
    let digits = text.trim().trim_start_matches("0o");
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(Mode::Exactly(mode)),
        Ok(_) | Err(_) => Err(Why::new(WhyKind::BrokenDefinition, "its `mode` is no octal number")),
    }
}

/// A link to a directory is as good as one: `os.path.exists` and `os.chmod` follow it. What it leads to was not looked at.
fn directory(path: TargetPath, buildout: &Buildout<'_>) -> Made {
    let link = buildout.scan().seen(&path).is_some_and(|seen| seen.kind == Kind::Link);
    let made = Made::directory(path, Upkeep::Maintained);
    if link { Made { expected: Expected::Present, ..made } } else { made }
}

#[cfg(test)]
mod tests {
    use super::{Mkdir, Recipe};

    #[test]
    fn options_that_the_recipe_puts_otherwise_are_not_believed() {
        for (option, configured, keeps) in [
            ("paths", "/b/x", true),
            ("paths", "/b/x\n/b/y", true),
            ("paths", "/b/y\n/b/x", false),
            ("paths", "/b/x/", false),
            ("paths", "x", false),
            ("paths", "\n/b/x", false),
            ("mode", "0o750", true),
            ("mode", "0750", false),
            ("remove-on-update", "yes", false),
            ("user", "nobody", true),
        ] {
            assert_eq!(Mkdir.keeps(option, configured), keeps, "{option} = {configured:?}");
        }
    }
}
