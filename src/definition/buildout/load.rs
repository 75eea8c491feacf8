//! Follows `extends`. As `_open` of zc.buildout 6.0.1, `buildout.py`: depth first, a file that two others extend is
//! loaded and merged twice, user defaults go under the first file without `extends`.

use super::{
    Request, condition,
    directories::is_boolean,
    lint::{self, Diamonds},
    merge::{update, update_section},
    option::{Key, Layer, RawSection, Source},
    parser, posix_path,
    python_text::words,
    sources::{SourceError, Sources},
};
use crate::model::{
    code::{BUILDOUT_LINT, BUILDOUT_MISSING_FILE, BUILDOUT_SYNTAX, BUILDOUT_VALUE},
    content::Algorithm,
    diagnostic::Diagnostic,
    eval::{Eval, Why, WhyKind},
    hasher::digest_of,
    origin::Origin,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Files nested by `extends`.
const MAX_DEPTH: usize = 60;
/// Files merged in all: diamonds upon diamonds double with every level.
const MAX_LOADS: usize = 2000;
/// Bytes merged in all, for the same reason.
const MAX_BYTES: usize = 256 << 20;
/// Diagnostics that come with the source line.
pub(super) const MAX_SHOWN: usize = 200;

/// Loads files and remembers what it read.
pub(super) struct Loader<'a> {
    request: &'a Request<'a>,
    sources: &'a dyn Sources,
    /// What the command line's `[buildout]` says about loading.
    overrides: RawSection,
    /// What is still to be merged under the first file without `extends`.
    user_defaults: Option<Layer>,
    /// The files that are being loaded, outermost first.
    stack: Vec<String>,
    parsed: BTreeMap<String, Parsed>,
    loads: usize,
    bytes: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Every file read, in the order of the first reading.
    pub(super) files: Vec<String>,
    /// Their text, to show lines from.
    pub(super) texts: BTreeMap<String, String>,
    reported: BTreeSet<String>,
}

/// A file to be merged, and its name. The layer is shared: a file may be merged more than once.
struct Loaded {
    file: String,
    layer: Rc<Layer>,
}

impl Loaded {
    fn new(file: &str, layer: Layer) -> Self {
        Self { file: file.to_owned(), layer: Rc::new(layer) }
    }
}

/// A file without the options that say what else is loaded, and these.
#[derive(Clone)]
struct Parsed {
    layer: Rc<Layer>,
    extends: Option<Key>,
    optional: Option<Key>,
}

impl Parsed {
    fn new(mut layer: Layer) -> Self {
        let mut take = |option: &str| layer.sections.get_mut("buildout")?.options.remove(option);
        let (extends, optional) = (take("extends"), take("optional-extends"));
        Self { layer: Rc::new(layer), extends, optional }
    }
}

impl<'a> Loader<'a> {
    pub(super) fn new(request: &'a Request<'a>, sources: &'a dyn Sources, overrides: &RawSection) -> Self {
        Self {
            request,
            sources,
            overrides: for_loading(overrides),
            user_defaults: None,
            stack: Vec::new(),
            parsed: BTreeMap::new(),
            loads: 0,
            bytes: 0,
            diagnostics: Vec::new(),
            files: Vec::new(),
            texts: BTreeMap::new(),
            reported: BTreeSet::new(),
        }
    }

    /// Loads a file with all it extends, merged. `options` is the `[buildout]` known so far: it says where copies of
    /// remote files are.
    pub(super) fn root(
        &mut self,
        base: &str,
        name: &str,
        options: &RawSection,
        user_defaults: Option<&Layer>,
    ) -> Layer {
        self.user_defaults = user_defaults.filter(|layer| !layer.sections.is_empty() || layer.open.is_some()).cloned();
        let mut result = Layer::default();
        let mut diamonds = Diamonds::default();
        let opened = self.open(base, name, &for_loading(options), None);
        // The last to hold a layer need not copy it.
        self.parsed.clear();
        for loaded in opened {
            for lint in diamonds.merge(&loaded.file, &loaded.layer) {
                self.report(lint);
            }
            update(&mut result, Rc::unwrap_or_clone(loaded.layer), &mut self.diagnostics);
        }
        result
    }

    fn open(&mut self, base: &str, name: &str, options: &RawSection, named_by: Option<&Source>) -> Vec<Loaded> {
        let mut options = options.clone();
        update_section(&mut options, self.overrides.clone());
        self.check_options(&options);
        let (file, next_base) = place(base, name);
        if let Some(refusal) = self.refusal(&file) {
            return vec![self.opaque(&file, &refusal, named_by)];
        }
        let Parsed { mut layer, extends, optional } = match self.parsed(&file, &options) {
            Ok(parsed) => parsed,
            Err(refusal) => return vec![self.opaque(&file, &refusal, named_by)],
        };
        let root = self.stack.is_empty();
        self.stack.push(file.clone());
        self.refuse_extended_by(&layer);
        if root && let Some(buildout) = layer.sections.get("buildout") {
            update_section(&mut options, for_loading(buildout));
        }
        let mut results = Vec::new();
        match extends.as_ref().map(|key| &key.value) {
            Some(Eval::Unknown(why)) => {
                results.push(Loaded::new(&file, Layer::opaque(why.clone())));
            }
            Some(Eval::Known(names)) if !names.is_empty() => {
                for name in words(names) {
                    if self.loads > MAX_LOADS {
                        let (_, why) = Refusal::TooMany.describe(name);
                        results.push(Loaded::new(&file, Layer::opaque(why)));
                        break;
                    }
                    let source = extends.as_ref().map(Key::source);
                    results.extend(self.open(&next_base, name, &options, source));
                }
            }
            _ => {
                if let Some(mut under) = self.user_defaults.take() {
                    let mut over = Rc::unwrap_or_clone(layer);
                    // zc.buildout removes the option from a dictionary that is then no longer used.
                    if let Some(optional) = &optional {
                        over.buildout().options.insert("optional-extends".to_owned(), optional.clone());
                    }
                    update(&mut under, over, &mut self.diagnostics);
                    layer = Rc::new(under);
                }
            }
        }
        if let Some(optional) = optional {
            results.extend(self.optional(&file, &next_base, &optional, &options));
        }
        results.push(Loaded { file, layer });
        self.stack.pop();
        results
    }

    /// `optional-extends`: looked for in the working directory, loaded from the including file's.
    fn optional(&mut self, file: &str, base: &str, key: &Key, options: &RawSection) -> Vec<Loaded> {
        let names = match &key.value {
            Eval::Known(names) => names.clone(),
            Eval::Unknown(why) => return vec![Loaded::new(file, Layer::opaque(why.clone()))],
        };
        let directory = self.request.directory;
        if posix_path::normalise(base) != posix_path::normalise(directory) {
            self.report(
                Diagnostic::warning(
                    BUILDOUT_LINT,
                    "`optional-extends` looks in the directory where buildout is started, but loads from this file's",
                )
                .at(origin_of(key.source(), file))
                .hint("write an absolute path, or start buildout in this file's directory"),
            );
        }
        let mut results = Vec::new();
        for name in words(&names) {
            if self.sources.exists(&posix_path::join(directory, name)) {
                results.extend(self.open(base, name, options, Some(key.source())));
            }
        }
        results
    }

    /// Reads a file, once, and parses it.
    fn parsed(&mut self, file: &str, options: &RawSection) -> Result<Parsed, Refusal> {
        let decide =
            |expression: &str, tail: &str| condition::decide(expression, tail, self.request.facts, self.request.assume);
        if let Some(text) = self.texts.get(file) {
            self.bytes += text.len();
            if let Some(parsed) = self.parsed.get(file) {
                return Ok(parsed.clone());
            }
            // For another root; what is wrong with it is known.
            let (layer, _) = parser::parse(text, file, &decide);
            return Ok(self.remember(file, layer));
        }
        let bytes = self.bytes(file, options).map_err(Refusal::Source)?;
        self.files.push(file.to_owned());
        self.bytes += bytes.len();
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            Refusal::Undecodable { line: line_of(bytes, valid), byte: bytes.get(valid).copied().unwrap_or_default() }
        })?;
        let (layer, diagnostics) = parser::parse(&text, file, &decide);
        self.diagnostics.extend(diagnostics);
        self.diagnostics.extend(lint::relative_extends(file, &layer));
        self.texts.insert(file.to_owned(), text);
        Ok(self.remember(file, layer))
    }

    fn remember(&mut self, file: &str, layer: Layer) -> Parsed {
        let parsed = Parsed::new(layer);
        self.parsed.insert(file.to_owned(), parsed.clone());
        parsed
    }

    fn bytes(&self, file: &str, options: &RawSection) -> Result<Vec<u8>, SourceError> {
        if let Some(path) = file.strip_prefix("file://") {
            return self.sources.read(&path[path.find('/').unwrap_or(0)..]);
        }
        if !posix_path::is_url(file) {
            return self.sources.read(&posix_path::join(self.request.directory, file));
        }
        let known = |option: &str| options.options.get(option).and_then(|key| key.value.known());
        if let (Some(cache), Some(directory)) = (known("extends-cache"), known("directory")) {
            let directory = posix_path::join(self.request.directory, directory);
            let path = posix_path::join(&posix_path::join(&directory, cache), &cached_name(file));
            if !cache.is_empty() {
                match self.sources.read(&path) {
                    Err(SourceError::Missing) => {}
                    found => return found,
                }
            }
        }
        self.sources.read_url(file)
    }

    fn refusal(&mut self, file: &str) -> Option<Refusal> {
        self.loads += 1;
        if self.stack.iter().any(|open| open == file) {
            return Some(Refusal::Recursive);
        }
        (self.stack.len() >= MAX_DEPTH || self.loads > MAX_LOADS || self.bytes > MAX_BYTES).then_some(Refusal::TooMany)
    }

    /// A file that cannot be seen: says so, and stands in for it.
    fn opaque(&mut self, file: &str, refusal: &Refusal, named_by: Option<&Source>) -> Loaded {
        let (diagnostic, why) = refusal.describe(file);
        let diagnostic = match named_by {
            Some(source) if diagnostic.origin.is_none() && self.diagnostics.len() < MAX_SHOWN => {
                let origin = origin_of(source, file);
                let needle = posix_path::basename(file).to_owned();
                show(&self.texts, diagnostic.at(origin), &needle)
            }
            _ => diagnostic,
        };
        self.report(diagnostic);
        // Everything that was read before is gone through to become unknown, which costs more than reading it.
        self.bytes += 4 * self.texts.values().map(String::len).sum::<usize>();
        Loaded::new(file, Layer::opaque(why))
    }

    fn refuse_extended_by(&mut self, layer: &Layer) {
        let buildout = layer.sections.get("buildout");
        if let Some(key) = buildout.and_then(|buildout| buildout.options.get("extended-by")) {
            self.report(
                Diagnostic::error(BUILDOUT_VALUE, "`extended-by` is no longer supported")
                    .at(origin_of(key.source(), "")),
            );
        }
    }

    /// What `_open` checks about its options each time.
    fn check_options(&mut self, options: &RawSection) {
        let known = |option: &str| {
            options.options.get(option).and_then(|key| key.value.known().map(|value| (value.clone(), key)))
        };
        let newest = known("newest").filter(|(value, _)| !is_boolean(value));
        let cache = known("extends-cache")
            .filter(|(value, _)| value.find("${").is_some_and(|start| value[start..].contains('}')));
        let mut found = Vec::new();
        if let Some((value, key)) = newest {
            found.push(super::directories::not_boolean("newest", &value, key));
        }
        if let Some((_, key)) = cache {
            found.push(
                Diagnostic::error(BUILDOUT_VALUE, "`extends-cache` must not hold a reference")
                    .at(origin_of(key.source(), "")),
            );
        }
        for diagnostic in found {
            self.report(diagnostic);
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        let place = diagnostic.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        if self.reported.insert(format!("{place} {}", diagnostic.message)) {
            self.diagnostics.push(diagnostic);
        }
    }
}

/// What `[buildout]` says about loading. The rest may be large, and every file that is loaded gets a copy.
pub(super) fn for_loading(buildout: &RawSection) -> RawSection {
    let matters =
        |option: &str| ["directory", "extends-cache", "newest"].contains(&option.trim_end_matches([' ', '+', '-']));
    let options = buildout.options.iter().filter(|(option, _)| matters(option));
    let options = options.map(|(option, key)| (option.clone(), key.clone())).collect();
    RawSection { options, open: buildout.open.clone() }
}

/// The name of a file that is named below `base`, and the base for what it names itself.
fn place(base: &str, name: &str) -> (String, String) {
    let url_base = |url: &str| url[..url.rfind('/').unwrap_or(0)].to_owned();
    if posix_path::is_url(name) {
        (name.to_owned(), url_base(name))
    } else if posix_path::is_url(base) && !posix_path::is_absolute(name) {
        let url = format!("{base}/{name}");
        let next = url_base(&url);
        (url, next)
    } else {
        let file = posix_path::join(base, name);
        let next = posix_path::dirname(&file).to_owned();
        (file, next)
    }
}

/// Why a file is not merged.
enum Refusal {
    Source(SourceError),
    Undecodable { line: u32, byte: u8 },
    Recursive,
    TooMany,
}

impl Refusal {
    fn describe(&self, file: &str) -> (Diagnostic, Why) {
        match self {
            Self::Source(SourceError::Missing) => (
                Diagnostic::error(BUILDOUT_MISSING_FILE, format!("`{file}` does not exist"))
                    .hint("buildout stops here; restore the file or correct the name"),
                Why::new(WhyKind::Unreadable, format!("`{file}` does not exist")),
            ),
            Self::Source(SourceError::Unreadable(reason)) => (
                Diagnostic::error(BUILDOUT_MISSING_FILE, format!("`{file}` cannot be read: {reason}")),
                Why::new(WhyKind::Unreadable, format!("`{file}` cannot be read: {reason}")),
            ),
            Self::Source(SourceError::Unavailable(reason)) => (
                Diagnostic::warning(BUILDOUT_MISSING_FILE, format!("`{file}` is not at hand: {reason}"))
                    .hint("set `extends-cache` to a directory that holds a copy; until then what it sets is unknown"),
                Why::new(WhyKind::Unreadable, format!("`{file}` is not at hand and may set it")),
            ),
            Self::Undecodable { line, byte } => (
                Diagnostic::error(BUILDOUT_SYNTAX, format!("the byte 0x{byte:02x} is no UTF-8 text"))
                    .at(Origin::line(file, *line))
                    .hint("the file is damaged, or written in another encoding"),
                Why::new(WhyKind::BrokenDefinition, format!("`{file}` is no UTF-8 text")),
            ),
            Self::Recursive => (
                Diagnostic::error(
                    BUILDOUT_MISSING_FILE,
                    format!("`{file}` extends itself, directly or through others"),
                ),
                Why::new(WhyKind::BrokenDefinition, format!("`{file}` extends itself")),
            ),
            Self::TooMany => (
                Diagnostic::error(BUILDOUT_MISSING_FILE, format!("`{file}` is extended too deeply or too often"))
                    .hint("zc.buildout reads a file again each time that it is named; slapos.buildout only once"),
                Why::new(WhyKind::NotModelled, format!("`{file}` is extended too deeply or too often")),
            ),
        }
    }
}

/// The origin of a source, or the file as a whole.
pub(super) fn origin_of(source: &Source, file: &str) -> Origin {
    match source {
        Source::File(origin) => origin.clone(),
        Source::CommandLine => Origin::file("command line"),
        Source::Default | Source::Computed | Source::Implicit => Origin::file(file),
    }
}

/// Adds the source line, with the first place of `needle` at or below the origin's line underlined.
pub(super) fn show(texts: &BTreeMap<String, String>, diagnostic: Diagnostic, needle: &str) -> Diagnostic {
    let Some(origin) = diagnostic.origin.clone() else { return diagnostic };
    let (Some(text), Some(line)) = (texts.get(&*origin.file), origin.line) else { return diagnostic };
    let first = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let start = match first.checked_sub(1).map(|before| memchr::memchr_iter(b'\n', text.as_bytes()).nth(before)) {
        Some(Some(end)) => end + 1,
        Some(None) => return diagnostic,
        None => 0,
    };
    for (offset, content) in text[start..].lines().take(50).enumerate() {
        if let Some(start) = content.find(needle) {
            let line = line.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
            let diagnostic = diagnostic.at(Origin { file: origin.file, line: Some(line) });
            return lint::showing(diagnostic, content, start, start + needle.len());
        }
    }
    diagnostic
}

/// The name of a remote file in `extends-cache`: the hexadecimal MD5 of its URL.
fn cached_name(url: &str) -> String {
    digest_of(Algorithm::Md5, url.as_bytes()).hex()
}

fn line_of(bytes: &[u8], position: usize) -> u32 {
    let newlines = memchr::memchr_iter(b'\n', &bytes[..position.min(bytes.len())]).count();
    u32::try_from(newlines).unwrap_or(u32::MAX).saturating_add(1)
}
