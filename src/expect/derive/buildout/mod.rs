//! Rule `buildout`: what a buildout directory should hold, from its resolved configuration and the notes in it.
//!
//! Needs a look of depth `Whole` at the directory (and at eggs or environments elsewhere) that captures [`CAPTURE`],
//! and looks at the directories above, because buildout resolves links in `sys.path`.
//!
//! Eggs are verified by their RECORDs ([`eggs`]), scripts by what the recipe would write ([`parts`]); the working set
//! in between ([`working_set`]) follows from the eggs' own metadata, which is believed only when RECORD vouches for it.

mod catalog;
mod code_places;
mod eggs;
mod found;
mod input;
mod noted;
pub(crate) mod parts;
mod substitution;
#[cfg(test)]
mod tests;
mod wheels;
mod working_set;

pub(crate) use catalog::Dist;
pub(crate) use found::Found;
pub use input::{Configuration, Directories, Input, Reference, Runs, Section, Value};
pub(crate) use parts::unit as part_unit;
pub(crate) use wheels::archives;
pub(crate) use working_set::WorkingSet;

use super::Rule;
use crate::definition::markers::MarkerFacts;
use crate::expect::evidence::{self, Note};
use crate::expect::recipes::Options;
use crate::model::artifact::{Authority, Content, Expected};
use crate::model::content::{Blob, Digest};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::manifest::{Derivation, Manifest, Noted};
use crate::model::observation::{Archive, Kind, Scan, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use crate::references::python_metadata::EntryPoint;
use catalog::{Catalog, Source};
use std::collections::{BTreeMap, BTreeSet};

/// The rule's name in manifests.
pub const NAME: &str = "buildout";

/// What a look at a buildout directory, or at an eggs directory elsewhere, has to keep.
pub const CAPTURE: &[&str] = &[
    ".installed.cfg",
    "bin/*",
    "pyvenv.cfg",
    "**/*.pth",
    "**/*.egg-link",
    "**/*.dist-info/RECORD",
    "**/*.dist-info/METADATA",
    "**/*.dist-info/entry_points.txt",
    "**/*.dist-info/direct_url.json",
    "**/*.dist-info/namespace_packages.txt",
    "**/*.dist-info/top_level.txt",
    "**/EGG-INFO/RECORD",
    "**/EGG-INFO/PKG-INFO",
    "**/EGG-INFO/requires.txt",
    "**/EGG-INFO/entry_points.txt",
    "**/EGG-INFO/namespace_packages.txt",
    "**/EGG-INFO/top_level.txt",
    "**/*.egg-info/PKG-INFO",
    "**/*.egg-info/requires.txt",
    "**/*.egg-info/entry_points.txt",
    "**/*.egg-info/namespace_packages.txt",
    "**/*.egg-info/top_level.txt",
];

/// The rule.
#[derive(Debug)]
pub struct BuildoutRule;

impl Rule for BuildoutRule {
    fn name(&self) -> &'static str {
        NAME
    }

    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) {
        let Some(input) = super::input::<Input>(derivation, manifest) else { return };
        if let Some(why) = &input.configuration.parts_doubt {
            super::opaque(manifest, &derivation.unit, why.text.clone());
        }
        let mut buildout = Buildout::new(derivation, scan, &input, known_inputs(&derivation.host, manifest));
        eggs::read_records(&mut buildout, manifest);
        let parts = parts::expect(&buildout, manifest);
        eggs::expect(&buildout, &parts, manifest);
    }

    fn says(&self, derivation: &Derivation, noted: &Noted) -> bool {
        let input = serde_json::from_value(derivation.input.clone());
        input.is_ok_and(|input: Input| noted::says(&input, noted))
    }
}

/// The contents that the definition declares on this host: what recipes read is believed only if it is that.
fn known_inputs(host: &HostName, manifest: &Manifest) -> BTreeMap<TargetPath, Content> {
    let declared = manifest.artifacts.of(host).filter(|artifact| artifact.authority <= Authority::Vendor);
    declared
        .filter_map(|artifact| match artifact.expected {
            Expected::File(content @ (Content::Bytes(_) | Content::Digest { .. })) => Some((artifact.path, content)),
            _ => None,
        })
        .collect()
}

/// A buildout with the evidence about it.
#[derive(Debug)]
pub struct Buildout<'a> {
    derivation: &'a Derivation,
    scan: &'a Scan,
    input: &'a Input,
    /// What the definition declares that recipes may read.
    declared: BTreeMap<TargetPath, Content>,
    catalog: Catalog,
    facts: MarkerFacts,
    version: Option<String>,
}

/// The distributions that a part uses.
#[derive(Debug, Clone, Default)]
pub struct UsedEggs {
    /// Canonical name to version and place.
    pub dists: BTreeMap<String, (String, TargetPath)>,
    /// Names that no pin confirms.
    pub unpinned: BTreeSet<String>,
    /// Name as required, and pinned version, of what is not there.
    pub missing: BTreeSet<(String, String)>,
}

impl UsedEggs {
    pub(crate) fn of(set: &WorkingSet<'_>) -> Self {
        let place = |dist: &Dist| (dist.version.clone(), dist.location.clone());
        Self {
            dists: set.dists.iter().map(|(key, dist)| (key.clone(), place(dist))).collect(),
            unpinned: set.unpinned.clone(),
            missing: set.missing.clone(),
        }
    }
}

impl<'a> Buildout<'a> {
    fn new(
        derivation: &'a Derivation,
        scan: &'a Scan,
        input: &'a Input,
        declared: BTreeMap<TargetPath, Content>,
    ) -> Self {
        let python = python(scan, input);
        let minor = python.as_deref().map(|version| version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."));
        let mut catalog = Catalog::default();
        let directories = &input.configuration.directories;
        if let Some(eggs) = directories.eggs.known() {
            catalog.extend(catalog::eggs(scan, &TargetPath::new(eggs), minor.as_deref()));
        }
        if let Some(develop) = directories.develop_eggs.known().map(TargetPath::new) {
            catalog.extend(catalog::develop(scan, &develop));
        }
        if let (Some(environment), Some(minor)) = (&input.environment, &minor) {
            let site = environment.join(format!("lib/python{minor}/site-packages"));
            catalog.extend(catalog::installed(scan, &site, Source::Site));
            if !matches!(&*scan.sighting(&site), Sighting::Present(seen) if seen.kind == Kind::Directory) {
                catalog.site_unknown =
                    Some(Why::new(WhyKind::LiveTree, format!("`{site}`, where it may be installed, cannot be seen")));
            }
        } else {
            let text = "where the Python that runs buildout has its packages is not known";
            catalog.site_unknown = Some(Why::new(WhyKind::LiveTree, text));
        }
        let mut facts = python.as_deref().map(MarkerFacts::cpython_on_linux).unwrap_or_default();
        if let Some(machine) = catalog.all().find_map(|dist| dist.platform.as_deref()?.strip_prefix("linux-")) {
            facts = facts.on_machine(machine);
        }
        let version = input.version.clone().or_else(|| version(&catalog));
        Self { derivation, scan, input, declared, catalog, facts, version }
    }

    /// What is configured.
    pub fn configuration(&self) -> &Configuration {
        &self.input.configuration
    }

    /// The buildout directory.
    pub fn directory(&self) -> &TargetPath {
        &self.input.directory
    }

    /// The directory of eggs, where it lies outside and other buildouts may use it as well.
    pub(crate) fn shared_eggs(&self) -> Option<TargetPath> {
        let eggs = self.configuration().directories.eggs.known().map(TargetPath::new)?;
        (!eggs.is_below(self.directory())).then_some(eggs)
    }

    /// What was seen on the host.
    pub fn scan(&self) -> &'a Scan {
        self.scan
    }

    /// The options of a part.
    pub fn options<'b>(&'b self, part: &'b str) -> Options<'b> {
        Options::of(part, self.configuration())
    }

    /// The bytes of a file that a recipe reads ([`crate::expect::recipes::Evidence::Text`]); `None` when it is
    /// provably not there. Where the definition declares what the file holds, nothing else is believed.
    ///
    /// # Errors
    /// When they are not known, or not what is declared.
    pub fn input(&self, path: &TargetPath) -> Result<Option<Blob>, Why> {
        let declared = self.declared.get(path);
        if let Some(Content::Bytes(bytes)) = declared {
            return Ok(Some(bytes.clone()));
        }
        if let Some(content) = declared
            && crate::expect::distribution::matches(self.scan, path, content) != Some(true)
        {
            return Err(Why::new(WhyKind::LiveTree, format!("`{path}`, which it is made of, is damaged or missing")));
        }
        match evidence::note(self.scan, path) {
            Note::Bytes(bytes) => Ok(Some(bytes.into_owned())),
            Note::Absent => Ok(None),
            Note::WrongKind => Err(Why::new(WhyKind::LiveTree, format!("`{path}` is no file"))),
            Note::Unknown(why) => Err(why),
        }
    }

    /// The members of an archive ([`crate::expect::recipes::Evidence::Archive`]), if it has this digest.
    ///
    /// # Errors
    /// When the archive was not read, is damaged, or is another one.
    pub fn archive(&self, path: &TargetPath, digest: Option<&Digest>) -> Result<&'a Archive, Why> {
        let trouble = |what: &str| Why::new(WhyKind::LiveTree, format!("the archive `{path}` {what}"));
        let archive = self.scan.archives.get(path).ok_or_else(|| trouble("was not read"))?;
        if let Some(problem) = &archive.broken {
            return Err(trouble(&format!("cannot be read to its end: {problem}")));
        }
        if let Some(digest) = digest {
            match self.scan.digest(path, digest.algorithm) {
                Some(seen) if seen == *digest => {}
                Some(_) => return Err(trouble("is not the one whose digest is declared")),
                None => return Err(trouble("was not digested as is declared")),
            }
        }
        Ok(archive)
    }

    /// The version of the egg of a recipe, where known.
    pub(crate) fn recipe_version(&self, egg: &str) -> Option<String> {
        let set = self.working_set(&[egg.to_owned()]);
        set.dists.get(&crate::references::python_metadata::canonical(egg)).map(|dist| dist.version.clone())
    }

    /// The version of the zc.buildout that runs, where known.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Its major version.
    pub(crate) fn generation(&self) -> Option<u32> {
        self.version()?.split('.').next()?.parse().ok()
    }

    /// The directory of scripts.
    pub(crate) fn bin(&self) -> Result<TargetPath, Why> {
        match &self.input.configuration.directories.bin {
            Eval::Known(bin) => Ok(TargetPath::new(bin)),
            Eval::Unknown(why) => Err(why.clone()),
        }
    }

    /// The working set of some requirements.
    pub(crate) fn working_set(&self, specs: &[String]) -> WorkingSet<'_> {
        let chooser = working_set::Chooser {
            configuration: self.configuration(),
            catalog: &self.catalog,
            scan: self.scan,
            facts: &self.facts,
        };
        chooser.working_set(specs)
    }

    /// The console scripts of a distribution.
    pub(crate) fn console_scripts(&self, dist: &Dist) -> Result<Vec<EntryPoint>, Why> {
        let claims = self.catalog.claims.get(&dist.info).and_then(Option::as_ref);
        dist.console_scripts(self.scan, claims)
    }

    /// What the RECORD of a distribution says about a file of it.
    pub(crate) fn vouched(&self, dist: &Dist, path: &TargetPath) -> Option<Content> {
        self.catalog.claims.get(&dist.info)?.as_ref()?.get(path).cloned()
    }

    /// `sys.path` of scripts with this working set, without links; each entry once.
    pub(crate) fn python_path(&self, set: &WorkingSet<'_>, extra: &[TargetPath]) -> Result<Vec<String>, Why> {
        let mut path: Vec<TargetPath> = set.dists.values().map(|dist| dist.location.clone()).collect();
        path.sort();
        path.dedup();
        match self.generation() {
            Some(3..=5) => {}
            Some(6) => {
                for place in path.clone() {
                    path.extend(self.pth_paths(&place)?);
                }
            }
            Some(_) | None => {
                return Err(Why::new(WhyKind::NotModelled, "which zc.buildout writes the scripts is not known"));
            }
        }
        path.extend(extra.iter().cloned());
        let mut unique = Vec::new();
        for place in path {
            let text = self.real_path(&place)?;
            if !unique.contains(&text) {
                unique.push(text);
            }
        }
        Ok(unique)
    }

    /// Where the distributions of a working set lie, without links, as `pkg_resources` gives it; once per distribution.
    pub(crate) fn locations(&self, set: &WorkingSet<'_>) -> Result<Vec<String>, Why> {
        if let Some(why) = &set.doubt {
            return Err(why.clone());
        }
        set.dists.values().map(|dist| self.real_path(&dist.location)).collect()
    }

    /// A path without links, as text.
    fn real_path(&self, place: &TargetPath) -> Result<String, Why> {
        let real = evidence::real_path(self.scan, place).ok_or_else(|| {
            Why::new(WhyKind::TargetFact, format!("whether `{place}` is reached by links was not seen"))
        })?;
        let text = real.as_str().map(str::to_owned);
        text.ok_or_else(|| Why::new(WhyKind::NotModelled, format!("`{real}` is no text")))
    }

    /// `get_pth_paths` of zc.buildout 6: the directories that `.pth` files name.
    fn pth_paths(&self, directory: &TargetPath) -> Result<Vec<TargetPath>, Why> {
        let mut paths = Vec::new();
        for file in self.scan.entries(directory).filter(|path| path.name().ends_with(b".pth")) {
            paths.extend(self.pth_lines(&file, directory)?);
        }
        Ok(paths)
    }

    /// The directories that one `.pth` file names.
    fn pth_lines(&self, file: &TargetPath, directory: &TargetPath) -> Result<Vec<TargetPath>, Why> {
        let bytes = match evidence::note(self.scan, file) {
            Note::Bytes(bytes) => Some(bytes),
            Note::WrongKind | Note::Absent => None,
            Note::Unknown(why) => return Err(why),
        };
        // What is no text is passed over by buildout, too.
        let text = bytes.as_ref().and_then(|bytes| bytes.text());
        let lines = text.into_iter().flat_map(str::lines).map(str::trim);
        let named = lines.filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("import "));
        Ok(named.map(|line| directory.join(line)).collect())
    }

    /// `sys.executable` of the Python that runs buildout: as the definition says, or as `bin/buildout` says where
    /// that is vouched for by RECORD or agrees with most scripts beside it.
    pub(crate) fn executable(&self) -> Result<String, Why> {
        if let Some(executable) = &self.input.executable {
            return Ok(executable.clone());
        }
        let own = self.input.environment.iter().map(|environment| environment.join("bin/buildout")).find_map(|path| {
            let claim = self.catalog.claims.values().flatten().find_map(|claims| claims.get(&path))?;
            (crate::expect::distribution::matches(self.scan, &path, claim) == Some(true))
                .then(|| self.shebang(&path))
                .flatten()
        });
        if let Some(executable) = own {
            return Ok(executable);
        }
        let mut votes: BTreeMap<String, usize> = BTreeMap::new();
        if let Ok(bin) = self.bin() {
            for executable in self.scan.entries(&bin).filter_map(|path| self.shebang(&path)) {
                *votes.entry(executable).or_default() += 1;
            }
        }
        let all: usize = votes.values().sum();
        let winner = votes.into_iter().find(|(_, count)| *count > 1 && *count * 2 > all);
        winner.map(|(executable, _)| executable).ok_or_else(|| {
            Why::new(WhyKind::LiveTree, "which Python runs buildout is not known: `bin/buildout` is damaged or missing")
        })
    }

    fn shebang(&self, path: &TargetPath) -> Option<String> {
        let Note::Bytes(bytes) = evidence::note(self.scan, path) else { return None };
        let first = bytes.text()?.lines().next()?.strip_prefix("#!")?;
        (first.starts_with('/') && first.contains("python") && !first.contains(' ')).then(|| first.to_owned())
    }
}

/// The Python's version: as the definition says, as `pyvenv.cfg` says, or as the environment's `lib` is called.
fn python(scan: &Scan, input: &Input) -> Option<String> {
    if input.python.is_some() {
        return input.python.clone();
    }
    let environment = input.environment.as_ref()?;
    let lib = environment.join("lib");
    let mut names = scan
        .entries(&lib)
        .filter_map(|path| std::str::from_utf8(path.name()).ok()?.strip_prefix("python").map(str::to_owned));
    let (Some(minor), None) = (names.next(), names.next()) else { return None };
    let noted = match evidence::note(scan, &environment.join("pyvenv.cfg")) {
        Note::Bytes(bytes) => bytes.text().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("version = "));
            line.map(str::trim).filter(|version| version.starts_with(&format!("{minor}."))).map(str::to_owned)
        }),
        Note::Absent | Note::WrongKind | Note::Unknown(_) => None,
    };
    Some(noted.unwrap_or(minor))
}

/// The version of zc.buildout by its distribution.
fn version(catalog: &Catalog) -> Option<String> {
    match catalog.dists.get("zc-buildout")?.as_slice() {
        [only] => Some(only.version.clone()),
        _ => None,
    }
}
