//! DSSE: the envelope around what is signed. Verified first, read afterwards.
//!
//! <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value};

use crate::json::{self, JsonError};

/// Type of a decision's payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Type of a sign-off, which is signed apart.
pub const SIGN_OFF_TYPE: &str = "application/vnd.gatewright.sign-off+json";
/// Most signatures that one envelope may have.
const SIGNATURES_MAX: usize = 64;

/// What is signed, with its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The bytes that are signed.
    pub payload: Vec<u8>,
    /// Who signed.
    pub signatures: Vec<Signature>,
}

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Id of the key. A hint: nobody vouches for it.
    pub keyid: String,
    /// The signature.
    pub sig: Vec<u8>,
}

/// Why bytes are no envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeFault {
    /// It is not strict JSON.
    #[error("it is not JSON: {0}")]
    Json(JsonError),
    /// A field is missing or is something else.
    #[error("`{0}` is missing, or is not what it should be")]
    Field(&'static str),
    /// The payload has another type.
    #[error("its payload is `{found}`, and `{PAYLOAD_TYPE}` is expected")]
    Type {
        /// The type found.
        found: String,
    },
    /// Text that is no base64, or not the one way to write these bytes.
    #[error("`{0}` is not base64")]
    Base64(&'static str),
    /// Nobody signed.
    #[error("nobody signed it")]
    Unsigned,
}

/// Returns the bytes that a signature is over: type and payload, each with its length.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

/// Writes base64 (standard alphabet, padded).
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64 of the standard or the URL-safe alphabet, padded, and only the one way to write these bytes.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

impl Envelope {
    /// Reads an envelope; the second is what it has besides: fields that are ignored.
    ///
    /// # Errors
    /// The first [`EnvelopeFault`].
    pub fn read(bytes: &[u8]) -> Result<(Self, Vec<String>), EnvelopeFault> {
        let mut fields = json::parse_object(bytes).map_err(EnvelopeFault::Json)?;
        let payload_type = text(&mut fields, "payloadType")?;
        if payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeFault::Type {
                found: payload_type,
            });
        }
        let payload = text(&mut fields, "payload")?;
        let payload = from_base64(&payload).ok_or(EnvelopeFault::Base64("payload"))?;
        let Some(Value::Array(list)) = fields.remove("signatures") else {
            return Err(EnvelopeFault::Field("signatures"));
        };
        if list.is_empty() {
            return Err(EnvelopeFault::Unsigned);
        }
        if list.len() > SIGNATURES_MAX {
            return Err(EnvelopeFault::Field("signatures"));
        }
        let mut besides: Vec<String> = fields.keys().cloned().collect();
        let mut signatures = Vec::new();
        for one in list {
            let Value::Object(mut one) = one else {
                return Err(EnvelopeFault::Field("signatures"));
            };
            // The standard lets an envelope leave the hint out.
            let keyid = match one.contains_key("keyid") {
                true => text(&mut one, "keyid")?,
                false => String::new(),
            };
            let sig = text(&mut one, "sig")?;
            let sig = from_base64(&sig).ok_or(EnvelopeFault::Base64("sig"))?;
            besides.extend(one.keys().map(|key| format!("signatures.{key}")));
            signatures.push(Signature { keyid, sig });
        }
        let envelope = Self {
            payload_type,
            payload,
            signatures,
        };
        Ok((envelope, besides))
    }

    /// Writes the envelope: canonical JSON.
    pub fn write(&self) -> String {
        let signatures: Vec<Value> = self
            .signatures
            .iter()
            .map(|one| serde_json::json!({"keyid": one.keyid, "sig": to_base64(&one.sig)}))
            .collect();
        super::canonical(&serde_json::json!({
            "payloadType": self.payload_type,
            "payload": to_base64(&self.payload),
            "signatures": signatures,
        }))
    }

    /// Returns the bytes that its signatures are over.
    pub fn signed(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }
}

fn text(fields: &mut Map<String, Value>, key: &'static str) -> Result<String, EnvelopeFault> {
    match fields.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(EnvelopeFault::Field(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: b"{\"a\":\"\xc3\xbf\xc3\xbe?>\"}".to_vec(),
            signatures: vec![Signature {
                keyid: "k".to_owned(),
                sig: vec![0xfb, 0xff, 7],
            }],
        }
    }

    #[test]
    fn what_is_signed_has_type_and_lengths() {
        // The example of the DSSE protocol's own page.
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn a28_what_is_no_envelope_is_refused() {
        let good = envelope().write();
        let (read, besides) = Envelope::read(good.as_bytes()).expect("whole");
        assert_eq!((read, besides), (envelope(), Vec::new()));
        let refused = |from: &str, to: &str| {
            let text = good.replace(from, to);
            assert_ne!(text, good, "{from}");
            Envelope::read(text.as_bytes()).expect_err(to)
        };
        assert!(matches!(
            refused("vnd.in-toto+json", "vnd.in-toto.other+json"),
            EnvelopeFault::Type { .. }
        ));
        // A second key of the same name, text after the end, no signature, another field of the same meaning.
        assert!(matches!(
            refused("{\"payload\"", "{\"payload\":\"e30=\",\"payload\""),
            EnvelopeFault::Json(_)
        ));
        assert!(matches!(
            Envelope::read(format!("{good}x").as_bytes()),
            Err(EnvelopeFault::Json(_))
        ));
        let mut unsigned = envelope();
        unsigned.signatures.clear();
        assert_eq!(
            Envelope::read(unsigned.write().as_bytes()),
            Err(EnvelopeFault::Unsigned)
        );
        assert!(matches!(
            refused("\"sig\"", "\"sif\""),
            EnvelopeFault::Field("sig")
        ));
        // Bits that mean nothing, and missing padding, are other ways to write the same bytes.
        assert_eq!(from_base64("+/8H"), Some(vec![0xfb, 0xff, 7]));
        assert_eq!(from_base64("-_8H"), Some(vec![0xfb, 0xff, 7]));
        for other in ["+_8H", "QQ", "QR==", "Q Q=", "QQ==\n"] {
            assert_eq!(from_base64(other), None, "{other}");
        }
    }

    #[test]
    fn a28_unknown_fields_are_ignored_and_shown() {
        let text = envelope()
            .write()
            .replace("{\"keyid\"", "{\"cert\":1,\"keyid\"");
        let text = text.replace("{\"payload\"", "{\"note\":{},\"payload\"");
        let (read, besides) = Envelope::read(text.as_bytes()).expect("read");
        assert_eq!(read, envelope());
        assert_eq!(besides, ["note", "signatures.cert"]);
    }
}
