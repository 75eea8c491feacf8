//! dpkg's status file: which packages are installed, in which state, with which configuration files.
//!
//! Takes the bytes of `/var/lib/dpkg/status` or of a file of `updates/`; gives what each sound paragraph says, and what
//! is wrong with the others. Format: deb822(5), deb-control(5), and dpkg's `lib/dpkg/parse.c` and `dump.c`. A paragraph
//! with one bad line is dropped as a whole: nobody knows what else is wrong in it.

use super::super::{lines, quoted};
use super::lists::digest;
use std::collections::BTreeSet;

/// The most fields of a paragraph; dpkg itself knows fewer than 40.
const FIELDS: usize = 200;
/// How many faults are spelled out.
const FAULTS: usize = 10;

/// What a status file says.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) packages: Vec<Known>,
    pub(super) faults: Faults,
}

/// What is wrong with a file.
#[derive(Debug, Default)]
pub(super) struct Faults {
    first: Vec<String>,
    more: usize,
}

impl Faults {
    pub(super) fn add(&mut self, fault: String) {
        if self.first.len() < FAULTS {
            self.first.push(fault);
        } else {
            self.more += 1;
        }
    }

    /// All in one text; `None` when there are none.
    pub(super) fn text(&self) -> Option<String> {
        let more = if self.more > 0 { format!("; and {} more", self.more) } else { String::new() };
        (!self.first.is_empty()).then(|| self.first.join("; ") + &more)
    }
}

/// A package of which something is on the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: String,
    /// `None` only if the status file has lost the package.
    pub(super) version: Option<String>,
    pub(super) architecture: Option<String>,
    pub(super) state: State,
    pub(super) conffiles: Vec<Conffile>,
    /// The names in `Replaces`.
    pub(super) replaces: BTreeSet<String>,
}

/// How far a package is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing is left of it.
    Absent,
    /// Removed; its configuration files may be left.
    Removed,
    /// Being installed or removed when something went wrong: any of its files may be old, new or missing.
    Half,
    /// All files are there; the configuration files may not be settled yet.
    Unpacked,
    /// All is there.
    Installed,
}

/// A configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conffile {
    pub(super) path: Vec<u8>,
    /// Of the content that came with the package; `None` while it was never installed (`newconffile`).
    pub(super) md5: Option<[u8; 16]>,
    /// Whether the installed version of the package no longer has it, or wants it gone.
    pub(super) obsolete: bool,
}

/// Reads a whole status file.
pub(super) fn parse(bytes: &[u8]) -> Status {
    let mut status = Status::default();
    if !bytes.is_empty() && !bytes.ends_with(b"\n\n") {
        // dump.c: every paragraph is followed by an empty line.
        status.faults.add("it ends in the middle of a paragraph".to_owned());
    }
    let mut paragraph = Paragraph::default();
    for (number, line) in lines(bytes).enumerate() {
        if line.is_empty() {
            std::mem::take(&mut paragraph).finish(&mut status);
        } else if let Err(fault) = paragraph.line(line) {
            let fault = format!("line {}: {fault}", number + 1);
            paragraph.fault.get_or_insert(fault);
        }
    }
    if !bytes.ends_with(b"\n") {
        paragraph.fault.get_or_insert_with(|| "the last line is cut".to_owned());
    }
    paragraph.finish(&mut status);
    status
}

/// The field that a continued line belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Field {
    #[default]
    None,
    Conffiles,
    Replaces,
    Other,
}

#[derive(Debug, Default)]
struct Paragraph {
    names: Vec<Vec<u8>>,
    field: Field,
    package: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    state: Option<State>,
    conffiles: Vec<Conffile>,
    replaces: BTreeSet<String>,
    fault: Option<String>,
}

impl Paragraph {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(byte) = line.iter().find(|byte| **byte < b' ' && **byte != b'\t') {
            return Err(format!("a byte {byte:#04x}, which no paragraph has: {}", quoted(line)));
        }
        if matches!(line, [b' ' | b'\t', ..]) {
            return self.continued(line);
        }
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(0);
        let (name, value) = (line[..colon].to_ascii_lowercase(), line.get(colon + 1..).unwrap_or_default());
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)) {
            return Err(format!("no field: {}", quoted(line)));
        }
        if self.names.len() >= FIELDS || self.names.contains(&name) {
            return Err(format!("the field {} a second time in one paragraph", quoted(&name)));
        }
        let value = value.trim_ascii();
        let needed = |what| word(value).ok_or_else(|| format!("no {what}: {}", quoted(value)));
        self.field = Field::Other;
        match name.as_slice() {
            b"package" => self.package = Some(needed("package name")?),
            b"version" => self.version = Some(needed("version")?),
            b"architecture" => self.architecture = Some(needed("architecture")?),
            b"status" => self.state = Some(state(value).ok_or_else(|| format!("no state: {}", quoted(value)))?),
            b"conffiles" => self.field = Field::Conffiles,
            b"replaces" => {
                self.field = Field::Replaces;
                self.replaces(value);
            }
            _ => {}
        }
        self.names.push(name);
        Ok(())
    }

    fn continued(&mut self, line: &[u8]) -> Result<(), String> {
        match self.field {
            Field::None => return Err(format!("a continued line without a field: {}", quoted(line))),
            Field::Conffiles => self.conffiles.push(conffile(line.trim_ascii())?),
            Field::Replaces => self.replaces(line.trim_ascii()),
            Field::Other => {}
        }
        Ok(())
    }

    fn replaces(&mut self, value: &[u8]) {
        for one in value.split(|&byte| byte == b',') {
            let end = one.trim_ascii_start().split(|byte| b" (:".contains(byte)).next().unwrap_or_default();
            self.replaces.extend(word(end));
        }
    }

    fn finish(self, status: &mut Status) {
        if self.names.is_empty() && self.fault.is_none() {
            return;
        }
        let of = self.package.as_deref().map_or(String::new(), |name| format!("the paragraph of `{name}`: "));
        let fault = match (self.fault, self.package, self.state) {
            (Some(fault), ..) => fault,
            (None, None, _) => "a paragraph without `Package`".to_owned(),
            (None, _, None) => "no `Status`".to_owned(),
            (None, Some(_), Some(State::Unpacked | State::Installed)) if self.version.is_none() => {
                "no `Version`".to_owned()
            }
            (None, Some(name), Some(state)) => {
                status.packages.push(Known {
                    name,
                    version: self.version,
                    architecture: self.architecture,
                    state,
                    conffiles: self.conffiles,
                    replaces: self.replaces,
                });
                return;
            }
        };
        status.faults.add(of + &fault);
    }
}

/// A value of one word: deb-control(5) allows in names, versions and architectures only printable ASCII without blanks.
fn word(value: &[u8]) -> Option<String> {
    let fits =
        !value.is_empty() && value.len() <= 256 && value.iter().all(u8::is_ascii_graphic) && !value.contains(&b'/');
    if fits { std::str::from_utf8(value).ok().map(str::to_owned) } else { None }
}

/// `want flag status` (dpkg(1), package states).
fn state(value: &[u8]) -> Option<State> {
    let mut words = value.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let want: [&[u8]; 5] = [b"install", b"deinstall", b"hold", b"purge", b"unknown"];
    let flag: [&[u8]; 4] = [b"ok", b"reinstreq", b"hold", b"hold-reinstreq"];
    if !want.contains(&words.next()?) || !flag.contains(&words.next()?) {
        return None;
    }
    let state = match words.next()? {
        b"not-installed" => State::Absent,
        b"config-files" => State::Removed,
        b"half-installed" => State::Half,
        b"unpacked" | b"half-configured" => State::Unpacked,
        b"triggers-awaited" | b"triggers-pending" | b"installed" => State::Installed,
        _ => return None,
    };
    words.next().is_none().then_some(state)
}

/// ` /path md5 [obsolete] [remove-on-upgrade]` (parse: `lib/dpkg/fields.c`, `f_conffiles`); the path may have blanks.
fn conffile(line: &[u8]) -> Result<Conffile, String> {
    let problem = || format!("no configuration file: {}", quoted(line));
    let mut rest = line;
    let mut obsolete = false;
    loop {
        let blank = rest.iter().rposition(|&byte| byte == b' ').ok_or_else(problem)?;
        let (path, last) = (rest[..blank].trim_ascii_end(), &rest[blank + 1..]);
        if last == b"obsolete" || last == b"remove-on-upgrade" {
            obsolete = true;
            rest = path;
            continue;
        }
        let md5 = if last == b"newconffile" { None } else { Some(digest(last).ok_or_else(problem)?) };
        if !path.starts_with(b"/") {
            return Err(problem());
        }
        return Ok(Conffile { path: path.to_vec(), md5, obsolete });
    }
}
