//! Proving that nothing is at a path: a look-up that finds nothing may be a damaged directory index, so only a
//! directory that was listed to its end proves that a name is gone.

use crate::io::disk::LiveRoot;
use crate::model::observation::{Failure, Kind, Sighting};
use crate::model::path::TargetPath;

/// What can be said of a path that could not be looked up: [`Sighting::Absent`] if the nearest directory above it that
/// is there was listed without it, otherwise [`Sighting::Unseen`].
pub(super) fn prove(root: &LiveRoot, path: &TargetPath) -> Sighting {
    let mut place = path.clone();
    while let Some(parent) = place.parent() {
        let directory = match root.open_directory(&parent) {
            Ok(Some(directory)) => directory,
            Ok(None) => {
                place = parent;
                continue;
            }
            Err(failure) => return Sighting::Unseen(failure),
        };
        return match directory.list() {
            Err(failure) => Sighting::Unseen(failure),
            Ok(names) if names.binary_search_by(|name| name.as_slice().cmp(place.name())).is_err() => Sighting::Absent,
            Ok(_) if place == *path => listed_only(),
            Ok(_) => match directory.look(place.name()) {
                Err(failure) => Sighting::Unseen(failure),
                Ok(None) => listed_only(),
                Ok(Some(seen)) => below(&place, seen.kind),
            },
        };
    }
    Sighting::Absent
}

/// What is said of a name that its directory lists and that cannot be looked up.
pub(super) fn listed_only() -> Sighting {
    let text = "the directory lists it but it cannot be looked up".to_owned();
    Sighting::Unseen(Failure { errno: EUCLEAN, text })
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
    Sighting::Unseen(Failure { errno: 0, text })
}
