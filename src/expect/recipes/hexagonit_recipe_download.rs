//! `hexagonit.recipe.download`: a download, copied or unpacked. Version 1.7.1, the only one for Python 3, with the
//! unpacking of setuptools 65 and 84 (`archive_util.py`), which puts copies in the place of links.
//!
//! Its md5sum vouches for the archive and so for what is unpacked; without one nothing is known. Nothing is looked at
//! after installing. The options `excludes` and `ignore-existing`, and unpacking on every update, are not modelled.

use super::{Made, Mode, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, Configuration};
use crate::expect::recipes::Evidence;
use crate::model::artifact::Content;
use crate::model::content::{Algorithm, Digest};
use crate::model::eval::{Why, WhyKind};
use crate::model::hasher::digest_of;
use crate::model::observation::{Kind, Member};
use crate::model::path::TargetPath;
use std::collections::{BTreeMap, BTreeSet};

/// The recipe.
#[derive(Debug)]
pub(super) struct Download;

impl Recipe for Download {
    fn names(&self) -> &'static [&'static str] {
        &["hexagonit.recipe.download", "hexagonit.recipe.download:default"]
    }

    fn sets(&self, part: &str, option: &str) -> Option<String> {
        let value = match option {
            "destination" => &format!("${{buildout:parts-directory}}/{part}"),
            "location" => "${:destination}",
            "strip-top-level-dir" | "ignore-existing" | "download-only" | "on-update" => "false",
            "hash-name" => "true",
            "filename" => "",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn keeps(&self, option: &str, _configured: &str) -> bool {
        option != "location"
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        let options = Options::of(part, configuration);
        let Ok(Some(declared)) = checksum(&options) else { return Vec::new() };
        if truth(&options, "download-only").unwrap_or(false) {
            let parts = configuration.option_or("buildout", "parts-directory", "parts").known().cloned();
            let usual = parts.map(|parts| directory.join(parts).join(part));
            let destination = match options.get("destination") {
                Ok(Some(destination)) => Some(directory.join(destination)),
                Ok(None) => usual,
                Err(_) => None,
            };
            let path = destination.and_then(|place| Some(place.join(copy_name(&options).ok()?)));
            return path.map(|path| Evidence::Digest { path, declared }).into_iter().collect();
        }
        let places = places(&options, directory).unwrap_or_else(|_| Vec::new());
        places.into_iter().map(|path| Evidence::Archive { path, declared: Some(declared.clone()) }).collect()
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        match made(part, buildout) {
            Ok(made) => PartFiles {
                made,
                side_effect: Some(format!(
                    "[{part}] refuses targets that are there already: without the notes in .installed.cfg they must go first"
                )),
                ..PartFiles::default()
            },
            Err(why) => PartFiles::unknown(why),
        }
    }
}

fn truth(options: &Options<'_>, name: &str) -> Result<bool, Why> {
    let value = options.get_or(name, "false")?;
    Ok(["yes", "true", "1", "on"].contains(&&*value.trim().to_lowercase()))
}

/// The declared digest of the download.
fn checksum(options: &Options<'_>) -> Result<Option<Digest>, Why> {
    let Some(text) = options.get("md5sum")?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let digest = Digest::from_hex(Algorithm::Md5, &text);
    digest.map(Some).map_err(|error| Why::new(WhyKind::BrokenDefinition, format!("`md5sum` is no digest: {error}")))
}

/// Where the download is kept: in the cache, and where it comes from when that is no other machine.
fn places(options: &Options<'_>, directory: &TargetPath) -> Result<Vec<TargetPath>, Why> {
    let Some(url) = options.get("url")? else { return Ok(Vec::new()) };
    let mut places = Vec::new();
    if let Some(cache) = options.of_section("buildout", "download-cache")?.filter(|cache| !cache.is_empty()) {
        // Not in lower case: `Download` of the recipe compares this option as it is written.
        let hashed = ["yes", "true", "1", "on"].contains(&options.get_or("hash-name", "true")?.trim());
        let name = if hashed { digest_of(Algorithm::Md5, url.as_bytes()).hex() } else { file_name(&url).to_owned() };
        places.push(directory.join(cache).join(name));
    }
    let local = url.strip_prefix("file://").or_else(|| (!url.contains(':')).then_some(url.as_str()));
    if let Some(path) = local.filter(|path| !path.contains(['%', '?', '#', ';'])) {
        places.push(directory.join(path));
    }
    Ok(places)
}

/// What an archive is, as far as unpacking differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Links are resolved; modes are the archive's.
    Tar,
    /// Links are files that hold their target; modes are the archive's where it was made on Unix, which is not told.
    Zip,
}

impl Format {
    /// By the name of the download.
    fn of(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        match () {
            () if ends(&[".zip", ".egg", ".whl", ".jar"]) => Some(Self::Zip),
            () if ends(&[".tar", ".tgz", ".tbz2"]) || name.contains(".tar.") => Some(Self::Tar),
            () => None,
        }
    }
}

/// The last component of a URL's path.
fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#', ';']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

fn made(part: &str, buildout: &Buildout<'_>) -> Result<Vec<Made>, Why> {
    let options = buildout.options(part);
    let destination = match options.get("destination")? {
        Some(destination) => buildout.directory().join(destination),
        None => TargetPath::new(buildout.parts_directory(part)?),
    };
    let checksum = checksum(&options)?;
    let unvouched = || Why::new(WhyKind::NoReference, "no md5sum is declared, so nothing vouches for the download");
    if truth(&options, "download-only")? {
        let content = match checksum {
            Some(digest) => Content::Digest { digest, size: None },
            None => Content::Unknown(unvouched()),
        };
        return copied(&options, &destination, content);
    }
    for option in ["ignore-existing", "on-update"] {
        if truth(&options, option)? {
            return Err(Why::new(
                WhyKind::NotModelled,
                format!("what `{option}` makes of the download is not modelled"),
            ));
        }
    }
    if !options.lines("excludes")?.is_empty() {
        return Err(Why::new(WhyKind::NotModelled, "what `excludes` leaves out is not modelled"));
    }
    let checksum = checksum.ok_or_else(unvouched)?;
    let mut failure = Why::new(WhyKind::NoReference, "the archive is kept nowhere on the host");
    for place in places(&options, buildout.directory())? {
        match buildout.archive(&place, Some(&checksum)) {
            Ok(archive) => {
                let format = Format::of(file_name(&options.get_or("url", "")?));
                let members = archive.members.iter().map(|member| (&*member.path.0, member)).collect();
                let unpacking = Unpacking { members, format, destination };
                return unpacking.things(truth(&options, "strip-top-level-dir")?);
            }
            Err(why) => failure = why,
        }
    }
    Err(failure)
}

/// The file's name with `download-only`.
fn copy_name(options: &Options<'_>) -> Result<String, Why> {
    Ok(match options.get_or("filename", "")?.trim() {
        "" => file_name(&options.get_or("url", "")?).to_owned(),
        name => name.to_owned(),
    })
}

/// `download-only`.
fn copied(options: &Options<'_>, destination: &TargetPath, content: Content) -> Result<Vec<Made>, Why> {
    let name = copy_name(options)?;
    let mode = match options.get_or("mode", "")?.trim() {
        "" => Mode::Undeclared,
        text => match u32::from_str_radix(text.trim_start_matches("0o"), 8) {
            Ok(mode) => Mode::Exactly(mode),
            Err(_) => return Err(Why::new(WhyKind::BrokenDefinition, format!("`{text}` is no mode"))),
        },
    };
    let upkeep = if truth(options, "on-update")? { Upkeep::Rewritten } else { Upkeep::OnInstall };
    Ok(vec![
        Made::directory(destination.clone(), upkeep),
        Made { mode, ..Made::file(destination.join(name), content, upkeep) },
    ])
}

/// How many links a link in an archive may lead to.
const MAX_LINKS: usize = 40;

/// The members as `unpack_archive` puts them.
struct Unpacking<'a> {
    /// By name; the last one of several counts.
    members: BTreeMap<&'a [u8], &'a Member>,
    format: Option<Format>,
    destination: TargetPath,
}

impl Unpacking<'_> {
    fn things(&self, strip: bool) -> Result<Vec<Made>, Why> {
        let top = |name: &&[u8]| name.split(|&byte| byte == b'/').next().map(<[u8]>::to_vec);
        let tops: BTreeSet<Vec<u8>> = self.members.keys().filter_map(top).collect();
        if strip && tops.len() != 1 {
            let text = "the archive has no single top level directory to strip";
            return Err(Why::new(WhyKind::BrokenDefinition, text));
        }
        let directory = |path: &TargetPath| Made::directory(path.clone(), Upkeep::OnInstall);
        let mut things = BTreeMap::from([(self.destination.clone(), directory(&self.destination))]);
        for (name, member) in &self.members {
            let name = if strip { name.splitn(2, |&byte| byte == b'/').nth(1).unwrap_or_default() } else { name };
            let Some(thing) = self.thing(member, self.destination.join(name))? else { continue };
            for above in thing.path.ancestors().skip(1).take_while(|path| path.is_below(&self.destination)) {
                things.entry(above.clone()).or_insert_with(|| directory(&above));
            }
            things.insert(thing.path.clone(), thing);
        }
        Ok(things.into_values().collect())
    }

    /// One member; `None` where nothing is made of it.
    fn thing(&self, member: &Member, path: TargetPath) -> Result<Option<Made>, Why> {
        let file = |content| Made::file(path.clone(), content, Upkeep::OnInstall);
        match (member.kind, self.format) {
            (Kind::File, format) => {
                let unread = || Why::new(WhyKind::Unreadable, "the member could not be read from its archive");
                let known = |digest: &Digest| Content::Digest { digest: digest.clone(), size: member.size };
                let content = member.digest.as_ref().map_or_else(|| Content::Unknown(unread()), known);
                let mode = if format == Some(Format::Tar) { Mode::Exactly(member.mode) } else { Mode::Undeclared };
                Ok(Some(Made { mode, ..file(content) }))
            }
            (Kind::Directory, _) => Ok(Some(Made::directory(path, Upkeep::OnInstall))),
            (Kind::Link, Some(Format::Zip)) => {
                Ok(Some(file(Content::Bytes(member.target.clone().unwrap_or_default()))))
            }
            (Kind::Link, Some(Format::Tar)) => match self.resolved(member)? {
                Some(member) => self.thing(member, path),
                None => Ok(None),
            },
            (Kind::Link, None) => {
                Err(Why::new(WhyKind::NotModelled, "it has links, and its name does not tell what archive it is"))
            }
            (Kind::Fifo | Kind::Socket | Kind::Device, _) => Ok(None),
        }
    }

    /// What a link leads to in the archive (`_resolve_tar_file_or_dir`).
    fn resolved<'b>(&'b self, link: &'b Member) -> Result<Option<&'b Member>, Why> {
        let mut member = link;
        for _ in 0..MAX_LINKS {
            let Some(target) = member.target.as_ref().filter(|_| member.kind == Kind::Link) else {
                return Ok(Some(member));
            };
            let base = TargetPath::root().join(&member.path.0).parent().unwrap_or_else(TargetPath::root);
            let place = base.join(&target.0);
            let inside = place.relative_to(&TargetPath::root()).unwrap_or_default();
            match self.members.get(inside).filter(|_| !target.0.starts_with(b"/")) {
                Some(other) => member = other,
                None => return Ok(None),
            }
        }
        Err(Why::new(WhyKind::BrokenDefinition, "a link of the archive leads to itself"))
    }
}
