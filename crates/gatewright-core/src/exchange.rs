//! One request to a provider and what came back: kept whatever came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::response::Usage;

/// One request and what came back. Bytes are kept beside the log, by digest, with secrets taken out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// The turn of a conversation script that it belongs to, from 0; 0 for everything else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step: u32,
    /// Its number in the attempt, from 0: retries and turns count on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub call: u32,
    /// Digest of the request: method, URL, headers without secrets, body.
    pub request: Digest,
    /// Digest of the bytes of the answer's body, as they came; `None` when none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Digest>,
    /// HTTP status; `None` when no answer began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers of the answer by lower-case name, with secrets taken out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Milliseconds from the first byte sent to the last one received, by a monotonic clock. Waiting for a rate limit is not in it.
    pub latency_ms: f64,
    /// Milliseconds until the first part of a streamed answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// The model that the provider says answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The provider's fingerprint of what answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Tokens and money.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub usage: Usage,
    /// What went wrong; `None` when an answer was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_nothing(usage: &Usage) -> bool {
    *usage == Usage::default()
}

/// Bytes that are kept beside a log under their digest: what was sent and what came back, secrets taken out.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Hashes bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self {
            digest: Digest::of(&bytes),
            bytes,
        }
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Blob({}, {} bytes)",
            self.digest.short(),
            self.bytes.len()
        )
    }
}

/// What can go wrong between us and a provider. None of these is an answer, and none is a failure of the system's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The name of the host could not be resolved.
    Dns,
    /// No connection could be made.
    Connect,
    /// The encrypted connection could not be made: certificate, protocol.
    Tls,
    /// The address that the name leads to is private, and nobody allowed it.
    PrivateAddress,
    /// The connection ended before the answer did.
    Cut,
    /// Nothing came for too long.
    Stalled,
    /// Our side gave up: the system promised no time of its own.
    TookTooLong,
    /// The answer is larger than the limit.
    TooLarge,
    /// Too many requests (429).
    RateLimited,
    /// The account has no money or quota left.
    MoneyGone,
    /// The key is missing, wrong or not allowed (401, 403).
    Unauthorised,
    /// There is no such model or address (404).
    NotFound,
    /// The request was refused (another 4xx).
    BadRequest,
    /// The provider is overloaded (503, 529).
    Overloaded,
    /// The provider failed (another 5xx).
    Server,
    /// A proxy wants a password (407).
    Proxy,
    /// It sent us elsewhere; redirects are not followed, as a key would go along.
    Redirect,
    /// A page for people where data was expected: a login page, a captive portal.
    Page,
    /// The status said success and the body is an error.
    ErrorBody,
    /// The answer has no content and no reason for it.
    Empty,
    /// The answer could not be read.
    Unreadable,
}

/// What follows a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The same request may succeed in a while.
    Retry,
    /// This request will not succeed, another one may.
    Give,
    /// No request to this account or address will succeed: the run pauses and everything stays outstanding.
    Pause,
}

impl Fault {
    /// All faults, in the order of the documentation.
    pub const ALL: [Fault; 21] = [
        Fault::Dns,
        Fault::Connect,
        Fault::Tls,
        Fault::PrivateAddress,
        Fault::Cut,
        Fault::Stalled,
        Fault::TookTooLong,
        Fault::TooLarge,
        Fault::RateLimited,
        Fault::MoneyGone,
        Fault::Unauthorised,
        Fault::NotFound,
        Fault::BadRequest,
        Fault::Overloaded,
        Fault::Server,
        Fault::Proxy,
        Fault::Redirect,
        Fault::Page,
        Fault::ErrorBody,
        Fault::Empty,
        Fault::Unreadable,
    ];

    /// Returns the word used in logs and reports.
    pub fn word(self) -> &'static str {
        match self {
            Fault::Dns => "dns",
            Fault::Connect => "connect",
            Fault::Tls => "tls",
            Fault::PrivateAddress => "private-address",
            Fault::Cut => "cut",
            Fault::Stalled => "stalled",
            Fault::TookTooLong => "took-too-long",
            Fault::TooLarge => "too-large",
            Fault::RateLimited => "rate-limited",
            Fault::MoneyGone => "money-gone",
            Fault::Unauthorised => "unauthorised",
            Fault::NotFound => "not-found",
            Fault::BadRequest => "bad-request",
            Fault::Overloaded => "overloaded",
            Fault::Server => "server",
            Fault::Proxy => "proxy",
            Fault::Redirect => "redirect",
            Fault::Page => "page",
            Fault::ErrorBody => "error-body",
            Fault::Empty => "empty",
            Fault::Unreadable => "unreadable",
        }
    }

    /// Says what follows it: the one place where "transient" is decided.
    pub fn after(self) -> After {
        match self {
            Fault::Dns
            | Fault::Connect
            | Fault::Cut
            | Fault::Stalled
            | Fault::RateLimited
            | Fault::Overloaded
            | Fault::Server
            | Fault::ErrorBody
            | Fault::Empty
            | Fault::Unreadable => After::Retry,
            // What took the whole time once is likely to take it again, and was paid for.
            Fault::TookTooLong | Fault::TooLarge | Fault::BadRequest => After::Give,
            Fault::Tls
            | Fault::PrivateAddress
            | Fault::MoneyGone
            | Fault::Unauthorised
            | Fault::NotFound
            | Fault::Proxy
            | Fault::Redirect
            | Fault::Page => After::Pause,
        }
    }

    /// Says whether it refuses a request for its key, its model or its address. One may be about its one request; several in a row are about all
    /// of them, also once a system has answered: a key can be taken back, and a login can end.
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Fault::Unauthorised | Fault::NotFound | Fault::Proxy | Fault::Redirect | Fault::Page
        )
    }

    /// Says whether it tells of the host and not of the request: these open the circuit.
    pub fn is_of_the_host(self) -> bool {
        matches!(
            self,
            Fault::Dns
                | Fault::Connect
                | Fault::Cut
                | Fault::Stalled
                | Fault::Overloaded
                | Fault::Server
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_is_stored() {
        for fault in Fault::ALL {
            let stored = serde_json::to_string(&fault).expect("JSON");
            assert_eq!(stored, format!("\"{}\"", fault.word()));
        }
    }

    /// F9: codes that say that the money is gone are never tried again.
    #[test]
    fn f9_money_gone_pauses() {
        assert_eq!(Fault::MoneyGone.after(), After::Pause);
        assert_eq!(Fault::RateLimited.after(), After::Retry);
        assert_eq!(Fault::BadRequest.after(), After::Give);
    }

    /// docs/live-systems.md lists every fault with what follows it, in this order.
    #[test]
    fn the_documented_faults_are_true() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/live-systems.md");
        let page = std::fs::read_to_string(page).expect("committed");
        let rows: Vec<&str> = page
            .lines()
            .skip_while(|line| !line.starts_with("| fault |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert_eq!(rows.len(), Fault::ALL.len());
        for (row, fault) in rows.into_iter().zip(Fault::ALL) {
            let follows = match fault.after() {
                After::Retry => "again",
                After::Give => "missing",
                After::Pause => "pause",
            };
            assert!(
                row.starts_with(&format!("| `{}` | ", fault.word())),
                "{row}"
            );
            assert!(row.ends_with(&format!(" | {follows} |")), "{row}");
        }
    }
}
