//! What the probe found wrong, as diagnostics.

use crate::definition::batou::model::{BatouModel, ModelIssue, Root, SideEffect, Site};
use crate::model::{
    code::{self, Code},
    diagnostic::Diagnostic,
    origin::Origin,
};
use std::collections::BTreeSet;

/// Diagnostics of a model: batou's errors and warnings, unreadable secrets, side effects, a guessed place.
pub fn diagnostics(model: &BatouModel) -> Vec<Diagnostic> {
    let mut told: Vec<Diagnostic> = model.errors.iter().map(|error| of_error(model, error)).collect();
    told.extend(model.warnings.iter().map(|text| Diagnostic::note(code::BATOU_WARNS, one_line(text))));
    told.extend(of_secrets(model));
    let mut seen = BTreeSet::new();
    told.extend(model.side_effects.iter().map(of_side_effect).filter(|problem| seen.insert(problem.clone())));
    told.extend(of_target(model));
    told
}

fn of_error(model: &BatouModel, error: &ModelIssue) -> Diagnostic {
    let root = error.root.as_deref().and_then(|id| model.root(id));
    let mut text = one_line(&error.message);
    if let Some(id) = error.root.as_deref().filter(|id| !text.contains(id)) {
        text = format!("`{id}`: {text}");
    }
    // batou's own exceptions explain themselves; others need their class (`KeyError`) to be understood at all.
    if error.traceback.is_some() {
        text = format!("{text} ({})", error.class);
    }
    let by_secret = root.is_some_and(|root| root.may_depend_on_secrets.is_some());
    let problem = if by_secret {
        let hint = "a secret that cannot be decrypted here may be the reason";
        Diagnostic::warning(code_of(&error.class), text).hint(hint)
    } else {
        Diagnostic::error(code_of(&error.class), text)
    };
    match error.at.as_ref().map(Site::origin).or_else(|| root.and_then(Root::origin)) {
        Some(origin) => problem.at(origin),
        None => problem,
    }
}

/// The code of one of batou's exceptions (batou/__init__.py).
pub fn code_of(class: &str) -> Code {
    match class {
        "MissingEnvironment" => code::NO_ENVIRONMENT,
        "MissingComponent" | "SuperfluousComponentSection" => code::UNKNOWN_COMPONENT,
        "CycleErrorDetected" => code::CYCLE,
        "SuperfluousSection" | "DuplicateHostError" | "InvalidIPAddressError" => code::BAD_SETTING,
        "DuplicateSectionError" | "DuplicateOptionError" | "MissingSectionHeaderError" | "ParsingError" => {
            code::BAD_ENVIRONMENT_SYNTAX
        }
        _ => code::MODEL_FAILED,
    }
}

fn of_secrets(model: &BatouModel) -> Option<Diagnostic> {
    let secrets = &model.secrets;
    let text = match secrets.status.as_str() {
        "opaque" => "the secrets of this environment cannot be decrypted here; what hangs on them is unknown",
        "keys-only" => "some secrets of this environment cannot be decrypted here; what hangs on them is unknown",
        _ => return None,
    };
    let directory = format!("environments/{}", model.environment);
    let file = match secrets.provider.as_deref() {
        Some(provider) => format!("{directory}/secrets.cfg.{provider}"),
        None => directory,
    };
    let problem = Diagnostic::warning(code::SECRETS_UNREADABLE, text).at(Origin::file(file));
    Some(if secrets.problems.is_empty() { problem } else { problem.hint(one_line(&secrets.problems.join("; "))) })
}

fn of_side_effect(effect: &SideEffect) -> Diagnostic {
    let who = effect.component.as_deref().or(effect.root.as_deref()).unwrap_or("the project's code");
    let what = match effect.kind.as_str() {
        "write" => "write",
        "process" => "start a process",
        "network" => "connect",
        other => other,
    };
    let text =
        format!("`{who}` tried to {what} while it was configured ({}{})", effect.event, one_line(&effect.detail));
    let problem = Diagnostic::warning(code::SIDE_EFFECT, text).hint("move it to `update()`");
    match &effect.at {
        Some(site) => problem.at(site.origin()),
        None => problem,
    }
}

fn of_target(model: &BatouModel) -> Option<Diagnostic> {
    let target = &model.target;
    (target.base_source == "guess").then(|| {
        let text = format!("the deployment is taken to be in `{}` on the target, which is a guess", target.base);
        let file = format!("environments/{}/environment.cfg", model.environment);
        Diagnostic::warning(code::TARGET_GUESSED, text)
            .at(Origin::file(file))
            .hint("give an absolute `target_directory`, or the place in rectify.toml")
    })
}

/// Messages are one line; batou's and Python's may have several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diagnostic::Severity;
    use serde_json::{Value, json};

    fn told(mut value: Value) -> Vec<Diagnostic> {
        value["probe_format"] = json!(1);
        diagnostics(&crate::definition::batou::model::parse(value.to_string().as_bytes()).expect("it is a model"))
    }

    #[test]
    fn an_error_names_its_root_and_place() {
        let told =
            told(json!({"errors": [{"phase": "configure", "class": "KeyError", "message": "'x'", "root": "h/app",
            "at": {"file": "components/app/component.py", "line": 7}, "traceback": "..."}]}));
        assert_eq!(told[0].message, "`h/app`: 'x' (KeyError)");
        assert_eq!(told[0].origin, Some(Origin::line("components/app/component.py", 7)));
        assert_eq!((told[0].severity, told[0].code), (Severity::Error, code::MODEL_FAILED));
    }

    #[test]
    fn an_error_that_a_missing_secret_may_cause_is_only_a_warning() {
        let told = told(json!({"errors": [{"class": "ConversionError", "message": "m", "root": "h/app"}],
            "roots": [{"id": "h/app", "may_depend_on_secrets": "override", "assigned_at": {"file": "e", "line": 2}}],
            "secrets": {"status": "opaque", "provider": "age", "problems": ["no key"]}, "environment": "prod"}));
        assert_eq!(told[0].severity, Severity::Warning);
        assert_eq!(told[0].origin, Some(Origin::line("e", 2)));
        assert_eq!((told[1].code, told[1].hint.as_deref()), (code::SECRETS_UNREADABLE, Some("no key")));
        assert_eq!(told[1].origin, Some(Origin::file("environments/prod/secrets.cfg.age")));
    }

    #[test]
    fn one_side_effect_is_told_once() {
        let effect = json!({"kind": "process", "event": "subprocess.Popen", "detail": "('ls',)", "root": "h/a"});
        let told = told(json!({"side_effects": [effect, effect]}));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].code, code::SIDE_EFFECT);
    }

    #[test]
    fn a_guessed_place_is_told() {
        assert_eq!(
            told(json!({"target": {"base": "/home/x/deployment", "base_source": "guess"}}))[0].code,
            code::TARGET_GUESSED
        );
        assert_eq!(told(json!({"target": {"base": "/srv", "base_source": "target_directory"}})), []);
    }
}
