//! Components that start, stop or announce something and make nothing on disk themselves: their files are `File`
//! sub-components, here or in the component that collects them.

use super::{Component, Context};
use crate::definition::batou::model::Node;

/// Services, programs, hooks and collections of files.
pub(super) struct Process;

impl Component for Process {
    fn kinds(&self) -> &'static [&'static str] {
        &[
            "Container",
            "CronJob",
            "CronTab",
            "Hook",
            "Logrotate",
            "NRPEHost",
            "NagiosServer",
            "NagiosService",
            "Program",
            "Repeated",
            "RotatedLogfile",
            "RunningSupervisor",
            "Service",
            "StoppedSupervisor",
            "Supervisor",
        ]
    }

    fn expect(&self, _node: &Node, _context: &mut Context<'_>) {}
}
