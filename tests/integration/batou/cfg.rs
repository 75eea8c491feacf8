//! `environment.cfg`: the same sections, options and values as batou's own parser, or both refuse.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rectify::definition::batou::cfg::Cfg;
use rectify::io::process::{Run, run};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Texts that each try one rule of the syntax.
const TEXTS: &[&str] = &[
    "",
    "\n\n",
    "[a]\n",
    "[a]\nk = v\n",
    "[a]\nk: v\nl=w\nm :x\n",
    "[a]\nk = v = w : x\nl : m = n\n",
    "[a]\nKey = 1\nkey = 2\n",
    "[a]\nk = v # no comment\nl = w ; neither\n",
    "# c\n; c\n  # c\n[a]\n#k = v\nk = v\n",
    "[a]\nk =\n  one\n  two\n",
    "[a]\nk = one\n  two\n\n  three\n\n\nl = 1\n",
    "[a]\nk = one\n# between\n  two\n  # inside\n  three\n",
    "[a]\nk = one\n   two\n deep = no\n",
    "[a]\n  k = 1\n  l = 2\n m = 3\n",
    "[a]\n  k = 1\n    more\n  l = 2\n",
    "[a]\nk\n",
    "[a]\nk =\nl:\n",
    "[a]\n= v\n",
    "[a]\n= v\n  w\nk = 1\n",
    "[a]\nk = 1\nk = 2\n",
    "[a]\nk = 1\n[a]\nl = 2\n",
    "k = 1\n[a]\n",
    "  # comment\nk\n",
    "[]\n",
    "[ ]\nk = 1\n",
    "[a]b]c\nk = 1\n",
    "[a] trailing\nk = 1\n",
    "[a\nk = 1\n",
    "[a]\nk = 1\n [b]\nl = 2\n",
    " [a]\n k = 1\n",
    "[DEFAULT]\nk = d\nz = 1\n[a]\nk = own\n[b]\nx = y\n",
    "[DEFAULT]\nk = 1\n[DEFAULT]\nl = 2\n[a]\n",
    "[DEFAULT]\nk = 1\n[a]\n[DEFAULT]\nk = 2\n",
    "[default]\nk = 1\n[a]\n",
    "[a]\r\nk = v\r\n  w\r\n",
    "[a]\rk = v\r  w\r",
    "[a]\nk = %(x)s %% ${y}\n",
    "\u{feff}[a]\nk = v\n",
    "[a]\nk\u{a0}=\u{a0}v\u{a0}\n\u{2003}w\n",
    "[a]\nk = v\x1c\n\x1dw\x1f\n\x0b\n\x0cx\n",
    "[a]\nk\u{85}=\u{85}v\n",
    "[a]\n\tk = v\n\t\tw\n",
    "[ä]\nö = ü\n  ß\n",
    "[a]\nk = v\n\t\n  \n  w",
    "[a]\nk v\n  w = 1\nl = 2\n",
    "[a]\nk = v\nl m\n  w\n",
    "[host:a]\n!h = x, !y:z\n[hosts]\n!b =\n  c\n",
    "[a]\nk = \0\n",
];

/// A text of random pieces, the same for the same seed.
fn generated(seed: u64) -> String {
    const PIECES: &[&str] = &[
        "[a]",
        "[b]",
        "[hosts]",
        "[DEFAULT]",
        "[",
        "]",
        "k",
        "l",
        "k = 1",
        "l: 2",
        "= 3",
        " = ",
        ":",
        "#",
        ";",
        "# c",
        " ",
        "  ",
        "\t",
        "    ",
        "\n",
        "\n",
        "\n",
        "\n",
        "\n  ",
        "\n    ",
        "\n\n",
        "\r\n",
        "\r",
        "v",
        "v # c",
        "é",
        "\u{a0}",
        "\u{2028}",
        "\x1e",
        "\x0c",
        "!",
        ",",
        "[x]y]",
        "DEFAULT",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |limit: usize| {
        // xorshift: good enough to shuffle pieces, and the same everywhere.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit as u64).expect("it is below a usize")
    };
    let mut text = String::from(if next(4) == 0 { "" } else { "[s]\n" });
    for number in 0..next(24) {
        let piece = PIECES[next(PIECES.len())];
        text.push_str(piece);
        // Keys that differ, so that not every text is refused for a key given twice.
        if next(3) == 0 {
            text.push_str(&format!("\nkey{number} = "));
        }
    }
    text
}

fn ours(bytes: &[u8]) -> Value {
    let cfg = Cfg::parse("environment.cfg", bytes);
    if cfg.is_refused() {
        return Value::Null;
    }
    let section =
        |section| cfg.entries(section).into_iter().map(|entry| json!([entry.key, entry.value()])).collect::<Vec<_>>();
    cfg.sections.iter().map(|one| json!([one.name, section(one)])).collect()
}

#[test]
fn environment_cfg_is_read_as_batou_reads_it() {
    let Some(python) = super::batou_python("environment.cfg") else { return };
    let mut texts: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    texts.push(b"[a]\nk = \xff\n".to_vec());
    texts.extend((0..3000).map(|seed| generated(seed).into_bytes()));
    let input = serde_json::to_vec(&texts.iter().map(|text| STANDARD.encode(text)).collect::<Vec<_>>())
        .expect("texts serialise");
    let output = run(&Run {
        program: &python,
        arguments: vec!["-B".into(), "-c".into(), include_str!("read_cfg.py").into()],
        directory: Path::new("/"),
        environment: vec![("PYTHONUTF8".into(), "1".into())],
        input: &input,
        timeout: Duration::from_mins(5),
    })
    .expect("Python runs");
    assert_eq!(output.code, Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Vec<Value> = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    assert_eq!(theirs.len(), texts.len());
    let mut accepted = 0;
    for (text, theirs) in texts.iter().zip(&theirs) {
        accepted += usize::from(theirs.get("sections").is_some());
        let theirs_sections = theirs.get("sections").cloned().unwrap_or(Value::Null);
        assert_eq!(ours(text), theirs_sections, "{:?}: batou says {theirs}", String::from_utf8_lossy(text));
    }
    assert!(
        accepted > 300 && accepted + 300 < texts.len(),
        "both kinds are tried: {accepted} of {} accepted",
        texts.len()
    );
}
