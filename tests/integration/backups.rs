//! Snapshot trees, made by the real rsync and rsnapshot.

use crate::tools::{damage, tool, write};
use rectify::backups::{self, Sources, Wanted};
use rectify::io::disk::LiveRoot;
use rectify::model::observation::Kind;
use rectify::model::path::TargetPath;
use rectify::model::restore::{Backup, Dating, RestorePoints, Zone};
use rectify::model::unit::HostName;
use std::path::Path;
use tempfile::TempDir;

const SECOND: i64 = 1_000_000_000;
/// 2026-11-18, 19 and 20 at 02:00 UTC.
const TIMES: [(&str, i64); 3] = [
    ("2026-11-18T02-00-00", 1_794_967_200),
    ("2026-11-19T02-00-00", 1_795_053_600),
    ("2026-11-20T02-00-00", 1_795_140_000),
];

fn backup(path: &Path, time: Dating, prefix: &str) -> Backup {
    let (name, kind) = ("nightly".to_owned(), "snapshot-tree".to_owned());
    Backup { name, kind, path: path.to_owned(), hosts: vec![], time, prefix: prefix.to_owned(), duration: 0 }
}

fn by_name() -> Dating {
    Dating::Name { format: None, zone: Zone("UTC".into()) }
}

fn open(backup: Backup) -> Sources {
    let (sources, failed) = backups::open(&[backup]);
    assert_eq!(failed, []);
    sources
}

fn versions(sources: &Sources, live: Option<&LiveRoot>, paths: &[&str]) -> RestorePoints {
    let paths: Vec<TargetPath> = paths.iter().map(TargetPath::new).collect();
    backups::versions(sources, &Wanted { host: &host(), paths: &paths, live, window_start: None })
}

fn host() -> HostName {
    "app01".into()
}

/// Three snapshots by `rsync -a --link-dest`: `changed` differs in each, `same` never does.
fn rsync_tree() -> TempDir {
    let top = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| top.path().join(name);
    write(&at("live/srv/app/same"), "the same for ever\n");
    tool(&at("live/srv/app"), &["ln", "-s", "same", "link"]);
    tool(&at("live"), &["ln", "-s", "/srv/app", "app"]);
    let mut last: Option<&str> = None;
    for (name, seconds) in TIMES {
        write(&at("live/srv/app/changed"), format!("version {name} of a text\n").repeat(400));
        tool(&at("live/srv/app"), &["touch", "-d", &format!("@{}", seconds - 60), "changed", "same"]);
        tool(top.path(), &["mkdir", "-p", "backups"]);
        let target = format!("backups/{name}/");
        let link = last.map(|last| format!("--link-dest=../{last}"));
        let mut command = vec!["rsync", "-a", "live/", &target];
        command.extend(link.as_deref());
        tool(top.path(), &command);
        last = Some(name);
    }
    tool(&at("backups"), &["ln", "-s", TIMES[2].0, "latest"]);
    top
}

#[test]
fn every_version_of_an_rsync_tree_is_offered_and_hard_links_are_one_content() {
    let top = rsync_tree();
    let sources = open(backup(&top.path().join("backups"), by_name(), ""));
    let live = LiveRoot::open(top.path().join("live")).expect("the live tree was just made");
    let found = versions(&sources, Some(&live), &["/srv/app"]);
    assert_eq!(found.failed, []);
    assert_eq!(found.snapshots, 3, "`latest` is not counted a second time");
    let path = TargetPath::new("/srv/app/changed");
    let changed = found.of(&host(), &path);
    assert_eq!(changed.iter().map(|point| point.taken_at / SECOND).collect::<Vec<_>>(), TIMES.map(|(_, at)| at));
    assert!(changed.iter().all(|point| point.refused.is_none()), "{changed:?}");
    assert!(changed[0].digest != changed[1].digest && changed[1].digest != changed[2].digest);
    let path = TargetPath::new("/srv/app/same");
    let same = found.of(&host(), &path);
    assert!(same.len() == 3 && same.iter().all(|point| point.digest == same[0].digest));
    let path = TargetPath::new("/srv/app/link");
    let link = &found.of(&host(), &path)[0];
    assert_eq!((link.kind, link.target.as_ref().and_then(|target| target.text())), (Kind::Link, Some("same")));
    let directory = top.path().join("backups").join(TIMES[0].0).join("srv/app/link");
    assert_eq!(link.location, TargetPath::new(directory.to_string_lossy().as_bytes()));
}

#[test]
fn zeros_in_a_snapshot_are_refused_and_the_reason_names_the_good_one() {
    let top = rsync_tree();
    let newest = top.path().join("backups").join(TIMES[2].0).join("srv/app/changed");
    damage(&newest, 4096, &[0; 4096]);
    tool(top.path(), &["touch", "-d", "@1795139000", &newest.to_string_lossy()]);
    let sources = open(backup(&top.path().join("backups"), by_name(), ""));
    let found = versions(&sources, None, &["/srv/app/changed"]);
    let reason = found.points[2].refused.as_deref().expect("the damaged version is refused");
    assert!(reason.contains("4096 zero bytes") && reason.contains(TIMES[0].0), "{reason}");
    assert!(found.points[0].refused.is_none() && found.points[1].refused.is_none());
}

#[test]
fn a_hard_link_to_the_live_file_is_no_backup() {
    let top = rsync_tree();
    tool(top.path(), &["ln", "-f", "live/srv/app/same", &format!("backups/{}/srv/app/same", TIMES[2].0)]);
    let sources = open(backup(&top.path().join("backups"), by_name(), ""));
    let live = LiveRoot::open(top.path().join("live")).expect("the live tree was just made");
    let found = versions(&sources, Some(&live), &["/srv/app/same"]);
    assert!(found.points[2].refused.as_deref().is_some_and(|reason| reason.contains("live file itself")));
    assert!(found.points[1].refused.is_none());
}

#[test]
fn a_version_that_is_younger_than_its_snapshot_is_refused_where_the_date_decides() {
    let top = rsync_tree();
    // Long before the clock of any machine that runs this, so the file was written after it.
    write(&top.path().join("backups/2001-01-01T02-00-00/srv/app/changed"), "version of a text\n");
    let sources = open(backup(&top.path().join("backups"), by_name(), ""));
    let paths = [TargetPath::new("/srv/app/changed")];
    let wanted = Wanted { host: &host(), paths: &paths, live: None, window_start: Some(TIMES[0].1 * SECOND) };
    let found = backups::versions(&sources, &wanted);
    assert!(found.points[0].refused.as_deref().is_some_and(|reason| reason.contains("changed after the snapshot")));
    let found = backups::versions(&sources, &Wanted { window_start: None, ..wanted });
    assert_eq!(found.points[0].refused, None, "without an incident nothing hangs on the date");
}

#[test]
fn a_link_in_a_snapshot_is_not_followed_out_of_it() {
    let top = rsync_tree();
    let sources = open(backup(&top.path().join("backups"), by_name(), ""));
    let found = versions(&sources, None, &["/app/same"]);
    assert!(found.points.is_empty());
    assert_eq!(found.failed.len(), 3);
    assert!(found.failed[0].1.contains("is a symbolic link"), "{:?}", found.failed);
}

#[test]
fn what_cannot_be_dated_is_told_and_not_used() {
    let top = rsync_tree();
    write(&top.path().join("backups/before-upgrade/srv/app/same"), "x");
    let sources = open(backup(&top.path().join("backups"), by_name(), ""));
    let found = versions(&sources, None, &["/srv/app/same"]);
    assert_eq!(found.points.len(), 3);
    assert!(found.failed[0].1.starts_with("snapshot `before-upgrade`: "), "{:?}", found.failed);
}

#[test]
fn the_contents_are_those_of_the_newest_snapshot_before_the_window() {
    let top = rsync_tree();
    write(&top.path().join("backups").join(TIMES[1].0).join("srv/app/blobs/0x01"), "data");
    let sources = open(backup(&top.path().join("backups"), by_name(), ""));
    let window = Some(TIMES[2].1 * SECOND);
    let contents = backups::contents(&sources, &host(), &TargetPath::new("/srv/app/blobs"), window);
    let contents = contents.expect("it can be listed").expect("there is one");
    assert_eq!(contents.snapshot.name, TIMES[1].0);
    let names: Vec<String> = contents.entries.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["/srv/app/blobs", "/srv/app/blobs/0x01"]);
}

#[test]
fn a_source_that_is_not_there_has_failed() {
    let (sources, failed) = backups::open(&[backup(Path::new("/nonexistent/backups"), by_name(), "")]);
    assert!(sources.is_empty());
    assert_eq!(failed[0].0, "nightly");
}

#[test]
fn an_rsnapshot_tree_is_dated_by_its_directories() {
    let top = tempfile::tempdir().expect("a temporary directory");
    let root = top.path().to_string_lossy().into_owned();
    write(&top.path().join("live/srv/same"), "same\n");
    let settings = format!(
        "config_version\t1.2\nsnapshot_root\t{root}/snapshots/\ncmd_rsync\t/usr/bin/rsync\ncmd_cp\t/bin/cp\ncmd_rm\t/bin/rm\n\
         retain\tdaily\t3\nlockfile\t{root}/lock\nrsync_short_args\t-a\nrsync_long_args\t--delete --relative\n\
         backup\t{root}/live/./\tlocalhost/\n"
    );
    write(&top.path().join("rsnapshot.conf"), settings);
    for version in ["one", "two", "three"] {
        write(&top.path().join("live/srv/changed"), format!("version {version}\n"));
        tool(top.path(), &["rsnapshot", "-c", &format!("{root}/rsnapshot.conf"), "daily"]);
        // Directories are dated by the clock; a snapshot is never taken in the same second as the next.
        tool(top.path(), &["sleep", "1.1"]);
    }
    let sources = open(backup(&top.path().join("snapshots"), Dating::Mtime, "localhost"));
    let found = versions(&sources, None, &["/srv"]);
    assert_eq!(found.failed, []);
    let path = TargetPath::new("/srv/changed");
    let changed = found.of(&host(), &path);
    assert_eq!(
        changed.iter().map(|point| point.snapshot.as_str()).collect::<Vec<_>>(),
        ["daily.2", "daily.1", "daily.0"]
    );
    assert!(changed.iter().all(|point| point.refused.is_none()), "{changed:?}");
    assert!(changed[0].digest != changed[1].digest && changed[1].digest != changed[2].digest);
}
