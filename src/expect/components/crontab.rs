//! `InstallCrontab`: the user's crontab (`batou/lib/cron.py`). The file it is made from is a `File` of `CronTab`.
//!
//! `verify` compares `crontab -l` without comments. The table itself lies where only cron and root may look.

use super::{Component, Context};
use crate::{
    definition::batou::model::Node,
    model::{
        eval::{Why, WhyKind},
        unit::UnitKind,
    },
};

/// `InstallCrontab`.
pub(super) struct InstallCrontab;

impl Component for InstallCrontab {
    fn kinds(&self) -> &'static [&'static str] {
        &["InstallCrontab"]
    }

    fn unit(&self, _node: &Node) -> Option<UnitKind> {
        Some(UnitKind::BatouComponent)
    }

    fn expect(&self, node: &Node, context: &mut Context<'_>) {
        let file = context.workdir(node).join("crontab");
        let text = format!("cron keeps the installed table; batou compares it with {file} in every deployment");
        context.opaque(Why::new(WhyKind::TargetFact, text));
    }
}
