//! Which umask a tool ran under that gives new files "the archive's bits without the umask's".
//!
//! Nothing on the target says it, so it is inferred: of the usual umasks, the one that explains most of what is there.
//! A few damaged modes cannot outvote the rest; if nothing is explained, modes are not judged at all.

/// The usual umasks, the most usual first: it wins a tie. 0 is how root extracts.
const USUAL: [u32; 5] = [0o022, 0o002, 0o077, 0o027, 0o000];

/// The umask that explains most pairs of (bits before the umask, bits that were seen); `None` if it explains less than
/// half of them.
pub(crate) fn infer(pairs: &[(u32, u32)]) -> Option<u32> {
    let explained = |umask: u32| pairs.iter().filter(|(before, seen)| before & !umask == *seen).count();
    let best = USUAL.into_iter().rev().max_by_key(|umask| explained(*umask))?;
    (explained(best) * 2 > pairs.len()).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_umask_that_explains_most_files_wins_over_a_damaged_mode() {
        assert_eq!(infer(&[(0o664, 0o644), (0o775, 0o755), (0o664, 0o000)]), Some(0o022));
        assert_eq!(infer(&[(0o664, 0o664), (0o775, 0o775)]), Some(0o002));
    }

    #[test]
    fn without_a_majority_there_is_no_umask() {
        assert_eq!(infer(&[]), None);
        assert_eq!(infer(&[(0o644, 0o123), (0o644, 0o644)]), None);
    }
}
