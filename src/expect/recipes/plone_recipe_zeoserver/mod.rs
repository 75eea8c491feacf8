//! `plone.recipe.zeoserver`: a ZEO server's configuration and scripts. Versions 3.0.0, 3.0.5, 3.1.0, 4.0.0 and 4.0.1,
//! which agree but for a script of one's own for packing; with the templates of zope.mkzeoinstance 5.0 to 6.0, which
//! version 3.1 took over.
//!
//! The recipe notes the places of its eggs in `etc/.eggs`, as a set, whose order is another one in every run. `update`
//! compares that text, finds it changed, and so installs the part anew every time; but where the file is gone it does
//! nothing at all. Deliberately not here: replication (`zc.zrs`), and what a server writes.

mod scripts;
mod templates;

use super::{Evidence, Made, Mode, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, Configuration, UsedEggs};
use crate::expect::evidence::{self, Note};
use crate::expect::python_format::{fill, join, split};
use crate::model::artifact::{Content, Expected};
use crate::model::content::Blob;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::path::TargetPath;
use std::collections::BTreeSet;
use templates::{AUTHENTICATION, LOG_FILE, RUNZEO, ZEO_CONF, ZEOCTL};

/// Its own egg.
const EGG: &str = "plone.recipe.zeoserver";

/// From so many places on, a set has another order in every run; with fewer it may be the same one by chance.
const MANY: usize = 10;

/// `plone.recipe.zeoserver`.
#[derive(Debug)]
pub(super) struct Server;

impl Recipe for Server {
    fn names(&self) -> &'static [&'static str] {
        &["plone.recipe.zeoserver", "plone.recipe.zeoserver[zrs]"]
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        let text = match option {
            "_e" | "eggs-directory" => "${buildout:eggs-directory}",
            "_d" | "develop-eggs-directory" => "${buildout:develop-eggs-directory}",
            "bin-directory" => "${buildout:bin-directory}",
            "scripts" => "",
            "location" => return Some(format!("${{buildout:parts-directory}}/{part}")),
            _ => return None,
        };
        Some(text.to_owned())
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        let Some(Eval::Known(parts)) = configuration.option("buildout", "parts-directory") else { return Vec::new() };
        let location = directory.join(join(&parts, part));
        let mut paths: Vec<TargetPath> =
            ["etc/.eggs", "bin/runzeo", "bin/zeoctl"].map(|name| location.join(name)).to_vec();
        for option in ["zeopack", "repozo"] {
            if let Some(Eval::Known(path)) = configuration.option(part, option)
                && !path.is_empty()
            {
                paths.push(directory.join(path));
            }
        }
        paths.into_iter().map(Evidence::Text).collect()
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let server = match Part::of(part, buildout) {
            Ok(server) => server,
            Err(why) => return PartFiles::unknown(why),
        };
        let set = buildout.working_set(&server.eggs);
        let mut files = PartFiles { eggs: UsedEggs::of(&set), ..PartFiles::default() };
        let locations = buildout.locations(&set).map(|all| all.into_iter().collect::<BTreeSet<String>>());
        let care = Care::of(&server, &locations);
        server.instance(&locations, care, &mut files);
        server.scripts(&set, care, &mut files);
        files
    }
}

/// What the next run does about the files of the part.
#[derive(Debug, Clone, Copy)]
struct Care {
    /// About those in its directory.
    inside: Upkeep,
    /// About its scripts elsewhere.
    scripts: Upkeep,
    /// About `etc/.eggs`.
    list: Upkeep,
}

impl Care {
    fn of(part: &Part<'_>, locations: &Result<BTreeSet<String>, Why>) -> Self {
        let scan = part.buildout.scan();
        let place = part.place();
        let anew = Self { inside: Upkeep::Replaced, scripts: Upkeep::Compared, list: Upkeep::Consulted };
        let never = Self { inside: Upkeep::OnInstall, scripts: Upkeep::OnInstall, list: Upkeep::OnInstall };
        match evidence::note(scan, &place.join("etc/.eggs")) {
            Note::Bytes(_) if locations.as_ref().is_ok_and(|all| all.len() >= MANY) => anew,
            Note::Bytes(_) => Self { list: Upkeep::Consulted, ..never },
            // The whole part is gone, which makes buildout install it.
            Note::Absent if evidence::note(scan, &place) == Note::Absent => anew,
            Note::Absent | Note::WrongKind | Note::Unknown(_) => never,
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
    /// The option `var`, as text.
    var: String,
    /// The lines of the option `extra-paths`, which `zc.recipe.egg` makes absolute.
    extra_paths: Vec<String>,
}

/// A version of the recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// 3.0: with zope.mkzeoinstance.
    Three,
    /// 3.1.
    ThreeOne,
    /// 4.0.
    Four,
}

impl Version {
    fn of(buildout: &Buildout<'_>) -> Result<Self, Why> {
        let set = buildout.working_set(&[EGG.to_owned()]);
        let unknown = |text: String| Why::new(WhyKind::NotModelled, text);
        let Some(dist) = set.dists.get("plone-recipe-zeoserver") else {
            return Err(set.doubt.clone().unwrap_or_else(|| unknown(format!("which {EGG} is used is not known"))));
        };
        let mut numbers = dist.version.split('.');
        match (numbers.next(), numbers.next()) {
            (Some("3"), Some("0")) => match set.dists.get("zope-mkzeoinstance").map(|dist| dist.version.as_str()) {
                Some("5.0" | "5.1" | "5.1.1" | "6.0") => Ok(Self::Three),
                Some(other) => Err(unknown(format!("zope.mkzeoinstance {other} is not modelled"))),
                None => Err(unknown("which zope.mkzeoinstance is used is not known".to_owned())),
            },
            (Some("3"), Some("1")) => Ok(Self::ThreeOne),
            (Some("4"), Some("0")) => Ok(Self::Four),
            _ => Err(unknown(format!("{EGG} {} is not modelled", dist.version))),
        }
    }
}

impl<'a> Part<'a> {
    fn of(name: &'a str, buildout: &'a Buildout<'a>) -> Result<Self, Why> {
        let options = buildout.options(name);
        let needed = |option: &str| {
            let why = || Why::new(WhyKind::BrokenDefinition, format!("[buildout] has no option `{option}`"));
            options.of_section("buildout", option)?.ok_or_else(why)
        };
        let base = needed("directory")?;
        Ok(Self {
            name,
            buildout,
            options,
            version: Version::of(buildout)?,
            eggs: eggs(&options)?,
            location: join(&needed("parts-directory")?, name),
            var: match options.get("var")? {
                Some(var) => var,
                None => join(&base, "var"),
            },
            extra_paths: options.lines("extra-paths")?.iter().map(|path| join(&base, path)).collect(),
        })
    }

    /// The part's directory.
    fn place(&self) -> TargetPath {
        self.path(&self.location)
    }

    /// What a text means to a process in the buildout directory.
    fn path(&self, text: &str) -> TargetPath {
        self.buildout.directory().join(text)
    }

    /// What lies in the part's directory.
    fn instance(&self, locations: &Result<BTreeSet<String>, Why>, care: Care, files: &mut PartFiles) {
        let place = self.place();
        files.made.push(Made::directory(place.clone(), Upkeep::OnInstall));
        for name in ["bin", "etc", "log", "var"] {
            files.made.push(Made::directory(place.join(name), care.inside));
        }
        let list = locations.as_ref().map_err(Clone::clone).map(|all| {
            let text = all.iter().cloned().collect::<Vec<_>>().join("\n");
            Content::Unordered { from: 0, to: text.len(), bytes: Blob::from(text) }
        });
        files.made.push(Made::file(place.join("etc/.eggs"), known(list), care.list));
        let configuration = self.zeo_conf(care, files).map(|text| Content::Bytes(Blob::from(text)));
        files.made.push(Made::file(place.join("etc/zeo.conf"), known(configuration), care.inside));
        for (name, template) in [("runzeo", RUNZEO), ("zeoctl", ZEOCTL)] {
            let content = locations.as_ref().map_err(Clone::clone).and_then(|all| self.starter(template, all));
            let made = Made::file(place.join("bin").join(name), known(content), care.inside);
            files.made.push(Made { mode: Mode::Executable, ..made });
        }
    }

    /// A shell script with the eggs in `PYTHONPATH`.
    fn starter(&self, template: &str, locations: &BTreeSet<String>) -> Result<Content, Why> {
        let set = self.buildout.working_set(&[EGG.to_owned()]);
        let why = || Why::new(WhyKind::NotModelled, "where ZEO lies is not known");
        let zeo = set.dists.get("zeo").ok_or_else(why)?;
        let home = zeo.location.as_str().filter(|text| locations.contains(*text)).ok_or_else(why)?;
        let executable = self.buildout.executable()?;
        // Beside buildout it lies where the Python calls itself, which may be by way of a link.
        let environment = home.strip_suffix("/site-packages").and_then(|lib| lib.rsplit_once("/lib/"));
        if environment.is_some_and(|(environment, _)| !executable.starts_with(environment)) {
            return Err(why());
        }
        let values = [("python", executable.as_str()), ("instance_home", &self.location), ("zodb_home", home)];
        let text = fill(template, &values)?;
        let (head, tail) = text.split_once("\"$ZODB3_HOME\"").ok_or_else(why)?;
        let path = locations.iter().cloned().collect::<Vec<_>>().join(":");
        let from = head.len() + 1;
        let to = from + path.len();
        let text = format!("{head}\"{path}:{}\"{tail}", self.extra_paths.join(":"));
        Ok(Content::Unordered { bytes: Blob::from(text), from, to })
    }

    /// The text of `zeo.conf`. Notes the directories that are made for it.
    fn zeo_conf(&self, care: Care, files: &mut PartFiles) -> Result<String, Why> {
        let options = &self.options;
        let mut directory = |path: String| {
            // Whoever keeps data elsewhere puts a link there.
            let upkeep = if care.inside == Upkeep::Replaced { Upkeep::WhenGone } else { Upkeep::OnInstall };
            let made = Made::directory(self.path(&path), upkeep);
            files.made.push(Made { expected: Expected::Present, ..made });
            path
        };
        let var = directory(self.var.clone());
        if let Some(path) = options.get("zeo-conf")? {
            return Ok(format!("%include {}", self.path(&path)));
        }
        let prefixed = |option: &str, word: &str| {
            let value = options.get_or(option, "")?;
            Ok::<_, Why>(if value.is_empty() { value } else { format!("{word} {value}") })
        };
        let socket = options.get_or("socket-name", &format!("{var}/zeo.zdsock"))?;
        directory(split(&socket).0.to_owned());
        let log = join(&var, &options.get_or("zeo-log", &format!("log/{}.log", self.name))?);
        directory(split(&log).0.to_owned());
        let data = join(&var, &options.get_or("file-storage", "filestorage/Data.fs")?);
        directory(split(&data).0.to_owned());
        let pid = options.get_or("pid-file", &join(&var, &format!("{}.pid", self.name)))?;
        fill(
            ZEO_CONF,
            &[
                ("instance_home", &self.location),
                ("effective_user", &prefixed("effective-user", "user")?),
                ("invalidation_queue_size", &options.get_or("invalidation-queue-size", "100")?),
                ("socket_name", &socket),
                ("z_log", &self.log(&log)?),
                ("z_log_filename", &log),
                ("authentication", &self.authentication()?),
                ("storage", &self.storage(&data)?),
                ("zeo_address", &options.get_or("zeo-address", "8100")?),
                ("pid_file", &pid),
                ("zeo_conf_additional", &options.get_or("zeo-conf-additional", "")?),
                ("monitor_address", &prefixed("monitor-address", "monitor-address")?),
                ("zeo_log_level", &options.get_or("zeo-log-level", "info")?),
                ("read_only", &options.get_or("read-only", "false")?),
            ],
        )
    }

    fn log(&self, file: &str) -> Result<String, Why> {
        if let Some(custom) = self.options.get("zeo-log-custom")? {
            return Ok(custom);
        }
        let rotate = match self.options.get_or("zeo-log-max-size", "")?.as_str() {
            "" => String::new(),
            size => format!("max-size {size}\n      old-files {}", self.options.get_or("zeo-log-old-files", "1")?),
        };
        let format = self.options.get_or("zeo-log-format", "%(asctime)s %(message)s")?;
        fill(LOG_FILE, &[("filename", file), ("logformat", &format), ("zeo_log_rotate", &rotate)])
    }

    fn authentication(&self) -> Result<String, Why> {
        match self.options.get_or("authentication-database", "")?.as_str() {
            "" => Ok(String::new()),
            database => {
                let realm = self.options.get_or("authentication-realm", "ZEO")?;
                fill(AUTHENTICATION, &[("database", database), ("realm", &realm)])
            }
        }
    }

    fn storage(&self, data: &str) -> Result<String, Why> {
        for option in ["replicate-from", "replicate-to"] {
            if self.options.get(option)?.is_some_and(|value| !value.is_empty()) {
                return Err(Why::new(WhyKind::NotModelled, format!("the option `{option}` is not modelled")));
            }
        }
        let pack = |option: &str| {
            let value = self.options.get_or(option, "")?;
            Ok::<_, Why>(if value.to_lowercase() == "false" { format!("{option} false") } else { value })
        };
        let blobs = match self.options.get_or("blob-storage", "blobstorage")?.as_str() {
            "" => String::new(),
            blobs => format!("  blob-dir {}\n", join(&self.var, blobs)),
        };
        Ok(format!(
            "<filestorage {}>\n  path {data}\n{blobs}  {}\n  {}\n</filestorage>",
            self.options.get_or("storage-number", "1")?,
            pack("pack-gc")?,
            pack("pack-keep-old")?,
        ))
    }
}

fn known(content: Result<Content, Why>) -> Content {
    content.unwrap_or_else(Content::Unknown)
}

/// The lines of the option `eggs`, to which the recipe adds itself; without the option it is the recipe alone.
fn eggs(options: &Options<'_>) -> Result<Vec<String>, Why> {
    let recipe = options.get_or("recipe", EGG)?;
    match options.get("eggs")? {
        None => Ok(vec![recipe]),
        Some(text) if text.is_empty() || text.contains(&recipe) => options.lines("eggs"),
        Some(_) => Ok(options.lines("eggs")?.into_iter().chain([recipe]).collect()),
    }
}
