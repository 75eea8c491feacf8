//! What the recipes of buildout parts make, one file per recipe, one line each in [`RECIPES`].
//!
//! A recipe takes a part's options and the evidence about eggs and inputs, and says which files it makes with which
//! content, and what the next run of buildout does about each. What it cannot know is unknown with a reason; a recipe
//! that is not in the table is known by what buildout recorded about it.

mod collective_recipe_backup;
mod collective_recipe_cmd;
mod collective_recipe_omelette;
mod collective_recipe_plonesite;
mod collective_recipe_supervisor;
mod collective_recipe_template;
mod djangorecipe;
mod hexagonit_recipe_cmmi;
mod hexagonit_recipe_download;
mod iw_recipe_cmd;
mod mr_scripty;
mod ore_recipe_fs;
mod plone_recipe_command;
mod plone_recipe_zeoserver;
mod plone_recipe_zope2instance;
mod z3c_recipe_mkdir;
mod z3c_recipe_usercrontab;
mod zc_recipe_cmmi;
mod zc_recipe_egg;
mod zc_recipe_testrunner;

use crate::definition::buildout::{Asked, RecipeOptions};
use crate::expect::derive::buildout::{Buildout, Configuration, UsedEggs};
use crate::model::artifact::{Content, Expected, Ownership, Principal};
use crate::model::content::Digest;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::path::TargetPath;

/// One recipe.
pub trait Recipe: Sync {
    /// The values of the option `recipe` that it stands for.
    fn names(&self) -> &'static [&'static str];

    /// The value of an option that its `__init__` sets in its own section, in buildout's syntax. `None` for an option
    /// that it does not set, or whose value cannot be told.
    fn sets(&self, _part: &str, _option: &str) -> Option<String> {
        None
    }

    /// Whether its `__init__` leaves a configured value of its own section as it is. When it does not, references to the
    /// option are not known.
    fn keeps(&self, _option: &str, _configured: &str) -> bool {
        true
    }

    /// The other sections that its `__init__` asks for, in order: those with a recipe become parts before this one.
    fn asks(&self) -> &'static [Asked] {
        &[]
    }

    /// What a scan must look at besides the buildout directory's notes.
    fn evidence(&self, _part: &str, _configuration: &Configuration, _directory: &TargetPath) -> Vec<Evidence> {
        Vec::new()
    }

    /// What a part makes.
    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles;
}

/// Something that a scan must look at for a recipe.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// A file whose text decides what is made: [`Buildout::input`].
    Text(TargetPath),
    /// An archive whose members are unpacked: [`Buildout::archive`].
    Archive {
        /// The archive.
        path: TargetPath,
        /// The digest that the part declares for it.
        declared: Option<Digest>,
    },
    /// A file whose digest is declared, in an algorithm that is not computed anyhow.
    Digest {
        /// The file.
        path: TargetPath,
        /// Its digest.
        declared: Digest,
    },
    /// What is at a path, nothing below it.
    Itself(TargetPath),
    /// Everything below a directory.
    Tree(TargetPath),
}

/// What a part makes.
#[derive(Debug, Clone, Default)]
pub struct PartFiles {
    /// Everything that it makes, as far as known. Of two parts that make the same path the later one wins.
    pub made: Vec<Made>,
    /// The distributions that it uses.
    pub eggs: UsedEggs,
    /// Why there may be more, or why something is not known.
    pub opaque: Option<Why>,
    /// What installing the part does besides making files, as a sentence: it must not be done silently.
    pub side_effect: Option<String>,
}

impl PartFiles {
    /// Of a part about which nothing can be told.
    pub fn unknown(why: Why) -> Self {
        Self { opaque: Some(why), ..Self::default() }
    }

    /// Of a part that runs something: when it is installed, and when it is updated.
    fn runs(part: &str, install: &str, update: Option<&str>) -> Self {
        let always = update.map(|update| format!("; every other run of buildout {update}")).unwrap_or_default();
        let text = format!("installing it {install}{always}; what that makes is not known");
        let side_effect = Some(format!("installing [{part}] again {install}{always}"));
        Self { side_effect, ..Self::unknown(Why::new(WhyKind::Code, text)) }
    }

    /// Notes why something is not known. The first reason stays.
    pub fn doubt(&mut self, why: Why) {
        self.opaque.get_or_insert(why);
    }
}

/// One thing that a part makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Where.
    pub path: TargetPath,
    /// What should be there.
    pub expected: Expected,
    /// Its permission bits.
    pub mode: Mode,
    /// What the next run of buildout does about it.
    pub upkeep: Upkeep,
    /// Whether its content must never be shown.
    pub secret: bool,
    /// Its owner, where the recipe sets one.
    pub owner: Option<Principal>,
    /// Its group, where the recipe sets one.
    pub group: Option<Principal>,
}

/// Permission bits of what a part makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Whatever the umask leaves.
    Undeclared,
    /// `0777 & ~umask`, as `zc.buildout.easy_install` makes its scripts.
    Executable,
    /// Exactly these.
    Exactly(u32),
}

/// What the next run of buildout, which updates the part, does about something that the part made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upkeep {
    /// Reads it as text, and writes it anew when it differs. What is no text makes the update fail, and then buildout
    /// deletes what the part recorded.
    Compared,
    /// Reads it as text and makes the part anew when it differs, but does nothing at all when it is gone. What is no
    /// text makes the update fail.
    Consulted,
    /// Writes it anew whatever is there.
    Rewritten,
    /// Removes the directory that it lies in, and makes everything in there anew.
    Rebuilt,
    /// Removes it and makes it anew whatever is there, permissions included.
    Replaced,
    /// Makes it when it is gone.
    WhenGone,
    /// Makes it when it is gone, and sets its permission bits and owner whatever they are.
    Maintained,
    /// Nothing: it is made only when the part is installed anew, for which a recorded path must be gone.
    OnInstall,
}

impl Made {
    /// A script by `zc.buildout.easy_install.scripts`.
    pub fn script(path: TargetPath, content: Content) -> Self {
        Self { mode: Mode::Executable, ..Self::file(path, content, Upkeep::Compared) }
    }

    /// A file.
    pub fn file(path: TargetPath, content: Content, upkeep: Upkeep) -> Self {
        Self::thing(path, Expected::File(content), upkeep)
    }

    /// A directory that others may write to as well.
    pub fn directory(path: TargetPath, upkeep: Upkeep) -> Self {
        Self::thing(path, Expected::Directory { ownership: Ownership::Shared }, upkeep)
    }

    /// Anything.
    pub fn thing(path: TargetPath, expected: Expected, upkeep: Upkeep) -> Self {
        Self { path, expected, mode: Mode::Undeclared, upkeep, secret: false, owner: None, group: None }
    }
}

/// Every recipe, sorted by its first name.
pub static RECIPES: &[&dyn Recipe] = &[
    &collective_recipe_backup::Backup,
    &collective_recipe_cmd::Commands,
    &collective_recipe_omelette::Omelette,
    &collective_recipe_plonesite::Site,
    &collective_recipe_supervisor::Supervisor,
    &collective_recipe_template::Genshi,
    &collective_recipe_template::Template,
    &djangorecipe::Django,
    &hexagonit_recipe_cmmi::Cmmi,
    &hexagonit_recipe_download::Download,
    &iw_recipe_cmd::Commands,
    &mr_scripty::Scripty,
    &ore_recipe_fs::Mkdir,
    &plone_recipe_command::Shell,
    &plone_recipe_zeoserver::Server,
    &plone_recipe_zope2instance::Instance,
    &z3c_recipe_mkdir::Mkdir,
    &z3c_recipe_usercrontab::UserCrontab,
    &zc_recipe_cmmi::Cmmi,
    &zc_recipe_egg::Custom,
    &zc_recipe_egg::Develop,
    &zc_recipe_egg::Eggs,
    &zc_recipe_egg::Scripts,
    &zc_recipe_testrunner::TestRunner,
];

/// The recipe of this name.
pub fn recipe(name: &str) -> Option<&'static dyn Recipe> {
    RECIPES.iter().copied().find(|recipe| recipe.names().contains(&name))
}

/// What the recipes of the table set in their sections, for resolving references to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownRecipes;

impl RecipeOptions for KnownRecipes {
    fn option(&self, name: &str, section: &str, option: &str) -> Option<String> {
        recipe(name)?.sets(section, option)
    }

    fn keeps(&self, name: &str, option: &str, configured: &str) -> bool {
        // Code that nobody has read may do anything: mr.scripty puts the results of Python code in place of options.
        option == "recipe" || recipe(name).is_some_and(|recipe| recipe.keeps(option, configured))
    }

    fn asks(&self, name: &str) -> &'static [Asked] {
        recipe(name).map_or(&[], |recipe| recipe.asks())
    }
}

/// How many characters of a command are told.
const TOLD: usize = 120;

/// A command in an option, for a sentence: quoted, on one line, and not too long; a secret one is withheld.
fn command(options: &Options<'_>, option: &str) -> String {
    match options.get(option) {
        Ok(Some(text)) => {
            let text = text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
            let short: String = text.chars().take(TOLD).collect();
            let more = if short.len() < text.len() { "…" } else { "" };
            format!("`{short}{more}`")
        }
        Ok(None) => format!("nothing, because it has no `{option}`"),
        Err(why) => format!("a command that is not known ({why})"),
    }
}

/// The options of one part, read as recipes read them.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    configuration: &'a Configuration,
    part: &'a str,
}

impl<'a> Options<'a> {
    /// Of a part.
    pub fn of(part: &'a str, configuration: &'a Configuration) -> Self {
        Self { configuration, part }
    }

    /// The part's name.
    pub fn part(&self) -> &'a str {
        self.part
    }

    /// `options.get(name)`.
    ///
    /// # Errors
    /// When its value cannot be known.
    pub fn get(&self, name: &str) -> Result<Option<String>, Why> {
        match self.configuration.option(self.part, name) {
            Some(Eval::Known(value)) => Ok(Some(value)),
            Some(Eval::Unknown(why)) => Err(why),
            None => Ok(None),
        }
    }

    /// `options.get(name, default)`.
    ///
    /// # Errors
    /// When its value cannot be known.
    pub fn get_or(&self, name: &str, default: &str) -> Result<String, Why> {
        Ok(self.get(name)?.unwrap_or_else(|| default.to_owned()))
    }

    /// An option of another section.
    ///
    /// # Errors
    /// When its value cannot be known.
    pub fn of_section(&self, section: &str, name: &str) -> Result<Option<String>, Why> {
        Options::of(section, self.configuration).get(name)
    }

    /// The lines of an option, without blanks around them and without empty ones.
    ///
    /// # Errors
    /// When its value cannot be known.
    pub fn lines(&self, name: &str) -> Result<Vec<String>, Why> {
        let text = self.get_or(name, "")?;
        Ok(text.split('\n').map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }
}
