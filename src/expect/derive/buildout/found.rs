//! What a recipe finds when it looks at its eggs: the distributions on the path, and the names in their directories.
//!
//! `sort_working_set` (zc.buildout 3.0 to 6.0.1, `easy_install.py`) makes a new working set of the paths of the first
//! one: it holds whatever lies on these paths, and names each distribution by its file.

use super::catalog::{Dist, Source};
use super::{Buildout, WorkingSet, parts};
use crate::definition::buildout::installed;
use crate::expect::distribution::{Claims, Layout};
use crate::expect::evidence::{self, Note};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::observation::{Kind, Sighting};
use crate::model::path::TargetPath;
use std::collections::{BTreeMap, BTreeSet};

/// A distribution of the sorted working set.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// `project_name`.
    pub(crate) project: String,
    /// Develop eggs come first, eggs next, what is installed elsewhere last. Within one of these no order is defined.
    pub(crate) rank: u8,
    pub(crate) dist: &'a Dist,
}

impl Buildout<'_> {
    /// The distributions of the sorted working set.
    pub(crate) fn found(&self, set: &WorkingSet<'_>) -> Result<Vec<Found<'_>>, Why> {
        let locations: BTreeSet<&TargetPath> = set.dists.values().map(|dist| &dist.location).collect();
        let mut found: BTreeMap<String, Found<'_>> = BTreeMap::new();
        let mut all: Vec<&Dist> = self.catalog.all().filter(|dist| locations.contains(&dist.location)).collect();
        let rank = Self::rank;
        all.sort_by_key(|dist| rank(dist));
        for dist in all {
            let project = project(dist);
            // The first one of a name stays.
            let known = found.entry(project.to_lowercase()).or_insert(Found { project, rank: rank(dist), dist });
            if known.rank == rank(dist) && known.dist != dist {
                let text = format!("{} is there more than once", known.project);
                return Err(Why::new(WhyKind::LiveTree, text));
            }
        }
        for location in locations {
            self.nothing_else_in(location)?;
        }
        Ok(found.into_values().collect())
    }

    /// Whether the catalog knows all distributions of a path.
    fn nothing_else_in(&self, location: &TargetPath) -> Result<(), Why> {
        let known: BTreeSet<&TargetPath> = self.catalog.all().map(|dist| &dist.info).collect();
        let notes = self
            .scan
            .entries(location)
            .filter(|path| path.name().ends_with(b".dist-info") || path.name().ends_with(b".egg-info"));
        match notes.into_iter().find(|path| !known.contains(path)) {
            Some(other) => Err(Why::new(WhyKind::LiveTree, format!("`{other}` lies beside what is used"))),
            None => Ok(()),
        }
    }

    /// The group that a distribution is sorted into.
    fn rank(dist: &Dist) -> u8 {
        match (dist.source, dist.layout) {
            (Source::Develop, Layout::EggInfo) => 0,
            (Source::Egg, _) => 1,
            // The directory `develop-eggs` itself is nobody's link.
            (Source::Develop, Layout::RenamedDistInfo | Layout::SitePackages) | (Source::Site, _) => 2,
        }
    }

    /// Whether something lies in a directory of eggs.
    pub(crate) fn keeps_eggs(&self, path: &TargetPath) -> bool {
        let directories = &self.configuration().directories;
        let mut known = [&directories.eggs, &directories.develop_eggs].into_iter().filter_map(Eval::known);
        known.any(|directory| path.is_below(&TargetPath::new(directory)))
    }

    /// What buildout noted as made by a part; nothing where its notes are damaged or missing.
    pub(crate) fn recorded(&self, part: &str) -> Vec<TargetPath> {
        let Some(path) = self.configuration().directories.installed.known().map(TargetPath::new) else {
            return Vec::new();
        };
        let Note::Bytes(bytes) = evidence::note(self.scan, &path) else { return Vec::new() };
        // Its damage is told as a finding of its own.
        let (installed, _) = installed::parse(&bytes.0, ".installed.cfg");
        let paths = installed.sections.get(part).and_then(installed::InstalledPart::paths);
        parts::absolute(paths.as_ref()).collect()
    }

    /// The lines of a note of a distribution.
    pub(crate) fn lines(&self, dist: &Dist, note: &str) -> Result<Vec<String>, Why> {
        dist.lines(self.scan, self.claims(dist), note)
    }

    fn claims(&self, dist: &Dist) -> Option<&Claims> {
        self.catalog.claims.get(&dist.info).and_then(Option::as_ref)
    }

    /// What is, or should be, at a path: by the RECORD of the distribution that it belongs to, and by what was seen.
    /// Links are followed. `None` when nothing is there.
    pub(crate) fn kind(&self, path: &TargetPath, dist: Option<&Dist>) -> Result<Option<Kind>, Why> {
        let claims = dist.and_then(|dist| self.claims(dist));
        if let Some((claimed, _)) = claims.and_then(|claims| claims.range::<TargetPath, _>(path..).next())
            && claimed.is_below(path)
        {
            return Ok(Some(if claimed == path { Kind::File } else { Kind::Directory }));
        }
        match &*self.scan.sighting(&self.without_links(path)?) {
            Sighting::Present(seen) => Ok(Some(seen.kind)),
            Sighting::Absent => Ok(None),
            Sighting::Unseen(failure) => {
                Err(Why::new(WhyKind::Unreadable, format!("`{path}` was not seen: {}", failure.text)))
            }
        }
    }

    /// The names that are, or should be, in a directory; `None` when there is no such directory.
    pub(crate) fn names_in(
        &self,
        directory: &TargetPath,
        dist: Option<&Dist>,
    ) -> Result<Option<BTreeSet<String>>, Why> {
        if self.kind(directory, dist)? != Some(Kind::Directory) {
            return Ok(None);
        }
        let real = self.without_links(directory)?;
        if let Sighting::Present(seen) = &*self.scan.sighting(&real)
            && !seen.listed
        {
            return Err(Why::new(WhyKind::Unreadable, format!("`{directory}` was not listed")));
        }
        let claimed = self.claims_below(directory, dist).filter_map(|path| {
            let rest = path.relative_to(directory)?;
            rest.split(|&byte| byte == b'/').next().map(<[u8]>::to_vec)
        });
        let seen = self.scan.entries(&real).map(|path| path.name().to_vec());
        let names: Result<BTreeSet<String>, _> = claimed.chain(seen).map(String::from_utf8).collect();
        names.map(Some).map_err(|_| Why::new(WhyKind::NotModelled, format!("a name in `{directory}` is no text")))
    }

    fn claims_below<'b>(
        &'b self,
        directory: &'b TargetPath,
        dist: Option<&Dist>,
    ) -> impl Iterator<Item = &'b TargetPath> {
        let claims = dist.and_then(|dist| self.claims(dist));
        let after = claims.into_iter().flat_map(move |claims| claims.range::<TargetPath, _>(directory..));
        after.map(|(path, _)| path).take_while(move |path| path.is_below(directory))
    }

    /// A path without links.
    pub(crate) fn without_links(&self, path: &TargetPath) -> Result<TargetPath, Why> {
        evidence::real_path(self.scan, path)
            .ok_or_else(|| Why::new(WhyKind::TargetFact, format!("whether `{path}` is reached by links was not seen")))
    }

    /// The usual place of a part: `os.path.join(buildout["buildout"]["parts-directory"], name)`.
    pub(crate) fn parts_directory(&self, part: &str) -> Result<String, Why> {
        match self.configuration().option_or("buildout", "parts-directory", "parts") {
            Eval::Known(parts) => Ok(self.directory().join(parts).join(part).display().into_owned()),
            Eval::Unknown(why) => Err(why),
        }
    }
}

/// `project_name` (`Distribution.from_location`, setuptools 65 to 80): the file's name up to the first hyphen, by
/// `safe_name`.
fn project(dist: &Dist) -> String {
    let file = if dist.info.name() == b"EGG-INFO" { dist.location.name() } else { dist.info.name() };
    let file = String::from_utf8_lossy(file);
    let stem = file.rsplit_once('.').map_or(&*file, |(stem, _)| stem);
    let mut name = String::new();
    for character in stem.split('-').next().unwrap_or(stem).chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' => name.push(character),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name
}
