//! Remedies to steps: one step per phase, host and root unit, so that an operator reads units and not files.

use super::alongside::Alongside;
use super::remedy::{Remedy, What};
use super::{Input, commands};
use crate::model::artifact::{Mend, Piece};
use crate::model::code;
use crate::model::command::Command;
use crate::model::finding::{Damage, Finding};
use crate::model::path::{TargetPath, outermost};
use crate::model::plan::{Action, Blocked, Hazard, Source, Step};
use crate::model::restore::RestorePoint;
use crate::model::unit::{Deployer, DeployerId, HostName, UnitId};
use std::collections::{BTreeMap, BTreeSet};

/// The steps, not yet ordered and numbered.
pub(super) fn fold(input: Input<'_>, remedies: &[Remedy<'_>]) -> Vec<Step> {
    let mut folding = Folding { input, alongside: Alongside::new(input, remedies), steps: Vec::new() };
    folding.rescues(remedies);
    folding.forgets(remedies);
    folding.quarantine(remedies);
    folding.removals(remedies);
    folding.metadata(remedies);
    folding.restores(remedies);
    folding.pieces(remedies);
    folding.redeploys(remedies);
    folding.put_back();
    folding.hands(remedies);
    if folding.steps.iter().any(|step| step.action != Action::Hand) {
        folding.verify();
    }
    folding.steps
}

type Place<'a> = (&'a HostName, &'a UnitId);

/// A finding, what is removed or emptied for it, and how it is made anew.
struct Removal<'r> {
    finding: &'r Finding,
    remove: &'r [TargetPath],
    empty: bool,
    mend: &'r Mend,
}

/// Why something is removed or emptied before a redeploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    /// The deployer would go further than needed: uninstall what is sound.
    Spare,
    /// The deployer would not notice the damage.
    Show,
    /// The deployer would abort.
    Unblock,
}

impl Purpose {
    fn say(self, what: &str) -> (Action, String, Option<Hazard>) {
        match self {
            Self::Spare => {
                (Action::Force, format!("{what}, or a redeploy would remove what is sound beside it, too"), None)
            }
            Self::Show => {
                let text = "the deployer checks presence, age or a marker only";
                let reason = format!("{what}, or a redeploy would not notice the damage");
                (Action::Force, reason, Some(Hazard::new(code::REDEPLOY_BLIND, text)))
            }
            Self::Unblock => {
                let text = "as it is, the deployer stops here and repairs nothing after it";
                let reason = format!("{what} on which a redeploy would abort");
                (Action::Unblock, reason, Some(Hazard::new(code::STOPS_ALL, text)))
            }
        }
    }
}

struct Folding<'a> {
    input: Input<'a>,
    alongside: Alongside<'a>,
    steps: Vec<Step>,
}

fn step(action: Action, host: Option<&HostName>, unit: &UnitId, reason: String) -> Step {
    Step {
        id: String::new(),
        wave: 0,
        host: host.cloned(),
        unit: unit.clone(),
        action,
        reason,
        findings: Vec::new(),
        needs: Vec::new(),
        hazards: Vec::new(),
        commands: Vec::new(),
        check: None,
        restores_from: None,
        blocked: None,
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn set_mode(finding: &Finding) -> Option<Command> {
    Some(commands::mode(&finding.host, finding.expected_mode?, &finding.path))
}

impl<'a> Folding<'a> {
    /// The root unit that contains a unit.
    fn root(&self, unit: &'a UnitId) -> &'a UnitId {
        self.input.manifest.lineage(unit).last().map_or(unit, |root| &root.id)
    }

    /// Copies what only memory has before anything else is done, and writes it anew.
    fn rescues(&mut self, remedies: &[Remedy<'a>]) {
        let mut by_host: BTreeMap<&HostName, Vec<(&Finding, bool)>> = BTreeMap::new();
        for remedy in remedies {
            if let What::Rescue { rewrite } = remedy.what {
                by_host.entry(&remedy.finding.host).or_default().push((remedy.finding, rewrite));
            }
        }
        for (host, group) in by_host {
            let unit = UnitId(host.0.clone());
            let directory = format!("{}-rescued", self.input.quarantine);
            let paths: Vec<TargetPath> = group.iter().map(|(finding, _)| finding.path.clone()).collect();
            let reason = format!("copy {} that only memory still has", count(paths.len(), "file"));
            let mut rescue = step(Action::Rescue, Some(host), &unit, reason);
            rescue.commands = commands::rescue(host, &directory, &paths);
            rescue.findings = group.iter().map(|(finding, _)| finding.id.clone()).collect();
            let text = format!(
                "do not reboot, unmount or drop caches before this is done; if {directory} is on the same disk, copy \
                 it to another one as well"
            );
            rescue.hazards = vec![Hazard::new(code::ONLY_COPY_IN_MEMORY, text)];
            self.steps.push(rescue);
            let mut rewritten: BTreeMap<Action, Vec<&Finding>> = BTreeMap::new();
            for (finding, _) in group.iter().filter(|(_, rewrite)| *rewrite) {
                // What is put back is written anew then.
                if self.alongside.keeps(host, &finding.path) {
                    continue;
                }
                let later = self.alongside.is_removed(host, &finding.path);
                let action = if later { Action::PutBack } else { Action::Restore };
                rewritten.entry(action).or_default().push(finding);
            }
            for (action, right) in rewritten {
                let reason = format!("write {} anew from the rescued copy", count(right.len(), "file"));
                let mut restore = step(action, Some(host), &unit, reason);
                restore.commands =
                    right.iter().flat_map(|finding| commands::rewrite(host, &directory, &finding.path)).collect();
                restore.findings = right.iter().map(|finding| finding.id.clone()).collect();
                restore.check = Some(self.input.verify.clone());
                self.steps.push(restore);
            }
        }
    }

    /// Lets the kernel forget what it has in memory of files that the disk has right.
    fn forgets(&mut self, remedies: &[Remedy<'a>]) {
        let mut groups: BTreeMap<(&HostName, Action), Vec<&Finding>> = BTreeMap::new();
        for remedy in remedies.iter().filter(|remedy| matches!(remedy.what, What::Forget)) {
            let Finding { host, path, .. } = remedy.finding;
            // What is removed has to be right before it is kept.
            let action = if self.alongside.is_removed(host, path) { Action::Rescue } else { Action::Force };
            groups.entry((host, action)).or_default().push(remedy.finding);
        }
        for ((host, action), group) in groups {
            let reason =
                format!("let the kernel read {} from the disk again, which is right", count(group.len(), "file"));
            let mut forget = step(action, Some(host), &UnitId(host.0.clone()), reason);
            forget.commands = group.iter().map(|finding| commands::forget(host, &finding.path)).collect();
            forget.findings = group.iter().map(|finding| finding.id.clone()).collect();
            let text = "a process that has one of them mapped keeps the old content until it is restarted";
            forget.hazards = vec![Hazard::new(code::STAYS_MAPPED, text)];
            forget.check = Some(self.input.verify.clone());
            self.steps.push(forget);
        }
    }

    /// Keeps what is there before anything overwrites or removes it.
    fn quarantine(&mut self, remedies: &[Remedy<'a>]) {
        let mut by_host: BTreeMap<&HostName, Vec<&Finding>> = BTreeMap::new();
        let is_kept = |Remedy { finding, what }: &&Remedy<'_>| {
            // Until a person has decided, it must not go away with what is beside it.
            let is_undecided = matches!(what, What::Hand { .. });
            what.brings() || (is_undecided && self.alongside.is_removed(&finding.host, &finding.path))
        };
        for remedy in remedies.iter().filter(is_kept) {
            let finding = remedy.finding;
            let nothing_to_keep = finding.damage.is_metadata()
                || matches!(finding.damage, Damage::Missing | Damage::Unreadable(_))
                || finding.path.as_str().is_none()
                // Some file systems give every directory the size 0.
                || (finding.size == Some(0) && finding.damage != Damage::WrongKind);
            if !nothing_to_keep {
                by_host.entry(&finding.host).or_default().push(finding);
            }
        }
        let hosts: BTreeSet<&HostName> =
            by_host.keys().copied().chain(self.alongside.hosts().map(|(host, _)| host)).collect();
        for host in hosts {
            let found = by_host.remove(host).unwrap_or_default();
            let kept = self.alongside.kept(host);
            let paths = outermost(found.iter().map(|finding| &finding.path).chain(kept));
            if paths.is_empty() {
                continue;
            }
            let reason = format!("keep {} as found, before anything overwrites it", count(paths.len(), "path"));
            let mut step = step(Action::Quarantine, Some(host), &UnitId(host.0.clone()), reason);
            step.commands = commands::quarantine(host, self.input.quarantine, &paths);
            step.findings = found.iter().map(|finding| finding.id.clone()).collect();
            self.steps.push(step);
        }
    }

    /// Puts back what no redeploy makes and had to be removed together with what is made anew.
    fn put_back(&mut self) {
        for (host, of_host) in self.alongside.hosts().filter(|(_, of_host)| !of_host.kept.is_empty()) {
            let accused = of_host.accused;
            let sound = of_host.kept.len() - accused;
            let reason = match (sound, accused) {
                (_, 0) => format!("put back {} that no redeploy makes", count(sound, "sound path")),
                (0, _) => format!("put back {} that no redeploy makes, as found", count(accused, "path")),
                (_, _) => {
                    let (sound, accused) = (count(sound, "sound path"), count(accused, "other"));
                    format!("put back {sound} that no redeploy makes, and {accused} as found")
                }
            };
            let mut step = step(Action::PutBack, Some(host), &UnitId(host.0.clone()), reason);
            let back = |path| commands::put_back(host, self.input.quarantine, path);
            step.commands = of_host.kept.iter().flat_map(back).collect();
            let modes = of_host.mended.iter().filter(|finding| finding.damage == Damage::WrongMode);
            step.commands.extend(modes.filter_map(|finding| set_mode(finding)));
            step.findings = of_host.mended.iter().map(|finding| finding.id.clone()).collect();
            self.steps.push(step);
        }
    }

    /// Removes or empties what makes the deployer abort, what hides the damage from it, and what would make it do more
    /// than is needed.
    fn removals(&mut self, remedies: &[Remedy<'a>]) {
        let mut groups: BTreeMap<(Purpose, Place<'a>), Vec<Removal<'_>>> = BTreeMap::new();
        for remedy in remedies {
            if let What::Redeploy { remove, empty, aborts, mend, .. } = &remedy.what
                && (*empty || !remove.is_empty())
            {
                let finding = remedy.finding;
                let purpose = match finding.damage {
                    _ if *aborts => Purpose::Unblock,
                    Damage::Missing if *empty => Purpose::Spare,
                    _ => Purpose::Show,
                };
                let place = (&finding.host, self.root(&finding.unit));
                groups.entry((purpose, place)).or_default().push(Removal { finding, remove, empty: *empty, mend });
            }
        }
        for ((purpose, (host, unit)), group) in groups {
            let paths = outermost(group.iter().flat_map(|one| one.remove.iter()));
            let emptied: BTreeMap<&TargetPath, &Damage> =
                group.iter().filter(|one| one.empty).map(|one| (&one.finding.path, &one.finding.damage)).collect();
            let mut what = Vec::new();
            if !paths.is_empty() {
                what.push(format!("remove {}", count(paths.len(), "path")));
            }
            if !emptied.is_empty() {
                what.push(format!("put an empty file at {}", count(emptied.len(), "path")));
            }
            let what = what.join(" and ");
            let (action, reason, hazard) = purpose.say(&what);
            let mut step = step(action, Some(host), unit, reason);
            step.findings = group.iter().map(|one| one.finding.id.clone()).collect();
            step.hazards = hazards(group.iter().map(|one| one.mend), hazard);
            step.blocked = self.data_in_the_way(host, &paths, group.iter().map(|one| one.mend));
            step.commands = commands::remove(host, &paths);
            step.commands.extend(emptied.into_iter().flat_map(|(path, damage)| match damage {
                // What was in its place is removed before.
                Damage::Missing | Damage::WrongKind => commands::make_empty(host, path),
                _ => commands::empty(host, path),
            }));
            self.steps.push(step);
        }
    }

    /// A removal, or what the deployer removes because of it, must not take along declared data, or what cannot be kept.
    fn data_in_the_way<'m>(
        &self,
        host: &HostName,
        paths: &[TargetPath],
        mends: impl Iterator<Item = &'m Mend>,
    ) -> Option<Blocked> {
        let replaced: Vec<&TargetPath> = mends.flat_map(|mend| &mend.replaces).collect();
        let data = self.input.manifest.data.iter().filter(|data| data.host == *host);
        let hit = data
            .into_iter()
            .find(|data| paths.iter().chain(replaced.iter().copied()).any(|path| data.path.is_below(path)));
        let Some(hit) = hit else {
            return self.alongside.in_the_way(host, paths.iter().chain(replaced.iter().copied()));
        };
        let waiting_on = format!("{} is declared data and would be deleted; move it away first", hit.path);
        Some(Blocked { waiting_on })
    }

    /// A deployer that removes declared data because something beside it is gone must not be run.
    fn data_replaced(&self, id: &DeployerId, remedies: &[Remedy<'a>]) -> Option<Blocked> {
        remedies.iter().find_map(|remedy| match &remedy.what {
            What::Redeploy { deployer, replaces: true, mend, .. } if deployer == id => {
                self.data_in_the_way(&remedy.finding.host, &[], std::iter::once(*mend))
            }
            _ => None,
        })
    }

    fn metadata(&mut self, remedies: &[Remedy<'a>]) {
        let mut groups: BTreeMap<(Action, Place<'a>), Vec<&Finding>> = BTreeMap::new();
        for remedy in remedies.iter().filter(|remedy| matches!(remedy.what, What::Metadata)) {
            let Finding { host, path, unit, .. } = remedy.finding;
            // What is put back gets its mode then.
            if self.alongside.keeps(host, path) {
                continue;
            }
            let later = self.alongside.is_removed(host, path);
            let action = if later { Action::PutBack } else { Action::Force };
            groups.entry((action, (host, self.root(unit)))).or_default().push(remedy.finding);
        }
        for ((action, (host, unit)), group) in groups {
            let reason = format!("set {}; a redeploy would not", count(group.len(), "mode"));
            let mut step = step(action, Some(host), unit, reason);
            step.commands = group.iter().filter_map(|finding| set_mode(finding)).collect();
            step.findings = group.iter().map(|finding| finding.id.clone()).collect();
            self.steps.push(step);
        }
    }

    fn restores(&mut self, remedies: &[Remedy<'a>]) {
        type Key<'a> = (Action, &'a HostName, &'a UnitId, &'a str, &'a str);
        let mut groups: BTreeMap<Key<'_>, Vec<(&Finding, &RestorePoint, bool)>> = BTreeMap::new();
        let mut skipped: BTreeSet<(String, String)> = BTreeSet::new();
        for remedy in remedies {
            if let What::Restore { point, proved, passed_over } = &remedy.what {
                let unit = self.root(&remedy.finding.unit);
                // Into a place that is made anew, it can only come afterwards.
                let later = self.alongside.is_removed(&remedy.finding.host, &remedy.finding.path);
                let action = if later { Action::PutBack } else { Action::Restore };
                let key = (action, &remedy.finding.host, unit, point.source.as_str(), point.snapshot.as_str());
                groups.entry(key).or_default().push((remedy.finding, point, *proved));
                skipped.extend(passed_over.iter().map(|version| (version.snapshot.clone(), version.reason.clone())));
            }
        }
        for ((action, host, unit, source, snapshot), group) in groups {
            self.restore((action, host, unit), (source, snapshot), &group, &skipped);
        }
    }

    fn restore(
        &mut self,
        (action, host, unit): (Action, &HostName, &UnitId),
        (source, snapshot): (&str, &str),
        group: &[(&Finding, &RestorePoint, bool)],
        skipped: &BTreeSet<(String, String)>,
    ) {
        let tops = outermost(group.iter().map(|(finding, ..)| &finding.path));
        let proved = group.iter().all(|(_, _, proved)| *proved);
        let reason = format!("bring back {} from the backup {snapshot}", count(tops.len(), "path"));
        let mut step = step(action, Some(host), unit, reason);
        step.findings = group.iter().map(|(finding, ..)| finding.id.clone()).collect();
        for (finding, point, _) in group.iter().filter(|(finding, ..)| tops.contains(&finding.path)) {
            step.commands.extend(commands::restore(host, point, &finding.path));
            let one = commands::compare(host, point, &finding.path);
            // One command shows it for one path; for several only looking again does.
            step.check = Some(if tops.len() == 1 { one } else { self.input.verify.clone() });
        }
        if !proved {
            let text = format!("whatever was written to it after {snapshot} is lost");
            step.hazards.push(Hazard::new(code::LOSES_DATA, text));
        }
        for (snapshot, why) in skipped {
            step.hazards.push(Hazard::new(code::BACKUP_DAMAGED, format!("{snapshot} was passed over: {why}")));
        }
        let taken_at = group.iter().map(|(_, point, _)| point.taken_at).min().unwrap_or(0);
        let (source, snapshot) = (source.to_owned(), snapshot.to_owned());
        step.restores_from = Some(Source { source, snapshot, taken_at, proved });
        self.steps.push(step);
    }

    /// Single files from something that is there: a repository.
    fn pieces(&mut self, remedies: &[Remedy<'a>]) {
        let mut groups: BTreeMap<(&HostName, &UnitId, &Piece), Vec<&Finding>> = BTreeMap::new();
        for remedy in remedies {
            if let What::Piece(piece) = remedy.what {
                groups.entry((&remedy.finding.host, &remedy.finding.unit, piece)).or_default().push(remedy.finding);
            }
        }
        for ((host, unit, piece), group) in groups {
            let paths: Vec<TargetPath> = group.iter().map(|finding| finding.path.clone()).collect();
            let tool = piece.argv.first().map_or("it", String::as_str);
            let reason = format!("{tool} makes {} anew", count(paths.len(), "file"));
            let mut step = step(Action::Restore, Some(host), unit, reason);
            step.commands = commands::remove(host, &paths);
            step.commands.extend(commands::pieces(host, piece, &paths));
            step.findings = group.iter().map(|finding| finding.id.clone()).collect();
            step.check = Some(self.input.verify.clone());
            self.steps.push(step);
        }
    }

    fn redeploys(&mut self, remedies: &[Remedy<'a>]) {
        let mut groups: BTreeMap<&DeployerId, Vec<(&Finding, &Mend)>> = BTreeMap::new();
        for remedy in remedies {
            if let What::Redeploy { deployer, mend, .. } = &remedy.what {
                groups.entry(deployer).or_default().push((remedy.finding, mend));
            }
        }
        for (id, group) in groups {
            let Some(deployer) = self.input.manifest.deployers.iter().find(|deployer| deployer.id == *id) else {
                continue;
            };
            let units: BTreeSet<&UnitId> = group.iter().map(|(finding, _)| self.root(&finding.unit)).collect();
            let names: Vec<&str> = units.iter().map(|unit| &*unit.0).collect();
            let reason = format!("{} makes {} anew", deployer.tool, names.join(", "));
            let hosts: BTreeSet<&HostName> = group.iter().map(|(finding, _)| &finding.host).collect();
            let host = if hosts.len() == 1 { hosts.first().copied() } else { None };
            let mut step = step(action_of(deployer), host, &UnitId(id.0.clone()), reason);
            step.findings = group.iter().map(|(finding, _)| finding.id.clone()).collect();
            step.hazards = hazards(group.iter().map(|(_, mend)| *mend), []);
            step.commands.clone_from(&deployer.commands);
            let mended: BTreeSet<&UnitId> = group.iter().map(|(finding, _)| &finding.unit).collect();
            let parts = mended.into_iter().filter_map(|unit| deployer.parts.get(unit));
            if deployer.one_by_one {
                step.commands.extend(parts.flatten().cloned());
            } else {
                step.commands.extend(commands::joined(parts.flatten()));
            }
            step.check = Some(self.input.verify.clone());
            step.blocked = blocked_by(remedies, &hosts).or_else(|| self.data_replaced(id, remedies));
            self.steps.push(step);
        }
    }

    fn hands(&mut self, remedies: &[Remedy<'a>]) {
        let mut groups: BTreeMap<(Place<'a>, &str), Vec<&Finding>> = BTreeMap::new();
        for remedy in remedies {
            if let What::Hand { reason, .. } = &remedy.what {
                let place = (&remedy.finding.host, self.root(&remedy.finding.unit));
                groups.entry((place, reason)).or_default().push(remedy.finding);
            }
        }
        for (((host, unit), reason), group) in groups {
            let mut step = step(Action::Hand, Some(host), unit, format!("{}: {reason}", count(group.len(), "path")));
            step.findings = group.iter().map(|finding| finding.id.clone()).collect();
            self.steps.push(step);
        }
    }

    fn verify(&mut self) {
        let unit = UnitId::from(self.input.manifest.definition.environment.clone());
        let mut step = step(Action::Verify, None, &unit, "must find nothing more".to_owned());
        step.commands = vec![self.input.verify.clone()];
        self.steps.push(step);
    }
}

/// Programs that are told which units to make anew install packages: everything else stands on them.
fn action_of(deployer: &Deployer) -> Action {
    if deployer.parts.is_empty() { Action::Redeploy } else { Action::Reinstall }
}

/// A redeploy that would abort on what a person has still to decide is blocked by that.
fn blocked_by(remedies: &[Remedy<'_>], hosts: &BTreeSet<&HostName>) -> Option<Blocked> {
    let blocking = remedies.iter().find(|remedy| {
        matches!(remedy.what, What::Hand { blocks: true, .. }) && hosts.contains(&remedy.finding.host)
    })?;
    let waiting_on = format!("{} must be decided first: the deployer aborts on it", blocking.finding.path);
    Some(Blocked { waiting_on })
}

fn hazards<'m>(mends: impl Iterator<Item = &'m Mend>, more: impl IntoIterator<Item = Hazard>) -> Vec<Hazard> {
    let all: BTreeSet<Hazard> = mends.flat_map(|mend| mend.hazards.iter().cloned()).chain(more).collect();
    all.into_iter().collect()
}
