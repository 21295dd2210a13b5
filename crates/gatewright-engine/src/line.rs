//! Lines of bytes with a limit, from a stream that may end or stop anywhere.

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// What the stream gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A whole line, without its end.
    Whole(Vec<u8>),
    /// More than the limit without a line end, or of blank lines. Nothing more can be read.
    TooLong,
    /// The stream ended; so many bytes had come after the last line end.
    End {
        /// Bytes of the unfinished line.
        unfinished: usize,
    },
}

/// Reads lines. [`Lines::next`] may be dropped and called again at any time without losing a byte.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// Bytes of blank lines since the last line with something in it.
    blank: usize,
    bytes_max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(stream: R, bytes_max: usize) -> Self {
        Self {
            reader: BufReader::with_capacity(64 << 10, stream),
            line: Vec::new(),
            blank: 0,
            bytes_max,
        }
    }

    /// Reads the next line that is not blank. A stream that cannot be read counts as ended.
    pub(crate) async fn next(&mut self) -> Line {
        loop {
            if self.line.len() > self.bytes_max || self.blank > self.bytes_max {
                return Line::TooLong;
            }
            let chunk = self.reader.fill_buf().await.unwrap_or_default();
            if chunk.is_empty() {
                return Line::End {
                    unfinished: self.line.len(),
                };
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let wanted = &chunk[..end.unwrap_or(chunk.len())];
            let room = (self.bytes_max + 1).saturating_sub(self.line.len());
            self.line
                .extend_from_slice(&wanted[..wanted.len().min(room)]);
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() && self.line.len() <= self.bytes_max {
                let mut line = std::mem::take(&mut self.line);
                if line.ends_with(b"\r") {
                    line.pop();
                }
                if !line.trim_ascii().is_empty() {
                    self.blank = 0;
                    return Line::Whole(line);
                }
                self.blank += line.len() + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], bytes_max: usize) -> Vec<Line> {
        let mut lines = Lines::new(bytes, bytes_max);
        let mut seen = Vec::new();
        loop {
            let line = lines.next().await;
            let over = !matches!(line, Line::Whole(_));
            seen.push(line);
            if over {
                return seen;
            }
        }
    }

    #[tokio::test]
    async fn lines_are_whole_or_named() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        let end = |unfinished| Line::End { unfinished };
        assert_eq!(all(b"", 9).await, [end(0)]);
        assert_eq!(
            all(b"a\r\n\n \nb\n", 9).await,
            [whole("a"), whole("b"), end(0)]
        );
        assert_eq!(all(b"a\nhalf", 9).await, [whole("a"), end(4)]);
        assert_eq!(all(b"123456789\n", 9).await, [whole("123456789"), end(0)]);
        assert_eq!(all(b"1234567890\nb\n", 9).await, [Line::TooLong]);
        assert_eq!(all(b"1234567890", 9).await, [Line::TooLong]);
        assert_eq!(all(&[b'\n'; 20], 9).await, [Line::TooLong]);
    }
}
