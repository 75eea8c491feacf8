//! `zc.recipe.cmmi`: configure, make, make install. Versions 3.0.0, 4.0 and 5.1, which agree.
//!
//! What a compiler writes is nobody's to foretell: only the directory is expected. The sources are unpacked into a
//! temporary directory and removed. An update builds again when the directory is gone, and looks at nothing in it.

use super::{Made, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::Buildout;
use crate::model::eval::{Why, WhyKind};
use crate::model::path::TargetPath;

/// The recipe.
#[derive(Debug)]
pub(super) struct Cmmi;

impl Recipe for Cmmi {
    fn names(&self) -> &'static [&'static str] {
        &["zc.recipe.cmmi", "zc.recipe.cmmi:default"]
    }

    fn keeps(&self, option: &str, _configured: &str) -> bool {
        option != "location"
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let why = Why::new(WhyKind::Code, "what a compiler makes cannot be foretold; only that it is there is checked");
        let mut files = PartFiles {
            opaque: Some(why),
            side_effect: Some(format!("[{part}] gets its sources, and runs `configure`, `make` and `make install`")),
            ..PartFiles::default()
        };
        // A shared build lies below a digest of its options, and is not recorded.
        if let (Ok(None), Ok(Some(place))) = (buildout.options(part).get("shared"), place(part, buildout)) {
            files.made.push(Made::directory(place, Upkeep::WhenGone));
        }
        files
    }
}

/// `os.path.join(options.get('location', parts-directory), name)`.
fn place(part: &str, buildout: &Buildout<'_>) -> Result<Option<TargetPath>, Why> {
    Ok(Some(match buildout.options(part).get("location")? {
        Some(location) => buildout.directory().join(location).join(part),
        None => TargetPath::new(buildout.parts_directory(part)?),
    }))
}
