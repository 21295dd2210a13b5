//! When a request is sent again: backoff with jitter, and what a provider asks for (`Retry-After`).

use std::time::Duration;

use gatewright_core::digest::Digest;

use crate::limits::Limits;

/// Returns how long to wait before the retry number `retry` (from 0) of an attempt.
///
/// The wait doubles from [`Limits::backoff_min`] up to [`Limits::backoff_max`]; half of it is drawn by lot, from a hash of the attempt's id, so that
/// requests that failed together do not come back together and a run can still be made again. What the provider asks for is a minimum.
pub(crate) fn backoff(id: &str, retry: u32, asked: Option<Duration>, limits: &Limits) -> Duration {
    let doubled = limits
        .backoff_min
        .saturating_mul(1 << retry.min(20))
        .min(limits.backoff_max);
    let digest = Digest::of(format!("gatewright-backoff|{id}|{retry}").as_bytes());
    let lot = f64::from(u16::from_be_bytes([digest.bytes()[0], digest.bytes()[1]])) / 65_536.0;
    let wait = doubled.mul_f64(0.5 + 0.5 * lot);
    wait.max(asked.unwrap_or_default().min(limits.retry_after_max))
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date, which is compared with the provider's own `Date` so that no clock of ours matters.
/// What makes no sense (negative, garbage) counts as absent.
pub(crate) fn retry_after(value: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let value = value?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0)
            .then(|| Duration::from_secs_f64(seconds.min(1e9)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(date?.trim()).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F8: every form of `Retry-After` is a minimum wait, and capped.
    #[test]
    fn f8_retry_after_in_every_form() {
        let date = Some("Thu, 26 Nov 2026 10:00:00 GMT");
        for (value, seconds) in [
            (Some("7"), Some(7.0)),
            (Some(" 0.5 "), Some(0.5)),
            (Some("0"), Some(0.0)),
            (Some("Thu, 26 Nov 2026 10:00:30 GMT"), Some(30.0)),
            (Some("Thu, 26 Nov 2026 09:00:00 GMT"), Some(0.0)),
            (Some("31536000"), Some(31_536_000.0)),
            (Some("1e400"), None),
            (Some("-5"), None),
            (Some("NaN"), None),
            (Some("soon"), None),
            (Some(""), None),
            (None, None),
        ] {
            let read = retry_after(value, date).map(|it| it.as_secs_f64());
            assert_eq!(read, seconds, "{value:?}");
        }
        assert_eq!(
            retry_after(Some("Thu, 26 Nov 2026 10:00:30 GMT"), None),
            None,
            "a date says nothing without the provider's own"
        );
        let limits = Limits::standard();
        let year = Some(Duration::from_secs(31_536_000));
        assert_eq!(backoff("a", 0, year, &limits), limits.retry_after_max);
        let five = Duration::from_secs(5);
        assert_eq!(backoff("a", 0, Some(five), &limits), five, "a minimum");
    }

    /// F9: without `Retry-After` the wait doubles, differs between attempts, and is the same each time it is asked for.
    #[test]
    fn f9_backoff_doubles_with_jitter() {
        let limits = Limits::standard();
        for retry in 0..12 {
            let doubled = limits
                .backoff_min
                .saturating_mul(1 << retry)
                .min(limits.backoff_max);
            let wait = backoff("a", retry, None, &limits);
            assert!(wait >= doubled / 2 && wait <= doubled, "{retry}: {wait:?}");
            assert_eq!(wait, backoff("a", retry, None, &limits));
        }
        assert_ne!(
            backoff("a", 3, None, &limits),
            backoff("b", 3, None, &limits)
        );
        assert!(backoff("a", u32::MAX, None, &limits) <= limits.backoff_max);
    }
}
