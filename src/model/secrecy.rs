//! Which options of a configuration hold secrets, and configurations without them.
//!
//! Works on bytes line by line and believes names only, so it holds for damaged and half-written files, too. What is taken
//! for a secret wrongly costs a difference that is not shown; what is missed is a password in a report.

use super::eval::{Eval, Why, WhyKind};

/// What stands in the place of a secret.
pub const MARKER: &str = "(secret)";

/// Parts of option names that tell a secret.
const TELLING: [&str; 8] = ["pass", "pwd", "secret", "token", "credential", "apikey", "privatekey", "accesskey"];

/// Whether an option with this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    // What buildout itself notes is needed, and holds digests and paths.
    if name.starts_with("__buildout_") {
        return false;
    }
    let plain: Vec<u8> = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect();
    let begins = |rest: &[u8], word: &str| rest[0] == word.as_bytes()[0] && rest.starts_with(word.as_bytes());
    let tells = |at: usize| TELLING.iter().any(|word| begins(&plain[at..], word));
    plain == b"key" || (0..plain.len()).any(tells)
}

/// Whether an option is a secret by its name or by its value: `user = admin:…`, `url = scheme://user:…@host`.
pub fn is_secret(name: &str, value: &str) -> bool {
    is_secret_name(name) || is_secret_value(name, value)
}

/// Whether an option whose name alone tells no secret has one for a value.
pub fn is_secret_value(name: &str, value: &str) -> bool {
    let pair = || name.trim().eq_ignore_ascii_case("user") && value.contains(':');
    !name.starts_with("__buildout_") && (holds_login(value) || pair())
}

/// The value of an option, unless it is a secret.
pub fn withhold(name: &str, value: &mut Eval<String>) -> Option<String> {
    match value {
        Eval::Known(text) if is_secret(name, text) => {
            let text = std::mem::take(text);
            *value = Eval::Unknown(Why::new(WhyKind::Secret, format!("`{name}` is taken for a secret")));
            Some(text)
        }
        Eval::Known(_) | Eval::Unknown(_) => None,
    }
}

/// `://user:password@` in a text.
fn holds_login(text: &str) -> bool {
    let mut behind = text.match_indices(':').filter_map(|(at, _)| text[at..].strip_prefix("://"));
    behind.any(|rest| {
        let end = rest.find(['/', ' ', '\n', '\t']).unwrap_or(rest.len());
        rest[..end].rsplit_once('@').is_some_and(|(login, _)| login.contains(':'))
    })
}

/// A configuration without the values of its secret options. What is no text keeps its shape only: where it is damaged,
/// nobody knows which name belongs to a value.
pub fn redacted(bytes: &[u8]) -> Vec<u8> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text,
        _ => return bytes.iter().map(|byte| if byte.is_ascii_alphanumeric() { b'x' } else { *byte }).collect(),
    };
    let mut result = String::with_capacity(text.len());
    for mut option in options(text) {
        if option.starts_with('[') {
            // A section's name is none of a value; what follows it indented belongs to no option, but may be anything.
            let (header, rest) = option.split_at(option.find('\n').map_or(option.len(), |at| at + 1));
            result.push_str(header);
            option = rest;
        }
        let (name, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
        if is_secret(name.trim_end_matches(['+', '-', ' ', '\t']), value) {
            let assigned = &option[..option.len() - value.len()];
            let end = if option.ends_with('\n') { "\n" } else { "" };
            result.push_str(assigned.trim_end_matches('\n'));
            result.push(' ');
            result.push_str(MARKER);
            result.push_str(end);
        } else {
            result.push_str(option);
        }
    }
    result.into_bytes()
}

/// The lines, each with the indented and empty ones that continue it.
fn options(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        loop {
            // Empty lines continue an option only where an indented one follows.
            let next = end + rest[end..].len() - rest[end..].trim_start_matches('\n').len();
            if !rest[next..].starts_with([' ', '\t']) {
                break;
            }
            end = next + rest[next..].find('\n').map_or(rest.len() - next, |at| at + 1);
        }
        let (option, after) = rest.split_at(end);
        rest = after;
        Some(option)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        String::from_utf8(redacted(text.as_bytes())).expect("text stays text")
    }

    #[test]
    fn options_with_telling_names_lose_their_values_whole() {
        for (name, secret) in [
            ("password", true),
            ("db-passwd", true),
            ("API_KEY", true),
            ("secret_access_key", true),
            ("auth-token", true),
            ("key", true),
            ("keywords", false),
            ("__buildout_signature__", false),
            ("recipe", false),
            ("eggs", false),
        ] {
            assert_eq!(is_secret_name(name), secret, "{name}");
        }
        let text = "[app]\npassword = hunter2\n\thunter3\n\n  hunter4\nrecipe = r\n";
        assert_eq!(shown(text), "[app]\npassword = (secret)\nrecipe = r\n");
    }

    #[test]
    fn logins_in_values_are_secrets_whatever_the_option_is_called() {
        assert_eq!(shown("user = admin:hunter2\n"), "user = (secret)\n");
        assert_eq!(shown("index = https://joe:hunter2@example.com/simple\n"), "index = (secret)\n");
        for harmless in ["user = zope\n", "index = https://example.com:8080/x@y:z\n", "recipe = a:b\n"] {
            assert_eq!(shown(harmless), harmless);
        }
    }

    #[test]
    fn sections_keep_their_headers_whatever_they_are_called() {
        let text = "[secret]\n__buildout_installed__ = \n\n[password: linux]\npassword = hunter2\n[token]\n";
        assert_eq!(shown(text), text.replace("hunter2", MARKER));
    }

    #[test]
    fn what_is_no_text_keeps_its_shape_only() {
        assert_eq!(redacted(b"\0\0word = hunter2\n"), b"\0\0xxxx = xxxxxxx\n");
        assert_eq!(redacted(b"a\xff1"), b"x\xffx");
    }

    proptest! {
        #[test]
        fn a_secret_never_survives(
            before in "[a-z\\[\\]= \\n\\t]{0,40}",
            name in "(db[-_])?(password|api_key|TOKEN|my-secret)",
            more in prop::collection::vec("[ \\t]+[A-Z0-9]{12}", 0..3),
        ) {
            let value = more.iter().map(|line| format!("\n{line}")).collect::<String>();
            let text = format!("{before}\n{name} = QQQQ7777QQQQ{value}\nlast = 1\n");
            let shown = shown(&text);
            prop_assert!(!shown.contains("QQQQ7777QQQQ"), "{}", shown);
            for line in &more {
                prop_assert!(!shown.contains(line.trim()), "{}", shown);
            }
            prop_assert!(shown.ends_with("last = 1\n"));
        }
    }
}
