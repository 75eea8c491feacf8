//! `collective.recipe.backup`: scripts that back up and restore a Data.fs with its blobs. Versions 4.2.0, 5.0.0, 5.1.0
//! and 6.0.0; the last three agree.
//!
//! What the scripts do is in their arguments, which follow from the part's options and, where these say nothing, from
//! those of the first Zope or ZEO part. Every run compares the scripts. More than one storage (4.x) and paths with
//! `~` or `$` are not modelled. The directories that it tries to make are removed again at once.

use super::{Made, Options, PartFiles, Recipe};
use crate::expect::derive::buildout::{Buildout, UsedEggs};
use crate::expect::egg_scripts::Scripts;
use crate::expect::script_text::quoted;
use crate::model::artifact::Content;
use crate::model::eval::{Eval, Why, WhyKind};
use crate::model::path::TargetPath;
use std::collections::BTreeMap;

const NAME: &str = "collective.recipe.backup";

/// Where the scripts' entry points lie.
const MODULE: &str = "collective.recipe.backup.main";

/// The recipe.
#[derive(Debug)]
pub(super) struct Backup;

impl Recipe for Backup {
    fn names(&self) -> &'static [&'static str] {
        &[NAME, "collective.recipe.backup:default"]
    }

    fn sets(&self, _part: &str, option: &str) -> Option<String> {
        (option == "backup_blobs").then(|| "True".to_owned())
    }

    /// Truth is written in its own way; a storage of blobs has two names, one of which is taken away.
    fn keeps(&self, option: &str, configured: &str) -> bool {
        !option.starts_with("blob")
            && !["true", "yes", "on", "1", "false", "no", "off", "0"].contains(&&*configured.to_lowercase())
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let options = buildout.options(part);
        let specs = match specs(&options) {
            Ok(specs) => specs,
            Err(why) => return PartFiles::unknown(why),
        };
        let set = buildout.working_set(&specs);
        let mut files = PartFiles { eggs: UsedEggs::of(&set), ..PartFiles::default() };
        let wanted = Edition::of(buildout).and_then(|edition| Ok((edition, wanted(part, &options, edition)?)));
        let scripts = wanted.and_then(|(edition, wanted)| {
            let initialization = if truth(&options, "debug", false)? { "DEBUG" } else { "INFO" };
            let scripts = Scripts {
                entry_points: wanted
                    .into_iter()
                    .map(|(name, main)| (name, MODULE.to_owned(), main.to_owned()))
                    .collect(),
                initialization: INITIALIZATION.replace("{loglevel}", initialization),
                relative: Ok(false),
                ..Scripts::new(Vec::new(), part, buildout)?
            };
            Ok((edition, scripts))
        });
        match scripts {
            Ok((edition, mut scripts)) => {
                let arguments = arguments(part, buildout, edition);
                if let Ok(text) = &arguments {
                    scripts.arguments.clone_from(text);
                }
                let written = scripts.write(buildout, &set);
                files.made.extend(written.files.into_iter().map(|(path, content)| {
                    let doubt = arguments.as_ref().err().cloned();
                    Made::script(path, doubt.map_or(content, Content::Unknown))
                }));
                files.opaque = written.doubt;
            }
            Err(why) => files.doubt(why),
        }
        files
    }
}

/// The eggs on the scripts' path.
fn specs(options: &Options<'_>) -> Result<Vec<String>, Why> {
    let mut specs = match options.get("eggs")? {
        Some(_) => options.lines("eggs")?,
        None => vec![options.get_or("recipe", NAME)?],
    };
    specs.extend([NAME, "zc.buildout", "zc.recipe.egg"].map(str::to_owned));
    Ok(specs)
}

/// What the versions differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edition {
    /// 4.2: several storages, full backups, gzip.
    SeveralStorages,
    /// 5.0 to 6.0.
    OneStorage,
}

impl Edition {
    fn of(buildout: &Buildout<'_>) -> Result<Self, Why> {
        let set = buildout.working_set(&[NAME.to_owned()]);
        let version = set.dists.get("collective-recipe-backup").map_or("?", |dist| &dist.version);
        match version.split('.').collect::<Vec<_>>()[..] {
            ["4", "2", ..] => Ok(Self::SeveralStorages),
            ["5", "0" | "1", ..] | ["6", "0", ..] => Ok(Self::OneStorage),
            _ => {
                Err(Why::new(WhyKind::NotModelled, format!("what version {version} of {NAME} writes is not modelled")))
            }
        }
    }
}

/// `to_bool` of an option.
fn truth(options: &Options<'_>, name: &str, default: bool) -> Result<bool, Why> {
    let value = options.get(name)?;
    Ok(value.map_or(default, |value| ["true", "yes", "on", "1"].contains(&&*value.to_lowercase())))
}

/// The files and the entry points that they call.
fn wanted(part: &str, options: &Options<'_>, edition: Edition) -> Result<Vec<(String, &'static str)>, Why> {
    let zip = truth(options, "enable_zipbackup", false)?;
    let full = edition == Edition::SeveralStorages && truth(options, "enable_fullbackup", false)?;
    let alternative = !alternative(options, edition)?.is_empty();
    let all = [
        (true, "backup", "", "backup_main"),
        (full, "fullbackup", "-full", "fullbackup_main"),
        (zip, "zipbackup", "-zip", "zipbackup_main"),
        (true, "snapshotbackup", "-snapshot", "snapshot_main"),
        (true, "restore", "-restore", "restore_main"),
        (zip, "ziprestore", "-ziprestore", "zip_restore_main"),
        (
            truth(options, "enable_snapshotrestore", true)?,
            "snapshotrestore",
            "-snapshotrestore",
            "snapshot_restore_main",
        ),
        (alternative, "altrestore", "-altrestore", "alt_restore_main"),
    ];
    let file = |alone: &str, end: &str| if part == "backup" { alone.to_owned() } else { format!("{part}{end}") };
    let wanted = all.into_iter().filter(|(wanted, ..)| *wanted);
    Ok(wanted.map(|(_, alone, end, main)| (file(alone, end), main)).collect())
}

/// Where else restores may come from.
fn alternative(options: &Options<'_>, edition: Edition) -> Result<String, Why> {
    let several = options.get_or("alternative_restore_sources", "")?;
    if edition == Edition::SeveralStorages {
        return Ok(several);
    }
    let one = options.get_or("alternative_restore_source", "")?;
    Ok(if one.is_empty() { several } else { one })
}

/// The text of the arguments.
fn arguments(part: &str, buildout: &Buildout<'_>, edition: Edition) -> Result<String, Why> {
    let options = buildout.options(part);
    let old = edition == Edition::SeveralStorages;
    let storage = Storage { buildout, options, part, edition }.text()?;
    let text = |name: &str, default: &str| options.get_or(name, default);
    let bool = |name: &str, default: bool| Ok(if truth(&options, name, default)? { "True" } else { "False" });
    let quote = |text: &str| {
        quoted(text).ok_or_else(|| Why::new(WhyKind::NotModelled, "an option has characters that Python would escape"))
    };
    let archive = if old { truth(&options, "gzip_blob", false)? } else { false };
    let timestamps = if truth(&options, "incremental_blobs", false)? { "True" } else { bool("blob_timestamps", true)? };
    let mut lines = vec![
        format!("bin_dir={}", quote(&buildout.bin()?.display())?),
        storage,
        format!("keep={}", text("keep", "2")?),
        format!("keep_blob_days={}", text("keep_blob_days", "14")?),
        format!("full={}", bool("full", false)?),
        format!("verbose={}", bool("debug", false)?),
    ];
    if old {
        lines.push(format!("gzip={}", bool("gzip", true)?));
        lines.push(format!("quick={}", bool("quick", true)?));
    }
    lines.extend([
        format!("only_blobs={}", bool("only_blobs", false)?),
        format!("backup_blobs={}", bool("backup_blobs", true)?),
        format!("use_rsync={}", bool("use_rsync", true)?),
        format!("rsync_options={}", quote(&text("rsync_options", "")?)?),
        format!("archive_blob={}", bool("archive_blob", archive)?),
        format!("compress_blob={}", bool("compress_blob", false)?),
        format!("pre_command={}", quote(&text("pre_command", "")?)?),
        format!("post_command={}", quote(&text("post_command", "")?)?),
        "no_prompt=options.no_prompt".to_owned(),
        format!("blob_timestamps={timestamps}"),
        format!("incremental_blobs={}", bool("incremental_blobs", false)?),
    ]);
    if !old {
        lines.push(format!("rsync_hard_links_on_first_copy={}", bool("rsync_hard_links_on_first_copy", false)?));
    }
    let indent = " ".repeat(8);
    Ok(lines.iter().map(|line| format!("\n{indent}{line},")).collect::<String>() + "\n" + &indent)
}

/// The storage that is backed up.
struct Storage<'a> {
    buildout: &'a Buildout<'a>,
    options: Options<'a>,
    part: &'a str,
    edition: Edition,
}

impl Storage<'_> {
    /// `storage=` or `storages=` with `pprint.pformat`.
    fn text(&self) -> Result<String, Why> {
        let mut entries = Vec::new();
        for (name, value) in self.entries()? {
            if value.contains(char::is_whitespace) {
                return Err(Why::new(WhyKind::NotModelled, "a path has blanks, at which Python would break the line"));
            }
            let value = quoted(&value);
            let value = value.ok_or_else(|| {
                Why::new(WhyKind::NotModelled, format!("{name} has characters that Python would escape"))
            })?;
            entries.push(format!("'{name}': {value}"));
        }
        Ok(match self.edition {
            Edition::OneStorage => format!("storage={{{}}}", entries.join(",\n ")),
            Edition::SeveralStorages => format!("storages=[{{{}}}]", entries.join(",\n  ")),
        })
    }

    /// `compute_storage`.
    fn entries(&self) -> Result<BTreeMap<&'static str, String>, Why> {
        if self.edition == Edition::SeveralStorages
            && !(self.options.get_or("additional_filestorages", "")?.is_empty()
                && alternative(&self.options, self.edition)?.is_empty())
        {
            return Err(Why::new(WhyKind::NotModelled, "several storages, or other sources of restores, in version 4"));
        }
        let var = self.var()?;
        let prefix = match self.options.get("locationprefix")? {
            Some(prefix) => place(self.above(), &prefix)?,
            None => var.clone(),
        };
        let blobs = truth(&self.options, "backup_blobs", true)?;
        let mut blobdir = self.blob_storage(&var)?;
        if blobs && blobdir.is_empty() {
            return Err(Why::new(WhyKind::BrokenDefinition, "the recipe fails, because it finds no blob storage"));
        }
        let mut entries = BTreeMap::from([
            ("storage", "1".to_owned()),
            ("datafs", self.datafs(&var)?),
            ("backup_location", self.location("location", &prefix, "backup", "")?),
            ("snapshot_location", self.location("snapshotlocation", &prefix, "snapshotbackup", "-snapshot")?),
            ("zip_location", self.location("ziplocation", &prefix, "zipbackup", "-zip")?),
        ]);
        if !blobdir.is_empty() {
            let of_blobs =
                |option, alone, end| if blobs { self.location(option, &prefix, alone, end) } else { Ok(String::new()) };
            let backup = of_blobs("blobbackuplocation", "blobstoragebackup", "-blobstorage")?;
            let snapshot = of_blobs("blobsnapshotlocation", "blobstoragesnapshot", "-blobstoragesnapshot")?;
            let zip = of_blobs("blobziplocation", "blobstoragezip", "-blobstoragezip")?;
            entries.extend([
                ("blob_backup_location", backup),
                ("blob_snapshot_location", snapshot),
                ("blob_zip_location", zip),
            ]);
        }
        if blobs {
            blobdir.truncate(blobdir.trim_end_matches('/').len());
        }
        self.alternative(&mut entries, !blobdir.is_empty())?;
        entries.insert("blobdir", blobdir);
        Ok(entries)
    }

    /// The one line of the option `alternative_restore_source`.
    fn alternative(&self, entries: &mut BTreeMap<&'static str, String>, blobs: bool) -> Result<(), Why> {
        let text = alternative(&self.options, self.edition)?;
        let mut lines = text.split('\n').map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let Some(line) = lines.next() else { return Ok(()) };
        let words: Vec<&str> = line.split_whitespace().collect();
        let (datafs, blobdir) = match (&words[..], lines.next()) {
            (["1" | "Data", datafs], None) if !blobs => (datafs, None),
            (["1" | "Data", datafs, blobdir], None) if blobs => (datafs, Some(blobdir)),
            _ => return Err(Why::new(WhyKind::BrokenDefinition, "the recipe fails at `alternative_restore_source`")),
        };
        entries.insert("alt_location", place(self.above(), datafs)?.display().into_owned());
        let blobdir = match blobdir {
            Some(blobdir) => place(self.above(), blobdir)?.display().into_owned(),
            None => String::new(),
        };
        entries.insert("blob_alt_location", blobdir);
        Ok(())
    }

    /// The directory above that of scripts, which stands for the buildout's.
    fn above(&self) -> Result<TargetPath, Why> {
        Ok(self.buildout.bin()?.join(".."))
    }

    fn location(&self, option: &str, prefix: &TargetPath, alone: &str, end: &str) -> Result<String, Why> {
        let path = match self.options.get(option)? {
            Some(path) => place(Ok(prefix.clone()), &path)?,
            None if self.part == "backup" => prefix.join(format!("{alone}s")),
            None => prefix.join(format!("{}{end}s", self.part)),
        };
        Ok(path.display().into_owned())
    }

    fn var(&self) -> Result<TargetPath, Why> {
        let option = match self.of_zope("zeo-var")? {
            Some(var) => Some(var),
            None => self.of_zope("var")?,
        };
        match option {
            Some(var) => Ok(self.buildout.directory().join(var)),
            None => Ok(self.above()?.join("var")),
        }
    }

    fn datafs(&self, var: &TargetPath) -> Result<String, Why> {
        let option = match self.options.get("datafs")? {
            Some(option) => Some(option),
            None => self.of_zope("file-storage")?,
        };
        let path = match option {
            Some(path) => place(self.above(), &path)?,
            None => var.join("filestorage/Data.fs"),
        };
        Ok(path.display().into_owned())
    }

    fn blob_storage(&self, var: &TargetPath) -> Result<String, Why> {
        let own = match self.options.get("blob_storage")? {
            Some(own) => own,
            None => self.options.get_or("blob-storage", "")?,
        };
        if !own.is_empty() {
            return Ok(own);
        }
        if let Some(storage) = self.of_zope("blob-storage")? {
            return Ok(storage);
        }
        let usual = self.of_zope("recipe")?.map(|_| var.join("blobstorage").display().into_owned());
        Ok(usual.unwrap_or_default())
    }

    /// `get_zope_option`: of the first part that has it. These recipes set none of the options that are asked for.
    fn of_zope(&self, option: &str) -> Result<Option<String>, Why> {
        let parts = match self.buildout.configuration().option_or("buildout", "parts", "") {
            Eval::Known(parts) => parts,
            Eval::Unknown(why) => return Err(why),
        };
        for part in parts.split_whitespace() {
            let recipe = self.options.of_section(part, "recipe")?.unwrap_or_default().to_lowercase();
            match recipe.as_str() {
                "plone.recipe.zeoserver" | "plone.recipe.zope2instance" => {
                    if let Some(value) = self.options.of_section(part, option)?.filter(|value| !value.is_empty()) {
                        return Ok(Some(value));
                    }
                }
                "plone.recipe.zope2zeoserver" => {
                    return Err(Why::new(
                        WhyKind::NotModelled,
                        "what plone.recipe.zope2zeoserver sets is not modelled",
                    ));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

/// `construct_path`.
fn place(base: Result<TargetPath, Why>, path: &str) -> Result<TargetPath, Why> {
    if path.starts_with('~') || path.contains('$') {
        return Err(Why::new(WhyKind::TargetFact, format!("`{path}` depends on the environment of the run")));
    }
    Ok(base?.join(path))
}

const INITIALIZATION: &str = "
import logging
loglevel = logging.{loglevel}
from optparse import OptionParser
parser = OptionParser()
# parser.add_option('-S', '--storage', dest='storage',
#                  action='store', type='string',
#                  help='storage name')
parser.add_option('-q', '--quiet',
                  action='store_false', dest='verbose', default=True,
                  help='do not print status messages to stdout')
parser.add_option('-n', '--no-prompt',
                  action='store_true', dest='no_prompt', default=False,
                  help='do not ask for any user confirmation')
(options, args) = parser.parse_args()
# storage = options.storage
# Allow the user to make the script more quiet (say in a cronjob):
if not options.verbose:
    loglevel = logging.WARN
log_format = '%(levelname)s: %(message)s'
if loglevel < logging.INFO:
    log_format = '%(asctime)s ' + log_format
logging.basicConfig(level=loglevel,
    format=log_format)
";
