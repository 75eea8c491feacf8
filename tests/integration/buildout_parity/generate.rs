//! Configurations at random: mostly sound, with all the corners that decide what is deployed.

use super::Case;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `SplitMix64`: small, seeded, the same everywhere.
struct Dice {
    state: u64,
    /// Only what zc.buildout goes through with, as far as that can be told from here.
    sound: bool,
}

impl Dice {
    fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("small");
        usize::try_from(self.roll() % limit).expect("small")
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const SECTIONS: &[&str] = &["a", "b", "c", "p", "q", "r", "sec.tion", "t-u"];
const OPTIONS: &[&str] = &["x", "yy", "zed", "eggs", "opt-ion", "Upper"];
const WORDS: &[&str] =
    &["1", "two", "a b", "x=y", "ü", "$", "$$", "1 # c", "[b]", "-", "/p/q", "1", "two", "base p", "base a", "${"];
const CONDITIONS: &[&str] = &[
    "True",
    "False",
    "python3",
    "python27",
    "python_version > \"3\"",
    "sys_platform == 'win32'",
    "sys.version_info >= (3,)",
    "linux and not windows",
    "platform.machine() == \"x86_64\" or windows",
    "'linux' in sys_platform",
    "python_version in '2.7 3.4'",
    "sys.platform.startswith(\"linux\")",
    " 1 < 2 < 3 ",
    "os.name == 'posix' and bits64",
    "not (python2 or windows)",
    "python_version ~= '3.5' and os_name != 'nt'",
    "(1, 2) < sys.version_info[:2]",
    "[]",
    "0",
    "None",
    "'a'",
    "\"\\x23\" in \"a\\x3bb\"",
    "nosuch",
    "1 +",
    "'a' == 'a'",
];

const BUILDOUT_LINES: &[&str] = &[
    "eggs-directory = e",
    "eggs-directory = ~/e",
    "eggs-directory = ${buildout:directory}/e",
    "bin-directory = ../b",
    "parts-directory = /abs/p",
    "develop-eggs-directory = ${buildout:parts-directory}/d",
    "download-cache = dc",
    "download-cache = /dc",
    "extends-cache = ec",
    "eggs-directory-version =",
    "eggs-directory-version = v9",
    "abi-tag-eggs = true",
    "versions = versions",
    "versions = v",
    "versions =",
    "newest = false",
    "offline = true",
    "prefer-final = false",
    "log-level = 10",
    "installed =",
    "installed = /i.cfg",
    "find-links += http://x",
    "find-links = y",
    "allow-hosts +=\n    *.x",
    "ref = ${a:x}",
    "ref = ${p:location}",
    "socket-timeout = 5",
    "executable = /py",
    "show-picked-versions = true",
    "=> p",
    "own = ${:directory}",
];
const DOUBTFUL_LINES: &[&str] = &[
    "offline = yes",
    "log-level = loud",
    "install-from-cache = true",
    "eggs-directory +=",
    "download-cache -= x",
    "directory = ${:w}",
    "show-picked-versions = maybe",
    "<= a",
    "newest = ${a:x}",
    "verbosity = x",
    "verbosity = 10",
];

/// The case of a seed.
pub(super) fn case(seed: u64) -> Case {
    let mut dice = Dice { state: seed, sound: false };
    let mut case = Case::default();
    dice.sound = dice.percent(70);
    let hostile = !dice.sound && dice.percent(40);
    let count = if dice.sound { 2 + dice.below(4) } else { 1 + dice.below(4) };
    let places = ["", "", "s/", "s/t/", "remote/"];
    let names: Vec<String> = (0..count)
        .map(|index| if index == 0 { "buildout.cfg".to_owned() } else { format!("{}f{index}.cfg", dice.pick(&places)) })
        .collect();
    for index in 0..count {
        let content = if hostile && dice.percent(50) {
            text(&mut dice)
        } else if dice.sound && index > 0 && index + 1 == count {
            base()
        } else {
            file(&mut dice, index, &names)
        };
        case.files.insert(names[index].clone(), content);
    }
    if dice.percent(10) {
        case.user_defaults = true;
        let content = file(&mut dice, usize::MAX, &[]);
        case.files.insert("home/default.cfg".to_owned(), content);
    }
    for _ in 0..dice.below(3) {
        if dice.percent(30) {
            case.args.push(argument(&mut dice, &names));
        }
    }
    case
}

fn argument(dice: &mut Dice, names: &[String]) -> String {
    if dice.percent(5) {
        let name = &names[dice.below(names.len())];
        return format!("buildout:extends={name}");
    }
    if dice.percent(20) && !dice.sound {
        return format!(
            "{}={}",
            dice.pick(&["newest", "offline", "eggs-directory", "own"]),
            dice.pick(&["true", "false"])
        );
    }
    let operator = dice.pick(&["", "", "+", "-", " +", " -"]);
    format!("{}:{}{operator}={}", dice.pick(SECTIONS), dice.pick(OPTIONS), value(dice, 0).trim())
}

/// How a file is named by another one.
fn relative(from: &str, to: &str) -> String {
    if let Some(name) = to.strip_prefix("remote/") {
        return if from.starts_with("remote/") { name.to_owned() } else { format!("http://host/{name}") };
    }
    if from.starts_with("remote/") {
        return format!("@DIRECTORY@/{to}");
    }
    let depth = from.matches('/').count();
    format!("{}{to}", "../".repeat(depth))
}

/// A file that defines everything others refer to.
fn base() -> String {
    let mut text = "[versions]\npackage = 1\n[v]\npackage = 2\n".to_owned();
    for name in SECTIONS {
        let _ = writeln!(text, "[{name}]");
        if matches!(*name, "p" | "q" | "r") {
            text.push_str("recipe = base\n");
        }
        for option in OPTIONS {
            let _ = writeln!(text, "{option} =\n    two\n    base {name}");
        }
    }
    text
}

fn file(dice: &mut Dice, index: usize, names: &[String]) -> String {
    let mut text = String::new();
    let root = index == 0;
    if dice.percent(85) || root || dice.sound {
        buildout_section(dice, index, names, &mut text);
    }
    for _ in 0..dice.below(6) {
        let name = dice.below(SECTIONS.len());
        section(dice, name, &mut text);
    }
    if root && !dice.sound {
        // Most references then lead somewhere.
        for (position, name) in SECTIONS.iter().enumerate() {
            if dice.percent(70) {
                let _ = writeln!(text, "[{name}]");
                for option in OPTIONS {
                    if dice.percent(15) {
                        let _ = writeln!(text, "{option} = {}", value(dice, position));
                    }
                }
            }
        }
    }
    if dice.percent(4) { text.replace('\n', "\r\n") } else { text }
}

fn part(dice: &mut Dice) -> &'static str {
    if dice.sound { ["p", "q", "r"][dice.below(3)] } else { ["p", "q", "r", "p", "q", "r", "a"][dice.below(7)] }
}

fn buildout_section(dice: &mut Dice, index: usize, names: &[String], text: &mut String) {
    text.push_str("[buildout]\n");
    let later: Vec<&String> = names.iter().skip(index.saturating_add(1)).collect();
    let mut extends = Vec::new();
    for name in &later {
        if dice.percent(60) {
            extends.push(relative(&names[index], name));
        }
    }
    if dice.sound && extends.is_empty() && !later.is_empty() {
        extends.push(relative(&names[index], &names[names.len() - 1]));
    }
    if dice.percent(1) {
        extends.push(dice.pick(&["missing.cfg", "buildout.cfg", "http://nowhere/x.cfg"]).to_owned());
    }
    if !extends.is_empty() {
        let option = if dice.percent(2) { "extends +" } else { "extends " };
        let _ = writeln!(text, "{option}= {}", extends.join(dice.pick(&[" ", "\n    "])));
    }
    if dice.percent(3) && !later.is_empty() {
        let _ = writeln!(text, "optional-extends = {} nothing.cfg", later[0]);
    }
    if index == 0 || dice.percent(30) {
        let operator = if index == 0 && dice.percent(70) { "=" } else { "+=" };
        let _ = write!(text, "parts {operator}");
        for _ in 0..dice.below(4) {
            let _ = write!(text, "{}{}", dice.pick(&[" ", "\n  "]), part(dice));
        }
        text.push('\n');
    }
    for _ in 0..dice.below(3) {
        let line = dice.pick(BUILDOUT_LINES);
        let _ = writeln!(text, "{line}");
    }
    for _ in 0..dice.below(3) {
        if dice.sound {
            continue;
        }
        let line = dice.pick(DOUBTFUL_LINES);
        let _ = writeln!(text, "{line}");
    }
    if dice.percent(30) {
        let _ = writeln!(
            text,
            "[{}]\n{} = {}",
            dice.pick(&["versions", "versions", "v"]),
            dice.pick(&["A_b.c", "zc.buildout", "setuptools", "recipe"]),
            dice.pick(&["1.0", "2", ">=3"])
        );
    }
}

fn section(dice: &mut Dice, position: usize, text: &mut String) {
    let name = SECTIONS[position];
    if dice.percent(15) {
        let conditions = if dice.sound { &CONDITIONS[..CONDITIONS.len() - 4] } else { CONDITIONS };
        let _ = writeln!(text, "[{name}:{}]{}", dice.pick(conditions), dice.pick(&["", " # x", " ; y"]));
    } else {
        let _ = writeln!(text, "[{name}]{}", dice.pick(&["", "", "", " # c]", "  "]));
    }
    if matches!(name, "p" | "q" | "r") && dice.percent(75) {
        let _ = writeln!(text, "recipe = {}", dice.pick(&["r", "r:e", "r", "r", "zc.recipe.egg", "${t-u:x}"]));
    }
    if dice.percent(18) {
        let lower = position + 1 + dice.below(3);
        if dice.sound && lower + 1 >= SECTIONS.len() {
            return;
        }
        let base = SECTIONS[lower % SECTIONS.len()];
        let _ = writeln!(text, "<= {base}");
        if dice.percent(30) {
            let _ = writeln!(text, "   {}", SECTIONS[(lower + 1) % SECTIONS.len()]);
        }
    }
    if dice.percent(5) {
        let _ = writeln!(text, "=> {}", dice.pick(&["p", "q r", "r", "t-u"]));
    }
    for _ in 0..dice.below(5) {
        let option = dice.pick(OPTIONS);
        let operator = dice.pick(&["=", "=", "=", " =", " +=", " +=", " -=", "+=", "-=", "  +="]);
        let _ = writeln!(text, "{option}{operator} {}", value(dice, position));
        if dice.percent(4) {
            let last = if dice.sound { 5 } else { 6 };
            text.push_str(dice.pick(&["# comment\n", "\n", "; c\n", "  # indented\n", "\x0c\n", "bad line\n"][..last]));
        }
    }
}

/// A value; references lead to later sections, so that few of them are circular.
fn value(dice: &mut Dice, position: usize) -> String {
    let mut value = String::new();
    let lines = if dice.percent(25) { 1 + dice.below(4) } else { 0 };
    if lines == 0 || dice.percent(20) {
        value.push_str(&words(dice, position));
    }
    for _ in 0..lines {
        let indent = dice.pick(&["    ", "    ", "  ", "\t", "      "]);
        let _ = write!(value, "\n{indent}{}", words(dice, position));
        if dice.percent(8) {
            value.push('\n');
        }
    }
    value
}

fn words(dice: &mut Dice, position: usize) -> String {
    let mut parts = Vec::new();
    for _ in 0..=dice.below(2) {
        if dice.percent(30) {
            parts.push(reference(dice, position));
        } else {
            let words = if dice.sound { &WORDS[..WORDS.len() - 1] } else { WORDS };
            parts.push(dice.pick(words).to_owned());
        }
    }
    parts.join(dice.pick(&[" ", "", " ", "/"]))
}

fn reference(dice: &mut Dice, position: usize) -> String {
    let later = SECTIONS.get(position + 1 + dice.below(SECTIONS.len())).copied();
    let section =
        if dice.percent(if dice.sound { 1 } else { 4 }) { dice.pick(SECTIONS) } else { later.unwrap_or("buildout") };
    let option = match section {
        "buildout" => dice.pick(&["directory", "bin-directory", "eggs-directory", "parts-directory", "executable"]),
        "p" | "q" | "r" if dice.percent(50) => "location",
        _ => dice.pick(OPTIONS),
    };
    let kind = if dice.sound { 3 + dice.below(97) } else { dice.below(100) };
    match kind {
        10 if dice.sound => format!("${{{section}:{option}}}"),
        0 => "${a}".to_owned(),
        1 => "${a:b:c}".to_owned(),
        2 => format!("${{:{option}}}"),
        3 => format!("$${{{section}:{option}}}"),
        4..=8 => "${:_buildout_section_name_}".to_owned(),
        9 => format!("${{{section}:_buildout_section_name_}}"),
        10 => "${a/b:c}".to_owned(),
        11 => format!("$$${{{section}:{option}}}"),
        _ => format!("${{{section}:{option}}}"),
    }
}

/// Lines that are hardly a configuration.
fn text(dice: &mut Dice) -> String {
    const PIECES: &[&str] = &[
        "[a]",
        "[b]",
        "[a:False]",
        "[a:True]",
        "[buildout]",
        "[ a ]",
        "[a] ; c",
        "[a b]",
        "[a:",
        "[a:]",
        "x = 1",
        "x=1",
        "y += 2",
        "y+=2",
        "y -= 2",
        "  cont",
        "\tcont",
        "    deeper",
        "",
        "   ",
        "# c",
        "; c",
        "  # c",
        "x",
        "= 1",
        "<= b",
        "<=\n  b\n  c",
        "=> a",
        "x =",
        "y +=",
        "x y = 1",
        "x: 1",
        "\u{feff}",
        "\u{1c}a",
        "\u{85}b",
        "\u{a0}c",
        "x =\u{2003}v\u{2003}",
        "ü = ü",
        "x = \x0c1",
        "+= 1",
        "a+ = 1",
        "a++= 1",
        "a +-= 1",
        "{x} = 1",
        "x = a\u{2028}b",
        "[a]#",
        "[a\u{a0}]",
        "-= 1",
        "x-= 1",
        "y  += 3",
        "y  +=\n  3\n\n  4",
    ];
    let mut text = String::new();
    if dice.percent(70) {
        text.push_str("[buildout]\nparts =\n");
    }
    for _ in 0..dice.below(14) {
        text.push_str(dice.pick(PIECES));
        text.push_str(dice.pick(&["\n", "\n", "\n", "\n", "\r\n", "\r"]));
    }
    text
}

/// Options as `.installed.cfg` has them.
pub(super) fn installed(seed: u64) -> BTreeMap<String, BTreeMap<String, String>> {
    const PIECES: &[&str] = &[
        "a",
        " ",
        "\n",
        "\t",
        "\r",
        "\x0c",
        "\x0b",
        "b c",
        "\n\n",
        "  ",
        "%(",
        ")s",
        "%(__buildout_space__)s",
        "ü",
        "[x]",
        "#",
        "=",
        "path/x",
        "\n  ",
    ];
    let mut dice = Dice { state: seed, sound: false };
    let mut sections = BTreeMap::new();
    for name in ["buildout", "p", "q"] {
        let mut options = BTreeMap::new();
        for option in ["parts", "recipe", "x", "__buildout_installed__"] {
            if dice.percent(70) {
                let value: String = (0..dice.below(6)).map(|_| dice.pick(PIECES)).collect();
                options.insert(option.to_owned(), value);
            }
        }
        sections.insert(name.to_owned(), options);
    }
    sections
}

/// A condition: sometimes a marker, sometimes Python, sometimes neither.
pub(super) fn condition(seed: u64) -> String {
    let mut dice = Dice { state: seed, sound: false };
    let marker = dice.percent(40);
    expression(&mut dice, 0, marker)
}

fn expression(dice: &mut Dice, depth: usize, marker: bool) -> String {
    if depth < 3 && dice.percent(45) {
        let left = expression(dice, depth + 1, marker);
        let right = expression(dice, depth + 1, marker);
        return match dice.below(6) {
            0 => format!("({left})"),
            1 if !marker => format!("not {left}"),
            2 | 3 => format!("{left} or {right}"),
            _ => format!("{left} and {right}"),
        };
    }
    let pieces = if marker { MARKERS } else { PYTHON };
    if !marker && dice.percent(40) {
        let operator = dice.pick(&["==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "+", ","]);
        return format!("{} {operator} {}", dice.pick(pieces), dice.pick(pieces));
    }
    dice.pick(pieces).to_owned()
}

const MARKERS: &[&str] = &[
    "python_version > '3'",
    "python_version == '3.*'",
    "python_version != \"3.11\"",
    "python_version >= '3.11.0'",
    "'3.2' < python_version",
    "python_version in '3.10, 3.11'",
    "python_full_version ~= '3.8'",
    "os_name == 'posix'",
    "os.name != 'nt'",
    "sys_platform == 'linux'",
    "'lin' in sys.platform",
    "'win' not in sys_platform",
    "platform_machine == 'x86_64'",
    "platform_system == 'Linux'",
    "implementation_name == 'cpython'",
    "platform_python_implementation == 'CPython'",
    "platform.python_implementation == 'PyPy'",
    "python_version < '3'",
    "python_version ~= '3'",
    "python_version === '3.11'",
    "implementation_version >= '3.11'",
    "os_name >= 'a'",
    "python_version > '3.11.*'",
    "python_version < '3.12rc1'",
    "extra == 'x'",
    "python_version == os_name",
];
const PYTHON: &[&str] = &[
    "True",
    "False",
    "None",
    "0",
    "1",
    "3",
    "'linux'",
    "''",
    "()",
    "(3, 11)",
    "[]",
    "[0]",
    "(3,)",
    "python3",
    "python27",
    "python311",
    "python320",
    "linux",
    "windows",
    "posix",
    "cpython",
    "pypy",
    "bits64",
    "little_endian",
    "sys.platform",
    "os.name",
    "sys.version_info",
    "sys.version_info[:2]",
    "sys.version_info[0]",
    "sys.version_info[-5]",
    "sys.version_info[9]",
    "sys.version_info.minor",
    "platform.machine()",
    "platform.system().lower()",
    "sys.byteorder",
    "sys.platform.startswith('lin')",
    "sys.platform.endswith(('x', 'y'))",
    "platform.python_version()",
    "platform.python_version_tuple()[:2]",
    "'a' 'b'",
    "-1",
    "2 ** 3",
    "sys.maxsize",
    "platform.architecture()[0]",
    "len",
    "open",
    "nosuch",
    "sys",
    "'x86_64'",
    "'a'[0]",
    "'abc'[1:]",
    "(1, 2)[1:]",
    "'%s' % 1",
    "[x for x in (1,)]",
    "{}",
    "os.environ",
    "len('a')",
    "sys.maxsize > 2**32",
    "1 if linux else 0",
    "linux ]",
    "lambda: 0",
    "(linux",
    "sys.prefix",
    "isinstance('a', str)",
    "3.5",
    "0x10",
    "u'a'",
    "b'a'",
    "not",
    "'a'.upper()",
    "(True)",
    "1 < 2 < 3",
];
