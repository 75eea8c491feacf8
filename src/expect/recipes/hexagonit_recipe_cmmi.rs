//! `hexagonit.recipe.cmmi`: configure, make, make install. Version 2.0, the only one for Python 3 (below 3.12).
//!
//! What a compiler writes is nobody's to foretell, nor what it leaves of the sources in a directory that is kept
//! (`keep-compile-dir`): only the directories are expected. Nothing is looked at after installing.

use super::{Made, PartFiles, Recipe, Upkeep};
use crate::definition::buildout::Asked;
use crate::expect::derive::buildout::Buildout;
use crate::model::eval::{Why, WhyKind};
use crate::model::path::TargetPath;

/// The recipe.
#[derive(Debug)]
pub(super) struct Cmmi;

impl Recipe for Cmmi {
    fn names(&self) -> &'static [&'static str] {
        &["hexagonit.recipe.cmmi", "hexagonit.recipe.cmmi:default"]
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        match option {
            "location" => Some(format!("${{buildout:parts-directory}}/{part}")),
            "prefix" => Some("${:location}".to_owned()),
            "url" | "path" => Some(String::new()),
            _ => None,
        }
    }

    fn keeps(&self, option: &str, _configured: &str) -> bool {
        option != "location"
    }

    fn asks(&self) -> &'static [Asked] {
        &[Asked { option: "environment-section", default: "", stops: false }]
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let why = Why::new(WhyKind::Code, "what a compiler makes cannot be foretold; only that it is there is checked");
        let mut files = PartFiles {
            opaque: Some(why),
            side_effect: Some(format!("[{part}] gets its sources, and runs `configure`, `make` and `make install`")),
            ..PartFiles::default()
        };
        match directories(part, buildout) {
            Ok(directories) => {
                files.made.extend(directories.into_iter().map(|path| Made::directory(path, Upkeep::OnInstall)));
            }
            Err(why) => files.doubt(why),
        }
        files
    }
}

/// Where it installs, whatever the option `prefix` says, and what it keeps.
fn directories(part: &str, buildout: &Buildout<'_>) -> Result<Vec<TargetPath>, Why> {
    let options = buildout.options(part);
    let location = buildout.parts_directory(part)?;
    let mut directories = vec![TargetPath::new(&location)];
    let keeps = ["true", "yes", "1", "on"].contains(&&*options.get_or("keep-compile-dir", "")?.to_lowercase());
    if keeps && !options.get_or("url", "")?.trim().is_empty() {
        directories.push(TargetPath::new(format!("{location}__compile__")));
    }
    Ok(directories)
}
