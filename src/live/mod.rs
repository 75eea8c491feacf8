//! Looking at a live tree: what is there, never whether it is right.
//!
//! Takes a manifest's list of places ([`crate::model::manifest::Look`]) and a root; gives a
//! [`crate::model::observation::Scan`]. Walks without following links ([`walk`]), reads every file once for all its
//! digests ([`digest`]), on request also or only past the page cache (`direct`), and looks closer at the few files that
//! turned out to differ, window by window ([`windows`]; [`closer`]): which of their blocks belong to whom ([`needles`]), and which are torn ([`sectors`]), what
//! content says of itself ([`byte_code`]), and what no file of its name holds ([`mod@format`]). For a baseline, [`block_digests`] keeps what names blocks later. Files that
//! nothing says anything about are held against their own format ([`examine`], [`intrinsic`]). A very large number of files
//! is held against a table of claims at once ([`verify`]).

mod absence;
mod block_class;
pub mod block_digests;
pub mod byte_code;
pub mod closer;
pub mod digest;
mod direct;
mod engine;
pub mod examine;
pub mod format;
pub mod intrinsic;
pub mod journal;
pub mod lanes;
pub mod needles;
pub mod plausible;
pub mod sectors;
pub mod subject;
pub mod unpack;
pub mod verify;
pub mod walk;
pub mod windows;

use crate::io::disk::LiveRoot;
use crate::live::engine::throttle::Throttle;
use crate::model::manifest::Manifest;
use crate::model::observation::{OnDisk, ReadMode, Scan, SeenContent};
use crate::model::observations::Observations;
use crate::model::path::TargetPath;
use crate::model::unit::HostName;
use crate::monitor::Monitor;
use std::collections::BTreeMap;

/// What is asked of a scan besides the manifest.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Which host.
    pub host: &'a HostName,
    /// The time of the scan, nanoseconds since 1970 UTC.
    pub started_at: i64,
    /// Through what contents are read.
    pub read: ReadMode,
    /// What was read before, in the same mode.
    pub journal: Option<&'a dyn journal::Journal>,
    /// The most bytes that are read in a second; `None` for as fast as possible.
    pub io_limit: Option<u64>,
}

/// Where files are read, and how fast.
#[derive(Clone, Copy)]
struct Way<'a> {
    root: &'a LiveRoot,
    throttle: Option<&'a Throttle>,
    monitor: &'a dyn Monitor,
}

impl Way<'_> {
    /// Waits until so many bytes may pass.
    fn pass(self, bytes: &[u8]) {
        if let Some(throttle) = self.throttle {
            throttle.pass(bytes.len() as u64);
        }
    }
}

/// So many files are read before what was read is noted: what is on its way takes memory, too.
const AT_A_TIME: usize = 1 << 14;

/// Looks at everything that the manifest asks for on one host.
pub fn scan(root: &LiveRoot, manifest: &Manifest, asked: &Asked<'_>, monitor: &dyn Monitor) -> Scan {
    let host = asked.host;
    let mut scan = Scan {
        users: accounts(root, "/etc/passwd"),
        groups: accounts(root, "/etc/group"),
        read: asked.read,
        observations: Observations::sharing(manifest.artifacts.digests()),
        ..Scan::new(host.clone(), asked.started_at)
    };
    monitor.begin(&format!("listing {host}"), None);
    let wanted = walk::walk(root, manifest, host, &mut scan, monitor);
    monitor.end();
    let total = wanted.files_after(&scan, None).map(|file| file.size).sum();
    monitor.begin_bytes(&format!("reading {host}"), total);
    let throttle = asked.io_limit.map(Throttle::new);
    let way = Way { root, throttle: throttle.as_ref(), monitor };
    let mut last = None;
    loop {
        let batch: Vec<_> = wanted.files_after(&scan, last.as_ref()).take(AT_A_TIME).collect();
        let Some(end) = batch.last() else { break };
        last = Some(end.path.clone());
        let contents = direct::read_all(way, batch, asked);
        scan.disk.extend(contents.disk);
        scan.observations.add_contents(contents.files);
    }
    monitor.end();
    scan
}

/// Which files the disk has otherwise than memory, or cannot be asked for.
pub fn compare_with_disk(
    root: &LiveRoot,
    in_memory: &[(TargetPath, SeenContent)],
    io_limit: Option<u64>,
    monitor: &dyn Monitor,
) -> BTreeMap<TargetPath, OnDisk> {
    let throttle = io_limit.map(Throttle::new);
    direct::compare(Way { root, throttle: throttle.as_ref(), monitor }, in_memory)
}

/// The scan of a host that could not be looked at.
pub fn unseen(host: &HostName, started_at: i64, reason: String) -> Scan {
    Scan { unseen: Some(reason), ..Scan::new(host.clone(), started_at) }
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
