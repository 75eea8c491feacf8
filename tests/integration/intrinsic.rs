//! The intrinsic checks with sound files of the real tools (`fixtures/intrinsic/make.py`), and with what damage makes of
//! them: one changed bit, a zeroed block, the second half gone.

#![expect(clippy::disallowed_methods, reason = "tests make what rectify looks at")]

use crate::tools::write;
use rectify::io::disk::LiveRoot;
use rectify::live::examine::{examine, examine_subject, run};
use rectify::live::intrinsic::{CHECKS, Verdict};
use rectify::live::subject::{Sibling, Subject};
use rectify::model::observation::ReadMode;
use rectify::model::path::TargetPath;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/intrinsic");
const BLOB: &str = "git/objects/d9/dad0f42385ed33a9a40da5232e69005adb12cb";
const PACK: &str = "git/objects/pack/pack-36dbadbca4653b1d716ff32c06fde3185d8c87ca.pack";
const INDEX: &str = "git/objects/pack/pack-36dbadbca4653b1d716ff32c06fde3185d8c87ca.idx";

/// What is to be said of a damage.
#[derive(Clone, Copy)]
enum Told {
    /// It is proved.
    Damaged,
    /// The format does not show it; why.
    Hidden(&'static str),
}
use Told::{Damaged, Hidden};

/// Where one changed bit is proved.
enum Flips {
    /// Everywhere from the first offset on, but the last so many bytes. Compressed data have single bits that no decoder
    /// reads, or that another way to the same content has (`zstd -d` agrees); every 31st byte meets none.
    From(usize, usize),
    /// At these offsets.
    At(&'static [usize]),
    /// In these words of the file, at any byte of them.
    Words(&'static [&'static [u8]]),
    /// Nowhere, because.
    Nowhere(&'static str),
}
use Flips::{At, From, Nowhere, Words};

struct Kind {
    file: &'static str,
    check: &'static str,
    flips: Flips,
    /// The block from 4096 to 8192 is zero.
    zeroed: Told,
    /// Only the first half is left.
    halved: Told,
}

const fn kind(file: &'static str, check: &'static str, flips: Flips, zeroed: Told, halved: Told) -> Kind {
    Kind { file, check, flips, zeroed, halved }
}

const SHORTER: Told = Hidden("a shorter text is a text");
const LETTERS: Flips = Nowhere("another letter is a letter");

const KINDS: &[Kind] = &[
    kind(BLOB, "git", From(2, 0), Damaged, Damaged),
    kind(INDEX, "git", From(0, 0), Hidden("it is not as long"), Damaged),
    kind(PACK, "git", From(0, 0), Damaged, Damaged),
    kind("baseline.jpg", "jpeg", At(&[4, 20]), Damaged, Damaged),
    kind(
        "gnu.tar",
        "tar",
        At(&[0, 100, 124, 148, 200, 330, 1024, 1124]),
        Hidden("another archive may follow"),
        Damaged,
    ),
    kind("lossless.webp", "webp", At(&[7, 12, 19, 20]), Damaged, Damaged),
    kind("lossy.webp", "webp", At(&[7, 12, 19, 23]), Damaged, Damaged),
    kind("members.gz", "gzip", Nowhere("a second header has bytes that nothing guards"), Damaged, Damaged),
    kind("module.cpython-27.pyc", "pyc", At(&[2, 3, 8]), Damaged, Damaged),
    kind("module.cpython-311.pyc", "pyc", At(&[2, 3, 5, 7, 16]), Damaged, Damaged),
    kind("module.cpython-313.pyc", "pyc", At(&[2, 3, 5, 7, 16]), Damaged, Damaged),
    kind("module.cpython-36.pyc", "pyc", At(&[2, 3, 12]), Damaged, Damaged),
    kind("module.cpython-39.pyc", "pyc", At(&[2, 3, 5, 7, 16]), Damaged, Damaged),
    kind("module.py", "python", LETTERS, Damaged, SHORTER),
    kind(
        "pax.tar",
        "tar",
        At(&[0, 100, 124, 148, 200, 330, 1024, 1124]),
        Hidden("another archive may follow"),
        Damaged,
    ),
    kind("progressive.jpg", "jpeg", At(&[4, 20]), Damaged, Damaged),
    kind("sound.bz2", "bzip2", From(10, 1), Damaged, Damaged),
    kind("sound.gz", "gzip", From(10, 0), Damaged, Damaged),
    kind("sound.ini", "ini", LETTERS, Damaged, SHORTER),
    kind("sound.json", "json", Words(&[b":"]), Damaged, Damaged),
    kind("sound.jsonl", "json", Words(&[b":"]), Damaged, Damaged),
    kind("sound.pdf", "pdf", Words(&[b"startxref", b"%%EOF"]), Damaged, Damaged),
    kind("sound.png", "png", From(8, 0), Damaged, Damaged),
    kind("sound.so", "elf", At(&[4, 5, 6, 39, 47, 54, 58]), Hidden("code has no checksum"), Damaged),
    kind("sound.sqlite", "sqlite", At(&[16, 21, 22, 23, 100, 1024, 2048, 5120]), Damaged, Damaged),
    kind("sound.toml", "toml", LETTERS, Damaged, Damaged),
    kind("sound.txt", "text", LETTERS, Damaged, SHORTER),
    kind("sound.whl", "zip", Words(&[b"package/__init__.py", b"PK\x03\x04", b"PK\x05\x06"]), Damaged, Damaged),
    kind("sound.xml", "xml", Words(&[b"<row ", b"</row", b"</rows>"]), Damaged, Damaged),
    kind("sound.xz", "xz", From(6, 0), Damaged, Damaged),
    kind("sound.yaml", "yaml", LETTERS, Damaged, SHORTER),
    kind("sound.zst", "zstd", From(18, 0), Damaged, Damaged),
    kind("unchecked.zst", "zstd", Nowhere("it was made without a checksum"), Damaged, Damaged),
];

fn sound(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(FOLDER).join(name)).expect("the fixture is there")
}

fn examined(name: &str, bytes: &[u8]) -> Option<(&'static str, Verdict)> {
    examine_subject(&Subject::in_memory(&TargetPath::new(name), bytes))
}

fn is_damaged(name: &str, bytes: &[u8]) -> bool {
    matches!(examined(name, bytes), Some((_, Verdict::Damaged { .. })))
}

fn assert_told(kind: &Kind, bytes: &[u8], told: Told, what: &str) {
    let found = examined(kind.file, bytes);
    match told {
        Damaged => assert!(is_damaged(kind.file, bytes), "{}, {what}: {found:?}", kind.file),
        // Should a check learn to see it, its line here has to learn it as well.
        Hidden(why) => assert!(!is_damaged(kind.file, bytes), "{}, {what} ({why}): {found:?}", kind.file),
    }
}

fn places_of(word: &[u8], bytes: &[u8]) -> Vec<usize> {
    let starts = bytes.windows(word.len()).enumerate().filter(|(_, part)| *part == word).map(|(start, _)| start);
    starts.flat_map(|start| start..start + word.len()).collect()
}

#[test]
fn every_sound_file_of_a_real_tool_is_consistent() {
    for kind in KINDS {
        assert_eq!(examined(kind.file, &sound(kind.file)), Some((kind.check, Verdict::Consistent)), "{}", kind.file);
    }
}

#[test]
fn every_check_has_a_sound_file() {
    for check in CHECKS {
        assert!(KINDS.iter().any(|kind| kind.check == check.name()), "{}", check.name());
    }
}

#[test]
fn a_changed_bit_is_proved_where_the_format_guards_it() {
    for kind in KINDS {
        let whole = sound(kind.file);
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            bytes
        };
        let everywhere = |start, end| (start..whole.len() - end).step_by(31).chain([whole.len() - end - 1]);
        let places: Vec<usize> = match &kind.flips {
            From(start, end) => everywhere(*start, *end).collect(),
            At(places) => places.to_vec(),
            Words(words) => words.iter().flat_map(|word| places_of(word, &whole)).step_by(3).collect(),
            Nowhere(why) => {
                let hidden = everywhere(0, 0).any(|at| !is_damaged(kind.file, &flipped(at)));
                assert!(hidden, "{}: every changed bit is seen now, though {why}", kind.file);
                continue;
            }
        };
        assert!(!places.is_empty(), "{}", kind.file);
        for at in places {
            assert_told(kind, &flipped(at), Damaged, &format!("byte {at}"));
        }
    }
}

#[test]
fn a_zeroed_block_is_proved() {
    for kind in KINDS {
        let mut bytes = sound(kind.file);
        let end = bytes.len().min(8192);
        bytes[4096.min(end)..end].fill(0);
        assert_told(kind, &bytes, kind.zeroed, "zeroed");
    }
}

#[test]
fn a_file_of_which_the_second_half_is_gone_is_proved() {
    for kind in KINDS {
        let mut bytes = sound(kind.file);
        // Not at the edge of a block, where an archive without an end mark would end.
        bytes.truncate(bytes.len() / 2 + 37);
        assert_told(kind, &bytes, kind.halved, "halved");
    }
}

#[test]
fn the_place_of_the_damage_is_told() {
    for name in ["sound.txt", "sound.json", "sound.sqlite", "baseline.jpg"] {
        let mut bytes = sound(name);
        bytes[4096..8192].fill(0);
        let Some((_, Verdict::Damaged { at: Some(found), .. })) = examined(name, &bytes) else { panic!("{name}") };
        assert!((4096..8192).contains(&found), "{name}: {found}");
    }
    let mut bytes = sound("sound.png");
    bytes[60] ^= 1;
    assert!(matches!(examined("a.png", &bytes), Some(("png", Verdict::Damaged { at: Some(33), .. }))));
}

#[test]
fn random_bytes_in_a_text_are_proved() {
    let noise = sound("sound.xz")[2000..6096].to_vec();
    for name in ["sound.txt", "sound.ini", "sound.json", "sound.xml", "sound.toml", "sound.yaml", "module.py"] {
        let mut bytes = sound(name).repeat(2);
        bytes[4096..8192].copy_from_slice(&noise);
        assert!(is_damaged(name, &bytes), "{name}: {:?}", examined(name, &bytes));
    }
}

/// What is unusual and yet no damage.
#[test]
fn no_unusual_file_is_called_damaged() {
    let wide: Vec<u8> = "a = b\r\n".repeat(90).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let payload = [b"#!/bin/sh\nexec tail -n +3 \"$0\"\n".repeat(200), sound("sound.xz")].concat();
    let long = |text: &str| text.repeat(90).into_bytes();
    let cases: &[(&str, Vec<u8>)] = &[
        ("a.json", long("{\n// a comment\n\"a\": 1,\n}\n")),
        ("a.json", [b"{\"a\": [".to_vec(), long("1, 2, "), b"]}".to_vec()].concat()),
        ("a.json", [b"{\"a\": ".to_vec(), long("{{ value }} "), b"}".to_vec()].concat()),
        ("a.json", b"{\"a\": NaN}".to_vec()),
        ("a.xml", [b"<?xml version=\"1.0\"?><a>".to_vec(), long("{% if x %}<b>{% endif %}")].concat()),
        ("a.xml", [b"<html><body>".to_vec(), long("<p>text<br>")].concat()),
        ("head.inc", [b"<?xml version=\"1.0\"?><a>".to_vec(), long("<b/>")].concat()),
        ("a.toml", [b"a = 1\n".to_vec(), long("# a comment\n"), b"b = {{ value }}".to_vec()].concat()),
        ("a.yaml", long("a: {{ value }}\n\t- b\n")),
        ("a.py", long("print 'Python 2', 0777\n")),
        ("a.py", long("# caf\u{e9}\n").iter().map(|&byte| if byte == 0xc3 { 0xe9 } else { byte }).collect()),
        ("a.conf", long("no = ini ] at all [\n<a b>\n\u{1b}[1m")),
        ("a.conf", sound("sound.so")),
        ("a.ini", wide.clone()),
        ("a.txt", wide),
        ("a.gz", long("text\n")),
        ("a.pyc", long("text\n")),
        ("a.egg", long("text\n")),
        ("a.zip", sound("sound.xz")),
        ("a.tar", long("text\n")),
        ("a.sh", payload),
        ("a.gz.part", sound("sound.gz")[..4000].to_vec()),
        ("a.gz", [sound("sound.gz"), vec![0; 9000]].concat()),
        ("a.png", sound("baseline.jpg")),
        ("objects/00/0123456789abcdef0123456789abcdef012345", long("text\n")),
        ("firmware/a.mdt", sound("sound.so")[..4000].to_vec()),
        ("a.tar", sound("pax.tar")[..1024].to_vec()),
    ];
    for (name, bytes) in cases {
        let found = examined(name, bytes);
        assert!(!is_damaged(name, bytes), "{name}: {found:?}");
    }
    for extension in ["zip", "gz", "bz2", "xz", "zst", "tar", "json", "xml", "toml", "yaml", "ini", "py", "txt", "pack"]
    {
        assert!(!is_damaged(&format!("empty.{extension}"), b""), "{extension}");
    }
}

#[test]
fn a_database_in_the_middle_of_a_change_is_left_alone() {
    let mut bytes = sound("sound.sqlite");
    bytes[5120] = 0;
    let path = TargetPath::new("/srv/a.sqlite");
    assert!(is_damaged("/srv/a.sqlite", &bytes));
    for (beside, size, undecided) in [("-wal", 4096, true), ("-journal", 512, true), ("-wal", 0, false)] {
        let beside = TargetPath::new(format!("/srv/a.sqlite{beside}"));
        let subject = Subject::in_memory(&path, &bytes).beside(&beside, Sibling::File { size, mtime: 0 });
        let found = examine_subject(&subject).expect("there is a check").1;
        assert_eq!(matches!(found, Verdict::Undecided(_)), undecided, "{found:?}");
    }
}

#[test]
fn compiled_python_is_held_against_the_source_beside_it() {
    let size = sound("module.py").len() as u64;
    for tag in ["27", "36", "39", "311", "313"] {
        let bytes = sound(&format!("module.cpython-{tag}.pyc"));
        let path = TargetPath::new(format!("/a/__pycache__/module.cpython-{tag}.pyc"));
        let with = |mtime| {
            let source = TargetPath::new("/a/module.py");
            let subject = Subject::in_memory(&path, &bytes).beside(&source, Sibling::File { size, mtime });
            examine_subject(&subject).expect("there is a check").1
        };
        assert_eq!(with(1_700_000_000), Verdict::Consistent, "{tag}");
        assert!(matches!(with(1_700_000_001), Verdict::Undecided(_)), "{tag}");
    }
}

#[test]
fn a_live_file_that_changes_meanwhile_is_undecided_and_others_are_told() {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    write(&directory.path().join("a.gz"), &sound("sound.gz")[..5000]);
    let root = LiveRoot::open(directory.path()).expect("it was just made");
    let path = TargetPath::new("/a.gz");
    assert!(matches!(examine(&root, &path, ReadMode::Cached), Some(("gzip", Verdict::Damaged { .. }))));
    assert_eq!(examine(&root, &TargetPath::new("/b.gz"), ReadMode::Cached).map(|(name, _)| name), Some("reading"));
    let subject = Subject::open(&root, &path, ReadMode::Cached).expect("it is readable");
    write(&directory.path().join("a.gz"), sound("sound.gz"));
    let check = CHECKS.iter().find(|check| check.name() == "gzip").expect("it is in the table");
    assert!(matches!(run(*check, &subject), Verdict::Undecided(_) | Verdict::Consistent));
    assert_eq!(examine(&root, &path, ReadMode::Cached), Some(("gzip", Verdict::Consistent)));
    write(&directory.path().join("unknown"), [1, 2, 3]);
    assert_eq!(examine(&root, &TargetPath::new("/unknown"), ReadMode::Cached), None);
}
