//! Values that many entries of a table share, each stored once and known by its number.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Values by number, in the order in which they came first.
#[derive(Debug)]
pub(super) struct Interned<T> {
    list: Vec<Arc<T>>,
    numbers: HashMap<Arc<T>, u64>,
    /// The one that was asked for last: neighbours share theirs.
    last: u64,
}

impl<T> Clone for Interned<T> {
    fn clone(&self) -> Self {
        Self { list: self.list.clone(), numbers: self.numbers.clone(), last: self.last }
    }
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { list: Vec::new(), numbers: HashMap::new(), last: 0 }
    }
}

impl<T: Eq + Hash> Interned<T> {
    /// The number of a value, which is stored when it comes first.
    pub(super) fn number(&mut self, value: T) -> u64 {
        let last = usize::try_from(self.last).ok().and_then(|last| self.list.get(last));
        if last.is_none_or(|last| **last != value) {
            let value = Arc::new(value);
            self.last = *self.numbers.entry(Arc::clone(&value)).or_insert_with(|| {
                self.list.push(value);
                self.list.len() as u64 - 1
            });
        }
        self.last
    }

    /// The value of a number that [`Self::number`] gave.
    pub(super) fn get(&self, number: u64) -> &T {
        &self.list[usize::try_from(number).expect("it is the place in a list")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_number() {
        let mut interned = Interned::default();
        let numbers = ["a", "a", "b", "a", "c", "b"].map(|value| interned.number(value));
        assert_eq!(numbers, [0, 0, 1, 0, 2, 1]);
        assert_eq!([0, 1, 2].map(|number| *interned.get(number)), ["a", "b", "c"]);
    }
}
