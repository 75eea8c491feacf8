//! The extension `mr.developer`: working copies that buildout checks out before it does anything else.
//!
//! Takes the options of `[buildout]` and the section of sources, gives a unit, a look and a derivation of the rule
//! `git-checkout` for each working copy that is checked out by itself (`auto-checkout`). Version 2.1.0
//! (`extension.py`: `get_sources`; `git.py`). Deliberately not here: other version control systems than git, which are told
//! as not checked, and rewrites of addresses in the home directory of whoever runs buildout.

use super::buildout::{Inside, Place};
use super::derive::buildout::Configuration;
use super::derive::git_checkout::{self, Input};
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::manifest::{Depth, Derivation, Look, Manifest};
use crate::model::origin::Origin;
use crate::model::path::TargetPath;
use crate::model::unit::{Edge, EdgeKind, Unit, UnitKind};
use std::collections::BTreeMap;

/// One line of the section of sources.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    kind: String,
    url: String,
    path: TargetPath,
    options: BTreeMap<String, String>,
}

/// Adds the working copies of a buildout.
///
/// # Errors
/// When the input of the rule cannot be written as JSON.
pub(super) fn add(
    manifest: &mut Manifest,
    configuration: &Configuration,
    place: &Place,
    inside: &Inside,
) -> Result<(), serde_json::Error> {
    let sources = match sources(configuration, &place.directory) {
        Ok(sources) => sources,
        Err(why) => {
            super::derive::unknown(manifest, &inside.unit, why);
            return Ok(());
        }
    };
    for (name, source) in sources {
        let unit = unit(manifest, &name, &source, place, inside);
        if source.kind != "git" {
            if source.kind != "fs" {
                let text = format!("working copies of {} are not checked", source.kind);
                super::derive::unknown(manifest, &unit, Why::new(WhyKind::NotModelled, text));
            }
            continue;
        }
        manifest.look.push(Look::new(&place.host, source.path.clone(), Depth::Checkout));
        manifest.derivations.push(Derivation {
            host: place.host.clone(),
            unit,
            rule: git_checkout::RULE.to_owned(),
            input: serde_json::to_value(source.input(configuration, place))?,
        });
    }
    Ok(())
}

fn unit(
    manifest: &mut Manifest,
    name: &str,
    source: &Source,
    place: &Place,
    inside: &Inside,
) -> crate::model::unit::UnitId {
    let id = inside.unit.within(format_args!("~{name}"));
    manifest.units.push(Unit {
        id: id.clone(),
        host: place.host.clone(),
        kind: UnitKind::Checkout,
        name: format!("working copy {name}"),
        origin: Some(Origin::file(&place.config)),
        directory: Some(source.path.clone()),
        parent: Some(inside.unit.clone()),
        deployer: Some(inside.deployer.clone()),
        opaque: None,
    });
    manifest.edges.push(Edge {
        from: inside.unit.clone(),
        to: id.clone(),
        kind: EdgeKind::Uses,
        label: "auto-checkout".to_owned(),
    });
    id
}

impl Source {
    /// `Source`: kind, address, options anywhere; a third word is a directory.
    fn parse(name: &str, text: &str, directory: &TargetPath, sources_dir: &TargetPath) -> Option<Self> {
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let mut options = BTreeMap::new();
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            match word.split_once('=').filter(|(name, _)| !name.is_empty() && is_name(name)) {
                Some((name, value)) => {
                    options.insert(name.to_owned(), value.to_owned());
                }
                None => words.push(word),
            }
        }
        let (kind, url) = (words.first()?, words.get(1)?);
        let path = match (options.get("path").map(String::as_str).or(words.get(2).copied()), options.get("full-path")) {
            (Some(path), _) => directory.join(path).join(name),
            (None, Some(path)) => directory.join(path),
            (None, None) => sources_dir.join(name),
        };
        Some(Self { kind: (*kind).to_owned(), url: (*url).to_owned(), path, options })
    }

    fn input(&self, configuration: &Configuration, place: &Place) -> Input {
        let option = |name: &str| self.options.get(name).cloned();
        let revision = option("rev").or_else(|| option("revision"));
        // Other revisions are tags or branches, of which the repository tells nothing here.
        let is_commit = |text: &String| text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let always = configuration.option_or("buildout", "always-checkout", "false");
        let follows =
            always != Eval::Known("false".to_owned()) || option("update").is_some_and(|value| value == "true");
        Input {
            by_itself: false,
            target: self.path.clone(),
            url: Some(self.url.clone()),
            tag: revision.clone().filter(|text| !is_commit(text)),
            revision: revision.filter(is_commit),
            branch: option("branch"),
            clobber: false,
            follows,
            mr_developer: true,
            origin: Some(Origin::file(&place.config)),
        }
    }
}

/// What is checked out by itself; nothing without the extension.
fn sources(configuration: &Configuration, directory: &TargetPath) -> Result<BTreeMap<String, Source>, Why> {
    let option = |name: &str, default: &str| match configuration.option_or("buildout", name, default) {
        Eval::Known(value) => Ok(value),
        Eval::Unknown(why) => Err(why),
    };
    let mut sources = BTreeMap::new();
    if !option("extensions", "")?.split_whitespace().any(|name| name == "mr.developer") {
        return Ok(sources);
    }
    let auto = option("auto-checkout", "")?;
    let auto: Vec<&str> = auto.split_whitespace().collect();
    let section = option("sources", "sources")?;
    let Some(section) = configuration.sections.get(&section) else { return Ok(sources) };
    if let Some(why) = &section.open {
        return Err(why.clone());
    }
    let sources_dir = directory.join(option("sources-dir", "src")?);
    for (name, value) in &section.options {
        if !auto.contains(&"*") && !auto.contains(&name.as_str()) {
            continue;
        }
        let text = match &value.value {
            Eval::Known(text) => text,
            Eval::Unknown(why) => return Err(why.clone()),
        };
        let source = Source::parse(name, text, directory, &sources_dir).ok_or_else(|| {
            Why::new(WhyKind::BrokenDefinition, format!("the source of `{name}` needs a kind and an address"))
        })?;
        sources.insert(name.clone(), source);
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_options_anywhere() {
        let parse = |text| Source::parse("pkg", text, &TargetPath::new("/b"), &TargetPath::new("/b/src"));
        let paths = [
            "git https://x/?a=b branch=main",
            "git branch=main https://x/?a=b lib",
            "git https://x/?a=b path=/opt branch=main",
            "git https://x/?a=b full-path=here branch=main",
        ]
        .map(|text| parse(text).expect("it has an address"));
        assert!(paths.iter().all(|source| source.url == "https://x/?a=b" && source.options["branch"] == "main"));
        assert_eq!(paths.map(|source| source.path.to_string()), ["/b/src/pkg", "/b/lib/pkg", "/opt/pkg", "/b/here"]);
        assert_eq!(parse("git"), None);
    }
}
