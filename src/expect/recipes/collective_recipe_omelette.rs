//! `collective.recipe.omelette`: links to the packages of all eggs of a part, in one tree. Versions 1.1.0, 1.1.1, 2.0.0
//! and 3.0.0; 1.x makes an `__init__.py` in every directory, later ones know namespace packages without any.
//!
//! Every run removes the tree and makes it anew. Which of two eggs a name is linked to follows from their order, and
//! buildout's order is known only between develop eggs, eggs, and what is installed beside buildout
//! (`sort_working_set`): a link that two eggs of one such group offer may lead to either.

use super::{Made, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, Configuration, Found, UsedEggs};
use crate::expect::recipes::Evidence;
use crate::model::artifact::{Content, Expected, Ownership};
use crate::model::content::Blob;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "collective.recipe.omelette";

/// `NAMESPACE_STANZA` of versions 1.x.
const STANZA: &str = "# See http://peak.telecommunity.com/DevCenter/setuptools#namespace-packages
try:
    __import__('pkg_resources').declare_namespace(__name__)
except ImportError:
    from pkgutil import extend_path
    __path__ = extend_path(__path__, __name__)
";

/// What versions 1.x write into the directories that no namespace asks for.
const MUSHROOM: &str = "# mushroom";

/// The recipe.
#[derive(Debug)]
pub(super) struct Omelette;

impl Recipe for Omelette {
    fn names(&self) -> &'static [&'static str] {
        &[NAME, "collective.recipe.omelette:default"]
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        match option {
            "location" => Some(format!("${{buildout:parts-directory}}/{part}")),
            "_b" | "bin-directory" => Some("${buildout:bin-directory}".to_owned()),
            "_e" | "eggs-directory" => Some("${buildout:eggs-directory}".to_owned()),
            "_d" | "develop-eggs-directory" => Some("${buildout:develop-eggs-directory}".to_owned()),
            _ => None,
        }
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        let lines = Options::of(part, configuration).lines("packages").unwrap_or_else(|_| Vec::new());
        let first = |line: &String| line.split_whitespace().next().map(|path| Evidence::Tree(directory.join(path)));
        lines.iter().filter_map(first).collect()
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let set = match specs(part, buildout) {
            Ok(specs) => buildout.working_set(&specs),
            Err(why) => return PartFiles::unknown(why),
        };
        let mut files = PartFiles { eggs: UsedEggs::of(&set), ..PartFiles::default() };
        let found = set.doubt.clone().map_or(Ok(()), Err).and_then(|()| buildout.found(&set));
        match found.and_then(|found| cook(part, buildout, &found)) {
            Ok(made) => files.made = made,
            Err(why) => files.doubt(why),
        }
        files
    }
}

/// The lines of the option `eggs`, which defaults to the recipe itself.
fn specs(part: &str, buildout: &Buildout<'_>) -> Result<Vec<String>, Why> {
    let options = buildout.options(part);
    Ok(match options.get("eggs")? {
        Some(_) => options.lines("eggs")?,
        None => vec![options.get_or("recipe", NAME)?],
    })
}

/// What the versions differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edition {
    /// 1.x.
    WithInit,
    /// 2.0.
    Native,
    /// 3.0, which leaves itself out under one of its names.
    NativeWithoutItself,
}

impl Edition {
    fn of(buildout: &Buildout<'_>) -> Result<Self, Why> {
        let set = buildout.working_set(&[NAME.to_owned()]);
        let version = set.dists.get("collective-recipe-omelette").map_or("?", |dist| &dist.version);
        match version.split('.').collect::<Vec<_>>()[..] {
            ["1", "1", ..] => Ok(Self::WithInit),
            ["2", "0", ..] => Ok(Self::Native),
            ["3", "0", ..] => Ok(Self::NativeWithoutItself),
            _ => Err(Why::new(WhyKind::NotModelled, format!("what version {version} of {NAME} makes is not modelled"))),
        }
    }
}

/// The whole tree.
fn cook(part: &str, buildout: &Buildout<'_>, found: &[Found<'_>]) -> Result<Vec<Made>, Why> {
    let options = buildout.options(part);
    let location = match options.get("location")? {
        Some(location) => location,
        None => buildout.parts_directory(part)?,
    };
    let place = TargetPath::new(&location);
    if !location.starts_with('/') || buildout.without_links(&place)? != place {
        return Err(Why::new(WhyKind::NotModelled, format!("`{location}` is relative, or reached by links")));
    }
    let edition = Edition::of(buildout)?;
    let mut pan = Pan { buildout, edition, location: place, nodes: Nodes::new() };
    let ignored = ignored(&options, buildout, edition)?;
    let wanted: Vec<&Found<'_>> = found.iter().filter(|found| !ignored.contains(&found.project)).collect();
    let ranks: BTreeSet<u8> = wanted.iter().map(|found| found.rank).collect();
    for rank in ranks {
        pan.add(wanted.iter().copied().filter(|found| found.rank == rank))?;
    }
    pan.packages(&options)?;
    Ok(pan.serve())
}

/// Names of projects that are left out.
fn ignored(options: &Options<'_>, buildout: &Buildout<'_>, edition: Edition) -> Result<BTreeSet<String>, Why> {
    let mut ignored: BTreeSet<String> = options.get_or("ignores", "")?.split_whitespace().map(str::to_owned).collect();
    let without_develop = options.get_or("ignore-develop", "")?.to_lowercase();
    if ["yes", "true", "on", "1", "sure"].contains(&&*without_develop) {
        let directory = buildout.configuration().option_or("buildout", "develop-eggs-directory", "develop-eggs");
        let Eval::Known(directory) = directory else {
            return Err(Why::new(WhyKind::NotModelled, "where the develop eggs are is not known"));
        };
        let names = buildout.names_in(&buildout.directory().join(directory), None)?.unwrap_or_default();
        // `dev_egg[:-9]`: the name without `.egg-link`, whatever it ends in.
        ignored
            .extend(names.into_iter().map(|name| name.chars().take(name.chars().count().saturating_sub(9)).collect()));
    }
    if edition == Edition::NativeWithoutItself {
        ignored.insert("collective-recipe-omelette".to_owned());
    }
    Ok(ignored)
}

/// One thing in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Directory,
    /// Where it leads, or may lead.
    Link(BTreeSet<String>),
    /// `__init__.py` of versions 1.x.
    Init(&'static str),
    /// A directory or a link, as the order of the eggs has it; nothing is known below.
    Either,
}

type Nodes = BTreeMap<TargetPath, Node>;

/// Namespace packages in their order.
#[derive(Debug, Default)]
struct Namespaces(Vec<(String, Namespaces)>);

impl Namespaces {
    fn add(&mut self, dotted: &str) {
        let mut here = self;
        for part in dotted.split('.') {
            let at = here.0.iter().position(|(name, _)| name == part).unwrap_or_else(|| {
                here.0.push((part.to_owned(), Self::default()));
                here.0.len() - 1
            });
            here = &mut here.0[at].1;
        }
    }
}

struct Pan<'a> {
    buildout: &'a Buildout<'a>,
    edition: Edition,
    location: TargetPath,
    nodes: Nodes,
}

impl Pan<'_> {
    /// Adds distributions whose order is not known.
    fn add<'f>(&mut self, group: impl Iterator<Item = &'f Found<'f>>) -> Result<(), Why> {
        let mut all = Nodes::new();
        for found in group {
            let mut plate = Plate { pan: self, found, nodes: Nodes::new() };
            plate.fill()?;
            for (path, node) in plate.nodes {
                match (all.get_mut(&path), node) {
                    (Some(Node::Link(known)), Node::Link(more)) => known.extend(more),
                    (Some(known), node) if *known == node => {}
                    (Some(known), _) => *known = Node::Either,
                    (None, node) => drop(all.insert(path, node)),
                }
            }
        }
        let unclear: Vec<&TargetPath> =
            all.iter().filter(|(_, node)| **node == Node::Either).map(|(path, _)| path).collect();
        if let Some(path) = unclear.first().filter(|_| self.edition != Edition::WithInit) {
            // Where a link comes first, later versions pass over further namespaces of the egg.
            return Err(order(path));
        }
        let below = |path: &TargetPath| unclear.iter().any(|above| path != *above && path.is_below(above));
        let sure: Vec<TargetPath> = all.keys().filter(|path| !below(path)).cloned().collect();
        self.nodes.extend(sure.into_iter().filter_map(|path| all.remove_entry(&path)));
        Ok(())
    }

    /// The options `products` (1.x) and `packages`, which come last.
    fn packages(&mut self, options: &Options<'_>) -> Result<(), Why> {
        let mut pairs = Vec::new();
        let old = self.edition == Edition::WithInit;
        if old {
            let products = options.get_or("products", "")?;
            pairs.extend(products.split_whitespace().map(|product| (product.to_owned(), "Products".to_owned())));
        }
        for line in options.lines("packages")? {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                [package] => pairs.push((package.to_owned(), if old { "Products" } else { "." }.to_owned())),
                [package, name] => pairs.push((package.to_owned(), name.to_owned())),
                // Passed over with a warning.
                _ => {}
            }
        }
        for (package, name) in pairs {
            let target = self.location.join(&name);
            if name.starts_with('/') || !target.is_below(&self.location) {
                return Err(Why::new(WhyKind::NotModelled, format!("`{name}` leads out of the omelette")));
            }
            self.bacon(&package, &target)?;
        }
        Ok(())
    }

    /// `_add_bacon`.
    fn bacon(&mut self, package: &str, target: &TargetPath) -> Result<(), Why> {
        let directory = self.buildout.directory().join(package);
        let Some(names) = self.buildout.names_in(&directory, None)? else {
            return match self.edition {
                Edition::WithInit => Ok(()),
                Edition::Native | Edition::NativeWithoutItself => {
                    Err(Why::new(WhyKind::LiveTree, format!("`{directory}`, which it links to, is missing")))
                }
            };
        };
        if !self.make_directories(target)? {
            return Ok(());
        }
        for name in names.into_iter().filter(|name| is_linked(name)) {
            if self.buildout.kind(&directory.join(&name), None)? != Some(Kind::Directory) {
                continue;
            }
            let (source, place) = (joined(package, &name), target.join(&name));
            match self.nodes.get(&place) {
                None => drop(self.nodes.insert(place, Node::Link(BTreeSet::from([source])))),
                Some(Node::Directory) => self.bacon(&source, &place)?,
                Some(Node::Link(_)) => {}
                Some(Node::Init(_) | Node::Either) => return Err(order(&place)),
            }
        }
        Ok(())
    }

    /// `makedirs` for a package: false where a link is in the way.
    fn make_directories(&mut self, target: &TargetPath) -> Result<bool, Why> {
        let mut above: Vec<TargetPath> =
            target.ancestors().take_while(|path| path.is_below(&self.location) && *path != self.location).collect();
        above.reverse();
        for path in above {
            match self.nodes.get(&path) {
                Some(Node::Directory) => {}
                Some(Node::Link(_)) => return Ok(false),
                Some(Node::Init(_) | Node::Either) => return Err(order(&path)),
                None => {
                    if self.edition == Edition::WithInit {
                        let text = if path.name() == b"Products" { STANZA } else { MUSHROOM };
                        self.nodes.insert(path.join("__init__.py"), Node::Init(text));
                    }
                    self.nodes.insert(path, Node::Directory);
                }
            }
        }
        Ok(true)
    }

    fn serve(self) -> Vec<Made> {
        let complete = || Expected::Directory { ownership: Ownership::Complete };
        let made = |path, expected| Made { expected, ..Made::directory(path, Upkeep::Rebuilt) };
        let top = Made { expected: complete(), ..Made::directory(self.location, Upkeep::Rewritten) };
        let nodes = self.nodes.into_iter().map(|(path, node)| match node {
            Node::Directory => made(path, complete()),
            Node::Link(targets) => {
                let why =
                    Why::new(WhyKind::OrderDependent, "several eggs have it, and buildout's order is not defined");
                let mut targets = targets.into_iter();
                let target = match (targets.next(), targets.next()) {
                    (Some(only), None) => Eval::Known(Blob::from(only)),
                    _ => Eval::Unknown(why),
                };
                made(path, Expected::Link { target })
            }
            Node::Init(text) => made(path, Expected::File(Content::Bytes(Blob::from(text)))),
            Node::Either => made(path, Expected::Present),
        });
        std::iter::once(top).chain(nodes).collect()
    }
}

/// What one distribution adds.
struct Plate<'a> {
    pan: &'a Pan<'a>,
    found: &'a Found<'a>,
    nodes: Nodes,
}

impl Plate<'_> {
    fn get(&self, path: &TargetPath) -> Option<&Node> {
        self.pan.nodes.get(path).or_else(|| self.nodes.get(path))
    }

    fn fill(&mut self) -> Result<(), Why> {
        let (buildout, found) = (self.pan.buildout, self.found);
        let mut namespaces = Namespaces::default();
        for line in buildout.lines(found.dist, "namespace_packages.txt")? {
            namespaces.add(&line);
        }
        if self.pan.edition != Edition::WithInit
            && namespaces.0.is_empty()
            && let Some((above, _)) = found.project.rsplit_once('.')
        {
            namespaces.add(above);
        }
        self.namespaces(&namespaces, &[])?;
        for name in buildout.lines(found.dist, "top_level.txt")? {
            if name.contains('/') {
                return Err(Why::new(WhyKind::NotModelled, format!("`{}` has a package `{name}`", found.project)));
            }
            if !namespaces.0.iter().any(|(namespace, _)| *namespace == name) {
                self.top_level(&name)?;
            }
        }
        Ok(())
    }

    /// `create_namespaces`.
    fn namespaces(&mut self, namespaces: &Namespaces, above: &[&str]) -> Result<(), Why> {
        for (name, inner) in &namespaces.0 {
            let mut parts = above.to_vec();
            parts.push(name);
            let relative = parts.join("/");
            let place = self.pan.location.join(&relative);
            match self.get(&place) {
                None => {
                    if self.pan.edition == Edition::WithInit {
                        self.nodes.insert(place.join("__init__.py"), Node::Init(STANZA));
                    }
                    self.nodes.insert(place.clone(), Node::Directory);
                }
                Some(Node::Directory) => {}
                // 1.x writes through the link into the other egg.
                Some(Node::Link(_)) if self.pan.edition == Edition::WithInit => continue,
                Some(Node::Link(_)) => return Ok(()),
                Some(Node::Init(_) | Node::Either) => continue,
            }
            self.namespaces(inner, &parts)?;
            let source = self.found.dist.location.join(&relative);
            let names = self.pan.buildout.names_in(&source, Some(self.found.dist))?.unwrap_or_default();
            for name in names.iter().filter(|name| is_linked(name)) {
                let place = place.join(name);
                if self.get(&place).is_none() {
                    self.link(&source.join(name), place)?;
                }
            }
        }
        Ok(())
    }

    /// A package or module.
    fn top_level(&mut self, name: &str) -> Result<(), Why> {
        for end in ["", ".py", ".so", ".dll"] {
            let name = format!("{name}{end}");
            let source = self.found.dist.location.join(&name);
            if self.pan.buildout.kind(&source, Some(self.found.dist))?.is_some() {
                let place = self.pan.location.join(&name);
                return if self.get(&place).is_none() { self.link(&source, place) } else { Ok(()) };
            }
        }
        Ok(())
    }

    /// Locations of distributions are without links; what lies in them is not resolved.
    fn link(&mut self, source: &TargetPath, place: TargetPath) -> Result<(), Why> {
        let location = &self.found.dist.location;
        let rest = source.relative_to(location).unwrap_or_default();
        let target = self.pan.buildout.without_links(location)?.join(rest);
        let text = target.as_str().ok_or_else(|| Why::new(WhyKind::NotModelled, format!("`{target}` is no text")))?;
        self.nodes.insert(place, Node::Link(BTreeSet::from([text.to_owned()])));
        Ok(())
    }
}

/// Whether something in a directory is linked. Byte code is, too, when it is there during the run: nobody checks it.
fn is_linked(name: &str) -> bool {
    let byte_code = std::path::Path::new(name).extension().is_some_and(|end| end == "pyc" || end == "pyo");
    !name.starts_with('.') && name != "__pycache__" && !byte_code
}

/// `os.path.join`.
fn joined(directory: &str, name: &str) -> String {
    if directory.ends_with('/') { format!("{directory}{name}") } else { format!("{directory}/{name}") }
}

fn order(path: &TargetPath) -> Why {
    Why::new(
        WhyKind::OrderDependent,
        format!("what `{path}` is follows from the order of the eggs, which is not defined"),
    )
}
