//! `plone.recipe.zope2instance`: a Zope instance with WSGI. Versions 6.13.0, 7.0.0, 7.1.2, 8.0.1, 9.0.0 and 9.1.0.
//!
//! Every run writes the configuration and the slugs in `package-includes` anew and compares the scripts; what comes from
//! the skeleton is made by installing only. Zope removes `inituser` when it has read it, so that it need not be there.
//! Deliberately not here: `RelStorage`, demo, before and wrapped storages, which make `zope.conf` unknown.

mod package_includes;
mod scripts;
mod storage;
mod templates;
mod wsgi_ini;
mod zope_conf;

use super::{Evidence, Made, Mode, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, Configuration, UsedEggs};
use crate::expect::evidence::{self, Note};
use crate::expect::python_format::join;
use crate::model::artifact::{Content, Expected};
use crate::model::content::Blob;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::path::TargetPath;

/// Its own egg.
const EGG: &str = "plone.recipe.zope2instance";

/// The values of the option `recipe` for this recipe.
const NAMES: &[&str] =
    &["plone.recipe.zope2instance", "plone.recipe.zope2instance[profile]", "plone.recipe.zope2instance[sentry]"];

/// `plone.recipe.zope2instance`.
#[derive(Debug)]
pub(super) struct Instance;

impl Recipe for Instance {
    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        let text = match option {
            "_e" | "eggs-directory" => "${buildout:eggs-directory}",
            "_d" | "develop-eggs-directory" => "${buildout:develop-eggs-directory}",
            "_b" | "bin-directory" => "${buildout:bin-directory}",
            "initialization" => "",
            "location" => return Some(format!("${{buildout:parts-directory}}/{part}")),
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        let known = |section: &str, option: &str| match configuration.option(section, option) {
            Some(Eval::Known(value)) if !value.is_empty() => Some(value),
            Some(_) | None => None,
        };
        let interpreter =
            known("buildout", "parts-directory").map(|parts| join(&join(&parts, part), "bin/interpreter"));
        let templates = ["wsgi-ini-template", "wsgi-logging-ini-template"].into_iter();
        let templates = templates.filter_map(|option| known(part, option));
        interpreter.into_iter().chain(templates).map(|path| Evidence::Text(directory.join(path))).collect()
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        match Part::of(part, buildout) {
            Ok(part) => part.files(),
            Err(why) => PartFiles::unknown(why),
        }
    }
}

/// A version of the recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    /// 6.13 and 7.0: a template for `wsgi.ini` stays in use for the parts that follow.
    Six,
    /// 7.1.2 and later 7.1, and 8.0.0: a template of one's own for its part on logging.
    Seven,
    /// 8.0.1 to 9.1: finds Plone whatever its name is.
    Eight,
}

impl Version {
    fn of(buildout: &Buildout<'_>) -> Result<Self, Why> {
        let set = buildout.working_set(&[EGG.to_owned()]);
        let Some(dist) = set.dists.get("plone-recipe-zope2instance") else {
            let text = format!("which {EGG} is used is not known");
            return Err(set.doubt.clone().unwrap_or_else(|| Why::new(WhyKind::LiveTree, text)));
        };
        match dist.version.split('.').collect::<Vec<_>>()[..] {
            ["6", "13", _] | ["7", "0", _] => Ok(Self::Six),
            ["7", "1", patch] if patch != "0" && patch != "1" => Ok(Self::Seven),
            ["8", "0", "0"] => Ok(Self::Seven),
            ["8", "0", _] | ["9", "0" | "1", _] => Ok(Self::Eight),
            _ => Err(Why::new(WhyKind::NotModelled, format!("{EGG} {} is not modelled", dist.version))),
        }
    }
}

/// A part of this recipe.
struct Part<'a> {
    name: &'a str,
    buildout: &'a Buildout<'a>,
    options: Options<'a>,
    version: Version,
    /// The requirements.
    eggs: Vec<String>,
    /// The option `location`, as text.
    location: String,
    /// The buildout directory, as text.
    base: String,
    /// The option `var`, as text.
    var: String,
}

impl<'a> Part<'a> {
    fn of(name: &'a str, buildout: &'a Buildout<'a>) -> Result<Self, Why> {
        let options = buildout.options(name);
        let needed = |option: &str| {
            let why = || Why::new(WhyKind::BrokenDefinition, format!("[buildout] has no option `{option}`"));
            options.of_section("buildout", option)?.ok_or_else(why)
        };
        if options.get("eggs")?.is_none() {
            let text = "without the option `eggs` the recipe looks for an egg with the part's name";
            return Err(Why::new(WhyKind::BrokenDefinition, text));
        }
        let base = needed("directory")?;
        Ok(Self {
            name,
            buildout,
            options,
            version: Version::of(buildout)?,
            eggs: options.lines("eggs")?,
            location: join(&needed("parts-directory")?, name),
            var: options.get_or("var", &join(&base, "var"))?,
            base,
        })
    }

    /// What a text means to a process in the buildout directory.
    fn path(&self, text: &str) -> TargetPath {
        self.buildout.directory().join(text)
    }

    /// What a text means below the part's directory.
    fn inside(&self, name: &str) -> TargetPath {
        self.path(&self.location).join(name)
    }

    fn files(&self) -> PartFiles {
        let set = self.buildout.working_set(&self.with_recipe());
        let mut files = PartFiles { eggs: UsedEggs::of(&set), ..PartFiles::default() };
        self.skeleton(&mut files);
        self.conf(&mut files);
        files.made.push(Made::file(self.inside("etc/wsgi.ini"), known(self.wsgi_ini()), Upkeep::Rewritten));
        self.scripts(&set, &mut files);
        if let Err(why) = self.package_includes(&mut files) {
            files.doubt(why);
        }
        if !self.can_update() {
            for made in &mut files.made {
                made.upkeep = Upkeep::OnInstall;
            }
        }
        files
    }

    /// The requirements with the recipe itself.
    fn with_recipe(&self) -> Vec<String> {
        self.eggs.iter().cloned().chain([EGG.to_owned()]).collect()
    }

    /// `update` writes into directories that installing makes: without one of them it fails.
    fn can_update(&self) -> bool {
        let scan = self.buildout.scan();
        let absent = |path: &TargetPath| evidence::note(scan, path) == Note::Absent;
        absent(&self.inside("")) || !["etc", "bin"].iter().any(|name| absent(&self.inside(name)))
    }

    /// What `make.py` makes.
    fn skeleton(&self, files: &mut PartFiles) {
        for name in ["", "bin", "etc", "var"] {
            files.made.push(Made::directory(self.inside(name), Upkeep::OnInstall));
        }
        for name in ["bin/README.txt", "etc/site.zcml", "var/README.txt"] {
            files.made.push(Made::file(self.inside(name), known(self.of_skeleton(name)), Upkeep::OnInstall));
        }
        let initial = self.inside("inituser");
        if matches!(evidence::note(self.buildout.scan(), &initial), Note::Absent) {
            return;
        }
        let why = match self.options.get("user") {
            Err(why) => why,
            Ok(_) => Why::new(WhyKind::Secret, "it holds the digest of a password"),
        };
        let made = Made::file(initial, Content::Unknown(why), Upkeep::OnInstall);
        files.made.push(Made { mode: Mode::Exactly(0o644), secret: true, ..made });
    }

    /// A file of the skeleton is what RECORD says about it.
    fn of_skeleton(&self, name: &str) -> Result<Content, Why> {
        let set = self.buildout.working_set(&[EGG.to_owned()]);
        let dist = set.dists.get("plone-recipe-zope2instance").copied();
        let content = dist.and_then(|dist| {
            let path = dist.location.join(format!("plone/recipe/zope2instance/skel4/{name}"));
            self.buildout.vouched(dist, &path)
        });
        content.ok_or_else(|| Why::new(WhyKind::LiveTree, "nothing vouches for the skeleton in the recipe's egg"))
    }

    /// `zope.conf`, unless the option `zope-conf` names another one, and the directories that are made for it.
    fn conf(&self, files: &mut PartFiles) {
        match self.options.get("zope-conf") {
            Ok(Some(_)) => {}
            Ok(None) => {
                let mut places = Vec::new();
                let text = self.zope_conf(&mut places).map(|text| Content::Bytes(Blob::from(text)));
                files.made.push(Made::file(self.inside("etc/zope.conf"), known(text), Upkeep::Rewritten));
                // Whoever keeps data elsewhere puts a link there.
                let made = places.iter().map(|path| Made::directory(self.path(path), Upkeep::WhenGone));
                files.made.extend(made.map(|made| Made { expected: Expected::Present, ..made }));
            }
            Err(why) => files.doubt(why),
        }
    }
}

fn known(content: Result<Content, Why>) -> Content {
    content.unwrap_or_else(Content::Unknown)
}

/// Whether Python's `lower()` of a text is one of these.
fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.contains(&text.to_lowercase().as_str())
}

fn not_modelled(option: &str) -> Why {
    Why::new(WhyKind::NotModelled, format!("the option `{option}` is not modelled"))
}
