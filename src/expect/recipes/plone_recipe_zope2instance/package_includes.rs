//! The ZCML slugs that every run writes anew, after it has removed the directory with the old ones.

use super::Part;
use super::templates::{ADDITIONAL, LOCALES, RESOURCES};
use crate::expect::python_format::fill;
use crate::expect::recipes::{Made, PartFiles, Upkeep};
use crate::model::artifact::{Content, Expected};
use crate::model::content::Blob;
use crate::model::eval::{Why, WhyKind};

impl Part<'_> {
    pub(super) fn package_includes(&self, files: &mut PartFiles) -> Result<(), Why> {
        let options = &self.options;
        let site = options.get_or("site-zcml", "")?;
        if !site.is_empty() {
            let path = self.inside("etc/site.zcml");
            files.made.retain(|made| made.path != path);
            files.made.push(Made::file(path, text(site), Upkeep::Rewritten));
            return Ok(());
        }
        let zcml = options.get_or("zcml", "")?;
        let zcml = words(&zcml);
        let additional = options.get_or("zcml-additional", "")?;
        let resources = options.get_or("resources", "")?;
        let locales = options.get_or("locales", "")?;
        if zcml.is_empty() && additional.is_empty() && resources.is_empty() && locales.is_empty() {
            return Ok(());
        }
        let mut slugs = slugs(&zcml)?;
        if !additional.is_empty() {
            let text = fill(ADDITIONAL, &[("zcml", &additional)])?;
            slugs.push(("999-additional-overrides.zcml".to_owned(), text.trim().to_owned()));
        }
        for (value, name, template) in
            [(&resources, "998-resources-configure.zcml", RESOURCES), (&locales, "001-locales-configure.zcml", LOCALES)]
        {
            if !value.is_empty() {
                slugs.push((name.to_owned(), fill(template, &[("directory", value.trim())])?));
                let made = Made::directory(self.path(value.trim()), Upkeep::WhenGone);
                files.made.push(Made { expected: Expected::Present, ..made });
            }
        }
        let directory = self.inside("etc/package-includes");
        let made = slugs.into_iter().map(|(name, slug)| Made::file(directory.join(name), text(slug), Upkeep::Replaced));
        files.made.extend(made);
        files.made.push(Made::directory(directory, Upkeep::Replaced));
        Ok(())
    }
}

fn text(text: String) -> Content {
    Content::Bytes(Blob::from(text))
}

/// `nocomments_split`.
fn words(text: &str) -> Vec<&str> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
    lines.flat_map(str::split_whitespace).collect()
}

/// File name and text for each word of the option `zcml`.
fn slugs(words: &[&str]) -> Result<Vec<(String, String)>, Why> {
    let numbered = words.iter().zip(2..);
    let slug = |(word, number): (&&str, usize)| slug(word, number);
    let slugs: Option<Vec<_>> = numbered.map(slug).collect();
    slugs.ok_or_else(|| Why::new(WhyKind::NotModelled, "the option `zcml` is not understood"))
}

/// `PACKAGE`, `PACKAGE:FILE`, `PACKAGE-meta`, `PACKAGE-overrides`; the recipe refuses other forms.
fn slug(word: &str, number: usize) -> Option<(String, String)> {
    let (package, file) = word.split_once(':').map_or((word, None), |(package, file)| (package, Some(file)));
    let (package, suffix) = package.split_once('-').unwrap_or((package, "configure"));
    if file.is_some_and(|file| file.contains(':')) || suffix.contains('-') {
        return None;
    }
    let dotted =
        package.split('.').all(|word| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_'));
    let kind = match suffix {
        "configure" | "meta" | "overrides" => suffix.to_owned(),
        other => format!("{other}-configure"),
    };
    let file = file.map_or_else(|| format!("{suffix}.zcml"), str::to_owned);
    dotted.then(|| {
        let text = format!("<include package=\"{package}\" file=\"{file}\" />\n");
        (format!("{number:03}-{package}-{kind}.zcml"), text)
    })
}
