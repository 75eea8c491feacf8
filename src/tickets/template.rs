//! Ticket bodies by template: Jinja2, which batou users know. A field that does not exist is an error, not a gap.

use crate::report::escape;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

/// The built-in template.
pub const BUILT_IN: &str = include_str!("../../templates/ticket.md.j2");

/// A template has a fault.
#[derive(Debug, thiserror::Error)]
#[error("the ticket template has a fault: {0:#}")]
pub struct TemplateError(#[from] minijinja::Error);

/// One body.
pub(super) fn render(template: &str, facts: &impl Serialize) -> Result<String, TemplateError> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("shq", |text: &str| escape::shell(text).into_owned());
    environment.add_filter("md", |text: &str| escape::markdown(text));
    environment.add_filter("code", |text: &str| escape::markdown_code(text));
    environment.add_filter("block", |text: &str| escape::markdown_block("sh", text).trim_end().to_owned());
    environment.add_template("ticket.md.j2", template)?;
    Ok(environment.get_template("ticket.md.j2")?.render(Value::from(Serde(facts)))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_field_that_does_not_exist_is_an_error() {
        let facts = BTreeMap::from([("title", "x")]);
        assert_eq!(render("{{ title|md }}", &facts).expect("it renders"), "x");
        let error = render("a\n{{ titel }}", &facts).expect_err("it is misspelled");
        assert!(error.to_string().contains("ticket.md.j2:2"), "{error}");
    }

    #[test]
    fn words_for_the_shell_can_be_quoted() {
        let facts = BTreeMap::from([("name", "it's")]);
        assert_eq!(render("{{ name|shq }}", &facts).expect("it renders"), r"'it'\''s'");
    }
}
