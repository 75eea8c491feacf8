//! Proving that nothing is at a path: a look-up that finds nothing may be a damaged directory index, so only a
//! directory that was listed to its end proves that a name is gone.

use crate::io::disk::{Directory, LiveRoot};
use crate::model::observation::{Failure, Kind, Sighting};
use crate::model::path::TargetPath;

/// Proves absence, and remembers the last listing: names that are gone tend to be neighbours.
#[derive(Debug)]
pub(super) struct Absence<'a> {
    root: &'a LiveRoot,
    last: Option<(TargetPath, Listing)>,
    /// How many links are being followed.
    hops: usize,
}

/// As many links as Linux follows (`MAXSYMLINKS` in `include/linux/namei.h`).
const MOST_LINKS: usize = 40;

/// The names in a directory, sorted.
type Listing = Result<Vec<Vec<u8>>, Failure>;

impl<'a> Absence<'a> {
    pub(super) fn new(root: &'a LiveRoot) -> Self {
        Self { root, last: None, hops: 0 }
    }

    /// What can be said of a path that could not be looked up: [`Sighting::Absent`] if the nearest directory above it
    /// that is there was listed without it, otherwise [`Sighting::Unseen`].
    pub(super) fn prove(&mut self, path: &TargetPath) -> Sighting {
        let mut place = path.clone();
        while let Some(parent) = place.parent() {
            match self.root.open_directory(&parent) {
                Ok(Some(directory)) => return self.missing_in(&directory, &parent, &place, place == *path),
                Ok(None) => place = parent,
                Err(failure) => return failure.into(),
            }
        }
        Sighting::Absent
    }

    /// What can be said of the name of `place` in its directory: `last` if it is what is looked for, otherwise it is on
    /// the way to that and could not be opened as a directory.
    pub(super) fn missing_in(
        &mut self,
        directory: &Directory,
        parent: &TargetPath,
        place: &TargetPath,
        last: bool,
    ) -> Sighting {
        match self.lists(directory, parent, place.name()) {
            Err(failure) => failure.into(),
            Ok(false) => Sighting::Absent,
            Ok(true) if last => listed_only(),
            Ok(true) => match directory.look(place.name()) {
                Err(failure) => failure.into(),
                Ok(None) => listed_only(),
                Ok(Some(seen)) => match &seen.target {
                    Some(target) => self.beyond(parent, place, &target.0),
                    None => below(place, seen.kind),
                },
            },
        }
    }

    /// What lies beyond a link that could not be opened as a directory: nothing, if what it leads to is proved absent.
    fn beyond(&mut self, parent: &TargetPath, link: &TargetPath, target: &[u8]) -> Sighting {
        let target = if target.starts_with(b"/") { TargetPath::new(target) } else { parent.join(target) };
        self.hops += 1;
        let found = if self.hops > MOST_LINKS { below(link, Kind::Link) } else { self.prove(&target) };
        self.hops -= 1;
        match found {
            Sighting::Absent => Sighting::Absent,
            Sighting::Present(_) | Sighting::Unseen(_) => below(link, Kind::Link),
        }
    }

    fn lists(&mut self, directory: &Directory, path: &TargetPath, name: &[u8]) -> Result<bool, Failure> {
        if self.last.as_ref().is_none_or(|(listed, _)| listed != path) {
            self.last = Some((path.clone(), directory.list()));
        }
        match &self.last {
            Some((_, Ok(names))) => Ok(names.binary_search_by(|listed| listed.as_slice().cmp(name)).is_ok()),
            Some((_, Err(failure))) => Err(failure.clone()),
            None => Ok(true),
        }
    }
}

/// What is said of a name that its directory lists and that cannot be looked up.
fn listed_only() -> Sighting {
    let text = "the directory lists it but it cannot be looked up".to_owned();
    Failure { errno: EUCLEAN, text }.into()
}

/// "Structure needs cleaning" (`include/uapi/asm-generic/errno.h` of Linux).
const EUCLEAN: i32 = 117;

/// What lies below something that could not be opened as a directory.
fn below(place: &TargetPath, kind: Kind) -> Sighting {
    let text = match kind {
        Kind::Directory => format!("`{place}` appeared while it was looked for"),
        Kind::Link => format!("`{place}` is a symbolic link that leads nowhere"),
        Kind::File | Kind::Fifo | Kind::Socket | Kind::Device => return Sighting::Absent,
    };
    Sighting::unseen(text)
}
