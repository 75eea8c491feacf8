//! A scan from before the incident as a reference: what it proves, what it only suggests, and what it cannot know.

#![expect(clippy::disallowed_methods, reason = "tests write the trees that they ask about")]

use crate::program::{Call, rectify};
use rectify::model::manifest::{Definition, Depth, Evaluation, Host, Look, Manifest};
use rectify::model::path::TargetPath;
use rectify::model::unit::HostName;
use rectify::pipeline::saved;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A tree that nothing is declared of, seen once, and then again.
struct Place {
    directory: tempfile::TempDir,
}

/// When files were written: long before any test.
fn then() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn lines(word: &str, count: usize) -> String {
    (0..count).map(|n| format!("{word} {n} says something of its own\n")).collect()
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        let mut manifest = Manifest::new(Definition::new("batou", "e", Evaluation::Exact));
        let host = HostName::from("h");
        let local = false;
        manifest.hosts.push(Host { name: host.clone(), ignored: false, directory: None, service_user: None, local });
        manifest.look.push(Look::new(&host, TargetPath::new("/srv"), Depth::Whole));
        let top = place.directory.path();
        std::fs::write(top.join("manifest.json"), saved::manifest_bytes(&manifest)).expect("it can be written");
        for (name, text) in files {
            place.put(name, text);
        }
        place.settle();
        let scan = ["scan", "--manifest", "manifest.json", "--root", "h=tree", "--blocks", "-o", "baseline.jsonl"];
        assert_eq!(rectify(top, &scan).code, 0);
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join("tree/srv").join(name)
    }

    /// Writes a file as long ago as the others: what is there then was not written by anybody.
    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it lies in a directory")).expect("the directory can be made");
        std::fs::write(&path, text).expect("it can be written");
        date(&path);
        self.settle();
    }

    /// The directory's time as it was, too.
    fn settle(&self) {
        date(&self.directory.path().join("tree/srv"));
    }

    /// Path and reason of everything that could not be judged.
    fn unverified(&self) -> Vec<(String, String)> {
        let call = self.check();
        let view: serde_json::Value = serde_json::from_str(&call.stdout).unwrap_or_else(|_| panic!("{}", call.stderr));
        let text = |entry: &serde_json::Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = view["unverified"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| (text(entry, "path"), text(entry, "why"))).collect()
    }

    fn check(&self) -> Call {
        let arguments =
            ["check", "--manifest", "manifest.json", "--root", "h=tree", "--baseline", "baseline.jsonl", "--json"];
        rectify(self.directory.path(), &arguments)
    }

    /// File, damage and detail of every finding.
    fn told(&self) -> Vec<(String, String, String)> {
        let call = self.check();
        let view: serde_json::Value = serde_json::from_str(&call.stdout).unwrap_or_else(|_| panic!("{}", call.stderr));
        let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let findings = view["findings"].as_array().cloned().unwrap_or_default();
        findings.iter().map(|found| (text(found, "path"), text(found, "damage"), text(found, "detail"))).collect()
    }
}

fn date(path: &Path) {
    let file = std::fs::File::open(path).expect("it can be opened");
    file.set_modified(then()).expect("its time can be set");
}

fn told(file: &str, damage: &str, detail: &str) -> (String, String, String) {
    (format!("/srv/{file}"), damage.to_owned(), detail.to_owned())
}

#[test]
fn what_is_as_it_was_is_sound() {
    let place = Place::new(&[("a", &lines("a", 9)), ("b", &lines("b", 9))]);
    assert_eq!(place.told(), []);
    assert_eq!(place.check().code, 0);
}

#[test]
fn another_content_with_the_same_time_and_size_was_written_by_nobody() {
    let place = Place::new(&[("a", &lines("a", 9)), ("b", &lines("b", 9))]);
    place.put("a", &lines("a", 9).replace("own", "OWN"));
    assert_eq!(place.told(), [told("a", "changed", "")]);
}

#[test]
fn what_was_written_since_is_unknown_and_no_damage() {
    let place = Place::new(&[("a", &lines("a", 9)), ("b", &lines("b", 9))]);
    std::fs::write(place.path("a"), lines("b", 9)).expect("it can be written");
    std::fs::remove_file(place.path("b")).expect("it can be removed");
    let call = place.check();
    assert_eq!(place.told(), [], "a copy of a known file and a removed name are ordinary life, and no damage");
    assert!(call.stdout.contains("it was written after the baseline"), "{}", call.stdout);
}

#[test]
fn a_name_that_went_away_while_the_directory_kept_its_time_is_missing() {
    let place = Place::new(&[("a", &lines("a", 9)), ("b", &lines("b", 9))]);
    std::fs::remove_file(place.path("a")).expect("it can be removed");
    place.settle();
    assert_eq!(place.told(), [told("a", "missing", "")]);
}

#[test]
fn a_name_that_went_away_with_the_time_of_its_directory_is_told_as_unknown() {
    let place = Place::new(&[("a", &lines("a", 9)), ("b", &lines("b", 9)), ("run.pid", "7")]);
    for name in ["a", "run.pid"] {
        std::fs::remove_file(place.path(name)).expect("it can be removed");
    }
    assert_eq!(place.told(), [], "somebody may have removed it");
    let unverified = place.unverified();
    let [(path, why)] = unverified.as_slice() else { panic!("{unverified:?}") };
    assert_eq!(path, "/srv/a");
    let reason = "and is gone; its directory was changed since, so somebody may have removed it";
    assert!(why.starts_with("was in the baseline of ") && why.ends_with(reason), "{why}");
}

#[test]
fn a_file_that_became_a_directory_is_told_as_unknown() {
    let place = Place::new(&[("a", &lines("a", 9)), ("b", &lines("b", 9))]);
    std::fs::remove_file(place.path("a")).expect("it can be removed");
    std::fs::create_dir(place.path("a")).expect("it can be made");
    assert_eq!(place.told(), [], "somebody may have meant it");
    let unverified = place.unverified();
    let [(path, why)] = unverified.as_slice() else { panic!("{unverified:?}") };
    assert_eq!(path, "/srv/a");
    assert!(why.contains(" and is a directory now; nothing tells whether somebody meant it"), "{why}");
}

#[test]
fn a_directory_that_went_away_is_told_once_for_all_that_was_in_it() {
    let place = Place::new(&[("old/deep/a", &lines("a", 9)), ("old/b", &lines("b", 9)), ("c", &lines("c", 9))]);
    std::fs::remove_dir_all(place.path("old")).expect("it can be removed");
    let unverified = place.unverified();
    assert_eq!(unverified.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["/srv/old"]);
    place.settle();
    assert_eq!(place.told(), [told("old", "missing", "")], "nobody removed it");
    assert_eq!(place.unverified(), []);
}

#[test]
fn the_content_of_another_file_and_the_blocks_of_a_deleted_one_are_named() {
    let (a, b, gone) = (lines("a", 300), lines("b", 300), lines("gone", 300));
    let place = Place::new(&[("a", &a), ("b", &b), ("gone", &gone), ("small", &lines("small", 3))]);
    std::fs::remove_file(place.path("gone")).expect("it can be removed");
    place.put("a", &[&a[..4096], &gone[4096..8192], &a[8192..]].concat());
    // A shorter file in a block of the deleted one is cut at its own end.
    place.put("small", &gone[..lines("small", 3).len()]);
    let found = place.told();
    let blocks = "blocks of /srv/gone";
    assert!(found.contains(&told("a", "foreign", blocks)), "{found:?}");
    assert!(found.contains(&told("small", "foreign", blocks)), "{found:?}");
    place.put("a", &a);
    place.put("small", &lines("small", 3));
    place.put("b", &lines("c", 300));
    assert!(place.told().contains(&told("b", "changed", "")));
}

#[test]
fn the_whole_content_of_a_file_that_is_gone_names_it() {
    let (a, gone) = (lines("a", 9), lines("z", 9));
    let place = Place::new(&[("a", &a), ("gone", &gone)]);
    std::fs::remove_file(place.path("gone")).expect("it can be removed");
    place.put("a", &gone);
    assert!(place.told().contains(&told("a", "other_file", "content of /srv/gone")), "{:?}", place.told());
}

#[test]
fn a_baseline_from_after_the_begin_of_the_incident_is_no_reference() {
    let place = Place::new(&[("a", &lines("a", 9))]);
    place.put("a", &lines("a", 9).replace("own", "OWN"));
    let arguments =
        ["check", "--manifest", "manifest.json", "--root", "h=tree", "--baseline", "baseline.jsonl", "--since"];
    let call = rectify(place.directory.path(), &[&arguments[..], &["2001-01-01", "--json"]].concat());
    assert!(!call.stdout.contains("\"changed\""), "{}", call.stdout);
    let view: serde_json::Value = serde_json::from_str(&call.stdout).expect("it is JSON");
    let [said] = view["diagnostics"].as_array().expect("a view has diagnostics").as_slice() else {
        panic!("{:#}", view["diagnostics"]);
    };
    assert_eq!((said["code"].as_str(), said["severity"].as_str()), (Some("RCT044"), Some("warning")), "{said:#}");
    let message = said["message"].as_str().expect("a diagnostic has a message");
    assert!(message.starts_with("the baseline `baseline.jsonl` of "), "{message}");
    assert!(message.contains("it was made after the incident began (2001-01-01T00:00:00Z)"), "{message}");
    assert!(said["hint"].as_str().is_some_and(|hint| hint.contains("a baseline from before")), "{said:#}");
    // What was asked for and is not done is said without -v.
    let text = rectify(place.directory.path(), &[&arguments[..], &["2001-01-01"]].concat()).stdout;
    assert!(text.contains("it was made after the incident began"), "{text}");
}

#[test]
fn a_baseline_that_is_cut_off_is_refused() {
    let place = Place::new(&[("a", &lines("a", 9)), ("b", &lines("b", 9))]);
    let file = place.directory.path().join("baseline.jsonl");
    let whole = std::fs::read(&file).expect("it can be read");
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("it has several lines");
    std::fs::write(&file, &whole[..=last]).expect("it can be written");
    let call = place.check();
    assert_eq!(call.code, 1);
    assert!(call.stderr.contains("is cut off") || call.stdout.contains("is cut off"), "{}{}", call.stdout, call.stderr);
}

#[test]
fn what_was_touched_in_the_window_is_listed_and_what_happened_is_told_in_order() {
    let place = Place::new(&[("a", &lines("a", 9)), ("b.py", "x = 1\n")]);
    place.put("b.py", "x = 1\n\0\0\0\0\0\0\0\0");
    let judged = |since: &str, until: &str| -> serde_json::Value {
        let arguments =
            ["check", "--manifest", "manifest.json", "--root", "h=tree", "--json", "--since", since, "--until", until];
        let call = rectify(place.directory.path(), &arguments);
        serde_json::from_str(&call.stdout).unwrap_or_else(|_| panic!("{}", call.stderr))
    };
    let texts = |view: &serde_json::Value, list: &str, key: &str| -> Vec<String> {
        let entries = view[list].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry[key].as_str().unwrap_or_default().to_owned()).collect()
    };
    let then = judged("2023-11-14T00:00:00Z", "2023-11-15T00:00:00Z");
    assert_eq!(texts(&then, "at_risk", "path"), ["/srv/a"], "the other one is damaged, not only at risk");
    assert_eq!(texts(&then, "at_risk", "touched"), ["content"]);
    assert_eq!(texts(&then, "at_risk", "at"), ["2023-11-14T22:13:20Z"]);
    assert_eq!(texts(&then, "timeline", "what"), ["window_begin", "first_damage", "last_damage", "window_end", "scan"]);
    let later = judged("2023-11-20T00:00:00Z", "2023-11-21T00:00:00Z");
    assert_eq!(texts(&later, "at_risk", "path"), [""; 0]);
}
