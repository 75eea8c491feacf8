//! `djangorecipe`: scripts that run Django with settings: `manage.py`, tests, WSGI, and others. Versions 2.0 to 2.2.1,
//! which agree but for the arguments of the test script.

use super::{Made, Options, PartFiles, Recipe};
use crate::expect::derive::buildout::{Buildout, UsedEggs, WorkingSet};
use crate::expect::egg_scripts::Scripts;
use crate::model::eval::{Why, WhyKind};
use crate::model::path::TargetPath;

/// Django.
#[derive(Debug)]
pub(super) struct Django;

impl Recipe for Django {
    fn names(&self) -> &'static [&'static str] {
        &["djangorecipe", "djangorecipe:default"]
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        Some(match option {
            "location" => format!("${{buildout:parts-directory}}/{part}"),
            "_b" | "bin-directory" => "${buildout:bin-directory}".to_owned(),
            "_e" | "eggs-directory" => "${buildout:eggs-directory}".to_owned(),
            "_d" | "develop-eggs-directory" => "${buildout:develop-eggs-directory}".to_owned(),
            "project" => "project".to_owned(),
            "settings" => "development".to_owned(),
            "wsgi" => "false".to_owned(),
            "extra-paths" | "initialization" | "deploy-script-extra" | "logfile" => String::new(),
            _ => return None,
        })
    }

    fn keeps(&self, option: &str, _configured: &str) -> bool {
        !["location", "bin-directory", "eggs-directory", "develop-eggs-directory"].contains(&option)
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let options = buildout.options(part);
        let specs = match options.lines("eggs") {
            Ok(specs) => specs,
            Err(why) => return PartFiles::unknown(why),
        };
        let specs: Vec<String> = specs.into_iter().chain(["djangorecipe".to_owned()]).collect();
        let set = buildout.working_set(&specs);
        let mut files = PartFiles { eggs: UsedEggs::of(&set), ..PartFiles::default() };
        let all = Part { options, buildout, version: buildout.recipe_version("djangorecipe").unwrap_or_default() };
        if let Err(why) = all.write(&set, &mut files) {
            files.doubt(why);
        }
        files
    }
}

struct Part<'a> {
    options: Options<'a>,
    buildout: &'a Buildout<'a>,
    version: String,
}

impl Part<'_> {
    fn write(&self, set: &WorkingSet<'_>, files: &mut PartFiles) -> Result<(), Why> {
        let mut all = vec![self.manage()?];
        all.extend(self.test()?);
        all.extend(self.wsgi()?);
        for scripts in all {
            let written = scripts.write(self.buildout, set);
            files.made.extend(written.files.into_iter().map(|(path, content)| Made::script(path, content)));
            files.opaque = files.opaque.take().or(written.doubt);
        }
        if !self.options.lines("scripts-with-settings")?.is_empty() {
            files.doubt(not_modelled("copies of scripts with settings"));
        }
        if !self.options.lines("script-entrypoints")?.is_empty() {
            files.doubt(not_modelled("`script-entrypoints`"));
        }
        Ok(())
    }

    /// What all scripts have in common.
    fn script(&self, name: String, attribute: &str, arguments: String) -> Result<Scripts, Why> {
        if !["2.0", "2.1", "2.1.1", "2.1.2", "2.2", "2.2.1"].contains(&self.version.as_str()) {
            return Err(not_modelled("this version"));
        }
        let mut extra_paths: Vec<TargetPath> = vec![self.buildout.directory().clone()];
        for line in self.options.get_or("extra-paths", "")?.split('\n').filter(|line| !line.trim().is_empty()) {
            extra_paths.push(self.buildout.directory().join(line));
        }
        Ok(Scripts {
            entry_points: vec![(name, "djangorecipe.binscripts".to_owned(), attribute.to_owned())],
            extra_paths,
            initialization: self.options.get_or("initialization", "")?,
            arguments,
            ..Scripts::new(Vec::new(), self.options.part(), self.buildout)?
        })
    }

    fn settings(&self) -> Result<String, Why> {
        let settings = format!(
            "{}.{}",
            self.options.get_or("project", "project")?,
            self.options.get_or("settings", "development")?
        );
        self.options.get_or("dotted-settings-path", &settings)
    }

    fn control(&self) -> Result<String, Why> {
        self.options.get_or("control-script", self.options.part())
    }

    fn manage(&self) -> Result<Scripts, Why> {
        self.script(self.control()?, "manage", format!("'{}'", self.settings()?))
    }

    fn test(&self) -> Result<Option<Scripts>, Why> {
        let apps = self.options.get_or("test", "")?;
        let apps: Vec<String> = apps.split_whitespace().map(|app| format!("'{app}'")).collect();
        if apps.is_empty() {
            return Ok(None);
        }
        let mut coverage = self.options.get_or("coverage", "")?;
        if coverage.to_lowercase() == "true" {
            "report html_report xml_report".clone_into(&mut coverage);
        }
        let coverage = match self.version.as_str() {
            "2.2.1" => format!("'{coverage}', "),
            "2.2" => format!("{coverage}, "),
            _ => String::new(),
        };
        let arguments = format!("'{}', {coverage}{}", self.settings()?, apps.join(", "));
        self.script(self.options.get_or("testrunner", "test")?, "test", arguments).map(Some)
    }

    fn wsgi(&self) -> Result<Option<Scripts>, Why> {
        if self.options.get_or("wsgi", "false")?.to_lowercase() != "true" {
            return Ok(None);
        }
        let name = match self.options.get_or("wsgi-script", "")? {
            name if name.is_empty() => format!("{}.wsgi", self.control()?),
            name => name,
        };
        let after = self.options.get_or("deploy-script-extra", "")?;
        if after.contains('%') {
            return Err(not_modelled("a per cent sign in `deploy-script-extra`"));
        }
        let arguments = format!("'{}', logfile='{}'", self.settings()?, self.options.get_or("logfile", "")?);
        Ok(Some(Scripts { application: Some(after), ..self.script(name, "wsgi", arguments)? }))
    }
}

fn not_modelled(what: &str) -> Why {
    Why::new(WhyKind::NotModelled, format!("{what} of djangorecipe is not modelled"))
}
