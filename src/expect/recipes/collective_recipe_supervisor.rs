//! `collective.recipe.supervisor`: `supervisord.conf`, and scripts that use it. Versions 0.20, 1.0.0 and 2.0.0; 0.20 knows
//! no `chown`.
//!
//! The scripts are compared at every run; the configuration is written only when the part is installed. What its lines
//! about programs mean is in [`super::super::supervisor_lines`].

use super::{Evidence, Made, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, Configuration, UsedEggs};
use crate::expect::egg_scripts::Scripts;
use crate::expect::supervisor_lines as lines;
use crate::model::artifact::{Content, Expected};
use crate::model::eval::{Why, WhyKind};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use std::collections::BTreeMap;

/// supervisord.
#[derive(Debug)]
pub(super) struct Supervisor;

impl Recipe for Supervisor {
    fn names(&self) -> &'static [&'static str] {
        &["collective.recipe.supervisor", "collective.recipe.supervisor:default"]
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        (option == "supervisord-conf").then(|| format!("${{buildout:parts-directory}}/{part}/supervisord.conf"))
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        let part = Part { options: Options::of(part, configuration), directory };
        part.directories().into_iter().flatten().map(Evidence::Itself).collect()
    }

    fn expected(&self, name: &str, buildout: &Buildout<'_>) -> PartFiles {
        let part = Part { options: buildout.options(name), directory: buildout.directory() };
        let mut files = PartFiles::default();
        if let Err(why) = part.scripts(buildout, &mut files) {
            files.doubt(why);
        }
        match part.directories() {
            Ok(places) => files.made.extend(places.into_iter().map(|place| directory(place, buildout))),
            Err(why) => files.doubt(why),
        }
        match part.file() {
            Ok(path) => {
                let path = buildout.directory().join(path);
                let text = part.text(buildout);
                let secret = text.as_ref().is_err_and(|why| why.kind == WhyKind::Secret);
                let content = text.map_or_else(Content::Unknown, |text| Content::Bytes(text.into()));
                files.made.push(Made { secret, ..Made::file(path, content, Upkeep::OnInstall) });
            }
            Err(why) => files.doubt(why),
        }
        files
    }
}

/// A link to a directory is as good as one.
fn directory(path: TargetPath, buildout: &Buildout<'_>) -> Made {
    let link = buildout.scan().seen(&path).is_some_and(|seen| seen.kind == Kind::Link);
    let made = Made::directory(path, Upkeep::OnInstall);
    if link { Made { expected: Expected::Present, ..made } } else { made }
}

/// The options of one part.
struct Part<'a> {
    options: Options<'a>,
    directory: &'a TargetPath,
}

impl Part<'_> {
    /// An option, or a path in the buildout directory.
    fn path_or(&self, option: &str, default: &str) -> Result<String, Why> {
        let default = self.directory.join(default).display().into_owned();
        self.options.get_or(option, &default)
    }

    fn has(&self, section: &str) -> Result<bool, Why> {
        let sections = self.options.get_or("sections", "global ctl http rpc services")?;
        Ok(sections.split_whitespace().any(|name| name == section))
    }

    /// `supervisord-conf`, as it is written into the scripts.
    fn file(&self) -> Result<String, Why> {
        if let Some(path) = self.options.get("supervisord-conf")? {
            return Ok(path);
        }
        let parts = self.options.of_section("buildout", "parts-directory")?.unwrap_or_else(|| "parts".to_owned());
        let path = self.directory.join(parts).join(self.options.part()).join("supervisord.conf");
        Ok(path.display().into_owned())
    }

    /// The directories that installing makes and nobody records.
    fn directories(&self) -> Result<Vec<TargetPath>, Why> {
        if !self.has("global")? {
            return Ok(Vec::new());
        }
        let children = self.directory.join(self.path_or("childlogdir", "var/log")?);
        let log = self.directory.join(self.path_or("logfile", "var/log/supervisord.log")?);
        let mut places = vec![children];
        places.extend(log.parent().filter(|place| *place != places[0]));
        Ok(places)
    }

    fn scripts(&self, buildout: &Buildout<'_>, files: &mut PartFiles) -> Result<(), Why> {
        let (name, conf) = (self.options.part(), self.file()?);
        let supervisor = |script: &str, file: String| -> Result<Scripts, Why> {
            let names = Some(BTreeMap::from([(script.to_owned(), file)]));
            // The recipe asks for them with options of its own: `relative-paths` of the part does not count.
            Ok(Scripts { names, ..Scripts::new(vec!["supervisor".to_owned()], "buildout", buildout)? })
        };
        let mut all = Vec::new();
        if self.has("global")? {
            let initialization = format!("import sys; sys.argv.extend([\"-c\",\"{conf}\"])");
            all.push(Scripts { initialization, ..supervisor("supervisord", format!("{name}d"))? });
        }
        all.push(supervisor("memmon", "memmon".to_owned())?);
        if self.has("ctl")? {
            let initialization = format!("import sys; sys.argv[1:1] = [\"-c\", \"{conf}\"]");
            let arguments = "sys.argv[1:]".to_owned();
            all.push(Scripts { initialization, arguments, ..supervisor("supervisorctl", format!("{name}ctl"))? });
        }
        let plugins = self.options.lines("plugins")?;
        if !plugins.is_empty() {
            all.push(Scripts::new(plugins, "buildout", buildout)?);
        }
        for scripts in all {
            let set = buildout.working_set(&scripts.specs);
            let eggs = UsedEggs::of(&set);
            files.eggs.dists.extend(eggs.dists);
            files.eggs.unpinned.extend(eggs.unpinned);
            files.eggs.missing.extend(eggs.missing);
            let written = scripts.write(buildout, &set);
            files.made.extend(written.files.into_iter().map(|(path, content)| Made::script(path, content)));
            files.opaque = files.opaque.take().or(written.doubt);
        }
        Ok(())
    }

    /// `supervisord.conf`.
    fn text(&self, buildout: &Buildout<'_>) -> Result<String, Why> {
        let version = buildout.recipe_version("collective.recipe.supervisor").unwrap_or_default();
        let owned = match version.split('.').next() {
            Some("1" | "2") => true,
            _ if version == "0.20" => false,
            _ => {
                let text = "this version of collective.recipe.supervisor was not compared";
                return Err(Why::new(WhyKind::NotModelled, text));
            }
        };
        let mut text = String::new();
        if self.has("global")? {
            text += &self.global()?;
        }
        let server = Server::of(&self.options)?;
        if self.has("ctl")? {
            if self.has("http")? {
                text += &self.http(&server, owned)?;
            }
            let Server { user, password, url, .. } = &server;
            text += &format!("[supervisorctl]\nserverurl = {url}\nusername = {user}\npassword = {password}\n\n");
        }
        if self.has("rpc")? {
            text += RPC;
        }
        if self.has("services")? {
            text += &self.services(&server)?;
        }
        Ok(text)
    }

    fn global(&self) -> Result<String, Why> {
        let get = |name: &str, default: &str| self.options.get_or(name, default);
        let mut text = format!(
            "[supervisord]\nchildlogdir = {}\nlogfile = {}\nlogfile_maxbytes = {}\nlogfile_backups = {}\nloglevel = {}\n\
             pidfile = {}\numask = {}\nnodaemon = {}\nnocleanup = {}\n",
            self.path_or("childlogdir", "var/log")?,
            self.path_or("logfile", "var/log/supervisord.log")?,
            get("logfile-maxbytes", "50MB")?,
            get("logfile-backups", "10")?,
            get("loglevel", "info")?,
            self.path_or("pidfile", "var/supervisord.pid")?,
            get("umask", "022")?,
            get("nodaemon", "false")?,
            get("nocleanup", "false")?,
        );
        for name in ["user", "directory", "environment"] {
            let value = get(&format!("supervisord-{name}"), "")?;
            if !value.is_empty() {
                text += &format!("{name} = {value}");
            }
            text.push('\n');
        }
        if let Some(path) = self.options.get("env-path")? {
            text += &format!("environment=PATH={path}\n");
        }
        Ok(text)
    }

    fn http(&self, server: &Server, owned: bool) -> Result<String, Why> {
        let Server { user, password, .. } = server;
        match server.socket.as_str() {
            "inet" => {
                let port = &server.port;
                Ok(format!("[inet_http_server]\nport = {port}\nusername = {user}\npassword = {password}\n\n"))
            }
            "unix" => {
                let owner = match self.options.get_or("chown", "")?.as_str() {
                    _ if !owned => String::new(),
                    "" => "\n".to_owned(),
                    owner => format!("chown = {owner}\n"),
                };
                let (file, mode) = (&server.file, self.options.get_or("chmod", "0700")?);
                Ok(format!(
                    "[unix_http_server]\nfile = {file}\nusername = {user}\npassword = {password}\nchmod = {mode}\n{owner}\n"
                ))
            }
            _ => Err(Why::new(WhyKind::BrokenDefinition, "its `http-socket` is neither `inet` nor `unix`")),
        }
    }

    fn services(&self, server: &Server) -> Result<String, Why> {
        let of = |option: &str| self.options.get_or(option, "").and_then(|text| lines::split(&text));
        let mut text = String::new();
        for line in of("programs")? {
            text += &lines::program(&line)?;
        }
        for line in of("eventlisteners")? {
            text += &lines::event_listener(&line, [&server.user, &server.password, &server.url])?;
        }
        for line in of("groups")? {
            text += &lines::group(&line)?;
        }
        let files = of("include")?;
        if !files.is_empty() {
            text += &format!("\n[include]\nfiles = {}\n", files.join(" "));
        }
        Ok(text)
    }
}

const RPC: &str = "[rpcinterface:supervisor]\n\
                   supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n";

/// How supervisord is reached.
struct Server {
    user: String,
    password: String,
    port: String,
    file: String,
    socket: String,
    url: String,
}

impl Server {
    fn of(options: &Options<'_>) -> Result<Self, Why> {
        let port = options.get_or("port", "127.0.0.1:9001")?;
        let file = options.get_or("file", "")?;
        let socket = options.get_or("http-socket", "inet")?;
        let default = match socket.as_str() {
            "inet" if port.contains(':') => format!("http://{port}"),
            "inet" => format!("http://localhost:{port}"),
            "unix" => format!("unix://{file}"),
            _ => port.clone(),
        };
        Ok(Self {
            user: options.get_or("user", "")?,
            password: options.get_or("password", "")?,
            url: options.get_or("serverurl", &default)?,
            port,
            file,
            socket,
        })
    }
}
