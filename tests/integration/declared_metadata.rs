//! Modes and owners that are declared otherwise than an earlier revision declared them, with the real batou.

use crate::program::{is_root, skip};
use crate::revisions::{check, commit, making, put, told};
use crate::tools::tool;

/// A file with what is declared of it besides.
fn declaring(declared: &str) -> String {
    format!("File('other', content='other, long enough to be told\\n'{declared})")
}

/// What is said where a revision declares something that the one before did not declare or otherwise, once a command was run
/// on the file; and when the definition has moved on.
fn judged(before: &str, now: &str, command: [&str; 2]) -> Option<[Vec<(String, String, String)>; 2]> {
    let project = making([&declaring(before), &declaring(now)])?;
    let top = project.path();
    put(&top.join("work/site/other"), "other, long enough to be told\n");
    tool(&top.join("work/site"), &[command[0], command[1], "other"]);
    let first = check(top);
    put(&top.join("README"), "the definition moves on\n");
    commit(top, "something else");
    Some([first, check(top)])
}

#[test]
fn an_owner_that_the_last_revision_declared_otherwise_or_not_is_not_deployed_yet() {
    if !is_root() {
        return skip("only root can give files away");
    }
    let is = |class| vec![told("other", class, "wrong_owner")];
    for (before, now) in [
        ("", ", owner='nobody'"),
        (", owner='daemon'", ", owner='nobody'"),
        ("", ", group='nogroup'"),
        (", owner='daemon', group='daemon'", ", owner='nobody', group='nogroup'"),
    ] {
        let Some(judged) = judged(before, now, ["chown", "daemon:daemon"]) else { return };
        // A deployment of the revision since then may have been undone by hand, unless one says that it was so before.
        let later = if before.is_empty() { is("drift") } else { is("change") };
        assert_eq!(judged, [is("change"), later], "{before} {now}");
    }
    let Some([first, _]) = judged(", owner='daemon'", ", owner='nobody'", ["chown", "games"]) else { return };
    assert_eq!(first, is("drift"), "no revision declared that");
}

#[test]
fn a_mode_that_the_last_revision_did_not_declare_is_not_deployed_yet() {
    let is = |class| vec![told("other", class, "wrong_mode")];
    let Some(judged) = judged("", ", mode=0o600", ["chmod", "0644"]) else { return };
    assert_eq!(judged, [is("change"), is("drift")]);
}
