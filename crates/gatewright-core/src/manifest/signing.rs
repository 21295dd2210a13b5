//! Who may sign a decision: `decision.sign`.

/// Longest identity, in characters.
const IDENTITY_CHARS_MAX: usize = 100;

/// The rules of signing, as the page states them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SignRules {
    /// Persons whose signatures a decision needs; from 1.
    pub persons: u32,
    /// Whether the author of the change may sign. `None`: not where the author is known. `Some(false)`: the author must be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_may_sign: Option<bool>,
    /// Authors of the change, as identities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Identities that may sign; empty: everyone in the list of keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// Longest life of an override, in days.
    pub override_days: u32,
}

impl Default for SignRules {
    fn default() -> Self {
        Self {
            persons: 1,
            author_may_sign: None,
            authors: Vec::new(),
            by: Vec::new(),
            override_days: 90,
        }
    }
}

/// Brings an identity to the form in which persons are told apart: lower case, without the `+tag` of a mail address. Nothing for text
/// that is no identity: letters that only look like others would make two persons of one.
pub fn identity(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+@-".contains(&byte);
    let good = !text.is_empty() && text.len() <= IDENTITY_CHARS_MAX && text.bytes().all(plain);
    if !good {
        return None;
    }
    let bare = match text.split_once('@') {
        Some((name, host)) => {
            let name = name.split('+').next().unwrap_or_default();
            if name.is_empty() || host.is_empty() || host.contains('@') {
                return None;
            }
            format!("{name}@{host}")
        }
        None => text,
    };
    Some(bare)
}

/// Says whether two names may be one person's: where they are equal, or where one is a plain name, as accounts have them, and the other a mail
/// address that begins with it. The doubt is for whoever refuses.
pub fn may_be_one(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.trim().to_lowercase();
    let (Some(a), Some(b)) = (identity(one), identity(other)) else {
        return plain(one) == plain(other);
    };
    let name = |text: &str| -> String {
        let name = text.split('@').next().unwrap_or_default();
        name.split('+').next().unwrap_or_default().to_owned()
    };
    let both_mail = a.contains('@') && b.contains('@');
    a == b || (!both_mail && name(&a) == name(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a24_a_plain_name_may_be_the_mail_address_that_begins_with_it() {
        for (one, other) in [
            ("ana", "ANA"),
            ("ana", "ana@example.com"),
            ("ana@example.com", "ana"),
            ("ana+x@example.com", "ana@example.com"),
            ("Ana Lee", "ana lee "),
        ] {
            assert!(may_be_one(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("ana", "ben"),
            ("ana@example.com", "ana@example.org"),
            ("ana", "anna@example.com"),
            ("Ana Lee", "ana"),
        ] {
            assert!(!may_be_one(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a24_one_person_with_two_spellings_is_one_identity() {
        for text in ["ana@example.com", "Ana@Example.com", " ana+ci@example.com "] {
            assert_eq!(identity(text).as_deref(), Some("ana@example.com"), "{text}");
        }
        // A Cyrillic letter that looks like another, white space, two hosts, nothing.
        for text in ["аna", "a na", "a@b@c", "", "@x", "+x@y", &"a".repeat(101)] {
            assert_eq!(identity(text), None, "{text}");
        }
    }
}
