//! Doors: the way to a provider whose protocol is not spoken here. A door turns one request into one call and says what came of it; when it is
//! asked, how often, what is kept and what it costs stays with the engine.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use gatewright_core::manifest::Live;
use gatewright_core::response::{Response, ToolCall};
use reqwest::Client;
use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// Opens a door to a system's provider: what the page says, the value of its key when it has one, and the only client that calls may be made
/// with. It follows no redirect, reaches no other host, refuses private addresses and goes through the operator's proxy.
///
/// The error says why this system cannot be asked, for people.
pub type OpenDoor = fn(&Live, Option<&SecretText>, Client) -> Result<Arc<dyn Door>, String>;

/// The way to one system's provider.
pub trait Door: fmt::Debug + Send + Sync {
    /// Makes one call: no retries, no waiting, no limits of its own. It is dropped when its time is over.
    fn call(&self, wanted: Wanted) -> Calling<'_>;
}

/// A call that is being made.
pub type Calling<'d> = Pin<Box<dyn Future<Output = Came> + Send + 'd>>;

/// What is asked of a provider, whatever it speaks. Its JSON is what is kept of the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// The model that is asked for.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Sampling, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Sampling, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Most tokens that are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Where to stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The seed, below 2³¹.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// One part of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum Message {
    /// What the system is told.
    System {
        /// Its text.
        content: String,
    },
    /// What the user says.
    User {
        /// Its text.
        content: String,
    },
    /// What the system under test said.
    Assistant {
        /// Its text.
        content: String,
        /// The tools it called, each with the id of the call.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<(String, ToolCall)>,
    },
    /// What a tool gave back.
    Tool {
        /// The id of the call.
        call: String,
        /// The tool's name.
        name: String,
        /// What it gave back.
        content: String,
    },
}

/// What came of a call.
#[derive(Debug)]
pub enum Came {
    /// An answer.
    Answer(Box<Answer>),
    /// Something else came: an error of the provider, a page, or an answer that could not be read.
    Other {
        /// The status, where it is known; without one, it was one of success.
        status: Option<u16>,
        /// The headers that are known, by their names in lower case.
        headers: BTreeMap<String, String>,
        /// The body as it came.
        body: Vec<u8>,
        /// What is wrong with it, where its status does not say so.
        why: String,
    },
    /// Nothing came: the error of the client that was given, or another one.
    Broken(Box<dyn Error + Send + Sync>),
    /// It cannot be asked, and nothing was sent.
    Unasked(String),
}

/// An answer that a door has read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The answer's body, as near to how it came as is known.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// What it says.
    pub response: Response,
    /// The model that the provider says answered.
    pub model: Option<String>,
    /// What else the provider says of the model.
    pub fingerprint: Option<String>,
}
