//! `rectify.toml`: what rectify cannot find out by itself.
//!
//! Takes the text of the file; gives [`Settings`] and everything that is wrong with it as diagnostics, each with line and
//! caret. An entry with an error is left out, the others are used. Everything has a default: without the file rectify
//! works in any batou or buildout checkout.
//!
//! Deliberately not here: whether the paths exist, and what a backup holds.

mod reader;

use crate::io::clock::time_zone;
use crate::io::files::{self, Is};
use crate::model::buildout::Dialect;
use crate::model::code;
use crate::model::diagnostic::Diagnostic;
use crate::model::incident::Window;
use crate::model::manifest::{Changes, Data, TreeKind};
use crate::model::origin::Origin;
use crate::model::path::TargetPath;
use crate::model::restore::{Backup, Dating, Zone};
use crate::model::unit::HostName;
use reader::{Bound, Reader, Section};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file's name.
pub const FILE: &str = "rectify.toml";

/// What the file says, with defaults for what it does not say. Paths of this machine are joined to the file's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `[deployment]`.
    pub deployment: Deployment,
    /// `[buildout]`.
    pub buildout: Buildout,
    /// `[hosts.NAME]`: where hosts can be seen.
    pub hosts: BTreeMap<HostName, HostSettings>,
    /// `[incident]`.
    pub incident: Window,
    /// `manifest`: the saved manifest to compare with, instead of the definition.
    pub manifest: Option<PathBuf>,
    /// `cache`: a directory for what earlier revisions make, as digests; without it nothing is kept.
    pub cache: Option<PathBuf>,
    /// `revisions`: how many earlier revisions of the definition are asked at most.
    pub revisions: usize,
    /// `packages`: whether to look at the packages of the operating system, too. Without it that depends on what is asked.
    pub packages: Option<bool>,
    /// `[[baselines]]`: files of earlier scans, in file order.
    pub baselines: Vec<PathBuf>,
    /// `quarantine`: where plans keep damaged bytes, on the target.
    pub quarantine: TargetPath,
    /// `[[backups]]`, in file order.
    pub backups: Vec<Backup>,
    /// `[[data]]`, in file order.
    pub data: Vec<Data>,
    /// `[[trees]]`, in file order: what nobody deploys, but what vouches for itself.
    pub trees: Vec<Tree>,
    /// `[owners]`: who decides about a component, by its name.
    pub owners: BTreeMap<String, String>,
    /// `[[ignore]]`, in file order, without those that have expired.
    pub ignore: Vec<Ignore>,
}

/// What a file is understood with.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// The time, nanoseconds since 1970 UTC: decides which rules have expired.
    pub now: i64,
    /// The kinds of backup that can be read.
    pub backup_kinds: Vec<&'a str>,
}

/// What is deployed and how it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployment {
    /// The environment that commands without one mean.
    pub environment: Option<String>,
    /// The Python that can run the project's batou.
    pub python: Option<PathBuf>,
    /// How the definition is evaluated.
    pub evaluate: Evaluate,
}

/// What is known about a buildout that is deployed by running it, beyond what its directory tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Buildout {
    /// Its directory on the host, where the checkout lies elsewhere.
    pub directory: Option<TargetPath>,
    /// The host; the only one there is, or this machine.
    pub host: Option<HostName>,
    /// The generation of zc.buildout; otherwise what is installed or pinned tells.
    pub dialect: Option<Dialect>,
    /// Answers to conditions that cannot be decided, by their text.
    pub assume: BTreeMap<String, bool>,
    /// Assignments that are always on the command line.
    pub assignments: Vec<Assignment>,
    /// The user's defaults.
    pub user_defaults: UserDefaults,
}

/// `SECTION:OPTION=VALUE`, as on the command line of buildout; the option with its `+` or `-` if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The section; `buildout` where none is named.
    pub section: String,
    /// The option.
    pub option: String,
    /// Its value.
    pub value: String,
}

/// Which `default.cfg` buildout reads first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum UserDefaults {
    /// That of the owner of the buildout directory, if there is one.
    #[default]
    OfOwner,
    /// None, as with `buildout -U`.
    None,
    /// This one.
    File(PathBuf),
}

impl Buildout {
    /// The arguments of rectify that say the same.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(dialect) = self.dialect {
            arguments.extend(["--dialect".to_owned(), dialect.number().to_string()]);
        }
        for (condition, truth) in &self.assume {
            arguments.extend(["--assume".to_owned(), format!("{condition}={truth}")]);
        }
        for assignment in &self.assignments {
            arguments.extend(["--set".to_owned(), assignment.to_string()]);
        }
        match &self.user_defaults {
            UserDefaults::OfOwner => {}
            UserDefaults::None => arguments.push("--no-user-defaults".to_owned()),
            UserDefaults::File(path) => {
                arguments.extend(["--user-defaults".to_owned(), path.display().to_string()]);
            }
        }
        arguments
    }
}

impl Assignment {
    /// Section, option and value.
    pub fn parts(&self) -> (String, String, String) {
        (self.section.clone(), self.option.clone(), self.value.clone())
    }
}

impl std::str::FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("it should look like section:option=value")?;
        let (section, option) = name.split_once(':').unwrap_or(("buildout", name));
        if option.is_empty() || section.is_empty() || option.contains(':') {
            return Err("it should look like section:option=value".to_owned());
        }
        Ok(Self { section: section.to_owned(), option: option.to_owned(), value: value.to_owned() })
    }
}

impl std::fmt::Display for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}={}", self.section, self.option, self.value)
    }
}

/// How the definition is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evaluate {
    /// By the project's own batou where it can run, otherwise without it.
    #[default]
    Auto,
    /// By the project's own batou only.
    Exact,
    /// Without running project code.
    Native,
}

/// Where a host can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostSettings {
    /// The directory of this machine that stands for the host's `/`.
    pub root: Option<PathBuf>,
    /// A scan that was made on the host.
    pub scan: Option<PathBuf>,
}

/// A directory that nobody deploys, but that holds what vouches for its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Where, on the target.
    pub path: TargetPath,
    /// What vouches for it.
    pub kind: TreeKind,
    /// The lock that vouches for what is installed anew there.
    pub requirements: Option<PathBuf>,
    /// On which hosts; empty for all.
    pub hosts: Vec<HostName>,
}

/// What is known to differ and shall not be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// On which host; `None` for all.
    pub host: Option<HostName>,
    /// Glob over the target's paths; `*` stays in one directory, `**` does not.
    pub path: String,
    /// Why.
    pub reason: String,
    /// Until when, nanoseconds since 1970 UTC.
    pub until: Option<i64>,
    /// Where the rule is written.
    pub origin: Origin,
}

impl Ignore {
    /// Whether the rule is about this path of this host.
    pub fn covers(&self, host: &HostName, path: &TargetPath) -> bool {
        let about_host = self.host.as_ref().is_none_or(|only| only == host);
        let glob = globset::GlobBuilder::new(&self.path).literal_separator(true).build();
        about_host && glob.is_ok_and(|glob| glob.compile_matcher().is_match(&*path.display()))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deployment: Deployment::default(),
            buildout: Buildout::default(),
            hosts: BTreeMap::new(),
            incident: Window::default(),
            manifest: None,
            cache: None,
            revisions: 5,
            packages: None,
            baselines: Vec::new(),
            quarantine: TargetPath::new("/var/tmp/rectify"),
            backups: Vec::new(),
            data: Vec::new(),
            trees: Vec::new(),
            owners: BTreeMap::new(),
            ignore: Vec::new(),
        }
    }
}

/// The settings file that holds for a directory: in it, or in the nearest directory above it, but not above the checkout
/// (a directory with `environments`, `buildout.cfg` or `.git`).
pub fn find(directory: &Path) -> Option<PathBuf> {
    for directory in directory.ancestors() {
        let file = directory.join(FILE);
        if files::what_is(&file) != Is::Missing {
            return Some(file);
        }
        let top = ["environments", "buildout.cfg", ".git"];
        if top.iter().any(|name| files::what_is(&directory.join(name)) != Is::Missing) {
            return None;
        }
    }
    None
}

/// Reads a settings file. `now` (nanoseconds since 1970 UTC) decides which ignore rules have expired.
pub fn load(file: &Path, known: &Known<'_>) -> (Settings, Vec<Diagnostic>) {
    let shown = file.display().to_string();
    let unreadable = |message: String| {
        let diagnostic = Diagnostic::error(code::BAD_SETTINGS_FILE, message).at(Origin::file(shown.clone()));
        (Settings::default(), vec![diagnostic])
    };
    let bytes = match files::read(file) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(error.to_string()),
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text, &shown, file.parent().unwrap_or(Path::new(".")), known),
        Err(error) => unreadable(format!("`{shown}` is no UTF-8 text from byte {} on", error.valid_up_to())),
    }
}

/// Understands the text of a settings file that is called `file` and lies in `directory`.
pub fn parse(text: &str, file: &str, directory: &Path, known: &Known<'_>) -> (Settings, Vec<Diagnostic>) {
    let mut settings = Settings::default();
    let mut reader = Reader::new(text, file, directory);
    if let Some(mut top) = reader.top() {
        read_deployment(&mut top, &mut reader, &mut settings);
        settings.buildout = read_buildout(&mut top, &mut reader);
        settings.hosts = read_hosts(&mut top, &mut reader);
        read_incident(&mut top, &mut reader, &mut settings);
        settings.manifest = top.path("manifest", &mut reader);
        settings.cache = top.path("cache", &mut reader);
        settings.revisions = top.count("revisions", &mut reader).unwrap_or(settings.revisions);
        settings.packages = top.flag("packages", &mut reader);
        if let Some(quarantine) = top.target("quarantine", &mut reader) {
            settings.quarantine = quarantine;
        }
        settings.baselines = read_baselines(&mut top, &mut reader);
        let hosts = settings.hosts.len();
        let backups = top.tables("backups", &mut reader);
        settings.backups =
            backups.into_iter().filter_map(|section| read_backup(section, hosts, known, &mut reader)).collect();
        reject_equal_names(&settings.backups, &mut reader);
        let data = top.tables("data", &mut reader);
        settings.data = data.into_iter().filter_map(|section| read_data(section, &mut reader)).collect();
        let trees = top.tables("trees", &mut reader);
        settings.trees = trees.into_iter().filter_map(|section| read_tree(section, &mut reader)).collect();
        settings.owners = read_owners(&mut top, &mut reader);
        let ignore = top.tables("ignore", &mut reader);
        settings.ignore =
            ignore.into_iter().filter_map(|section| read_ignore(section, known.now, &mut reader)).collect();
        top.finish(&mut reader);
    }
    (settings, reader.into_diagnostics())
}

fn read_deployment(top: &mut Section<'_>, reader: &mut Reader<'_>, settings: &mut Settings) {
    let Some(mut section) = top.table("deployment", reader) else { return };
    settings.deployment.environment = section.text("environment", reader);
    settings.deployment.python = section.path("python", reader);
    let words = [("auto", Evaluate::Auto), ("exact", Evaluate::Exact), ("native", Evaluate::Native)];
    settings.deployment.evaluate = section.word("evaluate", &words, reader).unwrap_or_default();
    section.finish(reader);
}

fn read_buildout(top: &mut Section<'_>, reader: &mut Reader<'_>) -> Buildout {
    let mut buildout = Buildout::default();
    let Some(mut section) = top.table("buildout", reader) else { return buildout };
    buildout.directory = section.target("directory", reader);
    buildout.host = section.text("host", reader).map(HostName::from);
    let dialects = Dialect::ALL.map(|dialect| (dialect.number(), dialect));
    buildout.dialect = section.word("dialect", &dialects, reader);
    for text in section.texts("options", reader) {
        match text.parse() {
            Ok(assignment) => buildout.assignments.push(assignment),
            Err(problem) => section.reject("options", &problem, reader),
        }
    }
    for (key, truth) in [("assume_true", true), ("assume_false", false)] {
        buildout.assume.extend(section.texts(key, reader).into_iter().map(|condition| (condition, truth)));
    }
    match section.text("user_defaults", reader).as_deref() {
        None => {}
        Some("none") => buildout.user_defaults = UserDefaults::None,
        Some(path) => buildout.user_defaults = UserDefaults::File(PathBuf::from(path)),
    }
    section.finish(reader);
    buildout
}

fn read_hosts(top: &mut Section<'_>, reader: &mut Reader<'_>) -> BTreeMap<HostName, HostSettings> {
    let mut hosts = BTreeMap::new();
    let Some(mut section) = top.table("hosts", reader) else { return hosts };
    for name in section.names() {
        if let Some(mut host) = section.table(&name, reader) {
            let settings = HostSettings { root: host.path("root", reader), scan: host.path("scan", reader) };
            host.finish(reader);
            hosts.insert(HostName::from(name), settings);
        }
    }
    hosts
}

fn read_incident(top: &mut Section<'_>, reader: &mut Reader<'_>, settings: &mut Settings) {
    let Some(mut section) = top.table("incident", reader) else { return };
    let since = section.time("since", Bound::Begin, reader);
    let until = section.time("until", Bound::End, reader);
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        section.reject("until", "the incident ends before it begins", reader);
    }
    settings.incident = Window { since, until };
    section.finish(reader);
}

/// `baseline = "FILE"` for one, `[[baselines]]` with `file` for several.
fn read_baselines(top: &mut Section<'_>, reader: &mut Reader<'_>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = top.path("baseline", reader).into_iter().collect();
    for mut section in top.tables("baselines", reader) {
        let file = section.path("file", reader);
        if file.is_none() && !section.has("file") {
            section.missing("file", reader);
        }
        section.finish(reader);
        files.extend(file);
    }
    files
}

fn read_backup(
    mut section: Section<'_>,
    hosts_known: usize,
    known: &Known<'_>,
    reader: &mut Reader<'_>,
) -> Option<Backup> {
    let name = section.required_text("name", reader);
    let kind = section.text("kind", reader).unwrap_or_else(|| "snapshot-tree".to_owned());
    let path = section.path("path", reader);
    if path.is_none() && !section.has("path") {
        section.missing("path", reader);
    }
    let hosts: Vec<HostName> = section.texts("hosts", reader).into_iter().map(HostName::from).collect();
    let prefix = section.text("prefix", reader).unwrap_or_default();
    let words = [("name", false), ("mtime", true)];
    let by_mtime = section.word("time", &words, reader).unwrap_or(false);
    let format = section.text("time_format", reader);
    let zone = section.text("time_zone", reader).unwrap_or_else(|| "UTC".to_owned());
    if let Err(problem) = time_zone(&Zone(zone.clone())) {
        section.reject("time_zone", &problem, reader);
    }
    let time = if by_mtime { Dating::Mtime } else { Dating::Name { format, zone: Zone(zone) } };
    let duration = section.duration("duration", reader).unwrap_or(0);
    // One tree for several hosts would offer one host's files to another.
    let many = hosts.len() > 1 || (hosts.is_empty() && hosts_known > 1);
    if many && !prefix.contains("{host}") {
        let message =
            "a backup of several hosts needs `{host}` in `prefix`, or one host's files would be restored to another";
        section.reject(if hosts.is_empty() { "name" } else { "hosts" }, message, reader);
        section.finish(reader);
        return None;
    }
    if !known.backup_kinds.contains(&kind.as_str()) {
        section.reject_word("kind", &kind, &known.backup_kinds, reader);
    }
    let sound = section.finish(reader);
    Some(Backup { name: name?, kind, path: path?, hosts, time, prefix, duration }).filter(|_| sound)
}

fn reject_equal_names(backups: &[Backup], reader: &mut Reader<'_>) {
    for (index, backup) in backups.iter().enumerate() {
        if backups[..index].iter().any(|earlier| earlier.name == backup.name) {
            reader.complain(&format!("two backups are named `{}`", backup.name));
        }
    }
}

fn read_data(mut section: Section<'_>, reader: &mut Reader<'_>) -> Option<Data> {
    let host = section.required_text("host", reader);
    let path = section.target("path", reader);
    if path.is_none() && !section.has("path") {
        section.missing("path", reader);
    }
    let words = [("never", Changes::Never), ("append", Changes::Append), ("any", Changes::Any)];
    let changes = section.word("changes", &words, reader).unwrap_or(Changes::Any);
    let owner = section.text("owner", reader);
    let sound = section.finish(reader);
    Some(Data { host: HostName::from(host?), path: path?, changes, owner }).filter(|_| sound)
}

fn read_tree(mut section: Section<'_>, reader: &mut Reader<'_>) -> Option<Tree> {
    let path = section.target("path", reader);
    if path.is_none() && !section.has("path") {
        section.missing("path", reader);
    }
    let words = [("git", TreeKind::Git), ("python", TreeKind::Python)];
    if !section.has("kind") {
        section.missing("kind", reader);
    }
    let kind = section.word("kind", &words, reader);
    let requirements = section.path("requirements", reader);
    if requirements.is_some() && kind == Some(TreeKind::Git) {
        section.reject("requirements", "only a tree of kind `python` has these", reader);
    }
    let hosts = section.texts("hosts", reader).into_iter().map(HostName::from).collect();
    let sound = section.finish(reader);
    Some(Tree { path: path?, kind: kind?, requirements, hosts }).filter(|_| sound)
}

fn read_owners(top: &mut Section<'_>, reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let Some(mut section) = top.table("owners", reader) else { return BTreeMap::new() };
    let names = section.names();
    names.into_iter().filter_map(|name| section.text(&name, reader).map(|owner| (name, owner))).collect()
}

fn read_ignore(mut section: Section<'_>, now: i64, reader: &mut Reader<'_>) -> Option<Ignore> {
    let origin = section.origin(reader);
    let host = section.text("host", reader).map(HostName::from);
    let path = section.required_text("path", reader);
    if let Some(path) = &path {
        if let Err(error) = globset::GlobBuilder::new(path).literal_separator(true).build() {
            section.reject("path", &format!("this is no glob: {}", error.kind()), reader);
        } else if !path.starts_with(['/', '*']) {
            section.reject("path", "no path of a target matches this: paths begin with `/`", reader);
        }
    }
    let reason = section.required_text("reason", reader);
    let until = section.time("until", Bound::End, reader);
    let expired = until.is_some_and(|until| until <= now);
    if expired {
        section.warn("until", code::IGNORE_RULE_EXPIRED, "this ignore rule has expired and hides nothing", reader);
    }
    let sound = section.finish(reader);
    Some(Ignore { host, path: path?, reason: reason?, until, origin }).filter(|_| sound && !expired)
}

#[cfg(test)]
mod tests;
