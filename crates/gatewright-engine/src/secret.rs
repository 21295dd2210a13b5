//! Values of secrets: never shown, and taken out of everything that is kept.

use std::borrow::Cow;

/// What stands where a secret stood.
pub(crate) const REDACTED: &str = "[secret]";
/// Shortest secret that is looked for: shorter ones occur by chance in any text.
const SHORTEST: usize = 6;

/// The value of a secret. Its debug form says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a value over.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// Returns the value, to be sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Takes known secrets out of bytes and texts: as they are, as JSON and HTML escape them, as an address encodes them, and as Base64 carries them.
#[derive(Clone, Default)]
pub struct Scrubber {
    needles: Vec<String>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber({} forms)", self.needles.len())
    }
}

impl Scrubber {
    /// Prepares for some secrets.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s SecretText>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets {
            let value = secret.0.trim();
            if value.len() < SHORTEST {
                continue;
            }
            let json = serde_json::Value::from(value).to_string();
            needles.push(json.trim_matches('"').to_owned());
            needles.push(url::form_urlencoded::byte_serialize(value.as_bytes()).collect());
            needles.push(html(value));
            needles.extend(base64_forms(value.as_bytes()));
            needles.push(value.to_owned());
        }
        // Longest first: a form that contains another is taken out whole.
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { needles }
    }

    /// Takes secrets out of a text.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = Cow::Borrowed(text);
        for needle in &self.needles {
            if clean.contains(needle.as_str()) {
                clean = clean.replace(needle.as_str(), REDACTED).into();
            }
        }
        clean
    }

    /// Takes secrets out of bytes, which need be no text.
    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut clean = bytes;
        for needle in &self.needles {
            let needle = needle.as_bytes();
            let finder = memchr::memmem::Finder::new(needle);
            if finder.find(&clean).is_none() {
                continue;
            }
            let mut out = Vec::with_capacity(clean.len());
            let mut from = 0;
            for at in finder.find_iter(&clean) {
                out.extend_from_slice(&clean[from..at]);
                out.extend_from_slice(REDACTED.as_bytes());
                from = at + needle.len();
            }
            out.extend_from_slice(&clean[from..]);
            clean = out;
        }
        clean
    }
}

/// The form that the templates of the HTML report escape a text to.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '"' | '&' | '\'' | '<' | '>' => out.push_str(&format!("&#{};", u32::from(one))),
            one => out.push(one),
        }
    }
    out
}

/// The Base64 forms that a secret has inside a longer text, at each of the three alignments, without the characters that its neighbours share.
fn base64_forms(secret: &[u8]) -> Vec<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..3_usize)
        .map(|shift| {
            let mut padded = vec![0; shift];
            padded.extend_from_slice(secret);
            let mut text = String::new();
            let whole = padded.len() / 3 * 3;
            for chunk in padded[..whole].chunks(3) {
                let bits =
                    u32::from(chunk[0]) << 16 | u32::from(chunk[1]) << 8 | u32::from(chunk[2]);
                for place in [18, 12, 6, 0] {
                    text.push(char::from(ALPHABET[(bits >> place & 63) as usize]));
                }
            }
            // The first characters also hold bits of what stands before.
            text.split_off([0, 2, 3][shift].min(text.len()))
        })
        .filter(|form| form.len() >= SHORTEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubber() -> Scrubber {
        Scrubber::new(&[
            SecretText::new("sk-canary\"7/+".to_owned()),
            SecretText::new("x".to_owned()),
        ])
    }

    #[test]
    fn a17_a_secret_is_taken_out_in_every_form() {
        let scrub = scrubber();
        // Python: base64.b64encode(b"user:" + secret) and of the secret alone.
        for (text, clean) in [
            ("key sk-canary\"7/+ end", "key [secret] end"),
            (r#"{"k":"sk-canary\"7/+"}"#, r#"{"k":"[secret]"}"#),
            ("?key=sk-canary%227%2F%2B&x", "?key=[secret]&x"),
            ("<b>sk-canary&#34;7/+</b>", "<b>[secret]</b>"),
        ] {
            assert_eq!(scrub.text(text), clean);
            assert_eq!(scrub.bytes(text.as_bytes().to_vec()), clean.as_bytes());
        }
        for encoded in ["c2stY2FuYXJ5IjcvKw==", "dXNlcjpzay1jYW5hcnkiNy8r"] {
            let clean = scrub.text(encoded).into_owned();
            assert!(clean.contains(REDACTED), "{encoded} became {clean}");
        }
        assert_eq!(scrub.text("x marks"), "x marks", "too short to look for");
    }

    #[test]
    fn a17_the_debug_form_says_nothing() {
        let secret = SecretText::new("sk-canary".to_owned());
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert!(!format!("{:?}", scrubber()).contains("canary"));
    }

    #[test]
    fn bytes_that_are_no_text_keep_what_is_around() {
        let scrub = Scrubber::new(&[SecretText::new("sk-canary".to_owned())]);
        let bytes = b"\xff\x00sk-canary\xfesk-canary".to_vec();
        assert_eq!(scrub.bytes(bytes), b"\xff\x00[secret]\xfe[secret]");
    }
}
