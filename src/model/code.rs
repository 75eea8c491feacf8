//! The stable codes of diagnostics, findings and hazards, and what each one means: the one table behind
//! `rectify explain CODE`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A stable code, shown as `RCT` and three digits. Codes are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RCT{:03}", self.0)
    }
}

impl std::str::FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_prefix("RCT")
            .filter(|digits| digits.len() == 3)
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no code; codes look like RCT103"))
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// A few words.
    pub title: &'static str,
    /// What it means, why rectify says it and what to do.
    pub explanation: &'static str,
}

/// The row of a code, if there is such a code.
pub fn entry(code: Code) -> Option<&'static Entry> {
    CODES.binary_search_by_key(&code, |entry| entry.code).ok().map(|index| &CODES[index])
}

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $explanation:literal;)*) => {
        $(#[doc = concat!("Code of: ", $title, ".")] pub const $name: Code = Code($number);)*
        /// Every code, in order.
        pub const CODES: &[Entry] = &[$(Entry { code: Code($number), title: $title, explanation: $explanation },)*];
    };
}

codes! {
    // 001-049: reading a batou project
    NO_ENVIRONMENT = 1, "environment not found",
        "`environments/NAME/environment.cfg` does not exist. Check the name; `rectify check` without a name lists what there is.";
    BAD_ENVIRONMENT_SYNTAX = 2, "environment.cfg cannot be parsed",
        "The file is not what batou's configuration parser accepts, so batou would refuse to deploy. If the file should be sound, it may itself be damaged: compare it with git.";
    UNKNOWN_COMPONENT = 3, "unknown component",
        "A host names a component that no `components/*/component.py` defines.";
    MODEL_FAILED = 4, "batou could not configure a component",
        "The project's own batou raised an error while it configured this component. What the component would deploy is unknown; everything else is still checked.";
    NO_BATOU = 5, "the project's batou cannot be run",
        "No Python with batou was found for this project, so component code cannot be evaluated exactly. Literal declarations are still read; all else is unknown.";
    CYCLE = 6, "dependency cycle",
        "Units need each other in a circle, so no order of deployment exists.";
    BAD_SETTING = 7, "a setting of environment.cfg is wrong",
        "batou would reject this value, or would take it in a way that was hardly meant.";
    SECRETS_UNREADABLE = 8, "secrets cannot be decrypted here",
        "The key for this environment's secrets is not available. Values that stem from secrets are unknown; everything else works.";
    STATIC_ONLY = 9, "read without running batou: incomplete",
        "Only literal declarations were read, because the project's batou could not be run. Whatever component code computes is missing from the picture and is not checked.";
    ORDER_DEPENDENT = 10, "content depends on batou's random order",
        "Two runs of the definition, which differ only in an order that batou does not define, gave two contents. Either is right, so the file cannot be compared byte for byte.";
    SIDE_EFFECT = 11, "configuring has a side effect",
        "Component code tried to write, start a process or connect while it was configured. rectify forbids this; what the component would deploy is unknown.";
    SAVED_MODEL_STALE = 12, "the saved manifest is older than the definition",
        "A file of the definition has changed since the manifest was made, so parts of the comparison may describe the older definition. Make the manifest anew with `rectify manifest`.";
    BAD_SOURCE = 13, "a source of the definition cannot be read",
        "A file, directory or archive that the definition refers to is missing or unreadable, so what it would deploy is unknown.";
    BATOU_WARNS = 14, "batou warns",
        "The project's own batou printed this warning while it configured the environment.";
    TARGET_GUESSED = 15, "the place on the target was guessed",
        "The definition does not say where the deployment is on the target (`target_directory` is below an unknown home directory), and component code writes that place into files. Tell it, or every such file looks different.";
    OTHER_BATOU = 16, "evaluated by another batou than the project pins",
        "The project's own batou could not be run and another version stood in. Versions render some files differently.";

    // 040-049: rectify's own settings
    BAD_SETTINGS_FILE = 40, "rectify.toml cannot be read",
        "The file is unreadable or no TOML. Nothing of it is used, so hosts, backups and ignore rules are those of an empty file.";
    UNKNOWN_SETTING = 41, "unknown key in rectify.toml",
        "No setting has this name. A misspelt key would otherwise be ignored without a word, and a backup or an ignore rule with it.";
    BAD_SETTING_VALUE = 42, "a setting of rectify.toml has a wrong value",
        "The value has the wrong type or cannot be understood; the setting, or the entry that needs it, is left out.";
    IGNORE_RULE_EXPIRED = 43, "an ignore rule has expired",
        "The rule's `until` has passed, so it hides nothing any more. Remove it, or decide anew and set another date.";
    BASELINE_TOO_YOUNG = 44, "a baseline is from after the begin of the incident",
        "A scan that was made after the incident began may hold its damage as if it had always been so, and is not used. What only it could vouch for is not vouched for. Name a baseline from before, or correct the begin of the incident.";

    // 050-099: reading a buildout
    BUILDOUT_SYNTAX = 50, "buildout configuration cannot be parsed",
        "zc.buildout's own parser would refuse this line and the run would stop. If the file should be sound, it may itself be damaged.";
    BUILDOUT_MISSING_FILE = 51, "an extended configuration file is missing",
        "A file named by `extends` cannot be read, so the options it would set are unknown.";
    BUILDOUT_REFERENCE = 52, "a reference cannot be resolved",
        "`${section:option}` names a section or option that does not exist, or the reference is malformed or circular.";
    BUILDOUT_CONDITION = 53, "a conditional section cannot be decided",
        "The condition depends on the machine that runs buildout and cannot be decided from what is known about the target. Tell the answer with `--assume`.";
    BUILDOUT_LINT = 54, "probably not what was meant",
        "zc.buildout accepts this but does something surprising with it.";
    INSTALLED_CFG_BROKEN = 55, "`.installed.cfg` is damaged",
        "buildout reads this file first and stops at once if it cannot; nothing is repaired until it is restored or removed.";
    BUILDOUT_VALUE = 56, "an option has a value buildout would refuse",
        "buildout stops with an error when it reads this option.";
    BUILDOUT_UNPINNED = 57, "an egg is not pinned",
        "Without a pinned version a repair may install another version than the one that ran here.";
    BUILDOUT_VERSION = 58, "which zc.buildout is used is not known",
        "Generations of zc.buildout differ in where they put eggs and how they read some options. Tell it with `--dialect`, or with `--python`.";
    DEFINITION_UNCOMMITTED = 59, "a file of the definition is not as it was committed",
        "Everything is compared with what the files of the definition say now. Where one of them is damaged itself, sound files look wrong and damaged ones right. Compare it with git first.";
    REVISION_SKIPPED = 60, "an earlier revision cannot be evaluated",
        "What that revision of the definition would have made is not known, so content that stems from it may be called edited. The reason is that of the tool that evaluates it.";

    REVISIONS_LEFT = 61, "older revisions of the definition were not asked",
        "What differs may be what an older revision made, and is then no edit. More revisions are asked with `revisions` in the settings; `cache` keeps what they make.";

    // 100-149: live content
    MISSING = 101, "missing",
        "The directory was listed and the name is not there.";
    STALE = 102, "older version",
        "The content equals an older version of this file, while the unit has moved on: a lost write, or a deployment that never arrived.";
    RANDOM = 103, "random bytes",
        "Blocks hold bytes that match no known content and look random.";
    ZEROED = 104, "zeroed",
        "Blocks that should hold content are all zero: the typical look of a lost write on a young disk.";
    TRUNCATED = 105, "truncated",
        "The file ends too early; what is there agrees with what should be.";
    OTHER_FILE = 106, "content of another file",
        "The whole content is that of another known file: a stale inode or directory block, or a misdirected write.";
    FOREIGN = 107, "blocks of another file",
        "Some blocks belong to another known file.";
    MIXED = 108, "damaged in several ways",
        "Different blocks are wrong in different ways.";
    WRONG_KIND = 109, "wrong kind of thing",
        "Something of another type (file, directory, link, device) is in this place.";
    WRONG_TARGET = 110, "link points elsewhere",
        "The symbolic link has another target than declared.";
    WRONG_MODE = 111, "wrong mode",
        "The permission bits differ from the declared ones.";
    WRONG_OWNER = 112, "wrong owner or group",
        "The owner or group differs from the declared one.";
    UNREADABLE = 113, "unreadable",
        "The kernel gave an error when this was read. After a block layer fault this is damage, not a hiccup.";
    EXTRANEOUS = 114, "not deployed by anybody",
        "The deployment owns this directory completely and would not have made this entry.";
    EDITED = 115, "edited",
        "The content is plausible text that equals no known version: somebody edited it, or the deployment is not the one you compare with.";
    NOT_DEPLOYED = 116, "change not yet deployed",
        "The live content is what an earlier revision of the definition would make: the change is not deployed yet.";
    CHANGED_CONTENT = 117, "content differs",
        "The content differs from its reference, and nothing tells more about how.";
    BROKEN_RECORD = 118, "package metadata is damaged",
        "The metadata of an installed Python distribution (RECORD, METADATA, entry points) cannot be trusted, so its files cannot be checked one by one.";
    CACHE_NEWER = 119, "only memory has it",
        "Read past the page cache, the disk gives another content than memory: a write was lost, and memory still has what was written. Do not reboot, do not drop caches, do not unmount before the plan's rescue step has copied it.";
    CACHE_OLDER = 120, "memory has an older content",
        "The disk has the right content, but the page cache, and so every program, still has an older one. The kernel has to forget it; a file that a process has mapped stays until the process ends.";
    TORN = 121, "torn blocks",
        "Inside one block some 512-byte sectors are of one version and the others of another: a write was cut short.";
    INCONSISTENT = 122, "damaged in itself",
        "No reference tells what this file should hold, but its own format does not hold together: a checksum in it is wrong, a structure points out of it, or its text has a run of zero bytes. Intrinsic checks prove damage, never health.";

    // 200-249: data and restore
    DATA_DAMAGED = 201, "data that no redeploy can make is damaged",
        "Only a backup (or the other half of a replicated pair) has this content.";
    NO_BACKUP = 202, "no good backup was found",
        "None of the configured backups holds a version that can be trusted. A person has to decide.";
    BACKUP_DAMAGED = 203, "a backup is itself damaged",
        "This snapshot's version fails a check, so an older one is used.";

    // 300-349: hazards and blocked steps
    REDEPLOY_BLIND = 310, "an ordinary redeploy would not notice",
        "The component checks only presence, age or a marker. The plan removes what hides the damage first.";
    DELETES_ON_FAILURE = 311, "buildout deletes a part whose update fails",
        "When a recipe's update raises, buildout uninstalls the part: every path it recorded is deleted.";
    DELETES_DIRECTORY = 312, "batou removes a directory in the place of a link",
        "A directory where a link is declared is deleted recursively, with all data in it. The plan moves it aside first.";
    WRITES_THROUGH_LINK = 313, "batou writes through a link",
        "A link in the place of a file makes batou overwrite the file the link points to.";
    UPGRADES = 314, "may install other versions",
        "Something here is not pinned, so installing it again may bring another version.";
    SHARED_EGGS = 315, "other buildouts use the same eggs",
        "The eggs directory is shared; removing an egg breaks the others until they are run, too.";
    SIDE_EFFECTS = 316, "has side effects",
        "Running this again does more than writing files.";
    UNINSTALL_DELETES_DATA = 317, "an uninstall would delete data",
        "Data lies below a path that buildout would remove when it uninstalls this part. The step is blocked until the data is moved.";
    LOSES_DATA = 318, "loses what was written since the backup",
        "Restoring goes back to the time of the backup.";
    STOPS_ALL = 319, "the whole deployment aborts here",
        "batou or buildout raises an error at this point and repairs nothing after it.";
    ONLY_COPY_IN_MEMORY = 320, "the only good copy is in memory",
        "A reboot, dropped caches or an unmounted file system destroy it. Copy it first, to another disk than the damaged one.";
    STAYS_MAPPED = 321, "mapped files stay in memory",
        "The kernel does not forget a file that a running process has mapped. Restart the process; then look again.";

    // 400-449: not known
    UNVERIFIABLE = 401, "cannot be verified",
        "There is no reference to compare with. This is not an all-clear.";
    OPAQUE = 402, "deployed by code",
        "Only the component's or recipe's own code knows what it makes, so its result cannot be compared.";
    NOT_SEEN = 403, "not seen",
        "The path or host could not be looked at.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn a_code_survives_text() {
        assert_eq!("RCT055".parse(), Ok(INSTALLED_CFG_BROKEN));
        assert_eq!(INSTALLED_CFG_BROKEN.to_string(), "RCT055");
        assert!("RCT5".parse::<Code>().is_err());
    }
}
