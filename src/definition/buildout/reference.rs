//! The syntax of `${section:option}`, as `Options._sub` of zc.buildout 6.0.1 takes it.

/// Where the first `${` is.
fn opening(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'$', bytes).find(|start| bytes.get(start + 1) == Some(&b'{'))
}

/// Whether there is a `${`.
pub(super) fn may_refer(text: &str) -> bool {
    opening(text).is_some()
}

/// The next `${…}` with what is before and after it; an unclosed one is plain text.
pub(crate) fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let start = opening(text)?;
    let end = start + text[start..].find('}')? + 1;
    Some((&text[..start], &text[start..end], &text[end..]))
}

/// Section and option of a reference, or what is wrong with it.
pub(crate) fn names(reference: &str) -> Result<(&str, &str), &'static str> {
    let inner = &reference[2..reference.len() - 1];
    let Some((section, option)) = inner.split_once(':') else { return Err("has no colon") };
    if option.contains(':') {
        return Err("has too many colons");
    }
    let allowed = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"- ._".contains(&byte));
    if !allowed(section) {
        Err("has characters in the section name that are not allowed")
    } else if option.is_empty() || !allowed(option) {
        Err("has characters in the option name that are not allowed, or none")
    } else {
        Ok((section, option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_ends_at_the_first_brace() {
        assert_eq!(next_reference("a ${b:c} d}"), Some(("a ", "${b:c}", " d}")));
        assert_eq!(next_reference("${a ${b:c}"), Some(("", "${a ${b:c}", "")));
        assert_eq!(next_reference("${b:c"), None);
        assert_eq!(next_reference("$ {b:c}"), None);
    }

    #[test]
    fn names_are_checked_as_zc_buildout_does() {
        assert_eq!(names("${a b:c.d}"), Ok(("a b", "c.d")));
        assert_eq!(names("${:c}"), Ok(("", "c")));
        for broken in ["${a}", "${a:b:c}", "${a/b:c}", "${a:b/c}", "${a:}", "${:}", "${}"] {
            assert!(names(broken).is_err(), "{broken}");
        }
    }
}
