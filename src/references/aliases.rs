//! Well-known directories that are links: what packages call `/bin/ls` lies in `/usr/bin/ls` on a merged system.
//!
//! Takes a live tree; gives for any path the one without these links. Only links of a fixed list are followed, and only
//! where the tree has them, since a directory that damage turned into a link must not move what lies below it.

use crate::io::disk::LiveRoot;
use crate::model::path::TargetPath;

/// Directories that distributions have replaced by links: Debian's usrmerge and Fedora's `UsrMove` and unified
/// `/usr/sbin`, and Debian's base-files (`/var/run`, `/var/lock`).
const CANDIDATES: [&str; 10] =
    ["/bin", "/lib", "/lib32", "/lib64", "/libo32", "/libx32", "/sbin", "/usr/sbin", "/var/lock", "/var/run"];

/// The links of one tree.
#[derive(Debug, Default)]
pub struct Aliases(Vec<(TargetPath, TargetPath)>);

impl Aliases {
    /// Those that a tree has.
    pub fn of(root: &LiveRoot) -> Self {
        let mut aliases = Self::default();
        // Sorted so that a target is resolved by those before it: `/sbin` by `/usr/sbin` comes out in a second round.
        for _ in 0..2 {
            for candidate in CANDIDATES.map(TargetPath::new) {
                let Ok(Some(seen)) = root.look(&candidate) else { continue };
                let (Some(target), Some(parent)) = (seen.target, candidate.parent()) else { continue };
                let target = parent.join(&target.0);
                let target = aliases.resolved(&target).unwrap_or(target);
                if !target.is_below(&candidate) && !target.is_root() {
                    aliases.0.retain(|(from, _)| *from != candidate);
                    aliases.0.push((candidate, target));
                }
            }
        }
        aliases
    }

    /// The path without links on the way; `None` when there are none. The links themselves stand for where they lead.
    pub fn resolved(&self, path: &TargetPath) -> Option<TargetPath> {
        let (to, below) = self.0.iter().find_map(|(from, to)| Some((to, path.relative_to(from)?)))?;
        Some(if below.is_empty() { to.clone() } else { to.join(below) })
    }
}
