//! Progress as a trait: stages say what they do, the command line decides whether anybody sees it.

/// Where a stage reports its progress.
pub trait Monitor: Sync {
    /// A task begins; `total` is how much there is to do, where known (bytes or items).
    fn begin(&self, task: &str, total: Option<u64>);
    /// So much more of it is done.
    fn advance(&self, amount: u64);
    /// The task is done.
    fn end(&self);
    /// Something worth telling, one line.
    fn note(&self, text: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn begin(&self, _task: &str, _total: Option<u64>) {}
    fn advance(&self, _amount: u64) {}
    fn end(&self) {}
    fn note(&self, _text: &str) {}
}
