//! Real profiles of public repositories: `tests/oracle/public_profiles.py` has zc.buildout resolve them and names the
//! file with its answers in `RECTIFY_PROFILES`.

use super::doctests::request;
use super::{Disk, compare};
use rectify::definition::buildout::{TargetFacts, resolve};
use rectify::model::{code::BUILDOUT_CONDITION, diagnostic::Severity};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};

/// How many differing profiles are shown in full.
const SHOWN: usize = 40;

/// The remote files of a case: URL to path, or to nothing where an empty file stands in.
fn remote(case: &Value) -> BTreeMap<String, String> {
    let urls = case["urls"].as_object().into_iter().flatten();
    let path = |path: &Value| path.as_str().filter(|path| !path.is_empty()).unwrap_or("/dev/null").to_owned();
    urls.map(|(url, value)| (url.clone(), path(value))).collect()
}

#[test]
#[ignore = "needs checkouts: run tests/oracle/public_profiles.py"]
fn public_profiles_resolve_as_zc_buildout_resolves_them() {
    let path = std::env::var("RECTIFY_PROFILES").expect("public_profiles.py sets RECTIFY_PROFILES");
    let file = BufReader::new(std::fs::File::open(path).expect("the cases"));
    let mut lines = file.lines().map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"));
    let facts: TargetFacts = serde_json::from_value(lines.next().expect("the facts")).expect("facts");
    let (mut count, mut broken, mut undecided, mut parts, mut different) = (0, 0, 0, 0, 0);
    for case in lines {
        count += 1;
        let answer = &case["answer"];
        broken += usize::from(compare::is_broken(answer));
        parts += answer["install_order"].as_array().map_or(0, Vec::len);
        let (resolved, diagnostics) = request(&case, &facts, |request| resolve(request, &Disk { urls: remote(&case) }));
        let is_undecided =
            diagnostics.iter().any(|found| found.code == BUILDOUT_CONDITION && found.severity == Severity::Warning);
        undecided += usize::from(is_undecided);
        let found = if is_undecided {
            compare::compare_known(answer, &resolved)
        } else {
            compare::compare(answer, &resolved, &diagnostics, case["directory"].as_str().expect("a path"))
        };
        if !found.is_empty() {
            different += 1;
            if different <= SHOWN {
                println!("{}:\n    {}", case["name"], found.join("\n    "));
            }
        }
    }
    println!(
        "{count} profiles with {parts} parts compared, {broken} of them with an error, {undecided} with a condition that \
         we do not decide; {different} differ"
    );
    assert!(count > 0, "no profile");
    assert_eq!(different, 0);
}
