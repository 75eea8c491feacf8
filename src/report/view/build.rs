//! Model to view: pure, and the only place that decides what leaves the program.

use super::{
    AtRiskView, Blocks, CommandView, DefinitionView, DiagnosticView, EventView, ExcerptView, FORMAT_VERSION,
    FindingView, GroupView, HazardView, HostView, Incident, Kind, Observed, PlaceView, RestoreView, RunView, Source,
    SourceLine, StepView, Summary, UnitView, Verdict, View,
};
use crate::model::artifact::{Content, Durability, Expected};
use crate::model::command::{Command, Place};
use crate::model::content::Algorithm;
use crate::model::diagnostic::{Diagnostic, Severity};
use crate::model::finding::{Class, Damage, Finding, Findings};
use crate::model::group::Group;
use crate::model::hasher::digest_of;
use crate::model::incident::{AtRisk, Event};
use crate::model::manifest::Manifest;
use crate::model::observation::{BLOCK, Run};
use crate::model::origin::Origin;
use crate::model::path::TargetPath;
use crate::model::plan::{Action, Plan, Step};
use crate::model::unit::{HostName, UnitId};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::{BTreeMap, BTreeSet};

/// What a view says that neither manifest nor findings nor plan know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// The deployment's name: stable between runs and machines, as ticket fingerprints are made of it.
    pub deployment: String,
    /// The time of the run, nanoseconds since 1970 UTC.
    pub created_at: i64,
    /// When the first scan began, nanoseconds since 1970 UTC.
    pub scanned_at: Option<i64>,
    /// Digest over the observations.
    pub observations_digest: String,
    /// Through what the live tree was seen.
    pub source: Source,
    /// The incident window.
    pub incident: Option<Incident>,
    /// What happened when, oldest first.
    pub timeline: Vec<Event>,
    /// How many packaged paths of each host are as they should be: no artifact stands for them.
    pub packaged: BTreeMap<HostName, u64>,
    /// Hosts that were not seen, with the reason.
    pub unseen: BTreeMap<HostName, String>,
    /// Owners by root unit, from the settings.
    pub owners: BTreeMap<UnitId, String>,
}

impl View {
    /// The view of a run.
    pub fn new(manifest: &Manifest, found: &Findings, plan: &Plan, meta: &Meta, kind: Kind) -> Self {
        let findings: Vec<FindingView> = found.findings.iter().map(finding).collect();
        let codes = found.findings.iter().map(|finding| (finding.id.as_str(), finding.damage.code())).collect();
        let steps: Vec<StepView> = plan.steps.iter().map(|one| step(one, &codes)).collect();
        let definition = definition(manifest, meta);
        let complete = meta.unseen.is_empty()
            && !found.unverified.alike().any(|alike| alike.unseen)
            && !manifest.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        Self {
            format_version: FORMAT_VERSION.into(),
            plan_id: plan_id(&definition.digest, &meta.observations_digest, &steps),
            kind,
            rectify_version: env!("CARGO_PKG_VERSION").into(),
            created_at: time(meta.created_at),
            complete,
            outcome: verdict(&findings, &steps, complete),
            summary: summary(found, &findings, &steps),
            hosts: hosts(manifest, found, meta),
            units: units(manifest, found, plan, meta),
            observed: Observed {
                digest: meta.observations_digest.clone(),
                scanned_at: meta.scanned_at.map(time),
                source: meta.source,
            },
            incident: meta.incident.clone(),
            groups: found.groups.iter().map(group).collect(),
            timeline: meta.timeline.iter().map(event).collect(),
            at_risk: found.at_risk.iter().map(at_risk).collect(),
            warnings: warnings(found),
            diagnostics: manifest.diagnostics.iter().map(diagnostic).collect(),
            definition,
            findings,
            unverified: found.unverified.clone(),
            steps,
        }
    }
}

fn group(group: &Group) -> GroupView {
    GroupView {
        host: group.host.clone(),
        unit: group.unit.clone(),
        directory: group.directory.display().into_owned(),
        cause: group.cause.clone(),
        findings: group.findings.clone(),
        ignore: group.ignore.clone(),
    }
}

fn event(event: &Event) -> EventView {
    EventView { at: time(event.at), what: event.what, host: event.host.clone(), text: event.text.clone() }
}

fn at_risk(risk: &AtRisk) -> AtRiskView {
    let (path, _) = path(&risk.path);
    let (host, unit) = (risk.host.clone(), risk.unit.clone());
    AtRiskView { host, unit, path, touched: risk.touched, at: time(risk.at) }
}

/// What has to be known before anything is done.
fn warnings(found: &Findings) -> Vec<String> {
    let mut only_in_memory: BTreeMap<&HostName, u64> = BTreeMap::new();
    for finding in found.findings.iter().filter(|finding| finding.damage == Damage::CacheNewerThanDisk) {
        *only_in_memory.entry(&finding.host).or_default() += 1;
    }
    let warn = |(host, count): (&HostName, u64)| {
        let files = if count == 1 { "a file".to_owned() } else { format!("{count} files") };
        format!(
            "Do not reboot {host}, do not drop its caches, unmount nothing: only memory has the content of {files}."
        )
    };
    only_in_memory.into_iter().map(warn).collect()
}

fn definition(manifest: &Manifest, meta: &Meta) -> DefinitionView {
    let definition = &manifest.definition;
    DefinitionView {
        deployment: meta.deployment.clone(),
        tool: definition.tool.clone(),
        tool_version: definition.tool_version.clone(),
        environment: definition.environment.clone(),
        evaluation: definition.evaluation,
        digest: definition.digest.clone(),
        revision: definition.revision.clone(),
        dirty: definition.dirty,
    }
}

/// `rp1-` and 12 hex digits over both digests and the steps. Every part is preceded by its length.
fn plan_id(definition: &str, observations: &str, steps: &[StepView]) -> String {
    let steps = serde_json::to_string(steps).expect("steps are JSON");
    let mut bytes = Vec::new();
    for part in [definition, observations, &steps] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    let mut hex = digest_of(Algorithm::Sha256, &bytes).hex();
    hex.truncate(12);
    format!("rp1-{hex}")
}

/// Restore needed beats damage beats incomplete beats drift beats change: a host that was not read is never "in sync".
fn verdict(findings: &[FindingView], steps: &[StepView], complete: bool) -> Verdict {
    let beyond_redeploy: BTreeSet<&str> = steps
        .iter()
        // What could be made anew may be restored all the same, because that is exact and needs no network.
        .filter(|step| step.action == Action::Hand)
        .flat_map(|step| step.findings.iter().map(String::as_str))
        .collect();
    let has = |class| findings.iter().any(|finding| finding.class == class);
    let damaged = |finding: &&FindingView| finding.class == Class::Damage;
    let lost = |finding: &FindingView| {
        finding.durability == Durability::Durable || beyond_redeploy.contains(finding.id.as_str())
    };
    if findings.iter().filter(damaged).any(lost) {
        Verdict::RestoreNeeded
    } else if has(Class::Damage) {
        Verdict::Damage
    } else if !complete {
        Verdict::Incomplete
    } else if has(Class::Drift) {
        Verdict::Drift
    } else if has(Class::Change) {
        Verdict::Change
    } else {
        Verdict::InSync
    }
}

fn summary(found: &Findings, findings: &[FindingView], steps: &[StepView]) -> Summary {
    let mut summary = Summary {
        checked: found.checked,
        intact: found.intact,
        unverified: found.unverified.count(),
        steps: steps.len() as u64,
        ..Summary::default()
    };
    for finding in findings {
        *summary.kinds.entry(finding.damage.clone()).or_default() += 1;
        match finding.class {
            Class::Change => summary.change += 1,
            Class::Drift => summary.drift += 1,
            Class::Damage => summary.damage += 1,
        }
    }
    summary
}

fn hosts(manifest: &Manifest, found: &Findings, meta: &Meta) -> Vec<HostView> {
    let mut hosts: BTreeMap<&HostName, HostView> = BTreeMap::new();
    for host in &manifest.hosts {
        hosts.insert(&host.name, HostView { ignored: host.ignored, ..empty_host(&host.name) });
    }
    for (name, why) in &meta.unseen {
        let host = hosts.entry(name).or_insert_with(|| empty_host(name));
        (host.reachable, host.unseen) = (false, Some(why.clone()));
    }
    for (name, count) in manifest.artifacts.counts() {
        hosts.entry(name).or_insert_with(|| empty_host(name)).artifacts += count;
    }
    for (name, count) in &meta.packaged {
        hosts.entry(name).or_insert_with(|| empty_host(name)).artifacts += count;
    }
    for finding in &found.findings {
        let host = hosts.entry(&finding.host).or_insert_with(|| empty_host(&finding.host));
        match finding.class {
            Class::Change => host.change += 1,
            Class::Drift => host.drift += 1,
            Class::Damage => host.damage += 1,
        }
    }
    for alike in found.unverified.alike() {
        hosts.entry(alike.host).or_insert_with(|| empty_host(alike.host)).unverified += alike.count();
    }
    hosts.into_values().collect()
}

fn empty_host(name: &HostName) -> HostView {
    HostView {
        name: name.clone(),
        reachable: true,
        unseen: None,
        ignored: false,
        artifacts: 0,
        change: 0,
        drift: 0,
        damage: 0,
        unverified: 0,
    }
}

fn units(manifest: &Manifest, found: &Findings, plan: &Plan, meta: &Meta) -> Vec<UnitView> {
    let mut mentioned: BTreeMap<&UnitId, Option<&HostName>> = BTreeMap::new();
    mentioned.extend(found.findings.iter().map(|finding| (&finding.unit, Some(&finding.host))));
    mentioned.extend(found.unverified.alike().map(|alike| (alike.unit, Some(alike.host))));
    for step in &plan.steps {
        mentioned.entry(&step.unit).or_insert(step.host.as_ref());
    }
    let roots: Vec<UnitId> = mentioned.keys().map(|id| root_of(manifest, id)).collect();
    for root in &roots {
        mentioned.entry(root).or_insert_with(|| manifest.unit(root).map(|unit| &unit.host));
    }
    mentioned.into_iter().map(|(id, host)| unit(manifest, id, host, meta)).collect()
}

fn unit(manifest: &Manifest, id: &UnitId, host: Option<&HostName>, meta: &Meta) -> UnitView {
    let known = manifest.unit(id);
    let root = root_of(manifest, id);
    let host = known.map(|unit| &unit.host).or(host).cloned().unwrap_or_else(|| HostName::from(""));
    let service_user = || {
        let host = manifest.hosts.iter().find(|known| known.name == host)?;
        host.service_user.clone()
    };
    UnitView {
        id: id.clone(),
        name: known.map_or_else(|| name_from_id(id, &host), |unit| unit.name.clone()),
        kind: known.map(|unit| unit.kind),
        owner: meta.owners.get(&root).cloned().or_else(service_user),
        source: known.and_then(|unit| unit.origin.as_ref()).map(source_line),
        host,
        root,
    }
}

fn name_from_id(id: &UnitId, host: &HostName) -> String {
    id.0.strip_prefix(&format!("{host}/")).unwrap_or(&id.0).to_owned()
}

fn root_of(manifest: &Manifest, id: &UnitId) -> UnitId {
    manifest.lineage(id).last().map_or_else(|| id.clone(), |unit| unit.id.clone())
}

fn finding(finding: &Finding) -> FindingView {
    let (path, path_raw) = path(&finding.path);
    let open = !finding.secret;
    FindingView {
        id: finding.id.clone(),
        code: finding.damage.code(),
        class: finding.class,
        damage: kind_of(&finding.damage),
        detail: detail(&finding.damage),
        host: finding.host.clone(),
        unit: finding.unit.clone(),
        path,
        path_raw,
        certainty: finding.certainty,
        evidence: finding.evidence.clone(),
        authority: finding.authority,
        durability: finding.durability,
        expected: expected(finding),
        secret: finding.secret,
        size: finding.size.filter(|_| open),
        blocks: blocks(finding).filter(|_| open),
        diff: if open { crate::report::diff::of(finding) } else { None },
        source: finding.origin.as_ref().map(source_line),
    }
}

/// The kind's stable word; `explain` and the symbols know it by this.
fn kind_of(damage: &Damage) -> String {
    match damage {
        Damage::Extraneous => "extraneous".into(),
        Damage::Foreign { .. } => "foreign".into(),
        Damage::Mixed => "mixed".into(),
        Damage::BrokenRecord => "broken_record".into(),
        other => other.word().replace(' ', "_"),
    }
}

fn detail(damage: &Damage) -> Option<String> {
    match damage {
        Damage::Stale { as_of } => Some(format!("as of {as_of}")),
        Damage::OtherFile { path } => Some(format!("content of {path}")),
        Damage::Foreign { from } => from.as_ref().map(|from| format!("blocks of {from}")),
        Damage::Unreadable(failure) => Some(failure.text.clone()),
        Damage::NotDeployed { revision } => Some(format!("as of {revision}")),
        Damage::Missing
        | Damage::Zeroed
        | Damage::Random
        | Damage::Torn
        | Damage::Truncated
        | Damage::Mixed
        | Damage::WrongKind
        | Damage::WrongMode
        | Damage::WrongOwner
        | Damage::WrongTarget
        | Damage::Inconsistent
        | Damage::CacheNewerThanDisk
        | Damage::CacheOlderThanDisk
        | Damage::Edited
        | Damage::Changed
        | Damage::Extraneous
        | Damage::BrokenRecord => None,
    }
}

fn expected(finding: &Finding) -> Option<String> {
    let thing = match finding.expected.as_ref()? {
        Expected::File(Content::Bytes(_) | Content::Unordered { .. } | Content::Digest { .. }) => "file".to_owned(),
        Expected::File(Content::Unknown(why)) => format!("file of unknown content ({why})"),
        Expected::Directory { .. } => "directory".to_owned(),
        Expected::Link { target } => match target.known() {
            Some(target) if !finding.secret => format!("link to {}", String::from_utf8_lossy(&target.0)),
            _ => "link".to_owned(),
        },
        Expected::Absent => "nothing".to_owned(),
        Expected::Present => "something".to_owned(),
    };
    Some(match finding.expected_mode {
        Some(mode) => format!("{thing}, mode {mode:04o}"),
        None => thing,
    })
}

fn blocks(finding: &Finding) -> Option<Blocks> {
    let last = finding.blocks.last()?;
    Some(Blocks {
        size: BLOCK,
        total: last.at.saturating_add(last.len),
        runs: finding.blocks.iter().map(run).collect(),
    })
}

fn run(run: &Run) -> RunView {
    let from = run.from.as_ref().map(|path| path.display().into_owned());
    RunView { at: run.at, len: run.len, class: run.class, from }
}

fn step(step: &Step, codes: &BTreeMap<&str, crate::model::code::Code>) -> StepView {
    let cured: BTreeSet<_> = step.findings.iter().filter_map(|id| codes.get(id.as_str()).copied()).collect();
    let restore = step.restores_from.as_ref();
    StepView {
        id: step.id.clone(),
        wave: step.wave,
        host: step.host.clone(),
        unit: step.unit.clone(),
        action: step.action,
        reason: step.reason.clone(),
        codes: cured.into_iter().collect(),
        findings: step.findings.clone(),
        needs: step.needs.clone(),
        hazards: step
            .hazards
            .iter()
            .map(|hazard| HazardView { code: hazard.code, text: hazard.text.clone() })
            .collect(),
        commands: step.commands.iter().map(command).collect(),
        check: step.check.as_ref().map(command),
        loses_data_since: restore.map(|from| time(from.taken_at)),
        restores_from: restore.map(|from| RestoreView {
            source: from.source.clone(),
            snapshot: from.snapshot.clone(),
            taken_at: time(from.taken_at),
            proved: from.proved,
        }),
        blocked: step.blocked.as_ref().map(|blocked| blocked.waiting_on.clone()),
    }
}

fn command(command: &Command) -> CommandView {
    CommandView {
        argv: command.argv.clone(),
        place: match &command.place {
            Place::Control => PlaceView::Control,
            Place::Host(host) => PlaceView::Host(host.clone()),
        },
        directory: command.directory.clone(),
        environment: command.environment.clone(),
    }
}

fn diagnostic(diagnostic: &Diagnostic) -> DiagnosticView {
    DiagnosticView {
        severity: diagnostic.severity,
        code: diagnostic.code,
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
        source: diagnostic.origin.as_ref().map(source_line),
        excerpt: diagnostic.excerpt.as_ref().map(|excerpt| ExcerptView {
            text: excerpt.text.clone(),
            start: excerpt.start,
            end: excerpt.end,
        }),
    }
}

impl From<&Diagnostic> for DiagnosticView {
    fn from(one: &Diagnostic) -> Self {
        diagnostic(one)
    }
}

fn source_line(origin: &Origin) -> SourceLine {
    SourceLine { file: origin.file.to_string(), line: origin.line }
}

pub(super) fn path(path: &TargetPath) -> (String, Option<String>) {
    let raw = path.as_str().is_none().then(|| STANDARD.encode(path.as_bytes()));
    (path.display().into_owned(), raw)
}

/// The path that [`path`] gave as base64.
pub(super) fn raw_path(raw: &str) -> Option<TargetPath> {
    STANDARD.decode(raw).ok().map(TargetPath::new)
}

/// A time as RFC 3339 in UTC, to the second, from nanoseconds since 1970 UTC.
pub fn time(nanoseconds: i64) -> String {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    // Every i64 of nanoseconds lies between the years 1677 and 2262, which jiff can hold.
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("@{seconds}"), |time| time.to_string())
}
