//! Porcelain: one line a finding, for scripts. The form is stable.
//!
//! `SA<TAB>host<TAB>unit<TAB>path`. S is the state (`-` missing, `+` new, `x` unexpected, `!` content that nobody wrote,
//! `~` differs, `?` unknown), A the decisive action of the plan: `R` restore, `D` redeploy, `I` reinstall, `B` rebuild,
//! `v` for a person to look at, `o` other steps, `.` none. Control characters in names are escaped.

use super::{Format, Options};
use crate::model::path::TargetPath;
use crate::model::plan::Action;
use crate::report::escape::plain;
use crate::report::view::{View, decisive, symbol};
use std::borrow::Cow;

/// For scripts.
pub(super) struct Short;

impl Format for Short {
    fn name(&self) -> &'static str {
        "short"
    }

    fn about(&self) -> &'static str {
        "two status columns, tab, host, unit, path: stable, for scripts"
    }

    fn render(&self, view: &View, _options: &Options) -> String {
        let decisive = decisive(view);
        let mut out = String::new();
        for finding in &view.findings {
            let action = decisive.get(finding.id.as_str()).map_or('.', |step| letter(step.action));
            let columns = [&finding.host.0, view.unit_name(&finding.unit), &finding.path].map(plain);
            out.push_str(&format!("{}{action}\t{}\n", symbol(finding), columns.join("\t")));
        }
        for entry in view.unverified.iter() {
            let path = entry.path.as_ref().map_or(Cow::Borrowed("-"), TargetPath::display);
            let columns = [&entry.host.0, view.unit_name(&entry.unit), &path].map(plain);
            out.push_str(&format!("?v\t{}\n", columns.join("\t")));
        }
        out
    }
}

fn letter(action: Action) -> char {
    match action {
        Action::Restore => 'R',
        Action::Redeploy | Action::PutBack => 'D',
        Action::Reinstall => 'I',
        Action::Rebuild => 'B',
        Action::Hand => 'v',
        Action::Rescue
        | Action::Quarantine
        | Action::Stop
        | Action::Unblock
        | Action::Force
        | Action::Check
        | Action::Restart
        | Action::Verify
        | Action::Reboot => 'o',
    }
}
