//! The incident around the findings: what is at risk, and the time line. Pure.

use crate::model::finding::{Class, Findings};
use crate::model::incident::{AtRisk, Event, Happening, Touched, Window};
use crate::model::observation::{Kind, Scan, Seen};
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoints;
use crate::model::unit::HostName;
use std::borrow::Cow;

/// What nothing can vouch for and was touched in the window, sorted by host and path.
pub fn at_risk(window: Window, scans: &[Scan], findings: &Findings) -> Vec<AtRisk> {
    let mut listed: Vec<AtRisk> = findings
        .unverified
        .iter()
        .filter_map(|unverified| {
            let path = unverified.path?;
            let scan = scan_of(scans, &unverified.host)?;
            let (touched, at) = touched(window, scan, &path)?;
            Some(AtRisk { host: unverified.host, unit: unverified.unit, path, touched, at })
        })
        .collect();
    listed.sort();
    listed.dedup_by(|a, b| (&a.host, &a.path) == (&b.host, &b.path));
    listed
}

fn scan_of<'a>(scans: &'a [Scan], host: &HostName) -> Option<&'a Scan> {
    scans.iter().find(|scan| scan.host == *host)
}

/// Which of its times lies in the window; the most telling one.
fn touched(window: Window, scan: &Scan, path: &TargetPath) -> Option<(Touched, i64)> {
    let seen = scan.seen(path);
    let inside = |touched: Touched, time: Option<i64>| Some((touched, time.filter(|time| window.contains(*time))?));
    inside(Touched::Content, seen.as_ref().map(|seen| seen.mtime))
        .or_else(|| inside(Touched::Inode, seen.as_ref().map(|seen| seen.ctime)))
        .or_else(|| inside(Touched::Directory, directory(scan, path).map(|seen| seen.mtime)))
}

fn directory<'a>(scan: &'a Scan, path: &TargetPath) -> Option<Cow<'a, Seen>> {
    scan.seen(&path.parent()?).filter(|seen| seen.kind == Kind::Directory)
}

/// How many commits are told at most.
const COMMITS: usize = 20;

/// The commits that may have been deployed in the window: those since its begin, and the one before, which was deployed when it
/// began. Without a window the latest ones.
fn deployable(window: Window, commits: &[(i64, String)]) -> &[(i64, String)] {
    let since = window.since.unwrap_or(i64::MIN);
    let within = commits.iter().position(|(at, _)| *at < since).map_or(commits.len(), |before| before + 1);
    &commits[..within.min(COMMITS)]
}

/// What happened when, oldest first. `commits` are the definition's, newest first: time, id and summary.
pub fn timeline(
    window: Window,
    scans: &[Scan],
    (findings, points): (&Findings, &RestorePoints),
    commits: &[(i64, String)],
) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut add = |at: Option<i64>, what: Happening, host: Option<&HostName>, text: String| {
        events.extend(at.map(|at| Event { at, what, host: host.cloned(), text }));
    };
    add(window.since, Happening::WindowBegin, None, String::new());
    add(window.until, Happening::WindowEnd, None, String::new());
    for (at, text) in deployable(window, commits) {
        add(Some(*at), Happening::Committed, None, text.clone());
    }
    for scan in scans {
        add(Some(scan.started_at), Happening::Scan, Some(&scan.host), String::new());
        let usable = points
            .points
            .iter()
            .filter(|point| point.host == scan.host && point.refused.is_none() && points.is_candidate(point));
        if let Some(newest) = usable.max_by_key(|point| point.taken_at) {
            let text = format!("{}, snapshot {}", newest.source, newest.snapshot);
            add(Some(newest.taken_at), Happening::LastBackup, Some(&scan.host), text);
        }
        let damaged = findings.findings.iter().filter(|one| one.host == scan.host && one.class == Class::Damage);
        let written = damaged.filter_map(|finding| Some((scan.seen(&finding.path)?.mtime, &finding.path)));
        let mut written: Vec<(i64, &TargetPath)> = written.collect();
        written.sort();
        for (at, what) in [(written.first(), Happening::FirstDamage), (written.last(), Happening::LastDamage)] {
            if let Some((at, path)) = at {
                add(Some(*at), what, Some(&scan.host), path.to_string());
            }
        }
    }
    events.sort();
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::eval::{Why, WhyKind};
    use crate::model::observation::Sighting;
    use crate::model::unverified::Unverified;

    fn seen(kind: Kind, mtime: i64, ctime: i64) -> Sighting {
        Sighting::Present(Box::new(Seen { mode: 0o644, size: 1, mtime, ctime, listed: true, ..Seen::new(kind) }))
    }

    fn risks(window: Window, directory: i64, mtime: i64, ctime: i64) -> Vec<(Touched, i64)> {
        let path = TargetPath::new("/srv/data");
        let mut scan = Scan::new("h".into(), 9);
        scan.observations.insert(TargetPath::new("/srv"), seen(Kind::Directory, directory, 0));
        scan.observations.insert(path.clone(), seen(Kind::File, mtime, ctime));
        let why = Why::new(WhyKind::NoReference, "nothing vouches for it");
        let entry = Unverified { host: "h".into(), unit: "h/web".into(), path: Some(path), why, unseen: false };
        let findings = Findings { unverified: [entry].into_iter().collect(), ..Findings::default() };
        at_risk(window, &[scan], &findings).into_iter().map(|risk| (risk.touched, risk.at)).collect()
    }

    #[test]
    fn what_was_touched_in_the_window_is_at_risk_by_its_most_telling_time() {
        let window = Window { since: Some(10), until: Some(20) };
        assert_eq!(risks(window, 15, 12, 13), [(Touched::Content, 12)]);
        assert_eq!(risks(window, 15, 5, 13), [(Touched::Inode, 13)]);
        assert_eq!(risks(window, 15, 5, 25), [(Touched::Directory, 15)]);
        assert_eq!(risks(window, 25, 5, 25), []);
        assert_eq!(risks(Window::default(), 15, 12, 13), []);
    }

    #[test]
    fn the_time_line_goes_forward() {
        let window = Window { since: Some(10), until: Some(20) };
        let commits = [(15, "abc".to_owned()), (1, "def".to_owned()), (0, "deployed long before".to_owned())];
        let scan = Scan::new("h".into(), 30);
        let events = timeline(window, &[scan], (&Findings::default(), &RestorePoints::default()), &commits);
        let order: Vec<(i64, Happening)> = events.into_iter().map(|event| (event.at, event.what)).collect();
        let expected = [
            (1, Happening::Committed),
            (10, Happening::WindowBegin),
            (15, Happening::Committed),
            (20, Happening::WindowEnd),
            (30, Happening::Scan),
        ];
        assert_eq!(order, expected);
    }
}
