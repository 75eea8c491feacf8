//! Literal declarations in the code of a `component.py`.
//!
//! Takes the text; gives, for each class that is a plain `Component`, the statements `self += Kind(…)` that run
//! whenever `configure()` runs. Everything else is counted and left out. The rule is: whatever could make a statement
//! mean something else (a name bound twice, a work directory that is assigned, a `return` on some path before it, own
//! methods that change how sub-components are added) makes it, or the whole class, not understood.

use crate::definition::batou::tokens::{Kind, Token, tokenize};
use std::collections::BTreeMap;

/// The kinds that are understood, with the module they must come from.
const KINDS: &[(&str, &str)] = &[
    ("BinaryFile", "batou.lib.file"),
    ("Buildout", "batou.lib.buildout"),
    ("Directory", "batou.lib.file"),
    ("Download", "batou.lib.download"),
    ("File", "batou.lib.file"),
    ("Purge", "batou.lib.file"),
    ("Symlink", "batou.lib.file"),
];

/// Words that can change what is understood anywhere in the file.
const FILE_SPOILERS: &[&str] = &["exec", "eval", "setattr", "globals", "__dict__", "__class__", "sub_components"];

/// Methods and attributes that change what a class does with its sub-components, if the class has its own.
const CLASS_SPOILERS: &[&str] = &[
    "__iadd__",
    "__init__",
    "__new__",
    "__getattr__",
    "__getattribute__",
    "__setattr__",
    "prepare",
    "map",
    "chdir",
    "workdir",
    "defdir",
    "environment",
    "host",
    "root",
    "parent",
    "namevar",
];

/// Statements with a body.
const COMPOUND: &[&str] = &["if", "for", "while", "with", "try", "match", "async", "def", "class"];

/// The classes of a file.
#[derive(Debug, Default)]
pub(super) struct Code {
    /// By component name; classes that are not understood are there with `understood` false.
    pub(super) classes: BTreeMap<String, Class>,
    /// Names that import statements at the top bring, in lower case: each may be a component.
    pub(super) imported: Vec<String>,
}

/// One class.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Class {
    /// Its name.
    pub(super) name: String,
    /// Line of its `class` statement.
    pub(super) line: u32,
    /// What it declares for certain.
    pub(super) declarations: Vec<Declaration>,
    /// Statements that add a component and are not understood.
    pub(super) skipped: usize,
}

/// `self += Kind(…)`.
#[derive(Debug, PartialEq)]
pub(super) struct Declaration {
    /// Name of the kind.
    pub(super) kind: &'static str,
    /// Its one positional argument.
    pub(super) name: String,
    /// Keyword arguments.
    pub(super) arguments: BTreeMap<String, Argument>,
    /// Line.
    pub(super) line: u32,
}

/// The value of a keyword argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Argument {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `True` or `False`.
    Flag(bool),
    /// `None`.
    None,
    /// Anything else.
    Computed,
}

/// Reads a file; `None` if its tokens are not understood.
pub(super) fn read(text: &str) -> Option<Code> {
    let tokens = tokenize(text).ok()?;
    let mut code = Code::default();
    let statements = statements(&tokens);
    for statement in &statements {
        code.imported.extend(imported_names(statement.head));
    }
    let spoiled = tokens.iter().any(|token| token.kind == Kind::Name && FILE_SPOILERS.contains(&token.text))
        || tokens.windows(2).any(|pair| pair[0].is("import") && pair[1].is("*"))
        || assigned(&tokens, "workdir");
    let known = |name: &str, module: &str| !spoiled && is_bound_once(&tokens, &statements, name, module);
    let kinds: Vec<&'static str> =
        KINDS.iter().filter(|(name, module)| known(name, module)).map(|(name, _)| *name).collect();
    let component = known("Component", "batou.component");
    let mut decorated = false;
    for statement in &statements {
        if let Some((name, bases)) = class_head(statement.head) {
            let plain = component && !decorated && bases.len() == 1 && bases[0].is("Component");
            let body = statement.body.unwrap_or(&[]);
            let mut class = read_class(body, if plain { &kinds } else { &[] });
            name.text.clone_into(&mut class.name);
            class.line = name.line;
            if code.classes.insert(name.text.to_lowercase(), class).is_some() {
                // Two classes of one component name: batou refuses the file.
                code.classes.insert(
                    name.text.to_lowercase(),
                    Class { name: name.text.to_owned(), line: name.line, declarations: Vec::new(), skipped: 1 },
                );
            }
        }
        decorated = statement.head.first().is_some_and(|first| first.is("@"));
    }
    Some(code)
}

/// One statement: the tokens of its first line and, for a compound one, its indented block.
struct Statement<'t, 's> {
    head: &'t [Token<'s>],
    body: Option<&'t [Token<'s>]>,
}

/// Statements of one block, not of the blocks inside it.
fn statements<'t, 's>(tokens: &'t [Token<'s>]) -> Vec<Statement<'t, 's>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let end = tokens[at..]
            .iter()
            .position(|token| token.kind == Kind::Newline)
            .map_or(tokens.len(), |offset| at + offset);
        let head = &tokens[at..end];
        at = (end + 1).min(tokens.len());
        let mut body = None;
        if tokens.get(at).is_some_and(|token| token.kind == Kind::Indent) {
            let mut depth = 0_usize;
            let length = tokens[at..].iter().position(|token| {
                match token.kind {
                    Kind::Indent => depth += 1,
                    Kind::Dedent => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            let close = length.map_or(tokens.len(), |length| at + length);
            body = Some(&tokens[at + 1..close]);
            at = (close + 1).min(tokens.len());
        }
        if !head.is_empty() || body.is_some() {
            found.push(Statement { head, body });
        }
    }
    found
}

/// The names that an import statement binds, in lower case.
fn imported_names(head: &[Token<'_>]) -> Vec<String> {
    if !head.first().is_some_and(|first| first.is("from") || first.is("import")) {
        return Vec::new();
    }
    head.iter().filter(|token| token.kind == Kind::Name).map(|token| token.text.to_lowercase()).collect()
}

/// Whether a name comes from one import from `module` at the top of the file, and all else that is done with it is
/// calling it or deriving from it.
fn is_bound_once(tokens: &[Token<'_>], statements: &[Statement<'_, '_>], name: &str, module: &str) -> bool {
    let from = |statement: &&Statement<'_, '_>| {
        let [from, rest @ ..] = statement.head else { return false };
        let Some(import) = rest.iter().position(|token| token.is("import")) else { return false };
        let path: String = rest[..import].iter().map(|token| token.text).collect();
        let names = &rest[import + 1..];
        from.is("from")
            && path == module
            && names.iter().any(|token| token.is(name))
            && !names.iter().any(|token| token.is("as"))
    };
    let imports = statements.iter().filter(from).count();
    let mut other = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        if !token.is(name) {
            continue;
        }
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        let after = tokens.get(index + 1);
        let called = after.is_some_and(|after| after.is("("));
        let named_anew = before.is_some_and(|before| ["class", "def", "."].iter().any(|word| before.is(word)));
        let derived = name == "Component"
            && before.is_some_and(|before| before.is("(") || before.is(","))
            && after.is_some_and(|after| after.is(")") || after.is(","));
        if named_anew || !(called || derived) {
            other += 1;
        }
    }
    // The one occurrence that is neither a call nor a base is the import itself.
    imports == 1 && other == 1
}

/// Whether something named so is assigned: as a variable, an attribute or a keyword argument.
fn assigned(tokens: &[Token<'_>], name: &str) -> bool {
    tokens.windows(3).any(|three| three[0].is(name) && three[1].is("=") && !three[2].is("="))
}

/// Name and bases of `class Name(Base, …):`.
fn class_head<'t, 's>(head: &'t [Token<'s>]) -> Option<(&'t Token<'s>, Vec<&'t Token<'s>>)> {
    let [class, name, rest @ ..] = head else { return None };
    if !class.is("class") || name.kind != Kind::Name {
        return None;
    }
    let bases = match rest {
        [open, inside @ .., close, colon] if open.is("(") && close.is(")") && colon.is(":") => inside.iter().collect(),
        _ => Vec::new(),
    };
    Some((name, bases))
}

/// The declarations of a class body, if `configure` is there once, undecorated, and nothing of the class spoils it.
fn read_class(body: &[Token<'_>], kinds: &[&'static str]) -> Class {
    let mut class = Class::default();
    let statements = statements(body);
    let defines = |statement: &Statement<'_, '_>, name: &str| match statement.head {
        [first, second, ..] if first.is("def") || first.is("class") || first.is("async") => second.is(name),
        [first, second, ..] => first.is(name) && (second.is("=") || second.is(":")),
        _ => false,
    };
    let spoiled = statements.iter().any(|statement| CLASS_SPOILERS.iter().any(|name| defines(statement, name)))
        || body.windows(5).any(|five| {
            // `self._.mode = …`: the component added last is changed afterwards.
            five[0].is(".") && five[1].is("_") && five[2].is(".") && five[4].is("=")
        });
    let mut configures = Vec::new();
    let mut decorated = false;
    for statement in &statements {
        if defines(statement, "configure") {
            configures.push((statement, decorated));
        }
        decorated = statement.head.first().is_some_and(|first| first.is("@"));
    }
    let usable = match configures[..] {
        [(statement, false)] if !spoiled && is_plain_configure(statement.head) => statement.body,
        _ => None,
    };
    match usable {
        Some(body) => read_configure(body, kinds, &mut class),
        None => class.skipped += additions(body),
    }
    class
}

fn is_plain_configure(head: &[Token<'_>]) -> bool {
    let wanted = ["def", "configure", "(", "self", ")", ":"];
    head.len() == wanted.len() && head.iter().zip(wanted).all(|(token, text)| token.is(text))
}

/// How many `+=` a piece of code has.
fn additions(tokens: &[Token<'_>]) -> usize {
    tokens.windows(2).filter(|pair| pair[0].is("+") && pair[1].is("=")).count()
}

fn read_configure(body: &[Token<'_>], kinds: &[&'static str], class: &mut Class) {
    let mut may_have_returned = false;
    for statement in statements(body) {
        let Some(first) = statement.head.first() else { continue };
        let whole = statement.head.iter().chain(statement.body.unwrap_or(&[]));
        let leaves = whole.clone().any(|token| token.is("return") || token.is("yield"));
        let compound = statement.body.is_some() || COMPOUND.iter().any(|word| first.is(word));
        let several = statement.head.iter().any(|token| token.is(";"));
        let declared = if compound || several || may_have_returned { None } else { declaration(statement.head, kinds) };
        match declared {
            Some(declaration) => class.declarations.push(declaration),
            None => class.skipped += additions(statement.head) + statement.body.map_or(0, additions),
        }
        may_have_returned |= leaves;
    }
}

/// `self += Kind("name", key=literal, …)`.
fn declaration(head: &[Token<'_>], kinds: &[&'static str]) -> Option<Declaration> {
    let [me, plus, equals, kind, open, inside @ .., close] = head else { return None };
    let shape = me.is("self") && plus.is("+") && equals.is("=") && open.is("(") && close.is(")");
    let kind = kinds.iter().find(|known| kind.is(known)).filter(|_| shape)?;
    let (mut name, mut arguments) = (None, BTreeMap::new());
    for (index, part) in split_arguments(inside)?.into_iter().enumerate() {
        match part {
            [key, equals, value @ ..] if key.kind == Kind::Name && equals.is("=") && !value.first()?.is("=") => {
                if arguments.insert(key.text.to_owned(), literal(value)).is_some() {
                    return None;
                }
            }
            part if index == 0 => match literal(part) {
                Argument::Text(text) => name = Some(text),
                _ => return None,
            },
            _ => return None,
        }
    }
    let name = match (kind, name) {
        // All its arguments have names.
        (&"Buildout", None) => String::new(),
        (_, name) => name?,
    };
    Some(Declaration { kind, name, arguments, line: me.line })
}

/// The arguments of a call; `None` if the brackets are not one pair around all of them, or something is unpacked.
fn split_arguments<'t, 's>(inside: &'t [Token<'s>]) -> Option<Vec<&'t [Token<'s>]>> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (index, token) in inside.iter().enumerate() {
        if ["(", "[", "{"].iter().any(|open| token.is(open)) {
            depth += 1;
        } else if [")", "]", "}"].iter().any(|close| token.is(close)) {
            depth = depth.checked_sub(1)?;
        } else if token.is(",") && depth == 0 {
            parts.push(&inside[start..index]);
            start = index + 1;
        }
    }
    if start < inside.len() {
        parts.push(&inside[start..]);
    }
    let sound = parts.iter().all(|part| part.first().is_some_and(|first| !first.is("*")));
    (depth == 0 && sound).then_some(parts)
}

fn literal(tokens: &[Token<'_>]) -> Argument {
    match tokens {
        [one] if one.is("None") => Argument::None,
        [one] if one.is("True") || one.is("False") => Argument::Flag(one.is("True")),
        [one] if one.kind == Kind::Number => number(one.text).map_or(Argument::Computed, Argument::Number),
        [] => Argument::Computed,
        texts => {
            let parts = texts.iter().map(|token| match &token.kind {
                Kind::Text(Some(text)) => Some(text.as_str()),
                _ => None,
            });
            parts.collect::<Option<String>>().map_or(Argument::Computed, Argument::Text)
        }
    }
}

fn number(text: &str) -> Option<i64> {
    let digits = text.replace('_', "").to_ascii_lowercase();
    if let Some(octal) = digits.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok();
    }
    // `0640` is a syntax error in Python 3.
    if digits.len() > 1 && digits.starts_with('0') { None } else { digits.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "from batou.component import Component\nfrom batou.lib.file import File, Directory, Symlink\n\nclass App(Component):\n";

    fn app(body: &str) -> Class {
        read(&format!("{HEAD}{body}")).expect("it is understood").classes.remove("app").expect("the class is there")
    }

    fn configure(body: &str) -> (Vec<String>, usize) {
        let class = app(&format!("    def configure(self):\n{body}"));
        (class.declarations.into_iter().map(|declaration| declaration.name).collect(), class.skipped)
    }

    #[test]
    fn literal_declarations_are_read_with_their_arguments() {
        let class = app(
            "    x = 1\n    def configure(self):\n        self += File(\n            'a' 'b',  # name\n            mode=0o640, content=\"\"\"x\ny\"\"\", is_template=False, owner=self.who)\n",
        );
        assert_eq!(class.skipped, 0);
        let declaration = &class.declarations[0];
        assert_eq!((declaration.kind, declaration.name.as_str(), declaration.line), ("File", "ab", 7));
        let expected = [
            ("content", Argument::Text("x\ny".into())),
            ("is_template", Argument::Flag(false)),
            ("mode", Argument::Number(0o640)),
            ("owner", Argument::Computed),
        ];
        assert_eq!(declaration.arguments, expected.map(|(name, value)| (name.to_owned(), value)).into());
    }

    #[test]
    fn what_runs_only_sometimes_is_counted_and_left_out() {
        let body = "        if self.x:\n            self += File('a')\n        for n in '12':\n            self += File(n)\n            self += File('b')\n        self += File('c')\n";
        assert_eq!(configure(body), (vec!["c".to_owned()], 3));
    }

    #[test]
    fn nothing_after_a_possible_return_is_certain() {
        let body = "        self += File('a')\n        if self.x:\n            return\n        self += File('b')\n";
        assert_eq!(configure(body), (vec!["a".to_owned()], 1));
    }

    #[test]
    fn computed_names_and_unpacked_arguments_are_left_out() {
        let body = "        self += File(self.a)\n        self += File('a' + 'b')\n        self += File('a', **kw)\n        self += File(*a)\n        self += File('a', 'b')\n        self += File('a').b\n        self += File('a'); x = 1\n        self += File(f'a')\n";
        assert_eq!(configure(body), (vec![], 8));
    }

    #[test]
    fn a_class_that_changes_the_rules_is_not_understood() {
        for body in [
            "    workdir = '/x'\n    def configure(self):\n        self += File('a')\n",
            "    def map(self, path):\n        return path\n    def configure(self):\n        self += File('a')\n",
            "    def configure(self):\n        self.workdir = '/x'\n        self += File('a')\n",
            "    def configure(self):\n        self += File('a')\n        self._.mode = 0o600\n",
            "    @wrapped\n    def configure(self):\n        self += File('a')\n",
            "    def configure(self):\n        self += File('a')\n    def configure(self):\n        pass\n",
            "    def configure(self, x=1):\n        self += File('a')\n",
        ] {
            assert_eq!(app(body).declarations, [], "{body}");
        }
    }

    #[test]
    fn a_name_that_may_mean_something_else_is_not_understood() {
        let body = "class App(Component):\n    def configure(self):\n        self += File('a')\n";
        for head in [
            "from batou.component import Component\nfrom mylib import File\n",
            "from batou.component import Component\nfrom batou.lib.file import File\nFile = x\n",
            "from batou.component import Component\nfrom batou.lib.file import File\nclass File(Component):\n    pass\n",
            "from batou.component import Component\nfrom batou.lib.file import Other as File\n",
            "from batou.component import Component\nfrom batou.lib.file import *\n",
            "from mylib import Component\nfrom batou.lib.file import File\n",
            "from batou.component import Component\nfrom batou.lib.file import File\nFile.mode = 1\n",
            "from batou.component import Component\nfrom batou.lib.file import File\n@decorated\n",
        ] {
            let code = read(&format!("{head}{body}")).expect("it is understood");
            assert_eq!(code.classes["app"].declarations, [], "{head}");
        }
    }

    #[test]
    fn subclasses_of_other_classes_are_not_understood() {
        let code =
            read(&format!("{HEAD}    pass\nclass B(App):\n    def configure(self):\n        self += File('a')\n"))
                .expect("it is understood");
        assert_eq!((code.classes["b"].declarations.len(), code.classes["b"].skipped), (0, 1));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(class App|def configure|self|\\(|\\)|:|\n|\n    |\n        | |\\+=|File|'a'|,|=|from|import|@|;){0,40}") {
            let _ = read(&text);
        }
    }
}
