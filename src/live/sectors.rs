//! Torn blocks: some 512-byte sectors of one version, the others of another.
//!
//! Takes a live block, what is expected there and what older versions had there; says whether a write that was cut short
//! explains it. An edit must not look like one: what follows an inserted line is shifted, and what is edited in place
//! differs in a few bytes only.

/// What a disk writes at once, in bytes.
pub(super) const SECTOR: usize = 512;

/// Whether the block is made of sectors of what is expected and of others that belong together.
pub(super) fn is_torn(live: &[u8], expected: &[u8], older: &[&[u8]]) -> bool {
    if live.len() != expected.len() || live.len() <= SECTOR {
        return false;
    }
    let right: Vec<bool> =
        live.chunks(SECTOR).zip(expected.chunks(SECTOR)).map(|(live, expected)| live == expected).collect();
    let telling = live.chunks(SECTOR).zip(&right).any(|(sector, right)| *right && sector.iter().any(|byte| *byte != 0));
    if !telling || right.iter().all(|right| *right) {
        return false;
    }
    older.iter().any(|older| rest_is(live, older, &right)) || is_replaced_amid(live, expected, &right)
}

/// Whether every sector that is not right is that of one older version.
fn rest_is(live: &[u8], older: &[u8], right: &[bool]) -> bool {
    let sector = |index: usize| index * SECTOR..((index + 1) * SECTOR).min(live.len());
    let wrong = right.iter().enumerate().filter(|(_, right)| !**right).map(|(index, _)| index);
    older.len() >= live.len() && wrong.map(sector).all(|range| live[range.clone()] == older[range])
}

/// Whether wrong sectors, different in nearly every byte, lie before right ones.
fn is_replaced_amid(live: &[u8], expected: &[u8], right: &[bool]) -> bool {
    let first_wrong = right.iter().position(|right| !right);
    let last_right = right.iter().rposition(|right| *right);
    let wholly = live.chunks(SECTOR).zip(expected.chunks(SECTOR)).zip(right).filter(|(_, right)| !**right).all(
        |((live, expected), _)| {
            let same = live.iter().zip(expected).filter(|(live, expected)| live == expected).count();
            same * 5 <= live.len()
        },
    );
    wholly && first_wrong < last_right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &str) -> Vec<u8> {
        (0..).flat_map(|n| format!("{word}{n};").into_bytes()).take(4096).collect()
    }

    fn mixed(new: &[u8], old: &[u8], mask: u8) -> Vec<u8> {
        let sectors = new.chunks(SECTOR).zip(old.chunks(SECTOR)).enumerate();
        sectors.flat_map(|(index, (new, old))| if mask >> index & 1 == 1 { old } else { new }).copied().collect()
    }

    #[test]
    fn sectors_of_an_older_version_among_those_of_the_new_one_are_a_torn_write() {
        let (new, old) = (text("new"), text("old"));
        for mask in [0b0000_0001, 0b1111_0000, 0b0101_0101] {
            assert!(is_torn(&mixed(&new, &old, mask), &new, &[&old]), "mask {mask:b}");
        }
        assert!(!is_torn(&old, &new, &[&old]), "a whole old block is stale, not torn");
    }

    #[test]
    fn an_edit_is_no_torn_write() {
        let right = text("right");
        let mut inserted = right.clone();
        inserted.splice(1000..1000, *b"a new line\n");
        inserted.truncate(4096);
        assert!(!is_torn(&inserted, &right, &[]));
        let mut changed = right.clone();
        changed[700..720].copy_from_slice(b"something else here!");
        assert!(!is_torn(&changed, &right, &[]));
    }

    #[test]
    fn foreign_sectors_before_right_ones_are_a_torn_write() {
        let (new, noise) = (text("new"), vec![0xa7; 4096]);
        assert!(is_torn(&mixed(&new, &noise, 0b0000_0110), &new, &[]));
    }
}
