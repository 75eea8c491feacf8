//! `zope.conf` for WSGI.

use super::templates::{ENVIRONMENT, TEMPORARY_STORAGE, ZOPE_CONF};
use super::{Part, Version, is_one_of};
use crate::expect::python_format::{fill, join, split};
use crate::model::eval::{Why, WhyKind};

impl Part<'_> {
    /// Its text. Notes the directories that are made for it.
    pub(super) fn zope_conf(&self, places: &mut Vec<String>) -> Result<String, Why> {
        let options = &self.options;
        self.places(places)?;
        let client = options.get_or("client-home", &join(&self.var, self.name))?;
        let verbose = options.get_or("verbose-security", "off")?;
        let environment = self.environment(places)?;
        let storage = self.storage(places)?;
        let text = fill(
            ZOPE_CONF,
            &[
                ("imports_lines", &self.prefixed_lines("zope-conf-imports", "%import")?),
                ("instance_home", &self.location),
                ("client_home", &client),
                ("products_lines", &self.products()?),
                ("debug_mode", &options.get_or("debug-mode", "off")?),
                ("debug_exceptions", &self.prefixed("debug-exceptions", "", "debug-exceptions")?),
                ("security_implementation", if verbose == "on" { "python" } else { "C" }),
                ("verbose_security", &verbose),
                (
                    "default_zpublisher_encoding",
                    &self.prefixed("default-zpublisher-encoding", "utf-8", "default-zpublisher-encoding")?,
                ),
                ("port_base", &self.prefixed("port-base", "", "port-base")?),
                ("environment_vars", &environment),
                ("mailinglogger_import", &self.mailing_logger()?),
                ("zodb_cache_size", &self.prefixed("zodb-cache-size", "30000", "cache-size")?),
                ("zodb_cache_size_bytes", &self.prefixed("zodb-cache-size-bytes", "", "cache-size-bytes")?),
                ("storage_snippet", &storage),
                ("zodb_tmp_storage", &self.temporary_storage()?),
                ("python_check_interval", &self.prefixed("python-check-interval", "1000", "python-check-interval")?),
                ("zope_conf_additional", &options.get_or("zope-conf-additional", "")?),
            ],
        )?;
        without_blank_lines(&text)
    }

    /// `WORD VALUE`, or nothing for an empty value.
    pub(super) fn prefixed(&self, option: &str, default: &str, word: &str) -> Result<String, Why> {
        let value = self.options.get_or(option, default)?;
        Ok(if value.is_empty() { value } else { format!("{word} {value}") })
    }

    fn prefixed_lines(&self, option: &str, word: &str) -> Result<String, Why> {
        let text = self.options.get_or(option, "")?;
        let lines = text.split('\n').filter(|line| !line.is_empty());
        Ok(lines.map(|line| format!("{word} {line}")).collect::<Vec<_>>().join("\n"))
    }

    fn products(&self) -> Result<String, Why> {
        let text = self.options.get_or("products", "")?;
        let lines = text.split('\n').filter(|line| !line.is_empty());
        Ok(lines.map(|line| format!("products {}", self.path(line))).collect::<Vec<_>>().join("\n"))
    }

    fn mailing_logger(&self) -> Result<String, Why> {
        let used = !self.options.get_or("mailinglogger", "")?.is_empty();
        Ok(if used { "%import mailinglogger".to_owned() } else { String::new() })
    }

    /// The directories that do not follow from a text in the file.
    fn places(&self, places: &mut Vec<String>) -> Result<(), Why> {
        let options = &self.options;
        let client = options.get_or("client-home", &join(&self.var, self.name))?;
        places.push(self.var.clone());
        places.push(options.get_or("import-directory", &join(&client, "import"))?);
        places.push(client);
        let event = options.get_or("event-log", &format!("log/{}.log", self.name))?;
        if event.to_lowercase() != "disable" && options.get_or("event-log-custom", "")?.is_empty() {
            places.push(split(&join(&self.var, &event)).0.to_owned());
        }
        let access = options.get_or("access-log", &format!("log/{}-Z2.log", self.name))?;
        let access = options.get_or("z2-log", &access)?;
        if access.to_lowercase() != "disable" {
            places.push(split(&join(&self.var, &access)).0.to_owned());
        }
        for (option, ending) in [("pid-file", "pid"), ("lock-file", "lock")] {
            let file = options.get_or(option, &join(&self.var, &format!("{}.{ending}", self.name)))?;
            places.push(split(&file).0.to_owned());
        }
        Ok(())
    }

    /// The section `<environment>`, with the cache of templates.
    fn environment(&self, places: &mut Vec<String>) -> Result<String, Why> {
        let mut text = self.options.get_or("environment-vars", "")?;
        if !text.contains("CHAMELEON_CACHE") {
            let cache = self.options.get_or("template-cache", "on")?;
            let cache = if is_one_of(&cache, &["on", "1", "true", "enabled"]) {
                join(&self.var, "cache")
            } else if is_one_of(&cache, &["off", "0", "false", "disabled"]) {
                String::new()
            } else {
                cache
            };
            if !cache.is_empty() {
                let separator = match text.as_str() {
                    "" => "",
                    text if text.contains('\n') => "\n",
                    _ => " ",
                };
                text = format!("{text}{separator}CHAMELEON_CACHE {cache}");
                places.push(cache);
            }
        }
        if text.is_empty() {
            return Ok(text);
        }
        if !text.contains('\n') {
            text = pairs(&text);
        }
        fill(ENVIRONMENT, &[("variables", &text)])
    }

    /// The section `<zodb_db temporary>`, which is left out where Plone is there.
    fn temporary_storage(&self) -> Result<String, Why> {
        let wanted = match self.options.get("zodb-temporary-storage")? {
            Some(wanted) => wanted,
            None if self.has_plone()? => "off".to_owned(),
            None => "on".to_owned(),
        };
        Ok(if is_one_of(&wanted, &["off", "false", "0"]) {
            String::new()
        } else if is_one_of(&wanted, &["on", "true", "1"]) {
            TEMPORARY_STORAGE.to_owned()
        } else {
            wanted
        })
    }

    fn has_plone(&self) -> Result<bool, Why> {
        let set = self.buildout.working_set(&self.with_recipe());
        if set.dists.contains_key("products-cmfplone") {
            if self.version >= Version::Eight {
                return Ok(true);
            }
            let text = "whether this version of the recipe finds Plone depends on the names that setuptools gives";
            return Err(Why::new(WhyKind::NotModelled, text));
        }
        set.doubt.clone().map_or(Ok(false), Err)
    }
}

/// Variables that are all on one line. The recipe takes a word for a name or a value by its first place in the line.
fn pairs(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_name = |word: &&&str| words.iter().position(|other| other == *word).is_some_and(|place| place % 2 == 0);
    let (names, values): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| is_name(word));
    names.iter().zip(values).map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join("\n")
}

/// `splitlines` without blank lines, joined; there is no end of line at the end.
fn without_blank_lines(text: &str) -> Result<String, Why> {
    // Python ends lines at these as well.
    if text.contains(['\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}']) {
        return Err(Why::new(WhyKind::NotModelled, "the text has unusual ends of lines"));
    }
    Ok(text.split('\n').filter(|line| !line.trim_end().is_empty()).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_on_one_line_become_pairs_by_the_first_place_of_each_word() {
        assert_eq!(pairs("A 1 B 2"), "A 1\nB 2");
        assert_eq!(pairs("A 1 B A"), "A 1");
    }

    #[test]
    fn blank_lines_go_and_unusual_ends_of_lines_are_not_modelled() {
        assert_eq!(without_blank_lines("a\n \n\n  b \n").as_deref(), Ok("a\n  b "));
        assert!(without_blank_lines("a\u{c}b").is_err());
    }
}
