//! Reading compressed data to its end, for its checksums only. Nothing that is unpacked is kept.

use super::intrinsic::Verdict;
use std::io::Read;

/// The most bytes that are unpacked of one file: beyond it lies a bomb, or hours of work.
pub const TOTAL: u64 = 4 << 30;

/// Reads to the end; adds what was unpacked to `total`.
///
/// # Errors
/// The verdict when the data are damaged or too much.
pub fn drain(decoder: &mut impl Read, total: &mut u64) -> Result<(), Verdict> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => *total += count as u64,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(Verdict::damaged("its compressed data are cut off"));
            }
            Err(error) => return Err(Verdict::damaged(format!("its compressed data are damaged: {error}"))),
        }
        if *total > TOTAL {
            return Err(Verdict::undecided(format!("it unpacks to more than {TOTAL} bytes")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_undecided_and_a_little_less_is_not() {
        let mut total = TOTAL - 10;
        assert_eq!(drain(&mut std::io::repeat(0).take(10), &mut total), Ok(()));
        assert!(matches!(drain(&mut std::io::repeat(0).take(1), &mut total), Err(Verdict::Undecided(_))));
    }
}
