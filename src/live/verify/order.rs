//! Claims by directory and name, so that each directory is opened and each path looked at once.

use crate::model::claims::Claims;
use std::ops::Range;

/// The indices of all claims: directory by directory, and in each by name; those of one path in the order in which
/// they came.
#[derive(Debug)]
pub(super) struct Order {
    indices: Vec<u32>,
    /// Where each directory begins, and the end of all.
    starts: Vec<u32>,
}

impl Order {
    pub(super) fn new(claims: &Claims) -> Self {
        let count = u32::try_from(claims.len()).expect("claims are numbered by u32");
        let mut starts = vec![0_u32; claims.directory_count() + 1];
        for index in 0..count {
            starts[claims.directory(index) as usize + 1] += 1;
        }
        for directory in 1..starts.len() {
            starts[directory] += starts[directory - 1];
        }
        let mut indices = vec![0; claims.len()];
        let mut free = starts.clone();
        for index in 0..count {
            let place = &mut free[claims.directory(index) as usize];
            indices[*place as usize] = index;
            *place += 1;
        }
        for bounds in starts.windows(2) {
            indices[bounds[0] as usize..bounds[1] as usize].sort_by_key(|&index| claims.name(index));
        }
        Self { indices, starts }
    }

    /// How many directories there are.
    pub(super) fn directories(&self) -> usize {
        self.starts.len() - 1
    }

    /// The places of a directory's claims.
    pub(super) fn directory(&self, directory: usize) -> Range<usize> {
        self.starts[directory] as usize..self.starts[directory + 1] as usize
    }

    /// The claim at a place.
    pub(super) fn first_at(&self, place: usize) -> u32 {
        self.indices[place]
    }

    /// The claims that speak of the same path as the one at a place, which is the first of them.
    pub(super) fn path_at(&self, claims: &Claims, place: usize) -> &[u32] {
        let first = self.indices[place];
        let rest = &self.indices[place..];
        let same = |&index: &u32| {
            claims.directory(index) == claims.directory(first) && claims.name(index) == claims.name(first)
        };
        let count = rest.iter().position(|index| !same(index)).unwrap_or(rest.len());
        &rest[..count]
    }
}
