//! A limit of bytes in a second, shared by all threads.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Lets so many bytes pass in a second, and at most a tenth of that at once after a pause.
#[derive(Debug)]
pub(in crate::live) struct Throttle {
    rate: u64,
    /// When everything that was let pass so far is paid for.
    paid: Mutex<Instant>,
}

impl Throttle {
    /// `rate` in bytes a second; 0 is taken as 1.
    pub(in crate::live) fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), paid: Mutex::new(Instant::now()) }
    }

    /// The most bytes that should be asked for at once.
    pub(super) fn most(&self) -> usize {
        usize::try_from(self.rate / 10).unwrap_or(usize::MAX).max(4096)
    }

    /// Waits until so many bytes may pass.
    pub(in crate::live) fn pass(&self, bytes: u64) {
        std::thread::sleep(self.wait(bytes, Instant::now()));
    }

    fn wait(&self, bytes: u64, now: Instant) -> Duration {
        const BURST: Duration = Duration::from_millis(100);
        #[expect(clippy::cast_precision_loss, reason = "a limit is not meant to the byte")]
        let cost = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        let mut paid = self.paid.lock().expect("no thread panics while it waits");
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        *paid = (*paid).max(earliest) + cost;
        paid.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_bytes_pass_than_the_limit_says_and_a_pause_saves_up_a_tenth_of_a_second() {
        let throttle = Throttle::new(1000);
        let start = Instant::now();
        let later = |ms: u64| start + Duration::from_millis(ms);
        assert!(throttle.wait(500, later(0)) >= Duration::from_millis(390));
        assert!(throttle.wait(500, later(0)) >= Duration::from_millis(890));
        assert_eq!(throttle.wait(100, later(10_000)), Duration::ZERO);
        assert_eq!(throttle.wait(100, later(10_000)), Duration::from_millis(100));
    }
}
