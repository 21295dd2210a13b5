//! Live systems: an endpoint, what it is asked, and what it costs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Adapter;
use crate::problem::Location;

/// A system that is reached over HTTP.
#[derive(Clone, Debug)]
pub struct Live {
    /// What is spoken there.
    pub protocol: Protocol,
    /// The adapter that speaks, for a further provider.
    pub adapter: Option<&'static Adapter>,
    /// The address that is called, whole, and for an adapter what its own paths follow: no user name or password in it.
    pub url: String,
    /// The key, by reference.
    pub key: Option<Secret>,
    /// The header that carries the key; `authorization` carries it as `Bearer KEY`.
    pub key_header: String,
    /// Further headers.
    pub headers: Vec<(String, HeaderText)>,
    /// The model that is asked for; empty for plain HTTP.
    pub model: String,
    /// Template of the system message.
    pub system: Option<Template>,
    /// Template of the user's message; the input as it is without one.
    pub prompt: Option<Template>,
    /// Values that templates read besides `input`, `messages`, `context` and `sources`.
    pub variables: Map<String, Value>,
    /// Members of the request's body that are sent as they are: `temperature`, `max_tokens`, `tools` …
    pub parameters: Map<String, Value>,
    /// A file with the list of tools, until it is put into the parameters ([`super::Manifest::provide_file`]).
    pub tools_file: Option<String>,
    /// Which seed is sent.
    pub seed: SeedUse,
    /// Whether the answer is streamed, so that the time to the first token is known.
    pub stream: bool,
    /// What is asked of plain HTTP, and where the answer stands.
    pub http: Option<HttpShape>,
    /// What tokens cost.
    pub price: Option<Price>,
    /// How hard the host may be driven.
    pub pace: Pace,
}

/// What is spoken at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// OpenAI's chat completions, as many servers speak it.
    OpenAiChat,
    /// OpenAI's responses.
    OpenAiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// A request and an answer of the team's own shape.
    Http,
    /// Whatever a further provider speaks, through an adapter.
    Provider,
}

/// Where a secret stands. The page never holds its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// In an environment variable.
    Env(String),
    /// In a file; white space at its ends does not count.
    File(String),
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Secret::Env(name) => write!(f, "env:{name}"),
            Secret::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderText {
    /// A text that may be shown.
    Plain(String),
    /// A secret behind a prefix (`Bearer `).
    Secret {
        /// What stands before it.
        prefix: String,
        /// Where it stands.
        secret: Secret,
    },
}

/// A template and where it came from. It reads declared variables only.
#[derive(Clone, Debug)]
pub struct Template {
    /// The file it is in; `None` when it stands on the page.
    pub file: Option<String>,
    /// Its text; empty until a file's content was provided.
    pub text: String,
    /// Where the page names it.
    pub at: Location,
}

/// Which seed a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedUse {
    /// None.
    None,
    /// The attempt's own, so that trials differ and can be made again.
    Trial,
    /// Always the same.
    Fixed(u64),
}

/// The shape of a plain HTTP endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpShape {
    /// `POST`, `PUT` or `GET`.
    pub method: String,
    /// The body: JSON whose texts are templates.
    pub body: Value,
    /// Where the answer stands (JSONPath, RFC 9535).
    pub answer: String,
    /// Where the rest stands, by our name: `behaviour`, `citations`, `tool_calls`, `input_tokens`, `output_tokens`, `cost_usd`, `model`, `error`.
    pub fields: Vec<(String, String)>,
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
}

/// How hard a host may be driven, and how much it may answer. What several systems say of one host's pace is added up by the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Most requests on their way at once.
    pub concurrency: Option<u32>,
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute.
    pub tokens_per_minute: Option<u32>,
    /// The largest answer that is taken, in MiB.
    pub answer_size_mib: Option<u32>,
}

impl Live {
    /// Names the files it needs: templates and the list of tools.
    pub fn files(&self) -> Vec<String> {
        let templates = [&self.system, &self.prompt].into_iter().flatten();
        templates
            .filter_map(|template| template.file.clone())
            .chain(self.tools_file.clone())
            .collect()
    }

    /// Returns the host and port that are called, `api.example.com:443`; nothing when the address is no address.
    pub fn host(&self) -> Option<String> {
        let url = url::Url::parse(&self.url).ok()?;
        Some(format!(
            "{}:{}",
            url.host_str()?,
            url.port_or_known_default()?
        ))
    }

    /// Returns where secrets stand that are sent there, in order.
    pub fn secrets(&self) -> Vec<&Secret> {
        let headers = self.headers.iter().filter_map(|(_, text)| match text {
            HeaderText::Secret { secret, .. } => Some(secret),
            HeaderText::Plain(_) => None,
        });
        self.key.iter().chain(headers).collect()
    }

    /// Returns what a request and its answer cost in US dollars, when the price is known.
    pub fn cost(&self, input_tokens: u64, output_tokens: u64) -> Option<f64> {
        let price = self.price?;
        Some((price.input * input_tokens as f64 + price.output * output_tokens as f64) / 1e6)
    }
}

impl Live {
    /// Puts a file's content in its place.
    pub(super) fn provide(&mut self, path: &str, content: &str) -> Result<(), String> {
        for template in [&mut self.system, &mut self.prompt].into_iter().flatten() {
            if template.file.as_deref() == Some(path) {
                content.clone_into(&mut template.text);
            }
        }
        if self.tools_file.as_deref() == Some(path) {
            let tools: Value = serde_json::from_str(content)
                .map_err(|error| format!("`{path}` is not JSON: {error}"))?;
            if !tools.is_array() {
                return Err(format!("`{path}` is no list of tools"));
            }
            self.parameters.insert("tools".to_owned(), tools);
        }
        Ok(())
    }
}
