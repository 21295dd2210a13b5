//! Keys and headers: what stands on the page is where a secret is, never the secret.

use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{HeaderText, Protocol, Secret};

/// Parts of the names of headers that carry secrets: their value never stands on the page.
const SECRET_NAMES: [&str; 8] = [
    "auth",
    "token",
    "key",
    "secret",
    "password",
    "credential",
    "cookie",
    "session",
];

/// How the keys of well-known providers begin.
const SECRET_STARTS: [&str; 10] = [
    "bearer ",
    "basic ",
    "sk-",
    "sk_",
    "pk-",
    "ghp_",
    "gho_",
    "github_pat_",
    "xox",
    "akia",
];

pub(super) fn key(
    w: &mut Walk<'_>,
    f: &Fields<'_>,
    protocol: Protocol,
) -> (Option<Secret>, String) {
    let header = match protocol {
        Protocol::Anthropic => "x-api-key",
        _ => "authorization",
    };
    let header = w
        .text_at(f, "key_header")
        .map_or(header.to_owned(), str::to_lowercase);
    let default = match protocol {
        // Another address is another party: the provider's own key must not go there by default.
        _ if f.has("base_url") => None,
        Protocol::OpenAiChat | Protocol::OpenAiResponses => Some("OPENAI_API_KEY"),
        Protocol::Anthropic => Some("ANTHROPIC_API_KEY"),
        Protocol::Http | Protocol::Provider => None,
    };
    (reference(w, f, default), header)
}

/// Reads where the key stands; `default` names the environment variable that is taken without one.
pub(super) fn reference(w: &mut Walk<'_>, f: &Fields<'_>, default: Option<&str>) -> Option<Secret> {
    let Some(node) = f.get("key") else {
        return default.map(|name| Secret::Env(name.to_owned()));
    };
    let text = w.text(node, &f.at("key")).unwrap_or("none");
    if text == "none" {
        return None;
    }
    let secret = secret(text);
    if secret.is_none() {
        // What stands there may be a secret: it is not repeated.
        let what = format!("`{}` is no reference to a key", f.at("key"));
        w.error(
            node,
            "secret-on-page",
            what,
            "`env:NAME`, `file:PATH` or `none`; values of secrets never stand on the page",
        );
    }
    secret
}

fn secret(text: &str) -> Option<Secret> {
    let named = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|it: char| it.is_ascii_digit())
            && name
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || it == '_')
    };
    if let Some(name) = text.strip_prefix("env:") {
        return named(name).then(|| Secret::Env(name.to_owned()));
    }
    let path = text.strip_prefix("file:")?;
    (!path.is_empty()).then(|| Secret::File(path.to_owned()))
}

pub(super) fn headers(w: &mut Walk<'_>, f: &Fields<'_>) -> Vec<(String, HeaderText)> {
    let path = f.at("headers");
    let Some(fields) = f.get("headers").and_then(|node| w.open_fields(node, &path)) else {
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (key, node) in fields.entries() {
        let name = key.text.to_lowercase();
        let good = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !good || matches!(name.as_str(), "host" | "content-length" | "connection") {
            let what = format!("{:?} cannot be set as a header", key.text);
            w.error(node, "bad-header", what, "letters, digits and `-`");
            continue;
        }
        let Some(text) = w.text(node, &fields.at(&key.text)) else {
            continue;
        };
        let (prefix, last) = match text.rfind(' ') {
            Some(at) => text.split_at(at + 1),
            None => ("", text),
        };
        if let Some(secret) = secret(last) {
            let prefix = prefix.to_owned();
            headers.push((name, HeaderText::Secret { prefix, secret }));
        } else if carries_secret(&name, text) {
            let what = format!(
                "the header `{}` stands on the page with its value",
                key.text
            );
            w.error(
                node,
                "secret-on-page",
                what,
                "`Bearer env:NAME`: the value comes from the environment or a file",
            );
        } else if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            let what = format!("the header `{}` has a control character", key.text);
            w.error(node, "bad-header", what, "one line of text");
        } else {
            headers.push((name, HeaderText::Plain(text.to_owned())));
        }
    }
    headers
}

/// Says whether a header's value is most likely a secret: by the header's name, or by how keys of well-known providers begin.
fn carries_secret(name: &str, value: &str) -> bool {
    let value = value.trim().to_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
        || SECRET_STARTS.iter().any(|start| value.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a17_secrets_in_headers_are_known_by_name_or_by_how_they_begin() {
        for (name, value) in [
            ("authorization", "x"),
            ("x-api-key", "x"),
            ("x-token", "x"),
            ("x-auth", "x"),
            ("cookie", "a=b"),
            ("x-team", "sk-abcdef"),
            ("x-team", "ghp_abcdef"),
            ("x-team", "Bearer abc"),
        ] {
            assert!(carries_secret(name, value), "{name}: {value}");
        }
        for (name, value) in [("x-team", "billing"), ("anthropic-beta", "tools-2024")] {
            assert!(!carries_secret(name, value), "{name}: {value}");
        }
    }

    #[test]
    fn references_to_secrets() {
        assert_eq!(secret("env:KEY_1"), Some(Secret::Env("KEY_1".to_owned())));
        assert_eq!(
            secret("file:/run/secrets/key"),
            Some(Secret::File("/run/secrets/key".to_owned()))
        );
        for text in ["sk-abc", "env:", "env:A B", "env:1A", "file:", "KEY"] {
            assert_eq!(secret(text), None, "{text}");
        }
    }
}
