//! Findings with one cause: told in one line, with the rule that would ignore them. Pure.
//!
//! What a group proves, one file does not: 785 changed files of one package, all of them plausible and below one
//! directory whose own metadata names another version, are no corruption but a package that was replaced on purpose.
//! Files whose blocks show damage are never part of a group.

use crate::model::artifact::Authority;
use crate::model::finding::{Class, Damage, Finding, Findings};
use crate::model::group::{Cause, Group};
use crate::model::observation::Scan;
use crate::model::path::TargetPath;
use crate::model::unit::{HostName, UnitId};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer findings than this are told one by one.
const FEW: usize = 5;

/// Finds groups, and lets what was replaced on purpose be drift.
pub fn group(findings: &mut Findings, scans: &[Scan]) {
    if let Some(all) = absent(findings) {
        findings.groups = vec![all];
        return;
    }
    let mut groups = Vec::new();
    let mut units: BTreeMap<(HostName, UnitId), Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.findings.iter().enumerate() {
        units.entry((finding.host.clone(), finding.unit.clone())).or_default().push(index);
    }
    for ((host, unit), members) in units {
        let scan = scans.iter().find(|scan| scan.host == host);
        let all = &findings.findings;
        let found = scan.and_then(|scan| upgraded(scan, all, &members).or_else(|| replaced(scan, all, &members)));
        let found = found.or_else(|| revision(all, &members));
        if let Some((cause, directory, members)) = found {
            groups.push(told(findings, (host, unit), (cause, directory), &members));
        }
    }
    groups.extend(certificates(findings));
    groups.sort_by(|a, b| (&a.host, &a.directory).cmp(&(&b.host, &b.directory)));
    findings.groups = groups;
}

/// A deployment of which nothing is there that can be checked. Whether it ever was cannot be told, so that it stays damage.
fn absent(findings: &mut Findings) -> Option<Group> {
    let all = &findings.findings;
    let first = all.first().filter(|_| all.len() >= FEW && findings.intact == 0)?;
    let is_gone = |finding: &Finding| finding.host == first.host && finding.damage == Damage::Missing;
    if !all.iter().all(is_gone) {
        return None;
    }
    let directory = common(all.iter().map(|finding| &finding.path))?;
    let (place, members) = ((first.host.clone(), first.unit.clone()), (0..all.len()).collect::<Vec<_>>());
    Some(told(findings, place, (Cause::Absent, directory), &members))
}

type Found = (Cause, TargetPath, Vec<usize>);

/// A distribution of a package in whose place pip put another version, whose RECORD proves it. What that does not explain
/// stays what it is.
fn upgraded(scan: &Scan, all: &[Finding], members: &[usize]) -> Option<Found> {
    let upgrades = &scan.packages.as_ref()?.upgrades;
    upgrades.iter().find_map(|upgrade| {
        let explained = |index: &usize| {
            let finding = &all[*index];
            finding.authority == Authority::Vendor && upgrade.paths.contains(&finding.path)
        };
        let explained: Vec<usize> = members.iter().copied().filter(explained).collect();
        let cause = Cause::Upgraded { by: upgrade.by.clone() };
        (!explained.is_empty()).then(|| (cause, upgrade.directory.clone(), explained))
    })
}

/// A part of a package that was replaced by another version of itself: its files are plausible, and lie below the
/// directory of metadata that names a version.
fn replaced(scan: &Scan, all: &[Finding], members: &[usize]) -> Option<Found> {
    let vendor: Vec<usize> = members
        .iter()
        .copied()
        .filter(|index| all[*index].authority == Authority::Vendor && is_plausible(&all[*index].damage))
        .collect();
    let named = |index: &usize| Some((all[*index].path.parent()?, version(scan, &all[*index])?));
    let places: BTreeMap<TargetPath, String> = vendor.iter().filter_map(named).collect();
    // The outermost directory with metadata of its own stands for those of what it bundles.
    places.into_iter().find_map(|(directory, version)| {
        let below: Vec<usize> = vendor.iter().copied().filter(|index| all[*index].path.is_below(&directory)).collect();
        let damaged =
            members.iter().any(|index| all[*index].path.is_below(&directory) && !is_plausible(&all[*index].damage));
        (below.len() >= FEW && !damaged).then_some((Cause::Replaced { by: version }, directory, below))
    })
}

/// Damage that is none if somebody meant it: nothing in it looks like lost writes.
fn is_plausible(damage: &Damage) -> bool {
    matches!(
        damage,
        Damage::Missing
            | Damage::Edited
            | Damage::Changed
            | Damage::WrongMode
            | Damage::WrongOwner
            | Damage::WrongKind
            | Damage::WrongTarget
    )
}

/// The version that a package's own metadata tells, where it is one of the files that differ: `package.json` (npm),
/// `PKG-INFO` and `METADATA` (Python, PEP 566).
fn version(scan: &Scan, finding: &Finding) -> Option<String> {
    let seen = scan.seen(&finding.path)?;
    let text = seen.closer()?.bytes.as_ref()?.text()?;
    match finding.path.name() {
        b"package.json" => {
            let metadata: serde_json::Value = serde_json::from_str(text).ok()?;
            Some(format!("{} {}", metadata.get("name")?.as_str()?, metadata.get("version")?.as_str()?))
        }
        b"METADATA" | b"PKG-INFO" => {
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            Some(format!("{} {}", field("Name:")?, field("Version:")?))
        }
        _ => None,
    }
}

/// Another revision of the definition that is deployed.
fn revision(all: &[Finding], members: &[usize]) -> Option<Found> {
    let mut revisions: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for index in members {
        if let Damage::NotDeployed { revision } = &all[*index].damage {
            revisions.entry(revision).or_default().push(*index);
        }
    }
    let (revision, members) = revisions.into_iter().max_by_key(|(_, members)| members.len())?;
    let directory = common(members.iter().map(|index| &all[*index].path))?;
    (members.len() >= FEW).then(|| (Cause::Revision { revision: revision.to_owned() }, directory, members))
}

/// Lists of certificates to which the same local one was appended.
fn certificates(findings: &mut Findings) -> Vec<Group> {
    let mut appended: BTreeMap<(HostName, String), Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.findings.iter().enumerate() {
        let list = finding.path.as_bytes().ends_with(b".pem") || finding.path.as_bytes().ends_with(b".crt");
        let text = finding.live.as_ref().and_then(|live| live.text());
        let last = text.and_then(|text| text.rsplit("-----BEGIN CERTIFICATE-----").next());
        if let (true, Damage::Edited, Some(last)) = (list, &finding.damage, last)
            && text.is_some_and(|text| text.matches("-----BEGIN CERTIFICATE-----").count() > 1)
        {
            appended.entry((finding.host.clone(), last.trim().to_owned())).or_default().push(index);
        }
    }
    let several = appended.into_iter().filter(|(_, members)| members.len() > 1);
    let several: Vec<_> = several.collect();
    several
        .into_iter()
        .filter_map(|((host, _), members)| {
            let directory = common(members.iter().map(|index| &findings.findings[*index].path))?;
            let unit = findings.findings[*members.first()?].unit.clone();
            Some(told(findings, (host, unit), (Cause::Certificate, directory), &members))
        })
        .collect()
}

/// The deepest directory that all lie below.
fn common<'a>(mut paths: impl Iterator<Item = &'a TargetPath>) -> Option<TargetPath> {
    let first = paths.next()?.parent()?;
    paths.try_fold(first, |directory, path| directory.ancestors().find(|above| path.is_below(above)))
}

/// Globs for what paths have directly below a directory.
fn tops(directory: &TargetPath, paths: &BTreeSet<TargetPath>) -> Vec<String> {
    let mut globs = BTreeSet::new();
    for path in paths {
        let below = path.relative_to(directory).and_then(|rest| rest.split(|&byte| byte == b'/').next());
        let top = below.map(|name| directory.within(name)).filter(|top| top != path);
        globs.insert(top.map_or_else(|| path.to_string(), |top| format!("{top}/**")));
    }
    globs.into_iter().collect()
}

/// The group of some findings, which are drift from now on if somebody meant them.
fn told(
    findings: &mut Findings,
    (host, unit): (HostName, UnitId),
    (cause, directory): (Cause, TargetPath),
    members: &[usize],
) -> Group {
    let meant = matches!(cause, Cause::Replaced { .. } | Cause::Upgraded { .. } | Cause::Certificate);
    let mut paths = BTreeSet::new();
    for index in members {
        let finding = &mut findings.findings[*index];
        paths.insert(finding.path.clone());
        if meant && finding.class == Class::Damage {
            finding.class = Class::Drift;
            finding.evidence.push(cause.sentence());
        }
    }
    let globs = match cause {
        Cause::Replaced { .. } => vec![format!("{directory}/**")],
        // Others have their files beside them.
        Cause::Upgraded { .. } => tops(&directory, &paths),
        Cause::Certificate => paths.iter().map(ToString::to_string).collect(),
        // Deploying is the answer, not ignoring.
        Cause::Revision { .. } | Cause::Absent => Vec::new(),
    };
    let ids = members.iter().map(|index| findings.findings[*index].id.clone()).collect();
    Group { host, unit, directory, cause, findings: ids, ignore: globs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::artifact::Durability;
    use crate::model::content::Blob;
    use crate::model::finding::Certainty;
    use crate::model::observation::{Closer, Kind, Seen, SeenContent, Sighting};

    fn finding(number: usize, path: &str, damage: Damage) -> Finding {
        Finding {
            id: format!("f{number}"),
            host: "h".into(),
            unit: "h!dpkg:nodejs".into(),
            path: TargetPath::new(path),
            damage,
            class: Class::Damage,
            certainty: Certainty::Proved,
            evidence: Vec::new(),
            authority: Authority::Vendor,
            durability: Durability::Reproducible,
            mend: None,
            expected: None,
            expected_mode: None,
            secret: false,
            live: None,
            size: None,
            blocks: Vec::new(),
            origin: None,
        }
    }

    fn scan(path: &str, text: &str) -> Scan {
        let closer = Closer { text: true, utf8: true, bytes: Some(Blob::from(text)), ..Closer::default() };
        let content = SeenContent::Read { digests: Vec::new(), captured: None, closer: Some(Box::new(closer)) };
        let seen = Seen { mode: 0o644, size: text.len() as u64, content: Some(content), ..Seen::new(Kind::File) };
        let mut scan = Scan::new("h".into(), 0);
        scan.observations.insert(TargetPath::new(path), Sighting::Present(Box::new(seen)));
        scan
    }

    const METADATA: &str = "/usr/lib/node_modules/npm/package.json";

    fn npm(extra: Finding) -> Findings {
        let mut all = vec![finding(1, METADATA, Damage::Edited), extra];
        let paths = (2..8).map(|n| format!("/usr/lib/node_modules/npm/lib/{n}.js"));
        all.extend(paths.enumerate().map(|(n, path)| finding(n + 3, &path, Damage::Changed)));
        Findings { findings: all, ..Findings::default() }
    }

    #[test]
    fn a_deployment_of_which_nothing_is_there_is_one_cause_and_stays_damage() {
        let all: Vec<Finding> = (0..6).map(|n| finding(n, &format!("/srv/app/eggs/{n}"), Damage::Missing)).collect();
        let mut findings = Findings { findings: all, ..Findings::default() };
        group(&mut findings, &[]);
        let [one] = findings.groups.as_slice() else { panic!("{:?}", findings.groups) };
        assert_eq!((&one.cause, one.findings.len()), (&Cause::Absent, 6));
        assert_eq!(one.directory, TargetPath::new("/srv/app/eggs"));
        assert!(findings.findings.iter().all(|one| one.class == Class::Damage));

        findings.intact = 1;
        group(&mut findings, &[]);
        assert!(findings.groups.is_empty(), "something is there: then each is lost by itself");
    }

    #[test]
    fn a_package_that_was_replaced_in_place_is_one_cause_and_drift() {
        let mut findings = npm(finding(2, "/usr/bin/node", Damage::Random));
        group(&mut findings, &[scan(METADATA, "{\"name\": \"npm\", \"version\": \"11.19.1\"}")]);
        let [one] = findings.groups.as_slice() else { panic!("{:?}", findings.groups) };
        assert_eq!(one.cause, Cause::Replaced { by: "npm 11.19.1".into() });
        assert_eq!(one.findings.len(), 7);
        assert_eq!(one.ignore, ["/usr/lib/node_modules/npm/**"]);
        let damaged: Vec<&TargetPath> =
            findings.findings.iter().filter(|one| one.class == Class::Damage).map(|one| &one.path).collect();
        assert_eq!(damaged, [&TargetPath::new("/usr/bin/node")], "what lies elsewhere stays damage");
    }

    #[test]
    fn one_file_with_damaged_blocks_speaks_against_a_replacement() {
        let mut findings = npm(finding(2, "/usr/lib/node_modules/npm/lib/x.js", Damage::Zeroed));
        group(&mut findings, &[scan(METADATA, "{\"name\": \"npm\", \"version\": \"11.19.1\"}")]);
        assert_eq!(findings.groups, []);
        assert!(findings.findings.iter().all(|one| one.class == Class::Damage));
    }

    #[test]
    fn without_metadata_of_another_version_nothing_is_assumed() {
        let mut findings = npm(finding(2, "/usr/bin/node", Damage::Random));
        group(&mut findings, &[scan(METADATA, "not JSON")]);
        assert_eq!(findings.groups, []);
    }

    #[test]
    fn an_authority_that_was_appended_to_several_lists_is_one_cause() {
        let text = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nours\n";
        let list =
            |number, path: &str| Finding { live: Some(Blob::from(text)), ..finding(number, path, Damage::Edited) };
        let all = vec![list(1, "/usr/lib/a/cacert.pem"), list(2, "/usr/lib/b/cacert.pem")];
        let mut findings = Findings { findings: all, ..Findings::default() };
        group(&mut findings, &[Scan::new("h".into(), 0)]);
        let [one] = findings.groups.as_slice() else { panic!("{:?}", findings.groups) };
        assert_eq!((&one.cause, one.findings.len()), (&Cause::Certificate, 2));
        assert!(findings.findings.iter().all(|one| one.class == Class::Drift));
    }
}
