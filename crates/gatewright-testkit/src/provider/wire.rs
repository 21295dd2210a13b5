//! Bytes of HTTP/1.1: heads, framing, and the steps that send them, rightly or wrongly.

use super::dialect::Stream;

/// One thing that a connection does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Sends.
    Bytes(Vec<u8>),
    /// Sends the same bytes many times.
    Repeat { pattern: Vec<u8>, times: u64 },
    /// Sends byte by byte.
    Trickle { bytes: Vec<u8>, gap_ms: u64 },
    /// Waits.
    Wait(u64),
    /// Does nothing more until the client goes.
    Stall,
    /// Resets the connection.
    Reset,
    /// Closes the connection.
    Close,
}

/// What is done about a request.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The status that is sent; 0 for none.
    pub(super) status: u16,
    /// Whether a provider would want money for it.
    pub(super) billed: bool,
}

impl Plan {
    /// An answer of a model, whole or not.
    pub(super) fn billed(steps: Vec<Step>) -> Self {
        Self {
            steps,
            status: 200,
            billed: true,
        }
    }

    /// Anything that no model was asked for.
    pub(super) fn refused(status: u16, steps: Vec<Step>) -> Self {
        Self {
            steps,
            status,
            billed: false,
        }
    }
}

/// The head of a response, without the line that ends it.
#[derive(Clone, Debug)]
pub(super) struct Head(Vec<u8>);

impl Head {
    pub(super) fn new(status: u16) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(b"HTTP/1.1 ");
        bytes.extend(status.to_string().bytes());
        bytes.push(b' ');
        bytes.extend(reason(status).bytes());
        bytes.extend(b"\r\n");
        Self(bytes)
    }

    /// JSON of the nth request.
    pub(super) fn json(status: u16, nth: u64) -> Self {
        let mut head = Self::new(status);
        head.line("content-type", "application/json");
        head.line("x-request-id", &format!("req_{nth}"));
        head
    }

    /// Chunked events of the nth request.
    pub(super) fn stream(nth: u64) -> Self {
        let mut head = Self::new(200);
        head.line("content-type", "text/event-stream; charset=utf-8");
        head.line("x-request-id", &format!("req_{nth}"));
        head.line("transfer-encoding", "chunked");
        head
    }

    pub(super) fn line(&mut self, name: &str, value: &str) {
        self.0.extend(name.bytes());
        self.0.extend(b": ");
        self.0.extend(value.bytes());
        self.0.extend(b"\r\n");
    }

    pub(super) fn end(self) -> Vec<u8> {
        let mut bytes = self.0;
        bytes.extend(b"\r\n");
        bytes
    }
}

/// A response that can be sent well, or spoilt on the way.
#[derive(Clone, Debug)]
pub(super) struct Framed {
    /// Without the framing, which is added when it is sent (a stream's says already that it is chunked).
    pub(super) head: Head,
    /// The body; of a stream, its events.
    pieces: Vec<Vec<u8>>,
    chunked: bool,
}

impl Framed {
    pub(super) fn whole(head: Head, body: Vec<u8>) -> Self {
        Self {
            head,
            pieces: vec![body],
            chunked: false,
        }
    }

    pub(super) fn stream(nth: u64, stream: Stream) -> Self {
        let mut pieces = stream.opening;
        pieces.extend(stream.deltas);
        pieces.extend(stream.closing);
        pieces.push(stream.terminator);
        Self {
            head: Head::stream(nth),
            pieces,
            chunked: true,
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// Puts other bytes in the place of some.
    pub(super) fn replaced(mut self, mark: &[u8], raw: &[u8]) -> Self {
        for piece in &mut self.pieces {
            let mut from = 0;
            while let Some(at) = piece[from..]
                .windows(mark.len())
                .position(|bytes| bytes == mark)
            {
                piece.splice(from + at..from + at + mark.len(), raw.iter().copied());
                from += at + raw.len();
            }
        }
        self
    }

    pub(super) fn with_prefix(mut self, prefix: &[u8]) -> Self {
        if let Some(first) = self.pieces.first_mut() {
            first.splice(0..0, prefix.iter().copied());
        }
        self
    }

    /// Without the event that says that a stream is done; half of the body when it is no stream.
    pub(super) fn without_terminator(mut self) -> Self {
        if self.chunked {
            self.pieces.pop();
        } else if let Some(body) = self.pieces.first_mut() {
            body.truncate(body.len() / 2);
        }
        self
    }

    /// Half of the events, then this one.
    pub(super) fn ending_with(mut self, event: Vec<u8>) -> Self {
        self.pieces.truncate(self.pieces.len() / 2);
        self.pieces.push(event);
        self
    }

    /// Sends all of it, rightly, at once.
    pub(super) fn steps(&self) -> Vec<Step> {
        let (mut bytes, body) = self.parts();
        bytes.extend(body);
        vec![Step::Bytes(bytes)]
    }

    /// Sends it rightly with waits: before the first piece, and between pieces.
    pub(super) fn paced(&self, first_ms: u64, gap_ms: u64) -> Vec<Step> {
        let (head, body) = self.parts();
        let mut steps = vec![Step::Bytes(head), Step::Wait(first_ms)];
        if !self.chunked {
            steps.push(Step::Bytes(body));
            return steps;
        }
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                steps.push(Step::Wait(gap_ms));
            }
            steps.push(Step::Bytes(chunk(piece)));
        }
        steps.push(Step::Bytes(b"0\r\n\r\n".to_vec()));
        steps
    }

    /// Sends the body byte by byte.
    pub(super) fn trickled(&self, gap_ms: u64) -> Vec<Step> {
        let (head, bytes) = self.parts();
        vec![Step::Bytes(head), Step::Trickle { bytes, gap_ms }]
    }

    /// Sends the head and half of the body as it is framed, and then does something else.
    pub(super) fn cut_steps(&self, then: Step) -> Vec<Step> {
        let (mut bytes, body) = self.parts();
        bytes.extend(&body[..body.len() / 2]);
        vec![Step::Bytes(bytes), then]
    }

    /// Sends all of it in chunks but not the last, empty one.
    pub(super) fn without_last_chunk(&self) -> Vec<Step> {
        let mut head = self.head.clone();
        if !self.chunked {
            head.line("transfer-encoding", "chunked");
        }
        let mut bytes = head.end();
        self.pieces
            .iter()
            .for_each(|piece| bytes.extend(chunk(piece)));
        vec![Step::Bytes(bytes), Step::Close]
    }

    /// Sends all of it under half of its length.
    pub(super) fn wrong_length(&self) -> Vec<Step> {
        let body = self.body();
        let mut head = Head::new(200);
        head.line(
            "content-type",
            if self.chunked {
                "text/event-stream"
            } else {
                "application/json"
            },
        );
        head.line("content-length", &(body.len() / 2).to_string());
        let mut bytes = head.end();
        bytes.extend(body);
        vec![Step::Bytes(bytes)]
    }

    /// The head with its framing, and the body as it is framed.
    fn parts(&self) -> (Vec<u8>, Vec<u8>) {
        let mut head = self.head.clone();
        if self.chunked {
            let mut body: Vec<u8> = self.pieces.iter().flat_map(|piece| chunk(piece)).collect();
            body.extend(b"0\r\n\r\n");
            (head.end(), body)
        } else {
            let body = self.body();
            head.line("content-length", &body.len().to_string());
            (head.end(), body)
        }
    }
}

/// One chunk of a chunked body; nothing for no bytes, as an empty chunk ends the body.
pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(bytes.len() + 12);
    out.extend(format!("{:x}\r\n", bytes.len()).bytes());
    out.extend(bytes);
    out.extend(b"\r\n");
    out
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Site is overloaded",
        _ => "Scripted",
    }
}
