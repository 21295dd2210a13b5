//! What is sent: from an example and a system's page to the bytes of a request.

use gatewright_core::manifest::{HeaderText, Live, Protocol, SeedUse};
use gatewright_core::prompt::{self, Prompt};
use gatewright_core::reference::{Example, Input};
use gatewright_core::response::{ToolCall, Turn};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use url::Url;

use super::door::Wanted;
use super::said::{Said, anthropic, chat, neutral, responses};
use crate::secret::{REDACTED, Scrubber};
use crate::target::LiveTarget;

/// Bytes of text that are taken for one token before a provider has counted.
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens of an answer that are expected where the page sets no limit.
const ANSWER_TOKENS: u64 = 256;
/// Some servers read a seed as a 32-bit number.
const SEED_MASK: u64 = 0x7fff_ffff;
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// A live system, ready to be asked.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) live: Live,
    system: Option<Prompt>,
    prompt: Option<Prompt>,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// The request line and headers as they are kept: without secrets.
    head: Vec<u8>,
    pub(crate) scrub: Scrubber,
}

/// What is sent next for an attempt.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The body; empty for `GET`.
    pub(crate) body: Vec<u8>,
    /// What the user says in it; empty where tool results go back.
    pub(crate) user: String,
    /// Whether tool results go back.
    pub(crate) tool_results: bool,
    /// Tokens that it is expected to use, read and written.
    pub(crate) tokens: u64,
    /// What that costs in US dollars, when the page says a price.
    pub(crate) cost_usd: Option<f64>,
}

impl Asker {
    /// Prepares templates, headers and what must never be kept.
    ///
    /// # Errors
    /// What cannot be used, for people.
    pub(crate) fn new(target: &LiveTarget) -> Result<Self, String> {
        let live = target.live.clone();
        let read = |template: &Option<gatewright_core::manifest::Template>| {
            template
                .as_ref()
                .map(|template| Prompt::read(&template.text))
                .transpose()
                .map_err(|error| error.what)
        };
        let (system, prompt) = (read(&live.system)?, read(&live.prompt)?);
        let url = Url::parse(&live.url).map_err(|error| format!("its address: {error}"))?;
        let method = match live.http.as_ref().map(|http| http.method.as_str()) {
            Some("GET") => Method::GET,
            Some("PUT") => Method::PUT,
            _ => Method::POST,
        };
        let (headers, shown) = headers(&live, target)?;
        let mut head = match live.adapter {
            Some(adapter) => format!("{} {url}\n", adapter.name),
            None => format!("{method} {url}\n"),
        };
        for (name, value) in shown {
            head.push_str(&format!("{name}: {value}\n"));
        }
        head.push('\n');
        Ok(Self {
            system,
            prompt,
            method,
            url,
            headers,
            head: head.into_bytes(),
            scrub: Scrubber::new(target.secrets.iter().chain(&target.proxy)),
            live,
        })
    }

    /// Returns the request as it is kept.
    pub(crate) fn kept(&self, body: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(self.head.len() + body.len());
        kept.extend_from_slice(&self.head);
        kept.extend_from_slice(body);
        self.scrub.bytes(kept)
    }

    /// Returns what is sent next; `None` when the conversation is over.
    ///
    /// # Errors
    /// Why a template gives no text for this example.
    pub(crate) fn next(
        &self,
        example: &Example,
        history: &[Turn],
        trial_seed: u64,
    ) -> Result<Option<Outgoing>, String> {
        let said: Vec<&str> = match &example.input {
            Input::Text(text) => vec![text],
            Input::Turns(turns) => turns.iter().map(String::as_str).collect(),
            Input::Messages(_) => vec![""],
            Input::Withheld => return Ok(None),
        };
        let spoken = history.iter().filter(|turn| !turn.tool_results).count();
        let results = history
            .last()
            .and_then(|turn| tool_results(example, &turn.tool_calls));
        let user = match (&results, said.get(spoken)) {
            (Some(_), _) => None,
            (None, Some(user)) => Some(*user),
            (None, None) => return Ok(None),
        };
        let seed = match self.live.seed {
            SeedUse::None => None,
            SeedUse::Trial => Some(trial_seed),
            SeedUse::Fixed(seed) => Some(seed),
        };
        let mut body = if self.live.protocol == Protocol::Http {
            self.own_shape(example, user, seed)?
        } else {
            let talk = self.talk(
                example,
                history,
                &said[..said.len().min(spoken + usize::from(user.is_some()))],
            )?;
            match self.live.protocol {
                Protocol::Provider => self.through_a_door(&talk, seed)?,
                _ => self.known_shape(&talk, seed),
            }
        };
        // Does nothing where maps are sorted by themselves: see `Digest::of_json`.
        body.sort_all_objects();
        let bytes = match &body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let written = ["max_tokens", "max_completion_tokens", "max_output_tokens"]
            .iter()
            .find_map(|name| self.live.parameters.get(*name)?.as_u64())
            .unwrap_or(ANSWER_TOKENS);
        let read = bytes.len() as u64 / BYTES_PER_TOKEN;
        Ok(Some(Outgoing {
            tokens: read + written,
            cost_usd: self.live.cost(read, written),
            body: bytes,
            user: user.map(str::to_owned).unwrap_or_default(),
            tool_results: user.is_none(),
        }))
    }

    fn own_shape(
        &self,
        example: &Example,
        user: Option<&str>,
        seed: Option<u64>,
    ) -> Result<Value, String> {
        let Some(http) = &self.live.http else {
            return Ok(Value::Null);
        };
        let mut variables = self.live.variables.clone();
        variables.insert("seed".to_owned(), seed.map_or(Value::Null, Value::from));
        let values = match (&example.input, user) {
            (Input::Turns(_), Some(turn)) => prompt::values_of_turn(example, &variables, turn),
            _ => prompt::values(example, &variables),
        };
        prompt::render_tree(&http.body, &values).map_err(|error| error.what)
    }

    /// Writes the conversation so far, with what is said next at its end.
    fn talk(
        &self,
        example: &Example,
        history: &[Turn],
        said: &[&str],
    ) -> Result<Vec<Said>, String> {
        let mut talk = Vec::new();
        let fill = |template: &Prompt, turn: Option<&str>| {
            let values = match turn {
                _ if template.is_plain() => prompt::Inserted::from(()),
                Some(turn) => prompt::values_of_turn(example, &self.live.variables, turn),
                None => prompt::values(example, &self.live.variables),
            };
            template.render(&values).map_err(|error| error.what)
        };
        if let Some(system) = &self.system {
            talk.push(Said::System(fill(system, None)?));
        }
        let mut users = said.iter();
        let mut first = true;
        let mut next_user = |talk: &mut Vec<Said>| -> Result<(), String> {
            let Some(user) = users.next() else {
                return Ok(());
            };
            match (&self.prompt, &example.input) {
                (Some(template), Input::Messages(_)) => {
                    talk.push(Said::User(fill(template, None)?))
                }
                (Some(template), _) => talk.push(Said::User(fill(template, Some(user))?)),
                (None, Input::Messages(messages)) if first => {
                    talk.extend(messages.iter().map(|message| Said::Other {
                        role: message.role.clone(),
                        content: message.content.clone(),
                    }));
                }
                (None, _) => talk.push(Said::User((*user).to_owned())),
            }
            first = false;
            Ok(())
        };
        for (index, turn) in history.iter().enumerate() {
            if !turn.tool_results {
                next_user(&mut talk)?;
            }
            let call = |place: usize| format!("call_{index}_{place}");
            talk.push(Said::Assistant {
                output: turn.output.clone(),
                calls: (0..)
                    .zip(&turn.tool_calls)
                    .map(|(place, tool)| (call(place), tool.clone()))
                    .collect(),
            });
            if let Some(results) = tool_results(example, &turn.tool_calls) {
                talk.push(Said::Results(
                    (0..)
                        .zip(results)
                        .zip(&turn.tool_calls)
                        .map(|((place, result), tool)| (call(place), tool.name.clone(), result))
                        .collect(),
                ));
            }
        }
        next_user(&mut talk)?;
        Ok(talk)
    }

    fn known_shape(&self, talk: &[Said], seed: Option<u64>) -> Value {
        let live = &self.live;
        let mut body = Map::new();
        body.insert("model".to_owned(), live.model.clone().into());
        match live.protocol {
            Protocol::OpenAiChat => {
                let messages = talk.iter().flat_map(chat).collect();
                body.insert("messages".to_owned(), messages);
                if live.stream {
                    body.insert("stream_options".to_owned(), json!({"include_usage": true}));
                }
            }
            Protocol::OpenAiResponses => {
                body.insert(
                    "input".to_owned(),
                    talk.iter().flat_map(responses).collect(),
                );
            }
            Protocol::Anthropic => {
                let system: Vec<&str> = talk.iter().filter_map(Said::system).collect();
                if !system.is_empty() {
                    body.insert("system".to_owned(), system.join("\n\n").into());
                }
                body.insert(
                    "messages".to_owned(),
                    talk.iter().flat_map(anthropic).collect(),
                );
            }
            Protocol::Http | Protocol::Provider => {}
        }
        for (name, value) in &live.parameters {
            if name != "version" {
                body.insert(name.clone(), value.clone());
            }
        }
        if live.stream {
            body.insert("stream".to_owned(), true.into());
        }
        if let Some(seed) = seed
            && live.protocol == Protocol::OpenAiChat
        {
            body.insert("seed".to_owned(), (seed & SEED_MASK).into());
        }
        body.into()
    }

    fn through_a_door(&self, talk: &[Said], seed: Option<u64>) -> Result<Value, String> {
        let mut messages = Vec::new();
        for said in talk {
            messages.extend(neutral(said)?);
        }
        let parameter = |name: &str| self.live.parameters.get(name);
        let number = |name: &str| parameter(name).and_then(Value::as_f64);
        let most = parameter("max_tokens").and_then(Value::as_u64);
        let stop = parameter("stop").and_then(Value::as_array);
        let stop = stop.into_iter().flatten().filter_map(Value::as_str);
        let wanted = Wanted {
            model: self.live.model.clone(),
            messages,
            temperature: number("temperature"),
            top_p: number("top_p"),
            max_tokens: most.and_then(|most| u32::try_from(most).ok()),
            stop: stop.map(str::to_owned).collect(),
            seed: seed.map(|seed| seed & SEED_MASK),
        };
        serde_json::to_value(wanted).map_err(|error| error.to_string())
    }
}

/// What the example's tools give back: `context.tool_results` by tool name. Only when there is one for every tool that was called.
fn tool_results(example: &Example, calls: &[ToolCall]) -> Option<Vec<String>> {
    if calls.is_empty() {
        return None;
    }
    let known = example.context.get("tool_results")?.as_object()?;
    calls
        .iter()
        .map(|call| {
            known.get(&call.name).map(|result| match result {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        })
        .collect()
}

/// Builds the headers that are sent, and the lines that are kept of them.
fn headers(live: &Live, target: &LiveTarget) -> Result<(HeaderMap, Vec<(String, String)>), String> {
    let mut sent = HeaderMap::new();
    let mut kept = Vec::new();
    if live.protocol == Protocol::Provider {
        // They are the adapter's own affair.
        return Ok((sent, kept));
    }
    let mut put = |name: &str, value: &str, shown: &str| -> Result<(), String> {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{name}` is no header"))?;
        // The value may be a secret: it is not repeated.
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            format!("the value of the header `{name}` has a character that cannot be sent")
        })?;
        value.set_sensitive(value.as_bytes() != shown.as_bytes());
        sent.insert(key, value);
        kept.retain(|(known, _): &(String, String)| known != name);
        kept.push((name.to_owned(), shown.to_owned()));
        Ok(())
    };
    put("content-type", "application/json", "application/json")?;
    let accept = if live.stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    put("accept", accept, accept)?;
    let agent = concat!("gatewright/", env!("CARGO_PKG_VERSION"));
    put("user-agent", agent, agent)?;
    if live.protocol == Protocol::Anthropic {
        let version = live.parameters.get("version").and_then(Value::as_str);
        let version = version.unwrap_or(ANTHROPIC_VERSION);
        put("anthropic-version", version, version)?;
    }
    let mut secrets = target.secrets.iter();
    if live.key.is_some() {
        let key = secrets
            .next()
            .ok_or("its key has no value")?
            .reveal()
            .trim();
        let bearer = live.key_header == AUTHORIZATION.as_str();
        let prefix = if bearer { "Bearer " } else { "" };
        put(
            &live.key_header,
            &format!("{prefix}{key}"),
            &format!("{prefix}{REDACTED}"),
        )?;
    }
    for (name, text) in &live.headers {
        match text {
            HeaderText::Plain(text) => put(name, text, text)?,
            HeaderText::Secret { prefix, .. } => {
                let secret = secrets
                    .next()
                    .ok_or("a header has no value")?
                    .reveal()
                    .trim();
                put(
                    name,
                    &format!("{prefix}{secret}"),
                    &format!("{prefix}{REDACTED}"),
                )?;
            }
        }
    }
    Ok((sent, kept))
}
