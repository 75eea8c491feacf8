//! The time, asked once per run and passed on, and the time zones that this machine knows.

use crate::model::restore::Zone;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

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

/// The time zone of this name or offset.
///
/// # Errors
/// When it is neither an offset nor in this machine's database, with the reason.
pub fn time_zone(zone: &Zone) -> Result<TimeZone, String> {
    let Zone(name) = zone;
    if name == "UTC" || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if let Ok(time) = strtime::parse("%:z", name)
        && let Some(offset) = time.offset()
    {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(name).map_err(|_| format!("`{name}` is neither an offset like `+01:00` nor a time zone known here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_an_offset_or_a_name_that_is_known() {
        assert!(time_zone(&Zone("UTC".into())).is_ok());
        assert!(time_zone(&Zone("-03:30".into())).is_ok());
        assert!(time_zone(&Zone("Mars/Olympus".into())).is_err());
    }
}
