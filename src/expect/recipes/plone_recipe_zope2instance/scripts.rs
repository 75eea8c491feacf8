//! The control script, the interpreter of the instance, and the scripts of its eggs.

use super::Part;
use crate::expect::derive::buildout::WorkingSet;
use crate::expect::egg_scripts::{self, Names, Scripts};
use crate::expect::python_format::join;
use crate::expect::recipes::{Made, PartFiles};
use crate::expect::script_text::quoted;
use crate::model::eval::{Why, WhyKind};
use crate::model::path::TargetPath;

impl Part<'_> {
    /// All of them. `set` has the recipe in it.
    pub(super) fn scripts(&self, set: &WorkingSet<'_>, files: &mut PartFiles) {
        let own = self.buildout.working_set(&self.eggs);
        let scripts = [
            self.control().map(|script| Some((script, set))),
            self.interpreter().map(|script| Some((script, set))),
            self.of_eggs().map(|script| script.map(|script| (script, &own))),
        ];
        for script in scripts {
            match script {
                Ok(Some((script, set))) => {
                    let written = script.write(self.buildout, set);
                    files.made.extend(written.files.into_iter().map(|(path, content)| Made::script(path, content)));
                    if let Some(why) = written.doubt {
                        files.doubt(why);
                    }
                }
                Ok(None) => {}
                Err(why) => files.doubt(why),
            }
        }
    }

    fn plain(&self) -> Result<Scripts, Why> {
        Ok(Scripts {
            initialization: self.initialization()?,
            extra_paths: self.extra_paths()?,
            ..Scripts::new(Vec::new(), self.name, self.buildout)?
        })
    }

    /// The recipe joins the lines that `zc.recipe.egg` made absolute, and splits at blanks.
    fn extra_paths(&self) -> Result<Vec<TargetPath>, Why> {
        let paths = egg_scripts::extra_paths(&self.options, self.buildout)?;
        if paths.iter().any(|path| path.as_bytes().contains(&b' ')) {
            return Err(Why::new(WhyKind::NotModelled, "the option `extra-paths` has a path with a blank"));
        }
        Ok(paths)
    }

    /// `options["initialization"] % options`.
    fn initialization(&self) -> Result<String, Why> {
        let text = self.options.get_or("initialization", "")?;
        if text.contains('%') {
            return Err(Why::new(WhyKind::NotModelled, "the option `initialization` uses `%`"));
        }
        Ok(text)
    }

    /// `bin/NAME`.
    fn control(&self) -> Result<Scripts, Why> {
        let name = self.options.get_or("control-script", self.name)?;
        Ok(Scripts {
            entry_points: vec![(name, "plone.recipe.zope2instance.ctl".to_owned(), "main".to_owned())],
            arguments: format!("\n        [{}]\n        + sys.argv[1:]", self.control_arguments()?),
            ..self.plain()?
        })
    }

    /// `repr(arguments)`, without the brackets.
    fn control_arguments(&self) -> Result<String, Why> {
        let why = || Why::new(WhyKind::NotModelled, "a path has characters that Python would escape");
        let options = &self.options;
        let conf = join(&self.location, "etc/zope.conf");
        let program = join(&self.location, "bin/interpreter");
        let (conf, program) = if options.get_or("relative-paths", "")?.is_empty() {
            (quoted(&options.get_or("zope-conf", &conf)?), quoted(&program))
        } else {
            (self.relative(&conf), self.relative(&program))
        };
        let mut arguments = format!("'-C', {}, '-p', {}", conf.ok_or_else(why)?, program.ok_or_else(why)?);
        let umask = options.get_or("zopectl-umask", "")?;
        if !umask.is_empty() {
            let digits = umask.strip_prefix("0o").unwrap_or(&umask);
            let number = u32::from_str_radix(digits, 8).map_err(|_| super::not_modelled("zopectl-umask"))?;
            arguments += &format!(", '--umask', {number}");
        }
        let wsgi = options.get_or("wsgi", "on")?;
        let wsgi =
            if super::is_one_of(&wsgi, &["on", "true", "1"]) { join(&self.location, "etc/wsgi.ini") } else { wsgi };
        if !wsgi.is_empty() {
            arguments += &format!(", '-w', {}", quoted(&wsgi).ok_or_else(why)?);
        }
        Ok(arguments)
    }

    /// `_relativitize` of a path below the buildout directory.
    fn relative(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(&self.base)?.strip_prefix('/')?;
        Some(format!("join(base, {})", quoted(rest)?))
    }

    /// `parts/NAME/bin/interpreter`.
    fn interpreter(&self) -> Result<Scripts, Why> {
        Ok(Scripts { interpreter: Some("interpreter".to_owned()), dest: self.inside("bin"), ..self.plain()? })
    }

    /// What `zc.recipe.egg` makes for the eggs; the recipe is no part of these.
    fn of_eggs(&self) -> Result<Option<Scripts>, Why> {
        let options = &self.options;
        let names = match Names::of(options)? {
            Names::None => return Ok(None),
            Names::These(names) => Some(names),
            Names::All => None,
        };
        Ok(Some(Scripts {
            specs: self.eggs.clone(),
            entry_points: egg_scripts::entry_points(options)?,
            names,
            dependent: options.get("dependent-scripts")?.as_deref() == Some("true"),
            interpreter: options.get("interpreter")?.filter(|name| !name.is_empty()),
            arguments: options.get_or("arguments", "")?,
            ..self.plain()?
        }))
    }
}
