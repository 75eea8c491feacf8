//! When a snapshot was taken, told by its name.
//!
//! A name tells the begin. A name that is only a date stands for the end of that day, as late as it can be, because a snapshot that is thought older than it is could bring damage back.

use crate::io::clock::time_zone;
use crate::model::restore::Zone;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// The usual forms of snapshot names, most exact first: rsync wrappers, `date -Is`, `date +%F`, zfs-auto-snapshot.
const FORMATS: [&str; 16] = [
    "%Y-%m-%dT%H:%M:%S%:z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H-%M-%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d_%H:%M:%S",
    "%Y-%m-%d_%H-%M-%S",
    "%Y-%m-%d_%H-%M",
    "%Y-%m-%d-%H-%M-%S",
    "%Y-%m-%d-%H%M%S",
    "%Y%m%dT%H%M%SZ",
    "%Y%m%dT%H%M%S",
    "%Y%m%d-%H%M%S",
    "%Y-%m-%d",
    "%Y%m%d",
];

/// The latest moment at which a snapshot of this name can have been begun, nanoseconds since 1970 UTC.
///
/// # Errors
/// When the name does not tell, with the reason.
pub fn begun(name: &str, format: Option<&str>, zone: &Zone) -> Result<i64, String> {
    let zone = time_zone(zone)?;
    let found = match format {
        Some(format) => moment(name, format, &zone),
        None => FORMATS.iter().find_map(|format| moment(name, format, &zone)),
    };
    found.ok_or_else(|| match format {
        Some(format) => format!("its name does not have the form `{format}`"),
        None => "its name is no date; set `time_format`, or `time = \"mtime\"` if the tool dates the directory".into(),
    })
}

fn moment(name: &str, format: &str, zone: &TimeZone) -> Option<i64> {
    let parsed = strtime::parse(format, name).ok()?;
    let stamp = if parsed.offset().is_some() || format.contains("%s") {
        parsed.to_timestamp().ok()?
    } else {
        let local =
            if parsed.hour().is_some() { parsed.to_datetime().ok()? } else { end_of_day(parsed.to_date().ok()?)? };
        let zone = if format.ends_with('Z') { &TimeZone::UTC } else { zone };
        // The hour that comes twice when summer time ends: the later one.
        zone.to_ambiguous_timestamp(local).later().ok()?
    };
    i64::try_from(stamp.as_nanosecond()).ok()
}

fn end_of_day(date: Date) -> Option<DateTime> {
    Some(date.tomorrow().ok()?.at(0, 0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(name: &str, format: Option<&str>, zone: &str) -> Option<i64> {
        begun(name, format, &Zone(zone.into())).ok().map(|nanoseconds| nanoseconds / 1_000_000_000)
    }

    #[test]
    fn the_usual_names_are_understood() {
        let moment = Some(1_795_147_200);
        for name in [
            "2026-11-20T04:00:00+00:00",
            "2026-11-20T04:00:00Z",
            "2026-11-20T05:00:00+01:00",
            "2026-11-20T04-00-00",
            "2026-11-20_04-00",
            "2026-11-20-040000",
            "20261120T040000",
        ] {
            assert_eq!(seconds(name, None, "UTC"), moment, "{name}");
        }
    }

    #[test]
    fn a_date_stands_for_the_end_of_its_day() {
        assert_eq!(seconds("2026-11-20", None, "UTC"), Some(1_795_219_200));
    }

    #[test]
    fn a_name_without_zone_is_in_the_configured_one() {
        assert_eq!(seconds("snap-20261120-05", Some("snap-%Y%m%d-%H"), "+01:00"), Some(1_795_147_200));
    }

    #[test]
    fn a_name_that_is_no_date_says_what_to_set() {
        let reason = begun("daily.0", None, &Zone("UTC".into())).expect_err("no date");
        assert!(reason.contains("time = \"mtime\""), "{reason}");
    }

    proptest! {
        #[test]
        fn no_name_or_format_makes_it_panic(name in "\\PC{0,30}", format in "(%[a-zA-Z:]|\\PC){0,10}") {
            let _ = begun(&name, Some(&format), &Zone("UTC".into()));
            let _ = begun(&name, None, &Zone(format));
        }
    }
}
