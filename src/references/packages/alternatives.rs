//! Debian's alternatives: which of several programs a common name leads to.
//!
//! Takes `/var/lib/dpkg/alternatives`; gives each group of links as a package: the common name (`/usr/bin/editor`) is a
//! link to `/etc/alternatives/editor`, and this one to the choice. In automatic mode the choice is the one of the
//! highest priority. In manual mode only the link below `/etc/alternatives` itself knows: it is part of the database then,
//! and if it leads to none of the choices, no target is told. Links below `/etc/alternatives` are configuration: people
//! change them by hand. Slave links are left out where the choice has
//! none, and optional where it has, because they are made only if their target is there.
//!
//! Format: dpkg, `utils/update-alternatives.c`, `alternative_load` and `alternative_select_mode`.

use super::{Database, Entry, Package, Presence, Sink, content, lines, quoted};
use crate::io::disk::LiveRoot;
use crate::model::observation::Kind;
use crate::model::path::TargetPath;
use crate::references::aliases::Aliases;

const PLACE: &str = "/var/lib/dpkg/alternatives";
/// Where the links are that say what is chosen.
const CHOSEN: &str = "/etc/alternatives";
/// The largest file of a group.
const LIMIT: u64 = 1 << 20;
/// The most slave links, and choices, of a group.
const MOST: usize = 1000;

/// The alternatives system.
#[derive(Debug)]
pub(super) struct Alternatives;

impl Database for Alternatives {
    fn name(&self) -> &'static str {
        "alternatives"
    }

    fn is_there(&self, root: &LiveRoot) -> bool {
        !matches!(root.look(&TargetPath::new(PLACE)), Ok(None))
    }

    fn read(&self, root: &LiveRoot, sink: &mut dyn Sink) {
        let place = TargetPath::new(PLACE);
        let names = match root.list(&place) {
            Ok(names) => names,
            Err(failure) => return sink.broken(place, format!("it cannot be listed: {}", failure.text)),
        };
        let aliases = Aliases::of(root);
        // While it works, update-alternatives has files that end so.
        for name in names.iter().filter(|name| !name.ends_with(b".dpkg-tmp") && !name.ends_with(b".dpkg-new")) {
            let path = place.join(name);
            let bytes = match content(root, &path, LIMIT) {
                Ok(bytes) => bytes.unwrap_or_default(),
                Err(failure) => {
                    sink.broken(path, format!("it cannot be read: {}", failure.text));
                    continue;
                }
            };
            match (std::str::from_utf8(name), parse(&bytes)) {
                (Ok(name), Ok(group)) => tell(name, &group, chosen(root, name, &group), &aliases, sink),
                (Err(_), _) => sink.broken(path, "its name is no text".to_owned()),
                (_, Err(fault)) => sink.broken(path, fault),
            }
        }
    }

    fn one_by_one(&self) -> bool {
        true
    }

    fn reinstall(&self, packages: &[&Package]) -> Vec<Vec<String>> {
        let mut commands: Vec<Vec<String>> = Vec::new();
        for package in packages {
            let mut command = vec!["update-alternatives".to_owned()];
            match package.version.as_deref() {
                Some("auto") => command.extend(["--auto".to_owned(), package.name.clone()]),
                _ => match package.fetched_as.split_once('=') {
                    Some((name, choice)) => command.extend(["--set", name, choice].map(str::to_owned)),
                    // Nobody knows what was chosen: people have to.
                    None => command.extend(["--config", &package.name].map(str::to_owned)),
                },
            }
            commands.push(command);
        }
        commands.sort();
        commands.dedup();
        commands
    }
}

/// A group of links.
#[derive(Debug)]
struct Group<'a> {
    automatic: bool,
    /// Name below `/etc/alternatives`, and the common name: the master first, then the slaves.
    links: Vec<(&'a [u8], &'a [u8])>,
    choices: Vec<Choice<'a>>,
}

/// One of the choices: a target for each link; an empty one for a slave that it does not have.
#[derive(Debug)]
struct Choice<'a> {
    priority: i64,
    targets: Vec<&'a [u8]>,
}

/// The mode; the master link; name and link of each slave; an empty line; for each choice its path, its priority and the
/// path of each slave; an empty line.
fn parse(bytes: &[u8]) -> Result<Group<'_>, String> {
    if !bytes.ends_with(b"\n\n") {
        return Err("it ends before its end mark".to_owned());
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err(format!("a zero byte at {at}"));
    }
    let mut rows = lines(bytes);
    let mut next = || rows.next().ok_or_else(|| "it ends before its end mark".to_owned());
    let absolute =
        |path: &[u8]| if path.starts_with(b"/") { Ok(()) } else { Err(format!("no path: {}", quoted(path))) };
    let automatic = match next()? {
        b"auto" => true,
        b"manual" => false,
        other => return Err(format!("neither `auto` nor `manual`: {}", quoted(other))),
    };
    let master = next()?;
    absolute(master)?;
    let mut links = vec![(&b""[..], master)];
    loop {
        let name = next()?;
        if name.is_empty() {
            break;
        }
        let link = next()?;
        absolute(link)?;
        if name.contains(&b'/') || links.len() >= MOST {
            return Err(format!("no name of a link: {}", quoted(name)));
        }
        links.push((name, link));
    }
    let mut choices = Vec::new();
    loop {
        let path = next()?;
        if path.is_empty() {
            break;
        }
        absolute(path)?;
        let priority = next()?;
        let number = std::str::from_utf8(priority).ok().and_then(|text| text.trim().parse().ok());
        let priority = number.ok_or_else(|| format!("no priority: {}", quoted(priority)))?;
        let mut targets = vec![path];
        for _ in 1..links.len() {
            let target = next()?;
            if !target.is_empty() {
                absolute(target)?;
            }
            targets.push(target);
        }
        if choices.len() >= MOST {
            return Err("more choices than any group has".to_owned());
        }
        choices.push(Choice { priority, targets });
    }
    Ok(Group { automatic, links, choices })
}

/// The choice that should be in force, if the database knows.
fn chosen<'a, 'b>(root: &LiveRoot, name: &str, group: &'b Group<'a>) -> Option<&'b Choice<'a>> {
    if group.automatic {
        // The first of the highest priority (`alternative_get_best`).
        return group.choices.iter().rev().max_by_key(|choice| choice.priority);
    }
    let link = root.look(&TargetPath::new(CHOSEN).join(name)).ok()??.target?;
    group.choices.iter().find(|choice| choice.targets.first() == Some(&link.0.as_slice()))
}

fn tell(name: &str, group: &Group<'_>, chosen: Option<&Choice<'_>>, aliases: &Aliases, sink: &mut dyn Sink) {
    let target = |number| chosen.and_then(|choice: &Choice<'_>| choice.targets.get(number)).copied();
    let choice = target(0)
        .filter(|_| !group.automatic)
        .map_or(String::new(), |path| format!("={}", String::from_utf8_lossy(path)));
    sink.package(Package {
        name: name.to_owned(),
        version: Some(if group.automatic { "auto" } else { "manual" }.to_owned()),
        architecture: None,
        database: "alternatives",
        installer: "update-alternatives",
        fetched_as: format!("{name}{choice}"),
    });
    for (number, (link_name, link)) in group.links.iter().enumerate() {
        let master = number == 0;
        let target = target(number);
        if !master && target.is_none_or(<[u8]>::is_empty) {
            continue;
        }
        let middle = TargetPath::new(CHOSEN).join(if master { name.as_bytes() } else { link_name });
        let link = TargetPath::new(link);
        let link = aliases.resolved(&link).unwrap_or(link);
        let presence = if master { Presence::Required } else { Presence::Optional };
        let entry = |path, target| Entry { presence, kind: Some(Kind::Link), target, ..Entry::at(path) };
        sink.entry(entry(link.as_bytes(), Some(middle.as_bytes())));
        sink.entry(Entry { config: true, ..entry(middle.as_bytes(), target) });
    }
}
