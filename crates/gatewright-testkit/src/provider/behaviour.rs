//! What may be done to a request, by name.

use serde::Deserialize;

/// How one request is dealt with. Where a behaviour bends an answer, the answer is the one of [`super::Reply`], in
/// the dialect of the path, streamed when the request asked for a stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Behaviour {
    /// A good answer, at the pace given.
    Answer(Pace),
    /// Any status, headers and body.
    Status(Status),
    /// 429 in the words of the dialect.
    RateLimited(RetryAfter),
    /// 429 because the money is gone (`insufficient_quota`): waiting does not help.
    InsufficientQuota,
    /// 402: the money is gone.
    PaymentRequired,
    /// 401: a wrong key.
    WrongKey,
    /// 403: a key without the right.
    Forbidden,
    /// 404: no such model.
    UnknownModel,
    /// 400 `context_length_exceeded`.
    ContextLength,
    /// 529 in the words of Anthropic, 503 in those of the others.
    Overloaded,
    /// Odd requests are answered, even ones get a 500.
    Alternating,
    /// 407: a proxy wants to know who asks.
    ProxyAuth,
    /// 200 with the JSON of an error.
    ErrorJson,
    /// 200 with the HTML of a login page.
    LoginPage,
    /// 200 with no choice in it.
    EmptyChoices,
    /// The model declines: `message.refusal`, a `refusal` part, stop reason `refusal`.
    Refusal,
    /// Cut at the token limit: `length`, `max_output_tokens`, `max_tokens`.
    LengthStop,
    /// Cut by a filter: `content_filter`; `refusal` at Anthropic.
    ContentFilter,
    /// The text is a number, the choices are an object: JSON of a wrong shape.
    WrongType,
    /// 200 with a body that is no JSON.
    InvalidJson,
    /// Less is sent than Content-Length says, or a stream is cut in the middle of a chunk; then it closes.
    Truncated,
    /// Chunked, all of the body, no final chunk; then it closes.
    ChunkMissing,
    /// A stream that ends as HTTP wants but without `[DONE]`, `message_stop`, `response.completed`; half of the body
    /// under its right length when there is no stream.
    StreamEnds,
    /// A stream that reports an error half way and ends; an error with status 500 when there is no stream.
    StreamError,
    /// Content-Length says half of what is sent; the rest stands on the connection, which stays open.
    WrongLength,
    /// `Content-Encoding: gzip`, all right.
    Gzip,
    /// `Content-Encoding: gzip`, cut in the middle, under a length that fits what is sent.
    GzipCut,
    /// A valid gzip body that becomes this many bytes of spaces, about 150 times what is sent.
    GzipBomb(Size),
    /// Bytes in the text that are not UTF-8.
    InvalidUtf8,
    /// A NUL byte in the text, as it stands, which JSON forbids; and a `\u0000` escape, which it allows.
    Nul,
    /// A byte order mark before the body.
    Bom,
    /// Halves of surrogate pairs as escapes in the text.
    LoneSurrogate,
    /// Carriage returns, line feeds and line separators in the text, mixed; JSON is valid.
    MixedNewlines,
    /// A valid answer whose text has this many bytes, chunked.
    Huge(Size),
    /// A valid stream of this many tokens, also when no stream was asked for.
    LongStream(Tokens),
    /// A good answer with this gap before every single byte of the body.
    Slow(Gap),
    /// The head and half of the body, and then nothing, with the connection open.
    StallMidway,
    /// The request is read and never answered, with the connection open.
    Stall,
    /// Half of the body, then a reset of the connection.
    Reset,
    /// Closed before any byte.
    CloseEarly,
    /// A redirect.
    Redirect(Redirect),
    /// A good answer after this many header lines.
    ManyHeaders(Count),
    /// An error whose body repeats the credentials that came with the request (A17).
    EchoAuth(Code),
    /// A response that is not HTTP at all.
    NotHttp,
}

/// How fast a good answer comes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// Before the first byte of the response.
    pub delay_ms: u64,
    /// Between the head and the first chunk of a stream, or the body.
    pub first_token_delay_ms: u64,
    /// Between the chunks of a stream.
    pub byte_gap_ms: u64,
}

/// A status with what goes with it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Status {
    /// The status code.
    pub code: u16,
    /// Header lines beside those about the body.
    pub headers: Vec<(String, String)>,
    /// The body; an error in the words of the dialect when absent.
    pub body: Option<String>,
    /// Before the first byte of the response.
    pub delay_ms: u64,
}

/// What a 429 says about when to come back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RetryAfter {
    /// Nothing.
    #[default]
    Absent,
    /// So many seconds: 0, negative ones and a year's are taken as well.
    Seconds(i64),
    /// An HTTP date that is so many seconds from now.
    DateIn(i64),
    /// This text: garbage, a fraction, a date that does not exist.
    Text(String),
    /// `retry-after-ms` beside a Retry-After that is too long.
    Millis(u64),
}

/// A number of bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// How many.
    pub bytes: u64,
}

/// A number of tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// How many.
    pub tokens: u64,
}

/// A gap between bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// How long.
    pub gap_ms: u64,
}

/// Where to go instead.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// 302, 307, 308.
    pub code: u16,
    /// The value of Location.
    pub to: String,
}

/// A number of lines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// How many.
    pub count: u64,
}

/// A status code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// Which.
    pub code: u16,
}

impl Behaviour {
    /// A good answer after a while.
    pub fn answer_after(delay_ms: u64) -> Self {
        Self::Answer(Pace {
            delay_ms,
            ..Pace::default()
        })
    }

    /// A status in the words of the dialect.
    pub fn status(code: u16) -> Self {
        Self::Status(Status {
            code,
            ..Status::default()
        })
    }

    /// The name that scripts and logs use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::Status(_) => "status",
            Self::RateLimited(_) => "rate_limited",
            Self::InsufficientQuota => "insufficient_quota",
            Self::PaymentRequired => "payment_required",
            Self::WrongKey => "wrong_key",
            Self::Forbidden => "forbidden",
            Self::UnknownModel => "unknown_model",
            Self::ContextLength => "context_length",
            Self::Overloaded => "overloaded",
            Self::Alternating => "alternating",
            Self::ProxyAuth => "proxy_auth",
            Self::ErrorJson => "error_json",
            Self::LoginPage => "login_page",
            Self::EmptyChoices => "empty_choices",
            Self::Refusal => "refusal",
            Self::LengthStop => "length_stop",
            Self::ContentFilter => "content_filter",
            Self::WrongType => "wrong_type",
            Self::InvalidJson => "invalid_json",
            Self::Truncated => "truncated",
            Self::ChunkMissing => "chunk_missing",
            Self::StreamEnds => "stream_ends",
            Self::StreamError => "stream_error",
            Self::WrongLength => "wrong_length",
            Self::Gzip => "gzip",
            Self::GzipCut => "gzip_cut",
            Self::GzipBomb(_) => "gzip_bomb",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Nul => "nul",
            Self::Bom => "bom",
            Self::LoneSurrogate => "lone_surrogate",
            Self::MixedNewlines => "mixed_newlines",
            Self::Huge(_) => "huge",
            Self::LongStream(_) => "long_stream",
            Self::Slow(_) => "slow",
            Self::StallMidway => "stall_midway",
            Self::Stall => "stall",
            Self::Reset => "reset",
            Self::CloseEarly => "close_early",
            Self::Redirect(_) => "redirect",
            Self::ManyHeaders(_) => "many_headers",
            Self::EchoAuth(_) => "echo_auth",
            Self::NotHttp => "not_http",
        }
    }
}
