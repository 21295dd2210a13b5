//! What a form sent.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use tokio::time::timeout;
use url::form_urlencoded;

/// Most bytes of a form.
const FORM_BYTES: usize = 64 * 1024;
/// How long a form may take to arrive.
const FORM_TIME: Duration = Duration::from_secs(30);

/// The fields of a form, as sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form from a request's body.
    ///
    /// # Errors
    /// The status and the words of the refusal.
    pub(super) async fn read(
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, (StatusCode, &'static str)> {
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is_form = kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        if !is_form || headers.contains_key(header::CONTENT_ENCODING) {
            let said = "Forms are sent as application/x-www-form-urlencoded, and not packed.";
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, said));
        }
        match timeout(FORM_TIME, to_bytes(body, FORM_BYTES)).await {
            Ok(Ok(bytes)) => Ok(Self::parse(&bytes)),
            Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "A form has at most 64 KiB.")),
            Err(_) => Err((
                StatusCode::REQUEST_TIMEOUT,
                "The form took too long to arrive.",
            )),
        }
    }

    /// Reads fields as forms and addresses have them.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Returns a field; an absent one is empty.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }

    /// Returns a field's text, its lines ended as everywhere, and without white space around it.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).replace("\r\n", "\n").trim().to_owned()
    }
}
