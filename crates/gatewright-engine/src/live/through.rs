//! One call through a door: the same limits, secrets and meanings of faults as for what is spoken here.

use std::borrow::Cow;
use std::sync::Arc;

use gatewright_core::exchange::Fault;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::door::{Answer, Came, Door};
use super::reply::{self, Head, Reading, Reply};
use super::wire::{HEADER_CHARS_MAX, HEADERS_MAX, Received, classify, too_large};
use crate::limits::Limits;
use crate::secret::{REDACTED, Scrubber};

/// Makes one call; returns what it amounts to, or why nothing came.
pub(super) async fn call(
    door: &dyn Door,
    body: &[u8],
    (limits, deadline): (&Limits, Instant),
    rooms: Arc<Semaphore>,
    scrub: &Scrubber,
    got: &mut Received,
) -> Result<Reading, (Fault, String)> {
    let wanted = serde_json::from_slice(body)
        .map_err(|error| (Fault::BadRequest, format!("it cannot be asked: {error}")))?;
    let came = timeout_at(deadline, door.call(wanted))
        .await
        .map_err(|_| (Fault::TookTooLong, String::new()))?;
    let reading = match came {
        Came::Answer(answer) => {
            got.body = Some(answer.body.clone());
            read(*answer, scrub)
        }
        Came::Other {
            status,
            headers,
            body,
            why,
        } => {
            got.status = status;
            for (name, value) in headers.into_iter().take(HEADERS_MAX) {
                let value = match name.as_str() {
                    "set-cookie" => REDACTED.to_owned(),
                    _ => value.chars().take(HEADER_CHARS_MAX).collect(),
                };
                got.headers.insert(name, value);
            }
            // Secrets go before anything is read: an answer may repeat them.
            let clean = scrub.bytes(body.clone());
            got.body = Some(body);
            let head = Head {
                status: status.unwrap_or(200),
                content_type: got.header("content-type").unwrap_or_default(),
                content_encoding: None,
            };
            reply::unread(&head, &clean, &why)
        }
        Came::Broken(error) => {
            return Err(match error.downcast_ref::<reqwest::Error>() {
                Some(error) => classify(error),
                None => (Fault::Cut, error.to_string()),
            });
        }
        Came::Unasked(why) => {
            return Err((Fault::BadRequest, format!("it cannot be asked: {why}")));
        }
    };
    let length = got.body.as_ref().map_or(0, Vec::len);
    if length > limits.response_bytes_max {
        got.body = None;
        return Err((Fault::TooLarge, too_large(limits.response_bytes_max)));
    }
    if length > limits.small_body_bytes {
        let since = Instant::now();
        // Closed only with the thread itself.
        got.room = rooms.acquire_owned().await.ok();
        got.held += since.elapsed();
    }
    Ok(reading)
}

/// Takes over what a door has read, without secrets.
fn read(answer: Answer, scrub: &Scrubber) -> Reading {
    let text = reply::text_of(&answer.body);
    // Many providers say an error with a status of success.
    if let Some(fault) = reply::error_in(&scrub.text(&text)) {
        return fault;
    }
    let Some(answer) = cleaned(answer, scrub) else {
        let what = "its answer cannot be written down without the key that it repeats";
        return Reading::Fault(Fault::Unreadable, what.to_owned());
    };
    let response = answer.response;
    if response.output.is_empty() && response.tool_calls.is_empty() && response.finish.is_none() {
        let what = "its answer has no content and no reason for it".to_owned();
        return Reading::Fault(Fault::Empty, what);
    }
    Reading::Reply(Box::new(Reply {
        response,
        model: answer.model,
        fingerprint: answer.fingerprint,
    }))
}

fn cleaned(answer: Answer, scrub: &Scrubber) -> Option<Answer> {
    let text = serde_json::to_string(&answer).ok()?;
    match scrub.text(&text) {
        Cow::Borrowed(_) => Some(answer),
        Cow::Owned(clean) => serde_json::from_str(&clean).ok(),
    }
}
