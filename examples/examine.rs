//! Examines every file below directories of this machine and counts what the intrinsic checks say: the measurement of
//! false positives, on a machine that is known to be sound.
//!
//!     cargo run --release --example examine -- /usr/lib /usr/share
//!
//! Damaged files are listed with their proof; with `--undecided` the others that are not consistent, too.

#![expect(clippy::print_stdout, reason = "the example prints what it measured")]

use rectify::io::disk::LiveRoot;
use rectify::live::examine::run;
use rectify::live::intrinsic::{CHECKS, Verdict};
use rectify::live::subject::Subject;
use rectify::model::observation::{Kind, ReadMode};
use rectify::model::path::TargetPath;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What one check said about how many files, and how long it took.
#[derive(Default)]
struct Count {
    consistent: u64,
    damaged: u64,
    undecided: u64,
    bytes: u64,
    time: Duration,
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let told = arguments.iter().position(|argument| argument == "--undecided").map(|at| arguments.remove(at)).is_some();
    let root = LiveRoot::open("/").expect("the root can be opened");
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let (mut files, mut uncovered) = (0_u64, 0_u64);
    let start = Instant::now();
    let mut todo: Vec<TargetPath> = arguments.iter().map(TargetPath::new).collect();
    while let Some(path) = todo.pop() {
        match root.look(&path).ok().flatten().map(|seen| seen.kind) {
            Some(Kind::Directory) => {
                let names = root.list(&path).unwrap_or_default();
                todo.extend(names.iter().map(|name| path.join(name)));
            }
            Some(Kind::File) => {
                files += 1;
                uncovered += u64::from(!examine(&root, &path, &mut counts, told));
            }
            _ => {}
        }
    }
    for (name, count) in &counts {
        let Count { consistent, damaged, undecided, bytes, time } = count;
        let seconds = time.as_secs_f64();
        let mib = bytes >> 20;
        println!(
            "{name:8} consistent {consistent:6} damaged {damaged:4} undecided {undecided:5} {mib:6} MiB {seconds:7.2} s"
        );
    }
    println!("{files} files, {uncovered} without any check, {:.1} s", start.elapsed().as_secs_f64());
}

/// Whether any check was about the file.
fn examine(root: &LiveRoot, path: &TargetPath, counts: &mut BTreeMap<&'static str, Count>, told: bool) -> bool {
    let Ok(subject) = Subject::open(root, path, ReadMode::Cached) else { return false };
    let mut covered = false;
    for &check in CHECKS.iter().filter(|check| check.applies(path, subject.head())) {
        covered = true;
        let start = Instant::now();
        let verdict = run(check, &subject);
        let count = counts.entry(check.name()).or_default();
        count.time += start.elapsed();
        count.bytes += subject.size();
        let name = check.name();
        match verdict {
            Verdict::Consistent => count.consistent += 1,
            Verdict::Damaged { at, proof } => {
                count.damaged += 1;
                println!("DAMAGED {name} {path} at {at:?}: {proof}");
            }
            Verdict::Undecided(reason) => {
                count.undecided += 1;
                if told {
                    println!("undecided {name} {path}: {reason}");
                }
            }
        }
    }
    covered
}
