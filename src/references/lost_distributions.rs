//! Where a baseline may be older than what was installed: `site-packages` in which a Python distribution lost its RECORD.
//!
//! Takes what a baseline had and the host has not; tells of which paths the baseline knows nothing. A distribution that
//! was upgraded after the baseline shows that by its RECORD. With the RECORD gone, a file that still has the content of the
//! baseline may be of before the upgrade: its block went back, too.

use super::python_metadata::named;
use crate::model::artifact::{Artifact, Authority};
use crate::model::manifest::Manifest;
use crate::model::observation::{Kind, Scan, SeenContent};
use crate::model::path::TargetPath;
use std::collections::BTreeSet;

/// Directories with distributions that a baseline had, and of which the RECORD that tells what is installed now is gone.
#[derive(Debug, Default)]
pub(super) struct LostDistributions {
    /// The metadata directories that a baseline had, where something was installed or removed since.
    gone: BTreeSet<TargetPath>,
    /// Where files may be of any version.
    places: BTreeSet<TargetPath>,
}

impl LostDistributions {
    /// Notes a path that a baseline had and that is not there any more.
    pub(super) fn note(&mut self, path: &TargetPath, baseline: &Scan, now: &Scan) {
        let info = if path.name() == b"RECORD" { path.parent() } else { Some(path.clone()) };
        let Some(info) = info.filter(|info| named(info).is_some()) else { return };
        let Some(site) = info.parent().filter(|site| now.kind(site) == Some(Kind::Directory)) else { return };
        // Installing another version makes a new name in the directory. The directory's time may have gone back with its
        // inode, while the name is in another block.
        let time = |scan: &Scan| scan.seen(&site).map(|seen| seen.mtime);
        let name = named(&info).map(|(name, _)| name);
        let is_new = |entry: &TargetPath| named(entry).map(|(name, _)| name) == name && baseline.seen(entry).is_none();
        if time(baseline).is_none() || time(baseline) != time(now) || now.entries(&site).any(|entry| is_new(&entry)) {
            self.gone.insert(info);
        }
    }

    /// To be called when all is noted: forgets those that have another RECORD, those of which the definition asks for the
    /// version that the baseline had, and those that are there and of which it asks for no other version.
    pub(super) fn settle(&mut self, manifest: &Manifest, now: &Scan) {
        for info in std::mem::take(&mut self.gone) {
            let (Some(site), Some((name, version))) = (info.parent(), named(&info)) else { continue };
            if self.places.contains(&site) || has_record(manifest, now, &site, &name) {
                continue;
            }
            let wanted = wanted_versions(manifest, now, &site, &name);
            let is_there = now.kind(&info) == Some(Kind::Directory);
            if wanted.contains(&version) || (wanted.is_empty() && is_there) {
                continue;
            }
            // Scripts and data of a virtual environment's distributions lie beside its library.
            if let Some(environment) = site.ancestors().nth(3).filter(|top| now.seen(&top.join("pyvenv.cfg")).is_some())
            {
                self.places.extend(["bin", "share", "etc"].map(|name| environment.join(name)));
            }
            self.places.insert(site);
        }
    }

    /// Whether a file lies beside them, and may be of any version.
    pub(super) fn may_own(&self, path: &TargetPath) -> bool {
        self.places.iter().any(|place| path.is_below(place))
    }
}

/// Whether a distribution of this name has a RECORD that can be believed.
fn has_record(manifest: &Manifest, now: &Scan, site: &TargetPath, name: &str) -> bool {
    let of_name = now.entries(site).filter(|info| named(info).is_some_and(|(other, _)| other == name));
    let is_read = |record: &TargetPath| {
        now.seen(record).is_some_and(|seen| matches!(seen.content, Some(SeenContent::Read { .. })))
    };
    let mut records = of_name.map(|info| info.join("RECORD")).filter(is_read);
    records.any(|record| !manifest.broken.iter().any(|broken| broken.host == now.host && broken.path == record))
}

/// The versions of a distribution that the definition asks for and that are not there.
fn wanted_versions(manifest: &Manifest, now: &Scan, site: &TargetPath, name: &str) -> BTreeSet<String> {
    let by_definition = |artifact: &Artifact| artifact.authority == Authority::Definition;
    let mut wanted = BTreeSet::new();
    let mut from = site.within(b"\x01");
    while let Some(path) = manifest.artifacts.next(&now.host, &from)
        && let Some(rest) = path.relative_to(site)
    {
        let entry = site.within(rest.split(|&byte| byte == b'/').next().unwrap_or_default());
        let of_name = named(&entry).filter(|(other, _)| other == name);
        if let Some((_, version)) = of_name
            && manifest.artifacts.on(&now.host, &entry).iter().any(by_definition)
        {
            wanted.insert(version);
        }
        from = entry.after_all_below();
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::artifact::{Durability, Expected, Mend, Ownership, Vigilance};
    use crate::model::manifest::{Broken, Definition, Evaluation, Proof};
    use crate::model::observation::{Failure, Seen, Sighting};

    const SITE: &str = "/env/lib/python3.11/site-packages";

    fn scan(site_time: i64, names: &[&str]) -> Scan {
        let mut scan = Scan::new("h".into(), 0);
        let mut add = |path: TargetPath, seen: Seen| scan.observations.insert(path, Sighting::Present(Box::new(seen)));
        let site = TargetPath::new(SITE);
        for name in names {
            add(site.join(name), Seen::new(Kind::Directory));
            let content = SeenContent::Read { digests: Vec::new(), captured: None, closer: None };
            add(site.join(format!("{name}/RECORD")), Seen { content: Some(content), ..Seen::new(Kind::File) });
        }
        add(site, Seen { mtime: site_time, listed: true, ..Seen::new(Kind::Directory) });
        scan
    }

    fn is_lost(before: &Scan, now: &Scan, manifest: &Manifest) -> bool {
        let mut lost = LostDistributions::default();
        for (path, _) in &before.observations {
            if now.seen(&path).is_none() {
                lost.note(&path, before, now);
            }
        }
        lost.settle(manifest, now);
        assert!(!lost.may_own(&TargetPath::new("/env/lib/other.py")));
        lost.may_own(&TargetPath::new(SITE).join("django/apps.py"))
    }

    fn manifest() -> Manifest {
        Manifest::new(Definition::new("batou", "e", Evaluation::Exact))
    }

    #[test]
    fn a_new_name_tells_that_something_was_installed_though_the_directory_has_the_time_of_before() {
        let before = scan(1, &["Django-4.2.16.dist-info"]);
        let with = |name: &str| {
            let mut now = scan(1, &[]);
            now.observations
                .insert(TargetPath::new(SITE).join(name), Sighting::Present(Box::new(Seen::new(Kind::File))));
            now
        };
        assert!(is_lost(&before, &with("Django-5.0.9.dist-info"), &manifest()));
        assert!(!is_lost(&before, &with("other-1.0.dist-info"), &manifest()), "of that one nothing was installed");
    }

    #[test]
    fn a_distribution_without_its_record_may_have_been_upgraded() {
        let before = scan(1, &["Django-4.2.dist-info", "other-1.dist-info"]);
        assert!(is_lost(&before, &scan(2, &["other-1.dist-info"]), &manifest()));
        // Nothing was installed since: it is the version that the baseline had.
        assert!(!is_lost(&before, &scan(1, &["other-1.dist-info"]), &manifest()));
    }

    #[test]
    fn one_that_has_another_record_was_upgraded_and_tells_itself_unless_that_is_damaged() {
        let (before, now) = (scan(1, &["Django-4.2.dist-info"]), scan(2, &["django-5.0.dist-info"]));
        let mut manifest = manifest();
        assert!(!is_lost(&before, &now, &manifest));
        let mend = manifest.add_mend(Mend::new(Vigilance::Content, Vigilance::Nothing));
        manifest.broken.push(Broken {
            host: "h".into(),
            unit: "h/env".into(),
            path: TargetPath::new(SITE).join("django-5.0.dist-info/RECORD"),
            mend,
            evidence: "zeros".into(),
            expected: None,
            proof: Proof::Record,
        });
        assert!(is_lost(&before, &now, &manifest));
    }

    #[test]
    fn one_whose_record_cannot_be_read_tells_nothing() {
        let (before, mut now) = (scan(1, &["Django-4.2.dist-info"]), scan(2, &["Django-5.0.dist-info"]));
        let failed = SeenContent::Failed(Failure { errno: 5, text: "input/output error".into() });
        let record = TargetPath::new(SITE).join("Django-5.0.dist-info/RECORD");
        now.observations.update(&record, |seen| seen.content = Some(failed));
        assert!(is_lost(&before, &now, &manifest()));
    }

    #[test]
    fn one_that_lost_only_its_record_is_the_same_version_unless_another_is_asked_for() {
        let before = scan(1, &["Django-4.2.dist-info"]);
        let mut now = scan(2, &[]);
        let directory = Seen { listed: true, ..Seen::new(Kind::Directory) };
        let info = TargetPath::new(SITE).join("Django-4.2.dist-info");
        now.observations.insert(info, Sighting::Present(Box::new(directory)));
        assert!(!is_lost(&before, &now, &manifest()));
        assert!(is_lost(&before, &now, &asking_for("django-5.0.dist-info", Authority::Definition)));
    }

    #[test]
    fn one_of_which_the_definition_asks_for_the_old_version_is_that() {
        let (before, now) = (scan(1, &["Django-4.2.dist-info"]), scan(2, &[]));
        let rows = [
            ("django-4.2.dist-info", Authority::Definition, false),
            ("django-5.0.dist-info", Authority::Definition, true),
            // What somebody derives from a name that is there is no wish.
            ("Django-4.2.dist-info/RECORD", Authority::Definition, true),
            ("Django-4.2.dist-info", Authority::Baseline, true),
        ];
        for (asked, authority, lost) in rows {
            assert_eq!(is_lost(&before, &now, &asking_for(asked, authority)), lost, "{asked}");
        }
    }

    /// A manifest that expects this directory.
    fn asking_for(directory: &str, authority: Authority) -> Manifest {
        let mut manifest = manifest();
        let mend = manifest.add_mend(Mend::new(Vigilance::Content, Vigilance::Nothing));
        manifest.artifacts.push(Artifact {
            host: "h".into(),
            path: TargetPath::new(SITE).join(directory),
            unit: "h/env".into(),
            expected: Expected::Directory { ownership: Ownership::Shared },
            mode: None,
            owner: None,
            group: None,
            authority,
            durability: Durability::Reproducible,
            mend,
            secret: false,
            origin: None,
        });
        manifest
    }
}
