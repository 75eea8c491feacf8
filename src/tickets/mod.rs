//! Remediation tickets: one per host, outermost unit and class of action, with a fingerprint that stays the same from
//! run to run.
//!
//! Takes a [`crate::report::view::View`] and a template; gives file names and contents. Deliberately not here: files,
//! trackers, and anything that was not already in the view.

mod facts;
mod fingerprint;
mod group;
mod template;

use crate::report::view::View;
pub use template::{BUILT_IN, TemplateError};

/// One ticket, ready to be saved or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// File name: number, host and unit.
    pub file_name: String,
    /// `rf1-` and 16 hex digits: the same trouble has the same one in every run.
    pub fingerprint: String,
    /// The first line.
    pub title: String,
    /// The body in Markdown.
    pub body: String,
}

/// The tickets of a plan, the most severe first. `template` is the source of a template; [`BUILT_IN`] is ours.
///
/// # Errors
/// When the template has a fault, or asks for a field that tickets do not have.
pub fn write(view: &View, template: &str) -> Result<Vec<Ticket>, TemplateError> {
    let groups = group::groups(view);
    let mut tickets = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        let facts = facts::of(view, group);
        tickets.push(Ticket {
            file_name: format!("{:02}-{}.md", index + 1, slug(&format!("{} {}", facts.host, facts.unit))),
            body: template::render(template, &facts)?,
            fingerprint: facts.fingerprint,
            title: facts.title,
        });
    }
    Ok(tickets)
}

/// Letters and digits with single hyphens, at most 60 characters.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for char in text.chars() {
        if char.is_ascii_alphanumeric() {
            slug.push(char.to_ascii_lowercase());
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(60);
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_slug_is_a_harmless_file_name() {
        assert_eq!(slug("app01 ../Zope/Büildout"), "app01-zope-b-ildout");
        assert_eq!(slug("///"), "");
    }
}
