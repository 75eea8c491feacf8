//! A buildout made by the real tool, what can happen to it, and what rectify says about it.

use rectify::definition::buildout::{Dialect, DiskSources, Request, TargetFacts, resolve};
use rectify::expect::buildout::{Place, manifest};
use rectify::expect::derive::{buildout::Configuration, refine};
use rectify::expect::recipes::KnownRecipes;
use rectify::findings::{Case, judge};
use rectify::io::disk::LiveRoot;
use rectify::io::process::{Run, run};
use rectify::model::artifact::{Artifact, Content, Expected, Force};
use rectify::model::diagnostic::Severity;
use rectify::model::finding::{Finding, Findings};
use rectify::model::manifest::{Definition, Evaluation, Manifest};
use rectify::model::observation::{ReadMode, Scan};
use rectify::model::path::TargetPath;
use rectify::model::restore::RestorePoints;
use rectify::monitor::Silent;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The Pythons to test with; none, with a printed reason, where nothing is named.
pub(super) fn pythons() -> Vec<String> {
    let named = rectify::io::files::environment("RECTIFY_BUILDOUT_PYTHONS");
    let Some(named) = named else {
        assert_ne!(
            rectify::io::files::environment("CI").as_deref(),
            Some("true"),
            "RECTIFY_BUILDOUT_PYTHONS must name Pythons with zc.buildout in CI"
        );
        return Vec::new();
    };
    named.split(':').map(str::to_owned).collect()
}

const SETUP: &str = r#"from setuptools import setup, find_packages
setup(name="demo", version="1.0", packages=find_packages("src"), package_dir={"": "src"},
      install_requires=["python-dateutil", "tabulate; python_version>='3'", "nothere; python_version<'3'"],
      entry_points={"console_scripts": ["demo = demo:main", "demo-x = demo.x:run [extra]"]},
      extras_require={"extra": ["colorama"]})
"#;

/// The parts: name, options.
const PARTS: &[(&str, &[(&str, &str)])] = &[
    ("plain", &[("recipe", "zc.recipe.egg:eggs"), ("eggs", "tabulate")]),
    (
        "scripts",
        &[
            ("recipe", "zc.recipe.egg:scripts"),
            ("eggs", "tabulate\niniparse\nzope.event"),
            ("scripts", "tabulate=tab2"),
        ],
    ),
    (
        "rel",
        &[
            ("recipe", "zc.recipe.egg"),
            ("eggs", "demo [extra]"),
            ("relative-paths", "true"),
            ("interpreter", "relpy"),
            ("scripts", "demo=reldemo"),
        ],
    ),
    (
        "py",
        &[
            ("recipe", "zc.recipe.egg"),
            ("eggs", "python-dateutil"),
            ("interpreter", "py"),
            ("extra-paths", "/opt/x\nlib"),
            ("initialization", "import os\nos.environ['A'] = 'b'"),
        ],
    ),
    ("dep", &[("recipe", "zc.recipe.egg"), ("eggs", "demo"), ("dependent-scripts", "true")]),
    (
        "args",
        &[
            ("recipe", "zc.recipe.egg:script"),
            ("eggs", "demo"),
            ("entry-points", "foo=demo:main\nbar=demo.sub:a.b"),
            ("arguments", "1, 'x',\ny"),
            ("scripts", "foo=foo2"),
        ],
    ),
];

/// A buildout directory.
pub(super) struct Tree {
    place: Place,
    configuration: Configuration,
    buildout: PathBuf,
    root: PathBuf,
    _directory: tempfile::TempDir,
}

/// What rectify says.
pub(super) struct Judged {
    pub(super) manifest: Manifest,
    pub(super) scan: Scan,
    pub(super) findings: Findings,
}

impl Tree {
    /// The parts of `zc.recipe.egg`.
    pub(super) fn build(python: &str) -> Self {
        let pins = pins(is_old(python));
        Self::of(
            python,
            &[
                ("demo/setup.py", SETUP),
                ("demo/src/demo/__init__.py", "def main(*a):\n    pass\n"),
                ("buildout.cfg", &configuration_text(&pins)),
            ],
        )
    }

    /// Makes a buildout of these files, `buildout.cfg` among them, and runs it twice: the second run must change
    /// nothing.
    pub(super) fn of(python: &str, files: &[(&str, &str)]) -> Self {
        let environment = Path::new(python).parent().and_then(Path::parent).expect("a Python in `bin`").to_path_buf();
        let directory = tempfile::tempdir().expect("a directory can be made");
        let root = rectify::io::files::canonical(directory.path()).expect("it is there");
        for (path, text) in files {
            crate::tools::write(&root.join(path), text);
        }
        let text = |path: &Path| path.to_str().expect("paths of tests are text").to_owned();
        let version = version(python);
        let configuration = configuration(&text(&root), &version);
        let place = Place {
            host: "localhost".into(),
            directory: TargetPath::new(text(&root)),
            config: "buildout.cfg".to_owned(),
            program: None,
            user: None,
            arguments: Vec::new(),
            environment: Some(TargetPath::new(text(&environment))),
            executable: None,
            python: None,
            version: None,
        };
        let tree =
            Self { place, configuration, buildout: environment.join("bin/buildout"), root, _directory: directory };
        for _ in 0..2 {
            let (code, said) = buildout(&tree.buildout, &tree.root);
            assert_eq!(code, 0, "{python}: buildout runs: {said}");
        }
        tree
    }

    /// Runs buildout and gives its exit code.
    pub(super) fn run(&self) -> i32 {
        buildout(&self.buildout, &self.root).0
    }

    /// The parts in the order that rectify expects.
    pub(super) fn parts(&self) -> &[String] {
        &self.configuration.parts
    }

    /// A path of the target.
    pub(super) fn path(&self, relative: &str) -> TargetPath {
        self.place.directory.join(relative)
    }

    /// A path with the eggs' names filled in.
    pub(super) fn expand(&self, pattern: &str) -> String {
        let Some((kind, rest)) = pattern.strip_prefix('{').and_then(|rest| rest.split_once(':')) else {
            return pattern.to_owned();
        };
        let (name, rest) = rest.split_once('}').expect("a closing brace");
        let eggs = self.configuration.directories.eggs.known().expect("it is known").clone();
        let find = |directory: &Path, fits: &dyn Fn(&str) -> bool| {
            let names = rectify::io::files::list(directory).expect("it can be listed");
            let mut names = names.iter().filter_map(|name| name.to_str()).filter(|name| fits(name));
            names.next().map(str::to_owned).expect("it is there")
        };
        let egg = find(Path::new(&eggs), &|other| other.starts_with(&format!("{name}-")));
        let mut path = Path::new(&eggs).join(&egg);
        if kind == "info" {
            path = path.join(find(&path, &|name| name == "EGG-INFO" || name.ends_with(".dist-info")));
        }
        let path = path.strip_prefix(&self.root).expect("eggs lie in the tree").to_str().expect("it is text");
        format!("{path}{rest}")
    }

    /// Whether this generation of buildout does not make such a file.
    pub(super) fn lacks(&self, path: &str) -> bool {
        rectify::io::files::what_is(&self.root.join(path)) == rectify::io::files::Is::Missing
    }

    /// What rectify says about the tree now.
    pub(super) fn judge(&self) -> Judged {
        let definition = Definition::new("buildout", "buildout.cfg", Evaluation::Native);
        let mut manifest = manifest(definition, self.configuration.clone(), &self.place).expect("it is JSON");
        let root = LiveRoot::open("/").expect("the root directory is there");
        let asked = rectify::live::Asked {
            host: &self.place.host,
            started_at: 0,
            read: ReadMode::Cached,
            journal: None,
            io_limit: None,
        };
        let mut scan = rectify::live::scan(&root, &manifest, &asked, &Silent);
        rectify::references::add(&root, &manifest, &mut scan);
        let scans = [scan];
        refine(&mut manifest, &scans);
        let points = RestorePoints::default();
        let findings = judge(Case { manifest: &manifest, scans: &scans, points: &points, revisions: &[] });
        let [scan] = scans;
        Judged { manifest, scan, findings }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test damages what rectify reads")]
impl Tree {
    pub(super) fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.root.join(path)).expect("it can be read")
    }

    /// A failed run may have removed the directory meanwhile.
    pub(super) fn put(&self, path: &str, content: &[u8]) {
        crate::tools::write(&self.root.join(path), content);
    }

    /// Bytes that are no text, as many as before.
    pub(super) fn scramble(&self, path: &str) {
        let size = match std::fs::metadata(self.root.join(path)) {
            Ok(metadata) => usize::try_from(metadata.len()).expect("it is small"),
            Err(_) => 300,
        };
        let bytes: Vec<u8> =
            (0..size).map(|at| u8::try_from((at * 131 + 200) % 251).expect("it is small") | 0x80).collect();
        self.put(path, &bytes);
    }

    /// As many zeros as there were bytes.
    pub(super) fn zero(&self, path: &str) {
        let size = std::fs::metadata(self.root.join(path)).map_or(300, |metadata| metadata.len());
        self.put(path, &vec![0; usize::try_from(size).expect("it is small")]);
    }

    /// The first half.
    pub(super) fn halve(&self, path: &str) {
        let bytes = self.read(path);
        self.put(path, &bytes[..bytes.len() / 2]);
    }

    pub(super) fn edit(&self, path: &str) {
        let mut bytes = self.read(path);
        bytes.extend_from_slice(b"# edited\n");
        self.put(path, &bytes);
    }

    pub(super) fn remove(&self, path: &str) {
        remove(&self.root.join(path));
    }

    /// A file with random bytes in the place of whatever is there.
    pub(super) fn replace(&self, path: &str) {
        remove(&self.root.join(path));
        self.scramble(path);
    }

    /// A link that leads elsewhere.
    pub(super) fn relink(&self, path: &str) {
        remove(&self.root.join(path));
        std::os::unix::fs::symlink("/nowhere", self.root.join(path)).expect("it is ours");
    }

    pub(super) fn forbid(&self, path: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(self.root.join(path), std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    }

    pub(super) fn allow(&self, path: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(self.root.join(path), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    }

    /// Does what the mend of a finding says.
    pub(super) fn force(&self, judged: &Judged, finding: &Finding) {
        let Some(mend) = finding.mend else { return };
        for force in &judged.manifest.mend(mend).force {
            let path = match force {
                Force::RemoveSelf | Force::EmptySelf => &finding.path,
                Force::Remove(path) => path,
            };
            assert!(path.is_below(&self.place.directory), "{path} lies in the tree");
            let place = Path::new(path.as_str().expect("it is text"));
            remove(place);
            if *force == Force::EmptySelf {
                empty(place);
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test damages what rectify reads")]
fn empty(path: &Path) {
    std::fs::create_dir_all(path.parent().expect("a file has a parent")).expect("it is ours");
    std::fs::write(path, "").expect("it is ours");
}

#[expect(clippy::disallowed_methods, reason = "a test damages what rectify reads")]
fn remove(path: &Path) {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path).expect("it is ours"),
        Ok(_) => std::fs::remove_file(path).expect("it is ours"),
        Err(_) => {}
    }
}

impl Judged {
    /// What is wrong, one line each.
    pub(super) fn problems(&self) -> Vec<String> {
        self.findings.findings.iter().map(|one| format!("{}: {:?} {:?}", one.path, one.damage, one.evidence)).collect()
    }

    pub(super) fn finding(&self, path: &TargetPath) -> Option<&Finding> {
        self.findings.findings.iter().find(|finding| finding.path == *path)
    }

    pub(super) fn artifact(&self, path: &TargetPath) -> Artifact {
        let found = self.manifest.artifacts.iter().find(|artifact| artifact.path == *path);
        found.unwrap_or_else(|| panic!("{path} is not expected"))
    }

    /// How many files below a directory have a digest to compare with.
    pub(super) fn digests_below(&self, directory: &TargetPath) -> usize {
        let digest = |artifact: &Artifact| matches!(artifact.expected, Expected::File(Content::Digest { .. }));
        self.manifest.artifacts.iter().filter(|artifact| artifact.path.is_below(directory)).filter(digest).count()
    }

    pub(super) fn unverified_below(&self, directory: &TargetPath) -> Vec<String> {
        let paths = self.findings.unverified.iter().filter_map(|one| one.path);
        paths.filter(|path| path.is_below(directory)).map(|path| path.to_string()).collect()
    }

    pub(super) fn is_undecodable(&self, path: &TargetPath) -> bool {
        let bytes = self.scan.captured(path);
        bytes.is_some_and(|bytes| bytes.text().is_none())
    }
}

/// Runs buildout and gives its exit code, and what it said.
pub(super) fn buildout(program: &Path, directory: &Path) -> (i32, String) {
    let what = Run {
        program,
        arguments: ["-N", "-c", "buildout.cfg"].map(Into::into).to_vec(),
        directory,
        environment: [("LC_ALL", "C.UTF-8"), ("PYTHONWARNINGS", "ignore"), ("PYTHONDONTWRITEBYTECODE", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        input: b"",
        timeout: Duration::from_mins(10),
    };
    let output = run(&what).expect("buildout starts");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.code.unwrap_or(-1), said.concat())
}

fn tool(directory: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = vec![program];
    command.extend(arguments);
    crate::tools::tool(directory, &command).trim().to_owned()
}

fn pins(old: bool) -> Vec<(&'static str, &'static str)> {
    vec![
        ("python-dateutil", "2.9.0.post0"),
        ("six", "1.17.0"),
        ("tabulate", "0.9.0"),
        ("colorama", "0.4.6"),
        ("iniparse", "0.5"),
        ("zope.event", "5.0"),
        ("zc.recipe.egg", if old { "2.0.7" } else { "3.0.0" }),
    ]
}

fn configuration_text(pins: &[(&str, &str)]) -> String {
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    let mut text =
        format!("[buildout]\ndevelop = demo\nversions = versions\nparts = {}\n\n[versions]\n", names.join(" "));
    for (name, version) in pins {
        text += &format!("{name} = {version}\n");
    }
    for (name, options) in PARTS {
        text += &format!("\n[{name}]\n");
        for (option, value) in *options {
            text += &format!("{option} = {}\n", value.replace('\n', "\n    "));
        }
    }
    text
}

/// The version of zc.buildout that a Python has.
pub(super) fn version(python: &str) -> String {
    tool(Path::new("/"), python, &["-c", "import importlib.metadata as m; print(m.version('zc.buildout'))"])
}

/// Whether it is zc.buildout 3, which needs older recipes.
pub(super) fn is_old(python: &str) -> bool {
    version(python).starts_with('3')
}

/// The configuration as rectify works it out.
fn configuration(root: &str, version: &str) -> Configuration {
    let facts = TargetFacts {
        os_name: Some("posix".into()),
        sys_platform: Some("linux".into()),
        buildout_version: Some(version.to_owned()),
        ..TargetFacts::default()
    };
    let request = Request {
        directory: root,
        config: "buildout.cfg",
        command_line: &[],
        facts: &facts,
        dialect: Dialect::of_version(version).expect("it is a version"),
        user_defaults: None,
        assume: &BTreeMap::new(),
        recipes: &KnownRecipes,
    };
    let (resolved, diagnostics) =
        resolve(&request, &DiskSources::new(LiveRoot::open("/").expect("the root directory is there")));
    assert!(diagnostics.iter().all(|one| one.severity != Severity::Error), "{diagnostics:#?}");
    Configuration::of(&resolved).expect("it has the fields of a configuration")
}
