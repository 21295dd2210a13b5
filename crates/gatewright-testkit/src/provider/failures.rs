//! Responses that no model was asked for: errors in the words of each dialect, pages of others, redirects.

use super::behaviour::{Redirect, Status};
use super::dialect::Dialect;
use super::plan::Case;
use super::wire::{Framed, Head, Plan, Step};

/// A status with the body that the dialect gives it, and more header lines.
pub(super) fn words(status: u16, lines: &[(&str, String)], case: Case<'_>) -> Plan {
    let mut head = Head::json(status, case.nth);
    for (name, value) in lines {
        head.line(name, value);
    }
    let (kind, code, message) = wording(status, case.asked.dialect);
    let body = case.asked.dialect.error(kind, code, message).to_string();
    Plan::refused(status, Framed::whole(head, body.into_bytes()).steps())
}

/// What the script says.
pub(super) fn status(status: &Status, case: Case<'_>) -> Plan {
    let lines: Vec<(&str, String)> = status
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let mut plan = match &status.body {
        None => words(status.code, &lines, case),
        Some(body) => {
            let mut head = Head::new(status.code);
            lines
                .iter()
                .for_each(|(name, value)| head.line(name, value));
            let framed = Framed::whole(head, body.clone().into_bytes());
            Plan::refused(status.code, framed.steps())
        }
    };
    if status.delay_ms > 0 {
        plan.steps.insert(0, Step::Wait(status.delay_ms));
    }
    plan
}

pub(super) fn insufficient_quota(case: Case<'_>) -> Plan {
    let (kind, message) = match case.asked.dialect {
        Dialect::Messages => (
            "rate_limit_error",
            "Your credit balance is too low to access the Anthropic API.",
        ),
        _ => (
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        ),
    };
    let body = case
        .asked
        .dialect
        .error(kind, "insufficient_quota", message);
    let head = Head::json(429, case.nth);
    Plan::refused(
        429,
        Framed::whole(head, body.to_string().into_bytes()).steps(),
    )
}

pub(super) fn error_json(case: Case<'_>) -> Plan {
    let body =
        case.asked
            .dialect
            .error("server_error", "server_error", "The upstream model failed.");
    let head = Head::json(200, case.nth);
    Plan::refused(
        200,
        Framed::whole(head, body.to_string().into_bytes()).steps(),
    )
}

pub(super) fn login_page() -> Plan {
    let page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>\
                <form action=\"/login\"><input name=\"user\"></form></body></html>";
    Plan::refused(200, html(200, page).steps())
}

pub(super) fn proxy() -> Plan {
    let mut framed = html(
        407,
        "<html><body>Proxy authentication required</body></html>",
    );
    framed
        .head
        .line("proxy-authenticate", "Basic realm=\"proxy\"");
    Plan::refused(407, framed.steps())
}

pub(super) fn redirect(to: &Redirect) -> Plan {
    let mut head = Head::new(to.code);
    head.line("location", &to.to);
    Plan::refused(to.code, Framed::whole(head, Vec::new()).steps())
}

/// Repeats whichever credentials came.
pub(super) fn echo_auth(status: u16, case: Case<'_>) -> Plan {
    let seen: Vec<&str> = [
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "proxy-authorization",
    ]
    .iter()
    .filter_map(|name| case.request.header(name))
    .collect();
    let message = format!("Incorrect API key provided: {}", seen.join(", "));
    let (kind, code, _) = wording(status, case.asked.dialect);
    let body = case.asked.dialect.error(kind, code, &message).to_string();
    let mut head = Head::json(status, case.nth);
    head.line("x-echo", &seen.join(", "));
    Plan::refused(status, Framed::whole(head, body.into_bytes()).steps())
}

/// Writes an instant as HTTP does: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(unix: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (days, second) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    // Howard Hinnant's civil_from_days: years start in March, so that the leap day is their last.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let year = year + era * 400 + i64::from(month >= 10);
    format!(
        "{}, {date:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[days.rem_euclid(7) as usize],
        MONTHS[((month + 2) % 12) as usize],
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

fn html(status: u16, page: &str) -> Framed {
    let mut head = Head::new(status);
    head.line("content-type", "text/html; charset=utf-8");
    Framed::whole(head, page.as_bytes().to_vec())
}

/// Type, code and message of an error.
fn wording(status: u16, dialect: Dialect) -> (&'static str, &'static str, &'static str) {
    let (open_ai, code, anthropic, message) = match status {
        400 => (
            "invalid_request_error",
            "context_length_exceeded",
            "invalid_request_error",
            match dialect {
                Dialect::Messages => "prompt is too long: 210000 tokens > 200000 maximum",
                _ => "This model's maximum context length is 8192 tokens.",
            },
        ),
        401 => (
            "invalid_request_error",
            "invalid_api_key",
            "authentication_error",
            "Incorrect API key provided.",
        ),
        402 => (
            "billing_error",
            "payment_required",
            "billing_error",
            "Payment is required to go on.",
        ),
        403 => (
            "permission_denied",
            "permission_denied",
            "permission_error",
            "The key has no right to this.",
        ),
        404 => (
            "invalid_request_error",
            "model_not_found",
            "not_found_error",
            "The model does not exist or you do not have access to it.",
        ),
        429 => (
            "requests",
            "rate_limit_exceeded",
            "rate_limit_error",
            "Rate limit reached.",
        ),
        503 | 529 => (
            "server_error",
            "overloaded",
            "overloaded_error",
            "Overloaded",
        ),
        _ => (
            "server_error",
            "server_error",
            "api_error",
            "The server had an error.",
        ),
    };
    match dialect {
        Dialect::Messages => (anthropic, code, message),
        _ => (open_ai, code, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_standard() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(1_767_225_599), "Wed, 31 Dec 2025 23:59:59 GMT");
    }
}
