//! A small incident, made with the model's own types: one store to restore, damaged files, drift, a change, a secret.

use rectify::model::artifact::{Artifact, Authority, Content, Durability, Expected, Mend, MendId, Vigilance};
use rectify::model::code;
use rectify::model::command::{Command, Place};
use rectify::model::diagnostic::Diagnostic;
use rectify::model::eval::{Why, WhyKind};
use rectify::model::finding::{Certainty, Class, Damage, Finding, Findings};
use rectify::model::group::{Cause, Group};
use rectify::model::incident::{AtRisk, Event, Happening, Touched};
use rectify::model::manifest::{Definition, Evaluation, Host, Manifest};
use rectify::model::observation::{BlockClass, Run};
use rectify::model::origin::Origin;
use rectify::model::path::TargetPath;
use rectify::model::plan::{Action, Hazard, Plan, Source, Step};
use rectify::model::unit::{Edge, EdgeKind, HostName, Unit, UnitId, UnitKind};
use rectify::model::unverified::Unverified;
use rectify::report::view::{Incident, Kind, Meta, View};
use std::collections::BTreeMap;

/// Words that must never be seen in any output.
pub(crate) const SECRETS: [&str; 2] = ["hunter2-live-secret", "hunter2-new-secret"];

/// 2026-11-22T09:40:00Z in nanoseconds.
const SCANNED: i64 = 1_795_340_400_000_000_000;

/// The view of the incident.
pub(crate) fn view(kind: Kind) -> View {
    View::new(&manifest(), &findings(), &plan(), &meta(), kind)
}

/// The same deployment with nothing wrong.
pub(crate) fn clean() -> View {
    let mut manifest = manifest();
    manifest.diagnostics.clear();
    let found = Findings { checked: 3, intact: 3, ..Findings::default() };
    View::new(&manifest, &found, &Plan::default(), &Meta { incident: None, ..meta() }, Kind::Check)
}

pub(crate) fn meta() -> Meta {
    Meta {
        deployment: "shop".into(),
        created_at: SCANNED + 12_000_000_000,
        scanned_at: Some(SCANNED),
        observations_digest: "sha256:22".into(),
        incident: Some(Incident {
            id: None,
            from: Some("2026-11-21T23:00:00Z".into()),
            to: Some("2026-11-22T03:12:00Z".into()),
            evidence: vec!["the oldest random block has mtime 2026-11-22T01:07:31Z".into()],
        }),
        owners: BTreeMap::from([("app01/zodb".into(), "data team".into())]),
        timeline: vec![
            event(1_795_200_000_000_000_000, Happening::LastBackup, "nightly, snapshot 2026-11-20"),
            event(1_795_299_000_000_000_000, Happening::FirstDamage, "/srv/shop/var/Data.fs"),
        ],
        ..Meta::default()
    }
}

fn event(at: i64, what: Happening, text: &str) -> Event {
    Event { at, what, host: Some("app01".into()), text: text.into() }
}

pub(crate) fn manifest() -> Manifest {
    let mut manifest = Manifest::new(Definition {
        tool: "batou".into(),
        tool_version: Some("2.7.1".into()),
        environment: "production".into(),
        evaluation: Evaluation::Exact,
        digest: "sha256:11".into(),
        revision: Some("9f2c1aa".into()),
        dirty: false,
        inputs: BTreeMap::new(),
    });
    for name in ["app01", "app02"] {
        manifest.hosts.push(Host {
            name: name.into(),
            ignored: false,
            directory: Some(TargetPath::new("/srv/shop/deployment")),
            service_user: Some("shop".into()),
            local: false,
        });
    }
    manifest.units = vec![
        unit("app01/zodb", "zodb", UnitKind::BatouRoot, None),
        unit("app01/zope", "zope", UnitKind::BatouRoot, None),
        unit("app01/zope#buildout", "zope/Buildout", UnitKind::Buildout, Some("app01/zope")),
        unit("app02/nginx", "nginx", UnitKind::BatouRoot, None),
    ];
    manifest.edges = vec![Edge {
        from: "app01/zope".into(),
        to: "app01/zodb".into(),
        kind: EdgeKind::Requires,
        label: "zodb:\"port\"".into(),
    }];
    let mend = manifest.add_mend(Mend::new(Vigilance::Content, Vigilance::Content));
    for (host, unit, path) in [
        ("app01", "app01/zope#buildout", "/srv/shop/bin/instance"),
        ("app01", "app01/zope", "/srv/shop/etc/zope.conf"),
        ("app02", "app02/nginx", "/srv/shop/etc/nginx.conf"),
    ] {
        manifest.artifacts.push(artifact(host, unit, path, mend));
    }
    manifest.diagnostics.push(
        Diagnostic::warning(code::BUILDOUT_UNPINNED, "`Products.Foo` is not pinned")
            .at(Origin::line("work/zope/buildout.cfg", 12))
            .showing("    Products.Foo", 4, 16)
            .hint("add it to `[versions]`"),
    );
    manifest.sort();
    manifest
}

fn unit(id: &str, name: &str, kind: UnitKind, parent: Option<&str>) -> Unit {
    let host = id.split('/').next().expect("an id begins with its host");
    Unit {
        id: id.into(),
        host: host.into(),
        kind,
        name: name.into(),
        origin: Some(Origin::line(format!("components/{}/component.py", name.split('/').next().unwrap_or(name)), 17)),
        directory: None,
        parent: parent.map(UnitId::from),
        deployer: None,
        opaque: None,
    }
}

fn artifact(host: &str, unit: &str, path: &str, mend: MendId) -> Artifact {
    Artifact {
        host: host.into(),
        path: TargetPath::new(path),
        unit: unit.into(),
        expected: Expected::File(Content::Bytes("x\n".into())),
        mode: Some(0o644),
        owner: None,
        group: None,
        authority: Authority::Definition,
        durability: Durability::Reproducible,
        mend,
        secret: false,
        origin: None,
    }
}

/// A finding with nothing special about it.
pub(crate) fn finding(
    id: &str,
    host: &str,
    unit: &str,
    path: impl AsRef<[u8]>,
    damage: Damage,
    class: Class,
) -> Finding {
    Finding {
        id: id.into(),
        host: host.into(),
        unit: unit.into(),
        path: TargetPath::new(path),
        damage,
        class,
        certainty: Certainty::Proved,
        evidence: Vec::new(),
        authority: Authority::Definition,
        durability: Durability::Reproducible,
        mend: Some(MendId(0)),
        expected: None,
        expected_mode: None,
        secret: false,
        live: None,
        size: None,
        blocks: Vec::new(),
        origin: None,
    }
}

pub(crate) fn findings() -> Findings {
    let run = |at, len, class| Run { at, len, class, from: None };
    let buildout = "app01/zope#buildout";
    let store = Finding {
        durability: Durability::Durable,
        mend: None,
        certainty: Certainty::Likely,
        evidence: vec!["60 blocks match no known content, entropy 7.99".into()],
        authority: Authority::Backup,
        size: Some(6_553_600),
        blocks: vec![
            run(0, 900, BlockClass::Expected),
            run(900, 24, BlockClass::Random),
            run(924, 600, BlockClass::Expected),
            run(1524, 76, BlockClass::Zero),
        ],
        ..finding("f4", "app01", "app01/zodb", "/srv/shop/var/Data.fs", Damage::Random, Class::Damage)
    };
    let edited = Finding {
        expected: Some(Expected::File(Content::Bytes("worker_processes 4;\nuser www;\n".into()))),
        live: Some("worker_processes 8;\nuser www;\n".into()),
        expected_mode: Some(0o644),
        origin: Some(Origin::line("components/nginx/nginx.conf", 1)),
        evidence: vec!["plausible text that equals no known revision".into()],
        ..finding("f5", "app02", "app02/nginx", "/srv/shop/etc/nginx.conf", Damage::Edited, Class::Drift)
    };
    let secret = Finding {
        secret: true,
        // Findings never carry secret content; should one ever, the view must not pass it on.
        expected: Some(Expected::File(Content::Bytes(SECRETS[1].into()))),
        live: Some(SECRETS[0].into()),
        size: Some(19),
        blocks: vec![run(0, 1, BlockClass::Text)],
        ..finding("f6", "app02", "app02/nginx", "/srv/shop/etc/secret.key", Damage::Edited, Class::Drift)
    };
    let revision = Damage::NotDeployed { revision: "41c0ffe".into() };
    Findings {
        irreplaceable: BTreeMap::new(),
        findings: vec![
            finding("f1", "app01", buildout, "/srv/shop/bin/instance", Damage::Missing, Class::Damage),
            finding("f2", "app01", buildout, b"/srv/shop/eggs/caf\xe9\x1b[31m.py", Damage::Zeroed, Class::Damage),
            finding("f3", "app01", "app01/zope", "/srv/shop/etc/zope.conf", revision, Class::Change),
            store,
            edited,
            secret,
            finding("f7", "app02", "app02/nginx", "/srv/shop/etc/old.conf", Damage::Extraneous, Class::Drift),
        ],
        unverified: [
            unverified("app01", "app01/zope", Some("/srv/shop/var/log/a.log"), "nothing to compare it with"),
            unverified("app01", "app01/zope", Some("/srv/shop/var/log/b.log"), "nothing to compare it with"),
            unverified("app02", "app02/nginx", None, "verify() runs a command"),
        ]
        .into_iter()
        .collect(),
        groups: vec![Group {
            host: "app01".into(),
            unit: "app01/zope".into(),
            directory: TargetPath::new("/srv/shop/lib/node_modules/npm"),
            cause: Cause::Replaced { by: "npm 11.19.1".into() },
            findings: vec!["f3".into()],
            ignore: vec!["/srv/shop/lib/node_modules/npm/**".into()],
        }],
        at_risk: vec![AtRisk {
            host: "app01".into(),
            unit: "app01/zope".into(),
            path: TargetPath::new("/srv/shop/var/log/b.log"),
            touched: Touched::Content,
            at: 1_795_300_000_000_000_000,
        }],
        checked: 3630,
        intact: 3623,
    }
}

fn unverified(host: &str, unit: &str, path: Option<&str>, why: &'static str) -> Unverified {
    Unverified {
        host: host.into(),
        unit: unit.into(),
        path: path.map(TargetPath::new),
        why: Why::new(WhyKind::NoReference, why),
        unseen: false,
    }
}

pub(crate) fn plan() -> Plan {
    let app01 = HostName::from("app01");
    let restore = Step {
        needs: vec!["s1".into()],
        findings: vec!["f4".into()],
        hazards: vec![Hazard::new(code::LOSES_DATA, "orders taken after the backup are gone")],
        commands: vec![
            Command::on(&app01, ["cp", "--", "/backup/Data.fs", "/srv/shop/var/Data.fs"]),
            Command::on(&app01, ["chown", "shop", "/srv/shop/var/it's here"]),
        ],
        check: Some(Command::on(&app01, ["fstest", "/srv/shop/var/Data.fs"])),
        restores_from: Some(Source {
            source: "nightly".into(),
            snapshot: "2026-11-21".into(),
            taken_at: SCANNED - 38_400_000_000_000,
            proved: true,
        }),
        ..step("s2", 2, Some("app01"), "app01/zodb", Action::Restore, "no redeploy can make its content")
    };
    let mut batou = Command::at(Place::Control, ["./batou", "deploy", "production"]).in_directory("/home/ops/shop");
    batou.environment.insert("PYTHONHASHSEED".into(), "0".into());
    let force = Step {
        findings: vec!["f1".into(), "f2".into()],
        hazards: vec![Hazard::new(code::REDEPLOY_BLIND, "batou's verify() would not notice")],
        commands: vec![Command::on(&app01, ["rm", "-f", "--", "/srv/shop/.batou.buildout.success"])],
        ..step("s3", 2, Some("app01"), "app01/zope#buildout", Action::Force, "the marker hides the damage")
    };
    let redeploy = Step {
        needs: vec!["s2".into(), "s3".into()],
        findings: ["f1", "f2", "f3", "f5", "f6"].map(String::from).to_vec(),
        commands: vec![batou],
        ..step("s4", 3, None, "app01/zope", Action::Redeploy, "makes everything else anew")
    };
    let hand = Step {
        findings: vec!["f7".into()],
        blocked: Some(rectify::model::plan::Blocked { waiting_on: "somebody who knows where it came from".into() }),
        ..step("s5", 4, Some("app02"), "app02/nginx", Action::Hand, "nobody deploys it")
    };
    let stop = Step {
        commands: vec![Command::on(&app01, ["supervisorctl", "stop", "instance-1"])],
        ..step("s1", 1, Some("app01"), "app01/zope", Action::Stop, "it writes to Data.fs")
    };
    Plan { steps: vec![stop, restore, force, redeploy, hand] }
}

fn step(id: &str, wave: u32, host: Option<&str>, unit: &str, action: Action, reason: &str) -> Step {
    Step {
        id: id.into(),
        wave,
        host: host.map(HostName::from),
        unit: unit.into(),
        action,
        reason: reason.into(),
        findings: Vec::new(),
        needs: Vec::new(),
        hazards: Vec::new(),
        commands: Vec::new(),
        check: None,
        restores_from: None,
        blocked: None,
    }
}
