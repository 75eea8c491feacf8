//! The block line: where in a file which kind of damage is, in one line of fixed width.

use super::escape::plain;
use super::view::Blocks;
use crate::model::observation::BlockClass;

/// Cells of the block line.
const WIDTH: u64 = 48;

/// The legend of the classes that occur in `blocks`, strongest first.
pub fn legend(blocks: &Blocks) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (class, letter, word) in CLASSES {
        let share: u64 = blocks.runs.iter().filter(|run| run.class == class).map(|run| run.len).sum();
        if share > 0 && class != BlockClass::Expected {
            parts.push(format!("{letter} {word} {} of {}", share, blocks.total));
        }
    }
    parts.join(", ")
}

/// The strongest class wins a cell.
const CLASSES: [(BlockClass, char, &str); 9] = [
    (BlockClass::Random, 'R', "random"),
    (BlockClass::Foreign, 'F', "of another file"),
    (BlockClass::Torn, 'X', "torn"),
    (BlockClass::Zero, 'Z', "zero"),
    (BlockClass::Absent, '-', "cut off"),
    (BlockClass::Older, 'S', "older"),
    (BlockClass::Text, 'T', "other text"),
    (BlockClass::Unknown, '?', "unknown"),
    (BlockClass::Expected, '.', "good"),
];

/// The line: `[....RR..ZZ....SS]`. One cell stands for one block, or for equally many blocks of a larger file.
pub fn line(blocks: &Blocks) -> String {
    let cells = blocks.total.clamp(1, WIDTH);
    let mut line = vec![CLASSES.len() - 1; usize::try_from(cells).unwrap_or(1)];
    for run in &blocks.runs {
        let rank = CLASSES.iter().position(|(class, ..)| *class == run.class).unwrap_or(CLASSES.len() - 1);
        let end = run.at.saturating_add(run.len);
        if run.len == 0 || blocks.total == 0 {
            continue;
        }
        let cell = |block: u64| {
            let scaled = u128::from(block) * u128::from(cells) / u128::from(blocks.total);
            usize::try_from(scaled).unwrap_or(usize::MAX)
        };
        for index in cell(run.at)..=cell(end - 1).min(line.len() - 1) {
            line[index] = line[index].min(rank);
        }
    }
    let cells: String = line.into_iter().map(|rank| CLASSES[rank].1).collect();
    format!("[{cells}]")
}

/// The ranges that are not as expected: `blocks 900..924 (bytes 3686400..3784704) random`.
pub fn ranges(blocks: &Blocks) -> Vec<String> {
    let bad = blocks.runs.iter().filter(|run| run.class != BlockClass::Expected);
    bad.map(|run| {
        let end = run.at.saturating_add(run.len);
        let word = CLASSES.iter().find(|(class, ..)| *class == run.class).map_or("", |(_, _, word)| word);
        let (from, to) = (run.at.saturating_mul(blocks.size), end.saturating_mul(blocks.size));
        let file = run.from.as_deref().map_or_else(String::new, |file| format!(" {}", plain(file)));
        format!("blocks {}..{end} (bytes {from}..{to}) {word}{file}", run.at)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::view::RunView;

    fn blocks(total: u64, runs: &[(u64, u64, BlockClass)]) -> Blocks {
        let runs = runs.iter().map(|&(at, len, class)| RunView { at, len, class, from: None }).collect();
        Blocks { size: 4096, total, runs }
    }

    #[test]
    fn a_small_file_has_one_cell_a_block() {
        let blocks = blocks(6, &[(0, 2, BlockClass::Expected), (2, 1, BlockClass::Random), (4, 2, BlockClass::Zero)]);
        assert_eq!(line(&blocks), "[..R.ZZ]");
        assert_eq!(legend(&blocks), "R random 1 of 6, Z zero 2 of 6");
        assert_eq!(ranges(&blocks)[0], "blocks 2..3 (bytes 8192..12288) random");
    }

    #[test]
    fn one_bad_block_of_a_million_still_shows() {
        let line = line(&blocks(1_000_000, &[(0, 1_000_000, BlockClass::Expected), (999_999, 1, BlockClass::Random)]));
        assert_eq!(line.len(), 50);
        assert!(line.ends_with("R]"), "{line}");
    }

    #[test]
    fn a_lying_total_does_not_panic() {
        assert_eq!(line(&blocks(1, &[(u64::MAX - 1, 9, BlockClass::Zero)])), "[.]");
        assert_eq!(line(&blocks(0, &[(0, 9, BlockClass::Zero)])), "[.]");
    }
}
