//! SQLite's pages: databases made by SQLite itself, read with every page size, with overflow pages, as trees of several
//! levels, and with a write-ahead log that was not merged.

use crate::tools::{read, tool, write};
use rectify::io::disk::LiveRoot;
use rectify::model::path::TargetPath;
use rectify::references::sqlite::{Database, Value};
use std::path::Path;

/// Makes `db` with the rows 1 to N; the content of a row follows from its number. `log` leaves the log unmerged.
const MAKE: &str = r#"
import os, sqlite3, sys
path, size, count, log = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
db = sqlite3.connect(path, isolation_level=None)
db.execute("pragma page_size = %d" % size)
if log != "none":
    db.execute("pragma journal_mode = wal")
    db.execute("pragma wal_autocheckpoint = 0")
db.execute("create table other (x text)")
db.execute("create table rows (id integer primary key, name text, number integer, data blob)")
def fill(start, end):
    db.execute("begin")
    for i in range(start, end):
        # Around what fits into a page, too.
        length = (i * 37) % (3 * size) if i % 3 == 0 else size - 50 + i % 60
        number = [0, 1, -1, 200, -30000, 1 << 20, -(1 << 40), 1 << 62][i % 8]
        db.execute("insert into rows values (?, ?, ?, ?)", (i, "row %d" % i, number, bytes([i % 251]) * length))
    db.execute("commit")
fill(1, count // 2)
if log == "twice":
    db.execute("pragma wal_checkpoint(restart)")
fill(count // 2, count + 1)
if log == "open":
    db.execute("begin")
    db.execute("update rows set data = x'00'")
    db.execute("pragma cache_spill = 1")
    db.execute("pragma cache_size = 1")
    db.execute("update rows set name = 'not committed'")
os._exit(0)
"#;

fn made(size: usize, count: usize, log: &str) -> tempfile::TempDir {
    let top = tempfile::tempdir().expect("a temporary directory");
    tool(top.path(), &["python3", "-c", MAKE, "db", &size.to_string(), &count.to_string(), log]);
    top
}

/// Rowid and values.
type Rows = Vec<(i64, Vec<Value>)>;

/// The rows that are read, and the faults.
fn rows(top: &Path) -> Result<(Rows, Vec<String>), String> {
    let root = LiveRoot::open(top).expect("it was just made");
    let mut database = Database::open(&root, &TargetPath::new("/db"))?.expect("it is there");
    let mut rows = Vec::new();
    let faults = database.rows("rows", &mut |id, values| rows.push((id, values)));
    Ok((rows, faults))
}

fn expected(size: usize, id: i64) -> Vec<Value> {
    let number = usize::try_from(id).expect("positive");
    let length = if number % 3 == 0 { (number * 37) % (3 * size) } else { size - 50 + number % 60 };
    let byte = u8::try_from(number % 251).expect("small");
    let integer = [0, 1, -1, 200, -30000, 1 << 20, -(1 << 40), 1 << 62][number % 8];
    let name = Value::Text(format!("row {id}").into_bytes());
    vec![Value::Null, name, Value::Integer(integer), Value::Blob(vec![byte; length])]
}

fn assert_whole(top: &Path, size: usize, count: usize) {
    let (rows, faults) = rows(top).expect("it can be read");
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(rows.len(), count);
    for (number, (id, values)) in (1..).zip(&rows) {
        assert_eq!((number, &expected(size, number)), (*id, values));
    }
}

#[test]
fn all_rows_of_every_page_size_are_read() {
    for size in [512, 1024, 4096, 65536] {
        assert_whole(made(size, 400, "none").path(), size, 400);
    }
    // Three levels.
    assert_whole(made(512, 20_000, "none").path(), 512, 20_000);
}

#[test]
fn a_log_that_was_not_merged_is_taken_in() {
    for log in ["wal", "twice", "open"] {
        let top = made(1024, 300, log);
        assert!(read(&top.path().join("db-wal")).len() > 1024, "there is a log");
        assert_whole(top.path(), 1024, 300);
    }
}

#[test]
fn damage_of_the_log_is_told_and_no_row_is_wrong() {
    let top = made(1024, 300, "wal");
    let path = top.path().join("db-wal");
    let bytes = read(&path);
    let mut told = 0;
    for at in (0..bytes.len()).step_by(4001) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        write(&path, &damaged);
        match rows(top.path()) {
            Err(_) => told += 1,
            Ok((rows, faults)) => {
                assert!(!faults.is_empty(), "damaged at {at}");
                told += 1;
                for (id, values) in rows {
                    assert_eq!(values, expected(1024, id), "damaged at {at}");
                }
            }
        }
    }
    assert!(told > 50);
}

#[test]
fn a_change_that_was_not_finished_is_no_state_to_read() {
    let top = made(1024, 10, "none");
    let magic = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    write(&top.path().join("db-journal"), [&magic[..], &[0; 600]].concat());
    assert!(rows(top.path()).expect_err("it is hot").contains("journal"));
    write(&top.path().join("db-journal"), [0; 600]);
    assert_whole(top.path(), 1024, 10);
}
