//! Rule `app-environment`: the environment that batou itself runs from on a host (`.appenv/HASH` beside the definition), by
//! its distributions' RECORDs.
//!
//! `appenv` makes it of `requirements.lock`, and takes it for sound while `appenv.ready` is in it: a damaged batou is never
//! made anew by itself, and deploys whatever it does then. Its name hangs on the Python of the host, so it is found by the
//! link `current`. All others are removed by the next run (`appenv.py`, `AppEnv.prepare`). Where there is none, the next
//! deployment makes one.
//!
//! Needs the look of [`environment::look_at_all`] at `.appenv`.

use super::Rule;
use crate::expect::distribution;
use crate::expect::environment::{self, Environment};
use crate::model::artifact::{Aborts, Authority, Content, Expected, Force, Mend, Vigilance};
use crate::model::content::{Algorithm, Digest};
use crate::model::eval::{Why, WhyKind};
use crate::model::manifest::{Derivation, Manifest};
use crate::model::observation::{Kind, Scan};
use crate::model::path::TargetPath;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The rule's name in manifests.
pub const NAME: &str = "app-environment";

/// The rule's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `.appenv`.
    pub directory: TargetPath,
    /// The lock of the definition, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
}

/// A lock, of which an environment is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// SHA-256 of its text: each environment keeps a copy.
    pub digest: Digest,
    /// The distributions that it pins without a condition, name to version.
    pub distributions: BTreeMap<String, String>,
}

/// The rule.
#[derive(Debug)]
pub struct AppEnvironment;

impl Rule for AppEnvironment {
    fn name(&self) -> &'static str {
        NAME
    }

    fn derive(&self, derivation: &Derivation, scan: &Scan, manifest: &mut Manifest) {
        let Some(input) = super::input::<Input>(derivation, manifest) else { return };
        for environment in environments(scan, &input.directory) {
            verify(derivation, scan, &environment, input.lock.as_ref(), manifest);
        }
    }
}

/// The environment that is used. Where no link tells it, all that there are.
fn environments(scan: &Scan, directory: &TargetPath) -> Vec<TargetPath> {
    let is_environment = |path: &TargetPath| {
        scan.kind(path) == Some(Kind::Directory)
            && ["pyvenv.cfg", "appenv.ready", "lib"].iter().any(|name| scan.seen(&path.join(name)).is_some())
    };
    let current = scan.seen(&directory.join("current")).and_then(|seen| seen.target.clone());
    let named = current.map(|name| directory.join(&name.0)).filter(is_environment);
    match named {
        Some(environment) => vec![environment],
        None => scan.entries(directory).filter(is_environment).collect(),
    }
}

/// What is special about it; all else is asked of the rule for Python environments.
fn verify(
    derivation: &Derivation,
    scan: &Scan,
    environment: &TargetPath,
    lock: Option<&Lock>,
    manifest: &mut Manifest,
) {
    let ready = environment.join("appenv.ready");
    let mend = Mend {
        force: vec![Force::Remove(ready.clone())],
        replaces: vec![environment.clone()],
        // A damaged batou may do anything, but most often nothing any more.
        aborts: Aborts::Always,
        ..Mend::new(Vigilance::Nothing, Vigilance::Nothing)
    };
    let (host, unit) = (&derivation.host, &derivation.unit);
    let copy = environment.join("requirements.lock");
    let of_lock = lock.filter(|lock| scan.digest(&copy, Algorithm::Sha256).as_ref() == Some(&lock.digest));
    // Not every `appenv` keeps one.
    if scan.seen(&copy).is_some() {
        let why = "it is not the lock of the definition: of an earlier one, or damaged";
        let unknown = || Content::Unknown(Why::new(WhyKind::NoReference, why));
        let content = of_lock.map_or_else(unknown, |lock| Content::Digest { digest: lock.digest.clone(), size: None });
        let own = manifest.add_mend(mend.clone());
        manifest.artifacts.push(distribution::file(host, unit, copy, content, Authority::Record, own));
    }
    let expected = Expected::Present;
    // Without it the environment is made anew, whatever is in it.
    let unready = manifest.add_mend(Mend { vigilance: Vigilance::Absence, ..mend.clone() });
    manifest.artifacts.push(distribution::thing(host, unit, ready, expected, Authority::Record, unready));
    let known = Environment {
        distributions: of_lock.map(|lock| lock.distributions.clone()).unwrap_or_default(),
        content: mend.clone(),
        absent: mend,
    };
    manifest.derivations.push(environment::found(host, unit, environment, &known));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::derive::refine;
    use crate::expect::sample;
    use crate::model::content::Blob;
    use crate::model::hasher::digest_of;
    use crate::model::manifest::{Definition, Evaluation};
    use crate::model::observation::{Seen, Sighting};

    const LOCK: &str = "six==1.17.0\ncolorama==0.4.6 ; sys_platform == \"win32\"\nmissing==2.0\n";

    /// What is expected below `.appenv`, by path from there; with a link `current` to one of the environments, or without.
    fn expected(current: Option<&str>) -> BTreeMap<String, Expected> {
        let record = sample::row("six.py", "# six\n") + "six-1.17.0.dist-info/RECORD,,\n";
        let mut files = Vec::new();
        for (environment, lock) in [("1111", LOCK), ("2222", "six==1.16.0\n")] {
            let place = format!("/d/.appenv/{environment}");
            let site = format!("{place}/lib/python3.11/site-packages");
            files.push((format!("{place}/appenv.ready"), "Ready or not\n"));
            files.push((format!("{place}/requirements.lock"), lock));
            files.push((format!("{place}/pyvenv.cfg"), "home = /usr/bin\n"));
            files.push((format!("{site}/six.py"), "# six\n"));
            files.push((format!("{site}/six-1.17.0.dist-info/RECORD"), &record));
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let mut scan = sample::scan(&files);
        if let Some(name) = current {
            let link = Seen { target: Some(Blob::from(name)), ..Seen::new(Kind::Link) };
            scan.observations.insert(TargetPath::new("/d/.appenv/current"), Sighting::Present(Box::new(link)));
        }
        let lock = Lock {
            digest: digest_of(Algorithm::Sha256, LOCK.as_bytes()),
            distributions: crate::definition::requirements::unconditional(LOCK),
        };
        let input = Input { directory: TargetPath::new("/d/.appenv"), lock: Some(lock) };
        let mut manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
        manifest.derivations.push(Derivation {
            host: "h".into(),
            unit: "h!batou".into(),
            rule: NAME.into(),
            input: serde_json::to_value(input).expect("it is JSON"),
        });
        refine(&mut manifest, &[scan]);
        let below = |path: &TargetPath| path.to_string().replacen("/d/.appenv/", "", 1);
        manifest.artifacts.iter().map(|artifact| (below(&artifact.path), artifact.expected)).collect()
    }

    #[test]
    fn the_environment_that_is_used_is_what_its_lock_and_its_records_say() {
        let expected = expected(Some("1111"));
        let site = "1111/lib/python3.11/site-packages";
        assert!(matches!(expected[&format!("{site}/six.py")], Expected::File(Content::Digest { .. })));
        assert!(matches!(expected["1111/requirements.lock"], Expected::File(Content::Digest { .. })));
        assert_eq!(expected["1111/appenv.ready"], Expected::Present);
        assert!(expected.contains_key(&format!("{site}/missing-2.0.dist-info")), "{expected:?}");
        let others: Vec<&String> = expected.keys().filter(|path| !path.starts_with("1111/")).collect();
        assert!(others.is_empty(), "the next run removes the other one: {others:?}");
    }

    #[test]
    fn an_environment_of_another_lock_answers_for_itself_only() {
        let expected = expected(Some("2222"));
        assert!(matches!(expected["2222/requirements.lock"], Expected::File(Content::Unknown(_))));
        assert!(!expected.keys().any(|path| path.contains("missing")), "{expected:?}");
    }

    #[test]
    fn without_the_link_all_environments_are_verified() {
        for current in [None, Some("3333")] {
            let expected = expected(current);
            assert!(expected.contains_key("1111/appenv.ready") && expected.contains_key("2222/appenv.ready"));
        }
    }
}
