//! Finding the project's own batou.

use super::Exact;
use crate::definition::requirements;
use crate::io::disk::LiveRoot;
use crate::io::files::{self, Is};
use crate::io::process::{self, Run, RunError};
use crate::model::content::{Algorithm, Digest};
use crate::model::hasher::Hasher;
use crate::model::{code::OTHER_BATOU, diagnostic::Diagnostic, origin::Origin, path::TargetPath};
use std::cmp::Reverse;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Interpreters to try, best first: the one named in the settings (then no other), appenv's current, appenv's others
/// newest first, the active virtual environment, any `python3`.
pub(super) fn candidates(what: &Exact<'_>) -> Vec<PathBuf> {
    if let Some(python) = what.python {
        return vec![python.to_owned()];
    }
    let appenv = what.project.join(".appenv");
    let mut found = vec![interpreter(&appenv.join("current"))];
    let mut others: Vec<_> = files::list(&appenv).into_iter().flatten().filter(|name| name != "current").collect();
    others.sort_by_key(|name| Reverse(modified(&appenv.join(name))));
    found.extend(others.iter().map(|name| interpreter(&appenv.join(name))));
    found.extend(files::environment("VIRTUAL_ENV").map(|directory| interpreter(Path::new(&directory))));
    found.retain(|python| files::what_is(python) == Is::File);
    found.push(PathBuf::from("python3"));
    found
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

/// When a directory was changed last; the beginning of time if nobody can tell.
fn modified(directory: &Path) -> i64 {
    let path = TargetPath::new(directory.as_os_str().as_bytes());
    let seen = LiveRoot::open("/").and_then(|disk| disk.look(&path));
    seen.ok().flatten().map_or(i64::MIN, |seen| seen.mtime)
}

/// The digest of what is installed beside an interpreter, as its distributions' RECORDs tell; `None` where it belongs to no
/// virtual environment or nothing is installed: then it is not known what it would run.
pub fn library(python: &Path) -> Option<Digest> {
    let lib = python.parent()?.parent()?.join("lib");
    let mut hasher = Hasher::new(Algorithm::Sha256, 0);
    let mut records = 0_usize;
    for version in sorted(&lib)? {
        let site = lib.join(version).join("site-packages");
        for name in sorted(&site).unwrap_or_default() {
            if let Ok(record) = files::read(&site.join(&name).join("RECORD")) {
                hasher.update(name.as_bytes());
                hasher.update(&record);
                records += 1;
            }
        }
    }
    (records > 0).then(|| hasher.finish())
}

fn sorted(directory: &Path) -> Option<Vec<OsString>> {
    let mut names = files::list(directory).ok()?;
    names.sort();
    Some(names)
}

/// Whether an interpreter runs and knows where batou is; the reason if not. It does not import it yet.
pub(super) fn has_batou(python: &Path, project: &Path) -> Result<(), String> {
    const ASK: &str = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('batou') else 9)";
    if python.is_absolute() && files::what_is(python) == Is::Missing {
        return Err("it does not exist".to_owned());
    }
    let output = process::run(&Run {
        program: python,
        arguments: ["-B", "-I", "-c", ASK].map(str::to_owned).into(),
        directory: project,
        environment: Vec::new(),
        input: b"",
        timeout: Duration::from_secs(30),
    });
    match output {
        Ok(output) if output.code == Some(0) => Ok(()),
        Ok(output) if output.code == Some(9) => Err("it has no batou".to_owned()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("it does not run: {}", said.lines().last().unwrap_or("no message")))
        }
        Err(RunError::Start { source, .. }) => Err(format!("it does not start: {source}")),
        Err(error) => Err(error.to_string()),
    }
}

/// A warning if the project pins another batou than the one that answered.
pub(super) fn other_version(project: &Path, used: Option<&str>) -> Option<Diagnostic> {
    let used = used?;
    for name in ["requirements.lock", "requirements.txt"] {
        let Ok(bytes) = files::read(&project.join(name)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let Some((line, pinned)) = pinned_batou(&text) else { continue };
        let text = format!("batou {used} was asked, but the project pins {pinned}");
        let problem = Diagnostic::warning(OTHER_BATOU, text).at(Origin::line(name, line));
        return (pinned != used)
            .then(|| problem.hint("run `./batou` or `./appenv prepare` once, so that the pinned one is there"));
    }
    None
}

/// The pinned version and its line in a requirements file.
fn pinned_batou(text: &str) -> Option<(u32, String)> {
    let batou = requirements::pins(text).into_iter().find(|pin| pin.name.eq_ignore_ascii_case("batou"))?;
    Some((batou.line, batou.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_batou_is_found_with_extras_hashes_and_markers() {
        let text = "batou_ext==0.1\nbatou[x]==2.5.1 ; python_version > '3' \\\n    --hash=sha256:00\n";
        assert_eq!(pinned_batou(text), Some((2, "2.5.1".to_owned())));
        assert_eq!(pinned_batou("batou>=2\n"), None);
    }
}
