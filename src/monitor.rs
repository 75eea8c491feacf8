//! Progress as a trait, so that no stage knows whether anybody watches.

/// Is told how the work goes on. It must not fail and must not change any result.
pub trait Monitor: Sync {
    /// A task begins; `total` is its number of units of work, where that is known.
    fn begin(&self, task: &str, total: Option<u64>);

    /// A task begins whose units of work are bytes.
    fn begin_bytes(&self, task: &str, total: u64) {
        self.begin(task, Some(total));
    }

    /// So many more units of work are done.
    fn advance(&self, n: u64);

    /// The task that began last is over.
    fn end(&self);

    /// Something that a person who watches would like to know, once.
    fn note(&self, text: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {
    fn begin(&self, _task: &str, _total: Option<u64>) {}

    fn advance(&self, _n: u64) {}

    fn end(&self) {}

    fn note(&self, _text: &str) {}
}
