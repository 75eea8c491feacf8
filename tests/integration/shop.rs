//! The small deployment that is stored as it was live (`fixtures/deployments/shop`), the whole way: no Python, no server.
//!
//! git keeps no times, so each test works on a copy in which they are as they were.

use crate::golden::{assert_golden, fixture};
use crate::tools::tool;
use std::path::Path;
use tempfile::TempDir;

struct Call {
    code: i32,
    stdout: String,
}

struct Shop(TempDir);

impl Shop {
    /// A copy: the older snapshot was written a day earlier than all the rest, and each before it was complete.
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().expect("a temporary directory"));
        let top = shop.0.path();
        for part in ["backups", "definition", "live", "manifest.json"] {
            tool(top, &["cp", "-r", &fixture("deployments/shop").join(part).to_string_lossy(), "."]);
        }
        let dated = [
            ("2026-11-20T22:00Z", "live"),
            ("2026-11-20T22:00Z", "backups/2026-11-20T2300Z"),
            ("2026-11-19T22:00Z", "backups/2026-11-19T2300Z"),
        ];
        for (time, below) in dated {
            tool(top, &["find", below, "-exec", "touch", "-h", "-d", time, "{}", "+"]);
        }
        shop
    }

    #[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "these tests start the program itself")]
    fn call(&self, arguments: &[&str]) -> Call {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rectify"))
            .current_dir(self.0.path())
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .env("SOURCE_DATE_EPOCH", "1795340412")
            .args(["-C", "definition"])
            .args(arguments)
            .output()
            .expect("the program starts");
        let code = output.status.code().expect("no signal ended it");
        Call { code, stdout: String::from_utf8(output.stdout).expect("its output is UTF-8") }
    }

    /// What is printed, without what differs from copy to copy: the place, and what hangs on it or on inode times.
    fn steady(&self, text: &str) -> String {
        let place = self.0.path().canonicalize().expect("the copy is there");
        let text = text.replace(&*place.to_string_lossy(), "/shop");
        let ids = regex::Regex::new(r"(rp1-|/var/tmp/rectify/|sha256:)[0-9a-f]{12,64}").expect("a sound expression");
        ids.replace_all(&text, "${1}ID").into_owned()
    }
}

const SOUND: [&str; 2] = ["--root", "shop01=live/sound"];

#[test]
fn what_is_said_about_the_damaged_shop_stays_as_it_is() {
    let shop = Shop::new();
    for (name, arguments, code) in [
        ("check.txt", &["check", "production"][..], 4),
        ("diff.txt", &["diff", "production", "-vv"], 0),
        ("plan.txt", &["plan", "production"], 0),
        ("plan.files.txt", &["plan", "production", "-vv"], 0),
        ("check.short", &["check", "production", "--short"], 4),
    ] {
        let call = shop.call(arguments);
        assert_eq!(call.code, code, "{name}");
        assert_golden(&format!("cases/shop/{name}"), &shop.steady(&call.stdout));
    }
}

#[test]
fn all_ten_damages_are_found_and_nothing_else() {
    let shop = Shop::new();
    let plan: serde_json::Value =
        serde_json::from_str(&shop.call(&["plan", "production", "--json"]).stdout).expect("it is JSON");
    let findings = plan["findings"].as_array().expect("a list");
    let mut found: Vec<&str> = findings.iter().filter_map(|finding| finding["path"].as_str()).collect();
    found.sort_unstable();
    let work = "/srv/shop/work";
    let signer = "catalogue/eggs/v5/itsdangerous-2.2.0-py3.11-linux-x86_64.egg/itsdangerous/signer.py";
    let mut expected = [
        "catalogue/bin/tabulate",
        signer,
        "catalogue/var/orders.jsonl",
        "catalogue/var/stock.sqlite",
        "webshop/current.conf",
        "webshop/products.txt",
        "webshop/public",
        "webshop/site.conf",
        "webshop/start",
        "webshop/workers.conf",
    ]
    .map(|path| format!("{work}/{path}"));
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn the_sound_shop_is_in_sync() {
    let shop = Shop::new();
    let call = shop.call(&[&["check", "production"][..], &SOUND].concat());
    assert_eq!(call.code, 0, "{}", call.stdout);
    assert_golden("cases/shop/sound.txt", &shop.steady(&call.stdout));
    for command in ["diff", "plan"] {
        let call = shop.call(&[&[command, "production", "--exit-code"][..], &SOUND].concat());
        assert_eq!(call.code, 0, "{command}: {}", call.stdout);
    }
    let strict = shop.call(&[&["check", "production", "--strict"][..], &SOUND].concat());
    assert_eq!(strict.code, 6, "the environment's library is left out of the fixture");
}

/// Writes a file of 300 MiB that is a hole but for a block at each of these offsets.
#[expect(clippy::disallowed_methods, reason = "a test makes the file that it asks about")]
fn large(path: &Path, blocks: &[(u64, u8)]) {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::File::create(path).expect("it can be made");
    file.set_len(300 << 20).expect("it can be long");
    for (at, byte) in blocks {
        file.write_all_at(&[*byte; 4096], *at).expect("it can be written");
    }
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_hours(498_666);
    file.set_modified(time).expect("it is ours");
}

#[test]
fn of_a_large_file_it_is_told_which_blocks_are_lost_and_of_when_they_are() {
    let shop = Shop::new();
    let at = |part: &str| shop.0.path().join(part).join("srv/shop/work/catalogue/var/data.fs");
    let (first, last) = (7 << 20, 299 << 20);
    large(&at("backups/2026-11-19T2300Z"), &[(first, 1), (last, 2)]);
    large(&at("backups/2026-11-20T2300Z"), &[(first, 3), (last, 4)]);
    large(&at("live/sound"), &[(first, 3), (last, 2)]);
    let call = shop.call(&[&["check", "production", "--json"][..], &SOUND].concat());
    let view: serde_json::Value = serde_json::from_str(&call.stdout).expect("it is JSON");
    let findings = view["findings"].as_array().expect("a view has findings");
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!((&finding["damage"], &finding["detail"]), (&"stale".into(), &"as of 2026-11-19T2300Z".into()));
    let runs: Vec<_> =
        finding["blocks"]["runs"].as_array().expect("there are runs").iter().map(|run| &run["as"]).collect();
    assert_eq!(runs, ["expected", "older", "expected"]);
    assert_eq!(finding["blocks"]["runs"][1]["at"], last / 4096);
}

#[test]
fn the_gate_of_the_damaged_shop_is_four_and_six_where_no_tree_is_seen() {
    let shop = Shop::new();
    assert_eq!(shop.call(&["plan", "production", "--exit-code"]).code, 4);
    assert_eq!(shop.call(&["check", "production", "--only", "shop01/nothing-of-this-name"]).code, 0);
    assert_eq!(shop.call(&["check", "production", "--root", "shop01=live/nowhere"]).code, 6);
}

#[test]
fn a_run_that_is_split_over_machines_gives_the_same_plan() {
    let shop = Shop::new();
    let whole = shop.call(&["plan", "production", "--json"]);
    assert_eq!(shop.call(&["scan", "--manifest", "manifest.json", "-o", "shop01.jsonl"]).code, 0);
    let split = shop.call(&["plan", "--manifest", "manifest.json", "--scan", "shop01.jsonl", "--json"]);
    // Where the hosts were seen is all that may differ.
    let (whole, split) = (whole.stdout, split.stdout.replace("\"source\": \"scan\"", "\"source\": \"live\""));
    assert!(whole == split, "{}", similar::TextDiff::from_lines(&whole, &split).unified_diff());
}

#[test]
fn tickets_of_the_damaged_shop_stay_as_they_are() {
    let shop = Shop::new();
    assert_eq!(shop.call(&["plan", "production", "-o", "plan.json"]).code, 0);
    assert_eq!(shop.call(&["ticket", "plan.json", "-o", "tickets"]).code, 0);
    let mut names: Vec<String> =
        tool(&shop.0.path().join("tickets"), &["find", ".", "-name", "*.md"]).lines().map(str::to_owned).collect();
    names.sort();
    let mut all = String::new();
    for name in names {
        let text = String::from_utf8(crate::tools::read(&shop.0.path().join("tickets").join(&name))).expect("text");
        all.push_str(&format!("=== {}\n{text}\n", Path::new(&name).display()));
    }
    assert_golden("cases/shop/tickets.md", &shop.steady(&all));
}
