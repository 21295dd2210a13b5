//! A client for the tests of the scripted provider: it shows what came, right or wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What came back, with the framing undone as far as it went.
#[derive(Debug, Default)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The body came as the head and the chunks promised.
    pub(crate) whole: bool,
    /// The connection was reset.
    pub(crate) reset: bool,
}

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    reset: bool,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connects");
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("timeout");
        stream.set_nodelay(true).expect("nodelay");
        Self {
            stream,
            buffer: Vec::new(),
            reset: false,
        }
    }

    pub(crate) fn send(&mut self, path: &str, body: &str) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-canary\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).expect("sends");
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> Got {
        self.send(path, body);
        self.receive()
    }

    /// Whether nothing comes for a moment.
    pub(crate) fn silent(&mut self) -> bool {
        let moment = Some(Duration::from_millis(60));
        self.stream.set_read_timeout(moment).expect("timeout");
        matches!(self.stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    pub(crate) fn receive(&mut self) -> Got {
        let mut got = Got::default();
        let Some(end) = self.until(b"\r\n\r\n") else {
            got.body = std::mem::take(&mut self.buffer);
            got.reset = self.reset;
            return got;
        };
        got.head = String::from_utf8(self.buffer.drain(..end).collect()).expect("text");
        got.status = got.head[9..12].parse().expect("status");
        let line = |name: &str| {
            got.head
                .lines()
                .find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
        };
        if line("transfer-encoding").is_some() {
            (got.body, got.whole) = self.chunks();
        } else {
            let length: usize = line("content-length").map_or(0, |text| text.parse().expect("n"));
            got.whole = self.at_least(length);
            let there = length.min(self.buffer.len());
            got.body = self.buffer.drain(..there).collect();
        }
        got.reset = self.reset;
        got
    }

    /// What stands on the connection after the response.
    pub(crate) fn rest(&mut self, length: usize) -> Vec<u8> {
        self.at_least(length);
        std::mem::take(&mut self.buffer)
    }

    fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(end) = self.until(b"\r\n") else {
                return (body, false);
            };
            let line: Vec<u8> = self.buffer.drain(..end).collect();
            let line = std::str::from_utf8(&line[..end - 2]).expect("text");
            let length = usize::from_str_radix(line, 16).expect("a length");
            if !self.at_least(length + 2) {
                body.append(&mut self.buffer);
                return (body, false);
            }
            body.extend(self.buffer.drain(..length));
            self.buffer.drain(..2);
            if length == 0 {
                return (body, true);
            }
        }
    }

    fn until(&mut self, mark: &[u8]) -> Option<usize> {
        loop {
            let found = self.buffer.windows(mark.len()).position(|at| at == mark);
            if let Some(at) = found {
                return Some(at + mark.len());
            }
            if !self.more() {
                return None;
            }
        }
    }

    fn at_least(&mut self, length: usize) -> bool {
        while self.buffer.len() < length {
            if !self.more() {
                return false;
            }
        }
        true
    }

    fn more(&mut self) -> bool {
        let mut block = [0; 16 << 10];
        match self.stream.read(&mut block) {
            Ok(read) => {
                self.buffer.extend(&block[..read]);
                read > 0
            }
            Err(error) => {
                self.reset = error.kind() == std::io::ErrorKind::ConnectionReset;
                false
            }
        }
    }
}

impl Got {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The data of the events of a stream; `[DONE]` becomes null.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap_or_default())
            .collect()
    }
}
