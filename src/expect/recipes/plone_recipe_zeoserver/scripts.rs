//! The scripts that the recipe puts into the buildout's directory of scripts.

use super::templates::{PACK_ARGUMENTS, PACK_CALL};
use super::{Care, EGG, Part, Version};
use crate::expect::derive::buildout::WorkingSet;
use crate::expect::egg_scripts::Scripts;
use crate::expect::python_format::{join, split, stem};
use crate::expect::recipes::{Made, PartFiles};
use crate::expect::script_text::quoted;
use crate::model::eval::{Why, WhyKind};
use std::collections::BTreeMap;

impl Part<'_> {
    /// The scripts in the buildout's directory of scripts. A run that finds something else there rewrites them.
    pub(super) fn scripts(&self, set: &WorkingSet<'_>, care: Care, files: &mut PartFiles) {
        let with_recipe: Vec<String> = self.eggs.iter().cloned().chain([EGG.to_owned()]).collect();
        let larger = self.buildout.working_set(&with_recipe);
        let made = [self.control().map(|script| (script, &larger)), self.repozo().map(|script| (script, set))];
        let zeopack = self.zeopack(set, &larger).transpose();
        for script in made.into_iter().chain(zeopack) {
            match script {
                Ok((script, set)) => {
                    let written = script.write(self.buildout, set);
                    let made = written.files.into_iter().map(|(path, content)| Made::script(path, content));
                    files.made.extend(made.map(|made| Made { upkeep: care.scripts, ..made }));
                }
                Err(why) => files.doubt(why),
            }
        }
    }

    /// A script with one entry point, in a file of another name.
    fn script(&self, (name, file): (&str, &str), module: &str) -> Result<Scripts, Why> {
        Ok(Scripts {
            entry_points: vec![(name.to_owned(), module.to_owned(), "main".to_owned())],
            names: Some(BTreeMap::from([(name.to_owned(), file.to_owned())])),
            extra_paths: self.extra_paths.iter().map(|path| self.path(path)).collect(),
            ..Scripts::new(Vec::new(), self.name, self.buildout)?
        })
    }

    /// `bin/NAME`.
    fn control(&self) -> Result<Scripts, Why> {
        let configuration = self.options.get_or("zeo-conf", &join(&self.location, "etc/zeo.conf"))?;
        let why = || Why::new(WhyKind::NotModelled, "a path has characters that Python would escape");
        let configuration = quoted(&configuration).ok_or_else(why)?;
        Ok(Scripts {
            initialization: self.options.get_or("initialization", "")?,
            arguments: format!("\n        [\"-C\", {configuration}]\n        + sys.argv[1:]"),
            ..self.script((self.name, self.name), "plone.recipe.zeoserver.ctl")?
        })
    }

    fn repozo(&self) -> Result<Scripts, Why> {
        let file = self.options.get_or("repozo-script-name", "repozo")?;
        match self.options.get("repozo")? {
            None => self.script(("repozo", &file), "ZODB.scripts.repozo"),
            Some(own) => self.own(("repozo", &file), &own),
        }
    }

    /// A script around a module that the definition names by its file.
    fn own(&self, names: (&str, &str), module: &str) -> Result<Scripts, Why> {
        let (directory, name) = split(module);
        let mut script = self.script(names, stem(name))?;
        script.extra_paths.insert(0, self.path(directory));
        Ok(script)
    }

    /// `bin/zeopack`, if there is one, and its eggs.
    fn zeopack<'s>(
        &self,
        set: &'s WorkingSet<'s>,
        larger: &'s WorkingSet<'s>,
    ) -> Result<Option<(Scripts, &'s WorkingSet<'s>)>, Why> {
        let file = self.options.get_or("zeopack-script-name", "zeopack")?;
        match self.options.get("zeopack")?.as_deref() {
            Some("") => return Ok(None),
            // Version 3 adds a list to a set of eggs here, and fails.
            Some(_) if self.version != Version::Four => {
                return Err(Why::new(WhyKind::NotModelled, "the option `zeopack` is not modelled"));
            }
            Some(own) => {
                let there = self.buildout.input(&self.path(own))?.is_some();
                let script = there.then(|| self.own(("zeopack", &file), own)).transpose()?;
                return Ok(script.map(|script| (script, larger)));
            }
            None => {}
        }
        let mut script = self.script(("zeopack", &file), "plone.recipe.zeoserver.pack")?;
        let own = ["plone-recipe-zeoserver", "zc-buildout", "zc-recipe-egg"];
        let own = own.iter().filter_map(|key| larger.dists.get(*key)).map(|dist| dist.location.clone());
        script.extra_paths.extend(own);
        match self.pack_settings() {
            Ok(settings) => script.initialization = settings,
            // It is there, but nothing of it can be told.
            Err(why) => script.relative = Err(why),
        }
        PACK_CALL.clone_into(&mut script.arguments);
        Ok(Some((script, set)))
    }

    fn pack_settings(&self) -> Result<String, Why> {
        let options = &self.options;
        let address = options.get_or("zeo-address", "8100")?;
        let (host, port, socket) = address_parts(&address)?;
        let user = options.get("pack-user")?;
        let realm = if user.is_some() { options.get_or("authentication-realm", "ZEO")? } else { String::new() };
        let values = [
            ("address", address.as_str()),
            ("host", host),
            ("port", port),
            ("unix", socket),
            ("days", &options.get_or("pack-days", "1")?),
            ("username", &user.unwrap_or_default()),
            ("password", &options.get_or("pack-password", "")?),
            ("realm", &realm),
            ("storage", &options.get_or("storage-number", "1")?),
            ("blob_dir", &options.get_or("blob-storage", "")?),
        ];
        let line = |(name, value): &(&str, &str)| match *value {
            "" => format!("{name} = None\n"),
            value => format!("{name} = \"{value}\"\n"),
        };
        Ok(values.iter().map(line).collect::<String>() + PACK_ARGUMENTS)
    }
}

/// Host, port and socket of an address.
fn address_parts(address: &str) -> Result<(&str, &str, &str), Why> {
    match address.split(':').collect::<Vec<_>>()[..] {
        [port] if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(("127.0.0.1", port, "")),
        // Python takes some more for a number.
        [other] if other.chars().any(char::is_alphabetic) || other.is_empty() => Ok(("", "", other)),
        [host, port] => Ok((host, port, "")),
        _ => Err(Why::new(WhyKind::NotModelled, "the option `zeo-address` is not understood")),
    }
}
