//! One grader on one response, outside a run: what `gatewright graders try` shows.

use serde::Serialize;

use super::instructions;
use super::ready::{expects, judge, prepare_rule};
use super::verdict::{Graded, Verdict};
use crate::manifest::Grader;
use crate::reference::Example;
use crate::response::Response;

/// What a grader said of one response.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// The verdict of the whole, or of its only part.
    pub verdict: &'static str,
    /// The symptom of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symptom: Option<String>,
    /// The value, or what was measured beside the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Why; may quote the response (untrusted text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The parts, where the grader judges parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<TriedPart>,
}

/// What a grader said of one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TriedPart {
    /// Its number, from 0.
    pub part: usize,
    /// What was said of it.
    #[serde(flatten)]
    pub said: Box<Tried>,
}

/// Tries a grader on a response to an example.
///
/// # Errors
/// A pattern or schema that cannot be used, and graders that read recorded labels: there are none here.
pub fn try_one(grader: &Grader, example: &Example, response: &Response) -> Result<Tried, String> {
    if matches!(grader, Grader::Judge(_) | Grader::Program(_)) {
        return Err("it asks a judge or a program: `gatewright grade --ask` does that".to_owned());
    }
    if matches!(grader, Grader::Label(_) | Grader::Preference(_)) {
        return Err("it reads recorded labels, which a single response has none of".to_owned());
    }
    let ready = prepare_rule(grader).map_err(|refused| refused.what)?;
    if !expects(grader, &ready, example) {
        return Ok(Tried {
            verdict: "not applicable",
            symptom: None,
            value: None,
            why: Some("the example expects nothing for it".to_owned()),
            parts: Vec::new(),
        });
    }
    let Grader::Instructions {
        field,
        reading,
        parts,
    } = grader
    else {
        return Ok(Tried::of(judge(grader, &ready, example, response)));
    };
    let each = instructions::grade(field, *reading, example, response);
    // Shown as one verdict too, as a page with `parts: all` would count it.
    let rule = parts.unwrap_or(crate::manifest::PartsRule::All);
    let whole = Tried::of(instructions::join(rule, &each));
    let parts = each
        .into_iter()
        .enumerate()
        .map(|(part, graded)| TriedPart {
            part,
            said: Box::new(Tried::of(graded)),
        });
    Ok(Tried {
        parts: parts.collect(),
        ..whole
    })
}

impl Tried {
    fn of(graded: Graded) -> Self {
        let (verdict, symptom, value, why) = match graded.verdict {
            Verdict::Pass => ("pass", None, graded.value, None),
            Verdict::Fail { symptom, why } => {
                ("fail", Some(symptom.into_owned()), graded.value, Some(why))
            }
            Verdict::Value(value) => ("value", None, Some(value), None),
            Verdict::Missing(why) => ("missing", None, None, Some(why)),
        };
        Self {
            verdict,
            symptom,
            value,
            why,
            parts: Vec::new(),
        }
    }
}
