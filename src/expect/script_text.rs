//! The text of the scripts that buildout writes.
//!
//! Templates, quoting and relative paths as in zc.buildout 3.0.1 to 6.0.1 (`easy_install.py`: `scripts`, `_script`,
//! `_pyscript`, `_relativitize`), which agree with each other except about the interpreter.

use crate::model::artifact::Content;
use crate::model::content::Blob;

/// The editions of the interpreter's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edition {
    /// zc.buildout 3.0 to 3.2: without the option `-I`.
    WithoutIsolation,
    /// zc.buildout 3.3 and 4.0: with blanks at the end of a comment.
    TrailingBlanks,
    /// zc.buildout 4.1 and later.
    Current,
}

impl Edition {
    /// The edition of a version of zc.buildout; `None` when it was not compared.
    pub(crate) fn of_version(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
        match (numbers.next()??, numbers.next()??) {
            (3, 0..=2) => Some(Self::WithoutIsolation),
            (3, _) | (4, 0) => Some(Self::TrailingBlanks),
            (4..=6, _) => Some(Self::Current),
            _ => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Current => INTERPRETER.to_owned(),
            Self::TrailingBlanks => INTERPRETER.replace(LAST_OF_COMMENT, &format!("{LAST_OF_COMMENT}              ")),
            Self::WithoutIsolation => {
                let (before, rest) = INTERPRETER.split_once(ABOUT_OPTIONS).unwrap_or((INTERPRETER, ""));
                let (middle, rest) = rest.split_once("        elif _opt == '-I':\n").unwrap_or((rest, ""));
                let after = rest.split_once("            pass\n").map_or(rest, |(_, after)| after);
                format!("{before}{}{after}", middle.replace("'Iic:m:'", "'ic:m:'"))
            }
        }
    }
}

/// What goes into every script of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// `sys.executable` of the Python that ran buildout.
    pub(crate) executable: String,
    /// `sys.path` entries, each resolved and once.
    pub(crate) path: Vec<String>,
    /// The buildout directory if `relative-paths` is on.
    pub(crate) relative_to: Option<String>,
    /// The option `initialization`.
    pub(crate) initialization: String,
    /// The option `arguments`.
    pub(crate) arguments: String,
    /// For a WSGI script, which names its application instead of running it: the text that follows.
    pub(crate) application: Option<String>,
    /// How the interpreter reads.
    pub(crate) edition: Edition,
}

const RELATIVE_SETUP: &str = "
import os

join = os.path.join
base = os.path.dirname(os.path.abspath(os.path.realpath(__file__)))
";

const LAST_OF_COMMENT: &str = "            # interpreter when initializing the extension.";

const ABOUT_OPTIONS: &str = "    # The Python interpreter wrapper allows only some of the options that a
    # \"regular\" Python interpreter accepts.
";

const INTERPRETER: &str = r#"
_interactive = True
if len(sys.argv) > 1:
    # The Python interpreter wrapper allows only some of the options that a
    # "regular" Python interpreter accepts.
    _options, _args = __import__("getopt").getopt(sys.argv[1:], 'Iic:m:')
    _interactive = False
    for (_opt, _val) in _options:
        if _opt == '-i':
            _interactive = True
        elif _opt == '-c':
            exec(_val)
        elif _opt == '-m':
            sys.argv[1:] = _args
            _args = []
            __import__("runpy").run_module(
                 _val, {}, "__main__", alter_sys=True)
        elif _opt == '-I':
            # Allow yet silently ignore the `-I` option. The original behaviour
            # for this option is to create an isolated Python runtime. It was
            # deemed acceptable to allow the option here as this Python wrapper
            # is isolated from the system Python already anyway.
            # The specific use-case that led to this change is how the Python
            # language extension for Visual Studio Code calls the Python
            # interpreter when initializing the extension.
            pass

    if _args:
        sys.argv[:] = _args
        __file__ = _args[0]
        del _options, _args
        with open(__file__) as __file__f:
            exec(compile(__file__f.read(), __file__, "exec"))

if _interactive:
    del _interactive
    __import__("code").interact(banner="", local=globals())
"#;

impl Frame {
    /// A script that calls an entry point. `None` when a path cannot be quoted as Python would.
    pub(crate) fn script(&self, file: &str, module: &str, attribute: &str) -> Option<Content> {
        let mut head = format!("{}import sys\nsys.path[0:0] = [\n", self.head(file)?);
        let call = format!("{module}.{attribute}({})", self.arguments);
        let end = match &self.application {
            None => format!("if __name__ == '__main__':\n    sys.exit({call})\n"),
            Some(after) => {
                // `WSGI_TEMPLATE` of djangorecipe begins with one more empty line.
                head.insert(head.find('\n')?, '\n');
                format!("application = {call}\n{after}")
            }
        };
        let tail = format!("  ]\n{}\nimport {module}\n\n{end}", self.initialization());
        Some(content(head, &format!("  {},\n", self.entries(file)?), &tail))
    }

    /// An interpreter.
    pub(crate) fn interpreter(&self, file: &str) -> Option<Content> {
        let head = format!("{}import sys\n\nsys.path[0:0] = [\n", self.head(file)?);
        let comma = if self.path.is_empty() { "" } else { "," };
        let lines = format!("  {}{comma}\n", self.entries(file)?);
        Some(content(head, &lines, &format!("  ]\n{}\n{}", self.initialization(), self.edition.text())))
    }

    fn initialization(&self) -> String {
        match self.initialization.as_str() {
            "" => String::new(),
            text => format!("\n{text}\n"),
        }
    }

    fn head(&self, file: &str) -> Option<String> {
        let mut setup = String::new();
        if let Some(base) = &self.relative_to {
            setup.push_str(RELATIVE_SETUP);
            for _ in 0..depth(base, file)? {
                setup.push_str("base = os.path.dirname(base)\n");
            }
        }
        Some(format!("#!{}\n{setup}\n", self.executable))
    }

    /// `%(path)s` of the templates.
    fn entries(&self, file: &str) -> Option<String> {
        if let Some(base) = &self.relative_to {
            let entries: Option<Vec<String>> = self.path.iter().map(|path| relative(path, file, base)).collect();
            Some(entries?.join(",\n  "))
        } else {
            let entries: Option<Vec<String>> = self.path.iter().map(|path| quoted(path)).collect();
            Some(entries?.join(", ").replace(", ", ",\n  "))
        }
    }
}

fn content(mut text: String, lines: &str, tail: &str) -> Content {
    let from = text.len();
    text.push_str(lines);
    let to = text.len();
    text.push_str(tail);
    Content::Unordered { bytes: Blob::from(text), from, to }
}

/// `repr` of a string of ASCII characters: printable ones, tabs and ends of lines.
pub(crate) fn quoted(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || b"\t\n\r".contains(&byte)) {
        return None;
    }
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for character in text.chars() {
        match character {
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            character => {
                if character == quote || character == '\\' {
                    quoted.push('\\');
                }
                quoted.push(character);
            }
        }
    }
    quoted.push(quote);
    Some(quoted)
}

/// How many directories lie between `base` and the directory of `file`; buildout stops where it is not above.
fn depth(base: &str, file: &str) -> Option<usize> {
    let below = file.strip_prefix(base)?.strip_prefix('/')?;
    Some(below.matches('/').count())
}

/// `_relativitize`: note that it is relative to the common directory, which need not be `base`.
fn relative(path: &str, file: &str, base: &str) -> Option<String> {
    if path == file {
        return None;
    }
    if path == base {
        return Some("base".to_owned());
    }
    let same = path.bytes().zip(file.bytes()).take_while(|(left, right)| left == right).count();
    let common = path.get(..same)?.rsplit_once('/').map_or("", |(directory, _)| directory);
    let inside = common == base || common.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
    if !inside {
        return quoted(path);
    }
    let rest = path.get(common.len()..)?.trim_start_matches('/');
    Some(format!("join(base, {})", quoted(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        Frame {
            executable: "/venv/bin/python3.11".into(),
            path: vec!["/b/eggs/v5/a.egg".into(), "/b".into(), "/elsewhere/lib".into()],
            relative_to: None,
            initialization: String::new(),
            arguments: String::new(),
            application: None,
            edition: Edition::Current,
        }
    }

    fn text(content: Option<Content>) -> (String, String) {
        let Some(Content::Unordered { bytes, from, to }) = content else { panic!("it is a script") };
        let text = String::from_utf8(bytes.0).expect("it is text");
        let lines = text[from..to].to_owned();
        (text, lines)
    }

    #[test]
    fn a_script_looks_as_buildout_writes_it() {
        let frame = Frame { initialization: "import os\nos.x = 1".into(), arguments: "1, 'x',\ny".into(), ..frame() };
        let (text, lines) = text(frame.script("/b/bin/x", "demo.sub", "a.b"));
        assert_eq!(
            text,
            "#!/venv/bin/python3.11\n\nimport sys\nsys.path[0:0] = [\n  '/b/eggs/v5/a.egg',\n  '/b',\n  '/elsewhere/lib',\n  ]\n\
             \nimport os\nos.x = 1\n\nimport demo.sub\n\nif __name__ == '__main__':\n    sys.exit(demo.sub.a.b(1, 'x',\ny))\n"
        );
        assert_eq!(lines, "  '/b/eggs/v5/a.egg',\n  '/b',\n  '/elsewhere/lib',\n");
    }

    #[test]
    fn relative_paths_climb_from_the_script() {
        let frame = Frame { relative_to: Some("/b".into()), ..frame() };
        let (text, lines) = text(frame.script("/b/bin/x", "m", "f"));
        assert!(text.contains("__file__)))\nbase = os.path.dirname(base)\n\nimport sys\n"), "{text}");
        assert_eq!(lines, "  join(base, 'eggs/v5/a.egg'),\n  base,\n  '/elsewhere/lib',\n");
    }

    #[test]
    fn an_interpreter_without_paths_has_no_comma() {
        let (text, lines) = text(Frame { path: Vec::new(), ..frame() }.interpreter("/b/bin/py"));
        assert_eq!(lines, "  \n");
        assert!(text.contains("  ]\n\n\n_interactive = True"), "{text}");
    }

    #[test]
    fn older_interpreters_differ_in_the_option_i_only() {
        let old = Edition::WithoutIsolation.text();
        assert!(!old.contains("-I") && !old.contains("regular") && old.contains("'ic:m:'"), "{old}");
        assert!(old.contains("alter_sys=True)\n\n    if _args:\n"), "{old}");
        assert_eq!(Edition::TrailingBlanks.text().len(), INTERPRETER.len() + 14);
        assert_eq!(Edition::of_version("4.1.12"), Some(Edition::Current));
        assert_eq!(Edition::of_version("7.0"), None);
    }

    #[test]
    fn strings_are_quoted_as_python_does_or_not_at_all() {
        assert_eq!(quoted("it's").as_deref(), Some("\"it's\""));
        assert_eq!(quoted("'\"\\").as_deref(), Some("'\\'\"\\\\'"));
        assert_eq!(quoted("a\tb\nc").as_deref(), Some("'a\\tb\\nc'"));
        assert_eq!(quoted("é"), None);
    }
}
