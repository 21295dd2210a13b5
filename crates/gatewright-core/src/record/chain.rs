//! The chain over a log: each event's link holds the one before, so that nothing can be changed, taken out or put elsewhere unseen.

use std::fmt;

use crate::digest::{Digest, Hasher};
use crate::event::Event;

/// First field of every link: another rule would be another word.
const RULE: &str = "gatewright-link/1";

/// What a link is made of, besides the one before. `id` is the hash of the body, so the body is in it too.
#[derive(Clone, Copy, Debug)]
pub struct Linked<'a> {
    /// Order in the log, from 1.
    pub seq: u64,
    /// Format version.
    pub format: u32,
    /// Hash of the body.
    pub id: &'a Digest,
    /// Name of the log.
    pub stream: &'a str,
    /// Which program wrote it.
    pub writer: &'a str,
    /// Who caused it.
    pub actor: &'a str,
    /// When, RFC 3339.
    pub at: &'a str,
}

impl<'a, B> From<&'a Event<B>> for Linked<'a> {
    fn from(event: &'a Event<B>) -> Self {
        Self {
            seq: event.seq,
            format: event.format,
            id: &event.id,
            stream: &event.stream,
            writer: &event.writer,
            actor: &event.actor,
            at: &event.at,
        }
    }
}

/// Returns the link of an event, given the one before; [`Digest::default`] (zeros) before the first.
pub fn link(before: &Digest, event: &Linked<'_>) -> Digest {
    let mut hasher = Hasher::default();
    let (seq, format) = (event.seq.to_string(), event.format.to_string());
    let (before, id) = (before.hex(), event.id.hex());
    // Each field with its length before it: no two events can have the same bytes.
    for field in [
        RULE,
        &before,
        &seq,
        &format,
        &id,
        event.stream,
        event.writer,
        event.actor,
        event.at,
    ] {
        hasher.update(&(field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finish()
}

/// Where a log stood: how many events, and the last link. Shown as `SIZE:HEX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Events.
    pub size: u64,
    /// Link of the last one; zeros for an empty log.
    pub head: Digest,
}

impl Checkpoint {
    /// Takes the next event in.
    pub fn take<B>(&mut self, event: &Event<B>) {
        self.head = link(&self.head, &Linked::from(event));
        self.size = event.seq;
    }

    /// Reads `SIZE:HEX`, also with `sha256:` before the digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (size, head) = text.trim().split_once(':')?;
        let whole = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            size: size.parse().ok().filter(|_| whole)?,
            head: Digest::parse(head)?,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.size, self.head.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64, at: &str) -> Event<u32> {
        let mut event = Event::wrap("project", "gatewright triage", "ana", at, seq as u32);
        event.seq = seq;
        event
    }

    #[test]
    fn a27_every_field_of_every_event_is_in_the_head() {
        let head = |events: &[Event<u32>]| {
            let mut checkpoint = Checkpoint::default();
            events.iter().for_each(|event| checkpoint.take(event));
            checkpoint
        };
        let whole = [event(1, "a"), event(2, "b"), event(3, "c")];
        let told = head(&whole);
        assert_eq!(told.size, 3);
        for index in 0..whole.len() {
            let changes: [fn(&mut Event<u32>); 6] = [
                |event| event.format += 1,
                |event| event.id = Digest::of(b"x"),
                |event| event.stream.push('x'),
                |event| event.writer.push('x'),
                |event| event.actor.push('x'),
                |event| event.at.push('x'),
            ];
            for change in changes {
                let mut other = whole.clone();
                change(&mut other[index]);
                assert_ne!(head(&other), told, "{index}");
            }
        }
        // A letter that moves from one field to the next changes the link too.
        let mut moved = whole.clone();
        moved[1].writer = "gatewright triagea".to_owned();
        moved[1].actor = "na".to_owned();
        assert_ne!(head(&moved).head, told.head);
        assert_ne!(head(&whole[..2]), told);
    }

    #[test]
    fn checkpoints_are_read_as_they_are_shown() {
        let one = Checkpoint {
            size: 12,
            head: Digest::of(b"x"),
        };
        assert_eq!(Checkpoint::parse(&one.to_string()), Some(one));
        assert_eq!(
            Checkpoint::parse(&format!("12:{}", one.head)),
            Some(one),
            "with the name of the hash"
        );
        for text in [
            "",
            "12",
            "12:zz",
            "-1:00",
            &format!("+1:{}", one.head.hex()),
        ] {
            assert_eq!(Checkpoint::parse(text), None, "{text}");
        }
    }
}
