//! Looking at a live tree: what is there, never whether it is right.
//!
//! Takes a manifest's list of places ([`crate::model::manifest::Look`]) and a root; gives a
//! [`crate::model::observation::Scan`]. Walks without following links ([`walk`]), reads every file once for all its
//! digests ([`digest`]), and looks closer at the few files that turned out to differ ([`closer`]): which of their blocks
//! belong to whom ([`needles`]), which are torn ([`sectors`]), and what content
//! says of itself ([`byte_code`]). For a baseline, [`block_digests`] keeps what names blocks later.

pub mod block_digests;
pub mod byte_code;
pub mod closer;
pub mod digest;
pub mod needles;
pub mod sectors;
pub mod walk;

use crate::io::disk::LiveRoot;
use crate::model::manifest::Manifest;
use crate::model::observation::{Scan, Sighting};
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use crate::monitor::Monitor;
use std::collections::BTreeMap;

/// Looks at everything that the manifest asks for on one host.
pub fn scan(root: &LiveRoot, manifest: &Manifest, host: &HostName, started_at: i64, monitor: &dyn Monitor) -> Scan {
    let mut scan = Scan {
        host: host.clone(),
        started_at,
        unseen: None,
        users: accounts(root, "/etc/passwd"),
        groups: accounts(root, "/etc/group"),
        observations: BTreeMap::new(),
        archives: BTreeMap::new(),
        checkouts: BTreeMap::new(),
        points: None,
    };
    monitor.begin(&format!("listing {host}"), None);
    let files = walk::walk(root, manifest, host, &mut scan, monitor);
    monitor.end();
    let total = files.iter().map(|file| file.size).sum();
    monitor.begin(&format!("reading {host}"), Some(total));
    for (path, content) in digest::read_all(root, files, monitor) {
        if let Some(Sighting::Present(seen)) = scan.observations.get_mut(&path) {
            seen.content = Some(content);
        }
    }
    monitor.end();
    scan
}

/// The scan of a host that could not be looked at.
pub fn unseen(host: &HostName, started_at: i64, reason: String) -> Scan {
    Scan {
        host: host.clone(),
        started_at,
        unseen: Some(reason),
        users: BTreeMap::new(),
        groups: BTreeMap::new(),
        observations: BTreeMap::new(),
        archives: BTreeMap::new(),
        checkouts: BTreeMap::new(),
        points: None,
    }
}

/// Names by number from a file in the format of passwd(5) and group(5). A damaged file gives fewer names; numbers
/// are compared then.
fn accounts(root: &LiveRoot, path: &str) -> BTreeMap<u32, String> {
    let Ok(bytes) = digest::read_small(root, &TargetPath::new(path), 16 << 20) else { return BTreeMap::new() };
    let text = String::from_utf8_lossy(&bytes);
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
    };
    // The first line of a number wins, as in getpwuid(3).
    text.lines().rev().filter_map(account).collect()
}
