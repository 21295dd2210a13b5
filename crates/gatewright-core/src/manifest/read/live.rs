//! Live systems: endpoints, what they are asked and what they cost.

mod provider;
mod secret;

use serde_json::{Map, Value};

use self::secret::{headers, key, reference};
use crate::manifest::node::Node;
use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{
    HttpShape, Live, Pace, Price, Protocol, SeedUse, Target, Template, quantity,
};
use crate::prompt;

/// Keys of `openai`.
pub(in crate::manifest) const OPENAI: [&str; 31] = [
    "model",
    "api",
    "base_url",
    "key",
    "key_header",
    "headers",
    "system",
    "prompt",
    "variables",
    "seed",
    "stream",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "reasoning",
    "response_format",
    "text",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "extra",
    "price",
    "limits",
];
/// Keys of `anthropic`.
pub(in crate::manifest) const ANTHROPIC: [&str; 21] = [
    "model",
    "base_url",
    "key",
    "key_header",
    "headers",
    "version",
    "system",
    "prompt",
    "variables",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop_sequences",
    "thinking",
    "tools",
    "tool_choice",
    "extra",
    "price",
    "limits",
];
/// Keys of `http`.
pub(in crate::manifest) const HTTP: [&str; 18] = [
    "url",
    "method",
    "key",
    "key_header",
    "headers",
    "variables",
    "seed",
    "body",
    "answer",
    "behaviour",
    "citations",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "error",
    "price",
    "limits",
];
#[cfg(test)]
pub(in crate::manifest) use provider::PROVIDER;

/// Keys of `price`.
pub(in crate::manifest) const PRICE: [&str; 2] = ["input", "output"];
/// Keys of `limits`.
pub(in crate::manifest) const LIMITS: [&str; 4] = [
    "concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "answer_size",
];
/// Four of these are held at a time.
const ANSWER_SIZE_MAX: u64 = 64;

/// Members of a request that are sent as they stand on the page.
const SENT: [&str; 21] = [
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "stop",
    "stop_sequences",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "response_format",
    "text",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "version",
];
/// Members that only we may set.
const OURS: [&str; 5] = ["model", "messages", "input", "stream", "stream_options"];
/// Where the answer's parts may stand, besides the answer itself.
const PARTS: [&str; 7] = [
    "behaviour",
    "citations",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "error",
];
/// Names of query parameters that carry secrets.
const SECRET_QUERY: [&str; 7] = [
    "key",
    "api_key",
    "apikey",
    "api-key",
    "token",
    "access_token",
    "secret",
];
/// Most requests on their way to one host.
pub(in crate::manifest) const CONCURRENCY_MAX: u64 = 4096;

pub(super) fn read(w: &mut Walk<'_>, node: &Node, path: &str, way: &str) -> Option<Target> {
    if way == "provider" {
        return provider::read(w, node, path);
    }
    let known: &[&str] = match way {
        "openai" => &OPENAI,
        "anthropic" => &ANTHROPIC,
        _ => &HTTP,
    };
    let f = w.fields(node, path, known)?;
    let protocol = match way {
        "openai" => {
            let words = [
                ("chat", Protocol::OpenAiChat),
                ("responses", Protocol::OpenAiResponses),
            ];
            w.word_at(&f, "api", &words).unwrap_or(Protocol::OpenAiChat)
        }
        "anthropic" => Protocol::Anthropic,
        _ => Protocol::Http,
    };
    let url = url(w, &f, protocol);
    let model = match protocol {
        Protocol::Http => String::new(),
        _ => model(w, &f),
    };
    let variables = variables(w, &f);
    let system = template(w, &f, "system", &variables);
    let prompt = template(w, &f, "prompt", &variables);
    let (parameters, tools_file) = parameters(w, &f, protocol);
    let http = (protocol == Protocol::Http).then(|| http(w, &f, &variables));
    let (key, key_header) = key(w, &f, protocol);
    Some(Target::Live(Box::new(Live {
        protocol,
        adapter: None,
        url: url?,
        key,
        key_header,
        headers: headers(w, &f),
        model,
        system,
        prompt,
        variables,
        parameters,
        tools_file,
        seed: seed(w, &f),
        stream: w.flag_at(&f, "stream", false),
        http: http.flatten(),
        price: price(w, &f),
        pace: pace(w, &f),
    })))
}

fn model(w: &mut Walk<'_>, f: &Fields<'_>) -> String {
    let model = w.text_at(f, "model").unwrap_or_default().to_owned();
    if model.is_empty() {
        w.error_in(
            f,
            "no-model",
            format!("`{}` names no model", f.path),
            "`model: NAME`, as the provider calls it",
        );
    }
    model
}

fn url(w: &mut Walk<'_>, f: &Fields<'_>, protocol: Protocol) -> Option<String> {
    let (key, default, path) = match protocol {
        Protocol::OpenAiChat => ("base_url", "https://api.openai.com/v1", "chat/completions"),
        Protocol::OpenAiResponses => ("base_url", "https://api.openai.com/v1", "responses"),
        Protocol::Anthropic => ("base_url", "https://api.anthropic.com/v1", "messages"),
        Protocol::Http | Protocol::Provider => ("url", "", ""),
    };
    let Some(node) = f.get(key) else {
        if default.is_empty() {
            w.error_in(
                f,
                "no-target",
                format!("`{}` has no `url`", f.path),
                "`url: https://assistant.example.com/answer`",
            );
            return None;
        }
        return Some(format!("{default}/{path}"));
    };
    let text = w.text(node, &f.at(key))?;
    match address(text) {
        Ok(mut url) => {
            if !path.is_empty() {
                let whole = format!("{}/{path}", url.path().trim_end_matches('/'));
                url.set_path(&whole);
            }
            Some(url.into())
        }
        Err((what, instead)) => {
            w.error(
                node,
                "bad-address",
                format!("`{}` {what}", f.at(key)),
                instead,
            );
            None
        }
    }
}

/// Reads an address. What is wrong with it is said without repeating it: a secret may stand in it.
fn address(text: &str) -> Result<url::Url, (String, &'static str)> {
    const EXAMPLE: &str = "an address such as `https://api.example.com/v1`";
    const SECRET: &str = "`key: env:NAME`; values of secrets never stand on the page";
    let url =
        url::Url::parse(text).map_err(|error| (format!("is no address ({error})"), EXAMPLE))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(("is not reached over http or https".to_owned(), EXAMPLE));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(("has a user name or a password in it".to_owned(), SECRET));
    }
    let secret = url
        .query_pairs()
        .find(|(name, _)| SECRET_QUERY.contains(&name.to_lowercase().as_str()));
    if let Some((name, _)) = secret {
        return Err((format!("carries a secret in its `{name}`"), SECRET));
    }
    if url.fragment().is_some() {
        return Err(("has a fragment, which is never sent".to_owned(), EXAMPLE));
    }
    Ok(url)
}

fn variables(w: &mut Walk<'_>, f: &Fields<'_>) -> Map<String, Value> {
    let path = f.at("variables");
    let Some(fields) = f
        .get("variables")
        .and_then(|node| w.open_fields(node, &path))
    else {
        return Map::new();
    };
    let mut values = Map::new();
    for (key, node) in fields.entries() {
        if prompt::GIVEN.contains(&key.text.as_str()) {
            let what = format!("`{}` is given by the example", key.text);
            w.error(node, "bad-name", what, "another name");
        } else if w.identifier(key.place, &key.text, "a variable") {
            values.insert(key.text.clone(), node.json());
        }
    }
    values
}

/// Says whether a text names a file with a template rather than being one.
fn names_file(text: &str) -> bool {
    let ends = [".j2", ".jinja", ".jinja2", ".txt", ".md"];
    !text.contains(char::is_whitespace)
        && !text.contains("{{")
        && ends.iter().any(|end| text.ends_with(end))
}

fn template(
    w: &mut Walk<'_>,
    f: &Fields<'_>,
    key: &str,
    variables: &Map<String, Value>,
) -> Option<Template> {
    let node = f.get(key)?;
    let text = w.text(node, &f.at(key))?;
    let at = w.location(node.place);
    if names_file(text) {
        return Some(Template {
            file: Some(text.to_owned()),
            text: String::new(),
            at,
        });
    }
    for mut problem in prompt::check(text, variables, &at.file) {
        // Lines inside a text of the page cannot be placed more closely than the text itself.
        problem.at = at.clone();
        w.push(problem);
    }
    Some(Template {
        file: None,
        text: text.to_owned(),
        at,
    })
}

fn parameters(
    w: &mut Walk<'_>,
    f: &Fields<'_>,
    protocol: Protocol,
) -> (Map<String, Value>, Option<String>) {
    let mut parameters = Map::new();
    let mut tools_file = None;
    for name in SENT {
        let Some(node) = f.get(name) else { continue };
        if name == "tools"
            && let Value::String(path) = node.json()
        {
            tools_file = Some(path);
            continue;
        }
        parameters.insert(name.to_owned(), node.json());
    }
    for name in ["temperature", "top_p"] {
        let Some(node) = f.get(name) else { continue };
        let most = if name == "top_p" { 1.0 } else { 2.0 };
        if let Some(value) = w.quantity(node, &f.at(name), quantity::number)
            && value > most
        {
            let what = format!("`{}` is {value}", f.at(name));
            w.error(node, "out-of-range", what, format!("from 0 to {most}"));
        }
    }
    for name in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
        w.count_at(f, name, 1..=10_000_000);
    }
    if protocol == Protocol::Anthropic && !f.has("max_tokens") {
        // The protocol demands one.
        parameters.insert("max_tokens".to_owned(), 1024.into());
    }
    let path = f.at("extra");
    if let Some(extra) = f.get("extra").and_then(|node| w.open_fields(node, &path)) {
        for (key, node) in extra.entries() {
            if OURS.contains(&key.text.as_str()) {
                let what = format!("`{}` is set by the run itself", extra.at(&key.text));
                w.error(node, "not-here", what, "take it away");
            } else {
                parameters.insert(key.text.clone(), node.json());
            }
        }
    }
    (parameters, tools_file)
}

fn seed(w: &mut Walk<'_>, f: &Fields<'_>) -> SeedUse {
    let Some(node) = f.get("seed") else {
        return SeedUse::None;
    };
    match w.text(node, &f.at("seed")) {
        Some("trial") => SeedUse::Trial,
        Some("none") | None => SeedUse::None,
        Some(_) => w
            .count_at(f, "seed", 0..=1 << 53)
            .map_or(SeedUse::None, SeedUse::Fixed),
    }
}

fn price(w: &mut Walk<'_>, f: &Fields<'_>) -> Option<Price> {
    let path = f.at("price");
    let fields = f
        .get("price")
        .and_then(|node| w.fields(node, &path, &PRICE))?;
    let mut read = |key| {
        w.quantity_at(&fields, key, quantity::dollars)
            .unwrap_or(0.0)
    };
    Some(Price {
        input: read("input"),
        output: read("output"),
    })
}

fn pace(w: &mut Walk<'_>, f: &Fields<'_>) -> Pace {
    let path = f.at("limits");
    let Some(fields) = f
        .get("limits")
        .and_then(|node| w.fields(node, &path, &LIMITS))
    else {
        return Pace::default();
    };
    let answer = w.quantity_at(&fields, "answer_size", quantity::mebibytes);
    let answer_size_mib = match (answer, fields.get("answer_size")) {
        (Some(mib), Some(node)) if mib > ANSWER_SIZE_MAX => {
            let what = format!("`{}` is {mib} MiB", fields.at("answer_size"));
            let instead = format!("from 1 MiB to {ANSWER_SIZE_MAX} MiB");
            w.error(node, "out-of-range", what, instead);
            None
        }
        (mib, _) => mib.map(|mib| mib as u32),
    };
    let mut read = |key, most| w.count_at(&fields, key, 1..=most).map(|it| it as u32);
    Pace {
        concurrency: read("concurrency", CONCURRENCY_MAX),
        requests_per_minute: read("requests_per_minute", 10_000_000),
        tokens_per_minute: read("tokens_per_minute", 4_000_000_000),
        answer_size_mib,
    }
}

fn http(w: &mut Walk<'_>, f: &Fields<'_>, variables: &Map<String, Value>) -> Option<HttpShape> {
    let words = [("POST", "POST"), ("PUT", "PUT"), ("GET", "GET")];
    let method = w.word_at(f, "method", &words).unwrap_or("POST");
    let body = match f.get("body") {
        Some(node) => {
            let body = node.json();
            let at = w.location(node.place);
            let mut declared = variables.clone();
            declared.insert("seed".to_owned(), Value::Null);
            for mut problem in prompt::check_tree(&body, &declared, &at.file) {
                problem.at = at.clone();
                w.push(problem);
            }
            body
        }
        None if method == "GET" => Value::Null,
        None => serde_json::json!({"input": "{{ input }}"}),
    };
    let answer = match f.get("answer") {
        Some(node) => path(w, node, &f.at("answer"))?,
        None => {
            w.error_in(
                f,
                "no-answer",
                format!("`{}` does not say where the answer stands", f.path),
                "`answer: $.output`, a JSONPath",
            );
            return None;
        }
    };
    let mut fields = Vec::new();
    for name in PARTS {
        if let Some(node) = f.get(name)
            && let Some(text) = path(w, node, &f.at(name))
        {
            fields.push((name.to_owned(), text));
        }
    }
    Some(HttpShape {
        method: method.to_owned(),
        body,
        answer,
        fields,
    })
}

fn path(w: &mut Walk<'_>, node: &Node, at: &str) -> Option<String> {
    let text = w.text(node, at)?;
    match serde_json_path::JsonPath::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            w.error(
                node,
                "bad-path",
                format!("`{at}` is no JSONPath: {error}"),
                "a path such as `$.choices[0].text`",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a17_addresses_with_secrets_are_refused_without_repeating_them() {
        for text in [
            "https://user:hunter2@api.example.com/v1",
            "https://hunter2@api.example.com/v1",
            "https://api.example.com/v1?api_key=hunter2",
            "https://api.example.com/v1?x=1&TOKEN=hunter2",
        ] {
            let (what, instead) = address(text).expect_err(text);
            assert!(!what.contains("hunter2"), "{what}");
            assert!(instead.contains("env:NAME"), "{instead}");
        }
        assert!(address("https://x.example.com/openai?api-version=2024-10-21").is_ok());
    }

    #[test]
    fn a15_only_http_is_an_address() {
        for text in [
            "file:///etc/passwd",
            "ftp://x/y",
            "gopher://x",
            "http://",
            "//x",
            "api.example.com/v1",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files_are_told_from_templates() {
        assert!(names_file("prompts/a.j2"));
        assert!(names_file("system.txt"));
        assert!(!names_file("Answer in one word."));
        assert!(!names_file("{{input}}.txt"));
        assert!(!names_file("Read notes.md"));
    }
}
