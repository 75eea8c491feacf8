//! The commands that steps are made of. All tolerate being run twice.

use crate::model::artifact::Piece;
use crate::model::command::Command;
use crate::model::path::TargetPath;
use crate::model::restore::RestorePoint;
use crate::model::unit::HostName;

/// The most paths in one command: far below any limit of the system, and still readable.
const BATCH: usize = 100;

fn text(path: &TargetPath) -> String {
    path.display().into_owned()
}

/// Removes paths, whatever they are.
pub(super) fn remove(host: &HostName, paths: &[TargetPath]) -> Vec<Command> {
    let command = |batch: &[TargetPath]| {
        Command::on(host, ["rm", "-rf", "--"].map(str::to_owned).into_iter().chain(batch.iter().map(text)))
    };
    paths.chunks(BATCH).map(command).collect()
}

/// Takes all content from a file, which keeps its owner and mode.
pub(super) fn empty(host: &HostName, path: &TargetPath) -> Vec<Command> {
    vec![Command::on(host, ["truncate", "-s", "0", "--", &text(path)])]
}

/// Makes an empty file where there is none. It belongs to whom its directory belongs to, so that the deployer can write
/// to it.
pub(super) fn make_empty(host: &HostName, path: &TargetPath) -> Vec<Command> {
    let mut commands = empty(host, path);
    if let Some(parent) = path.parent() {
        commands.insert(0, Command::on(host, ["mkdir", "-p", "--", &text(&parent)]));
        let like = format!("--reference={}", text(&parent));
        commands.push(Command::on(host, ["chown", &like, "--", &text(path)]));
    }
    commands
}

/// Copies paths with their full names, modes and times into the quarantine directory.
pub(super) fn quarantine(host: &HostName, directory: &str, paths: &[TargetPath]) -> Vec<Command> {
    let mut commands = vec![Command::on(host, ["install", "-d", "-m", "0700", "--", directory])];
    for batch in paths.chunks(BATCH) {
        let fixed = ["cp", "-a", "--parents", "-t", directory, "--"].map(str::to_owned);
        // GNU cp 9.1 (Debian 12) looks for the parents of absolute paths below the working directory and fails.
        commands.push(Command::on(host, fixed.into_iter().chain(batch.iter().map(text))).in_directory("/"));
    }
    commands
}

/// Makes single files anew.
pub(super) fn pieces(host: &HostName, piece: &Piece, paths: &[TargetPath]) -> Vec<Command> {
    let relative =
        |path: &TargetPath| path.relative_to(&piece.base).map(|rest| String::from_utf8_lossy(rest).into_owned());
    let command =
        |batch: &[TargetPath]| Command::on(host, piece.argv.iter().cloned().chain(batch.iter().filter_map(relative)));
    paths.chunks(BATCH).map(command).collect()
}

/// One command for those that differ in their last word only, with all the words.
pub(super) fn joined<'c>(commands: impl Iterator<Item = &'c Command>) -> Vec<Command> {
    let mut all: Vec<(Command, Vec<String>)> = Vec::new();
    for command in commands {
        let mut begin = command.clone();
        let Some(last) = begin.argv.pop() else { continue };
        match all.iter_mut().find(|(known, words)| *known == begin && words.len() < BATCH) {
            Some((_, words)) if words.contains(&last) => {}
            Some((_, words)) => words.push(last),
            None => all.push((begin, vec![last])),
        }
    }
    let join = |(mut command, words): (Command, Vec<String>)| {
        command.argv.extend(words);
        command
    };
    all.into_iter().map(join).collect()
}

/// Copies what memory has of files, and makes sure that the copy is on its disk.
pub(super) fn rescue(host: &HostName, directory: &str, paths: &[TargetPath]) -> Vec<Command> {
    let mut commands = quarantine(host, directory, paths);
    commands.push(Command::on(host, ["sync", "-f", "--", directory]));
    commands
}

/// Puts a rescued copy in the place of its file: as a new file, so that new blocks are written and a program that runs
/// is not disturbed.
pub(super) fn rewrite(host: &HostName, directory: &str, path: &TargetPath) -> Vec<Command> {
    let (kept, to) = (format!("{directory}{}", text(path)), text(path));
    let new = format!("{to}.rectify-new");
    vec![
        Command::on(host, ["cp", "-a", "-T", "--", &kept, &new]),
        Command::on(host, ["sync", "--", &new]),
        Command::on(host, ["mv", "-T", "--", &new, &to]),
    ]
}

/// Lets the kernel forget what it has in memory of one file: `POSIX_FADV_DONTNEED` for all of it (coreutils, dd).
pub(super) fn forget(host: &HostName, path: &TargetPath) -> Command {
    Command::on(host, ["dd", &format!("if={}", text(path)), "iflag=nocache", "count=0", "status=none"])
}

/// Brings back a backup's version, with its mode, owner and times.
pub(super) fn restore(host: &HostName, point: &RestorePoint, path: &TargetPath) -> Vec<Command> {
    let mut commands = Vec::new();
    if let Some(parent) = path.parent() {
        commands.push(Command::on(host, ["mkdir", "-p", "--", &text(&parent)]));
    }
    let (from, to) = (text(&point.location), text(path));
    // What is there now would otherwise be merged with, descended into or written through.
    commands.push(Command::on(host, ["rm", "-rf", "--", &to]));
    commands.push(Command::on(host, ["cp", "-a", "-T", "--", &from, &to]));
    commands
}

/// Puts back from the quarantine directory what was kept there.
pub(super) fn put_back(host: &HostName, directory: &str, path: &TargetPath) -> Vec<Command> {
    let mut commands = Vec::new();
    if let Some(parent) = path.parent() {
        commands.push(Command::on(host, ["mkdir", "-p", "--", &text(&parent)]));
    }
    let (kept, to) = (format!("{directory}{}", text(path)), text(path));
    commands.push(Command::on(host, ["cp", "-a", "-T", "--", &kept, &to]));
    commands
}

/// What shows that a restored version is there.
pub(super) fn compare(host: &HostName, point: &RestorePoint, path: &TargetPath) -> Command {
    Command::on(host, ["diff", "-r", "--no-dereference", "--", &text(&point.location), &text(path)])
}

/// Sets permission bits.
pub(super) fn mode(host: &HostName, mode: u32, path: &TargetPath) -> Command {
    Command::on(host, ["chmod", &format!("{mode:04o}"), "--", &text(path)])
}
