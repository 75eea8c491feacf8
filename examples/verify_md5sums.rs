//! Checks all files that `/var/lib/dpkg/info/*.md5sums` speak of, for `benches/packages.py`.
//!
//!     cargo run --release --example verify_md5sums [--read [--look]] [--md5 LIST | --sha256 LIST] [--jobs N] [--root DIRECTORY] [--list]
//!
//! `--md5 LIST` and `--sha256 LIST` take the lines of md5sum(1) and sha256sum(1) instead. `--read` only reads the files,
//! by as many threads, without digesting anything: what cannot be undercut. With `--look` every file is looked at first, as
//! whoever wants to know what is missing, or begin with the largest, has to do. `--list` prints the paths that deviate.

use rectify::io::allocator;
use rectify::io::disk::LiveRoot;
use rectify::io::files;
use rectify::live::verify::{Options, verify};
use rectify::model::claims::{Claim, Claims};
use rectify::model::content::{Algorithm, Digest};
use rectify::model::observation::{Kind, Sighting};
use rectify::model::path::TargetPath;
use rectify::monitor::Silent;
use std::path::Path;
use std::time::Instant;

fn main() {
    allocator::share_arenas();
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).cloned();
    let start = Instant::now();
    let claims = match (value("--md5"), value("--sha256")) {
        (Some(list), _) => sums(&list, Algorithm::Md5),
        (None, Some(list)) => sums(&list, Algorithm::Sha256),
        (None, None) => dpkg(),
    };
    let parsed = start.elapsed();
    let root = LiveRoot::open(value("--root").unwrap_or_else(|| "/".into())).expect("the root is a directory");
    let options = Options { jobs: value("--jobs").map(|jobs| jobs.parse().expect("a number")), ..Options::default() };
    if has("--read") {
        let jobs = options.jobs.unwrap_or(2);
        if has("--look") {
            each(&root, &claims, jobs, &look_at_one);
        }
        let bytes = each(&root, &claims, jobs, &read_one);
        print(&format!("read {:.2} GB", gigabytes(bytes)));
        return;
    }
    let verified = verify(&root, &claims, &options, &Silent);
    let count = |wanted: fn(&Sighting) -> bool| verified.deviations.iter().filter(|(_, seen)| wanted(seen)).count();
    print(&format!(
        "{} claims, {} intact, {} differ, {} missing, {} unseen; {:.2} GB; parsed in {:.2} s, {:.2} s in all",
        verified.checked,
        verified.intact,
        count(|seen| matches!(seen, Sighting::Present(_))),
        count(|seen| matches!(seen, Sighting::Absent)),
        count(|seen| matches!(seen, Sighting::Unseen(_))),
        gigabytes(verified.bytes),
        parsed.as_secs_f64(),
        start.elapsed().as_secs_f64(),
    ));
    if has("--list") {
        for (index, seen) in &verified.deviations {
            let word = match seen {
                Sighting::Present(_) => "differs",
                Sighting::Absent => "missing",
                Sighting::Unseen(_) => "unseen",
            };
            print(&format!("{word} {}", claims.path(*index)));
        }
    }
}

#[expect(clippy::print_stdout, reason = "an example's output")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// The claims of all packages' md5sums lists.
fn dpkg() -> Claims {
    let info = Path::new("/var/lib/dpkg/info");
    let mut claims = Claims::new();
    for (unit, name) in (0..).zip(files::list(info).expect("dpkg's directory")) {
        if name.to_string_lossy().ends_with(".md5sums") {
            add(&mut claims, &files::read(&info.join(name)).expect("a list"), Algorithm::Md5, unit);
        }
    }
    claims
}

fn sums(list: &str, algorithm: Algorithm) -> Claims {
    let mut claims = Claims::new();
    add(&mut claims, &files::read(Path::new(list)).expect("a list"), algorithm, 0);
    claims
}

/// Lines as md5sum(1) writes them: hex digest, two characters, path.
fn add(claims: &mut Claims, text: &[u8], algorithm: Algorithm, unit: u32) {
    let hex = algorithm.digest_length() * 2;
    for line in text.split(|byte| *byte == b'\n').filter(|line| line.len() > hex + 2) {
        let digest = std::str::from_utf8(&line[..hex]).map(|hex| Digest::from_hex(algorithm, hex));
        let Ok(Ok(digest)) = digest else { continue };
        let kind = Some(Kind::File);
        let claim = Claim { kind, digest: Some((algorithm, &digest.bytes)), unit, ..Claim::default() };
        claims.push(&TargetPath::new(&line[hex + 2..]), &claim).expect("a real path");
    }
}

/// Reads all files and does nothing else.
/// Does something with every file, by several threads, and gives the sum of what comes of it.
fn each(root: &LiveRoot, claims: &Claims, jobs: usize, with_one: &(dyn Fn(&Path, &mut [u8]) -> u64 + Sync)) -> u64 {
    let next = std::sync::atomic::AtomicU32::new(0);
    let total = std::sync::atomic::AtomicU64::new(0);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    let count = u32::try_from(claims.len()).expect("few");
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut buffer = vec![0; 128 << 10];
                loop {
                    let first = next.fetch_add(64, relaxed);
                    if first >= count {
                        return;
                    }
                    for index in first..(first + 64).min(count) {
                        let path = root.locate(&claims.path(index));
                        total.fetch_add(with_one(&path, &mut buffer), relaxed);
                    }
                }
            });
        }
    });
    total.into_inner()
}

#[expect(clippy::disallowed_methods, reason = "what an ordinary program does is what is measured here")]
fn look_at_one(path: &Path, _: &mut [u8]) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |metadata| metadata.len())
}

#[expect(clippy::disallowed_methods, reason = "what an ordinary program does is what is measured here")]
fn read_one(path: &Path, buffer: &mut [u8]) -> u64 {
    use std::io::Read;
    // As plainly as can be: no guard against links, no look before and after.
    let Ok(mut file) = std::fs::File::open(path) else { return 0 };
    let mut bytes = 0;
    while let Ok(count) = file.read(buffer) {
        bytes += count as u64;
        if count < buffer.len() {
            break;
        }
    }
    bytes
}
