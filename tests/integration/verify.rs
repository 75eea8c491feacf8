//! Verifying a tree against claims: every kind of damage is told, nothing else is, and what cannot be known is said.

#![expect(clippy::disallowed_methods, reason = "tests make what rectify looks at")]

use crate::live::Kept;
use rectify::io::disk::LiveRoot;
use rectify::live::verify::{Options, Verified, verify};
use rectify::model::claims::{Account, Claim, Claims};
use rectify::model::content::Algorithm;
use rectify::model::hasher::digest_of;
use rectify::model::observation::{Failure, Kind, Seen, SeenContent, Sighting};
use rectify::model::path::TargetPath;
use rectify::monitor::Silent;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes that no other file has.
fn content(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at / 64 + at * 7 + seed * 31) % 251).expect("below 251")).collect()
}

/// A tree, and what is claimed of it.
struct Case {
    tree: tempfile::TempDir,
    claims: Claims,
}

impl Case {
    fn new() -> Self {
        Self { tree: tempfile::tempdir().expect("there is room for a directory"), claims: Claims::new() }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.tree.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let at = self.at(path);
        std::fs::create_dir_all(at.parent().expect("it is below the tree")).expect("the tree is writable");
        std::fs::write(at, bytes).expect("the tree is writable");
    }

    fn claim(&mut self, path: &str, claim: &Claim<'_>) -> u32 {
        self.claims.push(&TargetPath::new(path), claim).expect("it can be claimed")
    }

    /// Claims that a file has these bytes.
    fn claim_bytes(&mut self, path: &str, algorithm: Algorithm, bytes: &[u8]) -> u32 {
        let digest = digest_of(algorithm, bytes);
        let kind = Some(Kind::File);
        self.claim(path, &Claim { kind, digest: Some((algorithm, &digest.bytes)), ..Claim::default() })
    }

    fn verify_with(&self, options: Options<'_>) -> Verified {
        let root = LiveRoot::open(self.tree.path()).expect("it is a directory");
        let verified = verify(&root, &self.claims, &options, &Silent);
        assert_eq!(verified.checked, self.claims.len() as u64, "every claim was checked");
        assert_eq!(verified.intact + verified.deviations.len() as u64, verified.checked);
        assert!(verified.deviations.is_sorted_by_key(|(index, _)| *index));
        verified
    }

    fn verify(&self) -> Verified {
        self.verify_with(Options::default())
    }

    /// The indices of the claims that do not hold.
    fn wrong(&self) -> Vec<u32> {
        self.verify().deviations.iter().map(|(index, _)| *index).collect()
    }
}

fn seen(verified: &Verified, index: u32) -> &Seen {
    match sighting(verified, index) {
        Sighting::Present(seen) => seen,
        other => panic!("nothing was seen: {other:?}"),
    }
}

fn sighting(verified: &Verified, index: u32) -> &Sighting {
    &verified.deviations.iter().find(|(found, _)| *found == index).expect("the claim does not hold").1
}

fn unseen(verified: &Verified, index: u32) -> &Failure {
    match sighting(verified, index) {
        Sighting::Unseen(failure) => failure,
        other => panic!("something can be said: {other:?}"),
    }
}

#[test]
fn files_of_all_sizes_and_digests_are_intact_until_one_byte_changes() {
    let mut case = Case::new();
    let mut expected = Vec::new();
    for number in 0..400 {
        let length = [0, 1, 55, 56, 64, 4096, 65_536, 65_537, 200_000][number % 9] + number / 9;
        let bytes = content(number, length);
        let path = format!("/d{}/f{number}", number % 7);
        case.write(&path, &bytes);
        let algorithm = Algorithm::ALL[[0, 2, 0, 2, 1, 3, 4][number % 7]].0;
        let index = case.claim_bytes(&path, algorithm, &bytes);
        expected.push((index, path, bytes));
    }
    let large = content(1, 9 << 20);
    case.write("/d1/large", &large);
    case.claim_bytes("/d1/large", Algorithm::Md5, &large);
    let verified = case.verify();
    assert_eq!((verified.deviations.len(), verified.intact), (0, 401));
    let total: usize = expected.iter().map(|(_, _, bytes)| bytes.len()).sum::<usize>() + large.len();
    assert_eq!(verified.bytes, total as u64, "every file is read once");
    let mut damaged = Vec::new();
    for (index, path, bytes) in expected.iter_mut().filter(|(_, _, bytes)| !bytes.is_empty()).step_by(11) {
        let last = bytes.len() - 1;
        bytes[last] ^= 0x40;
        case.write(path, bytes);
        damaged.push(*index);
    }
    let verified = case.verify();
    assert_eq!(verified.deviations.iter().map(|(index, _)| *index).collect::<Vec<_>>(), damaged);
    for (index, _, bytes) in expected.iter().filter(|(index, _, _)| damaged.contains(index)) {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            assert_eq!(seen(&verified, *index).digest(algorithm), Some(&digest_of(algorithm, bytes)));
        }
    }
}

#[test]
fn a_file_of_another_size_is_told_with_digests_that_name_what_it_is() {
    let mut case = Case::new();
    case.write("/etc/a", b"something else");
    let digest = digest_of(Algorithm::Md5, b"right");
    let claim = Claim { size: Some(5), digest: Some((Algorithm::Md5, &digest.bytes)), ..Claim::default() };
    case.claim("/etc/a", &claim);
    let verified = case.verify();
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        assert_eq!(seen(&verified, 0).digest(algorithm), Some(&digest_of(algorithm, b"something else")));
    }
    assert_eq!(verified.bytes, 14, "it is read once");
}

#[test]
fn every_claim_about_an_inode_is_compared_and_a_true_one_is_intact() {
    let mut case = Case::new();
    case.write("/bin/tool", b"tool");
    let at = case.at("/bin/tool");
    std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o4751)).expect("it is ours");
    symlink("tool", case.at("/bin/link")).expect("the tree is writable");
    let about = std::fs::metadata(&at).expect("it is there");
    let name = |id: u32| if id == 0 { Account::Name(b"root") } else { Account::Id(id) };
    let whole = Claim {
        kind: Some(Kind::File),
        size: Some(4),
        mode: Some(0o4751),
        owner: Some(name(about.uid())),
        group: Some(Account::Id(about.gid())),
        mtime: Some(about.mtime()),
        ..Claim::default()
    };
    let link = Claim { kind: Some(Kind::Link), mode: Some(0o644), target: Some(b"tool"), ..Claim::default() };
    let directory = Claim { kind: Some(Kind::Directory), size: Some(1), ..Claim::default() };
    for (path, claim) in [("/bin/tool", whole), ("/bin/link", link), ("/bin", directory), ("/", directory)] {
        case.claim(path, &claim);
        case.claim(path, &Claim::default());
    }
    assert_eq!(case.wrong(), Vec::<u32>::new());
    let first = u32::try_from(case.claims.len()).expect("few");
    let wrong = [
        ("/bin/tool", Claim { kind: Some(Kind::Link), size: None, ..whole }),
        ("/bin/tool", Claim { size: Some(5), ..whole }),
        ("/bin/tool", Claim { mode: Some(0o751), ..whole }),
        ("/bin/tool", Claim { owner: Some(Account::Id(about.uid() + 1)), ..whole }),
        ("/bin/tool", Claim { owner: Some(Account::Name(b"nobody-knows")), ..whole }),
        ("/bin/tool", Claim { group: Some(Account::Id(about.gid() + 1)), ..whole }),
        ("/bin/tool", Claim { mtime: Some(about.mtime() - 1), ..whole }),
        ("/bin/tool", Claim { target: Some(b"x"), ..Claim::default() }),
        ("/bin/link", Claim { target: Some(b"other"), ..link }),
        ("/bin/link", Claim { kind: Some(Kind::File), target: None, ..link }),
        ("/bin/link", Claim { size: Some(4), ..Claim::default() }),
        ("/bin", Claim { kind: Some(Kind::File), ..Claim::default() }),
        ("/bin", Claim { digest: Some((Algorithm::Md5, &[0; 16])), ..Claim::default() }),
    ];
    for (path, claim) in &wrong {
        case.claim(path, claim);
    }
    let last = u32::try_from(case.claims.len()).expect("few");
    assert_eq!(case.wrong(), (first..last).collect::<Vec<_>>());
}

#[test]
fn what_is_missing_is_absent_only_where_a_listing_proves_it() {
    let mut case = Case::new();
    case.write("/usr/share/here", b"");
    case.write("/usr/file", b"");
    symlink("/nowhere", case.at("/usr/lost")).expect("the tree is writable");
    symlink("/usr/loop", case.at("/usr/loop")).expect("the tree is writable");
    symlink("/usr/share", case.at("/lib")).expect("the tree is writable");
    for path in ["/usr/share/gone", "/gone/all/of/it", "/gone/all/of/that", "/usr/file/below", "/lib/gone"] {
        let index = case.claim(path, &Claim::default());
        assert_eq!(sighting(&case.verify(), index), &Sighting::Absent, "{path}");
    }
    let index = case.claim("/usr/lost/file", &Claim::default());
    assert_eq!(sighting(&case.verify(), index), &Sighting::Absent, "what the link leads to is proved absent");
    let index = case.claim("/usr/loop/file", &Claim::default());
    assert_eq!(unseen(&case.verify(), index).errno, 40, "ELOOP");
    let index = case.claim("/lib/here", &Claim::default());
    assert!(!case.wrong().contains(&index), "a link to a directory is followed inside the root");
}

#[test]
fn several_claims_about_one_path_are_judged_one_by_one_and_the_file_is_read_once() {
    let mut case = Case::new();
    case.write("/a", b"content");
    case.claim_bytes("/a", Algorithm::Md5, b"content");
    case.claim_bytes("/a", Algorithm::Sha512, b"content");
    case.write("/b", b"other");
    let verified = case.verify();
    assert_eq!((verified.intact, verified.bytes), (2, 7));
    let wrong = case.claim_bytes("/a", Algorithm::Sha256, b"wrong");
    assert_eq!(case.wrong(), [wrong]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_deviation_with_its_error_and_the_others_are_read() {
    // The memory of a process at address 0 cannot be read (proc(5), /proc/pid/mem): EIO, as from a damaged disk.
    let root = LiveRoot::open("/proc/self").expect("proc is mounted");
    let mut claims = Claims::new();
    for path in ["/mem", "/comm"] {
        let claim = Claim { digest: Some((Algorithm::Md5, &[1; 16])), ..Claim::default() };
        claims.push(&TargetPath::new(path), &claim).expect("it can be claimed");
    }
    let verified = verify(&root, &claims, &Options::default(), &Silent);
    assert_eq!((verified.checked, verified.intact), (2, 0));
    match &seen(&verified, 0).content {
        Some(SeenContent::Failed(failure)) => assert!(failure.is_damage(), "{failure:?}"),
        other => panic!("it was read: {other:?}"),
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_told_and_not_waited_for() {
    let mut case = Case::new();
    crate::tools::tool(case.tree.path(), &["mkfifo", "pipe"]);
    case.claim_bytes("/pipe", Algorithm::Md5, b"x");
    assert_eq!(seen(&case.verify(), 0).kind, Kind::Fifo);
}

#[test]
fn what_a_journal_has_is_not_read_again_as_long_as_it_is_the_same_file() {
    let mut case = Case::new();
    for name in ["/a", "/b", "/c"] {
        case.write(name, b"as it was packaged");
        case.claim_bytes(name, Algorithm::Md5, b"as it was packaged");
    }
    let first = Kept::default();
    let verified = case.verify_with(Options { journal: Some(&first), ..Options::default() });
    assert_eq!((verified.intact, first.noted().len()), (3, 3));
    // Other bytes with the same times and size could only be seen by reading them, which is what shows that nothing does.
    let (mut second, content) = (Kept::knowing(first.noted()), digest_of(Algorithm::Md5, b"another one"));
    let path = TargetPath::new("/a");
    let digests = vec![content];
    let read = SeenContent::Read { digests, captured: None, closer: None };
    second.known.get_mut(&path).expect("it was noted").3 = read;
    second.known.get_mut(&TargetPath::new("/b")).expect("it was noted").1 += 1;
    second.known.remove(&TargetPath::new("/c"));
    let verified = case.verify_with(Options { journal: Some(&second), ..Options::default() });
    let again: Vec<TargetPath> = second.noted().into_keys().collect();
    assert_eq!(again, [TargetPath::new("/b"), TargetPath::new("/c")], "one was changed since, of one nothing is known");
    assert_eq!(verified.intact, 3, "what does not agree is read by itself before it is accused");
}

#[test]
fn no_more_bytes_are_read_in_a_second_than_allowed() {
    let mut case = Case::new();
    let bytes = content(0, 300_000);
    case.write("/a", &bytes);
    case.claim_bytes("/a", Algorithm::Md5, &bytes);
    let start = Instant::now();
    let verified = case.verify_with(Options { jobs: Some(2), io_limit: Some(1_000_000), ..Options::default() });
    assert_eq!(verified.intact, 1);
    assert!(start.elapsed() >= Duration::from_millis(190), "{:?}", start.elapsed());
}

/// Paths as package databases have them: ten files a directory, names of twenty bytes.
fn path_of(number: u32) -> String {
    format!("/usr/share/package-{:05}/doc/some-name-of-file-{:03}", number / 10, number % 10)
}

#[test]
fn a_claim_takes_a_hundred_bytes() {
    let mut claims = Claims::new();
    let used = allocation_counter::measure(|| {
        for number in 0..200_000_u32 {
            let digest = number.to_be_bytes().repeat(4);
            let claim = Claim { digest: Some((Algorithm::Md5, &digest)), unit: number / 100, ..Claim::default() };
            claims.push(&TargetPath::new(path_of(number)), &claim).expect("it can be claimed");
        }
    });
    let each = used.bytes_max / 200_000;
    assert!((60..=110).contains(&each), "{each} bytes");
}

#[test]
fn verifying_takes_no_more_than_150_bytes_a_file() {
    let mut case = Case::new();
    case.write("/source", b"x");
    let digest = digest_of(Algorithm::Md5, b"x");
    let source = case.at("/source");
    let count = 40_000_u32;
    for number in 0..count {
        let at = case.at(&path_of(number));
        if number % 10 == 0 {
            std::fs::create_dir_all(at.parent().expect("it is below the tree")).expect("the tree is writable");
        }
        std::fs::hard_link(&source, at).expect("the tree is writable");
    }
    let mut verified = Verified::default();
    let used = allocation_counter::measure(|| {
        for number in 0..count {
            let claim = Claim { digest: Some((Algorithm::Md5, &digest.bytes)), ..Claim::default() };
            case.claims.push(&TargetPath::new(path_of(number)), &claim).expect("it can be claimed");
        }
        verified = case.verify();
    });
    assert_eq!(verified.intact, u64::from(count));
    // Chunks that are not full yet are the constant part.
    let each = used.bytes_max.saturating_sub(1 << 19) / u64::from(count);
    assert!((60..=150).contains(&each), "{each} bytes");
}

#[test]
fn a_tree_that_is_a_copy_below_another_directory_is_verified_by_its_own_root() {
    let mut case = Case::new();
    case.write("/etc/hostname", b"not that of this machine");
    case.claim_bytes("/etc/hostname", Algorithm::Sha256, b"not that of this machine");
    symlink("/etc", case.at("/absolute")).expect("the tree is writable");
    case.claim_bytes("/absolute/hostname", Algorithm::Sha256, b"not that of this machine");
    assert_eq!(case.wrong(), Vec::<u32>::new());
    assert!(Path::new("/etc").exists());
}

#[test]
fn what_was_seen_and_what_should_be_take_no_more_than_100_bytes_a_file_together() {
    use rectify::model::artifact::{Artifact, Authority, Content, Durability, Expected, MendId};
    use rectify::model::artifacts::Artifacts;
    use rectify::model::observations::Observations;
    let count = 100_000_u32;
    let digest = |number: u32| digest_of(Algorithm::Sha256, &number.to_le_bytes());
    let seen = |number: u32| {
        let content = SeenContent::Read { digests: vec![digest(number)], captured: None, closer: None };
        // The inode was last changed a second after the content, as by a program that unpacks and then renames.
        let mtime = 1_795_340_412_123_456_789 + i64::from(number) * 1_000_003;
        let (uid, gid, size) = (1000, 1000, u64::from(number));
        Seen {
            mode: 0o644,
            uid,
            gid,
            size,
            mtime,
            ctime: mtime + 1_234_567_890,
            content: Some(content),
            ..Seen::new(Kind::File)
        }
    };
    let artifact = |number: u32| Artifact {
        host: "app01".into(),
        path: TargetPath::new(path_of(number)),
        unit: format!("app01/web!package-{}", number / 1000).into(),
        expected: Expected::File(Content::Digest { digest: digest(number), size: Some(u64::from(number)) }),
        mode: None,
        owner: None,
        group: None,
        authority: Authority::Vendor,
        durability: Durability::Reproducible,
        mend: MendId(number / 1000),
        secret: false,
        origin: None,
    };
    let mut artifacts = Artifacts::new();
    let mut observations = Observations::sharing(artifacts.digests());
    let used = allocation_counter::measure(|| {
        for number in 0..count {
            observations.insert(TargetPath::new(path_of(number)), Sighting::Present(Box::new(seen(number))));
            artifacts.push(artifact(number));
        }
    });
    assert_eq!((observations.len(), artifacts.len()), (count as usize, count as usize));
    // What waits to be packed is the constant part: some thousand of each.
    let each = used.bytes_max.saturating_sub(5 << 20) / u64::from(count);
    assert!((60..=100).contains(&each), "{each} bytes");
}
