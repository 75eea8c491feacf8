//! What a checkout's repository says: HEAD's files with their blob ids, and whether the repository itself is sound.
//!
//! Takes a directory of a live tree; gives a [`Checkout`]. Everything comes from objects, refs and configuration; the
//! index is only checked, as git's own commands need it. All of the repository's files are read to their end and
//! checked against their own sums first; only then libgit2 may map them (see `io::git`). A damaged
//! repository is an answer, never an error: [`Checkout::broken`].
//!
//! Deliberately not here: filters (`.gitattributes`, LFS) that make a checked out file differ from its blob.

mod files;

use crate::io::disk::LiveRoot;
use crate::io::git::{self, Objects};
use crate::model::content::Blob;
use crate::model::observation::{Checkout, Kind};
use crate::model::path::TargetPath;
use files::Files;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the repository in a directory says about its checkout.
pub fn read(root: &LiveRoot, path: &TargetPath) -> Checkout {
    let mut checkout = Checkout::default();
    let git = path.join(".git");
    match root.look(&git) {
        Ok(Some(seen)) if seen.kind == Kind::Directory => {}
        Ok(Some(seen)) => {
            let reason = format!("`.git` is a {}; only a directory is understood", seen.kind.word());
            checkout.broken.push((None, reason));
            return checkout;
        }
        Ok(None) => {
            checkout.broken.push((None, "there is no `.git`".into()));
            return checkout;
        }
        Err(failure) => {
            checkout.broken.push((None, format!("`.git` cannot be looked at: {}", failure.text)));
            return checkout;
        }
    }
    let files = files::check(root, &git);
    checkout.head.clone_from(&files.head);
    checkout.branch.clone_from(&files.branch);
    if files.config_readable {
        match git::remote_url(&root.locate(&git.join("config"))) {
            Ok(url) => checkout.remote = url.map(|url| without_password(&url)),
            Err(reason) => checkout.broken.push((Some("config".into()), reason)),
        }
    }
    if files.packs_are_sound {
        read_objects(root, path, &files, &mut checkout);
    } else {
        let reason = "its objects were not looked at one by one, because a pack is damaged";
        checkout.broken.push((None, reason.into()));
    }
    checkout.broken.extend(files.broken);
    checkout.broken.sort();
    checkout.broken.dedup();
    checkout
}

fn read_objects(root: &LiveRoot, path: &TargetPath, files: &Files, checkout: &mut Checkout) {
    let git = path.join(".git");
    let objects = match Objects::open(&root.locate(&git), &root.locate(path), files.damaged.clone()) {
        Ok(objects) => objects,
        Err(reason) => {
            checkout.broken.push((None, reason));
            return;
        }
    };
    if let Some(reason) = objects.without_rules() {
        checkout.broken.push((None, format!("git cannot open the repository: {reason}")));
    }
    if let Some(head) = &files.head {
        let tree = objects.files(head);
        checkout.tree = tree.members;
        checkout.broken.extend(tree.broken.into_iter().map(|reason| (None, reason)));
    }
    let every: BTreeSet<String> = [&files.local, &files.remote, &files.other].into_iter().flatten().cloned().collect();
    let gaps = objects.gaps(&every, &files.shallow);
    checkout.broken.extend(gaps.into_iter().map(|reason| (None, format!("object {reason}"))));
    match objects.only_in(&files.local, &files.remote, &files.shallow) {
        Ok(count) => checkout.unpushed = count,
        Err(reason) => {
            let reason = format!("how many commits no remote has cannot be told: {reason}");
            checkout.broken.push((None, reason));
        }
    }
    if objects.without_rules().is_none() {
        match ignored(root, path, &objects, checkout) {
            Ok(ignored) => checkout.ignored = ignored,
            Err(reason) => checkout.broken.push((None, format!("the ignore rules cannot be applied: {reason}"))),
        }
    }
}

/// A URL may hold a password or token: user and host say enough.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let after = &rest[authority.len()..];
            match user.split_once(':') {
                Some((user, _)) => format!("{scheme}://{user}@{host}{after}"),
                // A lone user name over HTTP is often a token.
                None if scheme.starts_with("http") => format!("{scheme}://{host}{after}"),
                None => url.to_owned(),
            }
        }
        None => url.to_owned(),
    }
}

/// The untracked files that ignore rules cover, sorted. Directories that cannot be listed are the scan's business.
fn ignored(root: &LiveRoot, top: &TargetPath, objects: &Objects, checkout: &Checkout) -> Result<Vec<Blob>, String> {
    let tracked: BTreeSet<&[u8]> = checkout.tree.iter().map(|member| member.path.0.as_slice()).collect();
    let mut ignored = Vec::new();
    let mut open = vec![(top.clone(), false)];
    while let Some((directory, all)) = open.pop() {
        let Ok(names) = root.list(&directory) else { continue };
        // Rules in what is no file would make libgit2 wait for ever (a named pipe) or leave the tree (a link).
        let rules = root.look(&directory.join(".gitignore"));
        if matches!(rules, Ok(Some(seen)) if seen.kind != Kind::File) {
            return Err(format!("`{}` is no regular file", directory.join(".gitignore")));
        }
        for name in names {
            let path = directory.join(&name);
            let relative = path.relative_to(top).unwrap_or_default().to_vec();
            if relative == b".git" || tracked.contains(relative.as_slice()) {
                continue;
            }
            let Ok(Some(seen)) = root.look(&path) else { continue };
            let covered = all || objects.ignores(Path::new(std::ffi::OsStr::from_bytes(&relative)))?;
            if seen.kind != Kind::Directory {
                if covered {
                    ignored.push(Blob(relative));
                }
            } else if covered || !matches!(root.look(&path.join(".git")), Ok(Some(_))) {
                open.push((path, covered));
            }
        }
    }
    ignored.sort();
    Ok(ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_kept() {
        for (url, kept) in [
            ("https://user:secret@example.com/x.git", "https://user@example.com/x.git"),
            ("https://token@example.com/x.git", "https://example.com/x.git"),
            ("ssh://git@example.com/x@y.git", "ssh://git@example.com/x@y.git"),
            ("git@example.com:x.git", "git@example.com:x.git"),
            ("/srv/git/x", "/srv/git/x"),
        ] {
            assert_eq!(without_password(url), kept);
        }
    }
}
