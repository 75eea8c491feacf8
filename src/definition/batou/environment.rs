//! `environment.cfg` as batou understands it: hosts, their components, settings, overrides.
//!
//! Takes the text and the names of the components; gives an [`Environment`] as far as it is understood, and a
//! diagnostic for everything that batou would refuse or that is hardly meant. Nothing is executed. Source of the rules:
//! batou 2.7.1, environment.py (`Environment.load*`, `parse_host_components`), host.py (`Host.__init__`), vfs.py,
//! repository.py (`Repository.from_environment`).
//!
//! The crashes of batou (a `KeyError` for a missing option) are errors here like its own messages.

use super::cfg::{Cfg, Entry, Section, Span, is_space};
use super::components::Components;
use crate::model::{
    code::{BAD_SETTING, Code, UNKNOWN_COMPONENT},
    diagnostic::Diagnostic,
    origin::Origin,
};
use std::collections::BTreeMap;

/// One environment as declared.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Options of `[environment]` that batou knows, as declared.
    pub settings: BTreeMap<String, String>,
    /// The hosts, in the order of the file.
    pub hosts: Vec<Host>,
    /// `[component:NAME]`: component to attributes and their places.
    pub overrides: BTreeMap<String, BTreeMap<String, Origin>>,
    /// `[vfs]`.
    pub vfs: Option<Vfs>,
    /// `[resolver]`: host to addresses.
    pub resolver: BTreeMap<String, Vec<String>>,
    /// `[provisioner:NAME]`: name to method.
    pub provisioners: BTreeMap<String, String>,
}

/// One host as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// The name with the domain.
    pub fqdn: String,
    /// Ignored by deployments.
    pub ignore: bool,
    /// Its platform, its own or the environment's.
    pub platform: Option<String>,
    /// Who services run as, its own or the environment's.
    pub service_user: Option<String>,
    /// Whether only provisioning tells its real name.
    pub dynamic_name: bool,
    /// Names of `data-*`, without the prefix.
    pub data_keys: Vec<String>,
    /// What it is given.
    pub components: Vec<Assignment>,
    /// Where it is declared.
    pub origin: Origin,
}

/// A component on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Name of the component.
    pub component: String,
    /// The features asked for.
    pub features: Vec<String>,
    /// Ignored by deployments.
    pub ignore: bool,
    /// Where.
    pub origin: Origin,
}

/// A virtual file system: where absolute paths are moved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vfs {
    /// Below `work/_`.
    Developer,
    /// Prefixes and their replacements, longest first.
    Map(Vec<(String, String)>),
    /// A class of the project's own.
    Other(String),
}

/// Keys of `[environment]` (`Environment.load_environment`).
const SETTINGS: &[&str] = &[
    "branch",
    "connect_method",
    "host_domain",
    "jobs",
    "platform",
    "repository_root",
    "repository_url",
    "require_sudo",
    "require_v4",
    "require_v6",
    "service_user",
    "target_directory",
    "timeout",
    "update_method",
];

/// Keys of `[host:NAME]` besides `data-*` and `provision-*` (`Host.__init__`).
const HOST_KEYS: &[&str] =
    &["components", "ignore", "platform", "provision-dynamic-hostname", "provisioner", "require_sudo", "service_user"];

const SECTIONS: &[&str] = &["environment", "hosts", "resolver", "vfs"];

const CONNECT_METHODS: &[&str] = &["kitchen", "local", "ssh", "vagrant"];

/// Components of one host.
const MAX_COMPONENTS: usize = 1_000;

const UPDATE_METHODS: &[&str] = &["git-bundle", "git-pull", "hg-bundle", "hg-pull", "rsync", "rsync-ext"];

impl Environment {
    /// Understands a parsed file.
    pub fn understand(name: &str, cfg: &Cfg, components: &Components) -> (Self, Vec<Diagnostic>) {
        let mut reader = Reader {
            cfg,
            components,
            environment: Self { name: name.to_owned(), ..Self::default() },
            problems: cfg.problems.clone(),
        };
        reader.sections();
        reader.settings();
        reader.vfs();
        reader.provisioners();
        reader.single_section_hosts();
        reader.host_sections();
        reader.hosts_as_a_whole();
        reader.resolver();
        reader.overrides();
        (reader.environment, reader.problems)
    }

    /// A setting, with batou's default where it has one (`Environment._set_defaults`).
    pub fn setting(&self, key: &str) -> Option<&str> {
        let default = match key {
            "connect_method" => Some("ssh"),
            "update_method" => Some("rsync"),
            "target_directory" => Some("~/deployment"),
            "timeout" => Some("3"),
            "platform" => self.settings.get("host_domain").map(String::as_str).filter(|domain| !domain.is_empty()),
            _ => None,
        };
        self.settings.get(key).map(String::as_str).or(default)
    }
}

struct Reader<'a> {
    cfg: &'a Cfg,
    components: &'a Components,
    environment: Environment,
    problems: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn sections(&mut self) {
        for section in &self.cfg.sections {
            let name = section.name.as_str();
            let prefixed = ["host:", "component:", "provisioner:"].iter().any(|prefix| name.starts_with(prefix));
            if prefixed || SECTIONS.contains(&name) {
                continue;
            }
            let known = SECTIONS.iter().chain(&["host:", "component:", "provisioner:"]);
            let hint = nearest(name.split_inclusive(':').next().unwrap_or(name), known.copied())
                .map(|near| format!("did you mean `[{near}{}]`?", if near.ends_with(':') { "NAME" } else { "" }));
            self.error(format!("batou knows no section `[{name}]`"), section.at, hint);
        }
    }

    fn settings(&mut self) {
        let Some(section) = self.cfg.section("environment") else { return };
        for entry in self.cfg.entries(section) {
            if !SETTINGS.contains(&entry.key.as_str()) {
                let hint = nearest(&entry.key, SETTINGS.iter().copied())
                    .map_or("batou ignores it".to_owned(), |near| format!("batou ignores it; did you mean `{near}`?"));
                self.warn(format!("`{}` is no setting of `[environment]`", entry.key), entry.at, Some(hint));
                continue;
            }
            self.environment.settings.insert(entry.key.clone(), entry.value());
            self.check_setting(entry);
        }
    }

    fn check_setting(&mut self, entry: &Entry) {
        let (key, value) = (entry.key.as_str(), entry.value());
        match key {
            "timeout" | "jobs" if !is_python_int(&value) => {
                self.error(format!("`{key} = {value}` is no whole number"), entry.value_at(), None);
            }
            "require_v4" | "require_v6" if value != "optional" => self.check_literal(entry, "True, False or optional"),
            "require_sudo" if matches!(value.as_str(), "False" | "0" | "None") => self.warn(
                format!("`require_sudo = {value}` is taken for true"),
                entry.value_at(),
                Some("batou does not convert it here; set it in `[host:NAME]`, or leave it out".into()),
            ),
            "connect_method" if !CONNECT_METHODS.contains(&value.as_str()) => {
                let hint =
                    nearest(&value, CONNECT_METHODS.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                self.warn(format!("`{value}` is no connect method that batou knows"), entry.value_at(), hint);
            }
            "update_method" if !UPDATE_METHODS.contains(&value.as_str()) => {
                let hint = nearest(&value, UPDATE_METHODS.iter().copied());
                let hint = hint
                    .map_or(format!("one of {}", UPDATE_METHODS.join(", ")), |near| format!("did you mean `{near}`?"));
                let text = format!("`{value}` is no update method");
                // With `local` nothing is transferred and batou does not look at it.
                if self.declared("connect_method").as_deref() == Some("local") {
                    self.warn(text, entry.value_at(), Some(hint));
                } else {
                    self.error(text, entry.value_at(), Some(hint));
                }
            }
            "target_directory" if !value.starts_with('/') && !value.starts_with('~') => self.warn(
                format!("`target_directory = {value}` is relative"),
                entry.value_at(),
                Some("begin it with `/` or `~/`".into()),
            ),
            _ => {}
        }
    }

    fn declared(&self, key: &str) -> Option<String> {
        let section = self.cfg.section("environment")?;
        self.cfg.get(section, key).map(Entry::value)
    }

    /// Options that batou hands to `ast.literal_eval`: a bare word such as `true` crashes it.
    fn check_literal(&mut self, entry: &Entry, wanted: &str) {
        let value = entry.value();
        let word = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let literal =
            matches!(value.as_str(), "True" | "False" | "None") || value.starts_with(|c: char| c.is_ascii_digit());
        if value.is_empty() || (word && !literal && !value.starts_with('-')) {
            let hint = format!("write {wanted}, with a capital letter");
            self.error(format!("`{} = {value}` is no Python literal", entry.key), entry.value_at(), Some(hint));
        }
    }

    fn vfs(&mut self) {
        let Some(section) = self.cfg.section("vfs") else { return };
        let Some(sandbox) = self.cfg.get(section, "sandbox") else {
            return self.error(
                "`[vfs]` lacks `sandbox`".into(),
                section.at,
                Some("`sandbox = Developer` or `Map`".into()),
            );
        };
        let class = sandbox.value();
        self.environment.vfs = Some(match class.as_str() {
            "Developer" => Vfs::Developer,
            "Map" => {
                let entries = self.cfg.entries(section).into_iter().filter(|entry| entry.key.starts_with('/'));
                let mut map: Vec<_> = entries.map(|entry| (entry.key.clone(), entry.value())).collect();
                // Stable, and by characters, as in batou.
                map.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.chars().count()));
                Vfs::Map(map)
            }
            other => {
                let hint =
                    nearest(other, ["Developer", "Map"].into_iter()).map(|near| format!("did you mean `{near}`?"));
                self.error(format!("batou has no sandbox `{other}`"), sandbox.value_at(), hint);
                Vfs::Other(other.to_owned())
            }
        });
    }

    fn provisioners(&mut self) {
        for section in self.cfg.sections.iter().filter(|section| section.name.starts_with("provisioner:")) {
            let name = section.name.replace("provisioner:", "");
            match self.cfg.get(section, "method") {
                Some(method) => {
                    self.environment.provisioners.insert(name, method.value());
                }
                None => self.error(format!("`[{}]` lacks `method`", section.name), section.at, None),
            }
        }
    }

    fn single_section_hosts(&mut self) {
        let Some(section) = self.cfg.section("hosts") else { return };
        for entry in self.cfg.entries(section) {
            let name = entry.key.trim_start_matches('!');
            let host = self.host(name, entry.key.starts_with('!'), entry.at);
            let twice = self.environment.hosts.iter().any(|known| known.name == host.name);
            if twice {
                self.warn(
                    format!("host `{name}` is declared twice"),
                    entry.at,
                    Some("batou gives it the components of both and keeps the second".into()),
                );
            }
            let components = self.components_of(entry, name);
            self.environment.hosts.push(Host { components, ..host });
        }
    }

    fn host_sections(&mut self) {
        let sections: Vec<_> = self.cfg.sections.iter().filter(|section| section.name.starts_with("host:")).collect();
        let in_hosts = self.environment.hosts.len();
        if in_hosts > 0
            && let Some(first) = sections.first()
        {
            let problem = Diagnostic::note(BAD_SETTING, "hosts are declared both in `[hosts]` and in `[host:NAME]`")
                .hint("batou takes both; one form is easier to read");
            self.problems.push(self.cfg.mark(problem, first.at));
        }
        for section in sections {
            self.host_section(section);
        }
    }

    fn host_section(&mut self, section: &'a Section) {
        let name = &section.name["host:".len()..];
        if let Some(known) = self.environment.hosts.iter().find(|host| host.name == name) {
            let text = format!("host `{name}` is declared twice, first at {}", known.origin);
            self.error(text, section.at, Some("remove one of the two".into()));
        }
        let get = |key| self.cfg.get(section, key);
        let ignored = get("ignore").is_some_and(|entry| python_truth(&entry.value()));
        let mut host = self.host(name, ignored, section.at);
        host.platform = get("platform").map(Entry::value).or(host.platform);
        host.service_user = get("service_user").map(Entry::value).or(host.service_user);
        host.dynamic_name = get("provision-dynamic-hostname").is_some_and(|entry| python_truth(&entry.value()));
        for entry in self.cfg.entries(section) {
            self.host_option(entry, &mut host);
        }
        if let Some(entry) = get("components") {
            host.components = self.components_of(entry, name);
        } else {
            let hint = Some("batou crashes without it; write `components =` with at least one name".into());
            self.error(format!("host `{name}` has no `components`"), section.at, hint);
        }
        self.environment.hosts.push(host);
    }

    fn host_option(&mut self, entry: &Entry, host: &mut Host) {
        let key = entry.key.as_str();
        if let Some(data) = key.strip_prefix("data-") {
            host.data_keys.push(data.to_owned());
        } else if matches!(key, "ignore" | "require_sudo" | "provision-dynamic-hostname") {
            self.check_literal(entry, "True or False");
        } else if key == "provisioner" {
            let name = entry.value();
            if !name.is_empty() && name != "none" && !self.environment.provisioners.contains_key(&name) {
                let hint = nearest(&name, self.environment.provisioners.keys().map(String::as_str));
                let hint = hint
                    .map_or(format!("add a section `[provisioner:{name}]`"), |near| format!("did you mean `{near}`?"));
                self.error(format!("there is no provisioner `{name}`"), entry.value_at(), Some(hint));
            }
        } else if !HOST_KEYS.contains(&key)
            && !key.starts_with("provision-")
            && self.environment.provisioners.is_empty()
        {
            let near = nearest(key, HOST_KEYS.iter().copied());
            let hint = match (near, key.strip_prefix("data_")) {
                (_, Some(data)) => format!("batou ignores it; did you mean `data-{data}`?"),
                (Some(near), None) => format!("batou ignores it; did you mean `{near}`?"),
                (None, None) => "batou ignores it; data for components begins with `data-`".to_owned(),
            };
            let problem = Diagnostic::warning(BAD_SETTING, format!("`{key}` is no option of a host")).hint(hint);
            // The value is not shown: host data may be secret.
            self.problems.push(problem.at(Origin::line(&self.cfg.file, entry.at.line)));
        }
    }

    fn host(&self, name: &str, ignore: bool, at: Span) -> Host {
        let domain = self.environment.settings.get("host_domain").filter(|domain| !domain.is_empty());
        Host {
            name: name.to_owned(),
            fqdn: domain.map_or_else(|| name.to_owned(), |domain| format!("{name}.{domain}")),
            ignore,
            platform: self.environment.setting("platform").map(str::to_owned),
            service_user: self.environment.setting("service_user").map(str::to_owned),
            dynamic_name: false,
            data_keys: Vec::new(),
            components: Vec::new(),
            origin: Origin::line(&self.cfg.file, at.line),
        }
    }

    fn hosts_as_a_whole(&mut self) {
        if self.environment.hosts.is_empty() && !self.cfg.is_refused() {
            let problem = Diagnostic::warning(BAD_SETTING, "the environment has no hosts, so nothing is deployed");
            self.problems.push(problem.at(Origin::file(&self.cfg.file)).hint("add a section `[hosts]`"));
        }
    }

    /// `parse_host_components`: entries of one component are one root; a `!` on any of them ignores it.
    fn components_of(&mut self, entry: &Entry, host: &str) -> Vec<Assignment> {
        let mut found: Vec<Assignment> = Vec::new();
        let words = as_list(&entry.value());
        if words.len() > MAX_COMPONENTS {
            self.error(format!("host `{host}` has more components than can be"), entry.at, None);
            return found;
        }
        for word in words {
            let (name, feature) = word.split_once(':').map_or((word.as_str(), None), |(name, rest)| (name, Some(rest)));
            let (ignore, name) = (name.starts_with('!'), name.trim_start_matches('!'));
            let at = entry.word_at(name);
            self.check_component(name, host, entry, at);
            let index = found.iter().position(|known| known.component == name).unwrap_or_else(|| {
                let origin = Origin::line(&self.cfg.file, at.line);
                found.push(Assignment { component: name.to_owned(), features: Vec::new(), ignore: false, origin });
                found.len() - 1
            });
            found[index].ignore |= ignore;
            found[index].features.extend(feature.filter(|feature| !feature.is_empty()).map(str::to_owned));
        }
        found
    }

    fn check_component(&mut self, name: &str, host: &str, entry: &Entry, at: Span) {
        if name.is_empty() {
            let hint = Some(
                "batou takes the empty word for a component and refuses it; remove the stray comma or name one".into(),
            );
            return self.unknown(format!("host `{host}` is given a component without a name"), entry.value_at(), hint);
        }
        if name.contains('\n') {
            let hint = Some("with a comma anywhere batou splits at commas only; use one of the two".into());
            return self.unknown(
                format!("the components of host `{host}` mix commas and line breaks"),
                entry.value_at(),
                hint,
            );
        }
        if self.components.certainly_lack(name) {
            let hint = self.nearest_component(name);
            self.unknown(format!("no component is named `{name}`"), at, hint);
        }
    }

    fn nearest_component(&self, name: &str) -> Option<String> {
        let known = self.components.defined.keys().map(String::as_str);
        nearest(&name.to_lowercase(), known).map(|near| format!("did you mean `{near}`?"))
    }

    fn resolver(&mut self) {
        let Some(section) = self.cfg.section("resolver") else { return };
        for entry in self.cfg.entries(section) {
            let mut addresses = Vec::new();
            for part in entry.parts.iter().filter(|part| !part.text.is_empty()) {
                if part.text.contains(['.', ':']) {
                    addresses.push(part.text.clone());
                } else {
                    self.error(format!("`{}` is no IP address", part.text), part.at, None);
                }
            }
            self.environment.resolver.insert(entry.key.clone(), addresses);
        }
    }

    fn overrides(&mut self) {
        for section in self.cfg.sections.iter().filter(|section| section.name.starts_with("component:")) {
            let name = section.name.replace("component:", "");
            if self.components.certainly_lack(&name) {
                let hint = self.nearest_component(&name);
                self.unknown(format!("no component is named `{name}`"), section.at, hint);
            }
            let overrides = self.environment.overrides.entry(name).or_default();
            for entry in self.cfg.entries(section) {
                overrides.insert(entry.key.clone(), Origin::line(&self.cfg.file, entry.at.line));
            }
        }
    }

    fn error(&mut self, message: String, at: Span, hint: Option<String>) {
        self.tell(Diagnostic::error(BAD_SETTING, message), at, hint);
    }

    fn warn(&mut self, message: String, at: Span, hint: Option<String>) {
        self.tell(Diagnostic::warning(BAD_SETTING, message), at, hint);
    }

    fn unknown(&mut self, message: String, at: Span, hint: Option<String>) {
        const CODE: Code = UNKNOWN_COMPONENT;
        self.tell(Diagnostic::error(CODE, message), at, hint);
    }

    fn tell(&mut self, diagnostic: Diagnostic, at: Span, hint: Option<String>) {
        let diagnostic = self.cfg.mark(diagnostic, at);
        self.problems.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }
}

/// `ConfigSection.as_list`, and the strip of `parse_host_components`.
fn as_list(value: &str) -> Vec<String> {
    let strip = |text: &str| text.trim_matches(is_space).to_owned();
    if value.contains(',') {
        value.split(',').map(strip).collect()
    } else if value.contains('\n') {
        value.split('\n').map(strip).filter(|text| !text.is_empty()).collect()
    } else {
        vec![strip(value)]
    }
}

/// What Python makes of a literal; anything that is no plain truth is taken for false and diagnosed elsewhere.
fn python_truth(value: &str) -> bool {
    value == "True" || value.parse::<i64>().is_ok_and(|number| number != 0)
}

/// Whether Python's `int()` takes it.
fn is_python_int(value: &str) -> bool {
    let digits = value.trim_matches(is_space);
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let grouped = digits.split('_').all(|group| !group.is_empty());
    // Digits of other scripts are numbers to Python, too.
    grouped && digits.chars().all(|c| c == '_' || c.is_numeric())
}

/// Bytes of a name that is compared with others.
const MAX_NAME: usize = 80;

/// The nearest of some names, if one is near enough to be what was meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes time and memory by the product of the lengths.
    if name.len() > MAX_NAME {
        return None;
    }
    known
        .filter(|candidate| candidate.len() <= MAX_NAME)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diagnostic::Severity;

    fn read(text: &str) -> (Environment, Vec<Diagnostic>) {
        let mut components = Components::default();
        components.add("components/x/component.py", "class Nginx(C):\n  pass\nclass Haproxy(C):\n  pass\n");
        Environment::understand("dev", &Cfg::parse("environment.cfg", text.as_bytes()), &components)
    }

    fn sound(text: &str) -> Environment {
        let (environment, problems) = read(text);
        assert_eq!(problems, []);
        environment
    }

    /// Line, message, underlined text, hint.
    fn told(text: &str) -> Vec<String> {
        let show = |p: Diagnostic| {
            let line = p.origin.and_then(|origin| origin.line).unwrap_or(0);
            let part = p.excerpt.map_or(String::new(), |e| format!(" ^{}^", &e.text[e.start..e.end]));
            format!("{line}: {}{part} / {}", p.message, p.hint.unwrap_or_default())
        };
        read(text).1.into_iter().map(show).collect()
    }

    #[test]
    fn both_forms_of_hosts_are_read_with_features_and_ignore_marks() {
        let short = sound(
            "[environment]\nhost_domain = example.com\n[hosts]\nweb1 = nginx, haproxy:a, haproxy:b\n!web2 =\n  !nginx\n  haproxy\n",
        );
        let [web1, web2] = &short.hosts[..] else { panic!("two hosts") };
        assert_eq!(
            (web1.fqdn.as_str(), web1.ignore, web1.platform.as_deref()),
            ("web1.example.com", false, Some("example.com"))
        );
        assert_eq!(web1.components[1].features, ["a", "b"]);
        assert_eq!((web2.ignore, web2.components[0].ignore, web2.components[1].ignore), (true, true, false));
        assert_eq!(web2.components[1].origin.line, Some(7));

        let long = sound("[host:web1]\ncomponents = nginx\nignore = True\nplatform = nixos\ndata-alias = w\n");
        assert_eq!((long.hosts[0].ignore, long.hosts[0].platform.as_deref()), (true, Some("nixos")));
        assert_eq!(long.hosts[0].data_keys, ["alias"]);
    }

    #[test]
    fn defaults_are_batous() {
        let environment = sound("[hosts]\nh = nginx\n");
        assert_eq!(environment.setting("target_directory"), Some("~/deployment"));
        assert_eq!(environment.setting("connect_method"), Some("ssh"));
        assert_eq!(environment.setting("platform"), None);
    }

    #[test]
    fn a_misspelt_component_is_shown_with_the_nearest_name() {
        assert_eq!(
            told("[hosts]\nh =\n  nginx\n  haproxi:x\n"),
            ["4: no component is named `haproxi` ^haproxi^ / did you mean `haproxy`?"]
        );
        assert_eq!(told("[hosts]\nh = Nginx\n"), ["2: no component is named `Nginx` ^Nginx^ / did you mean `nginx`?"]);
        assert_eq!(
            told("[hosts]\nh = nginx\n[component:ngnix]\na = 1\n"),
            ["3: no component is named `ngnix` ^component:ngnix^ / did you mean `nginx`?"]
        );
    }

    #[test]
    fn misspelt_sections_and_keys_are_shown_with_the_nearest_name() {
        assert_eq!(
            told("[enviroment]\n[environment]\nservice_usr = x\n[host:a]\ncomponents = nginx\ndata_x = 1\n"),
            [
                "1: batou knows no section `[enviroment]` ^enviroment^ / did you mean `[environment]`?",
                "3: `service_usr` is no setting of `[environment]` ^service_usr^ / batou ignores it; did you mean `service_user`?",
                "6: `data_x` is no option of a host / batou ignores it; did you mean `data-x`?",
            ]
        );
    }

    #[test]
    fn values_that_crash_batou_are_errors() {
        let text = "[environment]\ntimeout = soon\nrequire_v6 = true\nupdate_method = rsnc\n[vfs]\nsandbox = Develper\n\
                    [provisioner:p]\n[resolver]\nh = localhost\n[host:a]\nignore = yes\nprovisioner = q\n";
        let (_, problems) = read(text);
        let lines: Vec<_> = problems.iter().map(|p| p.origin.as_ref().and_then(|origin| origin.line)).collect();
        assert_eq!(lines, [2, 3, 4, 6, 7, 11, 12, 10, 9].map(Some));
        assert!(problems.iter().all(|problem| problem.severity == Severity::Error));
    }

    #[test]
    fn a_host_declared_in_both_forms_is_an_error_and_mixing_them_a_note() {
        let severities: Vec<_> =
            read("[hosts]\na = nginx\n[host:a]\ncomponents = nginx\n").1.into_iter().map(|p| p.severity).collect();
        assert_eq!(severities, [Severity::Note, Severity::Error]);
    }

    #[test]
    fn stray_commas_and_mixed_lists_are_explained() {
        assert_eq!(told("[hosts]\na = nginx,\n").len(), 1);
        assert_eq!(told("[hosts]\na =\n").len(), 1);
        assert!(told("[hosts]\na =\n  nginx\n  haproxy, nginx\n")[0].contains("mix commas and line breaks"));
    }

    #[test]
    fn an_environment_without_hosts_is_pointed_out() {
        assert_eq!(
            told("[environment]\n"),
            ["0: the environment has no hosts, so nothing is deployed / add a section `[hosts]`"]
        );
    }
}
