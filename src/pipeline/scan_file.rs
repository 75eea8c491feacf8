//! A scan on its way to its file, with the digests of its files' blocks where it is to be a baseline.

use super::look::{self, Where};
use super::{Error, Request, Trouble, definition, saved, threads};
use crate::io::{clock, disk::LiveRoot};
use crate::live::block_digests;
use crate::model::manifest::Manifest;
use crate::model::observation::{Scan, Sighting};
use crate::model::path::TargetPath;
use crate::monitor::Monitor;
use std::borrow::Cow;
use std::io::Write;

/// A scan and where the blocks of its files are read.
#[derive(Debug)]
pub struct ScanFile<'a> {
    scan: &'a Scan,
    root: Option<LiveRoot>,
    pool: Option<rayon::ThreadPool>,
}

impl<'a> ScanFile<'a> {
    /// Only what was seen.
    pub fn new(scan: &'a Scan) -> Self {
        Self { scan, root: None, pool: None }
    }

    /// What was seen, and the digests of the blocks of every file; none where the host cannot be seen from here.
    ///
    /// # Errors
    /// When the settings cannot be read or the host's root cannot be opened.
    pub fn with_blocks(scan: &'a Scan, request: &Request, manifest: &Manifest) -> Result<Self, Error> {
        let config = definition::settings(request, clock::now())?;
        let place = manifest.hosts.iter().find(|host| host.name == scan.host);
        let Some(Where::Root(root)) = place.map(|host| look::place_of(host, request, &config.settings)) else {
            return Ok(Self::new(scan));
        };
        let opened = LiveRoot::open(root.clone()).map_err(|failure| {
            Error::new(Trouble::Failed, format!("`{}` cannot be opened: {}", root.display(), failure.text))
        })?;
        Ok(Self { scan, root: Some(opened), pool: threads(request.jobs)? })
    }

    /// Writes it.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn write(&self, monitor: &dyn Monitor, out: &mut dyn Write) -> std::io::Result<()> {
        let Some(root) = &self.root else { return saved::write_scan(self.scan, None, out) };
        monitor.begin(&format!("reading the blocks of {}", self.scan.host), Some(self.scan.observations.len() as u64));
        let blocks = |batch: &[(TargetPath, Cow<'_, Sighting>)]| {
            let read = || block_digests::of(root, batch, monitor);
            self.pool.as_ref().map_or_else(read, |pool| pool.install(read))
        };
        let written = saved::write_scan(self.scan, Some(&blocks), out);
        monitor.end();
        written
    }
}
