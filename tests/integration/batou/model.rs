//! Models of batou projects: the static way never contradicts the exact one, recorded answers of the real probe are
//! understood, and asking the real batou gives what was recorded.

use rectify::definition::batou::model::{BatouModel, Node, Rendered, parse};
use rectify::definition::batou::{Evaluate, LoadError, Request, environments, exact::merge::merge, is_project, load};
use rectify::io::files::{self, Is};
use rectify::model::content::{Algorithm, Digest};
use rectify::model::diagnostic::{Diagnostic, Severity};
use rectify::model::eval::{Eval, WhyKind};
use rectify::monitor::Silent;
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const BASE: &str = "/srv/shop/deployment";

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/batou/shop")
}

fn recorded(name: &str) -> BatouModel {
    let bytes = files::read(&shop().join("recorded").join(name)).expect("it was recorded");
    parse(&bytes).expect("it is understood")
}

fn request<'a>(project: &'a Path, environment: &'a str, evaluate: Evaluate) -> Request<'a> {
    Request { evaluate, target_base: Some(BASE), ..Request::new(project, environment) }
}

/// Every component of every root: (root, kind, path) to component.
fn nodes(model: &BatouModel) -> BTreeMap<(String, String, String), &Node> {
    let trees = model.roots.iter().filter_map(|root| Some((&root.id, root.tree.as_ref()?)));
    trees
        .flat_map(|(id, tree)| tree.in_deploy_order().into_iter().map(move |node| (id, node)))
        .filter_map(|(id, node)| Some(((id.clone(), node.kind.clone(), node.path.clone()?), node)))
        .collect()
}

fn digest(rendered: &Rendered) -> Digest {
    match rendered {
        Rendered::Bytes(bytes) => {
            Digest { algorithm: Algorithm::Sha256, bytes: sha2::Sha256::digest(&bytes.0).as_slice().into() }
        }
        Rendered::Digest { digest, .. } => digest.clone(),
    }
}

/// What the static way says and the exact way denies.
fn contradictions(literal: &BatouModel, exact: &BatouModel) -> Vec<String> {
    let (mut found, truth) = (Vec::new(), nodes(exact));
    for (key, node) in nodes(literal) {
        if !exact.root(&key.0).is_some_and(|root| root.configured) {
            continue; // batou stopped somewhere in it, perhaps before this component was complete
        }
        let Some(real) = truth.get(&key) else {
            found.push(format!("{key:?}: not there"));
            continue;
        };
        if let (Some(ours), Some(theirs)) = (&node.content, &real.content)
            && let (Eval::Known(ours), Eval::Known(theirs)) = (ours.eval(), theirs.eval())
            && digest(&ours) != digest(&theirs)
        {
            found.push(format!("{key:?}: other content"));
        }
        for (name, ours) in &node.attributes {
            let theirs = real.attributes.get(name);
            if node.attribute(name).known().is_some() && theirs.is_some_and(|theirs| theirs != ours) {
                found.push(format!("{key:?}: `{name}` is {ours}, really {theirs:?}"));
            }
        }
    }
    found
}

fn known_contents(model: &BatouModel) -> BTreeMap<String, Eval<Digest>> {
    nodes(model)
        .into_iter()
        .filter_map(|((root, _, path), node)| {
            Some((format!("{root} {path}"), node.content.as_ref()?.eval().map(|c| digest(&c))))
        })
        .collect()
}

fn show(diagnostics: &[Diagnostic]) -> Vec<String> {
    let line = |problem: &Diagnostic| {
        let place = problem.origin.as_ref().map_or(String::new(), |origin| format!("{origin}: "));
        format!("{} {place}{}", problem.code, problem.message)
    };
    diagnostics.iter().map(line).collect()
}

#[test]
fn a_literal_declaration_is_what_batou_makes_of_it() {
    let (literal, told) = load(&request(&shop(), "dev", Evaluate::Native), &Silent).expect("it loads");
    assert_eq!(contradictions(&literal, &recorded("dev-0.json")), Vec::<String>::new());
    let contents = known_contents(&literal);
    let of = |name: &str| &contents[&format!("web1 {name}").replace("web1 ", "web1/app ")];
    for name in ["plain.conf", "mode.conf", "source.conf", "implicit.conf", "secret.conf", "blob.bin", "verbatim.txt"] {
        assert!(of(&format!("{BASE}/work/app/{name}")).known().is_some(), "{name} is literal");
    }
    for name in ["templated.conf", "template.conf", "unicode.txt", "crlf.txt", "computed.conf"] {
        assert_eq!(
            of(&format!("{BASE}/work/app/{name}")).why().map(|why| why.kind),
            Some(WhyKind::NotModelled),
            "{name}"
        );
    }
    assert!(
        !contents
            .keys()
            .any(|key| ["loop-", "conditional", "/late", "worker.conf"].iter().any(|name| key.contains(name)))
    );
    assert!(literal.roots.iter().all(|root| root.incomplete));
    assert_eq!(
        show(&told),
        ["RCT009 environments/dev/environment.cfg: read without running batou: 40 literal declarations in 4 roots; \
          7 declarations are computed and 0 roots are not understood"]
    );
}

#[test]
fn both_orders_tell_what_depends_on_them() {
    let mut model = recorded("dev-0.json");
    let told = merge(&mut model, &recorded("dev-1.json"));
    let contents = known_contents(&model);
    let unsorted = &contents["lb/balancer /srv/shop/deployment/work/balancer/unsorted.cfg"];
    assert_eq!(unsorted.why().map(|why| why.kind), Some(WhyKind::OrderDependent));
    assert!(contents["lb/balancer /srv/shop/deployment/work/balancer/sorted.cfg"].known().is_some());
    assert_eq!(show(&told).len(), 1, "{:?}", show(&told));
    assert!(
        show(&told)[0].starts_with("RCT010 components/balancer/component.py:10: the content of"),
        "{:?}",
        show(&told)
    );
}

#[test]
fn batou_says_what_was_recorded() {
    let Some(python) = super::batou_python("exact") else { return };
    let project = shop();
    let before = listing(&project);
    let request = Request { python: Some(&python), ..request(&project, "dev", Evaluate::Exact) };
    let (model, _) = load(&request, &Silent).expect("it loads");
    assert_eq!(listing(&project), before, "nothing is written");
    let mut expected = recorded("dev-0.json");
    merge(&mut expected, &recorded("dev-1.json"));
    assert_eq!(known_contents(&model), known_contents(&expected));
    assert_eq!(nodes(&model).len(), nodes(&expected).len());
    assert!(
        model
            .inputs
            .iter()
            .any(|input| input.path == "components/app/tree/one" || input.path == "environments/dev/environment.cfg")
    );
}

#[test]
fn a_broken_environment_is_told_completely_and_each_thing_once() {
    let (_, told) = load(&request(&shop(), "broken", Evaluate::Native), &Silent).expect("it loads");
    let file = "environments/broken/environment.cfg";
    let native = [
        format!("RCT007 {file}:7: batou knows no section `[enviroment]`"),
        format!("RCT007 {file}:3: `service_usr` is no setting of `[environment]`"),
        format!("RCT003 {file}:5: no component is named `ap`"),
    ];
    assert_eq!(show(&told)[..3], native);

    let Some(python) = super::batou_python("broken") else { return };
    let project = shop();
    let request = Request { python: Some(&python), ..request(&project, "broken", Evaluate::Auto) };
    let (model, told) = load(&request, &Silent).expect("it loads");
    let shown = show(&told);
    assert_eq!(shown[..3], native, "what batou says of the same is not told again");
    let batous = &shown[3..];
    let count = |text: &str| batous.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("RCT004 components/broken/component.py:11: `web1/broken`: KeyError"), 1, "{batous:?}");
    assert_eq!(count("RCT011 components/broken/component.py:18: `Curious` tried to start a process"), 1, "{batous:?}");
    assert_eq!(count("Missing component") + count("Superfluous"), 0, "{batous:?}");
    let doubted = known_contents(&model);
    let (_, curious) = doubted.iter().find(|(key, _)| key.ends_with("curious.conf")).expect("it is there");
    assert_eq!(curious.why().map(|why| why.kind), Some(WhyKind::Code), "what a refused attempt decided is not known");
}

#[test]
fn without_batou_the_literal_part_is_read_and_the_reason_told() {
    let project = shop();
    let nowhere = Path::new("/nonexistent/python");
    let (model, told) = load(&Request { python: Some(nowhere), ..request(&project, "dev", Evaluate::Auto) }, &Silent)
        .expect("it loads");
    assert!(show(&told)[0].starts_with("RCT005 no Python with batou was found"), "{:?}", show(&told));
    assert!(model.roots.iter().any(|root| root.tree.as_ref().is_some_and(|tree| !tree.children.is_empty())));
    let error = load(&Request { python: Some(nowhere), ..request(&project, "dev", Evaluate::Exact) }, &Silent);
    assert!(matches!(error, Err(LoadError::Exact(_))));
}

#[test]
fn a_missing_environment_is_told_with_the_nearest_one_and_the_old_layout_with_its_remedy() {
    let told = |project: &Path, name: &str| match load(&request(project, name, Evaluate::Native), &Silent) {
        Err(LoadError::NoEnvironment(problem)) => (problem.message, problem.hint.unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    assert_eq!(environments(&shop()), ["broken", "dev"]);
    assert_eq!(
        told(&shop(), "dve"),
        ("there is no environment `dve`".into(), "did you mean `dev`? There are: broken, dev".into())
    );
    assert_eq!(told(&shop(), "../dev").1, "there are: broken, dev");
    let old = tempfile::tempdir().expect("a temporary directory");
    for name in ["components", "environments"] {
        rectify::io::output::make_directory(&old.path().join(name)).expect("it is made");
    }
    rectify::io::output::write_atomically(&old.path().join("environments/prod.cfg"), b"").expect("it is written");
    assert!(told(old.path(), "prod").1.contains("layout of batou 1"));
    assert!(matches!(load(&request(Path::new("/"), "x", Evaluate::Auto), &Silent), Err(LoadError::NoProject { .. })));
}

/// Projects that somebody has at hand, compared in the same way; `RECTIFY_BATOU_PROJECTS` is a directory of them.
#[test]
fn literal_declarations_of_other_projects_are_what_batou_makes_of_them() {
    let Some(directory) = files::environment("RECTIFY_BATOU_PROJECTS").map(PathBuf::from) else { return };
    let Some(python) = super::batou_python("projects") else { return };
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for name in files::list(&directory).expect("it can be listed") {
        let project = directory.join(&name);
        if !is_project(&project) {
            continue;
        }
        for environment in environments(&project) {
            let ask = |evaluate| {
                load(&Request { python: Some(&python), ..request(&project, &environment, evaluate) }, &Silent)
            };
            let (Ok((literal, _)), Ok((exact, told))) = (ask(Evaluate::Native), ask(Evaluate::Exact)) else { continue };
            let errors = told.iter().filter(|problem| problem.severity == Severity::Error).count();
            super::note(&format!(
                "{} {environment}: {} of {} components, {errors} errors",
                name.display(),
                nodes(&literal).len(),
                nodes(&exact).len()
            ));
            compared += nodes(&literal).len();
            wrong.extend(
                contradictions(&literal, &exact)
                    .into_iter()
                    .map(|text| format!("{} {environment} {text}", name.display())),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(compared > 0, "something was compared");
}

/// Paths with digests: enough to see that nothing was added or changed.
fn listing(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        for name in files::list(&directory).expect("it can be listed") {
            let path = directory.join(name);
            match files::what_is(&path) {
                Is::Directory => open.push(path),
                Is::File => {
                    let bytes = files::read(&path).expect("it can be read");
                    found.insert(path, bytes);
                }
                Is::Other | Is::Missing => {}
            }
        }
    }
    found
}
