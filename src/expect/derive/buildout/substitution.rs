//! `Options._sub` of zc.buildout 3.3 to 6.0.1: texts of recipes with their references to options.
//!
//! Takes a text that a recipe read and the resolved configuration; gives the text with every `${section:option}` worked
//! out, or why it is not known. Deliberately not here: the configuration's own values, which are resolved already.

use super::Buildout;
use crate::definition::buildout::{names, next_reference};
use crate::expect::recipes;
use crate::model::eval::{Eval, Why, WhyKind};
use std::collections::BTreeSet;

/// Options of recipes that refer to options of recipes.
const MAX_DEPTH: usize = 20;

/// A text with its references worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Substituted {
    /// The text.
    pub(crate) text: Result<String, Why>,
    /// The sections that it refers to.
    pub(crate) sections: BTreeSet<String>,
}

impl Buildout<'_> {
    /// `options._sub(template, [])` of a part. Here `$$` does not protect what follows it, unlike in a configuration.
    pub(crate) fn substituted(&self, part: &str, template: &str) -> Substituted {
        let mut sections = BTreeSet::new();
        let text = self.substitute(part, template, &mut sections, 0);
        Substituted { text, sections }
    }

    fn substitute(
        &self,
        part: &str,
        template: &str,
        sections: &mut BTreeSet<String>,
        depth: usize,
    ) -> Result<String, Why> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((literal, reference, after)) = next_reference(rest) {
            text.push_str(literal);
            let (section, option) = names(reference).map_err(|reason| {
                Why::new(WhyKind::BrokenDefinition, format!("the reference `{}` {reason}", short(reference)))
            })?;
            let section = if section.is_empty() { part } else { section };
            sections.insert(section.to_owned());
            text.push_str(&self.referenced(part, section, option, depth)?);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    /// The value of one reference: what is configured, or else what the section's recipe sets.
    fn referenced(&self, part: &str, section: &str, option: &str, depth: usize) -> Result<String, Why> {
        let configuration = self.configuration();
        let name = match configuration.option(section, "recipe") {
            Some(Eval::Known(name)) => Some(name),
            Some(Eval::Unknown(why)) => return Err(why),
            None => None,
        };
        let recipe = name.as_deref().and_then(recipes::recipe);
        match configuration.option(section, option) {
            Some(Eval::Known(value)) if recipe.is_none_or(|recipe| recipe.keeps(option, &value)) => return Ok(value),
            Some(Eval::Unknown(why)) => return Err(why),
            Some(Eval::Known(_)) => {
                let text = format!("its recipe puts `{option}` of `[{section}]` otherwise than configured");
                return Err(Why::new(WhyKind::Code, text));
            }
            None => {}
        }
        let set = recipe.and_then(|recipe| recipe.sets(section, option));
        match (set, name) {
            (Some(template), _) if depth < MAX_DEPTH => {
                self.substitute(section, &template, &mut BTreeSet::new(), depth + 1)
            }
            // Whoever is asked, the answer is who asks.
            (None, _) if option == "_buildout_section_name_" => Ok(part.to_owned()),
            (_, Some(name)) => {
                Err(Why::new(WhyKind::Code, format!("only the recipe `{name}` knows `{option}` of `[{section}]`")))
            }
            (_, None) => {
                Err(Why::new(WhyKind::BrokenDefinition, format!("there is no option `{option}` in [{section}]")))
            }
        }
    }
}

fn short(reference: &str) -> String {
    reference.chars().take(60).collect()
}
