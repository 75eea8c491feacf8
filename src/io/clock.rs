//! The time, asked once per run and passed on.

/// Nanoseconds since 1970 UTC; `SOURCE_DATE_EPOCH` (seconds) overrides it, for reproducible output.
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks for the time and the environment")]
pub fn now() -> i64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse::<i64>().ok());
    if let Some(seconds) = fixed {
        return seconds.saturating_mul(1_000_000_000);
    }
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
