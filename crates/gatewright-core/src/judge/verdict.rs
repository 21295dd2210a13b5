//! What a judge's or a program's words mean. A verdict is read by its schema and by nothing else: what cannot be read is none.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::rubric::{Level, Meaning, Rubric};
use crate::report::untrusted::clip;

/// Longest text of a judge that is read.
const REPLY_BYTES_MAX: usize = 64 << 10;
const REASON_CHARS_MAX: usize = 600;

/// What was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Pass, fail, or not applicable.
    pub meaning: Meaning,
    /// The level or the program's symptom: what a failure is called.
    pub symptom: String,
    /// A program's number beside its verdict, finite.
    pub score: Option<f64>,
    /// Why, in the judge's words. Untrusted text.
    pub why: String,
}

/// Why a text is no verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not one JSON object.
    #[error("not one JSON object")]
    NoObject,
    /// A key is missing, or is none of the verdict's.
    #[error("{0}")]
    Shape(String),
    /// It names a level that the rubric does not have.
    #[error("`{0}` is no level of the rubric")]
    NoLevel(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    level: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Better {
    better: String,
    #[serde(default)]
    reason: String,
}

/// Reads a verdict: one JSON object with a level of the rubric, alone or in one fence.
///
/// # Errors
/// Why it is none. It is then missing, never a pass.
pub fn level(text: &str, rubric: &Rubric) -> Result<Verdict, Unreadable> {
    let reply: Reply = object(text)?;
    let Some(Level { name, meaning }) = rubric.level(&reply.level) else {
        return Err(Unreadable::NoLevel(clip(&reply.level, 60)));
    };
    Ok(Verdict {
        meaning: *meaning,
        symptom: name.clone(),
        score: None,
        why: clip(&reply.reason, REASON_CHARS_MAX),
    })
}

/// Reads which of two answers is better: 1, 2, or 0 for neither, with the reason.
///
/// # Errors
/// Why it says neither.
pub fn winner(text: &str) -> Result<(u8, String), Unreadable> {
    let reply: Better = object(text)?;
    let which = match reply.better.trim().to_ascii_lowercase().as_str() {
        "1" | "first" => 1,
        "2" | "second" => 2,
        "tie" | "neither" | "both" => 0,
        other => return Err(Unreadable::NoLevel(clip(other, 60))),
    };
    Ok((which, clip(&reply.reason, REASON_CHARS_MAX)))
}

/// Reads a program's verdict from the fields of its line.
///
/// # Errors
/// Why there is none.
pub fn program(fields: &Map<String, Value>) -> Result<Verdict, Unreadable> {
    let text = |key: &str| match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Unreadable::Shape(format!("`{key}` must be a string"))),
    };
    let meaning = match text("verdict")? {
        Some("pass") => Meaning::Pass,
        Some("fail") => Meaning::Fail,
        Some("not-applicable") => Meaning::NotApplicable,
        Some(other) => {
            let what = format!(
                "`verdict` is `{}`, not pass, fail or not-applicable",
                clip(other, 60)
            );
            return Err(Unreadable::Shape(what));
        }
        None => return Err(Unreadable::Shape("it has no `verdict`".to_owned())),
    };
    let score = match fields.get("score") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_f64().filter(|score| score.is_finite()) {
            Some(score) => Some(score),
            None => return Err(Unreadable::Shape("`score` must be a number".to_owned())),
        },
    };
    Ok(Verdict {
        meaning,
        symptom: clip(text("symptom")?.unwrap_or("failed"), 120),
        score,
        why: clip(text("why")?.unwrap_or_default(), REASON_CHARS_MAX),
    })
}

/// Takes the one object out of a text: the whole text, or the whole of one fence.
fn object<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Unreadable> {
    let text = text.trim();
    if text.len() > REPLY_BYTES_MAX {
        return Err(Unreadable::NoObject);
    }
    let inner = match text.strip_prefix("```") {
        None => text,
        Some(rest) => {
            let rest = rest.strip_prefix("json").unwrap_or(rest);
            let inner = rest.strip_suffix("```").ok_or(Unreadable::NoObject)?.trim();
            if inner.contains("```") {
                return Err(Unreadable::NoObject);
            }
            inner
        }
    };
    if !inner.starts_with('{') {
        return Err(Unreadable::NoObject);
    }
    serde_json::from_str(inner).map_err(|error| {
        if error.is_data() {
            Unreadable::Shape(clip(&error.to_string(), 200))
        } else {
            Unreadable::NoObject
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rubric() -> Rubric {
        Rubric::read(
            "---\nversion: 1\nlevels: {supported: pass, unsupported: fail}\n---\nText.",
            "r.md",
        )
        .expect("it is good")
    }

    /// A13: a verdict is one object by its schema; everything else is missing, never a pass.
    #[test]
    fn a13_only_the_schema_is_a_verdict() {
        let good = r#"{"reason": "it stands in source 2", "level": "Supported"}"#;
        for text in [
            good.to_owned(),
            format!(" \n{good}\n"),
            format!("```json\n{good}\n```"),
            format!("```\n{good}\n```"),
        ] {
            let verdict = level(&text, &rubric()).expect(&text);
            assert_eq!(
                (verdict.meaning, verdict.symptom.as_str()),
                (Meaning::Pass, "supported")
            );
        }
        for text in [
            "",
            "supported",
            "The level is {\"level\": \"supported\"}",
            "{\"level\": \"supported\"} {\"level\": \"unsupported\"}",
            "{\"level\": \"supported\"}\n{\"level\": \"supported\"}",
            "{\"level\": \"supported\", \"level\": \"unsupported\"}",
            "{\"level\": \"full marks\"}",
            "{\"level\": true}",
            "{\"verdict\": \"supported\"}",
            "{\"level\": \"supported\", \"override\": true}",
            "[{\"level\": \"supported\"}]",
            "\"{\\\"level\\\": \\\"supported\\\"}\"",
            "```json\n{\"level\": \"supported\"}\n``` and ```json\n{\"level\": \"unsupported\"}\n```",
            "```json\n{\"level\": \"supported\"}",
            "{\"level\": \"supported\"",
        ] {
            assert!(level(text, &rubric()).is_err(), "{text}");
        }
        assert!(
            level(
                &format!(
                    "{{\"level\": \"supported\", \"reason\": \"{}\"}}",
                    "x".repeat(70_000)
                ),
                &rubric()
            )
            .is_err()
        );
    }

    #[test]
    fn which_is_better() {
        for (text, which) in [
            (r#"{"better": "1"}"#, Some(1)),
            (r#"{"better": "second", "reason": "r"}"#, Some(2)),
            (r#"{"better": "tie"}"#, Some(0)),
            (r#"{"better": "A"}"#, None),
            (r#"{"better": 1}"#, None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(winner(text).ok().map(|(which, _)| which), which, "{text}");
        }
    }

    #[test]
    fn what_a_program_says() {
        let read = |json: &str| {
            let fields: Map<String, Value> = serde_json::from_str(json).expect("json");
            program(&fields)
        };
        let good =
            read(r#"{"verdict": "fail", "symptom": "rude", "score": 0.2, "why": "\"idiot\""}"#);
        let good = good.expect("it is good");
        assert_eq!(
            (good.meaning, good.symptom.as_str(), good.score),
            (Meaning::Fail, "rude", Some(0.2))
        );
        for bad in [
            "{}",
            r#"{"verdict": "PASS"}"#,
            r#"{"verdict": true}"#,
            r#"{"verdict": null}"#,
            r#"{"verdict": "pass", "score": "high"}"#,
            r#"{"verdict": "pass", "why": 3}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,400}") {
            let _ = level(&text, &rubric());
            let _ = winner(&text);
        }

        #[test]
        fn only_a_level_of_the_rubric_is_read(name in "[a-zA-Z ]{0,20}") {
            let text = serde_json::json!({"level": name}).to_string();
            prop_assert_eq!(level(&text, &rubric()).is_ok(), rubric().level(&name).is_some());
        }
    }
}
