//! Python's `posixpath` on strings: paths of the target, so nothing here asks the disk of this machine.

/// `os.path.isabs`.
pub(super) fn is_absolute(path: &str) -> bool {
    path.starts_with('/')
}

/// `os.path.join` of two: an absolute second part wins.
pub(super) fn join(base: &str, name: &str) -> String {
    if is_absolute(name) || base.is_empty() {
        name.to_owned()
    } else if base.ends_with('/') {
        format!("{base}{name}")
    } else {
        format!("{base}/{name}")
    }
}

/// `os.path.dirname`.
pub(super) fn dirname(path: &str) -> &str {
    let head = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
    let trimmed = head.trim_end_matches('/');
    if trimmed.is_empty() { head } else { trimmed }
}

/// `os.path.basename`.
pub(super) fn basename(path: &str) -> &str {
    &path[path.rfind('/').map_or(0, |slash| slash + 1)..]
}

/// `os.path.normpath`.
pub(super) fn normalise(path: &str) -> String {
    let root = match path {
        _ if path.starts_with("//") && !path.starts_with("///") => "//",
        _ if path.starts_with('/') => "/",
        _ => "",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

/// `os.path.abspath` for a process that runs in `directory`.
pub(super) fn absolute(directory: &str, path: &str) -> String {
    normalise(&join(directory, path))
}

/// Whether zc.buildout takes it for a URL: `([a-zA-Z0-9+.-]+)://`.
pub(super) fn is_url(name: &str) -> bool {
    name.find("://").is_some_and(|end| {
        end > 0 && name[..end].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_normalised_as_python_does() {
        assert_eq!(join("/a", "../b"), "/a/../b");
        assert_eq!(join("/a", "/b"), "/b");
        assert_eq!(join("/a", ""), "/a/");
        assert_eq!(normalise("/a/../../b//./c"), "/b/c");
        assert_eq!(normalise("../x/.."), "..");
        assert_eq!(normalise(""), ".");
        assert_eq!(dirname("/x"), "/");
        assert_eq!(dirname("/a/b/"), "/a/b");
        assert_eq!(dirname("x"), "");
        assert_eq!(basename("/a/b"), "b");
    }

    #[test]
    fn a_url_has_a_scheme_at_its_start() {
        assert!(is_url("https://x/y.cfg"));
        assert!(!is_url("a/b://c"));
        assert!(!is_url("://c"));
    }
}
