//! The shape of live systems.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

use super::{Dollars, Memory, Word, Words};
use crate::manifest::adapter;

/// An endpoint of the OpenAI shape: OpenAI, Azure, vLLM, Ollama, LiteLLM, llama.cpp and many more.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct OpenAi {
    /// The model, as the provider calls it.
    model: Word,
    /// Which of the two interfaces is called. Default: chat.
    api: Option<Api>,
    /// Where it is. Default: `https://api.openai.com/v1`.
    base_url: Option<String>,
    /// The key by reference: `env:NAME`, `file:PATH` or `none`. Default: `env:OPENAI_API_KEY` at the default address, none elsewhere.
    key: Option<String>,
    /// The header that carries the key. Default: `authorization`, as `Bearer KEY`.
    key_header: Option<String>,
    /// Further headers; secrets by reference (`Bearer env:NAME`).
    headers: Option<BTreeMap<String, Word>>,
    /// Template of the system message, or a file that holds it.
    system: Option<Word>,
    /// Template of the user's message, or a file that holds it. Default: the input as it is.
    prompt: Option<Word>,
    /// Values that templates read besides `input`, `messages`, `context` and `sources`.
    variables: Option<BTreeMap<String, Value>>,
    /// The seed that is sent: a number, or `trial` for each attempt's own. Default: none.
    seed: Option<Word>,
    /// Stream the answer, so that the time to the first token is known. Default: false.
    stream: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    stop: Option<Words>,
    presence_penalty: Option<Value>,
    frequency_penalty: Option<Value>,
    logprobs: Option<bool>,
    top_logprobs: Option<u64>,
    reasoning_effort: Option<Word>,
    reasoning: Option<Value>,
    response_format: Option<Value>,
    text: Option<Value>,
    /// Tools: a list, or a JSON file that holds it.
    tools: Option<Value>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    /// Further members of the request's body.
    extra: Option<BTreeMap<String, Value>>,
    price: Option<PriceShape>,
    limits: Option<PaceShape>,
}

/// Which interface of an OpenAI-shaped endpoint is called.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Api {
    Chat,
    Responses,
}

/// An endpoint of the Anthropic shape.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Anthropic {
    /// The model, as the provider calls it.
    model: Word,
    /// Where it is. Default: `https://api.anthropic.com/v1`.
    base_url: Option<String>,
    /// The key by reference: `env:NAME`, `file:PATH` or `none`. Default: `env:ANTHROPIC_API_KEY` at the default address, none elsewhere.
    key: Option<String>,
    /// The header that carries the key. Default: `x-api-key`.
    key_header: Option<String>,
    /// Further headers; secrets by reference.
    headers: Option<BTreeMap<String, Word>>,
    /// The version of the interface. Default: `2023-06-01`.
    version: Option<Word>,
    /// Template of the system message, or a file that holds it.
    system: Option<Word>,
    /// Template of the user's message, or a file that holds it. Default: the input as it is.
    prompt: Option<Word>,
    /// Values that templates read besides `input`, `messages`, `context` and `sources`.
    variables: Option<BTreeMap<String, Value>>,
    /// Stream the answer, so that the time to the first token is known. Default: false.
    stream: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
    /// Most tokens of an answer. Default: 1024.
    max_tokens: Option<u64>,
    stop_sequences: Option<Words>,
    thinking: Option<Value>,
    /// Tools: a list, or a JSON file that holds it.
    tools: Option<Value>,
    tool_choice: Option<Value>,
    /// Further members of the request's body.
    extra: Option<BTreeMap<String, Value>>,
    price: Option<PriceShape>,
    limits: Option<PaceShape>,
}

/// An HTTP endpoint of the team's own shape.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Http {
    /// Where it is.
    url: String,
    /// Default: POST.
    method: Option<Method>,
    /// The key by reference: `env:NAME`, `file:PATH` or `none`. Default: none.
    key: Option<String>,
    /// The header that carries the key. Default: `authorization`, as `Bearer KEY`.
    key_header: Option<String>,
    /// Further headers; secrets by reference.
    headers: Option<BTreeMap<String, Word>>,
    /// Values that templates read besides `input`, `messages`, `context` and `sources`.
    variables: Option<BTreeMap<String, Value>>,
    /// A seed for the body's `{{ seed }}`: a number, or `trial` for each attempt's own. Default: none.
    seed: Option<Word>,
    /// The body: JSON whose texts are templates. Default: `{input: "{{ input }}"}`.
    body: Option<Value>,
    /// Where the answer's text stands (JSONPath).
    answer: String,
    /// Where the behaviour's word stands.
    behaviour: Option<String>,
    /// Where the ids of cited sources stand.
    citations: Option<String>,
    /// Where the tool calls stand: objects with `name` and `arguments`.
    tool_calls: Option<String>,
    /// Where the tokens that were read stand.
    input_tokens: Option<String>,
    /// Where the tokens that were written stand.
    output_tokens: Option<String>,
    /// Where the cost in US dollars stands.
    cost_usd: Option<String>,
    /// Where an error stands: what is there and not empty makes the answer an error.
    error: Option<String>,
    price: Option<PriceShape>,
    limits: Option<PaceShape>,
}

/// A further provider, through an adapter: in builds with the feature `providers`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Provider {
    /// Who is asked, and how.
    #[schemars(extend("enum" = adapter::names()))]
    adapter: String,
    /// The model, as the provider calls it.
    model: Word,
    /// Where it is. Default: the provider's own address; `bedrock_api` and `vertex` need one.
    base_url: Option<String>,
    /// The key by reference: `env:NAME`, `file:PATH` or `none`. Default: the provider's usual variable at its own address, none elsewhere.
    key: Option<String>,
    /// Template of the system message, or a file that holds it.
    system: Option<Word>,
    /// Template of the user's message, or a file that holds it. Default: the input as it is.
    prompt: Option<Word>,
    /// Values that templates read besides `input`, `messages`, `context` and `sources`.
    variables: Option<BTreeMap<String, Value>>,
    /// The seed that is sent: a number, or `trial` for each attempt's own. Default: none.
    seed: Option<Word>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    max_tokens: Option<u64>,
    stop: Option<Words>,
    price: Option<PriceShape>,
    limits: Option<PaceShape>,
}

#[derive(JsonSchema)]
enum Method {
    #[schemars(rename = "POST")]
    Post,
    #[schemars(rename = "PUT")]
    Put,
    #[schemars(rename = "GET")]
    Get,
}

/// What a million tokens cost.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PriceShape {
    /// Tokens that are read.
    input: Option<Dollars>,
    /// Tokens that are written.
    output: Option<Dollars>,
}

/// How hard the host may be driven.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PaceShape {
    /// Most requests on their way at once.
    concurrency: Option<u32>,
    /// Requests a minute.
    requests_per_minute: Option<u32>,
    /// Tokens a minute.
    tokens_per_minute: Option<u64>,
    /// The largest answer that is taken: from `1 MiB` to `64 MiB`. Default: `16 MiB`.
    answer_size: Option<Memory>,
}
