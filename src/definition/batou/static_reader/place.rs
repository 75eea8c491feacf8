//! Where the deployment is on the target, and where its paths lead: what batou's `find_place` and `map` do.

use crate::definition::batou::environment::{Environment, Vfs};
use crate::definition::batou::model::Target;
use crate::io::files::{self, Is};
use crate::model::path::TargetPath;
use std::path::{Path, PathBuf};

/// Where the deployment is, by the same rules as the probe's.
pub(super) fn target(project: &Path, environment: &Environment, base: Option<&str>, home: Option<&str>) -> Target {
    let make = |base: &str, source: &str, home: Option<String>| Target {
        base: TargetPath::new(base).display().into_owned(),
        base_source: source.to_owned(),
        home,
    };
    let home_given = home.map(str::to_owned);
    if let Some(base) = base {
        return make(base, "argument", home_given);
    }
    if environment.setting("connect_method") == Some("local") {
        return make(&project.display().to_string(), "local", home_given);
    }
    let inside = deployment_base(project, environment);
    let directory = environment.setting("target_directory").unwrap_or("~/deployment");
    let Some(below_home) = directory.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return make(&format!("{directory}/{inside}"), "target_directory", home_given);
    };
    let source = if home.is_some() { "target_home" } else { "guess" };
    let user = environment.setting("service_user");
    let home = home_given.or_else(|| user.map(|user| format!("/home/{user}"))).or_else(|| files::environment("HOME"));
    let home = home.unwrap_or_else(|| "/root".to_owned());
    make(&format!("{home}{below_home}/{inside}"), source, Some(home))
}

/// Path of the project inside its repository, which is transferred as a whole by git and Mercurial.
fn deployment_base(project: &Path, environment: &Environment) -> String {
    let method = environment.setting("update_method").unwrap_or("rsync");
    let mark = match method.split('-').next() {
        Some("git") => ".git",
        Some("hg") => ".hg",
        _ => return String::new(),
    };
    let root: Option<PathBuf> = match environment.setting("repository_root") {
        Some(root) => files::canonical(&project.join(root)).ok(),
        None => project
            .ancestors()
            .find(|directory| files::what_is(&directory.join(mark)) != Is::Missing)
            .map(Path::to_owned),
    };
    let inside = root.as_deref().and_then(|root| project.strip_prefix(root).ok());
    inside.map_or_else(String::new, |inside| inside.display().to_string())
}

/// Where the paths of one root lead.
pub(super) struct Paths<'a> {
    /// The root's work directory.
    pub(super) workdir: TargetPath,
    /// The directory of all work directories.
    pub(super) work: TargetPath,
    /// Home directory of the service user, if it is known for certain.
    pub(super) home: Option<&'a str>,
    /// The virtual file system.
    pub(super) vfs: Option<&'a Vfs>,
}

impl Paths<'_> {
    /// `Component.map` (batou/component.py): `None` when it cannot be told.
    pub(super) fn map(&self, path: &str) -> Option<TargetPath> {
        let path = match (path.strip_prefix('~'), self.home) {
            (None, _) => path.to_owned(),
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
            (Some(_), _) => return None,
        };
        if !path.starts_with('/') {
            return Some(self.workdir.join(&path));
        }
        let work = self.work.display();
        match self.vfs {
            None => Some(TargetPath::new(&path)),
            Some(Vfs::Developer) if path.starts_with(&*work) => Some(TargetPath::new(&path)),
            Some(Vfs::Developer) => Some(self.work.join(format!("_{path}"))),
            Some(Vfs::Map(map)) => {
                let found = map.iter().find(|(prefix, _)| path.starts_with(prefix.as_str()));
                let mapped = found.map_or(path.clone(), |(prefix, to)| path.replacen(prefix.as_str(), to, 1));
                // A relative replacement would be taken from wherever batou runs.
                mapped.starts_with('/').then(|| TargetPath::new(mapped))
            }
            Some(Vfs::Other(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(vfs: Option<&Vfs>) -> Paths<'_> {
        Paths { workdir: TargetPath::new("/d/work/app"), work: TargetPath::new("/d/work"), home: None, vfs }
    }

    fn mapped(vfs: Option<&Vfs>, path: &str) -> Option<String> {
        paths(vfs).map(path).map(|path| path.to_string())
    }

    #[test]
    fn relative_paths_lie_in_the_work_directory_and_unknown_homes_are_unknown() {
        assert_eq!(mapped(None, "etc/../x").as_deref(), Some("/d/work/app/x"));
        assert_eq!(mapped(None, "/etc/x").as_deref(), Some("/etc/x"));
        assert_eq!(mapped(None, "~/x"), None);
    }

    #[test]
    fn a_virtual_file_system_moves_absolute_paths_only() {
        assert_eq!(mapped(Some(&Vfs::Developer), "/etc/x").as_deref(), Some("/d/work/_/etc/x"));
        assert_eq!(mapped(Some(&Vfs::Developer), "/d/work/y").as_deref(), Some("/d/work/y"));
        assert_eq!(mapped(Some(&Vfs::Developer), "y").as_deref(), Some("/d/work/app/y"));
        let map = Vfs::Map(vec![("/etc".into(), "/opt/etc".into())]);
        assert_eq!(mapped(Some(&map), "/etc/x").as_deref(), Some("/opt/etc/x"));
        assert_eq!(mapped(Some(&Vfs::Other("X".into())), "/etc/x"), None);
    }
}
