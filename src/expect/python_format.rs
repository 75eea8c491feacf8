//! Python's `template % dictionary` and `os.path.join`, as recipes use them to write text.
//!
//! Deliberately not here: any conversion but `%(name)s`. What uses another one is not known.

use crate::model::eval::{Why, WhyKind};

/// `template % values` for a template of `%(name)s` and `%%`.
///
/// # Errors
/// When it has another conversion, or a name without a value, which Python refuses.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> Result<String, Why> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        rest = if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            after
        } else {
            let reference = after.strip_prefix('(').and_then(|after| after.split_once(")s"));
            let (name, after) = reference.ok_or_else(|| refused("a conversion other than `%(name)s`"))?;
            let value = values.iter().find(|(other, _)| *other == name);
            let (_, value) = value.ok_or_else(|| refused(&format!("the unknown name `{name}`")))?;
            text.push_str(value);
            after
        };
    }
    text.push_str(rest);
    Ok(text)
}

fn refused(what: &str) -> Why {
    Why::new(WhyKind::NotModelled, format!("the template uses {what}"))
}

/// `os.path.join(directory, path)`: text, which is not normalised.
pub(crate) fn join(directory: &str, path: &str) -> String {
    if path.starts_with('/') || directory.is_empty() {
        path.to_owned()
    } else if directory.ends_with('/') {
        format!("{directory}{path}")
    } else {
        format!("{directory}/{path}")
    }
}

/// `os.path.split(path)`.
pub(crate) fn split(path: &str) -> (&str, &str) {
    let Some((directory, name)) = path.rsplit_once('/') else { return ("", path) };
    let trimmed = directory.trim_end_matches('/');
    if trimmed.is_empty() { (&path[..=directory.len()], name) } else { (trimmed, name) }
}

/// `os.path.splitext(name)[0]`.
pub(crate) fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if stem.chars().any(|char| char != '.') => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_as_python_does_or_not_at_all() {
        let values = [("a", "%x%"), ("b.c", "")];
        assert_eq!(fill("%(a)s 100%% %(b.c)s|", &values).as_deref(), Ok("%x% 100% |"));
        for template in ["%(missing)s", "%(a)d", "%s", "50%"] {
            assert!(fill(template, &values).is_err(), "{template}");
        }
    }

    #[test]
    fn paths_are_joined_and_split_as_python_does() {
        assert_eq!(join("/var", "log/x"), "/var/log/x");
        assert_eq!(join("/var/", "./log//x"), "/var/./log//x");
        assert_eq!(join("/var", "/log"), "/log");
        assert_eq!(join("", "log"), "log");
        assert_eq!(split("/a/b.py"), ("/a", "b.py"));
        assert_eq!(split("b.py"), ("", "b.py"));
        assert_eq!(split("/b.py"), ("/", "b.py"));
        assert_eq!(stem("b.tar.gz"), "b.tar");
        assert_eq!(stem(".bashrc"), ".bashrc");
    }
}
