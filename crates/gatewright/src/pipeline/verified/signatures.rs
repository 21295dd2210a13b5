//! The signatures of a record: each by the key it names, in the project's log, said by that person, and counted there.

use std::collections::BTreeSet;

use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, ProjectEvent};
use gatewright_core::record::envelope::{Signature, from_base64, to_base64};
use gatewright_core::record::statement::RecordedBy;
use gatewright_core::record::{Envelope, Keys};

use super::{Asks, Subjected};
use crate::error::Failure;
use crate::pipeline::recompute::sign_off;
use crate::pipeline::records::ENVELOPE;

/// Sign-offs of one decision in the project's log that no signature has been found for.
type Left<'e> = Vec<(u64, &'e ProjectEvent)>;

/// Verifies every signature; returns who signed.
pub(super) fn signatures(
    it: &Subjected<'_>,
    envelope: &Envelope,
    payload: Digest,
    log: &[Event<ProjectEvent>],
    asks: &Asks,
) -> Result<Vec<RecordedBy>, Failure> {
    let keys = Keys::fold(log);
    let bytes = envelope.signed();
    let mut left: Left<'_> = log
        .iter()
        .filter(|event| matches!(&event.body, ProjectEvent::Signed { payload: of, .. } if *of == payload))
        .map(|event| (event.seq, &event.body))
        .collect();
    let mut signed: Vec<RecordedBy> = Vec::new();
    for (index, signature) in envelope.signatures.iter().enumerate() {
        let differs = |why: String| it.differs(&format!("signature {}", index + 1), why);
        let one =
            signature_of(&keys, signature, &bytes, payload, &mut left, asks).map_err(|wrong| {
                match wrong {
                    Wrong::Altered(why) => differs(why),
                    Wrong::Void(why) => it.void(index + 1, why),
                }
            })?;
        if signed.iter().any(|before| before.key == one.key) {
            return Err(differs(format!("{}'s key is there twice", one.by)));
        }
        signed.push(one);
    }
    if let Some((seq, ProjectEvent::Signed { by, .. })) = left.first() {
        return Err(it.differs(
            ENVELOPE,
            format!(
                "{by}'s signature is in event {seq} of the project's log and not in the envelope"
            ),
        ));
    }
    Ok(signed)
}

/// What is wrong with a signature.
enum Wrong {
    /// It is not what was signed.
    Altered(String),
    /// It is, and its key does not count.
    Void(String),
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Wrong::Altered(why)
    }
}

impl From<&str> for Wrong {
    fn from(why: &str) -> Self {
        Wrong::Altered(why.to_owned())
    }
}

/// Verifies one signature, or says what is wrong with it.
fn signature_of(
    keys: &Keys,
    signature: &Signature,
    bytes: &[u8],
    payload: Digest,
    left: &mut Left<'_>,
    asks: &Asks,
) -> Result<RecordedBy, Wrong> {
    let entry = keys
        .get(&signature.keyid)
        .ok_or("the key that it names is not in the project's list")?;
    let whose = &entry.identity;
    if !entry.public.verifies(bytes, &signature.sig) {
        return Err(format!("it is not {whose}'s over these bytes").into());
    }
    let text = to_base64(&signature.sig);
    let of_key =
        |body: &ProjectEvent| matches!(body, ProjectEvent::Signed { key, .. } if *key == entry.id);
    let Some(place) = left.iter().position(|(_, body)| of_key(body)) else {
        // Its own sign-off is taken already, or there never was one.
        return Err(
            format!("the project's log does not have it, or {whose}'s key is there twice").into(),
        );
    };
    let (seq, body) = left.remove(place);
    let ProjectEvent::Signed {
        by,
        reason,
        signature: stored,
        said,
        at,
        ..
    } = body
    else {
        return Err("the project's log does not have it".into());
    };
    let one = RecordedBy {
        by: by.clone(),
        key: entry.id.clone(),
        at: at.clone(),
        reason: reason.clone(),
    };
    let words = sign_off(payload, &one);
    let own = from_base64(said).is_some_and(|said| entry.public.verifies(&words, &said));
    if !own || by != whose || *stored != text {
        return Err(format!("event {seq} of the project's log is not what {whose} said").into());
    }
    keys.counts(&entry.id, seq, at)
        .map_err(|void| Wrong::Void(void.to_string()))?;
    if !asks.trusted.is_empty() && !asks.trusted.contains(&entry.public) {
        let why = format!("the key of {whose} is none of those to trust");
        return Err(Wrong::Void(why));
    }
    Ok(one)
}

/// Lists identities that have signed a payload, by the log.
pub(crate) fn signers(log: &[Event<ProjectEvent>], payload: Digest) -> Vec<String> {
    let by: BTreeSet<String> = log
        .iter()
        .filter_map(|event| match &event.body {
            ProjectEvent::Signed {
                payload: of, by, ..
            } if *of == payload => Some(by.clone()),
            _ => None,
        })
        .collect();
    by.into_iter().collect()
}
