//! Which program runs buildout on the target, with which Python, and what is known about both.
//!
//! Takes the tree around a buildout directory; gives facts. Nothing is run, and nothing is taken from the machine
//! rectify runs on: what the tree does not tell stays unknown. Damaged scripts do not mislead: most of them decide.

use super::disk::{follow, read};
use super::facts::TargetFacts;
use crate::definition::requirements;
use crate::io::disk::LiveRoot;
use crate::model::path::TargetPath;
use std::collections::BTreeMap;

/// What runs buildout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runner {
    /// The program: `bin/buildout` of the directory or of the environment.
    pub program: Option<TargetPath>,
    /// The virtual environment of its Python, if it is one.
    pub environment: Option<TargetPath>,
    /// Whom the directory belongs to, if that is not root.
    pub user: Option<String>,
    /// The version of zc.buildout that `requirements.txt` beside the configuration asks for: what pip would install.
    pub required: Option<String>,
    /// What is known about the machine and that Python.
    pub facts: TargetFacts,
}

/// Directories in which people keep the environment of a checkout.
const USUAL_PLACES: [&str; 6] = [".", ".venv", "venv", "env", ".env", "virtualenv"];

impl Runner {
    /// Finds it out for a buildout directory. `python` names an interpreter that is known to be the one.
    #[must_use]
    pub fn find(root: &LiveRoot, directory: &TargetPath, python: Option<&TargetPath>) -> Self {
        let tree = Tree { root };
        let shebang = tree.most_shebangs(&directory.join("bin"));
        let environment = match python.cloned().or_else(|| shebang.clone()) {
            Some(python) => tree.environment_of(&python),
            None => USUAL_PLACES.iter().map(|name| directory.join(name)).find(|place| tree.is_environment(place)),
        };
        let own = directory.join("bin/buildout");
        let program = [Some(own), environment.as_ref().map(|place| place.join("bin/buildout"))];
        let program = program.into_iter().flatten().find(|path| tree.exists(path));
        let interpreter = python.cloned().or(shebang).or_else(|| Some(environment.as_ref()?.join("bin/python")));
        let owner = tree.owner(directory);
        let user = owner.as_ref().filter(|owner| owner.id != 0).map(|owner| owner.name.clone());
        let home = owner.map(|owner| owner.home);
        let facts = TargetFacts { home, ..tree.facts(environment.as_ref(), interpreter.as_ref(), program.as_ref()) };
        let required = tree.text(&directory.join("requirements.txt")).as_deref().and_then(required);
        Self { program, environment, user, required, facts }
    }
}

struct Tree<'a> {
    root: &'a LiveRoot,
}

impl Tree<'_> {
    fn exists(&self, path: &TargetPath) -> bool {
        follow(self.root, path).is_ok_and(|place| place.is_some())
    }

    fn text(&self, path: &TargetPath) -> Option<String> {
        String::from_utf8(read(self.root, path).ok()??).ok()
    }

    fn names(&self, directory: &TargetPath) -> Vec<String> {
        // What cannot be listed tells nothing.
        let Ok(Some(place)) = follow(self.root, directory) else { return Vec::new() };
        let Ok(names) = self.root.list(&place) else { return Vec::new() };
        names.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect()
    }

    /// The Python that most scripts of a directory name: a damaged one does not count.
    fn most_shebangs(&self, bin: &TargetPath) -> Option<TargetPath> {
        let mut votes: BTreeMap<String, usize> = BTreeMap::new();
        for name in self.names(bin) {
            let text = self.text(&bin.join(&name));
            let line = text.as_deref().and_then(|text| text.lines().next()).and_then(|line| line.strip_prefix("#!"));
            if let Some(program) = line.map(str::trim)
                && program.starts_with('/')
                && !program.contains(char::is_whitespace)
                && program.rsplit('/').next().is_some_and(|name| name.starts_with("python"))
            {
                *votes.entry(program.to_owned()).or_default() += 1;
            }
        }
        let most = *votes.values().max()?;
        let mut winners = votes.into_iter().filter(|(_, count)| *count == most);
        match (winners.next(), winners.next()) {
            (Some((program, _)), None) => Some(TargetPath::new(program)),
            _ => None,
        }
    }

    fn environment_of(&self, python: &TargetPath) -> Option<TargetPath> {
        let environment = python.parent()?.parent()?;
        self.is_environment(&environment).then_some(environment)
    }

    /// `pyvenv.cfg` alone may be gone: a directory with its own interpreter and packages, but no other system
    /// directories, is one as well.
    fn is_environment(&self, place: &TargetPath) -> bool {
        self.exists(&place.join("pyvenv.cfg"))
            || (self.exists(&place.join("bin/python"))
                && self.site_packages(place).is_some()
                && !self.exists(&place.join("share"))
                && !self.exists(&place.join("sbin")))
    }

    /// `lib/pythonX.Y/site-packages` of an environment, with X.Y, if there is just one.
    fn site_packages(&self, environment: &TargetPath) -> Option<(TargetPath, String)> {
        let lib = environment.join("lib");
        let mut found = self.names(&lib).into_iter().filter_map(|name| {
            let minor = name.strip_prefix("python")?.to_owned();
            let place = lib.join(&name).join("site-packages");
            (minor.starts_with(|first: char| first.is_ascii_digit()) && self.exists(&place)).then_some((place, minor))
        });
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    fn facts(
        &self,
        environment: Option<&TargetPath>,
        interpreter: Option<&TargetPath>,
        program: Option<&TargetPath>,
    ) -> TargetFacts {
        let header = interpreter.and_then(|path| self.elf(path));
        let is_linux = header.is_some();
        TargetFacts {
            python_version: environment.and_then(|place| self.python_version(place)),
            implementation: is_linux.then(|| "CPython".to_owned()).filter(|_| {
                let name = interpreter.and_then(|path| std::str::from_utf8(path.name()).ok());
                name.is_some_and(|name| name.starts_with("python"))
            }),
            sys_platform: is_linux.then(|| "linux".to_owned()),
            platform_system: is_linux.then(|| "Linux".to_owned()),
            os_name: Some("posix".to_owned()),
            platform_machine: header.and_then(|header| header.machine).map(str::to_owned),
            byteorder: header.map(|header| header.byteorder.to_owned()),
            bits: header.map(|header| header.bits),
            platform_release: None,
            executable: interpreter.and_then(|path| path.as_str()).map(str::to_owned),
            home: None,
            buildout_version: environment
                .and_then(|place| self.installed_version(place))
                .or_else(|| program.and_then(|program| self.egg_version(program))),
            abi_tag: None,
        }
    }

    /// `version` of `pyvenv.cfg` (venv) or `version_info` (virtualenv).
    fn python_version(&self, environment: &TargetPath) -> Option<(u32, u32, u32)> {
        let text = self.text(&environment.join("pyvenv.cfg"))?;
        let value = |wanted: &str| {
            text.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                (name.trim() == wanted).then(|| value.trim().to_owned())
            })
        };
        let version = value("version").or_else(|| value("version_info"))?;
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let version = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
        // The file may be damaged, too: the directory of the packages must agree.
        let (_, minor) = self.site_packages(environment)?;
        (minor == format!("{}.{}", version.0, version.1)).then_some(version)
    }

    /// The zc.buildout in an environment's packages.
    fn installed_version(&self, environment: &TargetPath) -> Option<String> {
        let (site, _) = self.site_packages(environment)?;
        let mut versions = self.names(&site).into_iter().filter_map(|name| {
            let (name, version) = name.strip_suffix(".dist-info")?.split_once('-')?;
            (super::resolved::canonical_name(name) == "zc-buildout").then(|| version.to_owned())
        });
        match (versions.next(), versions.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// The zc.buildout egg in the `sys.path` of a script that `buildout bootstrap` made.
    fn egg_version(&self, program: &TargetPath) -> Option<String> {
        let text = self.text(program)?;
        let words = text.split(['/', '\'', '"', ',', '\n']);
        words.filter_map(egg_name).find(|(name, _)| name == "zc-buildout").map(|(_, version)| version)
    }

    /// Whom the buildout directory belongs to, who is the one to run it (passwd(5)).
    fn owner(&self, directory: &TargetPath) -> Option<Owner> {
        let id = self.root.look(directory).ok()??.uid;
        let accounts = self.text(&TargetPath::new("/etc/passwd"))?;
        accounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, _, _, home, ..] = fields[..] else { return None };
            (uid.parse() == Ok(id)).then(|| Owner { id, name: name.to_owned(), home: home.to_owned() })
        })
    }

    /// What the header of the interpreter tells (elf(5)).
    fn elf(&self, interpreter: &TargetPath) -> Option<Elf> {
        use std::io::Read as _;
        let place = follow(self.root, interpreter).ok()??;
        let mut header = [0; 20];
        self.root.open_file(&place).ok()?.read_exact(&mut header).ok()?;
        Elf::parse(&header)
    }
}

/// The version of zc.buildout that a requirements file pins (pip's format): none where its lines disagree.
fn required(text: &str) -> Option<String> {
    let pins = requirements::pins(text).into_iter();
    let mut versions =
        pins.filter(|pin| super::resolved::canonical_name(&pin.name) == "zc-buildout").map(|pin| pin.version);
    let first = versions.next()?;
    versions.all(|other| other == first).then_some(first)
}

/// Canonical name and version of `NAME-VERSION-pyX.Y.egg`.
fn egg_name(word: &str) -> Option<(String, String)> {
    let mut parts = word.strip_suffix(".egg")?.split('-');
    Some((super::resolved::canonical_name(parts.next()?), parts.next()?.to_owned()))
}

/// An account of the target.
struct Owner {
    id: u32,
    name: String,
    home: String,
}

/// What an ELF header tells about a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Elf {
    bits: u32,
    byteorder: &'static str,
    /// `platform.machine()`, where it follows from the header.
    machine: Option<&'static str>,
}

impl Elf {
    fn parse(header: &[u8; 20]) -> Option<Self> {
        if !header.starts_with(b"\x7fELF") {
            return None;
        }
        let (bits, little) = match (header[4], header[5]) {
            (1, data @ 1..=2) => (32, data == 1),
            (2, data @ 1..=2) => (64, data == 1),
            _ => return None,
        };
        let code = [header[18], header[19]];
        let code = if little { u16::from_le_bytes(code) } else { u16::from_be_bytes(code) };
        // `elf.h`: EM_X86_64, EM_AARCH64. A 32-bit program may run on a 64-bit machine, so it tells nothing.
        let machine = match (bits, code) {
            (64, 62) => Some("x86_64"),
            (64, 183) => Some("aarch64"),
            _ => None,
        };
        Some(Self { bits, byteorder: if little { "little" } else { "big" }, machine })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_pin_one_exact_version_or_tell_nothing() {
        assert_eq!(required("setuptools==80\nzc.buildout==3.3\n").as_deref(), Some("3.3"));
        assert_eq!(required("zc_buildout == 5.1.0 ; python_version > '3'  # why\n").as_deref(), Some("5.1.0"));
        assert_eq!(required("zc.buildout==4.1 \\\n    --hash=sha256:00\n").as_deref(), Some("4.1"));
        for nothing in ["zc.buildout>=3", "zc.buildout==5.*", "zc.buildout==3\nzc.buildout==4", "-r zc.buildout==", ""]
        {
            assert_eq!(required(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_elf_header_tells_width_order_and_machine() {
        let mut header = [0; 20];
        header[..6].copy_from_slice(b"\x7fELF\x02\x01");
        header[18] = 62;
        let elf = Elf { bits: 64, byteorder: "little", machine: Some("x86_64") };
        assert_eq!(Elf::parse(&header), Some(elf));
        header[4] = 1;
        assert_eq!(Elf::parse(&header).and_then(|elf| elf.machine), None);
        header[0] = b'#';
        assert_eq!(Elf::parse(&header), None);
    }
}
