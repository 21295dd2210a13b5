//! Answers: pages, ways on, and what went wrong.

use std::error::Error;
use std::fmt;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use gatewright_core::report::untrusted;
use gatewright_store::StoreError;

use super::project::Patch;

/// What a page returns.
pub(super) type Answer = Result<Response, Failure>;

/// Why a page could not be made: the disk, the system, or a defect.
#[derive(Debug)]
pub(super) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<askama::Error> for Failure {
    fn from(why: askama::Error) -> Self {
        Self(format!("the page could not be made: {why}"))
    }
}

impl From<StoreError> for Failure {
    fn from(why: StoreError) -> Self {
        let mut said = why.to_string();
        let mut cause = why.source();
        while let Some(one) = cause {
            said = format!("{said}: {one}");
            cause = one.source();
        }
        Self(said)
    }
}

/// Shows a page. Text that others wrote is escaped by its template; characters that hide or reorder text are then shown by their number.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Answer {
    let html = untrusted::visible(&page.render()?);
    Ok((status, Html(html)).into_response())
}

/// Sends the browser on, with GET.
pub(super) fn go_to(path: &'static str) -> Response {
    let place = HeaderValue::from_static(path);
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// Sends the browser on to a page whose path was made here.
pub(super) fn go_on(path: &str) -> Answer {
    let place = HeaderValue::from_str(path)
        .map_err(|why| Failure(format!("the path could not be written: {why}")))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response())
}

/// Gives a patch as a file. Its bytes are what they are: nothing of them is shown otherwise, or it would not apply.
pub(super) fn patch(patch: &Patch) -> Answer {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = patch.name.chars().filter(|c| plain(*c)).take(60).collect();
    let place = format!("attachment; filename=\"{name}.patch\"");
    let place = HeaderValue::from_str(&place)
        .map_err(|why| Failure(format!("the name could not be written: {why}")))?;
    let kind = HeaderValue::from_static("text/x-patch; charset=utf-8");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, place),
    ];
    Ok((headers, patch.text.clone()).into_response())
}

/// One plain line, where there is nobody to show a page to.
pub(super) fn plain(status: StatusCode, said: &str) -> Response {
    (status, format!("{said}\n")).into_response()
}
