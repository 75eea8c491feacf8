//! `collective.recipe.template`: a file from a template, which is a file, a text in the configuration, or at a URL.
//! Versions 2.2 and 3.0.0, which agree.
//!
//! The template is read at every run of buildout, so a damaged template is propagated to what is made of it.

use super::{Evidence, Made, Mode, Options, PartFiles, Recipe, Upkeep};
use crate::expect::derive::buildout::{Buildout, Configuration};
use crate::model::artifact::Content;
use crate::model::eval::{Why, WhyKind};
use crate::model::path::TargetPath;

/// Text templates.
#[derive(Debug)]
pub(super) struct Template;

impl Recipe for Template {
    fn names(&self) -> &'static [&'static str] {
        &["collective.recipe.template", "collective.recipe.template:default"]
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        evidence(part, configuration, directory)
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let options = buildout.options(part);
        let template = source(&options, buildout.directory()).and_then(|source| source.text(&options, buildout));
        let mut doubt = None;
        let result = template.and_then(|template| {
            let result = buildout.substituted(part, &own_options(&template, part));
            doubt = result.sections.iter().find_map(|section| implied_part(section, buildout));
            result.text
        });
        let files = files(&options, buildout, result);
        PartFiles { opaque: files.opaque.or(doubt), ..files }
    }
}

/// Genshi templates: programs.
#[derive(Debug)]
pub(super) struct Genshi;

impl Recipe for Genshi {
    fn names(&self) -> &'static [&'static str] {
        &["collective.recipe.template[genshi]:genshi", "collective.recipe.template:genshi"]
    }

    fn evidence(&self, part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
        evidence(part, configuration, directory)
    }

    fn expected(&self, part: &str, buildout: &Buildout<'_>) -> PartFiles {
        let why = Why::new(WhyKind::Code, "a Genshi template is a program, which is not run");
        files(&buildout.options(part), buildout, Err(why))
    }
}

/// Where the template is.
enum Source {
    Inline(String),
    File(TargetPath),
    Url,
}

/// `Recipe.__init__`: which of the options counts.
fn source(options: &Options<'_>, directory: &TargetPath) -> Result<Source, Why> {
    let (input, inline, url) = (options.get("input")?, options.get("inline")?, options.get("url")?);
    match (input, inline, url) {
        (Some(input), None, None) => Ok(match input.strip_prefix("inline:") {
            Some(text) => Source::Inline(text.to_owned()),
            None => Source::File(directory.join(input)),
        }),
        (None, Some(text), _) => Ok(Source::Inline(text)),
        (None, None, Some(_)) => Ok(Source::Url),
        (None, None, None) => Err(broken("it has neither `input` nor `inline` nor `url`")),
        (Some(_), _, _) => Err(broken("it has several templates")),
    }
}

impl Source {
    fn text(self, options: &Options<'_>, buildout: &Buildout<'_>) -> Result<String, Why> {
        let path = match self {
            Self::Inline(text) => return Ok(text.trim_start_matches(is_space).to_owned()),
            Self::Url => return Err(Why::new(WhyKind::NoReference, "its template is fetched from a URL at every run")),
            Self::File(path) => path,
        };
        utf8(options, "input-encoding")?;
        let bytes = buildout.input(&path)?.ok_or_else(|| {
            Why::new(WhyKind::LiveTree, format!("its template `{path}` is missing; buildout stops there"))
        })?;
        let text = bytes.text().map(str::to_owned);
        text.ok_or_else(|| {
            Why::new(WhyKind::LiveTree, format!("its template `{path}` is no text; buildout stops there"))
        })
    }
}

fn evidence(part: &str, configuration: &Configuration, directory: &TargetPath) -> Vec<Evidence> {
    match input(&Options::of(part, configuration), directory) {
        Some(path) => vec![Evidence::Text(path)],
        None => Vec::new(),
    }
}

/// The template's file.
fn input(options: &Options<'_>, directory: &TargetPath) -> Option<TargetPath> {
    let Ok(Some(input)) = options.get("input") else { return None };
    (!input.starts_with("inline:")).then(|| directory.join(input))
}

/// What the part makes of its text.
fn files(options: &Options<'_>, buildout: &Buildout<'_>, text: Result<String, Why>) -> PartFiles {
    match output(options, buildout, text) {
        Ok(made) => PartFiles { made: vec![made], ..PartFiles::default() },
        Err(why) => PartFiles::unknown(why),
    }
}

fn output(options: &Options<'_>, buildout: &Buildout<'_>, text: Result<String, Why>) -> Result<Made, Why> {
    let output = options.get("output")?.ok_or_else(|| broken("it has no `output`"))?;
    let path = buildout.directory().join(output);
    let overwrite = options.get_or("overwrite", "true")?.to_lowercase();
    if !["y", "yes", "1", "true"].contains(&overwrite.as_str()) {
        let why = Why::new(WhyKind::NoReference, "it is written once, and what somebody changed since is kept");
        return Ok(Made::file(path, Content::Unknown(why), Upkeep::WhenGone));
    }
    let text = text.and_then(|text| utf8(options, "output-encoding").map(|()| text));
    let mode = mode(options, buildout, &path)?;
    // A text that holds a secret must not be shown by way of what is there instead of it.
    let secret = text.as_ref().is_err_and(|why| why.kind == WhyKind::Secret);
    let content = text.map_or_else(Content::Unknown, |text| Content::Bytes(text.into()));
    Ok(Made { mode, secret, ..Made::file(path, content, Upkeep::Rewritten) })
}

/// The option `mode`, or that of the template's file when the output was written. It may have changed since by another
/// umask; then the owner's bits tell.
fn mode(options: &Options<'_>, buildout: &Buildout<'_>, output: &TargetPath) -> Result<Mode, Why> {
    if let Some(mode) = options.get("mode")? {
        let digits = mode.trim().trim_start_matches("0o");
        let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o7777);
        return mode.map(Mode::Exactly).ok_or_else(|| broken("its `mode` is no octal number"));
    }
    let seen = |path: &TargetPath| buildout.scan().seen(path).map(|seen| seen.mode & 0o7777);
    let template = input(options, buildout.directory()).and_then(|path| seen(&path));
    Ok(match (template, seen(output)) {
        (Some(template), Some(made)) if template == made || (template ^ made) & 0o700 != 0 => Mode::Exactly(template),
        _ => Mode::Undeclared,
    })
}

/// `re.sub(r"\$\{([^:]+?)\}", r"${PART:\1}", template)`: references without a section are to the part's own options.
fn own_options(template: &str, part: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        text.push_str("${");
        // The name has a character at least, which may be a brace itself.
        let first = after.chars().next().map_or(0, char::len_utf8);
        let end = after.get(first..).and_then(|tail| tail.find('}')).map(|end| first + end);
        let name = end.and_then(|end| after.get(..end)).filter(|name| !name.contains(':'));
        if let Some(name) = name {
            text.push_str(part);
            text.push(':');
            text.push_str(name);
            rest = &after[name.len()..];
        } else {
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

/// A section with a recipe that only the template refers to becomes a part, and the resolver does not see it.
fn implied_part(section: &str, buildout: &Buildout<'_>) -> Option<Why> {
    let configuration = buildout.configuration();
    let is_part = configuration.parts.iter().any(|part| part == section);
    let has_recipe = configuration.sections.get(section).is_some_and(|known| known.options.contains_key("recipe"));
    (has_recipe && !is_part).then(|| {
        let text = format!("its template refers to [{section}], which buildout therefore installs as well");
        Why::new(WhyKind::NotModelled, text)
    })
}

fn utf8(options: &Options<'_>, option: &str) -> Result<(), Why> {
    let encoding = options.get_or(option, "utf-8")?;
    match encoding.to_lowercase().replace(['-', '_'], "").as_str() {
        "utf8" => Ok(()),
        _ => Err(Why::new(WhyKind::NotModelled, format!("the encoding `{encoding}` is not modelled"))),
    }
}

/// `str.isspace` of one character.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

fn broken(text: &'static str) -> Why {
    Why::new(WhyKind::BrokenDefinition, text)
}

#[cfg(test)]
mod tests {
    use super::own_options;

    #[test]
    fn names_without_a_section_are_the_parts_own_as_the_regular_expression_has_it() {
        for (template, expected) in [
            ("a ${b} ${c:d} ${:e}", "a ${p:b} ${c:d} ${:e}"),
            ("${b", "${b"),
            ("${}", "${}"),
            ("${}x}", "${p:}x}"),
            ("${a ${b:c} ${d}", "${a ${b:c} ${p:d}"),
            ("${a ${b} c}", "${p:a ${b} c}"),
            ("$${a}\n${b\nc}", "$${p:a}\n${p:b\nc}"),
        ] {
            assert_eq!(own_options(template, "p"), expected, "{template}");
        }
    }
}
