//! Work grows with the input, not with its square. Work is counted as bytes that are allocated in all, at one size and at
//! twice that size: the same on every machine. What grows without allocating shows at ten megabytes, where a square
//! would take hours and the guard ends the wait; time itself decides nothing. Every reader runs on a thread with the
//! usual small stack, so that recursion on the depth of the input overflows it.

use crate::targets::{self, resolved};
use rectify::definition::batou::cfg::Cfg;
use rectify::definition::batou::components::Components;
use rectify::definition::batou::environment::Environment;
use rectify::definition::buildout::{MemorySources, Resolved, installed};
use rectify::definition::markers::{MarkerFacts, applies};
use rectify::model::diagnostic::Diagnostic;
use rectify::references::wheel_record;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// The size that work is counted at, in bytes, and twice that.
const SIZE: usize = 128 << 10;
/// The size at which it must only come to an end.
const WHOLE: usize = 10 << 20;
/// What a reader may hold at a time, for each byte of input, and beside it.
const HELD: u64 = 120;
const BESIDE: u64 = 700 << 20;
/// What a reader may allocate in all for ten megabytes, for each byte of input: thrice the most that was measured (124).
const MOST: u64 = 372;
/// How long the test waits before it takes a reader for endless.
const GUARD: Duration = Duration::from_mins(5);

/// A kind of hostile input, by its size in bytes.
type Family = (&'static str, fn(usize) -> Vec<u8>);

/// Bytes that a reader allocated in all.
fn work(name: &str, reader: Reader, input: Vec<u8>) -> u64 {
    let (send, receive) = channel();
    let size = input.len() as u64;
    let thread = std::thread::Builder::new().stack_size(2 << 20).name(name.to_owned());
    let running = thread.spawn(move || {
        let used = allocation_counter::measure(|| reader(&input));
        send.send(used).expect("somebody waits");
    });
    running.expect("a thread can be started");
    let used = receive.recv_timeout(GUARD).unwrap_or_else(|error| panic!("{name}, {size} bytes: {error}"));
    assert!(used.bytes_max < size * HELD + BESIDE, "{name}, {size} bytes: {} bytes at a time", used.bytes_max);
    used.bytes_total
}

fn assert_linear(reader: Reader, families: &[Family]) {
    for (name, family) in families {
        let (single, double) = (work(name, reader, family(SIZE)), work(name, reader, family(2 * SIZE)));
        assert!(double < 3 * single + SIZE as u64, "{name}: {single} bytes at one size, {double} at twice that size");
    }
}

/// A reader of bytes.
type Reader = fn(&[u8]);

/// The readers with what they have to bear.
const READERS: &[(&str, Reader, &[Family])] = &[
    ("buildout", resolving, TEXTS),
    ("buildout", resolving, REFERENCES),
    ("installed", installed_cfg, TEXTS),
    ("conditions", condition, CONDITIONS),
    ("record", record, RECORDS),
    ("environment", environment, ENVIRONMENTS),
    ("environment", environment, TEXTS),
    ("dpkg", dpkg, DPKG),
    ("portage", portage, CONTENTS),
];

/// Repeats a text up to a size.
fn repeated(start: &str, unit: &str, size: usize) -> Vec<u8> {
    format!("{start}{}", unit.repeat((size - start.len()) / unit.len())).into_bytes()
}

/// Numbered lines up to a size.
fn numbered(start: &str, line: fn(usize) -> String, size: usize) -> Vec<u8> {
    let mut text = start.to_owned();
    for number in 0.. {
        if text.len() >= size {
            break;
        }
        text.push_str(&line(number));
    }
    text.into_bytes()
}

/// What the line based formats of buildout have to bear.
const TEXTS: &[Family] = &[
    ("one value", |size| repeated("[buildout]\nx = ", "y", size)),
    ("one name", |size| repeated("[buildout]\n", "y", size)),
    ("one blank line", |size| repeated("[buildout]\nx = 1\n", " ", size)),
    ("one header of brackets", |size| repeated("", "[", size)),
    ("one header of blanks", |size| repeated("[", " ", size)),
    ("one header of colons", |size| repeated("[a", ":]", size)),
    ("empty lines", |size| repeated("[buildout]\n", "\n", size)),
    ("empty lines of a value", |size| repeated("[buildout]\nx =\n", "\n", size)),
    ("carriage returns", |size| repeated("[buildout]\nx =\n", "\r", size)),
    ("lines of a value", |size| repeated("[a]\nx =\n", "  y\n", size)),
    ("lines of a value that end in blanks", |size| repeated("[a]\nx = 1\n", "  y \t\n", size)),
    ("comments in a value", |size| repeated("[a]\nx =\n", "  # y\n", size)),
    ("comments behind values", |size| numbered("[a]\n", |n| format!("x{n} = 1 # y\n"), size)),
    ("lines that are none", |size| repeated("[a]\n", "garbage\n", size)),
    ("lines without a section", |size| repeated("", "a = b\n", size)),
    ("sections", |size| numbered("", |n| format!("[a{n}]\nx = 1\n"), size)),
    ("the same section", |size| repeated("", "[a]\nx = 1\n", size)),
    ("options", |size| numbered("[a]\n", |n| format!("x{n} = 1\n"), size)),
    ("options of buildout", |size| numbered("[buildout]\n", |n| format!("x{n} = 1\n"), size)),
    ("additions", |size| repeated("[a]\nx = 1\n", "x += 1\n", size)),
    ("additions without a blank", |size| numbered("[a]\n", |n| format!("x{n}+= 1\n"), size)),
    ("removals", |size| repeated("[a]\nx = 1\n", "x -= 1\n", size)),
    ("dependencies", |size| repeated("[a]\n", "=> a\n", size)),
    ("escapes", |size| repeated("[a]\nx = ", "%(__buildout_space__)s", size)),
    ("escapes that are none", |size| repeated("[a]\nx = ", "%(__buildout_", size)),
    ("zero bytes", |size| vec![0; size]),
    ("bytes that are no text", |size| vec![0xff; size]),
];

/// What only resolving has to bear.
const REFERENCES: &[Family] = &[
    ("references that are not closed", |size| repeated("[a]\nx = ", "${", size)),
    ("escaped dollars", |size| repeated("[a]\nx = ", "$$", size)),
    ("escaped references", |size| repeated("[a]\nx = ", "$${a:b}", size)),
    ("references that are none", |size| repeated("[a]\nx = ", "${}", size)),
    ("references to nothing", |size| numbered("[a]\n", |n| format!("x{n} = ${{b:y{n}}}\n"), size)),
    ("references to options that are none", |size| {
        numbered("[b]\ny = 1\n[a]\n", |n| format!("x{n} = ${{b:z{n}}}\n"), size)
    }),
    ("references of a value to itself", |size| repeated("[a]\nx = ", "${:x}", size)),
    ("references to an option", |size| repeated("[a]\ny = 1\nx = ", "${:y}", size)),
    ("a chain of options", |size| numbered("[a]\n", |n| format!("x{n:07} = ${{:x{:07}}}\n", n + 1), size)),
    ("a chain of options backwards", |size| numbered("[a]\n", |n| format!("x{:07} = ${{:x{n:07}}}\n", n + 1), size)),
    ("a chain of sections", |size| numbered("", |n| format!("[a{n:07}]\nx = ${{a{:07}:x}}\n", n + 1), size)),
    ("a chain of sections backwards", |size| numbered("", |n| format!("[a{:07}]\nx = ${{a{n:07}:x}}\n", n + 1), size)),
    ("a chain of macros", |size| numbered("", |n| format!("[a{n:07}]\n<= a{:07}\n", n + 1), size)),
    ("a chain of macros backwards", |size| numbered("", |n| format!("[a{:07}]\n<= a{n:07}\n", n + 1), size)),
    ("macros of one section", |size| repeated("[b]\nx = 1\n[a]\n<=\n", "  b\n", size)),
    ("macros that do not exist", |size| repeated("[a]\n<=\n", "  c\n", size)),
    ("parts that do not exist", |size| numbered("[buildout]\nparts =\n", |n| format!("  p{n}\n"), size)),
    ("parts", |size| numbered("[buildout]\nparts = a1\n", |n| format!("[a{n}]\nrecipe = r\n=> a{}\n", n + 1), size)),
    ("recipes that are none", |size| numbered("", |n| format!("[a{n}]\nrecipe = a:b:c\n"), size)),
    ("pins", |size| numbered("[versions]\n", |n| format!("p{n} = 1\n"), size)),
    ("the same file", |size| repeated("[buildout]\nextends = ", "buildout.cfg ", size)),
    ("files that do not exist", |size| numbered("[buildout]\nextends =\n", |n| format!("  f{n}.cfg\n"), size)),
    ("files that cannot be had", |size| numbered("[buildout]\nextends =\n", |n| format!("  http://x/{n}\n"), size)),
];

const CONDITIONS: &[Family] = &[
    ("open parentheses", |size| repeated("[a:", "(", size)),
    ("open parentheses in a header", |size| [repeated("[a:", "(", size), b"]\n".to_vec()].concat()),
    ("nested parentheses", |size| [vec![b'('; size / 2], b"os_name=='a'".to_vec(), vec![b')'; size / 2]].concat()),
    ("and", |size| repeated("os_name == 'posix'", " and os_name == 'posix'", size)),
    ("or", |size| repeated("os_name == 'nt'", " or os_name == 'nt'", size)),
    ("not", |size| repeated("", "not ", size)),
    ("texts that are not closed", |size| repeated("os_name == ", "'", size)),
    ("a version", |size| repeated("python_version == '1", ".1", size)),
    ("brackets", |size| repeated("", "x[", size)),
    ("minus", |size| repeated("1 ", "-", size)),
    ("conditions", |size| numbered("[x]\n", |n| format!("[a{n}:python_version > '{n}']\ny = 1\n"), size)),
    ("conditions without an answer", |size| numbered("[x]\n", |n| format!("[a{n}:open({n})]\ny = 1\n"), size)),
];

/// What `environment.cfg` has to bear beside that.
const ENVIRONMENTS: &[Family] = &[
    ("hosts", |size| numbered("[hosts]\n", |n| format!("h{n} = nginx\n"), size)),
    ("sections of hosts", |size| numbered("", |n| format!("[host:h{n}]\ncomponents = c\n"), size)),
    ("components of a host", |size| numbered("[hosts]\nh =\n", |n| format!("  c{n}\n"), size)),
    ("components in a line", |size| numbered("[hosts]\nh = c", |n| format!(",c{n}"), size)),
    ("overrides", |size| numbered("", |n| format!("[component:c{n}]\nx = 1\n"), size)),
    ("options of every section", |size| {
        let defaults = numbered("[DEFAULT]\n", |n| format!("x{n} = 1\n"), size / 2);
        [defaults, numbered("", |n| format!("[component:c{n}]\n"), size / 2)].concat()
    }),
    ("the same option", |size| repeated("[a]\n", "x = 1\n", size)),
];

const RECORDS: &[Family] = &[
    ("rows", |size| repeated("", "x,,\n", size)),
    ("rows with a digest", |size| repeated("", "x,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n", size)),
    ("a quote that is not closed", |size| repeated("\"", "x,,\n", size)),
    ("quotes", |size| repeated("", "\"", size)),
    ("quotes in rows", |size| repeated("", "\"x\",,\n", size)),
    ("names with quotes", |size| repeated("", "a\"\"", size)),
    ("commas", |size| repeated("", ",", size)),
    ("empty rows", |size| repeated("x.dist-info/RECORD,,\n", "\n", size)),
    ("one name", |size| repeated("", "x", size)),
    ("a number", |size| repeated("x,,", "9", size)),
];

/// The status file of dpkg; behind a byte 0xff the list of the files of its package `a`, then that of their checksums.
const DPKG: &[Family] = &[
    ("paragraphs", |size| {
        numbered(
            "",
            |n| format!("Package: p{n}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"),
            size,
        )
    }),
    ("the same paragraph", |size| repeated("", "Package: p\nStatus: install ok installed\nVersion: 1\n\n", size)),
    ("fields", |size| numbered("Package: a\n", |n| format!("F{n}: 1\n"), size)),
    ("a name", |size| repeated("Package: ", "x", size)),
    ("a description", |size| repeated("Package: a\nDescription: x\n", " y\n", size)),
    ("configuration files", |size| {
        let start = "Package: a\nStatus: install ok installed\nVersion: 1\nConffiles:\n";
        numbered(start, |n| format!(" /etc/{n} 0123456789abcdef0123456789abcdef\n"), size)
    }),
    ("words of a configuration file", |size| repeated("Package: a\nConffiles:\n /etc/x", " obsolete", size)),
    ("replaced packages", |size| numbered("Package: a\nReplaces: ", |n| format!("b{n}, "), size)),
    ("files", |size| with_lists(&numbered("/.\n", |n| format!("/usr/{n}\n"), size))),
    ("directories in directories", |size| with_lists(&repeated("/.\n/", "a/", size))),
    ("the same file", |size| with_lists(&repeated("/.\n", "/usr/a\n", size))),
    ("checksums of files that are not listed", |size| {
        let sums = numbered("", |n| format!("0123456789abcdef0123456789abcdef  usr/{n}\n"), size);
        with_lists(&[b"/.\n/usr\n/usr/0\n\xff", &*sums].concat())
    }),
    ("zero bytes", |size| vec![0; size]),
    ("zero bytes in a list", |size| with_lists(&vec![0; size])),
    ("line ends", |size| vec![b'\n'; size]),
    ("blanks", |size| vec![b' '; size]),
];

/// Lists of a package that is installed.
fn with_lists(lists: &[u8]) -> Vec<u8> {
    [b"Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n\xff", lists].concat()
}

/// What Portage's lists have to bear.
const CONTENTS: &[Family] = &[
    ("files", |size| numbered("", |n| format!("obj /usr/{n} 0123456789abcdef0123456789abcdef 1\n"), size)),
    ("links", |size| numbered("", |n| format!("sym /usr/{n} -> x 1\n"), size)),
    ("arrows", |size| repeated("sym /a", " -> ", size)),
    ("a name", |size| repeated("dir /", "a/", size)),
    ("rows that are none", |size| repeated("", "x\n", size)),
    ("protected directories", |size| repeated("CONFIG_PROTECT=\"", "/a ", size)),
];

fn configuration(bytes: &[u8]) -> (Resolved, Vec<Diagnostic>) {
    resolved(&MemorySources::new().with("/d/buildout.cfg", bytes))
}

fn resolving(bytes: &[u8]) {
    drop(configuration(bytes).0.part_edges());
}

fn installed_cfg(bytes: &[u8]) {
    drop(installed::parse(bytes, ".installed.cfg"));
}

fn environment(bytes: &[u8]) {
    let cfg = Cfg::parse("environment.cfg", bytes);
    drop(Environment::understand("dev", &cfg, &Components::default()));
}

fn record(bytes: &[u8]) {
    drop(wheel_record::parse(bytes));
}

fn dpkg(bytes: &[u8]) {
    targets::dpkg(bytes);
}

fn portage(bytes: &[u8]) {
    targets::portage(bytes);
}

fn condition(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    applies(&text, &MarkerFacts::cpython_on_linux("3.11.7"), &["test".to_owned()]);
    drop(configuration(format!("[buildout]\n[a:{text}]\n").as_bytes()));
    resolving(bytes);
}

#[test]
fn configurations_are_read_with_work_in_proportion() {
    assert_linear(resolving, TEXTS);
}

#[test]
fn references_are_worked_out_with_work_in_proportion() {
    assert_linear(resolving, REFERENCES);
}

#[test]
fn installed_cfg_is_read_with_work_in_proportion() {
    assert_linear(installed_cfg, TEXTS);
}

#[test]
fn environments_are_understood_with_work_in_proportion() {
    assert_linear(environment, ENVIRONMENTS);
    assert_linear(environment, TEXTS);
}

#[test]
fn conditions_are_decided_with_work_in_proportion() {
    assert_linear(condition, CONDITIONS);
}

#[test]
fn record_is_read_with_work_in_proportion() {
    assert_linear(record, RECORDS);
}

#[test]
fn package_databases_are_read_with_work_in_proportion() {
    assert_linear(dpkg, DPKG);
    assert_linear(portage, CONTENTS);
}

#[test]
fn a_status_file_of_ten_megabytes_needs_little_memory() {
    let (_, family) = DPKG[0];
    let input = family(WHOLE);
    let used = allocation_counter::measure(|| dpkg(&input));
    // A hundred thousand packages of a hundred bytes: real ones have a thousand, and need no more than these.
    assert!(used.bytes_max < 12 * WHOLE as u64, "{} bytes at a time", used.bytes_max);
}

/// Works on ten megabytes; gives the bytes that were allocated for each of them.
fn whole(name: &str, reader: Reader, family: fn(usize) -> Vec<u8>) -> u64 {
    let each = work(name, reader, family(WHOLE)) / WHOLE as u64;
    assert!(each < MOST, "{name}: {each} bytes for each byte of input");
    each
}

/// What every run of the tests works on at full size: of each reader what is cheap enough in a debug build, and what was
/// expensive once.
const EVERY_TIME: &[(&str, &str)] = &[
    ("buildout", "one value"),
    ("buildout", "lines without a section"),
    ("buildout", "references of a value to itself"),
    ("buildout", "the same file"),
    ("installed", "one header of colons"),
    ("conditions", "nested parentheses"),
    ("record", "a quote that is not closed"),
    ("environment", "hosts"),
];

#[test]
fn ten_megabytes_of_some_kinds_come_to_an_end() {
    for (wanted_of, wanted) in EVERY_TIME {
        let families = READERS.iter().filter(|(of, ..)| of == wanted_of);
        let mut found = families.flat_map(|(_, reader, families)| families.iter().map(move |family| (reader, family)));
        let (reader, (name, family)) = found.find(|(_, (name, _))| name == wanted).expect("there is such a kind");
        whole(name, *reader, *family);
    }
}

/// Minutes in a debug build: `make hostile` runs it.
#[test]
#[ignore = "takes minutes in a debug build; `make hostile` runs it"]
#[expect(clippy::print_stdout, reason = "who runs it wants to see what takes long")]
fn ten_megabytes_of_every_kind_come_to_an_end() {
    for (of, reader, families) in READERS {
        for (name, family) in *families {
            let start = Instant::now();
            let each = whole(name, *reader, *family);
            println!("{of}, {name}: {} ms, {each} bytes for each byte", start.elapsed().as_millis());
        }
    }
}

/// The messages of errors.
fn errors(files: &MemorySources) -> String {
    let (_, diagnostics) = resolved(files);
    diagnostics.into_iter().map(|found| found.message + "\n").collect()
}

#[test]
fn values_that_double_sixty_times_end_in_a_diagnostic() {
    let levels: String = (0..60).map(|n| format!("x{n} = ${{:x{}}}${{:x{}}}\n", n + 1, n + 1)).collect();
    let used = allocation_counter::measure(|| {
        let found = errors(&MemorySources::new().with("/d/buildout.cfg", format!("[a]\n{levels}x60 = y\n")));
        assert!(found.contains("the values grow beyond what is followed"), "{found}");
    });
    assert!(used.bytes_max < BESIDE, "{} bytes at a time", used.bytes_max);
}

#[test]
fn macros_that_double_sixty_times_end_in_a_diagnostic_or_in_the_union() {
    let levels: String = (0..60).map(|n| format!("[m{n}]\n<= m{}\n  m{}\nx{n} = 1\n", n + 1, n + 1)).collect();
    let files = MemorySources::new().with("/d/buildout.cfg", format!("{levels}[m60]\nx60 = 1\n"));
    let used = allocation_counter::measure(|| assert_eq!(resolved(&files).0.sections["m0"].options.len(), 61));
    assert!(used.bytes_total < BESIDE, "{} bytes", used.bytes_total);
}

#[test]
fn a_large_section_that_is_copied_often_ends_in_a_diagnostic() {
    let options: String = (0..2_000).map(|n| format!("x{n} = 1\n")).collect();
    let text = format!("[b]\n{options}[a]\n<=\n{}", "  b\n".repeat(100_000));
    let used = allocation_counter::measure(|| {
        let found = errors(&MemorySources::new().with("/d/buildout.cfg", text.as_str()));
        assert!(found.contains("has more macros than are followed"), "{found}");
    });
    assert!(used.bytes_total < 4 * BESIDE, "{} bytes", used.bytes_total);
}

#[test]
fn a_hundred_thousand_files_that_extend_one_another_end_in_a_diagnostic() {
    let name = |n: usize| if n == 0 { "buildout.cfg".to_owned() } else { format!("f{n}.cfg") };
    let files = (0..100_000).fold(MemorySources::new(), |files, n| {
        files.with(&format!("/d/{}", name(n)), format!("[buildout]\nextends = {}\n", name(n + 1)))
    });
    let found = errors(&files);
    assert!(found.contains("is extended too deeply or too often"), "{found}");
}

#[test]
fn a_file_that_extends_itself_ends_in_a_diagnostic() {
    let found = errors(&MemorySources::new().with("/d/buildout.cfg", "[buildout]\nextends = buildout.cfg\n"));
    assert!(found.contains("extends itself, directly or through others"), "{found}");
}

#[test]
fn files_that_add_to_a_large_value_do_not_copy_it() {
    let files = |count: usize| {
        let names: String = (0..count).map(|n| format!(" f{n}.cfg")).collect();
        let text = format!("[buildout]\nextends = base.cfg{names}\n");
        let base =
            MemorySources::new().with("/d/buildout.cfg", text).with("/d/base.cfg", repeated("[a]\nx = ", "y", SIZE));
        (0..count).fold(base, |files, n| files.with(&format!("/d/f{n}.cfg"), "[a]\nx += 1\n"))
    };
    let count = |files: &MemorySources| allocation_counter::measure(|| drop(resolved(files))).bytes_total;
    let (few, many) = (count(&files(10)), count(&files(200)));
    assert!(many < 3 * few, "{few} bytes for ten files, {many} for two hundred");
}

#[test]
fn files_that_are_missing_do_not_each_go_through_a_large_one() {
    let names: String = (0..1900).map(|n| format!(" f{n}.cfg")).collect();
    let files = |size: usize| {
        let text = format!("[buildout]\nextends = base.cfg{names}\n");
        let base = numbered("[a]\n", |n| format!("x{n} = 1\n"), size);
        MemorySources::new().with("/d/buildout.cfg", text).with("/d/base.cfg", base)
    };
    let count = |size: usize| allocation_counter::measure(|| drop(resolved(&files(size)))).bytes_total;
    let (small, large) = (count(SIZE), count(4 * SIZE));
    assert!(large < 6 * small, "{small} bytes for a small file, {large} for one four times as large");
}
