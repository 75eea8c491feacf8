//! What the recipes of buildout parts make, one file per recipe, one line each in [`RECIPES`].
//!
//! A recipe takes a part's options and the evidence about eggs, and says which files it makes with which content.
//! What it cannot know is unknown with a reason; a recipe that is not in the table is known by what buildout
//! recorded about it.

mod zc_recipe_egg;

use crate::expect::derive::buildout::{Buildout, UsedEggs};
use crate::model::artifact::Content;
use crate::model::eval::Why;
use crate::model::path::TargetPath;

/// One recipe.
pub trait Recipe: Sync {
    /// The values of the option `recipe` that it stands for.
    fn names(&self) -> &'static [&'static str];

    /// What a part makes.
    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles;
}

/// What a part makes.
#[derive(Debug, Clone, Default)]
pub struct PartFiles {
    /// Executable text files that the recipe compares and rewrites at every run.
    pub scripts: Vec<(TargetPath, Content)>,
    /// The distributions that it uses.
    pub eggs: UsedEggs,
    /// Why there may be more files.
    pub opaque: Option<Why>,
}

/// Every recipe, sorted by its first name.
pub static RECIPES: &[&dyn Recipe] = &[&zc_recipe_egg::Eggs, &zc_recipe_egg::Scripts];

/// The recipe of this name.
pub fn recipe(name: &str) -> Option<&'static dyn Recipe> {
    RECIPES.iter().copied().find(|recipe| recipe.names().contains(&name))
}
