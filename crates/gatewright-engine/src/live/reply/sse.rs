//! Server-sent events, as providers stream answers (WHATWG HTML, 9.2).

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The lines of its data, joined.
    pub(super) data: String,
}

/// Reads the complete events of a text: what has no blank line after it yet is not complete, except at the end of a `[DONE]`.
pub(super) fn events(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut data: Vec<&str> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = match rest.find(['\n', '\r']) {
            Some(at) if rest[at..].starts_with("\r\n") => (&rest[..at], &rest[at + 2..]),
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, ""),
        };
        rest = after;
        if line.is_empty() {
            if !data.is_empty() {
                events.push(Event {
                    data: data.join("\n"),
                });
                data.clear();
            }
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push(value.strip_prefix(' ').unwrap_or(value));
        }
    }
    if data == ["[DONE]"] {
        events.push(Event {
            data: "[DONE]".to_owned(),
        });
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_at_a_blank_line() {
        let data = |text: &str| {
            events(text)
                .into_iter()
                .map(|event| event.data)
                .collect::<Vec<_>>()
        };
        assert_eq!(data("data: a\n\ndata:b\r\n\r\ndata: cut"), ["a", "b"]);
        assert_eq!(data(": ping\nevent: x\ndata: 1\ndata: 2\n\n"), ["1\n2"]);
        assert_eq!(data("data: a\n\ndata: [DONE]"), ["a", "[DONE]"]);
        assert_eq!(data(""), [""; 0]);
        assert_eq!(data("\n\n\n"), [""; 0]);
    }
}
