//! Reading a request: as much of HTTP/1.1 as a client of an API needs, and the key of what was asked.

use serde_json::Value;

use super::dialect::Dialect;

/// A head or a body beyond this is refused.
const HEAD_MAX: usize = 1 << 20;
const BODY_MAX: usize = 1 << 28;

/// A request as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// GET, POST, CONNECT.
    pub method: String,
    /// The target as it stands in the first line, with its query.
    pub path: String,
    /// Header lines in their order, names as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What was asked, in whichever dialect.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) dialect: Dialect,
    pub(super) content: String,
    pub(super) seed: Option<i64>,
    /// The content, and ` #seed` after it when a seed was given.
    pub(super) key: String,
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) usage_in_stream: bool,
}

/// What the bytes that are there amount to.
pub(super) enum Parsed {
    /// More is needed.
    Partial,
    /// The head is whole and asks to be told so before the body comes.
    Continue,
    /// A request, which took this many bytes.
    Whole(Request, usize),
    /// Nothing that this server reads.
    Bad(&'static str),
}

impl Request {
    /// Returns the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the path without its query and, when a proxy is asked, without the host.
    pub(super) fn plain_path(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        match path.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => path,
        }
    }
}

/// Looks for one request at the start of the bytes.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > HEAD_MAX {
            Parsed::Bad("the head does not end")
        } else {
            Parsed::Partial
        };
    };
    let Ok(head) = std::str::from_utf8(&bytes[..end]) else {
        return Parsed::Bad("the head is not UTF-8");
    };
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path), Some("HTTP/1.1"), None) =
        (first.next(), first.next(), first.next(), first.next())
    else {
        return Parsed::Bad("no request line of HTTP/1.1");
    };
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::with_capacity(12),
        body: Vec::new(),
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return Parsed::Bad("a header line without a colon");
        };
        let value = value.trim_matches([' ', '\t']);
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    if request.header("transfer-encoding").is_some() {
        return Parsed::Bad("a chunked request: send Content-Length");
    }
    let length = match request.header("content-length").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(length)) if length <= BODY_MAX => length,
        Some(_) => return Parsed::Bad("a Content-Length that is no length"),
    };
    let start = end + 4;
    let Some(body) = bytes.get(start..start + length) else {
        let waits = bytes.len() == start && request.header("expect").is_some();
        return if waits {
            Parsed::Continue
        } else {
            Parsed::Partial
        };
    };
    request.body = body.to_vec();
    Parsed::Whole(request, start + length)
}

/// Returns what the request asks.
pub(super) fn asked(request: &Request) -> Asked {
    let dialect = Dialect::of(request.plain_path());
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let content = match dialect {
        Dialect::Chat | Dialect::Messages | Dialect::Ollama => last_user(&body["messages"]),
        Dialect::Responses => match &body["input"] {
            Value::Array(_) => last_user(&body["input"]),
            input => input.as_str().map(str::to_owned),
        },
        Dialect::Gemini => last_user(&body["contents"]),
        Dialect::Generic => None,
    }
    .unwrap_or_else(|| String::from_utf8_lossy(&request.body).into_owned());
    let places = ["/seed", "/options/seed", "/generationConfig/seed"];
    let seed = places.iter().find_map(|at| body.pointer(at)?.as_i64());
    let key = match seed {
        Some(seed) => format!("{content} #{seed}"),
        None => content.clone(),
    };
    Asked {
        dialect,
        content,
        seed,
        key,
        model: body["model"]
            .as_str()
            .or_else(|| in_path(request.plain_path()))
            .unwrap_or("scripted")
            .to_owned(),
        stream: body["stream"] == true
            && matches!(
                dialect,
                Dialect::Chat | Dialect::Responses | Dialect::Messages
            ),
        usage_in_stream: body["stream_options"]["include_usage"] == true,
    }
}

/// Returns the model that Gemini's paths name: `…/models/MODEL:generateContent`.
fn in_path(path: &str) -> Option<&str> {
    let (model, _) = path.rsplit_once("/models/")?.1.split_once(':')?;
    Some(model)
}

/// Returns the text of the last message of the user: a string, or parts whose texts are joined.
fn last_user(messages: &Value) -> Option<String> {
    let message = messages
        .as_array()?
        .iter()
        .rev()
        .find(|message| message["role"] == "user")?;
    // Gemini calls what is said `parts`.
    let said = message.get("content").unwrap_or(&message["parts"]);
    match said {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(
            parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_only_with_its_body() {
        let bytes = b"POST /v1/x?a=b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET";
        for length in 0..bytes.len() - 3 {
            let whole = matches!(parse(&bytes[..length]), Parsed::Whole(..));
            assert_eq!(whole, length == bytes.len() - 3);
        }
        let Parsed::Whole(request, taken) = parse(bytes) else {
            panic!("whole");
        };
        assert_eq!(
            (request.body.as_slice(), taken),
            (&b"abc"[..], bytes.len() - 3)
        );
        assert_eq!(request.plain_path(), "/v1/x");
    }

    #[test]
    fn what_is_not_read_is_refused() {
        for bytes in [
            "GET / HTTP/1.0\r\n\r\n",
            "GET /\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nno colon\r\n\r\n",
        ] {
            assert!(matches!(parse(bytes.as_bytes()), Parsed::Bad(_)), "{bytes}");
        }
    }

    #[test]
    fn the_key_is_the_last_thing_the_user_said() {
        let key = |path: &str, body: &str| {
            let (path, body) = (path.to_owned(), body.as_bytes().to_vec());
            let asked = asked(&Request {
                path,
                body,
                ..Request::default()
            });
            (asked.key, asked.content, asked.seed)
        };
        let pair = |key: &str, content: &str, seed| (key.to_owned(), content.to_owned(), seed);
        let chat = r#"{"seed": 7, "messages": [{"role": "user", "content": "a"}, {"role": "user",
            "content": [{"type": "text", "text": "b"}]}, {"role": "assistant", "content": "c"}]}"#;
        assert_eq!(
            key("/v1/chat/completions", chat),
            pair("b #7", "b", Some(7))
        );
        assert_eq!(key("/v1/messages", chat), pair("b #7", "b", Some(7)));
        let ollama = chat.replace(r#""seed": 7"#, r#""options": {"seed": 7}"#);
        assert_eq!(key("/api/chat", &ollama), pair("b #7", "b", Some(7)));
        let gemini = r#"{"contents": [{"role": "user", "parts": [{"text": "b"}]}]}"#;
        let path = "/v1beta/models/m:generateContent";
        assert_eq!(key(path, gemini), pair("b", "b", None));
        let input = r#"{"input": "x"}"#;
        assert_eq!(key("/v1/responses", input), pair("x", "x", None));
        assert_eq!(key("/anything", input), pair(input, input, None));
        let proxied = "http://host/v1/responses?q";
        assert_eq!(key(proxied, input), pair("x", "x", None));
    }
}
