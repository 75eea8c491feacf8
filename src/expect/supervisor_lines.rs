//! The lines about programs, event listeners and groups in the options of `collective.recipe.supervisor`, and the
//! sections of `supervisord.conf` that it makes of them.
//!
//! As its regular expressions take them. They are not anchored at the end, and groups are optional, so what is left over
//! is passed over; what does not match stops buildout.

use crate::model::eval::{Why, WhyKind};

/// `splitlines()` without empty ones.
///
/// # Errors
/// When there are characters that Python may take for blanks or digits.
pub(crate) fn split(text: &str) -> Result<Vec<String>, Why> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\n' || byte == b'\t') {
        return Ok(text.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect());
    }
    Err(Why::new(WhyKind::NotModelled, "a line about supervisord's programs has characters beyond ASCII"))
}

/// `[program:…]`.
pub(crate) fn program(line: &str) -> Result<String, Why> {
    let parts = program_parts(line).ok_or_else(|| broken(line))?;
    let (name, command) = (parts.name, parts.command);
    let directory = parts.directory.unwrap_or_else(|| parent(command));
    Ok(format!(
        "[program:{name}]\ncommand = {command} {}\nprocess_name = {name}\ndirectory = {directory}\npriority = {}\n\
         redirect_stderr = {}\n{}\n",
        parts.args.unwrap_or(""),
        parts.priority,
        parts.redirect.unwrap_or("false"),
        extras(parts.user, parts.options),
    ))
}

/// `[eventlistener:…]`, with user, password and address of supervisord.
pub(crate) fn event_listener(line: &str, [user, password, url]: [&str; 3]) -> Result<String, Why> {
    let of = |name: &'_ str, rest: &'_ str| -> Option<(String, String, String)> {
        let (events, rest) = token(blanks(rest)?)?;
        let (command, rest) = token(blanks(rest)?)?;
        // Without arguments Python writes the `None` that it has for them.
        let args = bracketed(rest, '[', ']').map_or("None", |(args, _)| args);
        Some((name.to_owned(), events.to_owned(), format!("{command} {args}")))
    };
    let parsed = token(line).and_then(|(name, rest)| {
        let with = bracketed(rest, '(', ')')
            .and_then(|(options, rest)| of(name, rest).map(|found| (found, extras(None, Some(options)))));
        with.or_else(|| Some((of(name, rest)?, String::new())))
    });
    let ((name, events, command), extras) = parsed.ok_or_else(|| broken(line))?;
    Ok(format!(
        "\n[eventlistener:{name}]\ncommand = {command}\nevents = {events}\nprocess_name={name}\n\
         environment=SUPERVISOR_USERNAME='{user}',SUPERVISOR_PASSWORD='{password}',SUPERVISOR_SERVER_URL='{url}'\n\
         {extras}\n"
    ))
}

/// `[group:…]`.
pub(crate) fn group(line: &str) -> Result<String, Why> {
    let parts = || {
        let (priority, rest) = digits(line)?;
        let (name, rest) = token(blanks(rest)?)?;
        let (programs, _) = token(blanks(rest)?)?;
        Some(format!("\n[group:{name}]\nprograms = {programs}\npriority = {priority}\n"))
    };
    parts().ok_or_else(|| broken(line))
}

#[derive(Clone, Copy)]
struct Program<'a> {
    priority: &'a str,
    name: &'a str,
    options: Option<&'a str>,
    command: &'a str,
    args: Option<&'a str>,
    directory: Option<&'a str>,
    redirect: Option<&'a str>,
    user: Option<&'a str>,
}

/// `PRIORITY NAME [(OPTIONS)] COMMAND [[ARGS]] [DIRECTORY] [true|false] [USER]`.
fn program_parts(line: &str) -> Option<Program<'_>> {
    let (priority, rest) = digits(line)?;
    let (name, rest) = token(blanks(rest)?)?;
    let command = |rest| token(blanks(rest)?);
    let with = bracketed(rest, '(', ')').and_then(|(options, rest)| Some((Some(options), command(rest)?)));
    let (options, (command, mut rest)) = match with {
        Some(found) => found,
        None => (None, command(rest)?),
    };
    let is_flag = |text: &str| text.starts_with("true") || text.starts_with("false");
    let args = bracketed(rest, '[', ']').filter(|(args, _)| !is_flag(args));
    rest = args.map_or(rest, |(_, after)| after);
    let directory = blanks(rest).and_then(token).filter(|(place, _)| !is_flag(place));
    rest = directory.map_or(rest, |(_, after)| after);
    let flag = |rest| {
        let text: &str = blanks(rest)?;
        ["true", "false"].iter().find_map(|flag| Some((*flag, text.strip_prefix(flag)?)))
    };
    let redirect = flag(rest);
    rest = redirect.map_or(rest, |(_, after)| after);
    let user = blanks(rest).and_then(token);
    Some(Program {
        priority,
        name,
        options,
        command,
        args: args.map(|(args, _)| args),
        directory: directory.map(|(place, _)| place),
        redirect: redirect.map(|(flag, _)| flag),
        user: user.map(|(user, _)| user),
    })
}

/// `extra_config`.
fn extras(user: Option<&str>, options: Option<&str>) -> String {
    let mut extras: Vec<String> = user.map(|user| format!("user = {user}")).into_iter().collect();
    for option in options.unwrap_or_default().split_ascii_whitespace() {
        if let Some((key, value)) = option.split_once('=')
            && !key.is_empty()
            && !value.is_empty()
        {
            extras.push(format!("{key} = {value}"));
        }
    }
    extras.join("\n")
}

/// `\d+`.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// `\s+`: what is behind it.
fn blanks(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches([' ', '\t']);
    (rest.len() < text.len()).then_some(rest)
}

/// `[^\s]+`.
fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// `\s+` and what is in brackets, and what is behind them.
fn bracketed(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    let (inner, rest) = blanks(text)?.strip_prefix(open)?.split_once(close)?;
    (!inner.is_empty()).then_some((inner, rest))
}

/// `os.path.dirname`.
fn parent(path: &str) -> &str {
    let head = path.rfind('/').map_or("", |at| &path[..=at]);
    match head.trim_end_matches('/') {
        "" => head,
        parent => parent,
    }
}

fn broken(line: &str) -> Why {
    Why::new(WhyKind::BrokenDefinition, format!("the line `{line}` about supervisord's programs is incorrect"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_as_the_regular_expressions_take_them() {
        let parts = |line| {
            let found = program_parts(line)?;
            let Program { name, options, command, args, directory, redirect, user, .. } = found;
            Some((name, options, command, [args, directory, redirect, user]))
        };
        for (line, expected) in [
            ("10 a /x/y", Some(("a", None, "/x/y", [None; 4]))),
            ("10 a (b=1 c) /x", Some(("a", Some("b=1 c"), "/x", [None; 4]))),
            ("10 a (b)/x y", Some(("a", None, "(b)/x", [None, Some("y"), None, None]))),
            ("1 a (b)", Some(("a", None, "(b)", [None; 4]))),
            ("1 a x [-c d] /e true u v", Some(("a", None, "x", [Some("-c d"), Some("/e"), Some("true"), Some("u")]))),
            ("1 a x [true] u", Some(("a", None, "x", [None, Some("[true]"), None, Some("u")]))),
            ("1 a x falsely u", Some(("a", None, "x", [None, None, Some("false"), None]))),
            ("1 a x /d u", Some(("a", None, "x", [None, Some("/d"), None, Some("u")]))),
            (" 1 a x", None),
            ("1 a", None),
        ] {
            assert_eq!(parts(line), expected, "{line}");
        }
    }

    #[test]
    fn the_directory_of_a_command_is_as_python_has_it() {
        assert_eq!(["/a/b", "/a", "a", "//a", "a//b", "/a/"].map(parent), ["/a", "/", "", "//", "a", "/a"]);
    }
}
