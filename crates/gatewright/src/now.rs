//! The clock, read once at the start of a command: `--now`, else `SOURCE_DATE_EPOCH`, else the machine's.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::Failure;

/// The time of a command, in UTC.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Now {
    /// RFC 3339, whole seconds.
    pub(crate) at: String,
    /// The civil date.
    pub(crate) today: Date,
}

impl Now {
    /// Reads the clock.
    ///
    /// # Errors
    /// When the flag or `SOURCE_DATE_EPOCH` holds no time.
    pub(crate) fn read(flag: Option<&str>, epoch: Option<&str>) -> Result<Self, Failure> {
        let stamp = match (flag, epoch) {
            (Some(text), _) => parse(text).ok_or_else(|| {
                Failure::usage(format!("`{text}` is no time"))
                    .next("a time such as 2026-11-23T09:00:00Z, or a date")
            })?,
            (None, Some(text)) => {
                let seconds = text.trim().parse().ok();
                seconds
                    .and_then(|seconds| Timestamp::from_second(seconds).ok())
                    .ok_or_else(|| {
                        Failure::usage(format!("SOURCE_DATE_EPOCH is `{text}`"))
                            .next("whole seconds since 1970, or unset it")
                    })?
            }
            (None, None) => Timestamp::now(),
        };
        let zoned = stamp.to_zoned(TimeZone::UTC);
        Ok(Self {
            at: zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            today: zoned.date(),
        })
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(stamp) = text.parse() {
        return Some(stamp);
    }
    let date: Date = text.parse().ok()?;
    date.to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f29_the_clock_is_a_value() {
        let flag = Now::read(Some("2026-11-23T09:00:00+02:00"), Some("1")).expect("a time");
        assert_eq!(flag.at, "2026-11-23T07:00:00Z");
        let date = Now::read(Some("2026-11-23"), None).expect("a date");
        assert_eq!(date.at, "2026-11-23T00:00:00Z");
        let epoch = Now::read(None, Some("0")).expect("an epoch");
        assert_eq!(epoch.today.to_string(), "1970-01-01");
        assert!(Now::read(Some("soon"), None).is_err());
        assert!(Now::read(None, Some("never")).is_err());
    }
}
