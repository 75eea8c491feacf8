//! Archives, made by the real tar, zip and Python.

use crate::tools::{damage, read, tool, write};
use rectify::io::disk::LiveRoot;
use rectify::model::content::{Algorithm, Blob, Digest};
use rectify::model::observation::{Archive, Kind, Member};
use rectify::model::path::TargetPath;
use rectify::references::archive::list;
use std::path::Path;
use tempfile::TempDir;

/// A directory with an executable, links, a long name and a file of several blocks.
fn source() -> TempDir {
    let top = tempfile::tempdir().expect("a temporary directory");
    let at = top.path().join("app-1.0");
    write(&at.join("bin/run"), "#!/bin/sh\n");
    write(&at.join(format!("share/{}{}", "directory/".repeat(12), "name".repeat(20))), "deep\n");
    let numbers: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    write(&at.join("data"), numbers.join("\n"));
    tool(&at, &["chmod", "755", "bin/run"]);
    tool(&at, &["ln", "-s", "bin/run", "soft"]);
    tool(&at, &["ln", "bin/run", "hard"]);
    top
}

fn listed(top: &Path, name: &str) -> Archive {
    list(&LiveRoot::open(top).expect("it was just made"), &TargetPath::new(name))
}

fn member<'a>(archive: &'a Archive, name: &str) -> &'a Member {
    let found = archive.members.iter().find(|member| member.path == Blob::from(name));
    found.unwrap_or_else(|| panic!("`{name}` is a member"))
}

/// Digests by sha256sum agree with the listing.
fn agrees(top: &Path, archive: &Archive) {
    assert_eq!(archive.broken, None);
    let files = archive.members.iter().filter(|member| member.kind == Kind::File);
    let mut count = 0;
    for file in files {
        let name = file.path.text().expect("the names are text");
        let line = tool(top, &["sha256sum", name]);
        let digest = Digest::from_hex(Algorithm::Sha256, &line[..64]).expect("sha256sum prints a digest");
        assert_eq!(file.digest, Some(digest), "{name}");
        assert_eq!(file.size, Some(read(&top.join(name)).len() as u64), "{name}");
        count += 1;
    }
    assert_eq!(count, 4);
    assert_eq!(member(archive, "app-1.0/bin/run").mode, 0o755);
}

#[test]
fn tar_in_all_compressions_and_formats_is_read_to_its_end() {
    let top = source();
    for (name, options) in [("a.tar", "-cf"), ("a.tar.gz", "-czf"), ("a.tar.bz2", "-cjf"), ("a.tar.xz", "-cJf")] {
        for format in ["--format=gnu", "--format=pax", "--format=ustar"] {
            tool(top.path(), &["tar", format, options, name, "app-1.0"]);
            let archive = listed(top.path(), name);
            agrees(top.path(), &archive);
            assert_eq!(member(&archive, "app-1.0/soft").target, Some("bin/run".into()));
        }
    }
}

#[test]
fn zip_wheel_and_python_archives_are_read_to_their_end() {
    let top = source();
    tool(top.path(), &["zip", "-qry", "a.zip", "app-1.0"]);
    let archive = listed(top.path(), "a.zip");
    agrees(top.path(), &archive);
    assert_eq!(member(&archive, "app-1.0/soft").target, Some("bin/run".into()));
    let code = "import shutil, tarfile\nshutil.make_archive('python', 'zip', '.', 'app-1.0/bin')\n\
                with tarfile.open('python.tar.gz', 'w:gz') as t: t.add('app-1.0')";
    tool(top.path(), &["python3", "-c", code]);
    agrees(top.path(), &listed(top.path(), "python.tar.gz"));
    let archive = listed(top.path(), "python.zip");
    assert_eq!(archive.broken, None);
    assert_eq!(member(&archive, "app-1.0/bin/run").mode, 0o755);
}

#[test]
fn a_git_archive_with_its_global_header_is_read() {
    let top = source();
    tool(top.path(), &["git", "init", "-q"]);
    tool(top.path(), &["git", "add", "app-1.0"]);
    tool(top.path(), &["git", "commit", "-qm", "x"]);
    tool(top.path(), &["git", "archive", "-o", "a.tar.gz", "HEAD"]);
    let archive = listed(top.path(), "a.tar.gz");
    assert_eq!(archive.broken, None);
    assert!(archive.members.iter().all(|member| member.path.text().is_some_and(|name| name.starts_with("app-1.0"))));
}

#[test]
fn a_damaged_block_is_found_in_every_compressed_kind() {
    let top = source();
    for (name, options) in [("a.tar.gz", "-czf"), ("a.tar.bz2", "-cjf"), ("a.tar.xz", "-cJf")] {
        tool(top.path(), &["tar", options, name, "app-1.0"]);
        let path = top.path().join(name);
        let middle = read(&path).len() / 2;
        damage(&path, middle, &[0; 512]);
        assert!(listed(top.path(), name).broken.is_some(), "{name}");
        write(&path, &read(&path)[..middle]);
        assert!(listed(top.path(), name).broken.is_some(), "{name} cut off");
    }
    tool(top.path(), &["zip", "-qry", "a.zip", "app-1.0"]);
    let path = top.path().join("a.zip");
    let whole = listed(top.path(), "a.zip").members.len();
    damage(&path, read(&path).len() / 2, &[0; 512]);
    let archive = listed(top.path(), "a.zip");
    assert!(archive.broken.is_some());
    assert_eq!(archive.members.len(), whole, "the central directory is sound");
}

#[test]
fn members_outside_the_archive_are_refused() {
    let top = source();
    let code = "import tarfile, zipfile, io\n\
                t = tarfile.open('evil.tar', 'w')\n\
                for name in ('../evil', '/abs', 'fine'):\n    i = tarfile.TarInfo(name); i.size = 1; t.addfile(i, io.BytesIO(b'x'))\n\
                t.close()\n\
                z = zipfile.ZipFile('evil.zip', 'w')\n\
                for name in ('../evil', '/abs', 'fine'): z.writestr(name, 'x')\n\
                z.close()";
    tool(top.path(), &["python3", "-c", code]);
    for name in ["evil.tar", "evil.zip"] {
        let archive = listed(top.path(), name);
        assert!(archive.broken.as_deref().is_some_and(|reason| reason.contains("outside")), "{archive:?}");
        let names: Vec<_> = archive.members.iter().filter_map(|member| member.path.text()).collect();
        assert_eq!(names, ["abs", "fine"], "{name}");
    }
}

#[test]
fn a_directory_or_nothing_is_no_archive() {
    let top = source();
    assert!(listed(top.path(), "app-1.0").broken.is_some());
    assert!(listed(top.path(), "missing.tar").broken.is_some());
}
